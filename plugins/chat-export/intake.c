#include "intake.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PIECE (1u << 20) /* that is read at once */
#define PEEK_UNITS 100   /* in which the first time is looked for */

static int oom(struct chat_intake *x)
{
	return x->a->host->error(x->a->host, SKP_EIO, "out of memory");
}

static int stop(struct chat_intake *x, int rc)
{
	x->fatal = rc;
	return rc;
}

/* The file is there, but not what is in it; what was read before that stays. */
static int unreadable(struct chat_error *err)
{
	err->code = 0;
	return SKP_EIO;
}

/* Hashes the bytes from `from` to `to`; 0 when they cannot be read, or not in time. */
static int hash_on(struct chat_intake *x, int fd, XXH3_state_t *state, uint64_t from, uint64_t to,
                   int hurry)
{
	static char piece[PIECE];

	while (from < to) {
		size_t want = to - from < sizeof piece ? (size_t)(to - from) : sizeof piece;
		ssize_t got = pread(fd, piece, want, (off_t)from);

		if (got <= 0 || (hurry && chat_expired(x->sync)))
			return 0;
		(void)XXH3_128bits_update(state, piece, (size_t)got);
		from += (uint64_t)got;
	}
	return 1;
}

static void digest(const XXH3_state_t *state, char out[33])
{
	XXH128_hash_t h = XXH3_128bits_digest(state);

	(void)snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64,
	               (unsigned long long)h.low64);
}

static void peek(struct chat_intake *x);

static void begin_again(struct chat_intake *x)
{
	struct chat_read *row = x->row;

	x->again = row->lines > 0;
	row->turn += x->again && x->src->kind == CHAT_LINES;
	row->next = 0;
	row->hash[0] = '\0';
	row->state[0] = '\0';
	row->dirty = 1;
	if (x->src->kind == CHAT_LINES || *x->limit) {
		row->time = CHAT_NO_TIME;
		peek(x);
	}
}

/* Feeds the parser from row->next on until the end, the deadline, or a slice that has units.
 * *end: 1 at the end, -1 where it cannot be read on. */
static int feed(struct chat_intake *x, int fd, struct chat_parser *parser, int *end,
                struct chat_error *err)
{
	static char piece[PIECE];
	uint64_t at = x->row->next, units = x->sync->units, stop_at = at + CHAT_SLICE;
	int rc = 0;

	*end = 0;
	while (!rc && !*end && (at < stop_at || units == x->sync->units)) {
		ssize_t got = pread(fd, piece, sizeof piece, (off_t)at);

		if (got < 0) { /* what was read is kept; the next sync tries the rest */
			*end = -1;
			break;
		}
		*end = got == 0;
		at += (uint64_t)got;
		x->sync->bytes += (uint64_t)got;
		if (got)
			rc = chat_parser_feed(parser, piece, (size_t)got, err);
		if (!x->sync->quiet)
			x->a->host->progress(x->a->host, "reading conversations",
			                     (size_t)(x->sync->bytes >> 20), 0);
		if (chat_expired(x->sync))
			break;
	}
	return rc;
}

/* What the parser remembers is stored too: folders and branches may be named like secrets. */
static int set_state(struct chat_intake *x, const char *state)
{
	struct chat_buf clean = { 0 };
	int rc = chat_redact_state(x->r, state, &clean);

	if (!rc && strcmp(chat_buf_str(&clean), x->row->state) != 0) {
		x->row->dirty = 1;
		rc = chat_set(&x->row->state, chat_buf_str(&clean), clean.n) ? oom(x) : 0;
	}
	chat_buf_free(&clean);
	return rc ? stop(x, rc) : 0;
}

/* One slice: everything that the rows say is true when it returns 0. */
static int read_slice(struct chat_intake *x, int fd, XXH3_state_t *state, int final, int *end,
                      struct chat_error *err)
{
	struct chat_plan plan = { .from = x->row->next,
		                  .state = x->row->next ? x->row->state : NULL,
		                  .final = final,
		                  .arg = x,
		                  .unit = chat_on_unit,
		                  .record = chat_on_record };
	static struct chat_result result;
	struct chat_parser *parser = NULL;
	int rc = chat_parser_new(x->src, &plan, &parser, err);

	if (!rc)
		rc = feed(x, fd, parser, end, err);
	if (!rc)
		rc = chat_parser_finish(parser, &result, err);
	if (!rc)
		rc = chat_end_unit(x);
	chat_parser_free(parser);
	if (rc)
		return rc;
	if (result.next > x->row->next && state &&
	    hash_on(x, fd, state, x->row->next, result.next, 0))
		digest(state, x->row->hash);
	else if (result.next > x->row->next)
		x->row->hash[0] = '\0';
	if (result.next > x->row->next)
		x->row->dirty = 1;
	x->row->next = result.next;
	return set_state(x, result.state);
}

