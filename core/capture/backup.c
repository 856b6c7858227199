#include "capture/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "capture/progress.h"
#include "capture/state.h"
#include "store/keep.h"
#include "store/retention.h"
#include "store/tidy.h"

/* Retention runs by itself at most this often, and when a day is over its cap. */
#define PRUNE_EVERY_S 3600

static int busy(int fd, int seconds)
{
	char who[256];
	ssize_t n = pread(fd, who, sizeof who - 1, 0);

	who[n > 0 ? n : 0] = '\0';
	who[strcspn(who, "\n")] = '\0';
	return sk_error(SK_EBUSY, "another git sk is at work here (%s), waited %d s; try again",
	                *who ? who : "unknown process", seconds);
}

int sk_lock(const struct sk_repo *repo, const char *what, int wait_seconds, int *out)
{
	struct timespec pause = { 0, 20000000 }, now, end;
	char *path = sk_state_path(repo, "lock");
	char text[256];
	int fd = -1, rc, len;

	if (!path)
		return sk_error_oom();
	rc = sk_mkdirs(repo->sklocal, 0777);
	if (rc)
		goto out;
	fd = sk_create(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path);
		goto out;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait_seconds;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			rc = sk_error_errno(SK_EIO, "cannot lock '%s'", path);
			goto out;
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) {
			rc = busy(fd, wait_seconds);
			goto out;
		}
		(void)nanosleep(&pause, NULL);
	}
	len = snprintf(text, sizeof text, "process %ld: %s\n", (long)getpid(), what);
	if (len > 0 &&
	    (ftruncate(fd, 0) < 0 ||
	     pwrite(fd, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1, 0) < 0))
		errno = 0; /* only the name of the holder is lost */
	*out = fd;
	fd = -1;
out:
	if (fd >= 0)
		(void)close(fd);
	free(path);
	return rc;
}

void sk_unlock(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int set_number(struct sk_entry *e, const char *key, size_t n)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%zu", n);
	return sk_entry_set(e, key, text);
}

static int set_oid(struct sk_entry *e, const char *key, const struct sk_oid *oid)
{
	return sk_entry_set(e, key, sk_oid_str(oid));
}

static int set_host(struct sk_entry *e)
{
	char host[256] = "";

	(void)gethostname(host, sizeof host - 1);
	return *host ? sk_entry_set(e, "Sk-Host", host) : 0;
}

/* Everything of the entry but its ids. */
static int describe(const struct sk_repo *repo, const struct sk_backup_opts *opts,
                    const struct sk_snapshot *snap, const struct sk_oid *meta, struct sk_entry *e)
{
	struct sk_oid head = { { 0 } };
	char *branch = NULL;
	size_t skipped = 0;
	int rc = sk_repo_head(repo, &head, &branch);

	if (rc)
		return rc;
	(void)sk_meta_kind(&snap->meta, 'S', &skipped);
	e->kind = opts->kind;
	e->tree = snap->root->oid;
	e->created = sk_now();
	if (asprintf(&e->title, "%s", opts->title ? opts->title : opts->trigger) < 0)
		e->title = NULL;
	e->description = strdup(opts->description ? opts->description : "");
	rc = e->title && e->description ? 0 : sk_error_oom();
	if (!rc)
		rc = sk_entry_set(e, "Sk-Kind", sk_kind_name(opts->kind));
	if (!rc && opts->name)
		rc = sk_entry_set(e, "Sk-Name", opts->name);
	if (!rc)
		rc = sk_entry_set(e, "Sk-Trigger", opts->trigger);
	if (!rc && !sk_oid_is_zero(&head))
		rc = set_oid(e, "Sk-Head", &head);
	if (!rc && branch)
		rc = sk_entry_set(e, "Sk-Branch", branch);
	if (!rc && snap->meta.has_index)
		rc = set_oid(e, "Sk-Index", &snap->meta.index);
	if (!rc)
		rc = sk_progress_describe(repo, e);
	if (!rc && meta)
		rc = set_oid(e, "Sk-Meta", meta);
	if (!rc)
		rc = sk_entry_set(e, "Sk-Worktree", repo->worktree_id);
	if (!rc && opts->command)
		rc = sk_entry_set(e, "Sk-Command", opts->command);
	if (!rc)
		rc = set_host(e);
	if (!rc)
		rc = set_number(e, "Sk-Files", snap->files);
	if (!rc)
		rc = set_number(e, "Sk-Changed", snap->changed);
	if (!rc && skipped)
		rc = set_number(e, "Sk-Skipped", skipped);
	for (size_t i = 0; !rc && i < opts->n_more; i++)
		if (*opts->more[i].value)
			rc = sk_entry_set(e, opts->more[i].key, opts->more[i].value);
	free(branch);
	return rc;
}

