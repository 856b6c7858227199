/* record - runs a command and writes down all that it does to the files below a folder.
 *
 *	record FOLDER LOG CMD...
 *
 * LOG has one line for each change that was made, in the order in which the calls returned, fields
 * separated by a space, names relative to FOLDER with bytes other than letters, digits and ./_-
 * as %XX, inodes as numbers:
 *
 *	PROGRAM open INODE NAME         a file was opened for writing; it may be new
 *	PROGRAM write INODE OFFSET SIZE then SIZE bytes and a line feed
 *	PROGRAM truncate INODE SIZE     also to a greater size
 *	PROGRAM mkdir INODE NAME
 *	PROGRAM symlink INODE NAME TARGET
 *	PROGRAM link OLD NEW
 *	PROGRAM rename OLD NEW          in place of NEW, when that is there
 *	PROGRAM exchange OLD NEW
 *	PROGRAM unlink NAME             of a folder, too
 *	PROGRAM chmod INODE MODE        (octal)
 *	PROGRAM sync INODE              fsync and fdatasync, of a folder, too
 *	PROGRAM syncall                 sync and syncfs
 *	PROGRAM lost WHAT               a call whose effect cannot be written down (the replay
 *refuses)
 *
 * Exit status: the command's, 128 + signal, 125 when tracing is not possible here.
 *
 * By ptrace(2), because what counts is what reaches the kernel: git, its children and calls inside
 *of libc too.  The bytes of a write are read from the file itself after the call, whatever call it
 *was. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

/* What a call does, by its number; the names of the C library's wrappers. */
enum what {
	OPEN,
	WRITE,
	TRUNCATE,
	MAKE_DIR,
	MAKE_LINK,
	HARD_LINK,
	MOVE,
	REMOVE,
	MODE,
	FLUSH,
	FLUSH_ALL,
	MAP
};

/* `dir` and `path`: which arguments name the (first) file, -1: none; `dir` alone is a descriptor.
 * `to`: the argument with the second path, its folder's descriptor before it where `dir` is there.
 */
static const struct call {
	long number;
	enum what what;
	signed char dir, path, to;
} calls[] = {
#ifdef SYS_open
	{ SYS_open, OPEN, -1, 0, -1 },          { SYS_creat, OPEN, -1, 0, -1 },
	{ SYS_mkdir, MAKE_DIR, -1, 0, -1 },     { SYS_symlink, MAKE_LINK, -1, 1, -1 },
	{ SYS_link, HARD_LINK, -1, 0, 1 },      { SYS_rename, MOVE, -1, 0, 1 },
	{ SYS_unlink, REMOVE, -1, 0, -1 },      { SYS_rmdir, REMOVE, -1, 0, -1 },
	{ SYS_chmod, MODE, -1, 0, -1 },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, MOVE, 0, 1, 3 },
#endif
	{ SYS_openat, OPEN, 0, 1, -1 },         { SYS_openat2, OPEN, 0, 1, -1 },
	{ SYS_write, WRITE, 0, -1, -1 },        { SYS_writev, WRITE, 0, -1, -1 },
	{ SYS_pwrite64, WRITE, 0, -1, -1 },     { SYS_pwritev, WRITE, 0, -1, -1 },
	{ SYS_sendfile, WRITE, 0, -1, -1 },     { SYS_copy_file_range, WRITE, 2, -1, -1 },
	{ SYS_ftruncate, TRUNCATE, 0, -1, -1 }, { SYS_truncate, TRUNCATE, -1, 0, -1 },
	{ SYS_fallocate, TRUNCATE, 0, -1, -1 }, { SYS_mkdirat, MAKE_DIR, 0, 1, -1 },
	{ SYS_symlinkat, MAKE_LINK, 1, 2, -1 }, { SYS_linkat, HARD_LINK, 0, 1, 3 },
	{ SYS_renameat2, MOVE, 0, 1, 3 },       { SYS_unlinkat, REMOVE, 0, 1, -1 },
	{ SYS_fchmod, MODE, 0, -1, -1 },        { SYS_fchmodat, MODE, 0, 1, -1 },
	{ SYS_fsync, FLUSH, 0, -1, -1 },        { SYS_fdatasync, FLUSH, 0, -1, -1 },
	{ SYS_syncfs, FLUSH_ALL, 0, -1, -1 },   { SYS_sync, FLUSH_ALL, -1, -1, -1 },
	{ SYS_mmap, MAP, 4, -1, -1 },
};

