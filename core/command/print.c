#include "command/print.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"

static int out_errno;
static pid_t pager = -1;
static volatile sig_atomic_t pipe_broken;

static void on_sigpipe(int sig)
{
	SK_UNUSED(sig);
	pipe_broken = 1;
}

void sk_out_begin(void)
{
	struct sigaction sa = { .sa_handler = on_sigpipe, .sa_flags = SA_RESTART };

	/* opened the wrong way round, so that reading and writing go on failing as they should */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR);
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGPIPE, &sa, NULL);
}

void sk_out(const void *data, size_t len)
{
	if (out_errno || !len)
		return;
	if (fwrite(data, 1, len, stdout) != len)
		out_errno = errno ? errno : EIO;
}

void sk_outf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!out_errno && vprintf(fmt, ap) < 0)
		out_errno = errno ? errno : EIO;
	va_end(ap);
}

void sk_out_flush(void)
{
	if (fflush(stdout) != 0 && !out_errno)
		out_errno = errno;
}

bool sk_out_failed(void)
{
	return out_errno != 0;
}

bool sk_out_terminal(void)
{
	return pager > 0 || isatty(1);
}

static int dump(const char *data, size_t len, void *unused)
{
	SK_UNUSED(unused);
	sk_out(data, len);
	return out_errno ? -1 : 0;
}

int sk_out_json(json_t *object)
{
	int rc;

	if (!object)
		return sk_error_oom();
	rc = json_dump_callback(object, dump, NULL, JSON_INDENT(2));
	json_decref(object);
	sk_out("\n", 1);
	/* a failed write is told by sk_out_end, once */
	return rc && !out_errno ? sk_error_oom() : 0;
}

int sk_out_end(void)
{
	int st;

	sk_out_flush();
	if (pager > 0) {
		(void)fclose(stdout);
		(void)close(1);
		while (waitpid(pager, &st, 0) < 0 && errno == EINTR)
			;
		pager = -1;
		if (out_errno == EPIPE)
			out_errno =
			        0; /* it was left before the end, which is what pagers are for */
	}
	errno = out_errno;
	return out_errno ? sk_error_errno(SK_EIO, "cannot write the output") : 0;
}

bool sk_out_gone(void)
{
	return out_errno == EPIPE && pipe_broken;
}

static int pager_command(const struct sk_repo *repo, struct sk_buf *out)
{
	const char *const args[] = { "var", "GIT_PAGER", NULL };
	int status = 0, rc = sk_git_run(repo, args, NULL, out, &status);

	if (rc)
		return rc;
	while (out->len && out->ptr[out->len - 1] == '\n')
		sk_buf_truncate(out, out->len - 1);
	if (status != 0 || strcmp(sk_buf_str(out), "cat") == 0)
		sk_buf_clear(out);
	return 0;
}

static void run_pager(const char *command, int in)
{
	const char *const argv[] = { "sh", "-c", command, NULL };

	(void)setenv("LESS", "FRX", 0);
	(void)setenv("LV", "-c", 0);
	if (dup2(in, 0) < 0)
		_exit(127);
	(void)sk_proc_exec(argv);
	_exit(127);
}

int sk_pager_start(const struct sk_repo *repo)
{
	struct sk_buf command = SK_BUF_INIT;
	int ends[2], rc;

	if (pager > 0 || !isatty(1))
		return 0;
	rc = pager_command(repo, &command);
	if (rc || !command.len)
		goto out;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot start the pager");
		goto out;
	}
	(void)fflush(NULL);
	pager = fork();
	if (pager == 0)
		run_pager(command.ptr, ends[0]);
	(void)close(ends[0]);
	if (pager < 0 || dup2(ends[1], 1) < 0)
		rc = sk_error_errno(SK_EIO, "cannot start the pager");
	(void)close(ends[1]);
	/* Ctrl-C is the pager's: were we to die, the shell would take the terminal from it */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
out:
	sk_buf_free(&command);
	return rc;
}

