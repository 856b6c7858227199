/* timeline.h - what happened, newest first: entries, commits and conversations, each from its own
 * source, merged as they are asked for.
 *
 * Commits are read from a git log that runs meanwhile, so that the first rows of a long history
 * come at once; what the reader leaves is never walked. */
#ifndef SK_COMMAND_TIMELINE_H
#define SK_COMMAND_TIMELINE_H

#include <time.h>

#include "command/command.h"
#include "store/entry.h"

enum sk_event_kind { SK_EVENT_ENTRY, SK_EVENT_COMMIT, SK_EVENT_TALK };

struct sk_commit_event {
	struct sk_oid oid;
	struct sk_oid *parent;
	size_t n_parents;
	const char *refs, *author, *subject; /* as in git's %D, %an, %s */
};

struct sk_talk {
	char *id, *tool, *title, *branch; /* as the plugin says it; "" when it does not */
	time_t began, ended;
	long long messages;
};

struct sk_event {
	enum sk_event_kind kind;
	time_t when;
	const struct sk_entry *entry;
	const struct sk_commit_event *commit;
	const struct sk_talk *talk;
};

struct sk_timeline_opts {
	time_t since, until;
	size_t max;         /* commits that can be wanted at most; SIZE_MAX: all */
	const char *branch; /* only what was made on it; NULL: all */
	bool all_worktrees;
};

struct sk_timeline;

int sk_timeline_open(const struct sk_repo *repo, const struct sk_timeline_opts *opts,
                     struct sk_timeline **out);
/* The next older one, which holds until the next call; SK_ENO: there is none, without a message. */
int sk_timeline_next(struct sk_timeline *t, struct sk_event *out);
void sk_timeline_close(struct sk_timeline *t);

#endif
