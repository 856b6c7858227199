#include "restore/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "restore/apply.h"
#include "restore/index_write.h"
#include "restore/job.h"
#include "restore/progress.h"
#include "restore/safepath.h"

/* How long a backup that is under way is waited for. */
#define WAIT_SECONDS 60

void sk_restore_result_clear(struct sk_restore_result *r)
{
	for (size_t i = 0; i < r->n_changes; i++)
		free(r->change[i].path);
	for (size_t i = 0; i < r->n_skips; i++) {
		free(r->skip[i].path);
		free(r->skip[i].reason);
	}
	free(r->change);
	free(r->skip);
	free(r->safety_id);
	*r = (struct sk_restore_result){ 0 };
}

/* --- signals ------------------------------------------------------------------------------ */

static void hold_signals(sigset_t *before)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, before);
}

/* Those that came meanwhile came too late: the work is done, and is to be reported. */
static void release_signals(const sigset_t *before)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;
	int sig;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	while ((sig = sigtimedwait(&set, NULL, &none)) > 0)
		sk_warn("the signal came too late to stop half-way; git sk undo takes it back");
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* --- the job ------------------------------------------------------------------------------ */

static int push_undo(const struct sk_repo *repo, const struct sk_job *job)
{
	struct sk_undo undo = { job->operation, job->safety_id, sk_now(), job->staged, job->head };
	struct sk_strv hidden = SK_STRV_INIT;
	int rc = 0;

	for (size_t i = 0; i < job->plan.n && !rc; i++) {
		const struct sk_item *item = &job->plan.item[i];
		struct sk_buf text = SK_BUF_INIT;

		if (!(item->flags & SK_ITEM_HIDDEN) || item->state != SK_DONE)
			continue;
		if (item->kind == SK_CHMOD || item->kind == SK_RMDIR)
			(void)sk_buf_addf(&text, "/%04o/", item->old_perm);
		rc = sk_buf_adds(&text, item->path);
		if (!rc)
			rc = sk_strv_add(&hidden, text.ptr);
		sk_buf_free(&text);
	}
	if (!rc)
		rc = sk_undo_push_hidden(repo, &undo, &hidden);
	sk_strv_free(&hidden);
	return rc;
}

int sk_job_run(struct sk_repo *repo, struct sk_job *job, bool again)
{
	struct sk_buf words = SK_BUF_INIT;
	int rc = sk_apply(repo, &job->plan, again);

	sk_test_step();
	if (!rc && job->move.needed) {
		rc = sk_buf_addf(&words, "git sk %s%s%s", job->operation,
		                 strcmp(job->operation, "undo") == 0 ? "" : " to ",
		                 strcmp(job->operation, "undo") == 0 ? "" : job->target);
		if (!rc && sk_head_apply(repo, &job->move, words.ptr)) {
			job->move.needed = false;
			rc = sk_plan_skip(&job->plan, "HEAD", "%s", sk_error_message());
		}
	}
	sk_test_step();
	if (!rc && job->index && sk_index_commit(repo, job->plan.token)) {
		job->index = false;
		rc = sk_plan_skip(&job->plan, "index", "%s", sk_error_message());
		sk_index_abort(repo, job->plan.token);
	}
	sk_test_step();
	if (!rc)
		rc = push_undo(repo, job);
	sk_test_step();
	if (!rc)
		rc = sk_journal_remove(repo);
	sk_buf_free(&words);
	return rc;
}

/* --- preparing ---------------------------------------------------------------------------- */

struct work {
	struct sk_repo *repo;
	const struct sk_restore_opts *opts;
	const struct sk_strv *drop;
	struct sk_target target;
	struct sk_strv also;
	struct sk_backup_result safety; /* or, in a dry run, its `snap` alone */
	struct sk_job job;
	struct sk_buf index;
	bool index_same;
};

static bool on_disk(const struct sk_repo *repo, const char *path, bool files_only)
{
	struct sk_safe safe = SK_SAFE_INIT(repo->wtfd);
	const char *name;
	struct stat st;
	int fd = sk_safe_parent(&safe, path, &name);
	bool yes = fd >= 0 && fstatat(fd, *name ? name : ".", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	           (!files_only || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));

	sk_safe_free(&safe);
	return yes;
}

