/* progress.h - a merge, cherry-pick or revert under way.  git keeps it in files of GITDIR beside
 * the index (MERGE_HEAD, MERGE_MSG...: gitrepository-layout(5), git-merge(1)), an entry in
 * trailers.
 *
 * What was staged means little without it: without its MERGE_HEAD a resolved merge is committed as
 * an ordinary commit, and with one left over an ordinary commit becomes a merge of nothing. */
#ifndef SK_CAPTURE_PROGRESS_H
#define SK_CAPTURE_PROGRESS_H

#include "store/entry.h"

enum sk_progress_kind {
	SK_PROGRESS_HEAD,   /* commits; the file is there while the work is under way */
	SK_PROGRESS_COMMIT, /* a commit that goes with it */
	SK_PROGRESS_TEXT,   /* text that goes with it */
	SK_PROGRESS_SHADOW  /* made anew by git; not kept */
};

struct sk_progress_file {
	const char *file, *trailer;
	enum sk_progress_kind kind;
};

extern const struct sk_progress_file sk_progress_files[]; /* ends with file == NULL */

/* Whether that file is there; a symbolic link is none. */
bool sk_progress_exists(const struct sk_repo *repo, const char *file);
/* "rebase-merge" and so on: work of many steps is under way.  NULL: none. */
const char *sk_progress_series(const struct sk_repo *repo);
/* Sets the trailers; none when nothing is under way. */
int sk_progress_describe(const struct sk_repo *repo, struct sk_entry *e);
bool sk_progress_same(const struct sk_entry *a, const struct sk_entry *b);

#endif
