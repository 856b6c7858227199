#include "store/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/io.h"

#define FILE_MAX ((size_t)1 << 28)
#define WORTH_WRITING 16
#define RECORD_HEAD (SK_OID_RAW + sizeof(uint32_t))

struct head {
	char magic[8];
	uint32_t order; /* 0x01020304 */
	uint32_t packs, entries;
	uint32_t zero;
};

static const struct head head_now = { "SKTAGS2", 0x01020304, 0, 0, 0 };

struct hashes {
	uint64_t *item; /* sorted */
	size_t n, cap;
};

struct sk_cache {
	const struct sk_repo *repo;
	struct sk_buf file;   /* as it was read */
	struct sk_buf noted;  /* further records */
	size_t n_noted, used; /* records of the file that were asked for */
	size_t n, n_slots;
	uint32_t *slot; /* offset of a record in `file`, 0: none */
	bool *hit;      /* by slot */
	struct hashes packs;
	bool folded;
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t fnv(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t hash_of(const char *name, const struct stat *st)
{
	const unsigned long long v[] = { (unsigned long long)st->st_size, st->st_ino };

	return fnv(fnv(0xcbf29ce484222325u, name, strlen(name)), v, sizeof v);
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n > e && strcmp(name + n - e, end) == 0;
}

static int add_hash(struct hashes *h, uint64_t v)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 64;
		uint64_t *grown = realloc(h->item, cap * sizeof *grown);

		if (!grown)
			return sk_error_oom();
		h->item = grown;
		h->cap = cap;
	}
	h->item[h->n++] = v;
	return 0;
}

/* Every pack and index of the repository, as it is now. */
static int look_at_packs(const struct sk_repo *repo, struct hashes *out)
{
	struct sk_buf path = SK_BUF_INIT;
	struct dirent *de;
	struct stat st;
	DIR *dir;
	int rc = sk_buf_addf(&path, "%s/objects/pack", repo->commondir);

	if (rc)
		return rc;
	dir = opendir(path.ptr);
	sk_buf_free(&path);
	while (!rc && dir && (de = readdir(dir)))
		if ((ends_in(de->d_name, ".pack") || ends_in(de->d_name, ".idx")) &&
		    fstatat(dirfd(dir), de->d_name, &st, 0) == 0)
			rc = add_hash(out, hash_of(de->d_name, &st));
	if (dir)
		(void)closedir(dir);
	if (out->n)
		qsort(out->item, out->n, sizeof *out->item, compare);
	return rc;
}

/* Whether all of `some` (sorted, not aligned) are in `all`. */
static bool all_there(const char *some, size_t n, const struct hashes *all)
{
	size_t j = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t v;

		memcpy(&v, some + i * sizeof v, sizeof v);
		while (j < all->n && all->item[j] < v)
			j++;
		if (j == all->n || all->item[j] != v)
			return false;
	}
	return true;
}

static uint32_t checksum(const char *data, size_t len)
{
	return (uint32_t)crc32_z(0, (const unsigned char *)data, len);
}

static uint32_t *slot_of(const struct sk_cache *c, const struct sk_oid *oid)
{
	size_t at;

	memcpy(&at, oid->id, sizeof at);
	for (at &= c->n_slots - 1;; at = (at + 1) & (c->n_slots - 1))
		if (!c->slot[at] || memcmp(c->file.ptr + c->slot[at], oid->id, SK_OID_RAW) == 0)
			return &c->slot[at];
}

static uint32_t record_len(const char *record)
{
	uint32_t len;

	memcpy(&len, record + SK_OID_RAW, sizeof len);
	return len;
}

/* Finds the records of the file; false when it is not to be used. */
static bool index_file(struct sk_cache *c)
{
	struct head h;
	size_t at = sizeof h, end;
	uint32_t sum;

	if (c->file.len < sizeof h + sizeof sum)
		return false;
	end = c->file.len - sizeof sum;
	memcpy(&h, c->file.ptr, sizeof h);
	memcpy(&sum, c->file.ptr + end, sizeof sum);
	if (memcmp(h.magic, head_now.magic, sizeof h.magic) != 0 || h.order != head_now.order ||
	    sum != checksum(c->file.ptr, end) || h.packs > (end - at) / sizeof(uint64_t) ||
	    !all_there(c->file.ptr + at, h.packs, &c->packs))
		return false;
	at += h.packs * sizeof(uint64_t);
	for (c->n_slots = 16; c->n_slots < 2 * (size_t)h.entries;)
		c->n_slots *= 2;
	c->slot = calloc(c->n_slots, sizeof *c->slot);
	c->hit = calloc(c->n_slots, sizeof *c->hit);
	if (!c->slot || !c->hit)
		return false;
	for (; c->n < h.entries; c->n++) {
		struct sk_oid oid;

		if (end - at < RECORD_HEAD || end - at - RECORD_HEAD < record_len(c->file.ptr + at))
			return false;
		memcpy(oid.id, c->file.ptr + at, SK_OID_RAW);
		*slot_of(c, &oid) = (uint32_t)at;
		at += RECORD_HEAD + record_len(c->file.ptr + at);
	}
	return at == end;
}

static int cache_path(const struct sk_repo *repo, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/entries", repo->skdir);
}

static void forget(struct sk_cache *c)
{
	sk_buf_free(&c->file);
	free(c->slot);
	free(c->hit);
	c->slot = NULL;
	c->hit = NULL;
	c->n = c->n_slots = 0;
}

