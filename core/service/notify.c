/* The inotify instances.  Worktrees share them (a user may have 128), but never two that lie in
 * each other: one inode has one watch in an instance, and could belong to one of them only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "service/protocol.h"
#include "service/watch_parts.h"

#define USERS_MAX 32
#define CHUNK 65536

static bool lies_in(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool fits(const struct sk_watch *w, const struct sk_notify *n)
{
	if (n->users >= USERS_MAX)
		return false;
	for (const struct sk_watch *o = w->set->first; o; o = o->next)
		if (o->notify == n && (lies_in(o->repo->worktree, w->repo->worktree) ||
		                       lies_in(w->repo->worktree, o->repo->worktree)))
			return false;
	return true;
}

int sk_notify_join(struct sk_watch *w)
{
	struct sk_notify *n = w->set->notify;
	int rc;

	while (n && !fits(w, n))
		n = n->next;
	if (!n) {
		n = calloc(1, sizeof *n);
		if (!n)
			return sk_error_oom();
		n->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (n->fd < 0) {
			rc = sk_error_errno(SK_EIO, "no more inotify instances "
			                            "(sysctl fs.inotify.max_user_instances)");
			free(n);
			return rc;
		}
		rc = w->set->opened ? w->set->opened(w->set->ctx, n, n->fd) : 0;
		if (rc) {
			(void)close(n->fd);
			free(n);
			return rc;
		}
		n->next = w->set->notify;
		w->set->notify = n;
	}
	n->users++;
	w->notify = n;
	return 0;
}

void sk_notify_leave(struct sk_watch *w)
{
	struct sk_notify *n = w->notify, **at = &w->set->notify;

	w->notify = NULL;
	if (!n || --n->users)
		return;
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	if (w->set->closed)
		w->set->closed(w->set->ctx, n, n->fd);
	(void)close(n->fd);
	free(n->slot);
	free(n);
}

/* The map: linear probing; a deleted entry moves the later ones up. */

static size_t home(const struct sk_notify *n, int wd)
{
	return ((uint32_t)wd * 2654435761u) & (n->slots - 1);
}

static struct sk_dir **slot_of(const struct sk_notify *n, int wd)
{
	size_t at;

	if (!n->slots)
		return NULL;
	for (at = home(n, wd); n->slot[at]; at = (at + 1) & (n->slots - 1))
		if (n->slot[at]->wd == wd)
			break;
	return &n->slot[at];
}

static bool map_grow(struct sk_notify *n)
{
	size_t slots = n->slots ? n->slots * 2 : 256, before = n->slots;
	struct sk_dir **old = n->slot, **slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return false;
	n->slot = slot;
	n->slots = slots;
	for (size_t i = 0; i < before; i++)
		if (old[i])
			*slot_of(n, old[i]->wd) = old[i];
	free(old);
	return true;
}

static void map_remove(struct sk_notify *n, struct sk_dir *d)
{
	struct sk_dir **at = slot_of(n, d->wd);
	size_t hole, i;

	if (!at || *at != d)
		return;
	hole = (size_t)(at - n->slot);
	n->slot[hole] = NULL;
	n->n--;
	for (i = (hole + 1) & (n->slots - 1); n->slot[i]; i = (i + 1) & (n->slots - 1)) {
		struct sk_dir *moved = n->slot[i];

		n->slot[i] = NULL;
		*slot_of(n, moved->wd) = moved;
	}
}

/* Another folder has the watch: its place is no longer there. */
static int take_over(struct sk_dir *d, struct sk_dir *old)
{
	struct sk_watch *w = d->owner;
	struct sk_buf path = SK_BUF_INIT;

	if (old->owner == w && old->kind == SK_DIR_NESTED) {
		sk_dir_free(old);
		return 0;
	}
	if (old->owner != w || old->kind != SK_DIR_TREE || old == w->root)
		return sk_error(SK_EREFUSED, "it is watched already, by another name");
	for (const struct sk_dir *up = d; up; up = up->parent)
		if (up == old) /* a folder in itself: a mount that we do not understand */
			return sk_error(SK_EREFUSED, "it lies in itself");
	if (sk_dir_path(old, w->root, NULL, &path) == 0)
		sk_watch_log_dir(w, path.ptr, path.len);
	else
		sk_changes_forget(&w->changes);
	sk_buf_free(&path);
	sk_dir_free(old);
	return 0;
}

