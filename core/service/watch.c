#include "service/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "service/protocol.h"
#include "service/watch_parts.h"

#define ANSWER_BYTES (8u << 20) /* a longer answer is no help: "/" */
#define QUERY_MS 1500           /* for folders that still have to be read */
#define SOFT_MAX 256
#define LINKED_AGAIN_MS 60000 /* files with several names are looked for again after that */
#define CALM_MS 60000
#define EAGER 5 /* so many new beginnings are made without a pause */
#define PAUSE_MS 10000
#define MARK "sk" /* any name does: it stands for "the list of this folder changed" */

/* The log.  As git takes it (fsmonitor.c, dir.c; 2.17 to 2.55): a path without a slash at its end
 * is that file, or else all below it; with one, all below it; either way the untracked cache of
 * the folder that it lies in is void, but not that of the folder itself: hence MARK. */

void sk_watch_log(struct sk_watch *w, const char *path, size_t len)
{
	if (w->gen && len)
		sk_changes_add(&w->changes, path, len);
}

void sk_watch_log_dir(struct sk_watch *w, const char *path, size_t len)
{
	struct sk_buf text = SK_BUF_INIT;

	if (!w->gen)
		return;
	sk_watch_log(w, path, len);
	(void)sk_buf_add(&text, path, len);
	if (len && sk_buf_addc(&text, '/') == 0)
		sk_watch_log(w, text.ptr, text.len);
	if (sk_buf_adds(&text, MARK))
		sk_changes_forget(&w->changes);
	else
		sk_watch_log(w, text.ptr, text.len);
	sk_buf_free(&text);
}

/* A repository inside is one thing to git: named with each change in it. */
static void log_spaces(struct sk_watch *w, struct sk_dir *d)
{
	struct sk_buf path = SK_BUF_INIT;

	for (d = sk_dir_space(d); d != w->root; d = sk_dir_space(d->parent))
		if (sk_dir_path(d, w->root, NULL, &path) == 0)
			sk_watch_log(w, path.ptr, path.len);
		else
			sk_changes_forget(&w->changes);
	sk_buf_free(&path);
}

static void stir(struct sk_watch *w)
{
	w->stir++;
	w->stir_at = sk_clock_ms();
}

/* Beginning and giving up */

static void drop_all(struct sk_watch *w)
{
	sk_dir_free(w->root);
	sk_dir_free(w->git);
	sk_dir_free(w->cookie);
	w->root = w->git = w->cookie = NULL;
	sk_index_free(w->index);
	w->index = NULL;
	sk_changes_forget(&w->changes);
	w->gen = 0;
	w->linked = false;
}

void sk_watch_give_up(struct sk_watch *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->why, sizeof w->why, fmt, ap);
	va_end(ap);
	drop_all(w);
	sk_notify_leave(w);
	w->mode = SK_WATCH_SCANS;
}

/* Nothing is freed here: whoever calls may stand in the tree.  begin() does it. */
void sk_watch_reset(struct sk_watch *w)
{
	int64_t now = sk_clock_ms();

	if (w->mode == SK_WATCH_SCANS)
		return;
	if (w->mode == SK_WATCH_EXACT && now - w->loaded_at > CALM_MS)
		w->loads = 0;
	w->mode = SK_WATCH_LOADING;
	w->gen = 0;
	w->load_after = w->loads++ < EAGER ? 0 : now + PAUSE_MS;
	w->loaded_at = -1; /* to be begun */
	sk_changes_forget(&w->changes);
	stir(w);
}

