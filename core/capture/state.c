#include "capture/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zlib.h>

#include "base/io.h"

#define MAGIC "SKSTATE2"

struct header {
	char magic[8];
	uint32_t node_size, crc; /* crc of all that follows the header */
	uint64_t root_dev, root_ino;
	uint32_t n_nodes, n_roots;
	uint64_t names_len, files;
	struct sk_oid tag; /* of the entry it was made for */
	char ref[256];
};

struct root {
	uint32_t node, path_off;
};

struct sk_state {
	void *map;
	size_t len;
	const struct header *head;
	const struct root *root;
	const struct sk_state_node *node;
	const char *names; /* ends in a NUL */
	bool trusted;
};

static char *state_path(const struct sk_repo *repo, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", repo->sklocal, name) < 0 ? NULL : path;
}

static bool well_formed(struct sk_state *s, const struct sk_repo *repo)
{
	const struct header *h = s->map;
	const char *p = (const char *)s->map + sizeof *h;
	uint64_t want;
	struct stat st;

	if (s->len < sizeof *h || memcmp(h->magic, MAGIC, sizeof h->magic) != 0 ||
	    h->node_size != sizeof(struct sk_state_node) || h->names_len > s->len)
		return false;
	want = sizeof *h + (uint64_t)h->n_roots * sizeof(struct root) +
	       (uint64_t)h->n_nodes * sizeof(struct sk_state_node) + h->names_len;
	if (want != s->len || h->names_len == 0 || ((const char *)s->map)[s->len - 1] != '\0' ||
	    !memchr(h->ref, '\0', sizeof h->ref))
		return false;
	if (fstat(repo->wtfd, &st) < 0 || h->root_dev != st.st_dev || h->root_ino != st.st_ino)
		return false;
	if (crc32_z(0, (const Bytef *)p, s->len - sizeof *h) != h->crc)
		return false;
	s->head = h;
	s->root = (const void *)p;
	s->node = (const void *)(p + (size_t)h->n_roots * sizeof(struct root));
	s->names = (const char *)(s->node + h->n_nodes);
	return true;
}

static bool ref_is(const struct sk_repo *repo, const char *ref, const struct sk_oid *tag)
{
	git_oid oid;

	return git_reference_name_to_id(&oid, repo->git, ref) == 0 &&
	       memcmp(oid.id, tag->id, SK_OID_RAW) == 0 && sk_repo_has(repo, tag);
}

