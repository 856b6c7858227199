/* version.c - versions: finding, reading, retention.  save.c stores them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define STAMP 16 /* YYYYMMDDTHHMMSSZ */

/* "20261123T140506Z-2": the stamp by its characters, then the number. */
static int compare_ids(const char *a, const char *b)
{
	int cmp = strncmp(a, b, STAMP);
	unsigned long x, y;

	if (cmp || strlen(a) < STAMP || strlen(b) < STAMP)
		return cmp;
	x = a[STAMP] == '-' ? strtoul(a + STAMP + 1, NULL, 10) : 1;
	y = b[STAMP] == '-' ? strtoul(b + STAMP + 1, NULL, 10) : 1;
	return x < y ? -1 : x > y;
}

/* By file, and the newest first. */
static int by_age(const void *a, const void *b)
{
	const struct conf_version *x = a, *y = b;
	size_t n = strcspn(x->record, "@"), m = strcspn(y->record, "@"), least = n < m ? n : m;
	int cmp = memcmp(x->record, y->record, least);

	if (cmp || n != m)
		return cmp ? cmp : n < m ? -1 : 1;
	return compare_ids(y->id, x->id);
}

static const char *trailer(const struct skp_record *r, const char *key)
{
	for (size_t i = 0; i < r->n_trailers; i++)
		if (strcmp(r->trailer[i].key, key) == 0)
			return r->trailer[i].value;
	return NULL;
}

static int take_records(struct conf *c, const char *prefix, struct conf_versions *out)
{
	struct skp_record *list = NULL;
	size_t n = 0;
	int rc = c->host->records(c->host, prefix, &list, &n);

	if (rc)
		return rc;
	out->n = 0;
	out->item = calloc(n + 1, sizeof *out->item);
	if (!out->item)
		return conf_oom(c);
	for (size_t i = 0; i < n; i++) {
		struct conf_version *v = &out->item[out->n];
		const char *at = strchr(list[i].name, '@'), *secrets;

		if (!at)
			continue;
		secrets = trailer(&list[i], "Conf-Secrets");
		*v = (struct conf_version){ .record = strdup(list[i].name),
			                    .created = list[i].created,
			                    .why = list[i].title,
			                    .secrets = secrets ? secrets : "unknown",
			                    .tree = list[i].tree,
			                    .damaged = list[i].damaged };
		if (!v->record)
			return conf_oom(c);
		v->id = v->record + (at - list[i].name) + 1;
		out->n++;
	}
	if (out->n)
		qsort(out->item, out->n, sizeof *out->item, by_age);
	return 0;
}

int conf_versions(struct conf *c, const char *name, struct conf_versions *out)
{
	char *prefix = NULL;
	int rc;

	if (asprintf(&prefix, "%s@", name) < 0)
		return conf_oom(c);
	rc = take_records(c, prefix, out);
	free(prefix);
	return rc;
}

int conf_versions_all(struct conf *c, struct conf_versions *out)
{
	return take_records(c, "", out);
}

struct conf_versions conf_versions_in(const struct conf_versions *all, const char *name)
{
	size_t low = 0, high = all->n, len = strlen(name), end;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const char *x = all->item[mid].record;
		size_t n = strcspn(x, "@");
		int cmp = memcmp(x, name, n < len ? n : len);

		if (cmp ? cmp < 0 : n < len)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < all->n; end++)
		if (strncmp(all->item[end].record, name, len) != 0 ||
		    all->item[end].record[len] != '@')
			break;
	return (struct conf_versions){ all->item + low, end - low };
}

/* The path of these versions; NULL: they are another worktree's. */
static char *path_of(struct conf *c, const struct conf_versions *v)
{
	char *path = conf_name_path(c, v->item[0].record);
	struct conf_place again;
	struct conf_meta meta;

	if (path || strncmp(v->item[0].record, "long/", 5) != 0)
		return path;
	for (size_t i = 0; i < v->n; i++)
		if (!v->item[i].damaged && conf_version_meta(c, &v->item[i], &meta) == 0) {
			size_t len = strcspn(v->item[i].record, "@");

			/* its own worktree gives it that very name, and no other does */
			if (conf_place_exact(c, meta.path, &again) == 0 &&
			    strlen(again.name) == len &&
			    strncmp(again.name, v->item[i].record, len) == 0)
				return meta.path;
			break;
		}
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct conf_known *)a)->place.path,
	              ((const struct conf_known *)b)->place.path);
}