static bool same_trailer(const struct sk_entry *a, const struct sk_entry *b, const char *key)
{
	const char *x = sk_entry_get(a, key), *y = sk_entry_get(b, key);

	return (!x && !y) || (x && y && strcmp(x, y) == 0);
}

/* Whether `e` would say nothing that `last` does not. */
static bool same_state(const struct sk_entry *e, const struct sk_entry *last)
{
	return sk_oid_eq(&e->tree, &last->tree) && same_trailer(e, last, "Sk-Meta") &&
	       same_trailer(e, last, "Sk-Head") && same_trailer(e, last, "Sk-Branch") &&
	       sk_progress_same(e, last);
}

bool sk_backup_by_itself(const struct sk_entry *e)
{
	const char *trigger = sk_entry_get(e, "Sk-Trigger");

	return trigger && (strcmp(trigger, "watch") == 0 || strcmp(trigger, "schedule") == 0);
}

static int check_room(const struct sk_repo *repo)
{
	struct statvfs vfs;

	if (statvfs(repo->commondir, &vfs) == 0 && vfs.f_bavail == 0)
		return sk_error(SK_EIO, "cannot back up: no space left on the disk of '%s'",
		                repo->commondir);
	return 0;
}

struct attempt {
	struct sk_packer *packer;
	struct sk_snapshot *snap;
	struct sk_entry *entry, *last;
	bool is_new;
};

static void attempt_clear(struct attempt *a)
{
	sk_packer_free(a->packer);
	sk_snapshot_free(a->snap);
	sk_entry_free(a->entry);
	sk_entry_free(a->last);
	*a = (struct attempt){ 0 };
}

