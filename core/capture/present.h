/* present.h - the working tree as it is now, for comparing, without leaving a trace.
 *
 * What the repository does not have yet is written to an object folder of its own, which git reads
 * when it is named in GIT_ALTERNATE_OBJECT_DIRECTORIES; no ref, no state and no index is touched.
 * The folder is OBJECTS/tmp_objdir-sk-PID-..., a name that git's own gc sweeps up when it is old,
 * or where nothing can be written there, one in TMPDIR that only the user can read.  What a killed
 * process left is removed by the next one. */
#ifndef SK_CAPTURE_PRESENT_H
#define SK_CAPTURE_PRESENT_H

#include "capture/snapshot.h"

struct sk_present {
	struct sk_snapshot *snap; /* its root is the tree */
	char *folder;
	char *env; /* "GIT_ALTERNATE_OBJECT_DIRECTORIES=..." for a git that is to see the tree */
};

/* On success to be ended by sk_present_end, which removes the folder. */
int sk_present_begin(const struct sk_repo *repo, struct sk_present *out);
void sk_present_end(struct sk_present *present);

#endif
