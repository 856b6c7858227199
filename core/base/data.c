#include "base/data.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

/* SK_DATADIR as seen from SK_BINDIR, put on the folder that this program lies in. */
static int beside_program(struct sk_buf *out)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	size_t same = 0;
	char *slash;

	if (n <= 0)
		return 0;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	for (size_t i = 0; SK_BINDIR[i] && SK_BINDIR[i] == SK_DATADIR[i]; i++)
		if (SK_BINDIR[i] == '/')
			same = i;
	(void)sk_buf_adds(out, exe);
	for (const char *p = &SK_BINDIR[same]; (p = strchr(p, '/')); p++)
		(void)sk_buf_adds(out, "/..");
	(void)sk_buf_adds(out, &SK_DATADIR[same]);
	return sk_buf_ok(out);
}

static int installed(const char *folder, struct sk_buf *out)
{
#ifdef SK_TESTING
	const char *test = getenv("SK_TEST_DATADIR");

	if (test && *test) {
		(void)sk_buf_addf(out, "%s/%s", test, folder);
		return sk_buf_ok(out);
	}
#endif
	if (beside_program(out))
		return SK_EIO;
	if (!out->len || !sk_exists(out->ptr)) {
		sk_buf_clear(out);
		(void)sk_buf_adds(out, SK_DATADIR);
	}
	(void)sk_buf_addf(out, "/%s", folder);
#ifdef SK_TESTING
	/* a program in its build folder takes the rules of the sources */
	if (!sk_buf_ok(out) && !sk_exists(out->ptr)) {
		sk_buf_clear(out);
		(void)sk_buf_addf(out, "%s/%s", SK_DATADIR_SOURCE, folder);
	}
#endif
	return sk_buf_ok(out);
}

static int own(const char *folder, struct sk_buf *out)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && config[0] == '/')
		(void)sk_buf_addf(out, "%s/safekeep/%s", config, folder);
	else if (home && home[0] == '/')
		(void)sk_buf_addf(out, "%s/.config/safekeep/%s", home, folder);
	return sk_buf_ok(out);
}

static bool is_ini(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".ini") == 0;
}

/* The names in it, sorted.  SK_ENO: there is no such folder. */
static int names(const char *dir, struct sk_strv *out)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int rc = 0;

	if (!d && (errno == ENOENT || errno == ENOTDIR))
		return SK_ENO;
	if (!d)
		return sk_error_errno(SK_EIO, "cannot read the rules in %s", dir);
	while (!rc && (e = readdir(d)))
		if (is_ini(e->d_name))
			rc = sk_strv_add(out, e->d_name);
	(void)closedir(d);
	sk_strv_sort(out);
	return rc;
}

static int add(const char *dir, const char *name, struct sk_strv *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&path, "%s/%s", dir, name);
	rc = sk_buf_ok(&path);
	if (!rc)
		rc = sk_strv_add(out, path.ptr);
	sk_buf_free(&path);
	return rc;
}

int sk_data_path(const char *name, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = installed(name, &path);

	if (!rc)
		rc = sk_buf_add(out, path.ptr, path.len);
	sk_buf_free(&path);
	return rc;
}

int sk_data_files(const char *folder, struct sk_strv *out)
{
	struct sk_buf ours = SK_BUF_INIT, theirs = SK_BUF_INIT;
	struct sk_strv in_ours = SK_STRV_INIT, in_theirs = SK_STRV_INIT;
	size_t i = 0, k = 0;
	int rc = installed(folder, &ours);

	if (!rc)
		rc = own(folder, &theirs);
	if (!rc)
		rc = names(ours.ptr, &in_ours);
	if (rc == SK_ENO)
		rc = sk_error(SK_EIO, "no folder %s: the installation is not complete", ours.ptr);
	if (!rc && theirs.len && names(theirs.ptr, &in_theirs) == SK_EIO)
		rc = SK_EIO;
	while (!rc && (i < in_ours.n || k < in_theirs.n)) {
		int cmp = i == in_ours.n     ? 1
		          : k == in_theirs.n ? -1
		                             : strcmp(in_ours.item[i], in_theirs.item[k]);

		if (cmp < 0)
			rc = add(ours.ptr, in_ours.item[i], out);
		else
			rc = add(theirs.ptr, in_theirs.item[k], out);
		i += cmp <= 0;
		k += cmp >= 0;
	}
	sk_strv_free(&in_ours);
	sk_strv_free(&in_theirs);
	sk_buf_free(&ours);
	sk_buf_free(&theirs);
	return rc;
}
