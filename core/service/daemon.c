/* The folder, the lock, the socket and the log; starting in the background, stopping. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "service/service_parts.h"

#define LOG_MAX (1 << 20)
#define STOP_MS 20000
#define START_MS 3000
#define BEGINS_MS 1000

static char log_path[4096]; /* "": what is said goes to standard error as it is */

/* The log */

static bool state_dir(char *out, size_t cap)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state && state[0] == '/')
		n = snprintf(out, cap, "%s/safekeep", state);
	else if (home && home[0] == '/')
		n = snprintf(out, cap, "%s/.local/state/safekeep", home);
	else
		return false;
	return n > 0 && (size_t)n < cap;
}

static void open_log(void)
{
	int fd = sk_create(AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && fd != 2) {
		(void)dup2(fd, 2);
		(void)close(fd);
	}
}

void sk_service_log_to_file(void)
{
	char dir[4000];

	if (!state_dir(dir, sizeof dir) || sk_mkdirs(dir, 0700))
		(void)snprintf(log_path, sizeof log_path, "/dev/null");
	else
		(void)snprintf(log_path, sizeof log_path, "%s/service.log", dir);
	open_log();
}

bool sk_service_logs_to_file(void)
{
	return *log_path;
}

static void rotate(void)
{
	char old[sizeof log_path + 2];
	struct stat st;

	if (!*log_path || fstat(2, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < LOG_MAX)
		return;
	(void)snprintf(old, sizeof old, "%s.1", log_path);
	if (rename(log_path, old) == 0)
		open_log();
}

void sk_service_log(const char *fmt, ...)
{
	struct sk_buf line = SK_BUF_INIT;
	char when[20], text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rotate();
	sk_format_local(time(NULL), when);
	(void)sk_buf_addf(&line, "%s ", when);
	(void)sk_add_text(&line, text, strlen(text));
	(void)sk_buf_addc(&line, '\n');
	if (sk_buf_ok(&line) == 0)
		(void)sk_write_full(2, line.ptr, line.len);
	sk_buf_free(&line);
}

/* The socket */

static int take_lock(struct sk_service *s)
{
	char path[160], text[64];
	int n;

	(void)snprintf(path, sizeof path, "%s/lock", s->dir);
	s->lock = sk_create(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return sk_error_errno(SK_EIO, "cannot open '%s'", path);
	/* whoever looks who has it holds it for a moment too: see holder() */
	for (int tries = 0; (n = flock(s->lock, LOCK_EX | LOCK_NB)) < 0 && tries < 10; tries++)
		(void)nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	if (n < 0) {
		(void)close(s->lock);
		s->lock = -1;
		return sk_error(SK_EBUSY, "the service is running already");
	}
	n = snprintf(text, sizeof text, "%ld %llu\n", (long)getpid(), sk_proc_start(getpid()));
	if (ftruncate(s->lock, 0) < 0 || pwrite(s->lock, text, (size_t)n, 0) != n)
		return sk_error_errno(SK_EIO, "cannot write '%s'", path);
	return 0;
}

static int bind_socket(struct sk_service *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int rc;

	if (strlen(s->socket) >= sizeof addr.sun_path)
		return sk_error(SK_EIO, "the path of the socket is too long: '%s'", s->socket);
	memcpy(addr.sun_path, s->socket, strlen(s->socket) + 1);
	s->listen.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen.fd < 0)
		return sk_error_errno(SK_EIO, "cannot make a socket");
	(void)unlink(s->socket); /* of one that was killed: we have the lock */
	mask = umask(0177);
	rc = bind(s->listen.fd, (struct sockaddr *)&addr, sizeof addr);
	(void)umask(mask);
	if (rc < 0 || listen(s->listen.fd, 128) < 0 || lstat(s->socket, &st) < 0)
		return sk_error_errno(SK_EIO, "cannot listen on '%s'", s->socket);
	s->socket_dev = (uint64_t)st.st_dev;
	s->socket_ino = (uint64_t)st.st_ino;
	return 0;
}

int sk_service_listen(struct sk_service *s)
{
	int rc;

	if (!sk_runtime_dir(s->dir, sizeof s->dir) ||
	    !sk_runtime_path(s->socket, sizeof s->socket, "socket"))
		return sk_error(SK_EIO, "the path of XDG_RUNTIME_DIR is too long for a socket");
	if (mkdir(s->dir, 0700) < 0 && errno != EEXIST)
		return sk_error_errno(SK_EIO, "cannot make the folder '%s'", s->dir);
	if (!sk_runtime_safe(s->dir))
		return sk_error(SK_EREFUSED, "'%s' is not a folder that only you can write to",
		                s->dir);
	rc = take_lock(s);
	if (!rc)
		rc = bind_socket(s);
	if (rc)
		return rc;
	s->self.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->self.fd >= 0 &&
	    inotify_add_watch(s->self.fd, s->dir,
	                      IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF |
	                              IN_MOVE_SELF) < 0) {
		(void)close(s->self.fd);
		s->self.fd = -1; /* it only tells us that nobody can reach us any more */
	}
	return 0;
}

