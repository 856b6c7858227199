#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/proc.h"
#include "base/text.h"
#include "capture/backup.h"
#include "release/release_parts.h"
#include "repo/git.h"
#include "store/entry.h"

#define LOCK_WAIT 30

void sk_release_source_clear(struct sk_release_source *s)
{
	free(s->idents);
	free(s->words);
	sk_strv_free(&s->nested);
	sk_strv_free(&s->missing);
	*s = (struct sk_release_source){ 0 };
}

static int keep(struct sk_release_source *s, struct sk_buf *idents, struct sk_buf *words)
{
	s->idents = sk_buf_detach(idents);
	s->words = sk_buf_detach(words);
	return s->idents && s->words ? 0 : sk_error_oom();
}

/* A commit.  Its own lines, byte for byte: what they are encoded in, too. */
static int from_commit(git_commit *commit, struct sk_release_source *out)
{
	static const char *const wanted[] = { "author ", "committer ", "encoding " };
	struct sk_buf idents = SK_BUF_INIT, words = SK_BUF_INIT;
	const char *header = git_commit_raw_header(commit);

	for (const char *p = header; p && *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
			if (strncmp(p, wanted[i], strlen(wanted[i])) == 0)
				(void)sk_buf_addf(&idents, "%.*s\n", (int)len, p);
		p += len;
	}
	memcpy(out->tree.id, git_commit_tree_id(commit)->id, SK_OID_RAW);
	(void)git_oid_tostr(out->head, sizeof out->head, git_commit_id(commit));
	(void)sk_buf_addf(&words, "commit %s", out->head);
	return keep(out, &idents, &words);
}

static int commit_of(const struct sk_repo *repo, const char *name, struct sk_release_source *out)
{
	struct sk_buf spec = SK_BUF_INIT;
	git_object *object = NULL;
	int rc = sk_buf_addf(&spec, "%s^{commit}", name);

	if (!rc && git_revparse_single(&object, repo->git, spec.ptr) < 0)
		rc = sk_error(SK_ENO,
		              "'%s' is no backup, revision or commit ('git sk list' shows the "
		              "first two)",
		              sk_name(name));
	if (!rc)
		rc = from_commit((git_commit *)object, out);
	git_object_free(object);
	sk_buf_free(&spec);
	return rc;
}

static int head_commit(const struct sk_repo *repo, struct sk_release_source *out)
{
	struct sk_oid oid;
	char *branch = NULL;
	int rc = sk_repo_head(repo, &oid, &branch);

	free(branch);
	if (!rc && sk_oid_is_zero(&oid))
		rc = sk_error(SK_ENO, "there is no commit yet; release what lies here with "
		                      "'--from worktree'");
	return rc ? rc : commit_of(repo, sk_oid_str(&oid), out);
}

/* An entry */

/* "author NAME <MAIL>", as git would write it now, and a time that does not change. */
static int add_ident(const struct sk_repo *repo, const char *who, const char *var, time_t when,
                     struct sk_buf *out)
{
	const char *const args[] = { "var", var, NULL };
	struct sk_buf text = SK_BUF_INIT, errors = SK_BUF_INIT;
	const char *mail = NULL;
	int status = 0, rc;

	rc = sk_git_run_index(repo, NULL, args, NULL, &text, &errors, &status);
	if (!rc && !status)
		mail = strrchr(sk_buf_str(&text), '>');
	if (!rc && !mail)
		rc = sk_error(SK_EUSAGE, "git does not know who you are: git config --global "
		                         "user.name and user.email tell it");
	if (!rc)
		rc = sk_buf_addf(out, "%s %.*s %lld +0000\n", who, (int)(mail - text.ptr + 1),
		                 text.ptr, (long long)(when < 0 ? 0 : when));
	sk_buf_free(&text);
	sk_buf_free(&errors);
	return rc;
}

/* What git knew when the entry was made: what was staged, else the commit's tree. */
static int find_tracked(const struct sk_repo *repo, const struct sk_entry *e,
                        struct sk_release_source *out)
{
	struct sk_oid oid;
	git_commit *commit = NULL;
	git_oid id;

	if (sk_entry_get_oid(e, "Sk-Head", &oid))
		sk_oid_hex(&oid, out->head);
	if (sk_entry_get_oid(e, "Sk-Index", &out->tracked) || !*out->head)
		return 0;
	memcpy(id.id, oid.id, SK_OID_RAW);
	if (git_commit_lookup(&commit, repo->git, &id) < 0)
		return 0;
	memcpy(out->tracked.id, git_commit_tree_id(commit)->id, SK_OID_RAW);
	git_commit_free(commit);
	return 0;
}

