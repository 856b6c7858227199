/* probe.c - a plugin that does as it is told: `git sk probe WHAT ARG...`, and in an event what the
 * setting of the event's name says.  It writes down each event in the file of the setting `log`. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <safekeep/plugin.h>

#ifndef NAME
#define NAME "probe"
#endif

static int misbehave(struct skp_host *host, const char *what)
{
	if (strcmp(what, "crash") == 0)
		raise(SIGSEGV);
	if (strcmp(what, "abort") == 0)
		abort();
	if (strcmp(what, "exit") == 0)
		exit(0);
	if (strcmp(what, "error") == 0)
		return host->error(host, SKP_EIO, "it did not\nwork out");
	if (strcmp(what, "code") == 0)
		return 4;
	if (strcmp(what, "hang") == 0)
		for (;;)
			pause();
	if (strcmp(what, "orphan") == 0 && fork() == 0)
		for (;;)
			pause(); /* holds all that we hold */
	if (strcmp(what, "flood") == 0)
		for (int i = 0; i < 100000; i++)
			host->print(host, "much too much, over and over, line %d\n", i);
	if (strcmp(what, "print") == 0)
		host->print(host, "said on standard output\n");
	if (strcmp(what, "warn") == 0)
		host->warn(host, "warned of");
	return 0;
}

static int put(struct skp_host *host, const char *name, const char *title, const char *const *file,
               size_t n, int twice)
{
	struct skp_tree_entry entry[64] = { { NULL, 0, { { 0 } } } };
	struct skp_trailer trailer = { "Probe-Key", "its\nvalue" };
	struct skp_batch *batch = NULL, *other = NULL;
	struct skp_record r = { 0 };
	int rc = host->batch(host, &batch);

	for (size_t i = 0; !rc && i < n; i++) {
		const char *eq = strchr(file[i], '=');
		char *path = strdup(file[i]);

		path[eq - file[i]] = '\0';
		entry[i].name = path;
		entry[i].mode = 0100644;
		rc = host->blob(batch, eq + 1, strlen(eq + 1), &entry[i].oid);
	}
	if (!rc)
		rc = host->put_tree(batch, entry, n, &r.tree);
	r.name = name;
	r.title = title;
	r.text = "two\n\nparagraphs";
	r.trailer = &trailer;
	r.n_trailers = 1;
	if (!rc)
		rc = host->put(batch, &r);
	if (!rc && twice) { /* somebody else is faster */
		rc = host->batch(host, &other);
		r.title = "the other one";
		if (!rc)
			rc = host->blob(other, "o", 1, &entry[0].oid);
		if (!rc)
			rc = host->put_tree(other, entry, 1, &r.tree);
		if (!rc)
			rc = host->put(other, &r);
		rc = rc ? (host->drop(other), rc) : host->store(other);
	}
	if (rc) {
		host->drop(batch);
		return rc;
	}
	return host->store(batch);
}

static int get(struct skp_host *host, const char *name, const char *path)
{
	struct skp_record r;
	struct skp_tree_entry e;
	void *data;
	size_t len;
	int rc = host->record(host, name, &r);

	if (!rc)
		rc = host->find(host, &r.tree, path, &e);
	if (!rc)
		rc = host->read(host, &e.oid, NULL, &data, &len);
	if (rc)
		return rc;
	host->print(host, "%s|%s|", r.title, r.text);
	for (size_t i = 0; i < r.n_trailers; i++)
		if (strncmp(r.trailer[i].key, "Sk-", 3) != 0)
			host->print(host, "%s=%s|", r.trailer[i].key, r.trailer[i].value);
	host->write(host, data, len);
	host->print(host, "\n");
	host->release(host, data);
	return 0;
}

static int all(struct skp_host *host, const char *prefix)
{
	struct skp_record *r;
	size_t n;
	int rc = host->records(host, prefix, &r, &n);

	for (size_t i = 0; !rc && i < n; i++)
		host->print(host, "%s%s\n", r[i].name, r[i].damaged ? " damaged" : "");
	return rc;
}

static int entries(struct skp_host *host)
{
	struct skp_entry *e;
	size_t n;
	int rc = host->entries(host, SKP_BACKUP | SKP_REVISION, 0, host->now(host) + 1, &e, &n);

	for (size_t i = 0; !rc && i < n; i++)
		host->print(host, "%s %s %s\n", e[i].id, e[i].trigger, e[i].title);
	return rc;
}

static int execute(struct skp_host *host, const struct skp_call *call)
{
	struct skp_process p = { 0 };
	int rc;

	p.argv = call->path;
	p.flags = skp_has(call, "git") ? SKP_RUN_GIT : SKP_RUN_ERRORS;
	p.timeout_ms = skp_value(call, "limit") ? atol(skp_value(call, "limit")) : 0;
	rc = host->run(host, &p);
	if (!rc)
		host->print(host, "%d:%s", p.status, p.output);
	return rc;
}

