#include "store/distrust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

#define LINE (SK_OID_HEX + 1)
#define FILE_MAX ((size_t)1 << 30)

static int path_of(const struct sk_repo *repo, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/damaged", repo->skdir);
}

static int by_oid(const void *a, const void *b)
{
	return sk_oid_cmp(a, b);
}

int sk_distrust_load(const struct sk_repo *repo, struct sk_distrust *out)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	struct sk_distrust list = { 0 };
	int rc = path_of(repo, &path);

	if (!rc && access(path.ptr, F_OK) == 0 &&
	    sk_read_file(AT_FDCWD, path.ptr, FILE_MAX, &text) == 0 && text.len >= LINE) {
		list.oid = malloc(text.len / LINE * sizeof *list.oid);
		rc = list.oid ? 0 : sk_error_oom();
	}
	for (size_t at = 0; !rc && list.oid && at + LINE <= text.len; at += LINE)
		list.n += sk_oid_parse(text.ptr + at, &list.oid[list.n]);
	if (list.n)
		qsort(list.oid, list.n, sizeof *list.oid, by_oid);
	sk_buf_free(&path);
	sk_buf_free(&text);
	if (!rc)
		*out = list;
	return rc;
}

bool sk_distrust_has(const struct sk_distrust *list, const struct sk_oid *oid)
{
	return list->n && bsearch(oid, list->oid, list->n, sizeof *list->oid, by_oid);
}

int sk_distrust_save(const struct sk_repo *repo, const struct sk_oidset *bad)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc = path_of(repo, &path);

	while (!rc && (slot = sk_oidset_next(bad, &at)))
		rc = sk_buf_addf(&text, "%s\n", sk_oid_str(&slot->oid));
	if (!rc && text.len)
		rc = sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0666, true);
	else if (!rc && unlink(path.ptr) < 0 && errno != ENOENT && errno != ENOTDIR)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path.ptr);
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}
