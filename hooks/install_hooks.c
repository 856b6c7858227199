#include "hooks/install_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"

#define MAX_SCRIPT (1u << 20)
#define SAVED_SUFFIX ".git-sk-saved"

const char *const sk_hook_events[] = { "pre-commit",     "pre-merge-commit",
	                               "post-checkout",  "post-merge",
	                               "post-rewrite",   "pre-rebase",
	                               "pre-applypatch", NULL };

/* What is at a path in a hooks folder. */
enum kind {
	NOTHING,
	OUR_LINK,
	OUR_BLOCK,
	OUR_WRAPPER,
	OUR_DISPATCH,
	SHELL, /* a block may be put in */
	OTHER
};

struct hook_file {
	enum kind kind;
	struct stat st;
	struct sk_buf text; /* of a regular file of up to MAX_SCRIPT bytes */
	char link[PATH_MAX];
};

#define HOOK_FILE_INIT                                                                             \
	{                                                                                          \
		.kind = NOTHING, .text = SK_BUF_INIT                                               \
	}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int path_join(struct sk_buf *out, const char *folder, const char *name)
{
	sk_buf_clear(out);
	return sk_buf_addf(out, "%s/%s", folder, name);
}

static int look(const char *path, struct hook_file *f)
{
	static const enum kind kinds[] = { [SK_SCRIPT_FOREIGN] = OTHER,
		                           [SK_SCRIPT_SHELL] = SHELL,
		                           [SK_SCRIPT_BLOCK] = OUR_BLOCK,
		                           [SK_SCRIPT_WRAPPER] = OUR_WRAPPER,
		                           [SK_SCRIPT_DISPATCH] = OUR_DISPATCH };
	ssize_t n;
	int rc;

	f->kind = NOTHING;
	sk_buf_clear(&f->text);
	if (lstat(path, &f->st) < 0)
		return errno == ENOENT || errno == ENOTDIR
		               ? 0
		               : sk_error_errno(SK_EIO, "cannot look at '%s'", path);
	f->kind = OTHER;
	if (S_ISLNK(f->st.st_mode)) {
		n = readlink(path, f->link, sizeof f->link - 1);
		f->link[n > 0 ? n : 0] = '\0';
		if (strcmp(base_name(f->link), "git-sk-hook") == 0)
			f->kind = OUR_LINK;
		return 0;
	}
	if (!S_ISREG(f->st.st_mode) || f->st.st_size > (off_t)MAX_SCRIPT)
		return 0;
	rc = sk_read_file(AT_FDCWD, path, MAX_SCRIPT, &f->text);
	if (rc)
		return rc;
	f->kind = kinds[sk_script_kind(sk_buf_str(&f->text), f->text.len)];
	if (f->kind == SHELL && (!(f->st.st_mode & S_IXUSR) || access(path, W_OK) < 0))
		f->kind = OTHER;
	return 0;
}

static bool same_text(const struct hook_file *f, const struct sk_buf *want)
{
	return f->text.len == want->len &&
	       memcmp(sk_buf_str(&f->text), sk_buf_str(want), want->len) == 0;
}

/* Taking off */

static int put_saved_back(const struct hook_file *f, const char *folder, const char *path)
{
	char *name = sk_script_saved(sk_buf_str(&f->text), f->text.len);
	struct sk_buf saved = SK_BUF_INIT;
	int rc = 0;

	if (name)
		rc = path_join(&saved, folder, name);
	if (!rc && name && sk_exists(saved.ptr)) {
		if (rename(saved.ptr, path) < 0)
			rc = sk_error_errno(SK_EIO, "cannot put '%s' back", path);
	} else if (!rc && unlink(path) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	}
	free(name);
	sk_buf_free(&saved);
	return rc;
}

static int take_block_out(const struct hook_file *f, const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_script_remove(sk_buf_str(&f->text), f->text.len, &text);

	if (!rc)
		rc = sk_replace_file(path, &text, &f->st);
	sk_buf_free(&text);
	return rc;
}