int sk_notify_add(struct sk_dir *d, int fd, uint32_t events)
{
	struct sk_notify *n = d->owner->notify;
	struct sk_watch_set *set = d->owner->set;
	struct sk_dir **at;
	char path[40];
	int wd, rc;

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (d->wd < 0 && set->watches >= set->max_watches)
		return sk_error(SK_ENO, "no more inotify watches");
	if ((n->n + 1) * 2 > n->slots && !map_grow(n))
		return sk_error_oom();
	for (int tries = 0; tries < 2; tries++) {
		wd = inotify_add_watch(n->fd, path, events);
		if (wd < 0 && errno == ENOSPC)
			return sk_error(SK_ENO, "no more inotify watches");
		if (wd < 0)
			return sk_error_errno(errno == EACCES ? SK_EREFUSED : SK_EIO,
			                      "cannot watch it");
		at = slot_of(n, wd);
		if (*at == d)
			return 0;
		if (!*at) {
			if (d->wd >= 0)
				sk_notify_drop(d);
			d->wd = wd;
			*slot_of(n, wd) = d;
			n->n++;
			set->watches++;
			return 0;
		}
		rc = take_over(d, *at);
		if (rc)
			return rc;
	}
	return sk_error(SK_EIO, "cannot watch it: it moves");
}

void sk_notify_drop(struct sk_dir *d)
{
	struct sk_notify *n = d->owner->notify;

	if (d->wd < 0)
		return;
	(void)inotify_rm_watch(n->fd, d->wd); /* EINVAL: the kernel was faster */
	map_remove(n, d);
	d->owner->set->watches--;
	d->wd = -1;
}

static void overflow(struct sk_watch_set *set, const struct sk_notify *n)
{
	for (struct sk_watch *w = set->first; w; w = w->next)
		if (w->notify == n)
			sk_watch_reset(w);
}

static void dispatch(struct sk_watch_set *set, struct sk_notify *n, const struct inotify_event *e)
{
	struct sk_dir **at;

	if (e->mask & IN_Q_OVERFLOW) {
		overflow(set, n);
		return;
	}
	at = slot_of(n, e->wd);
	if (at && *at)
		sk_watch_event(*at, e);
}

/* Reads once; the number of bytes, 0 when there is nothing. */
static size_t read_some(struct sk_watch_set *set, struct sk_notify *n)
{
	static _Alignas(struct inotify_event) char chunk[CHUNK];
	ssize_t got;

	do {
		got = read(n->fd, chunk, sizeof chunk);
	} while (got < 0 && errno == EINTR);
	for (ssize_t at = 0; at < got;) {
		const struct inotify_event *e = (const void *)(chunk + at);

		at += (ssize_t)(sizeof *e + e->len);
		dispatch(set, n, e);
	}
	return got > 0 ? (size_t)got : 0;
}

void sk_notify_read(struct sk_watch_set *set, struct sk_notify *n)
{
	(void)read_some(set, n);
}

bool sk_watch_catch_up(struct sk_watch *w)
{
	int waiting = 0;
	size_t done = 0, got;

	if (!w->notify || ioctl(w->notify->fd, FIONREAD, &waiting) < 0)
		return false;
	while (done < (size_t)waiting) {
		got = read_some(w->set, w->notify);
		if (!got)
			return false;
		done += got;
	}
	return true;
}

static size_t system_limit(void)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_user_watches", "re");
	unsigned long n = 0;
#ifdef SK_TESTING
	const char *set = getenv("SK_TEST_WATCHES"); /* the real one is the whole machine's */

	if (set && *set) {
		if (f)
			(void)fclose(f);
		return strtoul(set, NULL, 10);
	}
#endif
	if (!f)
		return 8192;
	if (fscanf(f, "%lu", &n) != 1)
		n = 8192;
	(void)fclose(f);
	return n;
}

int sk_watch_set_open(struct sk_watch_set *set)
{
	unsigned char random[8];
	FILE *f = fopen("/dev/urandom", "re");
	bool good = f && fread(random, sizeof random, 1, f) == 1;

	if (f)
		(void)fclose(f);
	if (!good)
		return sk_error(SK_EIO, "cannot read /dev/urandom");
	for (size_t i = 0; i < sizeof random; i++)
		(void)snprintf(set->nonce + 2 * i, 3, "%02x", random[i]);
	/* editors and build tools want some too */
	set->max_watches = system_limit() / 8 * 7;
	return sk_mounts_open(&set->mounts);
}

void sk_watch_set_close(struct sk_watch_set *set)
{
	while (set->first)
		sk_watch_free(set->first);
	sk_mounts_close(&set->mounts);
}
