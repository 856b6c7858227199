/* Backups, and pushes to vaults, in child processes.  The child is a fork of the service, not a new
 * program: it has libgit2 started and the program loaded, which is most of what a small backup
 * takes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/service_parts.h"

#define SAID_MAX 16384

static void become_job(const struct sk_service *s, const struct sk_site *site, const char *event,
                       const char *command, const struct sk_service_hint *hint, int out)
{
	sigset_t none;
	int fd, rc;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setpgid(0, 0); /* what it starts ends with it */
	fd = open("/dev/null", O_RDWR);
	if (fd < 0 || dup2(fd, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(SK_EIO);
	if (close_range(3, ~0u, 0) < 0)
		for (fd = 3; fd < 4096; fd++)
			(void)close(fd);
	if (chdir(site->worktree) < 0) {
		(void)fprintf(stderr, "git sk: cannot enter %s: %s\n", site->worktree,
		              strerror(errno));
		_exit(SK_EREPO);
	}
	(void)unsetenv("SK_HOOK_COMMAND");
	if (*command)
		(void)setenv("SK_HOOK_COMMAND", command, 1);
	rc = s->host->backup(event, hint);
	(void)fflush(NULL);
	_exit(rc);
}

/* What else a client may ask for leaves the changes at hand as unsaved as they were. */
static bool saves(const char *event)
{
	static const char *const others[] = { "tips",         "tips-again", "impact",
		                              "impact-again", "vault",      "vault-now" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(event, others[i]) == 0)
			return false;
	return true;
}

static int start(struct sk_service *s, struct sk_site *site, const char *event, const char *command,
                 bool guard, bool aside, struct sk_job **out)
{
	struct sk_job *job = calloc(1, sizeof *job);
	struct sk_service_hint hint;
	int ends[2], rc;

	if (!job)
		return sk_error_oom();
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(job);
		return sk_error_errno(SK_EIO, "cannot start a backup");
	}
	if (aside)
		hint = (struct sk_service_hint){ .changed = NULL };
	else
		sk_site_hint(site, &hint);
	job->src = (struct sk_source){ SK_SRC_JOB, ends[0] };
	job->site = site;
	job->guard = guard;
	job->aside = aside;
	job->saves = saves(event);
	job->hinted = hint.changed || (guard && hint.unchanged);
	job->stir = site->watch ? sk_watch_stir(site->watch, NULL) : 0;
	job->seq = site->watch ? sk_watch_seq(site->watch) : 0;
	job->deadline = sk_clock_ms() + (aside ? SK_PUSH_MS : SK_JOB_MS);
	(void)snprintf(job->event, sizeof job->event, "%s", event);
	(void)fcntl(ends[1], F_SETFL, 0);
	rc = sk_service_poll(s, &job->src, EPOLLIN);
	(void)fflush(NULL);
	job->pid = rc ? -1 : fork();
	if (job->pid == 0)
		become_job(s, site, event, command, &hint, ends[1]);
	if (hint.changed)
		sk_strv_free(hint.changed);
	free(hint.changed);
	(void)close(ends[1]);
	if (job->pid < 0) {
		if (!rc)
			rc = sk_error_errno(SK_EIO, "cannot start a backup");
		sk_service_unpoll(s, &job->src);
		(void)close(ends[0]);
		free(job);
		return rc;
	}
	(void)setpgid(job->pid, job->pid);
	if (site->watch && job->saves)
		sk_watch_soft_done(site->watch);
	job->next = s->jobs;
	s->jobs = job;
	*out = job;
	if (aside) {
		s->push = job;
		return 0;
	}
	s->n_jobs += !guard;
	s->n_guards += guard;
	site->job = job;
	return 0;
}

int sk_job_start(struct sk_service *s, struct sk_site *site, const char *event, const char *command,
                 bool guard, struct sk_job **out)
{
	return start(s, site, event, command, guard, false, out);
}

int sk_job_push(struct sk_service *s, struct sk_site *site, bool now)
{
	struct sk_job *job;

	return start(s, site, now ? "vault-now" : "vault", "", false, true, &job);
}

void sk_job_read(struct sk_service *s, struct sk_job *job)
{
	char chunk[4096];
	ssize_t n;

	while (job->src.fd >= 0) {
		n = read(job->src.fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			sk_service_unpoll(s, &job->src);
			(void)close(job->src.fd);
			job->src.fd = -1;
		} else if (job->said.len + (size_t)n <= SAID_MAX) {
			(void)sk_buf_add(&job->said, chunk, (size_t)n);
		}
	}
}

static void end_job(struct sk_service *s, struct sk_job *job, int st)
{
	int status = WIFEXITED(st) ? WEXITSTATUS(st) : SK_EIO;
	struct sk_job **at = &s->jobs;

	sk_job_read(s, job);
	if (job->src.fd >= 0) { /* something that it started still holds the pipe */
		sk_service_unpoll(s, &job->src);
		(void)close(job->src.fd);
		job->src.fd = -1;
	}
	if (WIFSIGNALED(st))
		(void)sk_buf_addf(&job->said, "git sk: the %s %s by signal %d\n",
		                  job->aside ? "push" : "backup",
		                  job->killed ? "took too long and was ended" : "was ended",
		                  WTERMSIG(st));
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->aside) {
		s->push = NULL;
		if (job->site)
			sk_site_pushed(job->site, job, status);
		sk_buf_free(&job->said);
		free(job);
		return;
	}
	s->n_jobs -= !job->guard;
	s->n_guards -= job->guard;
	if (job->site) {
		job->site->job = NULL;
		sk_site_done(s, job->site, job, status);
	}
	sk_conns_done(s, job, status);
	sk_buf_free(&job->said);
	free(job);
}

void sk_jobs_reap(struct sk_service *s)
{
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		struct sk_job *job = s->jobs;

		while (job && job->pid != pid)
			job = job->next;
		if (job)
			end_job(s, job, st);
	}
}

int64_t sk_jobs_tick(struct sk_service *s, int64_t now)
{
	int64_t next = SK_NEVER;

	for (struct sk_job *job = s->jobs; job; job = job->next) {
		/* whoever stops the service does not wait for a push: the next one goes on */
		if (now >= job->deadline || (s->stopping && job->aside && !job->killed)) {
			(void)kill(-job->pid, job->killed ? SIGKILL : SIGTERM);
			job->killed = true;
			job->deadline = now + 5000;
		}
		if (job->deadline < next)
			next = job->deadline;
	}
	return next;
}
