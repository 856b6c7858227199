#include <stdlib.h>
#include <string.h>

#include "service/watch_parts.h"

struct sk_dir *sk_dir_new(struct sk_watch *w, struct sk_dir *parent, const char *name,
                          enum sk_dir_kind kind)
{
	size_t len = strlen(name) + 1;
	struct sk_dir *d = calloc(1, sizeof *d + len);

	if (!d)
		return NULL;
	d->owner = w;
	d->parent = parent;
	d->wd = -1;
	d->kind = (uint8_t)kind;
	memcpy(d->name, name, len);
	if (parent) {
		d->next = parent->child;
		parent->child = d;
	}
	w->n_dirs++;
	return d;
}

void sk_dir_set(struct sk_dir *d, uint8_t flag, bool on)
{
	struct sk_watch *w = d->owner;
	bool was = d->flags & flag;

	if (was == on)
		return;
	d->flags ^= flag;
	if (flag == SK_DIR_IGNORED)
		w->n_ignored += on ? 1 : (size_t)-1;
	if (flag == SK_DIR_BLIND)
		w->n_blind += on ? 1 : (size_t)-1;
}

void sk_dir_pend(struct sk_dir *d)
{
	struct sk_watch *w = d->owner;

	if (d->flags & SK_DIR_PENDING)
		return;
	d->flags |= SK_DIR_PENDING;
	d->pend_prev = w->pend_last;
	d->pend_next = NULL;
	if (w->pend_last)
		w->pend_last->pend_next = d;
	else
		w->pend_first = d;
	w->pend_last = d;
}

void sk_dir_unpend(struct sk_dir *d)
{
	struct sk_watch *w = d->owner;

	if (!(d->flags & SK_DIR_PENDING))
		return;
	d->flags &= (uint8_t)~SK_DIR_PENDING;
	*(d->pend_prev ? &d->pend_prev->pend_next : &w->pend_first) = d->pend_next;
	*(d->pend_next ? &d->pend_next->pend_prev : &w->pend_last) = d->pend_prev;
}

static void free_one(struct sk_dir *d)
{
	sk_notify_drop(d);
	sk_dir_unpend(d);
	sk_dir_set(d, SK_DIR_IGNORED, false);
	sk_dir_set(d, SK_DIR_BLIND, false);
	sk_ignore_unref(d->frame);
	sk_ignore_unref(d->inner);
	d->owner->n_dirs--;
	free(d);
}

void sk_dir_free_children(struct sk_dir *top)
{
	struct sk_dir *d = top;

	/* no recursion: a tree can be deeper than a stack */
	while (top->child) {
		while (d->child)
			d = d->child;
		while (d != top && !d->child) {
			struct sk_dir *up = d->parent;

			up->child = d->next;
			free_one(d);
			d = up;
		}
	}
}

void sk_dir_free(struct sk_dir *d)
{
	struct sk_dir **at;

	if (!d)
		return;
	sk_dir_free_children(d);
	if (d->parent) {
		for (at = &d->parent->child; *at != d;)
			at = &(*at)->next;
		*at = d->next;
	}
	free_one(d);
}

struct sk_dir *sk_dir_child(const struct sk_dir *d, const char *name)
{
	struct sk_dir *c = d->child;

	while (c && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

struct sk_dir *sk_dir_walk(struct sk_dir *d, const struct sk_dir *top)
{
	if (d->child)
		return d->child;
	while (d != top && !d->next)
		d = d->parent;
	return d == top ? NULL : d->next;
}

struct sk_dir *sk_dir_space(struct sk_dir *d)
{
	while (d->parent && !(d->flags & SK_DIR_SPACE))
		d = d->parent;
	return d;
}

int sk_dir_path(const struct sk_dir *d, const struct sk_dir *top, const char *name,
                struct sk_buf *out)
{
	size_t len = name ? strlen(name) : 0, part;
	const struct sk_dir *up;
	char *at;

	for (up = d; up != top; up = up->parent)
		len += strlen(up->name) + (len > 0);
	sk_buf_clear(out);
	if (sk_buf_reserve(out, len + 1))
		return SK_EIO;
	at = out->ptr + len;
	*at = '\0';
	if (name) {
		at -= strlen(name);
		memcpy(at, name, strlen(name));
	}
	for (up = d; up != top; up = up->parent) {
		if (*at)
			*--at = '/';
		part = strlen(up->name);
		at -= part;
		memcpy(at, up->name, part);
	}
	out->len = len;
	return 0;
}
