/* Purging: out of the archive, and remembered, so that the next sync does not bring it back. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "redact.h"

#define WAIT_MS 20000
#define PURGED CHAT_PURGED_LINE
#define MATCH_LIMIT 5000000u

struct purge {
	struct skp_host *host;
	struct chat_archive *a;
	int dry_run;
	size_t sessions, lines, days;
	/* --match */
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	struct chat_buf piece, plain;
	/* of one session among others in a log: numbers of its lines */
	uint64_t *number;
	size_t n_numbers;
	int remember;
};

static int oom(struct purge *p)
{
	return p->host->error(p->host, SKP_EIO, "out of memory");
}

/* 1: it matches; -1: that cannot be told. */
static int match(struct purge *p, const char *s, size_t len)
{
	int n = pcre2_match(p->code, (PCRE2_SPTR)s, len, 0, 0, p->data, p->limits);

	return n >= 0 ? 1 : n == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

/* As it stands, and as it would be decoded. */
static int line_matches(struct purge *p, const char *s, size_t len)
{
	int n = match(p, s, len);

	if (n)
		return n;
	chat_buf_clear(&p->plain);
	if (chat_unescape(s, len, &p->plain))
		return -1;
	return match(p, chat_buf_str(&p->plain), p->plain.n);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int is_wanted(struct purge *p, uint64_t number, const char *s, size_t len)
{
	if (p->code)
		return line_matches(p, s, len);
	return p->n_numbers &&
	       bsearch(&number, p->number, p->n_numbers, sizeof number, by_number) != NULL;
}

/* One piece, the lines in question replaced; whether there were any. */
static int piece_without(struct purge *p, const char *name, const char *s, size_t len, size_t *hits)
{
	uint64_t number = strtoull(name, NULL, 10);
	const char *end = s + len;
	char hash[33];
	int rc = 0;

	chat_buf_clear(&p->piece);
	for (; !rc && s < end; number++) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((nl ? nl : end) - s);
		int hit = n == strlen(PURGED) && memcmp(s, PURGED, n) == 0
		                  ? 0
		                  : is_wanted(p, number, s, n);

		if (hit < 0)
			return p->host->error(p->host, SKP_EUSAGE,
			                      "the pattern needs too many steps; nothing was "
			                      "purged");
		if (hit && p->remember && !p->dry_run) {
			chat_hash_line(s, n, hash);
			rc = chat_purged_add(p->a, 'l', hash);
		}
		*hits += (size_t)hit;
		(void)chat_buf_add(&p->piece, hit ? PURGED : s, hit ? strlen(PURGED) : n);
		if (chat_buf_addc(&p->piece, '\n'))
			rc = oom(p);
		s += n + 1;
	}
	return rc;
}

/* One log of one day. */
static int log_without(struct purge *p, const char *day, const char *kind, const char *name)
{
	struct chat_node *folder = NULL;
	struct chat_buf path = { 0 };
	int rc = chat_archive_path(day, kind, name, &path) ? oom(p) : 0;

	if (!rc)
		rc = chat_root_find(&p->a->root, path.s, &folder);
	for (size_t i = 0; !rc && i < folder->n; i++) {
		size_t hits = 0, len;
		uint32_t type;
		void *data;

		rc = p->host->read(p->host, &folder->child[i].oid, &type, &data, &len);
		if (rc)
			break;
		rc = piece_without(p, folder->child[i].name, data, len, &hits);
		if (!rc && hits && !p->dry_run)
			rc = chat_archive_replace(p->a, day, kind, name, folder->child[i].name,
			                          p->piece.s, p->piece.n);
		p->lines += hits;
		p->host->release(p->host, data);
	}
	chat_buf_free(&path);
	return rc == SKP_ENO ? 0 : rc;
}

/* --match */

static int day_without(struct purge *p, const char *day, const char *kind)
{
	struct chat_node *folder = NULL;
	struct chat_buf path = { 0 };
	int rc = chat_archive_path(day, kind, NULL, &path) ? oom(p) : 0;

	if (!rc)
		rc = chat_root_find(&p->a->root, path.s, &folder);
	p->remember = *kind == 'r';
	for (size_t i = 0; !rc && i < folder->n; i++)
		rc = log_without(p, day, kind, folder->child[i].name);
	chat_buf_free(&path);
	return rc == SKP_ENO ? 0 : rc;
}

static int row_without(struct purge *p, struct chat_session *s, char **field)
{
	if (!match(p, *field, strlen(*field)) || p->dry_run)
		return 0;
	s->dirty = 1;
	return chat_set(field, "", 0) ? oom(p) : 0;
}

/* What a parser remembers of a source: without the values that match. */
static int state_without(struct purge *p, struct chat_read *r)
{
	struct chat_buf kept = { 0 };
	int rc = 0, any = 0;

	for (const char *s = r->state; *s;) {
		size_t n = strcspn(s, "\t"), key = strcspn(s, "=\t");
		int hit = key < n && match(p, s + key + 1, n - key - 1);

		any |= hit;
		if (!hit)
			(void)chat_buf_addf(&kept, "%s%.*s", kept.n ? "\t" : "", (int)n, s);
		s += n + (s[n] != '\0');
	}
	if (chat_buf_ok(&kept))
		rc = oom(p);
	else if (any && !p->dry_run) {
		r->dirty = 1;
		rc = chat_set(&r->state, chat_buf_str(&kept), kept.n) ? oom(p) : 0;
	}
	chat_buf_free(&kept);
	return rc;
}

static int purge_matches(struct purge *p, const char *pattern)
{
	PCRE2_UCHAR text[256];
	PCRE2_SIZE at;
	int error, rc = 0;

	p->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	                        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
	                        &error, &at, NULL);
	if (!p->code) {
		(void)pcre2_get_error_message(error, text, sizeof text);
		return p->host->error(p->host, SKP_EUSAGE, "--match: %s at byte %zu",
		                      (const char *)text, (size_t)at);
	}
	(void)pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (!p->data || !p->limits)
		return oom(p);
	(void)pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	if (match(p, "", 0) == 1)
		return p->host->error(p->host, SKP_EUSAGE, "--match matches everything");
	for (size_t i = 0; !rc && i < p->a->n_usage; i++) {
		rc = day_without(p, p->a->usage[i].day, "raw");
		if (!rc)
			rc = day_without(p, p->a->usage[i].day, "log");
	}
	for (size_t i = 0; !rc && i < p->a->rows.n_sessions; i++) {
		struct chat_session *s = &p->a->rows.session[i];

		rc = row_without(p, s, &s->title);
		if (!rc)
			rc = row_without(p, s, &s->branch);
		if (!rc)
			rc = row_without(p, s, &s->cwd);
	}
	for (size_t i = 0; !rc && i < p->a->rows.n_reads; i++)
		rc = state_without(p, &p->a->rows.read[i]);
	return rc;
}

