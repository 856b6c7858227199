/* discover.h - the steps of sk_repo_open: where, whose, what kind, which working tree.
 *
 * They run before libgit2 opens anything, in this order, and follow git's own setup.c (2.39):
 * discovery, gitfiles, commondir, ceilings, filesystem boundaries, GIT_DIR and GIT_WORK_TREE,
 * safe.directory, core.bare, core.worktree and the extensions.  GIT_COMMON_DIR is honoured;
 * GIT_OBJECT_DIRECTORY and GIT_INDEX_FILE are not: a hook sees temporary ones there. */
#ifndef SK_REPO_DISCOVER_H
#define SK_REPO_DISCOVER_H

#include <stdbool.h>

#include "base/buf.h"

struct sk_place {
	char *here; /* where we stand, links resolved */
	char *root; /* the folder whose .git was found; NULL: GIT_DIR, or inside the git folder */
	char *gitfile;        /* its .git when that is a file, else NULL */
	char *gitdir;         /* links resolved, as the next two */
	char *commondir;      /* where config, refs and objects are */
	char *worktree;       /* NULL until sk_place_worktree */
	bool given;           /* by GIT_DIR */
	bool worktree_config; /* config.worktree counts too; set with `worktree` */
};

/* Fills all but `worktree`; SK_EREPO when there is nothing.  sk_place_clear in either case. */
int sk_discover(const char *dir, struct sk_place *place);
void sk_place_clear(struct sk_place *place);

/* SK_EREFUSED, with what to type, unless it is ours or in safe.directory.  As in git, a GIT_DIR is
 * the user's own word and is not questioned. */
int sk_place_owner(const struct sk_place *place);

/* Reads the configuration beside it (without what it includes, as git does here): SK_EKIND for a
 * kind that we cannot keep safe, SK_EREPO for a bare one; otherwise sets `worktree`. */
int sk_place_worktree(struct sk_place *place);

/* The user's and the system's git configuration: files and their git_config_level_t, lowest first.
 * GIT_CONFIG_GLOBAL, GIT_CONFIG_SYSTEM, GIT_CONFIG_NOSYSTEM, XDG_CONFIG_HOME and HOME are honoured,
 * which libgit2 does not do.  Files need not exist. */
struct sk_git_config_file {
	char *path; /* NULL: there is none of this level */
	int level;
};
#define SK_GIT_CONFIG_FILES 3
int sk_git_config_files(struct sk_git_config_file out[SK_GIT_CONFIG_FILES]);
void sk_git_config_files_clear(struct sk_git_config_file file[SK_GIT_CONFIG_FILES]);

/* DIR/NAME, or NAME when it is absolute.  Caller frees. */
int sk_join(char **out, const char *dir, const char *name);
/* git's idea of a truth value in the environment: unset, "", 0, false, no, off are false. */
bool sk_env_bool(const char *name);

#endif
