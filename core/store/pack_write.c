/* The bytes of a pack: what is added is compressed and appended, in memory and then in a temporary
 * file, and gets its header and trailer in the end.  Source: git's gitformat-pack. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "base/give.h"
#include "base/io.h"
#include "store/pack_parts.h"

/* Up to here a pack is held in memory: the usual backup is written by one write(2). */
#define MEMORY_MAX (8u << 20)
/* Until this many bytes were compressed the default level is used, then the fastest one. */
#define GOOD_LEVEL_MAX (8u << 20)
#define HEADER_LEN 12

static size_t slot_of(const struct sk_packer *p, const struct sk_oid *oid)
{
	size_t h;

	memcpy(&h, oid->id, sizeof h);
	h &= p->n_slots - 1;
	while (p->slot[h] && !sk_oid_eq(&p->rec[p->slot[h] - 1].oid, oid))
		h = (h + 1) & (p->n_slots - 1);
	return h;
}

bool sk_pack_has(const struct sk_packer *p, const struct sk_oid *oid)
{
	return p->n_slots && p->slot[slot_of(p, oid)];
}

static int grow(struct sk_packer *p)
{
	size_t cap = p->cap ? p->cap * 2 : 64, n_slots = cap * 2;
	struct sk_pack_rec *rec;
	uint32_t *slot;

	if (p->n < p->cap)
		return 0;
	rec = realloc(p->rec, cap * sizeof *rec);
	if (!rec)
		return sk_error_oom();
	p->rec = rec;
	slot = calloc(n_slots, sizeof *slot);
	if (!slot)
		return sk_error_oom();
	free(p->slot);
	p->slot = slot;
	p->n_slots = n_slots;
	p->cap = cap;
	for (size_t i = 0; i < p->n; i++)
		p->slot[slot_of(p, &p->rec[i].oid)] = (uint32_t)i + 1;
	return 0;
}

static void record(struct sk_packer *p, const struct sk_oid *oid, uint64_t offset, uint32_t crc)
{
	p->rec[p->n] = (struct sk_pack_rec){ *oid, crc, offset };
	p->slot[slot_of(p, oid)] = (uint32_t)p->n + 1;
	p->n++;
	atomic_store(&p->any, true);
}

static int start(struct sk_packer *p)
{
	static const char header[HEADER_LEN] = "PACK\0\0\0\2\0\0\0\0";

	return p->flushed || p->mem.len ? 0 : sk_buf_add(&p->mem, header, sizeof header);
}

