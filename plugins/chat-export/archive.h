/* archive.h - conversations as they are stored: one record of the plugin, refs/sk/chat/archive.
 *
 *   2026-11/23/raw/NAME/000000001.jsonl   the raw log of one source on one day: what the tool
 * wrote, line for line, secrets and images replaced 2026-11/23/log/NAME/000000001.jsonl   the
 * cleaned log of one session on that day index/sessions/2026-11                rows.h
 *   index/reads/2026-11
 *   index/days                            "2026-11-23 BYTES-OF-RAW BYTES-OF-LOG", a line each
 *   index/purged                          "s HASH" of sessions, "l HASH" of raw lines, "d
 * 2026-11-01": days before index/worktrees                       folders that are or were worktrees
 * of the repository index/dropped                         "raw 2026-10-01": days whose raw or both
 * logs went
 *
 * Days are those of the local calendar.  A raw log never goes back in time: a line that is dated
 * before its predecessor stays with it, so that the lines of a source are numbered without gaps.
 * Logs are pieces of at most CHAT_PIECE bytes (one line may be longer); the name of a piece is the
 * number of its first line.  What is appended writes the last piece anew and no other.
 *
 * One record and not one for each day: git changes one ref in one step, so that a crash leaves the
 * archive as it was before or after, and what was read agrees with what is stored.
 *
 * Writers hold the lock "archive".  Readers need none: what they opened does not change. */
#ifndef CHAT_ARCHIVE_H
#define CHAT_ARCHIVE_H

#include <safekeep/plugin.h>

#include "folders.h"
#include "rows.h"

#define CHAT_PIECE (1u << 20)
#define CHAT_PIECE_OPEN (1u << 18)    /* a shorter one is gone on with */
#define CHAT_WAITING_MOST (48u << 20) /* bytes held before they go into the batch */
#define CHAT_RECORD "archive"

struct chat_usage {
	char day[CHAT_DAY];
	uint64_t raw, log;
};

struct chat_writer;

struct chat_archive {
	struct skp_host *host;
	struct chat_root root;
	struct chat_rows rows;
	struct chat_usage *usage; /* by day, ascending */
	size_t n_usage, cap_usage;
	struct chat_buf purged, worktrees, dropped; /* texts of index/... */
	int exists;
	unsigned loaded; /* enum chat_need */
	int forgot;      /* rows were lost: what seems to be new may be there */
	/* Writing. */
	struct skp_batch *batch; /* begun by the first change */
	struct chat_writer **writer;
	size_t n_writers, cap_writers;
	struct chat_map by_folder;
	size_t waiting; /* bytes in writers */
	size_t fresh;   /* appended since the last commit */
	int dirty, lists_dirty;
};

enum chat_need { CHAT_READS = 1, CHAT_SESSIONS = 2 };

/* With these rows loaded.  Nothing archived yet is an empty one. */
int chat_archive_open(struct skp_host *host, unsigned need, struct chat_archive *out);
/* rebuild.c: rows of sessions that have cleaned logs and no row. */
int chat_archive_rebuild(struct chat_archive *a);
/* Further rows, before any is asked for or changed. */
int chat_archive_need(struct chat_archive *a, unsigned need);
void chat_archive_close(struct chat_archive *a);

/* Path of a day's logs of that kind ("raw", "log"): "2026-11/23/raw/NAME". */
int chat_archive_path(const char *day, const char *kind, const char *name, struct chat_buf *out);

/* Appends one line (without newline); *number is what it got.  `first` is its number when the day
 * has no such log yet. */
int chat_archive_line(struct chat_archive *a, const char *day, const char *kind, const char *name,
                      const char *line, size_t len, uint64_t first, uint64_t *number);
/* Stores all that was appended and changed, in one step.  SKP_EBUSY: somebody changed the archive
 * meanwhile, nothing was stored, and it has to be opened again. */
int chat_archive_commit(struct chat_archive *a);

/* Calls `line` for each line of a log, in order, from number `from` on, until it returns other than
 * 0, which is returned. */
int chat_archive_read(struct chat_archive *a, const char *day, const char *kind, const char *name,
                      uint64_t from,
                      int (*line)(void *arg, uint64_t number, const char *s, size_t len),
                      void *arg);

/* The row of a day, made when there is none; NULL: out of memory. */
struct chat_usage *chat_usage_of(struct chat_archive *a, const char *day);
/* What a log has, when its row was lost: calls `day` for each day of it with the number of its last
 * line. */
int chat_archive_recall(struct chat_archive *a, const char *kind, const char *name,
                        int (*day)(void *arg, const char *day, uint64_t last), void *arg);
/* What is stored, before compression. */
uint64_t chat_archive_size(const struct chat_archive *a);
/* Removes a day's logs of that kind, all of them or one name's. */
int chat_archive_drop(struct chat_archive *a, const char *day, const char *kind, const char *name);
/* Replaces a log by these lines (purging): same numbers. */
int chat_archive_replace(struct chat_archive *a, const char *day, const char *kind,
                         const char *name, const char *piece, const void *data, size_t len);

/* Hash lines of index/purged. */
int chat_purged_has(const struct chat_archive *a, char kind, const char *hash);
int chat_purged_add(struct chat_archive *a, char kind, const char *hash);
/* Days before one: nothing that was said on them is archived again.  `out`: "" when none were
 * purged. */
int chat_purged_days(struct chat_archive *a, const char *before);
void chat_purged_before(const struct chat_archive *a, char out[CHAT_DAY]);
/* What stands in the place of a raw line that was purged. */
#define CHAT_PURGED_LINE "{\"purged\":true}"
void chat_hash_line(const void *data, size_t len, char out[33]);

#endif
