/* save.c - storing versions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf.h"

struct conf_batch {
	struct conf *c;
	const char *why;
	struct skp_batch *batch;
	struct conf_versions all; /* as they were when it began */
	int lock;
	size_t n; /* versions in it */
	int64_t now;
	unsigned long skip; /* ids of this second that are left out */
};

int conf_save_begin(struct conf *c, const char *why, int64_t wait_ms, struct conf_batch **out)
{
	struct conf_batch *b = calloc(1, sizeof *b);
	int rc;

	if (!b)
		return conf_oom(c);
	*b = (struct conf_batch){ .c = c, .why = why, .lock = -1 };
	rc = c->host->lock(c->host, "versions", wait_ms, &b->lock);
	if (!rc)
		rc = conf_versions_all(c, &b->all);
	if (!rc)
		rc = c->host->batch(c->host, &b->batch);
	if (rc) {
		if (b->lock >= 0)
			c->host->unlock(c->host, b->lock);
		free(b);
		return rc;
	}
	b->now = c->host->now(c->host);
	*out = b;
	return 0;
}

void conf_save_drop(struct conf_batch *b)
{
	if (b->batch)
		b->c->host->drop(b->batch);
	free(b->all.item);
	b->c->host->unlock(b->c->host, b->lock);
	free(b);
}

size_t conf_save_count(const struct conf_batch *b)
{
	return b->n;
}

int conf_save_end(struct conf_batch *b)
{
	int rc = b->n ? b->c->host->store(b->batch) : 0;

	if (b->n)
		b->batch = NULL;
	conf_save_drop(b);
	return rc;
}

/* Content that cannot be looked at is stored all the same: it stays here, and `list` says so. */
int conf_secrets(struct conf *c, const struct conf_file *f, const char **out)
{
	struct skp_secret *found = NULL;
	char *clean = NULL, *text = NULL;
	size_t len = 0, n = 0, size = 0;
	FILE *stream;
	int rc;

	*out = "unknown";
	if (f->meta.link || !(c->host->features & SKP_CAN_REDACT))
		return 0;
	rc = c->host->redact(c->host, f->data, f->len, &clean, &len, &found, &n);
	if (rc == SKP_EREFUSED)
		return 0;
	if (rc)
		return rc;
	c->host->release(c->host, clean);
	*out = "none";
	if (!n)
		return 0;
	stream = open_memstream(&text, &size);
	if (!stream)
		return conf_oom(c);
	for (size_t i = 0; i < n; i++) {
		bool known = false;

		for (size_t j = 0; j < i && !known; j++)
			known = strcmp(found[i].rule, found[j].rule) == 0;
		if (!known)
			(void)fprintf(stream, "%s%s", ftell(stream) > 0 ? " " : "", found[i].rule);
	}
	if (fclose(stream) != 0)
		return conf_oom(c);
	*out = text;
	return 0;
}

/* The newest holds the same, times apart. */
static bool is_same(struct conf *c, const struct conf_version *v, const struct conf_file *f,
                    const struct skp_oid *content)
{
	struct skp_tree_entry e;
	struct conf_drift drift;
	struct conf_meta meta;
	bool same;

	if (v->damaged || c->host->find(c->host, &v->tree, "content", &e) ||
	    memcmp(&e.oid, content, sizeof e.oid) != 0 || conf_version_meta(c, v, &meta))
		return false;
	same = !conf_meta_differs(&meta, &f->meta, &drift) &&
	       (!meta.link || !meta.leads_to == !f->meta.leads_to);
	if (same && meta.leads_to)
		same = strcmp(meta.leads_to, f->meta.leads_to) == 0;
	conf_meta_clear(&meta);
	return same;
}

