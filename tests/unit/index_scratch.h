/* index_scratch.h - scratch repositories for the tests of the index reader. */
#ifndef SK_TEST_INDEX_SCRATCH_H
#define SK_TEST_INDEX_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <endian.h>
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
static inline void run_input(const char *script, const struct sk_buf *input, struct sk_buf *out)
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

static inline void run(const char *script)
{
	run_input(script, NULL, NULL);
}

/* A new repository without a commit. */
static inline int scratch_setup(void **state)
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

static inline int scratch_teardown(void **state)
{
	(void)state;
	return sk_remove_tree(AT_FDCWD, scratch);
}

static inline const char *scratch_path(const char *name)
{
	static char path[300];

	(void)snprintf(path, sizeof path, "%s/%s", scratch, name);
	return path;
}

static inline void put(struct sk_buf *buf, const void *data, size_t len)
{
	assert_int_equal(sk_buf_add(buf, data, len), 0);
}

static inline void put32(struct sk_buf *buf, uint32_t v)
{
	v = htobe32(v);
	put(buf, &v, sizeof v);
}

static inline void put64(struct sk_buf *buf, uint64_t v)
{
	v = htobe64(v);
	put(buf, &v, sizeof v);
}

#endif
