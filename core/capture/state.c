#include "capture/state.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/io.h"
#include "capture/scan.h"
#include "capture/state_file.h"

#define DELTA_MAX (64u << 20)
/* A delta of more nodes than this, and a sixteenth of the base's, is worn. */
#define DELTA_NODES 4096

char *sk_state_path(const struct sk_repo *repo, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", repo->sklocal, name) < 0 ? NULL : path;
}

static uint64_t sum_of(const void *data, size_t len)
{
	const size_t skip = offsetof(struct sk_state_header, base);

	return XXH3_64bits((const char *)data + skip, len - skip);
}

/* Finds the parts of a file of `len` bytes, unless anything about it is wrong. */
static bool well_formed(struct sk_state_part *p, const void *data, size_t len, const char *magic,
                        const struct stat *root, bool known)
{
	const struct sk_state_header *h = data;
	const char *at = (const char *)data + sizeof *h;
	uint64_t want;

	if (len < sizeof *h || memcmp(h->magic, magic, sizeof h->magic) != 0 ||
	    h->node_size != sizeof(struct sk_state_node) || h->names_len > len)
		return false;
	want = sizeof *h + (uint64_t)h->n_roots * sizeof(struct sk_state_place) +
	       (uint64_t)h->n_nodes * sizeof(struct sk_state_node) + h->names_len;
	if (want != len || h->names_len == 0 || ((const char *)data)[len - 1] != '\0' ||
	    !memchr(h->ref, '\0', sizeof h->ref))
		return false;
	if (h->root_dev != root->st_dev || h->root_ino != root->st_ino ||
	    (!known && sum_of(data, len) != h->sum))
		return false;
	p->head = h;
	p->root = (const void *)at;
	p->node = (const void *)(at + (size_t)h->n_roots * sizeof(struct sk_state_place));
	p->names = (const char *)(p->node + h->n_nodes);
	p->len = len;
	return true;
}

static bool ref_is(const struct sk_repo *repo, const char *ref, const struct sk_oid *tag)
{
	git_oid oid;

	return git_reference_name_to_id(&oid, repo->git, ref) == 0 &&
	       memcmp(oid.id, tag->id, SK_OID_RAW) == 0 && sk_repo_has(repo, tag);
}

static int load_base(const struct sk_repo *repo, const struct stat *root, bool known,
                     struct sk_state *s)
{
	char *path = sk_state_path(repo, "state");
	int rc = SK_ENO, fd = -1;
	struct stat st;
	void *map;

	if (!path)
		return sk_error_oom();
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		goto out;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ,
	           known ? MAP_PRIVATE : MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		goto out;
	s->base.map = map;
	s->base.len = (size_t)st.st_size;
	if (well_formed(&s->base, map, s->base.len, SK_STATE_MAGIC, root, known))
		rc = 0;
out:
	if (fd >= 0)
		(void)close(fd);
	free(path);
	return rc;
}

static bool delta_fits(const struct sk_state *s)
{
	const struct sk_state_header *b = s->base.head, *d = s->delta.head;

	return d->base == b->sum && d->n_nodes > 0 && d->n_roots == 0 &&
	       (uint64_t)b->n_nodes + d->n_nodes < SK_STATE_NONE &&
	       b->names_len + d->names_len < UINT32_MAX;
}

static int load_delta(const struct sk_repo *repo, const struct stat *root, struct sk_state *s)
{
	char *path = sk_state_path(repo, "state-delta");
	int rc;

	if (!path)
		return sk_error_oom();
	rc = sk_read_file(AT_FDCWD, path, DELTA_MAX, &s->delta.buf);
	free(path);
	if (rc == 0 &&
	    well_formed(&s->delta, s->delta.buf.ptr, s->delta.buf.len, SK_DELTA_MAGIC, root,
	                false) &&
	    delta_fits(s))
		return 0;
	sk_buf_free(&s->delta.buf);
	s->delta = (struct sk_state_part){ 0 };
	return 0;
}

int sk_state_load(const struct sk_repo *repo, bool known, struct sk_state **out)
{
	struct sk_state *s = calloc(1, sizeof *s);
	struct stat root;
	int rc = s ? 0 : sk_error_oom();

	if (!rc && fstat(repo->wtfd, &root) < 0)
		rc = SK_ENO;
	if (!rc)
		rc = load_base(repo, &root, known, s);
	if (!rc)
		rc = load_delta(repo, &root, s);
	if (!rc) {
		s->top = s->delta.head ? s->delta.head : s->base.head;
		s->trusted = ref_is(repo, s->top->ref, &s->top->tag);
		*out = s;
		return 0;
	}
	sk_state_free(s);
	return rc == SK_ENO ? sk_error(SK_ENO, "no usable state file") : rc;
}

