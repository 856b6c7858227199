#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "repo/copies.h"
#include "store/pack_look.h"
#include "store/repack.h"
#include "store/repair_parts.h"

static int aside(struct sk_mender *m, const char *stem, const char *suffix)
{
	char name[128];

	(void)snprintf(name, sizeof name, "objects/pack/%s%s", stem, suffix);
	return sk_mend_aside(m, name);
}

static bool has_file(const struct sk_mender *m, const char *stem, const char *suffix)
{
	struct sk_buf path = SK_BUF_INIT;
	bool yes = sk_buf_addf(&path, "%s/pack/%s%s", m->objects.ptr, stem, suffix) == 0 &&
	           sk_exists(path.ptr);

	sk_buf_free(&path);
	return yes;
}

/* A new index; git reads the whole pack for it, and makes none when anything is wrong. */
static bool index_pack(const struct sk_mender *m, const char *stem)
{
	struct sk_buf path = SK_BUF_INIT, out = SK_BUF_INIT, err = SK_BUF_INIT;
	const char *argv[] = { "git",
		               "--git-dir",
		               m->repo->commondir,
		               "-c",
		               "core.fsync=pack-metadata",
		               "-c",
		               "pack.writeReverseIndex=false",
		               "index-pack",
		               NULL,
		               NULL };
	struct sk_proc proc = { .argv = argv, .output = &out, .errors = &err };
	int status = 1;
	bool ok = false;

	if (sk_buf_addf(&path, "%s/pack/%s.pack", m->objects.ptr, stem) == 0) {
		argv[8] = path.ptr;
		ok = sk_proc_run(&proc, &status) == 0 && status == 0;
	}
	sk_buf_free(&path);
	sk_buf_free(&out);
	sk_buf_free(&err);
	return ok;
}

/* Whatever can be had of a pack that git refuses, as loose objects in a folder of its own. */
static int salvage(struct sk_mender *m, const char *stem)
{
	struct sk_buf pack = SK_BUF_INIT, env = SK_BUF_INIT, out = SK_BUF_INIT, err = SK_BUF_INIT;
	const char *argv[] = {
		"sh", "-c", "exec git unpack-objects -r -q <\"$1\"", "sh", NULL, NULL
	};
	const char *set[] = { NULL, NULL, NULL };
	struct sk_buf dir = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv, .env = set, .output = &out, .errors = &err };
	int status = 0, rc = sk_mkdirs(m->salvage.ptr, 0700);

	if (!rc)
		rc = sk_buf_addf(&pack, "%s/pack/%s.pack", m->objects.ptr, stem);
	if (!rc)
		rc = sk_buf_addf(&env, "GIT_OBJECT_DIRECTORY=%s", m->salvage.ptr);
	if (!rc)
		rc = sk_buf_addf(&dir, "GIT_DIR=%s", m->repo->commondir);
	if (!rc) {
		argv[4] = pack.ptr;
		set[0] = env.ptr;
		set[1] = dir.ptr;
		rc = sk_proc_run(&proc, &status); /* it fails, having written what it could */
	}
	sk_buf_free(&pack);
	sk_buf_free(&env);
	sk_buf_free(&dir);
	sk_buf_free(&out);
	sk_buf_free(&err);
	return rc;
}

static int mend_pack(struct sk_mender *m, const char *stem)
{
	int rc;

	if (!has_file(m, stem, ".pack"))
		return aside(m, stem, ".idx");
	rc = aside(m, stem, ".idx");
	if (!rc && index_pack(m, stem))
		return sk_strv_add(&m->out->packs, stem);
	return rc ? rc : salvage(m, stem);
}

int sk_mend_packs(struct sk_mender *m)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < m->found->bad_packs.n; i++)
		rc = mend_pack(m, m->found->bad_packs.item[i]);
	return rc;
}

int sk_mend_packs_done(struct sk_mender *m)
{
	static const char *const suffix[] = { ".pack", ".rev", ".bitmap", ".mtimes" };
	int rc = 0;

	for (size_t i = 0; !rc && i < m->found->bad_packs.n; i++)
		for (size_t k = 0; !rc && k < 4; k++)
			if (!sk_strv_has(&m->out->packs, m->found->bad_packs.item[i]))
				rc = aside(m, m->found->bad_packs.item[i], suffix[k]);
	return rc;
}

/* --- copies that are damaged while there is a good one, or none ---------------------------- */

struct bad_copies {
	struct sk_strv packs; /* "pack-HEX" */
	struct sk_strv loose; /* below COMMONDIR */
	const struct sk_mender *m;
};

