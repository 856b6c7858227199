#include "command/page.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/html.h"
#include "base/json.h"
#include "base/text.h"
#include "command/listing.h"
#include "command/report.h"
#include "command/timeline.h"
#include "health/health.h"
#include "health/status.h"
#include "impact/html.h"
#include "store/budget.h"

#define EMPTY_TREE "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

static const unsigned char page_bytes[] = {
#include "report_page.inc"
};

static const struct sk_html_page report_page = { (const char *)page_bytes, sizeof page_bytes };

/* --- what happened ------------------------------------------------------------------------ */

/* The newest entry of a worktree that has been met, which the next older one is compared with. */
struct met {
	char *worktree;
	char *tree;
	json_t *event; /* borrowed */
};

struct happened {
	json_t *events;
	struct sk_buf pairs;
	struct met *met;
	size_t n_met;
};

static json_t *text_or_null(const char *text)
{
	return text && *text ? sk_page_text(text) : json_null();
}

static struct met *find_met(struct happened *h, const char *worktree)
{
	struct met *more;

	for (size_t i = 0; i < h->n_met; i++)
		if (strcmp(h->met[i].worktree, worktree) == 0)
			return &h->met[i];
	more = realloc(h->met, (h->n_met + 1) * sizeof *more);
	if (!more)
		return NULL;
	h->met = more;
	more[h->n_met] = (struct met){ .worktree = strdup(worktree) };
	return more[h->n_met].worktree ? &more[h->n_met++] : NULL;
}

/* The newer entry of this worktree is compared with `tree`. */
static int compare(struct happened *h, struct met *met, const char *tree)
{
	char key[2 * SK_OID_HEX + 2];

	if (strcmp(met->tree, tree) == 0)
		return 0;
	snprintf(key, sizeof key, "%s %s", tree, met->tree);
	if (json_object_set_new(met->event, "change", json_string(key)) != 0)
		return sk_error_oom();
	return sk_buf_addf(&h->pairs, "%s\n", key);
}

static int note_tree(struct happened *h, const struct sk_entry *e, json_t *event)
{
	const char *worktree = sk_entry_get(e, "Sk-Worktree"), *tree = sk_oid_str(&e->tree);
	struct met *met = find_met(h, worktree ? worktree : "");
	int rc = met ? 0 : sk_error_oom();

	if (!rc && met->tree)
		rc = compare(h, met, tree);
	if (rc)
		return rc;
	free(met->tree);
	met->event = event;
	met->tree = strdup(tree);
	return met->tree ? 0 : sk_error_oom();
}

static json_t *entry_event(const struct sk_entry *e, json_t *o)
{
	o = sk_json_add(o, "kind", json_string(sk_kind_name(e->kind)));
	o = sk_json_add(o, "id", sk_page_text(e->id));
	o = sk_json_add(o, "title", sk_page_text(e->damaged ? e->damage : e->title));
	o = sk_json_add(o, "label", sk_page_text(e->damaged ? "damaged" : sk_entry_label(e)));
	if (e->damaged)
		return o;
	o = sk_json_add(o, "note", text_or_null(e->description));
	o = sk_json_add(o, "branch", text_or_null(sk_entry_get(e, "Sk-Branch")));
	o = sk_json_add(o, "command", text_or_null(sk_entry_get(e, "Sk-Command")));
	o = sk_json_add(o, "session", text_or_null(sk_entry_get(e, "Sk-Session")));
	o = sk_json_add(o, "files", json_integer((json_int_t)sk_entry_number(e, "Sk-Files")));
	return sk_json_add(o, "bytes", json_integer((json_int_t)sk_entry_number(e, "Sk-Bytes")));
}

static json_t *commit_event(const struct sk_commit_event *c, json_t *o)
{
	o = sk_json_add(o, "kind", json_string("commit"));
	o = sk_json_add(o, "id", json_string(sk_oid_str(&c->oid)));
	o = sk_json_add(o, "label", json_string("commit"));
	o = sk_json_add(o, "title", sk_page_text(c->subject));
	o = sk_json_add(o, "refs", text_or_null(c->refs));
	return sk_json_add(o, "author", text_or_null(c->author));
}

