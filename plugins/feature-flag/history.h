/* history.h - who changed which flag when, from git's history of the file alone. */
#ifndef FEATURE_FLAG_HISTORY_H
#define FEATURE_FLAG_HISTORY_H

#include <safekeep/plugin.h>

#include "flags.h"

struct change {
	const char *commit; /* in hex; "" when it is not committed yet */
	int64_t time;
	const char *author; /* "Name <mail>" */
	const char *title;
	char *flag;
	char *key; /* NULL: the flag as a whole */
	char *old; /* NULL: there was none */
	char *now; /* NULL: there is none any more */
};

struct changes {
	struct change *item; /* newest first */
	size_t n;
};

/* Of the file that store_name gives, followed over renames; with those that are not committed yet,
 * if `working`.  No commits: none. */
int history_read(struct skp_host *host, bool working, struct changes *out);

#endif
