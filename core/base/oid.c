#include "base/oid.h"

#include <stdio.h>

const char *sk_object_type_name(enum sk_object_type type)
{
	static const char *const name[] = { "", "commit", "tree", "blob", "tag" };

	return type >= SK_OBJ_COMMIT && type <= SK_OBJ_TAG ? name[type] : "unknown";
}

bool sk_oid_is_zero(const struct sk_oid *oid)
{
	static const struct sk_oid zero;

	return sk_oid_eq(oid, &zero);
}

void sk_oid_hex(const struct sk_oid *oid, char out[SK_OID_HEX + 1])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < SK_OID_RAW; i++) {
		out[2 * i] = digit[oid->id[i] >> 4];
		out[2 * i + 1] = digit[oid->id[i] & 15];
	}
	out[SK_OID_HEX] = '\0';
}

const char *sk_oid_str(const struct sk_oid *oid)
{
	static _Thread_local char ring[8][SK_OID_HEX + 1];
	static _Thread_local unsigned next;
	char *out = ring[next++ % 8];

	sk_oid_hex(oid, out);
	return out;
}

/* The value of a hex digit, plus one; 0 for what is none. */
static const uint8_t digit_of[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};

bool sk_oid_parse(const char *hex, struct sk_oid *out)
{
	struct sk_oid oid;

	for (size_t i = 0; i < SK_OID_RAW; i++) {
		unsigned hi = digit_of[(uint8_t)hex[2 * i]];
		unsigned lo = hi ? digit_of[(uint8_t)hex[2 * i + 1]] : 0;

		if (!lo)
			return false;
		oid.id[i] = (uint8_t)((hi - 1) << 4 | (lo - 1));
	}
	*out = oid;
	return true;
}

void sk_hash_init(struct sk_hash *h)
{
	sha1_init(&h->ctx);
}

void sk_hash_update(struct sk_hash *h, const void *data, size_t len)
{
	sha1_update(&h->ctx, len, data);
}

void sk_hash_final(struct sk_hash *h, struct sk_oid *out)
{
	sha1_digest(&h->ctx, SK_OID_RAW, out->id);
}

void sk_hash_init_object(struct sk_hash *h, enum sk_object_type type, uint64_t size)
{
	char head[40];
	int len = snprintf(head, sizeof head, "%s %llu", sk_object_type_name(type),
	                   (unsigned long long)size);

	sk_hash_init(h);
	sk_hash_update(h, head, (size_t)len + 1);
}

void sk_hash_object(enum sk_object_type type, const void *data, size_t len, struct sk_oid *out)
{
	struct sk_hash h;

	sk_hash_init_object(&h, type, len);
	sk_hash_update(&h, data, len);
	sk_hash_final(&h, out);
}