/* Leaves at `path` what would be there without us. */
static int take_off(struct sk_place *p, const char *folder, const char *path,
                    const struct hook_file *f)
{
	int rc = 0;

	if (f->kind != OUR_LINK && f->kind != OUR_BLOCK && f->kind != OUR_WRAPPER)
		return 0;
	if (!sk_place_act(p, &rc, "taken off", "is left over", "hook %s in %s", base_name(path),
	                  sk_place_show(p, folder)))
		return rc;
	if (f->kind == OUR_BLOCK)
		rc = take_block_out(f, path);
	else if (f->kind == OUR_WRAPPER)
		rc = put_saved_back(f, folder, path);
	else if (unlink(path) < 0)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	return rc;
}

/* Names in the folder in order, so that what is said does not depend on the disk. */
static int list_folder(const char *folder, struct sk_strv *names)
{
	DIR *dir = opendir(folder);
	struct dirent *de;
	int rc = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR
		               ? 0
		               : sk_error_errno(SK_EIO, "cannot read the folder '%s'", folder);
	while (!rc && (de = readdir(dir)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			rc = sk_strv_add(names, de->d_name);
	(void)closedir(dir);
	sk_strv_sort(names);
	return rc;
}

static bool is_renamed(const char *name, const char *event)
{
	size_t n = strlen(event);

	return strncmp(name, event, n) == 0 && name[n] == '.';
}

/* A crash between the two steps of wrap() leaves a saved hook that has its old name as well, or
 * (where links cannot be made) only the new one. */
static int settle_saved(struct sk_place *p, const char *folder, const char *name)
{
	const char *suffix = strstr(name, SAVED_SUFFIX);
	struct sk_buf saved = SK_BUF_INIT, path = SK_BUF_INIT;
	struct stat a, b;
	int rc = 0;

	if (!suffix || p->dry)
		return 0;
	rc = path_join(&saved, folder, name);
	if (!rc)
		rc = sk_buf_addf(&path, "%s/%.*s", folder, (int)(suffix - name), name);
	if (rc || lstat(saved.ptr, &a) < 0)
		goto out;
	if (lstat(path.ptr, &b) < 0) {
		if (errno == ENOENT && rename(saved.ptr, path.ptr) < 0)
			rc = sk_error_errno(SK_EIO, "cannot put '%s' back", path.ptr);
	} else if (a.st_ino == b.st_ino && a.st_dev == b.st_dev && unlink(saved.ptr) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", saved.ptr);
	}
out:
	sk_buf_free(&saved);
	sk_buf_free(&path);
	return rc;
}

/* Takes ours off in the folder: all of it, or with `event` what a manager has renamed from that
 * event's hook and will not run. */
int sk_unplace_folder(struct sk_place *p, const char *folder, const char *event)
{
	struct hook_file f = HOOK_FILE_INIT;
	struct sk_strv names = SK_STRV_INIT;
	struct sk_buf path = SK_BUF_INIT;
	int rc = list_folder(folder, &names);

	for (size_t i = 0; !rc && i < names.n; i++) {
		if (event && !is_renamed(names.item[i], event))
			continue;
		rc = path_join(&path, folder, names.item[i]);
		if (!rc)
			rc = look(path.ptr, &f);
		if (!rc)
			rc = take_off(p, folder, path.ptr, &f);
		if (!rc)
			rc = settle_saved(p, folder, names.item[i]);
	}
	sk_strv_free(&names);
	sk_buf_free(&path);
	sk_buf_free(&f.text);
	return rc;
}

/* Putting in place */

static int make_link(struct sk_place *p, const char *path, enum kind now)
{
	struct sk_buf temporary = SK_BUF_INIT;
	int rc = 0;

	if (now == NOTHING) {
		if (symlink(p->program, path) < 0)
			rc = sk_error_errno(SK_EIO, "cannot create '%s'", path);
		return rc;
	}
	rc = sk_buf_addf(&temporary, "%s.git-sk-%ld.tmp", path, (long)getpid());
	if (!rc && (symlink(p->program, temporary.ptr) < 0 || rename(temporary.ptr, path) < 0)) {
		rc = sk_error_errno(SK_EIO, "cannot create '%s'", path);
		(void)unlink(temporary.ptr);
	}
	sk_buf_free(&temporary);
	return rc;
}

static int put_block(struct sk_place *p, const char *path, const char *event,
                     const struct hook_file *f, const struct sk_buf *text, const char *done)
{
	int rc = 0;

	if (same_text(f, text) || !sk_place_act(p, &rc, done, "is not in place", "hook %s in %s",
	                                        event, sk_place_show(p, path)))
		return rc;
	return sk_replace_file(path, text, &f->st);
}

static int saved_name(const char *folder, const char *event, struct sk_buf *name)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	for (unsigned i = 1; !rc && (i == 1 || sk_exists(path.ptr)); i++) {
		sk_buf_clear(name);
		rc = i == 1 ? sk_buf_addf(name, "%s" SAVED_SUFFIX, event)
		            : sk_buf_addf(name, "%s" SAVED_SUFFIX "-%u", event, i);
		if (!rc)
			rc = path_join(&path, folder, name->ptr);
	}
	sk_buf_free(&path);
	return rc;
}

/* The hook that is there gets a second name, then ours takes its place in one step: at no moment
 * is there no hook. */
static int wrap(struct sk_place *p, const char *folder, const char *path, const char *event,
                const struct hook_file *f)
{
	const struct stat like = { .st_mode = 0755,
		                   .st_uid = f->st.st_uid,
		                   .st_gid = f->st.st_gid };
	struct sk_buf name = SK_BUF_INIT, saved = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = 0;

	if (!sk_place_act(p, &rc,
	                  "runs git sk's client first; the one that was there is kept beside it",
	                  "is not in place", "hook %s in %s", event, sk_place_show(p, path)))
		return rc;
	rc = saved_name(folder, event, &name);
	if (!rc)
		rc = path_join(&saved, folder, name.ptr);
	if (!rc)
		rc = sk_script_wrapper(p->program, event, name.ptr, &text);
	if (!rc && linkat(AT_FDCWD, path, AT_FDCWD, saved.ptr, 0) < 0 &&
	    rename(path, saved.ptr) < 0)
		rc = sk_error_errno(SK_EIO, "cannot rename '%s'", path);
	if (!rc)
		rc = sk_replace_file(path, &text, &like);
	sk_buf_free(&name);
	sk_buf_free(&saved);
	sk_buf_free(&text);
	return rc;
}

static int refresh_wrapper(struct sk_place *p, const char *path, const char *event,
                           const struct hook_file *f)
{
	char *name = sk_script_saved(sk_buf_str(&f->text), f->text.len);
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_script_wrapper(p->program, event, name ? name : "none", &text);

	if (!rc)
		rc = put_block(p, path, event, f, &text, "brought up to date");
	free(name);
	sk_buf_free(&text);
	return rc;
}

/* pre-commit and prek run EVENT.legacy before anything else, with ours in it. */
static int runs_renamed(const struct hook_file *front, const char *folder, const char *event,
                        bool *runs)
{
	struct hook_file legacy = HOOK_FILE_INIT;
	struct sk_buf path = SK_BUF_INIT;
	int rc;

	*runs = false;
	if (!sk_script_runs_legacy(sk_buf_str(&front->text), front->text.len))
		return 0;
	rc = sk_buf_addf(&path, "%s/%s.legacy", folder, event);
	if (!rc)
		rc = look(path.ptr, &legacy);
	*runs = !rc &&
	        (legacy.kind == OUR_LINK || legacy.kind == OUR_BLOCK || legacy.kind == OUR_WRAPPER);
	sk_buf_free(&path);
	sk_buf_free(&legacy.text);
	return rc;
}

static int place_new(struct sk_place *p, const char *folder, const char *path, const char *event,
                     const struct hook_file *f)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = 0;

	if (f->kind == NOTHING) {
		if (sk_place_act(p, &rc, "added", "is not in place", "hook %s in %s", event,
		                 sk_place_show(p, folder)))
			rc = make_link(p, path, NOTHING);
		return rc;
	}
	if (f->kind == OTHER || f->kind == OUR_DISPATCH)
		return wrap(p, folder, path, event, f);
	rc = sk_script_insert(sk_buf_str(&f->text), f->text.len, p->program, event, &text);
	if (!rc)
		rc = put_block(p, path, event, f, &text,
		               f->kind == OUR_BLOCK ? "brought up to date"
		                                    : "added at the start of what is there");
	sk_buf_free(&text);
	return rc;
}