/* The first free one of this second. */
static int new_id(struct conf_batch *b, const struct conf_versions *v, char **out)
{
	time_t now = (time_t)b->now;
	unsigned long last = 0;
	char stamp[32];
	struct tm tm;

	(void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	/* after the newest one, also when the clock was set back */
	if (v->n && strlen(v->item[0].id) >= strlen(stamp) &&
	    strncmp(v->item[0].id, stamp, strlen(stamp)) > 0)
		memcpy(stamp, v->item[0].id, strlen(stamp));
	for (size_t i = 0; i < v->n; i++) {
		const char *id = v->item[i].id;
		unsigned long k;

		if (strncmp(id, stamp, strlen(stamp)) != 0)
			continue;
		k = id[strlen(stamp)] == '-' ? strtoul(id + strlen(stamp) + 1, NULL, 10) : 1;
		last = k > last ? k : last;
	}
	last += last || !b->skip ? b->skip : b->skip + 1;
	if ((last ? asprintf(out, "%s-%lu", stamp, last + 1) : asprintf(out, "%s", stamp)) < 0)
		return conf_oom(b->c);
	return 0;
}

static int put(struct conf_batch *b, const struct conf_place *place, const struct conf_file *f,
               const struct skp_oid *content, const struct conf_saved *saved)
{
	struct skp_tree_entry part[2] = { { "content", f->meta.link ? 0120000 : 0100644, *content },
		                          { "meta", 0100644, { { 0 } } } };
	struct skp_trailer trailer = { "Conf-Secrets", saved->secrets };
	struct skp_record record = { .title = b->why,
		                     .trailer = &trailer,
		                     .n_trailers = f->meta.link ? 0 : 1,
		                     .created = b->now };
	json_t *o = conf_meta_json(&f->meta);
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL, *name = NULL;
	struct skp_host *host = b->c->host;
	int rc;

	json_decref(o);
	if (!text || asprintf(&name, "%s@%s", place->name, saved->id) < 0)
		return conf_oom(b->c);
	record.name = name;
	rc = host->blob(b->batch, text, strlen(text), &part[1].oid);
	if (!rc)
		rc = host->put_tree(b->batch, part, 2, &record.tree);
	if (!rc)
		rc = host->put(b->batch, &record);
	b->n += !rc;
	free(text);
	free(name);
	return rc;
}

int conf_save_add(struct conf_batch *b, const struct conf_place *place,
                  const struct conf_file *file, bool again, struct conf_saved *out)
{
	struct conf_versions v = conf_versions_in(&b->all, place->name);
	struct conf_saved saved = { 0 };
	struct skp_oid content;
	int rc = b->c->host->blob(b->batch, file->data, file->len, &content);
	if (!rc && !again && v.n && is_same(b->c, &v.item[0], file, &content)) {
		*out = (struct conf_saved){ v.item[0].id, false, v.item[0].secrets };
		return 0;
	}
	if (!rc)
		rc = conf_secrets(b->c, file, &saved.secrets);
	if (!rc)
		rc = new_id(b, &v, &saved.id);
	saved.is_new = true;
	if (!rc)
		rc = put(b, place, file, &content, &saved);
	if (!rc)
		*out = saved;
	return rc;
}

static int save_one(struct conf *c, const struct conf_place *place, const struct conf_file *file,
                    const char *why, bool again, unsigned long skip, struct conf_saved *out)
{
	struct conf_batch *b = NULL;
	int rc = conf_save_begin(c, why, 10000, &b);

	if (rc)
		return rc;
	b->skip = skip;
	rc = conf_save_add(b, place, file, again, out);
	if (rc)
		conf_save_drop(b);
	else
		rc = conf_save_end(b);
	return rc;
}

/* A killed git leaves the lock of a ref, which is in the way of that very id. */
int conf_save_one(struct conf *c, const struct conf_place *place, const struct conf_file *file,
                  const char *why, bool again, struct conf_saved *out)
{
	int rc = SKP_EBUSY;

	for (unsigned long skip = 0; rc == SKP_EBUSY && skip < 3; skip++)
		rc = save_one(c, place, file, why, again, skip, out);
	return rc;
}
