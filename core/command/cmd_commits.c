/* What `list` and `restore` do with commits. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/commits.h"
#include "command/print.h"
#include "command/report.h"
#include "store/tips.h"

#define SHORT 10 /* digits of a commit's name that are shown */

/* --- list --------------------------------------------------------------------------------- */

static const char *const fates[] = { "reached", "lost", "below", "gone" };

static json_t *commit_json(const struct sk_keep_line *line, enum sk_commit_fate fate,
                           const char *subject)
{
	json_t *o = sk_json_add(json_object(), "commit", json_string(sk_oid_str(&line->oid)));

	o = sk_json_add(o, "ref", sk_json_text(line->ref));
	o = sk_json_add(o, "subject", sk_json_text(subject));
	o = sk_json_add(o, "first_seen", sk_json_time(line->first));
	o = sk_json_add(o, "last_seen", sk_json_time(line->last));
	return sk_json_add(o, "state", json_string(fates[fate]));
}

static int print_line(const struct sk_keep_line *line, enum sk_commit_fate fate,
                      const char *subject)
{
	struct sk_buf age = SK_BUF_INIT, place = SK_BUF_INIT, shown = SK_BUF_INIT,
	              text = SK_BUF_INIT;
	int rc;

	(void)sk_add_age(&age, line->last, sk_now());
	(void)sk_commit_place(line->ref, &place);
	(void)sk_add_text(&shown, sk_buf_str(&place), place.len);
	(void)sk_buf_addf(&text, "%s%.*s%s  %-15s %s%-20s%s ", sk_color(SK_YELLOW), SHORT,
	                  sk_oid_str(&line->oid), sk_color_reset(), sk_buf_str(&age),
	                  sk_color(SK_CYAN), sk_buf_str(&shown), sk_color_reset());
	(void)sk_add_text(&text, subject, strlen(subject));
	if (fate == SK_COMMIT_REACHED)
		(void)sk_buf_addf(&text, "  %s(still there)%s", sk_color(SK_DIM), sk_color_reset());
	(void)sk_buf_addc(&text, '\n');
	rc = sk_buf_ok(&age);
	rc = rc ? rc : sk_buf_ok(&shown);
	rc = rc ? rc : sk_buf_ok(&text);
	if (!rc)
		sk_out(text.ptr, text.len);
	sk_buf_free(&age);
	sk_buf_free(&place);
	sk_buf_free(&shown);
	sk_buf_free(&text);
	return rc;
}

static int show(const struct sk_call *call, const struct sk_keep_line *line,
                enum sk_commit_fate fate, json_t *all)
{
	struct sk_buf subject = SK_BUF_INIT;
	const char *oid = sk_oid_str(&line->oid);
	int rc = 0;

	if (call->nul) {
		sk_out(oid, strlen(oid) + 1);
		return 0;
	}
	rc = sk_commit_subject(call->repo, &line->oid, &subject);
	if (!rc && call->json)
		rc = json_array_append_new(all, commit_json(line, fate, sk_buf_str(&subject)))
		             ? sk_error_oom()
		             : 0;
	else if (!rc)
		rc = print_line(line, fate, sk_buf_str(&subject));
	sk_buf_free(&subject);
	return rc;
}

int sk_list_commits(struct sk_call *call, time_t since, time_t until, size_t max)
{
	bool every = sk_call_has(call, "all");
	struct sk_commits c = { .fate = NULL };
	json_t *all = call->json ? json_array() : NULL;
	size_t shown = 0;
	int rc = call->json && !all ? sk_error_oom() : 0;

	if (!rc && call->n_path)
		rc = sk_error(SK_EUSAGE, "list commits takes no paths");
	if (!rc)
		rc = sk_commits_load(call->repo, &c);
	if (!rc && !call->json && !call->nul)
		rc = sk_pager_start(call->repo);
	for (size_t i = 0; !rc && i < c.keep.n && shown < max && !sk_out_failed(); i++) {
		const struct sk_keep_line *line = &c.keep.line[i];

		if (line->last < since || line->last > until || c.fate[i] == SK_COMMIT_GONE ||
		    (!every && c.fate[i] != SK_COMMIT_LOST))
			continue;
		shown++;
		rc = show(call, line, c.fate[i], all);
	}
	if (!rc && call->json) {
		rc = sk_out_json(sk_json_add(json_object(), "commits", all));
		all = NULL;
	}
	if (!rc && !shown && !call->json && !call->nul)
		sk_note("no commit is lost%s",
		        every ? "" : "; --all shows those that are still reached too");
	json_decref(all);
	sk_commits_free(&c);
	return rc;
}

/* --- restore ------------------------------------------------------------------------------ */

