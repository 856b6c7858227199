#include "store/pack.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "store/distrust.h"
#include "store/pack_index.h"
#include "store/packs.h"
#include "store/tidy.h"

/* Up to here a pack is held in memory: the usual backup is written by one write(2). */
#define MEMORY_MAX (8u << 20)
/* Until this many bytes were compressed the default level is used, then the fastest one. */
#define GOOD_LEVEL_MAX (8u << 20)
#define HEADER_LEN 12

struct sk_packer {
	const struct sk_repo *repo;
	git_odb *odb;
	_Atomic(struct sk_packs *) packs; /* opened when it is first asked */
	pthread_mutex_t lock;
	struct sk_buf mem;      /* the bytes after `flushed` */
	uint64_t flushed;       /* bytes already in the file */
	uint64_t compressed_in; /* bytes given so far, for the level */
	int fd;
	char *dir;  /* OBJECTS/pack */
	char *tmp;  /* path of the temporary file, while there is one */
	char *keep; /* path of the .keep file, while it protects the pack */
	struct sk_pack_rec *rec;
	size_t n, cap;
	atomic_bool any; /* n > 0 */
	uint32_t *slot;  /* open addressing over rec: index + 1 */
	size_t n_slots;
	struct sk_oid *relied;
	size_t n_relied, cap_relied;
	struct sk_distrust distrust; /* what the repository has, but not whole */
	bool alone;                  /* git may be dropping what nothing reaches */
	bool committed;
};

int sk_packer_new(const struct sk_repo *repo, struct sk_packer **out)
{
	struct sk_packer *p = calloc(1, sizeof *p);
	int rc = 0;

	if (!p)
		return sk_error_oom();
	p->repo = repo;
	p->fd = -1;
	(void)pthread_mutex_init(&p->lock, NULL);
	if (asprintf(&p->dir, "%s/objects/pack", repo->commondir) < 0) {
		p->dir = NULL;
		rc = sk_error_oom();
		goto fail;
	}
	if (git_repository_odb(&p->odb, repo->git) < 0) {
		rc = sk_error_git(SK_EDAMAGED, "cannot open the object database");
		goto fail;
	}
	rc = sk_distrust_load(repo, &p->distrust);
	if (rc)
		goto fail;
	p->alone = sk_gc_runs(repo);
	*out = p;
	return 0;
fail:
	sk_packer_free(p);
	return rc;
}

void sk_packer_alone(struct sk_packer *p)
{
	p->alone = true;
}

bool sk_packer_mends(const struct sk_packer *p)
{
	return p->distrust.n > 0;
}

static size_t slot_of(const struct sk_packer *p, const struct sk_oid *oid)
{
	size_t h;

	memcpy(&h, oid->id, sizeof h);
	h &= p->n_slots - 1;
	while (p->slot[h] && !sk_oid_eq(&p->rec[p->slot[h] - 1].oid, oid))
		h = (h + 1) & (p->n_slots - 1);
	return h;
}

static bool in_pack(const struct sk_packer *p, const struct sk_oid *oid)
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

