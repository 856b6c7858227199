#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

static int grow(struct sk_multi *m)
{
	uint32_t size = m->slot ? (m->mask + 1) * 2 : 64;
	uint32_t *slot = calloc(size, sizeof *slot);

	if (!slot)
		return sk_error_oom();
	free(m->slot);
	m->slot = slot;
	m->mask = size - 1;
	for (size_t i = 0; i < m->n; i++) {
		const char *key = m->entry[i].key;
		uint32_t at = sk_paths_hash(SK_PATHS_SEED, key, strlen(key)) & m->mask;

		while (slot[at])
			at = (at + 1) & m->mask;
		slot[at] = (uint32_t)i + 1;
	}
	return 0;
}

/* Where the key is, or would be. */
static uint32_t place(const struct sk_multi *m, const char *key, size_t len)
{
	uint32_t at = sk_paths_hash(SK_PATHS_SEED, key, len) & m->mask;

	while (m->slot[at]) {
		const char *have = m->entry[m->slot[at] - 1].key;

		if (strncmp(have, key, len) == 0 && !have[len])
			break;
		at = (at + 1) & m->mask;
	}
	return at;
}

struct sk_multi_entry *sk_multi_key(struct sk_multi *m, const char *key, size_t len)
{
	uint32_t at;

	if ((!m->slot || m->n * 2 >= m->mask) && grow(m))
		return NULL;
	at = place(m, key, len);
	if (m->slot[at])
		return &m->entry[m->slot[at] - 1];
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 32;
		struct sk_multi_entry *more = reallocarray(m->entry, cap, sizeof *more);

		if (!more)
			return NULL;
		m->entry = more;
		m->cap = cap;
	}
	m->entry[m->n] = (struct sk_multi_entry){ strndup(key, len), NULL, 0, 0 };
	if (!m->entry[m->n].key)
		return NULL;
	m->slot[at] = (uint32_t)++m->n;
	return &m->entry[m->n - 1];
}

const struct sk_multi_entry *sk_multi_find(const struct sk_multi *m, const char *key, size_t len)
{
	uint32_t at;

	if (!m->slot)
		return NULL;
	at = place(m, key, len);
	return m->slot[at] ? &m->entry[m->slot[at] - 1] : NULL;
}

int sk_multi_add(struct sk_multi *m, const char *key, size_t len, uint32_t value)
{
	struct sk_multi_entry *e = sk_multi_key(m, key, len);

	if (!e)
		return sk_error_oom();
	if (e->n && e->item[e->n - 1] == value)
		return 0;
	if (e->n == e->cap) {
		uint32_t cap = e->cap ? e->cap * 2 : 4;
		uint32_t *more = reallocarray(e->item, cap, sizeof *more);

		if (!more)
			return sk_error_oom();
		e->item = more;
		e->cap = cap;
	}
	e->item[e->n++] = value;
	return 0;
}

void sk_multi_free(struct sk_multi *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->entry[i].key);
		free(m->entry[i].item);
	}
	free(m->entry);
	free(m->slot);
	*m = (struct sk_multi){ 0 };
}