static int secrets(struct skp_host *host, const char *text)
{
	char *out;
	size_t len;
	int rc = host->redact(host, text, strlen(text), &out, &len, NULL, NULL);

	if (!rc)
		host->print(host, "%s\n", out);
	return rc;
}

/* A file, and what was found there as notes: "RULE OFFSET LENGTH". */
static int secrets_of(struct skp_host *host, const char *path)
{
	struct skp_secret *found;
	size_t len, n, cap = 64 << 20;
	char *out, *data = malloc(cap);
	FILE *file = fopen(path, "rb");
	int rc = data && file ? 0 : SKP_EIO;

	if (!rc)
		len = fread(data, 1, cap, file);
	if (file)
		fclose(file);
	if (!rc)
		rc = host->redact(host, data, len, &out, &len, &found, &n);
	free(data);
	if (rc)
		return rc;
	host->write(host, out, len);
	for (size_t i = 0; i < n; i++)
		host->note(host, "%s %zu %zu", found[i].rule, found[i].offset, found[i].len);
	host->release(host, out);
	host->release(host, found);
	return 0;
}

static int settings(struct skp_host *host, const char *key)
{
	const char *name, *value = key ? host->setting(host, key) : NULL;

	if (key)
		host->print(host, "%s\n", value ? value : "(not set)");
	for (size_t i = 0; !key && host->setting_at(host, i, &name, &value) == 0; i++)
		host->print(host, "%s=%s\n", name, value);
	return 0;
}

static int facts(struct skp_host *host, const struct skp_call *call)
{
	char text[512];

	snprintf(text, sizeof text,
	         "{\"worktree\": %d, \"prefix\": \"%s\", \"enabled\": %d, \"trusted\": %d, "
	         "\"left\": %ld, \"redact\": %d, \"dashes\": %d, \"paths\": %d, \"level\": \"%s\"}",
	         host->worktree != NULL, host->prefix ? host->prefix : "", host->enabled,
	         host->trusted(host), (long)host->time_left(host),
	         (int)(host->features & SKP_CAN_REDACT), call->dashes, (int)call->n_path,
	         skp_value(call, "level") ? skp_value(call, "level") : "");
	if (call->json)
		return host->json(host, text, strlen(text));
	host->print(host, "%s\n", text);
	return 0;
}

static int bad_tree(struct skp_host *host, const char *name)
{
	struct skp_tree_entry entry[2] = { { name, 0100644, { { 0 } } },
		                           { name, 040000, { { 0 } } } };
	struct skp_batch *batch;
	struct skp_oid tree;
	int rc = host->batch(host, &batch);

	if (rc)
		return rc;
	rc = host->blob(batch, "", 0, &entry[0].oid);
	if (!rc && strcmp(name, "twice") == 0)
		rc = host->put_tree(batch, NULL, 0, &entry[1].oid);
	else if (strcmp(name, "kind") == 0)
		entry[0].mode = 040000;
	else if (strcmp(name, "unknown") == 0)
		memset(&entry[0].oid, 7, sizeof entry[0].oid);
	if (!rc)
		rc = host->put_tree(batch, entry, strcmp(name, "twice") == 0 ? 2 : 1, &tree);
	host->drop(batch);
	return rc;
}

static int delete_one(struct skp_host *host, const char *name)
{
	struct skp_batch *batch;
	int rc = host->batch(host, &batch);

	if (rc)
		return rc;
	rc = host->remove(batch, name);
	return rc ? (host->drop(batch), rc) : host->store(batch);
}

static int probe(struct skp_host *host, const struct skp_call *call)
{
	const char *what = call->n_arg ? call->arg[0] : "facts";
	const char *one = call->n_arg > 1 ? call->arg[1] : NULL;
	struct skp_entry e;
	int held, rc;
	char *path;

	if (strcmp(what, "put") == 0 || strcmp(what, "race") == 0)
		return put(host, one, call->arg[2], call->arg + 3, call->n_arg - 3, *what == 'r');
	if (strcmp(what, "get") == 0)
		return get(host, one, call->arg[2]);
	if (strcmp(what, "all") == 0)
		return all(host, one ? one : "");
	if (strcmp(what, "delete") == 0)
		return delete_one(host, one);
	if (strcmp(what, "tree") == 0)
		return bad_tree(host, one);
	if (strcmp(what, "entries") == 0)
		return entries(host);
	if (strcmp(what, "run") == 0)
		return execute(host, call);
	if (strcmp(what, "redact") == 0)
		return secrets(host, one);
	if (strcmp(what, "redact-file") == 0)
		return secrets_of(host, one);
	if (strcmp(what, "setting") == 0)
		return settings(host, one);
	if (strcmp(what, "json") == 0)
		return host->json(host, one, strlen(one));
	if (strcmp(what, "save") == 0) {
		rc = host->backup(host, "by probe", one, NULL, &e);
		if (!rc)
			host->print(host, "%s %d\n", e.id, e.is_new);
		return rc;
	}
	if (strcmp(what, "lock") == 0) {
		rc = host->lock(host, one, 0, &held);
		return rc ? rc : host->lock(host, one, 50, &held);
	}
	if (strcmp(what, "rest") == 0)
		return host->rest(host, SKP_CYCLE, 0, NULL);
	if (strcmp(what, "folder") == 0) {
		rc = host->folder(host, (uint32_t)atoi(one), &path);
		if (!rc)
			host->print(host, "%s\n", path);
		return rc;
	}
	return strcmp(what, "facts") == 0 ? facts(host, call) : misbehave(host, what);
}

