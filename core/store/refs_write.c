#include "store/refs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"

#define LOCK_TRIES 50
#define LOCK_PAUSE_NS 20000000

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

/* Where no lock tells whose it is: by what it says. */
static bool drop_stale(const char *path, const char *note)
{
	struct sk_buf has = SK_BUF_INIT;
	bool stale = note && *note && sk_read_file(AT_FDCWD, path, 4096, &has) == 0 &&
	             strcmp(sk_buf_str(&has), note) == 0;

	sk_buf_free(&has);
	return stale && unlink(path) == 0;
}

static int take_lock(const struct sk_repo *repo, const char *name, const char *note, bool stale,
                     struct sk_lockfile *out)
{
	const struct timespec pause = { 0, LOCK_PAUSE_NS };
	char *path = NULL, *lock = NULL;
	int rc = sk_ref_path(repo, name, "", &path);

	if (!rc)
		rc = sk_ref_path(repo, name, ".lock", &lock);
	for (int tries = 0; !rc; tries++) {
		if (sk_lockfile_try(path, note, strlen(note), out) == 0)
			break;
		if (errno == ENOENT && tries < LOCK_TRIES)
			rc = make_parents(repo, path); /* git removes empty folders of refs */
		else if (errno != EEXIST)
			rc = sk_error_errno(SK_EIO, "cannot create '%s'", lock);
		else if (stale && drop_stale(lock, note))
			continue;
		else if (tries >= LOCK_TRIES)
			rc = lock_is_held(lock, name);
		else
			(void)nanosleep(&pause, NULL);
	}
	free(path);
	free(lock);
	return rc;
}

int sk_ref_lock(const struct sk_repo *repo, const char *name, const char *note,
                struct sk_lockfile *out)
{
	return take_lock(repo, name, note, true, out);
}

int sk_ref_create(const struct sk_repo *repo, const char *name, const struct sk_oid *oid)
{
	struct sk_lockfile lock = SK_LOCKFILE_INIT;
	char line[SK_OID_HEX + 2], *path = NULL;
	struct sk_oid other;
	struct stat st;
	int rc;

	if (!git_reference_is_valid_name(name))
		return sk_error(SK_EUSAGE, "'%s' cannot be the name of a ref", sk_name(name));
	sk_oid_hex(oid, line);
	memcpy(line + SK_OID_HEX, "\n", 2);
	rc = sk_ref_path(repo, name, "", &path);
	if (!rc)
		rc = take_lock(repo, name, line, false, &lock);
	if (rc)
		goto out;
	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		rc = sk_error(SK_EREFUSED, "'%s' is there already", sk_name(name));
	else
		rc = sk_ref_find_packed(repo, name, &other);
	if (rc == 0)
		rc = sk_error(SK_EREFUSED, "'%s' is there already", sk_name(name));
	else if (rc == SK_ENO)
		rc = 0;
	if (!rc && sk_lockfile_commit(&lock, path) < 0)
		rc = sk_error_errno(SK_EIO, "cannot create the ref '%s'", sk_name(name));
	if (!rc)
		rc = sk_sync_parent(AT_FDCWD, path);
out:
	sk_lockfile_release(&lock);
	free(path);
	return rc;
}

int sk_ref_replace(const struct sk_repo *repo, const char *name, const struct sk_oid *old,
                   const struct sk_oid *now)
{
	struct sk_lockfile lock = SK_LOCKFILE_INIT;
	char line[SK_OID_HEX + 2], *path = NULL;
	struct sk_oid is;
	int rc = sk_ref_path(repo, name, "", &path);

	sk_oid_hex(now, line);
	memcpy(line + SK_OID_HEX, "\n", 2);
	if (!rc)
		rc = take_lock(repo, name, line, true, &lock);
	if (!rc && old) {
		rc = sk_ref_read(repo, name, &is);
		if (rc || (!sk_oid_eq(&is, old) && !sk_oid_eq(&is, now)))
			rc = sk_error(SK_EBUSY, "'%s' was changed meanwhile; try again",
			              sk_name(name));
	}
	if (!rc && sk_lockfile_commit(&lock, path) < 0)
		rc = sk_error_errno(SK_EIO, "cannot write the ref '%s'", sk_name(name));
	if (!rc)
		rc = sk_sync_parent(AT_FDCWD, path);
	sk_lockfile_release(&lock);
	free(path);
	return rc;
}

/* A loose ref that git cannot read it cannot delete either (git 2.39: "reference broken"). */
int sk_ref_drop_broken(const struct sk_repo *repo, const char *name)
{
	const char *bad = NULL;
	struct sk_oid oid;
	struct sk_lockfile lock = SK_LOCKFILE_INIT;
	char *path = NULL;
	int rc = sk_ref_path(repo, name, "", &path);

	if (rc)
		return rc;
	if (sk_ref_read_loose(AT_FDCWD, path, &oid, &bad) == 0 && bad)
		rc = take_lock(repo, name, "", false, &lock);
	if (!rc && lock.lock && sk_ref_read_loose(AT_FDCWD, path, &oid, &bad) == 0 && bad &&
	    unlink(path) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot delete '%s'", path);
	sk_lockfile_release(&lock);
	free(path);
	return rc;
}

/* One transaction of `git update-ref`.  git's words go into the error. */
static int update_ref(const struct sk_repo *repo, const struct sk_ref_drop *drop, size_t n)
{
	/* git writes packed-refs anew, with the user's branches in it, and does not flush it unless
	 * told to: after a power cut it could be empty */
	const char *const argv[] = { "git",
		                     "--git-dir",
		                     repo->commondir,
		                     "-c",
		                     "core.hooksPath=/dev/null",
		                     "-c",
		                     "core.fsync=all",
		                     "-c",
		                     "core.fsyncMethod=fsync",
		                     "update-ref",
		                     "--no-deref",
		                     "--stdin",
		                     "-z",
		                     NULL };
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

/* Locks of ours whose maker was killed: git would stop at them. */
static bool drop_dead(const struct sk_repo *repo, const struct sk_ref_drop *drop, size_t n)
{
	bool any = false;

	for (size_t i = 0; i <= n; i++) {
		char *path = NULL;

		if (sk_ref_path(repo, i < n ? drop[i].name : "packed-refs", "", &path) == 0)
			any |= sk_lockfile_drop_dead(AT_FDCWD, path);
		free(path);
	}
	return any;
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
	if (!rc && update_ref(repo, left, k) != 0 &&
	    (!drop_dead(repo, left, k) || update_ref(repo, left, k) != 0)) {
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
