/* `git sk vault`: second copies in other places. */
#include "command/vault.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/open.h"
#include "command/print.h"
#include "command/report.h"

#define LOCK_WAIT 10

unsigned sk_vault_ask(void)
{
	return isatty(0) && isatty(2) ? SK_VAULT_ASK : 0;
}

static int open_here(struct sk_call *call)
{
	return sk_open_repo(SK_NEEDS_ENABLED, &call->repo);
}

/* Adding */

static void say_when(const struct sk_repo *repo, const struct sk_vault *v)
{
	struct sk_buf line = SK_BUF_INIT, off = SK_BUF_INIT;

	if (sk_buf_addf(&off, "%s/no-service", repo->skdir) == 0 && sk_exists(off.ptr))
		(void)sk_buf_adds(&line, "nothing is pushed by itself, because the service is not "
		                         "used here");
	else if (!v->automatic || v->interval_ms < 0)
		(void)sk_buf_addf(&line, "nothing is pushed by itself");
	else
		(void)sk_buf_addf(&line, "the service pushes what is new every %lld %s",
		                  (long long)(v->interval_ms < 120000 ? v->interval_ms / 1000
		                                                      : v->interval_ms / 60000),
		                  v->interval_ms < 120000 ? "seconds" : "minutes");
	sk_note("%s; to push now: git sk vault push %s", sk_buf_str(&line), v->name);
	sk_buf_free(&line);
	sk_buf_free(&off);
}

static json_t *vault_json(const struct sk_vault *v)
{
	json_t *o = sk_json_add(json_object(), "name", sk_json_text(v->name));

	o = sk_json_add(o, "url", sk_json_text(v->shown));
	o = sk_json_add(o, "auto", json_boolean(v->automatic && v->interval_ms >= 0));
	o = sk_json_add(o, "interval_seconds",
	                v->interval_ms < 0 ? json_null()
	                                   : json_integer((json_int_t)(v->interval_ms / 1000)));
	o = sk_json_add(o, "private", json_boolean(v->private));
	o = sk_json_add(o, "tags", json_boolean(v->tags));
	o = sk_json_add(o, "last_push", v->pushed ? sk_json_time(v->pushed) : json_null());
	o = sk_json_add(o, "last_try", v->tried ? sk_json_time(v->tried) : json_null());
	o = sk_json_add(o, "trouble", sk_json_text(v->trouble));
	return sk_json_add(o, "offline", json_boolean(v->offline));
}

static int vault_add(struct sk_call *call)
{
	const struct sk_vault_add opts = { call->arg[1], call->arg[2], sk_call_value(call, "auto"),
		                           sk_call_has(call, "private"),
		                           sk_call_has(call, "tags") };
	struct sk_strv said = SK_STRV_INIT;
	struct sk_vaults list = { 0 };
	const struct sk_vault *v = NULL;
	int rc = sk_vault_add(call->repo, &opts, &said);

	if (!rc)
		rc = sk_vault_list(call->repo, &list);
	if (!rc && !(v = sk_vault_find(&list, opts.name)))
		rc = SK_ENO;
	if (!rc && call->json) {
		rc = sk_out_json(vault_json(v));
	} else if (!rc) {
		for (size_t i = 0; i < said.n; i++)
			sk_outf("%s\n", said.item[i]);
		sk_outf("added vault %s: %s\n", v->name, v->shown);
		sk_out_flush();
		say_when(call->repo, v);
	}
	sk_strv_free(&said);
	sk_vaults_free(&list);
	return rc;
}

static int vault_remove(struct sk_call *call)
{
	int rc = sk_vault_remove(call->repo, call->arg[1]);

	if (!rc && call->json)
		return sk_out_json(
		        sk_json_add(json_object(), "removed", sk_json_text(call->arg[1])));
	if (!rc)
		sk_outf("vault %s is forgotten here; what is in it stays there\n", call->arg[1]);
	return rc;
}

/* Listing */

