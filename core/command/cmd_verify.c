#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/backup.h"
#include "capture/state.h"
#include "capture/state_check.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "command/vault.h"
#include "command/worktrees.h"
#include "store/distrust.h"
#include "store/repair.h"
#include "store/vault_source.h"
#include "store/verify.h"

#define WAIT_S 60
#define IDS_SHOWN 3

struct job {
	struct sk_call *call;
	struct sk_strv refs; /* of the entries that were asked for */
	struct sk_verify found;
	struct sk_repair repair;
	size_t mended; /* objects that were bad and are good now */
	char *state;   /* what is wrong with the state file; NULL: nothing */
};

static void job_clear(struct job *j)
{
	sk_strv_free(&j->refs);
	sk_verify_clear(&j->found);
	sk_repair_clear(&j->repair);
	free(j->state);
}

static int select_entries(struct job *j)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < j->call->n_arg; i++) {
		struct sk_entry *e = NULL;

		rc = sk_entry_select(j->call->repo, j->call->arg[i], &e);
		if (!rc)
			rc = sk_strv_add(&j->refs, e->ref);
		sk_entry_free(e);
	}
	return rc;
}

static int verify(struct job *j)
{
	const struct sk_verify_opts opts = { .ref = j->refs.n ? (const char *const *)j->refs.item
		                                              : NULL,
		                             .n_refs = j->refs.n };

	sk_verify_clear(&j->found);
	return sk_verify_run(j->call->repo, &opts, &j->found);
}

/* --- reporting ----------------------------------------------------------------------------- */

static const char *short_name(const char *ref)
{
	static const char *const kinds[] = { "refs/sk/backup/", "refs/sk/revision/",
		                             "refs/sk/release/" };

	for (size_t i = 0; i < 3; i++)
		if (strncmp(ref, kinds[i], strlen(kinds[i])) == 0)
			return ref + strlen(kinds[i]);
	return ref;
}

static int add_whose(const struct sk_damage *d, struct sk_buf *out)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < d->refs.n && i < IDS_SHOWN; i++) {
		const char *name = short_name(d->refs.item[i]);

		(void)sk_buf_adds(out, i ? ", " : ", in ");
		rc = sk_add_text(out, name, strlen(name));
	}
	if (!rc && d->refs.n > IDS_SHOWN)
		rc = sk_buf_addf(out, " and %zu more", d->refs.n - IDS_SHOWN);
	return rc;
}

static int print_damage(const struct sk_damage *d)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc = sk_buf_addf(&line, "%sdamaged%s ", sk_color(SK_RED), sk_color_reset());

	if (!rc && d->kind == SK_DAMAGE_REF)
		rc = sk_add_name(&line, short_name(d->path), strlen(short_name(d->path)));
	else if (!rc && d->kind == SK_DAMAGE_OBJECT && !*d->path)
		rc = sk_buf_adds(&line, "everything");
	else if (!rc && d->kind == SK_DAMAGE_OBJECT)
		rc = sk_add_name(&line, d->path, strlen(d->path));
	else if (!rc)
		rc = sk_buf_adds(&line, d->path);
	if (!rc)
		rc = sk_buf_adds(&line, ": ");
	if (!rc && !sk_oid_is_zero(&d->oid))
		rc = sk_buf_addf(&line, "object %.12s ", sk_oid_str(&d->oid));
	if (!rc)
		rc = sk_buf_adds(&line, d->why);
	if (!rc && d->kind == SK_DAMAGE_OBJECT)
		rc = add_whose(d, &line);
	if (!rc)
		rc = sk_buf_addc(&line, '\n');
	if (!rc)
		sk_out(line.ptr, line.len);
	sk_buf_free(&line);
	return rc;
}

static int print_lines(const char *word, const struct sk_strv *list)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < list->n; i++) {
		struct sk_buf line = SK_BUF_INIT;
		const char *name = short_name(list->item[i]);

		(void)sk_buf_addf(&line, "%s ", word);
		rc = sk_add_text(&line, name, strlen(name));
		if (!rc)
			sk_outf("%s\n", line.ptr);
		sk_buf_free(&line);
	}
	return rc;
}

static int print_repair(const struct sk_repair *r)
{
	int rc;

	rc = print_lines("mended the pack", &r->packs);
	if (!rc)
		rc = print_lines("mended the ref", &r->refs);
	if (!rc)
		rc = print_lines("without what is lost:", &r->without);
	if (!rc)
		rc = print_lines("lost, and taken from the list:", &r->gone);
	if (!rc)
		rc = print_lines("put aside:", &r->aside);
	if (!rc)
		rc = print_lines("not mended:", &r->left);
	return rc;
}

