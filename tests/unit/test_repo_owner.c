/* Another owner's repository is refused as git's safe.directory has it. */
#include "unit/repo_scratch.h"

static void write_safe(const char *values)
{
	(void)sh("printf '[safe]\\n%s' >safe.conf", values);
}

static void test_owner_by_words(void **state)
{
	char text[2 * PATH_MAX];

	(void)state;
	make("it's");
	make("plain");
	(void)sh("git -C plain worktree add -q ../w -b w");
	(void)setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1", 1);
	(void)snprintf(text, sizeof text, "type: git config --global --add safe.directory %s/plain",
	               top);
	refused("plain/src", SK_EREFUSED, text);
	(void)snprintf(text, sizeof text, "safe.directory '%s/it'\\''s'", top);
	refused("it's", SK_EREFUSED, text);
	(void)setenv("GIT_CONFIG_GLOBAL", in_top("safe.conf"), 1);
	write_safe("\\tdirectory = /elsewhere\\n");
	refused("plain", SK_EREFUSED, "belongs to");
	write_safe("\\tdirectory = *\\n");
	opens_here("plain");
	write_safe("\\tdirectory = *\\n\\tdirectory =\\n");
	refused("plain", SK_EREFUSED, "belongs to");
	write_safe("\\tdirectory = ~/plain/\\n");
	opens_here("plain");
	refused("w", SK_EREFUSED, "/w");
	(void)sh("printf '[safe]\\n\\tdirectory = %%s/*\\n' '%s' >safe.conf", top);
	opens_here("plain");
	(void)sh("printf '[safe]\\n\\tdirectory = %%s/w\\n' '%s' >safe.conf", top);
	opens_here("w");
	refused("plain", SK_EREFUSED, "belongs to");
	/* included files count, and the system's; the repository's own does not */
	(void)sh("printf '[include]\\n\\tpath = more\\n' >safe.conf && "
	         "printf '[safe]\\n\\tdirectory = *\\n' >more");
	opens_here("plain");
	(void)sh(": >safe.conf; git config -f plain/.git/config safe.directory '*'");
	refused("plain", SK_EREFUSED, "belongs to");
	(void)setenv("GIT_CONFIG_SYSTEM", in_top("more"), 1);
	opens_here("plain");
	(void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	refused("plain", SK_EREFUSED, "belongs to");
	(void)unsetenv("GIT_CONFIG_NOSYSTEM");
	(void)setenv("GIT_CONFIG_SYSTEM", "/dev/null", 1);
	/* without GIT_CONFIG_GLOBAL: XDG_CONFIG_HOME and HOME */
	(void)unsetenv("GIT_CONFIG_GLOBAL");
	refused("plain", SK_EREFUSED, "belongs to");
	(void)sh("mkdir -p git && cp more git/config");
	opens_here("plain");
	(void)sh("rm git/config && cp more .gitconfig");
	opens_here("plain");
	(void)sh("rm .gitconfig");
	(void)setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

static void test_owner_by_command_line(void **state)
{
	(void)state;
	make("a");
	(void)setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true", 1);
	(void)setenv("GIT_CONFIG_COUNT", "2", 1);
	(void)setenv("GIT_CONFIG_KEY_0", "core.x", 1);
	(void)setenv("GIT_CONFIG_VALUE_0", "*", 1);
	(void)setenv("GIT_CONFIG_KEY_1", "safe.directory", 1);
	(void)setenv("GIT_CONFIG_VALUE_1", "*", 1);
	opens_here("a");
	refused("a", SK_EREFUSED, "belongs to"); /* it was for the first one alone */
	(void)setenv("GIT_CONFIG_PARAMETERS", "'core.x'='it'\\''s' 'Safe.Directory'='*'", 1);
	opens_here("a");
	(void)setenv("GIT_CONFIG_PARAMETERS", "'safe.directory=*'", 1);
	opens_here("a");
	(void)setenv("GIT_CONFIG_PARAMETERS", "'safe.directory'='*' 'safe.directory'=", 1);
	refused("a", SK_EREFUSED, "belongs to");
	(void)setenv("GIT_CONFIG_PARAMETERS", "'safe.directory", 1);
	refused("a", SK_EREFUSED, "belongs to");
	/* GIT_DIR is the user's own word, as git has it */
	(void)setenv("GIT_DIR", in_top("a/.git"), 1);
	opens_here("a");
	(void)setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "0", 1);
	opens_here("a");
}

static void test_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	make("a");
	make("b");
	make("c");
	(void)sh("chown -R 12345 a && chown 12345 b/.git && git -C c worktree add -q ../w -b w && "
	         "chown -h 12345 w/.git");
	refused("a", SK_EREFUSED, "uid 12345");
	refused("a", SK_EREFUSED, "git config --global --add safe.directory");
	refused("b", SK_EREFUSED, "uid 12345");
	refused("w", SK_EREFUSED, "uid 12345");
	opens_here("c");
	(void)setenv("SUDO_UID", "12345", 1);
	opens_here("a");
	(void)setenv("SUDO_UID", "12345x", 1);
	refused("a", SK_EREFUSED, "uid 12345");
	(void)setenv("SUDO_UID", "54321", 1);
	refused("a", SK_EREFUSED, "uid 12345");
	(void)unsetenv("SUDO_UID");
	(void)sh("git config -f safe.conf safe.directory '%s/a'", top);
	(void)setenv("GIT_CONFIG_GLOBAL", in_top("safe.conf"), 1);
	opens_here("a");
	refused("b", SK_EREFUSED, "uid 12345");
	(void)setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_owner_by_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner_by_command_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