/* A session */

static int take_number(void *arg, const struct chat_message *m)
{
	struct purge *p = arg;
	uint64_t *grown = realloc(p->number, (p->n_numbers + 1) * sizeof *grown);

	if (!grown)
		return oom(p);
	p->number = grown;
	grown[p->n_numbers++] = m->number;
	return 0;
}

/* A log that it shares with others: its lines. */
static int shared_log(struct purge *p, const struct chat_session *s, const struct chat_read *r)
{
	struct chat_talk talk = { 0 };
	int rc = chat_talk_load(p->a, s, CHAT_NO_TIME, CHAT_NO_TIME, 0, &talk);

	p->n_numbers = 0;
	p->remember = 1;
	for (size_t i = 0; !rc && i < talk.n; i++) {
		const char *slash = strrchr(talk.message[i].raw, '/');

		if (slash && strcmp(slash + 1, r->name) == 0)
			rc = take_number(p, &talk.message[i]);
	}
	if (!rc && p->n_numbers)
		qsort(p->number, p->n_numbers, sizeof *p->number, by_number);
	for (size_t i = 0; !rc && i < p->a->n_usage; i++)
		rc = log_without(p, p->a->usage[i].day, "raw", r->name);
	chat_talk_free(&talk);
	return rc;
}

static int own_log(struct purge *p, struct chat_read *r)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < p->a->n_usage; i++)
		rc = chat_archive_drop(p->a, p->a->usage[i].day, "raw", r->name);
	r->purged = 1;
	r->dirty = 1;
	return rc;
}

static int purge_session(struct purge *p, struct chat_session *s)
{
	char hash[33];
	int rc = 0;

	p->sessions++;
	if (p->dry_run)
		return 0;
	for (size_t i = 0; !rc && i < p->a->rows.n_reads; i++) {
		struct chat_read *r = &p->a->rows.read[i];
		int has = 0;

		for (size_t k = 0; k < r->n_sessions; k++)
			has = has || strcmp(r->session[k], s->name) == 0;
		if (!has)
			continue;
		rc = r->n_sessions == 1 ? own_log(p, r) : shared_log(p, s, r);
		p->host->note(p->host, "%s still has it; it is not archived again",
		              p->host->name(p->host, r->path));
	}
	for (size_t i = 0; !rc && i < s->n_days; i++)
		rc = chat_archive_drop(p->a, s->day[i], "log", s->name);
	chat_hash_line(s->name, strlen(s->name), hash);
	if (!rc)
		rc = chat_purged_add(p->a, 's', hash);
	s->gone = s->dirty = 1;
	return rc;
}

