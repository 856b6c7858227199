#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "capture/scan.h"
#include "service/protocol.h"
#include "service/watch_parts.h"

#define IGNORE_MAX (16u << 20)

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h ? h : 1;
}

#define MIX_START 0xcbf29ce484222325ull

/* Rules from outside the tree */

static uint64_t mix_file(uint64_t h, const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = path ? sk_read_file(AT_FDCWD, path, IGNORE_MAX, &text) : SK_ENO;

	h = mix(h, path ? path : "", path ? strlen(path) + 1 : 1);
	h = mix(h, &rc, sizeof rc);
	h = mix(h, sk_buf_str(&text), text.len);
	sk_buf_free(&text);
	return h;
}

/* Of the files that sk_rules_outside reads, as they are now; 0: it cannot be known. */
static uint64_t outside_print(struct sk_watch *w)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	git_buf path = GIT_BUF_INIT;
	git_config *config = NULL;
	char *name = NULL, *info = NULL;
	uint64_t h = 0;
	int icase = 0;

	if (git_repository_config_snapshot(&config, w->repo->git) < 0)
		return 0;
	if (git_config_get_bool(&icase, config, "core.ignorecase") < 0)
		icase = 0;
	w->icase = icase;
	if (git_config_get_path(&path, config, "core.excludesfile") == 0)
		name = strdup(path.ptr);
	else if (asprintf(&name, "%s%s/git/ignore",
	                  xdg && *xdg ? xdg
	                  : home      ? home
	                              : "",
	                  xdg && *xdg ? "" : "/.config") < 0)
		name = NULL;
	if (asprintf(&info, "%s/info/exclude", w->repo->commondir) < 0)
		info = NULL;
	if (name && info)
		h = mix_file(mix_file(mix(MIX_START, &icase, sizeof icase), name), info);
	git_buf_dispose(&path);
	git_config_free(config);
	free(name);
	free(info);
	return h;
}

int sk_watch_outside(struct sk_watch *w)
{
	struct sk_ignore *frame = NULL;
	/* the print first: what changes in between is seen next time */
	uint64_t print = outside_print(w);
	int rc = print ? sk_rules_outside(w->repo, w->repo->commondir, &frame)
	               : sk_error(SK_EIO, "cannot read git's configuration");

	if (rc)
		return rc;
	sk_ignore_unref(w->outside);
	w->outside = frame;
	w->outside_print = print;
	return 0;
}

void sk_watch_check_outside(struct sk_watch *w)
{
	uint64_t print = outside_print(w);

	if (print == w->outside_print && print)
		return;
	if (!print || sk_watch_outside(w))
		sk_watch_reset(w);
	else if (w->root)
		sk_dir_pend(w->root);
}

/* The index */

const struct sk_index *sk_watch_index(struct sk_watch *w)
{
	char *path = NULL;

	if (w->index)
		return w->index;
	if (sk_repo_index_path(w->repo, &path) == 0 && sk_index_read(path, &w->index))
		w->index = NULL;
	free(path);
	return w->index;
}

void sk_watch_check_index(struct sk_watch *w)
{
	const struct sk_index *index;
	struct sk_buf path = SK_BUF_INIT;

	if (!w->index_dirty)
		return;
	w->index_dirty = false;
	sk_index_free(w->index);
	w->index = NULL;
	if (!w->n_ignored || !w->root)
		return;
	index = sk_watch_index(w);
	for (struct sk_dir *d = w->root; d; d = sk_dir_walk(d, w->root)) {
		if (!(d->flags & SK_DIR_IGNORED) || sk_dir_path(d, w->root, NULL, &path))
			continue;
		if (index && !sk_index_has_dir(index, path.ptr, path.len))
			continue;
		sk_dir_set(d, SK_DIR_IGNORED, false);
		d->flags |= SK_DIR_FORCED;
		sk_dir_pend(d);
	}
	if (path.oom)
		sk_watch_reset(w);
	sk_buf_free(&path);
}

/* Which folders are wanted */

