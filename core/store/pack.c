#include "store/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "store/pack_parts.h"
#include "store/packs.h"
#include "store/tidy.h"

int sk_packer_new(const struct sk_repo *repo, struct sk_packer **out)
{
	struct sk_packer *p = calloc(1, sizeof *p);
	int rc = 0;

	if (!p)
		return sk_error_oom();
	p->repo = repo;
	p->fd = -1;
	(void)pthread_mutex_init(&p->lock, NULL);
	if (asprintf(&p->dir, "%s/objects/pack", repo->commondir) < 0) {
		p->dir = NULL;
		rc = sk_error_oom();
		goto fail;
	}
	if (git_repository_odb(&p->odb, repo->git) < 0) {
		rc = sk_error_git(SK_EDAMAGED, "cannot open the object database");
		goto fail;
	}
	rc = sk_distrust_load(repo, &p->distrust);
	if (rc)
		goto fail;
	p->alone = sk_gc_runs(repo);
	*out = p;
	return 0;
fail:
	sk_packer_free(p);
	return rc;
}

int sk_packer_aside(struct sk_packer *p, const char *objects)
{
	char *dir = NULL;

	if (asprintf(&dir, "%s/pack", objects) < 0)
		return sk_error_oom();
	free(p->dir);
	p->dir = dir;
	return 0;
}

void sk_packer_alone(struct sk_packer *p)
{
	p->alone = true;
}

void sk_packer_wary(struct sk_packer *p)
{
	p->wary = true;
}

bool sk_packer_mends(const struct sk_packer *p)
{
	return p->distrust.n > 0;
}

static bool locked_in_pack(struct sk_packer *p, const struct sk_oid *oid)
{
	bool yes;

	if (!atomic_load(&p->any)) /* nothing was added yet: the usual case, and often asked */
		return false;
	(void)pthread_mutex_lock(&p->lock);
	yes = sk_pack_has(p, oid);
	(void)pthread_mutex_unlock(&p->lock);
	return yes;
}

static int open_packs(struct sk_packer *p, struct sk_packs **out)
{
	struct sk_packs *packs = atomic_load(&p->packs);
	char *dir = NULL;
	int rc = 0;

	if (!packs) {
		if (asprintf(&dir, "%s/objects/pack", p->repo->commondir) < 0)
			return sk_error_oom();
		(void)pthread_mutex_lock(&p->lock);
		packs = atomic_load(&p->packs);
		if (!packs) {
			rc = sk_packs_open(dir, &packs);
			atomic_store(&p->packs, packs);
		}
		(void)pthread_mutex_unlock(&p->lock);
		free(dir);
	}
	*out = packs;
	return rc;
}