void sk_state_free(struct sk_state *s)
{
	if (s && s->base.map)
		(void)munmap(s->base.map, s->base.len);
	if (s)
		sk_buf_free(&s->delta.buf);
	free(s);
}

bool sk_state_trusted(const struct sk_state *s)
{
	return s->trusted;
}

const char *sk_state_ref(const struct sk_state *s)
{
	return s->top->ref;
}

const struct sk_oid *sk_state_tag(const struct sk_state *s)
{
	return &s->top->tag;
}

const struct sk_scan_facts *sk_state_facts(const struct sk_state *s)
{
	return &s->top->facts;
}

static const char *name_of(const struct sk_state *s, const struct sk_state_node *node)
{
	uint64_t end = (uint64_t)node->name_off + node->name_len, n = s->base.head->names_len;

	if (end < n)
		return s->base.names + node->name_off;
	if (s->delta.head && node->name_off >= n && end - n < s->delta.head->names_len)
		return s->delta.names + (node->name_off - n);
	return NULL;
}

const struct sk_state_node *sk_state_node(const struct sk_state *s, uint32_t i)
{
	const struct sk_state_node *node = NULL;
	uint32_t n = s->base.head->n_nodes;

	if (i < n)
		node = &s->base.node[i];
	else if (s->delta.head && i - n < s->delta.head->n_nodes)
		node = &s->delta.node[i - n];
	return node && name_of(s, node) ? node : NULL;
}

const char *sk_state_name(const struct sk_state *s, const struct sk_state_node *node)
{
	const char *name = name_of(s, node);

	return name ? name : "";
}

