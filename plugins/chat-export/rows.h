/* rows.h - what the archive knows by heart: the sessions that are in it, and how far each source
 * was read.  Both are kept as JSON lines, in one blob for each month (of a session: in which it
 * began; of a source: in which it was first seen), so that a change writes one month anew. */
#ifndef CHAT_ROWS_H
#define CHAT_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "sources.h"

#define CHAT_MONTH 8 /* "2026-11" */
#define CHAT_DAY 11  /* "2026-11-23" */

/* A file that was read. */
struct chat_read {
	char month[CHAT_MONTH];
	char *path, *name; /* `name`: of its raw logs, "claude_3f2a..." */
	char *scope, *state;
	enum chat_tool tool;
	uint64_t size, inode, device; /* as they were when all of it had been read; else size 0 */
	int64_t mtime_ns;
	uint64_t next;      /* byte to go on at */
	char hash[33];      /* of the bytes before `next`; "" when there are none */
	uint64_t lines;     /* in its raw logs */
	uint64_t turn;      /* how often it was begun anew: offsets then mean something else */
	char day[CHAT_DAY]; /* of the last of them, or "" */
	int64_t time;       /* of its last record that had one */
	char **session;     /* that it has records of: their log names */
	size_t n_sessions;
	int purged; /* it has one session, which was purged: nothing more is taken */
	int dirty;
};

struct chat_session {
	char month[CHAT_MONTH];
	char *id, *name; /* `name`: of its cleaned logs, "claude_3f2a..." */
	enum chat_tool tool;
	char *title, *branch, *model, *cwd;
	int titled;           /* the tool gave the title; otherwise it is what was said first */
	int64_t began, ended; /* ms; CHAT_NO_TIME */
	uint64_t users, answers, lines; /* messages of either side; lines of the cleaned logs */
	char (*day)[CHAT_DAY];          /* on which there are cleaned logs, ascending */
	size_t n_days;
	int dirty, gone; /* gone: purged, not written any more */
};

/* Names to numbers. */
struct chat_map {
	struct chat_slot {
		const char *key; /* not owned */
		size_t value;
	} * slot;
	size_t n, mask;
};
int chat_map_set(struct chat_map *map, const char *key, size_t value);
int chat_map_get(const struct chat_map *map, const char *key, size_t *value); /* 1: there */
void chat_map_free(struct chat_map *map);

struct chat_rows {
	struct chat_read *read;
	struct chat_session *session;
	size_t n_reads, n_sessions, cap_reads, cap_sessions;
	struct chat_map by_path, by_name; /* reads; sessions */
};

void chat_rows_free(struct chat_rows *rows);
/* Lines of one month; one that cannot be read is left out and counted. */
int chat_rows_load_reads(struct chat_rows *rows, const char *month, const char *text, size_t len,
                         size_t *bad);
int chat_rows_load_sessions(struct chat_rows *rows, const char *month, const char *text, size_t len,
                            size_t *bad);
/* The lines of that month. */
int chat_rows_save_reads(const struct chat_rows *rows, const char *month, struct chat_buf *out);
int chat_rows_save_sessions(const struct chat_rows *rows, const char *month, struct chat_buf *out);

/* What stands in a row for a path that has a secret in it. */
#define CHAT_HIDDEN 40
void chat_hidden_path(const char *path, char out[CHAT_HIDDEN]);

/* NULL: none.  Pointers hold until the next one is added.  Of a read: by its path, hidden or not.
 */
struct chat_read *chat_rows_read(const struct chat_rows *rows, const char *path);
struct chat_session *chat_rows_session(const struct chat_rows *rows, const char *name);
int chat_rows_add_read(struct chat_rows *rows, const char *path, const char *name,
                       const char *month, struct chat_read **out);
int chat_rows_add_session(struct chat_rows *rows, const char *id, const char *name,
                          const char *month, struct chat_session **out);
/* Changes the row: it belongs to that session, has that day... */
int chat_read_joins(struct chat_read *read, const char *session);
int chat_session_day(struct chat_session *session, const char *day);
/* What was said before that day was taken away: its title may be of that, too. */
int chat_session_since(struct chat_session *session, const char *day);
/* Replaces a string of a row. */
int chat_set(char **field, const char *text, size_t len);

/* The name under which a session's logs stand: "claude_" and its id; one that cannot be a file name
 * as it is gets a hash. */
int chat_log_name(enum chat_tool tool, const char *id, size_t len, struct chat_buf *out);
/* Local calendar day of a time in ms. */
void chat_day(int64_t ms, char out[CHAT_DAY]);
/* "2026-11-23T10:15:00.123Z" and back (CHAT_NO_TIME). */
void chat_stamp(int64_t ms, char out[32]);
int64_t chat_unstamp(const char *text);

#endif