/* Everything of it was read: next time it costs one stat.  But for a last line that may be half
 * written: it is looked at again, until it is an hour old and taken as it is. */
static void settle(struct chat_intake *x)
{
	struct chat_read *row = x->row;
	const struct chat_source *src = x->src;
	int open = src->kind == CHAT_LINES && row->next < src->size &&
	           x->now_ms - src->mtime_ns / 1000000 < CHAT_SETTLED_MS;
	uint64_t size = open ? 0 : src->size;

	if (row->size == size && row->mtime_ns == src->mtime_ns && row->inode == src->inode &&
	    row->device == src->device)
		return;
	row->size = size;
	row->mtime_ns = src->mtime_ns;
	row->inode = src->inode;
	row->device = src->device;
	row->dirty = 1;
}

/* The file that the log was moved to, by its inode: what was written to it before. */
static int open_moved(struct chat_intake *x)
{
	const char *slash = strrchr(x->src->path, '/');
	char *folder = strndup(x->src->path, (size_t)(slash - x->src->path) + 1), *path = NULL;
	struct chat_source moved = *x->src;
	struct chat_error ignored;
	struct dirent *d;
	DIR *dir = folder ? opendir(folder) : NULL;
	struct stat st;
	int fd = -1;

	while (dir && fd < 0 && (d = readdir(dir))) {
		if (d->d_ino != x->row->inode || strcmp(d->d_name, slash + 1) == 0 ||
		    asprintf(&path, "%s%s", folder, d->d_name) < 0)
			continue;
		moved.path = path;
		if (chat_open(&moved, &fd, &ignored) ||
		    (fstat(fd, &st) == 0 && st.st_ino == x->row->inode &&
		     st.st_dev == x->row->device && (uint64_t)st.st_size >= x->row->next)) {
			free(path);
			continue;
		}
		free(path);
		(void)close(fd);
		fd = -1;
	}
	if (dir)
		(void)closedir(dir);
	free(folder);
	return fd;
}