/* "pushed 5 minutes ago", with what is wrong. */
static int add_state(const struct sk_vault *v, bool in_short, struct sk_buf *out)
{
	const char *why = v->trouble ? strstr(v->trouble, ": ") : NULL;
	time_t now = sk_now();

	if (v->pushed) {
		(void)sk_buf_adds(out, in_short ? "" : "pushed ");
		(void)sk_add_age(out, v->pushed, now);
	} else {
		(void)sk_buf_adds(out, in_short ? "never" : "never pushed");
	}
	if (v->trouble && in_short)
		(void)sk_buf_adds(out, v->offline ? " (not reached)" : " (in trouble)");
	else if (v->trouble)
		(void)sk_buf_addf(out, "; the last try failed: %s", why ? why + 2 : v->trouble);
	return sk_buf_ok(out);
}

int sk_vault_status(const struct sk_repo *repo, struct sk_buf *out)
{
	struct sk_vaults list = { 0 };
	int rc = sk_vault_list(repo, &list);

	for (size_t i = 0; i < list.n && !rc; i++) {
		rc = sk_buf_addf(out, "%s%s ", i ? ", " : "  vaults   ", list.item[i].name);
		if (!rc)
			rc = add_state(&list.item[i], true, out);
	}
	sk_vaults_free(&list);
	return rc;
}

json_t *sk_vaults_json(const struct sk_repo *repo)
{
	struct sk_vaults list = { 0 };
	json_t *all = sk_vault_list(repo, &list) ? NULL : json_array();

	for (size_t i = 0; i < list.n && all; i++)
		if (json_array_append_new(all, vault_json(&list.item[i])) != 0) {
			json_decref(all);
			all = NULL;
		}
	sk_vaults_free(&list);
	return all;
}

static int print_vault(const struct sk_vault *v)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&line, "%s\t%s\n    ", v->name, v->shown);
	rc = add_state(v, false, &line);
	if (!rc && (!v->automatic || v->interval_ms < 0))
		rc = sk_buf_adds(&line, "; not by itself");
	if (!rc && v->settings)
		rc = sk_buf_adds(&line, "; from the settings");
	if (!rc)
		sk_outf("%s\n", line.ptr);
	sk_buf_free(&line);
	return rc;
}

static int vault_list(struct sk_call *call)
{
	struct sk_vaults list = { 0 };
	char *part = NULL;
	int rc = sk_vault_list(call->repo, &list);

	if (!rc && list.n)
		rc = sk_vault_part(call->repo, &part);
	for (size_t i = 0; i < list.n && !rc && !call->json; i++)
		rc = print_vault(&list.item[i]);
	if (!rc && call->json) {
		json_t *o = sk_json_add(json_object(), "part", sk_json_text(part));

		rc = sk_out_json(sk_json_add(o, "vaults", sk_vaults_json(call->repo)));
	} else if (!rc && !list.n) {
		sk_note("no vault yet; add one: git sk vault add NAME URL-OR-FOLDER");
	} else if (!rc) {
		sk_out_flush();
		sk_note("this repository is %s there", part);
	}
	free(part);
	sk_vaults_free(&list);
	return rc;
}

/* Pushing */

/* What is pushed is the state of now. */
static void back_up(struct sk_call *call)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                       .title = "before a push to a vault",
		                       .trigger = "vault",
		                       .wait_seconds = LOCK_WAIT };
	struct sk_backup_result r = { 0 };
	int rc = sk_backup(call->repo, &opts, &r);

	if (rc && rc != SK_EPARTIAL)
		sk_warn("no backup was made before the push: %s", sk_error_message());
	sk_backup_result_clear(&r);
}

