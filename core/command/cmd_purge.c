#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/snapshot.h"
#include "command/command.h"
#include "command/print.h"
#include "command/purge_vault.h"
#include "command/report.h"
#include "command/secrets_found.h"
#include "command/worktrees.h"
#include "store/purge.h"

#define WAIT_S 60
#define SHOWN 10

struct job {
	struct sk_call *call;
	struct sk_purge_what what;
	struct sk_purge result;
	struct sk_strv where;   /* in the user's own things */
	struct sk_strv present; /* paths in the working tree */
	struct sk_strv vaults;  /* what became of each */
};

static void job_clear(struct job *j)
{
	sk_purge_what_clear(&j->what);
	sk_purge_clear(&j->result);
	sk_strv_free(&j->where);
	sk_strv_free(&j->present);
	sk_strv_free(&j->vaults);
}

/* --- what is meant ------------------------------------------------------------------------- */

/* As typed, relative to where we stand; with wildcards it is taken as a pattern. */
static int add_path(struct job *j, const char *text)
{
	const struct sk_repo *repo = j->call->repo;
	struct sk_buf pattern = SK_BUF_INIT;
	size_t len = strlen(text);
	char *path = NULL;
	int rc = 0;

	if (text[strcspn(text, "*?[")]) {
		if (*text == '/' || *text == ':')
			return sk_error(SK_EUSAGE, "'%s': a pattern is relative to where you stand",
			                sk_name(text));
		rc = sk_buf_addf(&pattern, "%s%s", repo->prefix, text);
	} else {
		rc = sk_repo_path(repo, text, &path);
		if (!rc && !*path)
			rc = sk_error(SK_EUSAGE, "this would purge everything; git sk uninit "
			                         "--purge deletes all backups");
		if (!rc)
			rc = sk_buf_addf(&pattern, "%s%s", path, text[len - 1] == '/' ? "/" : "");
	}
	if (!rc)
		rc = sk_strv_add(&j->what.paths, pattern.ptr);
	free(path);
	sk_buf_free(&pattern);
	return rc;
}

static int add_blob(struct job *j, const char *text)
{
	size_t len = strlen(text);
	char padded[SK_OID_HEX + 1];
	git_object_t type = GIT_OBJECT_BLOB;
	struct sk_oid oid;
	git_odb *odb = NULL;
	git_oid id, full;
	int err;

	if (len < 7 || len > SK_OID_HEX || text[strspn(text, "0123456789abcdefABCDEF")])
		return sk_error(SK_EUSAGE, "'%s' is no object id: 7 to 40 hex digits",
		                sk_name(text));
	memset(padded, '0', SK_OID_HEX);
	padded[SK_OID_HEX] = '\0';
	memcpy(padded, text, len);
	if (git_oid_fromstr(&id, padded) < 0 || git_repository_odb(&odb, j->call->repo->git) < 0)
		return sk_error_git(SK_EIO, "cannot open the object database");
	err = git_odb_exists_prefix(&full, odb, &id, len);
	if (!err)
		(void)git_odb_read_header(&(size_t){ 0 }, &type, odb, &full);
	git_odb_free(odb);
	if (err == GIT_EAMBIGUOUS)
		return sk_error(SK_EUSAGE, "several objects begin with '%s'", text);
	if (err)
		return sk_error(SK_ENO, "there is no object '%s' here", text);
	if (type != GIT_OBJECT_BLOB)
		return sk_error(SK_EUSAGE, "'%s' is a %s, not a file's content", text,
		                git_object_type2string(type));
	memcpy(oid.id, full.id, SK_OID_RAW);
	return sk_oidset_add(&j->what.blobs, &oid, SK_OBJ_BLOB, NULL);
}

