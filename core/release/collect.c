#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/text.h"
#include "capture/scan.h"
#include "release/release_parts.h"
#include "repo/ignore.h"
#include "repo/safename.h"

enum { DEPTH_MAX = 1024, IGNORE_MAX = 16 << 20, MARKER = 7 };

struct walk {
	struct sk_releasing *r;
	git_odb *odb;
	struct sk_buf path;
	int depth;
};

struct above {                   /* what a folder hands down */
	struct sk_ignore *rules; /* of an entry alone */
	bool ignored;
	git_tree *tracked; /* the same folder as git knew it; NULL: it did not */
};

static int lookup(const struct walk *w, const struct sk_oid *oid, git_tree **out)
{
	git_oid id;

	memcpy(id.id, oid->id, SK_OID_RAW);
	if (git_tree_lookup(out, w->r->repo->git, &id) < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read tree %s", sk_oid_str(oid));
	return 0;
}

static int add(struct walk *w, uint32_t mode, const git_oid *oid)
{
	struct sk_release *out = w->r->out;
	struct sk_release_file *f;
	git_object_t type;
	size_t size = 0;

	if (mode != 040000 && mode != 0160000) {
		if (git_odb_read_header(&size, &type, w->odb, oid) < 0)
			return sk_error_git(SK_EDAMAGED, "cannot read %s", sk_name(w->path.ptr));
		if (type != GIT_OBJECT_BLOB)
			return sk_error(SK_EDAMAGED, "%s is not what its folder says it is",
			                sk_name(w->path.ptr));
	}
	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 256;
		struct sk_release_file *grown = reallocarray(out->file, cap, sizeof *grown);

		if (!grown)
			return sk_error_oom();
		out->file = grown;
		out->cap = cap;
	}
	f = &out->file[out->n];
	*f = (struct sk_release_file){ .mode = mode, .size = size, .marker = MARKER };
	memcpy(f->oid.id, oid->id, SK_OID_RAW);
	f->path = strdup(w->path.ptr);
	if (!f->path)
		return sk_error_oom();
	out->n++;
	return 0;
}

/* The rules for what is in a folder of an entry: those above, and its own .gitignore. */
static int rules_of(struct walk *w, const git_tree *tree, struct sk_ignore *above,
                    struct sk_ignore **out)
{
	const git_tree_entry *e = git_tree_entry_byname(tree, ".gitignore");
	git_odb_object *blob = NULL;
	struct sk_oid oid;
	int rc;

	if (!e || git_tree_entry_type(e) != GIT_OBJECT_BLOB ||
	    git_tree_entry_filemode(e) == GIT_FILEMODE_LINK) {
		*out = sk_ignore_ref(above);
		return 0;
	}
	memcpy(oid.id, git_tree_entry_id(e)->id, SK_OID_RAW);
	rc = sk_repo_read(w->r->repo, &oid, &blob);
	if (!rc && git_odb_object_size(blob) > IGNORE_MAX)
		rc = sk_error(SK_EREFUSED, "a .gitignore is larger than %d bytes", IGNORE_MAX);
	if (!rc)
		rc = sk_ignore_push(above, sk_buf_str(&w->path), git_odb_object_data(blob),
		                    git_odb_object_size(blob), out);
	git_odb_object_free(blob);
	return rc;
}

static bool is_ignored(const struct walk *w, const struct above *a, size_t name_off, bool is_dir)
{
	return a->rules && (a->ignored || sk_ignore_match(a->rules, w->path.ptr, w->path.len,
	                                                  name_off, is_dir) == SK_IGNORED);
}

static int walk(struct walk *w, git_tree *tree, const struct above *above);

static int enter(struct walk *w, const git_tree_entry *e, const git_tree_entry *known,
                 const struct above *here, bool ignored)
{
	struct above inner = { here->rules, ignored, NULL };
	git_tree *tree = NULL;
	struct sk_oid oid;
	int rc;

	if (++w->depth > DEPTH_MAX)
		return sk_error(SK_EREFUSED, "folders lie more than %d deep", DEPTH_MAX);
	memcpy(oid.id, git_tree_entry_id(e)->id, SK_OID_RAW);
	rc = lookup(w, &oid, &tree);
	if (!rc && known && git_tree_entry_type(known) == GIT_OBJECT_TREE) {
		memcpy(oid.id, git_tree_entry_id(known)->id, SK_OID_RAW);
		rc = lookup(w, &oid, &inner.tracked);
	}
	if (!rc)
		rc = walk(w, tree, &inner);
	git_tree_free(tree);
	git_tree_free(inner.tracked);
	w->depth--;
	return rc;
}

static int one(struct walk *w, const git_tree_entry *e, const struct above *here)
{
	const char *name = git_tree_entry_name(e);
	const git_tree_entry *known =
	        here->tracked ? git_tree_entry_byname(here->tracked, name) : NULL;
	size_t before = w->path.len, name_off;
	bool is_dir = git_tree_entry_type(e) == GIT_OBJECT_TREE, ignored;
	uint32_t mode = (uint32_t)git_tree_entry_filemode(e);
	int rc;

	if (before)
		(void)sk_buf_addc(&w->path, '/');
	name_off = w->path.len;
	rc = sk_buf_adds(&w->path, name);
	if (!rc && sk_unsafe_name(name, strlen(name)))
		rc = sk_error(SK_EREFUSED,
		              "%s cannot be released: some system takes that name for git's own "
		              "folder",
		              sk_name(w->path.ptr));
	if (rc)
		return rc;
	ignored = is_ignored(w, here, name_off, is_dir);
	if (mode == 0160000 && w->r->source.saved && !known)
		rc = 0; /* a backup notes it; git does not know it, so it is no submodule */
	else if (is_dir || !ignored || known)
		rc = add(w, mode, git_tree_entry_id(e));
	else
		w->r->ignored++;
	if (!rc && is_dir)
		rc = enter(w, e, known, here, ignored);
	sk_buf_truncate(&w->path, before);
	return rc;
}

static int walk(struct walk *w, git_tree *tree, const struct above *above)
{
	struct above here = *above;
	int rc = 0;

	here.rules = NULL;
	if (above->rules)
		rc = rules_of(w, tree, above->rules, &here.rules);
	for (size_t i = 0; i < git_tree_entrycount(tree) && !rc; i++)
		rc = one(w, git_tree_entry_byindex(tree, i), &here);
	sk_ignore_unref(here.rules);
	return rc;
}

int sk_release_collect(struct sk_releasing *r)
{
	struct walk w = { .r = r };
	struct above top = { 0 };
	git_tree *tree = NULL;
	int rc = 0;

	if (git_repository_odb(&w.odb, r->repo->git) < 0)
		return sk_error_git(SK_EIO, "cannot open the objects of %s",
		                    sk_name(r->repo->gitdir));
	if (r->source.saved)
		rc = sk_rules_outside(r->repo, r->repo->commondir, &top.rules);
	if (!rc && !sk_oid_is_zero(&r->source.tracked))
		rc = lookup(&w, &r->source.tracked, &top.tracked);
	if (!rc)
		rc = lookup(&w, &r->source.tree, &tree);
	if (!rc)
		rc = walk(&w, tree, &top);
	git_tree_free(tree);
	git_tree_free(top.tracked);
	sk_ignore_unref(top.rules);
	git_odb_free(w.odb);
	sk_buf_free(&w.path);
	return rc;
}
