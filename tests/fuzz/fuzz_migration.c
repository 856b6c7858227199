/* fuzz_migration.c - migrations in SQL, Alembic, Django and Rails, read and judged.
 *
 * An input is a byte that says which framework, and the text.  Every operation and finding is on a
 * line of the text; a finding's words are one plain line; the gist of a text is that of the text
 * with blank lines after it. */
#include "fuzz.h"

#include "base/error.h"
#include "lint/migration.h"

static int earlier_field(void *ctx, const char *path, const char *table, const char *column,
                         char **out)
{
	(void)ctx;
	(void)path;
	(void)table;
	*out = *column == 'a' ? strdup("models.CharField(max_length=9)") : NULL;
	return 0;
}

static int still_used(void *ctx, const char *name, struct sk_buf *out)
{
	(void)ctx;
	return *name == 'a' ? sk_buf_adds(out, "a.py:3") : 0;
}

static int earlier_check(void *ctx, enum sk_framework framework, const char *table,
                         const char *column, bool *added, bool *validated, char **name)
{
	(void)ctx;
	(void)framework;
	(void)column;
	*added = *table == 'a';
	*validated = table[0] == 'a' && table[1] == 'b';
	*name = NULL;
	return 0;
}

static void check_words(const char *text)
{
	HOLDS(text && *text && !strchr(text, '\n'));
	HOLDS(fuzz_is_plain(text, strlen(text)));
}

static void judge(const struct sk_migration_rules *rules, struct sk_migration *m, uint32_t lines)
{
	struct sk_findings found = { 0 };
	struct sk_judging j = { .rules = rules,
		                .all = m,
		                .n = 1,
		                .earlier_check = earlier_check,
		                .earlier_field = earlier_field,
		                .still_used = still_used,
		                .out = &found };

	HOLDS(sk_migration_judge(&j, m) == 0);
	for (size_t i = 0; i < found.n; i++) {
		HOLDS(found.item[i].line <= lines);
		check_words(found.item[i].message);
		check_words(found.item[i].remedy);
	}
	sk_findings_clear(&found);
}

FUZZ(migration)
{
	static struct sk_migration_rules *rules;
	struct fuzz_in in = { data, size };
	enum sk_framework framework = (enum sk_framework)(fuzz_byte(&in) % SK_FRAMEWORKS), told;
	struct sk_migration m = { .path = "db/1_x.sql", .framework = framework };
	struct sk_buf gist = SK_BUF_INIT, again = SK_BUF_INIT;
	uint32_t lines = 1;
	char *text = fuzz_copy(in.p, in.n, 0);

	if (!rules) {
		HOLDS(setenv("SK_TEST_DATADIR", SK_FUZZ_CONFIG, 1) == 0);
		HOLDS(sk_migration_rules_load(&rules) == 0);
	}
	for (size_t i = 0; i < in.n; i++)
		lines += text[i] == '\n';
	(void)sk_migration_is(rules, NULL, "migrations/1_x.sql", text, in.n, &told);
	(void)sk_migration_is(rules, NULL, "alembic/versions/a.py", text, in.n, &told);
	HOLDS(sk_migration_read(framework, text, in.n, &m.ops) == 0);
	for (size_t i = 0; i < m.ops.n; i++)
		HOLDS(m.ops.item[i].line <= lines && m.ops.item[i].line >= 1);
	HOLDS(sk_buf_add(&m.text, text, in.n) == 0);
	judge(rules, &m, lines);
	HOLDS(sk_migration_gist(framework, text, in.n, &gist) == 0);
	HOLDS(sk_buf_adds(&m.text, "\n\n") == 0);
	HOLDS(sk_migration_gist(framework, m.text.ptr, m.text.len, &again) == 0);
	/* a last line without an end may be one that the next belongs to */
	HOLDS(again.len >= gist.len || text[in.n - 1] != '\n');
	sk_buf_free(&gist);
	sk_buf_free(&again);
	sk_buf_free(&m.text);
	sk_ops_clear(&m.ops);
	free(text);
	return 0;
}
