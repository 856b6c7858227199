/* pack_parts.h - a packer, as its two halves see it: what goes in and when it shows (pack.c), and
 * the bytes (pack_write.c). */
#ifndef SK_STORE_PACK_PARTS_H
#define SK_STORE_PACK_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "store/distrust.h"
#include "store/pack.h"
#include "store/pack_index.h"

struct sk_packer {
	const struct sk_repo *repo;
	git_odb *odb;
	_Atomic(struct sk_packs *) packs; /* opened when it is first asked */
	pthread_mutex_t lock;
	struct sk_buf mem;      /* the bytes after `flushed` */
	uint64_t flushed;       /* bytes already in the file */
	uint64_t compressed_in; /* bytes given so far, for the level */
	int fd;
	char *dir;  /* where it goes: OBJECTS/pack, or another (sk_packer_aside) */
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
	bool wary;                   /* it may be, and only what is reached is relied on */
	bool torn;                   /* a write of the file failed */
	bool committed;
};

/* Whether it was added; the caller holds `lock`. */
bool sk_pack_has(const struct sk_packer *p, const struct sk_oid *oid);
/* Adds one object, unless it was added; `oid` is its id.  Thread-safe.  SK_EIO after a write that
 * failed, from then on: there is no telling what the file has. */
int sk_pack_append(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                   const struct sk_oid *oid);
/* The same of a blob read from `fd`; SK_ENO when it is not `want` any more, and then nothing is
 * added.  One at a time. */
int sk_pack_stream(struct sk_packer *p, int fd, uint64_t size, const struct sk_oid *want);
/* Puts header and trailer in place and syncs the file; `sum` is the trailer. */
int sk_pack_finish(struct sk_packer *p, struct sk_oid *sum);

#endif
