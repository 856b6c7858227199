#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/open.h"
#include "command/print.h"
#include "command/registry.h"
#include "command/report.h"
#include "plugin/plugin.h"

#define LOCK_WAIT 30

struct outcome {
	struct sk_entry *entry;
	bool is_new, due;
};

static bool is_due(const struct sk_repo *repo, const struct sk_entry *newest)
{
	time_t now = sk_now();

	/* one dated in the future says nothing about when there was one */
	return newest->created > now ||
	       (int64_t)(now - newest->created) * 1000 >= repo->config->backup.interval_ms;
}

/* Fills `out` with the newest one when it is young enough. */
static int look_first(const struct sk_repo *repo, struct outcome *out)
{
	struct sk_entry *newest = NULL;
	int rc = sk_entry_latest(repo, repo->worktree_id, &newest);

	if (rc == SK_ENO)
		return 0;
	if (rc)
		return rc;
	if (repo->config->backup.interval_ms < 0 || !is_due(repo, newest)) {
		out->due = false;
		out->entry = newest;
		return 0;
	}
	sk_entry_free(newest);
	return 0;
}

static int take(struct sk_repo *repo, const struct sk_call *call, struct outcome *out)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP, .wait_seconds = LOCK_WAIT };
	struct sk_backup_result r = { 0 };
	const char *message = sk_call_value(call, "message");
	struct sk_buf title = SK_BUF_INIT;
	int rc = 0;

	*out = (struct outcome){ .due = true };
	if (sk_call_has(call, "if-due"))
		rc = look_first(repo, out);
	if (rc)
		return rc;
	if (sk_call_has(call, "if-due")) /* cron's round, where there is no service */
		sk_plugins_cycle(repo);
	if (!out->due)
		return 0;
	opts.trigger = sk_call_has(call, "if-due") ? "schedule" : "manual";
	opts.title = sk_call_has(call, "if-due") ? "backup by time" : "backup by hand";
	if (message && *message) {
		rc = sk_buf_add(&title, message, strcspn(message, "\n"));
		opts.title = title.ptr;
		message += strcspn(message, "\n");
		opts.description = *message ? message + strspn(message, "\n") : NULL;
	}
	if (!rc)
		rc = sk_backup(repo, &opts, &r);
	if (rc == SK_EPARTIAL && r.snap)
		sk_warn_skipped(&r.snap->meta);
	out->entry = r.entry;
	out->is_new = r.is_new;
	r.entry = NULL;
	sk_backup_result_clear(&r);
	sk_buf_free(&title);
	return rc;
}

static void remark(const struct sk_call *call, const struct outcome *o)
{
	if (!o->due)
		sk_note("not due: the newest backup is young enough");
	else if (!o->is_new && sk_call_value(call, "message"))
		sk_note("nothing changed since; the message was not kept (git sk revise names a "
		        "state that has not changed)");
	else if (!o->is_new)
		sk_note("nothing changed since");
}

static int backup_here(struct sk_call *call)
{
	struct outcome o;
	int bad = 0, rc = sk_open_repo(SK_NEEDS_ENABLED, &call->repo);

	if (rc)
		return rc;
	rc = take(call->repo, call, &o);
	if (!o.entry)
		return rc;
	if (rc == SK_EPARTIAL)
		sk_error_clear(); /* the paths were just named */
	if (call->json)
		bad = sk_out_json(sk_entry_json(call->repo, o.entry, o.is_new));
	else
		sk_outf("%s\n", o.entry->id);
	sk_out_flush();
	if (!bad)
		remark(call, &o);
	sk_entry_free(o.entry);
	return bad ? bad : rc;
}

/* The worktree that COMMONDIR/worktrees/NAME/gitdir belongs to; "" when it cannot be read. */
static int linked_worktree(const char *commondir, const char *name, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	int rc;

	sk_buf_clear(out);
	(void)sk_buf_addf(&path, "%s/worktrees/%s/gitdir", commondir, name);
	rc = sk_buf_ok(&path);
	if (!rc && sk_read_file(AT_FDCWD, path.ptr, 65536, out) == 0) {
		while (out->len && out->ptr[out->len - 1] == '\n')
			sk_buf_truncate(out, out->len - 1);
		if (out->len > 5 && strcmp(out->ptr + out->len - 5, "/.git") == 0)
			sk_buf_truncate(out, out->len - 5);
		if (stat(sk_buf_str(out), &st) < 0)
			sk_buf_clear(out);
	}
	sk_buf_free(&path);
	return rc;
}

