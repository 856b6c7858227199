#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "base/text.h"
#include "lint/lint_parts.h"
#include "lint/migration.h"

enum { SHOWN = 3, TOO_COMMON = 50, SHORT_NAME = 4 };

struct check {
	struct sk_linting *l;
	struct sk_migration_rules *rules;
	struct sk_strv extra; /* migrations.paths */
	struct sk_migration *item;
	size_t n;
	struct sk_judging judging;
	char merged[SK_OID_HEX + 1]; /* what is in this commit has been merged */
};

static bool is_db(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static enum sk_database db_of(const char *name)
{
	static const struct {
		const char *prefix;
		enum sk_database is;
	} known[] = { { "postg", SK_DB_POSTGRES }, { "pg", SK_DB_POSTGRES },
		      { "mysql", SK_DB_MYSQL },    { "maria", SK_DB_MYSQL },
		      { "trilogy", SK_DB_MYSQL },  { "sqlite", SK_DB_SQLITE },
		      { "oracle", SK_DB_OTHER },   { "mssql", SK_DB_OTHER },
		      { "sqlserver", SK_DB_OTHER } };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (is_db(name, known[i].prefix))
			return known[i].is;
	return SK_DB_UNKNOWN;
}

/* What the project's own settings say, where they are usually: "adapter: mysql2",
 * "sqlalchemy.url = postgresql://", "provider = "sqlite"". */
static enum sk_database usual_place(const struct check *c)
{
	static const struct {
		const char *path, *key;
	} place[] = { { "config/database.yml", "adapter:" },
		      { "alembic.ini", "sqlalchemy.url" },
		      { "prisma/schema.prisma", "provider" },
		      { "prisma/migrations/migration_lock.toml", "provider" } };
	enum sk_database found = SK_DB_UNKNOWN;

	for (size_t i = 0; !found && i < sizeof place / sizeof *place; i++) {
		struct sk_buf text = SK_BUF_INIT;

		if (sk_read_file(c->l->repo->wtfd, place[i].path, 1 << 20, &text))
			sk_error_clear();
		for (const char *p = sk_buf_str(&text); !found && (p = strstr(p, place[i].key));) {
			p += strlen(place[i].key);
			p += strspn(p, " \t=\"'");
			found = db_of(p);
		}
		sk_buf_free(&text);
	}
	return found;
}

static int configure(struct check *c)
{
	const struct sk_config *config = c->l->repo->config;
	const char *db = sk_config_get(config, "migrations.database");
	const char *version = sk_config_get(config, "migrations.version");
	const char *p = sk_config_get(config, "migrations.paths");
	int rc = 0;

	c->judging.database = db && *db ? db_of(db) : usual_place(c);
	if (db && *db && !c->judging.database)
		c->judging.database = SK_DB_OTHER;
	if (version)
		c->judging.version = (unsigned)strtoul(version, NULL, 10);
	while (!rc && p && *p) {
		size_t n = strcspn(p, " ,\n");

		if (n)
			rc = sk_strv_addn(&c->extra, p, n);
		p += n + strspn(p + n, " ,\n");
	}
	return rc;
}

/* Where this branch left the one that all is merged to; HEAD itself when that cannot be told. */
static int find_merged(struct check *c)
{
	static const char *const trunk[] = { "refs/remotes/origin/HEAD", "refs/heads/main",
		                             "refs/heads/master" };
	int rc = 0;

	(void)strcpy(c->merged, c->l->base);
	if (c->l->opts->what == SK_LINT_SINCE)
		return 0;
	for (size_t i = 0; !rc && i < sizeof trunk / sizeof *trunk; i++) {
		const char *const args[] = { "merge-base", "HEAD", trunk[i], NULL };
		git_reference *there = NULL;
		struct sk_buf out = SK_BUF_INIT;
		struct sk_oid id;
		int status = 0;

		if (git_reference_lookup(&there, c->l->repo->git, trunk[i]) < 0)
			continue;
		git_reference_free(there);
		rc = sk_lint_git(c->l, args, NULL, &out, &status);
		if (!rc && !status && sk_oid_parse(sk_buf_str(&out), &id))
			sk_oid_hex(&id, c->merged);
		sk_buf_free(&out);
		break;
	}
	return rc;
}

static int add_migration(struct check *c, const char *path, enum sk_framework framework,
                         struct sk_buf *text)
{
	struct sk_migration *m = reallocarray(c->item, c->n + 1, sizeof *m);
	int rc;

	if (!m)
		return sk_error_oom();
	c->item = m;
	m += c->n;
	*m = (struct sk_migration){ .path = path, .framework = framework, .text = *text };
	*text = (struct sk_buf)SK_BUF_INIT;
	c->n++;
	rc = sk_migration_read(framework, sk_buf_str(&m->text), m->text.len, &m->ops);
	return rc ? sk_error_prefix(rc, "%s", sk_name(path)) : 0;
}

static int report_edited(struct check *c, const struct sk_lint_file *f, enum sk_framework framework,
                         struct sk_buf *text)
{
	struct sk_migration m = { .path = f->path, .framework = framework, .text = *text };

	if (f->status == 'R')
		return sk_migration_report(&c->judging, &m, "edited", NULL,
		                           "a migration that is merged already was renamed from %s",
		                           sk_name(f->old_path));
	return sk_migration_report(&c->judging, &m, "edited", NULL,
	                           "a migration that is merged already was edited");
}

/* Comments and blanks may be put right in a merged migration. */
static int only_tidied(enum sk_framework framework, const struct sk_buf *a, const struct sk_buf *b,
                       bool *out)
{
	struct sk_buf x = SK_BUF_INIT, y = SK_BUF_INIT;
	int rc = sk_migration_gist(framework, sk_buf_str(a), a->len, &x);

	if (!rc)
		rc = sk_migration_gist(framework, sk_buf_str(b), b->len, &y);
	if (!rc)
		*out = x.len == y.len && memcmp(sk_buf_str(&x), sk_buf_str(&y), x.len) == 0;
	sk_buf_free(&x);
	sk_buf_free(&y);
	return rc;
}

static int changed(struct check *c, const struct sk_lint_file *f, enum sk_framework framework,
                   struct sk_buf *text)
{
	struct sk_buf old = SK_BUF_INIT;
	bool tidied = false;
	int rc = sk_lint_at(c->l, c->merged, f->old_path ? f->old_path : f->path, &old);

	if (rc == SK_ENO) { /* of this branch, not merged yet: as good as new */
		sk_error_clear();
		rc = add_migration(c, f->path, framework, text);
	} else if (!rc) {
		rc = only_tidied(framework, &old, text, &tidied);
		if (!rc && (!tidied || f->status == 'R'))
			rc = report_edited(c, f, framework, text);
	}
	sk_buf_free(&old);
	return rc;
}

static int one_file(struct check *c, const struct sk_lint_file *f)
{
	struct sk_buf text = SK_BUF_INIT;
	enum sk_framework framework = SK_SQL;
	int rc;

	if (!sk_lint_is_file(f->mode) || !sk_migration_may_be(c->rules, &c->extra, f->path))
		return 0;
	rc = sk_lint_new(c->l, f, &text);
	if (rc == SK_ENO || rc == SK_EREFUSED) {
		sk_error_clear(); /* the search for secrets has told of it */
		rc = 0;
	} else if (!rc && sk_migration_is(c->rules, &c->extra, f->path, sk_buf_str(&text), text.len,
	                                  &framework)) {
		rc = f->status == 'A' ? add_migration(c, f->path, framework, &text)
		                      : changed(c, f, framework, &text);
	}
	sk_buf_free(&text);
	return rc;
}

/* ---- what earlier migrations did ---- */

/* "email IS NOT NULL" somewhere in the condition. */
static bool says_not_null(const char *expr, const char *column)
{
	size_t n = strlen(column);

	for (const char *p = expr; p && (p = strcasestr(p, column)); p += n) {
		const char *q = p + n;

		if (p > expr && (isalnum((unsigned char)p[-1]) || p[-1] == '_'))
			continue;
		q += strspn(q, "\"`] \t\n");
		if (strncasecmp(q, "is not null", 11) == 0)
			return true;
	}
	return false;
}

struct earlier {
	const char *table, *column;
	bool *added, *validated;
	char **name;
};

static bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int look_at(const struct sk_ops *ops, const struct earlier *e)
{
	for (size_t i = 0; i < ops->n; i++) {
		const struct sk_op *op = &ops->item[i];

		if (!equal(op->table, e->table))
			continue;
		if (op->kind == SK_OP_ADD_CHECK && !*e->added &&
		    says_not_null(op->expr, e->column)) {
			*e->added = true;
			*e->validated = !(op->flags & SK_OP_NOT_VALID);
			*e->name = op->name ? strdup(op->name) : NULL;
			if (op->name && !*e->name)
				return sk_error_oom();
		}
		if (op->kind == SK_OP_VALIDATE && *e->added && equal(op->name, *e->name))
			*e->validated = true;
	}
	return 0;
}

static int earlier_file(struct check *c, const char *path, const struct earlier *e)
{
	const char *find = *e->name ? *e->name : e->column;
	struct sk_buf text = SK_BUF_INIT;
	enum sk_framework framework = SK_SQL;
	struct sk_ops ops = { 0 };
	int rc = sk_lint_at(c->l, c->l->base, path, &text);

	if (rc) {
		sk_error_clear();
		rc = rc == SK_EIO ? rc : 0;
	} else if (strcasestr(sk_buf_str(&text), find) &&
	           sk_migration_is(c->rules, &c->extra, path, sk_buf_str(&text), text.len,
	                           &framework)) {
		rc = sk_migration_read(framework, sk_buf_str(&text), text.len, &ops);
		if (!rc)
			rc = look_at(&ops, e);
	}
	sk_ops_clear(&ops);
	sk_buf_free(&text);
	return rc;
}

/* Twice over the merged migrations: where the CHECK was made, and where it was validated; their
 * names need not tell the order. */
static int earlier_check(void *ctx, enum sk_framework framework, const char *table,
                         const char *column, bool *added, bool *validated, char **name)
{
	struct check *c = ctx;
	struct earlier e = { table, column, added, validated, name };
	struct sk_buf paths = SK_BUF_INIT;
	int rc = sk_lint_paths(c->l, true, &paths);

	SK_UNUSED(framework);
	for (int round = 0; !rc && round < 2; round++)
		for (size_t i = 0; !rc && i < paths.len && !(*added && *validated);
		     i += strlen(paths.ptr + i) + 1)
			if (sk_migration_may_be(c->rules, &c->extra, paths.ptr + i))
				rc = earlier_file(c, paths.ptr + i, &e);
	sk_buf_free(&paths);
	return rc;
}

/* What an earlier migration of the same folder made of the field: the last one by name counts. */
static int earlier_field(void *ctx, const char *path, const char *table, const char *column,
                         char **out)
{
	struct check *c = ctx;
	const char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
	struct sk_buf paths = SK_BUF_INIT;
	struct sk_strv before = SK_STRV_INIT;
	int rc = sk_lint_paths(c->l, false, &paths);

	for (size_t i = 0; !rc && i < paths.len; i += strlen(paths.ptr + i) + 1)
		if (strncmp(paths.ptr + i, path, folder) == 0 && strcmp(paths.ptr + i, path) < 0 &&
		    !strchr(paths.ptr + i + folder, '/'))
			rc = sk_strv_add(&before, paths.ptr + i);
	sk_strv_sort(&before);
	for (size_t i = before.n; !rc && !*out && i-- > 0;) {
		struct sk_lint_file f = { .path = before.item[i], .mode = 0100644 };
		struct sk_buf text = SK_BUF_INIT;
		struct sk_ops ops = { 0 };

		rc = c->l->opts->what == SK_LINT_SINCE
		             ? sk_lint_at(c->l, "HEAD", before.item[i], &text)
		             : sk_lint_new(c->l, &f, &text);
		if (!rc && strcasestr(sk_buf_str(&text), column))
			rc = sk_read_django(sk_buf_str(&text), text.len, &ops);
		else if (rc == SK_ENO)
			rc = 0;
		for (size_t k = 0; !rc && k < ops.n; k++) {
			const struct sk_op *op = &ops.item[k];

			if ((op->kind != SK_OP_ADD_COLUMN && op->kind != SK_OP_ALTER_FIELD) ||
			    !op->expr || !equal(op->table, table) || !equal(op->name, column))
				continue;
			free(*out);
			*out = strdup(op->expr);
			rc = *out ? 0 : sk_error_oom();
		}
		sk_ops_clear(&ops);
		sk_buf_free(&text);
	}
	if (!rc)
		sk_error_clear();
	sk_strv_free(&before);
	sk_buf_free(&paths);
	return rc;
}

/* ---- code that still names what goes ---- */

static bool is_code(const struct check *c, const char *path)
{
	static const char *const text[] = { ".md", ".rst", ".txt", ".po", ".lock", ".csv", ".svg" };
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		if (n > strlen(text[i]) && strcmp(path + n - strlen(text[i]), text[i]) == 0)
			return false;
	return !sk_migration_may_be(c->rules, &c->extra, path);
}

static int still_used(void *ctx, const char *name, struct sk_buf *out)
{
	struct check *c = ctx;
	struct sk_strv words = SK_STRV_INIT;
	struct sk_words_at found = { 0 };
	size_t n = 0;
	int rc;

	if (strlen(name) < SHORT_NAME)
		return 0;
	rc = sk_strv_add(&words, name);
	if (!rc)
		rc = sk_lint_grep(c->l, &words, &found);
	for (size_t i = 0; !rc && i < found.n; i++)
		n += is_code(c, found.item[i].path);
	/* a word that stands everywhere says nothing about this column */
	for (size_t i = 0, shown = 0; !rc && n <= TOO_COMMON && i < found.n && shown < SHOWN; i++) {
		if (!is_code(c, found.item[i].path))
			continue;
		(void)sk_buf_addf(out, "%s%s:%u", shown++ ? ", " : "", sk_name(found.item[i].path),
		                  (unsigned)found.item[i].line);
	}
	if (!rc && n > SHOWN && n <= TOO_COMMON)
		(void)sk_buf_addf(out, " and %zu more", n - SHOWN);
	if (!rc)
		rc = sk_buf_ok(out);
	sk_words_at_clear(&found);
	sk_strv_free(&words);
	return rc;
}

static void clear(struct check *c)
{
	for (size_t i = 0; i < c->n; i++) {
		sk_buf_free(&c->item[i].text);
		sk_ops_clear(&c->item[i].ops);
	}
	free(c->item);
	sk_strv_free(&c->extra);
	sk_migration_rules_free(c->rules);
}

int sk_lint_migrations(struct sk_linting *l)
{
	struct check c = { .l = l };
	bool any = false;
	int rc = sk_migration_rules_load(&c.rules);

	if (rc)
		rc = sk_error_prefix(rc, "migrations cannot be looked at");
	if (!rc)
		rc = configure(&c);
	for (size_t i = 0; !rc && !any && i < l->files.n; i++)
		any = sk_migration_may_be(c.rules, &c.extra, l->files.item[i].path);
	if (rc || !any) {
		clear(&c);
		return rc;
	}
	c.judging.rules = c.rules;
	c.judging.earlier_check = earlier_check;
	c.judging.earlier_field = earlier_field;
	c.judging.still_used = still_used;
	c.judging.ctx = &c;
	c.judging.out = l->out;
	rc = find_merged(&c);
	for (size_t i = 0; !rc && i < l->files.n; i++)
		rc = one_file(&c, &l->files.item[i]);
	c.judging.all = c.item;
	c.judging.n = c.n;
	for (size_t i = 0; !rc && i < c.n; i++)
		rc = sk_migration_judge(&c.judging, &c.item[i]);
	clear(&c);
	return rc;
}
