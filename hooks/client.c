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
 * command at work, when they can be found in /proc. */
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

#include "classify.h"

#define REFUSED 13                /* git-sk's exit status when it refuses for safety */
#define MAX_LEVELS 8              /* how far up the parents git is looked for */
#define MAX_WORDS 512             /* words of a command line that are looked at */
#define MAX_LABEL 501             /* bytes of SK_HOOK_COMMAND, NUL included */
#define GUARD_AGE_NS 2000000000LL /* how long one guard covers the calls of one git command */

extern char **environ;

static const char *const events[] = { "pre-commit",  "pre-merge-commit", "post-checkout",
	                              "post-merge",  "post-rewrite",     "pre-rebase",
	                              "post-commit", "pre-applypatch",   NULL };

/* Processes */

struct process {
	pid_t pid, parent;
	unsigned long long start; /* ticks since boot: with the pid it names the process */
	int argc;
	bool cut; /* the command line is longer than what was read */
	const char *argv[MAX_WORDS];
	char text[32768];
};

static ssize_t slurp(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (len + 1 < cap && (n = read(fd, out + len, cap - 1 - len)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	out[len] = '\0';
	return n < 0 ? -1 : (ssize_t)len;
}

/* Fields 4 and 22 of /proc/PID/stat; the name before them may hold anything: see proc(5). */
static bool read_stat(struct process *p)
{
	char path[64], text[2048], *at;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)p->pid);
	if (slurp(path, text, sizeof text) < 0 || !(at = strrchr(text, ')')))
		return false;
	for (int field = 3; field <= 22 && (at = strchr(at, ' ')); field++) {
		at++;
		if (field == 4)
			p->parent = (pid_t)strtol(at, NULL, 10);
		if (field == 22)
			p->start = strtoull(at, NULL, 10);
	}
	return at != NULL;
}

