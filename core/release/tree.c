#include <string.h>

#include "capture/scan.h"
#include "release/release_parts.h"

/* A tree object has its entries in the order of the walk: what stays in is a part of the source's
 * trees.  A folder with nothing left is not written. */
struct trees {
	const struct sk_releasing *r;
	struct sk_packer *p;
	struct sk_buf *ids;
	size_t at; /* the next file */
};

static bool is_in(const char *path, const char *dir, size_t len)
{
	return !len || (strncmp(path, dir, len) == 0 && path[len] == '/');
}

static int write_tree(struct trees *t, const struct sk_buf *data, struct sk_oid *out)
{
	int rc = 0;

	if (t->p)
		rc = sk_packer_add(t->p, SK_OBJ_TREE, sk_buf_str(data), data->len, out);
	else
		sk_hash_object(SK_OBJ_TREE, sk_buf_str(data), data->len, out);
	if (!rc && t->ids)
		rc = sk_buf_addf(t->ids, "%s\n", sk_oid_str(out));
	return rc;
}

/* All that lies in `dir` ("" is the top), to the first file after it.  *empty: nothing. */
static int one_tree(struct trees *t, const char *dir, struct sk_oid *out, bool *empty)
{
	const struct sk_release *rel = t->r->out;
	size_t len = strlen(dir);
	struct sk_buf data = SK_BUF_INIT;
	int rc = 0;

	while (!rc && t->at < rel->n && is_in(rel->file[t->at].path, dir, len)) {
		const struct sk_release_file *f = &rel->file[t->at++];
		const char *name = f->path + (len ? len + 1 : 0);
		struct sk_oid oid = f->oid;
		bool nothing = f->out;

		if (f->mode == 040000)
			rc = one_tree(t, f->path, &oid, &nothing);
		if (!rc && !nothing)
			rc = sk_tree_line(&data, f->mode, name, strlen(name), &oid);
	}
	*empty = !data.len;
	if (!rc && (data.len || !len))
		rc = write_tree(t, &data, out);
	sk_buf_free(&data);
	return rc;
}

int sk_release_tree(const struct sk_releasing *r, struct sk_packer *p, struct sk_oid *out,
                    struct sk_buf *trees)
{
	struct trees t = { r, p, trees, 0 };
	bool empty;

	return one_tree(&t, "", out, &empty);
}

int sk_release_commit(const struct sk_releasing *r, const char *version, const struct sk_oid *tree,
                      struct sk_buf *text, struct sk_oid *oid)
{
	int rc =
	        sk_buf_addf(text, "tree %s\n%s\n%s\n", sk_oid_str(tree), r->source.idents, version);

	if (!rc)
		sk_hash_object(SK_OBJ_COMMIT, text->ptr, text->len, oid);
	return rc;
}
