#include "agent/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/step.h"
#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "hooks/by_service.h"

#define EVENT_MAX (16u << 20) /* of which the first part says what there is to know */

static void on_alarm(int sig)
{
	SK_UNUSED(sig);
	_exit(0);
}

static void begin_alarm(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	sigset_t ours;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGALRM);
	(void)sigaction(SIGALRM, &action, NULL);
	(void)sigprocmask(SIG_UNBLOCK, &ours, NULL);
	(void)alarm(SK_AGENT_HOOK_S);
}

/* All of it, though only so much is kept: a tool whose pipe closes early takes that for an error.
 */
static int read_event(struct sk_buf *out)
{
	char chunk[65536];
	ssize_t n;

	for (;;) {
		n = read(STDIN_FILENO, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sk_buf_ok(out);
		if (out->len < EVENT_MAX && sk_buf_add(out, chunk, (size_t)n))
			return SK_EIO;
	}
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value && strcmp(value, "0") != 0;
}

static int open_here(struct sk_repo **out)
{
	struct sk_repo *repo = NULL;
	int rc = sk_repo_open(".", &repo);

	if (!rc && !repo->enabled) {
		sk_repo_close(repo);
		rc = SK_EREPO;
	}
	if (!rc)
		*out = repo;
	return rc;
}

/* The repository that the file is in, or will be; its name becomes that from the worktree's root.
 */
static int open_of_file(struct sk_buf *file, struct sk_repo **out)
{
	struct sk_buf name = SK_BUF_INIT;
	char dir[PATH_MAX];
	char *slash;
	int rc;

	if (!file->len || file->len >= sizeof dir)
		return SK_EREPO;
	memcpy(dir, file->ptr, file->len + 1);
	do { /* folders that are to be made with it */
		slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
		if (slash && !*dir && chdir("/") == 0)
			break;
	} while (slash && chdir(dir) < 0);
	rc = open_here(out);
	if (!rc) {
		size_t from = slash ? (size_t)(slash - dir) + 1 : 0;

		(void)sk_buf_addf(&name, "%s%s", (*out)->prefix, file->ptr + from);
		rc = sk_buf_ok(&name);
	}
	if (!rc) {
		sk_buf_free(file);
		*file = name;
	} else {
		sk_buf_free(&name);
	}
	return rc;
}

/* That of the file at work, else that of the folder which the agent works in, else ours. */
static int find(struct sk_agent_event *e, struct sk_repo **out)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	sk_clear_git_env(); /* a hook of git may have started the agent */
	if (e->cwd.len && chdir(e->cwd.ptr) == 0 && here >= 0) {
		(void)close(here);
		here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	rc = open_of_file(&e->file, out);
	if (rc && here >= 0 && fchdir(here) == 0)
		rc = open_here(out);
	if (here >= 0)
		(void)close(here);
	return rc;
}

static int save(struct sk_repo *repo, const char *agent, const struct sk_agent_event *e)
{
	struct sk_buf note = SK_BUF_INIT;
	int status = 0, rc = sk_agent_note(agent, e, &note);

	if (!rc && chdir(repo->worktree) < 0)
		rc = sk_error_errno(SK_EIO, "cannot enter the working tree");
	(void)unsetenv("SK_HOOK_AGAIN");
	if (!rc && setenv("SK_HOOK_COMMAND", note.ptr, 1))
		rc = sk_error_oom();
	if (!rc && sk_event_by_service("agent", repo->gitdir, repo->commondir, &status))
		rc = status ? sk_error(status, "the service could not make it") : 0;
	else if (!rc)
		rc = sk_agent_step(repo, note.ptr, NULL);
	sk_buf_free(&note);
	return rc;
}

static void say(int out)
{
	struct sk_buf text = SK_BUF_INIT;
	char *line = NULL;
	json_t *o;

	(void)sk_buf_addf(&text, "SafeKeep could not save the state before this prompt: %s",
	                  sk_error_message());
	o = json_pack("{s:o}", "systemMessage", sk_json_text(sk_buf_str(&text)));
	line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	if (line && sk_write_full(out, line, strlen(line)) == 0)
		(void)sk_write_full(out, "\n", 1);
	free(line);
	json_decref(o);
	sk_buf_free(&text);
}

int sk_agent_hook(const char *agent)
{
	struct sk_agent_event event = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	struct sk_repo *repo = NULL;
	int out, rc;

	begin_alarm();
	(void)signal(SIGPIPE, SIG_IGN);
	/* whatever is said on the way is not for the tool to read */
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	rc = read_event(&text);
	if (!rc)
		rc = sk_agent_event_read(sk_buf_str(&text), text.len, &event);
	if (rc || event.moment == SK_AGENT_NONE || is_set("GIT_SK_DISABLE") || find(&event, &repo))
		goto out;
	rc = save(repo, agent, &event);
	if (rc)
		sk_warn("no backup was made: %s", sk_error_message());
	if (rc && out >= 0 && event.moment == SK_AGENT_PROMPT)
		say(out);
out:
	(void)alarm(0);
	if (out >= 0)
		(void)close(out);
	sk_repo_close(repo);
	sk_agent_event_clear(&event);
	sk_buf_free(&text);
	sk_error_clear();
	return 0;
}
