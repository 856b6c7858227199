/* lanes.h - the graph beside a timeline, in plain ASCII.
 *
 * Commits come newest first; a lane is a column that waits for the commit which the rows above it
 * lead down to.  Lanes keep their column while they are open.  A commit that comes after its own
 * parent (clocks) opens a lane that ends nowhere, and nothing breaks. */
#ifndef SK_COMMAND_LANES_H
#define SK_COMMAND_LANES_H

#include "base/buf.h"
#include "base/oid.h"
#include "store/oidset.h"

#define SK_LANES_SHOWN 12 /* columns of two; what is further right is shown at their end */

struct sk_lane {
	struct sk_oid awaits;
	bool open;
};

struct sk_lanes {
	struct sk_lane *lane;
	size_t n, cap;
	struct sk_oidset seen; /* commits that were shown */
};

/* The column of something that was made while HEAD was `head` (NULL: no commit). */
int sk_lanes_place(struct sk_lanes *lanes, const struct sk_oid *head, size_t *at);
/* Begins a commit: *at is its column; what has to stand above its row goes to `rows`, whole lines
 * without newline, each ended by a NUL. */
int sk_lanes_commit(struct sk_lanes *lanes, const struct sk_oid *oid, size_t *at,
                    struct sk_buf *rows);
/* Ends it, after its row was made: what has to stand below. */
int sk_lanes_parents(struct sk_lanes *lanes, size_t at, const struct sk_oid *parent, size_t n,
                     struct sk_buf *rows);
/* One row: the open lanes, with `mark` in column `at` (SIZE_MAX: nowhere), and a blank. */
int sk_lanes_row(const struct sk_lanes *lanes, size_t at, char mark, struct sk_buf *out);
void sk_lanes_free(struct sk_lanes *lanes);

#endif
