/* The program that runs, and the one on the disk: after an upgrade they are two, and when SafeKeep
 * was removed only the running one is left. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "service/service_parts.h"

#define LOOK_MS 60000
#define TRY_MS 10000

/* Linux says of a program whose file was unlinked, or replaced by a rename: "PATH (deleted)". */
static enum sk_program program_of(long pid, char path[PATH_MAX])
{
	static const char gone[] = " (deleted)";
	char link[40];
	struct stat st;
	ssize_t n;
	char *end;

	(void)snprintf(link, sizeof link, "/proc/%ld/exe", pid);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		return SK_PROGRAM_SAME; /* it cannot be told */
	path[n] = '\0';
	end = path + n - (sizeof gone - 1);
	if (end <= path || strcmp(end, gone) != 0 || stat(path, &st) == 0)
		return SK_PROGRAM_SAME;
	*end = '\0';
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0
	               ? SK_PROGRAM_REPLACED
	               : SK_PROGRAM_GONE;
}

enum sk_program sk_service_program(long pid)
{
	char path[PATH_MAX];

	return program_of(pid, path);
}

static int64_t look_ms(void)
{
#ifdef SK_TESTING
	if (getenv("SK_TEST_LOOK_MS"))
		return strtol(getenv("SK_TEST_LOOK_MS"), NULL, 10);
#endif
	return LOOK_MS;
}

/* A package that is half installed has the program before the libraries it is linked with. */
static bool starts(const char *path)
{
	const char *const argv[] = { path, "--version", NULL };
	struct sk_buf said = SK_BUF_INIT;
	struct sk_proc proc = {
		.argv = argv, .output = &said, .errors = &said, .timeout_ms = TRY_MS
	};
	int status = 1, rc = sk_proc_run(&proc, &status);

	sk_buf_free(&said);
	sk_error_clear();
	return !rc && status == 0;
}

void sk_service_look(struct sk_service *s, int64_t now)
{
	char path[PATH_MAX];

	if (s->stopping || now < s->looked + look_ms())
		return;
	s->looked = now;
	switch (program_of(getpid(), path)) {
	case SK_PROGRAM_SAME:
		s->gone = 0;
		break;
	case SK_PROGRAM_REPLACED:
		s->gone = 0;
		if (!starts(path))
			break;
		s->renew = strdup(path);
		if (!s->renew)
			break;
		sk_service_log("the program was replaced: the new one takes over");
		s->stopping = true;
		break;
	case SK_PROGRAM_GONE:
		/* not at the first look: it may be in the middle of being replaced */
		if (++s->gone < 2)
			break;
		sk_service_log("the program was removed");
		s->stopping = true;
		break;
	}
}

int sk_service_renew(char *path, bool to_file)
{
	const char *const argv[] = { path, "service", "run", NULL };
	int rc = 0;

	if (to_file && setenv(SK_SERVICE_LOG, "1", 1) < 0)
		rc = sk_error_oom();
	if (!rc)
		rc = sk_proc_exec(argv);
	sk_service_log("the new program was not started: %s", sk_error_message());
	free(path);
	return rc;
}