/* All of the days before one; what was said later stays. */
static int purge_before(struct purge *p, int64_t when)
{
	char limit[CHAT_DAY];
	int rc = 0;

	chat_day(when, limit);
	for (size_t i = 0; !rc && i < p->a->n_usage; i++) {
		char day[CHAT_DAY];

		memcpy(day, p->a->usage[i].day, sizeof day);
		if (strcmp(day, limit) >= 0 || !(p->a->usage[i].raw || p->a->usage[i].log))
			continue;
		p->days++;
		if (p->dry_run)
			continue;
		rc = chat_archive_drop(p->a, day, "raw", NULL);
		if (!rc)
			rc = chat_archive_drop(p->a, day, "log", NULL);
	}
	for (size_t i = 0; !rc && i < p->a->rows.n_sessions; i++) {
		struct chat_session *s = &p->a->rows.session[i];

		if (!s->n_days || strcmp(s->day[0], limit) >= 0)
			continue;
		if (strcmp(s->day[s->n_days - 1], limit) < 0) {
			p->sessions++;
			s->gone = s->dirty = !p->dry_run;
		} else if (!p->dry_run) {
			rc = chat_session_since(s, limit) ? oom(p) : 0;
		}
	}
	return rc || p->dry_run ? rc : chat_purged_days(p->a, limit);
}

static int confirmed(struct purge *p, const struct skp_call *call, const char *what)
{
	int yes = 0, rc;

	if (skp_has(call, "yes") || p->dry_run)
		return 0;
	rc = p->host->confirm(p->host, what, &yes);
	if (rc == SKP_EREFUSED)
		return p->host->error(p->host, rc,
		                      "purging cannot be undone; --yes says that it is "
		                      "meant");
	return rc ? rc : yes ? 0 : p->host->error(p->host, SKP_ENO, "nothing was purged");
}

static int do_purge(struct purge *p, const struct skp_call *call)
{
	const char *word = call->n_arg > 1 ? call->arg[1] : NULL;
	const struct chat_session *session = NULL;
	int64_t before;
	int rc = chat_when(p->host, call, "before", &before);

	if (!rc && (word != NULL) + (before != CHAT_NO_TIME) + skp_has(call, "match") != 1)
		rc = p->host->error(p->host, SKP_EUSAGE,
		                    "purge needs one of SESSION, --before TIME, --match RE");
	if (!rc && word)
		rc = chat_pick(p->a, word, &session);
	if (!rc)
		rc = confirmed(p, call, "purge it from the archive for good?");
	if (rc)
		return rc;
	if (session)
		return purge_session(p, &p->a->rows.session[session - p->a->rows.session]);
	return before != CHAT_NO_TIME ? purge_before(p, before)
	                              : purge_matches(p, skp_value(call, "match"));
}

static int tell(struct purge *p, int json)
{
	char text[200];

	if (json) {
		int n = snprintf(text, sizeof text,
		                 "{\"sessions\":%zu,\"days\":%zu,\"lines\":%zu,\"dry_run\":%s}",
		                 p->sessions, p->days, p->lines, p->dry_run ? "true" : "false");

		return p->host->json(p->host, text, (size_t)n);
	}
	if (!p->sessions && !p->lines && !p->days)
		return p->host->error(p->host, SKP_ENO, "there is nothing of that kind");
	p->host->print(p->host, "%spurged: %zu sessions, %zu days, %zu lines of others\n",
	               p->dry_run ? "would be " : "", p->sessions, p->days, p->lines);
	if (!p->dry_run)
		p->host->note(p->host, "no ref has it any more; 'git gc --prune=now' takes the "
		                       "objects away, vaults that have them need a purge too");
	return 0;
}

int chat_cmd_purge(struct skp_host *host, const struct skp_call *call)
{
	struct chat_archive a;
	struct purge p = { .host = host, .a = &a, .dry_run = skp_has(call, "dry-run") };
	int lock = -1,
	    rc = chat_args(host, call, 0, 1, "purge SESSION|--before TIME|--match RE [--yes]");

	if (!rc)
		rc = host->lock(host, "archive", WAIT_MS, &lock);
	if (!rc && !(rc = chat_archive_open(host, CHAT_READS | CHAT_SESSIONS, &a))) {
		rc = do_purge(&p, call);
		if (!rc && !p.dry_run)
			rc = chat_archive_commit(&a);
		chat_archive_close(&a);
	}
	host->unlock(host, lock);
	if (!rc)
		rc = tell(&p, call->json);
	pcre2_match_context_free(p.limits);
	pcre2_match_data_free(p.data);
	pcre2_code_free(p.code);
	chat_buf_free(&p.piece);
	chat_buf_free(&p.plain);
	free(p.number);
	return rc;
}
