/* watch.c - patterns of files that are backed up by themselves, after each backup and in each round
 * of the service, when they have changed.
 *
 * The patterns are the record `watch`: a file of JSON, {"patterns": [{"tree": PATTERN},
 * {"host": PATTERN}]}; those in the tree count in each worktree.  What the files looked
 * like when they were read last is in the worktree's own folder, by a hash of the path, so that an
 * unchanged file costs one lstat. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

#define RECORD "watch"
#define FILE_NAME "patterns"
/* Of an event's time: for the end, and for each new version, whose ref git writes and syncs. */
#define LEAVE_MS 400
#define VERSION_MS 25
#define VERSIONS_MAX 500 /* of one round */

/* Patterns */

static int read_patterns(struct conf *c, json_t **out)
{
	struct skp_record r;
	struct skp_tree_entry e;
	void *data = NULL;
	size_t len = 0;
	json_t *o, *list;
	int rc = c->host->record(c->host, RECORD, &r);

	if (rc == SKP_ENO) {
		*out = json_array();
		return *out ? 0 : conf_oom(c);
	}
	if (!rc)
		rc = c->host->find(c->host, &r.tree, FILE_NAME, &e);
	if (!rc)
		rc = c->host->read(c->host, &e.oid, NULL, &data, &len);
	if (rc)
		return rc;
	o = json_loadb(data, len, 0, NULL);
	list = json_object_get(o, "patterns");
	if (!json_is_array(list)) {
		json_decref(o);
		return c->host->error(c->host, SKP_EDAMAGED,
		                      "the record of watched patterns is damaged");
	}
	json_incref(list);
	json_decref(o);
	*out = list;
	return 0;
}

static int write_patterns(struct conf *c, json_t *list)
{
	struct skp_tree_entry e = { FILE_NAME, 0100644, { { 0 } } };
	struct skp_record r = { .name = RECORD, .title = "patterns of watched files" };
	json_t *o = json_pack("{s:O}", "patterns", list);
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	struct skp_batch *batch = NULL;
	int rc = text ? c->host->batch(c->host, &batch) : conf_oom(c);

	if (!rc)
		rc = c->host->blob(batch, text, strlen(text), &e.oid);
	if (!rc)
		rc = c->host->put_tree(batch, &e, 1, &r.tree);
	if (!rc)
		rc = c->host->put(batch, &r);
	if (!rc)
		rc = c->host->store(batch);
	else if (batch)
		c->host->drop(batch);
	json_decref(o);
	free(text);
	return rc;
}

/* The bytes of a JSON path, or NULL. */
static char *bytes_of(const json_t *v)
{
	const char *coded = json_string_value(json_object_get(v, "bytes"));
	size_t len = 0;
	char *text;

	if (json_is_string(v))
		return strdup(json_string_value(v));
	text = coded ? conf_unbase64(coded, &len) : NULL;
	if (text)
		text[len] = '\0';
	return text;
}

/* Absolute, here; NULL: it is none. */
static char *pattern_of(struct conf *c, const json_t *o)
{
	char *text = bytes_of(json_object_get(o, "host")), *full = NULL;

	if (text)
		return *text == '/' ? text : NULL;
	text = bytes_of(json_object_get(o, "tree"));
	if (text && asprintf(&full, "%s/%s", c->host->worktree, text) < 0)
		full = NULL;
	free(text);
	return full;
}

int conf_watch_patterns(struct conf *c, struct conf_paths *out)
{
	json_t *list = NULL, *o;
	size_t i;
	int rc = read_patterns(c, &list);

	if (rc)
		return rc;
	json_array_foreach(list, i, o)
	{
		char *pattern = pattern_of(c, o);

		if (pattern && !rc)
			rc = conf_paths_add(c, out, pattern);
		free(pattern);
	}
	json_decref(list);
	return rc;
}

