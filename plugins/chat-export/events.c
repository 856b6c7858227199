/* events.c - the health check and retention. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "commands.h"
#include "redact.h"
#include "sync.h"

#define CLEANUP_DAYS 30 /* Claude Code's own, unless its settings say otherwise */
#define WARN_BEFORE "5d"
#define DAY_MS 86400000
#define KEEP "never"

struct health {
	struct skp_host *host;
	int64_t now, warn_ms, cleanup_ms;
	size_t logs, waiting, ending; /* known here; not archived yet; and soon to be deleted */
	int64_t soonest;              /* when the first of them is */
};

/* cleanupPeriodDays of settings.json. */
static int64_t cleanup_ms(void)
{
	struct chat_buf path = { 0 };
	struct chat_homes homes;
	json_t *o = NULL;
	const json_t *days;
	int64_t ms = (int64_t)CLEANUP_DAYS * DAY_MS;

	chat_homes_env(&homes);
	if (homes.claude)
		(void)chat_buf_addf(&path, "%s/settings.json", homes.claude);
	else if (homes.home)
		(void)chat_buf_addf(&path, "%s/.claude/settings.json", homes.home);
	if (path.n)
		o = json_load_file(path.s, 0, NULL);
	days = json_object_get(o, "cleanupPeriodDays");
	if (json_is_integer(days) && json_integer_value(days) >= 0 &&
	    json_integer_value(days) < 100000)
		ms = (int64_t)json_integer_value(days) * DAY_MS;
	json_decref(o);
	chat_buf_free(&path);
	return ms;
}

static int look_at(void *arg, const struct chat_source *src, const struct chat_read *row)
{
	struct health *h = arg;
	int64_t end = src->mtime_ns / 1000000 + h->cleanup_ms;

	h->logs++;
	if (row && (row->purged || src->unchanged ||
	            (row->next >= src->size && row->mtime_ns == src->mtime_ns)))
		return 0;
	h->waiting++;
	if (src->tool != CHAT_CLAUDE || end - h->now > h->warn_ms)
		return 0;
	if (!h->ending || end < h->soonest)
		h->soonest = end;
	h->ending++;
	return 0;
}

static int tell(struct health *h, const struct chat_archive *a, uint64_t max)
{
	uint64_t size = chat_archive_size(a);
	char detail[400];
	uint32_t status = SKP_STATUS_OK;
	int n;

	n = snprintf(detail, sizeof detail, "%zu conversations are archived, %llu KB of text",
	             a->rows.n_sessions, (unsigned long long)((size + 1023) / 1024));
	if (h->ending) {
		char day[CHAT_DAY];

		status = SKP_STATUS_WARN;
		chat_day(h->soonest, day);
		n = snprintf(
		        detail, sizeof detail,
		        "%zu logs that are not archived are deleted by Claude Code from %s on; "
		        "'git sk chat sync' archives them",
		        h->ending, day);
	} else if (!h->logs && !a->rows.n_sessions) {
		status = SKP_STATUS_OFF;
		n = snprintf(detail, sizeof detail,
		             "no tool has conversations about this repository");
	} else if (h->waiting) {
		n += snprintf(detail + n, sizeof detail - (size_t)n, "; %zu logs have more",
		              h->waiting);
	}
	if (max && size >= max / 5 * 4 && n < (int)sizeof detail) {
		status = SKP_STATUS_WARN;
		(void)snprintf(detail + n, sizeof detail - (size_t)n,
		               "; %llu %% of max_size is used, beyond it the oldest raw logs go",
		               (unsigned long long)(size / (max / 100 + 1)));
	}
	return h->host->check(h->host, "conversations", status, detail);
}

int chat_on_health(struct skp_host *host)
{
	struct health h = { .host = host, .now = host->now(host) * 1000 };
	const char *warn = host->setting(host, "warn_before");
	struct chat_redactor r;
	struct chat_archive a;
	uint64_t max = 0;
	int rc = chat_rest(host, SKP_BEFORE_COMMIT | SKP_CYCLE | SKP_HEALTH);

	if (!rc)
		rc = chat_archive_open(host, CHAT_READS | CHAT_SESSIONS, &a);
	if (rc)
		return rc;
	h.cleanup_ms = cleanup_ms();
	rc = host->parse_duration(host, warn ? warn : WARN_BEFORE, &h.warn_ms);
	if (!rc)
		rc = chat_max_size(host, &max);
	if (!rc)
		rc = chat_survey(host, &a, look_at, &h);
	if (!rc && (h.logs || a.rows.n_sessions))
		rc = chat_wake(host);
	if (!rc && chat_redactor_init(host, &r))
		rc = host->check(host, "conversations", SKP_STATUS_WARN, host->message(host));
	else if (!rc) {
		chat_redactor_free(&r);
		rc = tell(&h, &a, max);
	}
	chat_archive_close(&a);
	return rc;
}

/* Retention: `keep = 365d` */

static int drop_day(struct chat_archive *a, const char *day)
{
	int rc = chat_archive_drop(a, day, "raw", NULL);

	if (!rc)
		rc = chat_archive_drop(a, day, "log", NULL);
	a->lists_dirty = 1;
	if (!rc && chat_buf_addf(&a->dropped, "both %s\n", day))
		rc = a->host->error(a->host, SKP_EIO, "out of memory");
	return rc;
}

static int drop_before(struct skp_host *host, struct chat_archive *a, const char *limit,
                       int dry_run)
{
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < a->n_usage; i++) {
		const struct chat_usage *u = &a->usage[i];
		char day[CHAT_DAY];

		if (strcmp(u->day, limit) >= 0 || !(u->raw || u->log))
			continue;
		memcpy(day, u->day, sizeof day);
		n++;
		if (dry_run)
			host->print(host, "conversations of %s would be dropped (keep)\n", day);
		else
			rc = drop_day(a, day);
	}
	for (size_t i = 0; i < a->rows.n_sessions && !dry_run; i++) {
		struct chat_session *s = &a->rows.session[i];

		s->gone = s->n_days && strcmp(s->day[s->n_days - 1], limit) < 0;
		s->dirty |= s->gone;
		n += (size_t)s->gone;
	}
	if (!rc && n && !dry_run) /* a log that is read again does not bring them back */
		rc = chat_purged_days(a, limit);
	if (!rc && n && !dry_run)
		rc = chat_archive_commit(a);
	if (!rc && n && !dry_run)
		host->note(host, "conversations of the days before %s were dropped (keep)", limit);
	return rc;
}

int chat_on_prune(struct skp_host *host, const struct skp_event *event)
{
	const char *keep = host->setting(host, "keep");
	struct chat_archive a;
	char limit[CHAT_DAY];
	int64_t ms = 0;
	int lock = -1, rc = host->parse_duration(host, keep ? keep : KEEP, &ms);

	if (rc || ms < 0)
		return rc;
	if (ms < DAY_MS)
		return host->error(host, SKP_EUSAGE,
		                   "'keep' of [plugin \"chat-export\"] is less than a day");
	chat_day(host->now(host) * 1000 - ms, limit);
	rc = host->lock(host, "archive", 5000, &lock);
	if (!rc && !(rc = chat_archive_open(host, CHAT_SESSIONS, &a))) {
		rc = drop_before(host, &a, limit, event->dry_run);
		chat_archive_close(&a);
	}
	host->unlock(host, lock);
	return rc;
}
