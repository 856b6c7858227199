/* fuzz_extract.c - what source files import and define, by the rules of every language; secrets.
 *
 * An input is a byte that chooses the language, and the text.  Twice the same is twice the same; an
 * import is on a line of the text; what is found as a secret is also taken out. */
#include "fuzz.h"

#include "base/error.h"
#include "impact/extract.h"
#include "lint/definitions.h"
#include "lint/secrets.h"

static struct sk_languages *languages;
static struct sk_definitions *definitions;
static struct sk_secrets *secrets;

static void load(void)
{
	struct sk_strv problems = SK_STRV_INIT;

	HOLDS(setenv("SK_TEST_DATADIR", SK_FUZZ_CONFIG, 1) == 0);
	HOLDS(sk_languages_load(&problems, &languages) == 0);
	HOLDS(problems.n == 0);
	HOLDS(sk_definitions_load(&definitions) == 0);
	HOLDS(sk_secrets_load(&secrets) == 0);
}

static uint32_t lines_of(const char *text, size_t len)
{
	uint32_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void try_imports(const struct sk_language *language, const char *text, size_t len)
{
	struct sk_imports one = { 0 }, two = { 0 };
	uint32_t lines = lines_of(text, len);

	HOLDS(sk_extract(language, text, len, &one) == 0);
	HOLDS(sk_extract(language, text, len, &two) == 0);
	HOLDS(one.n == two.n && one.cut == two.cut);
	for (size_t i = 0; i < one.n; i++) {
		const struct sk_import *a = &one.item[i], *b = &two.item[i];

		HOLDS(a->line >= 1 && a->line <= lines && a->line == b->line);
		HOLDS(*a->spec && strcmp(a->spec, b->spec) == 0);
		HOLDS(!a->name == !b->name && (!a->name || *a->name));
		HOLDS(a->kind >= SK_IMPORT_PLAIN && a->kind <= SK_IMPORT_UNREADABLE);
	}
	sk_imports_clear(&one);
	sk_imports_clear(&two);
}

static void try_definitions(const char *path, const char *text, size_t len)
{
	const struct sk_definitions_of *of = sk_definitions_for(definitions, path);
	struct sk_definition_list list = { 0 };
	int rc = of ? sk_definitions_list(definitions, of, path, text, len, &list) : 0;

	HOLDS(rc == 0 || rc == SK_EIO);
	for (size_t i = 0; !rc && i < list.n; i++) {
		const struct sk_definition *d = &list.item[i];

		HOLDS(d->len && d->name >= text && d->name + d->len <= text + len);
		HOLDS(d->line >= 1 && d->line <= lines_of(text, len));
	}
	sk_definition_list_clear(&list);
}

static bool covered(const struct sk_secret *one, const struct sk_secret_list *by)
{
	for (size_t i = 0; i < by->n; i++)
		if (by->item[i].offset <= one->offset &&
		    by->item[i].offset + by->item[i].len >= one->offset + one->len)
			return true;
	return false;
}

static void try_secrets(const char *text, size_t len)
{
	struct sk_secret_list list = { 0 }, gone = { 0 };
	struct sk_buf clean = SK_BUF_INIT;
	size_t end = 0;
	int rc = sk_secrets_scan(secrets, text, len, &list);

	HOLDS(rc == 0 || rc == SK_EIO);
	for (size_t i = 0; !rc && i < list.n; i++) {
		HOLDS(list.item[i].len && list.item[i].offset + list.item[i].len <= len);
		HOLDS(list.item[i].offset >= end);
		end = list.item[i].offset + list.item[i].len;
	}
	/* an inline allowance does not count here, and may join two */
	if (!rc && sk_secrets_redact_list(secrets, text, len, &clean, &gone) == 0)
		for (size_t i = 0; i < list.n; i++)
			HOLDS(covered(&list.item[i], &gone));
	sk_secret_list_clear(&list);
	sk_secret_list_clear(&gone);
	sk_buf_free(&clean);
}

FUZZ(extract)
{
	static const char *const path[] = { "a.c",  "a.py", "a.js",  "a.ts", "a.go", "a.java",
		                            "a.rs", "a.rb", "a.php", "a.cs", "a.kt", "a.sh" };
	struct fuzz_in in = { data, size };
	unsigned which = fuzz_byte(&in);
	char *text = fuzz_copy(in.p, in.n, 0);

	if (!languages)
		load();
	if (which == 255)
		try_secrets(text, in.n);
	else if (which >= 128)
		try_definitions(path[which % (sizeof path / sizeof *path)], text, in.n);
	else
		try_imports(sk_languages_at(languages, which % sk_languages_count(languages)), text,
		            in.n);
	free(text);
	return 0;
}
