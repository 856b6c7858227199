/* operation.h - which git command is at work: its process, found in /proc by going up from here. */
#ifndef SK_HOOKS_OPERATION_H
#define SK_HOOKS_OPERATION_H

#include <stdbool.h>
#include <sys/types.h>

#define SK_MAX_WORDS 512 /* words of a command line that are looked at */

struct sk_process {
	pid_t pid, parent;
	unsigned long long start; /* ticks since boot: with the pid it names the process */
	int argc;
	bool cut; /* the command line is longer than what was read */
	const char *argv[SK_MAX_WORDS];
	char text[32768];
};

struct sk_operation {
	const struct sk_process *nearest; /* the git that called; NULL when none was found */
	const struct sk_process *top; /* the command it works for: `git stash` runs `git reset` */
	bool ours;                    /* started by git-sk */
};

/* The processes are this function's own, until it is called again. */
void sk_find_operation(struct sk_operation *op);

/* The file's bytes and a NUL, up to `cap`; -1 when it cannot be read. */
ssize_t sk_slurp(const char *path, char *out, size_t cap);
const char *sk_last_name(const char *path);

#endif
