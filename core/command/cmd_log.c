/* `git sk log`: entries, commits and conversations in the order of time. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/lanes.h"
#include "command/listing.h"
#include "command/print.h"
#include "command/report.h"
#include "command/timeline.h"

#define SHORT 10 /* digits of a commit, letters of a conversation's id */
#define LABELS 13
#define IDS 18
#define TITLE_MIN 16

/* What a row says, for people. */
struct row {
	char mark;
	enum sk_look look; /* of the label and the id */
	const char *label;
	struct sk_buf id, note, title;
};

struct show {
	const struct sk_call *call;
	bool graph, people;
	size_t width;
	struct sk_lanes lanes;
	char day[11];
	struct sk_buf out, links; /* of one event */
};

/* --- one event in words ------------------------------------------------------------------- */

static void entry_row(const struct sk_entry *e, struct row *row)
{
	unsigned long n = e->damaged ? 0 : sk_entry_number(e, "Sk-Changed");

	row->mark = e->kind == SK_BACKUP ? 'o' : '#';
	row->look = sk_entry_look(e);
	row->label = e->damaged ? "damaged" : sk_entry_label(e);
	(void)sk_buf_adds(&row->id, e->id);
	if (e->damaged) {
		(void)sk_add_text(&row->title, e->damage, strlen(e->damage));
		return;
	}
	(void)sk_add_text(&row->title, e->title, strlen(e->title));
	if (n)
		(void)sk_buf_addf(&row->note, "%lu %s", n, n == 1 ? "file" : "files");
}

static void commit_row(const struct sk_commit_event *c, struct row *row)
{
	row->mark = '*';
	row->look = SK_LOOK_COMMIT;
	row->label = "commit";
	(void)sk_buf_addf(&row->id, "%.*s", SHORT, sk_oid_str(&c->oid));
	(void)sk_add_text(&row->title, c->subject, strlen(c->subject));
	(void)sk_add_text(&row->note, c->refs, strlen(c->refs));
}

static void talk_row(const struct sk_talk *t, struct row *row)
{
	char until[20];

	row->mark = '>';
	row->look = SK_LOOK_CONVERSATION;
	row->label = "conversation";
	(void)sk_add_text(&row->id, t->id, strnlen(t->id, SHORT));
	(void)sk_add_text(&row->title, t->title, strlen(t->title));
	(void)sk_add_text(&row->note, t->tool, strlen(t->tool));
	(void)sk_buf_addf(&row->note, "%s%lld message%s", row->note.len ? ", " : "", t->messages,
	                  t->messages == 1 ? "" : "s");
	if (t->ended / 60 > t->began / 60) {
		sk_format_local(t->ended, until);
		(void)sk_buf_addf(&row->note, ", to %.5s", until + 11);
	}
}

static int make_row(const struct sk_event *event, struct row *row)
{
	*row = (struct row){ .id = SK_BUF_INIT, .note = SK_BUF_INIT, .title = SK_BUF_INIT };
	if (event->kind == SK_EVENT_ENTRY)
		entry_row(event->entry, row);
	else if (event->kind == SK_EVENT_COMMIT)
		commit_row(event->commit, row);
	else
		talk_row(event->talk, row);
	return sk_buf_ok(&row->id) || sk_buf_ok(&row->note) || sk_buf_ok(&row->title) ? SK_EIO : 0;
}

static void free_row(struct row *row)
{
	sk_buf_free(&row->id);
	sk_buf_free(&row->note);
	sk_buf_free(&row->title);
}

/* --- rows --------------------------------------------------------------------------------- */

static void add_look(struct sk_buf *out, enum sk_look look, const char *text)
{
	const char *begin = sk_look(look);

	(void)sk_buf_adds(out, begin);
	(void)sk_buf_adds(out, text);
	(void)sk_buf_adds(out, *begin ? sk_color_reset() : "");
}

/* The title, and before it in brackets what there is to note, both within the line. */
static void add_words(struct show *s, const struct row *row, size_t used)
{
	size_t room = s->width > used + TITLE_MIN ? s->width - used : TITLE_MIN, note;
	bool commit = row->mark == '*';

	if (!s->people)
		room = SIZE_MAX;
	note = row->note.len ? sk_columns(row->note.ptr, row->note.len) + 3 : 0;
	if (note + TITLE_MIN > room)
		note = 0;
	if (note && commit) {
		add_look(&s->out, SK_LOOK_BRANCH, "(");
		add_look(&s->out, SK_LOOK_BRANCH, row->note.ptr);
		add_look(&s->out, SK_LOOK_BRANCH, ") ");
	}
	(void)sk_add_columns(&s->out, sk_buf_str(&row->title), row->title.len, room - note);
	if (note && !commit) {
		(void)sk_buf_adds(&s->out, " ");
		add_look(&s->out, SK_LOOK_TIER, "(");
		add_look(&s->out, SK_LOOK_TIER, row->note.ptr);
		add_look(&s->out, SK_LOOK_TIER, ")");
	}
}

