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
#include "base/text.h"

static int out_errno;
static pid_t pager = -1;
static volatile sig_atomic_t pipe_broken;

static void on_sigpipe(int sig)
{
	SK_UNUSED(sig);
	pipe_broken = 1;
}

static void on_sigxfsz(int sig)
{
	SK_UNUSED(sig); /* write(2) says EFBIG then, and what is half written is taken back */
}

void sk_out_begin(void)
{
	struct sigaction sa = { .sa_handler = on_sigpipe, .sa_flags = SA_RESTART };
	struct sigaction size = { .sa_handler = on_sigxfsz, .sa_flags = SA_RESTART };

	/* opened the wrong way round, so that reading and writing go on failing as they should */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR);
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGPIPE, &sa, NULL);
	(void)sigemptyset(&size.sa_mask);
	(void)sigaction(SIGXFSZ, &size, NULL);
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
	return pager > 0 || isatty(1) || sk_term_paged();
}

/* \u009b and the bidirectional overrides say the same to a program, and nothing to a terminal. */
void sk_out_json_text(const char *text, size_t len)
{
	size_t from = 0, n;

	for (size_t at = 0; at < len; at += n) {
		char escaped[8];
		const unsigned char *u = (const unsigned char *)text + at;

		n = *u < 0x80 ? 1 : sk_utf8_len(text + at, len - at);
		if (n > 1 && sk_hidden_char(text + at, n)) {
			sk_out(text + from, at - from);
			(void)snprintf(escaped, sizeof escaped, "\\u%04hx",
			               (unsigned short)(n == 2 ? (u[0] & 31u) << 6 | (u[1] & 63u)
			                                       : (u[0] & 15u) << 12 |
			                                                 (u[1] & 63u) << 6 |
			                                                 (u[2] & 63u)));
			sk_out(escaped, 6);
			from = at + n;
		}
		n += n == 0;
	}
	sk_out(text + from, len - from);
}

static int dump(const char *data, size_t len, void *unused)
{
	SK_UNUSED(unused);
	sk_out_json_text(data, len);
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

void sk_pager_setting(const struct sk_repo *repo, bool *on, struct sk_buf *command)
{
	git_config *config = NULL;
	git_buf text = { 0 };
	int yes = 1;

	if (git_repository_config(&config, repo->git) != 0)
		return;
	if (git_config_get_string_buf(&text, config, "pager.sk") == 0) {
		if (git_config_parse_bool(&yes, text.ptr) == 0)
			*on = yes;
		else
			(void)sk_buf_adds(command, text.ptr);
	}
	git_buf_dispose(&text);
	git_config_free(config);
}

/* Nothing: none is wanted.  The environment is above the setting, as in git. */
static int pager_command(const struct sk_repo *repo, struct sk_buf *out)
{
	const char *const args[] = { "var", "GIT_PAGER", NULL };
	bool on = true;
	int status = 0, rc;

	sk_pager_setting(repo, &on, out);
	if (!on || (sk_term_dumb() && !getenv("GIT_PAGER")))
		return 0;
	if (out->len && !getenv("GIT_PAGER"))
		return 0;
	sk_buf_clear(out);
	rc = sk_git_run(repo, args, NULL, out, &status);
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
	char columns[16];
	int ends[2], rc;

	if (pager > 0 || !isatty(1))
		return 0;
	sk_progress_hide();
	rc = pager_command(repo, &command);
	if (rc || !command.len)
		goto out;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot start the pager");
		goto out;
	}
	/* behind the pipe nobody can ask how wide the terminal is */
	(void)snprintf(columns, sizeof columns, "%zu", sk_term_width());
	(void)setenv("COLUMNS", columns, 1);
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
