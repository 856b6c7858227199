/* html.h - what a change may break, as one page for a browser. */
#ifndef SK_IMPACT_HTML_H
#define SK_IMPACT_HTML_H

#include "base/html.h"
#include "impact/impact.h"

/* Adds the whole page (config/impact.html, which is part of the program) with the affected graph
 * as JSON inside.  It asks the network for nothing, and no name of a file can leave its place:
 * `<`, `>` and `&` stand as \u003c and the like, the page's policy allows the one script whose hash
 * it names, and that script writes names as text only.  The same impact gives the same bytes. */
int sk_impact_html(const struct sk_graph *graph, const struct sk_impact *impact,
                   struct sk_buf *out);

/* The page itself, for a page that has this one inside: its policy must allow this script too. */
extern const struct sk_html_page sk_impact_page;

#endif
