/* choose.h - choosing what to go back to, on a terminal.
 *
 * With fzf where that is in PATH, with keys where the terminal can do more than print (pick.h),
 * else by a number from a list: TERM=dumb, or GIT_SK_PLAIN=1 for a screen reader.  GIT_SK_PICKER
 * (fzf, keys or numbers) says which. */
#ifndef SK_COMMAND_CHOOSE_H
#define SK_COMMAND_CHOOSE_H

#include "command/command.h"
#include "store/entry.h"

/* Shows the revisions and then the backups, newest first: with `paths` only those in which one of
 * them differs from the one before.  *out is NULL when the user quits.  SK_ENO: there is nothing
 * to choose from. */
int sk_choose(const struct sk_repo *repo, const struct sk_strv *paths, struct sk_entry **out);
/* Whether there is a terminal to choose on. */
bool sk_can_choose(void);

#endif
