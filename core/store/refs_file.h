/* refs_file.h - single refs in their files; between refs.c and refs_write.c. */
#ifndef SK_STORE_REFS_FILE_H
#define SK_STORE_REFS_FILE_H

#include "store/refs.h"

/* COMMONDIR/NAME and `end`; the caller frees. */
int sk_ref_path(const struct sk_repo *repo, const char *name, const char *end, char **out);
/* 0, or SK_ENO when there is no such file; `bad` says why it cannot be understood. */
int sk_ref_read_loose(int dirfd, const char *path, struct sk_oid *oid, const char **bad);
/* SK_ENO: not in packed-refs. */
int sk_ref_find_packed(const struct sk_repo *repo, const char *name, struct sk_oid *out);

#endif
