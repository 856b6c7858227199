#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sessions.h"
#include "base/error.h"
#include "base/text.h"
#include "command/choose.h"
#include "command/command.h"
#include "command/commits.h"
#include "command/listing.h"
#include "command/lookup.h"
#include "command/print.h"
#include "command/report.h"
#include "restore/restore.h"

/* The state that ID or --at names; *out stays NULL when neither is there. */
static int target(const struct sk_call *call, struct sk_entry **out)
{
	const char *at = sk_call_value(call, "at"), *prompt = sk_call_value(call, "prompt");
	const char *session = sk_call_value(call, "session");

	if (at && call->n_arg)
		return sk_error(SK_EUSAGE, "give either an ID or --at, not both");
	if ((prompt || session) && (at || call->n_arg))
		return sk_error(SK_EUSAGE, "--prompt and --session stand for an ID; give one only");
	if (prompt || session)
		return sk_before_intact(call->repo, session, prompt, out);
	if (at)
		return sk_at_intact(call->repo, at, out);
	return call->n_arg ? sk_select_intact(call->repo, call->arg[0], out) : 0;
}

static int choose(const struct sk_call *call, const struct sk_strv *paths, struct sk_entry **out)
{
	int rc = sk_choose(call->repo, paths, out);

	if (!rc && !*out) {
		sk_error_clear();
		sk_note("nothing was changed");
		rc = SK_ENO;
	}
	return rc;
}

static int refused(const struct sk_call *call, bool chosen)
{
	return sk_error(SK_EREFUSED, "%s asks first, and there is no terminal: give %s--yes",
	                call->command->name, chosen ? "" : "an ID and ");
}

static int can_choose(const struct sk_call *call)
{
	if (call->n_arg || sk_call_has(call, "at"))
		return sk_error(SK_EUSAGE, "give either an ID, --at or --interactive");
	return sk_can_choose() ? 0
	                       : sk_error(SK_EREFUSED, "there is no terminal to choose on: give "
	                                               "an ID or --at");
}

/* Whether there is nothing to do for these paths: they are as in that entry, or in neither. */
static int is_as_now(struct sk_repo *repo, const struct sk_restore_opts *given,
                     const struct sk_entry *e, bool *out)
{
	struct sk_restore_opts opts = *given;
	struct sk_restore_result plan = { 0 };
	int rc;

	opts.target = e;
	opts.dry_run = true;
	rc = sk_restore(repo, &opts, &plan);
	*out = rc == SK_ENO || (rc == 0 && !plan.n_changes);
	sk_restore_result_clear(&plan);
	return rc == SK_ENO || rc == SK_EPARTIAL ? 0 : rc;
}

/* What an entry holds at the paths, as one id; *any: there is something. */
static int held(const struct sk_repo *repo, const struct sk_strv *paths, const struct sk_entry *e,
                struct sk_oid *out, bool *any)
{
	struct sk_hash hash;
	struct sk_oid one;
	int rc = 0;

	*any = false;
	sk_hash_init(&hash);
	for (size_t i = 0; i < paths->n && !rc; i++) {
		rc = sk_lookup_state(repo, e, paths->item[i], &one);
		if (rc)
			break;
		*any |= !sk_oid_is_zero(&one);
		sk_hash_update(&hash, &one, sizeof one);
	}
	sk_hash_final(&hash, out);
	return rc;
}

/* The newest entry before `latest` that has something else at the paths; *out stays as it is when
 * there is none. */
static int find_other(const struct sk_repo *repo, const struct sk_strv *paths,
                      const struct sk_entry *latest, struct sk_entry **out)
{
	struct sk_listing list = { 0 };
	struct sk_oid now, then;
	const char *id = NULL;
	bool any;
	int rc = held(repo, paths, latest, &now, &any);

	if (!rc)
		rc = sk_listing_load(repo, SK_BACKUP | SK_REVISION, false, SIZE_MAX, &list);
	for (size_t i = 0; i < list.entries.n && !rc && !id; i++) {
		const struct sk_entry *e = list.entries.item[i];

		if (e->damaged || held(repo, paths, e, &then, &any))
			continue; /* the next one may be whole */
		if (any && !sk_oid_eq(&then, &now))
			id = e->id;
	}
	if (!rc && id)
		rc = sk_select_intact(repo, id, out);
	sk_listing_free(&list);
	return rc;
}

/* Without an ID: the newest one in which the paths are other than now.  What was lost may be so in
 * the newest already, as the service saves every change. */
static int newest_other(struct sk_call *call, const struct sk_restore_opts *opts,
                        struct sk_entry **out)
{
	struct sk_entry *latest = NULL, *other = NULL;
	bool same = false;
	int rc = sk_select_intact(call->repo, "latest", &latest);

