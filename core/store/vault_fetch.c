/* What comes back from a vault. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/refs_pack.h"
#include "store/vault_parts.h"

#define KEEP_HERE "refs/sk/vault-keep" /* until its content is taken up */

void sk_vault_contents_free(struct sk_vault_contents *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->item[i].part);
	free(c->item);
	*c = (struct sk_vault_contents){ 0 };
}

/* The part of PART/..., at the end of the list: names are sorted. */
static int find_part(struct sk_vault_contents *c, const char *name, size_t len,
                     struct sk_vault_content **out)
{
	struct sk_vault_content *last = c->n ? &c->item[c->n - 1] : NULL, *more;

	if (!last || strncmp(last->part, name, len) != 0 || last->part[len]) {
		more = realloc(c->item, (c->n + 1) * sizeof *more);
		if (!more)
			return sk_error_oom();
		c->item = more;
		last = &more[c->n];
		*last = (struct sk_vault_content){ .part = strndup(name, len) };
		if (!last->part)
			return sk_error_oom();
		c->n++;
	}
	*out = last;
	return 0;
}

static void count(struct sk_vault_content *part, const char *name)
{
	time_t t;

	if (strncmp(name, "sk/backup/", 10) == 0) {
		part->backups++;
		if (sk_parse_id_time(name + 10, &t) && t > part->newest)
			part->newest = t;
	} else if (strncmp(name, "sk/revision/", 12) == 0) {
		part->revisions++;
	} else if (strncmp(name, "heads/", 6) == 0) {
		part->branches++;
	} else if (strncmp(name, "sk/", 3) == 0 && sk_vault_is_private(name + 3)) {
		part->private ++;
	}
}

static int newest_first(const void *a, const void *b)
{
	const struct sk_vault_content *x = a, *y = b;

	if (x->newest != y->newest)
		return x->newest > y->newest ? -1 : 1;
	return strcmp(x->part, y->part);
}

int sk_vault_look(const struct sk_repo *repo, const char *url, unsigned flags,
                  struct sk_vault_contents *out)
{
	const struct sk_vault_git g = { .repo = repo, .url = url, .flags = flags };
	struct sk_vault_contents c = { 0 };
	struct sk_vault_content *part = NULL;
	struct sk_refs refs = { 0 };
	char *shown = NULL;
	bool offline;
	int rc = sk_vault_shown(url, &shown);

	if (!rc)
		rc = sk_vault_remote(&g, shown, NULL, &refs, &offline);
	for (size_t i = 0; i < refs.n && !rc; i++) {
		const char *name = refs.item[i].name, *slash = strchr(name, '/');

		if (!slash)
			continue;
		rc = find_part(&c, name, (size_t)(slash - name), &part);
		if (!rc)
			count(part, slash + 1);
	}
	if (!rc && c.n)
		qsort(c.item, c.n, sizeof *c.item, newest_first);
	sk_refs_free(&refs);
	free(shown);
	if (rc)
		sk_vault_contents_free(&c);
	else
		*out = c;
	return rc;
}

/* Where NAME of the part belongs here; false: nowhere. */
static bool place(const struct sk_vault_take *o, const char *name, struct sk_buf *out,
                  struct sk_vault_taken *taken)
{
	sk_buf_clear(out);
	if (strncmp(name, "sk/", 3) == 0 && sk_vault_is_private(name + 3) && !o->private) {
		taken->withheld++;
		return false;
	}
	if (o->aside)
		return sk_buf_addf(out, SK_VAULT_ROOT "%s/%s", o->part, name) == 0;
	if (strcmp(name, "newest") == 0)
		return false;
	if (strncmp(name, "sk/", 3) == 0)
		return sk_buf_addf(out, "refs/%s", name) == 0;
	if (!o->branches)
		return false;
	if (strcmp(name, "keep") == 0)
		return sk_buf_adds(out, KEEP_HERE) == 0;
	return (strncmp(name, "heads/", 6) == 0 || strncmp(name, "tags/", 5) == 0) &&
	       sk_buf_addf(out, "refs/%s", name) == 0;
}