static int set_text(struct job *j, bool secrets)
{
	struct sk_buf text = SK_BUF_INIT;
	const struct sk_oidset_slot *slot;
	size_t at = 0, shown = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < j->what.paths.n; i++) {
		(void)sk_buf_addf(&text, "%spath ", text.len ? ", " : "");
		rc = sk_add_name(&text, j->what.paths.item[i], strlen(j->what.paths.item[i]));
	}
	if (!rc && secrets)
		rc = sk_buf_addf(&text, "%ssecrets", text.len ? ", " : "");
	while (!rc && !secrets && (slot = sk_oidset_next(&j->what.blobs, &at)))
		if (shown++ < SHOWN)
			rc = sk_buf_addf(&text, "%sblob %.12s", text.len ? ", " : "",
			                 sk_oid_str(&slot->oid));
	if (!rc)
		j->what.text = sk_buf_detach(&text);
	else
		sk_buf_free(&text);
	return rc ? rc : j->what.text ? 0 : sk_error_oom();
}

static int read_call(struct job *j)
{
	const struct sk_call *call = j->call;
	bool secrets = sk_call_has(call, "secrets");
	int rc = sk_call_args(call, 0, 0);

	for (size_t i = 0; !rc && i < call->n_given; i++) {
		const char *name = call->given[i].option->name;

		if (strcmp(name, "path") == 0)
			rc = add_path(j, call->given[i].value);
		else if (strcmp(name, "blob") == 0)
			rc = add_blob(j, call->given[i].value);
	}
	if (!rc && secrets)
		rc = sk_secrets_find(call, &j->what.blobs);
	return rc ? rc : set_text(j, secrets);
}

/* --- what is in the working tree ----------------------------------------------------------- */

static int look_at_node(struct job *j, const struct sk_node *dir, struct sk_buf *path)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < dir->n_children; i++) {
		const struct sk_node *kid = &dir->child[i];
		size_t before = path->len;

		rc = sk_buf_adds(path, before ? "/" : "");
		if (!rc)
			rc = sk_buf_add(path, kid->name, kid->name_len);
		if (!rc && kid->mode == 040000)
			rc = look_at_node(j, kid, path);
		else if (!rc &&
		         (sk_oidset_has(&j->result.content, &kid->oid) ||
		          (j->what.paths.n && sk_purge_matches(&j->what.paths, path->ptr, false))))
			rc = sk_strv_add(&j->present, path->ptr);
		sk_buf_truncate(path, before);
	}
	return rc;
}

/* The next backup would save it again. */
static int look_at_worktree(struct job *j)
{
	const struct sk_scan_opts opts = { .packer = NULL };
	struct sk_snapshot *snap = NULL;
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_scan(j->call->repo, &opts, &snap);

	if (!rc)
		rc = look_at_node(j, snap->root, &path);
	for (size_t i = 0; !rc && i < snap->n_nested; i++) {
		sk_buf_clear(&path);
		rc = sk_buf_adds(&path, snap->nested[i].path);
		if (!rc)
			rc = look_at_node(j, snap->nested[i].root, &path);
	}
	sk_buf_free(&path);
	sk_snapshot_free(snap);
	return rc;
}

/* --- reporting ----------------------------------------------------------------------------- */

static const char *id_of(const char *ref)
{
	return strrchr(ref, '/') + 1;
}

static int print_list(const char *head, const struct sk_strv *list, size_t max)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = 0;

	if (!list->n)
		return 0;
	(void)sk_buf_addf(&text, "%s\n", head);
	for (size_t i = 0; i < list->n && i < max; i++) {
		(void)sk_buf_adds(&text, "  ");
		(void)sk_add_text(&text, list->item[i], strlen(list->item[i]));
		(void)sk_buf_addc(&text, '\n');
	}
	if (list->n > max)
		(void)sk_buf_addf(&text, "  and %zu more\n", list->n - max);
	rc = sk_buf_ok(&text);
	if (!rc)
		sk_out(text.ptr, text.len);
	sk_buf_free(&text);
	return rc;
}