static int take_copy(void *arg, const struct sk_copy *copy)
{
	struct bad_copies *b = arg;
	size_t len = strlen(copy->path), base = strlen(b->m->repo->commondir) + 1;
	const char *name = strrchr(copy->path, '/') + 1;

	if (copy->object)
		return 0;
	if (!copy->packed)
		return sk_strv_add(&b->loose, copy->path + base);
	len = strlen(name) - strlen(".idx");
	for (size_t i = 0; i < b->packs.n; i++)
		if (strncmp(b->packs.item[i], name, len) == 0)
			return 0;
	return sk_strv_addn(&b->packs, name, len);
}

/* The ids in a pack that this very pack cannot give. */
static int unreadable(const struct sk_mender *m, const char *stem, struct sk_oidset *out)
{
	struct sk_buf path = SK_BUF_INIT;
	git_odb_backend *backend = NULL;
	struct sk_idx idx = { 0 };
	git_odb *odb = NULL;
	int dir = -1, rc = sk_buf_addf(&path, "%s/pack", m->objects.ptr);

	if (!rc)
		dir = open(path.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rc)
		rc = sk_idx_open(dir, stem + strlen("pack-"), &idx);
	if (!rc)
		rc = sk_buf_addf(&path, "/%s.idx", stem);
	if (!rc && (git_odb_new(&odb) < 0 || git_odb_backend_one_pack(&backend, path.ptr) < 0 ||
	            git_odb_add_backend(odb, backend, 1) < 0))
		rc = sk_error_git(SK_EIO, "cannot open '%s'", path.ptr);
	for (uint32_t i = 0; !rc && i < idx.n; i++) {
		const struct sk_oid oid = sk_idx_oid(&idx, i);
		git_odb_object *object = NULL;

		if (git_odb_read(&object, odb, (const git_oid *)&oid) < 0)
			rc = sk_oidset_add(out, &oid, 1, NULL);
		git_odb_object_free(object);
	}
	sk_idx_close(&idx);
	git_odb_free(odb);
	if (dir >= 0)
		(void)close(dir);
	sk_buf_free(&path);
	return rc;
}

/* The pack without what it cannot give: found good elsewhere, mended, or lost. */
static int replace_pack(struct sk_mender *m, const char *stem)
{
	struct sk_oidset without = { 0 };
	struct sk_buf hold = SK_BUF_INIT, line = SK_BUF_INIT;
	int rc = unreadable(m, stem, &without);

	if (!rc)
		rc = sk_buf_addf(&hold, "%s/objects/pack", m->aside.ptr);
	if (!rc)
		rc = sk_repack_without(m->repo, stem + strlen("pack-"), &without, hold.ptr);
	if (rc == SK_EREFUSED || rc == SK_EIO) {
		rc = sk_buf_addf(&line, "%s: %s", stem, sk_error_message());
		if (!rc)
			rc = sk_strv_add(&m->out->left, line.ptr);
	} else if (!rc) {
		rc = sk_strv_add(&m->out->packs, stem);
		if (!rc)
			rc = sk_buf_addf(&line, "%s/%s.pack",
			                 hold.ptr + strlen(m->repo->commondir) + 1, stem);
		if (!rc)
			rc = sk_strv_add(&m->out->aside, line.ptr);
	}
	sk_oidset_free(&without);
	sk_buf_free(&hold);
	sk_buf_free(&line);
	return rc;
}

int sk_mend_copies(struct sk_mender *m)
{
	struct bad_copies b = { .m = m };
	const struct sk_oidset_slot *slot;
	git_odb *odb = NULL;
	size_t at = 0;
	int rc = 0;

	if (git_repository_odb(&odb, m->repo->git) < 0)
		rc = sk_error_git(SK_EIO, "cannot open the object database");
	while (!rc && (slot = sk_oidset_next(&m->found->bad, &at)))
		if (git_odb_exists_ext(odb, (const git_oid *)&slot->oid,
		                       GIT_ODB_LOOKUP_NO_REFRESH) == 1)
			rc = sk_copies(m->objects.ptr, &slot->oid, take_copy, &b);
	git_odb_free(odb);
	if (!rc)
		rc = sk_mend_can_read(m->repo, &m->found->bad);
	for (size_t i = 0; !rc && i < b.packs.n; i++)
		rc = replace_pack(m, b.packs.item[i]);
	for (size_t i = 0; !rc && i < b.loose.n; i++)
		rc = sk_mend_aside(m, b.loose.item[i]);
	sk_strv_free(&b.packs);
	sk_strv_free(&b.loose);
	return rc;
}
