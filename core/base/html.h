/* html.h - pages that are one file: a page of config/ that is part of the program, filled.
 *
 * Such a page has one script, between <script> and </script>, and a policy that names the script's
 * hash, so that a browser runs that one and no other and asks the network for nothing.  Data comes
 * before it, as JSON in an element of its own, which the script reads and shows as text only. */
#ifndef SK_BASE_HTML_H
#define SK_BASE_HTML_H

#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"

struct sk_html_page {
	const char *text;
	size_t len;
};

struct sk_html_place {
	const char
	        *mark; /* "@DATA@": its first place before the script, behind the mark before it */
	const struct sk_buf *with;
};

/* JSON that may stand in a script element: `<`, `>` and `&` as \u003c and the like. */
int sk_html_add_json(const json_t *data, struct sk_buf *out);
/* Text that may stand between the double quotes of an attribute. */
int sk_html_add_attribute(const struct sk_buf *text, struct sk_buf *out);
/* What the policy must name ("'sha256-...'"): base64 of the SHA-256 of all between the script's
 * tags.  SK_EIO: the page has no script. */
int sk_html_add_hash(const struct sk_html_page *page, struct sk_buf *out);
/* Adds the page with its places filled, in the order in which they come.  SK_EIO: one is missing.
 */
int sk_html_fill(const struct sk_html_page *page, const struct sk_html_place *place, size_t n,
                 struct sk_buf *out);

#endif