/* One thread that is traced, and the call that it is in. */
struct tracee {
	pid_t pid;
	bool used;
	const struct call *call;
	uint64_t args[6];
	char first[PATH_MAX], second[PATH_MAX],
	        target[PATH_MAX]; /* names, looked up at the call's start */
};

static struct tracee *tracees;
static size_t n_tracees;
static char top[PATH_MAX];
static size_t top_len;
static FILE *out;

static void fail(const char *what)
{
	(void)fprintf(stderr, "record: %s: %s\n", what, strerror(errno));
	exit(125);
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
	place->used = true;
	place->pid = pid;
	place->call = NULL;
	return place;
}

static void child_text(pid_t pid, uint64_t address, char *text, size_t size)
{
	struct iovec to = { text, size - 1 };
	struct iovec from = { (void *)(uintptr_t)address, size - 1 }; /* NOLINT: the tracee's */
	size_t page = 4096 - address % 4096;
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (n < 0 && page < size) { /* the next page is not there */
		to.iov_len = from.iov_len = page;
		n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	}
	text[n > 0 ? n : 0] = '\0';
}

/* The name that /proc has of a descriptor or the current folder. */
static void proc_name(pid_t pid, int fd, char *name)
{
	char link[64];
	ssize_t n;

	if (fd == AT_FDCWD)
		(void)snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
	else
		(void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(link, name, PATH_MAX - 1);
	name[n > 0 ? n : 0] = '\0';
}

/* A path of a process as an absolute one; the folders in it are looked up, its last part is not. */
static void full_name(pid_t pid, int dir, const char *path, char *name)
{
	char joined[2 * PATH_MAX + 1], base[PATH_MAX], *slash;

	proc_name(pid, dir, base);
	if (path[0] == '/')
		(void)snprintf(joined, sizeof joined, "%s", path);
	else
		(void)snprintf(joined, sizeof joined, "%s/%s", base, path);
	while ((slash = strrchr(joined, '/')) && slash != joined && !slash[1])
		*slash = '\0';
	if (slash)
		*slash = '\0';
	if (!slash || !realpath(*joined ? joined : "/", base))
		name[0] = '\0';
	else if (snprintf(name, PATH_MAX, "%s/%s", base, slash + 1) >= PATH_MAX)
		fail("a name is too long");
}

static bool below(const char *name)
{
	return strncmp(name, top, top_len) == 0 && name[top_len] == '/';
}

static void put_name(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("./_-", *p))
			(void)putc(*p, out);
		else
			(void)fprintf(out, "%%%02x", *p);
}

/* The beginning of a line. */
static void put_call(const struct tracee *t, const char *what)
{
	char path[64], comm[32] = "";
	int fd;
	ssize_t n = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/comm", (int)t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, sizeof comm - 1);
		(void)close(fd);
	}
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	put_name(*comm ? comm : "-");
	(void)fprintf(out, " %s", what);
}

static void put_paths(const struct tracee *t, const char *what)
{
	put_call(t, what);
	(void)putc(' ', out);
	put_name(t->first + top_len + 1);
	if (*t->second) {
		(void)putc(' ', out);
		put_name(t->second + top_len + 1);
	}
	(void)putc('\n', out);
}

/* A descriptor of the tracee: its file's status, when it is a file or folder below the top. */
static bool file_of(const struct tracee *t, int fd, struct stat *st)
{
	char name[PATH_MAX], link[64];

	proc_name(t->pid, fd, name);
	if (!below(name) && strcmp(name, top) != 0)
		return false;
	(void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)t->pid, fd);
	return stat(link, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
}