static int add_paths(const struct sk_meta *meta, char kind, struct sk_strv *out)
{
	size_t n = 0;
	const struct sk_meta_path *p = sk_meta_kind(meta, kind, &n);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = sk_strv_add(out, p[i].path);
	return rc;
}

/* What the tree of an entry does not have. */
static int find_missing(const struct sk_repo *repo, const struct sk_entry *e,
                        struct sk_release_source *out)
{
	struct sk_strv chosen = SK_STRV_INIT;
	struct sk_meta meta;
	struct sk_oid oid;
	int rc;

	if (!sk_entry_get_oid(e, "Sk-Meta", &oid))
		return 0;
	sk_meta_init(&meta);
	rc = sk_meta_read(repo, &oid, &meta);
	if (!rc)
		rc = add_paths(&meta, 'N', &out->nested);
	if (!rc)
		rc = add_paths(&meta, 'S', &out->missing);
	if (!rc)
		rc = add_paths(&meta, 'P', &chosen);
	if (!rc)
		rc = add_paths(&meta, 'X', &chosen);
	out->chosen = chosen.n != 0;
	sk_strv_free(&chosen);
	sk_meta_clear(&meta);
	return rc;
}

static int from_entry(const struct sk_repo *repo, const struct sk_entry *e,
                      struct sk_release_source *out)
{
	struct sk_buf idents = SK_BUF_INIT, words = SK_BUF_INIT;
	int rc = 0;

	if (e->damaged)
		return sk_error(SK_EDAMAGED, "%s %s is damaged: %s", sk_kind_name(e->kind), e->id,
		                e->damage);
	out->tree = e->tree;
	out->saved = e->kind != SK_RELEASE;
	rc = add_ident(repo, "author", "GIT_AUTHOR_IDENT", e->created, &idents);
	if (!rc)
		rc = add_ident(repo, "committer", "GIT_COMMITTER_IDENT", e->created, &idents);
	if (!rc)
		rc = find_tracked(repo, e, out);
	if (!rc)
		rc = find_missing(repo, e, out);
	if (!rc)
		rc = sk_buf_addf(&words, "%s %s", sk_kind_name(e->kind), e->id);
	if (!rc)
		return keep(out, &idents, &words);
	sk_buf_free(&idents);
	sk_buf_free(&words);
	return rc;
}

static int from_worktree(struct sk_repo *repo, struct sk_release_source *out)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                       .trigger = "release",
		                       .wait_seconds = LOCK_WAIT };
	struct sk_backup_result r = { 0 };
	int rc = sk_backup(repo, &opts, &r);

	if (rc == SK_EPARTIAL)
		rc = sk_error(SK_EPARTIAL, "some files cannot be read ('git sk backup' names "
		                           "them): make them readable first");
	if (!rc)
		rc = from_entry(repo, r.entry, out);
	sk_backup_result_clear(&r);
	return rc;
}

/* What a release of HEAD does not have is said, when files differ from it. */
int sk_release_changed(const struct sk_repo *repo, size_t *out)
{
	static const char *const args[] = { "status", "--porcelain",  "-z",
		                            "-uno",   "--no-renames", NULL };
	struct sk_buf text = SK_BUF_INIT, errors = SK_BUF_INIT;
	int status = 0, rc = sk_git_run_index(repo, NULL, args, NULL, &text, &errors, &status);

	*out = 0;
	for (size_t i = 0; !rc && i < text.len; i++)
		*out += text.ptr[i] == '\0';
	sk_buf_free(&text);
	sk_buf_free(&errors);
	return rc;
}

int sk_release_find(struct sk_repo *repo, const char *from, struct sk_release_source *out)
{
	struct sk_entry *e = NULL;
	int rc;

	if (!from || strcmp(from, "HEAD") == 0)
		return head_commit(repo, out);
	if (strcmp(from, "worktree") == 0)
		return from_worktree(repo, out);
	rc = sk_entry_select(repo, from, &e);
	if (rc == SK_ENO)
		return commit_of(repo, from, out);
	if (!rc)
		rc = from_entry(repo, e, out);
	sk_entry_free(e);
	return rc;
}
