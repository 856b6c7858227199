#include "store/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"

#define FILE_MAX ((size_t)1 << 28)
#define WORTH_WRITING 16
#define RECORD_HEAD (SK_OID_RAW + sizeof(uint32_t)) /* the shortest record there can be */

struct head {
	char magic[8];
	uint32_t order; /* 0x01020304 */
	uint32_t packs, entries;
	uint32_t zero;
};

/* Where a record begins in the file. */
struct place {
	struct sk_oid oid;
	uint32_t at;
};

static const struct head head_now = { "SKTAGS3", 0x01020304, 0, 0, 0 };

struct hashes {
	uint64_t *item; /* sorted */
	size_t n, cap;
};

struct sk_cache {
	const struct sk_repo *repo;
	const char *map; /* the file, or NULL */
	size_t len;
	const char *place;  /* sorted by id, not aligned */
	size_t n;           /* records in the file */
	size_t next, end;   /* offset of the record that will be asked for next, as it is guessed */
	unsigned char *hit; /* a bit for each RECORD_HEAD bytes of the file: asked for */
	size_t used;
	struct sk_buf noted; /* further records */
	size_t n_noted;
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

/* Four chains side by side, so that the processor need not wait for one; each step can be undone,
 * so no change of one word goes unnoticed. */
static uint64_t checksum(const char *data, size_t len)
{
	uint64_t h[4] = { 1, 2, 3, 4 }, w[4], sum = len;
	size_t at = 0;

	for (; len - at >= sizeof w; at += sizeof w) {
		memcpy(w, data + at, sizeof w);
		for (unsigned k = 0; k < 4; k++) {
			h[k] = (h[k] ^ w[k]) * 0x9e3779b97f4a7c15u;
			h[k] ^= h[k] >> 29;
		}
	}
	for (unsigned k = 0; k < 4; k++)
		sum = (sum ^ h[k]) * 0x9e3779b97f4a7c15u;
	return fnv(sum, data + at, len - at);
}

static uint32_t record_len(const char *record)
{
	uint32_t len;

	memcpy(&len, record + SK_OID_RAW, sizeof len);
	return len;
}

/* Finds the parts of the file; false when it is not to be used. */
static bool look_through(struct sk_cache *c)
{
	struct head h;
	size_t at = sizeof h;
	uint64_t sum;

	if (c->len < sizeof h + sizeof sum)
		return false;
	c->end = c->len - sizeof sum;
	memcpy(&h, c->map, sizeof h);
	memcpy(&sum, c->map + c->end, sizeof sum);
	if (memcmp(h.magic, head_now.magic, sizeof h.magic) != 0 || h.order != head_now.order ||
	    h.packs > (c->end - at) / sizeof(uint64_t) ||
	    !all_there(c->map + at, h.packs, &c->packs))
		return false;
	at += h.packs * sizeof(uint64_t);
	if (h.entries > (c->end - at) / sizeof(struct place) || sum != checksum(c->map, c->end))
		return false;
	c->place = c->map + at;
	c->n = h.entries;
	c->next = at + c->n * sizeof(struct place);
	c->hit = calloc(1, c->len / RECORD_HEAD / 8 + 1);
	return c->hit != NULL;
}

static int cache_path(const struct sk_repo *repo, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/entries", repo->skdir);
}

static void forget(struct sk_cache *c)
{
	if (c->map)
		(void)munmap((void *)(uintptr_t)c->map, c->len);
	free(c->hit);
	c->map = NULL;
	c->hit = NULL;
	c->n = c->used = 0;
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

/* The file is replaced by rename only, so what is mapped stays as it is. */
static bool map_file(struct sk_cache *c, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	void *map = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (size_t)st.st_size <= FILE_MAX)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (map == MAP_FAILED)
		return false;
	c->map = map;
	c->len = (size_t)st.st_size;
	return true;
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
	if (!rc && (!map_file(c, path.ptr) || !look_through(c)))
		forget(c);
	sk_buf_free(&path);
	if (rc)
		sk_cache_close(c, false);
	else
		*out = c;
	return rc;
}

/* Whether a whole record of that tag begins at `at`. */
static bool is_at(const struct sk_cache *c, size_t at, const struct sk_oid *oid)
{
	return at < c->end && c->end - at >= RECORD_HEAD &&
	       memcmp(c->map + at, oid->id, SK_OID_RAW) == 0 &&
	       record_len(c->map + at) <= c->end - at - RECORD_HEAD;
}

/* Halving the sorted places. */
static bool find(const struct sk_cache *c, const struct sk_oid *oid, size_t *at)
{
	size_t lo = 0, hi = c->n;
	struct place place;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp;

		memcpy(&place, c->place + mid * sizeof place, sizeof place);
		cmp = sk_oid_cmp(&place.oid, oid);
		if (cmp == 0) {
			*at = place.at;
			return is_at(c, place.at, oid);
		}
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool bit(const unsigned char *bits, size_t n)
{
	return bits[n / 8] >> n % 8 & 1;
}

const char *sk_cache_get(struct sk_cache *c, const struct sk_oid *oid, size_t *len)
{
	size_t at, n;

	if (!c || !c->map)
		return NULL;
	at = c->next; /* records lie in the order in which they were asked for the last time */
	if (!is_at(c, at, oid) && !find(c, oid, &at))
		return NULL;
	n = at / RECORD_HEAD;
	if (!bit(c->hit, n)) {
		c->hit[n / 8] |= (unsigned char)(1 << n % 8);
		c->used++;
	}
	*len = record_len(c->map + at);
	c->next = at + RECORD_HEAD + *len;
	return c->map + at + RECORD_HEAD;
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

static int by_oid(const void *a, const void *b)
{
	return sk_oid_cmp(&((const struct place *)a)->oid, &((const struct place *)b)->oid);
}

/* The records: those noted now first, for a listing begins with the newest. */
static int add_records(struct sk_cache *c, bool drop_rest, struct sk_buf *out)
{
	size_t first = c->n ? (size_t)(c->place - c->map) + c->n * sizeof(struct place) : 0;

	(void)sk_buf_add(out, sk_buf_str(&c->noted), c->noted.len);
	for (size_t at = first, i = 0; i < c->n; i++) {
		size_t len;

		if (at > c->end || c->end - at < RECORD_HEAD)
			return sk_error(SK_EDAMAGED, "the cache of tags is damaged");
		len = RECORD_HEAD + record_len(c->map + at);
		if (len > c->end - at)
			return sk_error(SK_EDAMAGED, "the cache of tags is damaged");
		if (!drop_rest || bit(c->hit, at / RECORD_HEAD))
			(void)sk_buf_add(out, c->map + at, len);
		at += len;
	}
	return sk_buf_ok(out);
}

static int build(struct sk_cache *c, bool drop_rest, struct sk_buf *out)
{
	struct sk_buf records = SK_BUF_INIT;
	struct head h = head_now;
	struct place *place = NULL;
	size_t from;
	uint64_t sum;
	int rc = add_records(c, drop_rest, &records);

	h.packs = (uint32_t)c->packs.n;
	h.entries = (uint32_t)(c->n_noted + (drop_rest ? c->used : c->n));
	place = calloc(h.entries + 1u, sizeof *place);
	if (!rc && !place)
		rc = sk_error_oom();
	if (rc)
		goto out;
	from = sizeof h + c->packs.n * sizeof *c->packs.item + h.entries * sizeof *place;
	for (size_t at = 0, i = 0; i < h.entries && at < records.len; i++) {
		memcpy(place[i].oid.id, records.ptr + at, SK_OID_RAW);
		place[i].at = (uint32_t)(from + at);
		at += RECORD_HEAD + record_len(records.ptr + at);
	}
	qsort(place, h.entries, sizeof *place, by_oid);
	(void)sk_buf_reserve(out, from + records.len + sizeof sum);
	(void)sk_buf_add(out, &h, sizeof h);
	(void)sk_buf_add(out, c->packs.item, c->packs.n * sizeof *c->packs.item);
	(void)sk_buf_add(out, place, h.entries * sizeof *place);
	(void)sk_buf_add(out, sk_buf_str(&records), records.len);
	sum = checksum(sk_buf_str(out), out->len);
	rc = sk_buf_add(out, &sum, sizeof sum);
out:
	free(place);
	sk_buf_free(&records);
	return rc;
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
