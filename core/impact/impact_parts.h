/* impact_parts.h - what the impact*.c files share. */
#ifndef SK_IMPACT_IMPACT_PARTS_H
#define SK_IMPACT_IMPACT_PARTS_H

#include "impact/graph_parts.h"
#include "impact/impact.h"

/* The files of the graph that used what `changes` have deleted: pairs of the change's number and
 * the user's. */
int sk_gone_users(const struct sk_graph *graph, const struct sk_touched_set *changes,
                  struct sk_targets *out);

#endif