/* The refspecs of what is not here, one a line. */
static int make_specs(const struct sk_repo *repo, const struct sk_vault_take *o,
                      const struct sk_refs *there, struct sk_buf *specs,
                      struct sk_vault_taken *taken)
{
	struct sk_buf name = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < there->n && !rc; i++) {
		const char *from = there->item[i].name;
		struct sk_oid oid;
		bool same;

		if (!place(o, from, &name, taken))
			continue;
		rc = sk_ref_read(repo, name.ptr, &oid);
		same = !rc && sk_oid_eq(&oid, &there->item[i].oid);
		if (same || (!rc && !o->aside)) {
			taken->there++;
			continue;
		}
		rc = sk_buf_addf(specs, "%s" SK_VAULT_ROOT "%s/%s:%s\n", o->aside ? "+" : "",
		                 o->part, from, name.ptr);
		if (strncmp(from, "sk/backup/", 10) == 0 ||
		    strncmp(from, "sk/revision/", 12) == 0 || strncmp(from, "sk/release/", 11) == 0)
			taken->entries++;
		else if (strncmp(from, "heads/", 6) == 0)
			taken->branches++;
		else
			taken->others++;
	}
	sk_buf_free(&name);
	return rc;
}

static int fetch(const struct sk_vault_git *given, const char *shown, const struct sk_buf *specs)
{
	const char *const args[] = { "fetch",
		                     "--quiet",
		                     "--atomic",
		                     "--no-tags",
		                     "--no-prune",
		                     "--no-recurse-submodules",
		                     "--no-write-fetch-head",
		                     "--update-shallow",
		                     "--no-auto-maintenance",
		                     "--update-head-ok",
		                     "--stdin",
		                     "--",
		                     given->url,
		                     NULL };
	struct sk_buf said = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_vault_git g = *given;
	bool offline;
	int status = 0, rc;

	g.input = specs;
	g.output = &said;
	g.errors = &errors;
	rc = sk_vault_git(&g, args, &status);
	if (!rc && status)
		rc = sk_vault_why(g.url, shown, &errors, status, &offline);
	sk_buf_free(&said);
	sk_buf_free(&errors);
	return rc;
}

static int take_keep(const struct sk_repo *repo)
{
	const struct sk_ref_drop drop = { KEEP_HERE, NULL };
	struct sk_oid oid;
	int rc = sk_ref_read(repo, KEEP_HERE, &oid);

	if (rc)
		return rc == SK_ENO ? 0 : rc;
	rc = sk_vault_keep_take(repo, &oid);
	return rc ? rc : sk_refs_delete(repo, &drop, 1);
}

int sk_vault_fetch(const struct sk_repo *repo, const struct sk_vault_take *opts,
                   struct sk_vault_taken *out)
{
	const struct sk_vault_git g = { .repo = repo, .url = opts->url, .flags = opts->flags };
	struct sk_vault_taken taken = { 0 };
	struct sk_refs there = { 0 };
	struct sk_buf specs = SK_BUF_INIT;
	char *shown = NULL;
	bool offline;
	int rc = sk_vault_shown(opts->url, &shown);

	if (!rc)
		rc = sk_vault_remote(&g, shown, opts->part, &there, &offline);
	if (!rc && !there.n)
		rc = sk_error(SK_ENO, "vault %s has nothing of %s", shown, sk_name(opts->part));
	if (!rc)
		rc = make_specs(repo, opts, &there, &specs, &taken);
	if (!rc && specs.len) {
		sk_refs_sweep(repo);
		rc = fetch(&g, shown, &specs);
	}
	if (!rc && opts->branches)
		rc = take_keep(repo);
	sk_refs_free(&there);
	sk_buf_free(&specs);
	free(shown);
	if (!rc)
		*out = taken;
	return rc;
}