static json_t *talk_event(const struct sk_talk *t, json_t *o)
{
	o = sk_json_add(o, "kind", json_string("conversation"));
	o = sk_json_add(o, "id", sk_page_text(t->id));
	o = sk_json_add(o, "label", json_string("conversation"));
	o = sk_json_add(o, "title", sk_page_text(t->title));
	o = sk_json_add(o, "tool", text_or_null(t->tool));
	o = sk_json_add(o, "branch", text_or_null(t->branch));
	o = sk_json_add(o, "messages", json_integer((json_int_t)t->messages));
	return sk_json_add(o, "until", json_integer((json_int_t)t->ended));
}

static int add_event(struct happened *h, const struct sk_event *e)
{
	json_t *o = sk_json_add(json_object(), "t", json_integer((json_int_t)e->when));

	if (e->kind == SK_EVENT_ENTRY)
		o = entry_event(e->entry, o);
	else
		o = e->kind == SK_EVENT_COMMIT ? commit_event(e->commit, o)
		                               : talk_event(e->talk, o);
	if (json_array_append_new(h->events, o) != 0)
		return sk_error_oom();
	return e->kind == SK_EVENT_ENTRY && !e->entry->damaged ? note_tree(h, e->entry, o) : 0;
}

/* Those that nothing older stands beside: compared with nothing at all when they are really the
 * first, else with what was not read any more, which the page need not know. */
static int first_ones(struct happened *h, bool whole)
{
	int rc = 0;

	for (size_t i = 0; i < h->n_met && whole && !rc; i++)
		rc = compare(h, &h->met[i], EMPTY_TREE);
	return rc;
}

static int read_events(struct sk_repo *repo, size_t max, struct happened *h, bool *whole)
{
	const struct sk_timeline_opts opts = { .until = INT64_MAX,
		                               .max = max,
		                               .all_worktrees = true };
	struct sk_timeline *t = NULL;
	struct sk_event event;
	int rc = sk_timeline_open(repo, &opts, &t);

	for (size_t n = 0; !rc && n < max; n++)
		if (!(rc = sk_timeline_next(t, &event)))
			rc = add_event(h, &event);
	*whole = rc == SK_ENO;
	sk_timeline_close(t);
	return rc == SK_ENO ? 0 : rc;
}

static void free_happened(struct happened *h)
{
	for (size_t i = 0; i < h->n_met; i++) {
		free(h->met[i].worktree);
		free(h->met[i].tree);
	}
	free(h->met);
	sk_buf_free(&h->pairs);
}

static int add_happened(struct sk_repo *repo, size_t max, json_t *data)
{
	struct happened h = { .events = json_array(), .pairs = SK_BUF_INIT };
	json_t *changes = NULL;
	bool whole = false;
	int rc = json_object_set_new(data, "events", h.events) ? sk_error_oom() : 0;

	if (!rc)
		rc = read_events(repo, max, &h, &whole);
	if (!rc)
		rc = first_ones(&h, whole);
	if (!rc && json_object_set_new(data, "whole", json_boolean(whole)))
		rc = sk_error_oom();
	if (!rc) {
		rc = sk_page_changes(repo, &h.pairs, &changes);
		if (rc == SK_EDAMAGED || rc == SK_EIO) { /* all the rest is worth a page */
			changes = sk_json_add(json_object(), "trouble",
			                      sk_page_text(sk_error_message()));
			rc = 0;
		}
		if (!rc && json_object_set_new(data, "changes", changes))
			rc = sk_error_oom();
	}
	free_happened(&h);
	return rc;
}

/* --- how things stand --------------------------------------------------------------------- */

