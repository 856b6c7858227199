#include "store/fold.h"

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
#include "store/cache.h"
#include "store/gone.h"
#include "store/pack_look.h"
#include "store/refs_file.h"
#include "store/repack.h"
#include "store/tidy.h"

/* So many packs more than were left the last time, and they are folded: well below the 50 at which
 * git gc --auto packs the whole repository anew (gc.autoPackLimit). */
#define DUE 20
/* Larger ones stay as they are until git's gc. */
#define PACK_MAX ((uint64_t)32 << 20)
#define SUM_MAX ((uint64_t)256 << 20)
#define OBJECTS_MAX 1000000u
/* Up to this much is searched for deltas; more is copied, with the deltas that it has. */
#define DELTA_MAX ((uint64_t)4 << 20)
#define RETRY_S 86400

/* One run. */
struct fold {
	const struct sk_repo *repo;
	char *path; /* OBJECTS/pack */
	int dir, lock;
	struct sk_pack_files files; /* SafeKeep's, smallest first; the first `n` are folded */
	size_t n;
	struct timespec mtime;
	struct sk_buf oids; /* in hex, a line each */
	size_t unlinked;    /* files */
};

/* SK_EBUSY: another process is at it. */
static int begin(struct fold *f)
{
	int rc = sk_ref_path(f->repo, "objects/pack", "", &f->path);

	if (!rc)
		rc = sk_tidy_lock(f->repo, &f->lock);
	if (rc)
		return rc;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->dir < 0 ? sk_error_errno(SK_EIO, "cannot read '%s'", f->path) : 0;
}

static void end(struct fold *f)
{
	if (f->lock >= 0)
		(void)close(f->lock);
	if (f->dir >= 0)
		(void)close(f->dir);
	sk_buf_free(&f->oids);
	free(f->files.item);
	free(f->path);
}

static int by_size(const void *a, const void *b)
{
	const struct sk_pack_file *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return strcmp(x->hex, y->hex);
}

/* Leaves the packs that hold no commit.  One that cannot be read is not ours to judge. */
static int leave_ours(struct fold *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->files.n; i++) {
		const struct sk_pack_file *file = &f->files.item[i];
		struct sk_idx idx = { 0 };
		bool commits = true;
		int rc = sk_idx_open(f->dir, file->hex, &idx);

		if (!rc)
			rc = sk_pack_has_commit(f->dir, file->hex, &idx, &commits);
		sk_idx_close(&idx);
		if (rc && rc != SK_ENO && rc != SK_EDAMAGED)
			return rc;
		if (!rc && !commits)
			f->files.item[n++] = *file;
	}
	f->files.n = n;
	if (n)
		qsort(f->files.item, n, sizeof *f->files.item, by_size);
	return 0;
}

static void choose(struct fold *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->files.n; i++) {
		const struct sk_pack_file *file = &f->files.item[i];

		if ((i > 1 && file->size > 2 * sum) || sum + file->size > SUM_MAX)
			break;
		sum += file->size;
		f->n = i + 1;
		if (file->mtime.tv_sec > f->mtime.tv_sec ||
		    (file->mtime.tv_sec == f->mtime.tv_sec &&
		     file->mtime.tv_nsec > f->mtime.tv_nsec))
			f->mtime = file->mtime;
	}
}

/* The ids of all objects in the chosen packs; stops at a pack that would make it too many. */
static int gather(struct fold *f)
{
	size_t total = 0, i;
	int rc = 0;

	for (i = 0; i < f->n && !rc; i++) {
		struct sk_idx idx = { 0 };

		rc = sk_idx_open(f->dir, f->files.item[i].hex, &idx);
		if (rc)
			return rc;
		if ((total += idx.n) > OBJECTS_MAX) {
			sk_idx_close(&idx);
			break;
		}
		for (uint32_t k = 0; k < idx.n && !rc; k++) {
			const struct sk_oid oid = sk_idx_oid(&idx, k);
			char line[SK_OID_HEX + 2];

			sk_oid_hex(&oid, line);
			line[SK_OID_HEX] = '\n';
			rc = sk_buf_add(&f->oids, line, SK_OID_HEX + 1);
		}
		sk_idx_close(&idx);
	}
	f->n = i;
	return rc;
}

static int pack_objects(struct fold *f, char hex[SK_OID_HEX + 1])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->n; i++)
		sum += f->files.item[i].size;
	return sk_pack_objects(f->repo, &f->oids, sum <= DELTA_MAX, hex);
}

/* Whether the new pack is whole and has every object of the old ones. */
static int check(const struct fold *f, const char *hex)
{
	struct sk_idx now = { 0 };
	int rc = sk_idx_open(f->dir, hex, &now);

	if (rc == SK_ENO) /* packed anew by git already, with all the others */
		return sk_error(SK_EBUSY, "git packs the repository");
	if (!rc)
		rc = sk_pack_is_whole(f->dir, hex, &now);
	for (size_t i = 0; i < f->n && !rc; i++) {
		struct sk_idx idx = { 0 };

		rc = sk_idx_open(f->dir, f->files.item[i].hex, &idx);
		for (uint32_t k = 0; !rc && k < idx.n; k++) {
			const struct sk_oid oid = sk_idx_oid(&idx, k);

			if (!sk_idx_has(&now, &oid))
				rc = sk_error(SK_EDAMAGED, "git left %s out of a pack",
				              sk_oid_str(&oid));
		}
		sk_idx_close(&idx);
	}
	sk_idx_close(&now);
	return rc;
}