static bool matches(const struct sk_ignore *frame, const struct sk_dir *d, const struct sk_dir *top,
                    const char *name, bool is_dir)
{
	struct sk_buf path = SK_BUF_INIT;
	bool yes = false;

	if (frame && sk_dir_path(d, top, name, &path) == 0)
		yes = sk_ignore_match(frame, path.ptr, path.len, path.len - strlen(name), is_dir) ==
		      SK_IGNORED;
	sk_buf_free(&path);
	return yes;
}

/* Whether the rules say it: in a repository inside, those of both, because the outer one may track
 * files in it all the same. */
bool sk_watch_ignores(struct sk_watch *w, struct sk_dir *d, const char *name, bool is_dir)
{
	return matches(d->frame, d, w->root, name, is_dir) &&
	       (!d->inner || matches(d->inner, d, sk_dir_space(d), name, is_dir));
}

/* SK_DIR_IGNORED, SK_DIR_FORCED or 0 for the folder `name` in `d`. */
static uint8_t classify(struct sk_watch *w, struct sk_dir *d, const char *name)
{
	const struct sk_index *index;
	struct sk_buf path = SK_BUF_INIT;
	uint8_t how = SK_DIR_IGNORED;

	if (!(d->flags & SK_DIR_FORCED) && !sk_watch_ignores(w, d, name, true))
		return 0;
	if (sk_dir_path(d, w->root, name, &path))
		return 0;
	if (w->include && (sk_patterns_match(w->include, path.ptr, path.len, true) ||
	                   sk_patterns_below(w->include, path.ptr, path.len)))
		how = 0;
	else {
		index = sk_watch_index(w);
		if (!index || sk_index_has_dir(index, path.ptr, path.len))
			how = SK_DIR_FORCED;
	}
	sk_buf_free(&path);
	return how;
}

static bool add_child(struct sk_watch *w, struct sk_dir *d, const char *name)
{
	uint8_t how = classify(w, d, name);
	struct sk_dir *c = sk_dir_new(w, d, name, SK_DIR_TREE);

	if (!c)
		return false;
	if (how == SK_DIR_IGNORED) {
		sk_dir_set(c, SK_DIR_IGNORED, true);
	} else {
		c->flags |= how;
		sk_dir_pend(c);
	}
	return true;
}

/* Reading one folder */

struct listing {
	struct sk_buf folders; /* names, each ended by a NUL */
	bool git, ignore;
};

static void many_names(struct sk_watch *w, struct sk_dir *d, const char *name)
{
	struct sk_buf path = SK_BUF_INIT;
	const struct sk_index *index;

	if (w->linked)
		return;
	if (sk_watch_ignores(w, d, name, false)) {
		index = sk_watch_index(w);
		if (index && sk_dir_path(d, w->root, name, &path) == 0 &&
		    !sk_index_find(index, path.ptr, path.len, 0)) {
			sk_buf_free(&path);
			return;
		}
	}
	w->linked = true;
	sk_buf_free(&path);
}

static void check_links(struct sk_watch *w, struct sk_dir *d, DIR *dir)
{
	struct dirent *e;
	struct stat st;

	rewinddir(dir);
	while ((e = readdir(dir)) && !w->linked)
		if ((e->d_type == DT_REG || e->d_type == DT_UNKNOWN) &&
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_nlink > 1)
			many_names(w, d, e->d_name);
}

static int list(DIR *dir, struct listing *l)
{
	struct dirent *e;
	struct stat st;

	for (;;) {
		bool folder;

		errno = 0;
		e = readdir(dir);
		if (!e)
			return errno ? sk_error_errno(SK_EIO, "cannot list a folder") : 0;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		folder = e->d_type == DT_DIR;
		if (e->d_type == DT_UNKNOWN)
			folder = fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			         S_ISDIR(st.st_mode);
		if (strcmp(e->d_name, ".git") == 0)
			l->git = true;
		else if (strcmp(e->d_name, ".gitignore") == 0)
			l->ignore = true;
		if (folder && strcmp(e->d_name, ".git") != 0 &&
		    sk_buf_add(&l->folders, e->d_name, strlen(e->d_name) + 1))
			return SK_EIO;
	}
}

