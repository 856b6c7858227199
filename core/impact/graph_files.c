/* Which files a state has, and their bytes. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "capture/scan.h"
#include "impact/graph_parts.h"

#define MAX_READ (32u << 20) /* a source file beyond that is not read */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int sk_graph_late(const struct sk_graph *g)
{
	if (!g->deadline || now_ms() < g->deadline)
		return 0;
	return sk_error(SK_EBUSY, "the imports could not be read within %lld ms",
	                (long long)g->opts.limit_ms);
}

static int room(struct sk_graph *g, size_t n)
{
	g->path = calloc(n + 1, sizeof *g->path);
	g->blob = calloc(n + 1, sizeof *g->blob);
	g->link_file = calloc(n + 1, sizeof *g->link_file);
	if (!g->path || !g->blob || !g->link_file)
		return sk_error_oom();
	return n < SK_EDGE_WEAK / 4 ? 0 : sk_error(SK_EIO, "there are too many files");
}

static void add(struct sk_graph *g, const char *path, const struct sk_oid *oid, uint32_t mode)
{
	g->path[g->n] = path;
	g->blob[g->n] = *oid;
	g->link_file[g->n++] = mode == 0120000;
}

static int list_index(struct sk_graph *g)
{
	char *path = NULL;
	int rc = 0;

	if (g->opts.index_file)
		rc = sk_index_read(g->opts.index_file, &g->index);
	else
		rc = sk_repo_index_path(g->repo, &path);
	if (path)
		rc = sk_index_read(path, &g->index);
	free(path);
	if (!rc)
		rc = room(g, g->index->n);
	for (size_t i = 0; !rc && i < g->index->n; i++) {
		const struct sk_index_entry *e = &g->index->entry[i];

		if (((e->mode & 0170000) != 0100000 && e->mode != 0120000) ||
		    (e->flags & SK_IE_INTENT_TO_ADD))
			continue;
		/* a conflict is there once, as our side has it */
		if (g->n && strcmp(g->path[g->n - 1], e->path) == 0) {
			if (e->stage == 2)
				g->blob[g->n - 1] = e->oid;
			continue;
		}
		add(g, e->path, &e->oid, e->mode);
	}
	return rc;
}

static int list_node(struct sk_graph *g, const struct sk_node *dir, struct sk_buf *path)
{
	size_t keep = path->len;
	int rc = 0;

	for (uint32_t i = 0; i < dir->n_children && !rc; i++) {
		const struct sk_node *n = &dir->child[i];

		sk_buf_truncate(path, keep);
		(void)sk_buf_addf(path, "%s%.*s", keep ? "/" : "", (int)n->name_len, n->name);
		rc = sk_buf_ok(path);
		if (!rc && n->mode == 040000)
			rc = list_node(g, n, path);
		else if (!rc && n->mode != 0160000)
			rc = sk_strv_add(&g->joined, path->ptr);
	}
	sk_buf_truncate(path, keep);
	return rc;
}

struct entry {
	const char *path;
	const struct sk_node *node;
};

static int by_path(const void *x, const void *y)
{
	return strcmp(((const struct entry *)x)->path, ((const struct entry *)y)->path);
}

/* The nodes in the same order as list_node has them. */
static void pair(const struct sk_node *dir, char **path, struct entry *out, size_t *n)
{
	for (uint32_t i = 0; i < dir->n_children; i++) {
		const struct sk_node *node = &dir->child[i];

		if (node->mode == 040000) {
			pair(node, path, out, n);
		} else if (node->mode != 0160000) {
			out[*n] = (struct entry){ path[*n], node };
			++*n;
		}
	}
}

static int list_worktree(struct sk_graph *g)
{
	struct sk_scan_opts opts = { .threads = g->opts.threads };
	struct sk_buf path = SK_BUF_INIT;
	struct entry *all = NULL;
	size_t n = 0;
	int rc = sk_scan(g->repo, &opts, &g->snap);

	if (!rc)
		rc = list_node(g, g->snap->root, &path);
	if (!rc)
		rc = room(g, g->joined.n);
	if (!rc) {
		all = calloc(g->joined.n + 1, sizeof *all);
		rc = all ? 0 : sk_error_oom();
	}
	if (!rc) {
		pair(g->snap->root, g->joined.item, all, &n);
		qsort(all, n, sizeof *all, by_path); /* "a/b" comes before "a-b" in a walk */
	}
	for (size_t i = 0; !rc && i < n; i++)
		add(g, all[i].path, &all[i].node->oid, all[i].node->mode);
	free(all);
	sk_buf_free(&path);
	return rc;
}

int sk_graph_list(struct sk_graph *g)
{
	int rc;

	if (g->opts.limit_ms)
		g->deadline = now_ms() + g->opts.limit_ms;
	rc = g->opts.state == SK_GRAPH_STAGED ? list_index(g) : list_worktree(g);
	return rc ? rc : sk_paths_init(&g->set, g->path, g->n);
}

static int read_disk(const struct sk_graph *g, uint32_t file, struct sk_buf *out)
{
	const char *path = g->path[file], *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	int fd = g->repo->wtfd, rc;

	if (slash && !dir)
		return sk_error_oom();
	/* never through a link, so that nothing outside is read */
	if (slash)
		fd = sk_open_below(g->repo->wtfd, dir);
	rc = fd < 0 ? sk_error_errno(SK_EIO, "cannot open the folder of %s", sk_name(path))
	            : sk_read_file(fd, slash ? slash + 1 : path, MAX_READ, out);
	if (slash && fd >= 0)
		(void)close(fd);
	free(dir);
	return rc;
}

static int read_object(const struct sk_graph *g, uint32_t file, struct sk_buf *out)
{
	git_odb_object *object;
	int rc = sk_repo_read(g->repo, &g->blob[file], &object);

	if (rc)
		return rc;
	if (git_odb_object_size(object) > MAX_READ)
		rc = sk_error(SK_EREFUSED, "%s is too big", sk_name(g->path[file]));
	else
		rc = sk_buf_add(out, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return rc;
}

/* The worktree's file stands for the staged blob when git itself would take it for unchanged: it is
 * there without unpacking. */
static bool on_disk(const struct sk_graph *g, const char *path)
{
	const struct sk_index_entry *e = sk_index_find(g->index, path, strlen(path), 0);
	struct stat st;

	return e && fstatat(g->repo->wtfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       sk_index_stat_matches(g->index, e, &st);
}

int sk_graph_read(const struct sk_graph *g, uint32_t file, struct sk_buf *out)
{
	if (g->opts.state == SK_GRAPH_STAGED &&
	    (g->opts.index_file || !on_disk(g, g->path[file]) || read_disk(g, file, out)))
		return read_object(g, file, out);
	return g->opts.state == SK_GRAPH_STAGED ? 0 : read_disk(g, file, out);
}
