/* inject - runs a command and makes its Nth system call fail, or ends it there.
 *
 *	inject [OPTION...] -- CMD...
 *
 *	--only NAME,...   count in these programs only (the last part of /proc/PID/exe); default:
 *all
 *	--calls KIND,...  which calls count: open read write sync rename link unlink mkdir list stat
 *map fork exec connect truncate attr; default: all of them
 *	--changes         only calls that change a disk: write, sync, rename, link, unlink, mkdir,
 *	                  truncate, attr, and open that creates
 *	--nth N           from 1: what happens, happens at this one
 *	--errno NAME      it fails with that error (EIO, ENOSPC...), without having been made
 *	--forever         and so do all later ones of its kind
 *	--kill            the command, with all that it started, is ended by SIGKILL before the call
 *	--report FILE     a line "calls COUNT fired KIND PROGRAM ERRNO-OR-kill PATH-OR-FD" ("-" when
 *it did not come to that); before it "kinds KIND=COUNT... changes=COUNT", of all calls
 *	--list            every counted call is written to FILE too: "N PID PROGRAM KIND PATH-OR-FD"
 *
 * Exit status: the command's, 128 + signal, 125 when tracing is not possible here.
 *
 * By ptrace(2) and not by a library in LD_PRELOAD, because what counts is what reaches the kernel:
 * calls inside of libc, of children and of statically linked code too.  The calls of the dynamic
 * loader are left out: a breakpoint stands at the program's entry point until it is reached. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "list.h"

#if !defined(__x86_64__)
#error "inject knows the registers of x86-64 only"
#endif

enum kind {
	OPEN,
	READ,
	WRITE,
	SYNC,
	RENAME,
	LINK,
	UNLINK,
	MKDIR,
	LIST,
	STAT,
	MAP,
	FORK,
	EXEC,
	CONNECT,
	TRUNCATE,
	ATTR,
	KINDS
};

static const char *const kind_name[KINDS] = {
	"open", "read", "write", "sync", "rename", "link",    "unlink",   "mkdir",
	"list", "stat", "map",   "fork", "exec",   "connect", "truncate", "attr",
};

/* Which argument is a path (the first), -1: a descriptor in argument 0, -2: neither. */
static const struct call {
	long number;
	enum kind kind;
	int path;
} calls[] = {
	{ SYS_open, OPEN, 0 },
	{ SYS_openat, OPEN, 1 },
	{ SYS_openat2, OPEN, 1 },
	{ SYS_creat, OPEN, 0 },
	{ SYS_read, READ, -1 },
	{ SYS_pread64, READ, -1 },
	{ SYS_readv, READ, -1 },
	{ SYS_preadv, READ, -1 },
	{ SYS_readlink, READ, 0 },
	{ SYS_readlinkat, READ, 1 },
	{ SYS_write, WRITE, -1 },
	{ SYS_pwrite64, WRITE, -1 },
	{ SYS_writev, WRITE, -1 },
	{ SYS_pwritev, WRITE, -1 },
	{ SYS_sendto, WRITE, -1 },
	{ SYS_sendmsg, WRITE, -1 },
	{ SYS_copy_file_range, WRITE, -1 },
	{ SYS_sendfile, WRITE, -1 },
	{ SYS_fsync, SYNC, -1 },
	{ SYS_fdatasync, SYNC, -1 },
	{ SYS_syncfs, SYNC, -1 },
	{ SYS_msync, SYNC, -2 },
	{ SYS_rename, RENAME, 0 },
	{ SYS_renameat, RENAME, 1 },
	{ SYS_renameat2, RENAME, 1 },
	{ SYS_link, LINK, 0 },
	{ SYS_linkat, LINK, 1 },
	{ SYS_symlink, LINK, 1 },
	{ SYS_symlinkat, LINK, 2 },
	{ SYS_unlink, UNLINK, 0 },
	{ SYS_unlinkat, UNLINK, 1 },
	{ SYS_rmdir, UNLINK, 0 },
	{ SYS_mkdir, MKDIR, 0 },
	{ SYS_mkdirat, MKDIR, 1 },
	{ SYS_getdents64, LIST, -1 },
	{ SYS_stat, STAT, 0 },
	{ SYS_lstat, STAT, 0 },
	{ SYS_fstat, STAT, -1 },
	{ SYS_newfstatat, STAT, 1 },
	{ SYS_statx, STAT, 1 },
	{ SYS_access, STAT, 0 },
	{ SYS_faccessat, STAT, 1 },
	{ SYS_faccessat2, STAT, 1 },
	{ SYS_mmap, MAP, -2 },
	{ SYS_mremap, MAP, -2 },
	{ SYS_fork, FORK, -2 },
	{ SYS_vfork, FORK, -2 },
	{ SYS_clone, FORK, -2 },
	{ SYS_clone3, FORK, -2 },
	{ SYS_execve, EXEC, 0 },
	{ SYS_execveat, EXEC, 1 },
	{ SYS_connect, CONNECT, -1 },
	{ SYS_ftruncate, TRUNCATE, -1 },
	{ SYS_truncate, TRUNCATE, 0 },
	{ SYS_fallocate, TRUNCATE, -1 },
	{ SYS_chmod, ATTR, 0 },
	{ SYS_fchmod, ATTR, -1 },
	{ SYS_fchmodat, ATTR, 1 },
	{ SYS_chown, ATTR, 0 },
	{ SYS_fchown, ATTR, -1 },
	{ SYS_fchownat, ATTR, 1 },
	{ SYS_utimensat, ATTR, 1 },
};

