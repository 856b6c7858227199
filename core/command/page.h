/* page.h - the page of `git sk report`: what happened, what it took, whether all is well, as one
 * file for a browser. */
#ifndef SK_COMMAND_PAGE_H
#define SK_COMMAND_PAGE_H

#include <jansson.h>

#include "base/buf.h"
#include "repo/repo.h"

struct sk_page_opts {
	size_t max;        /* of what happened, at most so many; SIZE_MAX: all */
	const char *since; /* the impact of what differs from this commit; NULL: from HEAD */
};

/* Adds the page (config/report.html, which is part of the program).  It asks the network for
 * nothing; names and titles reach it as text only.  What cannot be looked at (no graph of imports,
 * a check that fails) is said on the page. */
int sk_page_make(struct sk_repo *repo, const struct sk_page_opts *opts, struct sk_buf *out);

/* page_changes.c: what differs between trees.  `pairs` is "OLD NEW\n" each, every pair once.
 * `out`: an object; for each pair that differs, by its line, {"n": paths, "path": [[status, path,
 * added, deleted], ...]}, of each the first SK_PAGE_PATHS; lines of a binary file are null. */
enum { SK_PAGE_PATHS = 200 };
int sk_page_changes(const struct sk_repo *repo, const struct sk_buf *pairs, json_t **out);
/* As a terminal would show it: what is invisible or turns text around is written out. */
json_t *sk_page_text(const char *text);

#endif
