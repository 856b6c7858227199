#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "health/health_parts.h"

/* database and application: what the user wants to be looked at. */

struct asked {
	const struct sk_repo *repo;
	const char *what;
};

static int run_shell(void *arg)
{
	const struct asked *a = arg;

	if (chdir(a->repo->worktree) < 0)
		return 126;
	(void)execl("/bin/sh", "sh", "-c", a->what, (char *)NULL);
	return 127;
}

static bool is_http(const char *what)
{
	return (strncasecmp(what, "http://", 7) == 0 || strncasecmp(what, "https://", 8) == 0) &&
	       !strpbrk(what, " \t\"'");
}

/* The first line that says anything. */
static int first_line(const struct sk_buf *text, struct sk_buf *out)
{
	const char *p = sk_buf_str(text) + strspn(sk_buf_str(text), " \t\r\n");
	size_t len = strcspn(p, "\r\n");

	return sk_add_text(out, p, len < 200 ? len : 200);
}

static int judge(struct sk_look *l, const char *name, const char *what, int status,
                 const struct sk_buf *said)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc = first_line(said, &line);
	const char *words = sk_buf_str(&line);

	if (rc)
		;
	else if (status == 0)
		rc = sk_health_say(l, name, SK_HEALTH_OK, "%s%s%s", what, *words ? ": " : "",
		                   words);
	else if (status > 128)
		rc = sk_health_say(l, name, SK_HEALTH_FAIL, "%s: ended by signal %d%s%s", what,
		                   status - 128, *words ? ": " : "", words);
	else if (status == 127)
		rc = sk_health_say(l, name, SK_HEALTH_FAIL,
		                   "%s: the command is not there (%s); see [health] %s in "
		                   "safekeep.ini",
		                   what, words, name);
	else
		rc = sk_health_say(l, name, SK_HEALTH_FAIL, "%s: exit status %d%s%s", what, status,
		                   *words ? ": " : "", words);
	sk_buf_free(&line);
	return rc;
}

static int judge_probe(struct sk_look *l, const char *name, const char *what, int status,
                       const struct sk_buf *said)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc = first_line(said, &line);
	const char *words = sk_buf_str(&line);

	if (!rc && status == SK_PROBE_MISSING)
		rc = sk_health_say(l, name, SK_HEALTH_WARN,
		                   "%s cannot be looked at: 'apt install %s', or name a command",
		                   what, words);
	else if (!rc && status > 128)
		rc = sk_health_say(l, name, SK_HEALTH_FAIL,
		                   "%s: the library that looks at it died of signal %d", what,
		                   status - 128);
	else if (!rc)
		rc = sk_health_say(l, name, status ? SK_HEALTH_FAIL : SK_HEALTH_OK, "%s%s%s", what,
		                   *words ? ": " : "", words);
	sk_buf_free(&line);
	return rc;
}

static int64_t timeout(const struct sk_look *l)
{
	const char *text = sk_config_get(l->repo->config, "health.timeout");
	int64_t ms = 10000;

	if (text && sk_parse_duration(text, &ms) == 0 && ms > 0)
		return ms;
	return 10000;
}

static int sqlite_path(struct sk_look *l, const char *name, const char *given, struct sk_buf *out,
                       bool *there)
{
	struct stat st;
	int rc = sk_buf_addf(out, "%s%s%s", *given == '/' ? "" : l->repo->worktree,
	                     *given == '/' ? "" : "/", given);

	*there = !rc && stat(out->ptr, &st) == 0 && S_ISREG(st.st_mode);
	if (!rc && !*there)
		rc = sk_health_say(l, name, SK_HEALTH_FAIL,
		                   "there is no file %s; see [health] %s in safekeep.ini",
		                   sk_name(out->ptr), name);
	return rc;
}

/* Neither a command nor the user in a URL: a password may stand there. */
static int show(const char *what, bool probe, struct sk_buf *out)
{
	const char *host = strstr(what, "://"), *at;

	if (!probe)
		return sk_buf_adds(out, "the command");
	if (!host)
		return sk_add_text(out, what, strnlen(what, 100));
	host += 3;
	for (at = host + strcspn(host, "/?#"); at > host && at[-1] != '@'; at--)
		;
	(void)sk_add_text(out, what, (size_t)(host - what));
	return sk_add_text(out, at, strcspn(at, "?#") < 100 ? strcspn(at, "?#") : 100);
}

static int look(struct sk_look *l, const char *name, const char *key)
{
	const char *what = sk_config_get(l->repo->config, key);
	struct asked a = { l->repo, what };
	struct sk_buf said = SK_BUF_INIT, path = SK_BUF_INIT, shown = SK_BUF_INIT;
	bool probe = true, late = false, there = true;
	int status = 0, rc = 0;
	int (*fn)(void *) = run_shell;
	void *arg = &a;

	if (!what || !*what)
		return sk_health_say(l, name, SK_HEALTH_OFF,
		                     "not looked at; [health] %s = COMMAND%s in safekeep.ini does",
		                     name,
		                     strcmp(name, "database") == 0 ? " or sqlite:FILE" : " or URL");
	if (strncmp(what, "sqlite:", 7) == 0) {
		fn = sk_probe_sqlite;
		rc = sqlite_path(l, name, what + 7, &path, &there);
		arg = path.ptr;
	} else if (is_http(what)) {
		fn = sk_probe_http;
		arg = (void *)(size_t)what;
	} else {
		probe = false;
	}
	if (!rc)
		rc = show(what, probe, &shown);
	if (!rc && there)
		rc = sk_child_run(fn, arg, timeout(l), &said, &status, &late);
	if (!rc && late)
		rc = sk_health_say(l, name, SK_HEALTH_FAIL,
		                   "%s: no answer within %lld ms; [health] timeout sets how long "
		                   "to wait",
		                   shown.ptr, (long long)timeout(l));
	else if (!rc && there)
		rc = (probe ? judge_probe : judge)(l, name, shown.ptr, status, &said);
	sk_buf_free(&said);
	sk_buf_free(&path);
	sk_buf_free(&shown);
	return rc;
}

int sk_check_database(struct sk_look *l)
{
	return look(l, "database", "health.database");
}

int sk_check_application(struct sk_look *l)
{
	return look(l, "application", "health.application");
}
