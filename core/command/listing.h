/* listing.h - a list of entries with what retention says of them, filtered and printed. */
#ifndef SK_COMMAND_LISTING_H
#define SK_COMMAND_LISTING_H

#include "command/command.h"
#include "command/looks.h"
#include "store/entry.h"
#include "store/retention.h"

/* What is shown of the reasons to keep one: nearly all are recent or among the last. */
#define SK_TIERS ((unsigned)(SK_KEEP_HOURLY | SK_KEEP_DAILY | SK_KEEP_WEEKLY | SK_KEEP_MONTHLY))

struct sk_listing {
	struct sk_entries entries; /* all of the kinds asked for, newest first */
	unsigned *reason;          /* SK_KEEP_* of each, 0 for other kinds than backups */
	bool *shown;
};

/* What --since, --until and -n say. */
int sk_call_limits(const struct sk_call *call, time_t *since, time_t *until, size_t *max);

/* At least the `newest` ones (SIZE_MAX: all). */
int sk_listing_load(const struct sk_repo *repo, unsigned kinds, bool all_worktrees, size_t newest,
                    struct sk_listing *out);
void sk_listing_free(struct sk_listing *list);
/* Leaves those in which one of the paths differs from the entry before it, of its worktree. */
int sk_listing_paths(const struct sk_repo *repo, const struct sk_strv *paths,
                     struct sk_listing *list);
/* Leaves those between the times, and of these the newest `max`. */
void sk_listing_limit(struct sk_listing *list, time_t since, time_t until, size_t max);

/* One line an entry, for pipes and files: its form is kept. */
int sk_listing_plain(const struct sk_listing *list);
/* For people: as wide as the terminal, under a heading for each day. */
int sk_listing_terminal(const struct sk_listing *list);
int sk_listing_json(const struct sk_repo *repo, const struct sk_listing *list);
/* The ids, each ended by a NUL. */
void sk_listing_ids(const struct sk_listing *list);
/* Revisions: id, time, name, description. */
int sk_listing_revisions(const struct sk_listing *list, struct sk_buf *out);

/* "manual", "guard"...; of other kinds than backups the kind. */
const char *sk_entry_label(const struct sk_entry *e);
enum sk_look sk_entry_look(const struct sk_entry *e);
/* "2026-11-23 Monday, today" to `out`, when it is another day than `day` says, which it then is. */
int sk_add_day(struct sk_buf *out, time_t t, char day[11]);
/* One entry in at most `width` columns: id, age, label, size of the change, title, tiers.  `ids`
 * and `labels` are the widths of these columns. */
int sk_entry_row(const struct sk_entry *e, unsigned reason, size_t ids, size_t labels, size_t width,
                 struct sk_buf *out);
/* The widths for some entries; `shown` may be NULL. */
void sk_entry_row_widths(const struct sk_entries *entries, const bool *shown, size_t *ids,
                         size_t *labels);
/* "5 min", "3 h", "12 d": what has passed since. */
int sk_add_short_age(struct sk_buf *out, time_t t, time_t now);
/* "3 minutes ago  manual  3 changed  title", as in the list, without the id. */
int sk_entry_line(const struct sk_entry *e, struct sk_buf *out);

#endif