struct wanted {
	struct sk_oid oid;
	char *ref; /* where it was seen; NULL: only git knows it */
};

static bool is_prefix(const char *what)
{
	size_t n = strspn(what, "0123456789abcdefABCDEF");

	return !what[n] && n >= 4 && n <= SK_OID_HEX;
}

static bool named(const char *ref, const char *what)
{
	static const char *const prefix[] = { "", "refs/heads/", "refs/tags/", "refs/" };

	for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
		size_t n = strlen(prefix[i]);

		if (strncmp(ref, prefix[i], n) == 0 && strcmp(ref + n, what) == 0)
			return true;
	}
	return false;
}

/* By the beginning of its name, or the newest that was lost from the ref. */
static int find_kept(const struct sk_commits *c, const char *what, const struct sk_keep_line **out)
{
	const struct sk_keep_line *found = NULL;

	for (size_t i = 0; i < c->keep.n && is_prefix(what); i++) {
		const struct sk_keep_line *line = &c->keep.line[i];

		if (c->fate[i] == SK_COMMIT_GONE ||
		    strncasecmp(sk_oid_str(&line->oid), what, strlen(what)) != 0)
			continue;
		if (found)
			return sk_error(SK_EUSAGE, "several commits begin with '%s'", what);
		found = line;
	}
	for (int fate = SK_COMMIT_LOST; fate <= SK_COMMIT_BELOW && !found; fate++)
		for (size_t i = 0; i < c->keep.n && !found; i++)
			if ((int)c->fate[i] == fate && named(c->keep.line[i].ref, what))
				found = &c->keep.line[i];
	*out = found;
	return 0;
}

static int find_by_git(const struct sk_repo *repo, const char *what, struct sk_oid *out)
{
	git_object *object = NULL, *commit = NULL;
	int rc = git_revparse_single(&object, repo->git, what);

	if (rc == 0)
		rc = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
	if (rc == 0)
		memcpy(out->id, git_object_id(commit)->id, SK_OID_RAW);
	git_object_free(object);
	git_object_free(commit);
	return rc == 0 ? 0
	               : sk_error(SK_ENO,
	                          "no commit %s is known; 'git sk list commits' shows what "
	                          "can be brought back",
	                          sk_name(what));
}

static int find(const struct sk_repo *repo, const char *what, struct wanted *out)
{
	const struct sk_keep_line *line = NULL;
	struct sk_commits c = { .fate = NULL };
	int rc = sk_commits_load(repo, &c);

	if (!rc)
		rc = find_kept(&c, what, &line);
	if (!rc && line) {
		out->oid = line->oid;
		out->ref = strdup(line->ref);
		rc = out->ref ? 0 : sk_error_oom();
	} else if (!rc) {
		rc = find_by_git(repo, what, &out->oid);
	}
	sk_commits_free(&c);
	return rc;
}

static int default_branch(const struct wanted *w, int n, struct sk_buf *out)
{
	sk_buf_clear(out);
	(void)sk_buf_adds(out, "recovered/");
	if (w->ref && strncmp(w->ref, "refs/heads/", 11) == 0)
		(void)sk_buf_adds(out, w->ref + 11);
	else if (w->ref && strncmp(w->ref, "refs/tags/", 10) == 0)
		(void)sk_buf_adds(out, w->ref + 10);
	else
		(void)sk_buf_addf(out, "%.*s", SHORT, sk_oid_str(&w->oid));
	return n > 1 ? sk_buf_addf(out, "_%d", n) : sk_buf_ok(out);
}

/* *free: the name can be used; *made: there is such a branch at that very commit. */
static int look_at_branch(const struct sk_repo *repo, const char *branch, const struct wanted *w,
                          bool *is_free, bool *made)
{
	char *name = NULL;
	git_oid oid;
	int rc, valid = 0;

	if (git_branch_name_is_valid(&valid, branch) < 0 || !valid)
		return sk_error(SK_EUSAGE, "%s is no name for a branch", sk_name(branch));
	if (asprintf(&name, "refs/heads/%s", branch) < 0)
		return sk_error_oom();
	rc = git_reference_name_to_id(&oid, repo->git, name);
	free(name);
	*is_free = rc == GIT_ENOTFOUND;
	*made = rc == 0 && memcmp(oid.id, w->oid.id, SK_OID_RAW) == 0;
	return 0;
}