/* Before anything is done: each path asked for must be somewhere. */
static int check_paths(struct work *w)
{
	const struct sk_strv *paths = w->opts->paths;
	int rc = 0;

	for (size_t i = 0; paths && i < paths->n && !rc; i++) {
		bool there = false;

		if (*paths->item[i])
			rc = sk_target_has(&w->target, paths->item[i], &there);
		else
			there = true;
		if (!rc && !there && !on_disk(w->repo, paths->item[i], false))
			rc = sk_error(SK_ENO, "'%s' is neither in '%s' nor in the working tree",
			              sk_name(paths->item[i]), w->target.id);
	}
	return rc;
}

/* The same with the scan's knowledge: what is only ignored is not ours to touch. */
static int check_found(struct work *w)
{
	const struct sk_strv *paths = w->opts->paths;
	int rc = 0;

	for (size_t i = 0; paths && i < paths->n && !rc; i++) {
		const char *p = paths->item[i];
		bool there = false;

		rc = sk_target_has(&w->target, p, &there);
		if (rc || there || !*p || sk_snapshot_find(w->safety.snap, p) ||
		    sk_meta_find(&w->safety.snap->meta, 'E', p) ||
		    sk_meta_find(&w->safety.snap->meta, 'N', p) ||
		    sk_meta_find(&w->safety.snap->meta, 'S', p))
			continue;
		rc = sk_error(SK_ENO, "'%s' is not in '%s', and git ignores it here", sk_name(p),
		              w->target.id);
	}
	return rc;
}

static int backup(struct work *w, struct sk_backup_result *out)
{
	const struct sk_restore_opts *o = w->opts;
	bool undo = strcmp(o->operation, "undo") == 0;
	struct sk_backup_opts b = { .kind = SK_BACKUP,
		                    .trigger = o->operation,
		                    .command = o->command,
		                    .also = &w->also,
		                    .wait_seconds = WAIT_SECONDS };
	char *title = NULL;
	int rc;

	if (asprintf(&title, "before %s%s%s", o->operation, undo ? "" : " to ",
	             undo ? "" : w->target.id) < 0)
		return sk_error_oom();
	b.title = title;
	rc = sk_backup(w->repo, &b, out);
	free(title);
	/* what could not be read is named in the backup, and nothing of it will be touched */
	return rc == SK_EPARTIAL ? 0 : rc;
}

static int take_state(struct work *w)
{
	struct sk_scan_opts scan = { .also = &w->also };

	sk_backup_result_clear(&w->safety);
	return w->opts->dry_run ? sk_scan(w->repo, &scan, &w->safety.snap) : backup(w, &w->safety);
}

static int make_plan(struct work *w, bool saved)
{
	struct sk_plan_opts o = { .paths = w->opts->paths,
		                  .drop = w->drop,
		                  .saved = saved,
		                  .stored = !w->opts->dry_run };

	sk_plan_clear(&w->job.plan);
	return sk_plan_make(&w->target, w->safety.snap, &o, &w->job.plan);
}

/* The first backup does not hold the ignored files that stand in the way: a second one does, and
 * takes its place. */
static int save_more(struct work *w)
{
	struct sk_entry *first = NULL;
	int rc = 0;

	for (size_t i = 0; i < w->job.plan.also.n && !rc; i++)
		rc = sk_strv_add(&w->also, w->job.plan.also.item[i]);
	if (!rc && w->safety.is_new) {
		first = w->safety.entry;
		w->safety.entry = NULL;
	}
	if (!rc)
		rc = take_state(w);
	if (!rc && first && w->safety.is_new && sk_entry_delete(w->repo, &first, 1))
		sk_warn("%s", sk_error_message());
	sk_entry_free(first);
	return rc ? rc : make_plan(w, true);
}

