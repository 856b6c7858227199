/* `git sk impact`: what may break when these files change. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "impact/html.h"
#include "impact/impact.h"

#define SHOWN 10

enum format { TEXT, JSON, DOT, HTML };

struct asked {
	enum format format;
	unsigned depth, shown; /* 0: all */
	struct sk_graph_opts graph;
	const char *since;
	struct sk_strv paths;
	char *why;
	bool issues;
};

static int read_number(const struct sk_call *call, const char *option, unsigned *out)
{
	const char *text = sk_call_value(call, option);
	unsigned long n;
	char *end;

	if (!text)
		return 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > 1000000)
		return sk_error(SK_EUSAGE, "--%s: '%s' is not a number", option, sk_name(text));
	*out = (unsigned)n;
	return 0;
}

static int read_format(const struct sk_call *call, enum format *out)
{
	static const char *const word[] = { "text", "json", "dot", "html" };
	const char *given = sk_call_value(call, "format");

	*out = call->json ? JSON : TEXT;
	for (size_t i = 0; given && i < sizeof word / sizeof *word; i++)
		if (strcmp(given, word[i]) == 0) {
			if (call->json && i != JSON)
				return sk_error(SK_EUSAGE, "either --json or --format %s", given);
			*out = (enum format)i;
			return 0;
		}
	return given ? sk_error(SK_EUSAGE, "'%s' is not a format: text, json, dot or html",
	                        sk_name(given))
	             : 0;
}

static int read_call(const struct sk_call *call, struct asked *a)
{
	bool staged = sk_call_has(call, "staged");
	const char *why = sk_call_value(call, "why");
	int rc = read_format(call, &a->format);

	a->since = sk_call_value(call, "since");
	a->issues = sk_call_has(call, "unresolved");
	a->shown = SHOWN;
	if (!rc)
		rc = read_number(call, "depth", &a->depth);
	if (!rc)
		rc = read_number(call, "max-count", &a->shown);
	if (!rc && staged + (a->since != NULL) + (call->n_arg > 0) > 1)
		rc = sk_error(SK_EUSAGE, "either --staged, --since or files");
	if (staged) {
		a->graph.state = SK_GRAPH_STAGED;
		/* in a hook of `git commit FILE` this is what will be committed */
		a->graph.index_file = call->repo->given_index;
	}
	for (size_t i = 0; i < call->n_arg && !rc; i++) {
		char *path = NULL;

		rc = sk_repo_path(call->repo, call->arg[i], &path);
		if (!rc)
			rc = sk_strv_add(&a->paths, path);
		free(path);
	}
	if (!rc && why)
		rc = sk_repo_path(call->repo, why, &a->why);
	return rc;
}

/* JSON */