/* The guard is asked in the midst of a command that tidies the object database. */
static bool before_tidying(const char *command)
{
	static const char *const words[] = { "git gc",    "git repack",      "git pack-objects",
		                             "git prune", "git maintenance", NULL };

	for (size_t i = 0; command && words[i]; i++)
		if (strncmp(command, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static int attempt(struct sk_repo *repo, const struct sk_backup_opts *opts, struct attempt *a)
{
	struct sk_scan_opts scan = { .also = opts->also, .staged = true, .changed = opts->changed };
	struct sk_oid meta;
	bool has_meta;
	int rc = sk_packer_new(repo, &a->packer);

	scan.packer = a->packer;
	if (!rc)
		sk_packer_wary(a->packer);
	if (!rc && before_tidying(opts->command))
		sk_packer_alone(a->packer);
	if (!rc)
		rc = sk_scan(repo, &scan, &a->snap);
	if (rc)
		return rc;
	has_meta = !sk_meta_empty(&a->snap->meta);
	if (has_meta)
		rc = sk_meta_write(&a->snap->meta, a->packer, &meta);
	a->entry = calloc(1, sizeof *a->entry);
	if (!rc && !a->entry)
		rc = sk_error_oom();
	if (!rc)
		rc = describe(repo, opts, a->snap, has_meta ? &meta : NULL, a->entry);
	if (!rc)
		rc = set_number(a->entry, "Sk-Bytes", (size_t)sk_packer_bytes(a->packer));
	if (!rc && !opts->always) {
		rc = sk_entry_latest(repo, repo->worktree_id, &a->last);
		rc = rc == SK_ENO ? 0 : rc;
	}
	if (rc)
		return rc;
	a->is_new = !a->last || !same_state(a->entry, a->last) ||
	            (opts->label && sk_backup_by_itself(a->last));
	if (!a->is_new) /* objects all the same, when verify found that they were lost */
		return sk_packer_mends(a->packer) ? sk_packer_commit(a->packer) : 0;
	if (opts->id && !(a->entry->id = strdup(opts->id)))
		return sk_error_oom();
	return sk_entry_publish(repo, a->packer, a->entry);
}

/* Objects that were found, not written, and pruned by somebody before the ref was there: once more,
 * now that they are really missing. */
static int attempt_safely(struct sk_repo *repo, const struct sk_backup_opts *opts,
                          struct attempt *a)
{
	int rc = 0;

	for (int i = 0; i < 3; i++) {
		rc = attempt(repo, opts, a);
		if (rc || !a->is_new)
			return rc;
		rc = sk_packer_recheck(a->packer);
		if (rc != SK_ENO)
			return rc;
		rc = sk_entry_delete(repo, &a->entry, 1);
		sk_state_drop(repo);
		attempt_clear(a);
		if (rc)
			return rc;
	}
	return sk_error(SK_EBUSY, "objects vanish while they are backed up; is a git gc running?");
}

static bool same_day(time_t a, time_t b)
{
	struct tm x = { 0 }, y = { 0 };

	return localtime_r(&a, &x) && localtime_r(&b, &y) && x.tm_yday == y.tm_yday &&
	       x.tm_year == y.tm_year;
}

/* Once an hour, and whenever today's backups may be over the cap by an eighth: at the cap itself
 * every single backup would read all the others to drop one. */
static void prune_if_due(struct sk_repo *repo)
{
	const unsigned long max = repo->config->retention.max_per_day;
	char *path = sk_state_path(repo, "pruned");
	struct sk_prune prune = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	long long since = 0;
	unsigned long count = 0;
	time_t now = sk_now();

	if (path && sk_read_file(AT_FDCWD, path, 64, &text) == 0 &&
	    sscanf(sk_buf_str(&text), "%lld %lu", &since, &count) != 2)
		since = 0;
	count++;
	if (now - since < PRUNE_EVERY_S && now >= since && (!max || count <= max + max / 8))
		goto note;
	if (sk_prune_run(repo, now, true, &prune))
		sk_warn("%s", sk_error_message());
	since = now;
	/* what today has left of its cap before this must run again */
	for (size_t i = count = 0; i < prune.n; i++)
		count += sk_retention_keeps(prune.item[i].reason) &&
		         same_day(prune.item[i].entry->created, now);
	sk_prune_free(&prune);
note:
	sk_buf_clear(&text);
	if (path && sk_buf_addf(&text, "%lld %lu\n", since, count) == 0)
		(void)sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0666, false);
	sk_buf_free(&text);
	free(path);
}

/* What comes after the ref: failing at it costs time later, never the backup. */
static void follow_up(struct sk_repo *repo, struct attempt *a)
{
	struct sk_entry *entry = a->is_new ? a->entry : a->last;
	bool saved =
	        !a->is_new && a->snap->same && sk_oid_eq(sk_state_tag(a->snap->state), &entry->tag);

	if (!saved && sk_state_save(repo, a->snap, entry))
		sk_state_drop(repo);
	if (sk_keep_record(repo, sk_now()))
		sk_warn("%s", sk_error_message());
	if (a->is_new)
		prune_if_due(repo);
	if (a->is_new && sk_tidy_if_due(repo))
		sk_warn("%s", sk_error_message());
}

const struct sk_backup_observer *sk_backup_observer;
void (*sk_backup_begins)(const struct sk_repo *repo);

int sk_backup(struct sk_repo *repo, const struct sk_backup_opts *opts, struct sk_backup_result *out)
{
	struct sk_backup_opts whole = *opts;
	struct attempt a = { 0 };
	int lock = -1, rc;

	whole.changed = NULL;
	if (sk_backup_observer && sk_backup_observer->before(repo, opts)) {
		opts = &whole;
		if (sk_backup_begins)
			sk_backup_begins(repo);
	}
	rc = check_room(repo);
	if (!rc)
		rc = sk_lock(repo, opts->command ? opts->command : opts->trigger,
		             opts->wait_seconds, &lock);
	if (!rc)
		rc = sk_packer_sweep(repo);
	if (!rc)
		rc = attempt_safely(repo, opts, &a);
	if (rc)
		goto out;
	follow_up(repo, &a);
	out->is_new = a.is_new;
	out->entry = a.is_new ? a.entry : a.last;
	out->snap = a.snap;
	if (a.is_new)
		a.entry = NULL;
	else
		a.last = NULL;
	a.snap = NULL;
	if (out->snap->unreadable)
		rc = sk_error(SK_EPARTIAL, "%zu paths could not be read; see git sk show %s",
		              out->snap->unreadable, out->entry->id);
out:
	attempt_clear(&a);
	sk_unlock(&lock);
	if (sk_backup_observer && (!rc || rc == SK_EPARTIAL))
		sk_backup_observer->after(repo, opts, out);
	return rc;
}

void sk_backup_result_clear(struct sk_backup_result *r)
{
	sk_entry_free(r->entry);
	sk_snapshot_free(r->snap);
	*r = (struct sk_backup_result){ 0 };
}
