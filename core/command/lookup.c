#include "command/lookup.h"

#include <string.h>

#include "agent/sessions.h"
#include "base/error.h"
#include "base/text.h"

static int in_tree(const struct sk_repo *repo, const struct sk_oid *tree, const char *path,
                   struct sk_found *out)
{
	git_tree *root = NULL;
	git_tree_entry *entry = NULL;
	git_oid oid;
	int rc;

	if (!*path) {
		*out = (struct sk_found){ 040000, *tree };
		return 0;
	}
	memcpy(oid.id, tree->id, sizeof oid.id);
	if (git_tree_lookup(&root, repo->git, &oid) != 0)
		return sk_error_git(SK_EDAMAGED, "cannot read tree %s", sk_oid_str(tree));
	rc = git_tree_entry_bypath(&entry, root, path);
	if (rc == 0) {
		out->mode = git_tree_entry_filemode_raw(entry);
		memcpy(out->oid.id, git_tree_entry_id(entry)->id, SK_OID_RAW);
	} else if (rc == GIT_ENOTFOUND) {
		rc = sk_error(SK_ENO, "%s is not there", sk_name(path));
	} else {
		rc = sk_error_git(SK_EDAMAGED, "cannot look up %s", sk_name(path));
	}
	git_tree_entry_free(entry);
	git_tree_free(root);
	return rc;
}

/* What of `path` lies below `dir`: "" for the folder itself; NULL when it is not below. */
static const char *below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strncmp(path, dir, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : path + n;
}

static int in_meta(const struct sk_repo *repo, const struct sk_entry *e, const char *path,
                   struct sk_found *out)
{
	static const char empty[] = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
	const struct sk_meta_path *p, *best = NULL;
	struct sk_meta meta;
	struct sk_oid oid;
	size_t n = 0;
	int rc;

	if (!sk_entry_get_oid(e, "Sk-Meta", &oid))
		return SK_ENO;
	sk_meta_init(&meta);
	rc = sk_meta_read(repo, &oid, &meta);
	if (rc)
		return rc;
	p = sk_meta_kind(&meta, 'N', &n);
	for (size_t i = 0; i < n; i++)
		if (below(path, p[i].path) && (!best || strlen(p[i].path) > strlen(best->path)))
			best = &p[i];
	rc = SK_ENO;
	if (best) {
		rc = in_tree(repo, &best->tree, below(path, best->path), out);
	} else if (sk_meta_find(&meta, 'E', path)) {
		out->mode = 040000;
		(void)sk_oid_parse(empty, &out->oid);
		rc = 0;
	}
	sk_meta_clear(&meta);
	return rc;
}

int sk_lookup(const struct sk_repo *repo, const struct sk_entry *e, const char *path,
              struct sk_found *out)
{
	struct sk_found found = { 0 }, inner;
	int rc = in_tree(repo, &e->tree, path, &found);

	if (rc == SK_ENO || (!rc && found.mode == 0160000)) {
		int deep = in_meta(repo, e, path, &inner);

		if (deep != SK_ENO) {
			found = inner;
			rc = deep;
		}
	}
	if (rc == SK_ENO)
		return sk_error(SK_ENO, "%s is not in %s", sk_name(path), e->id);
	if (!rc)
		*out = found;
	return rc;
}

int sk_lookup_state(const struct sk_repo *repo, const struct sk_entry *e, const char *path,
                    struct sk_oid *out)
{
	struct sk_found found = { 0 };
	const struct sk_meta_path *p;
	struct sk_meta meta;
	struct sk_hash hash;
	struct sk_oid oid;
	size_t n = 0;
	int rc = sk_lookup(repo, e, path, &found);

	if (rc && rc != SK_ENO)
		return rc;
	if (rc || !sk_entry_get_oid(e, "Sk-Meta", &oid)) {
		*out = found.oid;
		return 0;
	}
	sk_meta_init(&meta);
	rc = sk_meta_read(repo, &oid, &meta);
	if (rc)
		return rc;
	sk_hash_init(&hash);
	sk_hash_update(&hash, &found.oid, sizeof found.oid);
	p = sk_meta_kind(&meta, 'N', &n);
	*out = found.oid;
	for (size_t i = 0; i < n; i++)
		if (!*path || (below(p[i].path, path) && strcmp(p[i].path, path) != 0)) {
			sk_hash_update(&hash, &p[i].tree, sizeof p[i].tree);
			sk_hash_final(&hash, out);
			sk_hash_init(&hash);
			sk_hash_update(&hash, out, sizeof *out);
		}
	sk_meta_clear(&meta);
	return 0;
}

static int intact(int rc, struct sk_entry *e, struct sk_entry **out)
{
	if (rc)
		return rc;
	if (e->damaged) {
		rc = sk_error(SK_EDAMAGED, "%s is damaged: %s", e->id, e->damage);
		sk_entry_free(e);
		return rc;
	}
	*out = e;
	return 0;
}

int sk_before_intact(const struct sk_repo *repo, const char *session, const char *which,
                     struct sk_entry **out)
{
	struct sk_entry *e = NULL;
	int rc = sk_agent_before(repo, session, which, &e);

	return intact(rc, e, out);
}

/* "@{prompt}", "@{prompt 3}", "@{prompt WORDS}": what comes after the word, NULL when it is another
 * selector. */
static const char *after_prompt(const char *selector, struct sk_buf *out)
{
	size_t len = strlen(selector);

	if (strncmp(selector, "@{prompt", 8) != 0 || selector[len - 1] != '}' ||
	    (selector[8] != ' ' && selector[8] != '}'))
		return NULL;
	for (selector += 8, len -= 9; len && *selector == ' '; len--)
		selector++;
	return sk_buf_add(out, selector, len) ? NULL : sk_buf_str(out);
}

int sk_lookup_entry(const struct sk_repo *repo, const char *selector, struct sk_entry **out)
{
	struct sk_buf text = SK_BUF_INIT;
	const char *which = after_prompt(selector, &text);
	int rc = which ? sk_agent_before(repo, NULL, *which ? which : NULL, out)
	               : sk_entry_select(repo, selector, out);

	sk_buf_free(&text);
	return rc;
}

int sk_select_intact(const struct sk_repo *repo, const char *selector, struct sk_entry **out)
{
	struct sk_entry *e = NULL;
	int rc = sk_lookup_entry(repo, selector, &e);

	return intact(rc, e, out);
}

int sk_at_intact(const struct sk_repo *repo, const char *when, struct sk_entry **out)
{
	struct sk_entry *e = NULL;
	int rc = sk_entry_at(repo, when, &e);

	return intact(rc, e, out);
}
