#include "store/entry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "store/refs.h"
#include "store/refs_file.h"
#include "store/tag.h"

#define TRIES_MAX 10000         /* names looked at, over all rounds */
#define ROUNDS_MAX 64           /* times somebody else took the name in the meantime */
#define TIME_MAX 253402300799LL /* the end of the year 9999 */

struct names {
	char *id, *ref, *meta;
};

static void names_clear(struct names *n)
{
	free(n->id);
	free(n->ref);
	free(n->meta);
	*n = (struct names){ 0 };
}

static int make_names(const struct sk_entry *e, const char *base, unsigned number,
                      struct names *out)
{
	struct sk_buf id = SK_BUF_INIT, ref = SK_BUF_INIT, meta = SK_BUF_INIT;

	(void)sk_buf_adds(&id, base);
	if (number > 1)
		(void)sk_buf_addf(&id, "%c%u", e->kind == SK_BACKUP ? '-' : '_', number);
	(void)sk_buf_addf(&ref, "refs/sk/%s/%s", sk_kind_name(e->kind), sk_buf_str(&id));
	(void)sk_buf_addf(&meta, "refs/sk/meta/%s/%s", sk_kind_name(e->kind), sk_buf_str(&id));
	*out = (struct names){ sk_buf_detach(&id), sk_buf_detach(&ref), sk_buf_detach(&meta) };
	if (out->id && out->ref && out->meta)
		return 0;
	names_clear(out);
	return sk_error_oom();
}

/* Whether a ref of that name is there, broken ones included, or its lock: somebody is making it. */
static int is_taken(const struct sk_repo *repo, const char *name, bool *taken)
{
	struct sk_oid oid;
	char *path = NULL, *lock = NULL;
	int rc = sk_ref_read(repo, name, &oid);

	if (rc && rc != SK_ENO && rc != SK_EDAMAGED)
		return rc;
	if (rc == SK_ENO) {
		rc = sk_ref_path(repo, name, "", &path);
		if (!rc)
			rc = sk_ref_path(repo, name, ".lock", &lock);
		if (!rc)
			*taken = sk_exists(lock) && !sk_lockfile_drop_dead(AT_FDCWD, path);
		free(path);
		free(lock);
		return rc;
	}
	*taken = true;
	return 0;
}

/* The next free names from `*number` on. */
static int choose(const struct sk_repo *repo, const struct sk_entry *e, const char *base,
                  unsigned *number, struct names *out)
{
	struct names n = { 0 };
	bool taken = true;
	int rc = 0;

	for (; *number < TRIES_MAX; ++*number) {
		rc = make_names(e, base, *number, &n);
		if (!rc)
			rc = is_taken(repo, n.ref, &taken);
		if (!rc &&
		    !taken) /* left alone by a crash between the two refs: not ours to take */
			rc = is_taken(repo, n.meta, &taken);
		if (rc)
			break;
		if (!taken) {
			*out = n;
			return 0;
		}
		names_clear(&n);
	}
	names_clear(&n);
	return rc ? rc : sk_error(SK_EBUSY, "no free id is left for '%s'", sk_name(base));
}

static int base_name(const struct sk_entry *e, char **out)
{
	char stamp[17], *base;

	if (e->created > TIME_MAX)
		return sk_error(SK_EIO, "the clock is past the year 9999: set it");
	sk_format_id_time(e->created < 0 ? 0 : e->created, stamp);
	if (e->kind != SK_BACKUP && (!e->id || !*e->id || strchr(e->id, '/')))
		return sk_error(SK_EUSAGE, "'%s' cannot be the id of a %s",
		                e->id ? sk_name(e->id) : "", sk_kind_name(e->kind));
	base = strdup(e->kind == SK_BACKUP ? stamp : e->id);
	if (!base)
		return sk_error_oom();
	*out = base;
	return 0;
}

/* The two tag objects into `p`; `meta` is zero when there is none. */
static int add_tags(struct sk_packer *p, struct sk_entry *e, const struct names *n,
                    struct sk_oid *tag, struct sk_oid *meta)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid tree;
	char *was = e->id;
	int rc;

	e->id = n->id;
	rc = sk_tag_format(e, &text);
	e->id = was;
	if (!rc)
		rc = sk_packer_add(p, SK_OBJ_TAG, text.ptr, text.len, tag);
	*meta = (struct sk_oid){ { 0 } };
	if (!rc && sk_entry_get_oid(e, "Sk-Meta", &tree)) {
		sk_buf_clear(&text);
		rc = sk_tag_plain(&tree, "meta", "SafeKeep metadata\n", &text);
		if (!rc)
			rc = sk_packer_add(p, SK_OBJ_TAG, text.ptr, text.len, meta);
	}
	sk_buf_free(&text);
	return rc;
}

