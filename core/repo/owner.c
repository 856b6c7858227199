/* owner.c - whose repository it is, judged as git's ensure_valid_ownership does. */
#include "repo/discover.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <git2.h>

#include "base/text.h"
#include "repo/given.h"

static bool is_mine(uid_t owner)
{
	const char *sudo = getenv("SUDO_UID");
	uid_t me = geteuid();
	char *end;

	if (owner == me)
		return true;
	if (me == 0 && sudo && *sudo) {
		unsigned long v;

		errno = 0;
		v = strtoul(sudo, &end, 10);
		return !errno && !*end && v == owner;
	}
	return false;
}

struct safe {
	const char *path;
	bool allowed;
};

static bool same_folder(const char *value, size_t len, const char *path)
{
	char *text = strndup(value, len), *r = text ? realpath(text, NULL) : NULL;
	bool same = text && (strcmp(text, path) == 0 || (r && strcmp(r, path) == 0));

	free(text);
	free(r);
	return same;
}

/* One value of safe.directory: "" forgets those before it, "*" is any, "~/" is HOME, a final "/"
 * and
 * "*" means all below (git 2.46). */
static void safe_value(struct safe *s, const char *value)
{
	const char *home = getenv("HOME");
	size_t len;
	char *path = NULL;

	if (!value || !*value) {
		s->allowed = false;
		return;
	}
	if (strcmp(value, "*") == 0) {
		s->allowed = true;
		return;
	}
	if (strncmp(value, "~/", 2) == 0 && home) {
		if (sk_join(&path, home, value + 2))
			return;
		value = path;
	}
	for (len = strlen(value); len > 1 && value[len - 1] == '/';)
		len--;
	if (*value != '/')
		len = 0;
	if (len > 2 && strcmp(value + len - 2, "/*") == 0) {
		len -= 2;
		if (strncmp(s->path, value, len) == 0 && s->path[len] == '/')
			s->allowed = true;
	} else if (len && same_folder(value, len, s->path)) {
		s->allowed = true;
	}
	free(path);
}

static int safe_entry(const git_config_entry *entry, void *data)
{
	safe_value(data, entry->value);
	return 0;
}

static void safe_in_file(struct safe *s, const char *path)
{
	git_config *config = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    git_config_open_ondisk(&config, path) == 0)
		(void)git_config_get_multivar_foreach(config, "safe.directory", NULL, safe_entry,
		                                      s);
	git_config_free(config);
}

static void safe_given(void *ctx, const char *key, const char *value)
{
	if (strcasecmp(key, "safe.directory") == 0)
		safe_value(ctx, value);
}

/* As a shell takes it: plain, 'quoted', or $'quoted' when it has bytes that a terminal must not. */
static int add_shell_word(struct sk_buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "0123456789_./+-@%,=:";
	struct sk_buf shown = SK_BUF_INIT;
	int rc = sk_add_text(&shown, word, strlen(word));
	bool clean;

	if (rc)
		goto out;
	clean = strcmp(sk_buf_str(&shown), word) == 0;
	if (word[strspn(word, plain)] == '\0') {
		rc = sk_buf_adds(out, word);
		goto out;
	}
	(void)sk_buf_adds(out, clean ? "'" : "$'");
	for (const char *p = word; *p; p++)
		if (clean)
			(void)(*p == '\'' ? sk_buf_adds(out, "'\\''") : sk_buf_addc(out, *p));
		else if (strchr(plain, *p))
			(void)sk_buf_addc(out, *p);
		else
			(void)sk_buf_addf(out, "\\%03o", (unsigned char)*p);
	rc = sk_buf_addc(out, '\'');
out:
	sk_buf_free(&shown);
	return rc;
}

static int refuse(const char *path, uid_t owner)
{
	struct sk_buf word = SK_BUF_INIT;
	const struct passwd *pw = getpwuid(owner);
	char who[128];
	int rc;

	if (pw)
		(void)snprintf(who, sizeof who, "%s (uid %lu)", pw->pw_name, (unsigned long)owner);
	else
		(void)snprintf(who, sizeof who, "uid %lu", (unsigned long)owner);
	rc = add_shell_word(&word, path);
	if (!rc)
		rc = sk_error(SK_EREFUSED,
		              "%s belongs to %s, not to you; if you trust it, type: "
		              "git config --global --add safe.directory %s",
		              sk_name(path), who, word.ptr);
	sk_buf_free(&word);
	return rc;
}

int sk_place_owner(const struct sk_place *place)
{
	const char *path[] = { place->gitfile, place->root, place->gitdir };
	struct sk_git_config_file file[SK_GIT_CONFIG_FILES];
	struct safe safe = { place->root ? place->root : place->gitdir, false };
	bool ours = !sk_env_bool("GIT_TEST_ASSUME_DIFFERENT_OWNER");
	uid_t owner = geteuid();
	int rc;

	if (place->given)
		return 0;
	for (size_t i = 0; i < 3 && ours; i++) {
		struct stat st;

		if (!path[i])
			continue;
		if (lstat(path[i], &st) < 0)
			return sk_error_errno(SK_EIO, "cannot read '%s'", sk_name(path[i]));
		owner = st.st_uid;
		ours = is_mine(owner);
	}
	if (ours)
		return 0;
	rc = sk_git_config_files(file);
	if (rc)
		return rc;
	for (size_t i = 0; i < SK_GIT_CONFIG_FILES; i++)
		if (file[i].path)
			safe_in_file(&safe, file[i].path);
	sk_git_config_files_clear(file);
	sk_given_each(safe_given, &safe);
	return safe.allowed ? 0 : refuse(safe.path, owner);
}