static int plan(struct work *w)
{
	int rc = 0;

	for (size_t i = 0; w->drop && i < w->drop->n && !rc; i++)
		if (w->drop->item[i][0] != '/' && on_disk(w->repo, w->drop->item[i], true))
			rc = sk_strv_add(&w->also, w->drop->item[i]);
	if (!rc)
		rc = take_state(w);
	if (!rc)
		rc = check_found(w);
	if (!rc)
		rc = make_plan(w, false);
	if (!rc && w->job.plan.also.n && !w->opts->dry_run)
		rc = save_more(w);
	return rc;
}

static int describe_job(struct work *w)
{
	struct sk_job *job = &w->job;

	job->operation = strdup(w->opts->operation);
	job->target = strdup(w->target.id);
	job->safety_id = w->safety.entry ? strdup(w->safety.entry->id) : strdup("");
	job->staged = w->opts->staged;
	job->head = w->opts->head;
	job->index = w->opts->staged && !w->index_same;
	sk_job_own(job);
	return job->operation && job->target && job->safety_id ? 0 : sk_error_oom();
}

/* The index and HEAD as they shall be; nothing is changed yet. */
static int prepare_rest(struct work *w)
{
	int rc = 0;

	sk_buf_clear(&w->index);
	sk_head_clear(&w->job.move);
	if (w->opts->staged)
		rc = sk_index_build(w->repo, w->opts->target, w->opts->paths, &w->target.meta,
		                    &w->index, &w->index_same);
	if (!rc && w->opts->staged && !w->opts->dry_run && !w->index_same)
		rc = sk_index_check_lock(w->repo);
	if (!rc && w->opts->head)
		rc = sk_head_prepare(w->repo, w->opts->target, &w->job.move);
	return rc;
}

static bool idle(const struct sk_job *job)
{
	return job->plan.n == 0 && !job->index && !job->move.needed;
}

static int do_job(struct work *w)
{
	struct sk_job *job = &w->job;
	int rc = sk_plan_check_space(w->repo, &job->plan);

	if (!rc && job->index)
		rc = sk_index_stage(w->repo, job->plan.token, &w->index);
	if (!rc)
		rc = sk_journal_write(w->repo, job);
	sk_test_step();
	if (!rc && job->index)
		rc = sk_index_lock(w->repo, job->plan.token);
	if (!rc)
		return sk_job_run(w->repo, job, false);
	return rc;
}

/* Nothing was touched, or all that was is undone: no journal may make anybody finish it.  Once
 * paths changed, or something of it is left, it stays, and the next command goes on. */
static void give_up(struct work *w)
{
	char *message;

	if (w->job.plan.stuck)
		return;
	message = strdup(sk_error_message());
	for (size_t i = 0; i < w->job.plan.n; i++)
		if (w->job.plan.item[i].state == SK_DONE) {
			free(message);
			return;
		}
	if (w->job.index)
		sk_index_abort(w->repo, w->job.plan.token);
	(void)sk_journal_remove(w->repo);
	if (message)
		(void)sk_error(0, "%s", message);
	free(message);
}

static int run(struct work *w)
{
	sigset_t before;
	int lock = -1, rc;

	rc = sk_lock(w->repo, w->opts->operation, WAIT_SECONDS, &lock);
	if (rc)
		return rc;
	hold_signals(&before);
	rc = prepare_rest(w); /* again, under the lock */
	if (!rc)
		rc = describe_job(w);
	if (!rc && !idle(&w->job)) {
		rc = do_job(w);
		if (rc)
			give_up(w);
	}
	release_signals(&before);
	sk_unlock(&lock);
	return rc;
}

/* --- the result --------------------------------------------------------------------------- */

static void count(const struct sk_item *item, struct sk_restore_result *out)
{
	if (item->kind == SK_WRITE || (item->kind == SK_CHMOD && !S_ISDIR(item->new_mode)))
		out->written++;
	else if (item->kind == SK_DELETE)
		out->deleted++;
}