static int print_text(const struct job *j, bool after)
{
	const struct sk_verify *v = &j->found;
	int rc = 0;

	if (after && j->mended)
		sk_outf("%zu of the damaged objects are in order again, or not needed any more\n",
		        j->mended);
	if (after)
		rc = print_repair(&j->repair);
	for (size_t i = 0; !rc && i < v->n; i++)
		rc = print_damage(&v->damage[i]);
	if (!rc && v->left_out)
		sk_outf("and %zu more\n", v->left_out);
	if (!rc && j->state)
		sk_outf("%s; the next backup looks at everything\n", j->state);
	sk_out_flush();
	if (!rc && v->promised)
		sk_note("%zu objects are not here: a partial clone leaves them with its remote",
		        v->promised);
	if (!rc)
		sk_note("%zu entries, %zu objects, %zu kept commits: %s", v->entries.n, v->objects,
		        v->commits, sk_verify_clean(v) ? "all good" : "damaged");
	return rc;
}

static json_t *texts(const struct sk_strv *list)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < list->n; i++)
		if (json_array_append_new(a, sk_json_text(short_name(list->item[i])))) {
			json_decref(a);
			a = NULL;
		}
	return a;
}

static json_t *damage_json(const struct sk_damage *d)
{
	static const char *const kind[] = { "object", "ref", "packed-refs", "pack" };
	json_t *o = sk_json_add(json_object(), "kind", json_string(kind[d->kind]));

	o = sk_json_add(o, "object",
	                sk_oid_is_zero(&d->oid) ? json_null() : json_string(sk_oid_str(&d->oid)));
	o = sk_json_add(o, "path", sk_json_path(d->path, strlen(d->path)));
	o = sk_json_add(o, "why", sk_json_text(d->why));
	return sk_json_add(o, "entries", texts(&d->refs));
}

static json_t *repair_json(const struct sk_repair *r)
{
	json_t *o = sk_json_add(json_object(), "objects", json_integer((json_int_t)r->objects));

	o = sk_json_add(o, "packs", texts(&r->packs));
	o = sk_json_add(o, "refs", texts(&r->refs));
	o = sk_json_add(o, "without", texts(&r->without));
	o = sk_json_add(o, "gone", texts(&r->gone));
	o = sk_json_add(o, "aside", texts(&r->aside));
	return sk_json_add(o, "left", texts(&r->left));
}

static int print_json(const struct job *j, bool after)
{
	const struct sk_verify *v = &j->found;
	json_t *list = json_array(), *o = json_object();

	for (size_t i = 0; list && i < v->n; i++)
		if (json_array_append_new(list, damage_json(&v->damage[i]))) {
			json_decref(list);
			list = NULL;
		}
	o = sk_json_add(o, "ok", json_boolean(sk_verify_clean(v)));
	o = sk_json_add(o, "entries", json_integer((json_int_t)v->entries.n));
	o = sk_json_add(o, "objects", json_integer((json_int_t)v->objects));
	o = sk_json_add(o, "commits", json_integer((json_int_t)v->commits));
	o = sk_json_add(o, "promised", json_integer((json_int_t)v->promised));
	o = sk_json_add(o, "damage", list);
	o = sk_json_add(o, "left_out", json_integer((json_int_t)v->left_out));
	o = sk_json_add(o, "state", sk_json_text(j->state));
	o = sk_json_add(o, "repaired", after ? repair_json(&j->repair) : json_null());
	return sk_out_json(o);
}

/* --- doing it ------------------------------------------------------------------------------ */

/* What the next backup must not believe: state files, and objects that are there but damaged. */
static int forget(struct job *j)
{
	const struct sk_repo *repo = j->call->repo;
	struct sk_worktree_locks locks = { 0 };
	int rc;

	if (access(repo->skdir, W_OK) < 0 && errno == EROFS)
		return 0; /* nor is a backup made there */
	rc = sk_worktrees_lock(repo, "git sk verify", WAIT_S, &locks);
	if (!rc && !j->refs.n)
		rc = sk_distrust_save(repo, &j->found.bad);
	if (!rc && (j->found.bad.n || j->state))
		rc = sk_worktrees_forget(repo);
	sk_worktrees_unlock(&locks);
	return rc;
}

static int check_state(struct job *j)
{
	int rc = sk_state_check(j->call->repo);

	if (rc != SK_EDAMAGED)
		return rc;
	j->state = strdup(sk_error_message());
	return j->state ? 0 : sk_error_oom();
}

