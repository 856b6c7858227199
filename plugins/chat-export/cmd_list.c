#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"

#define ID_SHOWN 12

static void local(int64_t ms, char out[20])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (ms == CHAT_NO_TIME || !localtime_r(&t, &tm) ||
	    !strftime(out, 20, "%Y-%m-%d %H:%M", &tm))
		strcpy(out, "-");
}

static int list_json(struct skp_host *host, const struct chat_session *const *list, size_t n)
{
	struct chat_buf b = { 0 };
	int rc = chat_buf_adds(&b, "{\"sessions\":[");

	for (size_t i = 0; i < n; i++) {
		(void)chat_buf_adds(&b, i ? ",{" : "{");
		(void)chat_session_json(list[i], &b);
		(void)chat_buf_addc(&b, '}');
	}
	rc = chat_buf_adds(&b, "]}") ? host->error(host, SKP_EIO, "out of memory")
	                             : host->json(host, b.s, b.n);
	chat_buf_free(&b);
	return rc;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* As much of the id as tells it from all others, at least 12 bytes; `ids` are sorted. */
static size_t short_id(const char **ids, size_t n_ids, const char *id)
{
	const char **at = bsearch(&id, ids, n_ids, sizeof *ids, by_id);
	size_t len = strlen(id), n = ID_SHOWN;

	if (at && at > ids && common(at[-1], id) >= n)
		n = common(at[-1], id) + 1;
	if (at && at + 1 < ids + n_ids && common(at[1], id) >= n)
		n = common(at[1], id) + 1;
	return n < len ? n : len;
}

static void print_one(struct skp_host *host, const struct chat_session *s, size_t n)
{
	char began[20], id[200];

	local(s->began, began);
	if (n >= sizeof id)
		n = sizeof id - 1;
	memcpy(id, s->id, n);
	id[n] = '\0';
	host->print(host, "%s%-12s%s  %s  %-9s %4llu+%-4llu %s\n", host->style(host, SKP_YELLOW),
	            host->text(host, id), host->style(host, SKP_PLAIN), began,
	            chat_tool_name(s->tool), (unsigned long long)s->users,
	            (unsigned long long)s->answers, host->text(host, s->title));
}

/* Whole ids for programs. */
static int print_all(struct skp_host *host, const struct chat_archive *a, int terminal,
                     const struct chat_session *const *list, size_t n)
{
	const char **ids = calloc(a->rows.n_sessions + 1, sizeof *ids);

	if (!ids)
		return host->error(host, SKP_EIO, "out of memory");
	for (size_t i = 0; i < a->rows.n_sessions; i++)
		ids[i] = a->rows.session[i].id;
	if (terminal)
		qsort(ids, a->rows.n_sessions, sizeof *ids, by_id);
	for (size_t i = 0; i < n; i++)
		print_one(host, list[i],
		          terminal ? short_id(ids, a->rows.n_sessions, list[i]->id)
		                   : strlen(list[i]->id));
	free(ids);
	return 0;
}

int chat_cmd_list(struct skp_host *host, const struct skp_call *call)
{
	const char *count = skp_value(call, "max-count");
	const struct chat_session **list = NULL;
	struct chat_archive a;
	size_t n = 0, most;
	char *end = NULL;
	int rc = call->n_arg ? chat_args(host, call, 0, 0, "list") : 0;

	most = count ? strtoul(count, &end, 10) : (size_t)-1;
	if (!rc && count && (!*count || *end))
		rc = host->error(host, SKP_EUSAGE, "-n takes a number");
	if (rc || (rc = chat_archive_open(host, CHAT_SESSIONS, &a)))
		return rc;
	rc = chat_picked(&a, call, &list, &n);
	if (!rc && call->json) {
		rc = list_json(host, list, n < most ? n : most);
	} else if (!rc) {
		(void)host->pager(host);
		if (!n)
			host->note(host, "no conversation is archived%s",
			           a.rows.n_sessions ? " of that kind"
			                             : "; 'git sk chat sync' looks for them");
		rc = print_all(host, &a, call->terminal, list, n < most ? n : most);
	}
	free(list);
	chat_archive_close(&a);
	return rc;
}
