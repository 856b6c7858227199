#include "store/refs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"

#define PACKED_MAX ((size_t)1 << 31)
#define LOCK_TRIES 50
#define LOCK_PAUSE_NS 20000000

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

/* 0, or SK_ENO when there is no such file; `bad` says why it cannot be understood. */
static int read_loose(int dirfd, const char *path, struct sk_oid *oid, const char **bad)
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

static int add_ref(struct sk_refs *refs, const char *name, size_t len, struct sk_ref **out)
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
	struct sk_ref *ref, got = { 0 };
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
	if (!(flags & SK_REFS_NAMES) && read_loose(dir, de->d_name, &got.oid, &got.bad))
		goto out; /* packed or deleted since readdir */
	rc = add_ref(out, name->ptr, name->len, &ref);
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

static int read_packed(const struct sk_repo *repo, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/packed-refs", repo->commondir);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, PACKED_MAX, out);
	sk_buf_free(&path);
	return rc == SK_ENO ? 0 : rc;
}

/* The next line of packed-refs whose name begins with `prefix`, from *at on. */
static bool next_packed(const struct sk_buf *packed, const char *prefix, size_t *at,
                        struct sk_oid *oid, const char **name, size_t *len)
{
	size_t plen = strlen(prefix);

	while (*at < packed->len) {
		const char *hit = memmem(packed->ptr + *at, packed->len - *at, prefix, plen), *end;

		if (!hit)
			return false;
		*at = (size_t)(hit - packed->ptr) + plen;
		if (hit - packed->ptr < SK_OID_HEX + 1 || hit[-1] != ' ' ||
		    (hit - packed->ptr > SK_OID_HEX + 1 && hit[-SK_OID_HEX - 2] != '\n') ||
		    !sk_oid_parse(hit - SK_OID_HEX - 1, oid))
			continue;
		end = memchr(hit, '\n', packed->len - (size_t)(hit - packed->ptr));
		*name = hit;
		*len = end ? (size_t)(end - hit) : packed->len - (size_t)(hit - packed->ptr);
		return true;
	}
	return false;
}

static int list_packed(const struct sk_repo *repo, const char *prefix, unsigned flags,
                       struct sk_refs *out)
{
	struct sk_buf packed = SK_BUF_INIT;
	const char *name;
	struct sk_ref *ref;
	struct sk_oid oid;
	size_t at = 0, len, plen = strlen(prefix);
	int rc = read_packed(repo, &packed);

	while (!rc && next_packed(&packed, prefix, &at, &oid, &name, &len)) {
		if (!(flags & SK_REFS_DEEP) && memchr(name + plen, '/', len - plen))
			continue;
		rc = add_ref(out, name, len, &ref);
		if (!rc) {
			ref->oid = oid;
			ref->packed = true;
			if (name[len] == '\n' && name[len + 1] == '^') /* the buffer ends in NUL */
				(void)sk_oid_parse(name + len + 2, &ref->peeled);
		}
	}
	sk_buf_free(&packed);
	return rc;
}

static int compare(const void *a, const void *b)
{
	const struct sk_ref *x = a, *y = b;
	int cmp = strcmp(x->name, y->name);

	return cmp ? cmp : (int)x->packed - (int)y->packed;
}

int sk_refs_list(const struct sk_repo *repo, const char *prefix, unsigned flags,
                 struct sk_refs *out)
{
	struct sk_refs refs = { 0 };
	size_t n = 0;
	int rc;

