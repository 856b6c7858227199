/* status.h - the state of protection of one working tree: what `git sk status` tells, and what the
 * checks of health.h begin with. */
#ifndef SK_HEALTH_STATUS_H
#define SK_HEALTH_STATUS_H

#include "capture/state.h"
#include "plugin/plugin.h"
#include "repo/repo.h"
#include "store/entry.h"

struct sk_status_folder {
	const char *name; /* NULL: files at the top */
	size_t files;
};

enum sk_topic { /* what the problems are about */
	        SK_ABOUT_DISK,
	        SK_ABOUT_HOOKS, /* the guard too */
	        SK_ABOUT_SETTINGS,
	        SK_ABOUT_SERVICE,
	        SK_ABOUT_BACKUPS,
	        SK_ABOUT_BUDGET,
	        SK_ABOUT_PLUGINS, /* what went wrong with them, not what they find */
	        SK_TOPICS
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
	uint64_t disk, room;            /* bytes: what backups take, what is free */
	long long watches, watches_max; /* of the service; 0: not known */
	struct sk_strv displaced, problems;
	struct sk_plugin_answers plugins; /* to the event HEALTH: their checks */
	struct {
		size_t from, to; /* of `problems` */
	} about[SK_TOPICS];
};

/* Looks at everything; what is wrong goes to `problems`, with what to do about it.  Fails for want
 * of memory, or when the backups cannot be listed at all; to be cleared all the same. */
int sk_status_look(struct sk_repo *repo, struct sk_status *out);
/* One line about tracked files that the project's own .safekeep.ini keeps out of backups, not being
 * accepted by the user; nothing is added when there is none. */
int sk_status_left_out(const struct sk_repo *repo, struct sk_buf *out);
void sk_status_clear(struct sk_status *f);

#endif
