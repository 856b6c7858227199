/* folders.h - the archive's folders while they are changed: a git tree, loaded as far as it is
 * looked at, changed in memory, written as far as it changed.
 *
 * Paths are "a/b/c", below the root.  Nothing is written before chat_root_write. */
#ifndef CHAT_FOLDERS_H
#define CHAT_FOLDERS_H

#include <safekeep/plugin.h>

struct chat_node { /* an entry of a folder; a folder itself when mode is 040000 */
	char *name;
	uint32_t mode;
	struct skp_oid oid; /* of a folder with `dirty`: not known yet */
	int loaded, dirty;
	struct chat_node *child; /* sorted by name, when loaded */
	size_t n, cap;
};

struct chat_root {
	struct skp_host *host;
	struct chat_node top;
};

/* `tree` NULL: an empty one. */
void chat_root_init(struct chat_root *root, struct skp_host *host, const struct skp_oid *tree);
void chat_root_free(struct chat_root *root);

/* The node, loaded when it is a folder; SKP_ENO: there is none. */
int chat_root_find(struct chat_root *root, const char *path, struct chat_node **out);
/* Its blob's content, which host->release gives back; SKP_ENO as above. */
int chat_root_read(struct chat_root *root, const char *path, void **data, size_t *len);
/* Sets a file, with the folders above it. */
int chat_root_set(struct chat_root *root, const char *path, const struct skp_oid *blob);
/* Writes data as a blob of the batch and sets it. */
int chat_root_put(struct chat_root *root, struct skp_batch *batch, const char *path,
                  const void *data, size_t len);
/* Removes a file or a folder; folders that are empty then go too.  None there: nothing to do. */
int chat_root_remove(struct chat_root *root, const char *path);
/* Writes all folders that changed; `out` is the root's id. */
int chat_root_write(struct chat_root *root, struct skp_batch *batch, struct skp_oid *out);

#endif