static bool objects_elsewhere(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	bool yes;

	yes = getenv("GIT_OBJECT_DIRECTORY") || getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES") ||
	      sk_buf_addf(&path, "%s/objects/info/alternates", repo->commondir) ||
	      sk_exists(path.ptr) || !sk_exists(repo->skdir);
	sk_buf_free(&path);
	return yes;
}

static bool read_file(const char *path, struct sk_buf *out)
{
	struct stat st;

	return stat(path, &st) == 0 && (size_t)st.st_size <= FILE_MAX &&
	       sk_buf_reserve(out, (size_t)st.st_size) == 0 &&
	       sk_read_file(AT_FDCWD, path, FILE_MAX, out) == 0;
}

int sk_cache_open(const struct sk_repo *repo, struct sk_cache **out)
{
	struct sk_buf path = SK_BUF_INIT;
	struct sk_cache *c;
	int rc;

	*out = NULL;
	if (objects_elsewhere(repo))
		return 0;
	c = calloc(1, sizeof *c);
	if (!c)
		return sk_error_oom();
	c->repo = repo;
	rc = look_at_packs(repo, &c->packs);
	if (!rc)
		rc = cache_path(repo, &path);
	if (!rc && (!read_file(path.ptr, &c->file) || !index_file(c)))
		forget(c);
	sk_buf_free(&path);
	if (rc)
		sk_cache_close(c, false);
	else
		*out = c;
	return rc;
}

const char *sk_cache_get(struct sk_cache *c, const struct sk_oid *oid, size_t *len)
{
	uint32_t *slot = c && c->n_slots ? slot_of(c, oid) : NULL;

	if (!slot || !*slot)
		return NULL;
	if (!c->hit[slot - c->slot]) {
		c->hit[slot - c->slot] = true;
		c->used++;
	}
	*len = record_len(c->file.ptr + *slot);
	return c->file.ptr + *slot + RECORD_HEAD;
}

static bool is_loose(const struct sk_repo *repo, const struct sk_oid *oid)
{
	struct sk_buf path = SK_BUF_INIT;
	const char *hex = sk_oid_str(oid);
	bool yes;

	yes = sk_buf_addf(&path, "%s/objects/%.2s/%s", repo->commondir, hex, hex + 2) ||
	      sk_exists(path.ptr);
	sk_buf_free(&path);
	return yes;
}

void sk_cache_note(struct sk_cache *c, const struct sk_oid *oid, const char *data, size_t len)
{
	uint32_t size = (uint32_t)len;

	if (!c || len > 1 << 20 || is_loose(c->repo, oid))
		return;
	(void)sk_buf_add(&c->noted, oid->id, SK_OID_RAW);
	(void)sk_buf_add(&c->noted, &size, sizeof size);
	c->n_noted++;
	(void)sk_buf_add(&c->noted, data, len);
}

void sk_cache_folded(struct sk_cache *c, size_t files)
{
	struct hashes now = { 0 };
	size_t left = 0, j = 0;

	if (!c || !c->n)
		return;
	if (look_at_packs(c->repo, &now)) {
		forget(c);
		free(now.item);
		return;
	}
	for (size_t i = 0; i < c->packs.n; i++) {
		while (j < now.n && now.item[j] < c->packs.item[i])
			j++;
		left += j < now.n && now.item[j] == c->packs.item[i];
	}
	c->folded = left + files == c->packs.n;
	if (!c->folded)
		forget(c);
	free(c->packs.item);
	c->packs = now;
}

static int build(struct sk_cache *c, bool drop_rest, struct sk_buf *out)
{
	struct head h = head_now;
	uint32_t sum;

	h.packs = (uint32_t)c->packs.n;
	h.entries = (uint32_t)(c->n_noted + (drop_rest ? c->used : c->n));
	(void)sk_buf_add(out, &h, sizeof h);
	(void)sk_buf_add(out, c->packs.item, c->packs.n * sizeof *c->packs.item);
	for (size_t i = 0; i < c->n_slots; i++)
		if (c->slot[i] && (c->hit[i] || !drop_rest))
			(void)sk_buf_add(out, c->file.ptr + c->slot[i],
			                 RECORD_HEAD + record_len(c->file.ptr + c->slot[i]));
	(void)sk_buf_add(out, sk_buf_str(&c->noted), c->noted.len);
	sum = checksum(sk_buf_str(out), out->len);
	return sk_buf_add(out, &sum, sizeof sum);
}

/* Only when no pack came or went while the tags were read: it is then certain that they were in
 * the packs which the file names. */
static void write_file(struct sk_cache *c, bool drop_rest)
{
	struct sk_buf path = SK_BUF_INIT, data = SK_BUF_INIT;
	struct hashes now = { 0 };

	if (look_at_packs(c->repo, &now) == 0 && now.n == c->packs.n &&
	    (!now.n || memcmp(now.item, c->packs.item, now.n * sizeof *now.item) == 0) &&
	    build(c, drop_rest, &data) == 0 && data.len <= FILE_MAX &&
	    cache_path(c->repo, &path) == 0)
		(void)sk_write_file(AT_FDCWD, path.ptr, data.ptr, data.len, 0666, false);
	free(now.item);
	sk_buf_free(&path);
	sk_buf_free(&data);
}

void sk_cache_close(struct sk_cache *c, bool drop_rest)
{
	if (!c)
		return;
	if ((c->n_noted >= WORTH_WRITING || c->folded) && sk_buf_ok(&c->noted) == 0)
		write_file(c, drop_rest);
	forget(c);
	sk_buf_free(&c->noted);
	free(c->packs.item);
	free(c);
}
