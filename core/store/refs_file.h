/* refs_file.h - single refs in their files, loose and packed; between the refs*.c files. */
#ifndef SK_STORE_REFS_FILE_H
#define SK_STORE_REFS_FILE_H

#include "store/refs.h"

/* COMMONDIR/NAME and `end`; the caller frees. */
int sk_ref_path(const struct sk_repo *repo, const char *name, const char *end, char **out);
/* 0, or SK_ENO when there is no such file; `bad` says why it cannot be understood. */
int sk_ref_read_loose(int dirfd, const char *path, struct sk_oid *oid, const char **bad);
/* SK_ENO: not in packed-refs. */
int sk_ref_find_packed(const struct sk_repo *repo, const char *name, struct sk_oid *out);
/* Adds one to the end of the list. */
int sk_refs_add(struct sk_refs *refs, const char *name, size_t len, struct sk_ref **out);

/* packed-refs, mapped.  git replaces the file by rename, so that what is mapped stays as it was.
 * With `sorted` in its head line (git since 2.15) names are found by halving. */
struct sk_packed {
	const char *map;
	size_t len, from; /* where the records begin */
	bool sorted, peeled;
};

struct sk_packed_line {
	struct sk_oid oid;
	const char *name; /* not terminated */
	size_t len;
	const char *peeled; /* 40 hex digits, or NULL */
	size_t at, next;    /* offsets of this record and of the one after it */
};

/* A missing file is an empty one. */
int sk_packed_open(const struct sk_repo *repo, struct sk_packed *out);
void sk_packed_close(struct sk_packed *p);
/* The first well-formed record at or after `at`. */
bool sk_packed_next(const struct sk_packed *p, size_t at, struct sk_packed_line *out);
/* Those whose name begins with `prefix`. */
int sk_packed_list(const struct sk_packed *p, const char *prefix, unsigned flags,
                   struct sk_refs *out);
/* Of those directly below `prefix` (which ends in "/") the `max` last whose name is below `before`,
 * last first, and as many more as share their first `same` bytes with the last one of these.
 * `all`: there are no others.  Only of a sorted file. */
int sk_packed_tail(const struct sk_packed *p, const char *prefix, const char *before, size_t max,
                   size_t same, struct sk_refs *out, bool *all);

#endif
