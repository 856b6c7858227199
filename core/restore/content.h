/* content.h - inside the restore room: the bytes of a blob to a file, and of a file to an id. */
#ifndef SK_RESTORE_CONTENT_H
#define SK_RESTORE_CONTENT_H

#include <sys/stat.h>

#include "repo/repo.h"

/* Writes the blob as it is (no filter, no conversion) to `fd`.  Up to 64 MiB through memory; a
 * larger one comes from `git cat-file` through a pipe, and its id is checked on the way.
 * SK_EDAMAGED: missing or damaged; SK_EIO with errno when it cannot be written. */
int sk_content_write(const struct sk_repo *repo, const struct sk_oid *oid, uint64_t size, int fd);
/* The target of a link: SK_EDAMAGED when it cannot be one. */
int sk_content_link(const struct sk_repo *repo, const struct sk_oid *oid, char **out);
/* The id that what is there now would have as a blob; -1 with errno. */
int sk_content_hash(int dirfd, const char *name, const struct stat *st, struct sk_oid *out);

#endif
