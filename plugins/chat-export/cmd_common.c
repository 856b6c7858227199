#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int chat_args(struct skp_host *host, const struct skp_call *call, size_t least, size_t most,
              const char *usage)
{
	if (call->n_arg < least + 1 || call->n_arg > most + 1 || call->n_path)
		return host->error(host, SKP_EUSAGE, "usage: git sk chat %s", usage);
	return 0;
}

/* Newest first. */
static int by_end(const void *a, const void *b)
{
	const struct chat_session *x = *(const struct chat_session *const *)a;
	const struct chat_session *y = *(const struct chat_session *const *)b;

	if (x->ended != y->ended)
		return x->ended > y->ended ? -1 : 1;
	return strcmp(y->name, x->name);
}

int chat_pick(struct chat_archive *a, const char *word, const struct chat_session **out)
{
	const struct chat_session *found = NULL;
	size_t n = 0, len = word ? strlen(word) : 0;

	if (!a->rows.n_sessions)
		return a->host->error(a->host, SKP_ENO,
		                      "no conversation is archived; 'git sk chat sync' looks for "
		                      "them");
	for (size_t i = 0; i < a->rows.n_sessions; i++) {
		const struct chat_session *s = &a->rows.session[i];

		if (!word || strcmp(word, "latest") == 0) {
			if (!found || by_end(&s, &found) < 0)
				found = s;
			n = 1;
		} else if (strcmp(s->id, word) == 0 || strcmp(s->name, word) == 0) {
			found = s;
			n = 1;
			break;
		} else if (strncmp(s->id, word, len) == 0 || strncmp(s->name, word, len) == 0) {
			found = s;
			n++;
		}
	}
	if (!n)
		return a->host->error(a->host, SKP_ENO,
		                      "there is no session %s; 'git sk chat list' has them all",
		                      a->host->name(a->host, word));
	if (n > 1)
		return a->host->error(a->host, SKP_EUSAGE, "%s is the beginning of %zu sessions",
		                      a->host->name(a->host, word), n);
	*out = found;
	return 0;
}

int chat_when(struct skp_host *host, const struct skp_call *call, const char *option, int64_t *out)
{
	const char *text = skp_value(call, option);
	int64_t seconds;
	int rc;

	*out = CHAT_NO_TIME;
	if (!text)
		return 0;
	rc = host->parse_date(host, text, &seconds);
	if (!rc)
		*out = seconds * 1000;
	return rc;
}

int chat_picked(struct chat_archive *a, const struct skp_call *call,
                const struct chat_session ***out, size_t *n)
{
	const struct chat_session **list = calloc(a->rows.n_sessions + 1, sizeof *list);
	const char *tool = skp_value(call, "tool");
	int64_t since, until;
	size_t k = 0;
	int rc = list ? 0 : a->host->error(a->host, SKP_EIO, "out of memory");

	if (!rc && tool && !chat_tool_named(tool))
		rc = a->host->error(a->host, SKP_EUSAGE, "%s is no tool whose logs are known",
		                    a->host->name(a->host, tool));
	if (!rc)
		rc = chat_when(a->host, call, "since", &since);
	if (!rc)
		rc = chat_when(a->host, call, "until", &until);
	if (rc) {
		free(list);
		return rc;
	}
	for (size_t i = 0; i < a->rows.n_sessions; i++) {
		const struct chat_session *s = &a->rows.session[i];

		if ((since == CHAT_NO_TIME || s->ended >= since) &&
		    (until == CHAT_NO_TIME || s->began < until) &&
		    (!tool || s->tool == chat_tool_named(tool)))
			list[k++] = s;
	}
	if (k)
		qsort(list, k, sizeof(*list), by_end);
	*out = list;
	*n = k;
	return 0;
}

static int form_of(struct skp_host *host, const char *word, enum chat_form *out)
{
	static const char *const name[] = { "text", "md", "json", "jsonl" };

	for (size_t i = 0; word && i < sizeof name / sizeof *name; i++)
		if (strcmp(word, name[i]) == 0) {
			*out = (enum chat_form)i;
			return 0;
		}
	return word ? host->error(host, SKP_EUSAGE, "--format takes text, md, json or jsonl") : 0;
}

int chat_view_of(struct skp_host *host, const struct skp_call *call, struct chat_view *out)
{
	const char *day = skp_value(call, "day");
	int64_t when;
	static char text[CHAT_DAY];
	int rc;

	memset(out, 0, sizeof *out);
	out->from = out->to = CHAT_NO_TIME;
	out->traffic = skp_has(call, "tools");
	out->form = CHAT_TEXT;
	rc = form_of(host, skp_value(call, "format"), &out->form);
	if (!rc && day && strlen(day) == 10 && day[4] == '-' && day[7] == '-') {
		(void)snprintf(text, sizeof text, "%s", day);
		out->day = text;
	} else if (!rc && day && !(rc = host->parse_date(host, day, &when))) {
		chat_day(when * 1000, text);
		out->day = text;
	}
	return rc;
}

void chat_warn_worktree(struct skp_host *host, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup(".");
	char *real = folder ? realpath(folder, NULL) : NULL;
	size_t len = strlen(host->worktree);

	if (real && strncmp(real, host->worktree, len) == 0 && (real[len] == '/' || !real[len]) &&
	    strncmp(real, host->commondir, strlen(host->commondir)) != 0)
		host->warn(host,
		           "%s is in the working tree, where agents read it back and backups and "
		           "commits may take it along",
		           host->name(host, file));
	free(real);
	free(folder);
}

int chat_write_file(struct skp_host *host, const char *path, const void *data, size_t len)
{
	char *temporary = NULL;
	const char *p = data;
	int fd, rc = 0;

	if (asprintf(&temporary, "%s.%ld.tmp", path, (long)getpid()) < 0)
		return host->error(host, SKP_EIO, "out of memory");
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = errno;
	while (!rc && len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			rc = errno;
		if (n > 0)
			p += n, len -= (size_t)n;
	}
	if (fd >= 0 && close(fd) != 0 && !rc)
		rc = errno;
	if (!rc && rename(temporary, path) != 0)
		rc = errno;
	if (rc && fd >= 0)
		(void)unlink(temporary);
	free(temporary);
	return rc ? host->error(host, SKP_EIO, "cannot write %s: %s", host->name(host, path),
	                        strerror(rc))
	          : 0;
}
