/* safepath.h - walking below the working tree's root without ever following a link.
 *
 * With openat2 (Linux 5.6) the kernel refuses links, magic links and leaving the root; without it
 * each component is opened by itself with O_NOFOLLOW.  Descriptors are O_PATH ones: good for the
 * *at calls, also in folders that may not be listed. */
#ifndef SK_RESTORE_SAFEPATH_H
#define SK_RESTORE_SAFEPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* The folder `dir` ("" is the root itself; no "..", no leading slash) below `rootfd`; -1 with
 * errno: ELOOP or ENOTDIR when a link or a file stands on the way. */
int sk_safe_dir(int rootfd, const char *dir);
/* The same without openat2; for tests and old kernels. */
int sk_safe_dir_stepwise(int rootfd, const char *dir);

/* The folder opened last is kept: neighbours come one after the other. */
struct sk_safe {
	int rootfd; /* borrowed */
	int fd;     /* of `dir`; -1: none */
	struct sk_buf dir;
};

#define SK_SAFE_INIT(rootfd)                                                                       \
	{                                                                                          \
		(rootfd), -1, SK_BUF_INIT                                                          \
	}

/* The folder that holds `path`, owned by `safe` until the next call; *name is the last component.
 * -1 with errno. */
int sk_safe_parent(struct sk_safe *safe, const char *path, const char **name);
/* The folder that is the first `len` bytes of `path`. */
int sk_safe_folder(struct sk_safe *safe, const char *path, size_t len);
/* Forgets the folder; needed when folders were removed or moved. */
void sk_safe_drop(struct sk_safe *safe);
void sk_safe_free(struct sk_safe *safe);

/* Sets the permission bits of `name`, which must be of the kind `type` (S_IFREG or S_IFDIR); never
 * of what a link points to.  -1 with errno; ESTALE: it is something else. */
int sk_safe_chmod(int dirfd, const char *name, mode_t type, mode_t perm);

#endif
