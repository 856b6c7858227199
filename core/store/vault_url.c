/* Where a vault is: what its URL means, how it is shown, and making one in a folder. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/vault_parts.h"

#define GIVE_DEPTH 2 /* git init makes no deeper ones */

/* git's own rule (connect.c, url_is_local_not_ssh): no "scheme://", and no ':' before a '/'. */
static bool is_path(const char *url)
{
	const char *colon = strchr(url, ':'), *slash = strchr(url, '/');

	return !colon || (slash && slash < colon);
}

/* Absolute, links and ".." resolved as far as it exists; what is to be made need not. */
static int absolute(const char *given, struct sk_buf *out)
{
	char path[PATH_MAX], real[PATH_MAX];
	char *slash, *last;
	size_t len = strlen(given);

	while (len > 1 && given[len - 1] == '/')
		len--;
	if (len >= sizeof path)
		return sk_error(SK_EUSAGE, "the path of the vault is too long");
	memcpy(path, given, len);
	path[len] = '\0';
	if (realpath(path, real))
		return sk_buf_adds(out, real);
	slash = strrchr(path, '/');
	last = slash ? slash + 1 : path;
	if (strcmp(last, "..") != 0 && strcmp(last, ".") != 0) {
		if (slash)
			*slash = '\0';
		if (realpath(slash ? (slash == path ? "/" : path) : ".", real))
			return sk_buf_addf(out, "%s/%s", strcmp(real, "/") ? real : "", last);
	}
	if (*given == '/')
		return sk_buf_add(out, given, len);
	if (!getcwd(real, sizeof real))
		return sk_error_errno(SK_EIO, "cannot tell where we are");
	return sk_buf_addf(out, "%s/%.*s", real, (int)len, given);
}

