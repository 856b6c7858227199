/* The command table: parsing, help, completion and the manual say the same. */
#include "scratch.h"

#include "base/error.h"
#include "command/command.h"
#include "command/manual.h"
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

/* The manual: a page for each command, mdoc(7); config/man/README.md says what is compared. */

static void read_page(const char *command, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;

	sk_buf_clear(out);
	(void)sk_buf_addf(&path, SK_TEST_DATA "/../../config/man/git-sk%s%s.1", *command ? "-" : "",
	                  command);
	assert_int_equal(sk_buf_ok(&path), 0);
	if (sk_read_file(AT_FDCWD, path.ptr, 1 << 20, out))
		fail_msg("%s has no page %s", command, path.ptr);
	sk_buf_free(&path);
}

/* From the line that begins so to the next section; NULL: there is none. */
static char *section(const char *page, const char *head)
{
	const char *at = strstr(page, head), *end;
	char *copy;

	if (!at)
		return NULL;
	end = strstr(at + strlen(head), "\n.Sh ");
	copy = end ? strndup(at, (size_t)(end + 1 - at)) : strdup(at);
	assert_non_null(copy);
	return copy;
}

/* Drops all white space. */
static void squeeze(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (!strchr(" \n\t", *text))
			*to++ = *text;
	*to = '\0';
}

static void the_synopsis_is_the_usage(void **state)
{
	struct sk_buf page = SK_BUF_INIT, text = SK_BUF_INIT, want = SK_BUF_INIT;

	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		char *synopsis;

		read_page(c->name, &page);
		synopsis = section(page.ptr, "\n.Sh SYNOPSIS\n");
		assert_non_null(synopsis);
		sk_buf_clear(&text);
		sk_buf_clear(&want);
		assert_int_equal(sk_manual_text(synopsis, 78, &text), 0);
		(void)sk_buf_adds(&want, "SYNOPSIS");
		for (size_t i = 0; c->usage[i]; i++)
			(void)sk_buf_addf(&want, "git sk %s %s", c->name, c->usage[i]);
		assert_int_equal(sk_buf_ok(&want), 0);
		squeeze(text.ptr);
		squeeze(want.ptr);
		assert_string_equal(text.ptr, want.ptr);
		free(synopsis);
	}
	sk_buf_free(&page);
	sk_buf_free(&text);
	sk_buf_free(&want);
}

static void add_item(const struct sk_option *o, struct sk_buf *out)
{
	(void)sk_buf_adds(out, "\n.It ");
	if (o->key)
		(void)sk_buf_addf(out, "Fl %c%s%s", o->key, o->arg ? " Ar " : "",
		                  o->arg ? o->arg : "");
	if (o->key && *o->name)
		(void)sk_buf_adds(out, " , ");
	if (*o->name)
		(void)sk_buf_addf(out, "Fl -%s%s%s", o->name, o->arg ? " Ar " : "",
		                  o->arg ? o->arg : "");
	(void)sk_buf_adds(out, "\n");
	assert_int_equal(sk_buf_ok(out), 0);
}

/* Returns how many there are. */
static size_t has_options(const char *page, const char *where, const struct sk_option *list,
                          const struct sk_command *command)
{
	struct sk_buf item = SK_BUF_INIT;
	size_t n = 0;

	for (const struct sk_option *o = list; o->name; o++) {
		if (list == sk_common_options && strcmp(o->name, "json") != 0 && o->key != 'z')
			continue;
		if (list == sk_common_options && !sk_command_takes(command, o))
			continue;
		sk_buf_clear(&item);
		add_item(o, &item);
		if (!strstr(page, item.ptr))
			fail_msg("the options of %s have no line '%.*s'", where, (int)item.len - 2,
			         item.ptr + 1);
		n++;
	}
	sk_buf_free(&item);
	return n;
}

static void the_options_are_those_of_the_table(void **state)
{
	struct sk_buf page = SK_BUF_INIT;

	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		size_t n = 0;
		char *options;

		read_page(c->name, &page);
		options = section(page.ptr, "\n.Sh OPTIONS\n");
		assert_non_null(options);
		n = has_options(options, c->name, c->options, c) +
		    has_options(options, c->name, sk_common_options, c);
		for (const char *p = options; (p = strstr(p, "\n.It Fl ")); p++)
			if (!n--)
				fail_msg("the options of %s have one more than the table: %.40s",
				         c->name, p + 1);
		free(options);
	}
	sk_buf_free(&page);
}

