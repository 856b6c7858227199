/* lookup.h - files and folders inside an entry, those of nested repositories included. */
#ifndef SK_COMMAND_LOOKUP_H
#define SK_COMMAND_LOOKUP_H

#include <stdint.h>

#include "base/oid.h"
#include "store/entry.h"

struct sk_found {
	uint32_t mode; /* 040000 0100644 0100755 0120000; 0160000: a repository not looked into */
	struct sk_oid oid;
};

/* `path` from the worktree's root, "" for the root itself.  SK_ENO: not in this entry. */
int sk_lookup(const struct sk_repo *repo, const struct sk_entry *e, const char *path,
              struct sk_found *out);

/* One id for all that the entry holds at the path: equal ids, equal content.  Zero: nothing. */
int sk_lookup_state(const struct sk_repo *repo, const struct sk_entry *e, const char *path,
                    struct sk_oid *out);

/* As sk_entry_select, and "@{prompt}", "@{prompt 3}", "@{prompt WORDS}": the state before what an
 * agent was told (agent/sessions.h). */
int sk_lookup_entry(const struct sk_repo *repo, const char *selector, struct sk_entry **out);
/* Selects, and refuses an entry that is damaged (SK_EDAMAGED). */
int sk_select_intact(const struct sk_repo *repo, const char *selector, struct sk_entry **out);
/* The state before a prompt of an agent, as sk_agent_before finds it. */
int sk_before_intact(const struct sk_repo *repo, const char *session, const char *which,
                     struct sk_entry **out);
int sk_at_intact(const struct sk_repo *repo, const char *when, struct sk_entry **out);

#endif
