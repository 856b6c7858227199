/* purge_vault.h - purge, in the vaults too. */
#ifndef SK_COMMAND_PURGE_VAULT_H
#define SK_COMMAND_PURGE_VAULT_H

#include "base/buf.h"
#include "repo/repo.h"

/* Before: brings back the backups that only a vault has any more, so that they are purged like the
 * others.  A vault that cannot be reached is an error: nothing was done so far. */
int sk_purge_vaults_fetch(const struct sk_repo *repo);
/* After: each vault gets the entries as they are now, and deletes what nothing needs; a line about
 * each to `said`.  The first failure is returned, after all were tried. */
int sk_purge_vaults(const struct sk_repo *repo, struct sk_strv *said);

#endif
