/* sync.h - taking in what the tools have written since the last time. */
#ifndef CHAT_SYNC_H
#define CHAT_SYNC_H

#include <safekeep/plugin.h>

#include "archive.h"
#include "sources.h"

#define CHAT_SLICE (32u << 20)   /* so much is read, then the rows are true */
#define CHAT_COMMIT (128u << 20) /* so much is appended, then it is stored */
#define CHAT_SETTLED_MS 3600000  /* a file that is older is not being written any more */

#define CHAT_READ_AGAIN_MS 3600000 /* documents and databases that change all the time */
#define CHAT_QUIET_MS 600000       /* or that did not change for so long */
#define CHAT_STOPPED (-1)          /* a callback's answer when time is over */

enum chat_trouble {
	CHAT_FAILED, /* a source could not be read, or not all of it */
	CHAT_NOTED,  /* something was left alone: a link, another owner's file */
	CHAT_MISSING /* a tool that is not used here */
};

struct chat_remark {
	char *path, *why;
	enum chat_trouble kind;
};

struct chat_sync {
	struct skp_host *host;
	int64_t deadline_ms; /* of a monotonic clock; 0: none */
	int64_t wait_ms;     /* for the lock */
	int quiet;           /* no progress */
	/* results */
	uint64_t sources, changed,
	        left; /* that belong here; that were read; left for the next time */
	uint64_t bytes, units, messages, secrets, images, damaged;
	size_t sessions, new_sessions;
	struct chat_remark *remark;
	size_t n_remarks;
	uint64_t size, max_size;
	char dropped[CHAT_DAY]; /* raw logs until that day went for want of room; or "" */
};

/* SKP_EREFUSED: no rules for secrets, and nothing was stored.  SKP_EPARTIAL: some sources could not
 * be read, and are in `remark`.  SKP_EBUSY: another process is at it. */
int chat_sync(struct chat_sync *s);
void chat_sync_free(struct chat_sync *s);
/* Whether its deadline is over. */
int chat_expired(const struct chat_sync *s);

/* The setting `max_size`, or 2G. */
int chat_max_size(struct skp_host *host, uint64_t *out);

/* Every log of this repository with what is known of it (NULL: never read), without reading any. */
int chat_survey(struct skp_host *host, struct chat_archive *a,
                int (*each)(void *arg, const struct chat_source *source,
                            const struct chat_read *row),
                void *arg);

/* What chat_discover needs of this repository and of the settings. */
struct chat_where {
	struct chat_homes homes;
	struct chat_repo repo;
	char **worktree;
	size_t n_worktrees;
	struct chat_named *named;
	size_t n_named;
	uint32_t tools;
};
int chat_where_init(struct skp_host *host, struct chat_archive *a, struct chat_where *out);
void chat_where_free(struct chat_where *w);

#endif
