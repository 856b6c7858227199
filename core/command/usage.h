/* usage.h - what a command's usage lines allow, for completion: they are its one source.
 *
 * A line is words, "[" what may be left out "]", alternatives "a|b", options with the name of their
 * value, and "--" before paths or a command.  A word in small letters (and HEAD) is typed as it is;
 * one in capitals stands for something: ID, PATH, NAME. */
#ifndef SK_COMMAND_USAGE_H
#define SK_COMMAND_USAGE_H

#include "base/buf.h"
#include "command/command.h"

/* Whether it stands for something. */
bool sk_usage_stands_for(const char *word);

/* Adds what may follow the arguments `before`, each once: words as they are, and names of what may
 * be put in.  `dashes`: after "--", of which `before` has nothing. */
int sk_usage_next(const struct sk_command *command, const struct sk_strv *before, bool dashes,
                  struct sk_strv *out);
/* Adds what may be the option's value, likewise. */
int sk_usage_value(const struct sk_command *command, const struct sk_option *option,
                   struct sk_strv *out);

#endif