static json_t *names_json(const char *const *name, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, sk_json_path(name[i], strlen(name[i]))) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *changed_json(const struct sk_touched_set *c)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < c->n; i++)
		if (json_array_append_new(
		            list, sk_json_path(c->item[i].path, strlen(c->item[i].path))) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *affected_json(const struct sk_impact *im)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < im->n_affected; i++) {
		const struct sk_affected *a = &im->affected[i];
		json_t *o =
		        sk_json_add(json_object(), "path", sk_json_path(a->path, strlen(a->path)));

		o = sk_json_add(o, "distance", json_integer((json_int_t)a->distance));
		o = sk_json_add(o, "via", sk_json_path(a->via, strlen(a->via)));
		if (json_array_append_new(list, o) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static const char *issue_name(enum sk_issue_kind kind)
{
	static const char *const word[] = { "unresolved", "ambiguous", "unread" };

	return word[kind];
}

static json_t *issues_json(const struct sk_graph *g)
{
	const struct sk_graph_issue *issue;
	size_t n = sk_graph_issues(g, &issue);
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		const char *path = sk_graph_path(g, issue[i].file);
		json_t *o = sk_json_add(json_object(), "path", sk_json_path(path, strlen(path)));

		o = sk_json_add(o, "line", json_integer((json_int_t)issue[i].line));
		o = sk_json_add(o, "kind", json_string(issue_name(issue[i].kind)));
		o = sk_json_add(o, "import", sk_json_text(issue[i].spec));
		if (json_array_append_new(list, o) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *add_counts(json_t *o, const struct sk_graph *g)
{
	const struct sk_graph_counts *c = sk_graph_counts(g);

	o = sk_json_add(o, "unresolved", json_integer((json_int_t)c->unresolved));
	o = sk_json_add(o, "ambiguous", json_integer((json_int_t)c->ambiguous));
	o = sk_json_add(o, "unread", json_integer((json_int_t)c->unread));
	o = sk_json_add(o, "external", json_integer((json_int_t)c->external));
	o = sk_json_add(o, "files", json_integer((json_int_t)c->files));
	return sk_json_add(o, "edges", json_integer((json_int_t)c->edges));
}

static int print_json(const struct asked *a, const struct sk_graph *g, const struct sk_impact *im)
{
	json_t *o = sk_json_add(json_object(), "changed", changed_json(im->changes)), *part;

	o = sk_json_add(o, "affected", affected_json(im));
	part = sk_json_add(json_object(), "changed", names_json(im->changed.name, im->changed.n));
	part = sk_json_add(part, "affected", names_json(im->components.name, im->components.n));
	o = sk_json_add(o, "components", part);
	o = sk_json_add(o, "tests", names_json((const char *const *)im->tests.item, im->tests.n));
	o = add_counts(o, g);
	return sk_out_json(a->issues ? sk_json_add(o, "issues", issues_json(g)) : o);
}

/* Text */

static bool shown(const struct asked *a, size_t i, size_t n, const char *more)
{
	if (!a->shown || i < a->shown)
		return true;
	if (i == a->shown)
		sk_outf("  and %zu more%s\n", n - i, more);
	return false;
}

static void print_changed(const struct asked *a, const struct sk_touched_set *c)
{
	sk_outf("%zu changed file%s\n", c->n, c->n == 1 ? "" : "s");
	for (size_t i = 0; i < c->n && shown(a, i, c->n, ""); i++)
		sk_outf("  %s%s\n", sk_name(c->item[i].path),
		        c->item[i].status == 'D'   ? " (deleted)"
		        : c->item[i].status == 'A' ? " (new)"
		                                   : "");
}

static void print_affected(const struct asked *a, const struct sk_impact *im)
{
	sk_outf("%zu affected file%s\n", im->n_affected, im->n_affected == 1 ? "" : "s");
	for (size_t i = 0; i < im->n_affected && shown(a, i, im->n_affected, ": -n 0"); i++) {
		sk_outf("  %3u  %s", (unsigned)im->affected[i].distance,
		        sk_name(im->affected[i].path));
		if (im->affected[i].distance > 1 || im->changes->n > 1)
			sk_outf("%s  via %s%s", sk_color(SK_DIM), sk_name(im->affected[i].via),
			        sk_color_reset());
		sk_outf("\n");
	}
}

static void print_set(const char *what, const struct sk_component_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		sk_outf("%s%s", i ? ", " : what, sk_name(set->name[i]));
	if (set->n)
		sk_outf("\n");
}

static void print_unknown(const struct sk_graph *g)
{
	const struct sk_graph_counts *c = sk_graph_counts(g);

	sk_outf("%zu edges between %zu files; what runs another way is not seen\n", c->edges,
	        c->files);
	if (c->unresolved + c->ambiguous + c->unread)
		sk_outf("not known: %zu imports lead nowhere, %zu may be several files, %zu files "
		        "could not be read: git sk impact --unresolved\n",
		        c->unresolved, c->ambiguous, c->unread);
}

static void print_text(const struct asked *a, const struct sk_graph *g, const struct sk_impact *im)
{
	print_changed(a, im->changes);
	if (im->changes->n) {
		print_affected(a, im);
		print_set("components changed: ", &im->changed);
		print_set("components affected: ", &im->components);
		if (im->tests.n)
			sk_outf("%zu test%s to run\n", im->tests.n, im->tests.n == 1 ? "" : "s");
		for (size_t i = 0; i < im->tests.n && shown(a, i, im->tests.n, ": -n 0"); i++)
			sk_outf("  %s\n", sk_name(im->tests.item[i]));
	}
	print_unknown(g);
}

static int print_issues(const struct sk_graph *g)
{
	const struct sk_graph_issue *issue;
	size_t n = sk_graph_issues(g, &issue);
	struct sk_buf text = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		sk_buf_clear(&text);
		(void)sk_add_text(&text, issue[i].spec, strlen(issue[i].spec));
		rc = sk_buf_ok(&text);
		if (!rc)
			sk_outf("%s:%u: %s: %s\n", sk_name(sk_graph_path(g, issue[i].file)),
			        (unsigned)issue[i].line, issue_name(issue[i].kind), text.ptr);
	}
	sk_buf_free(&text);
	return rc;
}

/* DOT.  Source: the DOT language of Graphviz, double-quoted strings. */

static int dot_name(const char *path)
{
	struct sk_buf text = SK_BUF_INIT, quoted = SK_BUF_INIT;
	int rc;

	(void)sk_add_text(&text, path, strlen(path));
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			(void)sk_buf_addc(&quoted, '\\');
		(void)sk_buf_addc(&quoted, text.ptr[i]);
	}
	rc = sk_buf_ok(&text);
	if (!rc)
		rc = sk_buf_ok(&quoted);
	if (!rc)
		sk_outf("\"%s\"", sk_buf_str(&quoted));
	sk_buf_free(&text);
	sk_buf_free(&quoted);
	return rc;
}

/* The shortest ways: from each affected file to the one it is affected by. */
static int print_dot(const struct sk_impact *im)
{
	int rc = 0;

	sk_outf("digraph impact {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n");
	for (size_t i = 0; i < im->changes->n && !rc; i++) {
		sk_outf("\t");
		rc = dot_name(im->changes->item[i].path);
		sk_outf(" [style=filled, fillcolor=\"#ffd0d0\"];\n");
	}
	for (size_t i = 0; i < im->n_affected && !rc; i++) {
		if (im->affected[i].test) {
			sk_outf("\t");
			rc = dot_name(im->affected[i].path);
			sk_outf(" [style=filled, fillcolor=\"#d0e8ff\"];\n");
		}
		sk_outf("\t");
		if (!rc)
			rc = dot_name(im->affected[i].path);
		sk_outf(" -> ");
		if (!rc)
			rc = dot_name(im->affected[i].via);
		sk_outf(";\n");
	}
	sk_outf("}\n");
	return rc;
}

static int print_html(const struct sk_graph *g, const struct sk_impact *im)
{
	struct sk_buf page = SK_BUF_INIT;
	int rc = sk_impact_html(g, im, &page);

	if (!rc)
		sk_out(page.ptr, page.len);
	sk_buf_free(&page);
	return rc;
}

static int print_why(const struct asked *a, const struct sk_impact *im)
{
	struct sk_strv way = SK_STRV_INIT;
	int rc = sk_impact_why(im, a->why, &way), bad;

	if (rc == SK_ENO)
		rc = sk_error(SK_ENO, "no way is known from %s to a changed file", sk_name(a->why));
	if (!rc && a->format == JSON) {
		rc = sk_out_json(sk_json_add(json_object(), "why",
		                             names_json((const char *const *)way.item, way.n)));
	} else if (rc == SK_ENO && a->format == JSON) {
		bad = sk_out_json(sk_json_add(json_object(), "why", json_null()));
		rc = bad ? bad : rc;
	} else if (!rc) {
		for (size_t i = 0; i < way.n; i++)
			sk_outf("%s%s%s\n", i ? "  uses " : "", sk_name(way.item[i]),
			        i + 1 == way.n ? " (changed)" : "");
	}
	sk_strv_free(&way);
	return rc;
}

static int report(const struct asked *a, const struct sk_graph *g, const struct sk_impact *im)
{
	if (a->why)
		return print_why(a, im);
	if (a->format == JSON)
		return print_json(a, g, im);
	if (a->format == DOT)
		return print_dot(im);
	if (a->format == HTML)
		return print_html(g, im);
	if (a->issues)
		return print_issues(g);
	print_text(a, g, im);
	return 0;
}

int sk_cmd_impact(struct sk_call *call)
{
	struct asked a = { .format = TEXT };
	struct sk_touched_set changes = { 0 };
	struct sk_graph *graph = NULL;
	struct sk_impact impact = { 0 };
	int rc = read_call(call, &a);

	if (!rc)
		rc = sk_graph_open(call->repo, &a.graph, &graph);
	if (!rc && a.paths.n)
		rc = sk_touched_named(call->repo, graph, &a.paths, &changes);
	else if (!rc)
		rc = sk_touched_since(call->repo, graph, a.since, &changes);
	if (!rc)
		rc = sk_impact_of(call->repo, graph, &changes, a.depth, &impact);
	if (!rc)
		rc = report(&a, graph, &impact);
	sk_impact_clear(&impact);
	sk_touched_clear(&changes);
	sk_graph_close(graph);
	sk_strv_free(&a.paths);
	free(a.why);
	return rc;
}
