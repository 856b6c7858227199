/* host_store.c - a plugin's own part of the namespace: records, and batches that write them.
 *
 * A record is the ref refs/sk/SPACE/NAME to an annotated tag of a tree.  A batch remembers what all
 * records were when it began; its changes are one transaction of git, which fails as a whole when
 * one of them is not any more what it was. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "plugin/parts.h"
#include "plugin/store_hold.h"
#include "repo/safename.h"
#include "store/entry.h"
#include "store/refs.h"

struct change {
	char *name; /* the full ref */
	bool remove;
	struct sk_oid tag, old; /* old zero: there was none */
	bool broken;            /* what there was cannot be read */
};

struct object { /* of this batch: what it is */
	struct sk_oid oid;
	enum sk_object_type type;
};

struct skp_batch {
	struct sk_host *host;
	struct sk_packer *packer;
	struct sk_refs before;
	struct change *change;
	size_t n_changes;
	struct object *object; /* open addressing, `mask` + 1 places; type 0: free */
	size_t n_objects, mask;
};

static int full_name(const struct sk_host *h, const char *name, struct sk_buf *out)
{
	int rc = sk_buf_addf(out, "refs/sk/%s/%s", h->info->space, name);

	if (!rc && (!*name || !git_reference_is_valid_name(out->ptr) ||
	            !sk_utf8_valid(name, strlen(name))))
		rc = sk_error(SK_EUSAGE, "'%s' cannot be the name of a record", sk_name(name));
	return rc;
}

/* Reading */

static int show_trailers(const struct sk_entry *e, struct skp_record *out)
{
	struct skp_trailer *list = calloc(e->n_trailers + 1, sizeof *list);

	if (!list)
		return sk_error_oom();
	for (size_t i = 0; i < e->n_trailers; i++)
		list[i] = (struct skp_trailer){ e->trailer[i].key, e->trailer[i].value };
	out->trailer = list;
	out->n_trailers = e->n_trailers;
	return 0;
}

/* `e` is kept until the process ends, as `out` points into it. */
static int show_record(const struct sk_repo *repo, const char *name, const struct sk_oid *tag,
                       struct skp_record *out)
{
	struct sk_entry *e = calloc(1, sizeof *e);
	git_odb_object *obj = NULL;
	int rc = e ? sk_repo_read(repo, tag, &obj) : sk_error_oom();

	if (!rc && git_odb_object_type(obj) != GIT_OBJECT_TAG)
		rc = sk_error(SK_EDAMAGED, "it is no tag");
	if (!rc)
		rc = sk_tag_parse(git_odb_object_data(obj), git_odb_object_size(obj), e);
	git_odb_object_free(obj);
	*out = (struct skp_record){ .name = name };
	if (rc && rc != SK_EDAMAGED)
		return rc;
	if (rc) {
		char *why = strdup(sk_error_message());

		out->damaged = 1;
		out->text = why ? why : "";
		out->title = "";
		return 0;
	}
	out->title = e->title ? e->title : "";
	out->text = e->description ? e->description : "";
	out->created = e->created;
	sk_oid_out(&e->tree, &out->tree);
	return show_trailers(e, out);
}

static int record(struct skp_host *pub, const char *name, struct skp_record *out)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_buf full = SK_BUF_INIT;
	struct skp_record got;
	struct sk_oid tag;
	char *copy = NULL;
	int rc = sk_host_needs_repo(h);

	if (!rc)
		rc = full_name(h, name, &full);
	if (!rc)
		rc = sk_ref_read(h->repo, full.ptr, &tag);
	if (rc == SK_ENO)
		(void)sk_error(SK_ENO, "there is no %s", sk_name(name));
	if (!rc && !(copy = strdup(name)))
		rc = sk_error_oom();
	if (!rc)
		rc = show_record(h->repo, copy, &tag, &got);
	if (!rc && got.damaged)
		rc = sk_error(SK_EDAMAGED, "record %s is damaged: %s", sk_name(name), got.text);
	if (!rc)
		*out = got;
	sk_buf_free(&full);
	return rc;
}