int conf_known(struct conf *c, struct conf_known **out, size_t *n)
{
	struct conf_versions all = { 0 };
	struct conf_known *list;
	size_t k = 0;
	int rc = take_records(c, "", &all);

	if (rc)
		return rc;
	list = calloc(all.n + 1, sizeof *list);
	if (!list)
		return conf_oom(c);
	for (size_t i = 0, next; i < all.n; i = next) {
		const char *name = all.item[i].record;
		size_t len = strcspn(name, "@") + 1;
		struct conf_known *known = &list[k];

		for (next = i + 1; next < all.n; next++)
			if (strncmp(all.item[next].record, name, len) != 0)
				break;
		known->versions = (struct conf_versions){ all.item + i, next - i };
		known->place.path = path_of(c, &known->versions);
		if (!known->place.path)
			continue;
		known->place.name = strndup(name, len - 1);
		if (!known->place.name)
			return conf_oom(c);
		k++;
	}
	if (k)
		qsort(list, k, sizeof *list, by_path);
	*out = list;
	*n = k;
	return 0;
}

static bool is_id(const char *text)
{
	return strlen(text) >= 9 && strspn(text, "0123456789") == 8 && text[8] == 'T' &&
	       strspn(text + 9, "0123456789Z-") == strlen(text + 9);
}

static int by_id(struct conf *c, const struct conf_place *place, const struct conf_versions *v,
                 const char *id, const struct conf_version **out)
{
	const struct conf_version *found = NULL;

	for (size_t i = 0; i < v->n; i++) {
		if (strcmp(v->item[i].id, id) == 0) {
			*out = &v->item[i];
			return 0;
		}
		if (strncmp(v->item[i].id, id, strlen(id)) != 0)
			continue;
		if (found)
			return c->host->error(c->host, SKP_EUSAGE,
			                      "%s begins more than one version's id: %s and %s", id,
			                      v->item[i].id, found->id);
		found = &v->item[i];
	}
	if (!found)
		return c->host->error(c->host, SKP_ENO,
		                      "%s has no version %s; see 'git sk conf "
		                      "list'",
		                      c->host->name(c->host, place->path), id);
	*out = found;
	return 0;
}

int conf_version_at(struct conf *c, const struct conf_place *place, const struct conf_versions *v,
                    const char *at, const struct conf_version **out)
{
	int64_t when = 0;
	int rc;

	if (!at) {
		*out = &v->item[0];
		return 0;
	}
	if (is_id(at))
		return by_id(c, place, v, at, out);
	rc = c->host->parse_date(c->host, at, &when);
	if (rc)
		return rc;
	for (size_t i = 0; i < v->n; i++)
		if (v->item[i].created <= when) {
			*out = &v->item[i];
			return 0;
		}
	return c->host->error(c->host, SKP_ENO, "%s has no version that old; the oldest is of %s",
	                      c->host->name(c->host, place->path),
	                      conf_time(v->item[v->n - 1].created));
}

static int damaged(struct conf *c, const struct conf_version *v, const char *why)
{
	return c->host->error(c->host, SKP_EDAMAGED, "version %s is damaged: %s",
	                      c->host->name(c->host, v->record), why);
}

static int read_part(struct conf *c, const struct conf_version *v, const char *part, char **data,
                     size_t *len)
{
	struct skp_tree_entry e;
	uint32_t type = 0;
	void *got = NULL;
	int rc;

	if (v->damaged)
		return damaged(c, v, "its record cannot be read");
	rc = c->host->find(c->host, &v->tree, part, &e);
	if (rc == SKP_ENO)
		return damaged(c, v, "it is not whole");
	if (!rc)
		rc = c->host->read(c->host, &e.oid, &type, &got, len);
	if (!rc && type != SKP_BLOB)
		return damaged(c, v, "a part of it is no file");
	if (!rc)
		*data = got;
	return rc;
}

