#include "store/pack_index.h"

#include <stdlib.h>

#define LARGE 0x80000000u

static int by_oid(const void *a, const void *b)
{
	return sk_oid_cmp(&((const struct sk_pack_rec *)a)->oid,
	                  &((const struct sk_pack_rec *)b)->oid);
}

static void add32(struct sk_buf *out, uint32_t v)
{
	unsigned char b[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
		               (unsigned char)(v >> 8), (unsigned char)v };

	(void)sk_buf_add(out, b, 4);
}

static void add_fanout(struct sk_buf *out, const struct sk_pack_rec *rec, size_t n)
{
	size_t i = 0;

	for (unsigned first = 0; first < 256; first++) {
		while (i < n && rec[i].oid.id[0] <= first)
			i++;
		add32(out, (uint32_t)i);
	}
}

int sk_pack_index(struct sk_pack_rec *rec, size_t n, const struct sk_oid *pack, struct sk_buf *out)
{
	struct sk_oid sum;
	struct sk_hash h;
	uint32_t large = 0;

	qsort(rec, n, sizeof *rec, by_oid);
	(void)sk_buf_add(out, "\377tOc\0\0\0\2", 8);
	add_fanout(out, rec, n);
	for (size_t i = 0; i < n; i++)
		(void)sk_buf_add(out, rec[i].oid.id, SK_OID_RAW);
	for (size_t i = 0; i < n; i++)
		add32(out, rec[i].crc);
	for (size_t i = 0; i < n; i++)
		add32(out, rec[i].offset < LARGE ? (uint32_t)rec[i].offset : LARGE | large++);
	for (size_t i = 0; i < n; i++)
		if (rec[i].offset >= LARGE) {
			add32(out, (uint32_t)(rec[i].offset >> 32));
			add32(out, (uint32_t)rec[i].offset);
		}
	(void)sk_buf_add(out, pack->id, SK_OID_RAW);
	if (sk_buf_ok(out))
		return SK_EIO;
	sk_hash_init(&h);
	sk_hash_update(&h, out->ptr, out->len);
	sk_hash_final(&h, &sum);
	return sk_buf_add(out, sum.id, SK_OID_RAW);
}
