#include "capture/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/term.h"

struct sk_chunk {
	struct sk_chunk *next;
	_Alignas(8) char data[];
};

void *sk_arena_alloc(struct sk_arena *a, size_t size)
{
	void *out;

	size = (size + 7) & ~(size_t)7;
	if (!a->chunk || a->size - a->used < size) {
		size_t room = size > (256u << 10) ? size : 256u << 10;
		struct sk_chunk *chunk = malloc(sizeof *chunk + room);

		if (!chunk)
			return NULL;
		chunk->next = a->chunk;
		a->chunk = chunk;
		a->size = room;
		a->used = 0;
	}
	out = a->chunk->data + a->used;
	a->used += size;
	return out;
}

char *sk_arena_copy(struct sk_arena *a, const char *data, size_t len)
{
	char *out = sk_arena_alloc(a, len + 1);

	if (out) {
		memcpy(out, data, len);
		out[len] = '\0';
	}
	return out;
}

void sk_arena_free(struct sk_arena *a)
{
	struct sk_chunk *next;

	for (struct sk_chunk *c = a->chunk; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct sk_arena){ 0 };
}

/* Kernels before 5.6 have no openat2: each component by itself then. */
static int open_stepwise(int rootfd, const char *path)
{
	int fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && *path) {
		size_t len = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int next, saved;

		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(name, path, len);
			name[len] = '\0';
			next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		saved = errno;
		(void)close(fd);
		errno = saved;
		fd = next;
		path += len + (path[len] == '/');
	}
	return fd;
}

int sk_open_below(int rootfd, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		                           RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, rootfd, *path ? path : ".", &how, sizeof how);

	if (fd < 0 &&
	    (errno == ENOSYS || errno == EPERM || errno == ENAMETOOLONG || errno == EAGAIN))
		return open_stepwise(rootfd, path);
	return (int)fd;
}

int sk_scan_push(struct sk_scan *scan, const struct sk_task *proto, const char *path,
                 struct sk_ignore *frame)
{
	size_t len = strlen(path);
	struct sk_task *t = malloc(sizeof *t + len + 1);

	if (!t)
		return sk_error_oom();
	*t = *proto;
	t->frame = sk_ignore_ref(frame);
	memcpy(t->path, path, len + 1);
	(void)pthread_mutex_lock(&scan->lock);
	t->next = scan->stack;
	scan->stack = t;
	(void)pthread_cond_signal(&scan->work);
	(void)pthread_mutex_unlock(&scan->lock);
	return 0;
}

static void task_free(struct sk_task *t)
{
	sk_ignore_unref(t->frame);
	free(t);
}

static struct sk_task *next_task(struct sk_scan *scan)
{
	struct sk_task *t = NULL;

	(void)pthread_mutex_lock(&scan->lock);
	while (!scan->stack && scan->busy && !scan->rc)
		(void)pthread_cond_wait(&scan->work, &scan->lock);
	if (!scan->rc && scan->stack) {
		t = scan->stack;
		scan->stack = t->next;
		scan->busy++;
	}
	(void)pthread_mutex_unlock(&scan->lock);
	return t;
}

static void task_done(struct sk_scan *scan, int rc)
{
	(void)pthread_mutex_lock(&scan->lock);
	scan->busy--;
	if (rc && !scan->rc) {
		scan->rc = rc;
		(void)strncpy(scan->message, sk_error_message(), sizeof scan->message - 1);
	}
	if (scan->rc || (!scan->busy && !scan->stack))
		(void)pthread_cond_broadcast(&scan->work);
	(void)pthread_mutex_unlock(&scan->lock);
}

static void *work(void *arg)
{
	struct sk_worker *w = arg;
	struct sk_task *t;

	while ((t = next_task(w->scan))) {
		int rc = sk_scan_folder(w, t);

		task_free(t);
		task_done(w->scan, rc);
	}
	return NULL;
}

struct priv { /* what a snapshot's memory hangs on */
	struct sk_arena *arena;
	size_t n;
};

static int workers_new(struct sk_scan *scan, size_t n, struct sk_worker **out)
{
	struct sk_worker *w = calloc(n, sizeof *w);

	if (!w)
		return sk_error_oom();
	for (size_t i = 0; i < n; i++) {
		w[i].scan = scan;
		sk_meta_init(&w[i].meta);
		w[i].buffer = malloc(SK_READ_MAX + 1);
		w[i].dents = malloc(SK_DENTS_MAX);
	}
	*out = w;
	for (size_t i = 0; i < n; i++)
		if (!w[i].buffer || !w[i].dents)
			return sk_error_oom();
	return 0;
}

