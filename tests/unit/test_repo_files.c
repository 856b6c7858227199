/* What an open repository says of paths, settings and git's configuration. */
#include "unit/repo_scratch.h"

#include "repo/trust.h"

static void is_path(const struct sk_repo *r, const char *typed, const char *want)
{
	char *path = NULL;
	int rc = sk_repo_path(r, typed, &path);

	if (rc)
		fail_msg("%s: %d %s", typed, rc, sk_error_message());
	assert_string_equal(path, want);
	free(path);
}

static void no_path(const struct sk_repo *r, const char *typed, int code)
{
	char *path = top;
	int rc = sk_repo_path(r, typed, &path);

	if (rc != code)
		fail_msg("'%s': %d, not %d", typed, rc, code);
	assert_ptr_equal(path, top);
}

static void test_paths(void **state)
{
	struct sk_repo *r;

	(void)state;
	make("a");
	(void)sh("mkdir out && ln -s a outlink && cd a && ln -s src in && ln -s ../out away && "
	         "ln -s /nowhere/at/all dangling && ln -s round round && ln -s ../a self && "
	         "mkdir ab");
	r = open_at("a/src");
	is_path(r, "b.txt", "src/b.txt");
	is_path(r, "./b.txt", "src/b.txt");
	is_path(r, ".", "src");
	is_path(r, "./", "src");
	is_path(r, "..", "");
	is_path(r, "../", "");
	is_path(r, "..//a.txt", "a.txt");
	is_path(r, "lib/../../src/./lib//", "src/lib");
	is_path(r, "../../a/a.txt", "a.txt");
	is_path(r, in_top("a"), "");
	is_path(r, in_top("a/"), "");
	is_path(r, in_top("a/src/b.txt"), "src/b.txt");
	is_path(r, "new/deep/er", "src/new/deep/er");
	is_path(r, "b.txt/x", "src/b.txt/x");
	is_path(r, "-x", "src/-x");
	is_path(r, "...", "src/...");
	is_path(r, "\xff\n", "src/\xff\n");
	is_path(r, "../.gitignore", ".gitignore");
	is_path(r, "../x.git/y", "x.git/y");
	no_path(r, "", SK_EUSAGE);
	no_path(r, "/", SK_EREFUSED);
	no_path(r, "../..", SK_EREFUSED);
	no_path(r, "../../../../../../../../../../../../../..", SK_EREFUSED);
	no_path(r, "../../ab", SK_EREFUSED);
	no_path(r, "../../aa/x", SK_EREFUSED);
	no_path(r, "/etc/passwd", SK_EREFUSED);
	no_path(r, "../.git", SK_EREFUSED);
	no_path(r, "../.git/config", SK_EREFUSED);
	no_path(r, "lib/.git/x", SK_EREFUSED);
	/* links: the last component is itself, parents are followed as long as they stay inside */
	is_path(r, "../in", "in");
	is_path(r, "../in/", "in");
	is_path(r, "../in/b.txt", "src/b.txt");
	is_path(r, "../in/new/x", "src/new/x");
	is_path(r, "../in/../a.txt", "a.txt");
	is_path(r, "../away", "away");
	is_path(r, "../dangling", "dangling");
	is_path(r, "../round", "round");
	is_path(r, "../self/src/b.txt", "src/b.txt");
	no_path(r, "../away/x", SK_EREFUSED);
	no_path(r, "../away/new/x", SK_EREFUSED);
	no_path(r, "../dangling/x", SK_EREFUSED);
	no_path(r, "../dangling/x/y", SK_EREFUSED);
	no_path(r, "../round/x", SK_EREFUSED);
	/* from elsewhere, by a link to the top */
	is_path(r, in_top("outlink"), "");
	is_path(r, in_top("outlink/src/b.txt"), "src/b.txt");
	no_path(r, in_top("out"), SK_EREFUSED);
	sk_repo_close(r);
}

