#include "release/release.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/text.h"
#include "release/release_parts.h"
#include "store/entry.h"

enum { VERSION_MAX = 100, VERSIONS_MAX = 10000 };

void sk_release_clear(struct sk_release *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->file[i].path);
	free(r->file);
	free(r->version);
	free(r->ref);
	free(r->source);
	free(r->dir);
	sk_findings_clear(&r->found);
	sk_strv_free(&r->notes);
	*r = (struct sk_release){ 0 };
}

/* A name that every host, file system and shell takes, and git as a ref and as a tag. */
static int check_version(const char *v)
{
	size_t len = strlen(v);
	bool ok = len > 0 && len <= VERSION_MAX && isalnum((unsigned char)*v) &&
	          v[len - 1] != '.' && !strstr(v, "..") &&
	          (len < 5 || strcmp(v + len - 5, ".lock") != 0) && strcmp(v, "HEAD") != 0 &&
	          strcmp(v, "latest") != 0 && strcmp(v, "worktree") != 0;

	for (const char *p = v; *p && ok; p++)
		ok = (unsigned char)*p < 0x80 && (isalnum((unsigned char)*p) || strchr("._+-", *p));
	return ok ? 0
	          : sk_error(SK_EUSAGE,
	                     "'%s' cannot be a version: at most %d letters, digits, '.', '_', "
	                     "'+', '-', beginning with a letter or digit, like 'v1.2.0'",
	                     sk_name(v), VERSION_MAX);
}

/* Which version it is */

/* The release that has that name; *out NULL: none. */
static int recorded(const struct sk_repo *repo, const char *version, struct sk_entry **out)
{
	struct sk_buf ref = SK_BUF_INIT;
	int rc = sk_buf_addf(&ref, "refs/sk/release/%s", version);

	*out = NULL;
	if (!rc)
		rc = sk_entry_read(repo, ref.ptr, out);
	sk_buf_free(&ref);
	return rc == SK_ENO ? 0 : rc;
}

/* Whether it is, under that name, what was recorded; *taken: for something else. */
static int try_version(struct sk_releasing *r, const char *version, bool *taken)
{
	struct sk_entry *e = NULL;
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid commit, was;
	int rc = sk_release_commit(r, version, &r->out->tree, &text, &commit);

	if (!rc)
		rc = recorded(r->repo, version, &e);
	if (!rc) {
		*taken =
		        e && (e->damaged || !sk_oid_eq(&e->tree, &r->out->tree) ||
		              !sk_entry_get_oid(e, "Sk-Commit", &was) || !sk_oid_eq(&was, &commit));
		r->out->is_new = !e;
		r->out->commit = commit;
	}
	if (!rc && *taken && !e->damaged && r->opts->version) {
		const char *source = sk_entry_get(e, "Sk-Source");

		rc = sk_error(SK_EREFUSED,
		              "version %s is released already, of %s and with other content; "
		              "give this one another name",
		              version, source ? source : "something else");
	} else if (!rc && *taken && r->opts->version) {
		rc = sk_error(SK_EREFUSED, "version %s is recorded, but damaged: %s", version,
		              e->damage);
	}
	sk_entry_free(e);
	sk_buf_free(&text);
	return rc;
}

/* The one that was asked for; or version_DATE, with a number when that stands for another. */
static int find_version(struct sk_releasing *r)
{
	struct sk_buf name = SK_BUF_INIT;
	time_t now = sk_now();
	bool taken = true;
	char day[32];
	struct tm tm;
	int rc = 0;

	if (r->opts->version) {
		rc = try_version(r, r->opts->version, &taken);
		r->out->version = rc ? NULL : strdup(r->opts->version);
		return rc || r->out->version ? rc : sk_error_oom();
	}
	if (!localtime_r(&now, &tm) || !strftime(day, sizeof day, "version_%Y-%m-%d", &tm))
		return sk_error(SK_EIO, "the clock cannot be read: name a version");
	for (int i = 1; taken && !rc; i++) {
		if (i == VERSIONS_MAX)
			rc = sk_error(SK_EBUSY, "no free version is left for today: name one");
		sk_buf_clear(&name);
		if (!rc)
			rc = i == 1 ? sk_buf_adds(&name, day) : sk_buf_addf(&name, "%s_%d", day, i);
		if (!rc)
			rc = try_version(r, name.ptr, &taken);
	}
	if (!rc && !(r->out->version = sk_buf_detach(&name)))
		rc = sk_error_oom();
	sk_buf_free(&name);
	return rc;
}

