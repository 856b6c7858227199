#include "store/refs_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"

/* The reason why the bytes of a loose ref are none, or NULL and the id. */
static const char *parse_loose(const char *data, size_t len, struct sk_oid *oid)
{
	bool blank = true;

	for (size_t i = 0; i < len && blank; i++)
		blank = data[i] == '\0' || data[i] == '\n';
	if (blank)
		return "the ref is empty (a crash of the system?)";
	if (len >= 4 && memcmp(data, "ref:", 4) == 0)
		return "the ref is a symbolic one";
	if (!sk_oid_parse(data, oid) || (data[SK_OID_HEX] && data[SK_OID_HEX] != '\n'))
		return "the ref does not hold an object id";
	if (sk_oid_is_zero(oid))
		return "the ref holds the zero id";
	return NULL;
}

int sk_ref_read_loose(int dirfd, const char *path, struct sk_oid *oid, const char **bad)
{
	char data[256] = { 0 };
	struct stat st;
	ssize_t n = -1;
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return SK_ENO;
	*bad = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		*bad = errno == ELOOP ? "the ref is a symbolic link" : "the ref cannot be opened";
	else if (S_ISDIR(st.st_mode))
		n = -2;
	else if (!S_ISREG(st.st_mode))
		*bad = "the ref is not a regular file";
	else if ((n = sk_read_full(fd, data, sizeof data - 1)) < 0)
		*bad = "the ref cannot be read";
	if (n >= 0)
		*bad = parse_loose(data, (size_t)n, oid);
	if (fd >= 0)
		(void)close(fd);
	return n == -2 ? SK_ENO : 0;
}

int sk_refs_add(struct sk_refs *refs, const char *name, size_t len, struct sk_ref **out)
{
	struct sk_ref *item;

	if (refs->n == refs->cap) {
		size_t cap = refs->cap ? refs->cap * 2 : 64;

		item = realloc(refs->item, cap * sizeof *item);
		if (!item)
			return sk_error_oom();
		refs->item = item;
		refs->cap = cap;
	}
	item = &refs->item[refs->n];
	*item = (struct sk_ref){ .name = strndup(name, len) };
	if (!item->name)
		return sk_error_oom();
	refs->n++;
	*out = item;
	return 0;
}

static bool is_lock(const char *name)
{
	size_t len = strlen(name);

	return len >= 5 && strcmp(name + len - 5, ".lock") == 0;
}

static int list_dir(int fd, struct sk_buf *name, unsigned flags, struct sk_refs *out);

static int list_folder(int dir, const char *last, struct sk_buf *name, unsigned flags,
                       struct sk_refs *out)
{
	int fd, rc;

	if (!(flags & SK_REFS_DEEP))
		return 0;
	rc = sk_buf_addc(name, '/');
	if (rc)
		return rc;
	fd = openat(dir, last, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0; /* git has tidied it away */
	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot read the folder '%s'", name->ptr);
	return list_dir(fd, name, flags, out);
}

/* One name in a folder of refs; `name` is the folder's, ending in a slash. */
static int list_one(int dir, struct sk_buf *name, const struct dirent *de, unsigned flags,
                    struct sk_refs *out)
{
	struct sk_ref *ref = NULL, got = { 0 };
	size_t len = name->len;
	struct stat st;
	bool folder = de->d_type == DT_DIR;
	int rc = sk_buf_adds(name, de->d_name);

	if (!rc && de->d_type == DT_UNKNOWN)
		folder = fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		         S_ISDIR(st.st_mode);
	if (rc)
		goto out;
	if (folder) {
		rc = list_folder(dir, de->d_name, name, flags, out);
		goto out;
	}
	if (!git_reference_is_valid_name(name->ptr))
		goto out; /* a stray file: git does not take it for a ref either */
	if (!(flags & SK_REFS_NAMES) && sk_ref_read_loose(dir, de->d_name, &got.oid, &got.bad))
		goto out; /* packed or deleted since readdir */
	rc = sk_refs_add(out, name->ptr, name->len, &ref);
	if (!rc) {
		ref->oid = got.oid;
		ref->bad = got.bad;
	}
out:
	sk_buf_truncate(name, len);
	return rc;
}

/* Takes `fd` over. */
static int list_dir(int fd, struct sk_buf *name, unsigned flags, struct sk_refs *out)
{
	DIR *dir = fdopendir(fd);
	struct dirent *de;
	int rc = 0;

	if (!dir) {
		rc = sk_error_errno(SK_EIO, "cannot read the folder '%s'", name->ptr);
		(void)close(fd);
		return rc;
	}
	for (errno = 0; !rc && (de = readdir(dir)); errno = 0)
		if (de->d_name[0] != '.' && !is_lock(de->d_name))
			rc = list_one(fd, name, de, flags, out);
	if (!rc && errno)
		rc = sk_error_errno(SK_EIO, "cannot read the folder '%s'", name->ptr);
	(void)closedir(dir);
	return rc;
}

static int list_loose(const struct sk_repo *repo, const char *prefix, unsigned flags,
                      struct sk_refs *out)
{
	struct sk_buf path = SK_BUF_INIT, name = SK_BUF_INIT;
	int rc, fd;

