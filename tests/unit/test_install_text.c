/* Configuration files and hook scripts as text: edits in, edits out, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/proc.h"
#include "hooks/install_parts.h"

/* ---- configuration text ---- */

static const char *const configs[] = {
	"",
	"\n",
	"# only a comment",
	"[core]\n\tbare = false\n",
	"[core]\n\tbare = false",
	"[core]\r\n\tbare = false\r\n[user]\r\n\tname = X\r\n",
	"[core]",
	"[core]\n",
	"[CoRe]\n\tFSMonitor = true\n",
	"[core] fsmonitor = true\n",
	"[core] fsmonitor = true",
	"[core]\tbare = true ; comment\n# after\n\n[a \"B c\"]\n\tx = \"q # not\" # is\n",
	"[core]\n\tfsmonitor = a \\\n   b \\\n c\n\tbare = 1\n",
	"[core]\n\tfsmonitor\n[transfer]\n\thideRefs = refs/x\n",
	"[transfer]\n\thideRefs = refs/x\n\thideRefs = !refs/y\n[TRANSFER]\n\tfsckObjects = true\n",
	"\xef\xbb\xbf[core]\n\tfsmonitor = \"/a b/c\"\n",
	"[gc \"refs/sk/keep\"]\n\treflogExpire = 3\n",
	"[gc \"REFS/sk/keep\"]\n\treflogExpire = 3\n",
	"[core]\n\tx = \"a\\\"b\\\\\"\n\ty = \\\n\n[core]\n\tz=1",
	"[a.b]\n\tc = d\n[remote \"o\\\"r\"]\n\turl = https://u:p@h/\n",
	"   [core]\n  fsmonitor=x  \n\t\n",
	"[core] # fsmonitor = no\n[core]\n",
	"[alias]\n\tx = \"!f() { a; }; f\"\n[core]\n\tfsmonitor = x\n\tfsmonitor = y\n\n\n",
	"[core][user]\nname = x\n",
	"[core] [a \"b\"]",
	"[a]\n\tx = y\\\n",
};

static const struct sk_want wants[] = {
	{ "transfer.hideRefs", "refs/sk", true },
	{ "gc.refs/sk/keep.reflogExpire", "never", false },
	{ "gc.refs/sk/keep.reflogExpireUnreachable", "never", false },
	{ "core.fsmonitor", "'/a #b/git-sk-fsmonitor'", false },
	{ "hook.x \"y\\.command", "test ! -x 'a;b' || \"\t\" ", false },
};
#define N_WANTS (sizeof wants / sizeof *wants)

static void set_text(struct sk_buf *buf, const char *text)
{
	sk_buf_clear(buf);
	assert_int_equal(sk_buf_adds(buf, text), 0);
}

static void edit_clear(struct sk_edit *e)
{
	free(e->key);
	free(e->value);
	free(e->was);
}

static void assert_has(const struct sk_buf *text, const struct sk_want *want)
{
	struct sk_strv values = SK_STRV_INIT;

	assert_int_equal(sk_text_values(text, want->key, &values), 0);
	assert_true(values.n > 0);
	assert_string_equal(values.item[values.n - 1], want->value);
	sk_strv_free(&values);
}

static void test_config_round_trip(void **state)
{
	(void)state;
	for (size_t c = 0; c < sizeof configs / sizeof *configs; c++)
		for (size_t first = 0; first < N_WANTS; first++) {
			struct sk_buf text = SK_BUF_INIT;
			struct sk_edit edit[N_WANTS];
			bool done;

			set_text(&text, configs[c]);
			for (size_t i = 0; i < N_WANTS; i++) {
				const struct sk_want *w = &wants[(first + i) % N_WANTS];

				assert_int_equal(sk_text_set(&text, w->key, w->value, w->more,
				                             false, &edit[i]),
				                 0);
				assert_has(&text, w);
			}
			for (size_t i = 0; i < N_WANTS; i++)
				assert_has(&text, &wants[i]);
			for (size_t i = N_WANTS; i-- > 0;) {
				assert_int_equal(sk_text_unset(&text, &edit[i], &done), 0);
				assert_true(done);
				edit_clear(&edit[i]);
			}
			assert_string_equal(sk_buf_str(&text), configs[c]);
			sk_buf_free(&text);
		}
}