static int watch_git(struct sk_watch *w)
{
	int fd = open(w->repo->gitdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot open the git folder");
	w->git = sk_dir_new(w, NULL, "", SK_DIR_GIT);
	rc = w->git ? sk_notify_add(w->git, fd, SK_EVENTS_GIT) : sk_error_oom();
	(void)close(fd);
	return rc;
}

static void begin(struct sk_watch *w)
{
	struct sk_mount_view view;
	struct stat st;
	int rc;

	drop_all(w);
	w->loaded_at = 0;
	w->index_dirty = false;
	sk_mounts_look(&w->set->mounts);
	sk_mounts_view(&w->set->mounts, w->repo->worktree, &view);
	w->mounts_gen = w->set->mounts.gen;
	w->mounts_print = view.print;
	if (!view.local) {
		sk_watch_give_up(w, "it lies on a filesystem (%s) that does not tell of changes",
		                 view.type);
		return;
	}
	if (fstat(w->repo->wtfd, &st) == 0)
		w->dev = (unsigned long long)st.st_dev;
	rc = watch_git(w);
	if (!rc)
		rc = sk_watch_outside(w);
	if (!rc && !(w->root = sk_dir_new(w, NULL, "", SK_DIR_TREE)))
		rc = sk_error_oom();
	if (rc) {
		sk_watch_give_up(w, "%s", sk_error_message());
		return;
	}
	sk_dir_pend(w->root);
}

bool sk_watch_work(struct sk_watch *w, int64_t end)
{
	if (w->mode == SK_WATCH_SCANS || w->gone)
		return false;
	if (w->loaded_at < 0) {
		if (sk_clock_ms() < w->load_after)
			return false;
		begin(w);
	}
	while (w->mode != SK_WATCH_SCANS && w->loaded_at >= 0 && !w->gone) {
		if (w->pend_first) {
			sk_watch_scan(w, w->pend_first);
			if (sk_clock_ms() >= end && w->pend_first)
				return true;
		} else if (w->index_dirty) {
			sk_watch_check_index(w);
		} else {
			break;
		}
	}
	if (w->mode == SK_WATCH_LOADING && w->loaded_at >= 0 && !w->gone) {
		sk_changes_forget(&w->changes);
		w->gen = ++w->set->gen;
		w->mode = SK_WATCH_EXACT;
		w->loaded_at = sk_clock_ms();
	}
	if (!w->pend_first) {
		sk_index_free(w->index);
		w->index = NULL;
	}
	return false;
}

int sk_watch_new(struct sk_watch_set *set, struct sk_repo *repo, bool enabled,
                 struct sk_watch **out)
{
	struct sk_watch *w = calloc(1, sizeof *w);
	const struct sk_strv *lines = &repo->config->backup.include_ignored;
	int rc;

	if (!w) {
		sk_repo_close(repo);
		return sk_error_oom();
	}
	w->set = set;
	w->repo = repo;
	w->loaded_at = -1;
	sk_settings(w->settings);
	if (lines->n && lines->item[0][0] && sk_patterns_new(lines, false, &w->include))
		w->include = NULL;
	rc = enabled ? sk_notify_join(w) : SK_EREFUSED;
	if (rc) {
		w->mode = SK_WATCH_SCANS;
		(void)snprintf(w->why, sizeof w->why, "%s",
		               enabled ? sk_error_message()
		                       : "watching is off by the setting watch.enabled");
	}
	w->next = set->first;
	set->first = w;
	*out = w;
	return 0;
}

void sk_watch_free(struct sk_watch *w)
{
	struct sk_watch **at = &w->set->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	drop_all(w);
	sk_notify_leave(w);
	sk_changes_free(&w->changes);
	sk_ignore_unref(w->outside);
	sk_patterns_free(w->include);
	sk_strv_free(&w->soft);
	sk_repo_close(w->repo);
	free(w);
}

/* Events */

static void on_git(struct sk_watch *w, const struct inotify_event *e)
{
	const char *name = e->len ? e->name : "";

	if (e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) {
		w->gone = true;
		return;
	}
	if (strcmp(name, "index") == 0) {
		w->index_dirty = true;
		sk_index_free(w->index);
		w->index = NULL;
		stir(w);
	} else if (strcmp(name, "HEAD") == 0) {
		stir(w);
	}
}

/* What makes it a repository (setup.c, is_git_directory), and where it stands. */
static void on_nested(struct sk_watch *w, struct sk_dir *d, const struct inotify_event *e)
{
	static const char *const names[] = { "HEAD", "refs", "objects", "commondir", "gitdir" };
	struct sk_dir *top = d->parent;
	const char *name = e->len ? e->name : "";
	bool counts = e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF);
	char *copy;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		counts |= strcmp(name, names[i]) == 0;
	if (!counts)
		return;
	log_spaces(w, top);
	stir(w);
	copy = strdup(top->name);
	if (!copy)
		sk_watch_reset(w);
	else if (top->parent)
		sk_watch_renew(w, top->parent, copy);
	free(copy);
}

static void soft(struct sk_watch *w, const char *path)
{
	if (w->soft.n >= SOFT_MAX)
		w->soft_many = true;
	else if ((w->soft.n == 0 || strcmp(w->soft.item[w->soft.n - 1], path) != 0) &&
	         sk_strv_add(&w->soft, path))
		w->soft_many = true;
	w->stir_at = sk_clock_ms();
}

