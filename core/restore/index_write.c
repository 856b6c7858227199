#include "restore/index_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/text.h"
#include "repo/index.h"
#include "repo/safename.h"
#include "restore/children.h"

struct entry {
	char *path;
	size_t len;
	uint32_t mode;
	struct sk_oid oid;
	uint8_t stage, flags; /* SK_IE_* */
	size_t order;         /* later ones win over earlier ones of the same path and stage */
};

struct build {
	const struct sk_repo *repo;
	struct entry *e;
	size_t n, cap;
	struct sk_buf path;
	int depth;
};

static int add_entry(struct build *b, const char *path, uint32_t mode, const struct sk_oid *oid,
                     uint8_t stage, uint8_t flags)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct entry *e;

	if (S_ISLNK(mode) && sk_unsafe_link(name, strlen(name)))
		return sk_error(SK_EREFUSED,
		                "the staged files have a link of a name that must "
		                "not be: '%s'",
		                sk_name(path));
	if (!S_ISREG(mode) && mode != 0120000 && mode != 0160000)
		return sk_error(SK_EREFUSED, "the staged file '%s' is of an unknown kind (%o)",
		                sk_name(path), mode);
	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 256;

		e = realloc(b->e, cap * sizeof *e);
		if (!e)
			return sk_error_oom();
		b->e = e;
		b->cap = cap;
	}
	e = &b->e[b->n];
	*e = (struct entry){ strdup(path), strlen(path), mode, *oid, stage, flags, b->n };
	if (!e->path)
		return sk_error_oom();
	b->n++;
	return 0;
}

static int add_tree(struct build *b, const struct sk_oid *oid, uint8_t flags)
{
	git_odb_object *object = NULL;
	struct sk_tree_entry e;
	size_t at = 0, len = b->path.len;
	bool broken = false;
	int rc = sk_repo_read(b->repo, oid, &object);

	if (rc)
		return rc;
	if (git_odb_object_type(object) != GIT_OBJECT_TREE || b->depth > 2048)
		rc = sk_error(SK_EDAMAGED, "%s is not a tree of staged files", sk_oid_str(oid));
	b->depth++;
	while (!rc && sk_tree_next(git_odb_object_data(object), git_odb_object_size(object), &at,
	                           &e, &broken)) {
		if (len)
			(void)sk_buf_addc(&b->path, '/');
		rc = sk_buf_add(&b->path, e.name, e.len);
		if (!rc && sk_unsafe_name(e.name, e.len))
			rc = sk_error(SK_EREFUSED,
			              "the staged files have a name that must not be: "
			              "'%s'",
			              sk_name(b->path.ptr));
		if (!rc && e.mode == 040000)
			rc = add_tree(b, &e.oid, flags);
		else if (!rc)
			rc = add_entry(b, b->path.ptr,
			               S_ISREG(e.mode) ? (e.mode & 0100 ? 0100755 : 0100644)
			                               : e.mode,
			               &e.oid, 0, flags);
		sk_buf_truncate(&b->path, len);
	}
	if (!rc && broken)
		rc = sk_error(SK_EDAMAGED, "tree %s of the staged files is damaged",
		              sk_oid_str(oid));
	b->depth--;
	git_odb_object_free(object);
	return rc;
}

static int commit_tree(const struct sk_repo *repo, const struct sk_oid *commit, struct sk_oid *out)
{
	git_commit *c = NULL;
	git_oid oid;

	memcpy(oid.id, commit->id, SK_OID_RAW);
	if (git_commit_lookup(&c, repo->git, &oid) < 0)
		return sk_error_git(SK_EDAMAGED, "commit %s is gone, and with it the staged files",
		                    sk_oid_str(commit));
	memcpy(out->id, git_commit_tree_id(c)->id, SK_OID_RAW);
	git_commit_free(c);
	return 0;
}

