/* lint.h - what is about to be committed, or was since a revision, judged before it does harm:
 * secrets, database migrations, and code that is removed while it is still used.
 *
 * Everything is read as git has it (index, trees) or as it lies in the worktree; nothing of the
 * project is run.  A finding that blocks makes `git sk lint` exit 1, a warning alone does not.
 * What cannot be judged is said to be so ("cannot inspect"), never taken for fine. */
#ifndef SK_LINT_LINT_H
#define SK_LINT_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repo/repo.h"

struct sk_touched_set;

enum sk_lint_what {
	SK_LINT_UNCOMMITTED, /* the worktree against HEAD, files that git does not know included */
	SK_LINT_STAGED,      /* the index against HEAD: the next commit */
	SK_LINT_SINCE        /* the commits from where `since` and HEAD parted up to HEAD */
};

enum { /* which checks */
       SK_LINT_SECRETS = 1,
       SK_LINT_MIGRATIONS = 2,
       SK_LINT_REMOVALS = 4,
       SK_LINT_ALL = 7
};

enum sk_severity { SK_LINT_WARN, SK_LINT_BLOCK };

struct sk_lint_options {
	enum sk_lint_what what;
	const char *since; /* SK_LINT_SINCE: a revision as git reads it */
	unsigned checks;   /* 0: all */
	const char
	        *index_file; /* SK_LINT_STAGED: another index than the worktree's own, as a hook of
	                        `git commit FILE` has it in GIT_INDEX_FILE; NULL: the own one */
	const struct sk_touched_set *staged; /* SK_LINT_STAGED: that index against HEAD, from
	                                      * sk_touched_since; NULL: git is asked */
};

struct sk_finding {
	char *rule; /* "secret-github-pat", "migration-drop", "removed-in-use": stable names */
	enum sk_severity severity;
	char *path;            /* below the worktree's root */
	uint32_t line, column; /* from 1; 0: the file as a whole */
	char *message;         /* one line; a secret's value is never in it */
	char *remedy;          /* one line: what to do instead */
	char *commit;          /* 40 hex digits when it is about one commit; else NULL */
};

struct sk_findings {
	struct sk_finding *item; /* by path, line, rule */
	size_t n, cap;
	size_t blocks, warns;
	size_t files; /* that were looked at */
};

/* Adds what it finds to `out` (zeroed before the first use).  SK_EUSAGE: `since` is no revision;
 * SK_EIO: the rules cannot be loaded, git cannot be run, and so on: nothing may be concluded from
 * `out` then.  No finding at all is 0 with n == 0; findings are no error here. */
int sk_lint(struct sk_repo *repo, const struct sk_lint_options *options, struct sk_findings *out);
void sk_findings_clear(struct sk_findings *findings);

const char *sk_severity_name(enum sk_severity severity); /* "warn", "block" */

#endif