/* Moves what the result needs out of the plan. */
static int report(struct work *w, struct sk_restore_result *out)
{
	struct sk_plan *p = &w->job.plan;
	enum sk_item_state want = w->opts->dry_run ? SK_PENDING : SK_DONE;

	out->change = calloc(p->n + 1, sizeof *out->change);
	if (!out->change)
		return sk_error_oom();
	for (size_t i = 0; i < p->n; i++) {
		struct sk_item *item = &p->item[i];

		if (item->state != want ||
		    (item->kind == SK_CHMOD && item->old_perm == item->new_perm))
			continue;
		out->change[out->n_changes++] =
		        (struct sk_change){ (enum sk_change_kind)item->kind, item->path,
			                    (item->flags & SK_ITEM_CREATED) != 0 };
		item->path = NULL;
		count(item, out);
	}
	out->skip = p->skip;
	out->n_skips = p->n_skips;
	p->skip = NULL;
	p->n_skips = p->cap_skips = 0;
	out->unchanged = p->unchanged;
	out->index_restored = w->opts->staged && (w->index_same || w->job.index);
	out->index_changed = w->job.index;
	out->head_moved = w->job.move.needed;
	if (w->safety.entry && !w->opts->dry_run) {
		out->safety_id = strdup(w->safety.entry->id);
		if (!out->safety_id)
			return sk_error_oom();
	}
	return 0;
}

static int refuse_beside_another(const struct sk_repo *repo)
{
	struct sk_job other = { .pid = 0 };
	int rc = sk_journal_read(repo, &other);

	if (rc == SK_ENO)
		return 0;
	if (!rc)
		rc = sk_job_alive(&other)
		             ? sk_error(SK_EBUSY, "a %s to '%s' is under way here (process %ld)",
		                        other.operation, other.target, other.pid)
		             : sk_error(SK_EBUSY,
		                        "an interrupted %s to '%s' has to be finished first",
		                        other.operation, other.target);
	sk_job_clear(&other);
	return rc;
}

static void work_clear(struct work *w)
{
	sk_target_clear(&w->target);
	sk_strv_free(&w->also);
	sk_backup_result_clear(&w->safety);
	sk_job_clear(&w->job);
	sk_buf_free(&w->index);
}

/* A merge under way goes with what is staged. */
static int progress(struct work *w, struct sk_restore_result *out)
{
	bool same = false;
	int rc = sk_progress_is(w->repo, w->opts->target, &same);

	out->progress_changed = !same;
	if (!rc && !same && !w->opts->dry_run && sk_progress_restore(w->repo, w->opts->target))
		rc = sk_plan_skip(&w->job.plan, "MERGE_HEAD", "%s", sk_error_message());
	return rc;
}

int sk_restore_dropping(struct sk_repo *repo, const struct sk_restore_opts *opts,
                        const struct sk_strv *drop, struct sk_restore_result *out)
{
	struct work w = { .repo = repo, .opts = opts, .drop = drop };
	struct sk_restore_result made = { 0 };
	struct sk_buf words = SK_BUF_INIT;
	bool did = false;
	int rc = 0;

	sk_meta_init(&w.target.meta);
	if (!opts->dry_run)
		rc = sk_restore_recover(repo, &did, &words);
	if (!rc && did)
		sk_note("%s", sk_buf_str(&words));
	sk_buf_free(&words);
	if (!rc)
		rc = refuse_beside_another(repo);
	if (!rc)
		rc = sk_target_read(repo, opts->target, &w.target);
	if (!rc)
		rc = check_paths(&w);
	if (!rc)
		rc = prepare_rest(&w);
	if (!rc)
		rc = plan(&w);
	if (!rc && !opts->dry_run)
		rc = run(&w);
	else if (!rc)
		w.job.index = opts->staged && !w.index_same;
	if (!rc && opts->staged && !opts->paths)
		rc = progress(&w, &made);
	if (!rc)
		rc = report(&w, &made);
	work_clear(&w);
	if (rc) {
		sk_restore_result_clear(&made);
		return rc;
	}
	*out = made;
	return made.n_skips ? sk_error(SK_EPARTIAL, "%zu paths were skipped", made.n_skips) : 0;
}

int sk_restore(struct sk_repo *repo, const struct sk_restore_opts *opts,
               struct sk_restore_result *out)
{
	return sk_restore_dropping(repo, opts, NULL, out);
}
