#include "store/reach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "repo/git.h"
#include "store/treeiter.h"

#define LOG_MAX ((size_t)1 << 30)
#define DEPTH_MAX 64

static int add_hex(const char *at, struct sk_buf *out)
{
	struct sk_oid oid;

	if (!sk_oid_parse(at, &oid) || sk_oid_is_zero(&oid))
		return 0;
	return sk_buf_addf(out, "%s\n", sk_oid_str(&oid));
}

/* "OLD NEW WHO..." */
static int add_log(int dir, const char *name, struct sk_buf *out)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_read_file(dir, name, LOG_MAX, &text);
	const char *p = sk_buf_str(&text), *nl;

	rc = rc == SK_ENO ? 0 : rc;
	for (; !rc && *p; p = nl ? nl + 1 : strchr(p, '\0')) {
		nl = strchr(p, '\n');
		if (strnlen(p, 2 * SK_OID_HEX + 1) < 2 * SK_OID_HEX + 1 || p[SK_OID_HEX] != ' ')
			continue;
		rc = add_hex(p, out);
		rc = rc ? rc : add_hex(p + SK_OID_HEX + 1, out);
	}
	sk_buf_free(&text);
	return rc;
}

static DIR *open_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		(void)close(fd);
	return d;
}

/* A folder of logs; `path` is its name below logs/, to tell the keep-log. */
static int add_logs(int parent, const char *name, struct sk_buf *path, int depth,
                    struct sk_buf *out)
{
	DIR *dir = depth < DEPTH_MAX ? open_at(parent, name) : NULL;
	struct dirent *de;
	struct stat st;
	int rc = 0;

	while (dir && !rc && (de = readdir(dir))) {
		size_t before = path->len;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		rc = sk_buf_addf(path, "/%s", de->d_name);
		if (!rc && S_ISDIR(st.st_mode))
			rc = add_logs(dirfd(dir), de->d_name, path, depth + 1, out);
		else if (!rc && S_ISREG(st.st_mode) && strcmp(path->ptr, "/refs/sk/keep") != 0)
			rc = add_log(dirfd(dir), de->d_name, out);
		sk_buf_truncate(path, before);
	}
	if (dir)
		(void)closedir(dir);
	return rc;
}

/* ORIG_HEAD and the like: files in capitals, and what operations under way keep beside them. */
static int add_pseudo(DIR *dir, struct sk_buf *out)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	struct dirent *de;
	int rc = 0;

	while (!rc && (de = readdir(dir))) {
		struct sk_buf text = SK_BUF_INIT;
		const char *p;

		if (de->d_name[strspn(de->d_name, capitals)] ||
		    sk_read_file(dirfd(dir), de->d_name, 1u << 20, &text)) {
			sk_buf_free(&text);
			continue;
		}
		for (p = sk_buf_str(&text); !rc && *p; p += strcspn(p, "\n"), p += *p == '\n')
			rc = add_hex(p, out);
		sk_buf_free(&text);
	}
	return rc;
}

/* One git folder: the common one, or a linked worktree's. */
static int add_gitdir(int parent, const char *name, struct sk_buf *out)
{
	DIR *dir = open_at(parent, name);
	struct sk_buf path = SK_BUF_INIT;
	int rc = dir ? add_pseudo(dir, out) : 0;

	if (dir && !rc)
		rc = add_logs(dirfd(dir), "logs", &path, 0, out);
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	return rc;
}