/* Hands what the workers gathered to the snapshot, and frees the rest. */
static int workers_close(struct sk_scan *scan, struct sk_worker *w, size_t n)
{
	struct sk_snapshot *snap = scan->snap;
	struct priv *priv = snap->priv;
	int rc = 0;

	for (size_t i = 0; w && i < n; i++) {
		struct sk_meta *m = &w[i].meta;

		for (size_t k = 0; k < m->n && !rc; k++)
			rc = sk_meta_add(&snap->meta, m->path[k].kind, m->path[k].path,
			                 m->path[k].mode, m->path[k].reason);
		snap->files += w[i].files;
		snap->files -= w[i].less;
		scan->gone += w[i].gone;
		scan->barren += w[i].barren;
		scan->virtuals += w[i].virtuals;
		for (size_t k = 0; k < 3 * 4096; k++)
			scan->perms[k / 4096][k % 4096] += w[i].perms[k / 4096][k % 4096];
		snap->changed += w[i].changed;
		snap->unreadable += w[i].unreadable;
		priv->arena[priv->n++] = w[i].arena;
		sk_meta_clear(m);
		free(w[i].buffer);
		free(w[i].dents);
		sk_list_free(w[i].list);
	}
	free(w);
	return rc;
}

static int run_workers(struct sk_scan *scan, size_t n)
{
	struct sk_worker *w = NULL;
	size_t started = 1;
	int rc = workers_new(scan, n, &w), rc2;

	if (!rc) {
		for (; started < n; started++)
			if (pthread_create(&w[started].thread, NULL, work, &w[started]) != 0)
				break; /* the others do its share */
		(void)work(&w[0]);
		for (size_t i = 1; i < started; i++)
			(void)pthread_join(w[i].thread, NULL);
		sk_progress_end();
		if (scan->rc)
			rc = sk_error(scan->rc, "%s", scan->message);
	}
	rc2 = workers_close(scan, w, n);
	return rc ? rc : rc2;
}

static size_t thread_count(const struct sk_scan_opts *opts)
{
	long n = opts->threads ? (long)opts->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 8 ? 8 : (size_t)n;
}

static int snapshot_new(size_t workers, struct sk_snapshot **out)
{
	struct sk_snapshot *snap = calloc(1, sizeof *snap);
	struct priv *priv = calloc(1, sizeof *priv);

	if (snap && priv) {
		snap->priv = priv;
		sk_meta_init(&snap->meta);
		priv->arena = calloc(workers, sizeof *priv->arena);
		snap->root = calloc(1, sizeof *snap->root);
	}
	if (!snap || !priv || !priv->arena || !snap->root) {
		free(snap ? snap->root : NULL);
		free(priv ? priv->arena : NULL);
		free(priv);
		free(snap);
		return sk_error_oom();
	}
	snap->root->name = "";
	snap->root->mode = 040000;
	snap->root->old = SK_STATE_NONE;
	*out = snap;
	return 0;
}

void sk_snapshot_free(struct sk_snapshot *snap)
{
	struct priv *priv;

	if (!snap)
		return;
	priv = snap->priv;
	for (size_t i = 0; i < priv->n; i++)
		sk_arena_free(&priv->arena[i]);
	for (size_t i = 0; i < snap->n_nested; i++) {
		free(snap->nested[i].path);
		free(snap->nested[i].root);
	}
	free(snap->nested);
	sk_meta_clear(&snap->meta);
	sk_state_free(snap->state);
	free(priv->arena);
	free(priv);
	free(snap->root);
	free(snap);
}

static int read_index(struct sk_scan *scan, struct sk_space *sp)
{
	char *path = NULL;
	int rc = sk_repo_index_path(scan->repo, &path);

	if (!rc && sk_index_read(path, &sp->index)) {
		/* an unreadable index must not stop a backup: everything counts as untracked */
		sk_warn("%s", sk_error_message());
		rc = sk_index_read("", &sp->index);
	}
	free(path);
	return rc;
}

/* A name that comes or goes changes the times of its folder, at once and by a clock that is ours.
 * POSIX says so; of these filesystems it is known. */
static bool times_tell(const struct sk_repo *repo)
{
	struct statfs fs;

	if (fstatfs(repo->wtfd, &fs) < 0)
		return false;
	switch ((unsigned)fs.f_type) {
	case EXT4_SUPER_MAGIC: /* ext2 and ext3 too */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
		return true;
	default:
		return false;
	}
}

