/* remove.h - objects out of the object database, for good. */
#ifndef SK_STORE_REMOVE_H
#define SK_STORE_REMOVE_H

#include "repo/repo.h"
#include "store/oidset.h"

/* Takes the objects of the set (the value is enum sk_object_type) out of every pack (repack.h) and
 * out of the loose ones; with commits among them git's commit-graph, which would name them, goes
 * too: git makes it again.  Nothing may need the objects any more.  Done again after a crash it
 * completes. */
int sk_objects_remove(const struct sk_repo *repo, const struct sk_oidset *set);

#endif
