#include "impact/html.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/html.h"
#include "base/json.h"
#include "base/text.h"

/* More uses than this a page does not get: they could neither be drawn nor told apart.  The
 * shortest ways are always complete. */
#define MOST_USES 40000

static const unsigned char page_bytes[] = {
#include "impact_page.inc"
};

const struct sk_html_page sk_impact_page = { (const char *)page_bytes, sizeof page_bytes };

/* The page's files by number: first the changed ones, then the affected ones, as `impact` has
 * them. */
struct page {
	const struct sk_graph *g;
	const struct sk_impact *im;
	uint32_t *number; /* of each file of the graph; SK_GRAPH_NONE: not on the page */
	json_t *path, *distance, *via, *test, *status, *edge;
	size_t uses, left;
};

static int append(json_t *list, json_t *value)
{
	return json_array_append_new(list, value) == 0 ? 0 : sk_error_oom();
}

/* As a terminal would show it: what is invisible or turns text around is written out. */
static json_t *shown_name(const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	json_t *out = NULL;

	(void)sk_add_text(&text, path, strlen(path));
	if (sk_buf_ok(&text) == 0)
		out = sk_json_text(sk_buf_str(&text));
	sk_buf_free(&text);
	return out;
}

/* The number of a file that something was reached by.  A deleted file is not in the graph. */
static json_int_t via_number(const struct page *p, const char *via)
{
	const struct sk_touched_set *c = p->im->changes;
	uint32_t file = via ? sk_graph_find(p->g, via) : SK_GRAPH_NONE;
	size_t lo = 0, hi = c->n;

	if (!via)
		return -1;
	if (file != SK_GRAPH_NONE && p->number[file] != SK_GRAPH_NONE)
		return (json_int_t)p->number[file];
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(via, c->item[mid].path);

		if (order == 0)
			return (json_int_t)mid;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -1;
}

static const char *path_of(const struct page *p, size_t i)
{
	return i < p->im->changes->n ? p->im->changes->item[i].path
	                             : p->im->affected[i - p->im->changes->n].path;
}

static int number_files(struct page *p)
{
	size_t n = p->im->changes->n + p->im->n_affected, files = sk_graph_n(p->g);

	p->number = malloc((files + 1) * sizeof *p->number);
	if (!p->number)
		return sk_error_oom();
	memset(p->number, 0xff, (files + 1) * sizeof *p->number);
	for (size_t i = 0; i < n; i++) {
		uint32_t file = sk_graph_find(p->g, path_of(p, i));

		if (file != SK_GRAPH_NONE)
			p->number[file] = (uint32_t)i;
	}
	return 0;
}

static int add_file(struct page *p, size_t i)
{
	const struct sk_impact *im = p->im;
	const struct sk_affected *a = i < im->changes->n ? NULL : &im->affected[i - im->changes->n];
	uint32_t file = sk_graph_find(p->g, path_of(p, i));
	char status[2] = { a ? '\0' : im->changes->item[i].status, '\0' };
	bool test = a ? a->test : file != SK_GRAPH_NONE && sk_graph_is_test(p->g, file);
	int rc = append(p->path, shown_name(path_of(p, i)));

	if (!rc)
		rc = append(p->distance, json_integer(a ? (json_int_t)a->distance : 0));
	if (!rc)
		rc = append(p->via, json_integer(via_number(p, a ? a->via : NULL)));
	if (!rc)
		rc = append(p->test, json_integer(test));
	if (!rc)
		rc = append(p->status, json_string(status));
	return rc;
}

static int add_uses(struct page *p, size_t i)
{
	uint32_t file = sk_graph_find(p->g, path_of(p, i));
	const uint32_t *used;
	size_t n = file == SK_GRAPH_NONE ? 0 : sk_graph_uses(p->g, file, &used);
	int rc = 0;

	for (size_t k = 0; k < n && !rc; k++) {
		if (p->number[used[k]] == SK_GRAPH_NONE)
			continue;
		if (p->uses == MOST_USES) {
			p->left++;
			continue;
		}
		p->uses++;
		rc = append(p->edge, json_integer((json_int_t)i));
		if (!rc)
			rc = append(p->edge, json_integer((json_int_t)p->number[used[k]]));
	}
	return rc;
}

static json_t *names(const struct sk_component_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < set->n; i++)
		if (json_array_append_new(list, shown_name(set->name[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

/* The graph as one object; NULL: out of memory. */
static json_t *collect(struct page *p)
{
	const struct sk_graph_counts *c = sk_graph_counts(p->g);
	size_t n = p->im->changes->n + p->im->n_affected;
	int rc = number_files(p);

	for (size_t i = 0; i < n && !rc; i++)
		rc = add_file(p, i);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_uses(p, i);
	if (rc)
		return NULL;
	return json_pack(
	        "{s:O, s:O, s:O, s:O, s:O, s:O, s:I, s:{s:o, s:o}, s:{s:I, s:I, s:I, s:I}}", "path",
	        p->path, "distance", p->distance, "via", p->via, "test", p->test, "status",
	        p->status, "edge", p->edge, "left", (json_int_t)p->left, "components", "changed",
	        names(&p->im->changed), "affected", names(&p->im->components), "counts", "files",
	        (json_int_t)c->files, "unresolved", (json_int_t)c->unresolved, "ambiguous",
	        (json_int_t)c->ambiguous, "unread", (json_int_t)c->unread);
}

static int add_page(const json_t *data, struct sk_buf *out)
{
	struct sk_buf json = SK_BUF_INIT, hash = SK_BUF_INIT;
	const struct sk_html_place place[] = { { "@HASH@", &hash }, { "@DATA@", &json } };
	int rc = sk_html_add_hash(&sk_impact_page, &hash);

	if (!rc)
		rc = sk_html_add_json(data, &json);
	if (!rc)
		rc = sk_html_fill(&sk_impact_page, place, sizeof place / sizeof *place, out);
	sk_buf_free(&json);
	sk_buf_free(&hash);
	return rc;
}

int sk_impact_html(const struct sk_graph *graph, const struct sk_impact *impact, struct sk_buf *out)
{
	struct page p = { .g = graph,
		          .im = impact,
		          .path = json_array(),
		          .distance = json_array(),
		          .via = json_array(),
		          .test = json_array(),
		          .status = json_array(),
		          .edge = json_array() };
	json_t *data = collect(&p);
	int rc = data ? add_page(data, out) : sk_error_oom();

	json_decref(data);
	json_decref(p.path);
	json_decref(p.distance);
	json_decref(p.via);
	json_decref(p.test);
	json_decref(p.status);
	json_decref(p.edge);
	free(p.number);
	return rc;
}
