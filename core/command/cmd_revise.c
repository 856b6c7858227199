#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/listing.h"
#include "command/print.h"
#include "command/report.h"

#define LOCK_WAIT 30

static int list(struct sk_call *call, bool after_saving)
{
	struct sk_listing l = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_listing_load(call->repo, SK_REVISION, false, SIZE_MAX, &l);

	if (rc)
		return rc;
	if (!after_saving && call->json) {
		rc = sk_listing_json(call->repo, &l);
	} else if (!after_saving && call->nul) {
		sk_listing_ids(&l);
	} else {
		rc = sk_listing_revisions(&l, &text);
		/* the id alone is the result of saving, so that a script can take it */
		if (!rc && after_saving && !sk_quiet())
			(void)fprintf(stderr, "\nrevisions:\n%s", sk_buf_str(&text));
		if (!rc && !after_saving)
			rc = sk_pager_start(call->repo);
		if (!rc && !after_saving)
			sk_out(sk_buf_str(&text), text.len);
	}
	sk_buf_free(&text);
	sk_listing_free(&l);
	return rc;
}

static int delete_one(struct sk_call *call, const char *selector)
{
	struct sk_entry *e = NULL;
	int rc = sk_entry_select(call->repo, selector, &e);

	if (rc)
		return rc;
	if (e->kind != SK_REVISION)
		rc = sk_error(SK_EUSAGE, "%s is a %s, not a revision", e->id,
		              sk_kind_name(e->kind));
	if (!rc)
		rc = sk_entry_delete(call->repo, &e, 1);
	if (!rc && call->json)
		rc = sk_out_json(sk_json_add(json_object(), "deleted", json_string(e->id)));
	else if (!rc)
		sk_outf("deleted %s\n", e->id);
	sk_entry_free(e);
	return rc;
}

/* NAME as given, with Stable_ or Pre_ before it when asked for and not there. */
static int full_name(const struct sk_call *call, struct sk_buf *out)
{
	const char *prefix = sk_call_has(call, "stable") ? "Stable"
	                     : sk_call_has(call, "pre")  ? "Pre"
	                                                 : NULL;
	const char *name = call->n_arg ? call->arg[0] : "";
	size_t n = prefix ? strlen(prefix) : 0;

	if (prefix && (strncmp(name, prefix, n) != 0 || (name[n] && name[n] != '_')))
		(void)sk_buf_addf(out, "%s%s", prefix, *name ? "_" : "");
	(void)sk_buf_adds(out, name);
	return sk_buf_ok(out);
}

static int save(struct sk_call *call, const char *name, const char *id)
{
	struct sk_backup_opts opts = {
		.kind = SK_REVISION, .trigger = "revise", .always = true, .wait_seconds = LOCK_WAIT
	};
	struct sk_backup_result r = { 0 };
	int bad = 0, rc;

	opts.name = opts.title = *name ? name : id;
	opts.id = id;
	opts.description = call->n_arg > 1 ? call->arg[1] : NULL;
	rc = sk_backup(call->repo, &opts, &r);
	if (rc == SK_EPARTIAL) {
		sk_warn_skipped(&r.snap->meta);
		sk_error_clear();
	}
	if (!rc || rc == SK_EPARTIAL) {
		if (call->json)
			bad = sk_out_json(sk_entry_json(call->repo, r.entry, r.is_new));
		else
			sk_outf("%s\n", r.entry->id);
		sk_out_flush();
		if (!bad && !call->json)
			bad = list(call, true);
	}
	sk_backup_result_clear(&r);
	return bad ? bad : rc;
}

int sk_cmd_revise(struct sk_call *call)
{
	const char *selector = sk_call_value(call, "delete");
	bool listed = sk_call_has(call, "list");
	bool marked = sk_call_has(call, "stable") || sk_call_has(call, "pre");
	struct sk_buf name = SK_BUF_INIT;
	char *id = NULL;
	int rc;

	if ((selector != NULL) + listed + marked > 1 ||
	    (sk_call_has(call, "stable") && sk_call_has(call, "pre")))
		return sk_error(SK_EUSAGE, "only one of --stable, --pre, --list and --delete");
	rc = sk_call_args(call, 0, selector || listed ? 0 : 2);
	if (rc)
		return rc;
	if (selector)
		return delete_one(call, selector);
	if (listed)
		return list(call, false);
	rc = full_name(call, &name);
	if (!rc)
		rc = sk_revision_id(name.ptr, sk_now(), &id);
	if (!rc)
		rc = save(call, name.ptr, id);
	free(id);
	sk_buf_free(&name);
	return rc;
}