int conf_version_meta(struct conf *c, const struct conf_version *v, struct conf_meta *out)
{
	char *text = NULL;
	const char *why;
	size_t len = 0;
	int rc = read_part(c, v, "meta", &text, &len);

	if (rc)
		return rc;
	why = conf_meta_parse(text, len, out);
	c->host->release(c->host, text);
	return why ? damaged(c, v, why) : 0;
}

int conf_version_read(struct conf *c, const struct conf_version *v, struct conf_file *out)
{
	struct conf_file f = { 0 };
	int rc = conf_version_meta(c, v, &f.meta);

	if (!rc)
		rc = read_part(c, v, "content", &f.data, &f.len);
	if (!rc && f.meta.link && (!f.len || strlen(f.data) != f.len))
		rc = damaged(c, v, "it is no link");
	if (rc) {
		conf_meta_clear(&f.meta);
		return rc;
	}
	*out = f;
	return 0;
}

/* Retention */

static uint32_t rule(struct conf *c, const char *key, uint32_t otherwise)
{
	const char *text = c->host->setting(c->host, key);
	char *end = NULL;
	unsigned long v = text ? strtoul(text, &end, 10) : 0;

	if (!text)
		return otherwise;
	if (!*text || *end || *text == '-' || v > 1000000) {
		c->host->warn(c->host, "%s = %s is no number; it is %u", key,
		              c->host->text(c->host, text), otherwise);
		return otherwise;
	}
	return (uint32_t)v;
}

static int prune_file(struct conf *c, const struct skp_retention *rules,
                      const struct conf_versions *v, struct skp_batch *batch, size_t *gone)
{
	int64_t *created = calloc(v->n + 1, sizeof *created);
	unsigned char *keep = calloc(v->n + 1, 1);
	int rc = created && keep ? 0 : conf_oom(c);

	for (size_t i = 0; !rc && i < v->n; i++)
		created[i] = v->item[i].created;
	if (!rc)
		rc = c->host->retain(c->host, rules, created, v->n, keep);
	/* the newest is what `check` compares with; what is damaged is somebody's to look at */
	for (size_t i = 1; !rc && i < v->n; i++) {
		if (keep[i] || v->item[i].damaged)
			continue;
		++*gone;
		if (batch)
			rc = c->host->remove(batch, v->item[i].record);
	}
	free(created);
	free(keep);
	return rc;
}

int conf_prune(struct conf *c, bool dry_run)
{
	const struct skp_retention rules = { .max_per_day = rule(c, "max_per_day", 96),
		                             .keep_last = rule(c, "keep_last", 20),
		                             .keep_hourly = rule(c, "keep_hourly", 48),
		                             .keep_daily = rule(c, "keep_daily", 30),
		                             .keep_weekly = rule(c, "keep_weekly", 8),
		                             .keep_monthly = rule(c, "keep_monthly", 12) };
	struct conf_versions all = { 0 };
	struct skp_batch *batch = NULL;
	size_t gone = 0;
	int rc = take_records(c, "", &all);

	if (!rc && !dry_run)
		rc = c->host->batch(c->host, &batch);
	for (size_t i = 0, next; !rc && i < all.n; i = next) {
		size_t len = strcspn(all.item[i].record, "@") + 1;
		struct conf_versions one;

		for (next = i + 1; next < all.n; next++)
			if (strncmp(all.item[next].record, all.item[i].record, len) != 0)
				break;
		one = (struct conf_versions){ all.item + i, next - i };
		rc = prune_file(c, &rules, &one, batch, &gone);
	}
	if (batch && (rc || !gone))
		c->host->drop(batch);
	else if (batch)
		rc = c->host->store(batch);
	if (!rc && gone)
		c->host->print(c->host, "%s %zu version%s of configuration files\n",
		               dry_run ? "would delete" : "deleted", gone, gone == 1 ? "" : "s");
	return rc;
}