static int place_hook(struct sk_place *p, const char *folder, const char *event)
{
	struct hook_file f = HOOK_FILE_INIT;
	struct sk_buf path = SK_BUF_INIT;
	bool runs = false;
	int rc = path_join(&path, folder, event);

	if (!rc)
		rc = look(path.ptr, &f);
	if (!rc)
		rc = runs_renamed(&f, folder, event, &runs);
	if (rc || runs)
		goto out;
	rc = sk_unplace_folder(p, folder, event);
	if (!rc)
		rc = look(path.ptr, &f);
	if (rc)
		goto out;
	if (f.kind == OUR_LINK) {
		if (strcmp(f.link, p->program) != 0 &&
		    sk_place_act(p, &rc, "brought up to date", "leads to another program",
		                 "hook %s in %s", event, sk_place_show(p, folder)))
			rc = make_link(p, path.ptr, OUR_LINK);
	} else if (f.kind == OUR_WRAPPER) {
		rc = refresh_wrapper(p, path.ptr, event, &f);
	} else {
		rc = place_new(p, folder, path.ptr, event, &f);
	}
out:
	sk_buf_free(&path);
	sk_buf_free(&f.text);
	return rc;
}

static int make_folder(struct sk_place *p, const char *folder)
{
	bool fresh = false;
	int rc = 0;

	if (sk_exists(folder) || p->dry)
		return 0;
	rc = sk_add_once(&p->record.made, folder, &fresh);
	if (!rc)
		rc = sk_record_save(p->repo, &p->record);
	return rc ? rc : sk_mkdirs(folder, 0777);
}

