/* kind.c - what kind of repository it is, and which folder is its working tree.
 * Source: git's Documentation/technical/repository-version and setup.c (t1510 has the cases). */
#include "repo/discover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <git2.h>

#include "base/text.h"
#include "repo/repo.h"

struct kind {
	int32_t version;
	int bare; /* -1: not said */
	char *worktree;
	bool worktree_config;
	char objects[32], refs[32], unknown[64];
};

static int user_file(char **out, const char *base, const char *name)
{
	*out = NULL;
	return base && *base ? sk_join(out, base, name) : 0;
}

int sk_git_config_files(struct sk_git_config_file out[SK_GIT_CONFIG_FILES])
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	const char *global = getenv("GIT_CONFIG_GLOBAL"), *system = getenv("GIT_CONFIG_SYSTEM");
	char *path[SK_GIT_CONFIG_FILES] = { NULL, NULL, NULL };
	int rc = 0;

	if (!sk_env_bool("GIT_CONFIG_NOSYSTEM"))
		rc = user_file(&path[0], ".", system ? system : "/etc/gitconfig");
	if (!rc && global)
		rc = user_file(&path[2], ".", global);
	else if (!rc)
		rc = user_file(&path[2], home, ".gitconfig");
	if (!rc && !global)
		rc = xdg && *xdg ? user_file(&path[1], xdg, "git/config")
		                 : user_file(&path[1], home, ".config/git/config");
	for (size_t i = 0; i < SK_GIT_CONFIG_FILES; i++) {
		static const int level[] = { GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
			                     GIT_CONFIG_LEVEL_GLOBAL };

		if (rc)
			free(path[i]);
		else
			out[i] = (struct sk_git_config_file){ path[i], level[i] };
	}
	return rc;
}

void sk_git_config_files_clear(struct sk_git_config_file file[SK_GIT_CONFIG_FILES])
{
	for (size_t i = 0; i < SK_GIT_CONFIG_FILES; i++)
		free(file[i].path);
}

static int take_extension(struct kind *k, const char *name, const char *value)
{
	static const char *const harmless[] = {
		"noop", "noop-v1", "partialclone", "preciousobjects", "relativeworktrees", NULL
	};

	value = value ? value : "";
	if (strcmp(name, "worktreeconfig") == 0) {
		int on = 0;

		(void)git_config_parse_bool(&on, *value ? value : NULL);
		k->worktree_config = on;
		return 0;
	}
	if (strcmp(name, "objectformat") == 0) {
		(void)snprintf(k->objects, sizeof k->objects, "%s", value);
		return 0;
	}
	if (strcmp(name, "refstorage") == 0) {
		(void)snprintf(k->refs, sizeof k->refs, "%s", value);
		return 0;
	}
	for (size_t i = 0; harmless[i]; i++)
		if (strcmp(name, harmless[i]) == 0)
			return 0;
	if (!*k->unknown)
		(void)snprintf(k->unknown, sizeof k->unknown, "%s", name);
	return 0;
}

static int take_entry(struct kind *k, const git_config_entry *e, bool extensions)
{
	if (e->include_depth)
		return 0;
	if (strcmp(e->name, "core.bare") == 0) {
		int bare = 0;

		if (git_config_parse_bool(&bare, e->value) < 0)
			return sk_error(SK_EREPO,
			                "core.bare is '%s', which is neither true nor "
			                "false",
			                sk_name(e->value));
		k->bare = bare;
	} else if (strcmp(e->name, "core.worktree") == 0 && e->value) {
		free(k->worktree);
		k->worktree = strdup(e->value);
		return k->worktree ? 0 : sk_error_oom();
	} else if (extensions && strcmp(e->name, "core.repositoryformatversion") == 0) {
		if (!e->value || git_config_parse_int32(&k->version, e->value) < 0)
			return sk_error(SK_EREPO, "core.repositoryFormatVersion is not a number");
	} else if (extensions && strncmp(e->name, "extensions.", 11) == 0) {
		return take_extension(k, e->name + 11, e->value);
	}
	return 0;
}

