/* pick.h - choosing an entry on a terminal with keys: arrows, a number, or some of its text.
 *
 * It is drawn on standard error and read from standard input, which are both terminals, with the
 * few escape sequences that every terminal knows; nothing of it is left on the screen.  Whatever
 * ends the program while it is there, the terminal is as before. */
#ifndef SK_COMMAND_PICK_H
#define SK_COMMAND_PICK_H

#include "command/command.h"
#include "store/entry.h"

/* *chosen is the number of the entry, or SIZE_MAX when the user quits.  SK_EINTR: Ctrl-C.  `look`
 * shows one entry when that is asked for; the terminal is then as usual. */
int sk_pick(const struct sk_entries *offered, void (*look)(const struct sk_entry *e),
            size_t *chosen);

#endif