static void on_interrupt(int sig)
{
	static const char text[] = "\ngit sk: interrupted; nothing was changed\n";

	SK_UNUSED(sig);
	(void)!write(2, text, sizeof text - 1);
	_exit(SK_EINTR);
}

int sk_ask_line(const char *question, struct sk_buf *answer)
{
	struct sigaction sa = { .sa_handler = on_interrupt }, before;
	int rc;

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGINT, &sa, &before);
	sk_buf_clear(answer);
	rc = sk_ask(question, answer);
	(void)sigaction(SIGINT, &before, NULL);
	if (rc)
		(void)fputc('\n', stderr); /* the cursor stands behind the question */
	return rc;
}

int sk_confirm(const char *question, bool *yes)
{
	struct sk_buf answer = SK_BUF_INIT;
	int rc = sk_ask_line(question, &answer);
	const char *text = sk_buf_str(&answer);

	if (!rc || rc == SK_ENO)
		*yes = !rc && (strcasecmp(text, "y") == 0 || strcasecmp(text, "yes") == 0);
	sk_buf_free(&answer);
	return rc == SK_ENO ? 0 : rc;
}

/* Where git works, as the environment of a child: two allocated strings. */
static int git_env(const struct sk_repo *repo, char *env[3])
{
	struct sk_buf dir = SK_BUF_INIT, tree = SK_BUF_INIT;

	(void)sk_buf_addf(&dir, "GIT_DIR=%s", repo->gitdir);
	(void)sk_buf_addf(&tree, "GIT_WORK_TREE=%s", repo->worktree);
	env[0] = sk_buf_detach(&dir);
	env[1] = sk_buf_detach(&tree);
	env[2] = NULL;
	if (env[0] && env[1])
		return 0;
	free(env[0]);
	free(env[1]);
	return sk_error_oom();
}

static int git_argv(const char *const *args, const char ***out)
{
	static const char *const first[] = { "git", "--no-optional-locks",
		                             "-c",  "core.fsmonitor=false",
		                             "-c",  "core.hooksPath=/dev/null" };
	size_t n = 0, k = sizeof first / sizeof first[0];
	const char **argv;

	while (args[n])
		n++;
	argv = calloc(k + n + 1, sizeof *argv);
	if (!argv)
		return sk_error_oom();
	memcpy(argv, first, sizeof first);
	memcpy(argv + k, args, n * sizeof *argv);
	*out = argv;
	return 0;
}

int sk_git_line(const struct sk_repo *repo, const char *const *args, const char ***argv,
                char *env[3])
{
	int rc = git_env(repo, env);

	if (rc)
		return rc;
	rc = git_argv(args, argv);
	if (rc) {
		free(env[0]);
		free(env[1]);
		env[0] = env[1] = NULL;
	}
	return rc;
}

int sk_git_run(const struct sk_repo *repo, const char *const *args, const struct sk_buf *input,
               struct sk_buf *output, int *status)
{
	struct sk_proc proc = { .output = output };
	const char **argv = NULL;
	char *env[3] = { NULL, NULL, NULL };
	int rc = sk_git_line(repo, args, &argv, env);

	if (!rc) {
		proc.argv = argv;
		proc.env = (const char *const *)env;
		proc.input = input ? sk_buf_str(input) : NULL;
		proc.input_len = input ? input->len : 0;
		rc = sk_proc_run(&proc, status);
	}
	free(argv);
	free(env[0]);
	free(env[1]);
	return rc;
}

int sk_git_exec(const struct sk_repo *repo, const char *const *args)
{
	const char **argv = NULL;
	char *env[3] = { NULL, NULL, NULL };
	int rc = sk_git_line(repo, args, &argv, env);

	if (!rc) {
		sk_clear_git_env();
		(void)fflush(NULL);
		if (putenv(env[0]) != 0 || putenv(env[1]) != 0)
			rc = sk_error_oom();
		else
			rc = sk_proc_exec(argv);
	}
	free(argv);
	return rc;
}
