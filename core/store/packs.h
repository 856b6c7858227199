/* packs.h - which objects are in packs, for somebody who asks for very many of them.
 *
 * The indexes of OBJECTS/pack are mapped once and searched without locks.  A pack never changes: as
 * long as it is there, so are its objects; thus one look at the packs in which something was found
 * answers for all of it.  Loose objects, alternates and packs that came later are not seen here. */
#ifndef SK_STORE_PACKS_H
#define SK_STORE_PACKS_H

#include <stdbool.h>

#include "base/oid.h"

struct sk_packs;

/* `path`: OBJECTS/pack; a missing folder is an empty one, an index that is wrong is left out. */
int sk_packs_open(const char *path, struct sk_packs **out);
void sk_packs_free(struct sk_packs *packs);
/* Thread-safe. */
bool sk_packs_have(struct sk_packs *packs, const struct sk_oid *oid);
/* Whether every pack in which sk_packs_have found something is still there. */
bool sk_packs_last(const struct sk_packs *packs);

#endif
