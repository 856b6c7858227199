#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"

const char *const sk_git_local_env[] = { "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	                                 "GIT_CONFIG",
	                                 "GIT_CONFIG_PARAMETERS",
	                                 "GIT_CONFIG_COUNT",
	                                 "GIT_OBJECT_DIRECTORY",
	                                 "GIT_DIR",
	                                 "GIT_WORK_TREE",
	                                 "GIT_IMPLICIT_WORK_TREE",
	                                 "GIT_GRAFT_FILE",
	                                 "GIT_INDEX_FILE",
	                                 "GIT_NO_REPLACE_OBJECTS",
	                                 "GIT_REPLACE_REF_BASE",
	                                 "GIT_PREFIX",
	                                 "GIT_SHALLOW_FILE",
	                                 "GIT_COMMON_DIR",
	                                 "GIT_INTERNAL_SUPER_PREFIX",
	                                 "GIT_QUARANTINE_PATH",
	                                 NULL };

void sk_clear_git_env(void)
{
	for (size_t i = 0; sk_git_local_env[i]; i++)
		(void)unsetenv(sk_git_local_env[i]);
}

static void child(const struct sk_proc *p, int in, int out, int err, int report)
{
	int fail;

	if (p->timeout_ms > 0) {
		(void)setpgid(0, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	if (!p->inherit_input && dup2(in, 0) < 0)
		goto fail;
	if (out >= 0 && dup2(out, 1) < 0)
		goto fail;
	if (err >= 0 && dup2(err, 2) < 0)
		goto fail;
	if (p->merge && dup2(1, 2) < 0)
		goto fail;
	if (p->dir && chdir(p->dir) < 0)
		goto fail;
	if (!p->keep_git_env)
		sk_clear_git_env();
	for (size_t i = 0; p->env && p->env[i]; i++)
		if (putenv((char *)(size_t)p->env[i]) != 0)
			goto fail;
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(p->argv[0], (char *const *)(size_t)p->argv);
fail:
	fail = errno;
	(void)!write(report, &fail, sizeof fail);
	_exit(127);
}

struct pump {
	int in, out, err; /* our ends; -1 when closed */
	size_t sent;
};

static void shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int drain(int *fd, struct sk_buf *to)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof chunk);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		shut(fd);
	return n > 0 ? sk_buf_add(to, chunk, (size_t)n) : 0;
}

static void feed(const struct sk_proc *p, struct pump *io)
{
	ssize_t n = write(io->in, (const char *)p->input + io->sent, p->input_len - io->sent);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0)
		shut(&io->in); /* it reads no further: its exit status tells */
	else
		io->sent += (size_t)n;
	if (io->sent == p->input_len)
		shut(&io->in);
}

