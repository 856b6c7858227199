#include "command/secrets_found.h"

#include <string.h>

#include "base/term.h"
#include "base/text.h"
#include "lint/secrets.h"
#include "store/entry.h"
#include "store/treeiter.h"

#define DEPTH_MAX 4096

struct search {
	const struct sk_call *call;
	struct sk_secrets *rules;
	const struct sk_entry *entry; /* at hand */
	struct sk_oidset seen;
	struct sk_oidset *blobs;
	struct sk_buf path;
	size_t looked_at;
};

static int say(const struct search *s, const struct sk_secret_list *found)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc = sk_add_name(&line, sk_buf_str(&s->path), s->path.len);

	if (!rc)
		rc = sk_buf_addf(&line, ":%u: %s", found->item[0].line, found->item[0].title);
	if (!rc && found->n > 1)
		rc = sk_buf_addf(&line, " and %zu more", found->n - 1);
	if (!rc)
		sk_note("%s (in %s)", line.ptr, s->entry->id);
	sk_buf_free(&line);
	return rc;
}

static int look_at_blob(struct search *s, const struct sk_oid *oid)
{
	struct sk_secret_list found = { 0 };
	git_odb_object *object = NULL;
	int rc = sk_repo_read(s->call->repo, oid, &object);

	if (rc == SK_EDAMAGED) { /* what cannot be read cannot be found either: verify names it */
		sk_warn("%s", sk_error_message());
		return 0;
	}
	if (!rc)
		rc = sk_secrets_scan(s->rules, git_odb_object_data(object),
		                     git_odb_object_size(object), &found);
	if (!rc && found.n)
		rc = say(s, &found);
	if (!rc && found.n)
		rc = sk_oidset_add(s->blobs, oid, SK_OBJ_BLOB, NULL);
	sk_progress("searching for secrets", ++s->looked_at, 0);
	sk_secret_list_clear(&found);
	git_odb_object_free(object);
	return rc;
}

static int look_at_tree(struct search *s, const struct sk_oid *oid, int depth)
{
	git_odb_object *object = NULL;
	struct sk_tree_iter it;
	struct sk_tree_item item;
	bool added = false;
	int rc = sk_oidset_add(&s->seen, oid, SK_OBJ_TREE, &added);

	if (rc || !added || depth > DEPTH_MAX)
		return rc;
	rc = sk_repo_read(s->call->repo, oid, &object);
	if (rc) {
		sk_warn("%s", sk_error_message());
		return rc == SK_EDAMAGED ? 0 : rc;
	}
	it.at = git_odb_object_data(object);
	it.end = it.at + git_odb_object_size(object);
	while (!rc && sk_tree_next(&it, &item) > 0) {
		size_t before = s->path.len;

		rc = sk_buf_addf(&s->path, "%s%s", before ? "/" : "", item.name);
		if (!rc && item.mode == SK_MODE_TREE) {
			rc = look_at_tree(s, &item.oid, depth + 1);
		} else if (!rc && item.mode != SK_MODE_COMMIT) {
			rc = sk_oidset_add(&s->seen, &item.oid, SK_OBJ_BLOB, &added);
			if (!rc && added)
				rc = look_at_blob(s, &item.oid);
		}
		sk_buf_truncate(&s->path, before);
	}
	git_odb_object_free(object);
	return rc;
}

int sk_secrets_find(const struct sk_call *call, struct sk_oidset *blobs)
{
	struct search s = { .call = call, .blobs = blobs };
	struct sk_entries entries = { 0 };
	struct sk_oid meta;
	int rc = sk_secrets_load(&s.rules);

	if (!rc)
		rc = sk_entry_list(call->repo, SK_ANY, NULL, &entries);
	for (size_t i = 0; !rc && i < entries.n; i++) {
		s.entry = entries.item[i];
		if (s.entry->damaged)
			continue;
		rc = look_at_tree(&s, &s.entry->tree, 0);
		if (!rc && sk_entry_get_oid(s.entry, "Sk-Meta", &meta))
			rc = look_at_tree(&s, &meta, 0);
	}
	sk_progress_end();
	sk_entries_free(&entries);
	sk_oidset_free(&s.seen);
	sk_buf_free(&s.path);
	sk_secrets_free(s.rules);
	return rc;
}
