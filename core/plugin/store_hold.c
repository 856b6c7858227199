/* store_hold.c - one store of a space at a time, and what a killed one left.
 *
 * git makes NAME.lock for each ref that it changes; when an event is killed in the midst of a store
 * these stay, and git refuses every later change of the refs.  So SKDIR/plugins/SPACE.store is
 * locked (flock) while git works, by git too, which gets the descriptor, and says what git was
 * told.  Whoever gets the lock and finds such words knows that they are a dead store's.
 *
 * A lock file of git's begins empty and then has the new id.  Others' git (pack-refs, gc) locks our
 * refs too, for a moment and always empty: so one that is empty has to be some seconds old. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"
#include "plugin/store_hold.h"
#include "repo/repo.h"

#define TRIES 500
#define PAUSE_NS 20000000 /* ten seconds in all */
#define MAX_WORDS (16u << 20)
#define EMPTY_AGE_S 5
#define UPDATE "update "
#define ID_LINE (SK_OID_HEX + 1)

/* `wait`: it cannot be told yet. */
static bool is_dead(const char *lock, const char *now, const char *old, bool *wait)
{
	struct sk_buf text = SK_BUF_INIT;
	struct stat st;
	bool dead = false;

	if (lstat(lock, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > ID_LINE)
		return false;
	if (st.st_size == 0) {
		dead = time(NULL) - st.st_mtime > EMPTY_AGE_S;
		*wait |= !dead;
		return dead;
	}
	if (sk_read_file(AT_FDCWD, lock, ID_LINE, &text) == 0) {
		size_t n = text.len < SK_OID_HEX ? text.len : SK_OID_HEX;

		dead = strncmp(text.ptr, now, n) == 0 || strncmp(text.ptr, old, n) == 0;
	}
	sk_buf_free(&text);
	return dead;
}

static void mend(const struct sk_host *h, const char *name, const char *now, const char *old,
                 bool *wait)
{
	struct sk_buf prefix = SK_BUF_INIT, lock = SK_BUF_INIT;
	struct sk_oid oid;

	if (sk_oid_parse(now, &oid) && sk_oid_parse(old, &oid) &&
	    sk_buf_addf(&prefix, "refs/sk/%s/", h->info->space) == 0 &&
	    strncmp(name, prefix.ptr, prefix.len) == 0 && git_reference_is_valid_name(name) &&
	    sk_buf_addf(&lock, "%s/%s.lock", h->repo->commondir, name) == 0 &&
	    is_dead(lock.ptr, now, old, wait))
		(void)unlink(lock.ptr);
	sk_buf_free(&prefix);
	sk_buf_free(&lock);
}

/* The next string of the words, or NULL when they end within it. */
static const char *next(const char **at, const char *end)
{
	const char *word = *at, *nul = memchr(word, 0, (size_t)(end - word));

	*at = nul ? nul + 1 : end;
	return nul ? word : NULL;
}

/* "update REF" NUL ID NUL ID NUL, over and over. */
static int mend_all(const struct sk_host *h, const char *path)
{
	struct sk_buf words = SK_BUF_INIT;
	const char *at, *end, *name, *now, *old;
	bool wait = false;

	if (sk_read_file(AT_FDCWD, path, MAX_WORDS, &words) == 0) {
		at = sk_buf_str(&words);
		end = at + words.len;
		while ((name = next(&at, end)) && (now = next(&at, end)) &&
		       (old = next(&at, end)) && strncmp(name, UPDATE, sizeof UPDATE - 1) == 0)
			mend(h, name + sizeof UPDATE - 1, now, old, &wait);
	}
	sk_error_clear();
	sk_buf_free(&words);
	return !wait ? 0
	             : sk_error(SK_EBUSY,
	                        "a lock of refs/sk/%s was made just now; try again in a moment",
	                        h->info->space);
}

/* By the time that an empty lock is old enough it can be told. */
static int mend_in_time(const struct sk_host *h, const char *path)
{
	const struct timespec pause = { 0, PAUSE_NS };
	int rc = mend_all(h, path);

	for (int tries = 0; rc == SK_EBUSY && tries < TRIES; tries++) {
		sk_error_clear();
		(void)nanosleep(&pause, NULL);
		rc = mend_all(h, path);
	}
	return rc;
}

static int wait_for(int fd, const char *space)
{
	const struct timespec pause = { 0, PAUSE_NS };

	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return sk_error_errno(SK_EIO, "cannot lock refs/sk/%s", space);
		if (tries >= TRIES)
			return sk_error(SK_EBUSY, "refs/sk/%s is being changed by another process",
			                space);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

int sk_store_hold(const struct sk_host *h, const struct sk_buf *words, int *out)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	int fd = -1, rc = sk_buf_addf(&path, "%s/plugins", h->repo->skdir);

	if (!rc)
		rc = sk_mkdirs(path.ptr, 0700);
	if (!rc)
		rc = sk_buf_addf(&path, "/%s.store", h->info->space);
	if (rc)
		goto out;
	/* without O_CLOEXEC: git holds the lock for as long as it lives */
	fd = sk_create(AT_FDCWD, path.ptr, O_RDWR | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path.ptr);
		goto out;
	}
	rc = wait_for(fd, h->info->space);
	if (!rc && fstat(fd, &st) == 0 && st.st_size > 0)
		rc = mend_in_time(h, path.ptr);
	if (!rc && (ftruncate(fd, 0) < 0 || sk_write_full(fd, sk_buf_str(words), words->len) < 0))
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path.ptr);
	if (!rc)
		*out = fd;
	else
		(void)close(fd);
out:
	sk_buf_free(&path);
	return rc;
}

void sk_store_release(int fd)
{
	if (fd < 0)
		return;
	if (ftruncate(fd, 0) < 0)
		errno = 0; /* then the next one looks for what is not there */
	(void)close(fd);
}
