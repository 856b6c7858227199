#include "store/pack_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define STEM (5 + SK_OID_HEX) /* "pack-" and the name */
#define IDX_HEAD (8 + 256 * 4)
#define IDX_TAIL (2 * SK_OID_RAW)
#define IDX_ROW (SK_OID_RAW + 4 + 4)

enum { HAS_PACK = 1, HAS_IDX = 2, HAS_OTHER = 4 };

struct name {
	char hex[SK_OID_HEX + 1];
	unsigned has;
};

struct names {
	struct name *item;
	size_t n, cap;
};

static int add_name(struct names *names, const char *file)
{
	struct name *grown;
	struct sk_oid oid;

	if (strncmp(file, "pack-", 5) != 0 || !sk_oid_parse(file + 5, &oid) || file[STEM] != '.')
		return 0;
	if (names->n == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 64;

		grown = realloc(names->item, cap * sizeof *grown);
		if (!grown)
			return sk_error_oom();
		names->item = grown;
		names->cap = cap;
	}
	grown = &names->item[names->n++];
	(void)snprintf(grown->hex, sizeof grown->hex, "%s", file + 5);
	grown->has = strcmp(file + STEM, ".pack") == 0  ? HAS_PACK
	             : strcmp(file + STEM, ".idx") == 0 ? HAS_IDX
	                                                : HAS_OTHER;
	return 0;
}

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->hex, ((const struct name *)b)->hex);
}

/* All names, each once. */
static int read_names(int dir, struct names *out)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	size_t n = 0;

	if (!d) {
		rc = sk_error_errno(SK_EIO, "cannot read the folder of packs");
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	while (!rc && (de = readdir(d)))
		rc = add_name(out, de->d_name);
	(void)closedir(d);
	if (out->n)
		qsort(out->item, out->n, sizeof *out->item, by_hex);
	for (size_t i = 0; i < out->n; i++)
		if (n && strcmp(out->item[n - 1].hex, out->item[i].hex) == 0)
			out->item[n - 1].has |= out->item[i].has;
		else
			out->item[n++] = out->item[i];
	out->n = n;
	return rc;
}

/* Maps a file of at least `min` bytes. */
static int map_file(int dir, const char *name, size_t min, const unsigned char **map, size_t *len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;
	struct stat st;
	void *at;

	if (fd < 0)
		return errno == ENOENT ? sk_error(SK_ENO, "'%s' is gone", name)
		                       : sk_error_errno(SK_EIO, "cannot open '%s'", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)min) {
		rc = sk_error(SK_EDAMAGED, "'%s' is too short", name);
		goto out;
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED) {
		rc = sk_error_errno(SK_EIO, "cannot map '%s'", name);
		goto out;
	}
	*map = at;
	*len = (size_t)st.st_size;
out:
	(void)close(fd);
	return rc;
}

/* What a multi-pack-index says of itself is not parsed: a name that stands in it anywhere counts.
 * In a chain of them (multi-pack-index.d) everything does. */
struct midx {
	const unsigned char *map;
	size_t len;
	bool all;
};

static int open_midx(int dir, struct midx *out)
{
	struct stat st;
	int rc;

	out->all = fstatat(dir, "multi-pack-index.d", &st, AT_SYMLINK_NOFOLLOW) == 0;
	rc = map_file(dir, "multi-pack-index", 1, &out->map, &out->len);
	return rc == SK_ENO ? 0 : rc;
}

static bool in_midx(const struct midx *m, const char *hex)
{
	return m->all || (m->map && memmem(m->map, m->len, hex, SK_OID_HEX));
}

static void close_midx(struct midx *m)
{
	if (m->map)
		(void)munmap((void *)(uintptr_t)m->map, m->len);
}

int sk_pack_files_list(int dir, uint64_t max, struct sk_pack_files *out)
{
	struct sk_pack_files files = { 0 };
	struct names names = { 0 };
	struct midx midx = { 0 };
	int rc = read_names(dir, &names);

	if (!rc)
		rc = open_midx(dir, &midx);
	if (!rc && names.n) {
		files.item = calloc(names.n, sizeof *files.item);
		rc = files.item ? 0 : sk_error_oom();
	}
	for (size_t i = 0; !rc && i < names.n; i++) {
		struct sk_pack_file *f = &files.item[files.n];
		char name[STEM + sizeof ".pack"];
		struct stat st;

		(void)snprintf(name, sizeof name, "pack-%s.pack", names.item[i].hex);
		if (names.item[i].has != (HAS_PACK | HAS_IDX) ||
		    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		    (uint64_t)st.st_size > max || in_midx(&midx, names.item[i].hex))
			continue;
		memcpy(f->hex, names.item[i].hex, sizeof f->hex);
		f->size = (uint64_t)st.st_size;
		f->mtime = st.st_mtim;
		files.n++;
	}
	close_midx(&midx);
	free(names.item);
	if (rc)
		free(files.item);
	else
		*out = files;
	return rc;
}