static int list_refs(const struct sk_host *h, struct sk_refs *out)
{
	struct sk_buf prefix = SK_BUF_INIT;
	int rc = sk_host_needs_repo(h);

	if (!rc)
		rc = sk_buf_addf(&prefix, "refs/sk/%s/", h->info->space);
	if (!rc)
		rc = sk_refs_list(h->repo, prefix.ptr, SK_REFS_DEEP, out);
	sk_buf_free(&prefix);
	return rc;
}

static int records(struct skp_host *pub, const char *prefix, struct skp_record **out, size_t *n)
{
	const struct sk_host *h = sk_host_of(pub);
	size_t skip = strlen("refs/sk/") + strlen(h->info->space) + 1, k = 0;
	struct skp_record *list = NULL;
	struct sk_refs refs = { 0 };
	int rc = list_refs(h, &refs);

	if (!rc && !(list = calloc(refs.n + 1, sizeof *list)))
		rc = sk_error_oom();
	for (size_t i = 0; !rc && i < refs.n; i++) {
		const struct sk_ref *ref = &refs.item[i];
		char *name;

		if (strncmp(ref->name + skip, prefix, strlen(prefix)) != 0)
			continue;
		name = strdup(ref->name + skip);
		if (!name)
			rc = sk_error_oom();
		else if (ref->bad)
			list[k++] = (struct skp_record){
				.name = name, .title = "", .text = ref->bad, .damaged = 1
			};
		else if (!(rc = show_record(h->repo, name, &ref->oid, &list[k])))
			k++;
	}
	sk_refs_free(&refs);
	if (rc) {
		free(list);
		return rc;
	}
	*out = list;
	*n = k;
	return 0;
}

/* Writing */

static struct object *place_of(const struct skp_batch *b, const struct sk_oid *oid)
{
	size_t at = 0;

	memcpy(&at, oid->id, sizeof at);
	for (at &= b->mask; b->object[at].type && !sk_oid_eq(&b->object[at].oid, oid);)
		at = (at + 1) & b->mask;
	return &b->object[at];
}

static int know(struct skp_batch *b, const struct sk_oid *oid, enum sk_object_type type)
{
	struct object *old = b->object;
	size_t n = old ? b->mask + 1 : 0;

	if (2 * (b->n_objects + 1) > n) {
		b->object = calloc(n ? 2 * n : 64, sizeof *b->object);
		if (!b->object) {
			b->object = old;
			return sk_error_oom();
		}
		b->mask = (n ? 2 * n : 64) - 1;
		for (size_t i = 0; i < n; i++)
			if (old[i].type)
				*place_of(b, &old[i].oid) = old[i];
		free(old);
	}
	b->n_objects += !place_of(b, oid)->type;
	*place_of(b, oid) = (struct object){ *oid, type };
	return 0;
}

static void drop(struct skp_batch *b)
{
	if (!b)
		return;
	sk_packer_free(b->packer);
	sk_refs_free(&b->before);
	for (size_t i = 0; i < b->n_changes; i++)
		free(b->change[i].name);
	free(b->change);
	free(b->object);
	free(b);
}

static int batch(struct skp_host *pub, struct skp_batch **out)
{
	struct skp_batch *b = calloc(1, sizeof *b);
	int rc = b ? 0 : sk_error_oom();

	if (!rc) {
		b->host = sk_host_of(pub);
		rc = list_refs(b->host, &b->before);
	}
	if (!rc)
		rc = sk_packer_new(b->host->repo, &b->packer);
	if (rc) {
		drop(b);
		return rc;
	}
	sk_packer_wary(b->packer); /* what a record had once, nothing may reach any more */
	*out = b;
	return rc;
}

static int added(struct skp_batch *b, const struct sk_oid *id, enum sk_object_type type,
                 struct skp_oid *out)
{
	int rc = know(b, id, type);

	if (!rc)
		sk_oid_out(id, out);
	return rc;
}

static int blob(struct skp_batch *b, const void *data, size_t len, struct skp_oid *out)
{
	struct sk_oid id;
	int rc = sk_packer_add(b->packer, SK_OBJ_BLOB, data, len, &id);

	return rc ? rc : added(b, &id, SK_OBJ_BLOB, out);
}

