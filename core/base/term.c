#include "base/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool color_on;

int sk_color_set(const char *when)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (strcmp(when, "always") == 0)
		color_on = true;
	else if (strcmp(when, "never") == 0)
		color_on = false;
	else if (strcmp(when, "auto") == 0)
		color_on = isatty(1) && !(no && *no) && term && strcmp(term, "dumb") != 0;
	else
		return sk_error(SK_EUSAGE, "--color takes auto, always or never, not '%s'", when);
	return 0;
}

bool sk_color_on(void)
{
	return color_on;
}

const char *sk_color(enum sk_color c)
{
	static const char *const seq[] = { "",         "\033[1m",  "\033[2m",  "\033[31m",
		                           "\033[32m", "\033[33m", "\033[34m", "\033[36m" };

	return color_on ? seq[c] : "";
}

const char *sk_color_reset(void)
{
	return color_on ? "\033[m" : "";
}

static double monotonic(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double progress_start, progress_last;
static bool progress_shown;

void sk_progress(const char *what, size_t done, size_t total)
{
	double now;

	if (sk_quiet() || !isatty(2))
		return;
	now = monotonic();
	if (progress_start == 0)
		progress_start = now;
	if (now - progress_start < 0.5 || now - progress_last < 0.1)
		return;
	progress_last = now;
	progress_shown = true;
	if (total)
		(void)fprintf(stderr, "\r%s: %zu/%zu (%zu%%)\033[K", what, done, total,
		              done * 100 / total);
	else
		(void)fprintf(stderr, "\r%s: %zu\033[K", what, done);
}

void sk_progress_end(void)
{
	if (progress_shown)
		(void)fputs("\r\033[K", stderr);
	progress_shown = false;
	progress_start = progress_last = 0;
}

int sk_ask(const char *question, struct sk_buf *answer)
{
	bool any = false;
	char c;

	(void)fputs(question, stderr);
	(void)fflush(stderr);
	for (;;) {
		ssize_t n = read(0, &c, 1);

		if (n < 0 && errno == EINTR)
			return sk_error(SK_EINTR, "interrupted");
		if (n < 0)
			return sk_error_errno(SK_EIO, "cannot read the answer");
		if (n == 0 && !any)
			return sk_error(SK_ENO, "no answer");
		if (n == 0 || c == '\n')
			return sk_buf_add(answer, "", 0);
		any = true;
		if (sk_buf_addc(answer, c))
			return SK_EIO;
	}
}
