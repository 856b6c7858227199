/* watch.h - what changes in a working tree, from inotify, and git's question about it.
 *
 * Every folder that git looks into has a watch: all but ignored ones with nothing tracked in them.
 * Three rules make the answer exact:
 *
 * 1. A folder that gets a watch later than the others (new, moved in, no longer ignored) is
 *    reported as changed, with all in it, after its watch stands.  So it does not matter what
 *    happened to it before, nor what git remembers of it.
 * 2. Before an answer, a file that is watched too (the cookie) is opened, and events are read until
 *    that one has come: all that happened before the question is then known.
 * 3. What decides which folders git looks into (ignore rules, index, mounts) is checked at each
 *    question, and folders that are wanted by then get their watch first (rule 1).
 *
 * In doubt (overflow, a folder that cannot be watched, a token that is not ours, files with several
 * names): "/", everything may have changed. */
#ifndef SK_SERVICE_WATCH_H
#define SK_SERVICE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "repo/repo.h"
#include "service/mounts.h"

struct sk_watch;
struct sk_notify;

struct sk_watch_set { /* all watchers of the service, and the inotify instances they share */
	struct sk_notify *notify;
	struct sk_watch *first;
	struct sk_mounts mounts;
	size_t watches, max_watches; /* in use, and how many we take of what the system allows */
	uint64_t gen;                /* the last generation given to anybody */
	char nonce[17];              /* of this process; part of every token */
	void *ctx;
	/* a new instance, to be polled for input, or one that goes away */
	int (*opened)(void *ctx, struct sk_notify *n, int fd);
	void (*closed)(void *ctx, struct sk_notify *n, int fd);
};

int sk_watch_set_open(struct sk_watch_set *set);
void sk_watch_set_close(struct sk_watch_set *set); /* after all watchers */
/* Reads what has come, some 64 KiB. */
void sk_notify_read(struct sk_watch_set *set, struct sk_notify *n);

enum sk_watch_mode {
	SK_WATCH_LOADING, /* watches are being set */
	SK_WATCH_EXACT,
	SK_WATCH_SCANS /* not watched: sk_watch_why says why and what to do */
};

/* Takes the repository over (also on failure).  Never touches the disk of one that is not local;
 * then, and when it cannot be watched, the mode is SK_WATCH_SCANS. */
int sk_watch_new(struct sk_watch_set *set, struct sk_repo *repo, bool enabled,
                 struct sk_watch **out);
void sk_watch_free(struct sk_watch *w);

/* Works on folders that wait for their watch until `end` (sk_clock_ms); true: there is more. */
bool sk_watch_work(struct sk_watch *w, int64_t end);
/* git's question; adds token, NUL, paths (version 2 of the protocol).  `settings` of the asker. */
int sk_watch_query(struct sk_watch *w, const char *settings, const char *token, struct sk_buf *out);
/* Reads all events that were there when it was called. */
bool sk_watch_catch_up(struct sk_watch *w);

const struct sk_repo *sk_watch_repo(const struct sk_watch *w);
enum sk_watch_mode sk_watch_mode(const struct sk_watch *w);
const char *sk_watch_why(const struct sk_watch *w);
/* The working tree was moved or deleted under our feet. */
bool sk_watch_gone(const struct sk_watch *w);
/* Grows with each change that a backup would want; *at is the time of the last (sk_clock_ms). */
uint64_t sk_watch_stir(const struct sk_watch *w, int64_t *at);
/* Changes of ignored files only: whether one is tracked all the same (reads the index). */
bool sk_watch_soft(struct sk_watch *w);
bool sk_watch_soft_waits(const struct sk_watch *w); /* there are such changes */
void sk_watch_soft_done(struct sk_watch *w);
/* What was seen to change has numbers: the latest, and every path that changed after one of them,
 * each ended by a NUL (a folder: with all below it).  SK_ENO: it is not known any more. */
uint64_t sk_watch_seq(const struct sk_watch *w);
int sk_watch_changed(const struct sk_watch *w, uint64_t seq, struct sk_buf *out);
size_t sk_watch_folders(const struct sk_watch *w);

#endif
