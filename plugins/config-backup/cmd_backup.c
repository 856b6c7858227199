/* cmd_backup.c - `git sk conf backup FILE...` */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf.h"

#define LOCK_MS 10000
#define BAK_TRIES 100

struct todo {
	struct conf *c;
	struct conf_batch *batch;
	struct conf_paths done; /* names of places */
	json_t *files, *failed;
	size_t ok;
	int worst; /* of those that failed */
	bool many; /* files were asked for */
};

json_t *conf_secrets_json(const char *secrets)
{
	json_t *list;
	char *copy, *save = NULL;

	if (strcmp(secrets, "unknown") == 0)
		return json_null();
	list = json_array();
	copy = strdup(secrets);
	if (strcmp(secrets, "none") != 0)
		for (char *p = copy ? strtok_r(copy, " ", &save) : NULL; p;
		     p = strtok_r(NULL, " ", &save))
			(void)json_array_append_new(list, json_string(p));
	free(copy);
	return list;
}

static int failed(struct todo *t, const char *path, int code)
{
	json_t *o = json_pack("{s:o, s:s}", "path", conf_json_path(path), "reason",
	                      t->c->host->text(t->c->host, t->c->host->message(t->c->host)));

	t->worst = code;
	if (json_array_append_new(t->failed, o) != 0)
		return conf_oom(t->c);
	if (!t->c->call->json && t->many)
		t->c->host->warn(t->c->host, "%s", t->c->host->message(t->c->host));
	return 0;
}

static bool is_done(struct todo *t, const char *name)
{
	for (size_t i = 0; i < t->done.n; i++)
		if (strcmp(t->done.item[i], name) == 0)
			return true;
	return false;
}

/* FILE.YYYYMMDD_HHMMSS.bak, or with _2, _3... */
static int make_bak(struct conf *c, const char *path, const struct conf_file *f, char **out)
{
	struct conf_put put = { .meta = &f->meta, .data = f->data, .len = f->len };
	time_t now = (time_t)c->host->now(c->host);
	char stamp[32], *name = NULL;
	struct tm tm;
	int rc = SKP_ENO;

	(void)strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", localtime_r(&now, &tm));
	for (int i = 1; rc == SKP_ENO && i <= BAK_TRIES; i++) {
		free(name);
		if ((i == 1 ? asprintf(&name, "%s.%s.bak", path, stamp)
		            : asprintf(&name, "%s.%s_%d.bak", path, stamp, i)) < 0)
			return conf_oom(c);
		rc = conf_write_new(c, name, &put);
	}
	if (!rc && put.missed[0])
		rc = c->host->error(c->host, SKP_EPARTIAL,
		                    "%s is made, but its %s could not be kept",
		                    c->host->name(c->host, name), put.missed);
	if (!rc || rc == SKP_EPARTIAL)
		*out = name;
	return rc;
}

static int tell(struct todo *t, const struct conf_place *place, const struct conf_saved *saved,
                const char *bak)
{
	struct skp_host *host = t->c->host;
	json_t *o = json_pack("{s:o, s:s, s:b, s:o, s:o}", "path", conf_json_path(place->path),
	                      "id", saved->id, "new", saved->is_new, "secrets",
	                      conf_secrets_json(saved->secrets), "bak",
	                      bak ? conf_json_path(bak) : json_null());

	if (json_array_append_new(t->files, o) != 0)
		return conf_oom(t->c);
	if (t->c->call->json)
		return 0;
	host->print(host, "%s%s%s  %s%s\n", host->style(host, SKP_YELLOW), saved->id,
	            host->style(host, SKP_PLAIN), host->name(host, place->path),
	            saved->is_new ? "" : "  (unchanged, no new version)");
	if (bak)
		host->print(host, "%s\n", host->name(host, bak));
	if (saved->is_new && strcmp(saved->secrets, "unknown") != 0 &&
	    strcmp(saved->secrets, "none") != 0)
		host->note(host, "%s holds secrets (%s); its versions stay on this machine",
		           host->name(host, place->path), saved->secrets);
	return 0;
}

static int add_one(struct todo *t, const char *path)
{
	struct conf *c = t->c;
	struct conf_place place;
	struct conf_saved saved;
	struct conf_file f;
	char *bak = NULL;
	int rc = conf_place(c, path, &place), partial = 0;

	if (rc || is_done(t, place.name))
		return rc;
	rc = conf_paths_add(c, &t->done, place.name);
	if (!rc)
		rc = conf_read_place(c, &place, &f);
	if (rc)
		return rc;
	rc = conf_save_add(t->batch, &place, &f, false, &saved);
	if (!rc && !f.meta.link && skp_has(c->call, "bak")) {
		partial = make_bak(c, place.path, &f, &bak);
		if (partial)
			rc = failed(t, place.path, partial);
	}
	if (!rc)
		rc = tell(t, &place, &saved, bak);
	if (!rc && !partial)
		t->ok++;
	if (!rc && f.meta.link && !f.meta.leads_to) {
		c->host->note(c->host, "%s is a link that leads nowhere",
		              c->host->name(c->host, place.path));
	} else if (!rc && f.meta.link) {
		c->host->note(c->host, "%s is a link to %s: both are backed up",
		              c->host->name(c->host, place.path),
		              c->host->name(c->host, f.meta.leads_to));
		rc = add_one(t, f.meta.leads_to);
	}
	conf_file_clear(&f);
	return rc;
}

int conf_backup(struct conf *c)
{
	const char *why = skp_value(c->call, "message");
	struct todo t = { .c = c, .files = json_array(), .failed = json_array() };
	struct conf_paths paths = { 0 };
	int rc = conf_arguments(c, 1, &paths);

	if (!rc && !paths.n)
		rc = c->host->error(c->host, SKP_EUSAGE, "which files? git sk conf backup FILE...");
	if (!rc && (!t.files || !t.failed))
		rc = conf_oom(c);
	if (!rc)
		rc = conf_save_begin(c, why ? why : "by hand", LOCK_MS, &t.batch);
	t.many = paths.n > 1;
	for (size_t i = 0; !rc && i < paths.n; i++) {
		int one = add_one(&t, paths.item[i]);

		if (one)
			rc = failed(&t, paths.item[i], one);
	}
	if (t.batch && rc)
		conf_save_drop(t.batch);
	else if (t.batch)
		rc = conf_save_end(t.batch);
	if (!rc && c->call->json)
		rc = conf_json_out(c,
		                   json_pack("{s:O, s:O}", "files", t.files, "failed", t.failed));
	if (!rc && t.worst) {
		rc = t.ok ? SKP_EPARTIAL : t.worst;
		if (t.many)
			return c->host->error(c->host, rc, "%zu of them could not be backed up",
			                      json_array_size(t.failed));
	}
	return rc;
}