/* A folder that a sparse index keeps as one entry: all below it is skip-worktree. */
static int add_sparse(struct build *b, const struct sk_index_info *info)
{
	size_t len = strlen(info->path);
	bool found = false;
	int rc = 0;

	for (size_t i = 0; i < b->n; i++)
		if (strncmp(b->e[i].path, info->path, len) == 0) {
			b->e[i].flags |= SK_IE_SKIP_WORKTREE;
			found = true;
		}
	if (found)
		return 0;
	sk_buf_clear(&b->path);
	rc = sk_buf_add(&b->path, info->path, len && info->path[len - 1] == '/' ? len - 1 : len);
	if (!rc)
		rc = add_tree(b, &info->oid, SK_IE_SKIP_WORKTREE);
	sk_buf_clear(&b->path);
	return rc;
}

/* The record was read from a tree that anybody may have made: `git checkout --ours` writes to the
 * path of a conflict without looking at it again. */
static int check_info(const struct sk_index_info *info)
{
	size_t len = strlen(info->path), n;

	if (info->mode == 040000 && len && info->path[len - 1] == '/')
		len--;
	for (size_t at = 0; at <= len; at += n + 1) {
		const char *slash = memchr(info->path + at, '/', len - at);

		n = slash ? (size_t)(slash - info->path) - at : len - at;
		if (sk_unsafe_name(info->path + at, n))
			return sk_error(SK_EREFUSED,
			                "the staged files have a name that must not be: '%s'",
			                sk_name(info->path));
	}
	return 0;
}

static int add_info(struct build *b, const struct sk_meta *meta)
{
	int rc = 0;

	for (size_t i = 0; i < meta->n_info && !rc; i++) {
		const struct sk_index_info *info = &meta->info[i];

		rc = check_info(info);
		if (!rc)
			rc = info->mode == 040000 ? add_sparse(b, info)
			                          : add_entry(b, info->path, info->mode, &info->oid,
			                                      info->stage, info->flags);
	}
	return rc;
}

static int by_path(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int d = strcmp(a->path, b->path);

	if (!d)
		d = (a->stage > b->stage) - (a->stage < b->stage);
	return d ? d : (a->order > b->order) - (a->order < b->order);
}

/* Sorts; of the same path and stage the last stays; a path in conflict has no stage 0. */
static void settle(struct build *b)
{
	size_t n = 0;

	if (b->n > 1)
		qsort(b->e, b->n, sizeof *b->e, by_path);
	for (size_t i = 0; i < b->n; i++) {
		struct entry *last = n ? &b->e[n - 1] : NULL;

		if (last && strcmp(last->path, b->e[i].path) == 0 &&
		    (last->stage == b->e[i].stage || last->stage == 0)) {
			free(last->path);
			n--;
		}
		b->e[n++] = b->e[i];
	}
	b->n = n;
}

static bool equal(const struct sk_index *now, const struct build *b)
{
	if (now->sparse || now->n != b->n)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		const struct sk_index_entry *x = &now->entry[i];
		const struct entry *y = &b->e[i];

		if (x->mode != y->mode || x->stage != y->stage || x->flags != y->flags ||
		    !sk_oid_eq(&x->oid, &y->oid) || strcmp(x->path, y->path) != 0)
			return false;
	}
	return true;
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static bool racy(const struct sk_index *now, const struct sk_index_entry *e)
{
	return e->mtime_s > (uint32_t)now->mtime.tv_sec ||
	       (e->mtime_s == (uint32_t)now->mtime.tv_sec &&
	        e->mtime_ns >= (uint32_t)now->mtime.tv_nsec);
}

