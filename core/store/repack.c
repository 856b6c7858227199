#include "store/repack.h"

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
#include "store/gone.h"
#include "store/pack_look.h"
#include "store/refs_file.h"

bool sk_repo_precious(const struct sk_repo *repo)
{
	git_config *cfg = NULL;
	int yes = 0;

	if (git_repository_config_snapshot(&cfg, repo->git) < 0)
		return true;
	if (git_config_get_bool(&yes, cfg, "extensions.preciousobjects") < 0)
		yes = 0;
	git_config_free(cfg);
	return yes;
}

int sk_pack_objects(const struct sk_repo *repo, const struct sk_buf *oids, bool deltas,
                    char hex[SK_OID_HEX + 1])
{
	struct sk_buf out = SK_BUF_INIT, err = SK_BUF_INIT;
	struct sk_oid oid;
	char *base = NULL;
	int rc, status = 0;

	rc = sk_ref_path(repo, "objects/pack/pack", "", &base);
	if (!rc) {
		/* whatever the user's configuration says of splitting, bitmaps or syncing */
		const char *const argv[] = { "git",
			                     "--git-dir",
			                     repo->commondir,
			                     "-c",
			                     "pack.packSizeLimit=0",
			                     "-c",
			                     "pack.writeReverseIndex=false",
			                     "-c",
			                     "core.fsync=pack,pack-metadata",
			                     "-c",
			                     "core.fsyncMethod=fsync",
			                     "pack-objects",
			                     "-q",
			                     "--index-version=2",
			                     "--delta-base-offset",
			                     "--threads=1",
			                     "--window-memory=64m",
			                     "--depth=50",
			                     deltas ? "--window=10" : "--window=0",
			                     base,
			                     NULL };
		struct sk_proc proc = { .argv = argv,
			                .input = oids->ptr,
			                .input_len = oids->len,
			                .output = &out,
			                .errors = &err };

		rc = sk_proc_run(&proc, &status);
	}
	if (!rc && (status || !sk_oid_parse(sk_buf_str(&out), &oid)))
		rc = sk_error(SK_EIO, "git pack-objects failed: %.*s",
		              (int)strcspn(sk_buf_str(&err), "\n"), sk_buf_str(&err));
	if (!rc)
		sk_oid_hex(&oid, hex);
	sk_buf_free(&out);
	sk_buf_free(&err);
	free(base);
	return rc;
}

struct job {
	const struct sk_repo *repo;
	const char *hex; /* the old one */
	const struct sk_oidset *without;
	const char *hold;
	char *path; /* OBJECTS/pack */
	int dir;
	char now[SK_OID_HEX + 1]; /* the new one; "" none */
};

static void file_name(const char *hex, const char *suffix, char out[SK_OID_HEX + 32])
{
	(void)snprintf(out, SK_OID_HEX + 32, "pack-%s%s", hex, suffix);
}

static bool has_file(const struct job *j, const char *suffix)
{
	char name[SK_OID_HEX + 32];

	file_name(j->hex, suffix, name);
	return faccessat(j->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int gather(const struct job *j, const struct sk_idx *idx, struct sk_buf *out)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < idx->n; i++) {
		const struct sk_oid oid = sk_idx_oid(idx, i);

		if (!sk_oidset_has(j->without, &oid))
			rc = sk_buf_addf(out, "%s\n", sk_oid_str(&oid));
	}
	return rc;
}

/* Whether the new pack is whole and has all that it should. */
static int check(const struct job *j, const struct sk_idx *old)
{
	struct sk_idx now = { 0 };
	int rc = sk_idx_open(j->dir, j->now, &now);

	if (!rc)
		rc = sk_pack_is_whole(j->dir, j->now, &now);
	for (uint32_t i = 0; !rc && i < old->n; i++) {
		const struct sk_oid oid = sk_idx_oid(old, i);

		if (!sk_oidset_has(j->without, &oid) && !sk_idx_has(&now, &oid))
			rc = sk_error(SK_EDAMAGED, "git left %s out of a pack", sk_oid_str(&oid));
	}
	sk_idx_close(&now);
	return rc;
}

/* A multi-pack-index that names a pack which is gone is an error to git; it is made again by its
 * next maintenance. */
