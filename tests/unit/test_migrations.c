/* Migrations: each file of tests/data/migrations says at the end of a line what is to be found on
 * it
 * ("want: RULE RULE"), and nothing else may be. */
#include "unit/scratch.h"

#include <dirent.h>

#include "lint/migration.h"

static struct sk_migration_rules *rules;

static int open_rules(void **state)
{
	(void)state;
	scratch_open();
	assert_int_equal(setenv("SK_TEST_DATADIR", SK_TEST_DATA "/../../config", 1), 0);
	if (sk_migration_rules_load(&rules))
		fail_msg("%s", sk_error_message());
	return 0;
}

static int close_rules(void **state)
{
	(void)state;
	sk_migration_rules_free(rules);
	scratch_close();
	return 0;
}

/* "LINE RULE", sorted. */
static void wanted(const char *text, struct sk_strv *out)
{
	unsigned line = 1;

	for (const char *p = text; *p; line++) {
		const char *eol = strchr(p, '\n');
		size_t n = eol ? (size_t)(eol - p) : strlen(p);
		const char *w = memmem(p, n, "want: ", 6);

		for (w = w ? w + 6 : NULL; w && w < p + n;) {
			size_t k = strcspn(w, " \n");
			char item[100];

			(void)snprintf(item, sizeof item, "%04u %.*s", line, (int)k, w);
			assert_int_equal(sk_strv_add(out, item), 0);
			w += k + (w[k] == ' ');
		}
		p += n + (eol != NULL);
	}
	sk_strv_sort(out);
}

static void configured(const char *text, struct sk_judging *j)
{
	const char *v = strstr(text, "version: ");

	if (strstr(text, "database: postgresql"))
		j->database = SK_DB_POSTGRES;
	else if (strstr(text, "database: "))
		j->database = SK_DB_OTHER;
	j->version = v ? (unsigned)atoi(v + 9) : 0;
}

static unsigned one_file(const char *dir, enum sk_framework framework, const char *name)
{
	struct sk_migration m = { .path = name, .framework = framework };
	struct sk_findings found = { 0 };
	struct sk_judging j = { .rules = rules, .all = &m, .n = 1, .out = &found };
	struct sk_strv want = SK_STRV_INIT, got = SK_STRV_INIT;
	char path[700];
	unsigned n;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(sk_read_file(AT_FDCWD, path, 1 << 20, &m.text), 0);
	configured(m.text.ptr, &j);
	assert_int_equal(sk_migration_read(framework, m.text.ptr, m.text.len, &m.ops), 0);
	assert_int_equal(sk_migration_judge(&j, &m), 0);
	wanted(m.text.ptr, &want);
	for (size_t i = 0; i < found.n; i++) {
		char item[100];

		if (strcmp(found.item[i].rule, "ignore-without-reason") == 0)
			continue;
		assert_memory_equal(found.item[i].rule, "migration-", 10);
		(void)snprintf(item, sizeof item, "%04u %s", found.item[i].line,
		               found.item[i].rule + 10);
		assert_int_equal(sk_strv_add(&got, item), 0);
		assert_true(found.item[i].message[0] && found.item[i].remedy[0]);
	}
	sk_strv_sort(&got);
	for (size_t i = 0, k = 0; i < want.n || k < got.n;) {
		int cmp = i == want.n ? 1 : k == got.n ? -1 : strcmp(want.item[i], got.item[k]);

		if (cmp)
			print_error("%s: %s %s\n", path, cmp < 0 ? "not found:" : "not wanted:",
			            cmp < 0 ? want.item[i] : got.item[k]);
		if (cmp)
			want.cap = SIZE_MAX; /* remembered as wrong */
		i += cmp <= 0;
		k += cmp >= 0;
	}
	n = want.cap == SIZE_MAX;
	sk_strv_free(&want);
	sk_strv_free(&got);
	sk_findings_clear(&found);
	sk_ops_clear(&m.ops);
	sk_buf_free(&m.text);
	return n;
}

static void all_of(const char *name, enum sk_framework framework)
{
	char dir[400];
	unsigned wrong = 0, files = 0;
	const struct dirent *e;
	DIR *d;

	(void)snprintf(dir, sizeof dir, "%s/migrations/%s", SK_TEST_DATA, name);
	d = opendir(dir);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			wrong += one_file(dir, framework, e->d_name);
			files++;
		}
	(void)closedir(d);
	assert_int_equal(wrong, 0);
	assert_true(files > 2);
}

static void test_sql(void **state)
{
	(void)state;
	all_of("sql", SK_SQL);
}

static void test_alembic(void **state)
{
	(void)state;
	all_of("alembic", SK_ALEMBIC);
}

static void test_django(void **state)
{
	(void)state;
	all_of("django", SK_DJANGO);
}

static void test_rails(void **state)
{
	(void)state;
	all_of("rails", SK_RAILS);
}

