#include "sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "intake.h"
#include "others.h"

#define TRIES 20
#define MAX_SIZE "2G"
#define WRITERS_MOST 4000

struct candidate {
	struct chat_source src; /* strings are ours */
};

struct run {
	struct chat_sync *s;
	struct chat_archive a;
	struct chat_redactor r;
	struct chat_where where;
	struct chat_others others;
	struct candidate *c;
	size_t n, cap;
};

static int oom(struct skp_host *host)
{
	return host->error(host, SKP_EIO, "out of memory");
}

int chat_expired(const struct chat_sync *s)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return s->deadline_ms && (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 >= s->deadline_ms;
}

static int remark(struct chat_sync *s, const char *path, const char *why, enum chat_trouble kind)
{
	struct chat_remark *grown = realloc(s->remark, (s->n_remarks + 1) * sizeof *grown);

	if (!grown)
		return oom(s->host);
	s->remark = grown;
	grown[s->n_remarks] = (struct chat_remark){ strdup(path), strdup(why), kind };
	if (!grown[s->n_remarks].path || !grown[s->n_remarks].why) {
		free(grown[s->n_remarks].path);
		free(grown[s->n_remarks].why);
		return oom(s->host);
	}
	s->n_remarks++;
	return 0;
}

/* Discovering */

static void known(void *arg, struct chat_source *src)
{
	struct run *run = arg;
	const struct chat_read *row = chat_rows_read(&run->a.rows, src->path);

	if (row && row->inode == src->inode && row->device == src->device) {
		src->scope = row->scope;
		src->belongs = CHAT_OURS;
		src->unchanged =
		        (row->size == src->size && row->mtime_ns == src->mtime_ns) || row->purged;
	} else if (chat_others_has(&run->others, src)) {
		src->belongs = CHAT_OTHERS;
		src->unchanged = 1;
	}
}

static void free_candidate(struct candidate *c)
{
	free((void *)(uintptr_t)c->src.path);
	free((void *)(uintptr_t)c->src.session);
	free((void *)(uintptr_t)c->src.parent);
	free((void *)(uintptr_t)c->src.scope);
}

static int found(void *arg, const struct chat_source *src)
{
	struct run *run = arg;
	struct candidate c = { *src };

	if (src->belongs == CHAT_OTHERS)
		return chat_others_add(&run->others, src);
	if (src->belongs != CHAT_OURS)
		return 0;
	run->s->sources++;
	if (src->unchanged)
		return 0;
	if (run->n == run->cap) {
		size_t cap = run->cap ? 2 * run->cap : 64;
		struct candidate *grown = realloc(run->c, cap * sizeof *grown);

		if (!grown)
			return oom(run->s->host);
		run->c = grown;
		run->cap = cap;
	}
	c.src.path = strdup(src->path);
	c.src.session = strdup(src->session);
	c.src.parent = strdup(src->parent);
	c.src.scope = strdup(src->scope ? src->scope : "");
	if (!c.src.path || !c.src.session || !c.src.parent || !c.src.scope) {
		free_candidate(&c);
		return oom(run->s->host);
	}
	run->c[run->n++] = c;
	return 0;
}

static void remarked(void *arg, enum chat_tool tool, int missing, const char *path,
                     const char *text)
{
	struct run *run = arg;
	char why[512];

	(void)snprintf(why, sizeof why, "%s%s%s", tool ? chat_tool_title(tool) : "",
	               tool ? ": " : "", text);
	(void)remark(run->s, path ? path : "", why, missing ? CHAT_MISSING : CHAT_NOTED);
}

static int discover(struct run *run)
{
	struct chat_discover what = { .homes = &run->where.homes,
		                      .repo = &run->where.repo,
		                      .named = run->where.named,
		                      .n_named = run->where.n_named,
		                      .tools = run->where.tools,
		                      .arg = run,
		                      .known = known,
		                      .found = found,
		                      .remark = remarked };
	struct chat_error err = { 0, "" };
	int rc = chat_discover(&what, &err);

	return rc && err.code ? run->s->host->error(run->s->host, rc, "%s", err.text) : rc;
}

/* Reading */

static int older(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->src.mtime_ns != y->src.mtime_ns)
		return x->src.mtime_ns < y->src.mtime_ns ? -1 : 1;
	return strcmp(x->src.path, y->src.path);
}

static int newer(const void *a, const void *b)
{
	return older(b, a);
}

/* A file may be named like a secret: then its row has a hash for a path, and its logs are named
 * without it. */
