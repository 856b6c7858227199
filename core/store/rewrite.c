#include "store/rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/refs.h"
#include "store/tag.h"
#include "store/treeiter.h"

#define DEPTH_MAX 4096

struct sk_rewriter {
	const struct sk_repo *repo;
	const struct sk_rewrite_rule *rule;
	struct sk_packer *packer;
	struct sk_oidset
	        same; /* trees (with their paths, when those count) that stay as they are */
	struct sk_oidset dropped; /* the value counts */
	struct sk_buf path;
	struct sk_strv *paths; /* of the entry at hand */
};

int sk_rewriter_new(const struct sk_repo *repo, const struct sk_rewrite_rule *rule,
                    struct sk_packer *packer, struct sk_rewriter **out)
{
	struct sk_rewriter *rw = calloc(1, sizeof *rw);

	if (!rw)
		return sk_error_oom();
	rw->repo = repo;
	rw->rule = rule;
	rw->packer = packer;
	*out = rw;
	return 0;
}

void sk_rewriter_free(struct sk_rewriter *rw)
{
	if (!rw)
		return;
	sk_oidset_free(&rw->same);
	sk_oidset_free(&rw->dropped);
	sk_buf_free(&rw->path);
	free(rw);
}

const struct sk_oidset *sk_rewriter_dropped(const struct sk_rewriter *rw)
{
	return &rw->dropped;
}

static struct sk_oid memo_key(const struct sk_rewriter *rw, const struct sk_oid *oid)
{
	struct sk_oid key;
	struct sk_hash h;

	if (!rw->rule->by_path)
		return *oid;
	sk_hash_init(&h);
	sk_hash_update(&h, oid->id, SK_OID_RAW);
	sk_hash_update(&h, sk_buf_str(&rw->path), rw->path.len);
	sk_hash_final(&h, &key);
	return key;
}

static int drop(struct sk_rewriter *rw, const struct sk_oid *oid)
{
	uint32_t *count = sk_oidset_get(&rw->dropped, oid);
	int rc = 0;

	if (count)
		*count += *count < UINT32_MAX;
	else
		rc = sk_oidset_add(&rw->dropped, oid, 1, NULL);
	if (!rc && !sk_strv_has(rw->paths, sk_buf_str(&rw->path)))
		rc = sk_strv_add(rw->paths, sk_buf_str(&rw->path));
	return rc;
}

static int enter(struct sk_rewriter *rw, const char *name, size_t len, size_t *before)
{
	*before = rw->path.len;
	if (*before)
		(void)sk_buf_addc(&rw->path, '/');
	return sk_buf_add(&rw->path, name, len);
}

static int rewrite_tree(struct sk_rewriter *rw, const struct sk_oid *oid, int depth,
                        struct sk_oid *out);

/* One item into `data`, unless it goes; a folder that lost all goes too. */
static int rewrite_item(struct sk_rewriter *rw, const struct sk_tree_item *item, int depth,
                        struct sk_buf *data)
{
	enum sk_rewrite_answer answer =
	        rw->rule->judge(rw->rule->arg, sk_buf_str(&rw->path), item->mode, &item->oid);
	struct sk_oid now = item->oid;
	int rc = 0;

	if (answer == SK_REWRITE_DROP)
		return drop(rw, &item->oid);
	if (item->mode == SK_MODE_TREE && answer == SK_REWRITE_KEEP)
		rc = rewrite_tree(rw, &item->oid, depth + 1, &now);
	if (rc || sk_oid_is_zero(&now))
		return rc;
	(void)sk_buf_add(data, item->from, (size_t)(item->end - item->from) - SK_OID_RAW);
	return sk_buf_add(data, now.id, SK_OID_RAW);
}

static int rewrite_items(struct sk_rewriter *rw, git_odb_object *object, int depth,
                         struct sk_buf *data)
{
	struct sk_tree_iter it;
	struct sk_tree_item item;
	int more, rc = 0;

