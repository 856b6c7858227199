/* example.c - a whole plugin to copy from: notes about the working tree, each with the state that
 * it was written about.  `git sk note add TEXT`, `git sk note list`; a warning from `git sk status`
 * when there are none; a word at each commit that still has FIXME staged; notes that are a year old
 * go with `git sk prune`.
 *
 *   cc -shared -fPIC $(pkg-config --cflags safekeep) -o example.so example.c */
#include <stdio.h>
#include <stdlib.h>

#include <safekeep/plugin.h>

static int add(struct skp_host *host, const struct skp_call *call)
{
	struct skp_tree_entry file = { "note", 0100644, { { 0 } } };
	struct skp_record record = { 0 };
	struct skp_trailer about = { "Note-Backup", NULL };
	struct skp_batch *batch = NULL;
	struct skp_entry state;
	int rc;

	if (call->n_arg != 2)
		return host->error(host, SKP_EUSAGE, "usage: git sk note add TEXT");
	rc = host->backup(host, "before a note", NULL, NULL, &state);
	if (rc && rc != SKP_EPARTIAL)
		return rc;
	about.value = state.id;
	record.name = state.id; /* one note for each state: a second replaces the first */
	record.title = call->arg[1];
	record.trailer = &about;
	record.n_trailers = 1;
	if ((rc = host->batch(host, &batch)))
		return rc;
	rc = host->blob(batch, call->arg[1], strlen(call->arg[1]), &file.oid);
	if (!rc)
		rc = host->put_tree(batch, &file, 1, &record.tree);
	if (!rc)
		rc = host->put(batch, &record);
	if (rc) {
		host->drop(batch);
		return rc;
	}
	rc = host->store(batch);
	if (!rc)
		host->print(host, "%s\n", record.name);
	return rc;
}

static int list(struct skp_host *host, const struct skp_call *call)
{
	const char *count = skp_value(call, "max-count");
	size_t n = 0, i, most = count ? (size_t)strtoul(count, NULL, 10) : (size_t)-1;
	struct skp_record *notes = NULL;
	char text[64];
	int rc = host->records(host, "", &notes, &n);

	if (!rc && call->json) {
		snprintf(text, sizeof text, "{\"notes\": %lu}", (unsigned long)n);
		return host->json(host, text, strlen(text));
	}
	for (i = 0; !rc && i < n && i < most; i++) {
		const struct skp_record *r = &notes[n - 1 - i]; /* sorted by name */

		host->print(host, "%s%s%s  %s\n", host->style(host, SKP_YELLOW), r->name,
		            host->style(host, SKP_PLAIN), host->text(host, r->title));
	}
	return rc;
}

static int note(struct skp_host *host, const struct skp_call *call)
{
	const char *what = call->n_arg ? call->arg[0] : "list";

	if (strcmp(what, "add") == 0)
		return add(host, call);
	if (strcmp(what, "list") == 0)
		return list(host, call);
	return host->error(host, SKP_EUSAGE, "%s is not one of add, list", host->name(host, what));
}

/* Lines that are about to be committed. */
static int look_at_commit(struct skp_host *host, const struct skp_event *event)
{
	static const char *const diff[] = { "diff",    "--cached",    "-U0",
		                            "-GFIXME", "--name-only", NULL };
	struct skp_process git = { 0 };
	struct skp_finding found = { "fixme", SKP_WARNING, NULL, 0, "a line with FIXME changes" };
	char index[4200], *line;
	const char *const env[] = { index, NULL };
	int rc;

	snprintf(index, sizeof index, "GIT_INDEX_FILE=%s", event->index);
	git.env = *event->index ? env : NULL;
	git.argv = diff;
	git.flags = SKP_RUN_GIT;
	rc = host->run(host, &git);
	for (line = rc ? NULL : strtok(git.output, "\n"); line && !rc; line = strtok(NULL, "\n")) {
		found.path = line;
		rc = host->finding(host, &found);
	}
	return rc;
}

/* Goes through all notes: deletes old ones, or says how many there are. */
static int look_at_notes(struct skp_host *host, const struct skp_event *event)
{
	struct skp_record *notes = NULL;
	struct skp_batch *batch = NULL;
	size_t n = 0, i;
	int rc = host->records(host, "", &notes, &n);

	if (!rc && event->kind == SKP_HEALTH)
		return host->check(host, "notes", n ? SKP_STATUS_OK : SKP_STATUS_WARN,
		                   n ? "there are notes" : "no note was ever written");
	if (rc || event->dry_run || (rc = host->batch(host, &batch)))
		return rc;
	for (i = 0; !rc && i < n; i++)
		if (!notes[i].damaged && notes[i].created < host->now(host) - 365 * 86400)
			rc = host->remove(batch, notes[i].name);
	return rc ? (host->drop(batch), rc) : host->store(batch);
}

static int event(struct skp_host *host, const struct skp_event *event)
{
	return event->kind == SKP_BEFORE_COMMIT ? look_at_commit(host, event)
	                                        : look_at_notes(host, event);
}

static const char *const usage[] = { "add TEXT", "[list] [-n N]", NULL };
static const char *const words[] = { "add", "list", NULL };
static const struct skp_option options[] = { { 'n', "max-count", "N", "list: at most N" },
	                                     { 0, NULL, NULL, NULL } };
static const struct skp_command commands[] = {
	{ "note", note, SKP_NEEDS_ENABLED, SKP_TAKES_JSON, "notes about states of the working tree",
	  usage, options, words, "A note is kept with the backup of the state it is about." },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL }
};

const struct sk_plugin safekeep_plugin = {
	SK_PLUGIN_HEAD,
	0,
	"example",
	"1.0",
	"notes about states of the working tree, as an example of a plugin",
	"note",
	commands,
	SKP_BEFORE_COMMIT | SKP_HEALTH | SKP_PRUNE,
	event
};
