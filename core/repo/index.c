#include "repo/index.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "repo/index_file.h"

struct parts {
	struct sk_index_file own, base;
	struct sk_cache_tree *tree;
};

/* The blob without a byte. */
static const struct sk_oid empty_blob = { { 0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6,
	                                    0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a,
	                                    0xd8, 0xc2, 0xe4, 0x8c, 0x53, 0x91 } };

void sk_index_free(struct sk_index *index)
{
	struct parts *parts;

	if (!index)
		return;
	parts = index->priv;
	if (parts) {
		if (index->entry != parts->own.entry)
			free(index->entry);
		sk_index_file_free(&parts->own);
		sk_index_file_free(&parts->base);
		free(parts->tree);
	}
	free(parts);
	free(index);
}

static struct sk_index *index_new(void)
{
	struct sk_index *index = calloc(1, sizeof *index);

	if (index)
		index->priv = calloc(1, sizeof(struct parts));
	if (index && !index->priv) {
		free(index);
		index = NULL;
	}
	return index;
}

/* "DIR/sharedindex.HEX" beside `path`. */
static int shared_path(const char *path, const struct sk_oid *oid, struct sk_buf *out)
{
	const char *slash = strrchr(path, '/');

	(void)sk_buf_add(out, path, slash ? (size_t)(slash + 1 - path) : 0);
	(void)sk_buf_addf(out, "sharedindex.%s", sk_oid_str(oid));
	return sk_buf_ok(out);
}

static int read_base(const char *path, const struct sk_oid *oid, struct sk_index_file *base)
{
	struct sk_buf name = SK_BUF_INIT;
	struct sk_oid nested = { { 0 } };
	int rc = shared_path(path, oid, &name);

	if (rc)
		goto out;
	rc = sk_index_file_read(name.ptr, base);
	if (rc)
		goto out;
	if (base->link)
		rc = sk_index_link_base(base, &nested);
	if (!rc && !sk_oid_is_zero(&nested))
		rc = sk_index_damaged("a shared index is split itself");
	if (!rc && base->nameless)
		rc = sk_index_damaged("an entry has no path");
	if (!rc && !sk_oid_eq(&base->checksum, oid))
		rc = sk_index_damaged("it is not the one that its name says");
out:
	if (rc && rc != SK_ENO)
		rc = sk_error_prefix(rc, "its shared index '%s'", sk_buf_str(&name));
	sk_buf_free(&name);
	return rc;
}

static int check_sparse(const struct sk_index *index)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];
		bool folder = e->path[e->path_len - 1] == '/';

		if (folder != (e->mode == S_IFDIR) || (folder && (!index->sparse || e->stage)))
			return sk_index_damaged("%s has the mode %#o", sk_name(e->path),
			                        (unsigned)e->mode);
	}
	return 0;
}

/* From the file or files to the index.  SK_ENO when the shared index is missing. */
static int assemble(const char *path, struct sk_index *index)
{
	struct parts *parts = index->priv;
	struct sk_index_file *own = &parts->own;
	struct sk_oid base = { { 0 } };
	int rc = 0;

	if (own->link)
		rc = sk_index_link_base(own, &base);
	if (rc)
		return rc;
	index->split = !sk_oid_is_zero(&base);
	if (index->split) {
		rc = read_base(path, &base, &parts->base);
		if (!rc)
			rc = sk_index_merge(own, &parts->base, &index->entry, &index->n);
	} else if (own->nameless) {
		rc = sk_index_damaged("an entry has no path");
	} else {
		index->entry = own->entry;
		index->n = own->n;
	}
	if (rc)
		return rc;
	index->sparse = own->sparse || parts->base.sparse;
	index->mtime = own->st.st_mtim;
	index->checksum = own->checksum;
	rc = check_sparse(index);
	if (!rc && own->tree)
		rc = sk_cache_tree_parse(own->tree, own->tree_len, index->n, &parts->tree);
	index->tree = parts->tree;
	return rc;
}

static bool replaced_since(const char *path, const struct stat *old)
{
	struct stat st;

	return stat(path, &st) < 0 || st.st_ino != old->st_ino || st.st_dev != old->st_dev ||
	       st.st_size != old->st_size || st.st_mtim.tv_sec != old->st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != old->st_mtim.tv_nsec;
}

