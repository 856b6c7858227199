/* What a vault shall have of this repository. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/refs_file.h"
#include "store/vault_parts.h"

int sk_vault_refs_add(struct sk_refs *refs, const char *name, const struct sk_oid *oid)
{
	struct sk_ref *ref;
	int rc = sk_refs_add(refs, name, strlen(name), &ref);

	if (!rc)
		ref->oid = *oid;
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sk_ref *)a)->name, ((const struct sk_ref *)b)->name);
}

void sk_vault_refs_sort(struct sk_refs *refs)
{
	if (refs->n)
		qsort(refs->item, refs->n, sizeof *refs->item, by_name);
}

static bool below(const char *name, const char *const *tops)
{
	for (; *tops; tops++)
		if (strncmp(name, *tops, strlen(*tops)) == 0)
			return true;
	return false;
}

bool sk_vault_is_private(const char *name)
{
	static const char *const public[] = {
		"backup/",        "revision/",     "release/", "meta/backup/",
		"meta/revision/", "meta/release/", NULL
	};

	return !below(name, public);
}

/* Of a kind that stays here always: the log of kept commits goes as `keep`, and what was fetched
 * from a vault does not go back to one. */
static bool stays(const char *name)
{
	return strcmp(name, "keep") == 0 || strncmp(name, "vault/", 6) == 0 ||
	       strcmp(name, "vault-keep") == 0;
}

static int want_one(struct sk_refs *out, const char *prefix, const char *name,
                    const struct sk_oid *oid)
{
	struct sk_buf full = SK_BUF_INIT;
	int rc = sk_buf_addf(&full, "%s%s", prefix, name);

	if (!rc)
		rc = sk_vault_refs_add(out, full.ptr, oid);
	sk_buf_free(&full);
	return rc;
}

static int want_ours(const struct sk_repo *repo, const struct sk_vault *vault, struct sk_refs *out,
                     size_t *withheld)
{
	struct sk_refs refs = { 0 };
	int rc = sk_refs_list(repo, "refs/sk/", SK_REFS_DEEP, &refs);

	for (size_t i = 0; i < refs.n && !rc; i++) {
		const char *name = refs.item[i].name + strlen("refs/sk/");

		if (refs.item[i].bad || stays(name))
			continue; /* a bad one is told by status and verify */
		if (sk_vault_is_private(name) && !vault->private)
			++*withheld;
		else
			rc = want_one(out, "sk/", name, &refs.item[i].oid);
	}
	sk_refs_free(&refs);
	return rc;
}

static int want_plain(const struct sk_repo *repo, const char *space, struct sk_refs *out)
{
	struct sk_buf prefix = SK_BUF_INIT;
	struct sk_refs refs = { 0 };
	int rc = sk_buf_addf(&prefix, "refs/%s", space);

	if (!rc)
		rc = sk_refs_list(repo, prefix.ptr, SK_REFS_DEEP, &refs);
	for (size_t i = 0; i < refs.n && !rc; i++)
		if (!refs.item[i].bad)
			rc = want_one(out, space, refs.item[i].name + prefix.len,
			              &refs.item[i].oid);
	sk_refs_free(&refs);
	sk_buf_free(&prefix);
	return rc;
}

/* The newest backup that is not of the future; else any entry at all. */
static const struct sk_ref *find_newest(const struct sk_refs *refs)
{
	static const char backup[] = "sk/backup/";
	const struct sk_ref *best = NULL, *any = NULL;
	time_t t, now = sk_now();

	for (size_t i = 0; i < refs->n; i++) {
		const struct sk_ref *r = &refs->item[i];
		bool is_backup = strncmp(r->name, backup, sizeof backup - 1) == 0;

		if (is_backup && sk_parse_id_time(r->name + sizeof backup - 1, &t) && t <= now)
			best = r;
		else if (is_backup || strncmp(r->name, "sk/revision/", 12) == 0)
			any = r;
	}
	return best ? best : any;
}

static void leave_out(struct sk_refs *refs, const struct sk_strv *names)
{
	size_t n = 0;

	for (size_t i = 0; i < refs->n; i++)
		if (sk_strv_has(names, refs->item[i].name))
			free(refs->item[i].name);
		else
			refs->item[n++] = refs->item[i];
	refs->n = n;
}

int sk_vault_want(const struct sk_repo *repo, const struct sk_vault *vault, struct sk_strv *broken,
                  struct sk_refs *out, size_t *withheld)
{
	struct sk_refs want = { 0 };
	const struct sk_ref *newest;
	struct sk_oid keep, top = { { 0 } };
	size_t n = 0;
	int rc = want_ours(repo, vault, &want, &n);

	if (!rc)
		rc = want_plain(repo, "heads/", &want);
	if (!rc && vault->tags)
		rc = want_plain(repo, "tags/", &want);
	leave_out(&want, broken);
	sk_vault_refs_sort(&want);
	newest = rc ? NULL : find_newest(&want);
	if (newest)
		top = newest->oid;
	else if (!rc)
		rc = sk_error(SK_ENO,
		              "there is nothing to push yet; make a backup with 'git sk backup'");
	if (!rc)
		rc = sk_vault_refs_add(&want, "newest", &top);
	if (!rc && !sk_strv_has(broken, "keep")) {
		rc = sk_vault_keep_make(repo, &keep);
		if (rc == SK_EDAMAGED) /* or git read while others wrote */
			rc = sk_vault_keep_make(repo, &keep);
		if (rc == SK_EDAMAGED) /* what is there of it stays as it is */
			rc = sk_strv_add(broken, "keep");
		else
			rc = rc == SK_ENO ? 0 : rc ? rc : sk_vault_refs_add(&want, "keep", &keep);
	}
	if (rc) {
		sk_refs_free(&want);
		return rc;
	}
	sk_vault_refs_sort(&want);
	*withheld = n;
	*out = want;
	return 0;
}