/* The user's and the project's settings are found where the contract says, in that order. */
static void test_settings(void **state)
{
	struct sk_repo *r;

	(void)state;
	make("a");
	(void)sh("mkdir -p safekeep a/.git/sk && git -C a worktree add -q ../w -b w && "
	         "mkdir a/.git/worktrees/w/sk");
	(void)sh("printf '[backup]\ninterval = 9m\n[retention]\nkeep_last = 5\nkeep_daily = 6\n"
	         "[service]\nidle_exit = 1h\n' >safekeep/safekeep.ini");
	(void)sh("printf '[backup]\ninterval = 8m\nexclude = *.tmp\n[retention]\nkeep_last = 7\n' "
	         "| tee w/.safekeep.ini >a/.safekeep.ini");
	(void)sh("printf '[retention]\nkeep_daily = 2\n[guard]\nenabled = no\n' "
	         ">a/.git/sk/safekeep.ini");
	(void)sh("printf '[guard]\nenabled = yes\n' >a/.git/worktrees/w/sk/safekeep.ini");
	r = open_at("a");
	assert_int_equal(r->config->problems.n, 0);
	assert_int_equal(r->config->backup.interval_ms, 480000);
	assert_int_equal(r->config->backup.exclude.n, 1);
	assert_int_equal(r->config->retention.keep_last, 7);
	assert_int_equal(r->config->retention.keep_daily, 2);
	assert_false(r->config->guard.enabled);
	assert_string_equal(sk_config_get(r->config, "service.idle_exit"), "1h");
	sk_repo_close(r);
	r = open_at("w");
	assert_true(r->config->guard.enabled);
	assert_int_equal(r->config->retention.keep_daily, 2);
	sk_repo_close(r);
	/* HOME when there is no XDG_CONFIG_HOME */
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)sh("mkdir .config && mv safekeep .config");
	r = open_at("a");
	assert_int_equal(r->config->retention.keep_last, 7);
	assert_string_equal(sk_config_get(r->config, "service.idle_exit"), "1h");
	sk_repo_close(r);
}

/* What the project's file asks for waits for the user's word, for that very content. */
static void test_trust(void **state)
{
	static const char text[] = "[health]\ndatabase = true\n";
	struct sk_repo *r;

	(void)state;
	make("a");
	(void)sh("mkdir a/.git/sk");
	assert_int_equal(
	        sk_write_file(AT_FDCWD, "a/.safekeep.ini", text, sizeof text - 1, 0644, false), 0);
	sk_set_quiet(1);
	r = open_at("a");
	assert_int_equal(r->config->problems.n, 1);
	assert_non_null(strstr(r->config->problems.item[0], "git sk trust"));
	assert_null(sk_config_get(r->config, "health.database"));
	sk_repo_close(r);
	assert_int_equal(sk_trust_add("a/.git/sk/trust", "a/.safekeep.ini", "other", 5), 0);
	assert_int_equal(sk_trust_add("a/.git/sk/trust", "a/.safekeep.ini", text, sizeof text - 1),
	                 0);
	assert_int_equal(sk_trust_add("a/.git/sk/trust", "a/.safekeep.ini", text, sizeof text - 1),
	                 0);
	assert_string_equal(sh("wc -l <a/.git/sk/trust"), "2");
	assert_string_equal(sh("sed -n 2p a/.git/sk/trust | cut -c -64"),
	                    sh("sha256sum <a/.safekeep.ini | cut -c -64"));
	r = open_at("a");
	assert_int_equal(r->config->problems.n, 0);
	assert_string_equal(sk_config_get(r->config, "health.database"), "true");
	sk_repo_close(r);
	(void)sh("echo 'application = false' >>a/.safekeep.ini");
	r = open_at("a");
	assert_int_equal(r->config->problems.n, 2);
	sk_repo_close(r);
	assert_int_equal(sk_trust_revoke("a/.git/sk/trust"), 0);
	assert_int_equal(sk_trust_revoke("a/.git/sk/trust"), 0);
	assert_false(sk_trust_has("a/.git/sk/trust", text, sizeof text - 1));
	sk_set_quiet(0);
}

/* git's own configuration as git layers it. */
static void test_git_config(void **state)
{
	git_config *config;
	struct sk_repo *r;
	git_buf buf = GIT_BUF_INIT;

	(void)state;
	make("a");
	(void)sh("git config -f g core.excludesFile /from/g && git config -f .gitconfig "
	         "core.excludesFile /from/home && git config -f g user.x g && "
	         "git -C a config user.x local");
	(void)setenv("GIT_CONFIG_GLOBAL", in_top("g"), 1);
	r = open_at("a");
	assert_int_equal(git_repository_config_snapshot(&config, r->git), 0);
	assert_int_equal(git_config_get_string_buf(&buf, config, "core.excludesFile"), 0);
	assert_string_equal(buf.ptr, "/from/g");
	assert_int_equal(git_config_get_string_buf(&buf, config, "user.x"), 0);
	assert_string_equal(buf.ptr, "local");
	git_buf_dispose(&buf);
	git_config_free(config);
	sk_repo_close(r);
	(void)setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_git_config, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
