/* parse_sqlite.h - reading other programs' SQLite databases without leaving a trace there.
 *
 * Opened read-only.  A database in WAL mode needs a -shm file: an existing one (its program runs)
 * is used as it is, read-only; where there is none and no -wal either, nobody has the database
 * open, and it is read as it lies (immutable), with a look at the file behind to see that this was
 * true; where a -wal was left behind by a crash, both are copied into a private folder and read
 * there, since recovering it in place would write.  Views and triggers are off: the schema is not
 * trusted. */
#ifndef CHAT_PARSE_SQLITE_H
#define CHAT_PARSE_SQLITE_H

#include <sqlite3.h>

#include "parse.h"

struct database {
	struct chat_parser *p;
	const char *path;
	sqlite3 *db;
	char *folder; /* of a private copy, or NULL */
	int immutable;
	int64_t mtime; /* when opened so */
	uint64_t size;
};

int database_open(struct database *d, struct chat_parser *p, const char *path);
/* Closes it; what was read of one that changed meanwhile does not hold: SKP_EBUSY, in p->stop. */
int database_close(struct database *d);
/* NULL: p->stop is set. */
sqlite3_stmt *database_ask(struct database *d, const char *sql);
/* 1: a row; 0: the end, or p->stop is set. */
int database_row(struct database *d, sqlite3_stmt *stmt);
/* Column by name: empty when there is none, or it is NULL. */
struct chat_text column(sqlite3_stmt *stmt, const char *name);
int64_t column_number(sqlite3_stmt *stmt, const char *name);
int has_table(struct database *d, const char *name);

#endif