/* A log that was rotated: its end, before the new one is read; *moved: all of that is new. */
static int finish_moved(struct chat_intake *x, int *moved, struct chat_error *err)
{
	XXH3_state_t *state;
	int fd = -1, end = 0, rc = 0;
	char hash[33] = "";

	if (x->row->inode == x->src->inode || !x->row->inode || !x->row->next)
		return 0;
	fd = open_moved(x);
	state = fd < 0 ? NULL : XXH3_createState();
	if (state) {
		(void)XXH3_128bits_reset(state);
		if (hash_on(x, fd, state, 0, x->row->next, 0))
			digest(state, hash);
		while (!rc && !end && strcmp(hash, x->row->hash) == 0 && !chat_expired(x->sync)) {
			rc = read_slice(x, fd, state, 1, &end, err);
			*moved = 1;
			digest(state, hash);
		}
		if (!rc && end < 0)
			rc = unreadable(err);
		XXH3_freeState(state);
	}
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int read_lines(struct chat_intake *x, int fd, struct chat_error *err)
{
	int moved = 0, final = x->now_ms - x->src->mtime_ns / 1000000 >= CHAT_SETTLED_MS, end = 0,
	    rc = 0;
	XXH3_state_t *state = XXH3_createState();
	char hash[33] = "";

	if (!state)
		return stop(x, oom(x));
	(void)XXH3_128bits_reset(state);
	if (x->row->next && x->row->next <= x->src->size &&
	    !hash_on(x, fd, state, 0, x->row->next, 1) && chat_expired(x->sync)) {
		x->sync->left++;
		goto out;
	}
	digest(state, hash);
	if ((x->row->lines || x->row->next) &&
	    (x->row->next > x->src->size || strcmp(hash, x->row->hash) != 0)) {
		if ((rc = finish_moved(x, &moved, err)))
			goto out;
		if (moved && chat_expired(x->sync)) { /* it may have more */
			x->sync->left++;
			goto out;
		}
		begin_again(x); /* truncated, rotated or written anew */
		(void)XXH3_128bits_reset(state);
		rc = chat_archive_commit(x->a); /* what is to be compared with has to be stored */
		x->again = x->again && !moved;
		if (!rc && x->again)
			rc = chat_load_raw(x);
		if (rc)
			(void)stop(x, rc);
	}
	while (!rc && !end) {
		if (chat_expired(x->sync)) {
			x->sync->left++;
			goto out;
		}
		rc = read_slice(x, fd, state, final, &end, err);
		if (!rc && x->a->fresh >= CHAT_COMMIT && (rc = chat_archive_commit(x->a)))
			(void)stop(x, rc);
	}
	if (!rc && end < 0)
		rc = unreadable(err);
	if (!rc)
		settle(x);
out:
	XXH3_freeState(state);
	return rc;
}

/* A document or a database: all of it again, what is there already left out. */
static int read_whole(struct chat_intake *x, struct chat_error *err)
{
	struct chat_plan plan = { .final = 1,
		                  .repo = x->src->kind == CHAT_DATABASE ? &x->where->repo : NULL,
		                  .arg = x,
		                  .unit = chat_on_unit,
		                  .record = chat_on_record };
	static struct chat_result result;
	int rc = 0;

	begin_again(x);
	if (x->again && (rc = chat_load_raw(x)))
		return stop(x, rc);
	rc = chat_parse(x->src, &plan, &result, err);
	x->sync->bytes += x->src->size;
	if (rc == CHAT_STOPPED) { /* what is there by now is left out the next time */
		x->sync->left++;
		x->row->size = 0;
		return chat_end_unit(x);
	}
	if (!rc)
		rc = chat_end_unit(x);
	if (!rc)
		settle(x);
	return rc;
}

/* When it begins: lines that have no time of their own may come first. */

static int count_unit(void *arg, const struct chat_unit *unit)
{
	struct chat_intake *x = arg;

	(void)unit;
	return ++x->peeked > PEEK_UNITS;
}

static int take_time(void *arg, const struct chat_record *rec)
{
	struct chat_intake *x = arg;

	x->row->time = rec->time;
	return rec->time != CHAT_NO_TIME;
}

static void peek(struct chat_intake *x)
{
	struct chat_plan plan = { .final = 1,
		                  .repo = x->src->kind == CHAT_DATABASE ? &x->where->repo : NULL,
		                  .arg = x,
		                  .unit = count_unit,
		                  .record = take_time };
	static struct chat_result result;
	struct chat_error ignored;

	(void)chat_parse(x->src, &plan, &result, &ignored);
}

/* Units of a document of which something was said on days that were purged: a unit can be a whole
 * conversation, whose first record tells nothing of the others. */

static int find_old(void *arg, const struct chat_record *rec)
{
	struct chat_intake *x = arg;
	char day[CHAT_DAY];
	int was;

	if (rec->time == CHAT_NO_TIME)
		return 0;
	chat_day(rec->time, day);
	if (strcmp(day, x->limit) >= 0)
		return 0;
	return chat_seen_add(&x->old_units, rec->unit->number, &was) ? stop(x, oom(x)) : 0;
}

static int find_old_units(struct chat_intake *x, struct chat_error *err)
{
	struct chat_plan plan = { .final = 1,
		                  .repo = x->src->kind == CHAT_DATABASE ? &x->where->repo : NULL,
		                  .arg = x,
		                  .record = find_old };
	static struct chat_result result;

	return *x->limit ? chat_parse(x->src, &plan, &result, err) : 0;
}

static int recall_raw(void *arg, const char *day, uint64_t last)
{
	struct chat_intake *x = arg;

	memcpy(x->row->day, day, CHAT_DAY);
	x->row->lines = last;
	return 0;
}

int chat_intake(struct chat_intake *x, struct chat_error *err)
{
	int fd = -1, rc;

	if (x->a->forgot && !x->row->lines && !x->row->next &&
	    (rc = chat_archive_recall(x->a, "raw", x->row->name, recall_raw, x)))
		return stop(x, rc);
	if (x->row->lines && x->src->kind != CHAT_LINES && (rc = chat_archive_commit(x->a)))
		return stop(x, rc); /* what is to be compared with has to be stored */
	if (!x->row->lines && !x->row->next)
		peek(x);
	chat_purged_before(x->a, x->limit);
	if (x->src->kind != CHAT_LINES)
		return (rc = find_old_units(x, err)) ? rc : read_whole(x, err);
	rc = chat_open(x->src, &fd, err);
	if (!rc)
		rc = read_lines(x, fd, err);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

void chat_intake_free(struct chat_intake *x)
{
	for (size_t i = 0; i < x->n_known; i++) {
		free(x->known[i].session);
		chat_seen_free(&x->known[i].seen);
	}
	free(x->known);
	chat_seen_free(&x->raw_seen);
	chat_seen_free(&x->old_units);
	for (size_t i = 0; i < CHAT_SMALLS; i++) {
		chat_buf_free(&x->small[i].from);
		chat_buf_free(&x->small[i].to);
	}
	chat_buf_free(&x->line);
	chat_buf_free(&x->json);
	chat_buf_free(&x->text);
	chat_buf_free(&x->files);
	chat_buf_free(&x->held);
	chat_buf_free(&x->held_id);
	chat_buf_free(&x->session_id);
}