/* Adds the linked worktrees of the repository to the end of `list`. */
static int add_worktrees(const struct sk_repo *repo, struct sk_strv *list)
{
	struct sk_buf path = SK_BUF_INIT;
	struct dirent *d;
	DIR *dir;
	int rc;

	(void)sk_buf_addf(&path, "%s/worktrees", repo->commondir);
	rc = sk_buf_ok(&path);
	dir = rc ? NULL : opendir(path.ptr);
	while (dir && !rc && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		rc = linked_worktree(repo->commondir, d->d_name, &path);
		if (!rc && path.len && !sk_strv_has(list, path.ptr))
			rc = sk_strv_add(list, path.ptr);
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	return rc;
}

static json_t *outcome_json(const struct sk_repo *repo, const struct outcome *o)
{
	return sk_json_add(sk_entry_json(repo, o->entry, o->is_new), "path",
	                   sk_json_text(repo->worktree));
}

/* One of many: whether it is to stay in the registry goes to *drop. */
static int backup_at(const char *path, struct sk_call *call, struct sk_strv *list, json_t *all,
                     bool *drop)
{
	struct sk_repo *repo = NULL;
	struct sk_buf name = SK_BUF_INIT;
	struct outcome o = { 0 };
	int rc;

	if (chdir(path) < 0) {
		*drop = errno == ENOENT || errno == ENOTDIR;
		return sk_error_errno(SK_EREPO, "cannot work in it");
	}
	rc = sk_open_repo(SK_NEEDS_REPO, &repo);
	/* one that cannot be opened but is there is not forgotten: it is damaged, or not mounted */
	*drop = rc == SK_EREPO ? !sk_exists(".git") : !rc && !repo->enabled;
	if (!rc && !repo->enabled)
		rc = sk_error(SK_EREPO, "not enabled any more");
	if (!rc)
		rc = add_worktrees(repo, list);
	if (!rc)
		rc = take(repo, call, &o);
	if (o.entry) {
		(void)sk_add_name(&name, path, strlen(path));
		if (!call->json)
			sk_outf("%s\t%s\n", o.entry->id, sk_buf_str(&name));
		else if (json_array_append_new(all, outcome_json(repo, &o)) != 0)
			rc = sk_error_oom();
	}
	sk_buf_free(&name);
	sk_entry_free(o.entry);
	sk_repo_close(repo);
	return rc;
}

static int backup_all(struct sk_call *call)
{
	struct sk_strv list = SK_STRV_INIT;
	json_t *all = json_array();
	bool failed = false;
	int rc = sk_registry_read(&list);

	sk_clear_git_env(); /* it names one repository, and this is about the others */
	for (size_t i = 0; !rc && i < list.n; i++) {
		bool drop = false;
		int one = backup_at(list.item[i], call, &list, all, &drop);

		if (!one)
			continue;
		if (drop) {
			sk_note("%s is no more; it leaves the list", sk_name(list.item[i]));
			rc = sk_registry_remove(list.item[i]);
			continue;
		}
		failed = true;
		if (one != SK_EPARTIAL)
			sk_warn("%s: %s", sk_name(list.item[i]), sk_error_message());
	}
	sk_error_clear();
	if (!rc && call->json)
		rc = sk_out_json(sk_json_add(json_object(), "backups", json_incref(all)));
	json_decref(all);
	sk_strv_free(&list);
	return !rc && failed ? SK_EPARTIAL : rc;
}

int sk_cmd_backup(struct sk_call *call)
{
	int rc = sk_call_args(call, 0, 0);

	if (rc)
		return rc;
	return sk_call_has(call, "all-repos") ? backup_all(call) : backup_here(call);
}