static json_t *pushed_json(const struct sk_vault *v, const struct sk_vault_pushed *p, int rc)
{
	json_t *o = sk_json_add(json_object(), "name", sk_json_text(v->name)), *list = json_array();
	bool ok = !rc || rc == SK_EPARTIAL;

	for (size_t i = 0; list && i < p->broken.n; i++)
		if (json_array_append_new(list, sk_json_text(p->broken.item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	o = sk_json_add(o, "url", sk_json_text(v->shown));
	o = sk_json_add(o, "ok", json_boolean(ok));
	o = sk_json_add(o, "error", sk_json_text(ok ? NULL : sk_error_message()));
	o = sk_json_add(o, "pushed", json_integer((json_int_t)p->pushed));
	o = sk_json_add(o, "deleted", json_integer((json_int_t)p->deleted));
	o = sk_json_add(o, "unchanged", json_integer((json_int_t)p->unchanged));
	o = sk_json_add(o, "withheld", json_integer((json_int_t)p->withheld));
	return sk_json_add(o, "broken", list);
}

static void print_pushed(const struct sk_vault *v, const struct sk_vault_pushed *p)
{
	if (!p->pushed && !p->deleted)
		sk_outf("%s: up to date, %zu refs\n", v->name, p->unchanged);
	else
		sk_outf("%s: %zu refs pushed, %zu removed, %zu were there\n", v->name, p->pushed,
		        p->deleted, p->unchanged);
	sk_out_flush();
	if (p->renamed)
		sk_warn("somebody else pushes to vault %s by the name that was ours, so this "
		        "repository (or its machine) was copied; it has a new name there now",
		        v->name);
	for (size_t i = 0; i < p->broken.n; i++)
		sk_warn("%s is damaged and was not pushed", sk_name(p->broken.item[i]));
	if (p->withheld)
		sk_note("%zu private refs stay here (git sk vault add --private)", p->withheld);
}

static int push_one(const struct sk_call *call, const struct sk_vault *v, json_t *all)
{
	struct sk_vault_pushed p = { .broken = SK_STRV_INIT };
	int rc;

	if (!v->pushed && isatty(2))
		sk_note("the first push to %s sends all there is; it may take a while", v->name);
	rc = sk_vault_push(call->repo, v, SK_VAULT_ALL | SK_VAULT_WAIT | sk_vault_ask(), &p);

	if (call->json) {
		if (json_array_append_new(all, pushed_json(v, &p, rc)) != 0)
			rc = sk_error_oom();
	} else if (!rc || rc == SK_EPARTIAL) {
		print_pushed(v, &p);
	}
	sk_vault_pushed_clear(&p);
	return rc;
}

static int push_all(struct sk_call *call, const struct sk_vaults *list, json_t *all)
{
	const char *name = call->n_arg > 1 ? call->arg[1] : NULL;
	size_t good = 0, bad = 0;
	int rc = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct sk_vault *v = &list->item[i];
		int one;

		if (name && strcmp(v->name, name) != 0)
			continue;
		one = push_one(call, v, all);
		good += one == 0;
		bad += one != 0;
		if (one && !name && list->n > 1 && *sk_error_message())
			sk_warn("%s", sk_error_message());
		rc = one ? one : rc;
	}
	if (bad && good)
		rc = sk_error(SK_EPARTIAL, "%zu of %zu vaults were not brought up to date", bad,
		              good + bad);
	return rc;
}

static int vault_push(struct sk_call *call)
{
	const char *name = call->n_arg > 1 ? call->arg[1] : NULL;
	struct sk_vaults list = { 0 };
	json_t *all = json_array();
	int bad = 0, rc = all ? sk_vault_list(call->repo, &list) : sk_error_oom();

	if (!rc && name && !sk_vault_find(&list, name))
		rc = SK_ENO;
	if (!rc && !list.n)
		rc = sk_error(SK_ENO, "no vault yet; add one: git sk vault add NAME URL-OR-FOLDER");
	if (!rc) {
		back_up(call);
		sk_error_clear();
		rc = push_all(call, &list, all);
		if (call->json)
			bad = sk_out_json(sk_json_add(json_object(), "vaults", json_incref(all)));
	}
	json_decref(all);
	sk_vaults_free(&list);
	return bad ? bad : rc;
}

/* Fetching */

static json_t *taken_json(const struct sk_vault *v, const char *part,
                          const struct sk_vault_taken *t)
{
	json_t *o = sk_json_add(json_object(), "name", sk_json_text(v->name));

	o = sk_json_add(o, "part", sk_json_text(part));
	o = sk_json_add(o, "entries", json_integer((json_int_t)t->entries));
	o = sk_json_add(o, "others", json_integer((json_int_t)(t->others + t->branches)));
	o = sk_json_add(o, "there", json_integer((json_int_t)t->there));
	return sk_json_add(o, "withheld", json_integer((json_int_t)t->withheld));
}

static int fetch_from(struct sk_call *call, const struct sk_vault *v)
{
	const char *host = sk_call_value(call, "host");
	struct sk_vault_take take = { .url = v->url,
		                      .private = sk_call_has(call, "private"),
		                      .aside = host != NULL,
		                      .flags = sk_vault_ask() };
	struct sk_vault_contents c = { 0 };
	struct sk_vault_taken taken = { 0 };
	char *part = NULL;
	int rc;

	if (host) {
		rc = sk_vault_look(call->repo, v->url, take.flags, &c);
		if (!rc)
			rc = sk_vault_choose(&c, host, &part);
	} else {
		rc = sk_vault_part(call->repo, &part);
	}
	take.part = part;
	if (!rc)
		rc = sk_vault_fetch(call->repo, &take, &taken);
	if (!rc && call->json) {
		rc = sk_out_json(taken_json(v, part, &taken));
	} else if (!rc) {
		sk_outf("%s: %zu backups and revisions, %zu other refs fetched; %zu were here\n",
		        v->name, taken.entries, taken.others + taken.branches, taken.there);
		sk_out_flush();
		if (host)
			sk_note("they are in refs/sk/vault/%s; look: git for-each-ref "
			        "refs/sk/vault/%s",
			        part, part);
		if (taken.withheld)
			sk_note("%zu private refs stay there (--private)", taken.withheld);
	}
	free(part);
	sk_vault_contents_free(&c);
	return rc;
}

static int vault_fetch(struct sk_call *call)
{
	struct sk_vaults list = { 0 };
	const struct sk_vault *v = NULL;
	int rc = sk_vault_list(call->repo, &list);

	if (!rc && call->n_arg > 1)
		rc = (v = sk_vault_find(&list, call->arg[1])) ? 0 : SK_ENO;
	else if (!rc && list.n == 1)
		v = &list.item[0];
	else if (!rc)
		rc = sk_error(SK_EUSAGE,
		              list.n ? "there are several vaults; say which: git sk vault "
		                       "fetch NAME"
		                     : "no vault yet; add one: git sk vault add NAME "
		                       "URL-OR-FOLDER");
	if (!rc)
		rc = fetch_from(call, v);
	sk_vaults_free(&list);
	return rc;
}

static const struct {
	const char *name;
	int (*run)(struct sk_call *call);
	size_t min, max; /* arguments, its own name among them */
	const char *options;
	bool here; /* works on this repository */
} table[] = {
	{ "add", vault_add, 3, 3, "auto private tags", true },
	{ "list", vault_list, 1, 1, "", true },
	{ "push", vault_push, 1, 2, "", true },
	{ "fetch", vault_fetch, 1, 2, "host private", true },
	{ "remove", vault_remove, 2, 2, "", true },
	{ "clone", sk_vault_clone, 3, 3, "host worktree private", false },
};

int sk_cmd_vault(struct sk_call *call)
{
	int rc;

	if (!call->n_arg)
		return sk_error(SK_EUSAGE,
		                "say what: git sk vault add, list, push, fetch, remove or clone");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(call->arg[0], table[i].name) != 0)
			continue;
		for (size_t k = 0; k < call->n_given; k++)
			if (!strstr(table[i].options, call->given[k].option->name))
				return sk_error(SK_EUSAGE, "'--%s' is not for 'vault %s'",
				                call->given[k].option->name, table[i].name);
		if (call->n_arg < table[i].min)
			return sk_error(SK_EUSAGE, "'vault %s' needs more; see 'git sk vault -h'",
			                table[i].name);
		rc = sk_call_args(call, table[i].min, table[i].max);
		if (!rc && table[i].here)
			rc = open_here(call);
		return rc ? rc : table[i].run(call);
	}
	return sk_error(SK_EUSAGE, "%s is not one of add, list, push, fetch, remove, clone",
	                sk_name(call->arg[0]));
}
