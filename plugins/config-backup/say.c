/* say.c - small things that all commands need. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf.h"

int conf_oom(struct conf *c)
{
	return c->host->error(c->host, SKP_EIO, "out of memory");
}

int conf_errno(struct conf *c, const char *what, const char *path)
{
	int saved = errno;

	return c->host->error(c->host, SKP_EIO, "%s %s: %s", what, c->host->name(c->host, path),
	                      strerror(saved));
}

/* FNV-1a, for names of locks and tables; nothing rests on it being hard to meet. */
uint64_t conf_hash(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = 14695981039346656037u ^ (seed * 0x9e3779b97f4a7c15u);

	while (len--)
		h = (h ^ *p++) * 1099511628211u;
	return h;
}

json_t *conf_json_path(const char *path)
{
	return conf_json_bytes(path);
}

json_t *conf_json_time(int64_t when)
{
	time_t t = (time_t)when;
	char text[32];
	struct tm tm;

	(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	return json_string(text);
}

int conf_json_out(struct conf *c, json_t *object)
{
	char *text = object ? json_dumps(object, 0) : NULL;
	int rc = text ? c->host->json(c->host, text, strlen(text)) : conf_oom(c);

	json_decref(object);
	free(text);
	return rc;
}

const char *conf_time(int64_t when)
{
	time_t t = (time_t)when;
	char *text = malloc(32);
	struct tm tm;

	if (!text)
		return "?";
	(void)strftime(text, 32, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
	return text;
}

int conf_paths_add(struct conf *c, struct conf_paths *paths, const char *path)
{
	char **grown;

	if ((paths->n & (paths->n - 1)) == 0) {
		grown = realloc(paths->item, (paths->n ? 2 * paths->n : 1) * sizeof *grown);
		if (!grown)
			return conf_oom(c);
		paths->item = grown;
	}
	paths->item[paths->n] = strdup(path);
	if (!paths->item[paths->n])
		return conf_oom(c);
	paths->n++;
	return 0;
}

int conf_arguments(struct conf *c, size_t from, struct conf_paths *out)
{
	int rc = 0;

	for (size_t i = from; !rc && i < c->call->n_arg; i++)
		rc = conf_paths_add(c, out, c->call->arg[i]);
	for (size_t i = 0; !rc && i < c->call->n_path; i++)
		rc = conf_paths_add(c, out, c->call->path[i]);
	return rc;
}

int conf_one(struct conf *c, const char **out)
{
	struct conf_paths paths = { 0 };
	int rc = conf_arguments(c, 1, &paths);

	if (!rc && paths.n != 1)
		rc = c->host->error(c->host, SKP_EUSAGE,
		                    "'%s' is for one FILE; see 'git sk conf -h'", c->call->arg[0]);
	if (!rc)
		*out = paths.item[0];
	return rc;
}