static int open_outer(struct sk_scan *scan)
{
	struct sk_space *sp = calloc(1, sizeof *sp);
	struct sk_task task = { .space = sp };
	struct stat st;
	int rc = 0;

	if (!sp)
		return sk_error_oom();
	scan->spaces = sp;
	sp->root = scan->snap->root;
	sp->path = strdup("");
	sp->old_root = scan->state ? sk_state_root(scan->state, "") : SK_STATE_NONE;
	sp->root->old = sp->old_root;
	if (!sp->path)
		return sk_error_oom();
	if (fstat(scan->repo->wtfd, &st) < 0)
		return sk_error_errno(SK_EIO, "cannot examine '%s'", scan->repo->worktree);
	scan->dev = (uint64_t)st.st_dev;
	sk_rules_print(scan, &scan->snap->facts.rules);
	if (scan->state && !sk_oid_is_zero(&scan->snap->facts.rules)) {
		task.same_rules =
		        sk_oid_eq(&scan->snap->facts.rules, &sk_state_facts(scan->state)->rules);
		scan->folder_times = times_tell(scan->repo);
	}
	if (!scan->plain && task.same_rules && scan->folder_times)
		sk_partial_begin(scan);
	task.lazy = scan->lazy;
	task.partial = scan->changed != NULL;
	if (!task.lazy)
		rc = read_index(scan, sp);
	if (!rc)
		rc = sk_rules_outside(scan->repo, scan->repo->commondir, &sp->ignore);
	if (rc)
		return rc;
	if (sp->index) {
		sp->seed = !scan->state && sk_rules_no_conversion(scan->repo, sp->index);
		scan->snap->facts.index = sp->index->checksum;
		task.hi = sp->index->n;
	}
	task.node = sp->root;
	task.old = sp->old_root;
	return sk_scan_push(scan, &task, "", sp->ignore);
}

static void scan_close(struct sk_scan *scan)
{
	struct sk_space *sp, *next_space;
	struct sk_task *t;

	while ((t = scan->stack)) {
		scan->stack = t->next;
		task_free(t);
	}
	for (sp = scan->spaces; sp; sp = next_space) {
		next_space = sp->next;
		sk_index_free(sp->index);
		sk_ignore_unref(sp->ignore);
		free(sp->path);
		if (sp->nested)
			free(sp->root);
		free(sp);
	}
	sk_oidset_free(&scan->held);
	sk_entries_free(&scan->kept);
	if (scan->old_meta)
		sk_meta_clear(scan->old_meta);
	free(scan->old_meta);
	sk_rules_close(scan);
	sk_snapshot_free(scan->snap);
	(void)pthread_mutex_destroy(&scan->late_lock);
	(void)pthread_mutex_destroy(&scan->lock);
	(void)pthread_cond_destroy(&scan->work);
}

static int run(struct sk_scan *scan)
{
	size_t workers = thread_count(scan->opts);
	struct sk_state *state = NULL;
	int rc = sk_state_load(scan->repo, scan->opts->changed && !scan->plain, &state);

	if (rc && rc != SK_ENO)
		return rc;
	rc = snapshot_new(workers, &scan->snap);
	if (rc) {
		sk_state_free(state);
		return rc;
	}
	scan->snap->state = scan->state = state;
	scan->snap->same = state != NULL;
	scan->trusted = state && sk_state_trusted(state);
	rc = sk_rules_open(scan);
	if (!rc)
		rc = open_outer(scan);
	if (!rc && !scan->changed)
		scan->expected = state                                 ? sk_state_files(state)
		                 : scan->spaces && scan->spaces->index ? scan->spaces->index->n
		                                                       : 0;
	if (!rc)
		rc = run_workers(scan, scan->changed ? 1 : workers);
	if (!rc)
		rc = sk_scan_finish(scan);
	if (!rc && scan->opts->staged)
		rc = sk_scan_staged(scan);
	return rc;
}

static int scan_once(const struct sk_repo *repo, const struct sk_scan_opts *opts, bool plain,
                     struct sk_snapshot **out, bool *again)
{
	struct sk_scan *scan = calloc(1, sizeof *scan);
	int rc;

	if (!scan)
		return sk_error_oom();
	scan->repo = repo;
	scan->opts = opts;
	scan->plain = plain;
	(void)pthread_mutex_init(&scan->late_lock, NULL);
	(void)pthread_mutex_init(&scan->lock, NULL);
	(void)pthread_cond_init(&scan->work, NULL);
	rc = run(scan);
	*again = scan->retreat;
	if (!rc && !*again) {
		*out = scan->snap;
		scan->snap = NULL;
	}
	scan_close(scan);
	free(scan);
	return rc;
}

int sk_scan(const struct sk_repo *repo, const struct sk_scan_opts *opts, struct sk_snapshot **out)
{
	bool again = false;
	int rc = scan_once(repo, opts, false, out, &again);

	return again ? scan_once(repo, opts, true, out, &again) : rc;
}
