#include "archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STALE_LOCK_S 2

struct chat_writer {
	char *folder;
	char day[CHAT_DAY];
	int raw;
	struct chat_buf buf; /* the piece being written */
	uint64_t first, n;   /* number of its first line, its lines */
	size_t had;          /* bytes of it that were stored before */
};

static int oom(struct chat_archive *a)
{
	return a->host->error(a->host, SKP_EIO, "out of memory");
}

/* Opening */

static int read_text(struct chat_archive *a, const char *path, struct chat_buf *out)
{
	void *data = NULL;
	size_t len = 0;
	int rc = chat_root_read(&a->root, path, &data, &len);

	if (rc)
		return rc == SKP_ENO ? 0 : rc;
	rc = chat_buf_add(out, data, len);
	a->host->release(a->host, data);
	return rc ? oom(a) : 0;
}

static int read_rows(struct chat_archive *a, const char *kind)
{
	struct chat_node *folder = NULL;
	char path[64];
	size_t bad = 0;
	int rc;

	(void)snprintf(path, sizeof path, "index/%s", kind);
	rc = chat_root_find(&a->root, path, &folder);
	a->forgot |= rc == SKP_ENO;
	if (rc)
		return rc == SKP_ENO ? 0 : rc;
	for (size_t i = 0; !rc && i < folder->n; i++) {
		const char *month = folder->child[i].name;
		uint32_t type;
		void *data;
		size_t len;

		rc = a->host->read(a->host, &folder->child[i].oid, &type, &data, &len);
		if (rc)
			break;
		rc = *kind == 's' ? chat_rows_load_sessions(&a->rows, month, data, len, &bad)
		                  : chat_rows_load_reads(&a->rows, month, data, len, &bad);
		a->host->release(a->host, data);
		if (rc)
			rc = oom(a);
	}
	if (!rc && bad)
		a->host->warn(a->host, "%zu lines of index/%s cannot be read", bad, kind);
	a->forgot |= bad > 0;
	return rc;
}

struct chat_usage *chat_usage_of(struct chat_archive *a, const char *day)
{
	size_t at = a->n_usage;

	while (at && strcmp(a->usage[at - 1].day, day) >= 0)
		at--;
	if (at < a->n_usage && strcmp(a->usage[at].day, day) == 0)
		return &a->usage[at];
	if (a->n_usage == a->cap_usage) {
		size_t cap = a->cap_usage ? 2 * a->cap_usage : 32;
		struct chat_usage *grown = realloc(a->usage, cap * sizeof *grown);

		if (!grown)
			return NULL;
		a->usage = grown;
		a->cap_usage = cap;
	}
	memmove(&a->usage[at + 1], &a->usage[at], (a->n_usage - at) * sizeof *a->usage);
	a->usage[at] = (struct chat_usage){ .raw = 0 };
	(void)snprintf(a->usage[at].day, CHAT_DAY, "%s", day);
	a->n_usage++;
	return &a->usage[at];
}

static int read_usage(struct chat_archive *a)
{
	struct chat_buf text = { 0 };
	int rc = read_text(a, "index/days", &text);

	for (const char *p = chat_buf_str(&text); !rc && *p; p += strcspn(p, "\n"), p += *p != 0) {
		unsigned long long raw, log;
		struct chat_usage *u;
		char day[CHAT_DAY];

		if (sscanf(p, "%10s %llu %llu", day, &raw, &log) != 3)
			continue;
		u = chat_usage_of(a, day);
		if (!u)
			rc = oom(a);
		else
			u->raw = raw, u->log = log;
	}
	chat_buf_free(&text);
	return rc;
}

int chat_archive_need(struct chat_archive *a, unsigned need)
{
	int rc = 0;

	need &= ~a->loaded;
	a->loaded |= need;
	if (a->exists && need & CHAT_SESSIONS) {
		rc = read_rows(a, "sessions");
		if (!rc && a->forgot)
			rc = chat_archive_rebuild(a);
	}
	if (!rc && a->exists && need & CHAT_READS)
		rc = read_rows(a, "reads");
	return rc;
}

int chat_archive_open(struct skp_host *host, unsigned need, struct chat_archive *out)
{
	struct skp_record record;
	int rc = host->record(host, CHAT_RECORD, &record);

	memset(out, 0, sizeof *out);
	out->host = host;
	out->exists = !rc;
	chat_root_init(&out->root, host, rc ? NULL : &record.tree);
	if (rc)
		return rc == SKP_ENO ? 0 : rc;
	rc = read_usage(out);
	if (!rc)
		rc = chat_archive_need(out, need);
	if (!rc)
		rc = read_text(out, "index/purged", &out->purged);
	if (!rc)
		rc = read_text(out, "index/worktrees", &out->worktrees);
	if (!rc)
		rc = read_text(out, "index/dropped", &out->dropped);
	if (rc)
		chat_archive_close(out);
	return rc;
}