	it.at = git_odb_object_data(object);
	it.end = it.at + git_odb_object_size(object);
	while (!rc && (more = sk_tree_next(&it, &item)) != 0) {
		size_t before = rw->path.len;

		if (more < 0)
			return sk_error(SK_EDAMAGED, "a tree of the entry is damaged "
			                             "(git sk verify --repair)");
		rc = enter(rw, item.name, item.len, &before);
		if (!rc)
			rc = rewrite_item(rw, &item, depth, data);
		sk_buf_truncate(&rw->path, before);
	}
	return rc;
}

/* The tree without what goes; zero when nothing is left of it, the same when nothing goes. */
static int rewrite_tree(struct sk_rewriter *rw, const struct sk_oid *oid, int depth,
                        struct sk_oid *out)
{
	const struct sk_oid key = memo_key(rw, oid);
	git_odb_object *object = NULL;
	struct sk_buf data = SK_BUF_INIT;
	size_t size;
	int rc;

	if (sk_oidset_has(&rw->same, &key)) {
		*out = *oid;
		return 0;
	}
	if (depth > DEPTH_MAX)
		return sk_error(SK_EDAMAGED, "the folders of the entry are nested too deeply");
	rc = sk_repo_read(rw->repo, oid, &object);
	if (rc == SK_EDAMAGED && rw->rule->broken_stays) {
		*out = *oid;
		return 0;
	}
	if (rc)
		return rc;
	size = git_odb_object_size(object);
	rc = rewrite_items(rw, object, depth, &data);
	if (!rc && data.len == size &&
	    memcmp(sk_buf_str(&data), git_odb_object_data(object), size) == 0) {
		*out = *oid;
		rc = sk_oidset_add(&rw->same, &key, 1, NULL);
	} else if (!rc && !data.len && depth) {
		*out = (struct sk_oid){ { 0 } };
	} else if (!rc) {
		rc = sk_packer_add(rw->packer, SK_OBJ_TREE, sk_buf_str(&data), data.len, out);
	}
	git_odb_object_free(object);
	sk_buf_free(&data);
	return rc;
}

/* The root of the tree at `path` ("" or a nested repository's). */
static int rewrite_root(struct sk_rewriter *rw, const char *path, const struct sk_oid *oid,
                        struct sk_oid *out)
{
	int rc;

	sk_buf_clear(&rw->path);
	rc = sk_buf_adds(&rw->path, path);
	if (!rc && rw->rule->judge(rw->rule->arg, path, SK_MODE_TREE, oid) == SK_REWRITE_DROP) {
		rc = drop(rw, oid);
		return rc ? rc : sk_packer_put(rw->packer, SK_OBJ_TREE, "", 0, out);
	}
	return rc ? rc : rewrite_tree(rw, oid, 0, out);
}

static int rewrite_info(struct sk_rewriter *rw, struct sk_meta *meta)
{
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < meta->n_info; i++) {
		struct sk_index_info *info = &meta->info[i];
		bool goes = !rc && rw->rule->judge(rw->rule->arg, info->path, info->mode,
		                                   &info->oid) == SK_REWRITE_DROP;

		if (goes) {
			sk_buf_clear(&rw->path);
			rc = sk_buf_adds(&rw->path, info->path);
			rc = rc ? rc : drop(rw, &info->oid);
			free(info->path);
		} else {
			meta->info[n++] = *info;
		}
	}
	meta->n_info = n;
	return rc;
}

static bool at_or_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return len == 0 || (strncmp(path, top, len) == 0 && (!path[len] || path[len] == '/'));
}

/* The records of what was taken out go, and it is named as skipped. */
static int rewrite_records(struct sk_rewriter *rw, struct sk_meta *meta)
{
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < meta->n; i++) {
		struct sk_meta_path *p = &meta->path[i];
		bool goes = false;

		for (size_t k = 0; k < rw->paths->n && strchr("FDEVS", p->kind); k++)
			goes = goes || at_or_below(p->path, rw->paths->item[k]);
		if (goes) {
			free(p->path);
			free(p->reason);
		} else {
			meta->path[n++] = *p;
		}
	}
	meta->n = n;
	for (size_t k = 0; !rc && k < rw->paths->n; k++)
		rc = sk_meta_add(meta, 'S', rw->paths->item[k], 0, rw->rule->reason);
	sk_meta_sort(meta);
	return rc;
}