static int flush(struct sk_packer *p)
{
	int rc = open_tmp(p);

	if (rc || !p->mem.len)
		return rc;
	if (sk_write_full(p->fd, p->mem.ptr, p->mem.len) < 0)
		return sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
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
	int rc = 0;

	(void)pthread_mutex_lock(&p->lock);
	if (in_pack(p, oid))
		goto out;
	rc = grow(p);
	if (!rc)
		rc = start(p);
	if (rc)
		goto out;
	record(p, oid, p->flushed + p->mem.len,
	       (uint32_t)crc32_z(0, (const Bytef *)entry->ptr, entry->len));
	rc = sk_buf_add(&p->mem, entry->ptr, entry->len);
	if (!rc && p->mem.len > MEMORY_MAX)
		rc = flush(p);
out:
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

static bool locked_in_pack(struct sk_packer *p, const struct sk_oid *oid)
{
	bool yes;

	if (!atomic_load(&p->any)) /* nothing was added yet: the usual case, and often asked */
		return false;
	(void)pthread_mutex_lock(&p->lock);
	yes = in_pack(p, oid);
	(void)pthread_mutex_unlock(&p->lock);
	return yes;
}

static int open_packs(struct sk_packer *p, struct sk_packs **out)
{
	struct sk_packs *packs = atomic_load(&p->packs);
	int rc = 0;

	if (!packs) {
		(void)pthread_mutex_lock(&p->lock);
		packs = atomic_load(&p->packs);
		if (!packs) {
			rc = sk_packs_open(p->dir, &packs);
			atomic_store(&p->packs, packs);
		}
		(void)pthread_mutex_unlock(&p->lock);
	}
	*out = packs;
	return rc;
}

static int rely(struct sk_packer *p, const struct sk_oid *oid)
{
	int rc = 0;

	(void)pthread_mutex_lock(&p->lock);
	if (p->n_relied == p->cap_relied) {
		size_t cap = p->cap_relied ? p->cap_relied * 2 : 256;
		struct sk_oid *relied = realloc(p->relied, cap * sizeof *relied);

		if (!relied) {
			rc = sk_error_oom();
			goto out;
		}
		p->relied = relied;
		p->cap_relied = cap;
	}
	p->relied[p->n_relied++] = *oid;
out:
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

static bool odb_has(const struct sk_packer *p, const struct sk_oid *oid)
{
	return git_odb_exists_ext(p->odb, (const git_oid *)oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
}

int sk_packer_rely(struct sk_packer *p, const struct sk_oid *oid, bool *have)
{
	struct sk_packs *packs = NULL;
	bool found = locked_in_pack(p, oid);
	int rc = open_packs(p, &packs);

	if (rc)
		return rc;
	if (!found && (p->alone || sk_distrust_has(&p->distrust, oid))) {
		*have = false;
		return 0;
	}
	found = found || sk_packs_have(packs, oid);
	if (!found && odb_has(p, oid)) {
		found = true;
		rc = rely(p, oid);
	}
	if (!rc)
		*have = found;
	return rc;
}

static int put(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
               const struct sk_oid *oid)
{
	struct sk_buf entry = SK_BUF_INIT;
	int rc = compress_entry(p, type, data, len, &entry);

	if (!rc)
		rc = append(p, oid, &entry);
	sk_buf_free(&entry);
	return rc;
}

int sk_packer_put(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                  struct sk_oid *out)
{
	struct sk_oid oid;
	int rc = 0;

	sk_hash_object(type, data, len, &oid);
	if (!locked_in_pack(p, &oid))
		rc = put(p, type, data, len, &oid);
	if (!rc)
		*out = oid;
	return rc;
}

int sk_packer_add(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                  struct sk_oid *out)
{
	struct sk_oid oid;
	bool have = false;
	int rc;

	sk_hash_object(type, data, len, &oid);
	rc = sk_packer_rely(p, &oid, &have);
	if (!rc && !have)
		rc = put(p, type, data, len, &oid);
	if (!rc)
		*out = oid;
	return rc;
}

int sk_hash_fd(int fd, uint64_t size, struct sk_oid *out)
{
	char chunk[65536];
	struct sk_hash h;
	uint64_t done = 0;
	ssize_t n;

	sk_hash_init_object(&h, SK_OBJ_BLOB, size);
	for (;; done += (uint64_t)n) {
		n = pread(fd, chunk, sizeof chunk, (off_t)done);
		if (n < 0 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n < 0)
			return sk_error_errno(SK_EIO, "cannot read a file");
		if (n == 0)
			break;
		sk_hash_update(&h, chunk, (size_t)n);
	}
	if (done != size)
		return sk_error(SK_ENO, "the file changed while it was read");
	sk_hash_final(&h, out);
	return 0;
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
		return sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
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
			rc = sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
		p->flushed = before;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

int sk_packer_add_fd(struct sk_packer *p, int fd, uint64_t size, struct sk_oid *out)
{
	struct stream *s = NULL;
	struct sk_oid oid;
	bool have = false;
	int rc = sk_hash_fd(fd, size, &oid);

	if (!rc)
		rc = sk_packer_rely(p, &oid, &have);
	if (rc || have)
		goto out;
	s = calloc(1, sizeof *s);
	if (!s || deflateInit(&s->z, Z_BEST_SPEED) != Z_OK) {
		rc = sk_error_oom();
		goto out;
	}
	sk_hash_init_object(&s->hash, SK_OBJ_BLOB, size);
	rc = append_stream(p, s, fd, size, &oid);
	(void)deflateEnd(&s->z);
out:
	free(s);
	if (!rc)
		*out = oid;
	return rc;
}

size_t sk_packer_count(const struct sk_packer *p)
{
	return p->n;
}

/* Puts the number of objects into the header, then hashes all of it: the trailer. */
static int finish_pack(struct sk_packer *p, struct sk_oid *sum)
{
	uint32_t count = htonl((uint32_t)p->n);
	struct sk_hash h;
	char chunk[65536];
	ssize_t n;
	int rc;

	if (p->n > UINT32_MAX)
		return sk_error(SK_EIO, "too many objects for one pack");
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
	}
	if (rc)
		return rc;
	sk_hash_final(&h, sum);
	if (sk_write_full(p->fd, sum->id, SK_OID_RAW) < 0 || fsync(p->fd) < 0)
		return sk_error_errno(SK_EIO, "cannot write '%s'", p->tmp);
	return 0;
}

static int write_keep(const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_buf_addf(&text, "git-sk %ld %llu\n", (long)getpid(), sk_proc_start(getpid()));

	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0444, false);
	sk_buf_free(&text);
	return rc;
}

int sk_packer_commit(struct sk_packer *p)
{
	struct sk_buf idx = SK_BUF_INIT;
	char *pack = NULL, *index = NULL, *keep = NULL;
	struct sk_oid sum;
	int rc;

	if (p->n == 0 || p->committed)
		return 0;
	rc = finish_pack(p, &sum);
	if (!rc)
		rc = sk_pack_index(p->rec, p->n, &sum, &idx);
	if (rc)
		goto out;
	if (asprintf(&pack, "%s/pack-%s.pack", p->dir, sk_oid_str(&sum)) < 0 ||
	    asprintf(&index, "%s/pack-%s.idx", p->dir, sk_oid_str(&sum)) < 0 ||
	    asprintf(&keep, "%s/pack-%s.keep", p->dir, sk_oid_str(&sum)) < 0) {
		rc = sk_error_oom();
		goto out;
	}
	rc = write_keep(keep);
	if (rc)
		goto out;
	p->keep = keep;
	keep = NULL;
	if (rename(p->tmp, pack) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot create '%s'", pack);
		goto out;
	}
	free(p->tmp);
	p->tmp = NULL;
	rc = sk_write_file(AT_FDCWD, index, idx.ptr, idx.len, 0444, true);
	if (rc)
		(void)unlink(pack);
	else
		p->committed = true;
out:
	sk_buf_free(&idx);
	free(pack);
	free(index);
	free(keep);
	return rc;
}

int sk_packer_recheck(struct sk_packer *p)
{
	if (p->packs && !sk_packs_last(p->packs))
		return sk_error(SK_ENO, "a pack went away meanwhile");
	if (p->n_relied && git_odb_refresh(p->odb) < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read the object database");
	for (size_t i = 0; i < p->n_relied; i++)
		if (!odb_has(p, &p->relied[i]))
			return sk_error(SK_ENO, "object %s went away meanwhile",
			                sk_oid_str(&p->relied[i]));
	return 0;
}

void sk_packer_free(struct sk_packer *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		(void)close(p->fd);
	if (p->tmp)
		(void)unlink(p->tmp);
	if (p->keep)
		(void)unlink(p->keep);
	git_odb_free(p->odb);
	free(p->distrust.oid);
	sk_packs_free(p->packs);
	sk_buf_free(&p->mem);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->dir);
	free(p->tmp);
	free(p->keep);
	free(p->rec);
	free(p->slot);
	free(p->relied);
	free(p);
}

static bool keep_is_stale(int dirfd, const char *name)
{
	struct sk_buf text = SK_BUF_INIT;
	unsigned long long start_time = 0;
	long pid = 0;
	bool stale;

	stale = sk_read_file(dirfd, name, 256, &text) == 0 &&
	        sscanf(sk_buf_str(&text), "git-sk %ld %llu", &pid, &start_time) == 2 &&
	        sk_proc_start((pid_t)pid) != start_time;
	sk_buf_free(&text);
	return stale;
}

int sk_packer_sweep(const struct sk_repo *repo)
{
	char *path = NULL;
	struct dirent *de;
	DIR *dir;

	if (asprintf(&path, "%s/objects/pack", repo->commondir) < 0)
		return sk_error_oom();
	dir = opendir(path);
	free(path);
	if (!dir)
		return 0; /* no such folder yet: nothing to sweep */
	while ((de = readdir(dir))) {
		size_t len = strlen(de->d_name);
		long pid = 0;

		if ((sscanf(de->d_name, ".sk-tmp-%ld-", &pid) == 1 &&
		     sk_proc_start((pid_t)pid) == 0) ||
		    (len > 5 && strcmp(de->d_name + len - 5, ".keep") == 0 &&
		     keep_is_stale(dirfd(dir), de->d_name)))
			(void)unlinkat(dirfd(dir), de->d_name, 0);
	}
	(void)closedir(dir);
	return 0;
}
