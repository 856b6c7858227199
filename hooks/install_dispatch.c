#include "hooks/install_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"

/* A folder of dispatchers, where the hooks folder must not be touched */

/* These get a dispatcher even where the folder has no such hook yet: it may come with the next
 * `git pull`.  The others of git change what git does by being there, or are run very often. */
static const char *const always[] = { "applypatch-msg", "post-applypatch", "pre-push",
	                              "prepare-commit-msg", NULL };

static int place_dispatcher(struct sk_place *p, const char *event, bool ours, const char *target)
{
	const struct stat like = { .st_mode = 0755, .st_uid = geteuid(), .st_gid = getegid() };
	struct sk_hook_file f = SK_HOOK_FILE_INIT;
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = sk_hook_path(&path, p->dispatch, event);

	if (!rc)
		rc = sk_hook_look(path.ptr, &f);
	if (!rc)
		rc = sk_script_dispatch(p->program, event, ours, target, &text);
	if (rc || (f.kind == SK_HOOK_DISPATCH && sk_hook_same(&f, &text)))
		goto out;
	if (f.kind != SK_HOOK_NONE &&
	    f.kind != SK_HOOK_DISPATCH) { /* a manager has put its own here */
		rc = ours ? sk_place_hook(p, p->dispatch, event) : 0;
		goto out;
	}
	if (sk_place_act(p, &rc, "passes on to the hooks folder set before", "is not in place",
	                 "hook %s in %s", event, sk_place_show(p, p->dispatch)))
		rc = sk_replace_file(path.ptr, &text, &like);
out:
	sk_buf_free(&path);
	sk_buf_free(&text);
	sk_buf_free(&f.text);
	return rc;
}

static bool listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* `folder` is where the hooks are, `target` the same as the setting has it: a relative one is
 * taken by git, and so by the dispatchers, from where the hook runs. */
static int place_dispatchers(struct sk_place *p, const char *folder, const char *target)
{
	struct sk_strv names = SK_STRV_INIT;
	int rc = sk_place_made(p, p->dispatch);

	for (int i = 0; !rc && sk_hook_events[i]; i++)
		rc = place_dispatcher(p, sk_hook_events[i], true, target);
	for (int i = 0; !rc && always[i]; i++)
		rc = place_dispatcher(p, always[i], false, target);
	if (!rc)
		rc = sk_hook_list(folder, &names);
	for (size_t i = 0; !rc && i < names.n; i++) {
		const char *name = names.item[i];

		if (strchr(name, '.') ||
		    name[strspn(name, "abcdefghijklmnopqrstuvwxyz-0123456789")] ||
		    listed(sk_hook_events, name) || listed(always, name))
			continue;
		rc = place_dispatcher(p, name, false, target);
	}
	sk_strv_free(&names);
	return rc;
}

/* What a manager has put among our dispatchers is not ours to remove with SKDIR. */
static int keep_foreign(struct sk_place *p)
{
	struct sk_buf kept = SK_BUF_INIT;
	int rc = sk_buf_addf(&kept, "%s/sk-hooks-kept", p->repo->commondir);

	if (!rc && rename(p->dispatch, kept.ptr) < 0)
		rc = sk_error_errno(SK_EIO, "cannot rename '%s' to '%s'", p->dispatch, kept.ptr);
	if (!rc)
		(void)sk_place_act(p, &rc, sk_place_show(p, kept.ptr), "",
		                   "hooks of another program in %s are kept in",
		                   sk_place_show(p, p->dispatch));
	sk_buf_free(&kept);
	return rc;
}