static int rewrite_meta(struct sk_rewriter *rw, struct sk_meta *meta)
{
	size_t n = 0;
	int rc = 0;

	if (meta->has_index)
		rc = rewrite_root(rw, "", &meta->index, &meta->index);
	if (!rc)
		rc = rewrite_info(rw, meta);
	(void)sk_meta_kind(meta, 'N', &n);
	for (size_t i = 0; !rc && i < meta->n; i++)
		if (meta->path[i].kind == 'N')
			rc = rewrite_root(rw, meta->path[i].path, &meta->path[i].tree,
			                  &meta->path[i].tree);
	if (!rc && rw->paths->n)
		rc = rewrite_records(rw, meta);
	return rc;
}

static int set_number(struct sk_entry *e, const char *key, size_t n)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%zu", n);
	return sk_entry_set(e, key, text);
}

/* Adds a line to what the trailer says, unless it says so. */
static int add_trailer(struct sk_entry *e, const char *key, const char *value)
{
	const char *was = sk_entry_get(e, key);
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	if (was && strcmp(was, value) == 0)
		return 0;
	(void)sk_buf_addf(&text, "%s%s%s", was ? was : "", was ? "\n" : "", value);
	rc = sk_buf_ok(&text);
	if (!rc)
		rc = sk_entry_set(e, key, text.ptr);
	sk_buf_free(&text);
	return rc;
}

/* The line of the tagger as it was: whose host and in which zone the entry was made. */
static int keep_tagger(const char *old, size_t len, struct sk_buf *text)
{
	static const char word[] = "\ntagger ";
	const char *from = memmem(old, len, word, sizeof word - 1);
	const char *to = memmem(sk_buf_str(text), text->len, word, sizeof word - 1);
	const char *from_end = from ? memchr(from + 1, '\n', (size_t)(old + len - from - 1)) : NULL;
	const char *to_end = to ? strchr(to + 1, '\n') : NULL;
	struct sk_buf now = SK_BUF_INIT;
	int rc;

	if (!from_end || !to_end)
		return 0;
	(void)sk_buf_add(&now, text->ptr, (size_t)(to - text->ptr));
	(void)sk_buf_add(&now, from, (size_t)(from_end - from));
	rc = sk_buf_adds(&now, to_end);
	if (rc) {
		sk_buf_free(&now);
		return rc;
	}
	sk_buf_free(text);
	*text = now;
	return 0;
}

/* `e` is a copy that may be changed; `was` the tag as it is stored. */
static int write_tags(struct sk_rewriter *rw, struct sk_entry *e, git_odb_object *was,
                      struct sk_meta *meta, struct sk_rewritten *r)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid tree;
	size_t skipped;
	int rc = sk_meta_write(meta, rw->packer, &tree);

	(void)sk_meta_kind(meta, 'S', &skipped);
	e->tree = r->tree;
	if (!rc)
		rc = sk_entry_set(e, "Sk-Meta", sk_oid_str(&tree));
	if (!rc && meta->has_index)
		rc = sk_entry_set(e, "Sk-Index", sk_oid_str(&meta->index));
	if (!rc)
		rc = set_number(e, "Sk-Skipped", skipped);
	if (!rc)
		rc = add_trailer(e, rw->rule->key, rw->rule->value);
	if (!rc)
		rc = sk_tag_format(e, &text);
	if (!rc)
		rc = keep_tagger(git_odb_object_data(was), git_odb_object_size(was), &text);
	if (!rc)
		rc = sk_packer_add(rw->packer, SK_OBJ_TAG, text.ptr, text.len, &r->tag);
	sk_buf_clear(&text);
	if (!rc)
		rc = sk_tag_plain(&tree, "meta", "SafeKeep metadata\n", &text);
	if (!rc)
		rc = sk_packer_add(rw->packer, SK_OBJ_TAG, text.ptr, text.len, &r->meta);
	sk_buf_free(&text);
	return rc;
}

