/* The lock of a file: beside git's, and when its maker is killed at any point. */
#include "unit/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/lockfile.h"

#define TEXT "whole\n"

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

static struct sk_lockfile taken(const char *file, const char *text)
{
	struct sk_lockfile l = SK_LOCKFILE_INIT;

	if (sk_lockfile_try(file, text, text ? strlen(text) : 0, &l) < 0)
		fail_msg("cannot lock %s: %s (%s)", file, strerror(errno), sh("ls -la"));
	return l;
}

static void is_busy(const char *file)
{
	struct sk_lockfile l = SK_LOCKFILE_INIT;

	assert_int_equal(sk_lockfile_try(file, TEXT, strlen(TEXT), &l), -1);
	assert_int_equal(errno, EEXIST);
	assert_null(l.lock);
	assert_int_equal(l.fd, -1);
}

/* What a process leaves that has the lock of `file` and is killed, after `then`. */
static void killed(const char *file, const char *text, void (*then)(struct sk_lockfile *))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct sk_lockfile l = SK_LOCKFILE_INIT;

		if (sk_lockfile_try(file, text, text ? strlen(text) : 0, &l) < 0)
			_exit(1);
		if (then)
			then(&l);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void commit(struct sk_lockfile *l)
{
	if (sk_lockfile_commit(l, "f") < 0)
		_exit(1);
}

static void unlink_lock(struct sk_lockfile *l)
{
	(void)unlink(l->lock);
}

static void one_at_a_time(void **state)
{
	struct sk_lockfile l = taken("f", TEXT);

	(void)state;
	assert_string_equal(sh("cat f.lock"), "whole");
	is_busy("f");
	assert_false(sk_lockfile_drop_dead(AT_FDCWD, "f"));
	assert_int_equal(sk_lockfile_commit(&l, "f"), 0);
	sk_lockfile_release(&l);
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls; cat f"), "f\nwhole");
	l = taken("f", NULL);
	assert_string_equal(sh("wc -c <f.lock"), "0");
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls"), "f");
	assert_false(sk_lockfile_drop_dead(AT_FDCWD, "f"));
}

static void beside_git(void **state)
{
	struct sk_lockfile l;

	(void)state;
	sh("git init -q r && cd r && git commit -q --allow-empty -m x && git config a.b c");
	l = taken("r/.git/refs/heads/x", TEXT);
	sh("cd r && ! git branch x 2>../err && grep -q x.lock ../err");
	assert_string_equal(sh("cd r && git for-each-ref --format='%%(refname)' 2>&1 | wc -l"),
	                    "1");
	sh("cd r && git pack-refs --all && git gc -q && git fsck 2>&1");
	sk_lockfile_release(&l);
	l = taken("r/.git/config", NULL);
	sh("cd r && ! git config a.b d 2>../err && grep -q 'could not lock' ../err");
	sk_lockfile_release(&l);
	sh("cd r && git config a.b d && git branch x");
	/* git's own, alive or dead, is git's */
	sh("touch r/.git/config.lock");
	is_busy("r/.git/config");
	assert_false(sk_lockfile_drop_dead(AT_FDCWD, "r/.git/config"));
	assert_string_equal(sh("cd r/.git && ls config*"), "config\nconfig.lock");
}

static void killed_ones_go(void **state)
{
	struct sk_lockfile l;

	(void)state;
	/* in the lock */
	killed("f", TEXT, NULL);
	assert_string_equal(sh("ls; cat f.lock"), "f.git-sk.lock\nf.lock\nwhole");
	l = taken("f", "now\n");
	assert_string_equal(sh("cat f.lock"), "now");
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls"), "");
	/* empty, as for a configuration */
	killed("f", NULL, NULL);
	l = taken("f", "now\n");
	assert_int_equal(sk_lockfile_commit(&l, "f"), 0);
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls; cat f"), "f\nnow");
	/* after the rename: what it put in place stays */
	killed("f", TEXT, commit);
	assert_string_equal(sh("ls"), "f\nf.git-sk.lock");
	l = taken("f", "now\n");
	assert_string_equal(sh("cat f f.lock"), "whole\nnow");
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls; cat f"), "f\nwhole");
	/* before the link, and in the release */
	killed("f", "something else that is longer\n", unlink_lock);
	l = taken("f", NULL);
	assert_string_equal(sh("wc -c <f.lock"), "0");
	sk_lockfile_release(&l);
	sh("touch f.git-sk.lock");
	l = taken("f", TEXT);
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls"), "f");
}