static void drop_writers(struct chat_archive *a)
{
	for (size_t i = 0; i < a->n_writers; i++) {
		free(a->writer[i]->folder);
		chat_buf_free(&a->writer[i]->buf);
		free(a->writer[i]);
	}
	chat_map_free(&a->by_folder);
	a->n_writers = 0;
	a->waiting = 0;
}

void chat_archive_close(struct chat_archive *a)
{
	drop_writers(a);
	free(a->writer);
	if (a->batch)
		a->host->drop(a->batch);
	chat_root_free(&a->root);
	chat_rows_free(&a->rows);
	free(a->usage);
	chat_buf_free(&a->purged);
	chat_buf_free(&a->worktrees);
	chat_buf_free(&a->dropped);
	memset(a, 0, sizeof *a);
}

/* Writing */

static int begin(struct chat_archive *a)
{
	a->dirty = 1;
	return a->batch ? 0 : a->host->batch(a->host, &a->batch);
}

int chat_archive_path(const char *day, const char *kind, const char *name, struct chat_buf *out)
{
	return chat_buf_addf(out, "%.7s/%.2s/%s%s%s", day, day + 8, kind, name ? "/" : "",
	                     name ? name : "");
}

static size_t count_lines(const char *s, size_t len)
{
	size_t n = 0;

	for (const char *end = s + len; s < end && (s = memchr(s, '\n', (size_t)(end - s))); s++)
		n++;
	return n;
}

/* Goes on where the log of that day ended. */
static int resume(struct chat_archive *a, struct chat_writer *w, uint64_t first)
{
	struct chat_node *folder = NULL;
	uint32_t type;
	void *data = NULL;
	size_t len = 0;
	int rc = chat_root_find(&a->root, w->folder, &folder);

	w->first = first;
	if (rc || !folder->n)
		return rc == SKP_ENO ? 0 : rc;
	w->first = strtoull(folder->child[folder->n - 1].name, NULL, 10);
	rc = a->host->read(a->host, &folder->child[folder->n - 1].oid, &type, &data, &len);
	if (rc)
		return rc;
	w->n = count_lines(data, len);
	if (len < CHAT_PIECE_OPEN) {
		w->had = len;
		rc = chat_buf_add(&w->buf, data, len) ? oom(a) : 0;
	} else {
		w->first += w->n;
		w->n = 0;
	}
	a->host->release(a->host, data);
	return rc;
}

static int new_writer(struct chat_archive *a, const char *folder, const char *day, int raw,
                      uint64_t first, struct chat_writer **out)
{
	struct chat_writer *w = calloc(1, sizeof *w);
	int rc;

	if (a->n_writers == a->cap_writers) {
		size_t cap = a->cap_writers ? 2 * a->cap_writers : 16;
		struct chat_writer **grown = realloc(a->writer, cap * sizeof(*grown));

		if (grown) {
			a->writer = grown;
			a->cap_writers = cap;
		}
	}
	if (!w || a->n_writers == a->cap_writers || !(w->folder = strdup(folder))) {
		free(w);
		return oom(a);
	}
	(void)snprintf(w->day, sizeof w->day, "%s", day);
	w->raw = raw;
	rc = chat_map_set(&a->by_folder, w->folder, a->n_writers) ? oom(a) : 0;
	a->writer[a->n_writers++] = w; /* what fails here is dropped with the others */
	if (!rc)
		rc = resume(a, w, first);
	a->waiting += w->buf.n;
	if (!rc)
		*out = w;
	return rc;
}

static int flush_piece(struct chat_archive *a, struct chat_writer *w)
{
	struct chat_usage *usage = chat_usage_of(a, w->day);
	char path[512];
	int rc;

	if (w->buf.n == w->had)
		return 0;
	if (!usage)
		return oom(a);
	(void)snprintf(path, sizeof path, "%s/%09llu.jsonl", w->folder,
	               (unsigned long long)w->first);
	rc = chat_root_put(&a->root, a->batch, path, w->buf.s, w->buf.n);
	if (rc)
		return rc;
	*(w->raw ? &usage->raw : &usage->log) += w->buf.n - w->had;
	w->had = w->buf.n;
	return 0;
}

static struct chat_writer *open_writer(const struct chat_archive *a, const char *folder)
{
	size_t i;

