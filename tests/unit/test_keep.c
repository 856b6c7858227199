/* Commits that no branch reaches any more live through git gc, and show nowhere. */
#include "unit/scratch.h"

#include <sys/wait.h>
#include <time.h>

#include "store/keep.h"

#define T0 1786363200

static struct sk_repo *repo;

static int setup(void **state)
{
	(void)state;
	scratch_open();
	sh("git init -q -b main w && cd w && git config gc.refs/sk/keep.reflogExpire never && "
	   "git config gc.refs/sk/keep.reflogExpireUnreachable never && git config gc.auto 0 && "
	   "echo 1 >f && git add f && git commit -qm one && git tag -m t v1 && "
	   "echo 2 >f && git commit -qam two");
	if (sk_repo_open("w", &repo))
		fail_msg("%s", sk_error_message());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sk_repo_close(repo);
	repo = NULL;
	scratch_close();
	return 0;
}

static void record(time_t now)
{
	if (sk_keep_record(repo, now))
		fail_msg("%s", sk_error_message());
}

static void fsck_is_clean(void)
{
	assert_string_equal(sh("cd w && git fsck --strict --full --no-dangling 2>&1"), "");
}

static bool alive(const char *oid)
{
	return strcmp(sh("git -C w cat-file -t %s 2>/dev/null || echo gone", oid), "commit") == 0;
}

/* A copy: sh() has one buffer. */
static char *rev(const char *name)
{
	char *copy = strdup(sh("git -C w rev-parse %s", name));

	assert_non_null(copy);
	return copy;
}

/* The line of that commit in the list; its ref goes to `ref`. */
static bool in_list(const char *oid, struct sk_keep_line *out, char ref[64])
{
	struct sk_keep_list list = { 0 };
	bool found = false;

	assert_int_equal(sk_keep_read(repo, &list), 0);
	for (size_t i = 0; i < list.n; i++) {
		if (i)
			assert_true(list.line[i - 1].last >= list.line[i].last);
		if (strcmp(sk_oid_str(&list.line[i].oid), oid) != 0)
			continue;
		assert_false(found);
		found = true;
		*out = list.line[i];
		(void)snprintf(ref, 64, "%s", list.line[i].ref);
	}
	sk_keep_list_free(&list);
	return found;
}

static void lost_commits_live(void **state)
{
	struct sk_keep_line line;
	char *branch, *amended, *stash[2], *detached, *main_tip, ref[64];

	(void)state;
	sh("cd w && git checkout -qb topic && echo 3 >f && git commit -qam three");
	branch = rev("topic");
	sh("cd w && git checkout -q main && echo 4 >f && git commit -qam four");
	amended = rev("main");
	sh("cd w && echo s1 >f && git stash -q && echo s2 >f && git stash -q");
	stash[0] = rev("stash@{0}");
	stash[1] = rev("stash@{1}");
	sh("cd w && git worktree add -q --detach ../linked && cd ../linked && echo 5 >f && "
	   "git commit -qam five");
	detached = strdup(sh("git -C linked rev-parse HEAD"));
	record(T0);
	sh("cd w && git branch -qD topic && git commit -q --amend -m again && git stash drop -q && "
	   "git stash drop -q && git worktree remove --force ../linked");
	main_tip = rev("main");
	/* what git does in a month, now, and more: the reflogs of branches and HEAD are emptied */
	sh("cd w && git reflog expire --expire=now HEAD main && git gc -q --prune=now");
	assert_true(alive(branch) && alive(amended) && alive(stash[0]) && alive(stash[1]));
	assert_true(alive(detached));
	assert_string_equal(sh("git -C w log --all --topo-order --format=%%s"), "again\ntwo\none");
	assert_string_equal(sh("git -C w for-each-ref --format='%%(objecttype)' refs/sk/keep"),
	                    "tag");
	fsck_is_clean();

	record(T0 + 100);
	assert_true(in_list(branch, &line, ref));
	assert_string_equal(ref, "refs/heads/topic");
	assert_int_equal(line.first, T0);
	assert_int_equal(line.last, T0 + 100);
	assert_true(in_list(stash[1], &line, ref));
	assert_string_equal(ref, "refs/stash");
	assert_true(in_list(detached, &line, ref));
	assert_string_equal(ref, "worktrees/linked/HEAD");
	assert_true(in_list(main_tip, &line, ref));
	assert_true(line.last > T0 + 100); /* still a tip: seen now */

	/* not older than asked: all stay */
	assert_int_equal(sk_keep_prune(repo, T0 + 100), 0);
	sh("git -C w gc -q --prune=now");
	assert_true(alive(branch) && alive(amended) && alive(stash[0]) && alive(detached));
	assert_int_equal(sk_keep_prune(repo, T0 + 101), 0);
	sh("git -C w gc -q --prune=now");
	assert_false(alive(branch) || alive(amended) || alive(stash[0]) || alive(stash[1]) ||
	             alive(detached));
	assert_true(in_list(main_tip, &line, ref));
	assert_true(alive(main_tip));
	fsck_is_clean();
	free(branch);
	free(amended);
	free(stash[0]);
	free(stash[1]);
	free(detached);
	free(main_tip);
}