static json_t *health_json(const struct sk_health *h)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < h->n; i++)
		if (json_array_append_new(list, json_pack("[s, s, o]", h->item[i].name,
		                                          sk_health_word(h->item[i].status),
		                                          sk_page_text(h->item[i].detail))) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *lines_json(const struct sk_strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n; i++)
		if (json_array_append_new(list, sk_page_text(v->item[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static int add_health(struct sk_repo *repo, json_t *data)
{
	const struct sk_health_options opts = { .fix = false };
	struct sk_health health = { 0 };
	int rc = sk_health_look(repo, &opts, &health);

	if (!rc && json_object_set_new(data, "health", health_json(&health)) != 0)
		rc = sk_error_oom();
	sk_health_clear(&health);
	return rc;
}

static int add_status(struct sk_repo *repo, json_t *data)
{
	struct sk_status s = { .hooks_on = false };
	json_t *o;
	int rc = sk_status_look(repo, &s);

	if (!rc) {
		o = sk_json_add(json_object(), "backups", json_integer((json_int_t)s.good));
		o = sk_json_add(o, "revisions", json_integer((json_int_t)s.revisions));
		o = sk_json_add(o, "newest",
		                s.newest ? json_integer((json_int_t)s.newest->created)
		                         : json_null());
		o = sk_json_add(o, "oldest",
		                s.oldest ? json_integer((json_int_t)s.oldest->created)
		                         : json_null());
		o = sk_json_add(o, "files", json_integer((json_int_t)s.files));
		o = sk_json_add(o, "disk", json_integer((json_int_t)s.disk));
		o = sk_json_add(o, "budget",
		                json_integer((json_int_t)repo->config->retention.disk_budget));
		o = sk_json_add(o, "room", json_integer((json_int_t)s.room));
		o = sk_json_add(o, "problems", lines_json(&s.problems));
		rc = json_object_set_new(data, "status", o) ? sk_error_oom() : 0;
	}
	sk_status_clear(&s);
	return rc;
}

/* --- what the change at hand may break ---------------------------------------------------- */

/* The page of `git sk impact`, or why there is none. */
static int make_impact(struct sk_repo *repo, const char *since, struct sk_buf *page,
                       size_t *changed)
{
	const struct sk_graph_opts opts = { .state = SK_GRAPH_WORKTREE };
	struct sk_touched_set changes = { 0 };
	struct sk_graph *graph = NULL;
	struct sk_impact impact = { 0 };
	int rc = sk_graph_open(repo, &opts, &graph);

	if (!rc)
		rc = sk_touched_since(repo, graph, since, &changes);
	if (!rc && changes.n) {
		rc = sk_impact_of(repo, graph, &changes, 0, &impact);
		if (!rc)
			rc = sk_impact_html(graph, &impact, page);
	}
	*changed = changes.n;
	sk_impact_clear(&impact);
	sk_touched_clear(&changes);
	sk_graph_close(graph);
	return rc;
}

static int add_impact(struct sk_repo *repo, const char *since, json_t *data, struct sk_buf *page)
{
	size_t changed = 0;
	int rc = make_impact(repo, since, page, &changed);
	json_t *o;

	if (rc == SK_EUSAGE)
		return rc;
	o = sk_json_add(json_object(), "changed", json_integer((json_int_t)changed));
	o = sk_json_add(o, "since", since ? sk_page_text(since) : json_null());
	o = sk_json_add(o, "trouble", rc ? sk_page_text(sk_error_message()) : json_null());
	if (rc)
		sk_buf_clear(page);
	return json_object_set_new(data, "impact", o) ? sk_error_oom() : 0;
}

/* --- the page ----------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static int fill(const json_t *data, const struct sk_buf *impact, struct sk_buf *out)
{
	struct sk_buf hash = SK_BUF_INIT, inner = SK_BUF_INIT, frame = SK_BUF_INIT,
	              json = SK_BUF_INIT;
	const struct sk_html_place place[] = { { "@HASH@", &hash },
		                               { "@INNER@", &inner },
		                               { "@IMPACT@", &frame },
		                               { "@DATA@", &json } };
	int rc = sk_html_add_hash(&report_page, &hash);

	if (!rc)
		rc = sk_html_add_hash(&sk_impact_page, &inner);
	if (!rc)
		rc = sk_html_add_attribute(impact, &frame);
	if (!rc)
		rc = sk_html_add_json(data, &json);
	if (!rc)
		rc = sk_html_fill(&report_page, place, sizeof place / sizeof *place, out);
	sk_buf_free(&hash);
	sk_buf_free(&inner);
	sk_buf_free(&frame);
	sk_buf_free(&json);
	return rc;
}

int sk_page_make(struct sk_repo *repo, const struct sk_page_opts *opts, struct sk_buf *out)
{
	struct sk_buf impact = SK_BUF_INIT;
	json_t *data = json_object();
	int rc;

	data = sk_json_add(data, "name", sk_page_text(base_name(repo->worktree)));
	data = sk_json_add(data, "folder", sk_page_text(repo->worktree));
	data = sk_json_add(data, "made", json_integer((json_int_t)sk_now()));
	data = sk_json_add(data, "version", json_string(SK_VERSION));
	rc = data ? add_impact(repo, opts->since, data, &impact) : sk_error_oom();
	if (!rc)
		rc = add_happened(repo, opts->max, data);
	if (!rc)
		rc = add_status(repo, data);
	if (!rc)
		rc = add_health(repo, data);
	if (!rc)
		rc = fill(data, &impact, out);
	json_decref(data);
	sk_buf_free(&impact);
	return rc;
}