static int rely(struct sk_packer *p, const struct sk_oid *oid)
{
	int rc = 0;

	(void)pthread_mutex_lock(&p->lock);
	if (p->n_relied == p->cap_relied) {
		size_t cap = p->cap_relied ? p->cap_relied * 2 : 256;
		struct sk_oid *relied = realloc(p->relied, cap * sizeof *relied);

		if (!relied) {
			rc = sk_error_oom();
			goto out;
		}
		p->relied = relied;
		p->cap_relied = cap;
	}
	p->relied[p->n_relied++] = *oid;
out:
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

static bool odb_has(const struct sk_packer *p, const struct sk_oid *oid)
{
	return git_odb_exists_ext(p->odb, (const git_oid *)oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
}

int sk_packer_rely(struct sk_packer *p, const struct sk_oid *oid, bool *have)
{
	struct sk_packs *packs = NULL;
	bool found = locked_in_pack(p, oid);
	int rc = open_packs(p, &packs);

	if (rc)
		return rc;
	if (!found && (p->alone || sk_distrust_has(&p->distrust, oid))) {
		*have = false;
		return 0;
	}
	found = found || sk_packs_have(packs, oid);
	if (!found && odb_has(p, oid)) {
		found = true;
		rc = rely(p, oid);
	}
	if (!rc)
		*have = found;
	return rc;
}

int sk_packer_put(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                  struct sk_oid *out)
{
	struct sk_oid oid;
	int rc = 0;

	sk_hash_object(type, data, len, &oid);
	if (!locked_in_pack(p, &oid))
		rc = sk_pack_append(p, type, data, len, &oid);
	if (!rc)
		*out = oid;
	return rc;
}

int sk_packer_add(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                  struct sk_oid *out)
{
	struct sk_oid oid;
	bool have = false;
	int rc;

	if (p->wary)
		return sk_packer_put(p, type, data, len, out);
	sk_hash_object(type, data, len, &oid);
	rc = sk_packer_rely(p, &oid, &have);
	if (!rc && !have)
		rc = sk_pack_append(p, type, data, len, &oid);
	if (!rc)
		*out = oid;
	return rc;
}

int sk_hash_fd(int fd, uint64_t size, struct sk_oid *out)
{
	char chunk[65536];
	struct sk_hash h;
	uint64_t done = 0;
	ssize_t n;

	sk_hash_init_object(&h, SK_OBJ_BLOB, size);
	for (;; done += (uint64_t)n) {
		n = pread(fd, chunk, sizeof chunk, (off_t)done);
		if (n < 0 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n < 0)
			return sk_error_errno(SK_EIO, "cannot read a file");
		if (n == 0)
			break;
		sk_hash_update(&h, chunk, (size_t)n);
	}
	if (done != size)
		return sk_error(SK_ENO, "the file changed while it was read");
	sk_hash_final(&h, out);
	return 0;
}

int sk_packer_add_fd(struct sk_packer *p, int fd, uint64_t size, struct sk_oid *out)
{
	struct sk_oid oid;
	bool have = false;
	int rc = sk_hash_fd(fd, size, &oid);

	if (!rc && !p->wary)
		rc = sk_packer_rely(p, &oid, &have);
	if (!rc && !have)
		rc = sk_packer_put_fd(p, fd, size, &oid);
	if (!rc)
		*out = oid;
	return rc;
}

int sk_packer_put_fd(struct sk_packer *p, int fd, uint64_t size, const struct sk_oid *oid)
{
	return locked_in_pack(p, oid) ? 0 : sk_pack_stream(p, fd, size, oid);
}

size_t sk_packer_count(const struct sk_packer *p)
{
	return p->n;
}

uint64_t sk_packer_bytes(const struct sk_packer *p)
{
	return p->flushed + p->mem.len;
}

static int write_keep(const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_buf_addf(&text, "git-sk %ld %llu\n", (long)getpid(), sk_proc_start(getpid()));

	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0444, false);
	sk_buf_free(&text);
	return rc;
}

int sk_packer_commit(struct sk_packer *p)
{
	struct sk_buf idx = SK_BUF_INIT;
	char *pack = NULL, *index = NULL, *keep = NULL;
	struct sk_oid sum;
	int rc;

	if (p->n == 0 || p->committed)
		return 0;
	rc = sk_pack_finish(p, &sum);
	if (!rc)
		rc = sk_pack_index(p->rec, p->n, &sum, &idx);
	if (rc)
		goto out;
	if (asprintf(&pack, "%s/pack-%s.pack", p->dir, sk_oid_str(&sum)) < 0 ||
	    asprintf(&index, "%s/pack-%s.idx", p->dir, sk_oid_str(&sum)) < 0 ||
	    asprintf(&keep, "%s/pack-%s.keep", p->dir, sk_oid_str(&sum)) < 0) {
		rc = sk_error_oom();
		goto out;
	}
	rc = write_keep(keep);
	if (rc)
		goto out;
	p->keep = keep;
	keep = NULL;
	if (rename(p->tmp, pack) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot create '%s'", pack);
		goto out;
	}
	free(p->tmp);
	p->tmp = NULL;
	rc = sk_write_file(AT_FDCWD, index, idx.ptr, idx.len, 0444, true);
	if (rc) {
		(void)unlink(index);
		(void)unlink(pack);
	} else {
		p->committed = true;
	}
out:
	sk_buf_free(&idx);
	free(pack);
	free(index);
	free(keep);
	return rc;
}

int sk_packer_recheck(struct sk_packer *p)
{
	if (p->packs && !sk_packs_last(p->packs))
		return sk_error(SK_ENO, "a pack went away meanwhile");
	if (p->n_relied && git_odb_refresh(p->odb) < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read the object database");
	for (size_t i = 0; i < p->n_relied; i++)
		if (!odb_has(p, &p->relied[i]))
			return sk_error(SK_ENO, "object %s went away meanwhile",
			                sk_oid_str(&p->relied[i]));
	return 0;
}

void sk_packer_free(struct sk_packer *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		(void)close(p->fd);
	if (p->tmp)
		(void)unlink(p->tmp);
	if (p->keep)
		(void)unlink(p->keep);
	git_odb_free(p->odb);
	free(p->distrust.oid);
	sk_packs_free(p->packs);
	sk_buf_free(&p->mem);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->dir);
	free(p->tmp);
	free(p->keep);
	free(p->rec);
	free(p->slot);
	free(p->relied);
	free(p);
}

/* The text of a `.keep` is not synced: a power cut may leave it without, and then its mode, which
 * neither git nor touch(1) would give it, tells that it was ours. */
static bool keep_is_stale(int dirfd, const char *name)
{
	struct sk_buf text = SK_BUF_INIT;
	unsigned long long start_time = 0;
	struct stat st;
	long pid = 0;
	bool stale = false;

	if (sk_read_file(dirfd, name, 256, &text))
		return false;
	if (sscanf(sk_buf_str(&text), "git-sk %ld %llu", &pid, &start_time) == 2)
		stale = sk_proc_start((pid_t)pid) != start_time;
	else if (!*sk_buf_str(&text)) /* empty, or zeros */
		stale = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		        !(st.st_mode & 0333) && sk_before_boot(st.st_mtime);
	sk_buf_free(&text);
	return stale;
}

/* A stale `.keep`, and its pack when the crash came before there was an index: no ref can need it
 * then. */
static void drop_keep(int dirfd, const char *keep)
{
	char name[NAME_MAX + 1];
	int len = (int)(strlen(keep) - strlen(".keep"));

	(void)snprintf(name, sizeof name, "%.*s.idx", len, keep);
	if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		(void)snprintf(name, sizeof name, "%.*s.pack", len, keep);
		(void)unlinkat(dirfd, name, 0);
	}
	(void)unlinkat(dirfd, keep, 0);
}

int sk_packer_sweep(const struct sk_repo *repo)
{
	char *path = NULL;
	struct dirent *de;
	DIR *dir;

	if (asprintf(&path, "%s/objects/pack", repo->commondir) < 0)
		return sk_error_oom();
	dir = opendir(path);
	free(path);
	if (!dir)
		return 0; /* no such folder yet: nothing to sweep */
	while ((de = readdir(dir))) {
		size_t len = strlen(de->d_name);
		long pid = 0;

		if ((sscanf(de->d_name, ".sk-tmp-%ld-", &pid) == 1 ||
		     sscanf(de->d_name, "pack-%*40[0-9a-f].%*[a-z].%ld-", &pid) == 1) &&
		    sk_proc_start((pid_t)pid) == 0)
			(void)unlinkat(dirfd(dir), de->d_name, 0);
		else if (len > 5 && strcmp(de->d_name + len - 5, ".keep") == 0 &&
		         keep_is_stale(dirfd(dir), de->d_name))
			drop_keep(dirfd(dir), de->d_name);
	}
	(void)closedir(dir);
	return 0;
}
