#include "repo/copies.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "base/buf.h"

/* Reads through that one backend, which it takes over. */
static bool read_by(git_odb_backend *backend, const git_oid *id, bool *has, git_odb_object **out)
{
	git_odb *odb = NULL;
	bool ok = false;

	*has = false;
	if (git_odb_new(&odb) < 0) {
		backend->free(backend);
		return false;
	}
	if (git_odb_add_backend(odb, backend, 1) < 0) {
		backend->free(backend);
	} else {
		*has = git_odb_exists_ext(odb, id, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
		ok = *has && git_odb_read(out, odb, id) == 0;
	}
	git_odb_free(odb);
	return ok;
}

static int tell(git_odb_backend *backend, const char *path, bool packed, const git_oid *id,
                sk_copy_fn *fn, void *arg)
{
	struct sk_copy copy = { .path = path, .packed = packed };
	bool has = false;
	int rc = 0;

	if (!read_by(backend, id, &has, &copy.object))
		copy.object = NULL;
	if (has)
		rc = fn(arg, &copy);
	git_odb_object_free(copy.object);
	return rc;
}

static int look_in_packs(const char *objects, const git_oid *id, sk_copy_fn *fn, void *arg)
{
	struct sk_buf path = SK_BUF_INIT;
	struct dirent *de;
	DIR *dir = NULL;
	size_t base;
	int rc = sk_buf_addf(&path, "%s/pack/", objects);

	base = path.len;
	dir = rc ? NULL : opendir(path.ptr);
	while (dir && !rc && (de = readdir(dir))) {
		git_odb_backend *backend = NULL;
		size_t len = strlen(de->d_name);

		if (len < 4 || strcmp(de->d_name + len - 4, ".idx") != 0)
			continue;
		sk_buf_truncate(&path, base);
		rc = sk_buf_adds(&path, de->d_name);
		if (!rc && git_odb_backend_one_pack(&backend, path.ptr) == 0)
			rc = tell(backend, path.ptr, true, id, fn, arg);
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	return rc;
}

int sk_copies(const char *objects, const struct sk_oid *oid, sk_copy_fn *fn, void *arg)
{
	struct sk_buf path = SK_BUF_INIT;
	git_odb_backend *backend = NULL;
	char hex[SK_OID_HEX + 1];
	git_oid id;
	int rc;

	memcpy(id.id, oid->id, SK_OID_RAW);
	sk_oid_hex(oid, hex);
	rc = look_in_packs(objects, &id, fn, arg);
	if (!rc)
		rc = sk_buf_addf(&path, "%s/%.2s/%s", objects, hex, hex + 2);
	if (!rc && access(path.ptr, F_OK) == 0 &&
	    git_odb_backend_loose(&backend, objects, -1, 0, 0, 0) == 0)
		rc = tell(backend, path.ptr, false, &id, fn, arg);
	sk_buf_free(&path);
	return rc;
}

static int take_good(void *arg, const struct sk_copy *copy)
{
	git_odb_object **out = arg;

	if (!copy->object)
		return 0;
	return git_odb_object_dup(out, copy->object) == 0 ? SK_EINTR : sk_error_oom();
}

int sk_copies_read(const char *objects, const struct sk_oid *oid, git_odb_object **out)
{
	int rc = sk_copies(objects, oid, take_good, out);

	if (rc == SK_EINTR) /* found */
		return 0;
	return rc ? rc : sk_error(SK_ENO, "no good copy of %s", sk_oid_str(oid));
}

int sk_repo_reopen_objects(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	git_odb *odb = NULL;
	int rc = sk_buf_addf(&path, "%s/objects", repo->commondir);

	if (!rc && (git_odb_open(&odb, path.ptr) < 0 || git_repository_set_odb(repo->git, odb) < 0))
		rc = sk_error_git(SK_EIO, "cannot open the objects of %s", repo->commondir);
	git_odb_free(odb);
	sk_buf_free(&path);
	return rc;
}
