/* What is asked of other people's libraries, in a child, when they are there.  Their interfaces are
 * declared here as far as they are used: both have kept them since the version in the file's name
 * (curl/curl.h and sqlite3.h). */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "health/health_parts.h"

static void *load(const char *const *names)
{
	void *lib = NULL;

	for (; *names && !lib; names++)
		lib = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
	return lib;
}

/* A function of a library; ISO C has no cast for it. */
static bool find(void *lib, const char *name, void *fn)
{
	void *at = dlsym(lib, name);

	memcpy(fn, &at, sizeof at);
	return at != NULL;
}

/* libcurl */

enum {
	CURLOPT_NOSIGNAL = 99,
	CURLOPT_FOLLOWLOCATION = 52,
	CURLOPT_MAXREDIRS = 68,
	CURLOPT_PROTOCOLS = 181,
	CURLOPT_REDIR_PROTOCOLS = 182,
	CURLOPT_URL = 10002,
	CURLOPT_ERRORBUFFER = 10010,
	CURLOPT_USERAGENT = 10018,
	CURLOPT_WRITEFUNCTION = 20011,
	CURLINFO_RESPONSE_CODE = 0x200002,
	CURLPROTO_HTTP_AND_HTTPS = 3,
	CURL_ERROR_SIZE = 256,
	ENOUGH = 1 << 20 /* of an answer: what follows is not waited for */
};

static size_t got; /* of this child */

static size_t drop(const char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	got += size * n;
	return got > ENOUGH ? 0 : size * n;
}

int sk_probe_http(void *url)
{
	/* git itself brings the second one, for its own http */
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4",
		                             "libcurl-nss.so.4", NULL };
	void *(*init)(void), *curl, *lib = load(names);
	int (*setopt)(void *, int, ...), (*perform)(void *), (*info)(void *, int, ...), rc;
	char why[CURL_ERROR_SIZE] = "";
	long code = 0;

	if (!lib || !find(lib, "curl_easy_init", &init) ||
	    !find(lib, "curl_easy_setopt", &setopt) || !find(lib, "curl_easy_perform", &perform) ||
	    !find(lib, "curl_easy_getinfo", &info)) {
		(void)printf("libcurl4\n");
		(void)fflush(stdout);
		return SK_PROBE_MISSING;
	}
	curl = init();
	if (!curl)
		return SK_PROBE_BAD;
	(void)setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)setopt(curl, CURLOPT_MAXREDIRS, 5L);
	(void)setopt(curl, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP_AND_HTTPS);
	(void)setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTP_AND_HTTPS);
	(void)setopt(curl, CURLOPT_USERAGENT, "git-sk/" SK_VERSION);
	(void)setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	(void)setopt(curl, CURLOPT_ERRORBUFFER, why);
	(void)setopt(curl, CURLOPT_URL, (const char *)url);
	rc = perform(curl);
	(void)info(curl, CURLINFO_RESPONSE_CODE, &code);
	if (code) /* whatever came after the head of the answer */
		(void)printf("it answers %ld\n", code);
	else
		(void)printf("%s\n", *why ? why : "no answer");
	(void)fflush(stdout);
	return code >= 200 && code < 400 && (!rc || got > ENOUGH) ? 0 : SK_PROBE_BAD;
}

/* SQLite */

enum { SQLITE_OPEN_READONLY = 1, BUSY_MS = 2000 };

static bool fine; /* of this child: the first row was "ok" */

static int row(void *arg, int n, char **text, char **names)
{
	bool *any = arg;

	(void)names;
	if (!*any)
		fine = n == 1 && text[0] && strcmp(text[0], "ok") == 0;
	if (!fine)
		(void)printf("%s\n", n && text[0] ? text[0] : "");
	*any = true;
	return 0;
}

int sk_probe_sqlite(void *path)
{
	static const char *const names[] = { "libsqlite3.so.0", NULL };
	int (*open)(const char *, void **, int, const char *), (*busy)(void *, int), rc;
	int (*exec)(void *, const char *, int (*)(void *, int, char **, char **), void *, char **);
	const char *(*message)(void *);
	void *db = NULL, *lib = load(names);
	bool any = false;

	if (!lib || !find(lib, "sqlite3_open_v2", &open) ||
	    !find(lib, "sqlite3_busy_timeout", &busy) || !find(lib, "sqlite3_exec", &exec) ||
	    !find(lib, "sqlite3_errmsg", &message)) {
		(void)printf("libsqlite3-0\n");
		(void)fflush(stdout);
		return SK_PROBE_MISSING;
	}
	rc = open(path, &db, SQLITE_OPEN_READONLY, NULL);
	if (!rc)
		rc = busy(db, BUSY_MS);
	if (!rc)
		rc = exec(db, "PRAGMA quick_check(1)", row, &any, NULL);
	if (rc)
		(void)printf("%s\n", db ? message(db) : "it cannot be opened");
	(void)fflush(stdout);
	return rc || !fine ? SK_PROBE_BAD : 0;
}