static void dead_ones_are_dropped(void **state)
{
	int dir;

	(void)state;
	sh("mkdir d");
	dir = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	killed("d/f", TEXT, NULL);
	assert_true(sk_lockfile_drop_dead(dir, "f"));
	assert_false(sk_lockfile_drop_dead(dir, "f"));
	assert_string_equal(sh("ls d"), "");
	/* the lock is another's by now: somebody removed ours, and git has it */
	killed("d/f", TEXT, unlink_lock);
	sh("touch d/f.lock");
	assert_true(sk_lockfile_drop_dead(dir, "f"));
	assert_string_equal(sh("ls d"), "f.lock");
	is_busy("d/f");
	assert_string_equal(sh("ls d"), "f.lock");
	(void)close(dir);
}

/* The file itself is a link, a FIFO, a folder: neither followed nor waited for. */
static void in_the_way(void **state)
{
	struct sk_lockfile l = SK_LOCKFILE_INIT;

	(void)state;
	sh("echo kept >other; ln -s other f.git-sk.lock");
	l = taken("f", TEXT);
	assert_null(l.ours);
	sk_lockfile_release(&l);
	sh("rm f.git-sk.lock; mkfifo f.git-sk.lock");
	is_busy("f");
	sh("rm f.git-sk.lock; mkdir f.git-sk.lock");
	l = taken("f", TEXT);
	sk_lockfile_release(&l);
	sh("rmdir f.git-sk.lock; ln other f.git-sk.lock"); /* a name of it that is nobody's */
	l = taken("f", TEXT);
	sk_lockfile_release(&l);
	assert_string_equal(sh("ls; cat other"), "other\nkept");
}

/* Where there can be no second name (here: it would be too long) it is git's lock alone. */
static void without_second_name(void **state)
{
	struct sk_lockfile l;
	char file[248];

	(void)state;
	memset(file, 'x', sizeof file - 1);
	file[sizeof file - 1] = '\0';
	l = taken(file, TEXT);
	assert_null(l.ours);
	assert_string_equal(sh("cat *"), "whole");
	is_busy(file);
	assert_int_equal(sk_lockfile_commit(&l, file), 0);
	sk_lockfile_release(&l);
	killed(file, TEXT, NULL);
	is_busy(file);
	assert_string_equal(sh("ls | wc -l"), "2");
}

static void no_folder(void **state)
{
	struct sk_lockfile l = SK_LOCKFILE_INIT;

	(void)state;
	assert_int_equal(sk_lockfile_try("no/f", TEXT, 1, &l), -1);
	assert_int_equal(errno, ENOENT);
}

/* Many add a line each, some of them killed at any time: none is lost, nobody waits for the dead.
 */
static void crowd(void **state)
{
	enum { ACTORS = 6, ROUNDS = 40 };
	pid_t pid[ACTORS];

	(void)state;
	for (int a = 0; a < ACTORS; a++) {
		pid[a] = fork();
		assert_true(pid[a] >= 0);
		for (int i = 0; !pid[a] && i < ROUNDS;) {
			struct sk_lockfile l = SK_LOCKFILE_INIT;
			struct sk_buf text = SK_BUF_INIT;

			if (sk_lockfile_try("f", NULL, 0, &l) < 0) {
				(void)usleep(500);
				continue;
			}
			(void)sk_read_file(AT_FDCWD, "f", 1 << 20, &text);
			(void)sk_buf_addf(&text, "%d %d\n", a, i++);
			if (sk_write_full(l.fd, text.ptr, text.len) < 0)
				_exit(1);
			(void)sk_lockfile_commit(&l, "f");
			if (a % 2) {
				(void)close(l.fd); /* as a dead one leaves it */
				free(l.ours);
			} else {
				sk_lockfile_release(&l);
			}
			sk_buf_free(&text);
		}
		if (!pid[a])
			_exit(0);
	}
	for (int a = 0; a < ACTORS; a++) {
		int status;

		assert_int_equal(waitpid(pid[a], &status, 0), pid[a]);
		assert_int_equal(status, 0);
	}
	assert_string_equal(sh("sort -u f | wc -l"), "240");
	assert_string_equal(sh("wc -l <f"), "240");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(beside_git, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed_ones_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dead_ones_are_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(in_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_second_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(crowd, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
