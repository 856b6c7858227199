#include "store/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "store/pack.h"
#include "store/refs.h"
#include "store/tag.h"
#include "store/tips.h"

/* The log's lines are git's own: "ZEROS OID SafeKeep <safekeep@HOST> EPOCH +0000<TAB>REF
 * FIRST..LAST".  A commit has a line when it is first seen and another when it has gone from all
 * tips; they are taken together when read.  LAST of a commit that has gone is the time when that
 * was noticed: it may have been a tip until then. */

#define KEEP_REF "refs/sk/keep"
#define LOG_MAX ((size_t)1 << 30)
#define LOCK_SECONDS 5

struct held {
	int fd;                  /* flock on SKDIR/keep.lock: one SafeKeep at a time */
	struct sk_lockfile lock; /* refs/sk/keep.lock: git's reflog expire rewrites the log */
};

static int path_of(const char *dir, const char *name, char **out)
{
	struct sk_buf path = SK_BUF_INIT;
	char *ptr;

	(void)sk_buf_addf(&path, "%s/%s", dir, name);
	ptr = sk_buf_detach(&path);
	if (!ptr)
		return sk_error_oom();
	*out = ptr;
	return 0;
}

static int take(const struct sk_repo *repo, struct held *h)
{
	const struct timespec pause = { 0, 20000000 };
	char *path = NULL;
	int rc;

	*h = (struct held){ -1, SK_LOCKFILE_INIT };
	rc = sk_mkdirs(repo->skdir, 0777);
	if (!rc)
		rc = path_of(repo->skdir, "keep.lock", &path);
	if (rc)
		return rc;
	h->fd = sk_create(AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (h->fd < 0)
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path);
	for (int i = 0; !rc && flock(h->fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			rc = sk_error_errno(SK_EIO, "cannot lock '%s'", path);
		else if (i >= LOCK_SECONDS * 50)
			rc = sk_error(SK_EBUSY, "'%s' is held by another git sk; try again", path);
		else
			(void)nanosleep(&pause, NULL);
	}
	free(path);
	return rc;
}

/* Only while the log is written: a git gc that meets this lock fails. */
static int take_log(const struct sk_repo *repo, struct held *h)
{
	return sk_ref_lock(repo, KEEP_REF, "safekeep keep\n", &h->lock);
}

static void let_go(struct held *h)
{
	sk_lockfile_release(&h->lock);
	if (h->fd >= 0)
		(void)close(h->fd);
}

static int log_path(const struct sk_repo *repo, const char *end, char **out)
{
	struct sk_buf name = SK_BUF_INIT;
	int rc = sk_buf_addf(&name, "logs/" KEEP_REF "%s", end);

	if (!rc)
		rc = path_of(repo->commondir, name.ptr, out);
	sk_buf_free(&name);
	return rc;
}

/* -1: no log. */
static int log_size(const struct sk_repo *repo, long long *out)
{
	char *path = NULL;
	struct stat st;
	int rc = log_path(repo, "", &path);

	if (rc)
		return rc;
	*out = stat(path, &st) == 0 ? (long long)st.st_size : -1;
	free(path);
	return 0;
}

static int write_keep_ref(const struct sk_repo *repo)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_packer *p = NULL;
	struct sk_oid tree, tag;
	int rc = sk_packer_new(repo, &p);

	if (!rc)
		rc = sk_packer_put(p, SK_OBJ_TREE, "", 0, &tree);
	if (!rc)
		rc = sk_tag_plain(&tree, "keep",
		                  "The log of this ref keeps commits that backups have seen\n",
		                  &text);
	if (!rc)
		rc = sk_packer_put(p, SK_OBJ_TAG, text.ptr, text.len, &tag);
	if (!rc)
		rc = sk_packer_commit(p);
	if (!rc) {
		rc = sk_ref_create(repo, KEEP_REF, &tag);
		rc = rc == SK_EREFUSED ? 0 : rc;
	}
	sk_packer_free(p);
	sk_buf_free(&text);
	return rc;
}

static int ensure_ref(const struct sk_repo *repo)
{
	struct sk_oid oid;
	int rc = sk_ref_read(repo, KEEP_REF, &oid);

	if (!rc)
		return 0;
	if (rc == SK_EDAMAGED) /* not through git, which would take the log away as well */
		rc = sk_ref_drop_broken(repo, KEEP_REF);
	return rc && rc != SK_ENO ? rc : write_keep_ref(repo);
}