static const struct {
	const char *name;
	int value;
} errors[] = {
	{ "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE },
	{ "EINTR", EINTR },   { "EACCES", EACCES }, { "ENOMEM", ENOMEM },
	{ "EAGAIN", EAGAIN }, { "EROFS", EROFS },   { "EDQUOT", EDQUOT },
};

/* One thread that is traced. */
struct tracee {
	pid_t pid;
	bool used, began; /* began: past the loader */
	bool counts;      /* the program is one of --only */
	int fail;         /* the call it is in was replaced: this is its errno */
	unsigned long entry;
	long saved; /* the word that the breakpoint stands in */
	char program[64];
};

static struct tracee *tracees;
static size_t n_tracees;
static const char *only;
static bool wanted[KINDS], changes, forever, kill_it, list;
static unsigned long nth, count, of_kind[KINDS], of_changes;
static int error_number, fired = -1;
static char fired_program[64] = "-", fired_at[PATH_MAX] = "-";
static FILE *report;

static void fail(const char *what)
{
	(void)fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void name_program(struct tracee *t)
{
	char link[64], exe[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/%d/exe", (int)t->pid);
	n = readlink(link, exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = '\0';
	(void)snprintf(t->program, sizeof t->program, "%.63s",
	               strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe);
	t->counts = !only || in_list(only, t->program);
}

static struct tracee *tracee_of(pid_t pid)
{
	struct tracee *place = NULL;

	for (size_t i = 0; i < n_tracees; i++) {
		if (tracees[i].used && tracees[i].pid == pid)
			return &tracees[i];
		if (!tracees[i].used && !place)
			place = &tracees[i];
	}
	if (!place) {
		struct tracee *grown = realloc(tracees, (n_tracees + 16) * sizeof *grown);

		if (!grown)
			fail("memory");
		memset(grown + n_tracees, 0, 16 * sizeof *grown);
		place = grown + n_tracees;
		tracees = grown;
		n_tracees += 16;
	}
	memset(place, 0, sizeof *place);
	place->used = true;
	place->pid = pid;
	place->began = true; /* a fork of one that did */
	name_program(place);
	return place;
}
/* A new program: its loader runs until the entry point. */
static void at_exec(struct tracee *t)
{
	unsigned long pair[2];
	char path[64];
	int fd;

	t->began = false;
	t->entry = 0;
	name_program(t);
	(void)snprintf(path, sizeof path, "/proc/%d/auxv", (int)t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, pair, sizeof pair) == (ssize_t)sizeof pair && pair[0])
		if (pair[0] == AT_ENTRY)
			t->entry = pair[1];
	if (fd >= 0)
		(void)close(fd);
	errno = 0;
	t->saved = t->entry ? ptrace(PTRACE_PEEKTEXT, t->pid, t->entry, 0) : 0;
	if (!t->entry || errno ||
	    ptrace(PTRACE_POKETEXT, t->pid, t->entry, (t->saved & ~0xffL) | 0xcc) < 0) {
		t->entry = 0;
		t->began = true;
	}
}

/* Whether the SIGTRAP was our breakpoint. */
static bool at_entry_point(struct tracee *t)
{
	struct user_regs_struct regs;

	if (!t->entry || t->began || ptrace(PTRACE_GETREGS, t->pid, 0, &regs) < 0 ||
	    regs.rip != t->entry + 1)
		return false;
	regs.rip = t->entry;
	if (ptrace(PTRACE_POKETEXT, t->pid, t->entry, t->saved) < 0 ||
	    ptrace(PTRACE_SETREGS, t->pid, 0, &regs) < 0)
		fail("breakpoint");
	t->began = true;
	return true;
}

static void child_text(pid_t pid, unsigned long address, char *out, size_t size)
{
	struct iovec to = { out, size - 1 }, from = { (void *)address, size - 1 };
	size_t page = 4096 - address % 4096;
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (n < 0 && page < size) { /* the next page is not there */
		to.iov_len = from.iov_len = page;
		n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	}
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* The path, or what the descriptor leads to; valid until the next call. */
static const char *object_of(const struct tracee *t, const struct call *c, const uint64_t *args)
{
	static char what[PATH_MAX];
	char link[64];
	ssize_t n;

	(void)snprintf(what, sizeof what, "-");
	if (c->path >= 0) {
		child_text(t->pid, args[c->path], what, sizeof what);
	} else if (c->path == -1) {
		(void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)t->pid, (int)args[0]);
		n = readlink(link, what, sizeof what - 1);
		what[n > 0 ? n : 0] = '\0';
	}
	return what;
}

static bool changes_disk(const struct call *c, const uint64_t *args)
{
	switch (c->kind) {
	case OPEN:
		return c->number == SYS_creat ||
		       (c->number != SYS_openat2 && (args[c->path + 1] & O_CREAT));
	case WRITE:
	case SYNC:
	case RENAME:
	case LINK:
	case UNLINK:
	case MKDIR:
	case TRUNCATE:
	case ATTR:
		return true;
	default:
		return false;
	}
}

static const struct call *counted(const struct tracee *t, const struct ptrace_syscall_info *info)
{
	const uint64_t *args = (const uint64_t *)info->entry.args;
	const struct call *c = NULL;

	if (!t->began || !t->counts)
		return NULL;
	for (size_t i = 0; i < sizeof calls / sizeof *calls && !c; i++)
		if (calls[i].number == (long)info->entry.nr)
			c = &calls[i];
	/* but for the messages and results of the command itself */
	if (!c || (c->path == -1 && args[0] <= 2 && (c->kind == READ || c->kind == WRITE)))
		return NULL;
	of_kind[c->kind]++;
	of_changes += changes_disk(c, args);
	return wanted[c->kind] && (!changes || changes_disk(c, args)) ? c : NULL;
}

static void fail_call(struct tracee *t)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, t->pid, 0, &regs) < 0)
		return;
	regs.orig_rax = (unsigned long long)-1;
	if (ptrace(PTRACE_SETREGS, t->pid, 0, &regs) == 0)
		t->fail = error_number;
}