static int choose_branch(const struct sk_call *call, const struct wanted *w, struct sk_buf *out,
                         bool *made)
{
	const char *given = sk_call_value(call, "branch");
	bool is_free = false;
	int rc = 0;

	*made = false;
	for (int n = 1; !rc && !is_free && !*made; n++) {
		rc = given ? sk_buf_adds(out, given) : default_branch(w, n, out);
		if (!rc)
			rc = look_at_branch(call->repo, sk_buf_str(out), w, &is_free, made);
		if (!rc && given && !is_free && !*made)
			rc = sk_error(SK_EREFUSED,
			              "branch %s exists and is left where it is; give another name",
			              sk_name(given));
	}
	return rc;
}

static int create_branch(const struct sk_repo *repo, const char *branch, const struct wanted *w)
{
	git_reference *ref = NULL;
	char *name = NULL;
	git_oid oid;
	int rc;

	if (asprintf(&name, "refs/heads/%s", branch) < 0)
		return sk_error_oom();
	memcpy(oid.id, w->oid.id, SK_OID_RAW);
	rc = git_reference_create(&ref, repo->git, name, &oid, 0, "git sk restore --commit");
	git_reference_free(ref);
	free(name);
	return rc == 0 ? 0 : sk_error_git(SK_EIO, "cannot make branch %s", sk_name(branch));
}

static int is_stashed(const struct sk_repo *repo, const struct wanted *w, bool *out)
{
	struct sk_tips tips = { 0 };
	int rc = sk_tips_now(repo, sk_now(), &tips);

	*out = false;
	for (size_t i = 0; !rc && i < tips.n; i++)
		*out |= strcmp(tips.item[i].ref, "refs/stash") == 0 &&
		        sk_oid_eq(&tips.item[i].oid, &w->oid);
	sk_tips_free(&tips);
	return rc;
}

static int store_stash(const struct sk_repo *repo, const struct wanted *w)
{
	struct sk_buf subject = SK_BUF_INIT, output = SK_BUF_INIT;
	char hex[SK_OID_HEX + 1];
	const char *args[] = { "stash", "store", "-m", NULL, hex, NULL };
	int status = 0, rc = sk_commit_subject(repo, &w->oid, &subject);

	sk_oid_hex(&w->oid, hex);
	args[3] = sk_buf_str(&subject);
	if (!rc)
		rc = sk_git_run(repo, args, NULL, &output, &status);
	if (!rc && status)
		rc = sk_error(SK_EIO, "git stash store failed");
	sk_buf_free(&subject);
	sk_buf_free(&output);
	return rc;
}

static int report(const struct sk_call *call, const struct wanted *w, const char *branch, bool made,
                  bool dry)
{
	struct sk_buf subject = SK_BUF_INIT, shown = SK_BUF_INIT;
	int rc = sk_commit_subject(call->repo, &w->oid, &subject);
	json_t *o;

	if (!rc && call->json) {
		o = sk_json_add(json_object(), "commit", json_string(sk_oid_str(&w->oid)));
		o = sk_json_add(o, "branch", branch ? sk_json_text(branch) : json_null());
		o = sk_json_add(o, "stash", json_boolean(!branch));
		o = sk_json_add(o, "new", json_boolean(!made));
		rc = sk_out_json(sk_json_add(o, "dry_run", json_boolean(dry)));
	} else if (!rc) {
		rc = sk_add_text(&shown, sk_buf_str(&subject), subject.len);
		sk_note("%s %s %.*s: %s", branch ? "a branch" : "a stash entry",
		        made  ? "is there already for"
		        : dry ? "would be made for"
		              : "for",
		        SHORT, sk_oid_str(&w->oid), sk_buf_str(&shown));
		sk_outf("%s\n", branch ? branch : "stash@{0}");
	}
	sk_buf_free(&subject);
	sk_buf_free(&shown);
	return rc;
}

int sk_restore_commit(struct sk_call *call, const char *what)
{
	struct sk_buf branch = SK_BUF_INIT;
	struct wanted w = { .ref = NULL };
	bool dry = sk_call_has(call, "dry-run"), stash, made = false;
	int rc = 0;

	if (call->n_arg || call->n_path || sk_call_has(call, "at") || sk_call_has(call, "staged"))
		rc = sk_error(SK_EUSAGE, "restore --commit takes neither ID, --at, --staged nor "
		                         "paths");
	if (!rc)
		rc = find(call->repo, what, &w);
	stash = w.ref && strcmp(w.ref, "refs/stash") == 0 && !sk_call_has(call, "branch");
	if (!rc)
		rc = stash ? is_stashed(call->repo, &w, &made)
		           : choose_branch(call, &w, &branch, &made);
	if (!rc && !dry && !made)
		rc = stash ? store_stash(call->repo, &w)
		           : create_branch(call->repo, branch.ptr, &w);
	if (!rc)
		rc = report(call, &w, stash ? NULL : branch.ptr, made, dry);
	sk_buf_free(&branch);
	free(w.ref);
	return rc;
}