/* What the working tree still has is written anew, as part of a backup of it. */
static int save_present(struct job *j)
{
	const struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                             .trigger = "verify",
		                             .command = "git sk verify --repair",
		                             .wait_seconds = WAIT_S };
	struct sk_backup_result r = { 0 };
	int rc = j->call->repo->enabled ? sk_backup(j->call->repo, &opts, &r) : 0;

	sk_backup_result_clear(&r);
	if (rc && rc != SK_EPARTIAL)
		sk_warn("no backup of the present state: %s", sk_error_message());
	return 0;
}

/* --from: a repository, or its folder of objects. */
static int given_sources(const struct sk_call *call, struct sk_strv *out)
{
	static const char *const below[] = { "/.git/objects", "/objects", "" };
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; !rc && i < call->n_given; i++) {
		bool found = false;

		if (strcmp(call->given[i].option->name, "from") != 0)
			continue;
		for (size_t k = 0; !rc && !found && k < 3; k++) {
			sk_buf_clear(&path);
			rc = sk_buf_addf(&path, "%s%s/pack", call->given[i].value, below[k]);
			found = !rc && sk_exists(path.ptr);
		}
		if (!rc && !found)
			rc = sk_error(SK_EUSAGE, "'%s' is no repository",
			              sk_name(call->given[i].value));
		else if (!rc)
			rc = sk_strv_addn(out, path.ptr, path.len - strlen("/pack"));
	}
	sk_buf_free(&path);
	return rc;
}

static int vault_sources(const struct sk_repo *repo, struct sk_strv *out)
{
	struct sk_vaults vaults = { 0 };
	int rc = sk_vault_list(repo, &vaults);

	for (size_t i = 0; !rc && i < vaults.n; i++) {
		char *objects = NULL;

		if (sk_vault_source(repo, &vaults.item[i], sk_vault_ask(), &objects))
			sk_warn("%s", sk_error_message()); /* others may have it */
		else
			rc = sk_strv_add(out, objects);
		free(objects);
	}
	sk_vaults_free(&vaults);
	return rc;
}

static int repair(struct job *j)
{
	const struct sk_repo *repo = j->call->repo;
	struct sk_strv sources = SK_STRV_INIT;
	const struct sk_repair_opts opts = { .sources = &sources };
	struct sk_worktree_locks locks = { 0 };
	size_t before = j->found.bad.n;
	int rc = save_present(j);

	if (!rc)
		rc = given_sources(j->call, &sources);
	if (!rc)
		rc = vault_sources(repo, &sources);
	if (!rc)
		rc = sk_worktrees_lock(repo, "git sk verify --repair", WAIT_S, &locks);
	if (!rc)
		rc = sk_repair_run(repo, &opts, &j->found, &j->repair);
	if (!rc)
		rc = verify(j);
	if (!rc && !sk_verify_clean(&j->found))
		rc = sk_repair_give_up(repo, &j->found, &j->repair);
	if (!rc && !sk_verify_clean(&j->found))
		rc = verify(j);
	if (!rc)
		rc = sk_distrust_save(repo, &j->found.bad);
	j->mended = before - (j->found.bad.n < before ? j->found.bad.n : before);
	sk_worktrees_unlock(&locks);
	sk_strv_free(&sources);
	return rc;
}

int sk_cmd_verify(struct sk_call *call)
{
	struct job j = { .call = call };
	bool mend = sk_call_has(call, "repair"), lost = false;
	int rc = 0;

	if (mend && call->n_arg)
		rc = sk_error(SK_EUSAGE, "--repair looks at everything: give no ID");
	if (!rc)
		rc = select_entries(&j);
	if (!rc)
		rc = verify(&j);
	if (!rc)
		rc = check_state(&j);
	if (!rc)
		rc = forget(&j);
	mend = mend && !rc && !sk_verify_clean(&j.found);
	if (mend) {
		rc = repair(&j);
		lost = j.repair.without.n || j.repair.gone.n || j.repair.left.n;
	}
	if (!rc)
		rc = call->json ? print_json(&j, mend) : print_text(&j, mend);
	if (!rc && !sk_verify_clean(&j.found))
		rc = sk_error(SK_EDAMAGED, "stored data is damaged%s",
		              mend ? "" : "; git sk verify --repair mends what can be mended");
	else if (!rc && lost)
		rc = sk_error(SK_EDAMAGED, "some of it is lost; the rest works again");
	job_clear(&j);
	return rc;
}
