#include "repo/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <git2/sys/repository.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "repo/copies.h"
#include "repo/discover.h"
#include "repo/git2_memory.h"
#include "repo/trust.h"

#define GIVE_DEPTH 16

/* libgit2 says nothing better than the class of what went wrong, and the system's words at the end
 * of its own. */
static bool is_system(const git_error *e)
{
	const char *absent = strerror(ENOENT);
	size_t len = e && e->message ? strlen(e->message) : 0, n = strlen(absent);

	if (!e || (e->klass != GIT_ERROR_OS && e->klass != GIT_ERROR_NOMEMORY))
		return false;
	return len < n || strcmp(e->message + len - n, absent) != 0;
}

int sk_error_git(int code, const char *fmt, ...)
{
	const git_error *e = git_error_last();
	const char *words = e && e->message && *e->message ? e->message : "unknown error";
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (code == SK_EDAMAGED && is_system(e))
		code = SK_EIO;
	return sk_error(code, "%s: %.*s", text, (int)strcspn(words, "\r\n"), words);
}

#ifdef __SANITIZE_ADDRESS__
/* libgit2 1.5 forgets a match_data of PCRE2 for every setting that is not an extension when it
 * opens a repository of format version 1 (git_regexp_match); its frames are not in the trace. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2-8.so\n";
}
#endif

/* libgit2 stays initialised to the end of the process: starting it costs 7 ms, and objects may
 * outlive the repository that they came from. */
static int git_started;

static void start_git(void)
{
	static const char *extensions[] = { "noop-v1",          "partialclone", "preciousobjects",
		                            "worktreeconfig",   "objectformat", "refstorage",
		                            "relativeworktrees" };

	git_started = sk_git2_memory() < 0 ? -1 : git_libgit2_init();
	if (git_started <= 0)
		return;
	/* the owner was checked before, by git's rules; the kind too */
	if (git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0) < 0 ||
	    git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions,
	                     sizeof extensions / sizeof *extensions) < 0 ||
	    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1) < 0 ||
	    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1) < 0 ||
	    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0) < 0)
		git_started = -1;
}

static int need_git(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, start_git);
	return git_started > 0 ? 0 : sk_error_git(SK_EIO, "cannot start libgit2");
}

/* The layers that git itself reads, in its order; libgit2 would take ~/.gitconfig whatever
 * GIT_CONFIG_GLOBAL says, and no config.worktree. */
static int set_config(struct sk_repo *repo, bool worktree_config)
{
	struct sk_git_config_file file[SK_GIT_CONFIG_FILES];
	git_config *config = NULL;
	char *local = NULL, *own = NULL;
	int err = 0, rc = sk_git_config_files(file);

	if (rc)
		return rc;
	rc = sk_join(&local, repo->commondir, "config");
	if (!rc && worktree_config)
		rc = sk_join(&own, repo->gitdir, "config.worktree");
	if (rc)
		goto out;
	err = git_config_new(&config);
	for (size_t i = 0; i < SK_GIT_CONFIG_FILES && !err; i++)
		if (file[i].path && access(file[i].path, R_OK) == 0)
			err = git_config_add_file_ondisk(config, file[i].path,
			                                 (git_config_level_t)file[i].level,
			                                 repo->git, 1);
	if (!err)
		err = git_config_add_file_ondisk(config, local, GIT_CONFIG_LEVEL_LOCAL, repo->git,
		                                 1);
	if (!err && own)
		err = git_config_add_file_ondisk(config, own, GIT_CONFIG_LEVEL_APP, repo->git, 1);
	if (!err)
		err = git_repository_set_config(repo->git, config);
	if (err)
		rc = sk_error_git(SK_EREPO, "cannot read git's configuration");
out:
	git_config_free(config);
	sk_git_config_files_clear(file);
	free(local);
	free(own);
	return rc;
}