static int blob_fd(struct skp_batch *b, int fd, uint64_t size, struct skp_oid *out)
{
	struct sk_oid id;
	int rc = sk_packer_add_fd(b->packer, fd, size, &id);

	return rc ? rc : added(b, &id, SK_OBJ_BLOB, out);
}

/* Whether it is what a tree may name so. */
static int check_object(struct skp_batch *b, const struct sk_oid *oid, enum sk_object_type type)
{
	git_object_t its = GIT_OBJECT_INVALID;
	git_odb *odb = NULL;
	bool have = false;
	size_t size;
	int rc;

	if (b->object && place_of(b, oid)->type) {
		its = (git_object_t)place_of(b, oid)->type;
		have = true;
	} else if ((rc = sk_packer_rely(b->packer, oid, &have)) != 0) {
		return rc;
	} else if (git_repository_odb(&odb, b->host->repo->git) == 0) {
		(void)git_odb_read_header(&size, &its, odb, (const git_oid *)oid->id);
	}
	git_odb_free(odb);
	if (its == (git_object_t)type && have)
		return 0;
	if (its == (git_object_t)type) /* there, but it may go any moment, or is not whole */
		return sk_error(SK_EBUSY,
		                "git is tidying up (git gc), or %s needs 'git sk verify --repair'; "
		                "try again afterwards",
		                sk_oid_str(oid));
	return sk_error(SK_EUSAGE, "a tree wants %s as a %s, which it is not", sk_oid_str(oid),
	                sk_object_type_name(type));
}

/* git's order: a folder's name counts as if it ended in "/". */
static int by_name(const void *a, const void *b)
{
	const struct skp_tree_entry *x = a, *y = b;
	size_t n = strlen(x->name), m = strlen(y->name), least = n < m ? n : m;
	int cmp = memcmp(x->name, y->name, least);
	unsigned char c, d;

	if (cmp)
		return cmp;
	c = (unsigned char)(n > least ? x->name[least] : x->mode == 040000 ? '/' : 0);
	d = (unsigned char)(m > least ? y->name[least] : y->mode == 040000 ? '/' : 0);
	return (int)c - (int)d;
}

static int check_entry(struct skp_batch *b, const struct skp_tree_entry *e)
{
	struct sk_oid id;

	if (!e->name || sk_unsafe_name(e->name, strlen(e->name)))
		return sk_error(SK_EREFUSED, "'%s' cannot be a name in a tree",
		                sk_name(e->name ? e->name : ""));
	if (e->mode != 0100644 && e->mode != 0100755 && e->mode != 0120000 && e->mode != 040000)
		return sk_error(SK_EUSAGE, "a tree knows no mode %o", (unsigned)e->mode);
	sk_oid_in(&e->oid, &id);
	return check_object(b, &id, e->mode == 040000 ? SK_OBJ_TREE : SK_OBJ_BLOB);
}

static int same_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file and a folder of one name need not stand side by side in git's order. */
static int check_twice(const struct skp_tree_entry *entry, size_t n)
{
	const char **name = calloc(n + 1, sizeof *name);
	int rc = name ? 0 : sk_error_oom();

	for (size_t i = 0; !rc && i < n; i++)
		name[i] = entry[i].name;
	if (!rc && n)
		qsort(name, n, sizeof *name, same_name);
	for (size_t i = 1; !rc && i < n; i++)
		if (strcmp(name[i - 1], name[i]) == 0)
			rc = sk_error(SK_EUSAGE, "'%s' is twice in a tree", sk_name(name[i]));
	free(name);
	return rc;
}

static int put_tree(struct skp_batch *b, const struct skp_tree_entry *entry, size_t n,
                    struct skp_oid *out)
{
	struct skp_tree_entry *sorted = calloc(n + 1, sizeof *sorted);
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid id;
	int rc = sorted ? 0 : sk_error_oom();