int sk_reach_logs(const struct sk_repo *repo, struct sk_buf *out)
{
	int common = open(repo->commondir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	DIR *dir = common < 0 ? NULL : open_at(common, "worktrees");
	struct dirent *de;

	rc = common < 0 ? sk_error_errno(SK_EIO, "cannot read '%s'", repo->commondir)
	                : add_gitdir(common, ".", out);
	while (dir && !rc && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			rc = add_gitdir(dirfd(dir), de->d_name, out);
	if (dir)
		(void)closedir(dir);
	if (common >= 0)
		(void)close(common);
	return rc;
}

static int by_oid(const void *a, const void *b)
{
	return memcmp(a, b, SK_OID_RAW);
}

struct ids {
	struct sk_oid *oid; /* sorted */
	size_t n;
};

static int parse_ids(const struct sk_buf *text, struct ids *out)
{
	const size_t line = SK_OID_HEX + 1;

	out->oid = malloc(text->len / line * sizeof *out->oid + 1);
	if (!out->oid)
		return sk_error_oom();
	for (size_t at = 0; at + line <= text->len; at += line)
		out->n += sk_oid_parse(text->ptr + at, &out->oid[out->n]);
	if (out->n)
		qsort(out->oid, out->n, sizeof *out->oid, by_oid);
	return 0;
}

/* Everything that is needed, by git's own walk.  A pseudo ref or an old reflog line may name what
 * was pruned long ago. */
static int needed(const struct sk_repo *repo, bool without_ours, struct ids *out)
{
	const char *const args[] = { "rev-list",
		                     "--objects",
		                     "--no-object-names",
		                     "--ignore-missing",
		                     "--missing=allow-promisor",
		                     "--indexed-objects",
		                     "--stdin",
		                     without_ours ? "--exclude=refs/sk/*" : "--all",
		                     "--all",
		                     NULL };
	struct sk_buf logs = SK_BUF_INIT, text = SK_BUF_INIT, err = SK_BUF_INIT;
	int status = 0, rc = sk_reach_logs(repo, &logs);

	if (!rc)
		rc = sk_git_run_index(repo, NULL, args, &logs, &text, &err, &status);
	sk_buf_free(&logs);
	if (!rc && status)
		rc = sk_error(SK_EDAMAGED,
		              "git cannot walk the history, so that nothing can be told for sure "
		              "(git fsck, git sk verify): %.*s",
		              (int)strcspn(sk_buf_str(&err), "\n"), sk_buf_str(&err));
	sk_buf_free(&err);
	if (!rc)
		rc = parse_ids(&text, out);
	sk_buf_free(&text);
	return rc;
}

struct rest {
	const struct ids *needed;
	struct sk_oidset *out;
	git_odb *own;
	int rc;
};

static int take_rest(const git_oid *id, void *payload)
{
	struct rest *r = payload;
	git_object_t type;
	struct sk_oid oid;
	size_t len;

	memcpy(oid.id, id->id, SK_OID_RAW);
	if (r->needed->n && bsearch(&oid, r->needed->oid, r->needed->n, sizeof oid, by_oid))
		return 0;
	if (git_odb_read_header(&len, &type, r->own, id) < 0)
		type = GIT_OBJECT_BLOB; /* damaged: whatever it was, it leads nowhere */
	r->rc = sk_oidset_add(r->out, &oid, (uint32_t)type, NULL);
	return r->rc;
}

/* Without the alternates. */
static int own_objects(const struct sk_repo *repo, git_odb **out)
{
	struct sk_buf path = SK_BUF_INIT;
	git_odb_backend *loose = NULL, *packed = NULL;
	git_odb *odb = NULL;
	int rc = sk_buf_addf(&path, "%s/objects", repo->commondir);

	if (!rc &&
	    (git_odb_new(&odb) < 0 || git_odb_backend_loose(&loose, path.ptr, -1, 0, 0, 0) < 0 ||
	     git_odb_add_backend(odb, loose, 1) < 0 ||
	     git_odb_backend_pack(&packed, path.ptr) < 0 ||
	     git_odb_add_backend(odb, packed, 2) < 0)) {
		git_odb_free(odb);
		rc = sk_error_git(SK_EIO, "cannot open '%s'", path.ptr);
	}
	sk_buf_free(&path);
	if (!rc)
		*out = odb;
	return rc;
}

int sk_reach_loose_ends(const struct sk_repo *repo, bool without_ours, struct sk_oidset *out)
{
	struct ids ids = { 0 };
	struct rest r = { .needed = &ids, .out = out };
	int rc = needed(repo, without_ours, &ids);

	if (!rc)
		rc = own_objects(repo, &r.own);
	if (!rc && git_odb_foreach(r.own, take_rest, &r) < 0)
		rc = r.rc ? r.rc : sk_error_git(SK_EDAMAGED, "cannot list the objects");
	git_odb_free(r.own);
	free(ids.oid);
	return rc;
}

/* One object of `ends` that names another. */
struct edge {
	struct sk_oid to, from;
};

struct edges {
	struct edge *item;
	size_t n, cap;
	const struct sk_oidset *ends, *content;
};

static int add_edge(struct edges *e, const struct sk_oid *from, const struct sk_oid *to)
{
	if (!sk_oidset_has(e->ends, to) && !sk_oidset_has(e->content, to))
		return 0;
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 256;
		struct edge *grown = realloc(e->item, cap * sizeof *grown);

		if (!grown)
			return sk_error_oom();
		e->item = grown;
		e->cap = cap;
	}
	e->item[e->n++] = (struct edge){ *to, *from };
	return 0;
}

static int tree_edges(struct edges *e, const struct sk_oid *from, git_odb_object *object)
{
	struct sk_tree_iter it;
	struct sk_tree_item item;
	int rc = 0;

	it.at = git_odb_object_data(object);
	it.end = it.at + git_odb_object_size(object);
	while (!rc && sk_tree_next(&it, &item) > 0)
		if (item.mode != SK_MODE_COMMIT)
			rc = add_edge(e, from, &item.oid);
	return rc;
}

/* The lines "tree ID", "parent ID", "object ID" at the head of a commit or tag. */
static int header_edges(struct edges *e, const struct sk_oid *from, git_odb_object *object)
{
	static const char *const word[] = { "tree ", "parent ", "object " };
	const char *p = git_odb_object_data(object), *end = p + git_odb_object_size(object);
	struct sk_oid oid;
	int rc = 0;

	while (!rc && p < end && *p != '\n') {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		for (size_t i = 0; i < 3 && !rc && nl; i++) {
			size_t len = strlen(word[i]);

			if ((size_t)(nl - p) == len + SK_OID_HEX && memcmp(p, word[i], len) == 0 &&
			    sk_oid_parse(p + len, &oid))
				rc = add_edge(e, from, &oid);
		}
		p = nl ? nl + 1 : end;
	}
	return rc;
}

static int gather_edges(const struct sk_repo *repo, struct edges *e)
{
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc = 0;

	while (!rc && (slot = sk_oidset_next(e->ends, &at))) {
		git_odb_object *object = NULL;

		if (slot->value == SK_OBJ_BLOB || sk_repo_read(repo, &slot->oid, &object))
			continue;
		rc = slot->value == SK_OBJ_TREE ? tree_edges(e, &slot->oid, object)
		                                : header_edges(e, &slot->oid, object);
		git_odb_object_free(object);
	}
	return rc;
}

static int by_to(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return sk_oid_cmp(&x->to, &y->to);
}

static size_t first_to(const struct edges *e, const struct sk_oid *to)
{
	size_t lo = 0, hi = e->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sk_oid_cmp(&e->item[mid].to, to) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int push(struct ids *stack, size_t *cap, const struct sk_oid *oid)
{
	if (stack->n == *cap) {
		size_t want = *cap ? *cap * 2 : 256;
		struct sk_oid *grown = realloc(stack->oid, want * sizeof *grown);

		if (!grown)
			return sk_error_oom();
		stack->oid = grown;
		*cap = want;
	}
	stack->oid[stack->n++] = *oid;
	return 0;
}

static int climb(const struct edges *e, struct ids *stack, size_t *cap, struct sk_oidset *out)
{
	int rc = 0;

	while (!rc && stack->n) {
		const struct sk_oid at = stack->oid[--stack->n];

		for (size_t i = first_to(e, &at); !rc && i < e->n && sk_oid_eq(&e->item[i].to, &at);
		     i++) {
			bool added = false;

			rc = sk_oidset_add(out, &e->item[i].from,
			                   *sk_oidset_get(e->ends, &e->item[i].from), &added);
			if (!rc && added)
				rc = push(stack, cap, &e->item[i].from);
		}
	}
	return rc;
}

int sk_reach_leading(const struct sk_repo *repo, const struct sk_oidset *ends,
                     const struct sk_oidset *content, struct sk_oidset *out)
{
	struct edges e = { .ends = ends, .content = content };
	const struct sk_oidset_slot *slot;
	struct ids stack = { 0 };
	size_t at = 0, cap = 0;
	int rc = gather_edges(repo, &e);

	if (!rc && e.n)
		qsort(e.item, e.n, sizeof *e.item, by_to);
	while (!rc && (slot = sk_oidset_next(content, &at))) {
		const uint32_t *type = sk_oidset_get(ends, &slot->oid);

		rc = type ? sk_oidset_add(out, &slot->oid, *type, NULL) : 0;
		if (!rc)
			rc = push(&stack, &cap, &slot->oid);
	}
	if (!rc)
		rc = climb(&e, &stack, &cap, out);
	free(stack.oid);
	free(e.item);
	return rc;
}