static bool is_commit(const struct sk_repo *repo, const struct sk_oid *oid)
{
	git_odb *odb = NULL;
	git_object_t type = GIT_OBJECT_INVALID;
	git_oid id;
	size_t len;

	if (git_repository_odb(&odb, repo->git) < 0)
		return false;
	memcpy(id.id, oid->id, SK_OID_RAW);
	if (git_odb_read_header(&len, &type, odb, &id) < 0)
		type = GIT_OBJECT_INVALID;
	git_odb_free(odb);
	return type == GIT_OBJECT_COMMIT;
}

static int add_line(struct sk_buf *out, const struct sk_oid *oid, const char *ref, time_t first,
                    time_t last)
{
	static const struct sk_oid zero;

	(void)sk_buf_addf(out, "%s %s ", sk_oid_str(&zero), sk_oid_str(oid));
	(void)sk_ident_add(out, last, true);
	return sk_buf_addf(out, "\t%s %lld..%lld\n", ref, (long long)first, (long long)last);
}

/* The size up to which the log consists of whole lines: a crash may have cut the last one. */
static off_t whole_size(int fd, off_t size)
{
	char tail[4096];
	off_t from = size > (off_t)sizeof tail ? size - (off_t)sizeof tail : 0;
	ssize_t n = pread(fd, tail, (size_t)(size - from), from);
	const char *nl = n > 0 ? memrchr(tail, '\n', (size_t)n) : NULL;

	return nl ? from + (nl + 1 - tail) : from;
}

static int append(const struct sk_repo *repo, const struct sk_buf *lines, long long *size)
{
	char *path = NULL, *dir = NULL;
	struct stat st;
	off_t from = 0;
	int rc, fd = -1;

	rc = log_path(repo, "", &path);
	if (rc)
		return rc;
	dir = strndup(path, (size_t)(strrchr(path, '/') - path));
	rc = dir ? sk_mkdirs(dir, 0777) : sk_error_oom();
	if (rc)
		goto out;
	fd = sk_create(AT_FDCWD, path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0 || fstat(fd, &st) < 0)
		goto fail;
	from = whole_size(fd, st.st_size);
	if (from != st.st_size && ftruncate(fd, from) < 0)
		goto fail;
	if (sk_write_full(fd, lines->ptr, lines->len) < 0 || fsync(fd) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		(void)!ftruncate(fd, from);
		goto out;
	}
	*size = (long long)from + (long long)lines->len;
	rc = sk_sync_dir(dir);
	goto out;
fail:
	rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
out:
	if (fd >= 0)
		(void)close(fd);
	free(dir);
	free(path);
	return rc;
}

void sk_keep_list_free(struct sk_keep_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->line[i].ref);
	free(list->line);
	*list = (struct sk_keep_list){ 0 };
}

/* A line of the log, `text` up to `end`; false when it is none of ours. */
static bool parse_line(const char *text, const char *end, struct sk_keep_line *out,
                       const char **ref, size_t *ref_len)
{
	const char *tab, *space;
	long long first, last;

	if (end - text < 2 * SK_OID_HEX + 2 || text[SK_OID_HEX] != ' ' ||
	    !sk_oid_parse(text + SK_OID_HEX + 1, &out->oid))
		return false;
	tab = memchr(text, '\t', (size_t)(end - text));
	space = tab ? memrchr(tab, ' ', (size_t)(end - tab)) : NULL;
	if (!space || sscanf(space, " %lld..%lld", &first, &last) != 2)
		return false;
	out->first = (time_t)first;
	out->last = (time_t)last;
	*ref = tab + 1;
	*ref_len = (size_t)(space - tab - 1);
	return true;
}

static int by_oid(const void *a, const void *b)
{
	const struct sk_keep_line *x = a, *y = b;
	int cmp = sk_oid_cmp(&x->oid, &y->oid);

	if (!cmp && x->last != y->last)
		cmp = x->last > y->last ? -1 : 1;
	return cmp;
}

static int newest_first(const void *a, const void *b)
{
	const struct sk_keep_line *x = a, *y = b;

	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return sk_oid_cmp(&x->oid, &y->oid);
}

/* Sorted by oid, one line for each. */
static void merge(struct sk_keep_list *list)
{
	size_t n = 0;

	if (list->n)
		qsort(list->line, list->n, sizeof *list->line, by_oid);
	for (size_t i = 0; i < list->n; i++) {
		struct sk_keep_line *l = &list->line[i], *to = n ? &list->line[n - 1] : NULL;

		if (to && sk_oid_eq(&to->oid, &l->oid)) {
			to->first = l->first < to->first ? l->first : to->first;
			free(l->ref);
		} else {
			list->line[n++] = *l;
		}
	}
	list->n = n;
}

