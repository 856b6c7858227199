/* choose.h - choosing what to go back to from a numbered list. */
#ifndef SK_COMMAND_CHOOSE_H
#define SK_COMMAND_CHOOSE_H

#include "command/command.h"
#include "store/entry.h"

/* Shows the revisions and then the latest backups, newest first, and asks for a number until there
 * is one.  *out is NULL when the user quits.  SK_ENO: there is nothing to choose from. */
int sk_choose(const struct sk_repo *repo, struct sk_entry **out);

#endif
