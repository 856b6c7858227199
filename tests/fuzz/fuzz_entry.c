/* fuzz_entry.c - tags of entries, their trailers and ids, names of revisions, and times.
 *
 * An input is a byte that says which, and the text.  A tag that is understood and written again is
 * understood as the same; one that is not leaves the entry as it was.  A revision's id is always a
 * name that git takes for a ref. */
#include "fuzz.h"

#include "base/text.h"
#include "store/entry.h"
#include "store/tag.h"
#include "store/treeiter.h"

static void same(const struct sk_entry *a, const struct sk_entry *b)
{
	HOLDS(a->kind == b->kind && sk_oid_eq(&a->tree, &b->tree));
	HOLDS(a->created == b->created);
	HOLDS(strcmp(a->description, b->description) == 0);
	HOLDS(a->n_trailers == b->n_trailers);
	for (size_t i = 0; i < a->n_trailers; i++) {
		HOLDS(strcmp(a->trailer[i].key, b->trailer[i].key) == 0);
		HOLDS(strcmp(a->trailer[i].value, b->trailer[i].value) == 0);
	}
}

static void try_tag(const char *text, size_t len)
{
	struct sk_entry *e = calloc(1, sizeof *e), *again = calloc(1, sizeof *e);
	struct sk_buf out = SK_BUF_INIT, twice = SK_BUF_INIT;
	struct sk_oid oid;

	HOLDS(e && again);
	if (sk_tag_parse(text, len, e)) {
		HOLDS(!e->id && !e->title && !e->trailer && !e->n_trailers && !e->block);
		goto out;
	}
	HOLDS(e->id && e->title && e->description && sk_entry_get(e, "Sk-Kind"));
	(void)sk_entry_get_oid(e, "Sk-Meta", &oid);
	(void)sk_entry_id_time(e->kind ? e->kind : SK_BACKUP, e->id);
	HOLDS(sk_tag_format(e, &out) == 0);
	HOLDS(sk_tag_parse(out.ptr, out.len, again) == 0);
	same(e, again);
	HOLDS(sk_tag_format(again, &twice) == 0);
	HOLDS(out.len == twice.len && memcmp(out.ptr, twice.ptr, out.len) == 0);
	HOLDS(sk_entry_set(again, "Sk-Fuzz", "a\n\nb\n") == 0);
	HOLDS(strcmp(sk_entry_get(again, "Sk-Fuzz"), "a\n\nb\n") == 0);
	sk_buf_clear(&out);
	HOLDS(sk_tag_format(again, &out) == 0);
	HOLDS(sk_tag_parse(out.ptr, out.len, e) == 0);
	HOLDS(strcmp(sk_entry_get(e, "Sk-Fuzz"), "a\n\nb\n") == 0);
out:
	sk_entry_free(e);
	sk_entry_free(again);
	sk_buf_free(&out);
	sk_buf_free(&twice);
}

/* A tag made of anything that the interface takes is read back as it was given. */
static void try_made(struct fuzz_in in)
{
	struct sk_entry *e = calloc(1, sizeof *e), *again = calloc(1, sizeof *e);
	struct sk_buf out = SK_BUF_INIT;
	char *value = NULL;

	HOLDS(e && again);
	e->kind = SK_BACKUP;
	e->id = strdup("20260810T120000Z");
	e->created = (time_t)fuzz_byte(&in) << 24;
	e->title = fuzz_string(fuzz_part(&in, "\t"));
	e->description = fuzz_string(fuzz_part(&in, "\t"));
	value = fuzz_string(in);
	HOLDS(sk_entry_set(e, "Sk-Command", value) == 0);
	HOLDS(sk_tag_format(e, &out) == 0);
	HOLDS(sk_tag_parse(out.ptr, out.len, again) == 0);
	HOLDS(strcmp(sk_entry_get(again, "Sk-Command"), value) == 0);
	HOLDS(again->created == e->created);
	HOLDS(strcmp(again->description, e->description) == 0);
	HOLDS(strlen(again->title) == strlen(e->title));
	free(value);
	sk_entry_free(e);
	sk_entry_free(again);
	sk_buf_free(&out);
}

static void try_name(const char *name)
{
	char *id = NULL, *again = NULL, ref[4200];

	if (sk_revision_id(name, 1786363200, &id)) {
		HOLDS(!id);
		return;
	}
	(void)snprintf(ref, sizeof ref, "refs/sk/revision/%s", id);
	HOLDS(git_reference_is_valid_name(ref));
	HOLDS(strlen(id) < 250); /* and room for a number, and for .lock */
	HOLDS(sk_revision_id(id, 1786363200, &again) == 0);
	HOLDS(strcmp(id, again) == 0); /* not stamped twice */
	free(id);
	free(again);
}

static void try_time(const char *text)
{
	char out[17];
	int64_t ms = -7;
	uint64_t bytes = 7;
	time_t t = 0;

	if (strlen(text) >= 16 && sk_parse_id_time(text, &t)) {
		sk_format_id_time(t, out);
		HOLDS(strncmp(out, text, 16) == 0);
	}
	HOLDS(sk_parse_duration(text, &ms) == 0 ? ms >= -1 : ms == -7);
	HOLDS(sk_parse_size(text, &bytes) == 0 || bytes == 7);
	(void)sk_entry_id_time(SK_BACKUP, text);
	(void)sk_entry_id_time(SK_REVISION, text);
}

static void try_tree(const char *bytes, size_t len)
{
	struct sk_tree_iter it = { bytes, bytes + len };
	struct sk_tree_item item;
	int more;

	while ((more = sk_tree_next(&it, &item)) > 0) {
		HOLDS(item.len > 0 && strlen(item.name) == item.len);
		HOLDS(item.from >= bytes && item.end <= bytes + len && item.end == it.at);
	}
	HOLDS(more < 0 || it.at == it.end);
}

FUZZ(entry)
{
	struct fuzz_in in = { data, size };
	unsigned which = fuzz_byte(&in) % 5;
	char *text = which == 1 || which == 2 ? fuzz_string(in) : fuzz_copy(in.p, in.n, 0);

	if (which == 0)
		try_tag(text, in.n);
	else if (which == 1)
		try_name(text);
	else if (which == 2)
		try_time(text);
	else if (which == 3)
		try_tree(text, in.n);
	else
		try_made(in);
	free(text);
	return 0;
}