/* Another git-sk, from within an event: it must not come back to us. */
static int nested(struct skp_host *host)
{
	static const char *const argv[] = { "git", "sk", "backup", NULL };
	struct skp_process p = { 0 };

	p.argv = argv;
	p.flags = SKP_RUN_ERRORS;
	return host->run(host, &p);
}

/* A file of the working tree, with other content each time. */
static int rewrite(struct skp_host *host, const char *name)
{
	struct timespec now;
	FILE *file = fopen(name, "w");

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!file || fprintf(file, "%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec) < 0 ||
	    fclose(file))
		return host->error(host, SKP_EIO, "cannot write %s", name);
	return 0;
}

/* As the settings rest (events), rest_until, rest_path... say, in one of these events. */
static int rest(struct skp_host *host, uint32_t kind)
{
	const char *events = host->setting(host, "rest"),
	           *until = host->setting(host, "rest_until");
	const char *paths[110] = { host->setting(host, "rest_path"), NULL };
	int rc;

	if (!events || !((uint32_t)atoi(events) & kind))
		return 0;
	for (size_t i = 0; host->setting(host, "rest_many") && i < 109; i++)
		paths[i] = "a.txt";
	if (host->setting(host, "rest_touch") && utimensat(AT_FDCWD, paths[0], NULL, 0))
		return SKP_EIO;
	rc = host->rest(host, (uint32_t)atoi(events), until ? atoll(until) : 0, paths);
	if (!rc && host->setting(host, "rest_back"))
		rc = host->rest(host, 0, 0, NULL);
	return rc;
}

static int event(struct skp_host *host, const struct skp_event *e)
{
	const char *log = host->setting(host, "log"), *what = host->setting(host, e->name);
	struct skp_finding found = { "probe-rule", SKP_ERROR, "a.txt", 3, "it is wrong" };
	struct skp_entry entry;
	FILE *file = log ? fopen(log, "a") : NULL;

	if (file) {
		fprintf(file, "%s trigger=%s command=%s id=%s new=%d dry=%d left=%d index=%d\n",
		        e->name, e->trigger, e->command, *e->id ? "yes" : "", e->is_new, e->dry_run,
		        host->time_left(host) > 0, *e->index != '\0');
		fclose(file);
	}
	if (rest(host, e->kind))
		return host->error(host, SKP_EIO, "no rest: %s", host->message(host));
	if (!what)
		return 0;
	if (strcmp(what, "finding") == 0)
		return host->finding(host, &found);
	if (strcmp(what, "check") == 0)
		return host->check(host, "probe_check", SKP_STATUS_FAIL, "it is not well");
	if (strcmp(what, "save") == 0)
		return host->backup(host, "within an event", NULL, NULL, &entry);
	if (strcmp(what, "rewrite") == 0)
		return rewrite(host, e->name);
	return strcmp(what, "nested") == 0 ? nested(host) : misbehave(host, what);
}

static const char *const usage[] = { "WHAT [ARG...] [--level N] [--git] [--limit MS] [-- CMD...]",
	                             NULL };
static const char *const words[] = { "facts", "put", "get", NULL };
static const struct skp_option options[] = { { 'l', "level", "N", "how loud" },
	                                     { 0, "git", NULL, "run: git" },
	                                     { 0, "limit", "MS", "run: for so long" },
	                                     { 0, NULL, NULL, NULL } };
static const struct skp_command commands[] = {
	{ NAME, probe, SKP_NEEDS_NOTHING, SKP_TAKES_JSON | SKP_TAKES_PATHS, "does as it is told",
	  usage, options, words, "First.\n\n.Second begins with a dot." },
	{ NAME "-saved", probe, SKP_NEEDS_ENABLED, 0, "where it is enabled", usage, NULL, NULL,
	  NULL },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL }
};

const struct sk_plugin safekeep_plugin = {
	SK_PLUGIN_HEAD, SKP_PRIVATE, NAME, "2.0", "a plugin for tests", NULL, commands, 511, event
};
