#include "command/commits.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "command/print.h"
#include "store/tips.h"

#define STASH "refs/stash"

static bool is_stash(const struct sk_keep_line *line)
{
	return strcmp(line->ref, STASH) == 0;
}

/* Every stash entry of now: older ones are in no ref. */
static int exclude_stashes(const struct sk_repo *repo, struct sk_buf *input)
{
	struct sk_tips tips = { 0 };
	int rc = sk_tips_now(repo, sk_now(), &tips);

	for (size_t i = 0; !rc && i < tips.n; i++)
		if (strcmp(tips.item[i].ref, STASH) == 0 && sk_repo_has(repo, &tips.item[i].oid))
			rc = sk_buf_addf(input, "^%s\n", sk_oid_str(&tips.item[i].oid));
	sk_tips_free(&tips);
	return rc;
}

static int by_oid(const void *a, const void *b)
{
	return sk_oid_cmp(a, b);
}

struct walked {
	struct sk_oid *lost, *parents; /* sorted */
	size_t n_lost, n_parents;
};

/* Lines "OID CHILD...": a commit with a child is a parent of another lost one. */
static int parse(const struct sk_buf *text, struct walked *out)
{
	size_t cap = text->len / (SK_OID_HEX + 1) + 1;
	const char *nl;

	out->lost = calloc(cap, sizeof *out->lost);
	out->parents = calloc(cap, sizeof *out->parents);
	if (!out->lost || !out->parents)
		return sk_error_oom();
	for (const char *p = sk_buf_str(text); *p && (nl = strchr(p, '\n')); p = nl + 1) {
		struct sk_oid oid;

		if (!sk_oid_parse(p, &oid))
			continue;
		out->lost[out->n_lost++] = oid;
		if (p[SK_OID_HEX] == ' ')
			out->parents[out->n_parents++] = oid;
	}
	qsort(out->lost, out->n_lost, sizeof *out->lost, by_oid);
	qsort(out->parents, out->n_parents, sizeof *out->parents, by_oid);
	return 0;
}

static bool holds(const struct sk_oid *list, size_t n, const struct sk_oid *oid)
{
	return n && bsearch(oid, list, n, sizeof *list, by_oid);
}

/* What no ref reaches, of the stash entries or of all others: a stash entry brings no branch back,
 * so that a commit below it counts as lost by itself. */
static int walk(const struct sk_repo *repo, struct sk_commits *c, bool stashes)
{
	static const char *const args[] = { "rev-list", "--children", "--ignore-missing",
		                            "--stdin",  "--not",      "--exclude=refs/sk/*",
		                            "--all",    NULL };
	struct sk_buf input = SK_BUF_INIT, output = SK_BUF_INIT;
	struct walked walked = { NULL, NULL, 0, 0 };
	int status = 0, rc = exclude_stashes(repo, &input);

	for (size_t i = 0; !rc && i < c->keep.n; i++)
		if (c->fate[i] != SK_COMMIT_GONE && is_stash(&c->keep.line[i]) == stashes)
			rc = sk_buf_addf(&input, "%s\n", sk_oid_str(&c->keep.line[i].oid));
	if (!rc)
		rc = sk_git_run(repo, args, &input, &output, &status);
	if (!rc && status)
		rc = sk_error(SK_EDAMAGED, "git rev-list failed; see git fsck");
	if (!rc)
		rc = parse(&output, &walked);
	for (size_t i = 0; !rc && i < c->keep.n; i++) {
		const struct sk_keep_line *line = &c->keep.line[i];

		if (is_stash(line) != stashes || !holds(walked.lost, walked.n_lost, &line->oid))
			continue;
		c->fate[i] = !stashes && holds(walked.parents, walked.n_parents, &line->oid)
		                     ? SK_COMMIT_BELOW
		                     : SK_COMMIT_LOST;
	}
	free(walked.lost);
	free(walked.parents);
	sk_buf_free(&input);
	sk_buf_free(&output);
	return rc;
}

int sk_commits_load(const struct sk_repo *repo, struct sk_commits *out)
{
	struct sk_commits c = { .fate = NULL };
	bool any[2] = { false, false };
	int rc = sk_keep_read(repo, &c.keep);

	if (rc)
		return rc;
	c.fate = calloc(c.keep.n + 1, sizeof *c.fate);
	rc = c.fate ? 0 : sk_error_oom();
	for (size_t i = 0; !rc && i < c.keep.n; i++) {
		if (!sk_repo_has(repo, &c.keep.line[i].oid))
			c.fate[i] = SK_COMMIT_GONE;
		else
			any[is_stash(&c.keep.line[i])] = true;
	}
	for (int stashes = 0; !rc && stashes < 2; stashes++)
		if (any[stashes])
			rc = walk(repo, &c, stashes == 1);
	if (rc)
		sk_commits_free(&c);
	else
		*out = c;
	return rc;
}

void sk_commits_free(struct sk_commits *commits)
{
	sk_keep_list_free(&commits->keep);
	free(commits->fate);
	*commits = (struct sk_commits){ .fate = NULL };
}

int sk_commit_subject(const struct sk_repo *repo, const struct sk_oid *oid, struct sk_buf *out)
{
	git_commit *commit = NULL;
	const char *text;
	git_oid id;

	memcpy(id.id, oid->id, SK_OID_RAW);
	if (git_commit_lookup(&commit, repo->git, &id) < 0)
		return 0;
	text = git_commit_summary(commit);
	(void)sk_buf_adds(out, text ? text : "");
	git_commit_free(commit);
	return sk_buf_ok(out);
}

int sk_commit_place(const char *ref, struct sk_buf *out)
{
	const char *slash = strrchr(ref, '/');

	if (strncmp(ref, "refs/heads/", 11) == 0)
		return sk_buf_adds(out, ref + 11);
	if (strncmp(ref, "refs/tags/", 10) == 0)
		return sk_buf_addf(out, "tag %s", ref + 10);
	if (strcmp(ref, STASH) == 0)
		return sk_buf_adds(out, "stash");
	if (strncmp(ref, "worktrees/", 10) == 0 && slash > ref + 10)
		return sk_buf_addf(out, "HEAD of worktree %.*s", (int)(slash - ref - 10), ref + 10);
	return sk_buf_adds(out, ref);
}