int sk_unplace_dispatch(struct sk_place *p)
{
	struct sk_hook_file f = SK_HOOK_FILE_INIT;
	struct sk_strv names = SK_STRV_INIT;
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_unplace_folder(p, p->dispatch, NULL);

	if (!rc)
		rc = sk_hook_list(p->dispatch, &names);
	for (size_t i = 0; !rc && i < names.n; i++) {
		rc = sk_hook_path(&path, p->dispatch, names.item[i]);
		if (!rc)
			rc = sk_hook_look(path.ptr, &f);
		if (!rc && f.kind == SK_HOOK_DISPATCH && unlink(path.ptr) < 0)
			rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path.ptr);
	}
	if (!rc && rmdir(p->dispatch) < 0 && (errno == ENOTEMPTY || errno == EEXIST))
		rc = keep_foreign(p);
	sk_strv_free(&names);
	sk_buf_free(&path);
	sk_buf_free(&f.text);
	return rc;
}

/* Where the hooks go */

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

/* Runs git on the folder; its exit status, and whether it printed anything. */
static int ask_git(const struct sk_place *p, const char *const *words, int *status, bool *printed)
{
	const char *argv[16] = {
		"git",           "-c",          "core.fsmonitor=false", "--git-dir",
		p->repo->gitdir, "--work-tree", p->repo->worktree
	};
	struct sk_buf out = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_proc proc = {
		.argv = argv, .dir = p->repo->worktree, .output = &out, .errors = &errors
	};
	int n = 7, rc;

	while (*words && n < 15)
		argv[n++] = *words++;
	rc = sk_proc_run(&proc, status);
	*printed = out.len > 0;
	sk_buf_free(&out);
	sk_buf_free(&errors);
	return rc;
}

/* Below the working tree we may write only what git ignores and does not track. */
static int may_write_in_worktree(const struct sk_place *p, const char *real, bool *may)
{
	const char *relative = real + strlen(p->repo->worktree) + 1;
	struct sk_buf spec = SK_BUF_INIT, file = SK_BUF_INIT;
	bool printed = false;
	int status = 0, rc;

	*may = false;
	rc = sk_buf_addf(&spec, ":(top,literal)%s", relative);
	if (!rc)
		rc = sk_buf_addf(&file, "%s/pre-commit", relative);
	if (!rc)
		rc = ask_git(p, (const char *[]){ "ls-files", "-z", "--", spec.ptr, NULL }, &status,
		             &printed);
	if (rc || status != 0 || printed)
		goto out;
	rc = ask_git(p, (const char *[]){ "check-ignore", "-q", "--", file.ptr, NULL }, &status,
	             &printed);
	*may = !rc && status == 0;
out:
	sk_buf_free(&spec);
	sk_buf_free(&file);
	return rc;
}

/* Whether our hooks may go into the folder itself. */
static int may_write(const struct sk_place *p, const char *folder, bool *may)
{
	struct sk_buf own = SK_BUF_INIT;
	char *real = realpath(folder, NULL);
	struct stat st;
	int rc = 0;

	*may = false;
	if (!real) { /* git's own folder is made, another's is not ours to make */
		rc = sk_buf_addf(&own, "%s/hooks", p->repo->commondir);
		*may = !rc && errno == ENOENT && strcmp(own.ptr, folder) == 0 && !sk_exists(folder);
		sk_buf_free(&own);
		return rc;
	}
	if (stat(real, &st) == 0 && S_ISDIR(st.st_mode) && access(real, W_OK | X_OK) == 0) {
		if (below(real, p->repo->commondir))
			*may = true;
		else if (below(real, p->repo->worktree) && real[strlen(p->repo->worktree)])
			rc = may_write_in_worktree(p, real, may);
	}
	free(real);
	return rc;
}

static int own_folder(const struct sk_place *p, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/hooks", p->repo->commondir);
}

static int full_folder(const struct sk_place *p, const char *value, struct sk_buf *out)
{
	if (!value)
		return own_folder(p, out);
	return value[0] == '/' ? sk_buf_adds(out, value)
	                       : sk_buf_addf(out, "%s/%s", p->repo->worktree, value);
}

/* The file to set core.hooksPath in: the one that holds the value git takes, when it is this
 * repository's. */
