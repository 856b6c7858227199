/* state_check.h - whether the state file (state.h) is what it says it is. */
#ifndef SK_CAPTURE_STATE_CHECK_H
#define SK_CAPTURE_STATE_CHECK_H

#include "repo/repo.h"

/* 0: there is none that would be believed, or every folder in it has the id of its own content and
 * the whole is the tree of the entry that it was made for.  SK_EDAMAGED: it is not so; a backup
 * made with it may be wrong.  The next one is right once the state is dropped. */
int sk_state_check(const struct sk_repo *repo);

#endif
