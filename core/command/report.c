#include "command/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/print.h"
#include "store/retention.h"

#define PREVIEW 10 /* items shown before a question */

json_t *sk_texts_json(const struct sk_strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n; i++)
		if (json_array_append_new(list, sk_json_text(v->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

json_t *sk_json_add(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(object, key, value) != 0) { /* took `value` all the same */
		json_decref(object);
		return NULL;
	}
	return object;
}

unsigned long sk_entry_number(const struct sk_entry *e, const char *key)
{
	const char *text = sk_entry_get(e, key);

	return text ? strtoul(text, NULL, 10) : 0;
}

static json_t *skip_json(const char *path, const char *reason)
{
	json_t *one = sk_json_add(json_object(), "path", sk_json_text(path));

	return sk_json_add(one, "reason", sk_json_text(reason ? reason : ""));
}

static json_t *skipped_json(const struct sk_repo *repo, const struct sk_entry *e)
{
	json_t *list = json_array();
	const struct sk_meta_path *p;
	struct sk_meta meta;
	struct sk_oid oid;
	size_t n = 0;

	if (!sk_entry_get(e, "Sk-Skipped") || !sk_entry_get_oid(e, "Sk-Meta", &oid))
		return list;
	sk_meta_init(&meta);
	if (sk_meta_read(repo, &oid, &meta)) {
		sk_warn("%s: %s", e->id, sk_error_message());
		return list;
	}
	p = sk_meta_kind(&meta, 'S', &n);
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, skip_json(p[i].path, p[i].reason)) != 0) {
			json_decref(list);
			list = NULL;
			break;
		}
	sk_meta_clear(&meta);
	return list;
}

static json_t *number_json(const struct sk_entry *e, const char *key)
{
	return sk_entry_get(e, key) ? json_integer((json_int_t)sk_entry_number(e, key))
	                            : json_null();
}

static json_t *damaged_json(const struct sk_entry *e, json_t *o)
{
	o = sk_json_add(o, "damaged", json_true());
	return sk_json_add(o, "damage", sk_json_text(e->damage));
}

json_t *sk_entry_json(const struct sk_repo *repo, const struct sk_entry *e, bool is_new)
{
	json_t *o = sk_json_add(json_object(), "id", sk_json_text(e->id));

	o = sk_json_add(o, "ref", sk_json_text(e->ref));
	o = sk_json_add(o, "kind", json_string(sk_kind_name(e->kind)));
	o = sk_json_add(o, "created", sk_json_time(e->created));
	if (e->damaged)
		return damaged_json(e, o);
	o = sk_json_add(o, "trigger", sk_json_text(sk_entry_get(e, "Sk-Trigger")));
	o = sk_json_add(o, "title", sk_json_text(e->title));
	o = sk_json_add(o, "tree", json_string(sk_oid_str(&e->tree)));
	o = sk_json_add(o, "head", sk_json_text(sk_entry_get(e, "Sk-Head")));
	o = sk_json_add(o, "branch", sk_json_text(sk_entry_get(e, "Sk-Branch")));
	o = sk_json_add(o, "worktree", sk_json_text(sk_entry_get(e, "Sk-Worktree")));
	o = sk_json_add(o, "host", sk_json_text(sk_entry_get(e, "Sk-Host")));
	o = sk_json_add(o, "command", sk_json_text(sk_entry_get(e, "Sk-Command")));
	o = sk_json_add(o, "files", number_json(e, "Sk-Files"));
	o = sk_json_add(o, "changed", number_json(e, "Sk-Changed"));
	o = sk_json_add(o, "bytes", number_json(e, "Sk-Bytes"));
	o = sk_json_add(o, "skipped", skipped_json(repo, e));
	o = sk_json_add(o, "new", json_boolean(is_new));
	if (sk_entry_get(e, "Sk-Agent")) {
		o = sk_json_add(o, "agent", sk_json_text(sk_entry_get(e, "Sk-Agent")));
		o = sk_json_add(o, "session", sk_json_text(sk_entry_get(e, "Sk-Session")));
		o = sk_json_add(o, "prompt", number_json(e, "Sk-Prompt"));
		o = sk_json_add(o, "step", sk_json_text(sk_entry_get(e, "Sk-Step")));
		o = sk_json_add(o, "tool", sk_json_text(sk_entry_get(e, "Sk-Tool")));
	}
	if (e->kind == SK_REVISION) {
		const char *name = sk_entry_get(e, "Sk-Name");

		o = sk_json_add(o, "name", sk_json_text(name ? name : e->title));
		o = sk_json_add(o, "description", sk_json_text(e->description));
	}
	return o;
}

json_t *sk_words_json(unsigned reason)
{
	struct sk_buf words = SK_BUF_INIT;
	json_t *list = json_array();

	if (sk_retention_words(reason, &words)) {
		json_decref(list);
		list = NULL;
	}
	for (char *p = words.ptr; list && p && *p;) {
		size_t n = strcspn(p, ",");
		json_t *word = json_stringn(p, n);

		if (n && json_array_append_new(list, word) != 0) {
			json_decref(list);
			list = NULL;
		}
		p += n;
		p += strspn(p, ", ");
	}
	sk_buf_free(&words);
	return list;
}