static int put_entry(struct sk_buf *out, const struct sk_index *now, const struct entry *e)
{
	const struct sk_index_entry *old = sk_index_find(now, e->path, e->len, e->stage);
	bool extended = e->flags & (SK_IE_SKIP_WORKTREE | SK_IE_INTENT_TO_ADD);
	uint8_t raw[64] = { 0 };
	uint32_t flags = (uint32_t)(e->len < 0xfff ? e->len : 0xfff) | (uint32_t)e->stage << 12;
	size_t head = extended ? 64 : 62, pad;

	if (old && old->mode == e->mode && sk_oid_eq(&old->oid, &e->oid) && !racy(now, old)) {
		const uint32_t stat[] = { old->ctime_s,
			                  old->ctime_ns,
			                  old->mtime_s,
			                  old->mtime_ns,
			                  old->dev,
			                  old->ino,
			                  0,
			                  old->uid,
			                  old->gid,
			                  old->size };

		for (size_t i = 0; i < sizeof stat / sizeof *stat; i++)
			put32(raw + 4 * i, stat[i]);
	}
	put32(raw + 24, e->mode);
	memcpy(raw + 40, e->oid.id, SK_OID_RAW);
	if (e->flags & SK_IE_ASSUME_VALID)
		flags |= 0x8000;
	if (extended)
		flags |= 0x4000;
	raw[60] = (uint8_t)(flags >> 8);
	raw[61] = (uint8_t)flags;
	if (e->flags & SK_IE_SKIP_WORKTREE)
		raw[62] |= 0x40;
	if (e->flags & SK_IE_INTENT_TO_ADD)
		raw[62] |= 0x20;
	pad = 8 - (head + e->len) % 8;
	(void)sk_buf_add(out, raw, head);
	(void)sk_buf_add(out, e->path, e->len);
	return sk_buf_add(out, "\0\0\0\0\0\0\0\0", pad);
}

static int serialise(const struct build *b, const struct sk_index *now, struct sk_buf *out)
{
	uint8_t head[12] = { 'D', 'I', 'R', 'C' };
	uint32_t version = 2;
	struct sk_oid sum;
	struct sk_hash hash;
	int rc;

	for (size_t i = 0; i < b->n; i++)
		if (b->e[i].flags & (SK_IE_SKIP_WORKTREE | SK_IE_INTENT_TO_ADD))
			version = 3;
	put32(head + 4, version);
	put32(head + 8, (uint32_t)b->n);
	rc = sk_buf_add(out, head, sizeof head);
	for (size_t i = 0; i < b->n && !rc; i++)
		rc = put_entry(out, now, &b->e[i]);
	if (rc)
		return rc;
	sk_hash_init(&hash);
	sk_hash_update(&hash, out->ptr, out->len);
	sk_hash_final(&hash, &sum);
	return sk_buf_add(out, sum.id, SK_OID_RAW);
}

static int gather(struct build *b, const struct sk_entry *entry, const struct sk_meta *meta)
{
	struct sk_oid tree, head;
	bool have = true;
	int rc = 0;

	if (meta->has_index)
		tree = meta->index;
	else if (sk_entry_get_oid(entry, "Sk-Index", &tree))
		;
	else if (sk_entry_get_oid(entry, "Sk-Head", &head) && !sk_oid_is_zero(&head))
		rc = commit_tree(b->repo, &head, &tree);
	else if (sk_entry_get(entry, "Sk-Branch"))
		have = false; /* no commit yet */
	else
		rc = sk_error(SK_EREFUSED, "it does not say what was staged; restore without "
		                           "--staged");
	if (!rc && have)
		rc = add_tree(b, &tree, 0);
	if (!rc)
		rc = add_info(b, meta);
	if (!rc)
		settle(b);
	return rc;
}

static bool any_below(const struct build *b, size_t n, const char *dir)
{
	size_t len = strlen(dir);

	for (size_t i = 0; i < n; i++)
		if (strncmp(b->e[i].path, dir, len) == 0 && b->e[i].path[len] == '/')
			return true;
	return false;
}

/* Drops what was not asked for, and takes the present entries in its place. */
static int keep_present(struct build *b, const struct sk_index *now, const struct sk_strv *paths)
{
	size_t n = 0, wanted;
	int rc = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (sk_select(paths, b->e[i].path) == SELECTED)
			b->e[n++] = b->e[i];
		else
			free(b->e[i].path);
	}
	b->n = wanted = n;
	for (size_t i = 0; i < now->n && !rc; i++) {
		const struct sk_index_entry *e = &now->entry[i];
		enum selected sel = sk_select(paths, e->path);

		if (sel == SELECTED || (sel == ON_THE_WAY && any_below(b, wanted, e->path)))
			continue;
		if (e->flags & SK_IE_SPARSE_DIR) {
			sk_buf_clear(&b->path);
			rc = sk_buf_add(&b->path, e->path, e->path_len - 1);
			if (!rc)
				rc = add_tree(b, &e->oid, SK_IE_SKIP_WORKTREE);
		} else {
			rc = add_entry(b, e->path, e->mode, &e->oid, e->stage, e->flags);
		}
	}
	if (!rc)
		settle(b);
	return rc;
}

