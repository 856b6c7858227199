#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/findings.h"
#include "command/print.h"
#include "command/report.h"
#include "release/release.h"

/* All values of an option that may be given more than once. */
static int values(const struct sk_call *call, const char *name, struct sk_strv *out)
{
	int rc = 0;

	for (size_t i = 0; i < call->n_given && !rc; i++)
		if (strcmp(call->given[i].option->name, name) == 0)
			rc = sk_strv_add(out, call->given[i].value);
	return rc;
}

static json_t *paths_json(const struct sk_release *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->n; i++)
		if (!r->file[i].out && r->file[i].mode != 040000 &&
		    json_array_append_new(
		            list, sk_json_path(r->file[i].path, strlen(r->file[i].path))) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *oid_json(const struct sk_oid *oid)
{
	return sk_oid_is_zero(oid) ? json_null() : json_string(sk_oid_str(oid));
}

static int print_json(const struct sk_release *r, bool done, bool dry_run)
{
	json_t *o = sk_json_add(json_object(), "version", sk_json_text(r->version));

	o = sk_json_add(o, "ref", sk_json_text(r->ref));
	o = sk_json_add(o, "released", json_boolean(done && !dry_run));
	o = sk_json_add(o, "new", json_boolean(done && r->is_new));
	o = sk_json_add(o, "dry_run", json_boolean(dry_run));
	o = sk_json_add(o, "source", sk_json_text(r->source));
	o = sk_json_add(o, "tree", oid_json(&r->tree));
	o = sk_json_add(o, "commit", oid_json(&r->commit));
	o = sk_json_add(o, "directory",
	                r->dir ? sk_json_path(r->dir, strlen(r->dir)) : json_null());
	o = sk_json_add(o, "files", json_integer((json_int_t)r->files));
	o = sk_json_add(o, "bytes", json_integer((json_int_t)r->bytes));
	o = sk_json_add(o, "left_out", json_integer((json_int_t)r->left_out));
	if (dry_run)
		o = sk_json_add(o, "paths", paths_json(r));
	o = sk_json_add(o, "notes", sk_texts_json(&r->notes));
	return sk_out_json(sk_json_add(o, "findings", sk_findings_json(&r->found)));
}

static void print_paths(const struct sk_release *r, bool nul)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct sk_release_file *f = &r->file[i];

		if (f->out || f->mode == 040000)
			continue;
		if (nul)
			sk_out(f->path, strlen(f->path) + 1);
		else
			sk_outf("%s\n", sk_name(f->path));
	}
}

static void warn(const struct sk_findings *found)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct sk_finding *f = &found->item[i];

		sk_warn("%s: %s; %s", sk_name(f->path), f->message, f->remedy);
	}
}

static int say_next(const struct sk_release *r)
{
	struct sk_buf dir = SK_BUF_INIT;
	int rc = sk_add_word(&dir, r->dir);

	if (!rc) {
		sk_note("next, with an empty repository at URL:");
		sk_note("  git -C %s remote add origin URL", dir.ptr);
		sk_note("  git -C %s push -u origin main %s", dir.ptr, r->version);
	}
	sk_buf_free(&dir);
	return rc;
}

static int print_text(const struct sk_release *r, bool done, bool dry_run, bool nul)
{
	struct sk_buf size = SK_BUF_INIT;
	int rc = sk_add_size(&size, r->bytes);

	if (rc)
		return rc;
	if (done && dry_run)
		print_paths(r, nul);
	else if (done)
		sk_outf("%s\n", r->version);
	sk_out_flush();
	for (size_t i = 0; i < r->notes.n; i++)
		sk_note("%s", r->notes.item[i]);
	if (done) {
		sk_note("%s%s of %s: %zu file%s, %s, %zu left out%s%s", dry_run ? "would be " : "",
		        r->version, r->source, r->files, r->files == 1 ? "" : "s", size.ptr,
		        r->left_out, dry_run ? ", in " : ": ", sk_name(r->dir));
		if (!r->is_new)
			sk_note("the same release as before: commit %s", sk_oid_str(&r->commit));
	}
	if (done && !dry_run)
		rc = say_next(r);
	sk_buf_free(&size);
	return rc;
}

int sk_cmd_release(struct sk_call *call)
{
	bool dry_run = sk_call_has(call, "dry-run");
	struct sk_strv only = SK_STRV_INIT, except = SK_STRV_INIT;
	struct sk_release_options opts = { .from = sk_call_value(call, "from"),
		                           .dir = sk_call_value(call, "out"),
		                           .only = &only,
		                           .except = &except,
		                           .dry_run = dry_run };
	struct sk_release r = { 0 };
	char *why = NULL;
	int rc = sk_call_args(call, 0, 1), bad = 0;

	if (!rc)
		rc = values(call, "include", &only);
	if (!rc)
		rc = values(call, "exclude", &except);
	if (!rc && opts.dir && !*opts.dir)
		rc = sk_error(SK_EUSAGE, "--out wants the name of a folder");
	if (rc)
		goto out;
	opts.version = call->n_arg ? call->arg[0] : NULL;
	rc = sk_release(call->repo, &opts, &r);
	why = rc ? strdup(sk_error_message()) : NULL;
	if (call->json && (!rc || r.found.blocks)) {
		bad = print_json(&r, !rc, dry_run);
	} else if (!rc || r.found.blocks) {
		/* the version, or the paths, alone are the result, for scripts */
		if (rc)
			sk_findings_print(&r.found);
		else
			warn(&r.found);
		bad = print_text(&r, !rc, dry_run, call->nul);
	}
	if (rc)
		(void)sk_error(rc, "%s", why ? why : "out of memory");
out:
	free(why);
	sk_release_clear(&r);
	sk_strv_free(&only);
	sk_strv_free(&except);
	return bad ? bad : rc;
}
