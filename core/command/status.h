/* status.h - what `git sk status` tells: all about the protection of one working tree. */
#ifndef SK_COMMAND_STATUS_H
#define SK_COMMAND_STATUS_H

#include "capture/state.h"
#include "command/listing.h"
#include "repo/repo.h"

struct sk_status_folder {
	const char *name; /* NULL: files at the top */
	size_t files;
};

struct sk_status {
	bool hooks_on, guard_on, service_off, service_up, watched, unwritable;
	bool hooks_displaced, guard_displaced;
	bool failing; /* no backup can be made as things are */
	char *mode;   /* of the watcher; NULL: the service does not know of it */
	char *reason;
	long long pid, watch_folders;
	struct sk_entries backups;
	size_t good, revisions;
	const struct sk_entry *newest, *oldest; /* good ones */
	struct sk_state *state;
	struct sk_status_folder *folder; /* most files first */
	size_t n_folders, files;
	uint64_t disk;
	struct sk_strv displaced, problems;
};

/* Looks at everything; what is wrong goes to `problems`, with what to do about it.  Fails for want
 * of memory, or when the backups cannot be listed at all; to be cleared all the same. */
int sk_status_look(struct sk_repo *repo, struct sk_status *out);
void sk_status_clear(struct sk_status *f);

#endif