static void the_sections_are_the_usual_ones(void **state)
{
	static const char *const heads[] = { "NAME",        "SYNOPSIS", "DESCRIPTION", "OPTIONS",
		                             "EXIT STATUS", "EXAMPLES", "SEE ALSO" };
	struct sk_buf page = SK_BUF_INIT, line = SK_BUF_INIT;

	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		const char *at;

		read_page(c->name, &page);
		at = page.ptr;
		for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
			sk_buf_clear(&line);
			(void)sk_buf_addf(&line, "\n.Sh %s\n", heads[i]);
			at = strstr(at, sk_buf_str(&line));
			if (!at)
				fail_msg("%s: no %s where it should be", c->name, heads[i]);
		}
		sk_buf_clear(&line);
		(void)sk_buf_addf(&line, "\n.Nm git-sk-%s\n.Nd %s\n", c->name, c->summary);
		if (!strstr(page.ptr, sk_buf_str(&line)))
			fail_msg("the page of %s does not have:%s", c->name, sk_buf_str(&line));
	}
	sk_buf_free(&page);
	sk_buf_free(&line);
}

static void the_plain_text_knows_the_macros(void **state)
{
	struct sk_buf page = SK_BUF_INIT;

	(void)state;
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		read_page(c->name, &page);
		for (const char *p = page.ptr; p; p = strchr(p, '\n')) {
			p += *p == '\n';
			if (*p == '.' && p[1] != '\\' &&
			    !sk_manual_knows(p + 1, strcspn(p + 1, " \n")))
				fail_msg("%s: '%.20s' is not known", c->name, p);
		}
	}
	sk_buf_free(&page);
}

static void the_overview_has_each_command(void **state)
{
	struct sk_buf page = SK_BUF_INIT, line = SK_BUF_INIT;
	char name[64], *commands;

	(void)state;
	read_page("", &page);
	commands = section(page.ptr, "\n.Sh COMMANDS\n");
	assert_non_null(commands);
	for (const struct sk_command *c = sk_commands; c->name; c++) {
		sk_buf_clear(&line);
		(void)sk_buf_addf(&line, "\n.It Cm %s\n%s\n", c->name, c->summary);
		if (!strstr(commands, sk_buf_str(&line)))
			fail_msg("git-sk.1 does not have:%s", sk_buf_str(&line));
	}
	for (const char *p = commands; (p = strstr(p, "\n.It Cm ")); p++) {
		assert_int_equal(sscanf(p, "\n.It Cm %63[a-z]", name), 1);
		if (!sk_command_find(name) && !strstr(" chat flag conf ", name))
			fail_msg("git-sk.1 has %s, which is no command", name);
	}
	for (const struct sk_option *o = sk_common_options; o->name; o++) {
		sk_buf_clear(&line);
		add_item(o, &line);
		if (!strstr(page.ptr, line.ptr))
			fail_msg("git-sk.1 does not have:%s", line.ptr);
	}
	free(commands);
	sk_buf_free(&page);
	sk_buf_free(&line);
}

static void the_overview_has_every_exit_code(void **state)
{
	static const int codes[] = { 0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 130 };
	struct sk_buf page = SK_BUF_INIT;
	const char *at;
	char line[16];

	(void)state;
	read_page("", &page);
	at = strstr(page.ptr, ".Sh EXIT STATUS");
	assert_non_null(at);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		(void)snprintf(line, sizeof line, "\n.It %d\n", codes[i]);
		assert_non_null(strstr(at, line));
	}
	sk_buf_free(&page);
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
		cmocka_unit_test(the_synopsis_is_the_usage),
		cmocka_unit_test(the_options_are_those_of_the_table),
		cmocka_unit_test(the_sections_are_the_usual_ones),
		cmocka_unit_test(the_plain_text_knows_the_macros),
		cmocka_unit_test(the_overview_has_each_command),
		cmocka_unit_test(the_overview_has_every_exit_code),
		cmocka_unit_test_setup_teardown(the_registry_keeps_any_path, scratch_up,
		                                scratch_down),
		cmocka_unit_test_setup_teardown(the_registry_survives_rubbish, scratch_up,
		                                scratch_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