static void did_open(const struct tracee *t, int fd)
{
	uint64_t flags = t->args[t->call->path + 1];
	char name[PATH_MAX];
	struct stat st;

	if (t->call->number == SYS_openat2 &&
	    process_vm_readv(t->pid, &(struct iovec){ &flags, sizeof flags }, 1,
	                     &(struct iovec){ (void *)(uintptr_t)t->args[2], sizeof flags }, 1,
	                     0) < 0)
		fail("openat2");
#ifdef SYS_creat
	if (t->call->number == SYS_creat)
		flags = O_CREAT | O_WRONLY | O_TRUNC;
#endif
	if (!(flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) || !file_of(t, fd, &st))
		return;
	proc_name(t->pid, fd, name);
	if (!S_ISREG(st.st_mode) || !below(name))
		return;
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		put_call(t, "lost a%20file%20without%20a%20name\n");
		return;
	}
	put_call(t, "open");
	(void)fprintf(out, " %lu ", (unsigned long)st.st_ino);
	put_name(name + top_len + 1);
	(void)putc('\n', out);
	put_call(t, "chmod");
	(void)fprintf(out, " %lu %o\n", (unsigned long)st.st_ino, (unsigned)st.st_mode & 07777);
	if (flags & O_TRUNC) {
		put_call(t, "truncate");
		(void)fprintf(out, " %lu 0\n", (unsigned long)st.st_ino);
	}
}

/* Where the descriptor stands now. */
static off_t position(const struct tracee *t, int fd)
{
	char path[64];
	long long at = -1;
	FILE *in;

	(void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)t->pid, fd);
	in = fopen(path, "re");
	if (!in || fscanf(in, "pos: %lld", &at) != 1)
		fail(path);
	(void)fclose(in);
	return (off_t)at;
}

static void did_write(const struct tracee *t, int fd, size_t size)
{
	bool at = t->call->number == SYS_pwrite64 || t->call->number == SYS_pwritev;
	char path[64], *bytes;
	off_t offset;
	struct stat st;
	int in;

	if (!size || !file_of(t, fd, &st) || !S_ISREG(st.st_mode))
		return;
	if (t->call->number == SYS_copy_file_range && t->args[3]) {
		put_call(t, "lost copy_file_range%20to%20an%20offset\n");
		return;
	}
	offset = at ? (off_t)t->args[3] : position(t, fd) - (off_t)size;
	(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)t->pid, fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	bytes = malloc(size);
	if (in < 0 || !bytes || pread(in, bytes, size, offset) != (ssize_t)size)
		fail("cannot read what was written");
	put_call(t, "write");
	(void)fprintf(out, " %lu %lld %zu\n", (unsigned long)st.st_ino, (long long)offset, size);
	(void)fwrite(bytes, 1, size, out);
	(void)putc('\n', out);
	free(bytes);
	(void)close(in);
}

static void did_truncate(const struct tracee *t)
{
	struct stat st;

	if (t->call->path >= 0 ? !below(t->first) || stat(t->first, &st) < 0
	                       : !file_of(t, (int)t->args[0], &st))
		return;
	if (t->call->number == SYS_fallocate && (t->args[1] & ~(uint64_t)FALLOC_FL_KEEP_SIZE)) {
		put_call(t, "lost fallocate\n");
		return;
	}
	put_call(t, "truncate");
	(void)fprintf(out, " %lu %lld\n", (unsigned long)st.st_ino, (long long)st.st_size);
}

/* What has a new name: its inode. */
static void did_make(const struct tracee *t, bool link)
{
	struct stat st;

	if (!below(t->first) || lstat(t->first, &st) < 0)
		return;
	put_call(t, link ? "symlink" : "mkdir");
	(void)fprintf(out, " %lu ", (unsigned long)st.st_ino);
	put_name(t->first + top_len + 1);
	if (link) {
		(void)putc(' ', out);
		put_name(t->target);
	}
	(void)putc('\n', out);
}

static void did_mode(const struct tracee *t)
{
	struct stat st;

	if (t->call->path >= 0 ? !below(t->first) || stat(t->first, &st) < 0
	                       : !file_of(t, (int)t->args[0], &st))
		return;
	put_call(t, "chmod");
	(void)fprintf(out, " %lu %o\n", (unsigned long)st.st_ino, (unsigned)st.st_mode & 07777);
}

static void did_move(const struct tracee *t)
{
	uint64_t flags = t->call->number == SYS_renameat2 ? t->args[4] : 0;

	if (below(t->first) && below(t->second))
		put_paths(t, flags & RENAME_EXCHANGE ? "exchange" : "rename");
	else if (below(t->first) || below(t->second))
		put_call(t, "lost a%20rename%20out%20of%20the%20folder\n");
}

