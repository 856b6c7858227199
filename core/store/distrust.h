/* distrust.h - objects that verify found missing or damaged, so that the next backup which sees the
 * same content writes it anew instead of taking it for stored.
 *
 * COMMONDIR/sk/damaged: ids in hex, a line each, sorted; replaced in one step.  It is read whenever
 * a pack is begun; mostly it is not there. */
#ifndef SK_STORE_DISTRUST_H
#define SK_STORE_DISTRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/oid.h"
#include "repo/repo.h"
#include "store/oidset.h"

struct sk_distrust {
	struct sk_oid *oid; /* sorted */
	size_t n;
};

/* A missing or unreadable file gives an empty list.  Free `oid`. */
int sk_distrust_load(const struct sk_repo *repo, struct sk_distrust *out);
bool sk_distrust_has(const struct sk_distrust *list, const struct sk_oid *oid);
/* Writes the list, durably; an empty one takes the file away. */
int sk_distrust_save(const struct sk_repo *repo, const struct sk_oidset *bad);

#endif