static void nothing_moved(void **state)
{
	char *before;

	(void)state;
	record(T0);
	before = strdup(sh("cd w/.git && stat -c '%%i %%Y %%y' sk/tips logs/refs/sk/keep && "
	                   "find objects -type f | sort"));
	record(T0 + 50);
	assert_string_equal(sh("cd w/.git && stat -c '%%i %%Y %%y' sk/tips logs/refs/sk/keep && "
	                       "find objects -type f | sort"),
	                    before);
	free(before);
	/* moved back and forth: each commit has one line in the list */
	sh("git -C w reset -q --hard HEAD~1");
	record(T0 + 60);
	sh("git -C w reset -q --hard HEAD@{1}");
	record(T0 + 70);
	assert_string_equal(sh("wc -l <w/.git/logs/refs/sk/keep"), "4");
	sh("git -C w pack-refs --all"); /* no tip moves by that */
	record(T0 + 80);
	assert_string_equal(sh("wc -l <w/.git/logs/refs/sk/keep"), "4");
	fsck_is_clean();
}

/* The documented hole: expiring all reflogs now drops the list, and the next backup writes again
 * what is still known. */
static void expired_by_hand(void **state)
{
	struct sk_keep_line line;
	char *lost, *tip, ref[64];

	(void)state;
	sh("cd w && git checkout -qb topic && echo 3 >f && git commit -qam three");
	lost = rev("topic");
	sh("cd w && git checkout -q main && git branch -q other v1^{commit}");
	tip = rev("main");
	record(T0);
	sh("cd w && git branch -qD topic");
	record(T0 + 10);
	sh("cd w && git reflog expire --expire=now --all");
	assert_string_equal(sh("wc -c <w/.git/logs/refs/sk/keep"), "0");
	assert_false(in_list(tip, &line, ref));
	record(T0 + 20);
	assert_true(in_list(tip, &line, ref));
	assert_int_equal(line.first, T0);
	assert_false(in_list(lost, &line, ref));
	sh("cd w && git gc -q --prune=now");
	assert_false(alive(lost));
	record(T0 + 30);
	fsck_is_clean();
	free(lost);
	free(tip);
}

static void damage_heals(void **state)
{
	static const char *const harm[] = {
		"rm w/.git/sk/tips",
		": >w/.git/sk/tips",
		"echo 'safekeep-tips 1 rubbish' >w/.git/sk/tips",
		"sed -i '$s/.*/0123 4/' w/.git/sk/tips",
		": >w/.git/refs/sk/keep",
		"rm -f w/.git/refs/sk/keep && sed -i '/refs.sk.keep$/{N;d}' w/.git/packed-refs",
		"echo rubbish >w/.git/refs/sk/keep",
		"printf 'torn line' >>w/.git/logs/refs/sk/keep",
		"printf 'whole bad line\\n' >>w/.git/logs/refs/sk/keep",
		"printf 'safekeep keep\\n' >w/.git/refs/sk/keep.lock", /* a git sk that died */
		"rm -rf w/.git/logs/refs/sk",
		"rm -rf w/.git/sk",
	};
	struct sk_keep_line line;
	char *lost, ref[64];

	(void)state;
	for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
		bool log_lost = strstr(harm[i], "rm -rf w/.git/logs") != NULL;

		sh("cd w && git checkout -qb topic && echo %zu >g && git add g && git commit -qm x",
		   i);
		lost = rev("topic");
		record(T0);
		sh("mkdir -p w/.git/refs/sk && %s", harm[i]);
		sh("cd w && git checkout -q main && git branch -qD topic && echo %zu >h && git add "
		   "h && "
		   "git commit -qm y",
		   i);
		record(T0 + 10);
		assert_true(in_list(lost, &line, ref) || log_lost);
		assert_string_equal(sh("git -C w rev-parse -q --verify refs/sk/keep^{tree}"),
		                    "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
		sh("cd w && git reflog expire --expire=now HEAD main && git gc -q --prune=now");
		assert_true(alive(lost) || log_lost);
		fsck_is_clean();
		assert_string_equal(sh("find w/.git -name '*.lock' -path '*refs*'"), "");
		free(lost);
	}
}

