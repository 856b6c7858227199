#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/proc.h"
#include "health/health_parts.h"

#define TICK_MS 10

static int64_t clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void child(int (*fn)(void *), void *arg, int out)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	(void)setpgid(0, 0);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	sk_clear_git_env();
	_exit(fn(arg));
}

/* Takes what is there; false at the end. */
static bool take(int fd, struct sk_buf *out, size_t *taken, int *rc)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0) {
		size_t room = SK_CHILD_OUTPUT_MAX - *taken;
		size_t len = (size_t)n < room ? (size_t)n : room;

		*rc = *rc ? *rc : sk_buf_add(out, chunk, len);
		*taken += len;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The end of the process counts, not the end of its output: what it started may hold that open. */
static void wait_for(pid_t pid, int fd, int64_t end, struct sk_buf *out, int *st, bool *timed_out,
                     int *rc)
{
	size_t taken = 0;
	bool open = true;

	for (;;) {
		struct pollfd p = { open ? fd : -1, POLLIN, 0 };
		int64_t left = end - clock_ms();

		(void)poll(&p, 1, left < TICK_MS ? (int)(left > 0 ? left : 0) : TICK_MS);
		open = open && take(fd, out, &taken, rc);
		if (waitpid(pid, st, WNOHANG) == pid)
			break;
		if (clock_ms() < end)
			continue;
		*timed_out = true;
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL); /* had it no time to make its group */
		while (waitpid(pid, st, 0) < 0 && errno == EINTR)
			;
		break;
	}
	if (open)
		(void)take(fd, out, &taken, rc);
}

int sk_child_run(int (*fn)(void *arg), void *arg, int64_t timeout_ms, struct sk_buf *out,
                 int *status, bool *timed_out)
{
	int ends[2], st = 0, rc = 0;
	bool late = false;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sk_error_errno(SK_EIO, "cannot start a process");
	pid = fork();
	if (pid < 0) {
		rc = sk_error_errno(SK_EIO, "cannot start a process");
		(void)close(ends[0]);
		(void)close(ends[1]);
		return rc;
	}
	if (pid == 0)
		child(fn, arg, ends[1]);
	(void)setpgid(pid, pid); /* whoever of us is first */
	(void)close(ends[1]);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	wait_for(pid, ends[0], clock_ms() + timeout_ms, out, &st, &late, &rc);
	(void)close(ends[0]);
	if (rc)
		return rc;
	*status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	*timed_out = late;
	return 0;
}
