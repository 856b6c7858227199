/* proc.h - running another program (git above all) and taking what it prints.
 *
 * The child's environment is ours less everything `git rev-parse --local-env-vars` lists, so that
 * a variable which git exported to a hook never leads a child to another repository or index. */
#ifndef SK_BASE_PROC_H
#define SK_BASE_PROC_H

#include <stdbool.h>
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"

struct sk_proc {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *dir;         /* where it runs; NULL: here */
	const char *const *env;  /* further "NAME=value", NULL-terminated; may be NULL */
	const void *input;       /* what its standard input gives; NULL: /dev/null */
	size_t input_len;
	struct sk_buf *output; /* takes its standard output; NULL: inherited */
	struct sk_buf *errors; /* takes its standard error; NULL: inherited */
	bool merge;            /* its standard error goes where its output goes */
	bool inherit_input;    /* our own standard input, for interactive programs */
	bool keep_git_env;     /* do not clear git's local variables */
	int64_t timeout_ms;    /* then it is killed, with what it started, and SK_EIO; 0: never.  It
	                        * has a process group of its own, so Ctrl-C does not reach it */
};

/* Runs it to its end.  `status` is its exit status, or 128 + signal.  SK_EIO when it cannot be
 * started ("cannot run 'x': no such file or directory"). */
int sk_proc_run(const struct sk_proc *proc, int *status);

/* When the process started, in clock ticks since boot (/proc/PID/stat); 0: there is none.  With the
 * process id it names a process for as long as the machine runs. */
unsigned long long sk_proc_start(pid_t pid);
/* Whether that was before this machine started: nobody who was at work then is so now. */
bool sk_before_boot(time_t when);

/* Replaces this process; returns only on failure. */
int sk_proc_exec(const char *const *argv);

/* The path of the program that runs. */
int sk_proc_self(char out[PATH_MAX]);

/* The names that `git rev-parse --local-env-vars` prints, NULL-terminated. */
extern const char *const sk_git_local_env[];
/* Unsets them all in this process. */
void sk_clear_git_env(void);

#endif
