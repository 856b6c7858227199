/* fuzz_index.c - git's index: versions 2 to 4, split with its shared base, sparse, cached tree.
 *
 * An input is a byte of switches and the file, with "SHARED" before the file of the shared base
 * when there is one.  Trailing checksums are put right (or zero), and so is the name of the base,
 * since no fuzzer would find those.  Besides: what is read is in git's order, every path is one
 * that may be written, each entry is found by its path, and an index that cannot be read says why
 * in one line and gives nothing. */
#include "fuzz.h"

#include "base/oid.h"
#include "repo/index.h"

enum { CHECKSUM = 1, SHARED = 2 };

/* The bytes with a checksum after them, and the id that it is. */
static char *summed(struct fuzz_in part, bool real, struct sk_oid *oid)
{
	char *out = fuzz_copy(part.p, part.n, SK_OID_RAW);
	struct sk_hash h;

	memset(oid, 0, sizeof *oid);
	if (real) {
		sk_hash_init(&h);
		sk_hash_update(&h, out, part.n);
		sk_hash_final(&h, oid);
		memcpy(out + part.n, oid->id, SK_OID_RAW);
	}
	return out;
}

static void put_base(struct fuzz_in base)
{
	struct sk_oid oid;
	char *text = summed(base, true, &oid), name[64];

	(void)snprintf(name, sizeof name, "sharedindex.%s", sk_oid_str(&oid));
	fuzz_store(name, text, base.n + SK_OID_RAW);
	free(text);
}

static char *put_own(struct fuzz_in own, struct fuzz_in base, bool real)
{
	struct sk_oid oid;
	char *named = fuzz_copy(own.p, own.n, 0), *link, *text, *base_text;

	base_text = summed(base, true, &oid);
	free(base_text);
	link = memmem(named, own.n, "link", 4);
	if (link && (size_t)(named + own.n - link) >= 8 + SK_OID_RAW)
		memcpy(link + 8, oid.id, SK_OID_RAW);
	text = summed((struct fuzz_in){ (uint8_t *)named, own.n }, real, &oid);
	free(named);
	fuzz_store("index", text, own.n + SK_OID_RAW);
	return text;
}

static size_t walk(const struct sk_index *index, const struct sk_cache_tree *node)
{
	size_t n = 1;

	HOLDS(node->entries >= -1 && node->entries <= (int64_t)index->n);
	HOLDS(!strchr(node->name, '/'));
	for (uint32_t i = 0; i < node->n_children; i++)
		n += walk(index, &node->child[i]);
	return n;
}

static void check_entry(const struct sk_index *index, size_t i)
{
	const struct sk_index_entry *e = &index->entry[i];
	struct stat st = { .st_size = 1 };

	HOLDS(e->path_len > 0 && strlen(e->path) == e->path_len);
	HOLDS(e->path[0] != '/' && strncmp(e->path, "../", 3) != 0 && strcmp(e->path, "..") != 0);
	HOLDS(!strstr(e->path, "/../") && !strstr(e->path, "//"));
	HOLDS(strncmp(e->path, ".git/", 5) != 0 && !strstr(e->path, "/.git/"));
	HOLDS(e->stage <= 3);
	HOLDS(sk_index_find(index, e->path, e->path_len, e->stage));
	HOLDS(sk_index_lower(index, e->path, e->path_len) <= i);
	if (i) {
		int d = strcmp(e[-1].path, e->path);

		HOLDS(d < 0 || (d == 0 && e[-1].stage && e[-1].stage <= e->stage));
	}
	HOLDS(sk_index_has_dir(index, "", 0));
	(void)sk_index_has_dir(index, e->path, e->path_len - 1);
	(void)sk_index_stat_matches(index, e, &st);
}

FUZZ(index)
{
	struct fuzz_in in = { data, size }, base = { data, 0 };
	unsigned how = fuzz_byte(&in);
	struct sk_index *index = NULL;
	struct sk_oid oid;
	char *text, name[64];
	int rc;

	if (how & SHARED)
		base = fuzz_part(&in, "SHARED");
	if (base.n)
		put_base(base);
	text = put_own(in, base, how & CHECKSUM);
	rc = sk_index_read(fuzz_path("index"), &index);
	if (rc) {
		HOLDS(rc == SK_EDAMAGED && !index);
		HOLDS(*sk_error_message() &&
		      fuzz_is_plain(sk_error_message(), strlen(sk_error_message())));
		HOLDS(!strchr(sk_error_message(), '\n'));
	} else {
		for (size_t i = 0; i < index->n; i++)
			check_entry(index, i);
		if (index->tree)
			(void)walk(index, index->tree);
		sk_index_free(index);
	}
	free(text);
	if (base.n) {
		text = summed(base, true, &oid);
		free(text);
		(void)snprintf(name, sizeof name, "sharedindex.%s", sk_oid_str(&oid));
		(void)unlink(fuzz_path(name));
	}
	return 0;
}
