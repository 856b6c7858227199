/* gone.h - packs that are taken away whole, whatever happens meanwhile.
 *
 * A pack is two files and more.  The index goes first: without it git takes the rest for garbage.
 * A crash between the two leaves a pack that git passes over, with all that a purge meant to
 * destroy, and that looks like one which lost its index.  So COMMONDIR/sk/gone names, one id on a
 * line, the packs that are about to go, from before the first file is removed until the folder is
 * on the disk without them. */
#ifndef SK_STORE_GONE_H
#define SK_STORE_GONE_H

#include "repo/repo.h"

/* The packs (ids in hex, a line each) may be removed once this is 0.  Under sk_tidy_lock. */
int sk_gone_note(const struct sk_repo *repo, const char *lines);
/* They are, out of `dir`, OBJECTS/pack. */
int sk_gone_done(const struct sk_repo *repo, int dir);

/* Whether a crash left such a note. */
bool sk_gone_pending(const struct sk_repo *repo);
/* Removes what is left of packs that a crash left half removed.  A pack that is still whole was not
 * touched, and stays: who wanted it gone will want it again.  sk_tidy_lock does this. */
int sk_gone_finish(const struct sk_repo *repo);

#endif
