/* treeiter.h - the entries of a tree object, one after the other, from its bytes.
 * Source: git's Documentation/gitformat-pack and tree-walk.c: "MODE NAME\0" and 20 raw bytes. */
#ifndef SK_STORE_TREEITER_H
#define SK_STORE_TREEITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/oid.h"

#define SK_MODE_TREE 040000u
#define SK_MODE_COMMIT 0160000u

struct sk_tree_item {
	uint32_t mode;
	const char *name; /* ends in a NUL, in the tree's bytes */
	size_t len;
	struct sk_oid oid;
	const char *from, *end; /* its bytes in the tree */
};

struct sk_tree_iter {
	const char *at, *end;
};

/* 1 and the next item; 0 at the end; -1: the bytes are no tree. */
static inline int sk_tree_next(struct sk_tree_iter *it, struct sk_tree_item *out)
{
	const char *p = it->at, *nul;
	uint32_t mode = 0;

	if (p >= it->end)
		return 0;
	while (p < it->end && *p >= '0' && *p <= '7' && mode < 01000000)
		mode = mode * 8 + (uint32_t)(*p++ - '0');
	if (p == it->at || p >= it->end || *p != ' ')
		return -1;
	p++;
	nul = memchr(p, '\0', (size_t)(it->end - p));
	if (!nul || nul == p || it->end - nul < 1 + SK_OID_RAW)
		return -1;
	*out = (struct sk_tree_item){ .mode = mode, .name = p, .len = (size_t)(nul - p) };
	memcpy(out->oid.id, nul + 1, SK_OID_RAW);
	out->from = it->at;
	out->end = it->at = nul + 1 + SK_OID_RAW;
	return 1;
}

#endif