/* What is only meant to be added (git add -N) has the id of the empty blob, and git wants that to
 * be there; no backup holds it. */
static int ensure_empty_blob(const struct build *b)
{
	git_odb *odb = NULL;
	git_oid oid;
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < b->n && !any; i++)
		any = b->e[i].flags & SK_IE_INTENT_TO_ADD;
	if (any && (git_repository_odb(&odb, b->repo->git) < 0 ||
	            git_odb_write(&oid, odb, "", 0, GIT_OBJECT_BLOB) < 0))
		rc = sk_error_git(SK_EIO, "cannot write the empty blob");
	git_odb_free(odb);
	return rc;
}

int sk_index_build(const struct sk_repo *repo, const struct sk_entry *entry,
                   const struct sk_strv *paths, const struct sk_meta *meta, struct sk_buf *out,
                   bool *same)
{
	struct build b = { .repo = repo };
	struct sk_index *now = NULL;
	char *path = NULL;
	int rc = gather(&b, entry, meta);

	if (rc)
		rc = sk_error_prefix(rc, "'%s'", entry->id);
	if (!rc)
		rc = sk_repo_index_path(repo, &path);
	if (!rc && sk_index_read(path, &now))
		rc = sk_index_read("", &now); /* damaged: it is about to be replaced */
	if (!rc && paths)
		rc = keep_present(&b, now, paths);
	if (!rc)
		rc = ensure_empty_blob(&b);
	if (!rc)
		rc = serialise(&b, now, out);
	if (!rc)
		*same = equal(now, &b);
	for (size_t i = 0; i < b.n; i++)
		free(b.e[i].path);
	free(b.e);
	sk_buf_free(&b.path);
	sk_index_free(now);
	free(path);
	return rc;
}

struct names { /* the files involved */
	char *index, *lock, *ours;
};

static void names_free(struct names *n)
{
	free(n->index);
	free(n->lock);
	free(n->ours);
}

static int names_make(const struct sk_repo *repo, const char *token, struct names *out)
{
	struct names n = { NULL, NULL, NULL };
	int rc = sk_repo_index_path(repo, &n.index);

	if (!rc && asprintf(&n.lock, "%s.lock", n.index) < 0) {
		n.lock = NULL;
		rc = sk_error_oom();
	}
	if (!rc && asprintf(&n.ours, "%s/index.%s", repo->sklocal, token) < 0) {
		n.ours = NULL;
		rc = sk_error_oom();
	}
	if (rc)
		names_free(&n);
	else
		*out = n;
	return rc;
}

int sk_index_stage(const struct sk_repo *repo, const char *token, const struct sk_buf *data)
{
	struct names n;
	struct stat st;
	int rc = names_make(repo, token, &n);

	if (rc)
		return rc;
	rc = sk_write_file(AT_FDCWD, n.ours, data->ptr, data->len, 0666, true);
	/* the index keeps its bits and its group (core.sharedRepository) */
	if (!rc && stat(n.index, &st) == 0) {
		if (chown(n.ours, geteuid() == 0 ? st.st_uid : (uid_t)-1, st.st_gid) < 0)
			errno = 0; /* not of that group: then it stays ours */
		if (chmod(n.ours, st.st_mode & 0777) < 0)
			rc = sk_error_errno(SK_EIO, "cannot set the bits of '%s'", n.ours);
	}
	names_free(&n);
	return rc;
}

