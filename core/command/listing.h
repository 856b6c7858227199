/* listing.h - a list of entries with what retention says of them, filtered and printed. */
#ifndef SK_COMMAND_LISTING_H
#define SK_COMMAND_LISTING_H

#include "command/command.h"
#include "store/entry.h"

struct sk_listing {
	struct sk_entries entries; /* all of the kinds asked for, newest first */
	unsigned *reason;          /* SK_KEEP_* of each, 0 for other kinds than backups */
	bool *shown;
};

/* At least the `newest` ones (SIZE_MAX: all). */
int sk_listing_load(const struct sk_repo *repo, unsigned kinds, bool all_worktrees, size_t newest,
                    struct sk_listing *out);
void sk_listing_free(struct sk_listing *list);
/* Leaves those in which one of the paths differs from the entry before it, of its worktree. */
int sk_listing_paths(const struct sk_repo *repo, const struct sk_strv *paths,
                     struct sk_listing *list);
/* Leaves those between the times, and of these the newest `max`. */
void sk_listing_limit(struct sk_listing *list, time_t since, time_t until, size_t max);

/* One line an entry; on a terminal under a line for each day. */
int sk_listing_print(const struct sk_listing *list);
int sk_listing_json(const struct sk_repo *repo, const struct sk_listing *list);
/* The ids, each ended by a NUL. */
void sk_listing_ids(const struct sk_listing *list);
/* Revisions: id, time, name, description. */
int sk_listing_revisions(const struct sk_listing *list, struct sk_buf *out);

/* "3 minutes ago  manual  3 changed  title", as in the list, without the id. */
int sk_entry_line(const struct sk_entry *e, struct sk_buf *out);

#endif