static int read_kind(const char *dir, const char *name, bool extensions, struct kind *k)
{
	git_config_iterator *it = NULL;
	git_config *config = NULL;
	git_config_entry *entry;
	char *path = NULL;
	struct stat st;
	int rc = sk_join(&path, dir, name), err;

	if (rc || (stat(path, &st) < 0 && errno == ENOENT))
		goto out;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		rc = sk_error(SK_EREPO, "cannot read %s", sk_name(path));
		goto out;
	}
	if (access(path, R_OK) < 0) { /* libgit2 has no word for that */
		rc = sk_error_errno(SK_EIO, "cannot read %s", sk_name(path));
		goto out;
	}
	err = git_config_open_ondisk(&config, path);
	if (err == 0)
		err = git_config_iterator_new(&it, config);
	while (err == 0 && !rc && (err = git_config_next(&entry, it)) == 0)
		rc = take_entry(k, entry, extensions);
	if (!rc && err != 0 && err != GIT_ITEROVER)
		rc = sk_error_git(SK_EREPO, "cannot read %s", sk_name(path));
out:
	git_config_iterator_free(it);
	git_config_free(config);
	free(path);
	return rc;
}

static int judge(const struct kind *k)
{
	if (*k->objects && strcasecmp(k->objects, "sha1") != 0)
		return sk_error(SK_EKIND,
		                "this kind of repository is not supported: its objects "
		                "are named by %s (extensions.objectFormat), only sha1 is",
		                sk_name(k->objects));
	if (*k->refs && strcasecmp(k->refs, "files") != 0)
		return sk_error(SK_EKIND,
		                "this kind of repository is not supported: its refs are "
		                "in the %s format (extensions.refStorage), only files is",
		                sk_name(k->refs));
	if (k->version < 0 || k->version > 1)
		return sk_error(SK_EKIND,
		                "this kind of repository is not supported: "
		                "core.repositoryFormatVersion is %d, only 0 and 1 are",
		                (int)k->version);
	if (k->version >= 1 && *k->unknown)
		return sk_error(SK_EKIND,
		                "this kind of repository is not supported: unknown "
		                "extension '%s' (extensions.%s)",
		                sk_name(k->unknown), sk_name(k->unknown));
	return 0;
}

/* The folder by git's rules, as it is named. */
static int choose(const struct sk_place *place, const struct kind *k, char **out)
{
	const char *env = getenv("GIT_WORK_TREE"), *implicit = getenv("GIT_IMPLICIT_WORK_TREE");

	if (env)
		return sk_join(out, place->here, env);
	if (k->bare > 0)
		return sk_error(SK_EREPO, "%s is a bare repository: it has no working tree to keep",
		                sk_name(place->gitdir));
	if (k->worktree)
		return sk_join(out, place->gitdir, k->worktree);
	if (!place->root && !place->given)
		return sk_error(SK_EREPO, "%s is inside a git folder, not in a working tree",
		                sk_name(place->here));
	if (place->given && implicit && *implicit && !sk_env_bool("GIT_IMPLICIT_WORK_TREE"))
		return sk_error(SK_EREPO, "%s has no working tree here", sk_name(place->gitdir));
	return sk_join(out, place->here, place->root ? place->root : ".");
}

static bool within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

int sk_place_worktree(struct sk_place *place)
{
	struct kind k = { .bare = -1 };
	char *named = NULL, *real = NULL;
	struct stat st;
	int rc = read_kind(place->commondir, "config", true, &k);

	if (!rc)
		rc = judge(&k);
	if (rc)
		goto out;
	/* in a linked worktree the shared core.bare and core.worktree are the main one's */
	if (strcmp(place->gitdir, place->commondir) != 0 && !k.worktree_config) {
		k.bare = -1;
		free(k.worktree);
		k.worktree = NULL;
	}
	if (k.worktree_config)
		rc = read_kind(place->gitdir, "config.worktree", false, &k);
	if (!rc)
		rc = choose(place, &k, &named);
	if (rc)
		goto out;
	real = realpath(named, NULL);
	if (!real || stat(real, &st) < 0) {
		rc = sk_error_errno(SK_EREPO, "the working tree %s cannot be used", sk_name(named));
	} else if (!S_ISDIR(st.st_mode)) {
		rc = sk_error(SK_EREPO, "the working tree %s is not a folder", sk_name(named));
	} else if (within(real, place->gitdir)) {
		rc = sk_error(SK_EREPO, "%s is inside a git folder, not in a working tree",
		              sk_name(real));
	} else {
		place->worktree = real;
		place->worktree_config = k.worktree_config;
		real = NULL;
	}
out:
	free(k.worktree);
	free(named);
	free(real);
	return rc;
}