	return chat_map_get(&a->by_folder, folder, &i) ? a->writer[i] : NULL;
}

/* Their pieces into the batch; what follows begins new ones, as these cannot be read before they
 * are stored. */
static int flush_all(struct chat_archive *a)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->n_writers; i++) {
		struct chat_writer *w = a->writer[i];

		rc = flush_piece(a, w);
		chat_buf_free(&w->buf);
		w->first += w->n;
		w->n = 0;
		w->had = 0;
	}
	a->waiting = 0;
	return rc;
}

int chat_archive_line(struct chat_archive *a, const char *day, const char *kind, const char *name,
                      const char *line, size_t len, uint64_t first, uint64_t *number)
{
	struct chat_buf folder = { 0 };
	struct chat_writer *w = NULL;
	int rc = begin(a);

	if (!rc && a->waiting > CHAT_WAITING_MOST)
		rc = flush_all(a);
	if (!rc && chat_archive_path(day, kind, name, &folder))
		rc = oom(a);
	if (!rc)
		w = open_writer(a, folder.s);
	if (!rc && !w)
		rc = new_writer(a, folder.s, day, *kind == 'r', first, &w);
	if (!rc && w->buf.n && w->buf.n + len >= CHAT_PIECE) {
		rc = flush_piece(a, w);
		a->waiting -= w->buf.n;
		chat_buf_clear(&w->buf);
		w->first += w->n;
		w->n = 0;
		w->had = 0;
	}
	if (!rc) {
		(void)chat_buf_add(&w->buf, line, len);
		if (chat_buf_addc(&w->buf, '\n'))
			rc = oom(a);
		a->waiting += len + 1;
		a->fresh += len + 1;
		*number = w->first + w->n++;
	}
	chat_buf_free(&folder);
	return rc;
}

static int save_month(struct chat_archive *a, const char *kind, const char *month)
{
	struct chat_buf text = { 0 };
	char path[64];
	int rc;

	(void)snprintf(path, sizeof path, "index/%s/%s", kind, month);
	rc = *kind == 's' ? chat_rows_save_sessions(&a->rows, month, &text)
	                  : chat_rows_save_reads(&a->rows, month, &text);
	if (rc)
		rc = oom(a);
	else if (text.n)
		rc = chat_root_put(&a->root, a->batch, path, text.s, text.n);
	else
		rc = chat_root_remove(&a->root, path);
	chat_buf_free(&text);
	return rc;
}

/* Each month with a row that changed, once. */
static int save_rows(struct chat_archive *a)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->rows.n_sessions; i++) {
		struct chat_session *s = &a->rows.session[i];

		if (!s->dirty)
			continue;
		rc = save_month(a, "sessions", s->month);
		for (size_t k = i; !rc && k < a->rows.n_sessions; k++)
			if (strcmp(a->rows.session[k].month, s->month) == 0)
				a->rows.session[k].dirty = 0;
	}
	for (size_t i = 0; !rc && i < a->rows.n_reads; i++) {
		struct chat_read *r = &a->rows.read[i];

		if (!r->dirty)
			continue;
		rc = save_month(a, "reads", r->month);
		for (size_t k = i; !rc && k < a->rows.n_reads; k++)
			if (strcmp(a->rows.read[k].month, r->month) == 0)
				a->rows.read[k].dirty = 0;
	}
	return rc;
}

static int save_text(struct chat_archive *a, const char *path, const struct chat_buf *text)
{
	if (!text->n)
		return chat_root_remove(&a->root, path);
	return chat_root_put(&a->root, a->batch, path, text->s, text->n);
}

static int save_lists(struct chat_archive *a)
{
	struct chat_buf days = { 0 };
	int rc = 0;

	for (size_t i = 0; i < a->n_usage; i++)
		if (a->usage[i].raw || a->usage[i].log)
			(void)chat_buf_addf(&days, "%s %llu %llu\n", a->usage[i].day,
			                    (unsigned long long)a->usage[i].raw,
			                    (unsigned long long)a->usage[i].log);
	rc = chat_buf_ok(&days) ? oom(a) : save_text(a, "index/days", &days);
	if (!rc && a->lists_dirty)
		rc = save_text(a, "index/purged", &a->purged);
	if (!rc && a->lists_dirty)
		rc = save_text(a, "index/worktrees", &a->worktrees);
	if (!rc && a->lists_dirty)
		rc = save_text(a, "index/dropped", &a->dropped);
	chat_buf_free(&days);
	return rc;
}

/* The whole lock of the ref that a process of ours left when it was killed: we hold the lock of the
 * archive, and no other writer waits as long. */
