/* settings.h - the files that the tools' settings lie in.
 *
 * A file is replaced in one step (temporary file, fsync, rename), keeps its permission bits, and is
 * looked at again just before, so that what the tool itself wrote meanwhile is not lost.  A
 * link is followed to the file it means, and stays a link; in a project, which may come from
 * anybody, only to a file of the project.  Refused (SK_EREFUSED), with the reason: a link to
 * nothing, a file with several names, of another user, or that may not be written, no plain file.
 *
 * What was there before is kept in STATE/agent/HASH.before, with HASH.json beside it (the path, a
 * hash of what was put there), where STATE is $XDG_STATE_HOME/safekeep.  It is written before the
 * settings are, and removed after they were put back. */
#ifndef SK_AGENT_SETTINGS_H
#define SK_AGENT_SETTINGS_H

#include "agent/merge.h"

struct sk_agent_file {
	const struct sk_agent_tool *tool;
	enum sk_agent_scope scope;
	char *path;                /* as it is called */
	char *real;                /* the file itself */
	bool there;                /* it exists */
	mode_t mode;               /* its permission bits */
	struct sk_buf text;        /* its content */
	enum sk_agent_state state; /* of our hooks in it */
	bool off;                  /* it turns all hooks off */
};

/* Finds and reads it.  `worktree` may be NULL for the user's; `command` is the hook's line.  The
 * caller clears `out` after 0. */
int sk_agent_open(const struct sk_agent_tool *tool, enum sk_agent_scope scope, const char *worktree,
                  const char *command, struct sk_agent_file *out);
void sk_agent_close(struct sk_agent_file *f);

/* Puts our hooks there.  Nothing is written when they are there already. */
int sk_agent_install(struct sk_agent_file *f, const char *command);

enum sk_agent_removed {
	SK_AGENT_NOTHING,   /* there were none of ours */
	SK_AGENT_AS_IT_WAS, /* the file has the bytes from before, or is gone as it was before */
	SK_AGENT_OURS_ONLY, /* it was changed since: only what is ours was taken out */
};

int sk_agent_remove(struct sk_agent_file *f, enum sk_agent_removed *how);

/* Where the copy of what was there before lies, "" when there was nothing. */
int sk_agent_kept(const struct sk_agent_file *f, struct sk_buf *out);

#endif
