/* complete.h - what the next word of a command line may be, for the completion of all shells.
 *
 * `git-sk --complete-line WORD...` has the words after "git sk", the last of them being the one
 * that is typed, perhaps empty.  The first line of the answer says what the shell is to do:
 *
 *   :words     the words below, and nothing else
 *   :paths     likewise, but they are paths: folders end in "/", and are to be quoted as names
 *   :files     names of files, the shell's own; :dirs folders; :command a command of its own
 *
 * Then one candidate a line, and after a tab what it is.  Commands, options and what they take come
 * from the table and its usage lines (usage.h), ids and names from the repository.
 *
 * It never writes, takes no lock, starts no service, says nothing on standard error, and ends
 * with 0: whatever is wrong, there is nothing to offer. */
#ifndef SK_COMMAND_COMPLETE_H
#define SK_COMMAND_COMPLETE_H

#include "base/buf.h"
#include "command/command.h"
#include "repo/repo.h"

struct sk_complete {
	const struct sk_command *command;
	struct sk_repo *repo;  /* NULL: none here */
	struct sk_strv before; /* the arguments before it */
	const char *word;      /* what was typed of it */
	const char *prefix;    /* before each candidate: "--format=", or "" */
	const char *state;     /* the ID or TIME that was given before, or NULL */
	bool at;               /* ... it is a TIME */
	const char *how;       /* the answer's first line */
	struct sk_buf out;
};

/* Offers `value` where it begins with what was typed; `what` may be NULL. */
int sk_complete_add(struct sk_complete *c, const char *value, const char *what);
/* Offers all that the name of a place stands for: ID, PATH, NAME... */
int sk_complete_place(struct sk_complete *c, const char *name);

int sk_complete_line(const char *const *word, size_t n);

#endif