static bool same_inode(const char *a, const char *b)
{
	struct stat x, y;

	return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static bool same_bytes(const char *a, const char *b)
{
	struct sk_buf x = SK_BUF_INIT, y = SK_BUF_INIT;
	bool same = sk_read_file(AT_FDCWD, a, SIZE_MAX, &x) == 0 &&
	            sk_read_file(AT_FDCWD, b, SIZE_MAX, &y) == 0 && x.len == y.len &&
	            memcmp(sk_buf_str(&x), sk_buf_str(&y), x.len) == 0;

	sk_buf_free(&x);
	sk_buf_free(&y);
	return same;
}

static bool is_ours(const struct names *n)
{
	return same_inode(n->lock, n->ours) || same_bytes(n->lock, n->ours);
}

static int copy_to_lock(const struct names *n)
{
	struct sk_buf data = SK_BUF_INIT;
	struct stat st;
	int rc = sk_read_file(AT_FDCWD, n->ours, SIZE_MAX, &data), fd = -1;

	if (!rc) {
		fd = sk_create(AT_FDCWD, n->lock, O_WRONLY | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd < 0)
			rc = errno == EEXIST ? SK_EBUSY : SK_EIO;
		else if (sk_write_full(fd, data.ptr, data.len) < 0 || fsync(fd) < 0)
			rc = SK_EIO;
	}
	if (!rc && stat(n->ours, &st) == 0)
		(void)!fchmod(fd, st.st_mode & 0777);
	if (rc)
		rc = sk_error_errno(rc, "cannot write '%s'", n->lock);
	if (rc == SK_EIO && fd >= 0)
		(void)unlink(n->lock);
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&data);
	return rc;
}

static int busy(const struct names *n)
{
	struct sk_buf age = SK_BUF_INIT;
	struct stat st;

	if (lstat(n->lock, &st) == 0)
		(void)sk_add_age(&age, st.st_mtime, time(NULL));
	(void)sk_error(SK_EBUSY,
	               "git's index is locked: '%s' was made %s; when no git command is "
	               "running, remove it and try again",
	               n->lock, sk_buf_str(&age));
	sk_buf_free(&age);
	return SK_EBUSY;
}

int sk_index_check_lock(const struct sk_repo *repo)
{
	struct names n;
	int rc = names_make(repo, "", &n);

	if (rc)
		return rc;
	if (sk_exists(n.lock))
		rc = busy(&n);
	names_free(&n);
	return rc;
}

int sk_index_lock(const struct sk_repo *repo, const char *token)
{
	struct names n;
	int rc = names_make(repo, token, &n);

	if (rc)
		return rc;
	if (link(n.ours, n.lock) == 0)
		goto out;
	if (errno == EEXIST)
		rc = is_ours(&n) ? 0 : busy(&n);
	else if (errno == EPERM || errno == EOPNOTSUPP || errno == EXDEV || errno == EMLINK)
		rc = copy_to_lock(&n);
	else
		rc = sk_error_errno(SK_EIO, "cannot make '%s'", n.lock);
	if (rc == SK_EBUSY)
		rc = busy(&n);
out:
	names_free(&n);
	return rc;
}

int sk_index_commit(const struct sk_repo *repo, const char *token)
{
	struct names n;
	int rc = names_make(repo, token, &n);

	if (rc)
		return rc;
	if (!sk_exists(n.ours) || same_inode(n.index, n.ours))
		goto done; /* a rename of one name of a file to another of its names does nothing */
	rc = sk_index_lock(repo, token);
	if (!rc && rename(n.lock, n.index) < 0)
		rc = sk_error_errno(SK_EIO, "cannot replace '%s'", n.index);
	if (!rc)
		rc = sk_sync_dir(repo->gitdir);
done:
	if (!rc && is_ours(&n))
		(void)unlink(n.lock);
	if (!rc)
		(void)unlink(n.ours);
	names_free(&n);
	return rc;
}

void sk_index_abort(const struct sk_repo *repo, const char *token)
{
	struct names n;

	if (names_make(repo, token, &n))
		return;
	if (is_ours(&n))
		(void)unlink(n.lock);
	(void)unlink(n.ours);
	names_free(&n);
}