int sk_state_load(const struct sk_repo *repo, struct sk_state **out)
{
	struct sk_state *s = calloc(1, sizeof *s);
	char *path = state_path(repo, "state");
	struct stat st;
	int rc = SK_ENO, fd = -1;

	if (!s || !path) {
		rc = sk_error_oom();
		goto out;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		goto out;
	s->len = (size_t)st.st_size;
	s->map = mmap(NULL, s->len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		goto out;
	}
	if (!well_formed(s, repo))
		goto out;
	s->trusted = ref_is(repo, s->head->ref, &s->head->tag);
	*out = s;
	s = NULL;
	rc = 0;
out:
	if (fd >= 0)
		(void)close(fd);
	free(path);
	sk_state_free(s);
	return rc == SK_ENO ? sk_error(SK_ENO, "no usable state file") : rc;
}

void sk_state_free(struct sk_state *s)
{
	if (s && s->map)
		(void)munmap(s->map, s->len);
	free(s);
}

bool sk_state_trusted(const struct sk_state *s)
{
	return s->trusted;
}

const struct sk_state_node *sk_state_node(const struct sk_state *s, uint32_t i)
{
	return i < s->head->n_nodes ? &s->node[i] : NULL;
}

const char *sk_state_name(const struct sk_state *s, const struct sk_state_node *node)
{
	uint64_t end = (uint64_t)node->name_off + node->name_len;

	return end < s->head->names_len ? s->names + node->name_off : "";
}

uint32_t sk_state_root(const struct sk_state *s, const char *path)
{
	for (uint32_t i = 0; i < s->head->n_roots; i++)
		if (s->root[i].path_off < s->head->names_len &&
		    strcmp(s->names + s->root[i].path_off, path) == 0)
			return s->root[i].node;
	return SK_STATE_NONE;
}

size_t sk_state_files(const struct sk_state *s)
{
	return s->head->files;
}

struct writer {
	struct sk_buf nodes, names;
	size_t n;
};

static size_t count_nodes(const struct sk_node *node)
{
	size_t n = 1;

	for (uint32_t i = 0; i < node->n_children; i++)
		n += count_nodes(&node->child[i]);
	return n;
}

static uint32_t add_name(struct writer *w, const char *name, size_t len)
{
	uint32_t off = (uint32_t)w->names.len;

	(void)sk_buf_add(&w->names, name, len);
	(void)sk_buf_addc(&w->names, '\0');
	return off;
}

/* Room for a folder's children is taken at once, so that they stand side by side. */
static void put_node(struct writer *w, size_t at, const struct sk_node *node)
{
	struct sk_state_node *d = (struct sk_state_node *)(void *)w->nodes.ptr + at;
	size_t first = w->n;

	memset(d, 0, sizeof *d);
	d->name_off = add_name(w, node->name, node->name_len);
	d->name_len = (uint16_t)node->name_len;
	d->flags = node->flags;
	d->mode = node->mode;
	d->perm = node->perm;
	d->oid = node->oid;
	d->st = node->st;
	d->n_children = node->n_children;
	d->first_child = (uint32_t)first;
	w->n += node->n_children;
	for (uint32_t i = 0; i < node->n_children; i++)
		put_node(w, first + i, &node->child[i]);
}

static int fill(struct writer *w, const struct sk_snapshot *snap, struct sk_buf *roots)
{
	size_t total = count_nodes(snap->root);
	struct root root = { 0, 0 };
	int rc;

	for (size_t i = 0; i < snap->n_nested; i++)
		total += count_nodes(snap->nested[i].root);
	if (total >= SK_STATE_NONE)
		return sk_error(SK_ENO, "too many files for a state file");
	rc = sk_buf_reserve(&w->nodes, total * sizeof(struct sk_state_node));
	if (rc)
		return rc;
	w->nodes.len = total * sizeof(struct sk_state_node);
	(void)add_name(w, "", 0);
	(void)sk_buf_add(roots, &root, sizeof root);
	w->n = 1;
	put_node(w, 0, snap->root);
	for (size_t i = 0; i < snap->n_nested; i++) {
		const struct sk_nested *nested = &snap->nested[i];

		root.node = (uint32_t)w->n++;
		root.path_off = add_name(w, nested->path, strlen(nested->path));
		(void)sk_buf_add(roots, &root, sizeof root);
		put_node(w, root.node, nested->root);
	}
	if (sk_buf_ok(&w->nodes) || sk_buf_ok(&w->names) || sk_buf_ok(roots))
		return SK_EIO;
	return w->names.len > UINT32_MAX ? sk_error(SK_ENO, "too many names") : 0;
}

int sk_state_save(const struct sk_repo *repo, const struct sk_snapshot *snap,
                  const struct sk_entry *entry)
{
	struct writer w = { SK_BUF_INIT, SK_BUF_INIT, 0 };
	struct sk_buf roots = SK_BUF_INIT, file = SK_BUF_INIT;
	struct header *h, head = { .node_size = sizeof(struct sk_state_node) };
	char *path = state_path(repo, "state");
	struct stat st;
	int rc;

	if (!path)
		return sk_error_oom();
	rc = fill(&w, snap, &roots);
	if (rc)
		goto out;
	if (fstat(repo->wtfd, &st) < 0 || strlen(entry->ref) >= sizeof head.ref) {
		rc = sk_error(SK_ENO, "no state file for '%s'", entry->ref);
		goto out;
	}
	memcpy(head.magic, MAGIC, sizeof head.magic);
	memcpy(head.ref, entry->ref, strlen(entry->ref));
	head.tag = entry->tag;
	head.root_dev = st.st_dev;
	head.root_ino = st.st_ino;
	head.n_nodes = (uint32_t)(w.nodes.len / sizeof(struct sk_state_node));
	head.n_roots = (uint32_t)(roots.len / sizeof(struct root));
	head.names_len = w.names.len;
	head.files = snap->files;
	(void)sk_buf_reserve(&file, sizeof head + roots.len + w.nodes.len + w.names.len);
	(void)sk_buf_add(&file, &head, sizeof head);
	(void)sk_buf_add(&file, roots.ptr, roots.len);
	(void)sk_buf_add(&file, w.nodes.ptr, w.nodes.len);
	(void)sk_buf_add(&file, w.names.ptr, w.names.len);
	rc = sk_buf_ok(&file);
	if (rc)
		goto out;
	h = (struct header *)(void *)file.ptr;
	h->crc =
	        (uint32_t)crc32_z(0, (const Bytef *)file.ptr + sizeof head, file.len - sizeof head);
	rc = sk_write_file(AT_FDCWD, path, file.ptr, file.len, 0600, false);
out:
	sk_buf_free(&w.nodes);
	sk_buf_free(&w.names);
	sk_buf_free(&roots);
	sk_buf_free(&file);
	free(path);
	return rc;
}

void sk_state_drop(const struct sk_repo *repo)
{
	char *path = state_path(repo, "state");

	if (path)
		(void)unlink(path);
	free(path);
}
