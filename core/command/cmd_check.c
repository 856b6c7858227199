/* `git sk check`: what is to be known, and saved, before a component is changed. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/findings.h"
#include "command/print.h"
#include "command/report.h"
#include "impact/coverage.h"
#include "impact/impact.h"
#include "lint/lint.h"

enum { LOCK_WAIT = 30, SHOWN = 10 };

struct check {
	struct sk_call *call;
	struct sk_repo *repo;
	const char *component; /* as the configuration has it, or as given */
	struct sk_components *components;
	struct sk_graph *graph;
	struct sk_touched_set touched, pending;
	struct sk_impact impact;
	struct sk_strv affected; /* components */
	uint32_t *file;          /* affected: first those to be changed, then by distance */
	size_t n_files;
	long *asked; /* of each file of the graph: its number in the coverage, or < 0 */
	uint32_t *asked_file;
	size_t n_asked;
	struct sk_coverage coverage;
	struct sk_findings findings;
	struct sk_backup_result saved;
	bool partial;
};

/* ---- what is asked ---- */

static int unknown_component(const struct check *c)
{
	struct sk_buf names = SK_BUF_INIT;
	size_t n = sk_components_count(c->components);
	int rc;

	for (size_t i = 0; i < n; i++)
		(void)sk_buf_addf(&names, "%s%s", i ? ", " : "",
		                  sk_name(sk_components_name(c->components, i)));
	rc = sk_buf_ok(&names);
	if (!rc && n)
		rc = sk_error(
		        SK_EUSAGE,
		        "no component %s has files in [component] of .safekeep.ini (there are "
		        "%s); name the files that will change",
		        sk_name(c->component), names.ptr);
	else if (!rc)
		rc = sk_error(SK_EUSAGE,
		              "no components are named in .safekeep.ini; name the files that will "
		              "change: git sk check %s FILE...",
		              sk_name(c->component));
	sk_buf_free(&names);
	return rc;
}

static int paths_of_component(const struct check *c, long number, struct sk_strv *out)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && number >= 0 && i < sk_graph_n(c->graph); i++)
		if (sk_components_has(c->components, (size_t)number, sk_graph_path(c->graph, i)))
			rc = sk_strv_add(out, sk_graph_path(c->graph, i));
	return rc;
}

/* The files that will be changed: those named, else all of the component's. */
static int ask(struct check *c)
{
	struct sk_strv paths = SK_STRV_INIT;
	long number;
	int rc = sk_components_new(c->repo->config, &c->components);

	c->component = c->call->arg[0];
	if (!rc)
		rc = sk_graph_open(c->repo, &(struct sk_graph_opts){ .state = SK_GRAPH_WORKTREE },
		                   &c->graph);
	if (rc)
		return rc;
	number = sk_components_find(c->components, c->component);
	if (number >= 0)
		c->component = sk_components_name(c->components, (size_t)number);
	for (size_t i = 1; !rc && i < c->call->n_arg; i++) {
		char *path = NULL;

		rc = sk_repo_path(c->repo, c->call->arg[i], &path);
		if (!rc)
			rc = sk_strv_add(&paths, path);
		free(path);
	}
	if (!rc && !paths.n)
		rc = paths_of_component(c, number, &paths);
	if (!rc && !paths.n)
		rc = unknown_component(c);
	if (!rc)
		rc = sk_touched_named(c->repo, c->graph, &paths, &c->touched);
	sk_strv_free(&paths);
	return rc;
}

/* ---- what is saved ---- */

static int save(struct check *c)
{
	struct sk_backup_opts opts = {
		.kind = SK_REVISION, .trigger = "check", .always = true, .wait_seconds = LOCK_WAIT
	};
	struct sk_buf name = SK_BUF_INIT, words = SK_BUF_INIT;
	char *id = NULL;
	int rc;

	(void)sk_buf_addf(&name, "Pre_%s", c->component);
	(void)sk_buf_addf(&words, "Before changes to %s", c->component);
	rc = sk_buf_ok(&name);
	if (!rc)
		rc = sk_buf_ok(&words);
	if (!rc)
		rc = sk_revision_id(name.ptr, sk_now(), &id);
	if (!rc) {
		opts.id = id;
		opts.name = opts.title = name.ptr;
		opts.description = words.ptr;
		rc = sk_backup(c->repo, &opts, &c->saved);
	}
	if (rc == SK_EPARTIAL) {
		sk_warn_skipped(&c->saved.snap->meta);
		sk_error_clear();
		c->partial = true;
		rc = 0;
	}
	free(id);
	sk_buf_free(&name);
	sk_buf_free(&words);
	return rc;
}

