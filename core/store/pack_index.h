/* pack_index.h - the index file (version 2) of a pack.  Source: git's gitformat-pack. */
#ifndef SK_STORE_PACK_INDEX_H
#define SK_STORE_PACK_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/oid.h"

struct sk_pack_rec {
	struct sk_oid oid;
	uint32_t crc;    /* of the entry's bytes in the pack */
	uint64_t offset; /* where it starts */
};

/* Sorts `rec` by id and adds the whole index file to `out`; `pack` is the pack's trailer. */
int sk_pack_index(struct sk_pack_rec *rec, size_t n, const struct sk_oid *pack, struct sk_buf *out);

#endif
