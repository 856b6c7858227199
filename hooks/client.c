/* client.c - git-sk-hook: what git itself runs.  libc only, so that it starts in a millisecond.
 *
 *   .git/hooks/pre-commit -> git-sk-hook   as a hook, by the name it is run under; a manager may
 *                                          have renamed it (pre-commit.legacy, pre-commit.old)
 *   git-sk-hook EVENT ARGS...              from a block in another hook, or hook.NAME.command
 *   git-sk-fsmonitor VERSION TOKEN         as core.fsmonitor, which git asks before it changes
 *                                          the working tree (githooks(5), fsmonitor-watchman)
 *
 * It never makes git fail because SafeKeep failed: the exit status is 0 unless git-sk refused a
 * pre-* event on purpose (its exit 13), and git always gets an answer to its fsmonitor query.
 *
 * Environment: GIT_SK_DISABLE=1 and SK_HOOK_RUNNING=1 (set for what it starts) switch it off.
 * git-sk gets SK_HOOK_COMMAND and SK_HOOK_PPID, the command line and the process id of the git
 * command at work, when they can be found in /proc, and SK_HOOK_AGAIN=1 when that command has been
 * at work since an earlier guard. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "by_service.h"
#include "chain.h"
#include "classify.h"
#include "operation.h"

#define REFUSED 13                /* git-sk's exit status when it refuses for safety */
#define MAX_LABEL 501             /* bytes of SK_HOOK_COMMAND, NUL included */
#define MAX_GUARDED 8             /* commands at work at a time that are told apart */
#define GUARD_AGE_NS 2000000000LL /* how long one guard covers the calls of one git command */

extern char **environ;

static const char *const events[] = { "pre-commit",  "pre-merge-commit", "post-checkout",
	                              "post-merge",  "post-rewrite",     "pre-rebase",
	                              "post-commit", "pre-applypatch",   "commit-msg",
	                              NULL };

static void export_operation(const struct sk_operation *op)
{
	char label[MAX_LABEL], number[32];

	(void)unsetenv("SK_HOOK_COMMAND");
	(void)unsetenv("SK_HOOK_PPID");
	(void)unsetenv("SK_HOOK_AGAIN");
	if (!op->top)
		return;
	(void)sk_command_label(op->top->argc, op->top->argv, label, sizeof label);
	(void)snprintf(number, sizeof number, "%ld", (long)op->top->pid);
	(void)setenv("SK_HOOK_COMMAND", label, 1);
	(void)setenv("SK_HOOK_PPID", number, 1);
}

/* git-sk */