static int drop_midx(const struct job *j)
{
	DIR *dir;
	struct dirent *de;
	int fd = openat(j->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return sk_error_errno(SK_EIO, "cannot read '%s'", j->path);
	}
	while (!rc && (de = readdir(dir)))
		if (strcmp(de->d_name, "multi-pack-index.d") == 0)
			rc = sk_remove_tree(j->dir, de->d_name);
		else if (strncmp(de->d_name, "multi-pack-index", 16) == 0 &&
		         unlinkat(j->dir, de->d_name, 0) < 0 && errno != ENOENT)
			rc = sk_error_errno(SK_EIO, "cannot remove '%s'", de->d_name);
	(void)closedir(dir);
	return rc;
}

/* The index first: without it git takes the rest for garbage. */
static int remove_old(const struct job *j)
{
	static const char *const suffix[] = { ".idx",      ".pack",   ".rev", ".bitmap",
		                              ".promisor", ".mtimes", NULL };
	struct sk_buf to = SK_BUF_INIT;
	int rc = drop_midx(j);

	if (!rc && j->hold)
		rc = sk_mkdirs(j->hold, 0777);
	for (size_t i = 0; !rc && suffix[i]; i++) {
		char name[SK_OID_HEX + 32];
		bool held = j->hold && i < 2;

		file_name(j->hex, suffix[i], name);
		sk_buf_clear(&to);
		rc = sk_buf_addf(&to, "%s/%s", j->hold ? j->hold : "", name);
		if (!rc && held && renameat(j->dir, name, AT_FDCWD, to.ptr) < 0 && errno != ENOENT)
			rc = sk_error_errno(SK_EIO, "cannot move '%s/%s'", j->path, name);
		else if (!rc && !held && unlinkat(j->dir, name, 0) < 0 && errno != ENOENT)
			rc = sk_error_errno(SK_EIO, "cannot remove '%s/%s'", j->path, name);
	}
	sk_buf_free(&to);
	return rc;
}

static int remove_for_good(const struct job *j)
{
	char line[SK_OID_HEX + 2];
	int rc;

	(void)snprintf(line, sizeof line, "%s\n", j->hex);
	rc = sk_gone_note(j->repo, line);
	if (!rc)
		rc = remove_old(j);
	return rc ? rc : sk_gone_done(j->repo, j->dir);
}

static int replace(struct job *j, const struct sk_idx *idx)
{
	struct sk_buf oids = SK_BUF_INIT;
	char name[SK_OID_HEX + 32];
	int rc = gather(j, idx, &oids);

	if (!rc && oids.len) {
		rc = sk_pack_objects(j->repo, &oids, false, j->now);
		if (!rc && has_file(j, ".promisor")) {
			file_name(j->now, ".promisor", name);
			rc = sk_write_file(j->dir, name, "", 0, 0444, true);
		}
		if (!rc)
			rc = check(j, idx);
	}
	if (!rc && fsync(j->dir) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync '%s'", j->path);
	if (!rc && strcmp(j->now, j->hex) != 0)
		rc = j->hold ? remove_old(j) : remove_for_good(j);
	sk_buf_free(&oids);
	return rc;
}

int sk_repack_without(const struct sk_repo *repo, const char *hex, const struct sk_oidset *without,
                      const char *hold)
{
	struct job j = { .repo = repo, .hex = hex, .without = without, .hold = hold, .dir = -1 };
	struct sk_idx idx = { 0 };
	int rc = sk_ref_path(repo, "objects/pack", "", &j.path);

	if (rc)
		return rc;
	j.dir = open(j.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j.dir < 0)
		rc = sk_error_errno(SK_EIO, "cannot read '%s'", j.path);
	else if (sk_repo_precious(repo))
		rc = sk_error(SK_EREFUSED, "extensions.preciousObjects is set: no object may be "
		                           "deleted here");
	else if (has_file(&j, ".keep"))
		rc = sk_error(SK_EREFUSED,
		              "'%s/pack-%s.keep' says that this pack has to stay: "
		              "remove it and try again",
		              j.path, hex);
	if (!rc)
		rc = sk_idx_open(j.dir, hex, &idx);
	if (!rc)
		rc = replace(&j, &idx);
	sk_idx_close(&idx);
	if (j.dir >= 0)
		(void)close(j.dir);
	free(j.path);
	return rc;
}
