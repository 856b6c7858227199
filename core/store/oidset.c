#include "store/oidset.h"

#include <stdlib.h>

#include "base/error.h"

#define FIRST 256

static size_t slot_of(const struct sk_oidset *set, const struct sk_oid *oid)
{
	size_t h;

	memcpy(&h, oid->id, sizeof h); /* an id is a hash */
	h &= set->cap - 1;
	while (set->slot[h].value && !sk_oid_eq(&set->slot[h].oid, oid))
		h = (h + 1) & (set->cap - 1);
	return h;
}

static int grow(struct sk_oidset *set)
{
	struct sk_oidset now = { .cap = set->cap ? set->cap * 2 : FIRST, .n = set->n };

	now.slot = calloc(now.cap, sizeof *now.slot);
	if (!now.slot)
		return sk_error_oom();
	for (size_t i = 0; i < set->cap; i++)
		if (set->slot[i].value)
			now.slot[slot_of(&now, &set->slot[i].oid)] = set->slot[i];
	free(set->slot);
	*set = now;
	return 0;
}

int sk_oidset_add(struct sk_oidset *set, const struct sk_oid *oid, uint32_t value, bool *added)
{
	size_t h;

	if (set->n >= set->cap / 4 * 3 && grow(set))
		return SK_EIO;
	h = slot_of(set, oid);
	if (added)
		*added = !set->slot[h].value;
	if (!set->slot[h].value) {
		set->slot[h] = (struct sk_oidset_slot){ *oid, value };
		set->n++;
	}
	return 0;
}

uint32_t *sk_oidset_get(const struct sk_oidset *set, const struct sk_oid *oid)
{
	size_t h = set->n ? slot_of(set, oid) : 0;

	return set->n && set->slot[h].value ? &set->slot[h].value : NULL;
}

bool sk_oidset_has(const struct sk_oidset *set, const struct sk_oid *oid)
{
	return sk_oidset_get(set, oid) != NULL;
}

const struct sk_oidset_slot *sk_oidset_next(const struct sk_oidset *set, size_t *at)
{
	while (*at < set->cap)
		if (set->slot[(*at)++].value)
			return &set->slot[*at - 1];
	return NULL;
}

void sk_oidset_free(struct sk_oidset *set)
{
	free(set->slot);
	*set = (struct sk_oidset){ 0 };
}