/* ---- what depends on it ---- */

static int add_set(struct sk_strv *out, const struct sk_component_set *set)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < set->n; i++)
		if (!sk_strv_has(out, set->name[i]))
			rc = sk_strv_add(out, set->name[i]);
	return rc;
}

/* The component itself, those that need it, and those whose files are reached. */
static int affected_components(struct check *c)
{
	struct sk_component_set dependents = { 0 };
	uint32_t zero = 0;
	struct sk_component_set own = { &c->component, &zero, 1 };
	bool known = sk_components_find(c->components, c->component) >= 0;
	int rc = sk_strv_add(&c->affected, c->component);

	if (!rc && known)
		rc = sk_components_dependents(c->components, &own, &dependents);
	if (!rc)
		rc = add_set(&c->affected, &dependents);
	if (!rc)
		rc = add_set(&c->affected, &c->impact.changed);
	if (!rc)
		rc = add_set(&c->affected, &c->impact.components);
	sk_component_set_clear(&dependents);
	return rc;
}

static int affected_files(struct check *c)
{
	size_t n = c->touched.n + c->impact.n_affected;

	c->file = calloc(n + 1, sizeof *c->file);
	if (!c->file)
		return sk_error_oom();
	for (size_t i = 0; i < c->touched.n; i++)
		c->file[c->n_files++] = sk_graph_find(c->graph, c->touched.item[i].path);
	for (size_t i = 0; i < c->impact.n_affected; i++)
		c->file[c->n_files++] = sk_graph_find(c->graph, c->impact.affected[i].path);
	return 0;
}

static const char *affected_path(const struct check *c, size_t i)
{
	return i < c->touched.n ? c->touched.item[i].path
	                        : c->impact.affected[i - c->touched.n].path;
}

/* ---- how well it is tested ---- */

static long find(void *ctx, const char *path)
{
	const struct check *c = ctx;
	uint32_t file = sk_graph_find(c->graph, path);

	return file == SK_GRAPH_NONE ? SK_COVERAGE_NONE : c->asked[file];
}