	rc = sk_buf_addf(&path, "%s/%s", repo->commondir, prefix);
	if (!rc)
		rc = sk_buf_adds(&name, prefix);
	if (rc)
		goto out;
	fd = open(path.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		rc = list_dir(fd, &name, flags, out);
	else if (errno != ENOENT && errno != ENOTDIR)
		rc = sk_error_errno(SK_EIO, "cannot read the folder '%s'", path.ptr);
out:
	sk_buf_free(&path);
	sk_buf_free(&name);
	return rc;
}

int sk_ref_path(const struct sk_repo *repo, const char *name, const char *end, char **out)
{
	struct sk_buf path = SK_BUF_INIT;
	char *ptr;

	(void)sk_buf_addf(&path, "%s/%s%s", repo->commondir, name, end);
	ptr = sk_buf_detach(&path);
	if (!ptr)
		return sk_error_oom();
	*out = ptr;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct sk_ref *x = a, *y = b;
	int cmp = strcmp(x->name, y->name);

	return cmp ? cmp : (int)x->packed - (int)y->packed;
}

int sk_refs_list_all(const struct sk_repo *repo, const char *const *prefixes, unsigned flags,
                     struct sk_refs *out)
{
	struct sk_packed packed = { 0 };
	struct sk_refs refs = { 0 };
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; prefixes[i] && !rc; i++)
		rc = list_loose(repo, prefixes[i], flags, &refs);
	if (!rc && !(flags & SK_REFS_LOOSE))
		rc = sk_packed_open(repo, &packed);
	for (size_t i = 0; prefixes[i] && !rc && packed.map; i++)
		rc = sk_packed_list(&packed, prefixes[i], flags, &refs);
	sk_packed_close(&packed);
	if (rc) {
		sk_refs_free(&refs);
		return rc;
	}
	for (size_t i = 1; i < refs.n; i++)
		if (compare(&refs.item[i - 1], &refs.item[i]) > 0) { /* packed-refs is sorted */
			qsort(refs.item, refs.n, sizeof *refs.item, compare);
			break;
		}
	for (size_t i = 0; i < refs.n; i++) {
		if (n && strcmp(refs.item[n - 1].name, refs.item[i].name) == 0)
			free(refs.item[i].name); /* the loose one, before it, is the newer */
		else
			refs.item[n++] = refs.item[i];
	}
	refs.n = n;
	*out = refs;
	return 0;
}

int sk_refs_list(const struct sk_repo *repo, const char *prefix, unsigned flags,
                 struct sk_refs *out)
{
	const char *const prefixes[] = { prefix, NULL };

	return sk_refs_list_all(repo, prefixes, flags, out);
}

void sk_refs_free(struct sk_refs *refs)
{
	for (size_t i = 0; i < refs->n; i++)
		free(refs->item[i].name);
	free(refs->item);
	*refs = (struct sk_refs){ 0 };
}

const struct sk_ref *sk_refs_find(const struct sk_refs *refs, const char *name)
{
	size_t lo = 0, hi = refs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(refs->item[mid].name, name);

		if (cmp == 0)
			return &refs->item[mid];
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

int sk_ref_read(const struct sk_repo *repo, const char *name, struct sk_oid *out)
{
	const char *bad = NULL;
	struct sk_oid oid;
	char *path = NULL;
	int rc = sk_ref_path(repo, name, "", &path);

	if (rc)
		return rc;
	rc = sk_ref_read_loose(AT_FDCWD, path, &oid, &bad);
	if (rc == SK_ENO)
		rc = sk_ref_find_packed(repo, name, out);
	else if (bad)
		rc = sk_error(SK_EDAMAGED, "'%s': %s", sk_name(name), bad);
	else
		*out = oid;
	free(path);
	return rc;
}
