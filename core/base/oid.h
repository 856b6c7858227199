/* oid.h - object ids (SHA-1), and hashing.  Source: git's Documentation/gitformat-pack. */
#ifndef SK_BASE_OID_H
#define SK_BASE_OID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <nettle/sha1.h>

#define SK_OID_RAW 20
#define SK_OID_HEX 40

struct sk_oid {
	uint8_t id[SK_OID_RAW];
};

enum sk_object_type { /* the numbers of the pack format, which are libgit2's too */
	              SK_OBJ_COMMIT = 1,
	              SK_OBJ_TREE = 2,
	              SK_OBJ_BLOB = 3,
	              SK_OBJ_TAG = 4
};

const char *sk_object_type_name(enum sk_object_type type);

static inline bool sk_oid_eq(const struct sk_oid *a, const struct sk_oid *b)
{
	return memcmp(a->id, b->id, SK_OID_RAW) == 0;
}

static inline int sk_oid_cmp(const struct sk_oid *a, const struct sk_oid *b)
{
	return memcmp(a->id, b->id, SK_OID_RAW);
}

bool sk_oid_is_zero(const struct sk_oid *oid);
void sk_oid_hex(const struct sk_oid *oid, char out[SK_OID_HEX + 1]);
/* The same in one of eight buffers of the thread, for messages. */
const char *sk_oid_str(const struct sk_oid *oid);
/* False unless `hex` begins with 40 hex digits; `out` is then untouched. */
bool sk_oid_parse(const char *hex, struct sk_oid *out);

struct sk_hash {
	struct sha1_ctx ctx;
};

void sk_hash_init(struct sk_hash *h);
void sk_hash_update(struct sk_hash *h, const void *data, size_t len);
void sk_hash_final(struct sk_hash *h, struct sk_oid *out);
/* Starts an object's hash: "blob 12\0" and so on. */
void sk_hash_init_object(struct sk_hash *h, enum sk_object_type type, uint64_t size);
void sk_hash_object(enum sk_object_type type, const void *data, size_t len, struct sk_oid *out);

#endif
