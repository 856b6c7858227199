/* event.h - what a tool tells its hooks, read from JSON and made into one step.
 *
 * Names and fields: see tools.h for the sources.  Every field is optional and may have any type or
 * size; text that is no JSON, or was cut off, gives what could be read of it. */
#ifndef SK_AGENT_EVENT_H
#define SK_AGENT_EVENT_H

#include "base/buf.h"

enum sk_agent_moment {
	SK_AGENT_NONE,   /* nothing to be saved at */
	SK_AGENT_PROMPT, /* the user has said something, and the agent has not begun */
	SK_AGENT_BEFORE, /* a tool is about to run */
	SK_AGENT_AFTER,  /* it has run */
	SK_AGENT_FAILED, /* it has run, and says that it failed */
	SK_AGENT_END,    /* the agent has ended its turn */
};

struct sk_agent_event {
	enum sk_agent_moment moment;
	struct sk_buf session; /* as the tool has it; "" when it says none */
	struct sk_buf cwd;     /* where the agent is at work */
	struct sk_buf tool;    /* "Edit", "Bash" */
	struct sk_buf file;    /* what the tool works at; the first of several */
	size_t files;          /* how many */
	struct sk_buf command; /* of a shell */
	struct sk_buf prompt;
};

int sk_agent_event_read(const char *text, size_t len, struct sk_agent_event *out);
void sk_agent_event_clear(struct sk_agent_event *e);

#endif
