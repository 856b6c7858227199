/* sessions.h - what the entries tell of agents: which sessions there were, and the state before a
 * prompt of one. */
#ifndef SK_AGENT_SESSIONS_H
#define SK_AGENT_SESSIONS_H

#include <stdbool.h>

#include "store/entry.h"

/* Whether the entry is of a session whose id begins with that. */
bool sk_agent_in_session(const struct sk_entry *e, const char *session);

struct sk_agent_session {
	const struct sk_entry *newest; /* borrowed from the list */
	const struct sk_entry *said;   /* its newest prompt; NULL: none */
	unsigned long prompts;
	size_t steps; /* entries that are no prompts */
};

/* The sessions of a list of entries, the one at work last first.  The caller frees *out. */
int sk_agent_sessions(const struct sk_entries *list, struct sk_agent_session **out, size_t *n);

/* The state before a prompt in this working tree.  `session` (may be NULL: any) is the beginning of
 * an id.  `which`: a prompt's number, of the last such session; or words of it, and the last
 * prompt with these; NULL: the last prompt, of a given session the first.  SK_ENO: there is none.
 */
int sk_agent_before(const struct sk_repo *repo, const char *session, const char *which,
                    struct sk_entry **out);

#endif
