/* tag.h - the annotated tag objects that SafeKeep writes: their identity line and plain ones. */
#ifndef SK_STORE_TAG_H
#define SK_STORE_TAG_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/oid.h"

/* "SafeKeep <safekeep@HOST> EPOCH ZONE"; UTC when `utc`, else the local zone at that time. */
int sk_ident_add(struct sk_buf *out, time_t when, bool utc);

/* A tag to a tree that says nothing but `message`, of 1970: the same content every time. */
int sk_tag_plain(const struct sk_oid *tree, const char *name, const char *message,
                 struct sk_buf *out);

#endif