	rc = list_loose(repo, prefix, flags, &refs);
	if (!rc && !(flags & SK_REFS_LOOSE))
		rc = list_packed(repo, prefix, flags, &refs);
	if (rc) {
		sk_refs_free(&refs);
		return rc;
	}
	if (refs.n)
		qsort(refs.item, refs.n, sizeof *refs.item, compare);
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

static int find_packed(const struct sk_repo *repo, const char *name, struct sk_oid *out)
{
	struct sk_buf packed = SK_BUF_INIT;
	const char *hit;
	struct sk_oid oid;
	size_t at = 0, len;
	int rc = read_packed(repo, &packed);

	if (rc)
		goto out;
	rc = SK_ENO;
	while (rc && next_packed(&packed, name, &at, &oid, &hit, &len))
		if (len == strlen(name))
			rc = 0;
	if (!rc)
		*out = oid;
	else
		(void)sk_error(rc, "no ref '%s'", sk_name(name));
out:
	sk_buf_free(&packed);
	return rc;
}

static int ref_path(const struct sk_repo *repo, const char *name, const char *end, char **out)
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

int sk_ref_read(const struct sk_repo *repo, const char *name, struct sk_oid *out)
{
	const char *bad = NULL;
	struct sk_oid oid;
	char *path = NULL;
	int rc = ref_path(repo, name, "", &path);

	if (rc)
		return rc;
	rc = read_loose(AT_FDCWD, path, &oid, &bad);
	if (rc == SK_ENO)
		rc = find_packed(repo, name, out);
	else if (bad)
		rc = sk_error(SK_EDAMAGED, "'%s': %s", sk_name(name), bad);
	else
		*out = oid;
	free(path);
	return rc;
}

/* Makes the folders of `path` and syncs each of them up to the common folder. */
static int make_parents(const struct sk_repo *repo, const char *path)
{
	size_t base = strlen(repo->commondir);
	char *dir = strdup(path), *slash;
	int rc = dir ? 0 : sk_error_oom();

	if (!rc) {
		*strrchr(dir, '/') = '\0';
		rc = sk_mkdirs(dir, 0777);
	}
	while (!rc && (slash = strrchr(dir, '/')) && (size_t)(slash - dir) >= base) {
		*slash = '\0';
		rc = sk_sync_dir(dir);
	}
	free(dir);
	return rc;
}

static int lock_is_held(const char *path, const char *name)
{
	struct sk_buf age = SK_BUF_INIT;
	struct stat st;
	int rc;

	if (stat(path, &st) == 0)
		(void)sk_add_age(&age, st.st_mtime, time(NULL));
	rc = sk_error(SK_EBUSY,
	              "'%s' is locked by another process (lock made %s); if no git runs here, "
	              "remove '%s'",
	              sk_name(name), age.len ? age.ptr : "just now", path);
	sk_buf_free(&age);
	return rc;
}

static bool drop_stale(const char *path, const char *note)
{
	struct sk_buf has = SK_BUF_INIT;
	bool stale = note && *note && sk_read_file(AT_FDCWD, path, 4096, &has) == 0 &&
	             strcmp(sk_buf_str(&has), note) == 0;

	sk_buf_free(&has);
	return stale && unlink(path) == 0;
}

static int write_lock(int fd, const char *path, const char *note)
{
	int rc = 0;

	if (sk_write_full(fd, note, strlen(note)) < 0 || fsync(fd) < 0)
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
	if (close(fd) < 0 && !rc)
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
	if (rc)
		(void)unlink(path);
	return rc;
}

static int take_lock(const struct sk_repo *repo, const char *name, const char *note, bool stale,
                     char **out)
{
	const struct timespec pause = { 0, LOCK_PAUSE_NS };
	char *path = NULL;
	int rc, fd = -1;

	rc = ref_path(repo, name, ".lock", &path);
	for (int tries = 0; !rc && fd < 0; tries++) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0)
			break;
		if (errno == ENOENT && tries < LOCK_TRIES) {
			rc = make_parents(repo, path); /* git removes empty folders of refs */
			continue;
		}
		if (errno != EEXIST)
			rc = sk_error_errno(SK_EIO, "cannot create '%s'", path);
		else if (stale && drop_stale(path, note))
			continue;
		else if (tries >= LOCK_TRIES)
			rc = lock_is_held(path, name);
		else
			(void)nanosleep(&pause, NULL);
	}
	if (!rc)
		rc = write_lock(fd, path, note);
	if (rc)
		free(path);
	else
		*out = path;
	return rc;
}

int sk_ref_lock(const struct sk_repo *repo, const char *name, const char *note, char **path)
{
	return take_lock(repo, name, note, true, path);
}

static int sync_parent_of(const char *path)
{
	char *dir = strdup(path);
	int rc;

	if (!dir)
		return sk_error_oom();
	*strrchr(dir, '/') = '\0';
	rc = sk_sync_dir(dir);
	free(dir);
	return rc;
}