int sk_vault_url(const char *given, char **out)
{
	struct sk_buf url = SK_BUF_INIT;
	int rc;

	if (!*given || *given == '-')
		return sk_error(SK_EUSAGE, "'%s' is no place for a vault", sk_name(given));
	for (const char *p = given; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return sk_error(SK_EUSAGE, "a vault's URL has no control characters");
	rc = is_path(given) ? absolute(given, &url) : sk_buf_adds(&url, given);
	if (!rc && !(*out = sk_buf_detach(&url)))
		rc = sk_error_oom();
	sk_buf_free(&url);
	return rc;
}

char *sk_vault_folder(const char *url)
{
	if (is_path(url))
		return strdup(url);
	if (strncasecmp(url, "file://", 7) == 0 && url[7] == '/')
		return strdup(url + 7);
	return NULL;
}

int sk_vault_shown(const char *url, char **out)
{
	const char *scheme = strstr(url, "://"), *host, *end, *at = NULL, *colon;
	bool web = strncasecmp(url, "http", 4) == 0 || strncasecmp(url, "ftp", 3) == 0;
	struct sk_buf text = SK_BUF_INIT;
	size_t stop;

	if (scheme && !is_path(url)) {
		host = scheme + 3;
		end = host + strcspn(host, "/?#");
		for (const char *p = host; p < end; p++)
			at = *p == '@' ? p : at;
		(void)sk_buf_add(&text, url, (size_t)(host - url));
		colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
		if (at && !web)
			(void)sk_buf_addf(&text, "%.*s@", (int)((colon ? colon : at) - host), host);
		url = at ? at + 1 : host;
		stop = web ? strcspn(url, "?#") : strlen(url); /* a token may be there as well */
	} else {
		stop = strlen(url);
	}
	(void)sk_add_text(&text, url, stop);
	*out = sk_buf_detach(&text);
	return *out ? 0 : sk_error_oom();
}

static int is_empty(const char *folder, bool *out)
{
	DIR *dir = opendir(folder);
	struct dirent *d;

	if (!dir)
		return sk_error_errno(SK_EIO, "cannot read the folder %s", sk_name(folder));
	*out = true;
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			*out = false;
	(void)closedir(dir);
	return 0;
}

static int run_git(const char *folder, const char *const *args, bool *yes)
{
	struct sk_buf out = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_vault_git g = { .output = &out, .errors = &errors };
	bool offline;
	int status = 0, rc = sk_vault_git(&g, args, &status);

	if (!rc && yes)
		*yes = status == 0 && strncmp(sk_buf_str(&out), "true", 4) == 0;
	else if (!rc && status)
		rc = sk_vault_why(folder, folder, &errors, status, &offline);
	sk_buf_free(&out);
	sk_buf_free(&errors);
	return rc;
}

/* What a vault needs: our refs must not be hidden there, whatever the user's own settings say; what
 * it takes in is on the disk before it says so, as one pack; and large packs are not written anew
 * each time that git tidies there. */
static int make_bare(const char *folder)
{
	static const char *const settings[][2] = { { "transfer.hideRefs", "!refs/sk" },
		                                   { "receive.shallowUpdate", "true" },
		                                   { "receive.unpackLimit", "1" },
		                                   { "gc.bigPackThreshold", "512m" },
		                                   { "core.fsync", "all" } };
	const char *const init[] = { "init", "-q", "--bare", "--template=", "--", folder, NULL };
	time_t since = time(NULL);
	int rc;

	/* the new folder goes to the owner of the one it is in only where git, as root, will work
	 * in it then: under sudo */
	if (getenv("SUDO_UID"))
		(void)sk_make_dir(folder, 0777);
	rc = run_git(folder, init, NULL);
	for (size_t i = 0; !rc && i < sizeof settings / sizeof *settings; i++) {
		const char *const args[] = { "-C",           folder,         "config",
			                     settings[i][0], settings[i][1], NULL };

		rc = run_git(folder, args, NULL);
	}
	sk_give_tree(folder, GIVE_DEPTH, since);
	return rc;
}

/* Whether `path`, or where it will be, is inside of `folder`. */
static bool lies_in(const char *path, const char *folder)
{
	char real[PATH_MAX], parent[PATH_MAX];
	size_t len;
	char *slash;

	if (!realpath(path, real)) {
		(void)snprintf(parent, sizeof parent, "%s", path);
		slash = strrchr(parent, '/');
		if (!slash)
			return false;
		*(slash == parent ? slash + 1 : slash) = '\0';
		if (!realpath(parent, real))
			return false;
	}
	if (!realpath(folder, parent))
		return false;
	len = strlen(parent);
	return strncmp(real, parent, len) == 0 && (!real[len] || real[len] == '/' || len == 1);
}

static int check_there(const char *folder)
{
	const char *const args[] = { "-C", folder, "rev-parse", "--is-bare-repository", NULL };
	bool bare = false;
	int rc = run_git(folder, args, &bare);

	if (!rc && !bare)
		rc = sk_error(SK_EREFUSED,
		              "%s is no bare git repository; name a folder that does not exist yet",
		              sk_name(folder));
	return rc;
}

static int check_parent(const char *folder)
{
	char *parent = strdup(folder), *slash = parent ? strrchr(parent, '/') : NULL;
	struct stat st;
	int rc = parent ? 0 : sk_error_oom();

	if (!rc && slash > parent)
		*slash = '\0';
	if (!rc && slash > parent && stat(parent, &st) < 0)
		rc = sk_error(SK_EREFUSED,
		              "there is no folder %s; make it, or mount the disk that it is on",
		              sk_name(parent));
	free(parent);
	return rc;
}

int sk_vault_make(const struct sk_repo *repo, const char *folder, struct sk_strv *said)
{
	struct sk_buf line = SK_BUF_INIT;
	struct stat st;
	bool empty = true;
	int rc = 0;

	if (lies_in(folder, repo->worktree) || lies_in(folder, repo->commondir))
		return sk_error(
		        SK_EREFUSED,
		        "%s is inside of what it is to protect; choose another disk or machine",
		        sk_name(folder));
	if (stat(folder, &st) == 0)
		rc = S_ISDIR(st.st_mode)
		             ? is_empty(folder, &empty)
		             : sk_error(SK_EREFUSED, "%s is not a folder", sk_name(folder));
	else if (errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot look at %s", sk_name(folder));
	else
		rc = check_parent(folder);
	if (!rc && !empty)
		return check_there(folder);
	if (!rc)
		rc = make_bare(folder);
	(void)sk_buf_adds(&line, "made a bare repository in ");
	(void)sk_add_name(&line, folder, strlen(folder));
	if (!rc)
		rc = sk_buf_ok(&line);
	if (!rc)
		rc = sk_strv_add(said, line.ptr);
	sk_buf_free(&line);
	return rc;
}
