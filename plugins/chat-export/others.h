/* others.h - log files that belong to other repositories, so that they are not opened again: a file
 * in the plugin's folder that may be lost at any time. */
#ifndef CHAT_OTHERS_H
#define CHAT_OTHERS_H

#include <safekeep/plugin.h>

#include "rows.h"

struct chat_other {
	char *path;
	uint64_t inode, device;
};

struct chat_others {
	struct skp_host *host;
	char *file;
	struct chat_buf text; /* what the file held: strings of `item` */
	struct chat_other *item;
	size_t n, cap;
	struct chat_map by_path;
	int dirty;
	char about[33]; /* hash of the worktrees that it was found for */
};

/* Those found for other worktrees than these do not count. */
int chat_others_load(struct skp_host *host, const char *worktrees, struct chat_others *out);
int chat_others_has(const struct chat_others *o, const struct chat_source *source);
int chat_others_add(struct chat_others *o, const struct chat_source *source);
/* Failures to write it are none. */
void chat_others_save(struct chat_others *o);
void chat_others_free(struct chat_others *o);

#endif
