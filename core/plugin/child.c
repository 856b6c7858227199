/* child.c - one call of a plugin in a process of its own.
 *
 * What the child has to tell goes into a memory file, whole, when the call is over; and so does
 * what it prints, in an event.  Both are sealed at a size, so that a plugin that goes mad cannot
 * fill the memory; and no pipe is left open when something that it started lives on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "plugin/parts.h"

#define REPORT_MAX (4 << 20)
#define SAID_MAX (64 << 10)
#define PAUSE_MAX_MS 20

static json_t *report; /* in the child */
static int64_t ends;   /* in the child; 0: never */

static int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t sk_child_time_left(void)
{
	int64_t left = ends - clock_ms();

	return !ends ? -1 : left > 0 ? left : 0;
}

int sk_report_set(const char *key, json_t *value)
{
	return value && json_object_set_new(report, key, value) == 0 ? 0 : sk_error_oom();
}

int sk_report_add(const char *key, json_t *item)
{
	json_t *array = json_object_get(report, key);

	if (!array && item && json_object_set_new(report, key, json_array()) == 0)
		array = json_object_get(report, key);
	return item && array && json_array_append_new(array, item) == 0 ? 0 : sk_error_oom();
}

char *sk_report_text(const char *key)
{
	json_t *value = json_object_get(report, key);

	return value ? json_dumps(value, JSON_COMPACT) : NULL;
}

/* A file in memory that cannot grow; its offset is how much of it is used. */
static int memory_file(const char *name, off_t size, int *out)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot make a file in memory");
	if (ftruncate(fd, size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		(void)close(fd);
		return sk_error_errno(SK_EIO, "cannot make a file in memory");
	}
	*out = fd;
	return 0;
}

static void settle(const struct sk_child *c, pid_t parent)
{
	const struct rlimit none = { 0, 0 };
	sigset_t empty;
	int null;

	/* a core file would lie in the user's working tree */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_PDEATHSIG, c->foreground ? SIGTERM : SIGKILL);
	if (getppid() != parent)
		_exit(SK_EIO);
	if (c->foreground)
		return;
	(void)setpgid(0, 0);
	(void)sigemptyset(&empty);
	(void)sigprocmask(SIG_SETMASK, &empty, NULL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(c->said, 1) < 0 || dup2(c->said, 2) < 0)
		_exit(SK_EIO);
	(void)close(null);
}

static void tell(const struct sk_child *c, int code)
{
	char *text = NULL;

	/* bytes that are not UTF-8 would be no JSON */
	if (sk_report_set("code", json_integer(code)) == 0 &&
	    sk_report_set("message", sk_utf8_valid(sk_error_message(), strlen(sk_error_message()))
	                                     ? json_string(sk_error_message())
	                                     : json_string("(unreadable)")) == 0)
		text = json_dumps(report, JSON_COMPACT);
	if (text)
		(void)sk_write_full(c->report, text, strlen(text));
}

static void become(const struct sk_child *c, pid_t parent)
{
	int code;

	settle(c, parent);
	ends = c->foreground ? 0 : clock_ms() + c->timeout_ms;
	report = json_object();
	sk_error_clear();
	if (!report)
		_exit(SK_EIO);
	if (c->dir && chdir(c->dir) < 0)
		code = sk_error_errno(SK_EREPO, "cannot work in %s", sk_name(c->dir));
	else
		code = c->work(c->ctx);
	(void)fflush(NULL);
	tell(c, code);
	/* neither exit handlers nor destructors of the plugin: what they would do is not ours */
	_exit(0);
}

int sk_child_start(struct sk_child *c)
{
	pid_t parent = getpid();
	int rc;

	c->report = c->said = -1;
	c->pid = -1;
	c->ended = c->killed = false;
	rc = memory_file("sk-report", REPORT_MAX, &c->report);
	if (!rc && !c->foreground)
		rc = memory_file("sk-said", SAID_MAX, &c->said);
	(void)fflush(NULL);
	if (!rc && (c->pid = fork()) < 0)
		rc = sk_error_errno(SK_EIO, "cannot start a process");
	if (!rc && c->pid == 0)
		become(c, parent);
	if (!rc && !c->foreground)
		(void)setpgid(c->pid, c->pid);
	if (rc) {
		if (c->report >= 0)
			(void)close(c->report);
		if (c->said >= 0)
			(void)close(c->said);
		c->ended = true;
		c->report = c->said = -1;
	}
	return rc;
}

