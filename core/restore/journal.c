#include "restore/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

#define MAGIC "safekeep journal 1"
/* Ten million paths; a longer file is not believed. */
#define JOURNAL_MAX ((size_t)4 << 30)

void sk_job_clear(struct sk_job *job)
{
	free(job->operation);
	free(job->target);
	free(job->safety_id);
	sk_head_clear(&job->move);
	sk_plan_clear(&job->plan);
	*job = (struct sk_job){ .pid = 0 };
}

/* When the process began; 0: there is no such process, or its end is near (a zombie). */
static unsigned long long start_time(long pid)
{
	struct sk_buf text = SK_BUF_INIT;
	unsigned long long ticks = 0;
	char path[40], state = 0;
	const char *p;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	if (sk_read_file(AT_FDCWD, path, 1u << 16, &text) == 0) {
		p = strrchr(sk_buf_str(&text), ')'); /* the name before it may hold anything */
		if (p && sscanf(p, ") %c", &state) == 1 && state != 'Z' && state != 'X')
			for (int field = 2; p && field < 22; field++)
				p = strchr(p + 1, ' ');
		else
			p = NULL;
		ticks = p ? strtoull(p, NULL, 10) : 0;
	}
	sk_buf_free(&text);
	return ticks;
}

void sk_job_own(struct sk_job *job)
{
	job->pid = (long)getpid();
	job->started = start_time(job->pid);
}

bool sk_job_alive(const struct sk_job *job)
{
	return job->pid > 0 && job->started && start_time(job->pid) == job->started;
}

static void add_field(struct sk_buf *out, const char *text)
{
	(void)sk_buf_add(out, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_item(struct sk_buf *out, const struct sk_item *i)
{
	(void)sk_buf_addf(out, "%c%c%x%c%" PRIu32 "%c%" PRIo32 "%c%o%c%s%c%" PRIo32 "%c%o%c%s%c",
	                  i->kind, 0, i->flags & ~(unsigned)SK_ITEM_STAT, 0, i->base_len, 0,
	                  i->old_mode, 0, i->old_perm, 0, sk_oid_str(&i->old_oid), 0, i->new_mode,
	                  0, i->new_perm, 0, sk_oid_str(&i->new_oid), 0);
	(void)sk_buf_addf(out, "%" PRIu64 "%c", i->size, 0);
	add_field(out, i->path);
}

int sk_journal_format(const struct sk_job *job, struct sk_buf *out)
{
	const struct sk_head_move *m = &job->move;
	char hex[SK_OID_HEX + 1];
	struct sk_oid sum;
	struct sk_hash hash;

	add_field(out, MAGIC);
	add_field(out, job->operation);
	add_field(out, job->target);
	add_field(out, job->safety_id);
	(void)sk_buf_addf(out, "%ld%c%llu%c", job->pid, 0, job->started, 0);
	(void)sk_buf_addf(out, "%s%s%s%s%s%s%c", job->staged ? "s" : "", job->head ? "h" : "",
	                  job->index ? "i" : "", m->needed ? "m" : "", m->branch ? "b" : "",
	                  m->was_branch ? "w" : "", 0);
	add_field(out, job->plan.token);
	add_field(out, m->branch);
	add_field(out, sk_oid_str(&m->to));
	add_field(out, m->was_branch);
	add_field(out, sk_oid_str(&m->was));
	add_field(out, sk_oid_str(&m->branch_was));
	(void)sk_buf_addf(out, "%zu%c", job->plan.n, 0);
	for (size_t i = 0; i < job->plan.n; i++)
		add_item(out, &job->plan.item[i]);
	(void)sk_buf_addf(out, "%zu%c", job->plan.n_skips, 0);
	for (size_t i = 0; i < job->plan.n_skips; i++) {
		add_field(out, job->plan.skip[i].path);
		add_field(out, job->plan.skip[i].reason);
	}
	if (sk_buf_ok(out))
		return SK_EIO;
	sk_hash_init(&hash);
	sk_hash_update(&hash, out->ptr, out->len);
	sk_hash_final(&hash, &sum);
	sk_oid_hex(&sum, hex);
	add_field(out, hex);
	return sk_buf_ok(out);
}

struct reader {
	const char *at, *end;
	bool bad;
};

static const char *next(struct reader *r)
{
	const char *field = r->at, *nul;

	nul = r->at < r->end ? memchr(r->at, '\0', (size_t)(r->end - r->at)) : NULL;
	if (!nul) {
		r->bad = true;
		return "";
	}
	r->at = nul + 1;
	return field;
}

static unsigned long long number(struct reader *r, int base, unsigned long long max)
{
	const char *field = next(r);
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(field, &end, base);
	if (*field == '\0' || *field == '-' || *field == '+' || *end || errno || v > max) {
		r->bad = true;
		return 0;
	}
	return v;
}

static void oid(struct reader *r, struct sk_oid *out)
{
	const char *field = next(r);

	if (strlen(field) != SK_OID_HEX || !sk_oid_parse(field, out))
		r->bad = true;
}

static char *text(struct reader *r)
{
	char *copy = strdup(next(r));

	r->bad = r->bad || !copy;
	return copy;
}

/* A path that stays below the root, whatever was written. */
static bool plain_path(const char *path)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (len <= 2 && strncmp(p, "..", len) == 0))
			return false;
		p += len + (p[len] == '/');
	}
	return true;
}

