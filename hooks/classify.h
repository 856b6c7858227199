/* classify.h - what a git command line may do to the working tree, read from its words alone.
 *
 * libc only: the client that git starts on every command uses it.  No allocation, no I/O.
 * Source of the options: git(1) and the commands' own pages, git 2.39 to 2.55. */
#ifndef SK_HOOKS_CLASSIFY_H
#define SK_HOOKS_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>

enum sk_command_class {
	SK_MAY_CHANGE, /* needs a backup first; everything that is not known, aliases included */
	SK_READ_ONLY   /* leaves every file of the working tree as it is */
};

/* `argv` is a command line of git, argv[0] "git", "/usr/bin/git" or "git-status".  `command` (may
 * be NULL) becomes the number of the word that names the command, `argc` when there is none; for
 * "git-status" it is 0. */
enum sk_command_class sk_classify(int argc, const char *const *argv, int *command);

/* Whether the word is a git program: "git", or "git-SOMETHING", with or without a folder. */
bool sk_is_git(const char *argv0);

/* The command line as people may see it, in at most `cap` - 1 bytes: "git" for the program,
 * words quoted where a shell would need it, control characters as "?".  Messages, the values of
 * -c and what stands before the "@" of an URL are replaced by "...": they may be secret.
 * Returns the length; `out` always ends in a NUL. */
size_t sk_command_label(int argc, const char *const *argv, char *out, size_t cap);

#endif
