/* intake.h - one source into the archive: raw lines, cleaned lines, and what the rows say. */
#ifndef CHAT_INTAKE_H
#define CHAT_INTAKE_H

#include "archive.h"
#include "redact.h"
#include "sync.h"

struct chat_seen { /* hashes of lines; open addressing, 0 is free */
	uint64_t *slot;
	size_t n, mask;
};

struct chat_small { /* a short field, and what it became */
	struct chat_buf from, to;
};

struct chat_known { /* cleaned lines of a session that were there before */
	char *session;
	struct chat_seen seen;
};

enum { CHAT_SMALLS = 6 };

struct chat_intake {
	struct chat_sync *sync;
	struct chat_archive *a;
	struct chat_redactor *r;
	const struct chat_where *where;
	const struct chat_source *src;
	struct chat_read *row;
	int64_t now_ms;
	unsigned peeked;
	int fatal; /* what a callback failed with: the archive, not the source */
	/* The unit at hand. */
	struct chat_buf line, json, text, files;
	size_t secrets;
	int placed, skip;
	uint64_t number, offset;
	/* The session at hand. */
	struct chat_small small[CHAT_SMALLS];
	struct chat_buf session_id;
	size_t session; /* its row */
	int has_session, purged;
	/* Read again: what is there already is left out. */
	int again;
	struct chat_seen raw_seen;
	struct chat_known *known;
	size_t n_known;
	struct chat_buf held, held_id;
	char limit[CHAT_DAY];       /* days before it were purged; or "" */
	struct chat_seen old_units; /* of a document: that have something of these days */
	int old;                    /* the unit at hand has */
	int all;                    /* one of that id changed: all that follow are written */
};

/* Reads what is new in `src`.  0 also when only part of it was read (deadline): row->size is 0
 * then.  x->fatal: the sync has to end. */
int chat_intake(struct chat_intake *x, struct chat_error *err);
void chat_intake_free(struct chat_intake *x);

/* intake_record.c: callbacks of chat_plan, `arg` is the intake. */
int chat_on_unit(void *arg, const struct chat_unit *unit);
int chat_on_record(void *arg, const struct chat_record *record);
/* The last unit to its place. */
int chat_end_unit(struct chat_intake *x);

/* intake_seen.c */
int chat_seen_add(struct chat_seen *set, uint64_t hash, int *was);
int chat_seen_has(const struct chat_seen *set, uint64_t hash);
void chat_seen_free(struct chat_seen *seen);
/* All raw lines of this source that are in the archive. */
int chat_load_raw(struct chat_intake *x);
/* Whether a record's id was made from its offset: "L120.1a2b3c4d". */
int chat_made_id(const char *id, size_t len);
/* What makes a cleaned line the same as another. */
uint64_t chat_record_hash(const char *id, size_t id_len, unsigned part, const char *role,
                          const char *text, size_t len);
/* The cleaned lines that a session has. */
int chat_known_of(struct chat_intake *x, const struct chat_session *s, struct chat_seen **out);

#endif