static int print_entries(const struct job *j, bool dry)
{
	const struct sk_purge *p = &j->result;
	int rc = 0;

	for (size_t i = 0; !rc && i < p->n; i++) {
		struct sk_buf line = SK_BUF_INIT;

		(void)sk_buf_addf(&line, "%s %s: ", dry ? "would change" : "changed",
		                  id_of(p->entry[i].ref));
		for (size_t k = 0; k < p->entry[i].paths.n && k < SHOWN; k++) {
			const char *path = p->entry[i].paths.item[k];

			(void)sk_buf_adds(&line, k ? ", " : "");
			(void)sk_add_name(&line, path, strlen(path));
		}
		if (p->entry[i].paths.n > SHOWN)
			(void)sk_buf_adds(&line, "...");
		rc = sk_buf_addc(&line, '\n');
		if (!rc)
			sk_out(line.ptr, line.len);
		sk_buf_free(&line);
	}
	return rc;
}

static int print_text(const struct job *j, bool dry)
{
	const struct sk_purge *p = &j->result;
	int rc = print_entries(j, dry);

	if (!rc)
		rc = print_list(dry ? "kept commits that would be let go:"
		                    : "kept commits that were let go:",
		                &p->commits, SHOWN);
	if (!rc)
		rc = print_list("not looked at, because they are damaged (git sk verify --repair):",
		                &p->damaged, SHOWN);
	if (!rc)
		rc = print_list("borrowed from another repository, which still has them:",
		                &p->borrowed, SHOWN);
	if (!rc)
		rc = print_list(dry ? "your own things that have it, and keep it:"
		                    : "your own things still have it:",
		                &j->where, SIZE_MAX);
	if (!rc)
		rc = print_list("in the working tree; the next backup saves it again, unless it "
		                "is deleted or ignored:",
		                &j->present, SHOWN);
	if (!rc)
		rc = print_list("vaults:", &j->vaults, SIZE_MAX);
	sk_out_flush();
	if (!rc)
		sk_note("%zu %s %s; %zu file contents, %zu objects %s", p->n,
		        p->n == 1 ? "entry" : "entries", dry ? "would be changed" : "changed",
		        p->content.n, p->objects, dry ? "would be deleted" : "deleted");
	return rc;
}

static json_t *texts(const struct sk_strv *list, const char *(*of)(const char *))
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < list->n; i++)
		if (json_array_append_new(a,
		                          sk_json_text(of ? of(list->item[i]) : list->item[i]))) {
			json_decref(a);
			a = NULL;
		}
	return a;
}

static int print_json(const struct job *j, bool dry)
{
	const struct sk_purge *p = &j->result;
	json_t *list = json_array(), *o = json_object();

	for (size_t i = 0; list && i < p->n; i++) {
		json_t *e = sk_json_add(json_object(), "id", sk_json_text(id_of(p->entry[i].ref)));

		e = sk_json_add(e, "paths", texts(&p->entry[i].paths, NULL));
		if (json_array_append_new(list, e)) {
			json_decref(list);
			list = NULL;
		}
	}
	o = sk_json_add(o, "what", sk_json_text(j->what.text));
	o = sk_json_add(o, "entries", list);
	o = sk_json_add(o, "contents", json_integer((json_int_t)p->content.n));
	o = sk_json_add(o, "objects", json_integer((json_int_t)p->objects));
	o = sk_json_add(o, "commits", texts(&p->commits, NULL));
	o = sk_json_add(o, "damaged", texts(&p->damaged, id_of));
	o = sk_json_add(o, "elsewhere", texts(&j->where, NULL));
	o = sk_json_add(o, "worktree", texts(&j->present, NULL));
	o = sk_json_add(o, "vaults", texts(&j->vaults, NULL));
	return sk_out_json(sk_json_add(o, "dry_run", json_boolean(dry)));
}

static int print(const struct job *j, bool dry)
{
	return j->call->json ? print_json(j, dry) : print_text(j, dry);
}

