/* metatree.h - the blobs that the metadata tree (meta.h) is made of, for meta_tree.c alone. */
#ifndef SK_STORE_METATREE_H
#define SK_STORE_METATREE_H

#include <stddef.h>

#include "base/buf.h"
#include "store/meta.h"

/* The content of `attributes` and of `index-info`; the metadata must be sorted. */
int sk_meta_attributes(const struct sk_meta *meta, struct sk_buf *out);
int sk_meta_index_info(const struct sk_meta *meta, struct sk_buf *out);
/* And back.  SK_EDAMAGED: a record of a known kind that cannot be read, or a cut end. */
int sk_meta_parse_attributes(struct sk_meta *meta, const char *data, size_t len);
int sk_meta_parse_index_info(struct sk_meta *meta, const char *data, size_t len);

#endif