static int meta_ref(const struct sk_entry *e, struct sk_buf *out)
{
	return sk_buf_addf(out, "refs/sk/meta/%s", e->ref + strlen("refs/sk/"));
}

/* *lost: it cannot be read, and the rule lets it go. */
static int read_meta(const struct sk_rewriter *rw, const struct sk_entry *e, struct sk_meta *meta,
                     bool *lost)
{
	struct sk_oid tree;
	int rc;

	sk_meta_init(meta);
	if (!sk_entry_get_oid(e, "Sk-Meta", &tree))
		return 0;
	rc = sk_meta_read(rw->repo, &tree, meta);
	*lost = rc == SK_EDAMAGED && rw->rule->broken_goes;
	return *lost ? 0 : rc;
}

static int old_meta(const struct sk_repo *repo, const struct sk_entry *e, struct sk_oid *out)
{
	struct sk_buf name = SK_BUF_INIT;
	int rc = meta_ref(e, &name);

	if (!rc)
		rc = sk_ref_read(repo, name.ptr, out);
	sk_buf_free(&name);
	return rc == SK_ENO || rc == SK_EDAMAGED ? 0 : rc;
}

int sk_rewrite_entry(struct sk_rewriter *rw, const struct sk_entry *e, struct sk_rewritten *out)
{
	struct sk_rewritten r = { .entry = e };
	struct sk_entry *copy = calloc(1, sizeof *copy);
	git_odb_object *was = NULL;
	struct sk_meta meta;
	bool lost = false;
	int rc;

	sk_meta_init(&meta);
	rw->paths = &r.paths;
	rc = copy ? sk_repo_read(rw->repo, &e->tag, &was) : sk_error_oom();
	if (!rc)
		rc = sk_tag_parse(git_odb_object_data(was), git_odb_object_size(was), copy);
	if (!rc)
		rc = read_meta(rw, e, &meta, &lost);
	if (!rc)
		rc = rewrite_root(rw, "", &e->tree, &r.tree);
	if (!rc)
		rc = rewrite_meta(rw, &meta);
	if (!rc && !r.paths.n && !lost)
		rc = SK_ENO;
	if (!rc)
		rc = old_meta(rw->repo, e, &r.old_meta);
	if (!rc)
		rc = write_tags(rw, copy, was, &meta, &r);
	git_odb_object_free(was);
	sk_entry_free(copy);
	sk_meta_clear(&meta);
	if (rc)
		sk_rewritten_clear(&r);
	else
		*out = r;
	return rc;
}

int sk_rewrite_look(struct sk_rewriter *rw, const struct sk_oid *tree)
{
	struct sk_strv paths = SK_STRV_INIT;
	struct sk_oid now;
	int rc;

	rw->paths = &paths;
	rc = rewrite_root(rw, "", tree, &now);
	sk_strv_free(&paths);
	return rc;
}

void sk_rewritten_clear(struct sk_rewritten *r)
{
	sk_strv_free(&r->paths);
	*r = (struct sk_rewritten){ 0 };
}

int sk_rewritten_apply(const struct sk_repo *repo, const struct sk_rewritten *r)
{
	struct sk_buf name = SK_BUF_INIT;
	int rc = meta_ref(r->entry, &name);

	if (!rc)
		rc = sk_ref_replace(repo, name.ptr,
		                    sk_oid_is_zero(&r->old_meta) ? NULL : &r->old_meta, &r->meta);
	if (!rc)
		rc = sk_ref_replace(repo, r->entry->ref, &r->entry->tag, &r->tag);
	sk_buf_free(&name);
	return rc;
}