static time_t changed(void *ctx, size_t file)
{
	const struct check *c = ctx;
	const char *path = sk_graph_path(c->graph, c->asked_file[file]);
	struct stat st;

	return fstatat(c->repo->wtfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mtime;
}

/* Of the affected files those that hold code, and are no tests themselves. */
static int coverage(struct check *c)
{
	struct sk_coverage_of of = { .find = find, .changed = changed, .ctx = c };
	uint32_t n = sk_graph_n(c->graph);

	c->asked = calloc((size_t)n + 1, sizeof *c->asked);
	c->asked_file = calloc(c->n_files + 1, sizeof *c->asked_file);
	if (!c->asked || !c->asked_file)
		return sk_error_oom();
	for (uint32_t i = 0; i < n; i++)
		c->asked[i] = SK_COVERAGE_OTHER;
	for (size_t i = 0; i < c->n_files; i++) {
		uint32_t file = c->file[i];

		if (file == SK_GRAPH_NONE || !sk_graph_language(c->graph, file) ||
		    sk_graph_is_test(c->graph, file) || c->asked[file] >= 0)
			continue;
		c->asked[file] = (long)c->n_asked;
		c->asked_file[c->n_asked++] = file;
	}
	of.n = c->n_asked;
	return sk_coverage_read(c->repo, &of, &c->coverage);
}

static int look(struct check *c)
{
	struct sk_lint_options lint = { .what = SK_LINT_UNCOMMITTED };
	int rc = sk_impact_of(c->repo, c->graph, &c->touched, 0, &c->impact);

	if (!rc)
		rc = affected_components(c);
	if (!rc)
		rc = affected_files(c);
	if (!rc)
		rc = coverage(c);
	if (!rc)
		rc = sk_touched_since(c->repo, c->graph, NULL, &c->pending);
	if (!rc)
		rc = sk_lint(c->repo, &lint, &c->findings);
	return rc;
}

/* ---- said ---- */

static double percent(const struct sk_coverage *v)
{
	/* to one place, and never up to a hundred that it is not */
	return (double)(v->covered * 1000 / v->lines) / 10;
}

static json_t *paths_json(const struct check *c)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < c->n_files; i++) {
		const char *path = affected_path(c, i);

		if (json_array_append_new(list, sk_json_path(path, strlen(path))) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *texts_json(const struct sk_strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n; i++)
		if (json_array_append_new(list, sk_json_path(v->item[i], strlen(v->item[i]))) !=
		    0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *coverage_json(const struct sk_coverage *v)
{
	json_t *o;

	if (!v->lines)
		return json_null();
	o = sk_json_add(json_object(), "percent", json_real(percent(v)));
	o = sk_json_add(o, "covered", json_integer((json_int_t)v->covered));
	o = sk_json_add(o, "lines", json_integer((json_int_t)v->lines));
	o = sk_json_add(o, "stale", json_boolean(v->stale > 0));
	o = sk_json_add(o, "stale_files", json_integer((json_int_t)v->stale));
	o = sk_json_add(o, "known_files", json_integer((json_int_t)v->known));
	o = sk_json_add(o, "unknown_files", json_integer((json_int_t)(v->n - v->known)));
	return sk_json_add(o, "reports", texts_json(&v->reports));
}

static int say_json(const struct check *c)
{
	json_t *o = sk_json_add(json_object(), "component", sk_json_text(c->component));

	o = sk_json_add(o, "backup", json_string(c->saved.entry->id));
	o = sk_json_add(o, "affected_components", texts_json(&c->affected));
	o = sk_json_add(o, "affected_files", paths_json(c));
	o = sk_json_add(o, "test_coverage", coverage_json(&c->coverage));
	o = sk_json_add(o, "has_pending_changes", json_boolean(c->pending.n > 0));
	o = sk_json_add(o, "problems", texts_json(&c->coverage.problems));
	return sk_out_json(sk_json_add(o, "findings", sk_findings_json(&c->findings)));
}

static void say_coverage(const struct sk_coverage *v)
{
	if (v->lines)
		sk_outf("test coverage: %.1f%% (%zu of %zu lines, in %zu of %zu files)\n",
		        percent(v), v->covered, v->lines, v->known, v->n);
	else
		sk_outf("test coverage: unknown (no report speaks of these files)\n");
	if (v->lines && v->known < v->n)
		sk_outf("  %zu file%s not in any report: unknown\n", v->n - v->known,
		        v->n - v->known == 1 ? " is" : "s are");
	if (v->stale)
		sk_outf("  stale: %zu file%s changed after the report was made\n", v->stale,
		        v->stale == 1 ? " was" : "s were");
}

static void say_text(const struct check *c)
{
	sk_outf("component: %s\n", sk_name(c->component));
	sk_outf("saved before the change: %s\n", c->saved.entry->id);
	sk_outf("affected components:");
	for (size_t i = 0; i < c->affected.n; i++)
		sk_outf("%s %s", i ? "," : "", sk_name(c->affected.item[i]));
	sk_outf("\naffected files: %zu\n", c->n_files);
	for (size_t i = 0; i < c->n_files && i < SHOWN; i++)
		sk_outf("  %s\n", sk_name(affected_path(c, i)));
	if (c->n_files > SHOWN)
		sk_outf("  and %zu more: --json has them all\n", c->n_files - SHOWN);
	say_coverage(&c->coverage);
	sk_outf("pending changes: %s\n", c->pending.n ? "yes, not committed" : "none");
	if (c->findings.n)
		sk_outf("findings: %zu\n", c->findings.n);
	sk_findings_print(&c->findings);
	sk_out_flush();
	for (size_t i = 0; i < c->coverage.problems.n; i++)
		sk_warn("coverage report %s", c->coverage.problems.item[i]);
}

static void clear(struct check *c)
{
	sk_findings_clear(&c->findings);
	sk_coverage_clear(&c->coverage);
	sk_backup_result_clear(&c->saved);
	free(c->asked);
	free(c->asked_file);
	free(c->file);
	sk_strv_free(&c->affected);
	sk_impact_clear(&c->impact);
	sk_touched_clear(&c->touched);
	sk_touched_clear(&c->pending);
	sk_graph_close(c->graph);
	sk_components_free(c->components);
}

int sk_cmd_check(struct sk_call *call)
{
	struct check c = { .call = call, .repo = call->repo };
	int rc = sk_call_args(call, 1, SIZE_MAX);

	if (rc)
		return rc;
	rc = ask(&c);
	if (!rc)
		rc = save(&c);
	if (!rc)
		rc = look(&c);
	if (!rc && call->json)
		rc = say_json(&c);
	else if (!rc)
		say_text(&c);
	if (!rc && c.findings.blocks) {
		rc = SK_ENO;
		sk_error_clear();
	} else if (!rc && c.partial) {
		rc = SK_EPARTIAL;
	}
	clear(&c);
	return rc;
}
