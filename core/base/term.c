#include "base/term.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool color_on;

static bool is_true(const char *text)
{
	return text && (strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 ||
	                strcasecmp(text, "on") == 0 || strcmp(text, "1") == 0);
}

bool sk_term_paged(void)
{
	struct stat st;

	return is_true(getenv("GIT_PAGER_IN_USE")) && fstat(1, &st) == 0 && S_ISFIFO(st.st_mode);
}

bool sk_term_dumb(void)
{
	const char *term = getenv("TERM");

	if (is_true(getenv("GIT_SK_PLAIN")))
		return true;
	return !term || !*term || strcmp(term, "dumb") == 0;
}

size_t sk_term_width(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size = { 0 };
	unsigned long n = text && *text >= '1' && *text <= '9' ? strtoul(text, NULL, 10) : 0;

	for (int fd = 1; !n && fd <= 2; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0)
			n = size.ws_col;
	return !n ? 80 : n < 20 ? 20 : n > 1000 ? 1000 : n;
}

int sk_color_set(const char *when)
{
	const char *no = getenv("NO_COLOR");

	if (strcmp(when, "always") == 0)
		color_on = true;
	else if (strcmp(when, "never") == 0)
		color_on = false;
	else if (strcmp(when, "auto") == 0)
		color_on = (isatty(1) || sk_term_paged()) && !(no && *no) && !sk_term_dumb();
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

static struct {
	pthread_mutex_t lock; /* whoever does not get it at once says nothing: another just does */
	double start, last, delay;
	bool started, terminal;
	size_t shown; /* columns of the line that stands there */
} progress = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Seconds, as git has it. */
static double progress_delay(void)
{
	const char *text = getenv("GIT_PROGRESS_DELAY");
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;

	return text && *text >= '0' && *text <= '9' && !*end && n < 86400 ? (double)n : 1;
}

/* In the background nothing is written over what is typed. */
static bool in_front(void)
{
	pid_t group = tcgetpgrp(2);

	return group < 0 || group == getpgrp();
}

static void show_progress(const char *what, size_t done, size_t total)
{
	char line[128];
	size_t width = sk_term_width(), n;

	if (total && done <= total)
		(void)snprintf(line, sizeof line, "%c%.60s: %3zu%% (%zu/%zu)",
		               toupper((unsigned char)*what), what + 1,
		               (size_t)((double)done * 100 / (double)total), done, total);
	else
		(void)snprintf(line, sizeof line, "%c%.60s: %zu", toupper((unsigned char)*what),
		               what + 1, done);
	n = strlen(line);
	n = n < width ? n : width - 1;
	(void)fprintf(stderr, "\r%.*s%*s", (int)n, line,
	              (int)(progress.shown > n ? progress.shown - n : 0), "");
	progress.shown = n;
}

void sk_progress(const char *what, size_t done, size_t total)
{
	double now;

	if (sk_quiet() || !*what || pthread_mutex_trylock(&progress.lock) != 0)
		return;
	if (!progress.started) {
		progress.started = true;
		progress.terminal = isatty(2) && !sk_term_dumb();
		progress.start = progress.terminal ? monotonic() : 0;
		progress.delay = progress_delay();
	}
	if (!progress.terminal)
		goto out;
	now = monotonic();
	if (now - progress.start < progress.delay || now - progress.last < 0.1 || !in_front())
		goto out;
	progress.last = now;
	show_progress(what, done, total);
out:
	(void)pthread_mutex_unlock(&progress.lock);
}

static void wipe(void)
{
	if (progress.shown) /* with blanks: a terminal without escape sequences is one too */
		(void)fprintf(stderr, "\r%*s\r", (int)progress.shown, "");
	progress.shown = 0;
	progress.last = 0;
}

void sk_progress_hide(void)
{
	(void)pthread_mutex_lock(&progress.lock);
	wipe();
	(void)pthread_mutex_unlock(&progress.lock);
}

void sk_progress_end(void)
{
	(void)pthread_mutex_lock(&progress.lock);
	wipe();
	progress.started = false;
	(void)pthread_mutex_unlock(&progress.lock);
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