static int drop_stale_lock(struct chat_archive *a)
{
	struct chat_buf path = { 0 };
	struct stat st;
	int dropped = 0;

	if (chat_buf_addf(&path, "%s/refs/sk/chat/%s.lock", a->host->commondir, CHAT_RECORD) == 0 &&
	    stat(path.s, &st) == 0 && time(NULL) - st.st_mtime > STALE_LOCK_S)
		dropped = unlink(path.s) == 0;
	chat_buf_free(&path);
	return dropped;
}

static int put_record(struct chat_archive *a)
{
	struct skp_record record = { .name = CHAT_RECORD, .title = "conversations" };
	char sessions[32], bytes[32];
	struct skp_trailer trailer[] = { { "Chat-Sessions", sessions }, { "Chat-Bytes", bytes } };
	int rc = chat_root_write(&a->root, a->batch, &record.tree);

	(void)snprintf(sessions, sizeof sessions, "%zu", a->rows.n_sessions);
	(void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)chat_archive_size(a));
	record.trailer = trailer;
	record.n_trailers = 2;
	return rc ? rc : a->host->put(a->batch, &record);
}

int chat_archive_commit(struct chat_archive *a)
{
	struct skp_batch *batch;
	int rc = 0;

	for (size_t i = 0; i < a->rows.n_sessions && !a->dirty; i++)
		a->dirty = a->rows.session[i].dirty;
	for (size_t i = 0; i < a->rows.n_reads && !a->dirty; i++)
		a->dirty = a->rows.read[i].dirty;
	if (!a->dirty && !a->lists_dirty)
		return 0;
	rc = begin(a);
	for (size_t i = 0; !rc && i < a->n_writers; i++)
		rc = flush_piece(a, a->writer[i]);
	drop_writers(a);
	a->fresh = 0;
	if (!rc)
		rc = save_rows(a);
	if (!rc)
		rc = save_lists(a);
	if (!rc)
		rc = put_record(a);
	batch = a->batch;
	a->batch = NULL;
	if (rc) {
		if (batch)
			a->host->drop(batch);
		return rc;
	}
	rc = a->host->store(batch);
	if (rc == SKP_EBUSY)
		(void)drop_stale_lock(a);
	if (!rc)
		a->dirty = a->lists_dirty = 0, a->exists = 1;
	return rc;
}

/* Reading */

static int read_piece(struct chat_archive *a, const struct chat_node *piece, uint64_t from,
                      int (*line)(void *arg, uint64_t number, const char *s, size_t len), void *arg)
{
	uint64_t number = strtoull(piece->name, NULL, 10);
	const char *p, *end;
	uint32_t type;
	void *data;
	size_t len;
	int rc = a->host->read(a->host, &piece->oid, &type, &data, &len);

	if (rc)
		return rc;
	for (p = data, end = p + len; !rc && p < end; number++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (number >= from)
			rc = line(arg, number, p, n);
		p += n + 1;
	}
	a->host->release(a->host, data);
	return rc;
}

int chat_archive_read(struct chat_archive *a, const char *day, const char *kind, const char *name,
                      uint64_t from,
                      int (*line)(void *arg, uint64_t number, const char *s, size_t len), void *arg)
{
	struct chat_node *folder = NULL;
	struct chat_buf path = { 0 };
	int rc = chat_archive_path(day, kind, name, &path) ? oom(a) : 0;

	if (!rc)
		rc = chat_root_find(&a->root, path.s, &folder);
	for (size_t i = 0; !rc && i < folder->n; i++) {
		if (i + 1 < folder->n && strtoull(folder->child[i + 1].name, NULL, 10) <= from)
			continue;
		rc = read_piece(a, &folder->child[i], from, line, arg);
	}
	chat_buf_free(&path);
	return rc;
}

static int last_line(void *arg, uint64_t number, const char *s, size_t len)
{
	(void)s;
	(void)len;
	*(uint64_t *)arg = number;
	return 0;
}

int chat_archive_recall(struct chat_archive *a, const char *kind, const char *name,
                        int (*day)(void *arg, const char *day, uint64_t last), void *arg)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->n_usage; i++) {
		uint64_t last = 0;

		rc = chat_archive_read(a, a->usage[i].day, kind, name, 0, last_line, &last);
		if (!rc)
			rc = day(arg, a->usage[i].day, last);
		if (rc == SKP_ENO)
			rc = 0;
	}
	return rc;
}

uint64_t chat_archive_size(const struct chat_archive *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->n_usage; i++)
		sum += a->usage[i].raw + a->usage[i].log;
	return sum;
}
