/* cmd_check.c - `git sk conf check`: in what files differ from their newest version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

struct checked {
	struct conf *c;
	json_t *files;
	size_t n, drifted, unread, damaged;
};

static int say(struct checked *k, const char *path, const struct conf_version *v, json_t *drift,
               const char *reason)
{
	struct conf *c = k->c;
	json_t *item;
	size_t i;

	k->n++;
	if (reason)
		k->unread++;
	else if (json_array_size(drift))
		k->drifted++;
	if (!c->call->json && reason) {
		c->host->warn(c->host, "%s", reason);
	} else if (!c->call->json && json_array_size(drift)) {
		c->host->print(c->host, "%s: %s", c->host->name(c->host, path),
		               c->host->style(c->host, SKP_RED));
		json_array_foreach(drift, i, item)
		        c->host->print(c->host, "%s%s", i ? ", " : "", json_string_value(item));
		c->host->print(c->host, "%s  (since %s)\n", c->host->style(c->host, SKP_PLAIN),
		               v->id);
	}
	if (json_array_append_new(k->files, json_pack("{s:o, s:s, s:o, s:s?}", "path",
	                                              conf_json_path(path), "version", v->id,
	                                              "drift", drift, "unreadable", reason)) != 0)
		return conf_oom(c);
	return 0;
}

static void note(json_t *list, bool is, const char *word)
{
	if (is)
		(void)json_array_append_new(list, json_string(word));
}

json_t *conf_drift_json(struct conf *c, const struct conf_file *was, const struct conf_file *now)
{
	json_t *list = json_array();
	const char *name = NULL;
	struct conf_drift d;
	char *text = NULL;

	(void)conf_meta_differs(&was->meta, &now->meta, &d);
	note(list, d.kind, "kind");
	note(list,
	     !d.kind && (was->len != now->len ||
	                 (was->len && memcmp(was->data, now->data, was->len) != 0)),
	     was->meta.link ? "target" : "content");
	note(list, d.mode, "mode");
	note(list, d.owner, "owner");
	note(list, d.group, "group");
	while (d.xattr && (name = conf_meta_other_xattr(&was->meta, &now->meta, name))) {
		if (asprintf(&text, "xattr %s", c->host->name(c->host, name)) >= 0)
			note(list, true, text);
		free(text);
		text = NULL;
	}
	return list;
}

static int check_one(struct checked *k, const struct conf_place *place,
                     const struct conf_version *v)
{
	struct conf *c = k->c;
	struct conf_file was, now;
	json_t *drift = NULL;
	const char *reason = NULL;
	int rc = conf_version_read(c, v, &was);

	if (rc == SKP_EDAMAGED) { /* the others are checked all the same */
		reason = c->host->text(c->host, c->host->message(c->host));
		k->damaged++;
		return say(k, place->path, v, json_array(), reason);
	}
	if (rc)
		return rc;
	rc = conf_read_place(c, place, &now);
	if (!rc) {
		drift = conf_drift_json(c, &was, &now);
		conf_file_clear(&now);
	} else if (rc == SKP_ENO) {
		drift = json_pack("[s]", "missing");
	} else if (rc == SKP_EREFUSED) {
		drift = json_pack("[s]", "kind");
	} else {
		drift = json_array();
		reason = c->host->text(c->host, c->host->message(c->host));
	}
	conf_file_clear(&was);
	return drift ? say(k, place->path, v, drift, reason) : conf_oom(c);
}

static int check_typed(struct checked *k, const struct conf_paths *paths)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < paths->n; i++) {
		struct conf_versions v;
		struct conf_place place;

		rc = conf_find(k->c, paths->item[i], &place, &v);
		if (!rc)
			rc = check_one(k, &place, &v.item[0]);
	}
	return rc;
}

int conf_check(struct conf *c)
{
	struct checked k = { .c = c, .files = json_array() };
	struct conf_paths paths = { 0 };
	struct conf_known *known = NULL;
	size_t n = 0;
	int rc = k.files ? conf_arguments(c, 1, &paths) : conf_oom(c);

	if (!rc && paths.n)
		rc = check_typed(&k, &paths);
	else if (!rc)
		rc = conf_known(c, &known, &n);
	for (size_t i = 0; !rc && i < n; i++)
		rc = check_one(&k, &known[i].place, &known[i].versions.item[0]);
	if (!rc && c->call->json)
		rc = conf_json_out(c, json_pack("{s:b, s:O}", "same", !k.drifted && !k.unread,
		                                "files", k.files));
	else if (!rc && !k.drifted && !k.unread)
		c->host->note(c->host, "%zu file%s: as in the newest version", k.n,
		              k.n == 1 ? "" : "s");
	if (!rc && k.damaged)
		return c->host->error(
		        c->host, SKP_EDAMAGED,
		        "%zu of %zu files have a newest version that is damaged; back "
		        "them up again",
		        k.damaged, k.n);
	if (!rc && k.drifted)
		return c->host->error(c->host, SKP_ENO, "%zu of %zu files differ", k.drifted, k.n);
	if (!rc && k.unread)
		return c->host->error(c->host, SKP_EPARTIAL, "%zu of %zu files could not be read",
		                      k.unread, k.n);
	return rc;
}
