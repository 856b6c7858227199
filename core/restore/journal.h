/* journal.h - inside the restore room: the job in hand, on disk before the first byte changes.
 *
 * SKLOCAL/journal: fields ended by NUL. First "safekeep journal 1", the operation, what it goes
 * back to (for people), the safety backup's id, pid and start time of the process, the flags, the
 * token of the temporaries, what HEAD does, the number of items; then the items; the skipped paths
 * with reasons, their number first; last the SHA-1 (hexadecimal) of all before it.  It is written
 * in one step and synced; it is removed when all is done.  Whoever finds one whose process is gone
 * finishes the job: each path is compared with what is expected there and what shall be there. */
#ifndef SK_RESTORE_JOURNAL_H
#define SK_RESTORE_JOURNAL_H

#include "restore/head.h"
#include "restore/plan.h"

struct sk_job {
	char *operation; /* "rollback" */
	char *target;    /* its id */
	char *safety_id;
	long pid;
	unsigned long long started; /* of the process; /proc/PID/stat, field 22 */
	bool staged, head;          /* as asked for */
	bool index;                 /* SKLOCAL/index.TOKEN waits to be put in place */
	struct sk_head_move move;
	struct sk_plan plan;
};

void sk_job_clear(struct sk_job *job);
/* Fills pid and started with this process. */
void sk_job_own(struct sk_job *job);
/* Whether the process that wrote it still runs. */
bool sk_job_alive(const struct sk_job *job);

int sk_journal_write(const struct sk_repo *repo, const struct sk_job *job);
/* SK_ENO: there is none.  SK_EDAMAGED: it cannot be understood; `out` then holds safety_id and
 * operation where those could be read, and is to be cleared all the same. */
int sk_journal_read(const struct sk_repo *repo, struct sk_job *out);
int sk_journal_remove(const struct sk_repo *repo);
/* Renames a damaged one to journal.damaged. */
int sk_journal_set_aside(const struct sk_repo *repo);

/* For tests: the same without files. */
int sk_journal_format(const struct sk_job *job, struct sk_buf *out);
int sk_journal_parse(const char *data, size_t len, struct sk_job *out);

#endif
