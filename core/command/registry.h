/* registry.h - the working trees where SafeKeep is enabled, for work over all of them.
 *
 * $XDG_STATE_HOME/safekeep/repos (default ~/.local/state): one absolute path a line, a newline
 * written \n and a backslash \\.  Changed under a lock on "repos.lock" beside it, replaced in one
 * step.  It is a convenience: without it, or with it out of date, no repository is less safe. */
#ifndef SK_COMMAND_REGISTRY_H
#define SK_COMMAND_REGISTRY_H

#include "base/buf.h"

int sk_registry_add(const char *worktree);
/* A path that is not listed is no error. */
int sk_registry_remove(const char *worktree);
int sk_registry_read(struct sk_strv *out);

#endif
