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

#define MAX_SCRIPT (1u << 20)
/* A hook that we made is this and the block; with anything added to it, it is the user's. */
#define MADE "#!/bin/sh\n# made by git sk init; what you add here stays\n"
#define SAVED_SUFFIX ".git-sk-saved"

const char *const sk_hook_events[] = {
	"pre-commit", "pre-merge-commit", "post-checkout", "post-merge",  "post-rewrite",
	"pre-rebase", "pre-applypatch",   "commit-msg",    "post-commit", NULL
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int sk_hook_path(struct sk_buf *out, const char *folder, const char *name)
{
	sk_buf_clear(out);
	return sk_buf_addf(out, "%s/%s", folder, name);
}

int sk_hook_look(const char *path, struct sk_hook_file *f)
{
	static const enum sk_hook_kind kinds[] = { [SK_SCRIPT_FOREIGN] = SK_HOOK_OTHER,
		                                   [SK_SCRIPT_SHELL] = SK_HOOK_SHELL,
		                                   [SK_SCRIPT_BLOCK] = SK_HOOK_BLOCK,
		                                   [SK_SCRIPT_WRAPPER] = SK_HOOK_WRAPPER,
		                                   [SK_SCRIPT_DISPATCH] = SK_HOOK_DISPATCH };
	ssize_t n;
	int rc;

	f->kind = SK_HOOK_NONE;
	sk_buf_clear(&f->text);
	if (lstat(path, &f->st) < 0)
		return errno == ENOENT || errno == ENOTDIR
		               ? 0
		               : sk_error_errno(SK_EIO, "cannot look at '%s'", path);
	f->kind = SK_HOOK_OTHER;
	if (S_ISLNK(f->st.st_mode)) {
		n = readlink(path, f->link, sizeof f->link - 1);
		f->link[n > 0 ? n : 0] = '\0';
		if (strcmp(base_name(f->link), "git-sk-hook") == 0)
			f->kind = SK_HOOK_LINK;
		return 0;
	}
	if (!S_ISREG(f->st.st_mode) || f->st.st_size > (off_t)MAX_SCRIPT)
		return 0;
	rc = sk_read_file(AT_FDCWD, path, MAX_SCRIPT, &f->text);
	if (rc)
		return rc;
	f->kind = kinds[sk_script_kind(sk_buf_str(&f->text), f->text.len)];
	if (f->kind == SK_HOOK_SHELL && (!(f->st.st_mode & S_IXUSR) || access(path, W_OK) < 0))
		f->kind = SK_HOOK_OTHER;
	return 0;
}

bool sk_hook_same(const struct sk_hook_file *f, const struct sk_buf *want)
{
	return f->text.len == want->len &&
	       memcmp(sk_buf_str(&f->text), sk_buf_str(want), want->len) == 0;
}

/* Taking off */

static int put_saved_back(const struct sk_hook_file *f, const char *folder, const char *path)
{
	char *name = sk_script_saved(sk_buf_str(&f->text), f->text.len);
	struct sk_buf saved = SK_BUF_INIT;
	int rc = 0;

	if (name)
		rc = sk_hook_path(&saved, folder, name);
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

static int take_block_out(const struct sk_hook_file *f, const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_script_remove(sk_buf_str(&f->text), f->text.len, &text);

	if (!rc && strcmp(sk_buf_str(&text), MADE) == 0)
		rc = unlink(path) < 0 ? sk_error_errno(SK_EIO, "cannot remove '%s'", path) : 0;
	else if (!rc)
		rc = sk_replace_file(path, &text, &f->st);
	sk_buf_free(&text);
	return rc;
}

/* Leaves at `path` what would be there without us. */
static int take_off(struct sk_place *p, const char *folder, const char *path,
                    const struct sk_hook_file *f)
{
	int rc = 0;

	if (f->kind != SK_HOOK_LINK && f->kind != SK_HOOK_BLOCK && f->kind != SK_HOOK_WRAPPER)
		return 0;
	if (!sk_place_act(p, &rc, "taken off", "is left over", "hook %s in %s", base_name(path),
	                  sk_place_show(p, folder)))
		return rc;
	if (f->kind == SK_HOOK_BLOCK)
		rc = take_block_out(f, path);
	else if (f->kind == SK_HOOK_WRAPPER)
		rc = put_saved_back(f, folder, path);
	else if (unlink(path) < 0)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	return rc;
}

/* Names in the folder in order, so that what is said does not depend on the disk. */
int sk_hook_list(const char *folder, struct sk_strv *names)
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
	rc = sk_hook_path(&saved, folder, name);
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
	struct sk_hook_file f = SK_HOOK_FILE_INIT;
	struct sk_strv names = SK_STRV_INIT;
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_hook_list(folder, &names);

	for (size_t i = 0; !rc && i < names.n; i++) {
		if (event && !is_renamed(names.item[i], event))
			continue;
		rc = sk_hook_path(&path, folder, names.item[i]);
		if (!rc)
			rc = sk_hook_look(path.ptr, &f);
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

/* A small script, not a link to the client: `cat >.git/hooks/pre-commit`, which many a setup
 * script does, would write through the link over the installed program. */
static int make_hook(struct sk_place *p, const char *path, const char *event)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_script_insert(MADE, strlen(MADE), p->program, event, &text);

	if (!rc)
		rc = sk_replace_file(path, &text, NULL);
	sk_buf_free(&text);
	return rc;
}

static int put_block(struct sk_place *p, const char *path, const char *event,
                     const struct sk_hook_file *f, const struct sk_buf *text, const char *done)
{
	int rc = 0;

	if (sk_hook_same(f, text) || !sk_place_act(p, &rc, done, "is not in place", "hook %s in %s",
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
			rc = sk_hook_path(&path, folder, name->ptr);
	}
	sk_buf_free(&path);
	return rc;
}

/* The hook that is there gets a second name, then ours takes its place in one step: at no moment
 * is there no hook. */
static int wrap(struct sk_place *p, const char *folder, const char *path, const char *event,
                const struct sk_hook_file *f)
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
		rc = sk_hook_path(&saved, folder, name.ptr);
	if (!rc)
		rc = sk_script_wrapper(p->program, event, name.ptr, &text);
	if (!rc && linkat(AT_FDCWD, path, AT_FDCWD, saved.ptr, 0) < 0 &&
	    rename(path, saved.ptr) < 0)
		rc = sk_error_errno(SK_EIO, "cannot rename '%s'", path);
	if (!rc)
		rc = sk_sync_dir(folder); /* it has that name before it loses its own */
	if (!rc)
		rc = sk_replace_file(path, &text, &like);
	sk_buf_free(&name);
	sk_buf_free(&saved);
	sk_buf_free(&text);
	return rc;
}

static int refresh_wrapper(struct sk_place *p, const char *path, const char *event,
                           const struct sk_hook_file *f)
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
static int runs_renamed(const struct sk_hook_file *front, const char *folder, const char *event,
                        bool *runs)
{
	struct sk_hook_file legacy = SK_HOOK_FILE_INIT;
	struct sk_buf path = SK_BUF_INIT;
	int rc;

	*runs = false;
	if (!sk_script_runs_legacy(sk_buf_str(&front->text), front->text.len))
		return 0;
	rc = sk_buf_addf(&path, "%s/%s.legacy", folder, event);
	if (!rc)
		rc = sk_hook_look(path.ptr, &legacy);
	*runs = !rc && (legacy.kind == SK_HOOK_LINK || legacy.kind == SK_HOOK_BLOCK ||
	                legacy.kind == SK_HOOK_WRAPPER);
	sk_buf_free(&path);
	sk_buf_free(&legacy.text);
	return rc;
}

static int place_new(struct sk_place *p, const char *folder, const char *path, const char *event,
                     const struct sk_hook_file *f)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = 0;

	if (f->kind == SK_HOOK_NONE) {
		if (sk_place_act(p, &rc, "added", "is not in place", "hook %s in %s", event,
		                 sk_place_show(p, folder)))
			rc = make_hook(p, path, event);
		return rc;
	}
	if (f->kind == SK_HOOK_OTHER || f->kind == SK_HOOK_DISPATCH)
		return wrap(p, folder, path, event, f);
	rc = sk_script_insert(sk_buf_str(&f->text), f->text.len, p->program, event, &text);
	if (!rc)
		rc = put_block(p, path, event, f, &text,
		               f->kind == SK_HOOK_BLOCK ? "brought up to date"
		                                        : "added at the start of what is there");
	sk_buf_free(&text);
	return rc;
}

int sk_place_hook(struct sk_place *p, const char *folder, const char *event)
{
	struct sk_hook_file f = SK_HOOK_FILE_INIT;
	struct sk_buf path = SK_BUF_INIT;
	bool runs = false;
	int rc = sk_hook_path(&path, folder, event);

	if (!rc)
		rc = sk_hook_look(path.ptr, &f);
	if (!rc)
		rc = runs_renamed(&f, folder, event, &runs);
	if (rc || runs)
		goto out;
	rc = sk_unplace_folder(p, folder, event);
	if (!rc)
		rc = sk_hook_look(path.ptr, &f);
	if (rc)
		goto out;
	if (f.kind == SK_HOOK_LINK) {
		/* an early version put links there */
		if (sk_place_act(p, &rc, "brought up to date", "is not in place", "hook %s in %s",
		                 event, sk_place_show(p, folder)))
			rc = make_hook(p, path.ptr, event);
	} else if (f.kind == SK_HOOK_WRAPPER) {
		rc = refresh_wrapper(p, path.ptr, event, &f);
	} else {
		rc = place_new(p, folder, path.ptr, event, &f);
	}
out:
	sk_buf_free(&path);
	sk_buf_free(&f.text);
	return rc;
}

int sk_place_made(struct sk_place *p, const char *folder)
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
		rc = sk_place_made(p, folder);
	for (int i = 0; !rc && sk_hook_events[i]; i++)
		rc = sk_place_hook(p, folder, sk_hook_events[i]);
	return rc || p->dry || !sk_exists(folder) ? rc : sk_sync_dir(folder);
}
