/* tag.h - the annotated tag objects that SafeKeep writes: their identity line and plain ones. */
#ifndef SK_STORE_TAG_H
#define SK_STORE_TAG_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/oid.h"
#include "store/entry.h"

/* "SafeKeep <safekeep@HOST> EPOCH ZONE"; UTC when `utc`, else the local zone at that time. */
int sk_ident_add(struct sk_buf *out, time_t when, bool utc);

/* A tag to a tree that says nothing but `message`, of 1970: the same content every time. */
int sk_tag_plain(const struct sk_oid *tree, const char *name, const char *message,
                 struct sk_buf *out);

/* Frees what one member of an entry points to, unless it lies in the entry's own memory. */
void sk_entry_release(const struct sk_entry *e, void *ptr);
/* The time that an id tells, for entries whose tag cannot be read; 0: none. */
time_t sk_entry_id_time(enum sk_kind kind, const char *id);

#endif
