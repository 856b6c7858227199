/* lint_parts.h - one run of the checks; between the files of this room only. */
#ifndef SK_LINT_PARTS_H
#define SK_LINT_PARTS_H

#include "base/oid.h"
#include "lint/lint.h"
#include "lint/report.h"

enum { SK_LINT_FILE_MAX = 200 << 20 }; /* bytes; what is larger cannot be inspected */

struct sk_lint_file {
	char status;              /* A, M, D; R: renamed, perhaps changed too */
	char *path, *old_path;    /* old_path: R only */
	uint32_t old_mode, mode;  /* as git has them; 0: not there */
	struct sk_oid old_id, id; /* id zero: the worktree's file */
};

struct sk_lint_files {
	struct sk_lint_file *item;
	size_t n, cap;
};

struct sk_lint_commit {
	char id[SK_OID_HEX + 1];
	struct sk_lint_files files; /* against its parent */
};

struct sk_linting {
	struct sk_repo *repo;
	const struct sk_lint_options *opts;
	struct sk_findings *out;
	char base[SK_OID_HEX + 1];     /* the commit that is compared with; the empty tree's id */
	struct sk_lint_files files;    /* all that differs from it */
	struct sk_lint_commit *commit; /* SK_LINT_SINCE: oldest first, without merges */
	size_t n_commits;
};

/* Fills base, files and commits. */
int sk_lint_collect(struct sk_linting *l);
void sk_lint_files_clear(struct sk_lint_files *files);

/* A file of the project as text: neither link nor submodule. */
bool sk_lint_is_file(uint32_t mode);
/* The bytes before and now, to the end of `out`.  SK_ENO: there is no file on that side, or it
 * cannot be read; SK_EREFUSED: too large. */
int sk_lint_old(const struct sk_linting *l, const struct sk_lint_file *f, struct sk_buf *out);
int sk_lint_new(const struct sk_linting *l, const struct sk_lint_file *f, struct sk_buf *out);
/* Any blob of the object store; as above. */
int sk_lint_blob(const struct sk_linting *l, const struct sk_oid *id, struct sk_buf *out);
/* All paths of the state that is judged (the index, the worktree, HEAD), or of `base`; NUL ended
 * names one after another. */
int sk_lint_paths(const struct sk_linting *l, bool of_base, struct sk_buf *out);

/* A file of a commit or tree by its path.  SK_ENO: it is not there. */
int sk_lint_at(const struct sk_linting *l, const char *treeish, const char *path,
               struct sk_buf *out);
/* git's words on standard output; SK_EIO when it fails.  `status` NULL: only 0 is fine. */
int sk_lint_git(const struct sk_linting *l, const char *const *args, const struct sk_buf *input,
                struct sk_buf *out, int *status);

/* Places of whole words in the text files of the state that is judged. */
struct sk_word_at {
	const char *path, *word;
	uint32_t line;
};
struct sk_words_at {
	struct sk_word_at *item; /* by path, then line */
	size_t n;
	struct sk_buf text;
};
int sk_lint_grep(const struct sk_linting *l, const struct sk_strv *words, struct sk_words_at *out);
void sk_words_at_clear(struct sk_words_at *words);

int sk_lint_secrets(struct sk_linting *l);
int sk_lint_migrations(struct sk_linting *l);
int sk_lint_removals(struct sk_linting *l);

#endif