static int new_row(struct run *run, const struct chat_source *src, struct chat_read **out)
{
	const char *base = strrchr(src->path, '/'), *path = src->path;
	struct chat_buf name = { 0 }, clean = { 0 };
	char day[CHAT_DAY], hidden[CHAT_HIDDEN];
	int rc = chat_redact_text(&run->r, path, strlen(path), &clean);

	if (!rc && strcmp(chat_buf_str(&clean), path) != 0) {
		chat_hidden_path(path, hidden);
		path = hidden;
	}
	chat_buf_clear(&clean);
	base = *src->session ? src->session : base ? base + 1 : src->path;
	if (!rc)
		rc = chat_redact_text(&run->r, base, strlen(base), &clean);
	if (rc)
		goto out;
	rc = chat_log_name(src->tool, chat_buf_str(&clean), clean.n, &name);
	if (!rc)
		rc = chat_buf_addf(&name, "_%08x",
		                   (unsigned)XXH3_64bits(src->path, strlen(src->path)));
	chat_day(run->s->host->now(run->s->host) * 1000, day);
	if (!rc)
		rc = chat_rows_add_read(&run->a.rows, path, name.s, day, out);
	if (!rc)
		(*out)->tool = src->tool;
	else
		rc = oom(run->s->host);
out:
	chat_buf_free(&clean);
	chat_buf_free(&name);
	return rc;
}

/* A trouble with the source is remarked and no failure. */
static int take(struct run *run, const struct chat_source *src)
{
	struct chat_intake x = { .sync = run->s,
		                 .a = &run->a,
		                 .r = &run->r,
		                 .where = &run->where,
		                 .src = src,
		                 .row = chat_rows_read(&run->a.rows, src->path),
		                 .now_ms = run->s->host->now(run->s->host) * 1000 };
	struct chat_error err = { 0, "" };
	int rc = x.row ? 0 : new_row(run, src, &x.row);

	if (!rc && strcmp(x.row->scope, src->scope) != 0) {
		rc = chat_set(&x.row->scope, src->scope, strlen(src->scope));
		x.row->dirty = 1;
	}
	if (rc)
		return rc;
	run->s->changed++;
	rc = chat_intake(&x, &err);
	if (rc && !x.fatal && rc != SKP_ENO)
		rc = remark(run->s, src->path, err.code ? err.text : "it cannot be read",
		            CHAT_FAILED);
	else
		rc = x.fatal;
	chat_intake_free(&x);
	return rc;
}

/* A document or database that changes all the time is read and stored whole: in events once an
 * hour, or when it has come to rest. */
static int is_restless(const struct run *run, const struct chat_source *src)
{
	const struct chat_read *row = chat_rows_read(&run->a.rows, src->path);
	int64_t now = run->s->host->now(run->s->host) * 1000;

	return src->kind != CHAT_LINES && row && row->lines &&
	       now - src->mtime_ns / 1000000 < CHAT_QUIET_MS &&
	       now - row->mtime_ns / 1000000 < CHAT_READ_AGAIN_MS;
}

static int take_all(struct run *run)
{
	int rc = 0;

	/* in a hurry what is being talked about now comes first */
	if (run->n)
		qsort(run->c, run->n, sizeof *run->c, run->s->deadline_ms ? newer : older);
	for (size_t i = 0; !rc && i < run->n; i++) {
		if (run->s->quiet && is_restless(run, &run->c[i].src))
			continue;
		if (chat_expired(run->s)) {
			run->s->left += run->n - i;
			break;
		}
		rc = take(run, &run->c[i].src);
		if (!rc && (run->a.fresh >= CHAT_COMMIT || run->a.n_writers >= WRITERS_MOST))
			rc = chat_archive_commit(&run->a);
	}
	return rc;
}

/* Room: raw logs of the oldest days go first, then cleaned ones; never those of today. */

static int note_dropped(struct chat_archive *a, const char *kind, const char *day)
{
	a->lists_dirty = 1;
	return chat_buf_addf(&a->dropped, "%s %s\n", kind, day) ? oom(a->host) : 0;
}

int chat_max_size(struct skp_host *host, uint64_t *out)
{
	const char *text = host->setting(host, "max_size");

	return host->parse_size(host, text ? text : MAX_SIZE, out);
}

static int make_room(struct run *run)
{
	struct chat_archive *a = &run->a;
	char today[CHAT_DAY];
	int rc = chat_max_size(run->s->host, &run->s->max_size);

	chat_day(run->s->host->now(run->s->host) * 1000, today);
	for (int logs = 0; !rc && logs < 2; logs++)
		for (size_t i = 0; !rc && i < a->n_usage; i++) {
			uint64_t *bytes = logs ? &a->usage[i].log : &a->usage[i].raw;
			const char *day = a->usage[i].day;

			if (chat_archive_size(a) <= run->s->max_size || strcmp(day, today) >= 0)
				break;
			if (!*bytes)
				continue;
			rc = chat_archive_drop(a, day, logs ? "log" : "raw", NULL);
			if (!rc)
				rc = note_dropped(a, logs ? "log" : "raw", day);
			memcpy(run->s->dropped, day, CHAT_DAY);
		}
	run->s->size = chat_archive_size(a);
	return rc;
}

