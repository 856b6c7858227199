/* The command table: parsing, help, completion and the manual say the same. */
#include "scratch.h"

#include "base/error.h"
#include "command/command.h"
#include "command/registry.h"

static struct sk_call call;

static int parse(const char *command, const char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return sk_call_parse(command ? sk_command_find(command) : NULL, words, n, &call);
}

#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void parses_every_form_of_an_option(void **state)
{
	const char *const *const lines[] = {
		WORDS("-n", "5", "backups"),          WORDS("-n5", "backups"),
		WORDS("backups", "-n", "5"),          WORDS("--max-count=5", "backups"),
		WORDS("--max-count", "5", "backups"), WORDS("-qn5", "backups"),
		WORDS("-qzn", "5", "backups"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(parse("list", lines[i]), 0);
		assert_string_equal(sk_call_value(&call, "max-count"), "5");
		assert_int_equal(call.n_arg, 1);
		assert_string_equal(call.arg[0], "backups");
		assert_false(sk_call_has(&call, "since"));
		sk_call_clear(&call);
	}
}

static void keeps_what_follows_two_dashes(void **state)
{
	(void)state;
	assert_int_equal(parse("list", WORDS("all", "--", "-n", "--", "a")), 0);
	assert_true(call.dashes);
	assert_int_equal(call.n_arg, 1);
	assert_int_equal(call.n_path, 3);
	assert_string_equal(call.path[0], "-n");
	assert_string_equal(call.path[1], "--");
	assert_null(call.path[3]);
	sk_call_clear(&call);
	/* a command without paths takes them as arguments: a name may begin with a dash */
	assert_int_equal(parse("cat", WORDS("latest", "--", "-x")), 0);
	assert_int_equal(call.n_arg, 2);
	assert_string_equal(call.arg[1], "-x");
	sk_call_clear(&call);
	assert_int_equal(parse("cat", WORDS("latest", "-")), 0);
	assert_string_equal(call.arg[1], "-");
	sk_call_clear(&call);
}

static void an_empty_value_is_a_value(void **state)
{
	(void)state;
	assert_int_equal(parse("backup", WORDS("--message=")), 0);
	assert_string_equal(sk_call_value(&call, "message"), "");
	sk_call_clear(&call);
	assert_int_equal(parse("backup", WORDS("-m", "")), 0);
	assert_string_equal(sk_call_value(&call, "message"), "");
	sk_call_clear(&call);
	assert_int_equal(parse("backup", WORDS("-m", "a", "-m", "--if-due")), 0);
	assert_string_equal(sk_call_value(&call, "message"), "--if-due");
	assert_false(sk_call_has(&call, "if-due"));
	sk_call_clear(&call);
}

static void names_the_bad_word(void **state)
{
	const struct {
		const char *command;
		const char *const *words;
		const char *message;
	} bad[] = {
		{ "list", WORDS("--nope"), "unknown option --nope; see 'git sk list -h'" },
		{ "list", WORDS("--nope=3"), "unknown option --nope=3; see 'git sk list -h'" },
		{ "list", WORDS("-k"), "unknown option -k; see 'git sk list -h'" },
		{ "list", WORDS("-qk"), "unknown option -k; see 'git sk list -h'" },
		{ "list", WORDS("--since"), "option '--since' needs a value: --since TIME" },
		{ "list", WORDS("-n"), "option '-n' needs a value: -n N" },
		{ "rollback", WORDS("--yes=1"), "option '--yes' takes no value" },
		{ "cat", WORDS("--json"), "unknown option --json; see 'git sk cat -h'" },
		{ "backup", WORDS("-z"), "unknown option -z; see 'git sk backup -h'" },
		{ "backup", WORDS("--=x"), "unknown option --=x; see 'git sk backup -h'" },
		{ NULL, WORDS("--json", "list"), "unknown option --json; see 'git sk -h'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(parse(bad[i].command, bad[i].words), SK_EUSAGE);
		assert_string_equal(sk_error_message(), bad[i].message);
	}
	assert_int_equal(parse("list", WORDS("--no\033pe")), SK_EUSAGE);
	assert_null(strchr(sk_error_message(), '\033'));
}

static void what_stands_before_the_command(void **state)
{
	char here[4096];

	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	assert_int_equal(parse(NULL, WORDS("-q", "-C", "/", "--color=never", "list", "-n", "3")),
	                 0);
	assert_int_equal(call.used, 4);
	assert_true(call.quiet);
	assert_string_equal(call.color, "never");
	assert_string_equal(getcwd((char[8]){ 0 }, 8), "/");
	sk_call_clear(&call);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(parse(NULL, WORDS("-C", "/nowhere/at/all", "list")), SK_EREPO);
}

static void counts_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("show", WORDS("a", "b", "c")), 0);
	assert_int_equal(sk_call_args(&call, 1, 2), SK_EUSAGE);
	assert_string_equal(sk_error_message(), "unexpected argument c; see 'git sk show -h'");
	sk_call_clear(&call);
	assert_int_equal(parse("show", WORDS("-q")), 0);
	assert_int_equal(sk_call_args(&call, 1, 2), SK_EUSAGE);
	assert_string_equal(sk_error_message(), "usage: git sk show ID [PATH]");
	sk_call_clear(&call);
}