	for (size_t i = 0; !rc && i < n; i++) {
		sorted[i] = entry[i];
		rc = check_entry(b, &entry[i]);
	}
	if (!rc)
		rc = check_twice(entry, n);
	if (!rc && n)
		qsort(sorted, n, sizeof *sorted, by_name);
	for (size_t i = 0; !rc && i < n; i++) {
		(void)sk_buf_addf(&text, "%o %s", (unsigned)sorted[i].mode, sorted[i].name);
		(void)sk_buf_add(&text, "", 1);
		(void)sk_buf_add(&text, sorted[i].oid.id, SK_OID_RAW);
	}
	if (!rc)
		rc = sk_buf_ok(&text);
	if (!rc)
		rc = sk_packer_add(b->packer, SK_OBJ_TREE, sk_buf_str(&text), text.len, &id);
	if (!rc)
		rc = added(b, &id, SK_OBJ_TREE, out);
	sk_buf_free(&text);
	free(sorted);
	return rc;
}

/* The change of that ref: the one that is there already, or a new one. */
static int change_of(struct skp_batch *b, const char *name, struct change **out)
{
	struct sk_buf full = SK_BUF_INIT;
	const struct sk_ref *was;
	struct change *grown;
	int rc = full_name(b->host, name, &full);

	for (size_t i = 0; !rc && i < b->n_changes; i++)
		if (strcmp(b->change[i].name, full.ptr) == 0) {
			*out = &b->change[i];
			goto out;
		}
	if (rc)
		goto out;
	grown = realloc(b->change, (b->n_changes + 1) * sizeof *grown);
	if (!grown) {
		rc = sk_error_oom();
		goto out;
	}
	b->change = grown;
	grown[b->n_changes] = (struct change){ .name = strdup(full.ptr) };
	if (!grown[b->n_changes].name) {
		rc = sk_error_oom();
		goto out;
	}
	was = sk_refs_find(&b->before, full.ptr);
	if (was && was->bad)
		grown[b->n_changes].broken = true;
	else if (was)
		grown[b->n_changes].old = was->oid;
	*out = &grown[b->n_changes++];
out:
	sk_buf_free(&full);
	return rc;
}

static int set_trailers(const struct sk_host *h, const struct skp_record *r, struct sk_entry *e)
{
	struct sk_buf who = SK_BUF_INIT;
	int rc = sk_entry_set(e, "Sk-Kind", h->info->space);

	(void)sk_buf_addf(&who, "%s %s", h->info->name, h->info->version);
	if (!rc)
		rc = sk_buf_ok(&who);
	if (!rc)
		rc = sk_entry_set(e, "Sk-Plugin", who.ptr);
	if (!rc)
		rc = sk_entry_set(e, "Sk-Worktree", h->repo->worktree_id);
	for (size_t i = 0; !rc && i < r->n_trailers; i++)
		rc = sk_entry_set(e, r->trailer[i].key, r->trailer[i].value);
	if (!rc && (h->info->flags & SKP_PRIVATE))
		rc = sk_entry_set(e, "Sk-Private", "yes");
	sk_buf_free(&who);
	return rc;
}

static int put(struct skp_batch *b, const struct skp_record *r)
{
	struct sk_entry *e = calloc(1, sizeof *e);
	struct sk_buf text = SK_BUF_INIT;
	struct change *change = NULL;
	struct sk_oid tag;
	int rc = e ? 0 : sk_error_oom();

	if (rc)
		return rc;
	sk_oid_in(&r->tree, &e->tree);
	e->created = r->created ? (time_t)r->created : sk_now();
	e->id = strdup(r->name);
	e->title = strdup(r->title ? r->title : "");
	e->description = strdup(r->text ? r->text : "");
	if (!e->id || !e->title || !e->description)
		rc = sk_error_oom();
	if (!rc)
		rc = check_object(b, &e->tree, SK_OBJ_TREE);
	if (!rc)
		rc = set_trailers(b->host, r, e);
	if (!rc)
		rc = change_of(b, r->name, &change);
	if (!rc)
		rc = sk_tag_format(e, &text);
	if (!rc)
		rc = sk_packer_add(b->packer, SK_OBJ_TAG, text.ptr, text.len, &tag);
	if (!rc) {
		change->tag = tag;
		change->remove = false;
	}
	sk_buf_free(&text);
	sk_entry_free(e);
	return rc;
}

static int remove_record(struct skp_batch *b, const char *name)
{
	struct change *change = NULL;
	int rc = change_of(b, name, &change);

	if (!rc)
		change->remove = true;
	return rc;
}

