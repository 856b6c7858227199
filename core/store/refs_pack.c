#include "store/refs_pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "store/refs_file.h"
#include "store/tidy.h"

#define BACKUPS "refs/sk/backup/"
#define METAS "refs/sk/meta/backup/"
#define DUE 64
#define LOCK_OLD_S 3600
#define DEPTH_MAX 16
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* What the locks say that are made here: one with this content has no owner unless it holds the
 * lock of tidy.h. */
#define NOTE "git sk packs refs\n"

static const char head_now[] = "# pack-refs with: peeled fully-peeled sorted \n";

static bool says_note(int dir, const char *name)
{
	struct sk_buf text = SK_BUF_INIT;
	bool yes = sk_read_file(dir, name, 64, &text) == 0 && strcmp(sk_buf_str(&text), NOTE) == 0;

	sk_buf_free(&text);
	return yes;
}

static bool is_lock(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".lock") == 0;
}

/* Nobody holds the lock of a ref that long, or from before the machine started. */
static bool is_old(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (time(NULL) - st.st_mtime > LOCK_OLD_S || sk_before_boot(st.st_mtime));
}

static size_t ours_len(const char *name)
{
	size_t len = strlen(name), end = strlen(SK_LOCKFILE_OURS);

	return len > end && strcmp(name + len - end, SK_LOCKFILE_OURS) == 0 ? len - end : 0;
}

/* The second name of a lock of ours whose maker was killed. */
static bool drop_dead(int dir, const char *name)
{
	char file[NAME_MAX + 1] = "";

	memcpy(file, name, ours_len(name));
	return *file && sk_lockfile_drop_dead(dir, file);
}

/* Takes `fd`, a folder of refs. */
static void sweep_below(int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *de;
	struct stat st;

	while (dir && (de = readdir(dir))) {
		int below;

		if (is_lock(de->d_name) && !drop_dead(fd, de->d_name) &&
		    (says_note(fd, de->d_name) || is_old(fd, de->d_name)))
			(void)unlinkat(fd, de->d_name, 0);
		else if (de->d_name[0] != '.' && depth > 0 &&
		         fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		         S_ISDIR(st.st_mode) && (below = openat(fd, de->d_name, FOLDER_FLAGS)) >= 0)
			sweep_below(below, depth - 1);
	}
	(void)(dir ? closedir(dir) : close(fd));
}

void sk_refs_sweep(const struct sk_repo *repo)
{
	char *path = NULL;
	int fd = sk_ref_path(repo, "refs/sk", "", &path) ? -1 : open(path, FOLDER_FLAGS);

	if (fd >= 0)
		sweep_below(fd, DEPTH_MAX);
	free(path);
}

/* The tree that a tag leads to; false when it is no tag, or one to something else. */
static bool peel(const struct sk_repo *repo, const struct sk_oid *oid, struct sk_oid *out)
{
	static const char type[] = "\ntype tree\n";
	git_odb_object *obj = NULL;
	bool ok = false;

	if (sk_repo_read(repo, oid, &obj))
		return false;
	if (git_odb_object_type(obj) == GIT_OBJECT_TAG &&
	    git_odb_object_size(obj) > 7 + SK_OID_HEX + sizeof type) {
		const char *text = git_odb_object_data(obj);

		ok = memcmp(text, "object ", 7) == 0 &&
		     memcmp(text + 7 + SK_OID_HEX, type, sizeof type - 1) == 0 &&
		     sk_oid_parse(text + 7, out);
	}
	git_odb_object_free(obj);
	return ok;
}

/* The loose refs that can be packed, with what they lead to, as they are now. */
static int gather(const struct sk_repo *repo, struct sk_refs *out)
{
	static const char *const prefixes[] = { BACKUPS, METAS, NULL };
	struct sk_refs refs = { 0 };
	size_t n = 0;
	int rc = sk_refs_list_all(repo, prefixes, SK_REFS_LOOSE, &refs);

	if (rc)
		return rc;
	for (size_t i = 0; i < refs.n; i++)
		if (!refs.item[i].bad && peel(repo, &refs.item[i].oid, &refs.item[i].peeled))
			refs.item[n++] = refs.item[i];
		else
			free(refs.item[i].name);
	refs.n = n;
	*out = refs;
	return 0;
}