/* `again`: git put another index there meanwhile and removed the old shared one. */
static int read_once(const char *path, struct sk_index **out, bool *again)
{
	struct sk_index *index = index_new();
	struct parts *parts;
	int rc;

	if (!index)
		return sk_error_oom();
	parts = index->priv;
	rc = sk_index_file_read(path, &parts->own);
	if (rc == SK_ENO) {
		rc = 0;
		goto out;
	}
	if (rc)
		goto out;
	rc = assemble(path, index);
	if (rc == SK_ENO) {
		*again = replaced_since(path, &parts->own.st);
		rc = sk_index_damaged("its shared index is missing: %s", sk_error_message());
	}
	if (rc)
		rc = sk_error_prefix(rc, "cannot use the index '%s'", path);
out:
	if (rc)
		sk_index_free(index);
	else
		*out = index;
	return rc;
}

int sk_index_read(const char *path, struct sk_index **out)
{
	bool again = true;
	int rc = 0;

	for (int tries = 0; again && tries < 3; tries++) {
		again = false;
		rc = read_once(path, out, &again);
	}
	return rc;
}

/* Number of the first entry not before the path and the stage; `suffix` is put after the path
 * (0: nothing). */
static size_t lower_bound(const struct sk_index *index, const char *path, size_t len, char suffix,
                          unsigned stage)
{
	size_t lo = 0, hi = index->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct sk_index_entry *e = &index->entry[mid];
		int c;

		if (suffix && e->path_len > len && memcmp(e->path, path, len) == 0)
			c = (unsigned char)e->path[len] < (unsigned char)suffix ? -1 : 1;
		else if (suffix)
			c = sk_index_cmp(e->path, e->path_len, 0, path, len, 1);
		else
			c = sk_index_cmp(e->path, e->path_len, e->stage, path, len, stage);
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_path(const struct sk_index_entry *e, const char *path, size_t len)
{
	return e->path_len == len && memcmp(e->path, path, len) == 0;
}

const struct sk_index_entry *sk_index_find(const struct sk_index *index, const char *path,
                                           size_t len, unsigned stage)
{
	size_t i = lower_bound(index, path, len, 0, stage);
	const struct sk_index_entry *e = i < index->n ? &index->entry[i] : NULL;

	return e && is_path(e, path, len) && e->stage == stage ? e : NULL;
}

size_t sk_index_lower(const struct sk_index *index, const char *path, size_t len)
{
	return lower_bound(index, path, len, 0, 0);
}

bool sk_index_has_dir(const struct sk_index *index, const char *dir, size_t len)
{
	size_t i;

	if (len == 0)
		return index->n > 0;
	i = lower_bound(index, dir, len, '/', 0);
	if (i < index->n && index->entry[i].path_len > len && index->entry[i].path[len] == '/' &&
	    memcmp(index->entry[i].path, dir, len) == 0)
		return true;
	for (i = sk_index_lower(index, dir, len);
	     i < index->n && is_path(&index->entry[i], dir, len); i++)
		if (index->entry[i].mode == 0160000)
			return true;
	for (i = 1; index->sparse && i < len; i++)
		if (dir[i - 1] == '/' && sk_index_find(index, dir, i, 0))
			return true;
	return false;
}

static bool same_time(const struct timespec *ts, uint32_t s, uint32_t ns)
{
	return (uint32_t)ts->tv_sec == s && (uint32_t)ts->tv_nsec == ns;
}

static bool same_kind(uint32_t mode, const struct stat *st)
{
	if (mode == S_IFLNK)
		return S_ISLNK(st->st_mode);
	if (mode != 0100644 && mode != 0100755)
		return false;
	return S_ISREG(st->st_mode) && (st->st_mode & 0100) == (mode & 0100);
}

/* git zeroes the size of an entry that was racy when it wrote the index, so a zero proves nothing
 * but together with the blob that has no byte. */
static bool same_size(const struct sk_index_entry *e, const struct stat *st)
{
	if (e->size == 0)
		return st->st_size == 0 && sk_oid_eq(&e->oid, &empty_blob);
	return e->size == (uint32_t)st->st_size;
}

static bool is_racy(const struct sk_index *index, const struct sk_index_entry *e)
{
	uint32_t s = (uint32_t)index->mtime.tv_sec, ns = (uint32_t)index->mtime.tv_nsec;

	if (index->mtime.tv_sec <= 0)
		return true;
	return e->mtime_s > s || (e->mtime_s == s && e->mtime_ns >= ns);
}

bool sk_index_stat_matches(const struct sk_index *index, const struct sk_index_entry *e,
                           const struct stat *st)
{
	if (e->stage || (e->flags & (SK_IE_INTENT_TO_ADD | SK_IE_SPARSE_DIR)))
		return false;
	return same_kind(e->mode, st) && same_size(e, st) && e->ino == (uint32_t)st->st_ino &&
	       same_time(&st->st_mtim, e->mtime_s, e->mtime_ns) &&
	       same_time(&st->st_ctim, e->ctime_s, e->ctime_ns) && !is_racy(index, e);
}
