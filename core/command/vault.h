/* vault.h - what the vault commands share. */
#ifndef SK_COMMAND_VAULT_H
#define SK_COMMAND_VAULT_H

#include <jansson.h>

#include "command/command.h"
#include "store/vault.h"

/* `git sk vault clone`. */
int sk_vault_clone(struct sk_call *call);
/* The part of the vault that `host` means (NULL: the only one, or the only one of this machine):
 * its name, or how it begins up to a '-'.  SK_ENO, with the choice in the message.  Caller frees.
 */
int sk_vault_choose(const struct sk_vault_contents *c, const char *host, char **out);
/* SK_VAULT_ASK where somebody sits before it. */
unsigned sk_vault_ask(void);
/* "  vaults   usb 5 minutes ago, nas never (not reached)" for `git sk status`; nothing without. */
int sk_vault_status(const struct sk_repo *repo, struct sk_buf *out);
/* All of them, as `git sk vault list --json` has them. */
json_t *sk_vaults_json(const struct sk_repo *repo);

#endif
