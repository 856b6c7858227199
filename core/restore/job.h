/* job.h - inside the restore room: what sk_restore, recovery and undo share. */
#ifndef SK_RESTORE_JOB_H
#define SK_RESTORE_JOB_H

#include "restore/journal.h"

/* sk_restore with a list of files to delete even where the target's rules ignore them: those that
 * the operation being undone created. */
int sk_restore_dropping(struct sk_repo *repo, const struct sk_restore_opts *opts,
                        const struct sk_strv *drop, struct sk_restore_result *out);

/* sk_undo_push with that list. */
int sk_undo_push_hidden(const struct sk_repo *repo, const struct sk_undo *undo,
                        const struct sk_strv *hidden);
/* The list of the last record; empty when there is none. */
int sk_undo_last_hidden(const struct sk_repo *repo, struct sk_undo *out, struct sk_strv *hidden);

/* Everything after the journal stands: files, index, HEAD, undo record, journal.  What could not
 * be done is among the plan's skipped paths. */
int sk_job_run(struct sk_repo *repo, struct sk_job *job, bool again);

/* finds.c: whether the target has a file or folder of that path. */
int sk_target_has(const struct sk_target *target, const char *path, bool *out);

#endif