/* What was typed: resolved up to its first word with a wildcard. */
static int typed_pattern(struct conf *c, const char *typed, json_t **out)
{
	size_t wild = strcspn(typed, "*?[\\"), cut = wild, len;
	const char *tree = c->host->worktree;
	struct conf_place place = { 0 };
	char *head, *full = NULL;
	int rc = 0;

	while (typed[wild] && cut && typed[cut - 1] != '/')
		cut--;
	head = strndup(typed, cut);
	if (!head)
		return conf_oom(c);
	/* any name in the folder that the pattern begins in leads to that folder */
	if (!typed[wild])
		rc = conf_place(c, typed, &place);
	else if (asprintf(&full, "%s%s", head, "x") < 0)
		rc = conf_oom(c);
	else if (!(rc = conf_place(c, full, &place)))
		place.path[strlen(place.path) - 2] = '\0';
	if (rc)
		return rc;
	free(full);
	if (asprintf(&full, "%s%s%s", place.path, typed[wild] ? "/" : "",
	             typed[wild] ? typed + cut : "") < 0)
		return conf_oom(c);
	len = strlen(tree);
	if (strncmp(full, tree, len) == 0 && full[len] == '/')
		*out = json_pack("{s:o}", "tree", conf_json_path(full + len + 1));
	else
		*out = json_pack("{s:o}", "host", conf_json_path(full));
	free(head);
	free(full);
	return *out ? 0 : conf_oom(c);
}

static size_t index_of(const json_t *list, const json_t *pattern)
{
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o) if (json_equal(o, pattern)) break;
	return i;
}

static int change(struct conf *c, bool add)
{
	struct conf_paths paths = { 0 };
	json_t *list = NULL, *p = NULL;
	int lock = -1, rc = conf_arguments(c, 2, &paths);

	if (!rc && !paths.n)
		rc = c->host->error(c->host, SKP_EUSAGE, "which? git sk conf watch %s PATTERN...",
		                    add ? "add" : "remove");
	if (!rc)
		rc = c->host->lock(c->host, "watch", 10000, &lock);
	if (!rc)
		rc = read_patterns(c, &list);
	for (size_t i = 0; !rc && i < paths.n; i++) {
		size_t at;

		rc = typed_pattern(c, paths.item[i], &p);
		if (rc)
			break;
		at = index_of(list, p);
		if (add && at == json_array_size(list))
			rc = json_array_append_new(list, p) == 0 ? 0 : conf_oom(c);
		else if (!add && at == json_array_size(list))
			rc = c->host->error(c->host, SKP_ENO,
			                    "%s is not watched; see 'git sk conf "
			                    "watch list'",
			                    c->host->name(c->host, paths.item[i]));
		else if (!add)
			(void)json_array_remove(list, at);
		else
			c->host->note(c->host, "%s is watched already",
			              c->host->name(c->host, paths.item[i]));
	}
	if (!rc)
		rc = write_patterns(c, list);
	if (lock >= 0)
		c->host->unlock(c->host, lock);
	json_decref(list);
	return rc;
}

static int list_patterns(struct conf *c)
{
	struct conf_paths patterns = { 0 };
	json_t *list = json_array();
	int rc = list ? conf_watch_patterns(c, &patterns) : conf_oom(c);

	for (size_t i = 0; !rc && i < patterns.n; i++) {
		struct conf_paths files = { 0 };

		rc = conf_glob(c, patterns.item[i], &files);
		if (rc)
			break;
		if (c->call->json)
			(void)json_array_append_new(list,
			                            json_pack("{s:o, s:I}", "pattern",
			                                      conf_json_path(patterns.item[i]),
			                                      "files", (json_int_t)files.n));
		else if (c->call->nul)
			c->host->write(c->host, patterns.item[i], strlen(patterns.item[i]) + 1);
		else
			c->host->print(c->host, "%s  (%zu file%s)\n",
			               c->host->name(c->host, patterns.item[i]), files.n,
			               files.n == 1 ? "" : "s");
	}
	if (!rc && c->call->json)
		return conf_json_out(c, json_pack("{s:o}", "patterns", list));
	if (!rc && !patterns.n && !c->call->nul)
		c->host->note(c->host, "nothing is watched; git sk conf watch add PATTERN");
	json_decref(list);
	return rc;
}

/* What was seen */

struct seen {
	uint64_t key;
	long long dev, ino, size, mtime, mtime_ns, ctime, ctime_ns;
};

struct seen_list {
	struct seen *item;
	size_t n;
};