static void kill_all(void)
{
	for (size_t i = 0; i < n_tracees; i++)
		if (tracees[i].used)
			(void)kill(tracees[i].pid, SIGKILL);
}

static void at_call(struct tracee *t)
{
	struct ptrace_syscall_info info = { 0 };
	struct user_regs_struct regs;
	const struct call *c;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		if (t->fail && ptrace(PTRACE_GETREGS, t->pid, 0, &regs) == 0) {
			regs.rax = (unsigned long long)-t->fail;
			(void)ptrace(PTRACE_SETREGS, t->pid, 0, &regs);
		}
		t->fail = 0;
		return;
	}
	c = info.op == PTRACE_SYSCALL_INFO_ENTRY ? counted(t, &info) : NULL;
	if (!c)
		return;
	count++;
	if (list)
		(void)fprintf(report, "%lu %d %s %s %s\n", count, (int)t->pid, t->program,
		              kind_name[c->kind],
		              object_of(t, c, (const uint64_t *)info.entry.args));
	if (count != nth && !(forever && fired == (int)c->kind && count > nth))
		return;
	if (fired < 0) {
		(void)snprintf(fired_program, sizeof fired_program, "%s", t->program);
		(void)snprintf(fired_at, sizeof fired_at, "%s",
		               object_of(t, c, (const uint64_t *)info.entry.args));
	}
	fired = (int)c->kind;
	if (kill_it)
		kill_all();
	else
		fail_call(t);
}