/* Beside this program, or else by PATH. */
static const char *find_git_sk(void)
{
	static char path[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (n <= 0)
		return "git-sk";
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return "git-sk";
	strcpy(slash + 1, "git-sk");
	return access(path, X_OK) == 0 ? path : "git-sk";
}

static int report(int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGINT)
		(void)fprintf(stderr, "git sk: git-sk was ended by signal %d; git goes on\n",
		              WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs `git-sk --hook EVENT ARGS...` to its end; its exit status, or -1 when there is none.
 * `quiet_output`: what it prints on standard output goes to standard error. */
static int run_git_sk(const char *event, int argc, char **args, bool quiet_output)
{
	char **argv = calloc((size_t)argc + 4, sizeof *argv);
	posix_spawn_file_actions_t actions;
	int rc, status = 0;
	pid_t pid = 0;

	if (!argv)
		return -1;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (quiet_output)
		(void)posix_spawn_file_actions_adddup2(&actions, 2, 1);
	argv[0] = (char *)(size_t) "git-sk";
	argv[1] = (char *)(size_t) "--hook";
	argv[2] = (char *)(size_t)event;
	for (int i = 0; i < argc; i++)
		argv[3 + i] = args[i];
	(void)setenv("SK_HOOK_RUNNING", "1", 1);
	rc = posix_spawnp(&pid, find_git_sk(), &actions, NULL, argv, environ);
	(void)unsetenv("SK_HOOK_RUNNING");
	(void)posix_spawn_file_actions_destroy(&actions);
	free(argv);
	if (rc != 0) {
		(void)fprintf(stderr, "git sk: no backup was made: cannot run git-sk: %s\n",
		              strerror(rc));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return report(status);
}

/* The repository */

struct folders {
	char git[PATH_MAX], common[PATH_MAX];
};

static bool join(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = name[0] == '/' ? snprintf(out, PATH_MAX, "%s", name)
	                       : snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX;
}

static void chomp(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
}

/* As git finds them from the root of a working tree, where it runs its fsmonitor program:
 * gitrepository-layout(5), "gitdir:" files and commondir. */
static bool find_folders(struct folders *f)
{
	const char *dir = getenv("GIT_DIR");
	char text[PATH_MAX], path[PATH_MAX];
	struct stat st;

	if (!join(f->git, ".", dir && *dir ? dir : ".git") || stat(f->git, &st) < 0)
		return false;
	if (S_ISREG(st.st_mode)) {
		if (sk_slurp(f->git, text, sizeof text) < 0 || strncmp(text, "gitdir: ", 8) != 0)
			return false;
		chomp(text);
		if (!join(f->git, ".", text + 8))
			return false;
	}
	dir = getenv("GIT_COMMON_DIR");
	if (dir && *dir)
		return join(f->common, ".", dir);
	if (!join(path, f->git, "commondir"))
		return false;
	if (sk_slurp(path, text, sizeof text) <= 0)
		return join(f->common, f->git, ".");
	chomp(text);
	return join(f->common, f->git, text);
}

static bool enabled(const struct folders *f)
{
	char path[PATH_MAX];

	return join(path, f->common, "sk/installed") && access(path, F_OK) == 0;
}

/* git-sk keeps a file for each while a plugin takes part in it. */
static bool has_plugin(const struct folders *f, const char *event)
{
	char path[PATH_MAX];
	const char *mark = strcmp(event, "pre-commit") == 0    ? "sk/before-commit"
	                   : strcmp(event, "post-commit") == 0 ? "sk/after-commit"
	                                                       : NULL;

	return mark && join(path, f->common, mark) && access(path, F_OK) == 0;
}

/* By the service when it runs, else by git-sk. */
static int save(const struct folders *f, const char *event)
{
	int status;

	if (sk_event_by_service(event, f->git, f->common, &status))
		return status;
	return run_git_sk(event, 0, NULL, true);
}

/* The guard */

/* One git command asks several times (`git stash` and the commands it runs).  GITDIR/sk/guarded
 * has a line "PID START TIME" for each of the latest commands, the newest first; TIME is that of
 * the guard, or 0 when that failed. */
enum guarded {
	NOT_YET, /* the state is from before anything was changed: what `git sk undo` brings back */
	COVERED, /* by the guard of a moment ago */
	AGAIN    /* a long command may let its user edit in between: saved, but not for undo */
};

static bool is_line_of(const struct sk_process *top, const char *line, long long *when)
{
	unsigned long long start;
	long pid;

	return sscanf(line, "%ld %llu %lld", &pid, &start, when) == 3 && pid == (long)top->pid &&
	       start == top->start;
}

static enum guarded look_up_guard(const struct folders *f, const struct sk_process *top)
{
	char path[PATH_MAX], text[1024];
	long long when, age;

	if (!join(path, f->git, "sk/guarded") || sk_slurp(path, text, sizeof text) <= 0)
		return NOT_YET;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!is_line_of(top, line, &when))
			continue;
		age = sk_now_ns() - when;
		return age >= 0 && age < GUARD_AGE_NS ? COVERED : AGAIN;
	}
	return NOT_YET;
}

static void note_guarded(const struct folders *f, const struct sk_process *top, long long when)
{
	char path[PATH_MAX], temporary[PATH_MAX], name[64], text[1024];
	char *line, *next;
	FILE *file;
	bool good;
	int left = MAX_GUARDED - 1, fd;

	(void)snprintf(name, sizeof name, "sk/guarded.%ld.tmp", (long)getpid());
	if (!join(path, f->git, "sk/guarded") || !join(temporary, f->git, name))
		return;
	fd = sk_create(AT_FDCWD, temporary, O_WRONLY | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	file = fdopen(fd, "w");
	if (!file) {
		(void)close(fd);
		return;
	}
	good = fprintf(file, "%ld %llu %lld\n", (long)top->pid, top->start, when) > 0;
	if (sk_slurp(path, text, sizeof text) <= 0)
		text[0] = '\0';
	for (line = text; good && left && (next = strchr(line, '\n')); line = next + 1) {
		long long other;

		*next = '\0';
		if (is_line_of(top, line, &other))
			continue;
		good = fprintf(file, "%s\n", line) > 0;
		left--;
	}
	if (fclose(file) != 0 || !good || rename(temporary, path) < 0)
		(void)unlink(temporary);
}

static const char *command_name(const struct sk_process *p)
{
	int at = 0;

	(void)sk_classify(p->argc, p->argv, &at);
	return at > 0 && at < p->argc ? p->argv[at] : "";
}

/* `git worktree add` runs others in the new worktree: what they find there is nothing that anybody
 * made, and `git sk undo` must not go back to it. */
static bool fills_new_worktree(const struct sk_operation *op)
{
	return op->nearest != op->top && strcmp(command_name(op->top), "worktree") == 0;
}

/* `git stash` has written its ref, and now clears the working tree with these.  Nobody is asked
 * before `git stash drop`: the entry has to be noted now. */
static bool has_stashed(const struct sk_operation *op)
{
	const char *child = command_name(op->nearest);

	return op->nearest != op->top && strcmp(command_name(op->top), "stash") == 0 &&
	       (strcmp(child, "reset") == 0 || strcmp(child, "apply") == 0);
}

/* `git mv` carries "known to be unchanged" over to a new name, even (with -k) when the file could
 * not be moved there: what it leaves in the index is not to be built upon. */
static bool moves_marks(const struct sk_operation *op)
{
	return op->nearest && strcmp(command_name(op->nearest), "mv") == 0;
}

/* *doubt: the answer to this query must not be an exact one. */
static void guard(const struct folders *f, bool *doubt)
{
	struct sk_operation op;
	enum guarded before = NOT_YET;
	long long when;

	if (!enabled(f))
		return;
	sk_find_operation(&op);
	*doubt = moves_marks(&op);
	if (op.ours)
		return;
	if (op.nearest && !op.nearest->cut &&
	    sk_classify(op.nearest->argc, op.nearest->argv, NULL) == SK_READ_ONLY)
		return;
	if (op.top && fills_new_worktree(&op))
		return;
	if (op.top)
		before = look_up_guard(f, op.top);
	export_operation(&op);
	if (before == COVERED) {
		if (has_stashed(&op))
			(void)save(f, "tips");
		return;
	}
	if (before == AGAIN)
		(void)setenv("SK_HOOK_AGAIN", "1", 1);
	when = sk_now_ns();
	if (save(f, "guard") != 0)
		when = 0;
	if (op.top)
		note_guarded(f, op.top, when);
}

/* The answer */

/* "Everything may have changed": version 2 with a token, version 1 without. */
static int answer(const char *version)
{
	char text[64];
	int n = 0;

	if (strcmp(version, "2") == 0)
		n = snprintf(text, sizeof text, "sk0:%lld", sk_now_ns()) + 1;
	memcpy(text + n, "/", 2);
	return sk_write_all(text, (size_t)n + 2) ? 0 : 1;
}

static bool set(const char *name)
{
	const char *value = getenv(name);

	return value && *value && strcmp(value, "0") != 0;
}

static bool disabled(void)
{
	return set("GIT_SK_DISABLE") || set("SK_HOOK_RUNNING");
}

/* The service first, when it is exact; then whoever was asked before SafeKeep came. */
static bool answered(const struct folders *f, const char *version, const char *token, bool doubt)
{
	const char *chain = sk_chain(f->common);

	if (!disabled() && enabled(f) && strcmp(version, "2") == 0 &&
	    sk_answer_by_service(f->git, f->common, doubt, chain, token))
		return true;
	if (!disabled() && enabled(f) && sk_service_is_down())
		sk_start_service(find_git_sk());
	return chain && !doubt && sk_answer_by_chain(chain, version, token);
}

static int fsmonitor(int argc, char **argv)
{
	struct folders f;
	bool doubt = false;

	if (argc < 2 || (strcmp(argv[1], "1") != 0 && strcmp(argv[1], "2") != 0)) {
		(void)fprintf(stderr, "git sk: git-sk-fsmonitor is run by git (core.fsmonitor)\n");
		return 1;
	}
	if (find_folders(&f)) {
		if (!disabled())
			guard(&f, &doubt);
		if (answered(&f, argv[1], argc > 2 ? argv[2] : "", doubt))
			return 0;
	}
	return answer(argv[1]);
}

/* Hooks */

/* The event a name stands for, less what a manager put behind it; NULL when it is none. */
static const char *event_of(const char *name)
{
	size_t n = strcspn(name, ".");

	for (int i = 0; events[i]; i++)
		if (strlen(events[i]) == n && memcmp(events[i], name, n) == 0)
			return events[i];
	return NULL;
}

/* Only what pre-commit found can refuse the commit, and it has left word of that. */
static int commit_msg(int argc, char **args)
{
	struct folders f;
	char path[PATH_MAX];

	if (!find_folders(&f) || !enabled(&f) || !join(path, f.git, "sk/gate") ||
	    access(path, F_OK) != 0)
		return 0;
	return run_git_sk("commit-msg", argc, args, false) == REFUSED ? 1 : 0;
}

/* git-sk notes at each event that it is off. */
static bool wants_summary(const struct folders *f)
{
	char path[PATH_MAX];

	return !join(path, f->git, "sk/no-summary") || access(path, F_OK) != 0;
}

static int hook(const char *event, int argc, char **args)
{
	bool before = strncmp(event, "pre-", 4) == 0;
	struct sk_operation op;
	struct folders f;
	bool found, more;
	int status;

	if (disabled())
		return 0;
	if (strcmp(event, "commit-msg") == 0)
		return commit_msg(argc, args);
	found = find_folders(&f);
	/* a plugin wants to see the commit, with the index that git's environment names */
	more = found && has_plugin(&f, event);
	if (strcmp(event, "post-commit") == 0 && !more)
		return 0; /* nothing is saved after a commit */
	sk_find_operation(&op);
	if (op.ours)
		return 0;
	/* the guard has just saved what this hook would save */
	if (before && !more && op.top && found && look_up_guard(&f, op.top) == COVERED) {
		if (strcmp(event, "pre-commit") != 0 || !wants_summary(&f))
			return 0;
		event = "impact"; /* no backup, only what is said about the commit */
	}
	export_operation(&op);
	if (!found || !enabled(&f) || more || !sk_event_by_service(event, f.git, f.common, &status))
		status = run_git_sk(event, argc, args, false);
	return status == REFUSED && before ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? sk_last_name(argv[0]) : "", *event = event_of(name);

	(void)signal(SIGCHLD, SIG_DFL); /* ignored by whoever started git: no exit status then */
	if (event)
		return hook(event, argc - 1, argv + 1);
	if (strcmp(name, "git-sk-fsmonitor") == 0)
		return fsmonitor(argc, argv);
	if (argc > 1 && strcmp(argv[1], "fsmonitor") == 0)
		return fsmonitor(argc - 1, argv + 1);
	if (argc > 1 && (event = event_of(argv[1])))
		return hook(event, argc - 2, argv + 2);
	(void)fprintf(stderr,
	              "git sk: git-sk-hook is run by git; usage: git-sk-hook EVENT ARGS...\n");
	/* in a hook of a kind that we do not know git must go on all the same */
	return strncmp(name, "git-sk", 6) == 0 ? 2 : 0;
}
