#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/lookup.h"
#include "command/print.h"
#include "command/report.h"

#define LOCK_WAIT 10

/* The present state, untracked files included, as git cannot see it without an index of its own:
 * a backup, which is also what one wants before deciding on what the differences say. */
static int present(struct sk_call *call, struct sk_entry **out)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                       .title = "compared by git sk diff",
		                       .trigger = "diff",
		                       .wait_seconds = LOCK_WAIT };
	struct sk_backup_result r = { 0 };
	int rc = sk_backup(call->repo, &opts, &r);

	if (rc == SK_EPARTIAL) {
		sk_warn_skipped(&r.snap->meta);
		rc = 0;
	}
	if (!rc) {
		*out = r.entry;
		r.entry = NULL;
	}
	sk_backup_result_clear(&r);
	return rc;
}

static int choose(struct sk_call *call, struct sk_entry **from, struct sk_entry **to)
{
	int rc;

	if (call->n_arg)
		rc = sk_select_intact(call->repo, call->arg[0], from);
	else
		rc = sk_entry_latest(call->repo, call->repo->worktree_id, from);
	if (rc)
		return rc;
	if (call->n_arg == 2)
		return sk_select_intact(call->repo, call->arg[1], to);
	return present(call, to);
}

struct words {
	struct sk_strv list;
	const char **argv;
};

static int pathspecs(struct sk_call *call, struct sk_strv *out)
{
	struct sk_strv paths = SK_STRV_INIT;
	struct sk_buf spec = SK_BUF_INIT;
	int rc = sk_call_paths(call, &paths);

	if (!rc)
		rc = sk_strv_add(out, "--");
	for (size_t i = 0; !rc && i < paths.n; i++) {
		sk_buf_clear(&spec);
		(void)sk_buf_addf(&spec, ":(top,literal)%s", paths.item[i]);
		rc = sk_buf_ok(&spec);
		if (!rc)
			rc = sk_strv_add(out, spec.ptr);
	}
	sk_buf_free(&spec);
	sk_strv_free(&paths);
	return rc;
}

static int build(struct sk_call *call, const struct sk_oid *a, const struct sk_oid *b,
                 struct words *out)
{
	struct sk_buf color = SK_BUF_INIT;
	int rc = sk_strv_add(&out->list, "diff");

	if (!rc && call->color) {
		(void)sk_buf_addf(&color, "--color=%s", call->color);
		rc = sk_buf_ok(&color);
		if (!rc)
			rc = sk_strv_add(&out->list, color.ptr);
		sk_buf_free(&color);
	}
	if (!rc && sk_call_has(call, "stat"))
		rc = sk_strv_add(&out->list, "--stat");
	if (!rc && call->json) {
		rc = sk_strv_add(&out->list, "--name-status");
		rc = rc ? rc : sk_strv_add(&out->list, "--no-renames");
		rc = rc ? rc : sk_strv_add(&out->list, "-z");
	}
	if (!rc)
		rc = sk_strv_add(&out->list, sk_oid_str(a));
	if (!rc)
		rc = sk_strv_add(&out->list, sk_oid_str(b));
	if (!rc)
		rc = pathspecs(call, &out->list);
	if (rc)
		return rc;
	out->argv = calloc(out->list.n + 1, sizeof *out->argv);
	if (!out->argv)
		return sk_error_oom();
	memcpy(out->argv, out->list.item, out->list.n * sizeof *out->argv);
	return 0;
}

/* "M\0path\0A\0path\0" */
static json_t *changes_json(const struct sk_buf *text)
{
	const char *p = sk_buf_str(text), *end = p + text->len;
	json_t *list = json_array();

	while (list && p < end) {
		const char *path = p + strlen(p) + 1;
		json_t *one = sk_json_add(json_object(), "status", json_stringn(p, 1));

		if (path >= end)
			path = "";
		one = sk_json_add(one, "path", sk_json_text(path));
		p = *path ? path + strlen(path) + 1 : end;
		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int diff_json(struct sk_call *call, const struct words *w, const struct sk_entry *from,
                     const struct sk_entry *to)
{
	struct sk_buf text = SK_BUF_INIT;
	int status = 0, rc = sk_git_run(call->repo, w->argv, NULL, &text, &status);
	json_t *o;

	if (!rc && status)
		rc = sk_error(SK_EIO, "git diff failed with exit code %d", status);
	if (!rc) {
		o = sk_json_add(json_object(), "from", sk_json_text(from->id));
		o = sk_json_add(o, "to", sk_json_text(to->id));
		rc = sk_out_json(sk_json_add(o, "changes", changes_json(&text)));
	}
	sk_buf_free(&text);
	return rc;
}

int sk_cmd_diff(struct sk_call *call)
{
	struct sk_entry *from = NULL, *to = NULL;
	struct words w = { SK_STRV_INIT, NULL };
	int rc = sk_call_args(call, 0, 2);

	if (!rc)
		rc = choose(call, &from, &to);
	if (!rc)
		rc = build(call, &from->tree, &to->tree, &w);
	if (!rc)
		/* git itself brings colours and the pager; this comes back only on failure */
		rc = call->json ? diff_json(call, &w, from, to) : sk_git_exec(call->repo, w.argv);
	free(w.argv);
	sk_strv_free(&w.list);
	sk_entry_free(from);
	sk_entry_free(to);
	return rc;
}