int sk_place_folder(struct sk_place *p, const char *folder)
{
	bool fresh = false;
	int rc;

	rc = p->dry ? 0 : sk_add_once(&p->record.folders, folder, &fresh);
	if (!rc && fresh)
		rc = sk_record_save(p->repo, &p->record);
	if (!rc)
		rc = make_folder(p, folder);
	for (int i = 0; !rc && sk_hook_events[i]; i++)
		rc = place_hook(p, folder, sk_hook_events[i]);
	return rc;
}

/* A folder of dispatchers, where the hooks folder must not be touched */

/* These get a dispatcher even where the folder has no such hook yet: it may come with the next
 * `git pull`.  The others of git change what git does by being there, or are run very often. */
static const char *const always[] = {
	"applypatch-msg",     "commit-msg", "post-applypatch", "post-commit", "pre-push",
	"prepare-commit-msg", NULL
};

static int place_dispatcher(struct sk_place *p, const char *event, bool ours, const char *target)
{
	const struct stat like = { .st_mode = 0755, .st_uid = geteuid(), .st_gid = getegid() };
	struct hook_file f = HOOK_FILE_INIT;
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = path_join(&path, p->dispatch, event);

	if (!rc)
		rc = look(path.ptr, &f);
	if (!rc)
		rc = sk_script_dispatch(p->program, event, ours, target, &text);
	if (rc || (f.kind == OUR_DISPATCH && same_text(&f, &text)))
		goto out;
	if (f.kind != NOTHING && f.kind != OUR_DISPATCH) { /* a manager has put its own here */
		rc = ours ? place_hook(p, p->dispatch, event) : 0;
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
	int rc = make_folder(p, p->dispatch);

	for (int i = 0; !rc && sk_hook_events[i]; i++)
		rc = place_dispatcher(p, sk_hook_events[i], true, target);
	for (int i = 0; !rc && always[i]; i++)
		rc = place_dispatcher(p, always[i], false, target);
	if (!rc)
		rc = list_folder(folder, &names);
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
	struct hook_file f = HOOK_FILE_INIT;
	struct sk_strv names = SK_STRV_INIT;
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_unplace_folder(p, p->dispatch, NULL);

	if (!rc)
		rc = list_folder(p->dispatch, &names);
	for (size_t i = 0; !rc && i < names.n; i++) {
		rc = path_join(&path, p->dispatch, names.item[i]);
		if (!rc)
			rc = look(path.ptr, &f);
		if (!rc && f.kind == OUR_DISPATCH && unlink(path.ptr) < 0)
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
	if (!rc && may)
		rc = sk_place_folder(p, folder.ptr);
	else if (!rc)
		rc = set_dispatch(p, s, folder.ptr, value ? value : folder.ptr);
	sk_buf_free(&folder);
	return rc;
}
