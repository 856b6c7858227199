/* secrets_found.h - secrets in what is already stored (core/lint/secrets.h has the rules). */
#ifndef SK_COMMAND_SECRETS_FOUND_H
#define SK_COMMAND_SECRETS_FOUND_H

#include "command/command.h"
#include "store/oidset.h"

/* Looks at every file content of every entry, each once, staged state included; adds those with a
 * secret to `blobs`, and says of each on standard error which rule, where, and in which entry it
 * was met first.  The values themselves are never printed.  SK_EIO: nothing may be concluded. */
int sk_secrets_find(const struct sk_call *call, struct sk_oidset *blobs);

#endif
