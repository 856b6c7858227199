/* host_read.c - backups and objects, for a plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "capture/backup.h"
#include "plugin/parts.h"
#include "store/entry.h"
#include "store/retention.h"

#define LOCK_WAIT 5 /* seconds */

static const char *value_of(const struct sk_entry *e, const char *key)
{
	const char *value = e->damaged ? NULL : sk_entry_get(e, key);

	return value ? value : "";
}

/* The strings stay the entry's, which is never freed: the process ends before. */
static void show_entry(const struct sk_entry *e, struct skp_entry *out)
{
	*out = (struct skp_entry){ .kind = e->kind,
		                   .id = e->id,
		                   .created = e->created,
		                   .title = e->title ? e->title : "",
		                   .trigger = value_of(e, "Sk-Trigger"),
		                   .head = value_of(e, "Sk-Head"),
		                   .branch = value_of(e, "Sk-Branch"),
		                   .worktree = value_of(e, "Sk-Worktree"),
		                   .damaged = e->damaged };
	if (!e->damaged)
		sk_oid_out(&e->tree, &out->tree);
}

static int backup(struct skp_host *pub, const char *title, const char *name,
                  const char *description, struct skp_entry *out)
{
	struct sk_host *h = sk_host_of(pub);
	struct sk_backup_opts opts = { .kind = name ? SK_REVISION : SK_BACKUP,
		                       .title = title,
		                       .description = description,
		                       .name = name,
		                       .trigger = h->info->name,
		                       .always = name != NULL,
		                       .label = true,
		                       .wait_seconds = LOCK_WAIT };
	struct sk_backup_result r = { 0 };
	char *id = NULL;
	int rc = sk_host_needs_repo(h);

	if (!rc && !h->repo->enabled)
		rc = sk_error(SK_EREPO, "SafeKeep is not enabled here");
	if (!rc && name)
		rc = sk_revision_id(name, sk_now(), &id);
	opts.id = id;
	if (!rc)
		rc = sk_backup(h->repo, &opts, &r);
	if ((!rc || rc == SK_EPARTIAL) && r.entry) {
		show_entry(r.entry, out);
		out->is_new = r.is_new;
		r.entry = NULL;
	}
	sk_backup_result_clear(&r);
	free(id);
	return rc;
}

static int entries(struct skp_host *pub, uint32_t kinds, int64_t since, int64_t until,
                   struct skp_entry **out, size_t *n)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_entries all = { 0 };
	struct skp_entry *list;
	size_t k = 0;
	int rc = sk_host_needs_repo(h);

	if (!rc)
		rc = sk_entry_list(h->repo, kinds & SK_ANY, NULL, &all);
	if (rc)
		return rc;
	list = calloc(all.n + 1, sizeof *list);
	if (!list)
		return sk_error_oom();
	for (size_t i = 0; i < all.n; i++)
		if ((!since || all.item[i]->created >= since) &&
		    (!until || all.item[i]->created < until))
			show_entry(all.item[i], &list[k++]);
	*out = list;
	*n = k;
	return 0;
}

static int select_one(struct skp_host *pub, const char *selector, struct skp_entry *out)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_entry *e = NULL;
	int rc = sk_host_needs_repo(h);

	if (!rc)
		rc = sk_entry_select(h->repo, selector, &e);
	if (!rc)
		show_entry(e, out);
	return rc;
}

static int read_object(struct skp_host *pub, const struct skp_oid *oid, uint32_t *type, void **data,
                       size_t *len)
{
	const struct sk_host *h = sk_host_of(pub);
	git_odb_object *obj = NULL;
	struct sk_oid id;
	size_t size;
	char *copy;
	int rc = sk_host_needs_repo(h);

	sk_oid_in(oid, &id);
	if (!rc)
		rc = sk_repo_read(h->repo, &id, &obj);
	if (rc)
		return rc;
	size = git_odb_object_size(obj);
	copy = malloc(size + 1);
	if (copy) {
		memcpy(copy, git_odb_object_data(obj), size);
		copy[size] = '\0';
		if (type)
			*type = (uint32_t)git_odb_object_type(obj);
		*data = copy;
		*len = size;
	} else {
		rc = sk_error_oom();
	}
	git_odb_object_free(obj);
	return rc;
}