/* Sleeps until one of them has ended, or `ms` have passed. */
static void pause_for(const struct sk_child *c, size_t n, int64_t ms)
{
	struct pollfd fds[64];
	size_t k = 0;

	for (size_t i = 0; i < n && k < 64; i++)
		if (!c[i].ended && (fds[k].fd = (int)syscall(SYS_pidfd_open, c[i].pid, 0)) >= 0)
			fds[k++].events = POLLIN;
	/* where there is no pidfd (an old kernel, a sandbox), time has to do */
	(void)poll(fds, k, k ? (int)ms : ms < PAUSE_MAX_MS ? (int)ms : PAUSE_MAX_MS);
	while (k)
		(void)close(fds[--k].fd);
}

static bool reap(struct sk_child *c, int flags)
{
	pid_t got;

	while ((got = waitpid(c->pid, &c->status, flags)) < 0 && errno == EINTR)
		;
	if (got < 0)
		c->status = 0; /* somebody else waited for it: what it told is what counts */
	c->ended = got != 0;
	if (c->ended && !c->foreground)
		(void)kill(-c->pid, SIGKILL); /* what it left behind */
	return c->ended;
}

static void wait_foreground(struct sk_child *c)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, intr, quit;

	/* Ctrl-C is for both of us; we are to say what became of it */
	(void)sigaction(SIGINT, &ignore, &intr);
	(void)sigaction(SIGQUIT, &ignore, &quit);
	(void)reap(c, 0);
	(void)sigaction(SIGINT, &intr, NULL);
	(void)sigaction(SIGQUIT, &quit, NULL);
}

void sk_children_wait(struct sk_child *c, size_t n)
{
	int64_t begin = clock_ms(), next;

	for (;;) {
		next = -1;
		for (size_t i = 0; i < n; i++) {
			int64_t left = begin + c[i].timeout_ms - clock_ms();

			if (c[i].ended)
				continue;
			if (c[i].foreground) {
				wait_foreground(&c[i]);
				continue;
			}
			if (reap(&c[i], WNOHANG))
				continue;
			if (left <= 0) {
				c[i].killed = true;
				(void)kill(-c[i].pid, SIGKILL);
				(void)kill(c[i].pid, SIGKILL);
				(void)reap(&c[i], 0);
			} else if (next < 0 || left < next) {
				next = left;
			}
		}
		if (next < 0)
			return;
		pause_for(c, n, next);
	}
}

static int take(int *fd, struct sk_buf *out)
{
	off_t len = lseek(*fd, 0, SEEK_CUR);
	int rc = len > 0 ? sk_buf_reserve(out, (size_t)len) : 0;

	if (!rc && len > 0 && pread(*fd, out->ptr + out->len, (size_t)len, 0) == len) {
		out->len += (size_t)len;
		out->ptr[out->len] = '\0';
	}
	(void)close(*fd);
	*fd = -1;
	return rc;
}

static int why(const struct sk_child *c)
{
	int sig = WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;

	if (c->killed)
		return sk_error(SK_EIO, "plugin %s took longer than %lld ms and was ended", c->name,
		                (long long)c->timeout_ms);
	if (c->foreground && sig == SIGINT)
		return sk_error(SK_EINTR, "interrupted");
	if (c->foreground && WIFEXITED(c->status) && WEXITSTATUS(c->status) == SK_EINTR) {
		sk_error_clear(); /* Ctrl-C at a question: it was said there */
		return SK_EINTR;
	}
	if (c->foreground && sig == SIGPIPE) {
		sk_error_clear();
		return 128 + SIGPIPE;
	}
	if (sig)
		return sk_error(SK_EIO, "plugin %s crashed (SIG%s)", c->name,
		                sigabbrev_np(sig) ? sigabbrev_np(sig) : "unknown");
	return sk_error(SK_EIO, "plugin %s ended the process by itself (exit status %d)", c->name,
	                WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1);
}

int sk_child_result(struct sk_child *c, json_t **out, struct sk_buf *said)
{
	struct sk_buf text = SK_BUF_INIT;
	json_t *o = NULL;
	int rc = take(&c->report, &text);

	if (c->said >= 0 && take(&c->said, said))
		rc = SK_EIO;
	if (!rc)
		o = text.len ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
	sk_buf_free(&text);
	if (!rc && !json_is_integer(json_object_get(o, "code")))
		rc = why(c);
	if (rc)
		json_decref(o);
	else
		*out = o;
	return rc;
}