static void writes_the_line_down(void **state)
{
	struct sk_buf line = SK_BUF_INIT;

	(void)state;
	assert_int_equal(parse("restore", WORDS("@{1}", "--staged", "-q", "--", "a b", "c")), 0);
	assert_int_equal(sk_call_line(&call, &line), 0);
	assert_string_equal(line.ptr, "git sk restore --staged @{1} -- 'a b' c");
	sk_buf_free(&line);
	sk_call_clear(&call);
}

/* The table itself */

static void no_name_is_there_twice(void **state)
{
	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		assert_ptr_equal(sk_command_find(c->name), c);
		assert_non_null(c->run);
		assert_true(*c->summary && c->summary[strlen(c->summary) - 1] != '.');
		assert_non_null(c->usage[0]);
		for (const struct sk_option *o = c->options; o->name; o++) {
			assert_true(*o->help);
			for (const struct sk_option *p = o + 1; p->name; p++)
				assert_true(strcmp(o->name, p->name) != 0 &&
				            (!o->key || o->key != p->key));
			for (const struct sk_option *p = sk_common_options; p->name; p++)
				assert_true((!*p->name || strcmp(o->name, p->name) != 0) &&
				            (!o->key || o->key != p->key));
		}
	}
}

/* Whether `text` has the word with nothing of a word around it. */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p++)
		if ((p == text || !strchr("abcdefghijklmnopqrstuvwxyz-", p[-1])) &&
		    (!p[n] || !strchr("abcdefghijklmnopqrstuvwxyz-", p[n])))
			return true;
	return false;
}

static void every_option_is_in_its_usage(void **state)
{
	char word[64];

	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++)
		for (const struct sk_option *o = c->options; o->name; o++) {
			bool found = false;

			for (size_t i = 0; c->usage[i]; i++) {
				(void)snprintf(word, sizeof word, "--%s", o->name);
				found |= has_word(c->usage[i], word);
				(void)snprintf(word, sizeof word, "-%c", o->key);
				found |= o->key && has_word(c->usage[i], word);
			}
			if (!found)
				fail_msg("--%s is in no usage line of %s", o->name, c->name);
		}
}

/* The manual: mdoc(7).  A command's lines begin ".It Cm NAME"; options are "Fl x" and "Fl -xyz". */

static struct sk_buf manual = SK_BUF_INIT;

static int read_manual(void **state)
{
	(void)state;
	return sk_read_file(AT_FDCWD, SK_TEST_DATA "/../../config/man/git-sk.1", 1 << 20, &manual);
}

static int free_manual(void **state)
{
	(void)state;
	sk_buf_free(&manual);
	return 0;
}

/* All synopsis lines of one command, with a space at either end. */
static void synopsis(const char *name, struct sk_buf *out)
{
	char head[64];
	size_t n = (size_t)snprintf(head, sizeof head, "\n.It Cm %s", name);

	sk_buf_clear(out);
	for (const char *p = manual.ptr; (p = strstr(p, head)); p += n) {
		if (p[n] != ' ' && p[n] != '\n')
			continue;
		(void)sk_buf_adds(out, " ");
		(void)sk_buf_add(out, p + n, strcspn(p + n, "\n"));
		(void)sk_buf_adds(out, " ");
	}
	assert_int_equal(sk_buf_ok(out), 0);
}

static void the_manual_has_each_command_and_option(void **state)
{
	struct sk_buf lines = SK_BUF_INIT;
	char word[64];

	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		synopsis(c->name, &lines);
		if (!lines.len)
			fail_msg("%s is not in the manual", c->name);
		for (const struct sk_option *o = c->options; o->name; o++) {
			(void)snprintf(word, sizeof word, "Fl -%s", o->name);
			if (*o->name && !has_word(lines.ptr, word))
				fail_msg("--%s of %s is not in the manual", o->name, c->name);
			(void)snprintf(word, sizeof word, "Fl %c ", o->key);
			if (o->key && !strstr(lines.ptr, word))
				fail_msg("-%c of %s is not in the manual", o->key, c->name);
		}
	}
	for (const struct sk_option *o = sk_common_options; o->name; o++) {
		(void)snprintf(word, sizeof word, *o->name ? "Fl -%s" : "Fl C%.0s", o->name);
		if (!strstr(manual.ptr, word))
			fail_msg("-%c --%s is not in the manual", o->key, o->name);
	}
	sk_buf_free(&lines);
}

