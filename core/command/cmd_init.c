#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/print.h"
#include "command/registry.h"
#include "command/report.h"
#include "health/status.h"
#include "hooks/install.h"
#include "store/keep.h"

#define LOCK_WAIT 10

static json_t *lines_json(const struct sk_strv *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < lines->n; i++)
		if (json_array_append_new(list, sk_json_text(lines->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static void print_lines(const struct sk_strv *lines)
{
	struct sk_buf text = SK_BUF_INIT;

	for (size_t i = 0; i < lines->n; i++) {
		(void)sk_add_text(&text, lines->item[i], strlen(lines->item[i]));
		(void)sk_buf_addc(&text, '\n');
	}
	sk_out(sk_buf_str(&text), text.len);
	sk_buf_free(&text);
}

/* Opens it once more, with the settings and folders that the installation made. */
static int reopen(struct sk_call *call)
{
	struct sk_repo *again = NULL;
	int rc;

	/* the first opening took GIT_* out of the environment: the same one, wherever it is */
	if (setenv("GIT_DIR", call->repo->gitdir, 1) ||
	    setenv("GIT_WORK_TREE", call->repo->worktree, 1))
		return sk_error_oom();
	rc = sk_repo_open(".", &again);
	if (rc)
		return rc;
	sk_repo_close(call->repo);
	call->repo = again;
	return 0;
}

static int first_backup(struct sk_call *call, struct sk_backup_result *out)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                       .title = "first backup",
		                       .trigger = "init",
		                       .wait_seconds = LOCK_WAIT };
	int rc = sk_backup(call->repo, &opts, out);

	if (rc == SK_EPARTIAL && out->snap)
		sk_warn_skipped(&out->snap->meta);
	else if (rc)
		return sk_error_prefix(rc, "enabled, but the first backup failed");
	return rc;
}

static int init_json(const struct sk_call *call, const struct sk_strv *said, bool fresh,
                     const struct sk_entry *first)
{
	json_t *o = sk_json_add(json_object(), "enabled", json_true());

	o = sk_json_add(o, "already", json_boolean(!fresh));
	o = sk_json_add(o, "worktree", sk_json_text(call->repo->worktree));
	o = sk_json_add(o, "actions", lines_json(said));
	o = sk_json_add(o, "backup", sk_json_text(first ? first->id : NULL));
	return sk_out_json(o);
}

static void init_say(const struct sk_call *call, const struct sk_strv *said, bool fresh,
                     const struct sk_backup_result *first)
{
	struct sk_buf name = SK_BUF_INIT;
	const struct sk_entry *e = first->entry;

	print_lines(said);
	(void)sk_add_name(&name, call->repo->worktree, strlen(call->repo->worktree));
	if (!fresh && !said->n)
		sk_outf("already enabled in %s\n", sk_buf_str(&name));
	else
		sk_outf("%s in %s\n", fresh ? "enabled" : "put right", sk_buf_str(&name));
	if (e && first->is_new)
		sk_outf("first backup: %s (%lu files)\n", e->id, sk_entry_number(e, "Sk-Files"));
	sk_buf_free(&name);
	sk_out_flush();
}

static int init_report(const struct sk_call *call, const struct sk_strv *said, bool fresh,
                       const struct sk_backup_result *first)
{
	struct sk_buf left_out = SK_BUF_INIT;

	if (call->json)
		return init_json(call, said, fresh, first->entry);
	if (!sk_quiet())
		init_say(call, said, fresh, first);
	if (sk_status_left_out(call->repo, &left_out) == 0 && left_out.len)
		sk_say("warning: %s", left_out.ptr); /* -q or not: that is not protected */
	sk_buf_free(&left_out);
	if (fresh)
		sk_note("to see what is saved: git sk list; to bring it back: git sk rollback");
	return 0;
}

int sk_cmd_init(struct sk_call *call)
{
	unsigned what = SK_INSTALL_HOOKS | SK_INSTALL_GUARD;
	struct sk_backup_result first = { 0 };
	struct sk_strv said = SK_STRV_INIT;
	bool fresh = !call->repo->enabled;
	int rc, bad;

	rc = sk_call_args(call, 0, 0);
	if (rc)
		return rc;
	if (sk_call_has(call, "no-guard"))
		what &= ~(unsigned)SK_INSTALL_GUARD;
	if (sk_call_has(call, "no-hooks"))
		what &= ~(unsigned)SK_INSTALL_HOOKS;
	/* again and with nothing asked for: what is there is enough */
	if (!fresh)
		what = 0;
	rc = sk_install(call->repo, what, &said);
	if (!rc && fresh)
		rc = reopen(call);
	if (!rc && sk_registry_add(call->repo->worktree))
		sk_say("warning: %s", sk_error_message());
	if (!rc && fresh)
		rc = first_backup(call, &first);
	if (!rc || rc == SK_EPARTIAL)
		rc = sk_service_after_init(call->repo, sk_call_has(call, "no-service"), &said)
		             ?: rc;
	if (!rc || rc == SK_EPARTIAL) {
		bad = init_report(call, &said, fresh, &first);
		if (rc == SK_EPARTIAL)
			sk_error_clear();
		rc = bad ? bad : rc;
	}
	sk_backup_result_clear(&first);
	sk_strv_free(&said);
	return rc;
}

/* Calls `fn` with the SK folder of every worktree; the main one's is SKDIR itself. */
static int each_local(const struct sk_repo *repo, int (*fn)(const char *sklocal))
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
		sk_buf_clear(&path);
		(void)sk_buf_addf(&path, "%s/worktrees/%s/sk", repo->commondir, d->d_name);
		rc = sk_buf_ok(&path);
		if (!rc)
			rc = fn(path.ptr);
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	return rc;
}

