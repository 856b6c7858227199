/* apply.h - inside the restore room: doing what the plan says.
 *
 * Every new file is first written whole to a temporary name (".sk-tmp-TOKEN-N", in the nearest
 * folder that exists already, so on the same disk) and synced; until then nothing that the user
 * has is touched.  Then: what stands in the way goes, folders are made, the files are renamed into
 * place, the rest is deleted, folders get their bits.  Right before a path changes it is compared
 * with the plan; a file that is not what the safety backup holds stays and is named. */
#ifndef SK_RESTORE_APPLY_H
#define SK_RESTORE_APPLY_H

#include "restore/plan.h"

/* Sets each item's state, and adds to the skipped paths.  `again`: a crash came before, items may
 * be done already.  On failure nothing was touched, unless `again`, or the plan is `stuck`. */
int sk_apply(const struct sk_repo *repo, struct sk_plan *plan, bool again);

/* In builds for tests: a place where SK_TEST_KILL_AT (a number) kills this process. */
#ifdef SK_TESTING
void sk_test_step(void);
#else
#define sk_test_step() ((void)0)
#endif

#endif
