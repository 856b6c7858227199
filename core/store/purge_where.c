#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repo/git.h"
#include "store/purge.h"
#include "store/reach.h"

#define REFS_MAX 100 /* of a kind, that are asked one by one */
#define MORE_MAX 3   /* paths that are named for each */

struct group {
	const char *glob;   /* of refs; NULL: see `option` */
	const char *option; /* of git rev-list */
	const char *what;
};

static const struct group groups[] = {
	{ "refs/heads/", "--branches", "branch " },
	{ "refs/tags/", "--tags", "tag " },
	{ "refs/remotes/", "--remotes", "remote branch " },
	{ NULL, "refs/stash", "the newest stash" },
	{ NULL, "HEAD", "HEAD" },
	{ NULL, "--indexed-objects", "the index: it is staged" },
	{ "refs/sk/", "--glob=refs/sk", "" },
};

/* The paths under which `git rev-list --objects` lists any of the blobs: "ID PATH". */
static int take_paths(const struct sk_buf *text, const struct sk_oidset *blobs, size_t *n,
                      struct sk_buf *out)
{
	const char *p = sk_buf_str(text), *nl;
	struct sk_oid oid;
	int rc = 0;

	for (; !rc && (nl = strchr(p, '\n')); p = nl + 1) {
		if (nl - p < SK_OID_HEX || !sk_oid_parse(p, &oid) || !sk_oidset_has(blobs, &oid))
			continue;
		if (++*n > MORE_MAX || nl - p <= SK_OID_HEX + 1)
			continue;
		rc = sk_buf_adds(out, out->len ? ", " : "");
		if (!rc)
			rc = sk_add_name(out, p + SK_OID_HEX + 1,
			                 (size_t)(nl - p) - SK_OID_HEX - 1);
	}
	if (!rc && *n > MORE_MAX)
		rc = sk_buf_adds(out, "...");
	return rc;
}

/* `input`: further ids.  *n: how many of the blobs it has. */
static int ask(const struct sk_repo *repo, const char *option, const struct sk_buf *input,
               const struct sk_oidset *blobs, size_t *n, struct sk_buf *paths)
{
	const char *const args[] = { "rev-list",
		                     "--objects",
		                     "--ignore-missing",
		                     "--missing=allow-any",
		                     input ? "--stdin" : option,
		                     "--",
		                     NULL };
	struct sk_buf text = SK_BUF_INIT, err = SK_BUF_INIT;
	int status = 0, rc;

	*n = 0;
	rc = sk_git_run_index(
	        repo, NULL,
	        input ? (const char *const[]){ args[0], args[1], args[2], args[3], args[4], NULL }
	              : args,
	        input, &text, &err, &status);
	/* no such ref: it has nothing */
	if (!rc && !status)
		rc = take_paths(&text, blobs, n, paths);
	sk_buf_free(&text);
	sk_buf_free(&err);
	return rc;
}

static int say(const char *what, const char *name, const struct sk_buf *paths, struct sk_strv *out)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc = sk_buf_adds(&line, what);

	if (!rc)
		rc = sk_add_name(&line, name, strlen(name));
	if (!rc && paths->len)
		rc = sk_buf_addf(&line, " (%s)", paths->ptr);
	if (!rc)
		rc = sk_strv_add(out, line.ptr);
	sk_buf_free(&line);
	return rc;
}

static int ask_each(const struct sk_repo *repo, const struct group *g,
                    const struct sk_oidset *blobs, struct sk_strv *out)
{
	const char *const args[] = { "for-each-ref", "--count=101", "--format=%(refname)", g->glob,
		                     NULL };
	struct sk_buf text = SK_BUF_INIT;
	size_t named = 0;
	int status = 0, rc = sk_git_run(repo, args, NULL, &text, &status);
	char *p = text.ptr, *nl;

	for (; !rc && p && (nl = strchr(p, '\n')) && named < REFS_MAX; p = nl + 1) {
		struct sk_buf paths = SK_BUF_INIT;
		size_t n = 0;

		*nl = '\0';
		rc = ask(repo, p, NULL, blobs, &n, &paths);
		if (!rc && n) {
			rc = say(g->what, p + strlen(g->glob), &paths, out);
			named++;
		}
		sk_buf_free(&paths);
	}
	if (!rc && !named)
		rc = sk_strv_add(out, g->what);
	sk_buf_free(&text);
	return rc;
}

static int ask_group(const struct sk_repo *repo, const struct group *g,
                     const struct sk_oidset *blobs, struct sk_strv *out)
{
	struct sk_buf paths = SK_BUF_INIT;
	size_t n = 0;
	int rc = ask(repo, g->option, NULL, blobs, &n, &paths);

	if (!rc && n)
		rc = g->glob ? ask_each(repo, g, blobs, out) : say(g->what, "", &paths, out);
	sk_buf_free(&paths);
	return rc;
}

int sk_purge_where(const struct sk_repo *repo, const struct sk_oidset *blobs, struct sk_strv *out)
{
	struct sk_buf logs = SK_BUF_INIT, paths = SK_BUF_INIT;
	size_t n = 0;
	int rc = 0;

	if (!blobs->n)
		return 0;
	for (size_t i = 0; !rc && i < sizeof groups / sizeof groups[0]; i++)
		rc = ask_group(repo, &groups[i], blobs, out);
	if (!rc)
		rc = sk_reach_logs(repo, &logs);
	if (!rc && logs.len)
		rc = ask(repo, NULL, &logs, blobs, &n, &paths);
	if (!rc && n)
		rc = say("reflogs (stashes and what HEAD and branches were)", "", &paths, out);
	sk_buf_free(&logs);
	sk_buf_free(&paths);
	return rc;
}
