#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/proc.h"
#include "service/service_parts.h"

#define SLICE_MS 20
#define STOP_MS 15000

int sk_service_poll(struct sk_service *s, struct sk_source *src, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = src };

	if (epoll_ctl(s->ep, EPOLL_CTL_ADD, src->fd, &e) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(s->ep, EPOLL_CTL_MOD, src->fd, &e) == 0)
		return 0;
	return sk_error_errno(SK_EIO, "cannot wait for events");
}

void sk_service_unpoll(struct sk_service *s, struct sk_source *src)
{
	(void)epoll_ctl(s->ep, EPOLL_CTL_DEL, src->fd, NULL);
}

/* inotify instances come and go with the working trees */

static int notify_opened(void *ctx, struct sk_notify *n, int fd)
{
	struct sk_service *s = ctx;
	struct sk_notify_source *src = calloc(1, sizeof *src);
	int rc;

	if (!src)
		return sk_error_oom();
	src->src = (struct sk_source){ SK_SRC_NOTIFY, fd };
	src->notify = n;
	rc = sk_service_poll(s, &src->src, EPOLLIN);
	if (rc) {
		free(src);
		return rc;
	}
	src->next = s->notify;
	s->notify = src;
	return 0;
}

/* The entry is freed at the end of the round: an event for it may be at hand. */
static void notify_closed(void *ctx, struct sk_notify *n, int fd)
{
	struct sk_service *s = ctx;

	SK_UNUSED(fd);
	for (struct sk_notify_source *src = s->notify; src; src = src->next)
		if (src->notify == n) {
			sk_service_unpoll(s, &src->src);
			src->notify = NULL;
		}
}

static void free_closed(struct sk_service *s)
{
	for (struct sk_notify_source **at = &s->notify; *at;) {
		struct sk_notify_source *src = *at;

		if (src->notify) {
			at = &src->next;
			continue;
		}
		*at = src->next;
		free(src);
	}
}

/* Signals */

static int open_signals(struct sk_service *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return sk_error_errno(SK_EIO, "cannot block signals");
	s->signals =
	        (struct sk_source){ SK_SRC_SIGNAL, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) };
	if (s->signals.fd < 0)
		return sk_error_errno(SK_EIO, "cannot wait for signals");
	return sk_service_poll(s, &s->signals, EPOLLIN);
}

static void on_signal(struct sk_service *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals.fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP)
			continue;
		if (info.ssi_signo != SIGCHLD)
			s->stopping = true;
	}
	sk_jobs_reap(s);
}