static int read_log(const struct sk_repo *repo, struct sk_keep_list *out)
{
	struct sk_keep_list list = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	const char *p, *end, *nl, *ref;
	char *path = NULL;
	size_t cap = 0, len;
	int rc = log_path(repo, "", &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, LOG_MAX, &text);
	rc = rc == SK_ENO ? 0 : rc;
	p = sk_buf_str(&text);
	end = p + text.len;
	for (; !rc && p < end; p = nl + 1) {
		struct sk_keep_line line;

		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			break;
		if (!parse_line(p, nl, &line, &ref, &len))
			continue;
		if (list.n == cap) {
			struct sk_keep_line *grown;

			cap = cap ? cap * 2 : 64;
			grown = realloc(list.line, cap * sizeof *grown);
			list.line = grown ? grown : list.line;
			rc = grown ? 0 : sk_error_oom();
		}
		line.ref = rc ? NULL : strndup(ref, len);
		if (line.ref)
			list.line[list.n++] = line;
		else if (!rc)
			rc = sk_error_oom();
	}
	free(path);
	sk_buf_free(&text);
	if (rc) {
		sk_keep_list_free(&list);
		return rc;
	}
	merge(&list);
	*out = list;
	return 0;
}

static bool in_log(const struct sk_keep_list *log, const struct sk_oid *oid)
{
	size_t lo = 0, hi = log->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = sk_oid_cmp(&log->line[mid].oid, oid);

		if (cmp == 0)
			return true;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* The lines that have to be added: tips that are new (or that a cut log lost), and those that
 * have gone.  Carries the time of the first sight over. */
static int compare_tips(const struct sk_repo *repo, const struct sk_tips *old, struct sk_tips *tips,
                        const struct sk_keep_list *log, time_t now, struct sk_buf *out)
{
	size_t i = 0, j = 0;
	int rc = 0;

	while (!rc && (i < old->n || j < tips->n)) {
		struct sk_tip *was = i < old->n ? &old->item[i] : NULL;
		struct sk_tip *is = j < tips->n ? &tips->item[j] : NULL;
		int cmp = !was ? 1 : !is ? -1 : sk_oid_cmp(&was->oid, &is->oid);

		if (cmp == 0)
			is->first = was->first;
		if (cmp < 0 && is_commit(repo, &was->oid))
			rc = add_line(out, &was->oid, was->ref, was->first, now);
		else if ((cmp > 0 || (cmp == 0 && log && !in_log(log, &is->oid))) &&
		         is_commit(repo, &is->oid))
			rc = add_line(out, &is->oid, is->ref, is->first, now);
		i += cmp <= 0;
		j += cmp >= 0;
	}
	return rc;
}

static int record(const struct sk_repo *repo, struct held *h, time_t now)
{
	struct sk_tips old = { 0 }, tips = { 0 };
	struct sk_keep_list log = { 0 };
	struct sk_buf lines = SK_BUF_INIT;
	long long size = -1;
	bool cut;
	int rc = sk_tips_read(repo, &old);

	if (!rc)
		rc = sk_tips_now(repo, now, &tips);
	if (!rc)
		rc = log_size(repo, &size);
	cut = size != old.log_size;
	if (!rc && cut)
		rc = read_log(repo, &log);
	if (!rc)
		rc = compare_tips(repo, &old, &tips, cut ? &log : NULL, now, &lines);
	if (!rc)
		rc = ensure_ref(repo);
	if (!rc && lines.len)
		rc = take_log(repo, h);
	if (!rc && lines.len)
		rc = append(repo, &lines, &size);
	tips.log_size = size;
	if (!rc)
		rc = sk_tips_write(repo, &tips);
	sk_tips_free(&old);
	sk_tips_free(&tips);
	sk_keep_list_free(&log);
	sk_buf_free(&lines);
	return rc;
}

int sk_keep_record(const struct sk_repo *repo, time_t now)
{
	bool unmoved = false;
	struct held h;
	long long size;
	int rc = log_size(repo, &size);

	if (!rc)
		rc = sk_tips_unmoved(repo, size, &unmoved);
	if (rc || unmoved)
		return rc;
	rc = take(repo, &h);
	if (!rc)
		rc = record(repo, &h, now);
	let_go(&h);
	return rc;
}

int sk_keep_add(const struct sk_repo *repo, const struct sk_keep_list *list)
{
	struct sk_buf lines = SK_BUF_INIT;
	struct held h;
	long long size;
	int rc = take(repo, &h);

	for (size_t i = 0; i < list->n && !rc; i++)
		if (is_commit(repo, &list->line[i].oid))
			rc = add_line(&lines, &list->line[i].oid, list->line[i].ref,
			              list->line[i].first, list->line[i].last);
	if (!rc && lines.len)
		rc = ensure_ref(repo);
	if (!rc && lines.len)
		rc = take_log(repo, &h);
	if (!rc && lines.len) /* the next record sees that the log has another size */
		rc = append(repo, &lines, &size);
	let_go(&h);
	sk_buf_free(&lines);
	return rc;
}

int sk_keep_read(const struct sk_repo *repo, struct sk_keep_list *out)
{
	struct sk_keep_list list = { 0 };
	struct sk_tips tips = { 0 };
	time_t now = time(NULL);
	int rc = sk_tips_now(repo, now, &tips);

	if (!rc)
		rc = read_log(repo, &list);
	for (size_t i = 0; i < list.n && !rc; i++)
		if (sk_tips_has(&tips, &list.line[i].oid) && list.line[i].last < now)
			list.line[i].last = now;
	if (!rc && list.n)
		qsort(list.line, list.n, sizeof *list.line, newest_first);
	sk_tips_free(&tips);
	if (!rc)
		*out = list;
	return rc;
}

/* In the place of the log, in one step.  The new file has git's own name for it, which git does
 * not take for the log of another ref. */
static int replace_log(const struct sk_repo *repo, const struct sk_buf *lines)
{
	char *path = NULL, *tmp = NULL;
	int rc = log_path(repo, "", &path), fd = -1;

	if (!rc)
		rc = log_path(repo, ".lock", &tmp);
	if (rc)
		goto out;
	(void)unlink(tmp); /* of a process that died: we hold the ref's lock */
	fd = sk_create(AT_FDCWD, tmp, O_WRONLY | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0 || sk_write_full(fd, sk_buf_str(lines), lines->len) < 0 || fsync(fd) < 0 ||
	    rename(tmp, path) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		(void)unlink(tmp);
		goto out;
	}
	*strrchr(path, '/') = '\0';
	rc = sk_sync_dir(path);
out:
	if (fd >= 0)
		(void)close(fd);
	free(path);
	free(tmp);
	return rc;
}

/* Drops what is in `gone`, or, without that, what is older than `oldest` and no tip. */
static int prune(const struct sk_repo *repo, struct held *h, time_t oldest,
                 const struct sk_oidset *gone)
{
	struct sk_tips tips = { 0 }, file = { 0 };
	struct sk_keep_list log = { 0 };
	struct sk_buf lines = SK_BUF_INIT;
	size_t kept = 0;
	int rc = take_log(repo, h);

	if (!rc)
		rc = sk_tips_now(repo, oldest, &tips);
	if (!rc)
		rc = sk_tips_read(repo, &file);
	if (!rc)
		rc = read_log(repo, &log);
	for (size_t i = 0; i < log.n && !rc; i++) {
		const struct sk_keep_line *l = &log.line[i];

		/* one that the file still has as a tip was never given its last time */
		if (gone ? sk_oidset_has(gone, &l->oid)
		         : l->last < oldest && !sk_tips_has(&tips, &l->oid) &&
		                    !sk_tips_has(&file, &l->oid))
			continue;
		kept++;
		rc = add_line(&lines, &l->oid, l->ref, l->first, l->last);
	}
	if (!rc && kept < log.n) {
		rc = replace_log(repo, &lines);
		file.log_size = (long long)lines.len;
		if (!rc)
			rc = sk_tips_write(repo, &file);
	}
	sk_tips_free(&tips);
	sk_tips_free(&file);
	sk_keep_list_free(&log);
	sk_buf_free(&lines);
	return rc;
}

static int prune_held(const struct sk_repo *repo, time_t oldest, const struct sk_oidset *gone)
{
	struct held h;
	int rc;

	rc = take(repo, &h);
	if (!rc)
		rc = prune(repo, &h, oldest, gone);
	let_go(&h);
	return rc;
}

int sk_keep_prune(const struct sk_repo *repo, time_t oldest)
{
	return prune_held(repo, oldest, NULL);
}

int sk_keep_drop(const struct sk_repo *repo, const struct sk_oidset *gone)
{
	return prune_held(repo, 0, gone);
}

int sk_keep_remove(const struct sk_repo *repo)
{
	static const char *const ours[] = { "tips", "keep.lock" };
	const struct sk_ref_drop drop = { KEEP_REF, NULL };
	struct sk_oid oid;
	char *path = NULL;
	int rc = sk_ref_read(repo, KEEP_REF, &oid);

	rc = rc == SK_ENO ? 0 : sk_refs_delete(repo, &drop, 1);
	if (!rc)
		rc = log_path(repo, "", &path);
	if (!rc && unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	free(path);
	for (size_t i = 0; i < 2 && !rc; i++) {
		path = NULL;
		rc = path_of(repo->skdir, ours[i], &path);
		if (!rc && unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
			rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
		free(path);
	}
	return rc;
}
