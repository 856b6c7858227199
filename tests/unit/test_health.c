/* Children of the health checks: what they say, how they end, and that none outlives its time. */
#include "unit/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "health/health_parts.h"

enum { LONG_MS = 60000 };

static int set_up(void **state)
{
	(void)state;
	scratch_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_close();
	return 0;
}

static int shell(void *arg)
{
	(void)execl("/bin/sh", "sh", "-c", (const char *)arg, (char *)NULL);
	return 127;
}

struct end {
	int status;
	bool late;
	struct sk_buf out;
};

static struct end run(int (*fn)(void *), const char *arg, int64_t ms)
{
	struct end e = { -1, false, SK_BUF_INIT };

	assert_int_equal(sk_child_run(fn, (void *)(size_t)arg, ms, &e.out, &e.status, &e.late), 0);
	return e;
}

static void test_how_it_ends(void **state)
{
	static const struct {
		const char *command;
		int status;
		const char *out;
	} cases[] = {
		{ "exit 0", 0, "" },
		{ "echo out; echo err >&2; exit 7", 7, "out\nerr\n" },
		{ "kill -TERM $$", 128 + SIGTERM, "" },
		{ "cat; echo end", 0, "end\n" }, /* nothing to read */
		{ "printf 'a\\0b'", 0, "a" },
		{ "exec 1>&- 2>&-; exit 3", 3, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct end e = run(shell, cases[i].command, LONG_MS);

		assert_int_equal(e.status, cases[i].status);
		assert_string_equal(sk_buf_str(&e.out), cases[i].out);
		assert_false(e.late);
		sk_buf_free(&e.out);
	}
}

static void test_output_is_cut(void **state)
{
	struct end e = run(shell, "head -c 3000000 /dev/zero | tr '\\0' x; echo; exit 5", LONG_MS);

	(void)state;
	assert_int_equal(e.status, 5);
	assert_int_equal(e.out.len, SK_CHILD_OUTPUT_MAX);
	sk_buf_free(&e.out);
}

/* Its group is killed; what it holds open does not keep us. */
static void test_too_long(void **state)
{
	struct end e = { 0 };
	pid_t left;

	(void)state;
	for (int64_t ms = 200; !e.out.len && ms < LONG_MS; ms *= 4) /* it has to come so far */
		e = run(shell, "trap '' TERM INT HUP; sleep 999 & echo $!; wait; sleep 999", ms);
	assert_true(e.late);
	assert_int_equal(e.status, 128 + SIGKILL);
	left = (pid_t)strtol(sk_buf_str(&e.out), NULL, 10);
	assert_true(left > 1);
	for (int i = 0; i < 500 && sk_proc_start(left); i++)
		(void)nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	assert_int_equal(sk_proc_start(left), 0);
	sk_buf_free(&e.out);
	e = run(shell, "sleep 998 & echo $!; exit 4", LONG_MS);
	assert_int_equal(e.status, 4);
	assert_false(e.late);
	(void)kill((pid_t)strtol(sk_buf_str(&e.out), NULL, 10), SIGKILL);
	sk_buf_free(&e.out);
}

static void test_no_git_environment(void **state)
{
	struct end e;

	(void)state;
	assert_int_equal(setenv("GIT_DIR", "/nowhere", 1), 0);
	assert_int_equal(setenv("GIT_INDEX_FILE", "/nowhere", 1), 0);
	e = run(shell, "test -z \"$GIT_DIR$GIT_INDEX_FILE\"", LONG_MS);
	assert_int_equal(e.status, 0);
	sk_buf_free(&e.out);
	sk_clear_git_env();
}

static void test_holder(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(sk_holder("nothing"), -1);
	assert_int_equal(sk_write_file(AT_FDCWD, "file", "x", 1, 0600, false), 0);
	assert_int_equal(sk_holder("file"), 0);
	fd = open("file", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sk_holder("file"), getpid());
	(void)close(fd);
	assert_int_equal(sk_holder("file"), 0);
}

/* Nobody listens there; whatever is missing or wrong, it ends and says so. */
static void test_probes_that_fail(void **state)
{
	struct end e;

	(void)state;
	e = run(sk_probe_http, "http://127.0.0.1:1/", LONG_MS);
	assert_true(e.status == SK_PROBE_BAD || e.status == SK_PROBE_MISSING);
	assert_true(e.out.len > 1);
	sk_buf_free(&e.out);
	e = run(sk_probe_http, "file:///etc/passwd", LONG_MS);
	assert_true(e.status == SK_PROBE_BAD || e.status == SK_PROBE_MISSING);
	sk_buf_free(&e.out);
	e = run(sk_probe_sqlite, "no/such/file", LONG_MS);
	assert_true(e.status == SK_PROBE_BAD || e.status == SK_PROBE_MISSING);
	assert_true(e.out.len > 1);
	sk_buf_free(&e.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_it_ends), cmocka_unit_test(test_output_is_cut),
		cmocka_unit_test(test_too_long),    cmocka_unit_test(test_no_git_environment),
		cmocka_unit_test(test_holder),      cmocka_unit_test(test_probes_that_fail),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