static int add_record(struct sk_buf *out, const struct sk_ref *ref)
{
	return sk_buf_addf(out, "%s %s\n^%s\n", sk_oid_str(&ref->oid), ref->name,
	                   sk_oid_str(&ref->peeled));
}

static int compare(const struct sk_packed_line *line, const char *name)
{
	size_t len = strlen(name), n = line->len < len ? line->len : len;
	int cmp = memcmp(line->name, name, n);

	return cmp ? cmp : (line->len > len) - (line->len < len);
}

/* The new content: all records, ours among them in their places.  SK_ENO when the file is not as
 * git writes it, from its first byte to the last. */
static int merge(const struct sk_packed *p, const struct sk_refs *refs, struct sk_buf *out)
{
	struct sk_packed_line line, last = { .len = 0 };
	size_t i = 0, at;

	if (p->map && (!p->sorted || !p->peeled || p->map[p->len - 1] != '\n'))
		return sk_error(SK_ENO, "packed-refs is of an older git");
	(void)sk_buf_reserve(out, p->len + refs->n * 160);
	(void)sk_buf_add(out, p->map ? p->map : head_now, p->map ? p->from : sizeof head_now - 1);
	for (at = p->from; at < p->len; at = line.next) {
		size_t n;

		if (!sk_packed_next(p, at, &line) || line.at != at)
			return sk_error(SK_ENO, "packed-refs has a line that is not understood");
		n = line.len < last.len ? line.len : last.len;
		if (last.len && (memcmp(last.name, line.name, n) > 0 ||
		                 (memcmp(last.name, line.name, n) == 0 && last.len >= line.len)))
			return sk_error(SK_ENO, "packed-refs is not sorted");
		last = line;
		while (i < refs->n && compare(&line, refs->item[i].name) > 0)
			(void)add_record(out, &refs->item[i++]);
		if (i < refs->n && compare(&line, refs->item[i].name) == 0)
			(void)add_record(out, &refs->item[i++]);
		else
			(void)sk_buf_add(out, p->map + at, line.next - at);
	}
	while (i < refs->n)
		(void)add_record(out, &refs->item[i++]);
	return sk_buf_ok(out);
}

/* Under packed-refs.lock. */
static int rewrite(const struct sk_repo *repo, const struct sk_refs *refs)
{
	struct sk_packed packed = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	mode_t mode = 0666;
	char *path = NULL;
	struct stat st;
	int rc = sk_ref_path(repo, "packed-refs", "", &path);

	if (!rc && lstat(path, &st) == 0) {
		mode = st.st_mode & 0777;
		if (!S_ISREG(st.st_mode))
			rc = sk_error(SK_ENO, "packed-refs is a link");
	}
	if (!rc)
		rc = sk_packed_open(repo, &packed);
	if (!rc)
		rc = merge(&packed, refs, &text);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, text.ptr, text.len, mode, true);
	sk_packed_close(&packed);
	sk_buf_free(&text);
	free(path);
	return rc;
}