static void add_row(struct show *s, const struct sk_event *event, const struct row *row, size_t at)
{
	size_t from = s->out.len, column;
	char when[20];

	if (s->graph) {
		(void)sk_buf_adds(&s->out, sk_look(SK_LOOK_GRAPH));
		(void)sk_lanes_row(&s->lanes, at, row->mark, &s->out);
		(void)sk_buf_adds(&s->out, *sk_look(SK_LOOK_GRAPH) ? sk_color_reset() : "");
		(void)sk_pad_columns(&s->out, from, 4);
	}
	sk_format_local(event->when, when);
	(void)sk_buf_addf(&s->out, "%.*s  ", s->people ? 5 : 19, when + (s->people ? 11 : 0));
	column = s->out.len;
	add_look(&s->out, row->look, row->label);
	(void)sk_pad_columns(&s->out, column, LABELS);
	(void)sk_buf_adds(&s->out, "  ");
	column = s->out.len;
	add_look(&s->out, row->look == SK_LOOK_TRIGGER ? SK_LOOK_ID : row->look, row->id.ptr);
	(void)sk_pad_columns(&s->out, column, IDS);
	(void)sk_buf_adds(&s->out, "  ");
	if (!sk_buf_ok(&s->out))
		add_words(s, row, sk_columns(s->out.ptr + from, s->out.len - from));
	(void)sk_buf_addc(&s->out, '\n');
}

/* Rows of the graph alone: each ends in a NUL. */
static void add_links(struct show *s)
{
	for (size_t at = 0; at < s->links.len; at += strlen(s->links.ptr + at) + 1) {
		add_look(&s->out, SK_LOOK_GRAPH, s->links.ptr + at);
		(void)sk_buf_addc(&s->out, '\n');
	}
	sk_buf_clear(&s->links);
}

/* Where in the graph it stands. */
static int place(struct show *s, const struct sk_event *event, size_t *at)
{
	struct sk_oid head;
	bool known = event->kind == SK_EVENT_ENTRY && !event->entry->damaged &&
	             sk_entry_get_oid(event->entry, "Sk-Head", &head);

	if (event->kind == SK_EVENT_COMMIT)
		return sk_lanes_commit(&s->lanes, &event->commit->oid, at, &s->links);
	return sk_lanes_place(&s->lanes, known ? &head : NULL, at);
}

static int show_event(struct show *s, const struct sk_event *event)
{
	struct row row;
	size_t at = 0;
	int rc = make_row(event, &row);

	sk_buf_clear(&s->out);
	if (!rc && s->graph) {
		rc = place(s, event, &at);
		add_links(s);
	}
	if (!rc && s->people)
		(void)sk_add_day(&s->out, event->when, s->day);
	if (!rc)
		add_row(s, event, &row, at);
	if (!rc && s->graph && event->kind == SK_EVENT_COMMIT) {
		rc = sk_lanes_parents(&s->lanes, at, event->commit->parent,
		                      event->commit->n_parents, &s->links);
		add_links(s);
	}
	if (!rc)
		rc = sk_buf_ok(&s->out);
	if (!rc)
		sk_out(s->out.ptr, s->out.len);
	free_row(&row);
	return rc;
}

/* --- JSON --------------------------------------------------------------------------------- */

static json_t *commit_json(const struct sk_event *event)
{
	const struct sk_commit_event *c = event->commit;
	json_t *o = sk_json_add(json_object(), "type", json_string("commit"));
	json_t *parents = json_array();

	for (size_t i = 0; parents && i < c->n_parents; i++)
		if (json_array_append_new(parents, json_string(sk_oid_str(&c->parent[i])))) {
			json_decref(parents);
			parents = NULL;
		}
	o = sk_json_add(o, "time", sk_json_time(event->when));
	o = sk_json_add(o, "id", json_string(sk_oid_str(&c->oid)));
	o = sk_json_add(o, "title", sk_json_text(c->subject));
	o = sk_json_add(o, "author", sk_json_text(c->author));
	o = sk_json_add(o, "refs", sk_json_text(c->refs));
	return sk_json_add(o, "parents", parents);
}