bool sk_service_reachable(const struct sk_service *s)
{
	struct stat st;

	return lstat(s->socket, &st) == 0 && (uint64_t)st.st_dev == s->socket_dev &&
	       (uint64_t)st.st_ino == s->socket_ino;
}

void sk_service_hang_up(struct sk_service *s)
{
	if (s->listen.fd < 0)
		return;
	if (sk_service_reachable(s))
		(void)unlink(s->socket);
	(void)close(s->listen.fd);
	s->listen.fd = -1;
}

void sk_service_unlisten(struct sk_service *s)
{
	sk_service_hang_up(s);
	if (s->self.fd >= 0)
		(void)close(s->self.fd);
	if (s->lock >= 0)
		(void)close(s->lock);
	s->self.fd = s->lock = -1;
}

/* The user's own settings */

int64_t sk_service_idle_exit(void)
{
	struct sk_config *config = NULL;
	const char *text;
	int64_t ms = -1;

	if (sk_config_user(&config) == 0 && (text = sk_config_get(config, "service.idle_exit")) &&
	    sk_parse_duration(text, &ms))
		ms = -1;
	sk_config_free(config);
	return ms;
}

bool sk_service_wanted(void)
{
	const char *off = getenv("GIT_SK_NO_SERVICE");

	return !off || !*off || strcmp(off, "0") == 0;
}

/* Starting and stopping */

static void say_ready(void *arg)
{
	const int *fd = arg;

	(void)sk_write_full(*fd, "0", 1);
	(void)close(*fd);
}

static void become_daemon(const struct sk_service_host *host, int report)
{
	char text[600];
	int fd, rc, n;

	if (setsid() < 0 || chdir("/") < 0)
		_exit(SK_EIO);
	switch (fork()) {
	case -1:
		_exit(SK_EIO);
	case 0:
		break;
	default:
		_exit(0);
	}
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0)
		_exit(SK_EIO);
	if (report != 3 && (dup3(report, 3, O_CLOEXEC) < 0))
		_exit(SK_EIO);
	report = 3;
	if (close_range(4, ~0u, 0) < 0)
		for (fd = 4; fd < 4096; fd++)
			(void)close(fd);
	sk_service_log_to_file();
	rc = sk_service_run(host, say_ready, &report);
	if (rc) { /* when it was ready, nobody reads this any more */
		n = snprintf(text, sizeof text, "%d %.500s", rc, sk_error_message());
		(void)!write(report, text, (size_t)n);
		if (rc != SK_EBUSY)
			sk_service_log("ended: %s", sk_error_message());
	}
	exit(rc);
}

static int hear(int fd, bool *already)
{
	char text[600];
	ssize_t n = sk_read_full(fd, text, sizeof text - 1);
	int rc = 0, at = 0;

	text[n > 0 ? n : 0] = '\0';
	if (strcmp(text, "0") == 0)
		return 0;
	if (sscanf(text, "%d %n", &rc, &at) < 1 || rc <= 0)
		return sk_error(SK_EIO, "the service ended while it was started");
	if (rc == SK_EBUSY) {
		*already = true;
		return 0;
	}
	return sk_error(rc, "%s", text + at);
}

