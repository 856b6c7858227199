/* fuzz_state.c - the caches of a working tree: state and state-delta, and what files import.
 *
 * An input is a byte of switches; then either the state, "DELTA", the delta; or the file of
 * imports. Sums are put right, as no fuzzer would find them: what is left is a file whose numbers
 * are wrong all the same.  No node, name, child or root is outside the files, and walking ends. */
#include "fuzz.h"

#include <sys/stat.h>

#include <git2.h>
#include <zlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "capture/scan.h"
#include "capture/state_file.h"
#include "impact/cache.h"

static struct sk_repo repo;
static struct sk_languages *languages;

static void open_repo(void)
{
	static char dir[4096];
	struct sk_strv problems = SK_STRV_INIT;

	(void)snprintf(dir, sizeof dir, "%s/w", fuzz_dir());
	HOLDS(setenv("SK_TEST_DATADIR", SK_FUZZ_CONFIG, 1) == 0);
	HOLDS(mkdir(dir, 0755) == 0);
	HOLDS(git_libgit2_init() > 0);
	HOLDS(git_repository_init(&repo.git, dir, 0) == 0);
	repo.worktree = repo.sklocal = repo.skdir = dir;
	repo.wtfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HOLDS(repo.wtfd >= 0);
	HOLDS(sk_languages_load(&problems, &languages) == 0);
}

static uint64_t put_state(const char *name, struct fuzz_in part, uint64_t base)
{
	struct sk_state_header h;
	char *text = fuzz_copy(part.p, part.n, 0);
	const size_t skip = offsetof(struct sk_state_header, base);
	struct stat root;

	if (part.n >= sizeof h) {
		HOLDS(fstat(repo.wtfd, &root) == 0);
		memcpy(&h, text, sizeof h);
		h.base = base;
		h.root_dev = root.st_dev;
		h.root_ino = root.st_ino;
		h.node_size = sizeof(struct sk_state_node);
		memcpy(text, &h, sizeof h);
		h.sum = XXH3_64bits(text + skip, part.n - skip);
		memcpy(text, &h, sizeof h);
		base = h.sum;
	}
	fuzz_store(name, text, part.n);
	free(text);
	return base;
}

static void look(const struct sk_state *s, const struct sk_state_node *dir, int depth)
{
	for (uint32_t i = 0; i < dir->n_children && i < 8 && depth < 4; i++) {
		const struct sk_state_node *n = sk_state_node(s, dir->first_child + i);
		const char *name;

		if (!n)
			continue;
		name = sk_state_name(s, n);
		(void)sk_state_child(s, dir, name, strlen(name));
		look(s, n, depth + 1);
	}
}

static void try_state(struct fuzz_in in)
{
	struct fuzz_in base = fuzz_part(&in, "DELTA");
	struct sk_state *s = NULL;
	const struct sk_state_node *root;
	uint32_t number;
	uint64_t sum = put_state("w/state", base, 0);

	(void)put_state("w/state-delta", in, sum);
	if (sk_state_load(&repo, false, &s)) {
		HOLDS(!s);
		return;
	}
	HOLDS(!sk_state_trusted(s));
	HOLDS(strlen(sk_state_ref(s)) < 256 && sk_state_tag(s) && sk_state_facts(s));
	(void)sk_state_nested(s);
	(void)sk_state_worn(s);
	number = sk_state_root(s, "");
	(void)sk_state_root(s, "nested");
	root = sk_state_node(s, number);
	for (uint32_t i = 0; i < 64; i++) {
		const struct sk_state_node *n = sk_state_node(s, i);

		if (n)
			(void)strlen(sk_state_name(s, n));
	}
	if (root) {
		look(s, root, 0);
		HOLDS(sk_state_count(s, root) <= base.n + in.n);
	}
	sk_state_free(s);
}

struct cache_header { /* as in impact/cache.c */
	char magic[8];
	uint32_t version, languages, records, crc;
	uint64_t size;
};

struct cache_record {
	struct sk_oid blob;
	uint8_t hint, language, unread, age;
	uint32_t off, len, crc;
};

/* Sizes and sums as they have to be; the numbers of tables and records as they are. */
static void mend_cache(char *text, size_t len)
{
	const size_t language = 44 + SK_OID_RAW;
	struct cache_header h;
	size_t tables;

	memcpy(&h, text, sizeof h);
	h.size = len;
	h.languages %= 4;
	h.records %= 16;
	h.crc = 0;
	tables = sizeof h + h.languages * language + h.records * sizeof(struct cache_record);
	memcpy(text, &h, sizeof h);
	if (tables > len)
		return;
	for (uint32_t i = 0; i < h.languages; i++)
		memcpy(text + sizeof h + i * language + 44,
		       sk_language_version(sk_languages_at(languages, i))->id, SK_OID_RAW);
	for (uint32_t i = 0; i < h.records; i++) {
		char *at =
		        text + sizeof h + h.languages * language + i * sizeof(struct cache_record);
		struct cache_record r;

		memcpy(&r, at, sizeof r);
		if (r.off <= len && r.len <= len - r.off)
			r.crc = (uint32_t)crc32_z(0, (unsigned char *)text + r.off, r.len);
		memcpy(at, &r, sizeof r);
	}
	h.crc = (uint32_t)crc32_z(0, (unsigned char *)text, tables);
	memcpy(text, &h, sizeof h);
}

static void try_cache(struct fuzz_in in)
{
	char *text = fuzz_copy(in.p, in.n, 0);
	struct sk_imports_cache *cache = NULL;
	struct sk_oid oid = { { 0 } };

	if (in.n >= sizeof(struct cache_header))
		mend_cache(text, in.n);
	fuzz_store("imports", text, in.n);
	HOLDS(sk_imports_cache_open(fuzz_path("imports"), languages, &cache) == 0);
	for (unsigned i = 0; i < 256 && in.n; i++) {
		struct sk_cached got = { 0 };

		memset(oid.id, (int)i, sizeof oid.id);
		if (sk_imports_cache_get(cache, &oid, NULL, &got))
			continue;
		for (size_t k = 0; k < got.imports.n; k++) {
			HOLDS(got.imports.item[k].spec && strlen(got.imports.item[k].spec) <= in.n);
			HOLDS(!got.imports.item[k].name ||
			      strlen(got.imports.item[k].name) <= in.n);
		}
		sk_cached_clear(&got);
	}
	HOLDS(sk_imports_cache_put(cache, &oid, NULL, NULL, &(struct sk_imports){ 0 }, false) == 0);
	sk_imports_cache_save(cache, fuzz_path("imports"));
	sk_imports_cache_close(cache);
	HOLDS(sk_imports_cache_open(fuzz_path("imports"), languages, &cache) == 0);
	sk_imports_cache_close(cache);
	free(text);
}

FUZZ(state)
{
	struct fuzz_in in = { data, size };
	unsigned how = fuzz_byte(&in);

	if (!repo.git)
		open_repo();
	if (how & 1)
		try_cache(in);
	else
		try_state(in);
	return 0;
}