	if (!rc && !opts->staged)
		rc = is_as_now(call->repo, opts, latest, &same);
	if (!rc && same)
		rc = find_other(call->repo, opts->paths, latest, &other);
	if (!rc && other)
		sk_note("newer backups have it as it is now");
	if (rc || other)
		sk_entry_free(latest);
	if (!rc) {
		sk_error_clear();
		*out = other ? other : latest;
	}
	return rc;
}

int sk_cmd_restore(struct sk_call *call)
{
	struct sk_restore_opts opts = { .operation = "restore" };
	struct sk_restore_result r = { 0 };
	struct sk_strv paths = SK_STRV_INIT;
	struct sk_buf line = SK_BUF_INIT;
	struct sk_entry *e = NULL;
	int rc = sk_call_args(call, 0, 1);

	if (!rc && sk_call_has(call, "commit"))
		return sk_restore_commit(call, sk_call_value(call, "commit"));
	if (!rc && sk_call_has(call, "branch"))
		rc = sk_error(SK_EUSAGE, "--branch goes with --commit");
	if (!rc && sk_call_has(call, "interactive"))
		rc = can_choose(call);
	if (!rc && !call->n_path)
		rc = sk_error(SK_EUSAGE, "name what to restore after '--': git sk restore %s",
		              call->command->usage[0]);
	if (!rc)
		rc = target(call, &e);
	if (!rc)
		rc = sk_call_paths(call, &paths);
	if (!rc && !e && sk_call_has(call, "interactive"))
		rc = choose(call, &paths, &e);
	opts.paths = &paths;
	opts.staged = sk_call_has(call, "staged");
	if (!rc && !e)
		rc = newest_other(call, &opts, &e);
	if (!rc)
		rc = sk_call_line(call, &line);
	if (rc)
		goto out;
	opts.target = e;
	opts.dry_run = sk_call_has(call, "dry-run");
	opts.command = line.ptr;
	rc = sk_restore(call->repo, &opts, &r);
	if (!rc || rc == SK_EPARTIAL)
		rc = sk_report_restore(call, "restore", e->id, &r, opts.dry_run, rc);
out:
	sk_restore_result_clear(&r);
	sk_strv_free(&paths);
	sk_buf_free(&line);
	sk_entry_free(e);
	return rc;
}

/* "Go back to X?" after what that means; *go is whether to. */
static int ask(const char *what, const char *id, const struct sk_restore_result *plan, bool *go)
{
	struct sk_buf question = SK_BUF_INIT;
	int rc;

	sk_preview_restore(plan);
	(void)sk_buf_addf(&question, "%s %s? [y/N] ", what, id);
	rc = sk_buf_ok(&question);
	if (!rc)
		rc = sk_confirm(question.ptr, go);
	sk_buf_free(&question);
	if (!rc && !*go) {
		sk_error_clear();
		sk_note("nothing was changed");
	}
	return rc;
}

static bool changes_nothing(const struct sk_restore_opts *opts,
                            const struct sk_restore_result *plan)
{
	return !plan->n_changes && !opts->staged && !opts->head;
}

/* Plans, asks unless told not to, and does it. */
static int rollback_to(struct sk_call *call, struct sk_restore_opts *opts)
{
	struct sk_restore_result r = { 0 };
	bool dry = sk_call_has(call, "dry-run"), go = true, quiet_yes = sk_call_has(call, "yes");
	int rc = 0;

	if (dry || !quiet_yes) {
		opts->dry_run = true;
		rc = sk_restore(call->repo, opts, &r);
		if (rc && rc != SK_EPARTIAL)
			goto out;
		if (dry || changes_nothing(opts, &r)) {
			if (!dry)
				sk_note("all is already as in %s", opts->target->id);
			rc = sk_report_restore(call, "rollback", opts->target->id, &r, true, rc);
			goto out;
		}
		rc = ask("roll back to", opts->target->id, &r, &go);
		sk_restore_result_clear(&r);
		if (rc || !go) {
			rc = rc ? rc : SK_ENO;
			goto out;
		}
	}
	opts->dry_run = false;
	rc = sk_restore(call->repo, opts, &r);
	if (!rc || rc == SK_EPARTIAL)
		rc = sk_report_restore(call, "rollback", opts->target->id, &r, false, rc);
out:
	sk_restore_result_clear(&r);
	return rc;
}