/* REF.lock with the note in it, best as one name more of the lock of packed-refs. */
static bool lock_loose(const struct sk_lockfile *packed, const char *lock)
{
	bool done;
	int fd;

	if (packed->ours && link(packed->ours, lock) == 0)
		return true;
	fd = sk_create(AT_FDCWD, lock, O_WRONLY | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return false;
	done = sk_write_full(fd, NOTE, sizeof NOTE - 1) == 0;
	(void)close(fd);
	if (!done)
		(void)unlink(lock);
	return done;
}

/* Removes the loose file, if it still says what was packed and nobody changes it. */
static int drop_loose(const struct sk_repo *repo, const struct sk_lockfile *packed,
                      const struct sk_ref *ref, size_t *n)
{
	char *path = NULL, *lock = NULL;
	const char *bad = NULL;
	struct sk_oid oid;
	int rc = sk_ref_path(repo, ref->name, "", &path);

	if (!rc)
		rc = sk_ref_path(repo, ref->name, ".lock", &lock);
	if (!rc && lock_loose(packed, lock)) {
		if (sk_ref_read_loose(AT_FDCWD, path, &oid, &bad) == 0 && !bad &&
		    sk_oid_eq(&oid, &ref->oid) && unlink(path) == 0)
			++*n;
		(void)unlink(lock);
	}
	free(path);
	free(lock);
	return rc;
}

/* Under packed-refs.lock, which git holds while it deletes a ref, loose or not: one that is not
 * as it was before would come back to life in packed-refs. */
static int leave_unchanged(const struct sk_repo *repo, struct sk_refs *refs)
{
	size_t n = 0, i;
	int rc = 0;

	for (i = 0; i < refs->n; i++) {
		const char *bad = NULL;
		char *path = NULL;
		struct sk_oid oid;

		rc = sk_ref_path(repo, refs->item[i].name, "", &path);
		if (rc)
			break;
		if (sk_ref_read_loose(AT_FDCWD, path, &oid, &bad) == 0 && !bad &&
		    sk_oid_eq(&oid, &refs->item[i].oid))
			refs->item[n++] = refs->item[i];
		else
			free(refs->item[i].name);
		free(path);
	}
	while (i < refs->n)
		free(refs->item[i++].name);
	refs->n = n;
	return rc;
}

/* packed-refs.lock, without waiting for git. */
static int lock_packed(const struct sk_repo *repo, struct sk_lockfile *out)
{
	char *path = NULL, *lock = NULL;
	int rc = sk_ref_path(repo, "packed-refs", "", &path);

	if (!rc)
		rc = sk_ref_path(repo, "packed-refs.lock", "", &lock);
	if (!rc && sk_exists(lock) && !sk_lockfile_drop_dead(AT_FDCWD, path) &&
	    !says_note(AT_FDCWD, lock))
		rc = sk_error(SK_EBUSY, "'%s' is there", lock);
	free(path);
	free(lock);
	return rc ? rc : sk_ref_lock(repo, "packed-refs", NOTE, out);
}

int sk_refs_pack(const struct sk_repo *repo, size_t *n)
{
	struct sk_lockfile lock = SK_LOCKFILE_INIT;
	struct sk_refs refs = { 0 };
	int fd = -1, rc = sk_tidy_lock(repo, &fd);

	*n = 0;
	if (rc)
		return rc;
	sk_refs_sweep(repo);
	rc = gather(repo, &refs); /* before the lock: git waits a second for it, no longer */
	if (!rc)
		rc = lock_packed(repo, &lock);
	if (!rc)
		rc = leave_unchanged(repo, &refs);
	if (!rc && refs.n)
		rc = rewrite(repo, &refs);
	sk_lockfile_drop(&lock);
	for (size_t i = 0; !rc && i < refs.n; i++)
		rc = drop_loose(repo, &lock, &refs.item[i], n);
	sk_lockfile_release(&lock);
	sk_refs_free(&refs);
	(void)close(fd);
	return rc;
}

/* Whether there are so many loose refs, or locks that may be left over. */
static bool is_due(const struct sk_repo *repo)
{
	struct dirent *de;
	char *path = NULL;
	bool locked = false;
	size_t n = 0;
	DIR *dir = sk_ref_path(repo, BACKUPS, "", &path) ? NULL : opendir(path);

	while (dir && (de = readdir(dir))) {
		locked |= is_lock(de->d_name) &&
		          (ours_len(de->d_name) || says_note(dirfd(dir), de->d_name));
		n += de->d_name[0] != '.';
	}
	if (dir)
		(void)closedir(dir);
	free(path);
	path = NULL;
	if (n < DUE && !locked && !sk_ref_path(repo, "packed-refs.lock", "", &path))
		locked = says_note(AT_FDCWD, path);
	free(path);
	return n >= DUE || locked;
}

int sk_refs_pack_if_due(const struct sk_repo *repo)
{
	size_t n;
	int rc;

	if (!is_due(repo))
		return 0;
	rc = sk_refs_pack(repo, &n);
	return rc == SK_EBUSY || rc == SK_ENO ? 0 : rc;
}
