/* Finishing what a crash interrupted. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "restore/apply.h"
#include "restore/index_write.h"
#include "restore/job.h"

static int say_damaged(struct sk_repo *repo, const struct sk_job *job, struct sk_buf *words)
{
	int rc = sk_journal_set_aside(repo);

	if (rc)
		return rc;
	(void)sk_buf_addf(words,
	                  "the journal of an interrupted %s is damaged; it was moved to "
	                  "'%s/journal.damaged'",
	                  job->operation && *job->operation ? job->operation : "restore",
	                  repo->sklocal);
	if (job->safety_id && *job->safety_id)
		(void)sk_buf_addf(words, "; the state before is backup '%s'", job->safety_id);
	return sk_buf_ok(words);
}

static int say_finished(const struct sk_job *job, struct sk_buf *words)
{
	const struct sk_plan *plan = &job->plan;
	bool undo = strcmp(job->operation, "undo") == 0;

	(void)sk_buf_addf(words,
	                  "finished %s %s%s%s that was interrupted; the state before is backup "
	                  "'%s'",
	                  strchr("aeiou", job->operation[0]) ? "an" : "a", job->operation,
	                  undo ? "" : " to ", undo ? "" : job->target, job->safety_id);
	for (size_t i = 0; i < plan->n_skips; i++)
		(void)sk_buf_addf(words, "%s'%s' (%s)",
		                  i ? ", " : "; skipped: ", sk_name(plan->skip[i].path),
		                  plan->skip[i].reason);
	return sk_buf_ok(words);
}

int sk_restore_recover(struct sk_repo *repo, bool *did, struct sk_buf *words)
{
	struct sk_job job = { .pid = 0 };
	int lock = -1, rc;

	*did = false;
	rc = sk_journal_read(repo, &job);
	if (rc == SK_ENO)
		return 0;
	if (!rc && sk_job_alive(&job)) {
		sk_job_clear(&job); /* it is at work */
		return 0;
	}
	sk_job_clear(&job);
	if (rc && rc != SK_EDAMAGED)
		return rc;
	rc = sk_lock(repo, "recovery", 10, &lock);
	if (rc)
		return rc;
	rc = sk_journal_read(repo, &job); /* another one may have been faster */
	if (rc == SK_EDAMAGED)
		rc = say_damaged(repo, &job, words);
	else if (!rc)
		rc = sk_job_run(repo, &job, true);
	if (!rc && job.operation && words->len == 0)
		rc = say_finished(&job, words);
	if (!rc)
		*did = true;
	else if (rc == SK_ENO)
		rc = 0;
	else
		rc = sk_error_prefix(rc, "cannot finish what was interrupted");
	sk_job_clear(&job);
	sk_unlock(&lock);
	return rc;
}