static bool read_process(pid_t pid, struct process *p)
{
	char path[64];
	ssize_t len;

	p->pid = pid;
	p->argc = 0;
	(void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
	if (pid <= 1 || !read_stat(p) || (len = slurp(path, p->text, sizeof p->text)) <= 0)
		return false;
	p->cut = (size_t)len + 1 >= sizeof p->text;
	for (const char *w = p->text; w < p->text + len && p->argc < MAX_WORDS; w += strlen(w) + 1)
		p->argv[p->argc++] = w;
	p->cut |= p->argc == MAX_WORDS;
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* git itself or one of its own scripts: a parent that runs others as part of its own work.
 * Somebody's git-NAME program is none: it may change files between two calls of git. */
static bool works_for_git(const struct process *p)
{
	if (strcmp(base_name(p->argv[0]), "git") == 0 || strstr(p->argv[0], "/git-core/git-"))
		return true;
	return p->argc > 1 && strstr(p->argv[1], "/git-core/git-");
}

struct operation {
	const struct process *nearest; /* the git that called; NULL when none was found */
	const struct process *top;     /* the command it works for: `git stash` runs `git reset` */
	bool ours;                     /* started by git-sk */
};

static void find_operation(struct operation *op)
{
	static struct process level[MAX_LEVELS];
	pid_t pid = getppid();

	memset(op, 0, sizeof *op);
	for (struct process *p = level; p < level + MAX_LEVELS && read_process(pid, p); p++) {
		bool git_sk = strcmp(base_name(p->argv[0]), "git-sk") == 0;

		pid = p->parent;
		if (!op->nearest && !sk_is_git(p->argv[0]))
			continue;
		op->ours = op->ours || git_sk;
		if (op->nearest && !works_for_git(p))
			return;
		if (!op->nearest)
			op->nearest = p;
		op->top = p;
	}
}

static void export_operation(const struct operation *op)
{
	char label[MAX_LABEL], number[32];

	(void)unsetenv("SK_HOOK_COMMAND");
	(void)unsetenv("SK_HOOK_PPID");
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
		if (slurp(f->git, text, sizeof text) < 0 || strncmp(text, "gitdir: ", 8) != 0)
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
	if (slurp(path, text, sizeof text) <= 0)
		return join(f->common, f->git, ".");
	chomp(text);
	return join(f->common, f->git, text);
}

/* The guard */

static long long now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* One git command asks several times (`git stash` and the commands it runs): the first guard is
 * from before anything was changed and covers them all, for a short time, because a long command
 * may let its user edit in between. */
static bool already_guarded(const struct folders *f, const struct process *top)
{
	char path[PATH_MAX], text[128];
	unsigned long long start;
	long long when, age;
	long pid;

	if (!join(path, f->git, "sk/guarded") || slurp(path, text, sizeof text) <= 0 ||
	    sscanf(text, "%ld %llu %lld", &pid, &start, &when) != 3)
		return false;
	age = now_ns() - when;
	return pid == (long)top->pid && start == top->start && age >= 0 && age < GUARD_AGE_NS;
}

static void note_guarded(const struct folders *f, const struct process *top, long long when)
{
	char path[PATH_MAX], temporary[PATH_MAX], name[64];
	FILE *file;
	bool good;

	(void)snprintf(name, sizeof name, "sk/guarded.%ld.tmp", (long)getpid());
	if (!join(path, f->git, "sk/guarded") || !join(temporary, f->git, name) ||
	    !(file = fopen(temporary, "wxe")))
		return;
	good = fprintf(file, "%ld %llu %lld\n", (long)top->pid, top->start, when) > 0;
	if (fclose(file) != 0 || !good || rename(temporary, path) < 0)
		(void)unlink(temporary);
}

static void guard(const struct folders *f)
{
	struct operation op;
	long long when;
	char path[PATH_MAX];

	if (!join(path, f->common, "sk/installed") || access(path, F_OK) < 0)
		return;
	find_operation(&op);
	if (op.ours)
		return;
	if (op.nearest && !op.nearest->cut &&
	    sk_classify(op.nearest->argc, op.nearest->argv, NULL) == SK_READ_ONLY)
		return;
	if (op.top && already_guarded(f, op.top))
		return;
	export_operation(&op);
	when = now_ns();
	if (run_git_sk("guard", 0, NULL, true) == 0 && op.top)
		note_guarded(f, op.top, when);
}

/* The answer */

static bool write_all(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The fsmonitor program that was configured before, from the record of the installation; its
 * bytes below "!" and "%" are written %XX there. */
static char *chained_program(const struct folders *f)
{
	static const char key[] = "fsmonitor-chain ";
	static char text[65536];
	char path[PATH_MAX], *line, *to;

	if (!join(path, f->common, "sk/installed") || slurp(path, text, sizeof text) <= 0)
		return NULL;
	for (line = text; line && strncmp(line, key, sizeof key - 1) != 0;)
		if ((line = strchr(line, '\n')))
			line++;
	if (!line)
		return NULL;
	line += sizeof key - 1;
	chomp(line);
	to = line;
	for (const char *from = line; *from; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;

		*to++ = low >= 0 ? (char)(high * 16 + low) : *from;
		from += low >= 0 ? 2 : 0;
	}
	*to = '\0';
	return *line ? line : NULL;
}

struct output {
	char *data;
	size_t len;
};

static bool collect(int fd, struct output *out)
{
	size_t cap = 0;

	for (;;) {
		ssize_t n;

		if (out->len == cap) {
			char *bigger = realloc(out->data, cap = cap ? cap * 2 : 65536);

			if (!bigger)
				return false;
			out->data = bigger;
		}
		n = read(fd, out->data + out->len, cap - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		out->len += (size_t)n;
	}
}

/* Starts it as git would, through the shell and with git's own arguments; `fd` becomes where
 * its output comes from. */
static pid_t start_chain(const char *program, int argc, char **argv, int *fd)
{
	char *words[8] = { (char *)(size_t) "sh", (char *)(size_t) "-c" };
	posix_spawn_file_actions_t actions;
	int ends[2], rc;
	pid_t pid = -1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	if (asprintf(&words[2], "%s \"$@\"", program) < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return -1;
	}
	words[3] = words[2];
	for (int i = 1; i < argc && i < 4; i++)
		words[3 + i] = argv[i];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	rc = posix_spawn(&pid, "/bin/sh", &actions, NULL, words, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(words[2]);
	(void)close(ends[1]);
	*fd = ends[0];
	if (rc != 0)
		(void)close(ends[0]);
	return rc == 0 ? pid : -1;
}

/* Nothing is passed on unless the program ended well. */
static bool answer_by_chain(const char *program, int argc, char **argv)
{
	struct output out = { NULL, 0 };
	int status = 0, fd = -1;
	pid_t pid = start_chain(program, argc, argv, &fd);
	bool good;

	if (pid < 0)
		return false;
	good = collect(fd, &out);
	(void)close(fd);
	while (good && waitpid(pid, &status, 0) < 0)
		good = errno == EINTR;
	good = good && out.len && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (good)
		(void)write_all(out.data, out.len);
	free(out.data);
	return good;
}

/* "Everything may have changed": version 2 with a token, version 1 without. */
static int answer(const char *version)
{
	char text[64];
	int n = 0;

	if (strcmp(version, "2") == 0)
		n = snprintf(text, sizeof text, "sk0:%lld", now_ns()) + 1;
	memcpy(text + n, "/", 2);
	return write_all(text, (size_t)n + 2) ? 0 : 1;
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

static int fsmonitor(int argc, char **argv)
{
	struct folders f;
	char *chain;

	if (argc < 2 || (strcmp(argv[1], "1") != 0 && strcmp(argv[1], "2") != 0)) {
		(void)fprintf(stderr, "git sk: git-sk-fsmonitor is run by git (core.fsmonitor)\n");
		return 1;
	}
	if (find_folders(&f)) {
		if (!disabled())
			guard(&f);
		chain = chained_program(&f);
		if (chain && answer_by_chain(chain, argc, argv))
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

static int hook(const char *event, int argc, char **args)
{
	bool before = strncmp(event, "pre-", 4) == 0;
	struct operation op;
	struct folders f;
	int status;

	if (disabled())
		return 0;
	find_operation(&op);
	if (op.ours)
		return 0;
	/* the guard has just saved what this hook would save */
	if (before && op.top && find_folders(&f) && already_guarded(&f, op.top))
		return 0;
	export_operation(&op);
	status = run_git_sk(event, argc, args, false);
	return status == REFUSED && before ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? base_name(argv[0]) : "", *event = event_of(name);

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