static int hooks_path_file(const struct sk_place *p, const struct sk_setting *s, struct sk_buf *out)
{
	return s->scope && strcmp(s->scope, "worktree") == 0
	               ? sk_buf_addf(out, "%s/config.worktree", p->repo->gitdir)
	               : sk_buf_addf(out, "%s/config", p->repo->commondir);
}

static int set_dispatch(struct sk_place *p, const struct sk_setting *s, const char *folder,
                        const char *target)
{
	const struct sk_want want = { "core.hooksPath", p->dispatch, false };
	bool local =
	        s->value && (strcmp(s->scope, "local") == 0 || strcmp(s->scope, "worktree") == 0);
	struct sk_buf file = SK_BUF_INIT;
	int rc = hooks_path_file(p, s, &file);

	/* known before the setting is changed, for the dispatchers' sake */
	if (!rc && !p->dry && local) {
		free(p->record.hooks_path);
		p->record.hooks_path = strdup(s->value);
		rc = p->record.hooks_path ? 0 : sk_error_oom();
	}
	if (!rc)
		rc = place_dispatchers(p, folder, target);
	if (!rc)
		rc = sk_place_config(p, file.ptr, &want, 1, false);
	sk_buf_free(&file);
	return rc;
}

/* core.hooksPath is ours and stays: the dispatchers follow what would hold without us (`base`,
 * NULL: git's own folder), and the setting follows a repository that was moved. */
static int keep_dispatch(struct sk_place *p, const char *file, const char *base, const char *folder)
{
	const struct sk_want want = { "core.hooksPath", p->dispatch, false };
	int rc = place_dispatchers(p, folder, base ? base : folder);

	return rc ? rc : sk_place_config(p, file, &want, 1, false);
}

/* The setting that ours replaced is gone. */
static int drop_dispatch(struct sk_place *p, const char *file)
{
	int rc = 0;

	if (!sk_place_act(p, &rc, "is no longer needed", "is no longer needed",
	                  "git sk's core.hooksPath"))
		return rc;
	rc = sk_unplace_config(p, file, "core.hooksPath");
	return rc ? rc : sk_unplace_dispatch(p);
}

/* Our own setting holds already: *again says whether the hooks are to be put elsewhere. */
static int place_again(struct sk_place *p, const struct sk_setting *s, const struct sk_claim *claim,
                       bool *again)
{
	const char *base = claim->edit.was ? p->record.hooks_path : s->below;
	struct sk_buf folder = SK_BUF_INIT;
	char *file = strdup(claim->file);
	bool may = false;
	int rc = file ? full_folder(p, base, &folder) : sk_error_oom();

	if (!rc && !base)
		rc = may_write(p, folder.ptr, &may);
	if (!rc)
		rc = may ? drop_dispatch(p, file) : keep_dispatch(p, file, base, folder.ptr);
	if (!rc)
		*again = may && !p->dry;
	sk_buf_free(&folder);
	free(file);
	return rc;
}

int sk_place_hooks(struct sk_place *p, struct sk_setting *s)
{
	struct sk_claim *claim = sk_record_find(&p->record, NULL, "core.hooksPath", NULL);
	struct sk_buf folder = SK_BUF_INIT;
	const char *value = s->value;
	bool may = false, again = false;
	int rc = 0;

	if (claim && value && strcmp(claim->edit.value, value) == 0) {
		rc = place_again(p, s, claim, &again);
		if (rc || !again)
			return rc;
		value = NULL;
	}
	rc = full_folder(p, value, &folder);
	if (!rc)
		rc = may_write(p, folder.ptr, &may);
	/* a look at a disk that cannot be written to now: hooks are where they were placed */
	may = may || (!rc && p->dry && !claim && below(folder.ptr, p->repo->commondir));
	if (!rc && may)
		rc = sk_place_folder(p, folder.ptr);
	else if (!rc)
		rc = set_dispatch(p, s, folder.ptr, value ? value : folder.ptr);
	sk_buf_free(&folder);
	return rc;
}
