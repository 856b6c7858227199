/* merge.h - our hooks put into the text of a tool's settings, and taken out of it.  No files here.
 *
 * What others put there stays as it is, byte for byte: their hooks, even in a group beside ours,
 * keys that nobody here knows, the order, comments, indentation and line ends. */
#ifndef SK_AGENT_MERGE_H
#define SK_AGENT_MERGE_H

#include "agent/tools.h"
#include "base/buf.h"

enum sk_agent_state {
	SK_AGENT_ABSENT,
	SK_AGENT_OTHER, /* there, but not as it would be put there now */
	SK_AGENT_PRESENT,
};

/* All of these: SK_EUSAGE "line 3: ..." when the text is no settings of that shape. */

int sk_agent_look(const struct sk_agent_tool *tool, const char *text, size_t len,
                  const char *command, enum sk_agent_state *out);
/* The text with our hooks, and no others of ours than these. */
int sk_agent_add(const struct sk_agent_tool *tool, const char *text, size_t len,
                 const char *command, struct sk_buf *out);
/* The text without them, and without the containers that are empty then, unless `before` (the text
 * from before they came; may be NULL) has them too. */
int sk_agent_take_out(const struct sk_agent_tool *tool, const char *text, size_t len,
                      const struct sk_buf *before, struct sk_buf *out);
/* Whether the settings turn all hooks off. */
bool sk_agent_hooks_off(const struct sk_agent_tool *tool, const char *text, size_t len);

#endif