static int by_key(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static int add_seen(struct conf *c, struct seen_list *list, const struct seen *s)
{
	struct seen *grown;

	if ((list->n & (list->n - 1)) == 0) {
		grown = realloc(list->item, (list->n ? 2 * list->n : 1) * sizeof *grown);
		if (!grown)
			return conf_oom(c);
		list->item = grown;
	}
	list->item[list->n++] = *s;
	return 0;
}

static char *seen_path(struct conf *c)
{
	char *folder = NULL, *path = NULL;

	if (c->host->folder(c->host, SKP_FOLDER_LOCAL, &folder) ||
	    asprintf(&path, "%s/seen", folder) < 0)
		return NULL;
	return path;
}

static void read_seen(struct conf *c, struct seen_list *out)
{
	char *path = seen_path(c), line[256];
	FILE *in = path ? fopen(path, "re") : NULL;

	while (in && fgets(line, sizeof line, in)) {
		struct seen s;
		unsigned long long key;

		if (sscanf(line, "%llx %lld %lld %lld %lld %lld %lld %lld", &key, &s.dev, &s.ino,
		           &s.size, &s.mtime, &s.mtime_ns, &s.ctime, &s.ctime_ns) != 8)
			continue;
		s.key = key;
		if (add_seen(c, out, &s))
			break;
	}
	if (in)
		(void)fclose(in);
	free(path);
	if (out->n)
		qsort(out->item, out->n, sizeof *out->item, by_key);
}

static struct seen look(const char *path, const struct stat *st)
{
	return (struct seen){ conf_hash(path, strlen(path), 0),
		              (long long)st->st_dev,
		              (long long)st->st_ino,
		              (long long)st->st_size,
		              (long long)st->st_mtim.tv_sec,
		              (long long)st->st_mtim.tv_nsec,
		              (long long)st->st_ctim.tv_sec,
		              (long long)st->st_ctim.tv_nsec };
}

static bool is_seen(const struct seen_list *list, const struct seen *s)
{
	const struct seen *old =
	        list->n ? bsearch(s, list->item, list->n, sizeof *s, by_key) : NULL;

	return old && old->dev == s->dev && old->ino == s->ino && old->size == s->size &&
	       old->mtime == s->mtime && old->mtime_ns == s->mtime_ns && old->ctime == s->ctime &&
	       old->ctime_ns == s->ctime_ns;
}

/* One that cannot be written costs time, nothing else. */
static void write_seen(struct conf *c, const struct seen_list *list)
{
	char *path = seen_path(c), *temp = NULL;
	FILE *out = path && asprintf(&temp, "%s.new", path) >= 0 ? fopen(temp, "we") : NULL;

	for (size_t i = 0; out && i < list->n; i++) {
		const struct seen *s = &list->item[i];

		(void)fprintf(out, "%llx %lld %lld %lld %lld %lld %lld %lld\n",
		              (unsigned long long)s->key, s->dev, s->ino, s->size, s->mtime,
		              s->mtime_ns, s->ctime, s->ctime_ns);
	}
	if (out && fclose(out) == 0)
		(void)rename(temp, path);
	free(temp);
	free(path);
}

/* Rest: by the record's ref, loose or packed; what changes it is a command of ours, or git. */

int conf_rest(struct conf *c, uint32_t events)
{
	char *ref = NULL, *packed = NULL;
	const char *paths[3] = { NULL };
	int rc = 0;

	if (asprintf(&ref, "%s/refs/sk/conf/" RECORD, c->host->commondir) < 0 ||
	    asprintf(&packed, "%s/packed-refs", c->host->commondir) < 0)
		rc = conf_oom(c);
	paths[0] = ref;
	paths[1] = packed;
	if (!rc)
		rc = c->host->rest(c->host, events, 0, paths);
	free(ref);
	free(packed);
	return rc;
}

int conf_wake(struct conf *c)
{
	return c->host->rest(c->host, 0, 0, NULL);
}

/* The round */

struct round {
	struct conf *c;
	struct conf_batch *batch;
	struct seen_list old, now;
	bool looked; /* at more than times */
	int64_t wait_ms;
};

static int save_path(struct round *r, const char *path)
{
	struct conf_saved saved;
	struct conf_place place;
	struct conf_file f;
	int rc = conf_place(r->c, path, &place);

	if (!rc && !r->batch)
		rc = conf_save_begin(r->c, "watched", r->wait_ms, &r->batch);
	r->looked = true;
	if (rc)
		return rc;
	rc = conf_read_place(r->c, &place, &f);
	if (rc == SKP_EIO || rc == SKP_ENO || rc == SKP_EREFUSED || rc == SKP_EBUSY)
		return SKP_ENO; /* `watch list`, `check` and health speak of it */
	if (!rc)
		rc = conf_save_add(r->batch, &place, &f, false, &saved);
	conf_file_clear(&f);
	return rc;
}

static int round_path(struct round *r, const char *path)
{
	struct stat st;
	struct seen s;
	char *target;
	int rc;

	if (lstat(path, &st) < 0)
		return 0;
	s = look(path, &st);
	if (!is_seen(&r->old, &s)) {
		rc = save_path(r, path);
		if (rc)
			return rc == SKP_ENO ? 0 : rc;
		/* it may change again without showing it in its times */
		if (st.st_ctim.tv_sec + 1 >= r->c->host->now(r->c->host))
			s.ino = -1;
	}
	rc = add_seen(r->c, &r->now, &s);
	if (rc)
		return rc;
	if (!S_ISLNK(st.st_mode) || !(target = realpath(path, NULL)))
		return 0;
	rc = stat(target, &st) == 0 && S_ISREG(st.st_mode) ? round_path(r, target) : 0;
	free(target);
	return rc;
}

static bool is_time(const struct round *r)
{
	int64_t left = r->c->host->time_left(r->c->host);
	int64_t n = r->batch ? (int64_t)conf_save_count(r->batch) : 0;

	return left < 0 || (n < VERSIONS_MAX && left > LEAVE_MS + VERSION_MS * n);
}

/* What was not looked at in this round is as it was before. */
static int keep_others(struct round *r)
{
	size_t n = r->now.n;
	int rc = 0;

	if (n)
		qsort(r->now.item, n, sizeof *r->now.item, by_key);
	for (size_t i = 0; !rc && i < r->old.n; i++)
		if (!n || !bsearch(&r->old.item[i], r->now.item, n, sizeof *r->now.item, by_key))
			rc = add_seen(r->c, &r->now, &r->old.item[i]);
	return rc;
}

int conf_watch_run(struct conf *c, int64_t wait_ms)
{
	struct conf_paths patterns = { 0 }, files = { 0 };
	struct round r = { .c = c, .wait_ms = wait_ms };
	bool whole = true;
	int rc = conf_watch_patterns(c, &patterns);

	if (!rc && patterns.n)
		rc = conf_wake(c);
	for (size_t i = 0; !rc && i < patterns.n; i++)
		rc = conf_glob(c, patterns.item[i], &files);
	if (!rc && files.n)
		read_seen(c, &r.old);
	for (size_t i = 0; !rc && i < files.n && whole; i++) {
		whole = is_time(&r); /* the rest is for the next round */
		if (whole)
			rc = round_path(&r, files.item[i]);
	}
	if (r.batch && rc)
		conf_save_drop(r.batch);
	else if (r.batch)
		rc = conf_save_end(r.batch);
	if (!rc && !whole)
		rc = keep_others(&r);
	if (!rc && r.looked)
		write_seen(c, &r.now);
	free(r.old.item);
	free(r.now.item);
	/* another process is storing: then so may the next round */
	return rc == SKP_EBUSY ? 0 : rc;
}

int conf_watch(struct conf *c)
{
	const char *what = c->call->n_arg > 1 ? c->call->arg[1] : "list";
	int rc;

	if (strcmp(what, "list") == 0)
		return list_patterns(c);
	if (strcmp(what, "add") != 0 && strcmp(what, "remove") != 0)
		return c->host->error(c->host, SKP_EUSAGE, "%s is not one of add, remove, list",
		                      c->host->name(c->host, what));
	rc = change(c, *what == 'a');
	if (!rc && *what == 'a')
		rc = conf_watch_run(c, 10000);
	return rc || !c->call->json ? rc : list_patterns(c);
}
