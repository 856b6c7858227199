/* place.c - where plugins may lie, and whether nobody else can have written them.
 *
 * Safe is a file that belongs to root or the user and that nobody else may write, in folders of
 * which the same holds up to "/".  A folder of root's with the sticky bit, as /tmp, is safe too: in
 * it nobody can replace what is not theirs. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "plugin/parts.h"

bool sk_plugin_name_ok(const char *name)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	return *name >= 'a' && *name <= 'z' && strspn(name, rest) == strlen(name) &&
	       strlen(name) <= SK_PLUGIN_NAME_MAX;
}

/* Who may change it. */
static int check(const char *path, const struct stat *st, const char *what)
{
	bool sticky = S_ISDIR(st->st_mode) && st->st_uid == 0 && (st->st_mode & S_ISVTX);

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return sk_error(SK_EREFUSED,
		                "%s %s belongs to user %lu; it has to be root's or yours", what,
		                sk_name(path), (unsigned long)st->st_uid);
	if ((st->st_mode & 022) && !sticky)
		return sk_error(SK_EREFUSED,
		                "%s %s can be written by others (mode %04o); chmod go-w %s", what,
		                sk_name(path), (unsigned)(st->st_mode & 07777), sk_name(path));
	return 0;
}

int sk_plugin_folder_safe(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;
	char *slash;
	int rc = 0;

	if (folder[0] != '/' || strlen(folder) >= sizeof path)
		return sk_error(SK_EREFUSED, "%s is no absolute name of a folder", sk_name(folder));
	memcpy(path, folder, strlen(folder) + 1);
	for (;;) {
		if (lstat(path, &st) < 0)
			return sk_error_errno(SK_EREFUSED, "cannot look at %s", sk_name(path));
		if (!S_ISDIR(st.st_mode))
			return sk_error(SK_EREFUSED, "%s is no folder", sk_name(path));
		rc = check(path, &st, "the folder");
		if (rc || strcmp(path, "/") == 0)
			return rc;
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
	}
}

int sk_plugin_file_safe(const char *file, struct stat *st)
{
	if (lstat(file, st) < 0)
		return errno == ENOENT
		               ? sk_error(SK_ENO, "%s is not there", sk_name(file))
		               : sk_error_errno(SK_EREFUSED, "cannot look at %s", sk_name(file));
	if (S_ISLNK(st->st_mode))
		return sk_error(SK_EREFUSED, "%s is a symbolic link; put the file itself there",
		                sk_name(file));
	if (!S_ISREG(st->st_mode))
		return sk_error(SK_EREFUSED, "%s is no file", sk_name(file));
	return check(file, st, "its file");
}

/* Adds it resolved, when it is there and safe. */
static int add_folder(const char *path, bool named, struct sk_strv *out, struct sk_strv *said)
{
	char real[PATH_MAX];
	int rc;

	if (!realpath(path, real)) {
		if (!named)
			return 0;
		(void)sk_error_errno(SK_EREFUSED, "cannot look for plugins in %s", sk_name(path));
		return sk_strv_add(said, sk_error_message());
	}
	if (sk_strv_has(out, real))
		return 0;
	rc = sk_plugin_folder_safe(real);
	if (rc == SK_EREFUSED) {
		(void)sk_error_prefix(SK_EREFUSED, "no plugins are taken from %s", sk_name(path));
		return sk_strv_add(said, sk_error_message());
	}
	return rc ? rc : sk_strv_add(out, real);
}

/* The installation's, from where the program is, so that it can be moved; otherwise from where it
 * was meant to be. */
static int installed_folder(struct sk_buf *out)
{
	char program[PATH_MAX];

	if (sk_proc_self(program) == 0) {
		*strrchr(program, '/') = '\0';
		(void)sk_buf_addf(out, "%s/../%s/safekeep/plugins", program, SK_LIBDIR);
		if (sk_buf_ok(out) || sk_exists(out->ptr))
			return sk_buf_ok(out);
		sk_buf_clear(out);
	}
	sk_error_clear();
	return sk_buf_adds(out, SK_PLUGINDIR);
}

int sk_plugin_folders(const struct sk_config *config, struct sk_strv *out, struct sk_strv *said)
{
	const char *own = sk_config_get(config, "plugins.folder"), *home = getenv("HOME");
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	if (own && strncmp(own, "~/", 2) == 0 && home && home[0] == '/')
		rc = sk_buf_addf(&path, "%s%s", home, own + 1);
	else if (own && *own)
		rc = sk_buf_adds(&path, own);
	if (!rc && path.len && path.ptr[0] != '/')
		rc = sk_strv_add(said, "[plugins] folder has to be an absolute name");
	else if (!rc && path.len)
		rc = add_folder(path.ptr, true, out, said);
	sk_buf_clear(&path);
	if (!rc)
		rc = installed_folder(&path);
	if (!rc)
		rc = add_folder(path.ptr, false, out, said);
	sk_buf_free(&path);
	return rc;
}