int sk_ref_create(const struct sk_repo *repo, const char *name, const struct sk_oid *oid)
{
	char line[SK_OID_HEX + 2], *lock = NULL, *path = NULL;
	struct sk_oid other;
	struct stat st;
	int rc;

	if (!git_reference_is_valid_name(name))
		return sk_error(SK_EUSAGE, "'%s' cannot be the name of a ref", sk_name(name));
	sk_oid_hex(oid, line);
	memcpy(line + SK_OID_HEX, "\n", 2);
	rc = ref_path(repo, name, "", &path);
	if (!rc)
		rc = take_lock(repo, name, line, false, &lock);
	if (rc)
		goto out;
	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		rc = sk_error(SK_EREFUSED, "'%s' is there already", sk_name(name));
	else
		rc = find_packed(repo, name, &other);
	if (rc == 0)
		rc = sk_error(SK_EREFUSED, "'%s' is there already", sk_name(name));
	else if (rc == SK_ENO)
		rc = 0;
	if (!rc && rename(lock, path) < 0)
		rc = sk_error_errno(SK_EIO, "cannot create the ref '%s'", sk_name(name));
	if (rc)
		(void)unlink(lock);
	else
		rc = sync_parent_of(path);
out:
	free(lock);
	free(path);
	return rc;
}

/* A loose ref that git cannot read it cannot delete either (git 2.39: "reference broken"). */
int sk_ref_drop_broken(const struct sk_repo *repo, const char *name)
{
	const char *bad = NULL;
	struct sk_oid oid;
	char *path = NULL, *lock = NULL;
	int rc = ref_path(repo, name, "", &path);

	if (rc)
		return rc;
	if (read_loose(AT_FDCWD, path, &oid, &bad) == 0 && bad)
		rc = take_lock(repo, name, "", false, &lock);
	if (!rc && lock) {
		if (read_loose(AT_FDCWD, path, &oid, &bad) == 0 && bad && unlink(path) < 0 &&
		    errno != ENOENT)
			rc = sk_error_errno(SK_EIO, "cannot delete '%s'", path);
		(void)unlink(lock);
	}
	free(lock);
	free(path);
	return rc;
}

/* One transaction of `git update-ref`.  git's words go into the error. */
static int update_ref(const struct sk_repo *repo, const struct sk_ref_drop *drop, size_t n)
{
	const char *const argv[] = {
		"git",        "--git-dir",  repo->commondir, "-c", "core.hooksPath=/dev/null",
		"update-ref", "--no-deref", "--stdin",       "-z", NULL
	};
	struct sk_buf in = SK_BUF_INIT, err = SK_BUF_INIT, out = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv, .errors = &err, .output = &out };
	int rc, status = 0;

	for (size_t i = 0; i < n; i++) {
		(void)sk_buf_addf(&in, "delete %s", drop[i].name);
		(void)sk_buf_add(&in, "", 1);
		if (drop[i].old)
			(void)sk_buf_adds(&in, sk_oid_str(drop[i].old));
		(void)sk_buf_add(&in, "", 1);
	}
	rc = sk_buf_ok(&in);
	proc.input = in.ptr;
	proc.input_len = in.len;
	if (!rc)
		rc = sk_proc_run(&proc, &status);
	if (!rc && status) {
		size_t len = strcspn(sk_buf_str(&err), "\n");

		rc = sk_error(SK_EBUSY, "git cannot delete '%s': %.*s", sk_name(drop[0].name),
		              (int)len, sk_buf_str(&err));
	}
	sk_buf_free(&in);
	sk_buf_free(&out);
	sk_buf_free(&err);
	return rc;
}

int sk_refs_delete(const struct sk_repo *repo, const struct sk_ref_drop *drop, size_t n)
{
	char first[1024] = "";
	struct sk_ref_drop *left;
	struct sk_oid oid;
	size_t k = 0;
	int rc = 0, failed = 0;

	if (!n)
		return 0;
	left = malloc(n * sizeof *left);
	if (!left)
		return sk_error_oom();
	for (size_t i = 0; i < n && !rc; i++) {
		rc = sk_ref_drop_broken(repo, drop[i].name);
		left[k++] = drop[i];
	}
	if (!rc && update_ref(repo, left, k) != 0) {
		for (size_t i = 0; i < k; i++) {
			int got = sk_ref_read(repo, left[i].name, &oid);

			if (got == SK_ENO || (got = update_ref(repo, &left[i], 1)) == 0)
				continue;
			if (!failed)
				(void)snprintf(first, sizeof first, "%s", sk_error_message());
			failed = failed ? failed : got;
		}
		if (failed)
			rc = sk_error(failed, "%s", first);
	}
	free(left);
	return rc;
}
