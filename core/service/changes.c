#include "service/changes.h"

#include <stdlib.h>
#include <string.h>

struct sk_change_item {
	char *path;
	uint32_t len, hash;
	uint64_t seq;
};

static uint32_t hash_of(const char *path, size_t len) /* FNV-1a */
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)path[i]) * 16777619u;
	return h;
}

static void drop_all(struct sk_changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->item[i].path);
	free(c->item);
	free(c->slot);
	c->item = NULL;
	c->slot = NULL;
	c->n = c->cap = c->slots = c->bytes = 0;
}

void sk_changes_forget(struct sk_changes *c)
{
	drop_all(c);
	c->floor = ++c->seq;
}

void sk_changes_free(struct sk_changes *c)
{
	drop_all(c);
}

static uint32_t *find(const struct sk_changes *c, const char *path, size_t len, uint32_t h)
{
	size_t at = h & (c->slots - 1);

	for (; c->slot[at]; at = (at + 1) & (c->slots - 1)) {
		const struct sk_change_item *i = &c->item[c->slot[at] - 1];

		if (i->hash == h && i->len == len && memcmp(i->path, path, len) == 0)
			break;
	}
	return &c->slot[at];
}

static bool grow(struct sk_changes *c)
{
	size_t cap = c->cap ? c->cap * 2 : 64;
	struct sk_change_item *item = realloc(c->item, cap * sizeof *item);
	uint32_t *slot;

	if (!item)
		return false;
	c->item = item;
	c->cap = cap;
	slot = calloc(cap * 2, sizeof *slot);
	if (!slot)
		return false;
	free(c->slot);
	c->slot = slot;
	c->slots = cap * 2;
	for (size_t i = 0; i < c->n; i++)
		*find(c, item[i].path, item[i].len, item[i].hash) = (uint32_t)i + 1;
	return true;
}

void sk_changes_add(struct sk_changes *c, const char *path, size_t len)
{
	uint32_t h = hash_of(path, len), *slot = c->slots ? find(c, path, len, h) : NULL;
	char *copy;

	if (slot && *slot) {
		c->item[*slot - 1].seq = ++c->seq;
		return;
	}
	copy = malloc(len + 1);
	if (!copy || c->n == SK_CHANGES_MAX || c->bytes + len > SK_CHANGES_BYTES ||
	    (c->n == c->cap && !grow(c))) {
		free(copy);
		sk_changes_forget(c);
		return;
	}
	memcpy(copy, path, len);
	copy[len] = '\0';
	c->item[c->n] = (struct sk_change_item){ copy, (uint32_t)len, h, ++c->seq };
	c->bytes += len + 1;
	*find(c, path, len, h) = (uint32_t)++c->n;
}

int sk_changes_since(const struct sk_changes *c, uint64_t seq, struct sk_buf *out)
{
	if (seq < c->floor || seq > c->seq)
		return SK_ENO;
	for (size_t i = 0; i < c->n; i++)
		if (c->item[i].seq > seq)
			(void)sk_buf_add(out, c->item[i].path, c->item[i].len + 1);
	return sk_buf_ok(out);
}
