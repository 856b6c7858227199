#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "restore/restore.h"

#define LOCK_WAIT 30
#define NOT_FOUND 127 /* as shells have it */
#define NOT_RUN 126

static volatile sig_atomic_t child;

/* The terminal's own Ctrl-C reaches the command without us: only what a process sent is passed
 * on.  Meanwhile we stay, for the backup afterwards. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	SK_UNUSED(context);
	if (child > 0 && info->si_code <= 0)
		(void)kill((pid_t)child, sig);
	errno = saved;
}

static const int passed[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
#define N_PASSED (sizeof passed / sizeof *passed)

static void exec_child(const char *const *argv, const struct sigaction *before,
                       const sigset_t *mask)
{
	int code;

	for (size_t i = 0; i < N_PASSED; i++)
		(void)sigaction(passed[i], &before[i], NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], (char *const *)(size_t)argv);
	/* a folder of PATH that may not be entered says nothing about the program */
	if (errno == EACCES && !strchr(argv[0], '/'))
		errno = ENOENT;
	code = errno == ENOENT ? NOT_FOUND : NOT_RUN;
	(void)sk_error_errno(SK_EIO, "cannot run %s", sk_name(argv[0]));
	sk_say("%s", sk_error_message());
	_exit(code);
}

/* With our own standard input, output and error, and our environment. */
static int run_command(const char *const *argv, int *status)
{
	struct sigaction sa = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction before[N_PASSED];
	sigset_t block, mask;
	int st = 0, rc = 0;
	pid_t pid;

	(void)sigemptyset(&sa.sa_mask);
	(void)sigemptyset(&block);
	for (size_t i = 0; i < N_PASSED; i++)
		(void)sigaddset(&block, passed[i]);
	/* none of them may come between fork and the moment when `child` is known */
	(void)sigprocmask(SIG_BLOCK, &block, &mask);
	for (size_t i = 0; i < N_PASSED; i++)
		(void)sigaction(passed[i], &sa, &before[i]);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		exec_child(argv, before, &mask);
	child = (sig_atomic_t)pid;
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		rc = sk_error_errno(SK_EIO, "cannot start %s", sk_name(argv[0]));
	while (!rc && waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			rc = sk_error_errno(SK_EIO, "cannot wait for %s", sk_name(argv[0]));
	child = 0;
	/* they stay caught: the backup that follows is not to be cut short */
	*status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	return rc;
}

static int backup(struct sk_call *call, const char *title, const char *command,
                  struct sk_backup_result *out)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                       .trigger = "run",
		                       .title = title,
		                       .command = command,
		                       .wait_seconds = LOCK_WAIT };
	int rc = sk_backup(call->repo, &opts, out);

	if (rc == SK_EPARTIAL) {
		sk_warn_skipped(&out->snap->meta);
		rc = 0;
	}
	return rc;
}

static int diffstat(struct sk_call *call, const struct sk_entry *a, const struct sk_entry *b)
{
	char from[SK_OID_HEX + 1], to[SK_OID_HEX + 1];
	const char *const args[] = {
		"diff", "--stat", isatty(2) && sk_color_on() ? "--color" : "--no-color",
		from,   to,       NULL
	};
	struct sk_buf text = SK_BUF_INIT;
	int status = 0, rc;

	if (sk_quiet())
		return 0;
	sk_oid_hex(&a->tree, from);
	sk_oid_hex(&b->tree, to);
	rc = sk_git_run(call->repo, args, NULL, &text, &status);
	if (!rc && status == 0)
		(void)fputs(sk_buf_str(&text), stderr);
	sk_buf_free(&text);
	return rc;
}

static bool same(const struct sk_entry *a, const struct sk_entry *b)
{
	const char *x = sk_entry_get(a, "Sk-Meta"), *y = sk_entry_get(b, "Sk-Meta");

	return sk_oid_eq(&a->tree, &b->tree) && strcmp(x ? x : "", y ? y : "") == 0;
}

/* What the command did: said, and noted for undo.  `after` may have failed: then it can be undone
 * all the same. */
static int conclude(struct sk_call *call, char *title, const struct sk_entry *before,
                    const struct sk_entry *after)
{
	struct sk_undo undo = {
		.operation = title, .safety_id = before->id, .when = sk_now(), .staged = true
	};
	int rc;

	if (after && same(before, after)) {
		sk_note("it changed no files");
		return 0;
	}
	rc = sk_undo_push(call->repo, &undo);
	if (!rc && after)
		rc = diffstat(call, before, after);
	if (!rc)
		sk_note("the state before is backup %s; git sk undo brings it back", before->id);
	return rc;
}

static int words(const struct sk_call *call, struct sk_buf *out)
{
	for (size_t i = 0; i < call->n_path; i++)
		(void)sk_add_word(out, call->path[i]);
	return sk_buf_ok(out);
}

static int titled(const char *when, const char *command, struct sk_buf *out)
{
	(void)sk_buf_addf(out, "%s %.*s", when, (int)strcspn(command, "\n"), command);
	return sk_buf_ok(out);
}

int sk_cmd_run(struct sk_call *call)
{
	struct sk_backup_result before = { 0 }, after = { 0 };
	struct sk_buf command = SK_BUF_INIT, was = SK_BUF_INIT, is = SK_BUF_INIT,
	              what = SK_BUF_INIT;
	int status = 0, late = 0, rc = 0;

	if (call->n_arg || !call->n_path)
		return sk_error(SK_EUSAGE, "put the command after '--': git sk run -- CMD...");
	rc = words(call, &command);
	rc = rc ? rc : titled("before", command.ptr, &was);
	rc = rc ? rc : titled("after", command.ptr, &is);
	rc = rc ? rc : titled("run", command.ptr, &what);
	if (!rc)
		rc = backup(call, was.ptr, command.ptr, &before);
	if (!rc)
		rc = run_command(call->path, &status);
	if (!rc) {
		late = backup(call, is.ptr, command.ptr, &after);
		if (late)
			sk_warn("no backup after it: %s", sk_error_message());
		if (conclude(call, what.ptr, before.entry, late ? NULL : after.entry))
			sk_warn("%s", sk_error_message());
		sk_error_clear();
	}
	sk_backup_result_clear(&before);
	sk_backup_result_clear(&after);
	sk_buf_free(&command);
	sk_buf_free(&was);
	sk_buf_free(&is);
	sk_buf_free(&what);
	return rc ? rc : status;
}