static int remove_local(const char *sklocal)
{
	return sk_remove_tree(AT_FDCWD, sklocal);
}

/* All of SKDIR; but the settings that somebody wrote stay with the backups they are for. */
static int remove_skdir(const struct sk_repo *repo, bool purge)
{
	struct dirent *d;
	DIR *dir;
	int rc = 0;

	if (purge)
		return sk_remove_tree(AT_FDCWD, repo->skdir);
	dir = opendir(repo->skdir);
	if (!dir)
		return errno == ENOENT
		               ? 0
		               : sk_error_errno(SK_EIO, "cannot read %s", sk_name(repo->skdir));
	while (!rc && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    strcmp(d->d_name, "safekeep.ini") != 0)
			rc = sk_remove_tree(dirfd(dir), d->d_name);
	(void)closedir(dir);
	if (!rc && rmdir(repo->skdir) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		rc = sk_error_errno(SK_EIO, "cannot remove %s", sk_name(repo->skdir));
	return rc;
}

/* The names of all our refs, one a line; `count` is how many are entries. */
static int all_refs(const struct sk_repo *repo, const char *format, struct sk_buf *out,
                    size_t *count)
{
	static const char *const kinds[] = { "refs/sk/backup/", "refs/sk/revision/",
		                             "refs/sk/release/" };
	const char *const args[] = { "for-each-ref", format, "refs/sk/", NULL };
	int status = 0, rc = sk_git_run(repo, args, NULL, out, &status);

	if (!rc && status)
		rc = sk_error(SK_EIO, "git for-each-ref failed with exit code %d", status);
	*count = 0;
	for (size_t i = 0; !rc && i < 3; i++)
		for (const char *p = sk_buf_str(out); (p = strstr(p, kinds[i])); p++)
			++*count;
	return rc;
}

static int rmdir_empty(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	SK_UNUSED(st);
	SK_UNUSED(at);
	if (kind == FTW_DP)
		(void)rmdir(path); /* one that holds something stays */
	return 0;
}

static int delete_refs(const struct sk_repo *repo, size_t *count)
{
	const char *const args[] = { "update-ref", "--stdin", NULL };
	struct sk_buf refs = SK_BUF_INIT, logs = SK_BUF_INIT;
	int status = 0, rc = all_refs(repo, "--format=delete %(refname)", &refs, count);

	if (!rc)
		rc = sk_keep_remove(repo);
	sk_buf_clear(&refs);
	if (!rc) /* once more: the keep ref is gone */
		rc = all_refs(repo, "--format=delete %(refname)", &refs, &(size_t){ 0 });
	if (!rc && refs.len)
		rc = sk_git_run(repo, args, &refs, NULL, &status);
	if (!rc && status)
		rc = sk_error(SK_EIO, "cannot delete the refs below refs/sk; run it again");
	(void)sk_buf_addf(&logs, "%s/logs/refs/sk", repo->commondir);
	if (!rc)
		rc = sk_buf_ok(&logs);
	if (!rc)
		rc = sk_remove_tree(AT_FDCWD, logs.ptr);
	/* git leaves the folders of what it deletes from packed-refs */
	sk_buf_clear(&logs);
	(void)sk_buf_addf(&logs, "%s/refs/sk", repo->commondir);
	if (!rc)
		rc = sk_buf_ok(&logs);
	if (!rc)
		(void)nftw(logs.ptr, rmdir_empty, 16, FTW_DEPTH | FTW_PHYS);
	sk_buf_free(&refs);
	sk_buf_free(&logs);
	return rc;
}

static int uninit_report(const struct sk_call *call, const struct sk_strv *said, bool purge,
                         size_t count)
{
	if (call->json) {
		json_t *o = sk_json_add(json_object(), "enabled", json_false());

		o = sk_json_add(o, "actions", lines_json(said));
		o = sk_json_add(o, "purged", json_boolean(purge));
		return sk_out_json(sk_json_add(o, "entries", json_integer((json_int_t)count)));
	}
	if (sk_quiet())
		return 0;
	print_lines(said);
	if (purge)
		sk_outf("deleted %zu backups, revisions and releases; their objects are freed by "
		        "git's next gc\n",
		        count);
	else if (count)
		sk_outf("%zu backups, revisions and releases stay in refs/sk; 'git sk init' takes "
		        "them up again, 'git sk uninit --purge' deletes them; commits that no "
		        "branch reaches any more are no longer kept\n",
		        count);
	else if (!said->n && !call->repo->enabled)
		sk_outf("was not enabled\n");
	return 0;
}

static int take_off(struct sk_call *call, bool purge, struct sk_strv *said, size_t *count)
{
	struct sk_buf refs = SK_BUF_INIT;
	int lock = -1, rc = 0;

	if (sk_exists(call->repo->sklocal))
		rc = sk_lock(call->repo, "uninit", LOCK_WAIT, &lock);
	/* first what makes new backups, then these, the record of it all in between */
	if (!rc)
		rc = sk_uninstall(call->repo, said);
	if (!rc && purge)
		rc = delete_refs(call->repo, count);
	/* without its setting, now gone, gc would prune that log with an error for each line */
	if (!rc && !purge)
		rc = sk_keep_remove(call->repo);
	if (!rc && !purge)
		rc = all_refs(call->repo, "--format=%(refname)", &refs, count);
	if (!rc)
		rc = each_local(call->repo, remove_local);
	if (!rc)
		rc = remove_skdir(call->repo, purge);
	sk_unlock(&lock);
	sk_buf_free(&refs);
	return rc;
}

int sk_cmd_uninit(struct sk_call *call)
{
	bool purge = sk_call_has(call, "purge");
	struct sk_strv said = SK_STRV_INIT;
	size_t count = 0;
	int rc = sk_call_args(call, 0, 0);

	if (!rc)
		rc = take_off(call, purge, &said, &count);
	if (!rc && sk_registry_remove(call->repo->worktree))
		sk_warn("%s", sk_error_message());
	if (!rc)
		sk_service_after_uninit(call->repo->worktree);
	if (!rc)
		rc = uninit_report(call, &said, purge, count);
	if (!rc && !call->json)
		sk_agent_remind(call);
	sk_strv_free(&said);
	return rc;
}