int sk_cmd_rollback(struct sk_call *call)
{
	struct sk_restore_opts opts = { .operation = "rollback" };
	struct sk_buf line = SK_BUF_INIT;
	struct sk_entry *e = NULL;
	bool chosen, sure = sk_call_has(call, "yes") || sk_call_has(call, "dry-run");
	int rc = sk_call_args(call, 0, 1);

	chosen = call->n_arg || sk_call_has(call, "at") || sk_call_has(call, "prompt") ||
	         sk_call_has(call, "session");
	if (!rc && !isatty(0) && (!chosen || !sure))
		rc = refused(call, chosen);
	if (!rc)
		rc = target(call, &e);
	if (!rc && !chosen)
		rc = choose(call, NULL, &e);
	if (!rc)
		rc = sk_call_line(call, &line);
	if (!rc) {
		opts.target = e;
		opts.staged = sk_call_has(call, "staged");
		opts.head = sk_call_has(call, "head");
		opts.command = line.ptr;
		rc = rollback_to(call, &opts);
	}
	sk_buf_free(&line);
	sk_entry_free(e);
	return rc;
}

/* The question names what is taken back, and when that was. */
static int ask_undo(struct sk_call *call, const struct sk_undo *undo, bool *go)
{
	struct sk_restore_result plan = { 0 };
	struct sk_buf what = SK_BUF_INIT;
	int rc = sk_undo_apply(call->repo, true, &plan);

	if (!rc || rc == SK_EPARTIAL) {
		(void)sk_buf_adds(&what, "take back what was done (");
		(void)sk_add_text(&what, undo->operation, strlen(undo->operation));
		(void)sk_buf_adds(&what, ", ");
		(void)sk_add_age(&what, undo->when, sk_now());
		(void)sk_buf_adds(&what, ") and go to");
		rc = sk_buf_ok(&what);
		if (!rc)
			rc = ask(what.ptr, undo->safety_id, &plan, go);
	}
	sk_buf_free(&what);
	sk_restore_result_clear(&plan);
	return rc;
}

/* With its age: what nobody asked about before it happened is not what is taken back. */
static int say_what(const struct sk_undo *undo, bool dry)
{
	struct sk_buf what = SK_BUF_INIT;
	int rc;

	(void)sk_add_text(&what, undo->operation, strlen(undo->operation));
	(void)sk_buf_adds(&what, ", ");
	(void)sk_add_age(&what, undo->when, sk_now());
	rc = sk_buf_ok(&what);
	if (!rc)
		sk_note("%s: %s", dry ? "this would be taken back" : "taking back", what.ptr);
	sk_buf_free(&what);
	return rc;
}

/* HEAD is moved by rollback --head alone: say how. */
static int remark_head(const struct sk_call *call, const char *id)
{
	struct sk_entry *e = NULL;
	struct sk_oid now, then = { { 0 } };
	const char *branch;
	char *here = NULL;
	int rc = sk_select_intact(call->repo, id, &e);

	if (!rc)
		rc = sk_repo_head(call->repo, &now, &here);
	if (rc)
		goto out;
	branch = sk_entry_get(e, "Sk-Branch");
	(void)sk_entry_get_oid(e, "Sk-Head", &then);
	if (!sk_oid_eq(&now, &then) || strcmp(branch ? branch : "", here ? here : "") != 0)
		sk_note("HEAD was at %s%s%.10s then, and is left where it is; git sk rollback "
		        "--yes --staged --head %s moves it back too",
		        branch ? branch : "", branch ? ", " : "", sk_oid_str(&then), id);
out:
	free(here);
	sk_entry_free(e);
	return rc;
}

int sk_cmd_undo(struct sk_call *call)
{
	struct sk_restore_result r = { 0 };
	struct sk_undo undo = { 0 };
	bool dry = sk_call_has(call, "dry-run"), go = true;
	int rc = sk_call_args(call, 0, 0);

	if (!rc) {
		sk_undo_settle(call->repo);
		rc = sk_undo_last(call->repo, &undo);
	}
	if (rc)
		return rc;
	if (!dry && !sk_call_has(call, "yes"))
		rc = isatty(0) ? ask_undo(call, &undo, &go) : refused(call, true);
	if (!rc && !go)
		rc = SK_ENO;
	if (rc)
		goto out;
	rc = say_what(&undo, dry);
	if (rc)
		goto out;
	rc = sk_undo_apply(call->repo, dry, &r);
	if (!rc || rc == SK_EPARTIAL)
		rc = sk_report_restore(call, "undo", undo.safety_id, &r, dry, rc);
	if (!rc && !undo.head)
		rc = remark_head(call, undo.safety_id);
	if (!rc && !r.n_changes && !dry)
		sk_note("no file had changed since; git sk rollback offers every other state");
out:
	sk_restore_result_clear(&r);
	sk_undo_clear(&undo);
	return rc;
}