const struct sk_state_node *sk_state_child(const struct sk_state *s,
                                           const struct sk_state_node *dir, const char *name,
                                           size_t len)
{
	uint32_t lo = 0, hi = dir->n_children;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct sk_state_node *o = sk_state_node(s, dir->first_child + mid);
		int d = o ? sk_name_compare(sk_state_name(s, o), o->name_len, name, len) : 1;

		if (d == 0)
			return o;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

uint32_t sk_state_root(const struct sk_state *s, const char *path)
{
	const struct sk_state_header *h = s->base.head;

	if (s->delta.head)
		return *path ? SK_STATE_NONE : h->n_nodes;
	for (uint32_t i = 0; i < h->n_roots; i++)
		if (s->base.root[i].path_off < h->names_len &&
		    strcmp(s->base.names + s->base.root[i].path_off, path) == 0)
			return s->base.root[i].node;
	return SK_STATE_NONE;
}

bool sk_state_nested(const struct sk_state *s)
{
	return s->base.head->n_roots > 1;
}

size_t sk_state_files(const struct sk_state *s)
{
	return s->top->files;
}

/* `left`: as many nodes as there are; in a tree no node is met twice. */
static size_t count(const struct sk_state *s, const struct sk_state_node *n, int depth,
                    uint64_t *left)
{
	size_t files = 0;

	if (n->mode != 040000)
		return n->mode != 0160000;
	for (uint32_t i = 0; i < n->n_children && depth < 4096 && *left; i++) {
		const struct sk_state_node *kid = sk_state_node(s, n->first_child + i);

		--*left;
		if (kid && kid != n && n->first_child + i > 0)
			files += count(s, kid, depth + 1, left);
	}
	return files;
}

size_t sk_state_count(const struct sk_state *s, const struct sk_state_node *node)
{
	uint64_t left =
	        (uint64_t)s->base.head->n_nodes + (s->delta.head ? s->delta.head->n_nodes : 0);

	return count(s, node, 0, &left);
}

bool sk_state_worn(const struct sk_state *s)
{
	return s->delta.head && s->delta.head->n_nodes > DELTA_NODES + s->base.head->n_nodes / 16;
}

/* Saving */

struct writer {
	const struct sk_state *old; /* of a partial snapshot; else NULL */
	struct sk_buf nodes, names;
	uint32_t first_node, first_name; /* where the numbers of this file begin */
	size_t n;
};

/* How many nodes the folder's children take, and their names. */
static void measure(const struct writer *w, const struct sk_node *dir, size_t *nodes, size_t *names)
{
	if (w->old && (dir->flags & SK_NODE_KEPT))
		return;
	*nodes += dir->n_children;
	for (uint32_t i = 0; i < dir->n_children; i++) {
		*names += dir->child[i].name_len + 1;
		if (dir->child[i].n_children)
			measure(w, &dir->child[i], nodes, names);
	}
}

static struct sk_state_node *put(struct writer *w, size_t at, const char *name, size_t len)
{
	struct sk_state_node *d = (struct sk_state_node *)(void *)w->nodes.ptr + at;

	memset(d, 0, sizeof *d);
	d->name_off = w->first_name + (uint32_t)w->names.len;
	d->name_len = (uint16_t)len;
	(void)sk_buf_add(&w->names, name, len + 1);
	return d;
}

/* Room for `n` nodes side by side; the number of the first in this file. */
static size_t take(struct writer *w, size_t n)
{
	size_t first = w->n;

	(void)sk_buf_reserve(&w->nodes, n * sizeof(struct sk_state_node));
	if (!w->nodes.oom) {
		w->nodes.len += n * sizeof(struct sk_state_node);
		w->n += n;
	}
	return first;
}

/* A folder as it was, with all below it that an older delta holds: that file is about to go. */
static void put_old(struct writer *w, size_t at, const struct sk_state_node *o, int depth)
{
	struct sk_state_node *d = put(w, at, sk_state_name(w->old, o), o->name_len);
	uint32_t name = d->name_off;
	size_t first;

	*d = *o;
	d->name_off = name;
	if (o->mode != 040000 || o->n_children == 0 || depth >= 4096 ||
	    o->first_child < w->old->base.head->n_nodes)
		return;
	first = take(w, o->n_children);
	if (w->nodes.oom)
		return;
	d = (struct sk_state_node *)(void *)w->nodes.ptr + at;
	d->first_child = w->first_node + (uint32_t)first;
	for (uint32_t i = 0; i < o->n_children && !w->nodes.oom; i++) {
		const struct sk_state_node *kid = sk_state_node(w->old, o->first_child + i);

		if (kid)
			put_old(w, first + i, kid, depth + 1);
		else
			w->nodes.oom = true;
	}
}

/* Room for a folder's children is taken at once, so that they stand side by side. */
static void put_node(struct writer *w, size_t at, const struct sk_node *node)
{
	struct sk_state_node *d;
	size_t first;

	if (w->old && (node->flags & (SK_NODE_ASIS | SK_NODE_KEPT))) {
		const struct sk_state_node *o = sk_state_node(w->old, node->old);

		if (o)
			put_old(w, at, o, 0);
		else
			w->nodes.oom = true;
		return;
	}
	first = node->n_children ? take(w, node->n_children) : 0;
	if (w->nodes.oom)
		return;
	d = put(w, at, node->name, node->name_len);
	d->flags = node->flags & (uint16_t)~SK_NODE_KEPT;
	d->mode = node->mode;
	d->perm = node->perm;
	d->oid = node->oid;
	d->st = node->st;
	d->n_children = node->n_children;
	d->first_child = node->n_children ? w->first_node + (uint32_t)first : 0;
	for (uint32_t i = 0; i < node->n_children && !w->nodes.oom; i++)
		put_node(w, first + i, &node->child[i]);
}

static int fill(struct writer *w, const struct sk_snapshot *snap, struct sk_buf *roots)
{
	struct sk_state_place root = { 0, 0 };
	size_t nodes = 1, names = 1;

	measure(w, snap->root, &nodes, &names);
	for (size_t i = 0; i < snap->n_nested; i++, nodes++)
		measure(w, snap->nested[i].root, &nodes, &names);
	if (w->first_node + (uint64_t)nodes >= SK_STATE_NONE ||
	    w->first_name + (uint64_t)names >= UINT32_MAX)
		return sk_error(SK_ENO, "too many files for a state file");
	(void)sk_buf_reserve(&w->nodes, nodes * sizeof(struct sk_state_node));
	(void)sk_buf_reserve(&w->names, names);
	(void)take(w, 1);
	if (sk_buf_ok(&w->nodes))
		return SK_EIO;
	put_node(w, 0, snap->root);
	if (!w->old)
		(void)sk_buf_add(roots, &root, sizeof root);
	for (size_t i = 0; i < snap->n_nested && !w->nodes.oom; i++) {
		const struct sk_nested *nested = &snap->nested[i];

		root.node = (uint32_t)take(w, 1);
		root.path_off = (uint32_t)w->names.len;
		(void)sk_buf_add(&w->names, nested->path, strlen(nested->path) + 1);
		(void)sk_buf_add(roots, &root, sizeof root);
		if (!w->nodes.oom)
			put_node(w, root.node, nested->root);
	}
	if (sk_buf_ok(&w->nodes) || sk_buf_ok(&w->names) || sk_buf_ok(roots))
		return SK_EIO;
	return 0;
}

static int write_part(const struct sk_repo *repo, const char *name, struct sk_state_header *head,
                      const struct writer *w, const struct sk_buf *roots)
{
	const size_t skip = offsetof(struct sk_state_header, base);
	struct iovec piece[] = { { head, sizeof *head },
		                 { roots->ptr, roots->len },
		                 { w->nodes.ptr, w->nodes.len },
		                 { w->names.ptr, w->names.len } };
	char *path = sk_state_path(repo, name);
	XXH3_state_t *x = XXH3_createState();
	int rc;

	if (!path || !x) {
		rc = sk_error_oom();
		goto out;
	}
	(void)XXH3_64bits_reset(x);
	(void)XXH3_64bits_update(x, (const char *)head + skip, sizeof *head - skip);
	for (size_t i = 1; i < 4; i++)
		(void)XXH3_64bits_update(x, piece[i].iov_base, piece[i].iov_len);
	head->sum = XXH3_64bits_digest(x);
	rc = sk_write_pieces(AT_FDCWD, path, piece, 4, 0600, false);
out:
	(void)XXH3_freeState(x);
	free(path);
	return rc;
}

/* Whether a delta to the state before will do. */
static bool keeps_base(const struct sk_snapshot *snap)
{
	struct writer w = { .old = snap->state };
	size_t nodes = 1, names = 1;

	if (snap->partial)
		return true;
	if (!snap->state || snap->n_nested || sk_state_nested(snap->state) ||
	    sk_state_worn(snap->state))
		return false;
	measure(&w, snap->root, &nodes, &names);
	return nodes <= DELTA_NODES + snap->state->base.head->n_nodes / 16;
}

int sk_state_save(const struct sk_repo *repo, const struct sk_snapshot *snap,
                  const struct sk_entry *entry)
{
	struct sk_state_header head = { .node_size = sizeof(struct sk_state_node) };
	struct writer w = { .old = keeps_base(snap) ? snap->state : NULL };
	struct sk_buf roots = SK_BUF_INIT;
	char *path = NULL;
	struct stat st;
	int rc;

	if (w.old) {
		w.first_node = w.old->base.head->n_nodes;
		w.first_name = (uint32_t)w.old->base.head->names_len;
		head.base = w.old->base.head->sum;
	}
	rc = fill(&w, snap, &roots);
	if (!rc && (fstat(repo->wtfd, &st) < 0 || strlen(entry->ref) >= sizeof head.ref))
		rc = sk_error(SK_ENO, "no state file for '%s'", entry->ref);
	if (rc)
		goto out;
	memcpy(head.magic, w.old ? SK_DELTA_MAGIC : SK_STATE_MAGIC, sizeof head.magic);
	memcpy(head.ref, entry->ref, strlen(entry->ref));
	head.tag = entry->tag;
	head.root_dev = st.st_dev;
	head.root_ino = st.st_ino;
	head.n_nodes = (uint32_t)w.n;
	head.n_roots = (uint32_t)(roots.len / sizeof(struct sk_state_place));
	head.names_len = w.names.len;
	head.files = snap->files;
	head.facts = snap->facts;
	rc = write_part(repo, w.old ? "state-delta" : "state", &head, &w, &roots);
	if (!rc && !w.old && (path = sk_state_path(repo, "state-delta")))
		(void)unlink(path); /* it belongs to the state before, and says so */
out:
	sk_buf_free(&w.nodes);
	sk_buf_free(&w.names);
	sk_buf_free(&roots);
	free(path);
	return rc;
}

void sk_state_drop(const struct sk_repo *repo)
{
	static const char *const file[] = { "state", "state-delta" };

	for (size_t i = 0; i < 2; i++) {
		char *path = sk_state_path(repo, file[i]);

		if (path)
			(void)unlink(path);
		free(path);
	}
}

void sk_state_mark(const struct sk_repo *repo, struct sk_state_mark *out)
{
	static const char *const file[] = { "state", "state-delta" };

	*out = (struct sk_state_mark){ { 0, 0 } };
	for (size_t i = 0; i < 2; i++) {
		char *path = sk_state_path(repo, file[i]);
		int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

		if (fd >= 0 &&
		    pread(fd, &out->sum[i], sizeof out->sum[i],
		          offsetof(struct sk_state_header, sum)) != (ssize_t)sizeof out->sum[i])
			out->sum[i] = 0;
		if (fd >= 0)
			(void)close(fd);
		free(path);
	}
}