void sk_warn_skipped(const struct sk_meta *meta)
{
	size_t n = 0;
	const struct sk_meta_path *p = sk_meta_kind(meta, 'S', &n);

	for (size_t i = 0; i < n; i++)
		sk_warn("skipped %s: %s", sk_name(p[i].path),
		        p[i].reason ? p[i].reason : "unknown");
}

static const char *change_words(enum sk_change_kind kind, bool dry)
{
	switch (kind) {
	case SK_WRITE:
		return dry ? "would write" : "wrote";
	case SK_DELETE:
		return dry ? "would delete" : "deleted";
	case SK_CHMOD:
		return dry ? "would set the mode of" : "set the mode of";
	case SK_MKDIR:
		return dry ? "would make folder" : "made folder";
	case SK_RMDIR:
		return dry ? "would remove folder" : "removed folder";
	}
	return "";
}

static const char *change_name(enum sk_change_kind kind)
{
	switch (kind) {
	case SK_WRITE:
		return "write";
	case SK_DELETE:
		return "delete";
	case SK_CHMOD:
		return "mode";
	case SK_MKDIR:
		return "mkdir";
	case SK_RMDIR:
		return "rmdir";
	}
	return "";
}

static json_t *changes_json(const struct sk_restore_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_changes; i++) {
		const struct sk_change *c = &r->change[i];
		json_t *one =
		        sk_json_add(json_object(), "action", json_string(change_name(c->kind)));

		one = sk_json_add(one, "path", sk_json_text(c->path));
		one = sk_json_add(one, "created", json_boolean(c->created));
		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *skips_json(const struct sk_restore_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_skips; i++)
		if (json_array_append_new(list, skip_json(r->skip[i].path, r->skip[i].reason)) !=
		    0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *restore_json(const char *target, const struct sk_restore_result *r, bool dry_run)
{
	json_t *o = sk_json_add(json_object(), "target", sk_json_text(target));

	o = sk_json_add(o, "safety_backup", sk_json_text(r->safety_id));
	o = sk_json_add(o, "written", json_integer((json_int_t)r->written));
	o = sk_json_add(o, "deleted", json_integer((json_int_t)r->deleted));
	o = sk_json_add(o, "unchanged", json_integer((json_int_t)r->unchanged));
	o = sk_json_add(o, "skipped", skips_json(r));
	o = sk_json_add(o, "dry_run", json_boolean(dry_run));
	o = sk_json_add(o, "changes", changes_json(r));
	o = sk_json_add(o, "index_restored", json_boolean(r->index_restored));
	return sk_json_add(o, "head_moved", json_boolean(r->head_moved));
}

static void print_change(const struct sk_change *c, bool dry, const char *indent, bool to_stderr)
{
	struct sk_buf line = SK_BUF_INIT;

	(void)sk_buf_addf(&line, "%s%s ", indent, change_words(c->kind, dry));
	(void)sk_add_name(&line, c->path, strlen(c->path));
	(void)sk_buf_addc(&line, '\n');
	if (to_stderr)
		(void)fputs(sk_buf_str(&line), stderr);
	else
		sk_out(sk_buf_str(&line), line.len);
	sk_buf_free(&line);
}

void sk_preview_restore(const struct sk_restore_result *r)
{
	size_t shown = r->n_changes > PREVIEW ? PREVIEW : r->n_changes;

	(void)fprintf(stderr, "%zu to write, %zu to delete, %zu as they are\n", r->written,
	              r->deleted, r->unchanged);
	for (size_t i = 0; i < shown; i++)
		print_change(&r->change[i], true, "  ", true);
	if (r->n_changes > shown)
		(void)fprintf(stderr, "  and %zu more\n", r->n_changes - shown);
	for (size_t i = 0; i < r->n_skips; i++)
		sk_warn("%s will be left as it is: %s", sk_name(r->skip[i].path),
		        r->skip[i].reason);
}

static void sum(const char *operation, const char *target, const struct sk_restore_result *r,
                bool dry_run)
{
	if (dry_run) {
		sk_note("%s to %s: %zu to write, %zu to delete, %zu as they are; nothing was done",
		        operation, target, r->written, r->deleted, r->unchanged);
		return;
	}
	if (!r->n_changes && !r->index_restored && !r->head_moved) {
		sk_note("%s to %s: nothing to do, all is as it was then", operation, target);
		return;
	}
	sk_note("%s to %s: %zu written, %zu deleted, %zu as they were%s%s", operation, target,
	        r->written, r->deleted, r->unchanged, r->index_restored ? "; staged state too" : "",
	        r->head_moved ? "; HEAD moved" : "");
	if (r->safety_id)
		sk_note("the state before is backup %s; git sk undo brings it back", r->safety_id);
}

int sk_report_restore(const struct sk_call *call, const char *operation, const char *target,
                      const struct sk_restore_result *r, bool dry_run, int rc)
{
	for (size_t i = 0; i < r->n_skips; i++)
		sk_say("skipped %s: %s", sk_name(r->skip[i].path),
		       r->skip[i].reason ? r->skip[i].reason : "unknown");
	if (rc == SK_EPARTIAL)
		sk_error_clear(); /* all of it was just said */
	if (call->json) {
		int bad = sk_out_json(restore_json(target, r, dry_run));

		return bad ? bad : rc;
	}
	for (size_t i = 0; (dry_run || !sk_quiet()) && i < r->n_changes; i++)
		print_change(&r->change[i], dry_run, "", false);
	sk_out_flush();
	sum(operation, target, r, dry_run);
	return rc;
}