static int parse_item(struct reader *r, struct sk_plan *plan)
{
	struct sk_item item = { .kind = 0 }, *to;
	const char *kind = next(r), *path;

	item.kind = kind[0];
	item.flags = (uint8_t)number(r, 16, UINT8_MAX);
	item.base_len = (uint32_t)number(r, 10, UINT32_MAX);
	item.old_mode = (uint32_t)number(r, 8, UINT32_MAX);
	item.old_perm = (uint16_t)number(r, 8, 07777);
	oid(r, &item.old_oid);
	item.new_mode = (uint32_t)number(r, 8, UINT32_MAX);
	item.new_perm = (uint16_t)number(r, 8, 07777);
	oid(r, &item.new_oid);
	item.size = number(r, 10, ULLONG_MAX);
	path = next(r);
	if (!item.kind || !strchr("wdmkr", item.kind) || !plain_path(path) ||
	    item.base_len > strlen(path) || (!*path && item.kind != SK_CHMOD))
		r->bad = true;
	if (r->bad)
		return 0;
	to = sk_plan_add(plan, (enum sk_change_kind)item.kind, path);
	if (!to)
		return SK_EIO;
	item.path = to->path;
	*to = item;
	return 0;
}

static void parse_flags(const char *flags, struct sk_job *job, bool *branch, bool *was)
{
	job->staged = strchr(flags, 's') != NULL;
	job->head = strchr(flags, 'h') != NULL;
	job->index = strchr(flags, 'i') != NULL;
	job->move.needed = strchr(flags, 'm') != NULL;
	*branch = strchr(flags, 'b') != NULL;
	*was = strchr(flags, 'w') != NULL;
}

static void parse_move(struct reader *r, struct sk_head_move *m, bool branch, bool was)
{
	char *b = text(r), *w;

	oid(r, &m->to);
	w = text(r);
	oid(r, &m->was);
	oid(r, &m->branch_was);
	if (branch)
		m->branch = b;
	else
		free(b);
	if (was)
		m->was_branch = w;
	else
		free(w);
}

static bool sum_fits(const char *data, size_t len)
{
	struct sk_oid want, got;
	struct sk_hash hash;

	if (len < SK_OID_HEX + 1 || data[len - 1] != '\0' ||
	    !sk_oid_parse(data + len - SK_OID_HEX - 1, &want))
		return false;
	sk_hash_init(&hash);
	sk_hash_update(&hash, data, len - SK_OID_HEX - 1);
	sk_hash_final(&hash, &got);
	return sk_oid_eq(&want, &got);
}

int sk_journal_parse(const char *data, size_t len, struct sk_job *out)
{
	struct reader r = { data, data + len, false };
	bool whole = sum_fits(data, len), branch, was;
	const char *token;
	size_t n;
	int rc = 0;

	*out = (struct sk_job){ .pid = 0 };
	if (strcmp(next(&r), MAGIC) != 0)
		return sk_error(SK_EDAMAGED, "the journal of a restore is damaged");
	out->operation = text(&r);
	out->target = text(&r);
	out->safety_id = text(&r);
	out->pid = (long)number(&r, 10, LONG_MAX);
	out->started = number(&r, 10, ULLONG_MAX);
	parse_flags(next(&r), out, &branch, &was);
	token = next(&r);
	if (strlen(token) != 16 || strspn(token, "0123456789abcdef") != 16)
		r.bad = true;
	else
		memcpy(out->plan.token, token, 17);
	parse_move(&r, &out->move, branch, was);
	n = number(&r, 10, SIZE_MAX);
	for (size_t i = 0; whole && i < n && !r.bad && !rc; i++)
		rc = parse_item(&r, &out->plan);
	n = whole && !r.bad && !rc ? number(&r, 10, SIZE_MAX) : 0;
	for (size_t i = 0; i < n && !r.bad && !rc; i++) {
		const char *path = next(&r), *reason = next(&r);

		if (!r.bad)
			rc = sk_plan_skip(&out->plan, path, "%s", reason);
	}
	if (!rc && (!whole || r.bad || r.end - r.at != SK_OID_HEX + 1))
		rc = sk_error(SK_EDAMAGED, "the journal of a restore is damaged");
	return rc;
}

static int path_of(const struct sk_repo *repo, const char *name, char **out)
{
	return asprintf(out, "%s/%s", repo->sklocal, name) < 0 ? sk_error_oom() : 0;
}

int sk_journal_write(const struct sk_repo *repo, const struct sk_job *job)
{
	struct sk_buf data = SK_BUF_INIT;
	char *path = NULL;
	int rc = sk_journal_format(job, &data);

	if (!rc)
		rc = path_of(repo, "journal", &path);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, data.ptr, data.len, 0600, true);
	sk_buf_free(&data);
	free(path);
	return rc;
}

int sk_journal_read(const struct sk_repo *repo, struct sk_job *out)
{
	struct sk_buf data = SK_BUF_INIT;
	char *path = NULL;
	int rc = path_of(repo, "journal", &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, JOURNAL_MAX, &data);
	if (!rc)
		rc = sk_journal_parse(sk_buf_str(&data), data.len, out);
	sk_buf_free(&data);
	free(path);
	return rc;
}

int sk_journal_remove(const struct sk_repo *repo)
{
	char *path = NULL;
	int rc = path_of(repo, "journal", &path);

	if (!rc && unlink(path) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	if (!rc)
		rc = sk_sync_dir(repo->sklocal);
	free(path);
	return rc;
}

int sk_journal_set_aside(const struct sk_repo *repo)
{
	char *path = NULL, *aside = NULL;
	int rc = path_of(repo, "journal", &path);

	if (!rc)
		rc = path_of(repo, "journal.damaged", &aside);
	if (!rc && rename(path, aside) < 0)
		rc = sk_error_errno(SK_EIO, "cannot rename '%s'", path);
	free(path);
	free(aside);
	return rc;
}
