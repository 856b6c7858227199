/* The split index: a shared base and the changes to it.  Source: gitformat-index, "Split index". */
#include "repo/index_file.h"

#include <stdlib.h>

#include "base/text.h"
#include "repo/ewah.h"

int sk_index_link_base(const struct sk_index_file *own, struct sk_oid *base)
{
	if (own->link_len < SK_OID_RAW)
		return sk_index_damaged("its link extension is cut off");
	memcpy(base->id, own->link, SK_OID_RAW);
	return 0;
}

/* The two bitmaps over the base's entries, checked against each other. */
static int parse_bitmaps(const struct sk_index_file *own, size_t n, uint64_t *deleted,
                         uint64_t *replaced)
{
	const unsigned char *p = own->link + SK_OID_RAW;
	size_t len = own->link_len - SK_OID_RAW, used, count = 0;
	int rc;

	if (len > 0) {
		rc = sk_ewah_expand(p, len, deleted, n, &used);
		if (rc)
			return sk_index_damaged("%s", sk_error_message());
		p += used;
		len -= used;
		rc = sk_ewah_expand(p, len, replaced, n, &used);
		if (rc)
			return sk_index_damaged("%s", sk_error_message());
		if (used != len)
			return sk_index_damaged("its link extension is too long");
	}
	for (size_t i = 0; i < SK_BITMAP_WORDS(n); i++) {
		if (deleted[i] & replaced[i])
			return sk_index_damaged("an entry is both deleted and replaced");
		count += (size_t)__builtin_popcountll(replaced[i]);
	}
	if (count != own->nameless)
		return sk_index_damaged("%zu entries are replaced, and %zu replacements are there",
		                        count, own->nameless);
	return 0;
}

struct merge {
	const struct sk_index_file *own;
	size_t added; /* the next of own's added entries */
	struct sk_index_entry *out;
	size_t n;
};

/* One entry of the base, after all added ones that go before it.  An added entry takes the place
 * of the one with its path and stage, and in stage 0 that of the path's conflict. */
static void merge_base_entry(struct merge *m, const struct sk_index_entry *e)
{
	for (; m->added < m->own->n; m->added++) {
		const struct sk_index_entry *a = &m->own->entry[m->added];
		int c = sk_index_cmp(a->path, a->path_len, 0, e->path, e->path_len, 0);

		if (c == 0 && (a->stage == 0 || a->stage == e->stage))
			return;
		if (c > 0 || (c == 0 && a->stage > e->stage))
			break;
		m->out[m->n++] = *a;
	}
	m->out[m->n++] = *e;
}

static void merge_all(struct merge *m, const struct sk_index_file *base, const uint64_t *deleted,
                      const uint64_t *replaced)
{
	size_t replacement = 0;

	for (size_t i = 0; i < base->n; i++) {
		struct sk_index_entry e = base->entry[i];

		if (sk_bitmap_get(deleted, i))
			continue;
		if (sk_bitmap_get(replaced, i)) {
			e = m->own->entry[replacement++];
			e.path = base->entry[i].path;
			e.path_len = base->entry[i].path_len;
		}
		merge_base_entry(m, &e);
	}
	while (m->added < m->own->n)
		m->out[m->n++] = m->own->entry[m->added++];
}

int sk_index_merge(const struct sk_index_file *own, const struct sk_index_file *base,
                   struct sk_index_entry **entries, size_t *n)
{
	struct merge m = { .own = own, .added = own->nameless };
	size_t words = SK_BITMAP_WORDS(base->n);
	uint64_t *deleted = calloc(2 * words + 1, sizeof *deleted);
	int rc = 0;

	m.out = malloc((base->n + own->n + 1) * sizeof *m.out);
	if (!deleted || !m.out) {
		rc = sk_error_oom();
		goto out;
	}
	rc = parse_bitmaps(own, base->n, deleted, deleted + words);
	if (rc)
		goto out;
	merge_all(&m, base, deleted, deleted + words);
	for (size_t i = 1; i < m.n; i++) {
		if (sk_index_follows(&m.out[i - 1], &m.out[i]))
			continue;
		rc = sk_index_damaged("%s is out of order", sk_name(m.out[i].path));
		goto out;
	}
	*entries = m.out;
	*n = m.n;
	m.out = NULL;
out:
	free(m.out);
	free(deleted);
	return rc;
}