static int open_tmp(struct sk_packer *p)
{
	static unsigned serial;

	if (p->fd >= 0)
		return 0;
	if (asprintf(&p->tmp, "%s/.sk-tmp-%ld-%u", p->dir, (long)getpid(),
	             __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED)) < 0) {
		p->tmp = NULL;
		return sk_error_oom();
	}
	p->fd = sk_create(AT_FDCWD, p->tmp, O_RDWR | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (p->fd < 0 && errno == ENOENT && sk_make_dir(p->dir, 0777) == 0)
		p->fd = sk_create(AT_FDCWD, p->tmp, O_RDWR | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	return p->fd < 0 ? sk_error_errno(SK_EIO, "cannot create '%s'", p->tmp) : 0;
}

/* From here on it is not known what is in the file: nothing more goes in, and it is not committed.
 */
static int torn(struct sk_packer *p)
{
	p->torn = true;
	return sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
}

static int usable(const struct sk_packer *p)
{
	return p->torn ? sk_error(SK_EIO, "cannot write '%s'", p->tmp) : 0;
}

static int flush(struct sk_packer *p)
{
	int rc = open_tmp(p);

	if (rc || !p->mem.len)
		return rc;
	if (sk_write_full(p->fd, p->mem.ptr, p->mem.len) < 0)
		return torn(p);
	p->flushed += p->mem.len;
	sk_buf_clear(&p->mem);
	return 0;
}

static size_t entry_header(enum sk_object_type type, uint64_t size, unsigned char out[16])
{
	size_t n = 0;

	out[0] = (unsigned char)((unsigned)type << 4 | (size & 15));
	for (size >>= 4; size; size >>= 7) {
		out[n++] |= 0x80;
		out[n] = size & 0x7f;
	}
	return n + 1;
}

static int level(struct sk_packer *p, size_t len)
{
	uint64_t before = __atomic_fetch_add(&p->compressed_in, len, __ATOMIC_RELAXED);

	return before < GOOD_LEVEL_MAX ? Z_DEFAULT_COMPRESSION : Z_BEST_SPEED;
}

static int compress_entry(struct sk_packer *p, enum sk_object_type type, const void *data,
                          size_t len, struct sk_buf *out)
{
	unsigned char head[16] = { 0 };
	uLongf room = compressBound(len);
	int rc = sk_buf_add(out, head, entry_header(type, len, head));

	if (rc)
		return rc;
	memcpy(out->ptr, head, out->len);
	rc = sk_buf_reserve(out, room);
	if (rc)
		return rc;
	if (compress2((Bytef *)out->ptr + out->len, &room, data, len, level(p, len)) != Z_OK)
		return sk_error_oom();
	out->len += room;
	return 0;
}

static int append(struct sk_packer *p, const struct sk_oid *oid, const struct sk_buf *entry)
{
	uint64_t offset;
	int rc = 0;

	(void)pthread_mutex_lock(&p->lock);
	if (sk_pack_has(p, oid))
		goto out;
	rc = usable(p);
	if (!rc)
		rc = grow(p);
	if (!rc)
		rc = start(p);
	if (rc)
		goto out;
	offset = p->flushed + p->mem.len;
	rc = sk_buf_add(&p->mem, entry->ptr, entry->len);
	if (rc)
		goto out;
	record(p, oid, offset, (uint32_t)crc32_z(0, (const Bytef *)entry->ptr, entry->len));
	if (p->mem.len > MEMORY_MAX)
		rc = flush(p);
out:
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

int sk_pack_append(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                   const struct sk_oid *oid)
{
	struct sk_buf entry = SK_BUF_INIT;
	int rc = compress_entry(p, type, data, len, &entry);

	if (!rc)
		rc = append(p, oid, &entry);
	sk_buf_free(&entry);
	return rc;
}

/* One large blob on its way into the file; the lock is held throughout. */
struct stream {
	z_stream z;
	struct sk_hash hash;
	uint32_t crc;
	uint64_t done;
	unsigned char out[65536];
};

static int stream_write(struct sk_packer *p, struct stream *s, const void *data, size_t len)
{
	s->crc = (uint32_t)crc32_z(s->crc, data, len);
	if (sk_write_full(p->fd, data, len) < 0)
		return torn(p);
	p->flushed += len;
	return 0;
}

static int stream_deflate(struct sk_packer *p, struct stream *s, void *data, size_t len, int mode)
{
	int rc = 0, z = Z_OK;

	s->z.next_in = data;
	s->z.avail_in = (uInt)len;
	while (!rc && (s->z.avail_in || (mode == Z_FINISH && z != Z_STREAM_END))) {
		s->z.next_out = s->out;
		s->z.avail_out = sizeof s->out;
		z = deflate(&s->z, mode);
		if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
			return sk_error(SK_EIO, "cannot compress a file");
		rc = stream_write(p, s, s->out, sizeof s->out - s->z.avail_out);
	}
	return rc;
}

static int stream_blob(struct sk_packer *p, struct stream *s, int fd, uint64_t size)
{
	unsigned char head[16] = { 0 };
	char chunk[65536];
	int rc = stream_write(p, s, head, entry_header(SK_OBJ_BLOB, size, head));

	while (!rc) {
		ssize_t n = pread(fd, chunk, sizeof chunk, (off_t)s->done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sk_error_errno(SK_EIO, "cannot read a file");
		if (n == 0)
			break;
		sk_hash_update(&s->hash, chunk, (size_t)n);
		s->done += (uint64_t)n;
		rc = stream_deflate(p, s, chunk, (size_t)n, Z_NO_FLUSH);
	}
	return rc ? rc : stream_deflate(p, s, NULL, 0, Z_FINISH);
}

static int append_stream(struct sk_packer *p, struct stream *s, int fd, uint64_t size,
                         const struct sk_oid *want)
{
	struct sk_oid got;
	uint64_t before = 0;
	int rc;

	(void)pthread_mutex_lock(&p->lock);
	if (sk_pack_has(p, want)) { /* the same content elsewhere, read by another thread */
		(void)pthread_mutex_unlock(&p->lock);
		return 0;
	}
	rc = usable(p);
	if (!rc)
		rc = grow(p);
	if (!rc)
		rc = start(p);
	if (!rc)
		rc = flush(p);
	before = p->flushed;
	if (!rc)
		rc = stream_blob(p, s, fd, size);
	sk_hash_final(&s->hash, &got);
	if (!rc && (s->done != size || !sk_oid_eq(&got, want)))
		rc = sk_error(SK_ENO, "the file changed while it was read");
	if (!rc)
		record(p, want, before, s->crc);
	if (rc && p->fd >= 0 && p->flushed > before) {
		if (ftruncate(p->fd, (off_t)before) < 0 ||
		    lseek(p->fd, (off_t)before, SEEK_SET) < 0)
			rc = torn(p);
		p->flushed = before;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

int sk_pack_stream(struct sk_packer *p, int fd, uint64_t size, const struct sk_oid *want)
{
	struct stream *s = calloc(1, sizeof *s);
	int rc;

	if (!s || deflateInit(&s->z, Z_BEST_SPEED) != Z_OK) {
		free(s);
		return sk_error_oom();
	}
	sk_hash_init_object(&s->hash, SK_OBJ_BLOB, size);
	rc = append_stream(p, s, fd, size, want);
	(void)deflateEnd(&s->z);
	free(s);
	return rc;
}

/* Puts the number of objects into the header, then hashes all of it: the trailer. */
int sk_pack_finish(struct sk_packer *p, struct sk_oid *sum)
{
	uint32_t count = htonl((uint32_t)p->n);
	struct sk_hash h;
	char chunk[65536];
	ssize_t n = 0;
	int rc;

	if (p->n > UINT32_MAX)
		return sk_error(SK_EIO, "too many objects for one pack");
	rc = usable(p);
	if (rc)
		return rc;
	sk_hash_init(&h);
	if (!p->flushed) {
		memcpy(p->mem.ptr + 8, &count, 4);
		sk_hash_update(&h, p->mem.ptr, p->mem.len);
		rc = flush(p);
	} else {
		rc = flush(p);
		if (!rc && (pwrite(p->fd, &count, 4, 8) != 4 || lseek(p->fd, 0, SEEK_SET) < 0))
			rc = sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
		while (!rc && (n = sk_read_full(p->fd, chunk, sizeof chunk)) > 0)
			sk_hash_update(&h, chunk, (size_t)n);
		if (!rc && n < 0)
			rc = sk_error_errno(SK_EIO, "cannot read '%s'", p->tmp);
	}
	if (rc)
		return rc;
	sk_hash_final(&h, sum);
	if (sk_write_full(p->fd, sum->id, SK_OID_RAW) < 0 || fsync(p->fd) < 0)
		return sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
	return 0;
}
