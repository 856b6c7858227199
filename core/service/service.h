/* service.h - the background service: one for each user, for all enabled repositories.
 *
 * It watches working trees, makes backups when something changed and when one is due, and answers
 * the client that git runs.  Nothing depends on it: killed at any moment, it costs speed alone.
 * Backups run in child processes, so that a crash or a hang in one repository is that one's. */
#ifndef SK_SERVICE_SERVICE_H
#define SK_SERVICE_SERVICE_H

#include <stdbool.h>

#include "base/buf.h"
#include "capture/state.h"
#include "repo/repo.h"

/* What the service knows for sure about a working tree. */
struct sk_service_hint {
	bool unchanged;             /* nothing changed since the last backup that ended well */
	struct sk_strv *changed;    /* the paths that did, sorted; NULL: it is not known */
	struct sk_state_mark state; /* of the state that this backup left: holds for no other */
};

struct sk_service_host {                       /* what the rooms above do for it */
	int (*repos)(struct sk_strv *out);     /* the registry */
	int (*remember)(const char *worktree); /* puts one on it */
	int (*forget)(const char *worktree);   /* takes one off it */
	/* In a child process of its own, standing in the working tree.  `event`: "watch",
	 * "schedule", "guard" or the name of a git hook; "tips" and "impact" make no backup;
	 * "vault" and "vault-now" push to the vaults that are due, or to all that are automatic.
	 * The exit status. */
	int (*backup)(const char *event, const struct sk_service_hint *hint);
	/* Whether something wants to be called every backup.interval, changes or not; or NULL. */
	bool (*rounds)(struct sk_repo *repo);
};

/* Runs until it is stopped.  `ready` (may be NULL) is called once requests are taken.  SK_EBUSY:
 * there is one already. */
int sk_service_run(const struct sk_service_host *host, void (*ready)(void *), void *arg);

/* Starts it in the background and waits until it takes requests.  *already: one was there. */
int sk_service_start(const struct sk_service_host *host, bool *already);
/* Asks it to stop and waits for its end.  SK_ENO: there is none. */
int sk_service_stop(void);
/* Whether the file of the program that process runs is still there.  An upgrade REPLACED it: the
 * service goes over to the new one by itself, within a minute of the next thing it has to do. */
enum sk_program { SK_PROGRAM_SAME, SK_PROGRAM_REPLACED, SK_PROGRAM_GONE };
enum sk_program sk_service_program(long pid);
/* Its status, a JSON object; SK_ENO: it does not run; SK_EIO: it does not answer. */
int sk_service_status(struct sk_buf *out);
/* Whether a service may be started: not when $GIT_SK_NO_SERVICE is set. */
bool sk_service_wanted(void);
/* In a child of the service, before it looks at the working tree: all changes up to the return of
 * this will be in the backup, so the service makes no further one for them. */
void sk_service_begins(const struct sk_repo *repo);
/* Tells it of a working tree that was enabled or disabled; it need not run. */
void sk_service_tell(const char *worktree, bool enabled);

#endif
