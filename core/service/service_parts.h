/* service_parts.h - what the files of the service share. */
#ifndef SK_SERVICE_PARTS_H
#define SK_SERVICE_PARTS_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "service/protocol.h"
#include "service/service.h"
#include "service/watch.h"

#define SK_NEVER INT64_MAX
#define SK_SITES_MAX 4096
#define SK_CONNS_MAX 64
#define SK_JOBS_MAX 2       /* backups at a time that nobody waits for */
#define SK_GUARDS_MAX 8     /* and those that a git command waits for */
#define SK_JOB_MS 600000    /* a backup that takes longer is ended */
#define SK_PUSH_MS 43200000 /* and a push to a vault: it may be the first, over a thin line */

struct sk_service;

enum sk_source_kind {
	SK_SRC_LISTEN,
	SK_SRC_SIGNAL,
	SK_SRC_TIMER,
	SK_SRC_SELF,
	SK_SRC_NOTIFY,
	SK_SRC_CONN,
	SK_SRC_JOB
};

struct sk_source { /* what an event of epoll is for; the first member of each */
	enum sk_source_kind kind;
	int fd;
};

struct sk_notify_source {
	struct sk_source src;
	struct sk_notify *notify;
	struct sk_notify_source *next;
};

struct sk_job {
	struct sk_source src; /* what it says on standard output and error */
	struct sk_job *next;
	struct sk_site *site;
	pid_t pid;
	char event[32];
	bool guard;         /* somebody waits for it */
	bool aside;         /* a push to a vault: no backup waits for its end */
	bool saves;         /* its end means that all is saved */
	bool hinted;        /* it looks at what changed alone */
	uint64_t stir, seq; /* of the site's watcher when it began */
	int64_t deadline;
	bool killed;
	struct sk_buf said;
};

struct sk_conn {
	struct sk_source src;
	struct sk_conn *next;
	enum { SK_CONN_READS, SK_CONN_QUEUED, SK_CONN_WAITS, SK_CONN_WRITES } state;
	int64_t deadline;
	struct sk_buf in, out;
	size_t sent;
	bool dead;
	struct sk_site *site; /* of a guard */
	char *event, *command;
	struct sk_job *job; /* that it waits for */
};

struct sk_site { /* one working tree */
	struct sk_site *next;
	char *worktree;
	struct sk_watch *watch; /* NULL: not opened (not local, or in trouble) */
	bool linked;            /* found by its repository, not in the registry */
	char *remote;           /* kind of a filesystem that we do not touch; NULL */
	char *trouble;          /* why it cannot be opened or backed up; NULL */
	uint64_t settings;      /* what the files of its settings looked like when it was opened */
	bool reopen;            /* they look otherwise now */
	bool watching;          /* watch.enabled */
	int64_t opened;
	int64_t interval; /* ms; < 0: never */
	int64_t debounce;
	bool rounds;                /* it wants its backup by the clock though nothing changes */
	int64_t due;                /* the next backup by the clock */
	int64_t retry;              /* after a failure; 0 */
	int64_t stirred;            /* when the first change came that is in no backup; 0 */
	uint64_t saved;             /* sk_watch_stir at the beginning of the last good backup */
	uint64_t seq;               /* sk_watch_seq then */
	struct sk_state_mark state; /* of the state that it left */
	bool ever;                  /* there was one */
	int64_t full;               /* when the last one was */
	unsigned echoes; /* backups in a row that saved what the one before brought about */
	int64_t whole;   /* when the last one was that looked at everything */
	time_t last;     /* the same by the calendar; 0 */
	struct sk_job *job;
	int64_t push_every;  /* ms between pushes to vaults; < 0: there is none */
	unsigned push_after; /* or after so many backups; 0: by time alone */
	unsigned unpushed;   /* backups since the last one */
	int64_t push_at;     /* when the next is due; 0: nothing is new */
	int64_t push_wait;   /* after a failure, doubled by each; 0 */
};

