/* The cached tree.  Source: gitformat-index, "Cache tree". */
#include "repo/index_file.h"

#include <stdlib.h>

#define DEPTH_MAX 2048 /* PATH_MAX has no room for deeper folders */
#define NODE_MIN 6     /* "", NUL, "-1 0", newline */

struct parser {
	const unsigned char *p, *end;
	size_t n; /* entries of the index */
	struct sk_cache_tree *node;
	size_t used, cap;
};

/* A decimal number up to INT32_MAX, perhaps negative, and the byte after it. */
static bool parse_number(struct parser *ps, unsigned char stop, int32_t *out)
{
	bool minus = ps->p < ps->end && *ps->p == '-';
	int64_t value = 0;
	const unsigned char *start;

	if (minus)
		ps->p++;
	for (start = ps->p; ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9'; ps->p++) {
		value = value * 10 + (*ps->p - '0');
		if (value > INT32_MAX)
			return false;
	}
	if (ps->p == start || ps->p == ps->end || *ps->p != stop)
		return false;
	ps->p++;
	*out = (int32_t)(minus ? -value : value);
	return true;
}

static bool parse_head(struct parser *ps, struct sk_cache_tree *node, bool root)
{
	const unsigned char *nul = memchr(ps->p, '\0', (size_t)(ps->end - ps->p));
	int32_t children;

	if (!nul || root != (nul == ps->p) || memchr(ps->p, '/', (size_t)(nul - ps->p)))
		return false;
	node->name = (const char *)ps->p;
	ps->p = nul + 1;
	if (!parse_number(ps, ' ', &node->entries) || !parse_number(ps, '\n', &children))
		return false;
	if (children < 0 || (node->entries >= 0 && (size_t)node->entries > ps->n))
		return false;
	node->n_children = (uint32_t)children;
	if (node->entries < 0) {
		node->entries = -1;
		return true;
	}
	if (ps->end - ps->p < SK_OID_RAW)
		return false;
	memcpy(node->oid.id, ps->p, SK_OID_RAW);
	ps->p += SK_OID_RAW;
	return true;
}

static bool parse_node(struct parser *ps, struct sk_cache_tree *node, unsigned depth)
{
	int64_t below = 0;

	if (depth > DEPTH_MAX || !parse_head(ps, node, depth == 0))
		return false;
	if (node->n_children == 0)
		return true;
	if (node->n_children > ps->cap - ps->used)
		return false;
	node->child = ps->node + ps->used;
	ps->used += node->n_children;
	for (uint32_t i = 0; i < node->n_children; i++) {
		if (!parse_node(ps, &node->child[i], depth + 1))
			return false;
		if (node->child[i].entries > 0)
			below += node->child[i].entries;
	}
	return below <= (node->entries >= 0 ? node->entries : (int64_t)ps->n);
}

int sk_cache_tree_parse(const unsigned char *data, size_t len, size_t n, struct sk_cache_tree **out)
{
	struct parser ps = { .p = data, .end = data + len, .n = n, .used = 1 };

	ps.cap = 1 + len / NODE_MIN;
	ps.node = calloc(ps.cap, sizeof *ps.node);
	if (!ps.node)
		return sk_error_oom();
	if (!parse_node(&ps, ps.node, 0) || ps.p != ps.end) {
		free(ps.node);
		ps.node = NULL;
	}
	*out = ps.node;
	return 0;
}
