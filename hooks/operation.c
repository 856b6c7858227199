#include "operation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "classify.h"

#define MAX_LEVELS 8 /* how far up the parents git is looked for */

ssize_t sk_slurp(const char *path, char *out, size_t cap)
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

const char *sk_last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Fields 4 and 22 of /proc/PID/stat; the name before them may hold anything: see proc(5). */
static bool read_stat(struct sk_process *p)
{
	char path[64], text[2048], *at;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)p->pid);
	if (sk_slurp(path, text, sizeof text) < 0 || !(at = strrchr(text, ')')))
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

static bool read_process(pid_t pid, struct sk_process *p)
{
	char path[64];
	ssize_t len;

	p->pid = pid;
	p->argc = 0;
	(void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
	if (pid <= 1 || !read_stat(p) || (len = sk_slurp(path, p->text, sizeof p->text)) <= 0)
		return false;
	p->cut = (size_t)len + 1 >= sizeof p->text;
	for (const char *w = p->text; w < p->text + len && p->argc < SK_MAX_WORDS;
	     w += strlen(w) + 1)
		p->argv[p->argc++] = w;
	p->cut |= p->argc == SK_MAX_WORDS;
	return true;
}

/* git itself or one of its own scripts: a parent that runs others as part of its own work.
 * Somebody's git-NAME program is none: it may change files between two calls of git. */
static bool works_for_git(const struct sk_process *p)
{
	if (strcmp(sk_last_name(p->argv[0]), "git") == 0 || strstr(p->argv[0], "/git-core/git-"))
		return true;
	return p->argc > 1 && strstr(p->argv[1], "/git-core/git-");
}

void sk_find_operation(struct sk_operation *op)
{
	static struct sk_process level[MAX_LEVELS];
	pid_t pid = getppid();

	memset(op, 0, sizeof *op);
	for (struct sk_process *p = level; p < level + MAX_LEVELS && read_process(pid, p); p++) {
		bool git_sk = strcmp(sk_last_name(p->argv[0]), "git-sk") == 0;

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
