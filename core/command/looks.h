/* looks.h - colours by git's own settings.
 *
 * color.sk, or color.ui when that is not set, says when: auto, always, never, as for git's
 * commands; --color is above both, NO_COLOR above auto.  color.pager = false: none before a pager.
 * color.sk.SLOT says which, in git's words ("bold green", "#ff8000"). */
#ifndef SK_COMMAND_LOOKS_H
#define SK_COMMAND_LOOKS_H

#include <stdbool.h>

#include "repo/repo.h"

enum sk_look {
	SK_LOOK_ID,      /* of a backup */
	SK_LOOK_TRIGGER, /* why it was made */
	SK_LOOK_REVISION,
	SK_LOOK_RELEASE,
	SK_LOOK_DAY, /* the heading of a day */
	SK_LOOK_AGE,
	SK_LOOK_SIZE,
	SK_LOOK_TIER, /* why retention keeps it */
	SK_LOOK_COMMIT,
	SK_LOOK_BRANCH,
	SK_LOOK_CONVERSATION,
	SK_LOOK_DAMAGED,
	SK_LOOK_GRAPH,
	SK_LOOK_SELECTED, /* the line that stands to be chosen */
	SK_LOOKS
};

/* Before the repository is opened: remembers `git -c color.ui=...`. */
void sk_looks_begin(void);
/* Reads git's settings.  `given`: --color has decided already.  SK_EUSAGE: git cannot read one. */
int sk_looks_load(const struct sk_repo *repo, bool given);
/* What begins it, or "" without colours; sk_color_reset() ends it. */
const char *sk_look(enum sk_look look);

#endif
