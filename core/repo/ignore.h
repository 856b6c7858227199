/* ignore.h - which paths git ignores, decided as git decides it.
 *
 * Frames: one for everything outside the tree (core.excludesFile, GITDIR/info/exclude and
 * SafeKeep's own lists), then one per folder that has a .gitignore.  A frame is immutable once
 * made and points to its parent, so that threads may share them; a folder without a .gitignore
 * uses its parent's frame.  Rules are matched by wildmatch with git's semantics (last match wins
 * within a file, deeper files before higher ones, "!" re-includes, trailing "/" folders only,
 * "**", a pattern with a slash is anchored, trailing blanks, backslashes).
 * Source: gitignore(5), and git's t/t3070-wildmatch.sh for what it accepts. */
#ifndef SK_REPO_IGNORE_H
#define SK_REPO_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct sk_ignore; /* a frame; reference counted, thread-safe */

enum sk_ignored {
	SK_UNDECIDED, /* no rule: not ignored, unless a parent folder is */
	SK_IGNORED,
	SK_INCLUDED /* a "!" rule */
};

/* The frame of rules from outside: files in rising precedence (missing ones are none), then
 * `extra` patterns (as lines of a .gitignore at the root; may be NULL) above every .gitignore.
 * `icase` is core.ignoreCase. */
int sk_ignore_root(const char *const *files, size_t n, const struct sk_strv *extra, bool icase,
                   struct sk_ignore **out);

/* The frame for folder `dir` ("" or "src/lib", no trailing slash) whose .gitignore holds `data`.
 * The frame keeps its own copies and a reference to the parent. */
int sk_ignore_push(struct sk_ignore *parent, const char *dir, const char *data, size_t len,
                   struct sk_ignore **out);
struct sk_ignore *sk_ignore_ref(struct sk_ignore *frame);
void sk_ignore_unref(struct sk_ignore *frame); /* NULL is fine */

/* What the rules say of one path (its parents are the caller's business: once a folder is
 * ignored, nothing below it can be re-included).  `path` is relative to the root, `name_off`
 * where its last component starts; it lies in the frame's folder or below.  Never allocates. */
enum sk_ignored sk_ignore_match(const struct sk_ignore *frame, const char *path, size_t len,
                                size_t name_off, bool is_dir);

/* A list of patterns of its own, for exclude=, include_ignored= and the like: gitignore syntax,
 * paths relative to the root, parents are walked too ("build/" matches all below build).
 * `below`: whether something under the folder could still match (so it has to be entered). */
struct sk_patterns;
int sk_patterns_new(const struct sk_strv *lines, bool icase, struct sk_patterns **out);
void sk_patterns_free(struct sk_patterns *p);
bool sk_patterns_match(const struct sk_patterns *p, const char *path, size_t len, bool is_dir);
bool sk_patterns_below(const struct sk_patterns *p, const char *dir, size_t len);

/* wildmatch with git's WM_PATHNAME semantics; exposed for tests and pathspecs. */
bool sk_wildmatch(const char *pattern, size_t plen, const char *text, size_t tlen, bool pathname,
                  bool icase);

#endif
