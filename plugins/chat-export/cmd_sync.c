#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "sync.h"

#define WAIT_MS 20000

static void add_remarks(struct chat_buf *b, const struct chat_sync *s)
{
	int any = 0;

	(void)chat_buf_adds(b, ",\"missing\":[");
	for (size_t i = 0; i < s->n_remarks; i++) {
		if (s->remark[i].kind != CHAT_MISSING)
			continue;
		if (any++)
			(void)chat_buf_addc(b, ',');
		(void)chat_buf_json(b, s->remark[i].why, strlen(s->remark[i].why));
	}
	any = 0;
	(void)chat_buf_adds(b, "],\"skipped\":[");
	for (size_t i = 0; i < s->n_remarks; i++) {
		if (s->remark[i].kind == CHAT_MISSING)
			continue;
		(void)chat_buf_adds(b, any++ ? ",{" : "{");
		(void)chat_buf_field(b, "path", s->remark[i].path, strlen(s->remark[i].path));
		(void)chat_buf_field(b, "reason", s->remark[i].why, strlen(s->remark[i].why));
		(void)chat_buf_addc(b, '}');
	}
	(void)chat_buf_addc(b, ']');
}

static int tell_json(struct skp_host *host, const struct chat_sync *s)
{
	struct chat_buf b = { 0 };
	int rc;

	(void)chat_buf_addf(&b,
	                    "{\"sources\":%llu,\"read\":%llu,\"left\":%llu,\"bytes\":%llu,"
	                    "\"records\":%llu,\"messages\":%llu,\"sessions\":%zu,"
	                    "\"new_sessions\":%zu,\"secrets\":%llu,\"images\":%llu,"
	                    "\"size\":%llu,\"max_size\":%llu",
	                    (unsigned long long)s->sources, (unsigned long long)s->changed,
	                    (unsigned long long)s->left, (unsigned long long)s->bytes,
	                    (unsigned long long)s->units, (unsigned long long)s->messages,
	                    s->sessions, s->new_sessions, (unsigned long long)s->secrets,
	                    (unsigned long long)s->images, (unsigned long long)s->size,
	                    (unsigned long long)s->max_size);
	add_remarks(&b, s);
	rc = chat_buf_addc(&b, '}') ? host->error(host, SKP_EIO, "out of memory")
	                            : host->json(host, b.s, b.n);
	chat_buf_free(&b);
	return rc;
}

static void tell(struct skp_host *host, const struct chat_sync *s)
{
	for (size_t i = 0; i < s->n_remarks; i++)
		if (s->remark[i].kind == CHAT_MISSING)
			host->note(host, "%s", s->remark[i].why);
	if (!s->sources)
		host->print(host, "no tool has conversations about this repository\n");
	else if (!s->units)
		host->print(host, "nothing new in %llu logs; %zu sessions are archived\n",
		            (unsigned long long)s->sources, s->sessions);
	else
		host->print(host,
		            "archived %llu records, %llu messages among them, of %llu logs; %zu "
		            "sessions, %zu of them new\n",
		            (unsigned long long)s->units, (unsigned long long)s->messages,
		            (unsigned long long)s->changed, s->sessions, s->new_sessions);
	if (s->secrets)
		host->note(host, "secrets replaced by their kind: %llu",
		           (unsigned long long)s->secrets);
	if (s->images)
		host->note(host, "images replaced by their size and hash: %llu",
		           (unsigned long long)s->images);
}

/* What has to be said whoever asked: nothing is dropped silently. */
static void tell_room(struct skp_host *host, const struct chat_sync *s)
{
	if (*s->dropped)
		host->warn(host,
		           "the archive reached max_size: logs of %s and before were dropped, raw "
		           "ones first",
		           s->dropped);
	else if (s->max_size && s->size >= s->max_size / 5 * 4)
		host->warn(host,
		           "the archive has %llu %% of max_size; beyond it the oldest raw logs are "
		           "dropped",
		           (unsigned long long)(s->size / (s->max_size / 100 + 1)));
}

static void tell_skipped(struct skp_host *host, const struct chat_sync *s)
{
	for (size_t i = 0; i < s->n_remarks; i++) {
		const struct chat_remark *r = &s->remark[i];

		if (r->kind == CHAT_FAILED)
			host->warn(host, "%s: %s", host->name(host, r->path), r->why);
		else if (r->kind == CHAT_NOTED)
			host->note(host, "%s%s%s", *r->path ? host->name(host, r->path) : "",
			           *r->path ? ": " : "", r->why);
	}
}

int chat_cmd_sync(struct skp_host *host, const struct skp_call *call)
{
	struct chat_sync s = { .host = host, .wait_ms = WAIT_MS };
	int rc = chat_args(host, call, 0, 0, "sync"), told = 0;

	if (rc)
		return rc;
	rc = chat_sync(&s);
	host->progress(host, "", 1, 1);
	if ((!rc || rc == SKP_EPARTIAL) && call->json)
		told = tell_json(host, &s);
	else if (!rc || rc == SKP_EPARTIAL)
		tell(host, &s);
	if (!rc || rc == SKP_EPARTIAL) {
		tell_skipped(host, &s);
		tell_room(host, &s);
	}
	if (rc == SKP_EPARTIAL)
		(void)host->error(host, rc, "some logs could not be read, they are named above");
	chat_sync_free(&s);
	return rc ? rc : told;
}

/* Cycle: until the host's time is nearly over.  Before a commit, so that the conversation that led
 * to it is there first: half of what git waits, the newest logs first. */
int chat_on_cycle(struct skp_host *host, const struct skp_event *event)
{
	int64_t left = host->time_left(host), most = 1000;
	struct chat_sync s = { .host = host, .quiet = 1 };
	struct timespec ts;
	int rc;

	if (left >= 0)
		most = event->kind == SKP_CYCLE ? left - left / 4 : left / 2;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	s.deadline_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + most;
	s.wait_ms = event->kind == SKP_CYCLE ? 2000 : 100;
	rc = chat_rest(host, SKP_BEFORE_COMMIT | SKP_CYCLE);
	if (!rc)
		rc = chat_sync(&s);
	if (rc || s.sources || s.left)
		(void)chat_wake(host);
	if (!rc || rc == SKP_EPARTIAL) {
		tell_room(host, &s);
		if (rc)
			tell_skipped(host, &s);
		rc = 0;
	}
	chat_sync_free(&s);
	return rc == SKP_EBUSY ? 0 : rc; /* whoever is at it does the same */
}