/* Whether a backup would want to know. */
static void stir_by(struct sk_watch *w, struct sk_dir *d, const char *name, bool is_dir,
                    const char *path)
{
	if (!d->frame || d->flags & SK_DIR_FORCED || !sk_watch_ignores(w, d, name, is_dir))
		stir(w);
	else if (w->include && sk_patterns_match(w->include, path, strlen(path), is_dir))
		stir(w);
	else if (!is_dir)
		soft(w, path);
}

static void many_names(struct sk_watch *w, const char *path)
{
	struct stat st;

	if (!w->linked && fstatat(w->repo->wtfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_nlink > 1)
		w->linked = true;
}

/* A folder whose bits changed: git may no longer be able to look into it, or may again. */
static void log_below(struct sk_watch *w, struct sk_dir *top)
{
	struct sk_buf path = SK_BUF_INIT;

	for (struct sk_dir *d = top; d; d = sk_dir_walk(d, top)) {
		if (d->kind != SK_DIR_TREE || d->flags & SK_DIR_IGNORED)
			continue;
		if (d->flags & SK_DIR_BLIND)
			sk_dir_pend(d);
		if (sk_dir_path(d, w->root, NULL, &path))
			sk_changes_forget(&w->changes);
		else
			sk_watch_log_dir(w, path.ptr, path.len);
	}
	sk_buf_free(&path);
}

static void on_folder(struct sk_watch *w, struct sk_dir *d, const struct inotify_event *e)
{
	struct sk_dir *child;

	if (e->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) {
		sk_watch_renew(w, d, e->name);
		return;
	}
	child = sk_dir_child(d, e->name);
	if (child && e->mask & IN_ATTRIB)
		log_below(w, child);
}

static void on_entry(struct sk_watch *w, struct sk_dir *d, const struct inotify_event *e)
{
	bool is_dir = e->mask & IN_ISDIR;
	struct sk_buf path = SK_BUF_INIT;

	if (sk_dir_path(d, w->root, e->name, &path)) {
		sk_watch_reset(w);
		goto out;
	}
	if (is_dir)
		sk_watch_log_dir(w, path.ptr, path.len);
	else
		sk_watch_log(w, path.ptr, path.len);
	log_spaces(w, d);
	stir_by(w, d, e->name, is_dir, path.ptr);
	if (!is_dir && !(e->mask & (IN_DELETE | IN_MOVED_FROM)))
		many_names(w, path.ptr);
	if (strcmp(e->name, ".gitignore") == 0)
		sk_watch_rules_changed(w, d);
	if (is_dir)
		on_folder(w, d, e);
out:
	sk_buf_free(&path);
}

/* ".git" came, went or changed in a folder: a repository inside begins or ends there. */
static void on_git_entry(struct sk_watch *w, struct sk_dir *d, const struct inotify_event *e)
{
	struct sk_buf path = SK_BUF_INIT;
	char *name;

	if (d == w->root) {
		if (e->mask & (IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE))
			w->gone = true; /* or another one came: to be opened again */
		return;
	}
	if (e->mask & IN_ISDIR && e->mask & IN_ATTRIB)
		return;
	if (sk_dir_path(d, w->root, NULL, &path) == 0)
		sk_watch_log_dir(w, path.ptr, path.len);
	else
		sk_changes_forget(&w->changes);
	log_spaces(w, d);
	stir(w);
	name = strdup(d->name);
	if (name)
		sk_watch_renew(w, d->parent, name);
	else
		sk_watch_reset(w);
	free(name);
	sk_buf_free(&path);
}

static void on_tree(struct sk_watch *w, struct sk_dir *d, const struct inotify_event *e)
{
	if (e->mask & IN_UNMOUNT) {
		sk_watch_reset(w);
	} else if (e->mask & IN_IGNORED) {
		sk_notify_drop(d);
		if (d == w->root)
			w->gone = true;
	} else if (!e->len) {
		if (d == w->root && e->mask & (IN_DELETE_SELF | IN_MOVE_SELF))
			w->gone = true;
	} else if (strcmp(e->name, ".git") == 0) {
		on_git_entry(w, d, e);
	} else {
		on_entry(w, d, e);
	}
}

void sk_watch_event(struct sk_dir *d, const struct inotify_event *e)
{
	struct sk_watch *w = d->owner;

	if (w->loaded_at < 0) /* all begins anew anyway */
		return;
	switch (d->kind) {
	case SK_DIR_COOKIE:
		if (e->mask & IN_OPEN)
			w->cookie_seen = true;
		if (e->mask & (IN_IGNORED | IN_DELETE_SELF)) {
			sk_dir_free(d);
			w->cookie = NULL;
		}
		break;
	case SK_DIR_GIT:
		on_git(w, e);
		break;
	case SK_DIR_NESTED:
		on_nested(w, d, e);
		break;
	default:
		on_tree(w, d, e);
	}
}

/* git's question */

static int open_cookie(const struct sk_watch *w, bool create)
{
	struct sk_buf path = SK_BUF_INIT;
	int fd = -1;

	(void)sk_buf_addf(&path, "%s/cookie", w->repo->sklocal);
	if (sk_buf_ok(&path) == 0 && create && !sk_exists(path.ptr)) {
		(void)sk_mkdirs(w->repo->sklocal, 0777);
		fd = sk_create(AT_FDCWD, path.ptr, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd >= 0)
			(void)close(fd);
	}
	if (sk_buf_ok(&path) == 0)
		fd = open(path.ptr, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	sk_buf_free(&path);
	return fd;
}

/* The file is only opened: that is an event too, and it works where nothing can be written. */
static bool wait_for_cookie(struct sk_watch *w)
{
	int fd;

	if (!w->cookie) {
		fd = open_cookie(w, true);
		if (fd < 0)
			return false;
		w->cookie = sk_dir_new(w, NULL, "", SK_DIR_COOKIE);
		if (!w->cookie || sk_notify_add(w->cookie, fd, IN_OPEN | IN_DELETE_SELF)) {
			sk_dir_free(w->cookie);
			w->cookie = NULL;
		}
		(void)close(fd);
		if (!w->cookie)
			return false;
	}
	w->cookie_seen = false;
	fd = open_cookie(w, false);
	if (fd >= 0)
		(void)close(fd);
	if (fd < 0 || !sk_watch_catch_up(w))
		return false;
	if (!w->cookie_seen && w->cookie) { /* another file by that name: begin with it anew */
		sk_dir_free(w->cookie);
		w->cookie = NULL;
	}
	return w->cookie_seen;
}

static void check_mounts(struct sk_watch *w)
{
	struct sk_mount_view view;

	sk_mounts_look(&w->set->mounts);
	if (w->mounts_gen == w->set->mounts.gen)
		return;
	sk_mounts_view(&w->set->mounts, w->repo->worktree, &view);
	w->mounts_gen = w->set->mounts.gen;
	if (view.print != w->mounts_print)
		sk_watch_reset(w);
}

static bool is_exact(struct sk_watch *w, const char *settings)
{
	int64_t now = sk_clock_ms();

	if (w->mode != SK_WATCH_EXACT || strcmp(settings, "-") == 0 ||
	    strcmp(settings, w->settings) != 0 || !wait_for_cookie(w) || w->gone)
		return false;
	check_mounts(w);
	if (w->mode == SK_WATCH_EXACT)
		sk_watch_check_outside(w);
	if (w->mode != SK_WATCH_EXACT || sk_watch_work(w, now + QUERY_MS))
		return false;
	if (w->linked && now - w->loaded_at > LINKED_AGAIN_MS)
		sk_watch_reset(w);
	return w->mode == SK_WATCH_EXACT && !w->gone && !w->n_blind && !w->linked && !w->icase &&
	       w->gen;
}

/* "Everything may have changed", with a token that is never answered exactly.  git's untracked
 * cache stays as it is then, and is believed again with the next exact answer, although a command
 * that does not look for untracked files (checkout, add) may have written it back unchecked.  So an
 * exact answer may only follow one that names all there is: everything(). */
static int not_known(const struct sk_watch *w, struct sk_buf *out)
{
	(void)sk_buf_addf(out, "sk1:%s:0:0", w->set->nonce);
	return sk_buf_add(out, "\0/\0", 3);
}

/* Names the first components of all that is tracked, with what is below them, and every folder that
 * git looks into. */
static int everything(struct sk_watch *w, struct sk_buf *out)
{
	const struct sk_index *index = sk_watch_index(w);
	struct sk_buf path = SK_BUF_INIT;
	int rc = index ? 0 : SK_EDAMAGED;

	for (size_t i = 0; !rc && i < index->n;) {
		const char *name = index->entry[i].path;
		size_t len = strcspn(name, "/");

		(void)sk_buf_add(out, name, len);
		(void)sk_buf_addc(out, '\0');
		i++;
		if (name[len] != '/')
			continue;
		(void)sk_buf_add(out, name, len + 1);
		rc = sk_buf_addc(out, '\0');
		sk_buf_clear(&path); /* "lib0" is the first after all of "lib/" */
		(void)sk_buf_add(&path, name, len);
		if (!rc && !(rc = sk_buf_addc(&path, '/' + 1)))
			i = sk_index_lower(index, path.ptr, path.len);
	}
	for (struct sk_dir *d = w->root; !rc && d; d = sk_dir_walk(d, w->root)) {
		if (d->kind != SK_DIR_TREE || d->flags & SK_DIR_IGNORED)
			continue;
		rc = sk_dir_path(d, w->root, MARK, &path);
		if (!rc)
			rc = sk_buf_add(out, path.ptr, path.len + 1);
	}
	sk_index_free(w->index);
	w->index = NULL;
	sk_buf_free(&path);
	return rc ? rc : sk_buf_ok(out);
}

int sk_watch_query(struct sk_watch *w, const char *settings, const char *token, struct sk_buf *out)
{
	unsigned long long gen = 0, seq = 0;
	char nonce[17] = "";
	size_t before, start = out->len;
	int rc = SK_ENO, len = 0;

	if (!is_exact(w, settings))
		return not_known(w, out);
	(void)sk_buf_addf(out, "sk1:%s:%llu:%llu", w->set->nonce, (unsigned long long)w->gen,
	                  (unsigned long long)w->changes.seq);
	(void)sk_buf_addc(out, '\0');
	before = out->len;
	if (sscanf(token, "sk1:%16[0-9a-f]:%llu:%llu%n", nonce, &gen, &seq, &len) == 3 &&
	    token[len] == '\0' && strcmp(nonce, w->set->nonce) == 0 && gen == w->gen)
		rc = sk_changes_since(&w->changes, seq, out);
	if (rc == SK_ENO) {
		sk_buf_truncate(out, before);
		rc = everything(w, out);
	}
	if (rc || out->len - before > ANSWER_BYTES) {
		sk_buf_truncate(out, start);
		return not_known(w, out);
	}
	return sk_buf_ok(out);
}

/* The rest */

const struct sk_repo *sk_watch_repo(const struct sk_watch *w)
{
	return w->repo;
}

enum sk_watch_mode sk_watch_mode(const struct sk_watch *w)
{
	return w->mode;
}

const char *sk_watch_why(const struct sk_watch *w)
{
	if (w->mode == SK_WATCH_EXACT && w->n_blind)
		return "some folders cannot be read, and are not watched";
	if (w->mode == SK_WATCH_EXACT && w->linked)
		return "files with several names (hard links) are there; git is told to look "
		       "at everything";
	if (w->mode == SK_WATCH_EXACT && w->icase)
		return "core.ignoreCase is on; git is told to look at everything";
	return w->mode == SK_WATCH_SCANS ? w->why : "";
}

bool sk_watch_gone(const struct sk_watch *w)
{
	return w->gone;
}

uint64_t sk_watch_stir(const struct sk_watch *w, int64_t *at)
{
	if (at)
		*at = w->stir_at;
	return w->stir;
}

bool sk_watch_soft(struct sk_watch *w)
{
	const struct sk_index *index;

	if (w->soft_many)
		return true;
	if (!w->soft.n)
		return false;
	index = sk_watch_index(w);
	if (!index)
		return true;
	for (size_t i = 0; i < w->soft.n; i++)
		if (sk_index_find(index, w->soft.item[i], strlen(w->soft.item[i]), 0))
			return true;
	sk_watch_soft_done(w);
	return false;
}

bool sk_watch_soft_waits(const struct sk_watch *w)
{
	return w->soft.n || w->soft_many;
}

void sk_watch_soft_done(struct sk_watch *w)
{
	sk_strv_free(&w->soft);
	w->soft = (struct sk_strv)SK_STRV_INIT;
	w->soft_many = false;
}

size_t sk_watch_folders(const struct sk_watch *w)
{
	return w->n_dirs;
}

uint64_t sk_watch_seq(const struct sk_watch *w)
{
	return w->changes.seq;
}

int sk_watch_changed(const struct sk_watch *w, uint64_t seq, struct sk_buf *out)
{
	return sk_changes_since(&w->changes, seq, out);
}