/* Source: git_config_perm in git's setup.c.  A value that git would refuse is none here. */
static int parse_shared(const char *value)
{
	char *end;
	long n;
	int yes = 0;

	if (!value || strcmp(value, "group") == 0)
		return SK_SHARE_GROUP;
	if (strcmp(value, "all") == 0 || strcmp(value, "world") == 0 ||
	    strcmp(value, "everybody") == 0)
		return SK_SHARE_ALL;
	n = strtol(value, &end, 8);
	if (*end || end == value)
		return git_config_parse_bool(&yes, value) == 0 && yes ? SK_SHARE_GROUP : 0;
	if (n == 1 || n == 2)
		return n == 1 ? SK_SHARE_GROUP : SK_SHARE_ALL;
	return (n & 0600) == 0600 ? -(int)(n & 0666) : 0;
}

/* core.sharedRepository, which git takes from the repository's own configuration alone. */
static int set_shared(const struct sk_repo *repo)
{
	git_config_entry *entry = NULL;
	git_config *config = NULL;
	int perm = 0, rc;

	if (git_repository_config(&config, repo->git) == 0 &&
	    git_config_get_entry(&entry, config, "core.sharedrepository") == 0 &&
	    entry->level >= GIT_CONFIG_LEVEL_LOCAL)
		perm = parse_shared(entry->value);
	git_config_entry_free(entry);
	git_config_free(config);
	rc = sk_share_below(repo->commondir, perm);
	if (!rc && strcmp(repo->gitdir, repo->commondir) != 0)
		rc = sk_share_below(repo->gitdir, perm);
	return rc ? sk_error_oom() : 0;
}

static int open_git(struct sk_repo *repo, bool worktree_config)
{
	int rc;

	/* as if bare: the working tree is the one that was found, not what libgit2 would take */
	if (git_repository_open_ext(&repo->git, repo->gitdir,
	                            GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE,
	                            NULL) < 0)
		return sk_error_git(SK_EREPO, "cannot open %s", sk_name(repo->gitdir));
	if (git_repository_set_workdir(repo->git, repo->worktree, 0) < 0)
		return sk_error_git(SK_EREPO, "cannot open %s", sk_name(repo->gitdir));
	rc = set_config(repo, worktree_config);
	return rc ? rc : set_shared(repo);
}

int sk_config_user_path(char **out)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int rc = 0;

	if (xdg && *xdg == '/')
		rc = sk_join(&path, xdg, "safekeep/safekeep.ini");
	else if (home && *home)
		rc = sk_join(&path, home, ".config/safekeep/safekeep.ini");
	if (!rc)
		*out = path;
	return rc;
}

/* The first two layers; `user` is to be freed. */
static int own_layers(struct sk_config_source source[2], size_t *n, char **user)
{
	int rc = sk_config_user_path(user);

	source[0] = (struct sk_config_source){ "/etc/safekeep.ini", false, NULL, true };
	*n = 1;
	if (!rc && *user)
		source[(*n)++] = (struct sk_config_source){ *user, false, NULL, true };
	return rc;
}

int sk_config_user(struct sk_config **out)
{
	struct sk_config_source source[2];
	char *user = NULL;
	size_t n;
	int rc = own_layers(source, &n, &user);

	if (!rc)
		rc = sk_config_load(source, n, out);
	free(user);
	return rc;
}

static int load_config(struct sk_repo *repo)
{
	struct sk_config_source source[5];
	char *user = NULL, *project = NULL, *shared = NULL, *own = NULL, *trust = NULL;
	size_t n = 0;
	int rc = own_layers(source, &n, &user);

	if (!rc)
		rc = sk_join(&project, repo->worktree, ".safekeep.ini");
	if (!rc)
		rc = sk_join(&shared, repo->skdir, "safekeep.ini");
	if (!rc)
		rc = sk_join(&trust, repo->skdir, SK_TRUST_FILE);
	if (!rc && strcmp(repo->skdir, repo->sklocal) != 0)
		rc = sk_join(&own, repo->sklocal, "safekeep.ini");
	if (rc)
		goto out;
	source[n++] = (struct sk_config_source){ project, true, trust, false };
	source[n++] = (struct sk_config_source){ shared, false, NULL, false };
	if (own)
		source[n++] = (struct sk_config_source){ own, false, NULL, false };
	rc = sk_config_load(source, n, &repo->config);
out:
	free(user);
	free(project);
	free(shared);
	free(own);
	free(trust);
	return rc;
}