static void locked_by_git(void **state)
{
	(void)state;
	record(T0);
	sh(": >w/.git/refs/sk/keep.lock && git -C w branch new HEAD~1 && git -C w commit -q "
	   "--allow-empty -m x");
	assert_int_equal(sk_keep_record(repo, T0 + 1), SK_EBUSY);
	assert_non_null(strstr(sk_error_message(), "keep.lock"));
	assert_int_equal(sk_keep_prune(repo, T0), SK_EBUSY);
	sh("rm w/.git/refs/sk/keep.lock");
	record(T0 + 2);
}

static void other_targets(void **state)
{
	struct sk_keep_line line;
	char ref[64], *hidden;

	(void)state;
	sh("cd w && git tag blob HEAD:f && git tag tree HEAD^{tree} && git tag -m x atree "
	   "HEAD^{tree} && "
	   "git commit -q --allow-empty -m hidden && git tag -m a a && git tag -m b b a && "
	   "git reset -q --hard HEAD~1");
	hidden = rev("b^{commit}");
	record(T0);
	assert_true(in_list(hidden, &line, ref));
	assert_string_equal(ref, "refs/tags/a");
	sh("cd w && git pack-refs --all && git tag -d blob tree atree a b >/dev/null");
	record(T0 + 5);
	assert_true(in_list(hidden, &line, ref));
	assert_int_equal(line.last, T0 + 5);
	assert_string_equal(sh("cut -f2 w/.git/logs/refs/sk/keep | grep -c tags"), "3");
	sh("cd w && git reflog expire --expire=now HEAD main && git gc -q --prune=now");
	assert_true(alive(hidden));
	fsck_is_clean();
	free(hidden);
}

static void unborn(void **state)
{
	struct sk_repo *fresh = NULL;
	struct sk_keep_list list = { 0 };

	(void)state;
	sh("git init -q fresh");
	assert_int_equal(sk_repo_open("fresh", &fresh), 0);
	assert_int_equal(sk_keep_read(fresh, &list), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(sk_keep_prune(fresh, T0), 0);
	assert_int_equal(sk_keep_remove(fresh), 0);
	assert_int_equal(sk_keep_record(fresh, T0), 0);
	assert_int_equal(sk_keep_read(fresh, &list), 0);
	assert_int_equal(list.n, 0);
	sk_keep_list_free(&list);
	sk_repo_close(fresh);
	assert_string_equal(sh("git -C fresh fsck --strict 2>&1 | grep -v ^notice || true"), "");
}

static void removed(void **state)
{
	(void)state;
	record(T0);
	assert_int_equal(sk_keep_remove(repo), 0);
	assert_string_equal(sh("cd w/.git && find . -path '*sk/*' -type f | sort"), "");
	assert_int_equal(sk_keep_remove(repo), 0);
	record(T0 + 1);
	fsck_is_clean();
}

/* Backups of several worktrees and git's own gc at the same time lose no line. */
static void at_the_same_time(void **state)
{
	int status;

	(void)state;
	record(T0);
	sh("git -C w config core.filesRefLockTimeout 60000"); /* git gives up soon */
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			for (int k = 0; k < 10; k++) {
				sh("cd w && git update-ref refs/heads/b%d $(git commit-tree -p "
				   "HEAD -m "
				   "'tip %d %d' HEAD^{tree})",
				   i, i, k);
				while (sk_keep_record(repo, T0 + k) == SK_EBUSY)
					;
			}
			_exit(0);
		}
	}
	for (int k = 0; k < 10; k++)
		sh("git -C w reflog expire --all 2>/dev/null || true");
	for (int i = 0; i < 3; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	sh("cd w && git reflog expire --expire=now HEAD main && for i in 0 1 2; do "
	   "git branch -qD b$i; done && git gc -q --prune=now");
	assert_string_equal(
	        sh("cd w && for c in $(cut -d' ' -f2 .git/logs/refs/sk/keep | sort -u); do "
	           "git log -1 --format=%%s $c; done | grep -c tip"),
	        "30");
	fsck_is_clean();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lost_commits_live), T(nothing_moved), T(expired_by_hand), T(damage_heals),
		T(locked_by_git),     T(other_targets), T(unborn),          T(removed),
		T(at_the_same_time),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