static void test_which_files_are_migrations(void **state)
{
	static const char *const alembic =
	        "from alembic import op\ndef upgrade():\n    op.f('x')\n";
	static const char *const django = "class Migration(migrations.Migration):\n    pass\n";
	static const char *const rails = "class A < ActiveRecord::Migration[7.0]\nend\n";
	static const struct {
		const char *path, *const *text;
		int is;
	} file[] = {
		{ "alembic/versions/1_a.py", &alembic, SK_ALEMBIC },
		{ "app/migrations/versions/1_a.py", &alembic, SK_ALEMBIC },
		{ "shop/migrations/0002_a.py", &django, SK_DJANGO },
		{ "shop/migrations/helper.py", &rails, -1 },
		{ "shop/models.py", &django, -1 },
		{ "db/migrate/2020_a.rb", &rails, SK_RAILS },
		{ "engine/db/migrate/2020_a.rb", &rails, SK_RAILS },
		{ "app/a.rb", &rails, -1 },
		{ "migrations/001.sql", &rails, SK_SQL },
		{ "prisma/migrations/2020_a/migration.sql", &rails, SK_SQL },
		{ "x/V1_2__a.sql", &rails, SK_SQL },
		{ "x/U1_2__a.sql", &rails, -1 },
		{ "x/1.up.sql", &rails, SK_SQL },
		{ "migrations/1.down.sql", &rails, -1 },
		{ "migrations/1/down.sql", &rails, -1 },
		{ "queries/a.sql", &rails, -1 },
		{ "changes/a.sql", &rails, SK_SQL }, /* by the setting */
	};
	struct sk_strv extra = SK_STRV_INIT;

	(void)state;
	assert_int_equal(sk_strv_add(&extra, "changes/**"), 0);
	for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
		enum sk_framework f = SK_FRAMEWORKS;
		bool is = sk_migration_is(rules, &extra, file[i].path, *file[i].text,
		                          strlen(*file[i].text), &f);

		if ((is ? (int)f : -1) != file[i].is)
			fail_msg("%s: %d", file[i].path, is ? (int)f : -1);
		if (is)
			assert_true(sk_migration_may_be(rules, &extra, file[i].path));
	}
	sk_strv_free(&extra);
}

static bool same_gist(enum sk_framework f, const char *a, const char *b)
{
	struct sk_buf x = SK_BUF_INIT, y = SK_BUF_INIT;
	bool same;

	assert_int_equal(sk_migration_gist(f, a, strlen(a), &x), 0);
	assert_int_equal(sk_migration_gist(f, b, strlen(b), &y), 0);
	same = x.len == y.len && memcmp(sk_buf_str(&x), sk_buf_str(&y), x.len) == 0;
	sk_buf_free(&x);
	sk_buf_free(&y);
	return same;
}

static void test_tidying_is_no_edit(void **state)
{
	(void)state;
	assert_true(same_gist(SK_SQL, "SELECT 1; -- a", "-- b\nSELECT\n 1 ;"));
	assert_false(same_gist(SK_SQL, "SELECT 1;", "SELECT 2;"));
	assert_false(same_gist(SK_SQL, "SELECT 'a';", "SELECT a;"));
	assert_true(same_gist(SK_DJANGO, "a = [1,\n  2]  # x\n", "# y\na = [1, 2]\n"));
	assert_false(same_gist(SK_DJANGO, "if a:\n    b()\n    c()\n", "if a:\n    b()\nc()\n"));
	assert_true(same_gist(SK_RAILS, "a :b # c\n", "a   :b\n"));
	assert_false(same_gist(SK_RAILS, "a :b\n", "a 'b'\n"));
}

/* Whatever the bytes are, the readers come to an end and touch nothing beyond them. */
static void test_any_bytes(void **state)
{
	static const char *const piece[] = { "ALTER TABLE a ADD ",
		                             "(",
		                             ")",
		                             ",",
		                             "'",
		                             "\"",
		                             "$$",
		                             "/*",
		                             "*/",
		                             "--",
		                             "\n",
		                             ";",
		                             "op.add_column(",
		                             "def ",
		                             "upgrade",
		                             ":",
		                             "    ",
		                             "<<~SQL",
		                             "SQL\n",
		                             "do |t|",
		                             "end",
		                             "\"\"\"",
		                             "operations = [",
		                             "t.string :x",
		                             "CREATE INDEX ON ",
		                             "NOT NULL",
		                             "\\",
		                             "#{",
		                             "with op.batch_alter_table(",
		                             "}",
		                             "class Migration(migrations.Migration)",
		                             "add_column :a, ",
		                             "[",
		                             "]",
		                             "=>",
		                             "\xff" };
	uint64_t seed = 42;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct sk_buf text = SK_BUF_INIT;

		for (int i = 0; i < 30; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			(void)sk_buf_adds(&text,
			                  piece[(seed >> 33) % (sizeof piece / sizeof piece[0])]);
		}
		for (int f = 0; f < SK_FRAMEWORKS; f++) {
			/* of exactly this size, so that the sanitizer sees a byte too many */
			char *copy = malloc(text.len);
			struct sk_ops ops = { 0 };

			assert_non_null(copy);
			memcpy(copy, text.ptr, text.len);
			assert_int_equal(
			        sk_migration_read((enum sk_framework)f, copy, text.len, &ops), 0);
			sk_ops_clear(&ops);
			free(copy);
		}
		sk_buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sql),
		cmocka_unit_test(test_alembic),
		cmocka_unit_test(test_django),
		cmocka_unit_test(test_rails),
		cmocka_unit_test(test_which_files_are_migrations),
		cmocka_unit_test(test_tidying_is_no_edit),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests_name("migrations", tests, open_rules, close_rules);
}
