/* purge_parts.h - between the purge*.c files. */
#ifndef SK_STORE_PURGE_PARTS_H
#define SK_STORE_PURGE_PARTS_H

#include "store/purge.h"

/* Whether anything below the folder could match. */
bool sk_purge_may_match_below(const struct sk_strv *paths, const char *path);
/* Writes down, durably, what has to be done, with further blobs; and that it is done. */
int sk_purge_note(const struct sk_repo *repo, const struct sk_purge_what *what,
                  const struct sk_oidset *more);
int sk_purge_done(const struct sk_repo *repo);

#endif