static int start_once(const struct sk_service_host *host, bool *already)
{
	int ends[2], rc, st;
	pid_t pid;

	*already = false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return sk_error_errno(SK_EIO, "cannot start the service");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		become_daemon(host, ends[1]);
	(void)close(ends[1]);
	if (pid < 0) {
		rc = sk_error_errno(SK_EIO, "cannot start the service");
	} else {
		while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
			;
		rc = hear(ends[0], already);
	}
	(void)close(ends[0]);
	return rc;
}

/* The one that holds the lock, by what it wrote there; 0: none, or none that is known for sure (one
 * that just took the lock has not written yet, and the number before may be anybody's now). */
static pid_t holder(void)
{
	unsigned long long start = 0;
	char path[256], text[64];
	long pid = 0;
	ssize_t n;
	int fd;

	if (!sk_runtime_path(path, sizeof path, "lock"))
		return 0;
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && (n = read(fd, text, sizeof text - 1)) > 0) {
		text[n] = '\0';
		if (sscanf(text, "%ld %llu", &pid, &start) != 2 || pid <= 1 ||
		    sk_proc_start((pid_t)pid) != start)
			pid = 0;
	}
	(void)close(fd);
	return (pid_t)pid;
}

/* One that was just killed holds its lock for another moment, one that begins does not listen yet,
 * and one that ends does not listen any more, but has its lock until its last backup is done. */
int sk_service_start(const struct sk_service_host *host, bool *already)
{
	struct timespec pause = { 0, 20000000 };
	int64_t began = sk_clock_ms();
	struct sk_answer answer = { 0, NULL, 0 };
	enum sk_ask_result r;
	int rc;

	for (;;) {
		rc = start_once(host, already);
		if (rc || !*already)
			return rc;
		r = sk_request('p', NULL, 0, START_MS, &answer);
		if (r == SK_ASKED)
			free(answer.data);
		if (r == SK_ASKED ||
		    sk_clock_ms() > began + (r == SK_ASK_DOWN ? STOP_MS : START_MS))
			break;
		(void)nanosleep(&pause, NULL);
	}
	return r == SK_ASKED ? 0
	                     : sk_error(SK_EBUSY,
	                                "the service (process %ld) does not answer; "
	                                "'git sk service stop' ends it",
	                                (long)holder());
}

int sk_service_stop(void)
{
	struct timespec pause = { 0, 10000000 };
	int64_t end = sk_clock_ms() + STOP_MS;
	struct sk_answer answer = { 0, NULL, 0 };
	pid_t pid = holder();
	unsigned long long start = pid ? sk_proc_start(pid) : 0;

	if (!pid)
		return sk_error(SK_ENO, "the service is not running");
	if (sk_request('q', NULL, 0, 2000, &answer) != SK_ASKED)
		(void)kill(pid, SIGTERM); /* it does not answer, but it has our lock */
	free(answer.data);
	while (holder() == pid || sk_proc_start(pid) == start) {
		if (sk_clock_ms() > end)
			return sk_error(SK_EBUSY,
			                "the service (process %ld) has not ended yet; it "
			                "finishes a backup, or hangs: kill -9 %ld",
			                (long)pid, (long)pid);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

int sk_service_status(struct sk_buf *out)
{
	struct sk_answer answer = { 0, NULL, 0 };
	enum sk_ask_result r = sk_request('p', NULL, 0, 5000, &answer);
	int rc;

	if (r == SK_ASK_DOWN)
		rc = sk_error(SK_ENO, "the service is not running; start it with 'git sk service "
		                      "start'");
	else if (r != SK_ASKED || answer.status != SK_ANSWER_OK)
		rc = sk_error(SK_EIO, "the service does not answer; 'git sk service stop' ends it");
	else
		rc = sk_buf_add(out, answer.data, answer.len);
	free(answer.data);
	return rc;
}

void sk_service_tell(const char *worktree, bool enabled)
{
	const char *field[] = { worktree };
	struct sk_answer answer = { 0, NULL, 0 };

	if (sk_request(enabled ? 'a' : 'r', field, 1, 3000, &answer) == SK_ASKED)
		free(answer.data);
}

void sk_service_begins(const struct sk_repo *repo)
{
	const char *field[] = { repo->worktree };
	struct sk_answer answer = { 0, NULL, 0 };

	if (sk_request('b', field, 1, BEGINS_MS, &answer) == SK_ASKED)
		free(answer.data);
}
