/* oidset.h - a set of object ids in memory, with a number for each: 24 bytes an id and as much
 * again of free room at worst. */
#ifndef SK_STORE_OIDSET_H
#define SK_STORE_OIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/oid.h"

struct sk_oidset_slot {
	struct sk_oid oid;
	uint32_t value; /* 0: the slot is free */
};

struct sk_oidset {
	struct sk_oidset_slot *slot;
	size_t n, cap;
};

/* Adds it with `value`, which is not 0, unless it is there: then the value stays.  *added (may be
 * NULL) says which. */
int sk_oidset_add(struct sk_oidset *set, const struct sk_oid *oid, uint32_t value, bool *added);
/* Where its value stands, to be changed to any but 0; NULL: it is not there.  Holds until the next
 * addition. */
uint32_t *sk_oidset_get(const struct sk_oidset *set, const struct sk_oid *oid);
bool sk_oidset_has(const struct sk_oidset *set, const struct sk_oid *oid);
/* Goes through all, in no order: begin with *at == 0; NULL at the end. */
const struct sk_oidset_slot *sk_oidset_next(const struct sk_oidset *set, size_t *at);
void sk_oidset_free(struct sk_oidset *set);

#endif