static void end(struct run *run)
{
	for (size_t i = 0; i < run->n; i++)
		free_candidate(&run->c[i]);
	free(run->c);
	chat_others_free(&run->others);
	chat_where_free(&run->where);
	chat_redactor_free(&run->r);
	chat_archive_close(&run->a);
}

static void reset(struct chat_sync *s)
{
	struct chat_sync fresh = { .host = s->host,
		                   .deadline_ms = s->deadline_ms,
		                   .wait_ms = s->wait_ms,
		                   .quiet = s->quiet };

	chat_sync_free(s);
	*s = fresh;
}

static int once(struct chat_sync *s)
{
	struct run run = { .s = s };
	int rc = chat_archive_open(s->host, CHAT_READS, &run.a);

	if (!rc)
		rc = chat_redactor_init(s->host, &run.r);
	if (!rc)
		rc = chat_where_init(s->host, &run.a, &run.where);
	if (!rc)
		rc = chat_others_load(s->host, chat_buf_str(&run.a.worktrees), &run.others);
	if (!rc)
		rc = discover(&run);
	if (!rc && (run.n || !s->quiet)) /* before a commit nothing more, when nothing is new */
		rc = chat_archive_need(&run.a, CHAT_SESSIONS);
	if (!rc)
		rc = take_all(&run);
	if (!rc) /* sizes are of what is stored */
		rc = chat_archive_commit(&run.a);
	if (!rc)
		rc = make_room(&run);
	if (!rc)
		rc = chat_archive_commit(&run.a);
	if (!rc)
		chat_others_save(&run.others);
	s->sessions = run.a.rows.n_sessions;
	s->secrets = run.r.secrets;
	s->images = run.r.images;
	end(&run);
	return rc;
}

struct survey {
	struct run run;
	int (*each)(void *arg, const struct chat_source *source, const struct chat_read *row);
	void *arg;
};

static int surveyed(void *arg, const struct chat_source *src)
{
	struct survey *s = arg;

	if (src->belongs == CHAT_OTHERS)
		return chat_others_add(&s->run.others, src);
	if (src->belongs != CHAT_OURS)
		return 0;
	return s->each(s->arg, src, chat_rows_read(&s->run.a.rows, src->path));
}

static void known_to_survey(void *arg, struct chat_source *src)
{
	struct survey *s = arg;

	known(&s->run, src);
}

int chat_survey(struct skp_host *host, struct chat_archive *a,
                int (*each)(void *arg, const struct chat_source *source,
                            const struct chat_read *row),
                void *arg)
{
	struct survey s = { .run.a = *a, .each = each, .arg = arg };
	struct chat_discover what = { .arg = &s, .known = known_to_survey, .found = surveyed };
	struct chat_error err = { 0, "" };
	int rc = chat_where_init(host, &s.run.a, &s.run.where);

	if (!rc)
		rc = chat_others_load(host, chat_buf_str(&s.run.a.worktrees), &s.run.others);
	if (!rc) {
		what.homes = &s.run.where.homes;
		what.repo = &s.run.where.repo;
		what.named = s.run.where.named;
		what.n_named = s.run.where.n_named;
		what.tools = s.run.where.tools;
		rc = chat_discover(&what, &err);
		if (rc && err.code)
			rc = host->error(host, rc, "%s", err.text);
	}
	if (!rc)
		chat_others_save(&s.run.others);
	*a = s.run.a; /* where_init noted the worktrees */
	chat_others_free(&s.run.others);
	chat_where_free(&s.run.where);
	return rc;
}

int chat_sync(struct chat_sync *s)
{
	const struct timespec pause = { 0, 200000000 };
	int lock = -1, rc = s->host->lock(s->host, "archive", s->wait_ms, &lock);

	for (int i = 0; !rc; i++) {
		rc = once(s);
		/* git's own tidying, or a child of ours that outlived it, had the ref */
		if (rc != SKP_EBUSY || i + 1 == TRIES || chat_expired(s))
			break;
		(void)nanosleep(&pause, NULL);
		reset(s);
		rc = 0;
	}
	s->host->unlock(s->host, lock);
	for (size_t i = 0; !rc && i < s->n_remarks; i++)
		if (s->remark[i].kind == CHAT_FAILED)
			return SKP_EPARTIAL;
	return rc;
}

void chat_sync_free(struct chat_sync *s)
{
	for (size_t i = 0; i < s->n_remarks; i++) {
		free(s->remark[i].path);
		free(s->remark[i].why);
	}
	free(s->remark);
	s->remark = NULL;
	s->n_remarks = 0;
}
