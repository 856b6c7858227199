#include "folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER 040000u
#define NAME_LONGEST 255

void chat_root_init(struct chat_root *root, struct skp_host *host, const struct skp_oid *tree)
{
	memset(root, 0, sizeof *root);
	root->host = host;
	root->top.mode = FOLDER;
	root->top.loaded = root->top.dirty = !tree;
	if (tree)
		root->top.oid = *tree;
}

static void drop_children(struct chat_node *node)
{
	for (size_t i = 0; i < node->n; i++) {
		drop_children(&node->child[i]);
		free(node->child[i].name);
	}
	free(node->child);
	node->child = NULL;
	node->n = node->cap = 0;
}

void chat_root_free(struct chat_root *root)
{
	drop_children(&root->top);
}

static int oom(struct chat_root *root)
{
	return root->host->error(root->host, SKP_EIO, "out of memory");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct chat_node *)a)->name, ((const struct chat_node *)b)->name);
}

static int load(struct chat_root *root, struct chat_node *node)
{
	struct skp_tree_entry *entry = NULL;
	size_t n = 0;
	int rc;

	if (node->mode != FOLDER || node->loaded)
		return 0;
	if ((rc = root->host->tree(root->host, &node->oid, &entry, &n)))
		return rc;
	node->child = calloc(n + 1, sizeof *node->child);
	if (!node->child)
		return oom(root);
	node->cap = n + 1;
	for (; node->n < n; node->n++) {
		struct chat_node *c = &node->child[node->n];

		c->name = strdup(entry[node->n].name);
		if (!c->name) {
			drop_children(node);
			return oom(root);
		}
		c->mode = entry[node->n].mode;
		c->oid = entry[node->n].oid;
	}
	root->host->release(root->host, entry);
	qsort(node->child, node->n, sizeof *node->child, by_name);
	node->loaded = 1;
	return 0;
}

/* Where `name` is or would be; whether it is there. */
static int place(const struct chat_node *node, const char *name, size_t *at)
{
	size_t low = 0, high = node->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = strcmp(node->child[mid].name, name);

		if (cmp == 0) {
			*at = mid;
			return 1;
		}
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return 0;
}

/* The next component of *path into `name`; 0 at the end. */
static int component(const char **path, char name[NAME_LONGEST + 1])
{
	size_t len = strcspn(*path, "/");

	if (!len || len > NAME_LONGEST)
		return 0;
	memcpy(name, *path, len);
	name[len] = '\0';
	*path += len + ((*path)[len] == '/');
	return 1;
}

int chat_root_find(struct chat_root *root, const char *path, struct chat_node **out)
{
	struct chat_node *node = &root->top;
	char name[NAME_LONGEST + 1];
	size_t at;
	int rc = load(root, node);

	while (!rc && component(&path, name)) {
		if (node->mode != FOLDER || !place(node, name, &at))
			return root->host->error(root->host, SKP_ENO, "there is no %s", name);
		node = &node->child[at];
		rc = load(root, node);
	}
	if (!rc)
		*out = node;
	return rc;
}

int chat_root_read(struct chat_root *root, const char *path, void **data, size_t *len)
{
	struct chat_node *node = NULL;
	uint32_t type;
	int rc = chat_root_find(root, path, &node);

	return rc ? rc : root->host->read(root->host, &node->oid, &type, data, len);
}

static int insert(struct chat_root *root, struct chat_node *node, size_t at, const char *name)
{
	if (node->n == node->cap) {
		size_t cap = node->cap ? 2 * node->cap : 8;
		struct chat_node *grown = realloc(node->child, cap * sizeof *grown);

		if (!grown)
			return oom(root);
		node->child = grown;
		node->cap = cap;
	}
	memmove(&node->child[at + 1], &node->child[at], (node->n - at) * sizeof *node->child);
	memset(&node->child[at], 0, sizeof *node->child);
	node->child[at].name = strdup(name);
	if (!node->child[at].name) {
		memmove(&node->child[at], &node->child[at + 1],
		        (node->n - at) * sizeof *node->child);
		return oom(root);
	}
	node->n++;
	return 0;
}

int chat_root_set(struct chat_root *root, const char *path, const struct skp_oid *blob)
{
	struct chat_node *node = &root->top;
	char name[NAME_LONGEST + 1];
	size_t at;
	int rc = load(root, node);

	while (!rc && component(&path, name)) {
		node->dirty = 1;
		if (!place(node, name, &at)) {
			if ((rc = insert(root, node, at, name)))
				return rc;
			node->child[at].mode = *path ? FOLDER : 0100644;
			node->child[at].loaded = 1;
		}
		node = &node->child[at];
		if ((node->mode == FOLDER) != (*path != '\0'))
			return root->host->error(root->host, SKP_EDAMAGED,
			                         "the archive has a file where a folder belongs");
		rc = load(root, node);
	}
	if (!rc)
		node->oid = *blob;
	return rc;
}

int chat_root_put(struct chat_root *root, struct skp_batch *batch, const char *path,
                  const void *data, size_t len)
{
	struct skp_oid oid;
	int rc = root->host->blob(batch, data, len, &oid);

	return rc ? rc : chat_root_set(root, path, &oid);
}

static void mark(struct chat_root *root, const char *path)
{
	struct chat_node *node = &root->top;
	char name[NAME_LONGEST + 1];
	size_t at;

	node->dirty = 1;
	while (component(&path, name) && place(node, name, &at)) {
		node = &node->child[at];
		node->dirty = node->mode == FOLDER;
	}
}

int chat_root_remove(struct chat_root *root, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *above = strndup(path, slash ? (size_t)(slash - path) : 0);
	struct chat_node *node = NULL;
	size_t at;
	int rc = above ? chat_root_find(root, above, &node) : oom(root);

	if (!rc && node->mode == FOLDER && place(node, slash ? slash + 1 : path, &at)) {
		drop_children(&node->child[at]);
		free(node->child[at].name);
		node->n--;
		memmove(&node->child[at], &node->child[at + 1],
		        (node->n - at) * sizeof *node->child);
		mark(root, above);
	}
	free(above);
	return rc == SKP_ENO ? 0 : rc;
}

/* Leaves out what has become empty. */
static int write_folder(struct chat_root *root, struct skp_batch *batch, struct chat_node *node)
{
	struct skp_tree_entry *entry = calloc(node->n + 1, sizeof *entry);
	size_t k = 0;
	int rc = entry ? 0 : oom(root);

	for (size_t i = 0; !rc && i < node->n; i++) {
		struct chat_node *c = &node->child[i];

		if (c->mode == FOLDER && c->dirty)
			rc = write_folder(root, batch, c);
		if (c->mode == FOLDER && c->loaded && !c->n)
			continue;
		entry[k++] = (struct skp_tree_entry){ c->name, c->mode, c->oid };
	}
	if (!rc && (k || node == &root->top))
		rc = root->host->put_tree(batch, entry, k, &node->oid);
	if (!rc)
		node->dirty = 0;
	free(entry);
	if (!rc && !k) /* so that the folder above leaves it out */
		drop_children(node);
	return rc;
}

int chat_root_write(struct chat_root *root, struct skp_batch *batch, struct skp_oid *out)
{
	int rc = root->top.dirty ? write_folder(root, batch, &root->top) : 0;

	if (!rc)
		*out = root->top.oid;
	return rc;
}
