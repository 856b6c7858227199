/* commands.h - what `git sk chat` does, one function for each word. */
#ifndef CHAT_COMMANDS_H
#define CHAT_COMMANDS_H

#include <safekeep/plugin.h>

#include "archive.h"
#include "transcript.h"

int chat_cmd_sync(struct skp_host *host, const struct skp_call *call);
int chat_cmd_list(struct skp_host *host, const struct skp_call *call);
int chat_cmd_show(struct skp_host *host, const struct skp_call *call);
int chat_cmd_export(struct skp_host *host, const struct skp_call *call);
int chat_cmd_filter(struct skp_host *host, const struct skp_call *call);
int chat_cmd_for(struct skp_host *host, const struct skp_call *call);
int chat_cmd_purge(struct skp_host *host, const struct skp_call *call);

/* Events. */
int chat_on_cycle(struct skp_host *host, const struct skp_event *event);
int chat_on_health(struct skp_host *host);
int chat_on_prune(struct skp_host *host, const struct skp_event *event);
/* That these events have nothing for us until a tool begins a log, before looking whether none has;
 * and that one has. */
int chat_rest(struct skp_host *host, uint32_t events);
int chat_wake(struct skp_host *host);

/* What several of them need. */

/* No more than so many arguments after the word. */
int chat_args(struct skp_host *host, const struct skp_call *call, size_t least, size_t most,
              const char *usage);
/* A session by id, unique prefix of it, its log's name, or NULL and "latest": the newest. */
int chat_pick(struct chat_archive *a, const char *word, const struct chat_session **out);
/* All sessions that --since, --until and --tool leave, newest first; the caller frees it. */
int chat_picked(struct chat_archive *a, const struct skp_call *call,
                const struct chat_session ***out, size_t *n);
/* A date option as ms; CHAT_NO_TIME when it is not given. */
int chat_when(struct skp_host *host, const struct skp_call *call, const char *option, int64_t *out);
/* The view that the options ask for; `day` and `form` included. */
int chat_view_of(struct skp_host *host, const struct skp_call *call, struct chat_view *out);
/* Says so when a file with conversations will lie in the working tree. */
void chat_warn_worktree(struct skp_host *host, const char *file);
/* Writes a file in one step; exists or not. */
int chat_write_file(struct skp_host *host, const char *path, const void *data, size_t len);

/* What was stored of the repository while a session went on; printed as lines, or added as
 * "commits":[...],"backups":[...] when `json`. */
int chat_made_during(struct skp_host *host, const struct chat_session *session,
                     struct chat_buf *json);

/* Commits and backups that a session is asked for. */
struct chat_target {
	char *id; /* of the backup, or the commit's hash */
	char *title;
	const char *kind; /* "commit", "backup" or "revision" */
	char *branch;     /* or "" */
	char *previous;   /* id of the one before, or "" */
	int64_t from, to; /* ms: between the one before and this one */
	char **file;      /* that changed */
	size_t n_files;
};
int chat_target_find(struct skp_host *host, const char *word, struct chat_target *out);
void chat_target_free(struct chat_target *t);

#endif