/* The signal to go on with. */
static int at_stop(struct tracee *t, int status)
{
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80)) {
		at_call(t);
		return 0;
	}
	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		at_exec(t);
		return 0;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_STOP:
		return 0;
	default:
		break;
	}
	if (signal == SIGTRAP && at_entry_point(t))
		return 0;
	return signal;
}

/* Whether its next calls matter: else it runs on without a stop at each, which is much quicker. */
static bool looks_at(const struct tracee *t)
{
	return t->fail || (t->began && t->counts && (fired < 0 || forever || !nth));
}

static int trace(pid_t first)
{
	int result = 125, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		struct tracee *t;

		if (pid <= 0)
			continue;
		t = tracee_of(pid);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			t->used = false;
			if (pid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status)
				                           : 128 + WTERMSIG(status);
			continue;
		}
		int signal = at_stop(t, status);

		(void)ptrace(looks_at(t) ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, signal);
	}
	return result;
}

static pid_t start(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	                     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		fail("fork");
	if (pid == 0) {
		char c;

		(void)close(go[1]);
		if (read(go[0], &c, 1) == 1)
			(void)execvp(argv[0], argv);
		(void)fprintf(stderr, "inject: cannot run '%s': %s\n", argv[0], strerror(errno));
		_exit(125);
	}
	(void)close(go[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
		fail("cannot trace");
	(void)tracee_of(pid);
	/* in a stop, so that its system calls are seen from the first */
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || write(go[1], "x", 1) != 1)
		fail("cannot trace");
	(void)close(go[1]);
	return pid;
}

static void usage(void)
{
	(void)fprintf(stderr, "inject: see the top of tests/fault/inject.c\n");
	exit(125);
}

static int options(int argc, char **argv)
{
	const char *kinds = NULL, *file = NULL;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *o = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(o, "--changes") == 0 || strcmp(o, "--forever") == 0 ||
		    strcmp(o, "--kill") == 0 || strcmp(o, "--list") == 0) {
			*(o[2] == 'c'   ? &changes
			  : o[2] == 'f' ? &forever
			  : o[2] == 'k' ? &kill_it
			                : &list) = true;
			continue;
		}
		i++;
		if (strcmp(o, "--only") == 0)
			only = value;
		else if (strcmp(o, "--calls") == 0)
			kinds = value;
		else if (strcmp(o, "--nth") == 0)
			nth = strtoul(value, NULL, 10);
		else if (strcmp(o, "--report") == 0)
			file = value;
		else if (strcmp(o, "--errno") == 0)
			for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
				error_number = strcmp(errors[k].name, value) ? error_number
				                                             : errors[k].value;
		else
			usage();
	}
	for (int k = 0; k < KINDS; k++)
		wanted[k] = !kinds || in_list(kinds, kind_name[k]);
	if (i + 1 >= argc || (list && !file) || (nth && !kill_it && !error_number))
		usage();
	if (file && !(report = fopen(file, "we")))
		fail(file);
	return i + 1;
}

int main(int argc, char **argv)
{
	int first = options(argc, argv), status;

	status = trace(start(argv + first));
	if (report) {
		(void)fprintf(report, "kinds");
		for (int k = 0; k < KINDS; k++)
			(void)fprintf(report, " %s=%lu", kind_name[k], of_kind[k]);
		(void)fprintf(report, " changes=%lu\n", of_changes);
		(void)fprintf(report, "calls %lu fired %s %s %s %s\n", count,
		              fired < 0 ? "-" : kind_name[fired], fired_program,
		              kill_it                         ? "kill"
		              : strerrorname_np(error_number) ? strerrorname_np(error_number)
		                                              : "-",
		              fired_at);
		if (fclose(report) != 0)
			fail("report");
	}
	return status;
}
