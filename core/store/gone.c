#include "store/gone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "store/refs_file.h"

#define NAME "sk/gone"
#define MAX_NOTE (1u << 20)

int sk_gone_note(const struct sk_repo *repo, const char *lines)
{
	char *path = NULL;
	int rc = sk_ref_path(repo, NAME, "", &path);

	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, lines, strlen(lines), 0666, true);
	free(path);
	return rc;
}

int sk_gone_done(const struct sk_repo *repo, int dir)
{
	char *path = NULL;
	int rc = sk_ref_path(repo, NAME, "", &path);

	if (!rc && fsync(dir) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync the folder of packs");
	if (!rc && unlink(path) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	free(path);
	return rc;
}

bool sk_gone_pending(const struct sk_repo *repo)
{
	char *path = NULL;
	bool yes = sk_ref_path(repo, NAME, "", &path) == 0 && sk_exists(path);

	free(path);
	return yes;
}

static bool has(int dir, const char *hex, const char *suffix)
{
	char name[SK_OID_HEX + 32];

	(void)snprintf(name, sizeof name, "pack-%s%s", hex, suffix);
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int remove_rest(int dir, const char *hex)
{
	static const char *const suffix[] = { ".idx",    ".pack",     ".rev",
		                              ".bitmap", ".promisor", ".mtimes" };
	char name[SK_OID_HEX + 32];

	if (has(dir, hex, ".idx") == has(dir, hex, ".pack") || has(dir, hex, ".keep"))
		return 0;
	for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		(void)snprintf(name, sizeof name, "pack-%s%s", hex, suffix[i]);
		if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
			return sk_error_errno(SK_EIO, "cannot remove '%s'", name);
	}
	return 0;
}

int sk_gone_finish(const struct sk_repo *repo)
{
	struct sk_buf text = SK_BUF_INIT;
	char *note = NULL, *path = NULL;
	int dir = -1, rc = sk_ref_path(repo, NAME, "", &note);

	if (!rc)
		rc = sk_ref_path(repo, "objects/pack", "", &path);
	if (rc || !sk_exists(note))
		goto out;
	rc = sk_read_file(AT_FDCWD, note, MAX_NOTE, &text);
	dir = rc ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rc && dir < 0)
		rc = sk_error_errno(SK_EIO, "cannot read '%s'", path);
	for (const char *p = sk_buf_str(&text); !rc && strlen(p) > SK_OID_HEX;
	     p += SK_OID_HEX + 1) {
		char hex[SK_OID_HEX + 1];
		struct sk_oid oid;

		if (p[SK_OID_HEX] != '\n' || !sk_oid_parse(p, &oid))
			break;
		sk_oid_hex(&oid, hex);
		rc = remove_rest(dir, hex);
	}
	if (!rc)
		rc = sk_gone_done(repo, dir);
out:
	if (dir >= 0)
		(void)close(dir);
	sk_buf_free(&text);
	free(note);
	free(path);
	return rc;
}
