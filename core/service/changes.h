/* changes.h - which paths changed, in order, for as long as there is room.
 *
 * Each path stands once, with the number of its latest change.  Numbers grow by one with each
 * change.  When more than SK_CHANGES_MAX paths have changed, or memory runs out, all are forgotten:
 * for what was before nothing is known, and sk_changes_since says so. */
#ifndef SK_SERVICE_CHANGES_H
#define SK_SERVICE_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define SK_CHANGES_MAX 50000u
#define SK_CHANGES_BYTES (8u << 20)

struct sk_change_item;

struct sk_changes {
	struct sk_change_item *item;
	uint32_t *slot; /* hash: number of an item + 1; 0: free */
	size_t n, cap, slots;
	size_t bytes;
	uint64_t seq;   /* of the latest change */
	uint64_t floor; /* nothing is known of what came before or with this number */
};

void sk_changes_add(struct sk_changes *c, const char *path, size_t len);
void sk_changes_forget(struct sk_changes *c);
/* Adds every path that changed after number `seq`, each ended by a NUL.  SK_ENO: it is not known;
 * SK_EIO: no memory. */
int sk_changes_since(const struct sk_changes *c, uint64_t seq, struct sk_buf *out);
void sk_changes_free(struct sk_changes *c);

#endif
