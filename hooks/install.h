/* install.h - putting SafeKeep's client where git runs it, beside whatever is there, and taking
 * it off again without a trace.
 *
 * What is changed, and only below the repository: settings in COMMONDIR/config (or in this
 * worktree's config.worktree where that has the setting), hooks in the folder where git looks for
 * them, files below COMMONDIR/sk.  A tracked file or one outside the repository is never touched.
 *
 * Record: COMMONDIR/sk/installed.d/record is written before each change (so a crash leaves no
 * change that is not known), COMMONDIR/sk/installed last of all: the repository is enabled when
 * that file exists.  Taking off removes it last.  Either may be run again after a crash. */
#ifndef SK_HOOKS_INSTALL_H
#define SK_HOOKS_INSTALL_H

#include <stdbool.h>

#include "base/buf.h"
#include "repo/repo.h"

enum {
	SK_INSTALL_HOOKS = 1, /* git's hooks */
	SK_INSTALL_GUARD = 2  /* core.fsmonitor */
};

/* Puts in place what is missing of `what` and of what was installed before; what == 0 repairs.
 * Each thing done is added to `said` (not NULL) as one line for people.  When all is in place,
 * nothing is written and nothing is said.  Errors: SK_EBUSY (another process holds config.lock),
 * SK_EIO. */
int sk_install(struct sk_repo *repo, unsigned what, struct sk_strv *said);

/* Takes everything off: each file and setting as before, with its mode; what somebody else
 * changed since stays.  Not installed is no error.  Errors as above. */
int sk_uninstall(struct sk_repo *repo, struct sk_strv *said);

/* Adds one line to `problems` for each thing that was installed and is no longer in place (a
 * manager installed later has displaced it); sk_install(repo, 0, ...) puts it right.  Writes
 * nothing.  An error only when it cannot be found out. */
int sk_install_check(struct sk_repo *repo, struct sk_strv *problems);

/* Whether hooks and settings were not touched since sk_install_note_seen was called, so that the
 * check can be left out: a few stats instead of two processes. */
bool sk_install_seen(const struct sk_repo *repo);
void sk_install_note_seen(const struct sk_repo *repo);

#endif
