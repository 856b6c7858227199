/* cmd_restore.c - `git sk conf restore FILE`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

#define TRIES 3

struct job {
	struct conf *c;
	const struct conf_version *version;
	struct conf_file want;
	char *safety; /* the version that holds what was there; NULL: nothing was */
	bool unchanged;
	char missed[256];
};

static bool is_as_wanted(const struct conf_file *want, const struct conf_file *now)
{
	struct conf_drift drift;

	return !conf_meta_differs(&want->meta, &now->meta, &drift) && want->len == now->len &&
	       (!want->len || memcmp(want->data, now->data, want->len) == 0);
}

/* What is there is stored, then replaced if it is still the same. */
static int replace(struct job *j, const struct conf_place *place)
{
	struct conf_put put = { .meta = &j->want.meta, .data = j->want.data, .len = j->want.len };
	struct conf *c = j->c;
	struct conf_saved saved;
	struct conf_file now;
	struct stat st = { 0 };
	int rc = conf_read_place(c, place, &now);

	if (rc && rc != SKP_ENO)
		return rc;
	if (!rc) {
		st = now.st;
		j->unchanged = is_as_wanted(&j->want, &now);
		rc = conf_save_one(c, place, &now, "before a restore", false, &saved);
		conf_file_clear(&now);
		if (rc)
			return rc;
		j->safety = saved.id;
		if (j->unchanged)
			return 0;
	}
	put.expect = &st;
	rc = conf_write(c, place->path, &put);
	if (!rc)
		memcpy(j->missed, put.missed, sizeof j->missed);
	return rc;
}

/* So that `check` compares with what was restored. */
static int save_result(struct job *j, const struct conf_place *place)
{
	struct conf_saved saved;
	struct conf_file now;
	char *why = NULL;
	int rc = conf_read_place(j->c, place, &now);

	if (!rc && asprintf(&why, "restored from %s", j->version->id) < 0)
		rc = conf_oom(j->c);
	if (!rc)
		rc = conf_save_one(j->c, place, &now, why, false, &saved);
	free(why);
	return rc;
}

static int restore_locked(struct job *j, const struct conf_place *place)
{
	int rc = SKP_EBUSY;

	for (int i = 0; rc == SKP_EBUSY && i < TRIES; i++)
		rc = replace(j, place);
	if (!rc && !j->unchanged)
		rc = save_result(j, place);
	return rc;
}

static int tell(struct job *j, const struct conf_place *place, json_t *list)
{
	struct skp_host *host = j->c->host;
	json_t *o = json_pack("{s:o, s:s, s:s?, s:b, s:s}", "path", conf_json_path(place->path),
	                      "target", j->version->id, "safety_backup", j->safety, "unchanged",
	                      j->unchanged, "missed", j->missed);

	if (!o || json_array_append_new(list, o) != 0)
		return conf_oom(j->c);
	if (j->c->call->json)
		return 0;
	if (j->unchanged)
		host->print(host, "%s is as in %s already\n", host->name(host, place->path),
		            j->version->id);
	else
		host->print(host, "%s is as in %s of %s\n", host->name(host, place->path),
		            j->version->id, conf_time(j->version->created));
	if (j->safety && !j->unchanged)
		host->print(host, "what was there is %s\n", j->safety);
	if (j->missed[0])
		host->warn(host,
		           "%s: the %s could not be set by this user; its mode gives nobody more "
		           "than before",
		           host->name(host, place->path), j->missed);
	return 0;
}

/* Without --at: the newest that is not what is there; the newest when there is none. */
static int choose(struct job *j, const struct conf_place *place, const struct conf_versions *v,
                  const char *at, bool newest)
{
	struct conf_file now = { 0 };
	int rc = conf_version_at(j->c, place, v, at, &j->version);

	if (rc)
		return rc;
	if (!at && !newest)
		rc = conf_read_place(j->c, place, &now);
	if (at || newest || rc)
		return rc && rc != SKP_ENO ? rc : conf_version_read(j->c, j->version, &j->want);
	for (size_t i = 0; i < v->n; i++) {
		if (conf_version_read(j->c, &v->item[i], &j->want))
			continue; /* a damaged one */
		if (!is_as_wanted(&j->want, &now)) {
			j->version = &v->item[i];
			conf_file_clear(&now);
			return 0;
		}
		conf_file_clear(&j->want);
	}
	conf_file_clear(&now);
	return conf_version_read(j->c, j->version, &j->want);
}

/* `link`: what led to it, in a link that was restored just now; NULL: it was asked for. */
static int restore_one(struct conf *c, const char *typed, const struct job *link, json_t *list,
                       bool *missed)
{
	const char *at = skp_value(c->call, "at");
	struct conf_versions v;
	struct conf_place place;
	struct job j = { .c = c };
	char machine[256];
	int lock = -1, rc = conf_find(c, typed, &place, &v);

	if (!rc)
		rc = choose(&j, &place, &v, at, link && !link->unchanged);
	if (!rc)
		rc = conf_lock(c, &place, &lock);
	if (rc)
		return rc;
	if (j.want.meta.machine && gethostname(machine, sizeof machine) == 0 &&
	    strcmp(machine, j.want.meta.machine) != 0)
		c->host->note(c->host, "%s is from the machine %s", j.version->id,
		              c->host->text(c->host, j.want.meta.machine));
	rc = restore_locked(&j, &place);
	c->host->unlock(c->host, lock);
	if (!rc)
		rc = tell(&j, &place, list);
	*missed = *missed || j.missed[0];
	/* A link comes back with the file that it led to, as that was last: going further back is
	 * for a link that is as it should be. */
	if (!rc && j.want.meta.link && j.want.meta.leads_to && !link)
		rc = restore_one(c, j.want.meta.leads_to, &j, list, missed);
	return rc;
}

/* One that failed among many: it is named, and the others go on. */
static int name_failed(struct conf *c, const char *typed, json_t *failed)
{
	const char *why = c->host->text(c->host, c->host->message(c->host));
	json_t *o = json_pack("{s:o, s:o}", "path", conf_json_path(typed), "reason",
	                      conf_json_bytes(why));

	if (!c->call->json)
		c->host->warn(c->host, "%s", c->host->message(c->host));
	return json_array_append_new(failed, o) != 0 ? conf_oom(c) : 0;
}

int conf_restore(struct conf *c)
{
	struct conf_paths paths = { 0 };
	json_t *list = json_array(), *failed = json_array();
	bool missed = false;
	int rc = list && failed ? conf_arguments(c, 1, &paths) : conf_oom(c), worst = 0;
	size_t n = 0;

	if (!rc && !paths.n)
		rc = c->host->error(c->host, SKP_EUSAGE, "which file? git sk conf restore FILE");
	for (size_t i = 0; !rc && i < paths.n; i++) {
		int one = restore_one(c, paths.item[i], NULL, list, &missed);

		n += one != 0;
		worst = one ? one : worst;
		if (one && paths.n > 1)
			rc = name_failed(c, paths.item[i], failed);
	}
	if (!rc && c->call->json && (!n || paths.n > 1))
		rc = conf_json_out(c, json_pack("{s:O, s:O}", "files", list, "failed", failed));
	if (rc || (n && paths.n == 1))
		return rc ? rc : worst;
	if (n)
		return c->host->error(c->host, n < paths.n ? SKP_EPARTIAL : worst,
		                      "%zu of %zu files could not be restored", n, paths.n);
	if (missed)
		return c->host->error(c->host, SKP_EPARTIAL,
		                      "restored, but not with all attributes");
	return 0;
}
