/* config_keys.h - the table of settings, and what one value means; for config.c alone. */
#ifndef SK_REPO_CONFIG_KEYS_H
#define SK_REPO_CONFIG_KEYS_H

#include "repo/config.h"

enum sk_key_type {
	SK_KEY_TEXT,
	SK_KEY_LIST,
	SK_KEY_PATHS, /* a list of paths that must stay inside the worktree */
	SK_KEY_BOOL,
	SK_KEY_LEVEL, /* off, summary, block */
	SK_KEY_COUNT,
	SK_KEY_SIZE,
	SK_KEY_TIME
};

enum sk_key_rule { /* what the project's own file may do with it */
	           SK_MAY_NOT,
	           SK_MAY_SET,
	           SK_MAY_RAISE,
	           SK_MAY_RAISE_0, /* 0 is no limit, hence the largest */
	           SK_MAY_SHORTEN, /* "never" is the longest */
	           SK_MAY_ADD,
	           SK_OWN_ONLY /* nor may any other file of a repository, accepted or not */
};

struct sk_key {
	const char *section, *name; /* NULL name: any */
	enum sk_key_type type;
	enum sk_key_rule rule;
	int offset;          /* in struct sk_config; -1: kept as text */
	const char *initial; /* NULL: not set */
};

/* `section` is as in the file; `[component "X"]` comes out as key component.X.NAME in `full` (added
 * to it).  NULL and `*why` when there is no such setting. */
const struct sk_key *sk_key_find(const char *section, const char *name, struct sk_buf *full,
                                 const char **why);
/* The next one of the table that has an initial value; NULL at its end.  Start with NULL. */
const struct sk_key *sk_key_next(const struct sk_key *key);

/* SK_EUSAGE and a message that says what is wrong; SK_EREFUSED when the project's file may not
 * (`untrusted`).  Nothing has changed then. */
int sk_key_set(struct sk_config *config, const struct sk_key *key, const char *full,
               const char *value, bool untrusted);

#endif