/* git reads the file as we do. */
static void test_config_as_git(void **state)
{
	char dir[] = "/tmp/sk-install.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(unsetenv("GIT_DIR"), 0);
	(void)snprintf(path, sizeof path, "%s/c", dir);
	for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
		struct sk_buf text = SK_BUF_INIT, out = SK_BUF_INIT;
		struct sk_edit edit;

		set_text(&text, configs[c]);
		for (size_t i = 0; i < N_WANTS; i++) {
			const char *argv[] = { "git", "config",    "-f",         path,
				               "-z",  "--get-all", wants[i].key, NULL };
			struct sk_proc proc = { .argv = argv, .output = &out };
			size_t n = strlen(wants[i].value);
			int status = -1;

			assert_int_equal(sk_text_set(&text, wants[i].key, wants[i].value,
			                             wants[i].more, false, &edit),
			                 0);
			edit_clear(&edit);
			assert_int_equal(
			        sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0600, false), 0);
			sk_buf_clear(&out);
			assert_int_equal(sk_proc_run(&proc, &status), 0);
			assert_int_equal(status, 0);
			assert_true(out.len > n);
			assert_memory_equal(out.ptr + out.len - n - 1, wants[i].value, n + 1);
		}
		sk_buf_free(&text);
		sk_buf_free(&out);
	}
	assert_int_equal(sk_remove_tree(AT_FDCWD, dir), 0);
}

static void test_config_changed_since(void **state)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_edit a, b;
	bool done;

	(void)state;
	/* what the user adds to our section stays, with its header */
	assert_int_equal(sk_text_set(&text, "log.excludeDecoration", "refs/sk/*", true, false, &a),
	                 0);
	assert_int_equal(sk_buf_adds(&text, "\tdate = iso\n[x]\n\ty = z\n"), 0);
	assert_int_equal(sk_text_unset(&text, &a, &done), 0);
	assert_string_equal(text.ptr, "[log]\n\tdate = iso\n[x]\n\ty = z\n");
	/* what the user changed is the user's */
	assert_int_equal(sk_text_unset(&text, &a, &done), 0);
	assert_false(done);
	edit_clear(&a);
	/* a comment in our section keeps it, too */
	set_text(&text, "");
	assert_int_equal(sk_text_set(&text, "a.b", "c", false, false, &a), 0);
	assert_int_equal(sk_buf_adds(&text, "# mine\n"), 0);
	assert_int_equal(sk_text_unset(&text, &a, &done), 0);
	assert_string_equal(text.ptr, "[a]\n# mine\n");
	edit_clear(&a);
	/* put back before something that came after a last line without its newline */
	set_text(&text, "[core]\n\tfsmonitor = x");
	assert_int_equal(sk_text_set(&text, "core.fsmonitor", "ours", false, false, &b), 0);
	assert_int_equal(sk_buf_adds(&text, "\n[x]\n\ty = z\n"), 0);
	assert_int_equal(sk_text_unset(&text, &b, &done), 0);
	assert_string_equal(text.ptr, "[core]\n\tfsmonitor = x\n[x]\n\ty = z\n");
	edit_clear(&b);
	/* after everything else */
	set_text(&text, "[core]\n\tfsmonitor = x\n[include]\n\tpath = y\n");
	assert_int_equal(sk_text_set(&text, "core.fsmonitor", "ours", false, true, &b), 0);
	assert_string_equal(text.ptr, "[core]\n\tfsmonitor = x\n[include]\n\tpath = y\n"
	                              "[core]\n\tfsmonitor = ours\n");
	assert_int_equal(sk_text_unset(&text, &b, &done), 0);
	assert_string_equal(text.ptr, "[core]\n\tfsmonitor = x\n[include]\n\tpath = y\n");
	edit_clear(&b);
	sk_buf_free(&text);
}

static void test_config_malformed(void **state)
{
	static const char *const bad[] = { "x = y\n",
		                           "[core\n",
		                           "[core]\n\tx = \"open\n",
		                           "[a b]\n",
		                           "[core]\n\t= x\n",
		                           "[core]\n\tx ! y\n",
		                           "[a \"b]\n",
		                           "[core]\n\tx = \\q\n",
		                           "[core]\n\tx = \"open" };
	struct sk_buf text = SK_BUF_INIT;
	struct sk_edit edit;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		set_text(&text, bad[i]);
		assert_int_equal(sk_text_set(&text, "a.b", "c", false, false, &edit), SK_EDAMAGED);
		assert_string_equal(text.ptr, bad[i]);
	}
	sk_buf_free(&text);
}

/* ---- scripts ---- */

