/* fuzz_flags.c - flags.ini as plugins/feature-flag reads and edits it.
 *
 * An input is a byte of switches, a key, newline, a value, newline, and the file.  What is set is
 * read back and no other line has changed; a value that was quoted reads as it was.  The plugin
 * gives its memory back by ending, so here it is taken from a list that is dropped after each
 * input. */
#include "fuzz.h"

#include <stdarg.h>

#include <jansson.h>

static void **taken;
static size_t n_taken;

static void *take(void *block)
{
	if (n_taken % 1024 == 0)
		taken = realloc(taken, (n_taken + 1024) * sizeof *taken);
	HOLDS(taken && block);
	return taken[n_taken++] = block;
}

/* Only what the plugin's files below ask for. */
static void *fuzz_calloc(size_t n, size_t size)
{
	return take(calloc(n, size));
}

static size_t place_of(const void *block)
{
	size_t i = n_taken;

	while (i && taken[i - 1] != block)
		i--;
	return i ? i - 1 : n_taken;
}

static void *fuzz_reallocarray(void *old, size_t n, size_t size)
{
	size_t i = old ? place_of(old) : n_taken;
	void *block = reallocarray(old, n, size);

	if (i == n_taken)
		return take(block);
	return taken[i] = block;
}

static void fuzz_free(void *block)
{
	size_t i = block ? place_of(block) : n_taken;

	if (i < n_taken)
		taken[i] = NULL;
	free(block);
}

static int fuzz_vasprintf(char **out, const char *format, va_list ap)
{
	int n = vasprintf(out, format, ap);

	HOLDS(n >= 0 && take(*out));
	return n;
}

static char *fuzz_dumps(const json_t *o, size_t flags)
{
	return take(json_dumps(o, flags));
}

#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#define calloc fuzz_calloc
#define reallocarray fuzz_reallocarray
#define vasprintf fuzz_vasprintf
#define json_dumps fuzz_dumps
#define free fuzz_free
#define malloc(n) fuzz_calloc(1, n)
#define splice flag_splice /* not the system call */
#include "../../plugins/feature-flag/ini.c"
#include "../../plugins/feature-flag/value.c"
#include "../../plugins/feature-flag/flags.c"
#undef calloc
#undef reallocarray
#undef vasprintf
#undef json_dumps
#undef free
#undef malloc
#undef splice

static void drop_all(void)
{
	while (n_taken)
		free(taken[--n_taken]);
	free(taken);
	taken = NULL;
}

static void check_lines(const struct ini *ini)
{
	size_t at = 0;

	for (size_t i = 0; i < ini->n; i++) {
		const struct ini_line *l = &ini->line[i];

		HOLDS(l->text == ini->text + at && l->len);
		HOLDS(l->kind != INI_KEY || (l->name && l->value && l->at + l->span <= l->len));
		HOLDS(l->kind != INI_BAD || l->why);
		at += l->len;
	}
	HOLDS(at == ini->len);
}

/* Every line but the one that was changed or added is there, in order. */
static void check_rest(const struct ini *was, const struct ini *now, size_t line)
{
	HOLDS(now->n == was->n || now->n == was->n + 1);
	for (size_t i = 0, k = 0; i < was->n; i++, k++) {
		if (k == line && now->n > was->n)
			k++;
		if (k != line && i + 1 < was->n)
			HOLDS(was->line[i].len == now->line[k].len &&
			      memcmp(was->line[i].text, now->line[k].text, was->line[i].len) == 0);
	}
}

static void try_put(const struct ini *ini, const char *key, const char *value)
{
	size_t len = 0;

	for (size_t i = 0; i < ini->n && i < 40; i++) {
		struct ini after;
		char *text;
		size_t line;

		if (ini->line[i].kind != INI_SECTION || ini->line[i].why ||
		    ini_section(ini, ini->line[i].name) != i)
			continue;
		text = ini_put(ini, i, key, value, &len);
		HOLDS(strlen(text) == len);
		ini_read(text, len, &after);
		check_lines(&after);
		line = ini_key(&after, i, key);
		HOLDS(line < after.n && strcmp(after.line[line].value, value) == 0);
		check_rest(ini, &after, line);
		text = ini_cut(&after, line, &len);
		HOLDS(strlen(text) == len);
		text = ini_cut_section(ini, i, &len);
		HOLDS(strlen(text) == len);
	}
}

static void check_flags(const struct flags *flags)
{
	const char *why = NULL;

	for (size_t i = 0; i < flags->n; i++) {
		struct flag *f = &flags->flag[i];

		HOLDS(f->name && f->section < flags->ini.n);
		HOLDS(flags_find(flags, f->name));
		if (f->broken)
			continue;
		HOLDS(f->value.text && f->type < FLAG_TYPES);
		for (size_t k = 0; k < f->n_in; k++)
			HOLDS(f->in[k].where && f->in[k].text);
		HOLDS(flag_parse(f->type, f->value.text, &why));
	}
}

FUZZ(flags)
{
	struct fuzz_in in = { data, size };
	unsigned how = fuzz_byte(&in);
	char *key = fuzz_string(fuzz_part(&in, "\n")), *value = fuzz_string(fuzz_part(&in, "\n"));
	char *text = fuzz_string(in), *quoted, *back;
	struct flags flags = { 0 };
	const char *why = NULL;

	flags_read(text, strlen(text), &flags);
	check_lines(&flags.ini);
	check_flags(&flags);
	(void)flags_like(&flags, key);
	quoted = flag_quote(value);
	back = flag_unquote(quoted);
	HOLDS(!flag_utf8(value) || (back && strcmp(back, value) == 0));
	(void)flag_parse((enum flag_type)(how % FLAG_TYPES), value, &why);
	(void)flag_date(value);
	(void)flag_env_refused(key);
	(void)flag_upper(key);
	if (flag_name_ok(key) && !strchr(quoted, '\n') && strlen(quoted) < 100)
		try_put(&flags.ini, key, quoted);
	drop_all();
	free(key);
	free(value);
	free(text);
	return 0;
}