/* CLOCK_BOOTTIME: it goes on in suspend and does not jump with the calendar's clock. */
static void set_timer(struct sk_service *s, int64_t when)
{
	struct itimerspec t = { .it_value = { 0, 0 } };

	if (when != SK_NEVER) {
		t.it_value.tv_sec = (time_t)(when / 1000);
		t.it_value.tv_nsec = (long)(when % 1000) * 1000000 + 1;
	}
	(void)timerfd_settime(s->timer.fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* The loop */

static void on_event(struct sk_service *s, struct sk_source *src, uint32_t events)
{
	uint64_t ticks;

	switch (src->kind) {
	case SK_SRC_LISTEN:
		sk_conn_accept(s);
		break;
	case SK_SRC_SIGNAL:
		on_signal(s);
		break;
	case SK_SRC_TIMER:
		(void)!read(src->fd, &ticks, sizeof ticks);
		break;
	case SK_SRC_SELF: {
		char chunk[4096];

		while (read(src->fd, chunk, sizeof chunk) > 0)
			;
		if (!sk_service_reachable(s))
			s->stopping = true; /* nobody can reach us; the next one starts afresh */
		break;
	}
	case SK_SRC_NOTIFY: {
		struct sk_notify_source *n = (struct sk_notify_source *)src;

		if (n->notify)
			sk_notify_read(&s->set, n->notify);
		break;
	}
	case SK_SRC_CONN:
		sk_conn_event(s, (struct sk_conn *)src, events);
		break;
	case SK_SRC_JOB:
		sk_job_read(s, (struct sk_job *)src);
		break;
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What is due; the time of what comes next. */
static int64_t tick(struct sk_service *s)
{
	int64_t now = sk_clock_ms(), next;

	sk_service_look(s, now);
	next = earlier(sk_conns_tick(s, now), sk_jobs_tick(s, now));
	next = earlier(next, sk_sites_tick(s, now));
	if (s->idle_exit >= 0 && !s->jobs) {
		if (now - s->active >= s->idle_exit)
			s->stopping = true;
		next = earlier(next, s->active + s->idle_exit);
	}
	if (s->stopping) {
		if (!s->stop_by) {
			s->stop_by = now + STOP_MS;
			sk_service_hang_up(
			        s); /* whoever starts another one is not told that there is one */
		}
		next = earlier(next, s->stop_by);
	}
	return next;
}

/* Events that are at hand when their source goes away: none may be used.  Connections and jobs are
 * freed in tick() and by signals only, so at most one signal event is handled, as the last. */
static int round_of_events(struct sk_service *s, int timeout)
{
	struct epoll_event events[32];
	bool signalled = false;
	int n = epoll_wait(s->ep, events, 32, timeout);

	if (n < 0 && errno != EINTR)
		return sk_error_errno(SK_EIO, "cannot wait for events");
	for (int i = 0; i < n; i++) {
		struct sk_source *src = events[i].data.ptr;

		if (src->kind == SK_SRC_SIGNAL)
			signalled = true;
		else
			on_event(s, src, events[i].events);
	}
	if (signalled)
		on_signal(s);
	return 0;
}

static int loop(struct sk_service *s)
{
	int64_t next;
	bool more;
	int rc = 0;

	while (!rc) {
		more = !s->stopping && sk_sites_work(s, sk_clock_ms() + SLICE_MS);
		next = tick(s);
		free_closed(s);
		if (s->stopping && ((!s->jobs && !s->conns) || sk_clock_ms() >= s->stop_by))
			return 0;
		set_timer(s, next);
		rc = round_of_events(s, more ? 0 : -1);
	}
	return rc;
}

static void raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static int begin(struct sk_service *s)
{
	int rc;

	s->ep = epoll_create1(EPOLL_CLOEXEC);
	s->timer = (struct sk_source){ SK_SRC_TIMER,
		                       timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK) };
	if (s->ep < 0 || s->timer.fd < 0)
		return sk_error_errno(SK_EIO, "cannot wait for events");
	rc = sk_service_poll(s, &s->timer, EPOLLIN);
	if (!rc)
		rc = open_signals(s);
	if (!rc)
		rc = sk_watch_set_open(&s->set);
	if (!rc)
		rc = sk_service_listen(s);
	if (!rc)
		rc = sk_service_poll(s, &s->listen, EPOLLIN);
	if (!rc && s->self.fd >= 0)
		rc = sk_service_poll(s, &s->self, EPOLLIN);
	return rc;
}

static void finish(struct sk_service *s)
{
	sk_conns_close(s);
	while (s->sites)
		sk_site_remove(s, s->sites);
	while (s->jobs) { /* too slow for us; it goes on by itself */
		struct sk_job *job = s->jobs;

		s->jobs = job->next;
		if (job->src.fd >= 0)
			(void)close(job->src.fd);
		sk_buf_free(&job->said);
		free(job);
	}
	sk_watch_set_close(&s->set);
	free_closed(s);
	sk_service_unlisten(s);
	if (s->signals.fd >= 0)
		(void)close(s->signals.fd);
	if (s->timer.fd >= 0)
		(void)close(s->timer.fd);
	if (s->ep >= 0)
		(void)close(s->ep);
}

int sk_service_run(const struct sk_service_host *host, void (*ready)(void *), void *arg)
{
	struct sk_service s = { .host = host,
		                .ep = -1,
		                .lock = -1,
		                .listen = { SK_SRC_LISTEN, -1 },
		                .signals = { SK_SRC_SIGNAL, -1 },
		                .timer = { SK_SRC_TIMER, -1 },
		                .self = { SK_SRC_SELF, -1 } };
	sigset_t before;
	int rc;

	(void)sigprocmask(SIG_BLOCK, NULL, &before);
	sk_set_quiet(0); /* whoever started it with -q: why a backup failed has to be said */
	sk_clear_git_env();
	if (getenv(SK_SERVICE_LOG)) { /* in place of one whose program was replaced */
		(void)unsetenv(SK_SERVICE_LOG);
		sk_service_log_to_file();
	}
	(void)setenv("SK_HOOK_RUNNING", "1", 1); /* what backups start is none of git's hooks */
	raise_limits();
	s.set.mounts.fd = -1;
	s.set.ctx = &s;
	s.set.opened = notify_opened;
	s.set.closed = notify_closed;
	s.started = time(NULL);
	s.began = s.active = s.looked = sk_clock_ms();
	s.idle_exit = sk_service_idle_exit();
	rc = begin(&s);
	if (!rc) {
		sk_service_log("started, process %ld, version %s", (long)getpid(), SK_VERSION);
		if (ready)
			ready(arg);
		sk_sites_load(&s);
		rc = loop(&s);
		sk_service_log("ended");
	}
	finish(&s);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (!rc && s.renew)
		return sk_service_renew(s.renew, sk_service_logs_to_file());
	free(s.renew);
	return rc;
}