static const struct {
	const char *text;
	enum sk_script kind;
} scripts[] = {
	{ "#!/bin/sh\nexit 0\n", SK_SCRIPT_SHELL },
	{ "#!/bin/sh\nexit 0", SK_SCRIPT_SHELL },
	{ "#!/bin/sh\n", SK_SCRIPT_SHELL },
	{ "#!/bin/sh", SK_SCRIPT_SHELL },
	{ "#! /bin/bash -e\nset -u\r\necho a\r\n", SK_SCRIPT_SHELL },
	{ "#!/usr/bin/env bash\n\nexec ./check \"$@\"\n", SK_SCRIPT_SHELL },
	{ "#!/usr/bin/env -S zsh -e\nx\n", SK_SCRIPT_SHELL },
	{ "#!/bin/dash\nx\n", SK_SCRIPT_SHELL },
	{ "#!/usr/bin/ksh\nx\n", SK_SCRIPT_SHELL },
	{ "#!/bin/sh\n# >>> git-sk >>> without an end\n", SK_SCRIPT_SHELL },
	{ "#!/bin/sh\r\nexit 0\r\n", SK_SCRIPT_FOREIGN },
	{ "#!/usr/bin/python3\nprint()\n", SK_SCRIPT_FOREIGN },
	{ "#!/usr/bin/env node\n", SK_SCRIPT_FOREIGN },
	{ "#!/usr/bin/env\n", SK_SCRIPT_FOREIGN },
	{ "#!/bin/sh\n''''exec python3 -- \"$0\" \"$@\" # '''\n", SK_SCRIPT_FOREIGN },
	{ "#!/bin/sh\n# \\\nexec tclsh \"$0\" \"$@\"\n", SK_SCRIPT_FOREIGN },
	{ "#!/bin/sh\n\"\"\":\"\nexec python\n", SK_SCRIPT_FOREIGN },
	{ "echo no shebang\n", SK_SCRIPT_FOREIGN },
	{ "\x7f"
	  "ELF",
	  SK_SCRIPT_FOREIGN },
	{ "#!", SK_SCRIPT_FOREIGN },
	{ "#!\n", SK_SCRIPT_FOREIGN },
	{ "", SK_SCRIPT_FOREIGN },
};

static void test_script_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		if (sk_script_kind(scripts[i].text, strlen(scripts[i].text)) != scripts[i].kind)
			fail_msg("kind of '%s'", scripts[i].text);
	assert_int_equal(sk_script_kind("#!/bin/sh\n\0x", 12), SK_SCRIPT_FOREIGN);
}

static void test_block_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		struct sk_buf with = SK_BUF_INIT, again = SK_BUF_INIT, without = SK_BUF_INIT;
		const char *text = scripts[i].text, *line = strchr(text, '\n');

		if (scripts[i].kind != SK_SCRIPT_SHELL)
			continue;
		assert_int_equal(
		        sk_script_insert(text, strlen(text), "/x/it's", "pre-commit", &with), 0);
		assert_int_equal(sk_script_kind(with.ptr, with.len), SK_SCRIPT_BLOCK);
		/* the first line stays the first */
		assert_memory_equal(with.ptr, text,
		                    line ? (size_t)(line - text) + 1 : strlen(text));
		assert_non_null(
		        strstr(with.ptr, "'/x/it'\\''s' pre-commit \"$@\" </dev/null || exit 1"));
		assert_int_equal(
		        sk_script_insert(with.ptr, with.len, "/x/it's", "pre-commit", &again), 0);
		assert_string_equal(again.ptr, with.ptr);
		sk_buf_clear(&again);
		/* another program takes its place */
		assert_int_equal(sk_script_insert(with.ptr, with.len, "/y", "post-merge", &again),
		                 0);
		assert_null(strstr(again.ptr, "/x/it"));
		assert_null(strstr(again.ptr, "exit 1;"));
		assert_int_equal(sk_script_remove(again.ptr, again.len, &without), 0);
		assert_string_equal(sk_buf_str(&without), text);
		sk_buf_free(&with);
		sk_buf_free(&again);
		sk_buf_free(&without);
	}
}

static void test_wrapper_text(void **state)
{
	struct sk_buf text = SK_BUF_INIT;
	char *saved;

	(void)state;
	assert_int_equal(sk_script_wrapper("/p", "pre-commit", "pre-commit.git-sk-saved", &text),
	                 0);
	assert_int_equal(sk_script_kind(text.ptr, text.len), SK_SCRIPT_WRAPPER);
	saved = sk_script_saved(text.ptr, text.len);
	assert_string_equal(saved, "pre-commit.git-sk-saved");
	free(saved);
	assert_null(sk_script_saved("# git-sk saved: ../x\n", 21));
	assert_null(sk_script_saved("# git-sk saved: \n", 17));
	assert_null(sk_script_saved("x", 1));
	sk_buf_clear(&text);
	assert_int_equal(sk_script_dispatch("/p", "commit-msg", false, "/a b", &text), 0);
	assert_int_equal(sk_script_kind(text.ptr, text.len), SK_SCRIPT_DISPATCH);
	assert_null(strstr(text.ptr, "'/p'"));
	sk_buf_free(&text);
}

