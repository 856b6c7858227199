#include "store/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "store/pack_look.h"
#include "store/refs_file.h"
#include "store/repack.h"

static int remove_loose(const struct sk_repo *repo, const struct sk_oidset *set)
{
	const struct sk_oidset_slot *slot;
	char hex[SK_OID_HEX + 1];
	size_t at = 0;
	int rc = 0;

	while (!rc && (slot = sk_oidset_next(set, &at))) {
		struct sk_buf path = SK_BUF_INIT;

		sk_oid_hex(&slot->oid, hex);
		rc = sk_buf_addf(&path, "%s/objects/%.2s/%s", repo->commondir, hex, hex + 2);
		if (!rc && unlink(path.ptr) < 0 && errno != ENOENT && errno != ENOTDIR)
			rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path.ptr);
		sk_buf_free(&path);
	}
	return rc;
}

static bool has_any(const struct sk_idx *idx, const struct sk_oidset *set)
{
	for (uint32_t i = 0; i < idx->n; i++) {
		const struct sk_oid oid = sk_idx_oid(idx, i);

		if (sk_oidset_has(set, &oid))
			return true;
	}
	return false;
}

static int remove_packed(const struct sk_repo *repo, const struct sk_oidset *set)
{
	struct sk_strv names = SK_STRV_INIT;
	char *path = NULL;
	int dir = -1, rc = sk_ref_path(repo, "objects/pack", "", &path);

	if (!rc)
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		rc = sk_pack_names(dir, &names);
	for (size_t i = 0; !rc && i < names.n; i++) {
		const char *hex = names.item[i] + strlen("pack-");
		struct sk_idx idx = { 0 };
		bool any;

		if (sk_idx_open(dir, hex, &idx))
			continue; /* without a good index git does not use it; verify names it */
		any = has_any(&idx, set);
		sk_idx_close(&idx);
		if (any)
			rc = sk_repack_without(repo, hex, set, NULL);
	}
	if (dir >= 0)
		(void)close(dir);
	sk_strv_free(&names);
	free(path);
	return rc;
}

static int remove_commit_graph(const struct sk_repo *repo, const struct sk_oidset *set)
{
	const struct sk_oidset_slot *slot;
	char *file = NULL, *chain = NULL;
	bool commits = false;
	size_t at = 0;
	int rc = 0;

	while ((slot = sk_oidset_next(set, &at)))
		commits = commits || slot->value == SK_OBJ_COMMIT;
	if (!commits)
		return 0;
	rc = sk_ref_path(repo, "objects/info/commit-graph", "", &file);
	if (!rc)
		rc = sk_ref_path(repo, "objects/info/commit-graphs", "", &chain);
	if (!rc && unlink(file) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", file);
	if (!rc)
		rc = sk_remove_tree(AT_FDCWD, chain);
	free(file);
	free(chain);
	return rc;
}

int sk_objects_remove(const struct sk_repo *repo, const struct sk_oidset *set)
{
	int rc = remove_commit_graph(repo, set);

	if (!rc && set->n)
		rc = remove_packed(repo, set);
	return rc ? rc : remove_loose(repo, set);
}
