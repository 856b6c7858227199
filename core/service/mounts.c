#include "service/mounts.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"

#define TABLE_MAX (16u << 20)

int sk_mounts_open(struct sk_mounts *m)
{
	m->gen = 1;
	m->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return m->fd < 0 ? sk_error_errno(SK_EIO, "cannot read /proc/self/mountinfo") : 0;
}

void sk_mounts_close(struct sk_mounts *m)
{
	if (m->fd >= 0)
		(void)close(m->fd);
	m->fd = -1;
}

void sk_mounts_look(struct sk_mounts *m)
{
	struct pollfd p = { m->fd, POLLPRI, 0 };

	if (m->fd >= 0 && poll(&p, 1, 0) > 0 && p.revents & (POLLPRI | POLLERR))
		m->gen++;
}

/* Only what the machine's own kernel stores: what others change over a network is not told. */
static bool is_local(const char *type)
{
	static const char *const types[] = { "bcachefs", "btrfs",   "ecryptfs", "erofs",
		                             "exfat",    "ext2",    "ext3",     "ext4",
		                             "f2fs",     "hfsplus", "jfs",      "nilfs2",
		                             "ntfs3",    "overlay", "ramfs",    "reiserfs",
		                             "squashfs", "tmpfs",   "ubifs",    "vfat",
		                             "xfs",      "zfs" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool at_or_below(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static uint64_t mix(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	return h * 31 + 7;
}

/* "36 35 98:0 /root /mount/point options... - type source options" */
static void one_line(char *line, const char *path, size_t *best, struct sk_mount_view *out)
{
	char *field[6], *type, *save = NULL, *rest = strstr(line, " - ");
	bool above, below;

	if (!rest)
		return;
	*rest = '\0';
	type = rest + 3;
	type[strcspn(type, " ")] = '\0';
	for (int i = 0; i < 6; i++)
		if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
			return;
	unescape(field[4]);
	above = at_or_below(path, field[4]);
	below = !above && at_or_below(field[4], path);
	if (!above && !below)
		return;
	if (above && strlen(field[4]) >= *best) { /* the last of equal ones is on top */
		*best = strlen(field[4]);
		(void)snprintf(out->type, sizeof out->type, "%s", type);
	}
	for (int i = 0; i < 5; i++)
		out->print = mix(out->print, field[i]);
}

void sk_mounts_view(const struct sk_mounts *m, const char *path, struct sk_mount_view *out)
{
	struct sk_buf text = SK_BUF_INIT;
	char *line, *save = NULL;
	size_t best = 0;

	*out = (struct sk_mount_view){ "?", 0xcbf29ce484222325ull, false };
	if (m->fd >= 0 && sk_read_file(AT_FDCWD, "/proc/self/mountinfo", TABLE_MAX, &text) == 0)
		for (line = strtok_r(text.ptr, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			one_line(line, path, &best, out);
	out->local = is_local(out->type);
	sk_buf_free(&text);
}
