/* health_parts.h - one look at everything; between the files of this room only. */
#ifndef SK_HEALTH_PARTS_H
#define SK_HEALTH_PARTS_H

#include <stdint.h>

#include "health/health.h"
#include "health/status.h"

struct sk_look {
	struct sk_repo *repo;
	const struct sk_health_options *opts;
	struct sk_status status;
	struct sk_health *out;
	time_t now;
};

/* Adds a line. */
int sk_health_say(struct sk_look *l, const char *name, enum sk_health_status status,
                  const char *fmt, ...) SK_PRINTF(4, 5);
/* The same, of what was wrong and is mended now. */
int sk_health_fixed(struct sk_look *l, const char *name, const char *fmt, ...) SK_PRINTF(3, 4);
/* All problems about something as one line of `status`; *said: there are any. */
int sk_health_problems(struct sk_look *l, enum sk_topic topic, const char *name,
                       enum sk_health_status status, bool *said);

int sk_check_service(struct sk_look *l);
int sk_check_backups(struct sk_look *l);
int sk_check_revisions(struct sk_look *l);
int sk_check_disk(struct sk_look *l);
int sk_check_database(struct sk_look *l);
int sk_check_application(struct sk_look *l);
int sk_check_hooks(struct sk_look *l);
int sk_check_integrity(struct sk_look *l);
int sk_check_watcher(struct sk_look *l);
int sk_check_locks(struct sk_look *l);
int sk_check_packs(struct sk_look *l);
int sk_check_remotes(struct sk_look *l);
int sk_check_settings(struct sk_look *l);
int sk_check_vaults(struct sk_look *l);
int sk_check_plugins(struct sk_look *l);

/* Runs `fn` in a child with its own process group: standard input is empty, what it prints on
 * standard output and error comes to the end of `out` (its first OUTPUT_MAX bytes).  `fn` returns
 * the exit status, 0 to 125, or replaces the process.  After `timeout_ms` all of the group is
 * killed, and *timed_out is set; what it leaves running in other groups is its own affair.
 * `status` is the exit status, or 128 + signal. */
enum { SK_CHILD_OUTPUT_MAX = 4096 };
int sk_child_run(int (*fn)(void *arg), void *arg, int64_t timeout_ms, struct sk_buf *out,
                 int *status, bool *timed_out);

/* Exit statuses of the two below, beside 0: all is well. */
enum {
	SK_PROBE_BAD = 1,     /* it answers, but not well: what it said was printed */
	SK_PROBE_MISSING = 2, /* the library is not installed: its package was printed */
};
/* To be run in a child. */
int sk_probe_http(void *url);
int sk_probe_sqlite(void *path);

/* Whether a process of ours has the file open, by /proc: its id, or 0; -1 when that cannot be
 * found out. */
long sk_holder(const char *path);

#endif