static int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* For poll: what is left until `end`; -1: there is no end. */
static int time_left(int64_t end)
{
	int64_t left = end ? end - clock_ms() : -1;

	if (!end)
		return -1;
	return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

static int too_slow(const struct sk_proc *p)
{
	return sk_error(SK_EIO, "'%s' took longer than %lld ms and was ended", p->argv[0],
	                (long long)p->timeout_ms);
}

/* `end` as clock_ms, or 0. */
static int pump(const struct sk_proc *p, struct pump *io, int64_t end)
{
	int rc = 0;

	while (!rc && (io->in >= 0 || io->out >= 0 || io->err >= 0)) {
		struct pollfd fds[3] = { { io->in, POLLOUT, 0 },
			                 { io->out, POLLIN, 0 },
			                 { io->err, POLLIN, 0 } };

		if (poll(fds, 3, time_left(end)) < 0) {
			if (errno != EINTR)
				return sk_error_errno(SK_EIO, "cannot wait for '%s'", p->argv[0]);
			continue;
		}
		if (end && clock_ms() >= end)
			return too_slow(p);
		if (fds[0].revents)
			feed(p, io);
		if (fds[1].revents)
			rc = drain(&io->out, p->output);
		if (!rc && fds[2].revents)
			rc = drain(&io->err, p->errors);
	}
	return rc;
}

/* With an end it is looked at again and again, at first often. */
static int wait_for(const struct sk_proc *p, pid_t pid, int64_t end, bool kill_it, int *status)
{
	struct timespec pause = { 0, 200000 };
	int st, rc = 0;
	pid_t got;

	while ((got = waitpid(pid, &st, end && !kill_it ? WNOHANG : 0)) <= 0) {
		if (got < 0 && errno != EINTR)
			return sk_error_errno(SK_EIO, "cannot wait for process %ld", (long)pid);
		if (got == 0 && clock_ms() < end) {
			(void)nanosleep(&pause, NULL);
			pause.tv_nsec = pause.tv_nsec < 10000000 ? pause.tv_nsec * 2 : 20000000;
		} else if (got == 0) {
			rc = too_slow(p);
			kill_it = true;
			(void)kill(-pid, SIGKILL);
		}
	}
	if (rc)
		return rc;
	*status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	return 0;
}

int sk_proc_run(const struct sk_proc *p, int *status)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, report[2] = { -1, -1 };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	struct pump io = { -1, -1, -1, 0 };
	int64_t end = p->timeout_ms > 0 ? clock_ms() + p->timeout_ms : 0;
	int rc = 0, st = 0, child_errno = 0;
	pid_t pid = -1;

	(void)sigaction(SIGPIPE, &ignore, &before);
	if (p->input ? pipe2(in, O_CLOEXEC) < 0
	             : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		goto fail;
	if ((p->output && pipe2(out, O_CLOEXEC) < 0) || (p->errors && pipe2(err, O_CLOEXEC) < 0) ||
	    pipe2(report, O_CLOEXEC) < 0)
		goto fail;
	pid = fork();
	if (pid < 0)
		goto fail;
	if (pid == 0)
		child(p, in[0], out[1], err[1], report[1]);
	if (end)
		(void)setpgid(pid, pid); /* whoever of the two is first */
	shut(&in[0]);
	shut(&out[1]);
	shut(&err[1]);
	shut(&report[1]);
	if (in[1] >= 0)
		(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	io = (struct pump){ in[1], out[0], err[0], 0 };
	in[1] = out[0] = err[0] = -1;
	if (io.in >= 0 && p->input_len == 0)
		shut(&io.in);
	rc = pump(p, &io, end);
	if (rc && end)
		(void)kill(-pid, SIGKILL);
	shut(&io.in);
	shut(&io.out);
	shut(&io.err);
	if (sk_read_full(report[0], &child_errno, sizeof child_errno) != sizeof child_errno)
		child_errno = 0;
	st = 0;
	if (wait_for(p, pid, end, rc != 0, &st) && !rc)
		rc = SK_EIO;
	errno = child_errno;
	if (!rc && child_errno)
		rc = sk_error_errno(SK_EIO, "cannot run '%s'", p->argv[0]);
	if (!rc)
		*status = st;
	goto out;
fail:
	rc = sk_error_errno(SK_EIO, "cannot run '%s'", p->argv[0]);
out:
	for (int i = 0; i < 2; i++) {
		shut(&in[i]);
		shut(&out[i]);
		shut(&err[i]);
		shut(&report[i]);
	}
	(void)sigaction(SIGPIPE, &before, NULL);
	return rc;
}

unsigned long long sk_proc_start(pid_t pid)
{
	unsigned long long start = 0;
	struct sk_buf text = SK_BUF_INIT;
	char path[40], state = 0;
	const char *p;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	if (pid > 0 && sk_read_file(AT_FDCWD, path, 8192, &text) == 0 &&
	    (p = strrchr(sk_buf_str(&text), ')')) &&
	    sscanf(p + 1,
	           " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
	           " %*d %*d %llu",
	           &state, &start) != 2)
		start = 0;
	sk_buf_free(&text);
	return state == 'Z' || state == 'X' ? 0 : start; /* only its exit status is left */
}

bool sk_before_boot(time_t when)
{
	struct timespec now, up;

	return clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       clock_gettime(CLOCK_BOOTTIME, &up) == 0 && when < now.tv_sec - up.tv_sec - 1;
}

int sk_proc_self(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (n <= 0)
		return sk_error_errno(SK_EIO, "cannot tell where git-sk is");
	out[n] = '\0';
	return 0;
}

int sk_proc_exec(const char *const *argv)
{
	(void)execvp(argv[0], (char *const *)(size_t)argv);
	return sk_error_errno(SK_EIO, "cannot run '%s'", argv[0]);
}
