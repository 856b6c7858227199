/* jsonc.h - JSON as text that somebody wrote: read with its places, changed without touching the
 * rest.
 *
 * JSON (RFC 8259), and what people put into settings beside it: comments of both kinds, a comma
 * after the last one, a byte order mark.  A document is an array of nodes, in the order of the
 * text; number 0 is the outermost value, and as a link it means "none".  All places are bytes. */
#ifndef SK_AGENT_JSONC_H
#define SK_AGENT_JSONC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum sk_jsonc_kind { SK_JSONC_OBJECT, SK_JSONC_ARRAY, SK_JSONC_STRING, SK_JSONC_WORD };

struct sk_jsonc_node {
	enum sk_jsonc_kind kind;
	size_t start, end;    /* of the value, quotes and brackets included */
	size_t key, key_end;  /* of a member's name with its quotes; both 0 for an element */
	size_t parent, child; /* its container; its first member or element */
	size_t last, next;    /* its last one; the one after it in its container */
};

struct sk_jsonc {
	const char *text; /* borrowed */
	size_t len;
	struct sk_jsonc_node *node;
	size_t n, cap;
};

/* SK_EUSAGE "line 3: a comma is missing" when it is none.  With `partly`, what was whole up to
 * there is in `out` all the same, containers that were open end at `len`, and it is no error as
 * long as there is an outermost value.  The caller frees `out` after 0. */
int sk_jsonc_parse(const char *text, size_t len, bool partly, struct sk_jsonc *out);
void sk_jsonc_free(struct sk_jsonc *j);

/* The member of that name, the last one when it is there twice; 0: none, or no object. */
size_t sk_jsonc_member(const struct sk_jsonc *j, size_t object, const char *name);
bool sk_jsonc_is(const struct sk_jsonc *j, size_t node, enum sk_jsonc_kind kind);
/* Adds the text of a string, at most about `max` bytes of it.  What is no character in UTF-8 (half
 * of a surrogate pair, NUL) comes as U+FFFD.  Nothing for another kind of value. */
int sk_jsonc_string(const struct sk_jsonc *j, size_t node, size_t max, struct sk_buf *out);
/* The line that a place is in, from 1. */
size_t sk_jsonc_line(const struct sk_jsonc *j, size_t at);

/* Both give the whole text anew.  Afterwards, places in `j` no longer fit.
 *
 * `value` is JSON as jansson indents it by two; it is put at the end of the container in the style
 * of the text around it: its indentation, its line ends, or all on one line.  `name` is for an
 * object, else NULL. */
int sk_jsonc_insert(const struct sk_jsonc *j, size_t container, const char *name, const char *value,
                    struct sk_buf *out);
/* Takes a member or an element out, with the comma and the blanks that came with it.  What
 * sk_jsonc_insert put in comes out so that every byte is as before, but for blanks in a container
 * that was empty. */
int sk_jsonc_remove(const struct sk_jsonc *j, size_t node, struct sk_buf *out);

#endif