/* "MODE NAME\0" and 20 bytes; the position after it, or NULL. */
static const char *take_entry(const char *at, const char *end, struct skp_tree_entry *out)
{
	char *space;
	const char *nul;
	unsigned long mode = strtoul(at, &space, 8);

	if (space == at || *space != ' ')
		return NULL;
	nul = memchr(space + 1, '\0', (size_t)(end - space - 1));
	if (!nul || end - nul <= SK_OID_RAW)
		return NULL;
	out->mode = (uint32_t)mode;
	out->name = space + 1;
	memcpy(out->oid.id, nul + 1, SK_OID_RAW);
	return nul + 1 + SK_OID_RAW;
}

static int tree(struct skp_host *pub, const struct skp_oid *oid, struct skp_tree_entry **out,
                size_t *n)
{
	struct skp_tree_entry *list = NULL, *grown;
	size_t len = 0, k = 0, cap = 0;
	uint32_t type = 0;
	void *data = NULL;
	const char *at, *end;
	int rc = read_object(pub, oid, &type, &data, &len);

	if (!rc && type != SKP_TREE)
		rc = sk_error(SK_EDAMAGED, "%s is no folder", pub->hex(pub, oid));
	if (rc) {
		free(data);
		return rc;
	}
	at = data;
	end = at + len;
	do { /* one more than there are, so that it is never NULL */
		if (k == cap) {
			cap = cap ? 2 * cap : 16;
			grown = realloc(list, cap * sizeof *list);
			if (!grown) {
				free(list);
				return sk_error_oom();
			}
			list = grown;
		}
		if (at < end && !(at = take_entry(at, end, &list[k++]))) {
			free(list);
			return sk_error(SK_EDAMAGED, "the tree %s is damaged", pub->hex(pub, oid));
		}
	} while (at < end);
	*out = list;
	*n = k;
	return 0;
}

static int find(struct skp_host *pub, const struct skp_oid *root, const char *path,
                struct skp_tree_entry *out)
{
	struct skp_tree_entry here = { "", 040000, *root };

	for (const char *at = path + strspn(path, "/"); *at; at += strspn(at, "/")) {
		size_t len = strcspn(at, "/"), n = 0, i = 0;
		struct skp_tree_entry *list = NULL;
		int rc = here.mode == 040000 ? tree(pub, &here.oid, &list, &n) : 0;

		if (rc)
			return rc;
		while (i < n && (strlen(list[i].name) != len || memcmp(list[i].name, at, len) != 0))
			i++;
		if (i == n) {
			free(list);
			return sk_error(SK_ENO, "there is no %s", sk_name(path));
		}
		here = list[i];
		free(list);
		at += len;
	}
	*out = here;
	return 0;
}

static const char *hex(struct skp_host *pub, const struct skp_oid *oid)
{
	struct sk_oid id;
	char *text = malloc(SK_OID_HEX + 1);

	SK_UNUSED(pub);
	sk_oid_in(oid, &id);
	if (!text)
		return sk_oid_str(&id);
	sk_oid_hex(&id, text);
	return text;
}

static int parse_hex(struct skp_host *pub, const char *text, struct skp_oid *oid)
{
	struct sk_oid id;

	SK_UNUSED(pub);
	if (!sk_oid_parse(text, &id))
		return sk_error(SK_EUSAGE, "%s is no object's id", sk_name(text));
	sk_oid_out(&id, oid);
	return 0;
}

static int retain(struct skp_host *pub, const struct skp_retention *rules, const int64_t *created,
                  size_t n, unsigned char *keep)
{
	const struct sk_retention policy = {
		.max_per_day = rules->max_per_day,
		.keep_last = rules->keep_last,
		.keep_hourly = rules->keep_hourly,
		.keep_daily = rules->keep_daily,
		.keep_weekly = rules->keep_weekly,
		.keep_monthly = rules->keep_monthly,
	};
	time_t *times = calloc(n + 1, sizeof *times);
	unsigned *reason = calloc(n + 1, sizeof *reason);
	int rc = times && reason ? 0 : sk_error_oom();

	SK_UNUSED(pub);
	for (size_t i = 0; i < n && !rc; i++)
		times[i] = (time_t)created[i];
	if (!rc && n)
		rc = sk_retention_plan(&policy, times, n, sk_now(), reason);
	for (size_t i = 0; i < n && !rc; i++)
		keep[i] = sk_retention_keeps(reason[i]);
	free(times);
	free(reason);
	return rc;
}

void sk_host_read(struct skp_host *pub)
{
	pub->backup = backup;
	pub->entries = entries;
	pub->select = select_one;
	pub->read = read_object;
	pub->tree = tree;
	pub->find = find;
	pub->hex = hex;
	pub->parse_hex = parse_hex;
	pub->retain = retain;
}
