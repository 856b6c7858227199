/* Where symbolic links lead, in the tree as it will be: a link in the way is followed, as the
 * system would do it, so that none leads out by way of another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/text.h"
#include "release/release_parts.h"

enum { STEPS_MAX = 40, TARGET_MAX = 4096 }; /* as Linux has them */

struct links {
	struct sk_releasing *r;
	const struct sk_release_file **all; /* what stays in, by path, folders too */
	size_t n;
};

enum leads { IN, OUT, NOWHERE, GIT };

static int by_path(const void *x, const void *y)
{
	const struct sk_release_file *const *a = x, *const *b = y;

	return strcmp((*a)->path, (*b)->path);
}

static const struct sk_release_file *find(const struct links *l, const char *path)
{
	struct sk_release_file key = { .path = (char *)(size_t)path };
	const struct sk_release_file *k = &key, **hit;

	hit = bsearch(&k, l->all, l->n, sizeof *l->all, by_path);
	return hit ? *hit : NULL;
}

static int target_of(const struct links *l, const struct sk_release_file *f, struct sk_buf *out)
{
	git_odb_object *blob = NULL;
	int rc = sk_repo_read(l->r->repo, &f->oid, &blob);

	if (!rc && git_odb_object_size(blob) > TARGET_MAX)
		rc = sk_error(SK_EREFUSED, "%s: a link of more than %d bytes", sk_name(f->path),
		              TARGET_MAX);
	if (!rc)
		rc = sk_buf_add(out, git_odb_object_data(blob), git_odb_object_size(blob));
	git_odb_object_free(blob);
	return rc;
}

/* "a/b" -> "a"; "a" -> ""; false at the top. */
static bool up(struct sk_buf *path)
{
	const char *slash;

	if (!path->len)
		return false;
	slash = strrchr(path->ptr, '/');
	sk_buf_truncate(path, slash ? (size_t)(slash - path->ptr) : 0);
	return true;
}

/* `next` becomes what is left of the way once `f`, a link in it, was followed. */
static int through(const struct links *l, const struct sk_release_file *f, struct sk_buf *next)
{
	struct sk_buf target = SK_BUF_INIT;
	int rc = target_of(l, f, &target);

	if (!rc && next->len)
		rc = sk_buf_addf(&target, "/%s", next->ptr);
	sk_buf_free(next);
	*next = target;
	return rc;
}

static bool goes_up(const char *way)
{
	for (const char *p = way; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");

		if (len == 2 && strncmp(p, "..", 2) == 0)
			return true;
		p += len;
	}
	return false;
}

/* Goes into `name` from the folder `at`; `next` is the way from there. */
static int step(const struct links *l, const char *name, size_t len, struct sk_buf *at,
                struct sk_buf *next, int *followed, enum leads *out)
{
	const struct sk_release_file *f;
	int rc;

	if (!at->len && len == 4 && strncmp(name, ".git", 4) == 0) {
		*out = GIT;
		return 0;
	}
	if (at->len)
		(void)sk_buf_addc(at, '/');
	rc = sk_buf_add(at, name, len);
	f = rc ? NULL : find(l, at->ptr);
	if (!rc && !f) /* what follows could still lead out: ".." of what is not there */
		*out = goes_up(sk_buf_str(next)) ? OUT : NOWHERE;
	if (rc || !f || f->mode != 0120000)
		return rc;
	(void)up(at);
	if (++*followed > STEPS_MAX) {
		*out = NOWHERE;
		return 0;
	}
	return through(l, f, next);
}

/* Walks `rest` from the folder `at`; both are used up. */
static int follow(const struct links *l, struct sk_buf *at, struct sk_buf *rest, enum leads *out)
{
	struct sk_buf next = SK_BUF_INIT, swap;
	int followed = 0, rc = 0;

	*out = IN;
	while (!rc && rest->len && *out == IN) {
		const char *name = rest->ptr;
		size_t len = strcspn(name, "/");

		sk_buf_clear(&next);
		rc = sk_buf_adds(&next, name + len + strspn(name + len, "/"));
		if (rc)
			break;
		if (!len) /* it began with a slash */
			*out = OUT;
		else if (len == 2 && strncmp(name, "..", 2) == 0)
			*out = up(at) ? IN : OUT;
		else if (len != 1 || *name != '.')
			rc = step(l, name, len, at, &next, &followed, out);
		swap = *rest;
		*rest = next;
		next = swap;
	}
	sk_buf_free(&next);
	return rc;
}

static int check(const struct links *l, const struct sk_release_file *f)
{
	struct sk_buf at = SK_BUF_INIT, rest = SK_BUF_INIT, shown = SK_BUF_INIT;
	enum leads where = IN;
	int rc = target_of(l, f, &rest);

	if (!rc && memchr(sk_buf_str(&rest), '\0', rest.len))
		rc = sk_error(SK_EREFUSED, "%s: a link with a NUL byte", sk_name(f->path));
	if (!rc)
		rc = sk_add_name(&shown, sk_buf_str(&rest), rest.len);
	if (!rc)
		rc = sk_buf_adds(&at, f->path);
	if (!rc) {
		(void)up(&at);
		rc = follow(l, &at, &rest, &where);
	}
	if (!rc && where == NOWHERE)
		rc = sk_release_finding(l->r, "dead-link", SK_LINT_WARN, f->path,
		                        "leave it out too, or release what it points to",
		                        "a link to %.200s, which is not in the release", shown.ptr);
	else if (!rc && where != IN)
		rc = sk_release_finding(l->r, "link-outside", SK_LINT_BLOCK, f->path,
		                        "leave it out with --exclude, or replace it by a file",
		                        where == GIT ? "a link to %.200s, in git's own folder"
		                                     : "a link to %.200s, outside of the release",
		                        shown.ptr);
	sk_buf_free(&at);
	sk_buf_free(&rest);
	sk_buf_free(&shown);
	return rc;
}

int sk_release_check_links(struct sk_releasing *r)
{
	struct links l = { r, calloc(r->out->n + 1, sizeof *l.all), 0 };
	int rc = l.all ? 0 : sk_error_oom();

	for (size_t i = 0; i < r->out->n && !rc; i++)
		if (!r->out->file[i].out)
			l.all[l.n++] = &r->out->file[i];
	if (!rc)
		qsort(l.all, l.n, sizeof *l.all, by_path);
	for (size_t i = 0; i < r->out->n && !rc; i++)
		if (!r->out->file[i].out && r->out->file[i].mode == 0120000)
			rc = check(&l, &r->out->file[i]);
	free(l.all);
	return rc;
}
