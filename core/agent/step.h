/* step.h - one step of an agent: a backup that says whose it is, and what `git sk undo` goes back
 * to.
 *
 * The hook's own process makes a note of the event, as one JSON object with everything that may be
 * secret taken out of it; the backup is made from the note by the service, which knows what
 * changed, or by the same process when there is none.
 *
 * Trailers: Sk-Agent (claude), Sk-Session (as the tool has it), Sk-Prompt (how many the user has
 * said in the session), Sk-Step (prompt, before, after, failed, end), Sk-Tool, and Sk-Command with
 * the shell command of a tool.  Before a tool runs there is an entry only when something changed
 * since the newest; after it, when it changed something; a prompt always has one. */
#ifndef SK_AGENT_STEP_H
#define SK_AGENT_STEP_H

#include "agent/event.h"
#include "repo/repo.h"

/* The note for an event.  `agent` is the tool's name; the event's file as it is to be shown. */
int sk_agent_note(const char *agent, const struct sk_agent_event *event, struct sk_buf *out);

/* Makes the backup.  `changed`: as in struct sk_backup_opts; may be NULL.  SK_EUSAGE: `note` is
 * none. */
int sk_agent_step(struct sk_repo *repo, const char *note, const struct sk_strv *changed);

#endif
