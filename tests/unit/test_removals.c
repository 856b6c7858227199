/* Definitions: what each language's rules find, and what they leave alone. */
#include "unit/scratch.h"

#include "lint/definitions.h"

static struct sk_definitions *rules;

static int open_rules(void **state)
{
	(void)state;
	scratch_open();
	assert_int_equal(setenv("SK_TEST_DATADIR", SK_TEST_DATA "/../../config", 1), 0);
	if (sk_definitions_load(&rules))
		fail_msg("%s", sk_error_message());
	return 0;
}

static int close_rules(void **state)
{
	(void)state;
	sk_definitions_free(rules);
	scratch_close();
	return 0;
}

/* "NAME:LINE NAME:LINE", a "-" before a local one. */
static const char *found(const char *path, const char *text)
{
	static struct sk_buf out = SK_BUF_INIT;
	const struct sk_definitions_of *language = sk_definitions_for(rules, path);
	struct sk_definition_list list = { 0 };
	size_t len = strlen(text);
	char *copy = malloc(len + 1);

	assert_non_null(language);
	assert_non_null(copy);
	memcpy(copy, text, len); /* not terminated */
	if (sk_definitions_list(rules, language, path, copy, len, &list))
		fail_msg("%s: %s", path, sk_error_message());
	sk_buf_clear(&out);
	for (size_t i = 0; i < list.n; i++)
		(void)sk_buf_addf(&out, "%s%s%.*s:%u", i ? " " : "", list.item[i].local ? "-" : "",
		                  (int)list.item[i].len, list.item[i].name, list.item[i].line);
	sk_definition_list_clear(&list);
	free(copy);
	return sk_buf_str(&out);
}

static void test_each_language(void **state)
{
	static const struct {
		const char *path, *text, *want;
	} one[] = {
		{ "a.py",
		  "def login(x):\n    def inner(): pass\n\nasync def fetch_all(): pass\nclass "
		  "Ledger(Base):\n"
		  "    def method(self): pass\nMAX_SIZE = 3\nMAX_SIZE == 4\nLIMIT: int = 5\nsmall "
		  "= 1\n",
		  "login:1 fetch_all:4 Ledger:5 MAX_SIZE:7 LIMIT:9" },
		{ "a.py",
		  "def __init__(): pass\ndef main(): pass\ndef run(): pass\ndef abc(): pass\n",
		  "" },
		{ "a.ts",
		  "export function login() {}\nexport default class Page {}\nexport const limit2 = "
		  "1;\n"
		  "const hidden = 1;\nfunction local1() {}\nexport type Thing = {};\n"
		  "export async function* gen1() {}\n  function nested() {}\nexports.old1 = 1;\n",
		  "login:1 Page:2 limit2:3 -local1:5 Thing:6 gen1:7 old1:9" },
		{ "a.c",
		  "#include <a.h>\n#define LIMIT 3\nstatic int helper(int a)\n{\n\tif (a) "
		  "{\n\t}\n}\n\n"
		  "struct thing *make_thing(const char *name,\n                         void "
		  "(*fn)(int))\n{\n}\n"
		  "int declared(void);\nlong\nsplit_type(void)\n{\n}\n",
		  "-LIMIT:2 -helper:3 make_thing:9 split_type:15" },
		{ "a.h", "#define LIMIT 3\nstatic inline int helper(int a)\n{\n}\n",
		  "LIMIT:1 helper:2" },
		{ "a.go",
		  "package a\n\nfunc Login() {}\nfunc (s *T) Method() {}\ntype Ledger struct{}\n"
		  "func Map[T any](x T) {}\nfunc Mapping[T any](x T) {}\nvar count = 1\n",
		  "Login:3 Ledger:5 Mapping:7 count:8" },
		{ "A.java",
		  "public final class Service {\n  class Inner {}\n}\ninterface Other {}\n",
		  "Service:1 Other:4" },
		{ "a.rs",
		  "pub fn login() {}\nfn hidden() {}\npub(crate) struct Ledger;\npub async unsafe "
		  "fn odd1() {}\n",
		  "login:1 -hidden:2 Ledger:3 odd1:4" },
		{ "a.rb",
		  "class Ledger < Base\n  def method1; end\nend\nmodule A::Inner\nend\ndef "
		  "helper\nend\n",
		  "Ledger:1 Inner:4 helper:6" },
		{ "a.php", "<?php\nfinal class Ledger {}\nfunction login() {}\n",
		  "Ledger:2 login:3" },
		{ "a.sh", "login() {\n:\n}\nfunction other {\n:\n}\ncall_it\n", "login:1 other:4" },
		{ "a.proto", "message Ledger {}\nservice Login {}\n", "Ledger:1 Login:2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
		const char *got = found(one[i].path, one[i].text);

		if (strcmp(got, one[i].want) != 0)
			fail_msg("%s: found '%s', not '%s'", one[i].path, got, one[i].want);
	}
	assert_null(sk_definitions_for(rules, "a.txt"));
	assert_null(sk_definitions_for(rules, "py"));
}

/* Text on which a careless pattern takes for ever: each is done, or given up, soon. */
static void test_hostile_text(void **state)
{
	static const char *const path[] = { "a.py", "a.ts", "a.c",   "a.go", "A.java",
		                            "a.rs", "a.rb", "a.php", "a.sh", "a.proto" };
	static const char *const piece[] = { "a ",    "(",         "a(",      "int ",
		                             "x\n",   "pub ",      "export ", "((()",
		                             "f(a, ", "struct a ", "\t",      "public " };

	(void)state;
	for (size_t i = 0; i < sizeof path / sizeof path[0]; i++)
		for (size_t k = 0; k < sizeof piece / sizeof piece[0]; k++) {
			struct sk_definition_list list = { 0 };
			struct sk_buf text = SK_BUF_INIT;

			while (text.len < 100000)
				(void)sk_buf_adds(&text, piece[k]);
			assert_int_equal(sk_buf_ok(&text), 0);
			(void)sk_definitions_list(rules, sk_definitions_for(rules, path[i]),
			                          path[i], text.ptr, text.len, &list);
			sk_definition_list_clear(&list);
			sk_buf_free(&text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_language),
		cmocka_unit_test(test_hostile_text),
	};

	return cmocka_run_group_tests_name("removals", tests, open_rules, close_rules);
}
