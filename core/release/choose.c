#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "release/release_parts.h"
#include "repo/git.h"
#include "repo/ignore.h"

/* Attributes: git itself reads them, from an index of its own that holds the source's tree. */

static const char *const wanted[] = { "export-ignore", "export-subst", "filter",
	                              "conflict-marker-size" };
#define WANTED (sizeof wanted / sizeof *wanted)

/* An index of a release that was killed goes with the next one. */
static int index_folder(const struct sk_repo *repo, char **out)
{
	static const char prefix[] = "release-index.";
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_release_sweep(repo->skdir, prefix);

	if (!rc)
		rc = sk_buf_addf(&path, "%s/%s%ld.tmp", repo->skdir, prefix, (long)getpid());
	if (!rc)
		rc = sk_mkdirs(path.ptr, 0700);
	if (!rc)
		*out = sk_buf_detach(&path);
	sk_buf_free(&path);
	return rc;
}

static int git_failed(const char *what, const struct sk_buf *errors)
{
	const char *words = sk_buf_str(errors);

	return sk_error(SK_EIO, "git %s failed: %.*s", what, (int)strcspn(words, "\n"), words);
}

static int ask(const struct sk_repo *repo, const char *tree, const struct sk_buf *paths,
               const char *index, struct sk_buf *out)
{
	const char *const fill[] = { "read-tree", tree, NULL };
	const char *const look[] = { "check-attr", "--cached", "--stdin", "-z", wanted[0],
		                     wanted[1],    wanted[2],  wanted[3], NULL };
	struct sk_buf errors = SK_BUF_INIT;
	int status = 0, rc;

	rc = sk_git_run_index(repo, index, fill, NULL, NULL, &errors, &status);
	if (!rc && status)
		rc = git_failed("read-tree", &errors);
	sk_buf_clear(&errors);
	if (!rc)
		rc = sk_git_run_index(repo, index, look, paths, out, &errors, &status);
	if (!rc && status)
		rc = git_failed("check-attr", &errors);
	sk_buf_free(&errors);
	return rc;
}

static void take(struct sk_release_file *f, size_t which, const char *value)
{
	bool set = strcmp(value, "set") == 0;
	unsigned long size;
	char *end;

	if (which == 0 && set)
		f->out = true;
	else if (which == 1 && set)
		f->subst = true;
	else if (which == 2)
		f->lfs = strcmp(value, "lfs") == 0;
	if (which != 3)
		return;
	size = strtoul(value, &end, 10);
	if (size > 0 && size <= 1000 && !*end)
		f->marker = (uint32_t)size;
}

/* PATH NUL ATTRIBUTE NUL VALUE NUL, in the order that was asked for. */
static int read_answer(struct sk_release *out, const struct sk_buf *text)
{
	const char *p = sk_buf_str(text), *end = p + text->len;
	size_t i = 0;

	for (; p < end && i < out->n * WANTED; i++) {
		p += strlen(p) + 1;
		if (p < end)
			p += strlen(p) + 1;
		if (p >= end)
			break;
		take(&out->file[i / WANTED], i % WANTED, p);
		p += strlen(p) + 1;
	}
	return i == out->n * WANTED ? 0 : sk_error(SK_EIO, "git check-attr told only some of it");
}

int sk_release_attributes(struct sk_releasing *r)
{
	struct sk_buf paths = SK_BUF_INIT, text = SK_BUF_INIT, index = SK_BUF_INIT;
	char *folder = NULL;
	int rc = 0;

	if (!r->out->n)
		return 0;
	for (size_t i = 0; i < r->out->n && !rc; i++) { /* git marks a folder by its slash */
		const struct sk_release_file *f = &r->out->file[i];

		rc = sk_buf_addf(&paths, "%s%s", f->path, f->mode == 040000 ? "/" : "");
		if (!rc)
			rc = sk_buf_addc(&paths, '\0');
	}
	if (!rc)
		rc = index_folder(r->repo, &folder);
	if (!rc)
		rc = sk_buf_addf(&index, "%s/index", folder);
	if (!rc)
		rc = ask(r->repo, sk_oid_str(&r->source.tree), &paths, index.ptr, &text);
	if (!rc)
		rc = read_answer(r->out, &text);
	if (folder)
		(void)sk_remove_tree(AT_FDCWD, folder);
	free(folder);
	sk_buf_free(&paths);
	sk_buf_free(&text);
	sk_buf_free(&index);
	return rc;
}

/* Patterns */

static int add_list(const char *text, struct sk_strv *out)
{
	int rc = 0;

	for (const char *p = text; p && *p && !rc; p += *p == ',') {
		size_t len;

		p += strspn(p, " ");
		len = strcspn(p, ",");
		if (len)
			rc = sk_strv_addn(out, p, len);
		p += len;
	}
	return rc;
}

static int patterns(const struct sk_releasing *r, struct sk_patterns **in, struct sk_patterns **ex)
{
	const struct sk_release_options *o = r->opts;
	struct sk_strv except = SK_STRV_INIT, only = SK_STRV_INIT;
	int rc = add_list(sk_config_get(r->repo->config, "release.exclude"), &except);

	for (size_t i = 0; !rc && o->except && i < o->except->n; i++)
		rc = sk_strv_add(&except, o->except->item[i]);
	if (!rc && (!o->only || !o->only->n))
		rc = add_list(sk_config_get(r->repo->config, "release.include"), &only);
	if (!rc)
		rc = sk_patterns_new(o->only && o->only->n ? o->only : &only, false, in);
	if (!rc)
		rc = sk_patterns_new(&except, false, ex);
	sk_strv_free(&except);
	sk_strv_free(&only);
	return rc;
}

static bool is_below(const char *path, const char *dir, size_t len)
{
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

int sk_release_choose(struct sk_releasing *r)
{
	struct sk_patterns *in = NULL, *ex = NULL;
	const char *dir = NULL; /* a folder that stays out with all that is in it */
	size_t dir_len = 0;
	int rc = patterns(r, &in, &ex);

	for (size_t i = 0; i < r->out->n && !rc; i++) {
		struct sk_release_file *f = &r->out->file[i];
		bool is_dir = f->mode == 040000;
		size_t len = strlen(f->path);

		if (dir && is_below(f->path, dir, dir_len))
			f->out = true;
		else if (is_dir && f->out) {
			dir = f->path;
			dir_len = len;
		}
		if (is_dir)
			continue;
		if (!f->out)
			f->out = !sk_patterns_match(in, f->path, len, false) ||
			         sk_patterns_match(ex, f->path, len, false);
		if (f->out) {
			r->out->left_out++;
			continue;
		}
		r->out->files++;
		r->out->bytes += f->size;
	}
	sk_patterns_free(in);
	sk_patterns_free(ex);
	return rc;
}
