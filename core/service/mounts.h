/* mounts.h - on which kind of filesystem a folder lies, without touching it (a dead network disk
 * hangs whoever does), and whether anything was mounted there since.  Source: proc(5), mountinfo.
 */
#ifndef SK_SERVICE_MOUNTS_H
#define SK_SERVICE_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct sk_mounts {
	int fd;       /* of /proc/self/mountinfo: EPOLLPRI when the table changed; -1: none */
	uint64_t gen; /* grows with each change */
};

int sk_mounts_open(struct sk_mounts *m);
void sk_mounts_close(struct sk_mounts *m);
/* Looks whether the table changed since the last look. */
void sk_mounts_look(struct sk_mounts *m);

struct sk_mount_view {
	char type[64];  /* "ext4"; "?" when it cannot be found out */
	uint64_t print; /* of the mounts that cover the folder, and of those below it */
	bool local;     /* changes on it are all made by this machine, so that inotify sees them */
};
/* `path` is absolute, with links resolved. */
void sk_mounts_view(const struct sk_mounts *m, const char *path, struct sk_mount_view *out);

#endif