/* --- doing it ------------------------------------------------------------------------------ */

static int run(struct job *j, bool dry)
{
	const struct sk_repo *repo = j->call->repo;
	struct sk_worktree_locks locks = { 0 };
	int rc = sk_worktrees_lock(repo, "git sk purge", WAIT_S, &locks);

	sk_purge_clear(&j->result);
	if (!rc)
		rc = sk_purge_run(repo, &j->what, dry, &j->result);
	if (!rc && !dry)
		rc = sk_worktrees_forget(repo);
	sk_worktrees_unlock(&locks);
	return rc;
}

/* Finishes what a crash interrupted. */
static int complete(struct sk_call *call, bool *had)
{
	struct job j = { .call = call };
	int rc = sk_purge_pending(call->repo, &j.what);

	*had = rc == 0;
	if (rc == SK_ENO)
		return 0;
	if (!rc && sk_call_has(call, "dry-run"))
		sk_note("a purge was interrupted (%s); the next one completes it", j.what.text);
	else if (!rc) {
		sk_note("completing the purge that was interrupted: %s", j.what.text);
		rc = run(&j, false);
	}
	job_clear(&j);
	return rc;
}

static int ask(const struct job *j, bool *go)
{
	int rc;

	if (!isatty(0))
		return sk_error(SK_EREFUSED,
		                "purge asks first, and there is no terminal: give --yes");
	rc = print_text(j, true);
	if (!rc)
		rc = sk_confirm("delete this for good, with no way back? [y/N] ", go);
	return rc;
}

static bool nothing(const struct job *j)
{
	return !j->result.n && !j->result.commits.n && !j->result.objects;
}

static int plan_and_do(struct job *j)
{
	bool dry = sk_call_has(j->call, "dry-run"), go = dry || sk_call_has(j->call, "yes");
	bool vault = sk_call_has(j->call, "vault") && !dry;
	int rc = run(j, true), after = 0;

	if (!rc)
		rc = look_at_worktree(j);
	if (!rc)
		rc = sk_purge_where(j->call->repo, &j->result.needed, &j->where);
	if (!rc && !go && !nothing(j))
		rc = ask(j, &go);
	if (!rc && !dry && go && !nothing(j)) {
		rc = run(j, false);
		sk_strv_free(&j->where);
		if (!rc)
			rc = sk_purge_where(j->call->repo, &j->result.needed, &j->where);
	} else if (!rc && !dry && !go && !nothing(j)) {
		sk_note("nothing was done");
		return SK_ENO;
	}
	if (!rc && vault && go)
		after = sk_purge_vaults(j->call->repo, &j->vaults);
	if (!rc)
		rc = print(j, dry);
	if (!rc && after)
		rc = after;
	if (!rc && j->result.damaged.n)
		rc = sk_error(SK_EDAMAGED, "%zu entries are damaged and were left as they are",
		              j->result.damaged.n);
	return rc;
}

int sk_cmd_purge(struct sk_call *call)
{
	struct job j = { .call = call };
	bool had = false;
	int rc = complete(call, &had);

	if (!rc && !call->n_given && had) {
		job_clear(&j);
		return 0;
	}
	if (!rc && !sk_call_has(call, "path") && !sk_call_has(call, "blob") &&
	    !sk_call_has(call, "secrets") && !had)
		rc = sk_error(SK_EUSAGE, "say what: --path, --blob or --secrets");
	if (!rc && sk_call_has(call, "vault") && !sk_call_has(call, "dry-run"))
		rc = sk_purge_vaults_fetch(call->repo);
	if (!rc)
		rc = read_call(&j);
	if (!rc && (j.what.paths.n || j.what.blobs.n))
		rc = plan_and_do(&j);
	else if (!rc && sk_call_has(call, "secrets"))
		sk_note("no secret was found");
	job_clear(&j);
	return rc;
}