static void did_link(const struct tracee *t)
{
	if (below(t->first) && below(t->second))
		put_paths(t, "link");
	else if (below(t->first) || below(t->second))
		put_call(t, "lost a%20link%20out%20of%20the%20folder\n");
}

static void did_sync(const struct tracee *t)
{
	struct stat st;

	if (!file_of(t, (int)t->args[0], &st))
		return;
	put_call(t, "sync");
	(void)fprintf(out, " %lu\n", (unsigned long)st.st_ino);
}

static void did_map(const struct tracee *t)
{
	struct stat st;

	if ((t->args[3] & MAP_SHARED) && (t->args[2] & PROT_WRITE) &&
	    !(t->args[3] & MAP_ANONYMOUS) && file_of(t, (int)t->args[4], &st))
		put_call(t, "lost writes%20by%20mmap\n");
}

static void at_end(const struct tracee *t, int64_t result)
{
	switch (t->call->what) {
	case OPEN:
		did_open(t, (int)result);
		break;
	case WRITE:
		did_write(t, (int)t->args[t->call->dir], (size_t)result);
		break;
	case TRUNCATE:
		did_truncate(t);
		break;
	case MAKE_DIR:
	case MAKE_LINK:
		did_make(t, t->call->what == MAKE_LINK);
		break;
	case HARD_LINK:
		did_link(t);
		break;
	case MOVE:
		did_move(t);
		break;
	case REMOVE:
		if (below(t->first))
			put_paths(t, "unlink");
		break;
	case MODE:
		did_mode(t);
		break;
	case FLUSH:
		did_sync(t);
		break;
	case FLUSH_ALL:
		put_call(t, "syncall\n");
		break;
	case MAP:
		did_map(t);
		break;
	default:
		break;
	}
}

static void at_start(struct tracee *t, const struct ptrace_syscall_info *info)
{
	char path[PATH_MAX];
	const struct call *c = NULL;

	for (size_t i = 0; i < sizeof calls / sizeof *calls && !c; i++)
		if (calls[i].number == (long)info->entry.nr)
			c = &calls[i];
	t->call = c;
	if (!c)
		return;
	memcpy(t->args, info->entry.args, sizeof t->args);
	t->first[0] = t->second[0] = t->target[0] = '\0';
	if (c->path >= 0 && c->what != OPEN) {
		child_text(t->pid, t->args[c->path], path, sizeof path);
		full_name(t->pid, c->dir < 0 ? AT_FDCWD : (int)t->args[c->dir], path, t->first);
	}
	if (c->to >= 0) {
		child_text(t->pid, t->args[c->to], path, sizeof path);
		full_name(t->pid, c->dir < 0 ? AT_FDCWD : (int)t->args[c->to - 1], path, t->second);
	}
	if (c->what == MAKE_LINK)
		child_text(t->pid, t->args[0], t->target, sizeof t->target);
}

static void at_call(struct tracee *t)
{
	struct ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		at_start(t, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->call) {
		if (!info.exit.is_error)
			at_end(t, info.exit.rval);
		t->call = NULL;
	}
}

static int trace(pid_t first)
{
	int result = 125, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		struct tracee *t;
		int signal;

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
		signal = WSTOPSIG(status);
		if (signal == (SIGTRAP | 0x80)) {
			at_call(t);
			signal = 0;
		} else if (status >> 16) { /* a new thread, a new program, a stop */
			signal = 0;
		}
		(void)ptrace(PTRACE_SYSCALL, pid, 0, signal);
	}
	return result;
}

static pid_t start(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	                     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int go[2];
	pid_t pid = -1;

	if (pipe2(go, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		fail("fork");
	if (pid == 0) {
		char c;

		(void)close(go[1]);
		if (read(go[0], &c, 1) == 1)
			(void)execvp(argv[0], argv);
		(void)fprintf(stderr, "record: cannot run '%s': %s\n", argv[0], strerror(errno));
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

int main(int argc, char **argv)
{
	int status;

	if (argc < 4) {
		(void)fprintf(stderr, "record: see the top of tests/power/record.c\n");
		return 125;
	}
	if (!realpath(argv[1], top))
		fail(argv[1]);
	top_len = strlen(top);
	out = fopen(argv[2], "we");
	if (!out)
		fail(argv[2]);
	status = trace(start(argv + 3));
	if (fclose(out) != 0)
		fail(argv[2]);
	return status;
}
