/* index_scratch.h - scratch repositories for the tests of the index reader. */
#ifndef SK_TEST_INDEX_SCRATCH_H
#define SK_TEST_INDEX_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/proc.h"
#include "repo/index.h"

static char scratch[200];

/* Runs a shell script in the scratch folder; what it prints goes to `out` when that is given. */
static void run_input(const char *script, const struct sk_buf *input, struct sk_buf *out)
{
	const char *const argv[] = { "sh", "-ec", script, NULL };
	struct sk_buf printed = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv,
				.dir = scratch,
				.input = input ? input->ptr : NULL,
				.input_len = input ? input->len : 0,
				.output = out ? out : &printed };
	int status = -1;

	assert_int_equal(sk_proc_run(&proc, &status), 0);
	if (status)
		print_error("failed: %s\n", script);
	assert_int_equal(status, 0);
	sk_buf_free(&printed);
}

static void run(const char *script)
{
	run_input(script, NULL, NULL);
}

/* An empty repository, or only an empty folder before the first `run`. */
static int scratch_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	(void)snprintf(scratch, sizeof scratch, "%s/sk-index.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(scratch))
		return -1;
	setenv("HOME", scratch, 1);
	setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
	setenv("GIT_CONFIG_SYSTEM", "/dev/null", 1);
	setenv("GIT_AUTHOR_NAME", "A", 1);
	setenv("GIT_AUTHOR_EMAIL", "a@example.org", 1);
	setenv("GIT_COMMITTER_NAME", "C", 1);
	setenv("GIT_COMMITTER_EMAIL", "c@example.org", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	run("git -c init.defaultBranch=main init -q .");
	return 0;
}

static int scratch_teardown(void **state)
{
	(void)state;
	return sk_remove_tree(AT_FDCWD, scratch);
}

static const char *scratch_path(const char *name)
{
	static char path[300];

	(void)snprintf(path, sizeof path, "%s/%s", scratch, name);
	return path;
}

static struct sk_index *read_index(void)
{
	struct sk_index *index = NULL;
	int rc = sk_index_read(scratch_path(".git/index"), &index);

	if (rc)
		print_error("%s\n", sk_error_message());
	assert_int_equal(rc, 0);
	assert_non_null(index);
	return index;
}

#endif