/* What git touched meanwhile, to keep it, keeps all the longer. */
static void set_time(const struct fold *f, const char *hex)
{
	const struct timespec times[2] = { { 0, UTIME_OMIT }, f->mtime };
	char name[SK_OID_HEX + 16];

	(void)snprintf(name, sizeof name, "pack-%s.pack", hex);
	(void)utimensat(f->dir, name, times, 0);
}

static void remove_old(struct fold *f, const char *hex)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct sk_pack_file *file = &f->files.item[i];
		char pack[SK_OID_HEX + 16], idx[SK_OID_HEX + 16];
		struct stat st;

		if (strcmp(file->hex, hex) == 0)
			continue; /* git made the very same pack again */
		(void)snprintf(pack, sizeof pack, "pack-%s.keep", file->hex);
		if (fstatat(f->dir, pack, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue; /* somebody wants it kept since */
		(void)snprintf(pack, sizeof pack, "pack-%s.pack", file->hex);
		(void)snprintf(idx, sizeof idx, "pack-%s.idx", file->hex);
		if (fstatat(f->dir, pack, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime > f->mtime.tv_sec) {
			f->mtime = st.st_mtim;
			set_time(f, hex);
		}
		f->unlinked += unlinkat(f->dir, idx, 0) == 0;
		f->unlinked += unlinkat(f->dir, pack, 0) == 0;
	}
}

static int note_old(struct fold *f, const char *hex)
{
	struct sk_buf lines = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; !rc && i < f->n; i++)
		if (strcmp(f->files.item[i].hex, hex) != 0)
			rc = sk_buf_addf(&lines, "%s\n", f->files.item[i].hex);
	if (!rc)
		rc = sk_gone_note(f->repo, sk_buf_str(&lines));
	sk_buf_free(&lines);
	return rc;
}

static int replace(struct fold *f)
{
	struct sk_cache *cache = NULL;
	char hex[SK_OID_HEX + 1];
	int rc = pack_objects(f, hex);

	if (!rc)
		rc = check(f, hex);
	if (!rc && fsync(f->dir) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync '%s'", f->path);
	if (!rc)
		rc = note_old(f, hex);
	if (rc)
		return rc;
	set_time(f, hex);
	(void)sk_cache_open(f->repo, &cache);
	remove_old(f, hex);
	sk_cache_folded(cache, f->unlinked);
	sk_cache_close(cache, false);
	return sk_gone_done(f->repo, f->dir);
}

/* What the next look needs to know: how many packs there were that stay, and when not to try. */
static void note(const struct sk_repo *repo, size_t base, time_t retry)
{
	struct sk_buf text = SK_BUF_INIT;
	char *path = NULL;

	if (sk_ref_path(repo, "sk/packs", "", &path) == 0 &&
	    sk_buf_addf(&text, "%zu %lld\n", base, (long long)retry) == 0)
		(void)sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0666, false);
	sk_buf_free(&text);
	free(path);
}

/* How many packs there are, by their indexes. */
static size_t count(const struct sk_repo *repo)
{
	struct dirent *de;
	char *path = NULL;
	size_t n = 0;
	DIR *dir;

	if (sk_ref_path(repo, "objects/pack", "", &path))
		return 0;
	dir = opendir(path);
	free(path);
	while (dir && (de = readdir(dir))) {
		size_t len = strlen(de->d_name);

		n += len > 4 && strcmp(de->d_name + len - 4, ".idx") == 0;
	}
	if (dir)
		(void)closedir(dir);
	return n;
}

/* Whether somebody else took one of the packs away: git repack without gc.pid. */
static bool meddled(const struct fold *f)
{
	struct stat st;

	for (size_t i = 0; i < f->n; i++) {
		char name[SK_OID_HEX + 16];

		(void)snprintf(name, sizeof name, "pack-%s.idx", f->files.item[i].hex);
		if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return true;
	}
	return false;
}

int sk_fold(const struct sk_repo *repo, size_t *gone)
{
	struct fold f = { .repo = repo, .dir = -1, .lock = -1 };
	int rc;

	*gone = 0;
	if (sk_gc_runs(repo) || sk_repo_precious(repo) || !sk_exists(repo->skdir))
		return 0;
	rc = begin(&f);
	if (!rc)
		rc = sk_pack_files_list(f.dir, PACK_MAX, &f.files);
	if (!rc)
		rc = leave_ours(&f);
	if (!rc)
		choose(&f);
	if (!rc && f.n > 1)
		rc = gather(&f);
	if (!rc && f.n > 1)
		rc = replace(&f);
	if (rc && rc != SK_EBUSY && meddled(&f))
		rc = SK_EBUSY;
	*gone = f.unlinked / 2;
	if (!rc)
		note(repo, count(repo), 0);
	end(&f);
	return rc == SK_EBUSY ? 0 : rc;
}

int sk_fold_if_due(const struct sk_repo *repo)
{
	struct sk_buf text = SK_BUF_INIT;
	size_t n = count(repo), base = 0, gone;
	long long retry = 0;
	char *path = NULL;
	int rc = 0;

	if (n < DUE)
		return 0;
	rc = sk_ref_path(repo, "sk/packs", "", &path);
	if (!rc && sk_read_file(AT_FDCWD, path, 64, &text) == 0 &&
	    sscanf(sk_buf_str(&text), "%zu %lld", &base, &retry) != 2)
		base = 0;
	sk_buf_free(&text);
	free(path);
	if (!rc && n < base) /* git's gc was here */
		note(repo, n, retry);
	/* a `retry` further off than a day is of a clock that was wrong */
	if (rc || n < base + DUE || (time(NULL) < retry && retry <= time(NULL) + RETRY_S))
		return rc;
	rc = sk_fold(repo, &gone);
	if (rc)
		note(repo, base, time(NULL) + RETRY_S);
	return rc;
}