/* The metadata's ref first: an entry that is visible has all that belongs to it. */
static int make_refs(const struct sk_repo *repo, const struct names *n, const struct sk_oid *tag,
                     const struct sk_oid *meta)
{
	bool has_meta = !sk_oid_is_zero(meta);
	int rc = has_meta ? sk_ref_create(repo, n->meta, meta) : 0;

	if (rc)
		return rc;
	rc = sk_ref_create(repo, n->ref, tag);
	if (rc && has_meta) {
		struct sk_ref_drop drop = { n->meta, meta };
		char why[512];

		(void)snprintf(why, sizeof why, "%s", sk_error_message());
		(void)sk_refs_delete(repo, &drop, 1);
		(void)sk_error(rc, "%s", why);
	}
	return rc;
}

static int publish_once(const struct sk_repo *repo, struct sk_packer *p, struct sk_entry *e,
                        const struct names *n, struct sk_oid *tag)
{
	struct sk_oid meta;
	int rc = add_tags(p, e, n, tag, &meta);

	if (!rc)
		rc = sk_packer_commit(p);
	return rc ? rc : make_refs(repo, n, tag, &meta);
}

int sk_entry_publish(const struct sk_repo *repo, struct sk_packer *p, struct sk_entry *e)
{
	struct sk_packer *again = NULL;
	struct names n = { 0 };
	struct sk_oid tag;
	unsigned number = 1;
	char *base = NULL;
	int rc = base_name(e, &base);

	for (int round = 0; !rc; round++) {
		rc = choose(repo, e, base, &number, &n);
		if (rc)
			break;
		rc = publish_once(repo, again ? again : p, e, &n, &tag);
		if (rc != SK_EREFUSED || round == ROUNDS_MAX)
			break;
		names_clear(&n); /* taken since we looked: another tag for another name */
		number++;
		sk_packer_free(again);
		again = NULL;
		rc = sk_packer_new(repo, &again);
	}
	if (!rc) {
		sk_entry_release(e, e->id);
		sk_entry_release(e, e->ref);
		e->id = n.id;
		e->ref = n.ref;
		e->tag = tag;
		n.id = n.ref = NULL;
	}
	sk_packer_free(again);
	names_clear(&n);
	free(base);
	return rc;
}

/* refs/sk/KIND/ID -> refs/sk/meta/KIND/ID */
static char *meta_of(const struct sk_entry *e)
{
	struct sk_buf name = SK_BUF_INIT;

	(void)sk_buf_addf(&name, "refs/sk/meta/%s", e->ref + strlen("refs/sk/"));
	return sk_buf_detach(&name);
}

int sk_entry_delete(const struct sk_repo *repo, struct sk_entry *const *entry, size_t n)
{
	struct sk_refs metas = { 0 };
	struct sk_ref_drop *drop = NULL;
	size_t k = 0;
	int rc;

	rc = sk_refs_list(repo, "refs/sk/meta/", SK_REFS_DEEP, &metas);
	if (rc)
		return rc;
	drop = n ? calloc(2 * n, sizeof *drop) : NULL;
	if (n && !drop)
		rc = sk_error_oom();
	for (size_t i = 0; i < n && !rc; i++)
		drop[k++] = (struct sk_ref_drop){ entry[i]->ref, sk_oid_is_zero(&entry[i]->tag)
			                                                 ? NULL
			                                                 : &entry[i]->tag };
	/* after the entries: what a crash leaves then is metadata that nothing shows */
	for (size_t i = 0; i < n && !rc; i++) {
		char *name = meta_of(entry[i]);
		const struct sk_ref *meta = name ? sk_refs_find(&metas, name) : NULL;

		if (!name)
			rc = sk_error_oom();
		else if (meta)
			drop[k++] =
			        (struct sk_ref_drop){ meta->name, meta->bad ? NULL : &meta->oid };
		free(name);
	}
	if (!rc)
		rc = sk_refs_delete(repo, drop, k);
	free(drop);
	sk_refs_free(&metas);
	return rc;
}
