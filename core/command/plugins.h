/* plugins.h - the commands of plugins beside our own: found, parsed, helped and completed alike. */
#ifndef SK_COMMAND_PLUGINS_H
#define SK_COMMAND_PLUGINS_H

#include "command/command.h"

/* Once, before anything else: makes the host's side known to the plugins' room. */
void sk_plugin_commands_begin(void);
/* A plugin's command of that name, enabled where we stand, or NULL.  It stays until the end. */
const struct sk_command *sk_plugin_command_find(const char *name);
/* For the name of no command: SK_EUSAGE, with a message that names a plugin which is enabled and
 * left out, and why, when there is one. */
int sk_plugin_command_unknown(const char *name);
/* All of them; ends with name NULL, never NULL. */
const struct sk_command *sk_plugin_commands(void);
/* What can be the command's first argument, up to NULL; NULL: not known. */
const char *const *sk_plugin_command_words(const struct sk_command *command);
/* Its part of the plugin's manual; NULL when there is none. */
const char *sk_plugin_command_manual(const struct sk_command *command);

/* What plugins have to say to a commit: findings, printed on standard error.  SK_EREFUSED where
 * hooks.impact = block and one is an error. */
int sk_plugins_before_commit(struct sk_repo *repo, const char *command, const char *index);
/* The plugins' events of git's hook or guard `event`, after its backup. */
int sk_plugins_git_event(struct sk_repo *repo, const char *event, const char *command,
                         const char *index);

#endif