/* The folder that it lies in without links and "..", as people are told it. */
static int make_plain(char **path)
{
	char *slash = strrchr(*path, '/'), *folder, *real, *whole = NULL;
	int n = 0;

	if (!slash || slash == *path || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return 0;
	folder = strndup(*path, (size_t)(slash - *path));
	real = folder ? realpath(folder, NULL) : NULL;
	if (real)
		n = asprintf(&whole, "%s%s", strcmp(real, "/") == 0 ? "" : real, slash);
	free(folder);
	free(real);
	if (n < 0)
		return sk_error_oom();
	if (whole) {
		free(*path);
		*path = whole;
	}
	return 0;
}

static int find_place(struct sk_releasing *r)
{
	const char *dir = r->opts->dir;
	char *here = NULL, *p = NULL;
	int n = -1, rc;

	if (!dir) {
		n = asprintf(&p, "%s-%s", r->repo->worktree, r->out->version);
	} else if (*dir == '/') {
		n = asprintf(&p, "%s", dir);
	} else {
		here = getcwd(NULL, 0);
		if (here)
			n = asprintf(&p, "%s/%s", here, dir);
	}
	free(here);
	if (n < 0)
		return sk_error_oom();
	while (n > 1 && p[n - 1] == '/')
		p[--n] = '\0';
	r->out->dir = p;
	rc = make_plain(&r->out->dir);
	if (rc)
		return rc;
	return sk_release_place(r->out->dir);
}

/* Recording */

static int lock(const struct sk_repo *repo, int *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/release.lock", repo->skdir), fd = -1;

	if (!rc && (fd = sk_create(AT_FDCWD, path.ptr, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path.ptr);
	if (!rc && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		rc = sk_error(SK_EBUSY, "another release is being made here; wait for it");
		(void)close(fd);
	}
	if (!rc)
		*out = fd;
	sk_buf_free(&path);
	return rc;
}

static int fill_entry(const struct sk_releasing *r, struct sk_entry *e)
{
	char number[32];
	int rc = 0;

	e->kind = SK_RELEASE;
	e->tree = r->out->tree;
	e->created = sk_now();
	e->id = strdup(r->out->version);
	e->title = strdup(r->out->version);
	if (!e->id || !e->title)
		return sk_error_oom();
	(void)snprintf(number, sizeof number, "%zu", r->out->files);
	rc = sk_entry_set(e, "Sk-Trigger", "release");
	if (!rc)
		rc = sk_entry_set(e, "Sk-Worktree", r->repo->worktree_id);
	if (!rc && *r->source.head)
		rc = sk_entry_set(e, "Sk-Head", r->source.head);
	if (!rc)
		rc = sk_entry_set(e, "Sk-Source", r->source.words);
	if (!rc)
		rc = sk_entry_set(e, "Sk-Commit", sk_oid_str(&r->out->commit));
	if (!rc)
		rc = sk_entry_set(e, "Sk-Files", number);
	return rc;
}

/* `trees` is the packer that wrote the trees: they stay protected until the ref is there. */
static int record(struct sk_releasing *r, struct sk_packer *trees)
{
	struct sk_entry *e = calloc(1, sizeof *e);
	struct sk_packer *p = NULL;
	int rc = e ? fill_entry(r, e) : sk_error_oom();

	if (!rc)
		rc = sk_packer_new(r->repo, &p);
	if (!rc)
		rc = sk_entry_publish(r->repo, p, e);
	if (!rc && strcmp(e->id, r->out->version) != 0) {
		(void)sk_entry_delete(r->repo, &e, 1);
		rc = sk_error(SK_EREFUSED, "version %s was taken meanwhile: try again",
		              r->out->version);
	}
	if (!rc && sk_packer_recheck(trees) == SK_ENO) {
		(void)sk_entry_delete(r->repo, &e, 1);
		rc = sk_error(SK_EBUSY, "git took objects away meanwhile: try again");
	}
	sk_packer_free(p);
	sk_entry_free(e);
	return rc;
}

/* Everything that goes into the pack: trees, then files and links, each once or more. */
static int list_objects(const struct sk_releasing *r, struct sk_buf *out)
{
	int rc = 0;

	for (size_t i = 0; i < r->out->n && !rc; i++) {
		const struct sk_release_file *f = &r->out->file[i];

		if (!f->out && f->mode != 040000 && f->mode != 0160000)
			rc = sk_buf_addf(out, "%s\n", sk_oid_str(&f->oid));
	}
	return rc;
}

static int make(struct sk_releasing *r)
{
	struct sk_buf objects = SK_BUF_INIT, text = SK_BUF_INIT;
	struct sk_packer *p = NULL;
	struct sk_oid tree, commit;
	char *built = NULL;
	int rc = sk_packer_new(r->repo, &p);

	if (!rc)
		rc = sk_release_tree(r, p, &tree, &objects);
	if (!rc)
		rc = list_objects(r, &objects);
	if (!rc)
		rc = sk_packer_commit(p);
	if (!rc)
		rc = sk_release_commit(r, r->out->version, &tree, &text, &commit);
	if (!rc)
		rc = sk_release_build(r, r->out->dir, &text, &objects, &built);
	if (!rc && r->out->is_new) {
		rc = record(r, p);
		if (rc)
			(void)sk_remove_tree(AT_FDCWD, built);
	}
	if (!rc)
		rc = sk_release_put(built, r->out->dir);
	free(built);
	sk_packer_free(p);
	sk_buf_free(&objects);
	sk_buf_free(&text);
	return rc;
}

static int judge(struct sk_releasing *r)
{
	int rc = sk_release_find(r->repo, r->opts->from, &r->source);

	if (!rc && !(r->out->source = strdup(r->source.words)))
		rc = sk_error_oom();
	if (!rc)
		rc = sk_release_collect(r);
	if (!rc)
		rc = sk_release_attributes(r);
	if (!rc)
		rc = sk_release_choose(r);
	if (!rc && !r->out->files)
		rc = sk_error(SK_EREFUSED,
		              "no file is left to release: see [release] include and exclude, "
		              "and export-ignore in .gitattributes");
	if (!rc)
		rc = sk_release_check(r);
	if (!rc && r->out->found.blocks)
		rc = sk_error(SK_ENO, "not released: %zu finding%s to be mended first",
		              r->out->found.blocks, r->out->found.blocks == 1 ? "" : "s");
	return rc;
}

int sk_release(struct sk_repo *repo, const struct sk_release_options *opts, struct sk_release *out)
{
	struct sk_releasing r = { .repo = repo, .opts = opts, .out = out };
	int held = -1, rc = opts->version ? check_version(opts->version) : 0;

	if (!rc && !opts->dry_run)
		rc = lock(repo, &held);
	if (!rc)
		rc = judge(&r);
	if (!rc)
		rc = sk_release_tree(&r, NULL, &out->tree, NULL);
	if (!rc)
		rc = find_version(&r);
	if (!rc && asprintf(&out->ref, "refs/sk/release/%s", out->version) < 0) {
		out->ref = NULL;
		rc = sk_error_oom();
	}
	if (!rc)
		rc = find_place(&r);
	if (!rc && !opts->dry_run)
		rc = make(&r);
	if (held >= 0)
		(void)close(held);
	sk_release_source_clear(&r.source);
	return rc;
}
