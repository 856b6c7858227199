/* extract_tree.h - nested lists of names: a::{b, c::{self, d as e}, f::*}. */
#ifndef SK_IMPACT_EXTRACT_TREE_H
#define SK_IMPACT_EXTRACT_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { SK_TREE_DEPTH = 64 };

/* One leaf: `path` as a whole, or all that is below `path` when `all` (a::*).  `at` is where in the
 * text it stands.  Nonzero ends the walk and is returned. */
typedef int sk_tree_fn(void *ctx, const char *path, size_t len, bool all, const char *at);

/* Comments, blanks and what follows `as` are left out; `self` is the path before it.  What is
 * nested deeper than SK_TREE_DEPTH is left out too, and sets `*cut`. */
int sk_tree_walk(const char *text, size_t size, const char *separator, sk_tree_fn *fn, void *ctx,
                 bool *cut);

#endif
