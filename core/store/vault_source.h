/* vault_source.h - a vault as the other copy of what is damaged here, and as one more place out of
 * which content has to go. */
#ifndef SK_STORE_VAULT_SOURCE_H
#define SK_STORE_VAULT_SOURCE_H

#include "store/vault.h"

/* A folder of objects that has what the vault has of this repository: the vault's own when it is on
 * a disk of this machine, else one in COMMONDIR/sk/salvage that is fetched into.  SK_EIO: it cannot
 * be reached. */
int sk_vault_source(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                    char **out);

/* After a purge here: pushes the entries as they are now, then has the vault delete what nothing
 * needs any more, where it is on a disk of this machine.  *deleted: whether it was; elsewhere that
 * is up to the server's own git gc. */
int sk_vault_purge(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                   bool *deleted);

#endif