/* Where we stand below the worktree, with a slash at the end; "" at its top or outside. */
static int set_prefix(struct sk_repo *repo, const char *here)
{
	size_t len = strcmp(repo->worktree, "/") == 0 ? 0 : strlen(repo->worktree);
	int n = 0;

	if (strncmp(here, repo->worktree, len) == 0 && here[len] == '/' && here[len + 1])
		n = asprintf(&repo->prefix, "%s/", here + len + 1);
	else if (!(repo->prefix = strdup("")))
		n = -1;
	if (n < 0) {
		repo->prefix = NULL;
		return sk_error_oom();
	}
	return 0;
}

/* A linked worktree may itself be called "main": then its id has the slash that no name has. */
static int set_id(struct sk_repo *repo)
{
	const char *name = strrchr(repo->gitdir, '/') + 1;

	if (strcmp(repo->gitdir, repo->commondir) == 0)
		name = "main";
	else if (strcmp(name, "main") == 0)
		name = "worktrees/main";
	repo->worktree_id = strdup(name);
	return repo->worktree_id ? 0 : sk_error_oom();
}

static int fill(struct sk_repo *repo, struct sk_place *place)
{
	char *installed = NULL;
	int rc;

	repo->worktree = place->worktree;
	repo->gitdir = place->gitdir;
	repo->commondir = place->commondir;
	place->worktree = place->gitdir = place->commondir = NULL;
	rc = set_prefix(repo, place->here);
	if (!rc)
		rc = set_id(repo);
	if (!rc)
		rc = sk_join(&repo->skdir, repo->commondir, "sk");
	if (!rc)
		rc = sk_join(&repo->sklocal, repo->gitdir, "sk");
	if (!rc)
		rc = sk_join(&installed, repo->skdir, "installed");
	if (rc)
		return rc;
	repo->enabled = sk_exists(installed);
	if (!repo->enabled && errno == EACCES) {
		rc = sk_error_errno(SK_EIO, "cannot look for %s", sk_name(installed));
		free(installed);
		return rc;
	}
	free(installed);
	repo->wtfd = open(repo->worktree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (repo->wtfd < 0)
		return sk_error_errno(SK_EIO, "cannot read the folder %s", sk_name(repo->worktree));
	rc = open_git(repo, place->worktree_config);
	return rc ? rc : load_config(repo);
}

int sk_repo_open(const char *dir, struct sk_repo **out)
{
	struct sk_place place;
	struct sk_repo *repo = NULL;
	char *given_index = NULL;
	const char *given;
	int rc = sk_discover(dir, &place);

	if (!rc)
		rc = need_git();
	if (!rc)
		rc = sk_place_owner(&place);
	if (!rc)
		rc = sk_place_worktree(&place);
	given = getenv("GIT_INDEX_FILE");
	given_index = given && *given ? realpath(given, NULL) : NULL;
	/* whatever came of it: what git told its hook of this repository is true of no other */
	sk_clear_git_env();
	if (rc)
		goto out;
	repo = calloc(1, sizeof *repo);
	if (!repo) {
		rc = sk_error_oom();
		goto out;
	}
	repo->wtfd = -1;
	repo->opened = time(NULL);
	repo->given_index = given_index;
	given_index = NULL;
	rc = fill(repo, &place);
	if (!rc) {
		*out = repo;
		repo = NULL;
	}
out:
	free(given_index);
	sk_repo_close(repo);
	sk_place_clear(&place);
	return rc;
}

/* Our own files are given when they are made; this is for git's (packs, refs, packed-refs, logs)
 * and for those of plugins.  After a kill the next run of root does it. */
static void give_to_owner(const struct sk_repo *repo)
{
	static const char *const folder[] = { "refs", "logs", "objects", "sk" };
	char *path;
	struct stat st;

	if (geteuid() != 0 || !repo->commondir || stat(repo->commondir, &st) < 0 || st.st_uid == 0)
		return;
	sk_give_tree(repo->commondir, 0, repo->opened);
	for (size_t i = 0; i < sizeof folder / sizeof *folder; i++)
		if (sk_join(&path, repo->commondir, folder[i]) == 0) {
			sk_give_tree(path, GIVE_DEPTH, repo->opened);
			free(path);
		}
	if (repo->gitdir && strcmp(repo->gitdir, repo->commondir) != 0)
		sk_give_tree(repo->gitdir, GIVE_DEPTH, repo->opened);
}

void sk_repo_close(struct sk_repo *repo)
{
	if (!repo)
		return;
	git_repository_free(repo->git);
	give_to_owner(repo);
	sk_config_free(repo->config);
	if (repo->wtfd >= 0)
		(void)close(repo->wtfd);
	free(repo->worktree);
	free(repo->gitdir);
	free(repo->commondir);
	free(repo->prefix);
	free(repo->worktree_id);
	free(repo->skdir);
	free(repo->sklocal);
	free(repo->given_index);
	free(repo);
}

int sk_repo_index_path(const struct sk_repo *repo, char **out)
{
	return sk_join(out, repo->gitdir, "index");
}

static int head_branch(const char *target, char **out)
{
	const char *name = strncmp(target, "refs/heads/", 11) == 0 ? target + 11 : target;

	*out = strdup(name);
	return *out ? 0 : sk_error_oom();
}

int sk_repo_head(const struct sk_repo *repo, struct sk_oid *oid, char **branch)
{
	git_reference *head = NULL;
	char *name = NULL;
	git_oid id;
	int rc = 0, err;

	memset(&id, 0, sizeof id);
	if (git_reference_lookup(&head, repo->git, "HEAD") < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read HEAD of %s", sk_name(repo->gitdir));
	if (git_reference_type(head) == GIT_REFERENCE_SYMBOLIC) {
		const char *target = git_reference_symbolic_target(head);

		err = git_reference_name_to_id(&id, repo->git, target);
		if (err < 0 && err != GIT_ENOTFOUND)
			rc = sk_error_git(SK_EDAMAGED, "cannot read %s", sk_name(target));
		if (err < 0)
			memset(&id, 0, sizeof id);
		if (!rc)
			rc = head_branch(target, &name);
	} else {
		git_oid_cpy(&id, git_reference_target(head));
	}
	git_reference_free(head);
	if (rc)
		return rc;
	memcpy(oid->id, id.id, SK_OID_RAW);
	*branch = name;
	return 0;
}

static int read_other_copy(const struct sk_repo *repo, const struct sk_oid *oid,
                           git_odb_object **out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/objects", repo->commondir);

	if (!rc)
		rc = sk_copies_read(path.ptr, oid, out);
	sk_buf_free(&path);
	return rc;
}

int sk_repo_read(const struct sk_repo *repo, const struct sk_oid *oid, git_odb_object **out)
{
	git_odb_object *object;
	git_odb *odb;
	git_oid id;
	int err;

	memcpy(id.id, oid->id, SK_OID_RAW);
	if (git_repository_odb(&odb, repo->git) < 0)
		return sk_error_git(SK_EIO, "cannot open the objects of %s", sk_name(repo->gitdir));
	err = git_odb_read(&object, odb, &id);
	/* once more, by files that are opened anew: the system's trouble may have passed */
	if (err < 0 && git_odb_refresh(odb) == 0)
		err = git_odb_read(&object, odb, &id);
	git_odb_free(odb);
	if (err < 0 && err != GIT_ENOTFOUND && read_other_copy(repo, oid, &object) == 0)
		err = 0;
	if (err < 0) {
		int rc = sk_repo_can_look(repo, oid);

		if (rc)
			return rc;
		return sk_error(SK_EDAMAGED,
		                err == GIT_ENOTFOUND
		                        ? "object %s is missing"
		                        : "object %s is damaged (git sk verify --repair)",
		                sk_oid_str(oid));
	}
	*out = object;
	return 0;
}

bool sk_repo_has(const struct sk_repo *repo, const struct sk_oid *oid)
{
	git_odb *odb;
	git_oid id;
	bool has;

	memcpy(id.id, oid->id, SK_OID_RAW);
	if (git_repository_odb(&odb, repo->git) < 0)
		return false;
	has = git_odb_exists(odb, &id) == 1;
	git_odb_free(odb);
	return has;
}