/* One line of `git update-ref --stdin -z`; back to what was when `back`. */
static void add_change(struct sk_buf *in, const struct change *c, bool back)
{
	static const struct sk_oid none;
	const struct sk_oid *new = c->remove ? &none : &c->tag, *old = &c->old;

	if (back) {
		new = &c->old;
		old = c->remove ? &none : &c->tag;
	}
	if (sk_oid_eq(new, old))
		return;
	(void)sk_buf_addf(in, "update %s", c->name);
	(void)sk_buf_add(in, "", 1);
	(void)sk_buf_adds(in, sk_oid_str(new));
	(void)sk_buf_add(in, "", 1);
	(void)sk_buf_adds(in, sk_oid_str(old));
	(void)sk_buf_add(in, "", 1);
}

/* A packed one may come to light below it. */
static int drop_broken(const struct sk_repo *repo, struct change *c)
{
	int rc = sk_ref_drop_broken(repo, c->name);

	if (!rc)
		rc = sk_ref_read(repo, c->name, &c->old);
	if (rc == SK_ENO)
		rc = 0;
	c->broken = false;
	return rc;
}

static int transaction(const struct skp_batch *b, bool back)
{
	const char *const argv[] = { "git",
		                     "--git-dir",
		                     b->host->repo->commondir,
		                     "-c",
		                     "core.hooksPath=/dev/null",
		                     "-c",
		                     "core.fsync=reference",
		                     "-c",
		                     "core.logAllRefUpdates=false",
		                     "update-ref",
		                     "--no-deref",
		                     "--stdin",
		                     "-z",
		                     NULL };
	struct sk_buf in = SK_BUF_INIT, err = SK_BUF_INIT, out = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv, .errors = &err, .output = &out };
	int rc = 0, status = 0, held = -1;

	for (size_t i = 0; i < b->n_changes && !rc; i++) {
		if (b->change[i].broken && !back)
			rc = drop_broken(b->host->repo, &b->change[i]);
		add_change(&in, &b->change[i], back);
	}
	if (!rc)
		rc = sk_buf_ok(&in);
	proc.input = in.ptr;
	proc.input_len = in.len;
	if (!rc && in.len)
		rc = sk_store_hold(b->host, &in, &held);
	if (!rc && in.len)
		rc = sk_proc_run(&proc, &status);
	sk_store_release(held);
	if (!rc && status)
		rc = sk_error(SK_EBUSY, "git cannot change refs/sk/%s: %.*s", b->host->info->space,
		              (int)strcspn(sk_buf_str(&err), "\n"), sk_buf_str(&err));
	sk_buf_free(&in);
	sk_buf_free(&err);
	sk_buf_free(&out);
	return rc;
}

/* git syncs the files of refs; that they are in their folders is ours. */
static int sync_folders(const struct skp_batch *b)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < b->n_changes && !rc; i++) {
		if (b->change[i].remove)
			continue;
		sk_buf_clear(&path);
		rc = sk_buf_addf(&path, "%s/%s", b->host->repo->commondir, b->change[i].name);
		for (char *slash; !rc && (slash = strrchr(path.ptr, '/')) > path.ptr;) {
			*slash = '\0';
			if (strlen(path.ptr) < strlen(b->host->repo->commondir) + strlen("/refs"))
				break;
			if (sk_exists(path.ptr))
				rc = sk_sync_dir(path.ptr);
		}
	}
	sk_buf_free(&path);
	return rc;
}

static int store(struct skp_batch *b)
{
	int rc = sk_packer_commit(b->packer);

	if (!rc)
		rc = transaction(b, false);
	if (!rc)
		rc = sync_folders(b);
	if (!rc && sk_packer_recheck(b->packer)) {
		(void)transaction(b, true);
		rc = sk_error(SK_EBUSY, "objects were pruned meanwhile; try again");
	}
	drop(b);
	return rc;
}

void sk_host_store(struct skp_host *pub)
{
	pub->record = record;
	pub->records = records;
	pub->batch = batch;
	pub->blob = blob;
	pub->blob_fd = blob_fd;
	pub->put_tree = put_tree;
	pub->put = put;
	pub->remove = remove_record;
	pub->store = store;
	pub->drop = drop;
}