int sk_pack_names(int dir, struct sk_strv *out)
{
	struct names names = { 0 };
	int rc = read_names(dir, &names);

	for (size_t i = 0; !rc && i < names.n; i++) {
		char name[STEM + 1];

		if (!(names.item[i].has & (HAS_PACK | HAS_IDX)))
			continue;
		(void)snprintf(name, sizeof name, "pack-%s", names.item[i].hex);
		rc = sk_strv_add(out, name);
	}
	free(names.item);
	return rc;
}

int sk_idx_open(int dir, const char *hex, struct sk_idx *out)
{
	char name[STEM + sizeof ".idx"];
	struct sk_idx idx = { 0 };
	int rc;

	(void)snprintf(name, sizeof name, "pack-%s.idx", hex);
	rc = map_file(dir, name, IDX_HEAD + IDX_TAIL, &idx.map, &idx.len);
	if (rc)
		return rc;
	idx.n = sk_be32(idx.map + IDX_HEAD - 4);
	if (memcmp(idx.map, "\377tOc\0\0\0\2", 8) != 0 ||
	    (idx.len - IDX_HEAD - IDX_TAIL) / IDX_ROW < idx.n) {
		sk_idx_close(&idx);
		return sk_error(SK_EDAMAGED, "'%s' is no index of a pack", name);
	}
	*out = idx;
	return 0;
}

void sk_idx_close(struct sk_idx *idx)
{
	if (idx->map)
		(void)munmap((void *)(uintptr_t)idx->map, idx->len);
	*idx = (struct sk_idx){ 0 };
}

static const unsigned char *oid_at(const struct sk_idx *idx, uint32_t i)
{
	return idx->map + IDX_HEAD + (size_t)i * SK_OID_RAW;
}

struct sk_oid sk_idx_oid(const struct sk_idx *idx, uint32_t i)
{
	struct sk_oid oid;

	memcpy(oid.id, oid_at(idx, i), sizeof oid.id);
	return oid;
}

bool sk_idx_has(const struct sk_idx *idx, const struct sk_oid *oid)
{
	/* the fan-out table: how many ids begin with at most that byte; not believed beyond n */
	uint32_t lo = oid->id[0] ? sk_be32(idx->map + 8 + 4 * (oid->id[0] - 1)) : 0;
	uint32_t hi = sk_be32(idx->map + 8 + 4 * oid->id[0]);
	uint64_t want = sk_be64(oid->id);

	if (hi > idx->n)
		hi = idx->n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		uint64_t head = sk_be64(oid_at(idx, mid));
		int cmp = (head > want) - (head < want);

		/* ids are hashes: their first bytes nearly always decide */
		if (cmp == 0)
			cmp = memcmp(oid_at(idx, mid), oid->id, SK_OID_RAW);
		if (cmp == 0)
			return true;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

int sk_pack_has_commit(int dir, const char *hex, const struct sk_idx *idx, bool *out)
{
	const unsigned char *offset = oid_at(idx, idx->n) + (size_t)idx->n * 4, *map = NULL;
	char name[STEM + sizeof ".pack"];
	size_t len = 0;
	bool found = false;
	int rc;

	(void)snprintf(name, sizeof name, "pack-%s.pack", hex);
	rc = map_file(dir, name, 12 + SK_OID_RAW, &map, &len);
	for (uint32_t i = 0; !rc && !found && i < idx->n; i++) {
		uint32_t at = sk_be32(offset + (size_t)i * 4);

		if (at >= len - SK_OID_RAW) /* more than 2 GiB, or damaged */
			rc = sk_error(SK_EDAMAGED, "'%s' and its index do not fit", name);
		else
			found = (map[at] >> 4 & 7) == SK_OBJ_COMMIT;
	}
	if (map)
		(void)munmap((void *)(uintptr_t)map, len);
	if (!rc)
		*out = found;
	return rc;
}

int sk_pack_is_whole(int dir, const char *hex, const struct sk_idx *idx)
{
	char name[STEM + sizeof ".pack"];
	const unsigned char *map = NULL;
	size_t len = 0;
	int rc;

	(void)snprintf(name, sizeof name, "pack-%s.pack", hex);
	rc = map_file(dir, name, 12 + SK_OID_RAW, &map, &len);
	if (!rc &&
	    (memcmp(map, "PACK", 4) != 0 || sk_be32(map + 8) != idx->n ||
	     memcmp(map + len - SK_OID_RAW, idx->map + idx->len - IDX_TAIL, SK_OID_RAW) != 0))
		rc = sk_error(SK_EDAMAGED, "'%s' and its index do not fit", name);
	if (map)
		(void)munmap((void *)(uintptr_t)map, len);
	return rc;
}