/* The text of the .gitignore in `dir`, as far as git would read it. */
static int read_rules(int dirfd, struct sk_buf *out, uint64_t *print)
{
	/* git does not follow one that is a link */
	int fd = openat(dirfd, ".gitignore", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc;

	*print = 0;
	if (fd < 0)
		return SK_ENO;
	(void)close(fd);
	rc = sk_read_file(dirfd, ".gitignore", IGNORE_MAX, out);
	if (!rc)
		*print = mix(MIX_START, sk_buf_str(out), out->len);
	return rc;
}

/* Replaces *frame by the one above with the rules of `text` (NULL: none). */
static int push_rules(const struct sk_dir *d, const struct sk_dir *top, struct sk_ignore *above,
                      const struct sk_buf *text, struct sk_ignore **frame)
{
	struct sk_buf path = SK_BUF_INIT;
	struct sk_ignore *made = NULL;
	int rc = 0;

	if (!text)
		made = sk_ignore_ref(above);
	else if (!(rc = sk_dir_path(d, top, NULL, &path)))
		rc = sk_ignore_push(above, path.ptr, sk_buf_str(text), text->len, &made);
	sk_buf_free(&path);
	if (rc)
		return rc;
	sk_ignore_unref(*frame);
	*frame = made;
	return 0;
}

static int set_frame(struct sk_watch *w, struct sk_dir *d, int fd, bool ignore)
{
	struct sk_ignore *above = d == w->root ? w->outside : d->parent->frame;
	struct sk_ignore *within = d->flags & SK_DIR_SPACE ? w->outside
	                           : d->parent             ? d->parent->inner
	                                                   : NULL;
	struct sk_buf text = SK_BUF_INIT;
	bool any = ignore && read_rules(fd, &text, &d->rules) == 0;
	int rc;

	if (!any)
		d->rules = 0;
	rc = push_rules(d, w->root, above, any ? &text : NULL, &d->frame);
	if (!rc && !within) {
		sk_ignore_unref(d->inner);
		d->inner = NULL;
	} else if (!rc) {
		rc = push_rules(d, sk_dir_space(d), within, any ? &text : NULL, &d->inner);
	}
	sk_buf_free(&text);
	return rc;
}

/* The git folder of a repository inside: whether it is one decides what git shows. */
static int watch_nested(struct sk_watch *w, struct sk_dir *d, int fd)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_dir *c = sk_dir_new(w, d, ".git", SK_DIR_NESTED);
	int git, rc = 0;

	if (!c)
		return sk_error_oom();
	git = openat(fd, ".git", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (git < 0 && sk_read_file(fd, ".git", 8192, &text) == 0 &&
	    strncmp(sk_buf_str(&text), "gitdir: ", 8) == 0) {
		text.ptr[strcspn(text.ptr, "\r\n")] = '\0';
		git = openat(fd, text.ptr + 8, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (git >= 0) {
		rc = sk_notify_add(c, git, SK_EVENTS_NESTED);
		(void)close(git);
	}
	sk_buf_free(&text);
	/* one that another folder has too (two gitfiles to one place) makes no difference here */
	return rc == SK_ENO ? rc : 0;
}

static int read_listed(struct sk_watch *w, struct sk_dir *d, DIR *dir)
{
	struct listing l = { .folders = SK_BUF_INIT };
	int rc = list(dir, &l);

	if (rc)
		goto out;
	if (d != w->root)
		d->flags = (uint8_t)(l.git ? d->flags | SK_DIR_SPACE : d->flags & ~SK_DIR_SPACE);
	rc = set_frame(w, d, dirfd(dir), l.ignore);
	if (!rc && l.git && d != w->root)
		rc = watch_nested(w, d, dirfd(dir));
	for (size_t at = 0; !rc && at < l.folders.len; at += strlen(l.folders.ptr + at) + 1)
		if (!add_child(w, d, l.folders.ptr + at))
			rc = sk_error_oom();
	if (!rc)
		check_links(w, d, dir);
out:
	sk_buf_free(&l.folders);
	return rc;
}

/* On a disk of its own, which may be one that others write to. */
static bool foreign(struct sk_watch *w, const char *path, const struct stat *st)
{
	struct sk_mount_view view;
	struct sk_buf whole = SK_BUF_INIT;

	if ((unsigned long long)st->st_dev == w->dev)
		return false;
	(void)sk_buf_addf(&whole, "%s/%s", w->repo->worktree, path);
	sk_mounts_view(&w->set->mounts, sk_buf_str(&whole), &view);
	sk_buf_free(&whole);
	return !view.local;
}

static void limit_reached(struct sk_watch *w)
{
	sk_watch_give_up(w,
	                 "too many folders for the system's limit of inotify watches; raise it "
	                 "with 'sudo sysctl fs.inotify.max_user_watches=%zu', then 'git sk service "
	                 "stop' and 'start'",
	                 (w->set->max_watches / 7 * 8 + 65536) * 2);
}

/* What is left to do once it is open. */
static void scan_open(struct sk_watch *w, struct sk_dir *d, int fd, const char *path)
{
	struct stat st;
	DIR *dir;
	int rc;

	if (fstat(fd, &st) < 0 || foreign(w, path, &st)) {
		sk_dir_set(d, SK_DIR_BLIND, true);
		return;
	}
	sk_dir_free_children(d);
	rc = sk_notify_add(d, fd, SK_EVENTS_TREE);
	dir = rc ? NULL : fdopendir(dup(fd));
	if (dir)
		rc = read_listed(w, d, dir);
	else if (!rc)
		rc = SK_EIO;
	if (dir)
		(void)closedir(dir);
	if (rc == SK_ENO)
		limit_reached(w);
	else if (rc && errno == ENOMEM)
		sk_watch_reset(w);
	else
		sk_dir_set(d, SK_DIR_BLIND, rc != 0);
}

void sk_watch_scan(struct sk_watch *w, struct sk_dir *d)
{
	struct sk_buf path = SK_BUF_INIT;
	uint64_t gen = w->gen;
	int fd, why;

	sk_dir_unpend(d);
	if (sk_dir_path(d, w->root, NULL, &path)) {
		sk_watch_reset(w);
		goto out;
	}
	fd = sk_open_below(w->repo->wtfd, path.ptr);
	why = errno;
	if (fd >= 0) {
		scan_open(w, d, fd, path.ptr);
		(void)close(fd);
	} else if (d != w->root && (why == ENOENT || why == ENOTDIR || why == ELOOP)) {
		sk_dir_free(d); /* the event that says so is on its way */
	} else if (d == w->root) {
		w->gone = true;
	} else {
		sk_dir_set(d, SK_DIR_BLIND, true);
	}
	/* now that its watch stands (unless all began anew) */
	if (gen && gen == w->gen)
		sk_watch_log_dir(w, path.ptr, path.len);
out:
	sk_buf_free(&path);
}

void sk_watch_renew(struct sk_watch *w, struct sk_dir *d, const char *name)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;

	sk_dir_free(sk_dir_child(d, name));
	if (!d->frame) /* it is still to be read itself */
		return;
	if (sk_dir_path(d, w->root, name, &path) ||
	    (fstatat(w->repo->wtfd, path.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	     S_ISDIR(st.st_mode) && !add_child(w, d, name)))
		sk_watch_reset(w);
	sk_buf_free(&path);
}

void sk_watch_rules_changed(struct sk_watch *w, struct sk_dir *d)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	uint64_t print = 0;
	int fd = -1;

	if (sk_dir_path(d, w->root, NULL, &path) == 0)
		fd = sk_open_below(w->repo->wtfd, path.ptr);
	if (fd >= 0) {
		(void)read_rules(fd, &text, &print);
		(void)close(fd);
	}
	if (fd < 0 || print != d->rules)
		sk_dir_pend(d);
	sk_buf_free(&path);
	sk_buf_free(&text);
}