/* Runs it in the folder, and whether the program that it names was run. */
static bool asks(const char *dir, const char *settings, const char *event)
{
	struct sk_buf script = SK_BUF_INIT, program = SK_BUF_INIT, line = SK_BUF_INIT;
	bool ran;
	int rc;

	(void)sk_buf_addf(&program, "%s/client", dir);
	assert_int_equal(sk_script_insert("#!/bin/sh\n", 10, program.ptr, event, &script), 0);
	(void)sk_buf_addf(&line,
	                  "cd '%s' && rm -f ran && printf '#!/bin/sh\\n: >ran\\n' >client && "
	                  "chmod +x client && cat >hook <<'END'\n%s\nEND\n%s sh -eu hook",
	                  dir, script.ptr, settings);
	rc = system(line.ptr);
	assert_int_equal(rc, 0);
	sk_buf_clear(&line);
	(void)sk_buf_addf(&line, "%s/ran", dir);
	ran = access(line.ptr, F_OK) == 0;
	sk_buf_free(&script);
	sk_buf_free(&program);
	sk_buf_free(&line);
	return ran;
}

static void test_a_shell_that_asks_nobody(void **state)
{
	char dir[] = "/tmp/sk-unit.XXXXXX", line[256];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(unsetenv("GIT_DIR"), 0);
#define IN(command)                                                                                \
	((void)snprintf(line, sizeof line, "cd %s && " command, dir),                              \
	 assert_int_equal(system(line), 0))
	/* where nothing is known, the client is asked */
	assert_true(asks(dir, "", "post-commit"));
	assert_true(asks(dir, "", "commit-msg"));
	assert_true(asks(dir, "", "pre-commit"));
	IN("mkdir -p .git/sk 'a b/sk' linked/sk && : >.git/sk/installed && : >'a b/sk/installed'");
	assert_false(asks(dir, "", "post-commit"));
	assert_false(asks(dir, "", "commit-msg"));
	assert_true(asks(dir, "", "pre-commit"));
	assert_false(asks(dir, "GIT_DIR='a b'", "post-commit"));
	/* a linked worktree: the files of all are in the common folder */
	assert_true(asks(dir, "GIT_DIR=linked", "post-commit"));
	assert_false(asks(dir, "GIT_DIR=linked", "commit-msg"));
	IN(": >.git/sk/gate && : >'a b/sk/after-commit'");
	assert_false(asks(dir, "", "post-commit"));
	assert_true(asks(dir, "", "commit-msg"));
	assert_true(asks(dir, "GIT_DIR='a b'", "post-commit"));
	assert_false(asks(dir, "GIT_DIR='a b'", "commit-msg"));
	(void)snprintf(line, sizeof line, "rm -rf %s", dir);
	assert_int_equal(system(line), 0);
#undef IN
}

static void test_git_versions(void **state)
{
	static const struct {
		const char *text;
		bool has;
	} cases[] = { { "git version 2.39.5\n", false },
		      { "git version 2.53.9", false },
		      { "git version 2.54.0", true },
		      { "git version 2.55.0.rc1\n", true },
		      { "git version 2.60.1 (Apple Git-1)", true },
		      { "git version 2.100.0", true },
		      { "git version 3.0.0", true },
		      { "git version 3", true },
		      { "git version 1.99.0", false },
		      { "git version 2", false },
		      { "git version 2.x", false },
		      { "git version 2.9.55", false },
		      { "2.54.0", false },
		      { "git version ", false },
		      { "", false },
		      { "garbage", false },
		      { "git version 20260101", false } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (sk_git_has_config_hooks(cases[i].text) != cases[i].has)
			fail_msg("version '%s'", cases[i].text);
}

static void test_our_fsmonitor(void **state)
{
	(void)state;
	assert_true(sk_is_our_fsmonitor("/usr/bin/git-sk-fsmonitor"));
	assert_true(sk_is_our_fsmonitor("'/a b/git-sk-fsmonitor'"));
	assert_true(sk_is_our_fsmonitor("'/a b/git-sk-hook' fsmonitor"));
	assert_false(sk_is_our_fsmonitor("/usr/bin/watchman"));
	assert_false(sk_is_our_fsmonitor(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_round_trip),
		cmocka_unit_test(test_config_as_git),
		cmocka_unit_test(test_config_changed_since),
		cmocka_unit_test(test_config_malformed),
		cmocka_unit_test(test_script_kinds),
		cmocka_unit_test(test_block_round_trip),
		cmocka_unit_test(test_wrapper_text),
		cmocka_unit_test(test_a_shell_that_asks_nobody),
		cmocka_unit_test(test_git_versions),
		cmocka_unit_test(test_our_fsmonitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
