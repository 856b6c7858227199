/* scratch.h - a scratch repository for unit tests: HOME and git's configuration point into it. */
#ifndef SK_TEST_SCRATCH_H
#define SK_TEST_SCRATCH_H

#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/oid.h"
#include "base/proc.h"

static char scratch[256];

static inline void scratch_open(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(scratch, sizeof scratch, "%s/sk-unit.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(scratch));
	sk_clear_git_env();
	assert_int_equal(setenv("HOME", scratch, 1), 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", scratch, 1), 0);
	assert_int_equal(setenv("GIT_SK_NO_SERVICE", "1", 1), 0);
	assert_int_equal(setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1), 0);
	assert_int_equal(setenv("GIT_CONFIG_SYSTEM", "/dev/null", 1), 0);
	assert_int_equal(setenv("GIT_AUTHOR_NAME", "A", 1), 0);
	assert_int_equal(setenv("GIT_AUTHOR_EMAIL", "a@example.org", 1), 0);
	assert_int_equal(setenv("GIT_COMMITTER_NAME", "C", 1), 0);
	assert_int_equal(setenv("GIT_COMMITTER_EMAIL", "c@example.org", 1), 0);
	assert_int_equal(chdir(scratch), 0);
}

static inline void scratch_close(void)
{
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(sk_remove_tree(AT_FDCWD, scratch), 0);
}

/* Runs `sh -c COMMAND` in the scratch folder; fails the test unless it exits 0.  What it printed,
 * less the last newline, is in a static buffer. */
static inline const char *sh(const char *fmt, ...)
{
	static struct sk_buf out = SK_BUF_INIT;
	char command[8192];
	const char *argv[] = { "sh", "-c", command, NULL };
	struct sk_proc proc = { .argv = argv, .output = &out, .keep_git_env = true };
	int status = -1;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	sk_buf_clear(&out);
	assert_int_equal(sk_proc_run(&proc, &status), 0);
	if (status != 0)
		fail_msg("'%s' exited %d", command, status);
	if (out.len && out.ptr[out.len - 1] == '\n')
		sk_buf_truncate(&out, out.len - 1);
	return sk_buf_str(&out);
}

#endif
