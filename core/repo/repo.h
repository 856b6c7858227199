/* repo.h - finding and opening a git working tree of any kind, safely.
 *
 * Nothing here runs a program or trusts the repository: its folders are found as git finds them
 * (-C, GIT_DIR and GIT_WORK_TREE honoured, linked worktrees, submodules), kinds that SafeKeep
 * cannot keep safe are refused by name (sha256, reftable, bare: contract codes), and another
 * owner's repository is refused as git's safe.directory has it. */
#ifndef SK_REPO_REPO_H
#define SK_REPO_REPO_H

#include <stdbool.h>
#include <time.h>

#include <git2.h>

#include "base/buf.h"
#include "base/oid.h"
#include "repo/config.h"

struct sk_repo {
	char *worktree;    /* absolute, no trailing slash, links resolved */
	char *gitdir;      /* this worktree's own: .git, or .git/worktrees/NAME */
	char *commondir;   /* shared by all worktrees; same as gitdir in the main one */
	char *prefix;      /* where we stand below the worktree: "" or "src/lib/" */
	char *worktree_id; /* "main", or the linked worktree's NAME */
	char *skdir;       /* COMMONDIR/sk: installation record, shared settings, undo */
	char *sklocal;     /* GITDIR/sk: this worktree's state, lock, journal */
	char *given_index; /* GIT_INDEX_FILE as it was, absolute: in a hook of `git commit FILE`
	                      what will be committed; NULL: none, or it is not there */
	int wtfd;          /* descriptor of the worktree's root */
	time_t opened;     /* when */
	bool enabled;      /* SKDIR/installed is there */
	struct sk_config *config;
	git_repository *git; /* opened by sk_repo_open; libgit2 is initialised with it */
};

/* Opens the working tree that contains `dir` ("." for here).  Errors: SK_EREPO (none, bare),
 * SK_EKIND (sha256, reftable, unknown extension), SK_EREFUSED (another owner), SK_EIO.
 * The caller closes. */
int sk_repo_open(const char *dir, struct sk_repo **out);
/* Gives what git made there for root meanwhile to whose the repository is. */
void sk_repo_close(struct sk_repo *repo);

/* The index file of this worktree; GIT_INDEX_FILE is ignored on purpose: a hook of `commit FILE`
 * sees a temporary one there, and the user's own is what has to be kept.  Caller frees. */
int sk_repo_index_path(const struct sk_repo *repo, char **out);

/* `path` as typed (relative to where we stand, or absolute) to a path below the worktree without
 * "." and "..", "" for the root itself.  SK_EREFUSED when it leads out.  Caller frees. */
int sk_repo_path(const struct sk_repo *repo, const char *path, char **out);

/* HEAD: `oid` zero when unborn; `branch` NULL when detached (else "main", caller frees). */
int sk_repo_head(const struct sk_repo *repo, struct sk_oid *oid, char **branch);

/* Reads a blob, tree, commit or tag; the caller frees with git_odb_object_free.
 * SK_EDAMAGED when it is missing or broken, SK_EIO when the system does not let us look. */
int sk_repo_read(const struct sk_repo *repo, const struct sk_oid *oid, git_odb_object **out);
/* 0 when all packs can be opened, or the file of an object (both), or are not there; else SK_EIO
 * (no rights, too many open files): then nobody can say that an object is missing or damaged. */
int sk_repo_can_look(const struct sk_repo *repo, const struct sk_oid *oid);
int sk_repo_packs_open(const struct sk_repo *repo);
int sk_repo_loose_opens(const struct sk_repo *repo, const struct sk_oid *oid);
bool sk_repo_has(const struct sk_repo *repo, const struct sk_oid *oid);

/* The last error of libgit2 as ours: "fmt: git's words".  SK_EDAMAGED becomes SK_EIO when libgit2
 * says that it was the system which failed. */
int sk_error_git(int code, const char *fmt, ...) SK_PRINTF(2, 3);

#endif
