#include "store/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "repo/copies.h"
#include "store/repair_parts.h"
#include "store/repack.h"
#include "store/tidy.h"

void sk_repair_clear(struct sk_repair *r)
{
	sk_strv_free(&r->packs);
	sk_strv_free(&r->refs);
	sk_strv_free(&r->without);
	sk_strv_free(&r->gone);
	sk_strv_free(&r->aside);
	sk_strv_free(&r->left);
	*r = (struct sk_repair){ 0 };
}

/* Where `name`, below COMMONDIR, is, and where it lies when it was put aside; that folder is made.
 */
static int places(const struct sk_mender *m, const char *name, struct sk_buf *from,
                  struct sk_buf *to)
{
	int rc = sk_buf_addf(from, "%s/%s", m->repo->commondir, name);
	char *slash;

	if (!rc)
		rc = sk_buf_addf(to, "%s/%s", m->aside.ptr, name);
	if (rc)
		return rc;
	slash = strrchr(to->ptr, '/');
	*slash = '\0';
	rc = sk_mkdirs(to->ptr, 0777);
	*slash = '/';
	return rc;
}

int sk_mend_aside(struct sk_mender *m, const char *name)
{
	struct sk_buf from = SK_BUF_INIT, to = SK_BUF_INIT;
	int rc = places(m, name, &from, &to);

	if (!rc && rename(from.ptr, to.ptr) == 0)
		rc = sk_strv_add(&m->out->aside, to.ptr + strlen(m->repo->commondir) + 1);
	else if (!rc && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot move '%s' aside", from.ptr);
	sk_buf_free(&from);
	sk_buf_free(&to);
	return rc;
}

int sk_mend_copy(struct sk_mender *m, const char *name)
{
	struct sk_buf from = SK_BUF_INIT, to = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = places(m, name, &from, &to);

	if (!rc && sk_read_file(AT_FDCWD, from.ptr, (size_t)1 << 31, &text) == 0) {
		rc = sk_write_file(AT_FDCWD, to.ptr, sk_buf_str(&text), text.len, 0666, true);
		if (!rc)
			rc = sk_strv_add(&m->out->aside, to.ptr + strlen(m->repo->commondir) + 1);
	}
	sk_buf_free(&from);
	sk_buf_free(&to);
	sk_buf_free(&text);
	return rc;
}

int sk_mend_can_read(const struct sk_repo *repo, const struct sk_oidset *bad)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc = sk_buf_addf(&path, "%s/HEAD", repo->gitdir);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, 65536, &text);
	if (rc == SK_ENO)
		rc = sk_error(SK_EIO, "'%s' is not there", path.ptr);
	if (!rc)
		rc = sk_repo_packs_open(repo);
	while (!rc && (slot = sk_oidset_next(bad, &at)))
		rc = sk_repo_loose_opens(repo, &slot->oid);
	if (rc)
		rc = sk_error_prefix(rc, "nothing is given up");
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

static int open_sources(struct sk_mender *m, const struct sk_repair_opts *opts)
{
	if (git_odb_new(&m->source) < 0)
		return sk_error_git(SK_EIO, "cannot open the sources");
	if (sk_exists(m->salvage.ptr) && git_odb_add_disk_alternate(m->source, m->salvage.ptr) < 0)
		return sk_error_git(SK_EIO, "cannot open '%s'", m->salvage.ptr);
	for (size_t i = 0; opts->sources && i < opts->sources->n; i++)
		if (git_odb_add_disk_alternate(m->source, opts->sources->item[i]) < 0)
			sk_warn("'%s' is no folder of objects", opts->sources->item[i]);
	return 0;
}

static int begin(struct sk_mender *m)
{
	int rc = sk_buf_addf(&m->objects, "%s/objects", m->repo->commondir);

	if (!rc)
		rc = sk_buf_addf(&m->aside, "%s/quarantine", m->repo->skdir);
	if (!rc)
		rc = sk_buf_addf(&m->salvage, "%s/salvage", m->repo->skdir);
	if (!rc && sk_repo_precious(m->repo))
		rc = sk_error(SK_EREFUSED, "extensions.preciousObjects is set: nothing may be "
		                           "changed here");
	if (!rc && sk_gc_runs(m->repo))
		rc = sk_error(SK_EBUSY, "git gc is running; try again when it is done");
	return rc;
}

static int end(struct sk_mender *m, int rc)
{
	if (m->salvage.ptr)
		(void)sk_remove_tree(AT_FDCWD, m->salvage.ptr);
	git_odb_free(m->source);
	sk_packer_free(m->packer);
	sk_buf_free(&m->objects);
	sk_buf_free(&m->aside);
	sk_buf_free(&m->salvage);
	return rc;
}

int sk_repair_run(const struct sk_repo *repo, const struct sk_repair_opts *opts,
                  const struct sk_verify *found, struct sk_repair *out)
{
	struct sk_mender m = { .repo = repo, .found = found, .out = out };
	int lock = -1, rc = begin(&m);

	if (!rc)
		rc = sk_mend_can_read(repo, &found->bad);
	if (!rc)
		rc = sk_tidy_lock(repo, &lock);
	if (!rc)
		rc = sk_mend_packed_refs(&m);
	if (!rc)
		rc = sk_mend_packs(&m);
	if (!rc)
		rc = sk_repo_reopen_objects(repo);
	if (!rc)
		rc = open_sources(&m, opts);
	if (!rc)
		rc = sk_packer_new(repo, &m.packer);
	if (!rc)
		rc = sk_mend_objects(&m);
	if (!rc)
		rc = sk_packer_commit(m.packer);
	if (!rc)
		rc = sk_mend_packs_done(&m);
	if (!rc)
		rc = sk_repo_reopen_objects(repo);
	if (!rc)
		rc = sk_mend_refs(&m);
	if (!rc)
		rc = sk_mend_copies(&m);
	if (!rc)
		rc = sk_repo_reopen_objects(repo);
	if (lock >= 0)
		(void)close(lock);
	return end(&m, rc);
}