static json_t *talk_json(const struct sk_event *event)
{
	const struct sk_talk *t = event->talk;
	json_t *o = sk_json_add(json_object(), "type", json_string("conversation"));

	o = sk_json_add(o, "time", sk_json_time(event->when));
	o = sk_json_add(o, "id", sk_json_text(t->id));
	o = sk_json_add(o, "title", sk_json_text(t->title));
	o = sk_json_add(o, "tool", sk_json_text(t->tool));
	o = sk_json_add(o, "branch", sk_json_text(t->branch));
	o = sk_json_add(o, "ended", t->ended ? sk_json_time(t->ended) : json_null());
	return sk_json_add(o, "messages", json_integer(t->messages));
}

static json_t *event_json(const struct sk_repo *repo, const struct sk_event *event)
{
	json_t *o;

	if (event->kind == SK_EVENT_COMMIT)
		return commit_json(event);
	if (event->kind == SK_EVENT_TALK)
		return talk_json(event);
	o = sk_entry_json(repo, event->entry, false);
	o = sk_json_add(o, "type", json_string(sk_kind_name(event->entry->kind)));
	return sk_json_add(o, "time", sk_json_time(event->when));
}

/* One after the other, as the list does it. */
static int print_json(const struct sk_call *call, struct sk_timeline *t, size_t max)
{
	struct sk_event event;
	size_t n = 0;
	int rc = 0;

	sk_out("{\n  \"events\": [", 15);
	while (!rc && n < max && !sk_out_failed() && !(rc = sk_timeline_next(t, &event))) {
		json_t *one = event_json(call->repo, &event);
		char *text = one ? json_dumps(one, JSON_COMPACT) : NULL;

		json_decref(one);
		if (!text) {
			rc = sk_error_oom();
		} else {
			sk_outf("%s\n    ", n++ ? "," : "");
			sk_out_json_text(text, strlen(text));
		}
		free(text);
	}
	rc = rc == SK_ENO ? 0 : rc;
	if (!rc)
		sk_outf("%s]\n}\n", n ? "\n  " : "");
	return rc;
}

/* --- the command -------------------------------------------------------------------------- */

static int print_rows(const struct sk_call *call, struct sk_timeline *t, size_t max)
{
	struct show s = { .call = call,
		          .graph = sk_call_has(call, "graph"),
		          .width = sk_term_width() };
	struct sk_event event;
	int rc = sk_pager_start(call->repo);

	s.people = sk_out_terminal();
	for (size_t n = 0; !rc && n < max && !sk_out_failed(); n++) {
		rc = sk_timeline_next(t, &event);
		if (!rc)
			rc = show_event(&s, &event);
		if (n % 64 == 0) /* the first screen does not wait for the rest */
			sk_out_flush();
	}
	sk_lanes_free(&s.lanes);
	sk_buf_free(&s.out);
	sk_buf_free(&s.links);
	return rc == SK_ENO ? 0 : rc;
}

static int check_branch(const struct sk_repo *repo, const char *branch)
{
	git_reference *ref = NULL;
	char *name = NULL;
	int rc;

	if (asprintf(&name, "refs/heads/%s", branch) < 0)
		return sk_error_oom();
	rc = git_reference_lookup(&ref, repo->git, name);
	git_reference_free(ref);
	free(name);
	return rc == GIT_EINVALIDSPEC
	               ? sk_error(SK_EUSAGE, "%s is no name for a branch", sk_name(branch))
	               : 0; /* one that is gone may have been seen by backups */
}

int sk_cmd_log(struct sk_call *call)
{
	struct sk_timeline_opts opts = { .branch = sk_call_value(call, "branch"),
		                         .all_worktrees = sk_call_has(call, "all-worktrees") };
	struct sk_timeline *t = NULL;
	int rc = sk_call_args(call, 0, 0);

	if (!rc)
		rc = sk_call_limits(call, &opts.since, &opts.until, &opts.max);
	if (!rc && opts.branch)
		rc = check_branch(call->repo, opts.branch);
	if (!rc)
		rc = sk_timeline_open(call->repo, &opts, &t);
	if (!rc)
		rc = call->json ? print_json(call, t, opts.max) : print_rows(call, t, opts.max);
	sk_timeline_close(t);
	return rc;
}
