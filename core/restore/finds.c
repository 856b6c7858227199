/* Whether the target has a path, without walking all of it. */
#include <stdlib.h>

#include "restore/children.h"
#include "restore/job.h"

/* The tree that holds `path`: the outer one, or that of the deepest nested repository above it;
 * *rest is the part of the path inside. */
static const struct sk_oid *space_of(const struct sk_target *t, const char *path, const char **rest)
{
	size_t n = 0, best = 0;
	const struct sk_meta_path *r = sk_meta_kind(&t->meta, 'N', &n);
	const struct sk_oid *tree = &t->tree;

	*rest = path;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(r[i].path);

		if (len >= best && strncmp(path, r[i].path, len) == 0 &&
		    (path[len] == '/' || path[len] == '\0')) {
			best = len;
			tree = &r[i].tree;
			*rest = path + len + (path[len] == '/');
		}
	}
	return tree;
}

static int find_entry(const struct sk_target *t, const struct sk_oid *tree, const char *name,
                      size_t len, struct sk_tree_entry *out, bool *found)
{
	git_odb_object *object = NULL;
	struct sk_tree_entry e;
	size_t at = 0;
	bool broken = false;
	int rc = sk_repo_read(t->repo, tree, &object);

	if (!rc && git_odb_object_type(object) != GIT_OBJECT_TREE)
		rc = SK_EDAMAGED;
	*found = false;
	while (!rc && !*found &&
	       sk_tree_next(git_odb_object_data(object), git_odb_object_size(object), &at, &e,
	                    &broken))
		if (e.len == len && memcmp(e.name, name, len) == 0) {
			*out = e;
			*found = true;
		}
	if (rc == SK_EDAMAGED || broken)
		rc = sk_error(SK_EDAMAGED, "backup '%s': tree %s is missing or damaged", t->id,
		              sk_oid_str(tree));
	git_odb_object_free(object);
	return rc;
}

int sk_target_has(const struct sk_target *t, const char *path, bool *out)
{
	static const char kinds[] = "ENVS";
	const char *rest;
	struct sk_oid tree = *space_of(t, path, &rest);
	bool found = true;
	int rc = 0;

	while (!rc && found && *rest) {
		size_t len = strcspn(rest, "/");
		struct sk_tree_entry e = { .mode = 0 };

		rc = find_entry(t, &tree, rest, len, &e, &found);
		rest += len + (rest[len] == '/');
		if (!rc && found && *rest && e.mode != 040000)
			found = false;
		tree = e.oid;
	}
	for (const char *k = kinds; !rc && !found && *k; k++)
		found = sk_meta_find(&t->meta, *k, path) != NULL ||
		        sk_meta_below(&t->meta, (const char[]){ *k, '\0' }, path);
	if (!rc)
		*out = found;
	return rc;
}