struct sk_service {
	const struct sk_service_host *host;
	int ep, lock;
	struct sk_source listen, signals, timer, self;
	char dir[108], socket[128];
	uint64_t socket_dev, socket_ino;
	struct sk_watch_set set;
	struct sk_notify_source *notify;
	struct sk_site *sites;
	size_t n_sites;
	struct sk_conn *conns;
	size_t n_conns;
	bool deaf;          /* no more connections taken for now */
	int64_t deaf_until; /* for want of descriptors; 0: until one of ours ends */
	struct sk_job *jobs;
	size_t n_jobs, n_guards;
	struct sk_job *push; /* to a vault: one at a time */
	time_t started;
	int64_t began, idle_exit, active;
	bool stopping;
	int64_t stop_by;
	int64_t looked; /* when the file of the program was looked at */
	int gone;       /* times in a row that there was none */
	char *renew;    /* the new program, to be run in our place when we have stopped; NULL */
};

void sk_service_log(const char *fmt, ...) SK_PRINTF(1, 2);

/* service.c */
int sk_service_poll(struct sk_service *s, struct sk_source *src, uint32_t events);
void sk_service_unpoll(struct sk_service *s, struct sk_source *src);

/* site.c */
struct sk_site *sk_site_find(struct sk_service *s, const char *worktree);
/* Adds it, opened or in trouble.  SK_EREPO: it is not enabled. */
int sk_site_add(struct sk_service *s, const char *worktree, bool linked, struct sk_site **out);
void sk_site_remove(struct sk_service *s, struct sk_site *site);
void sk_sites_load(struct sk_service *s);
/* Starts what is due.  The time when it wants to be called again. */
int64_t sk_sites_tick(struct sk_service *s, int64_t now);
/* Works on watches until `end`; true: there is more. */
bool sk_sites_work(struct sk_service *s, int64_t end);
void sk_site_done(struct sk_service *s, struct sk_site *site, const struct sk_job *job, int status);
/* Whether nothing changed since the last good backup, as far as the watcher knows for sure. */
bool sk_site_unchanged(struct sk_site *site);
/* What a backup may go by; `changed` is to be freed. */
/* Its job has looked at nothing yet: what happened until now will be in its backup. */
void sk_site_begin(struct sk_site *site);
void sk_site_hint(struct sk_site *site, struct sk_service_hint *out);
/* The push to its vaults ended. */
void sk_site_pushed(struct sk_site *site, const struct sk_job *job, int status);
void sk_site_trouble(struct sk_site *site, const char *fmt, ...) SK_PRINTF(2, 3);

/* job.c */
int sk_job_start(struct sk_service *s, struct sk_site *site, const char *event, const char *command,
                 bool guard, struct sk_job **out);
/* A push to the site's vaults, beside its backups. */
int sk_job_push(struct sk_service *s, struct sk_site *site, bool now);
void sk_job_read(struct sk_service *s, struct sk_job *job);
void sk_jobs_reap(struct sk_service *s);
int64_t sk_jobs_tick(struct sk_service *s, int64_t now);

/* conn.c */
void sk_conn_accept(struct sk_service *s);
void sk_conn_event(struct sk_service *s, struct sk_conn *c, uint32_t events);
/* The job ended: whoever waits for it gets its answer. */
void sk_conns_done(struct sk_service *s, const struct sk_job *job, int status);
void sk_conns_site_gone(struct sk_service *s, const struct sk_site *site);
int64_t sk_conns_tick(struct sk_service *s, int64_t now);
void sk_conns_close(struct sk_service *s);

/* renew.c */
#define SK_SERVICE_LOG "SK_SERVICE_LOG" /* in the environment: begin with the log file */
/* Now and then: has the program been replaced or removed?  Then it stops. */
void sk_service_look(struct sk_service *s, int64_t now);
/* Replaces this process by that program's service; takes `path`.  Returns only on failure. */
int sk_service_renew(char *path, bool to_file);

/* status.c */
int sk_service_report(const struct sk_service *s, struct sk_buf *out);

/* daemon.c */
int sk_service_listen(struct sk_service *s);   /* lock, socket */
void sk_service_hang_up(struct sk_service *s); /* the socket alone */
void sk_service_unlisten(struct sk_service *s);
/* Whether the socket is still the one that we made. */
bool sk_service_reachable(const struct sk_service *s);
/* From here on what is said goes to the log file. */
void sk_service_log_to_file(void);
/* Whether it does. */
bool sk_service_logs_to_file(void);
/* Milliseconds, or < 0 for never, of the user's setting service.idle_exit. */
int64_t sk_service_idle_exit(void);

#endif