static void the_manual_has_nothing_else(void **state)
{
	char name[64], option[64];

	(void)state;
	for (const char *p = manual.ptr; (p = strstr(p, "\n.It Cm ")); p++) {
		const char *line = p + 8, *end = line + strcspn(line, "\n");
		const struct sk_command *c;

		assert_int_equal(sscanf(line, "%63[a-z]", name), 1);
		c = sk_command_find(name);
		if (!c)
			fail_msg("the manual has %s, which is no command", name);
		for (const char *f = line; (f = strstr(f, "Fl ")) && f < end; f++) {
			bool found = false;

			if (sscanf(f, "Fl -%63[a-z-]", option) != 1)
				continue;
			for (const struct sk_option *o = c->options; o->name; o++)
				found |= strcmp(o->name, option) == 0;
			if (!found)
				fail_msg("the manual has --%s of %s, which is none", option, name);
		}
	}
}

static void the_manual_has_every_exit_code(void **state)
{
	static const int codes[] = { 0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 130 };
	const char *at = strstr(manual.ptr, ".Sh EXIT STATUS");
	char line[16];

	(void)state;
	assert_non_null(at);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		(void)snprintf(line, sizeof line, "\n.It %d\n", codes[i]);
		assert_non_null(strstr(at, line));
	}
}

/* The registry */

static int scratch_up(void **state)
{
	(void)state;
	scratch_open();
	return setenv("XDG_STATE_HOME", scratch, 1);
}

static int scratch_down(void **state)
{
	(void)state;
	scratch_close();
	return unsetenv("XDG_STATE_HOME");
}

static void the_registry_keeps_any_path(void **state)
{
	static const char *const paths[] = { "/a/b", "/new\nline", "/back\\slash\\n", "/sp ace\xff",
		                             "/a" };
	struct sk_strv list = SK_STRV_INIT;

	(void)state;
	assert_int_equal(sk_registry_read(&list), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(sk_registry_remove("/a"), 0); /* no file is made for that */
	assert_false(sk_exists("safekeep"));
	for (int twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(sk_registry_add(paths[i]), 0);
	assert_int_equal(sk_registry_read(&list), 0);
	assert_int_equal(list.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(list.item[i], paths[i]);
	sk_strv_free(&list);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(sk_registry_remove(paths[i]), 0);
	assert_int_equal(sk_registry_read(&list), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.item[0], "/a");
	sk_strv_free(&list);
}

static void the_registry_survives_rubbish(void **state)
{
	static const char rubbish[] = "\n\nrelative\n/good\n\\\n/good\n/last";
	struct sk_strv list = SK_STRV_INIT;

	(void)state;
	assert_int_equal(sk_mkdirs("safekeep", 0700), 0);
	assert_int_equal(
	        sk_write_file(AT_FDCWD, "safekeep/repos", rubbish, sizeof rubbish - 1, 0600, false),
	        0);
	assert_int_equal(sk_registry_read(&list), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.item[0], "/good");
	assert_string_equal(list.item[1], "/last");
	sk_strv_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_form_of_an_option),
		cmocka_unit_test(keeps_what_follows_two_dashes),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(names_the_bad_word),
		cmocka_unit_test(what_stands_before_the_command),
		cmocka_unit_test(counts_arguments),
		cmocka_unit_test(writes_the_line_down),
		cmocka_unit_test(no_name_is_there_twice),
		cmocka_unit_test(every_option_is_in_its_usage),
		cmocka_unit_test_setup_teardown(the_manual_has_each_command_and_option, read_manual,
		                                free_manual),
		cmocka_unit_test_setup_teardown(the_manual_has_nothing_else, read_manual,
		                                free_manual),
		cmocka_unit_test_setup_teardown(the_manual_has_every_exit_code, read_manual,
		                                free_manual),
		cmocka_unit_test_setup_teardown(the_registry_keeps_any_path, scratch_up,
		                                scratch_down),
		cmocka_unit_test_setup_teardown(the_registry_survives_rubbish, scratch_up,
		                                scratch_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
