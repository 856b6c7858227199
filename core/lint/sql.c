/* What the statements of a migration in SQL do.  Sources: PostgreSQL's and MySQL's manuals, the
 * pages of ALTER TABLE, CREATE INDEX and CREATE TABLE. */
#include "lint/sql.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "lint/migration.h"

struct read {
	const struct sk_sql_token *t; /* the statement's, or a part of it */
	size_t n, i;
	bool in_transaction;
	struct sk_ops *out;
};

static const struct sk_op_text none = { NULL, 0 };

static bool at(const struct read *r, size_t ahead, const char *word)
{
	return r->i + ahead < r->n && sk_sql_is(&r->t[r->i + ahead], word);
}

static bool punct(const struct read *r, size_t i, char c)
{
	return i < r->n && r->t[i].kind == SK_SQL_PUNCT && *r->t[i].p == c;
}

/* Takes the words (blank separated) when all of them come. */
static bool take(struct read *r, const char *words)
{
	size_t i = r->i;

	while (*words) {
		size_t n = strcspn(words, " ");

		if (i >= r->n || r->t[i].kind != SK_SQL_WORD || r->t[i].n != n ||
		    strncasecmp(r->t[i].p, words, n) != 0)
			return false;
		i++;
		words += n + strspn(words + n, " ");
	}
	r->i = i;
	return true;
}

static bool is_name(const struct sk_sql_token *t)
{
	return t->kind == SK_SQL_WORD || t->kind == SK_SQL_QUOTED || t->kind == SK_SQL_STRING;
}

/* NAME, SCHEMA.NAME, [NAME]: the last of them (`whole`: all, less "public"). */
static struct sk_op_text name(struct read *r)
{
	struct sk_op_text out = none;

	while (r->i < r->n) {
		bool bracket = punct(r, r->i, '[');

		r->i += bracket;
		if (r->i >= r->n || !is_name(&r->t[r->i]))
			break;
		out = (struct sk_op_text){ r->t[r->i].p, r->t[r->i].n };
		r->i++;
		if (bracket)
			r->i++;
		if (!punct(r, r->i, '.'))
			break;
		r->i++;
	}
	return out;
}

static void if_exists(struct read *r)
{
	(void)(take(r, "if not exists") || take(r, "if exists"));
	(void)take(r, "only");
}

/* The first of the words in [from, to) outside brackets; `to` when there is none. */
static size_t find(const struct read *r, size_t from, size_t to, const char *word, const char *next)
{
	int depth = 0;

	for (size_t i = from; i < to; i++) {
		if (punct(r, i, '('))
			depth++;
		else if (punct(r, i, ')'))
			depth--;
		else if (!depth && sk_sql_is(&r->t[i], word) &&
		         (!next || (i + 1 < to && sk_sql_is(&r->t[i + 1], next))))
			return i;
	}
	return to;
}

static bool has(const struct read *r, size_t from, size_t to, const char *word, const char *next)
{
	return find(r, from, to, word, next) < to;
}

/* The bytes from one token to before another. */
static struct sk_op_text span(const struct read *r, size_t from, size_t to)
{
	const char *end;

	if (from >= to || to > r->n)
		return none;
	end = r->t[to - 1].p + r->t[to - 1].n;
	/* a quoted one's own quotes */
	end += r->t[to - 1].kind == SK_SQL_QUOTED || r->t[to - 1].kind == SK_SQL_STRING;
	return (struct sk_op_text){ r->t[from].p, (size_t)(end - r->t[from].p) };
}

static int add(struct read *r, enum sk_op_kind kind, unsigned flags, struct sk_op_text table,
               struct sk_op_text what, struct sk_op_text expr)
{
	if (r->in_transaction && (flags & SK_OP_CONCURRENTLY))
		flags |= SK_OP_IN_TRANSACTION;
	return sk_op_add(r->out, kind, flags, table, what, expr, r->t[0].line, r->t[r->n - 1].line);
}

/* One part of ALTER TABLE has lines of its own. */
static int add_part(struct read *r, size_t from, size_t to, enum sk_op_kind kind, unsigned flags,
                    struct sk_op_text table, struct sk_op_text what, struct sk_op_text expr)
{
	size_t last = to > from ? to - 1 : from;

	if (from >= r->n || last >= r->n)
		from = last = r->n - 1;
	return sk_op_add(r->out, kind, flags, table, what, expr, r->t[from].line, r->t[last].line);
}

/* A default is the same for all rows when no function is called in it, or one of these (which
 * PostgreSQL calls stable or immutable). */
static bool is_volatile(const struct read *r, size_t from, size_t to)
{
	static const char *const stable[] = { "now",       "current_timestamp",
		                              "lower",     "upper",
		                              "coalesce",  "transaction_timestamp",
		                              "concat",    "statement_timestamp",
		                              "array",     "localtimestamp",
		                              "date",      "current_date",
		                              "to_jsonb",  "jsonb_build_object",
		                              "make_date", "json_build_object",
		                              "char",      "varchar",
		                              "numeric",   "decimal",
		                              "timezone",  "date_trunc" };

	for (size_t i = from; i + 1 < to; i++) {
		bool known = false;

		if (r->t[i].kind != SK_SQL_WORD || !punct(r, i + 1, '('))
			continue;
		for (size_t k = 0; k < sizeof stable / sizeof *stable; k++)
			known = known || sk_sql_is(&r->t[i], stable[k]);
		if (!known)
			return true;
	}
	return false;
}

static size_t default_end(const struct read *r, size_t from, size_t to)
{
	static const char *const next[] = { "not",   "null",       "unique",     "primary",
		                            "check", "references", "constraint", "comment",
		                            "after", "generated",  "collate",    "first" };
	size_t end = to;

	for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
		size_t k = find(r, from + 1, end, next[i], NULL);

		end = k < end ? k : end;
	}
	return end;
}

static unsigned column_flags(const struct read *r, size_t from, size_t to)
{
	size_t d = find(r, from, to, "default", NULL);
	unsigned flags = 0;

	if (has(r, from, to, "not", "null"))
		flags |= SK_OP_NOT_NULL;
	/* GENERATED BY DEFAULT AS IDENTITY is not a default's DEFAULT */
	if (has(r, from, to, "generated", NULL) || has(r, from, to, "identity", NULL) ||
	    has(r, from, to, "auto_increment", NULL) || has(r, from, to, "as", NULL))
		flags |= SK_OP_GENERATED;
	else if (d < to && !(d + 1 < to && sk_sql_is(&r->t[d + 1], "null")))
		flags |= SK_OP_DEFAULT |
		         (is_volatile(r, d, default_end(r, d, to)) ? SK_OP_VOLATILE : 0);
	if (has(r, from, to, "serial", NULL) || has(r, from, to, "bigserial", NULL) ||
	    has(r, from, to, "smallserial", NULL))
		flags |= SK_OP_DEFAULT | SK_OP_VOLATILE;
	if (has(r, from, to, "primary", "key"))
		flags |= SK_OP_PRIMARY;
	return flags;
}

/* NAME TYPE ... at [i, to). */
static int column(struct read *r, size_t to, struct sk_op_text table)
{
	size_t from = r->i;
	struct sk_op_text what = name(r);
	unsigned flags = column_flags(r, r->i, to);
	int rc;

	if (!what.p)
		return add_part(r, from, to, SK_OP_UNKNOWN, 0, table, none, none);
	rc = add_part(r, from, to, SK_OP_ADD_COLUMN, flags, table, what, none);
	if (!rc && has(r, r->i, to, "unique", NULL))
		rc = add_part(r, from, to, SK_OP_ADD_UNIQUE, 0, table, what, none);
	/* a new column without a default is NULL everywhere: nothing to look through */
	if (!rc && (flags & SK_OP_DEFAULT) && has(r, r->i, to, "references", NULL))
		rc = add_part(r, from, to, SK_OP_ADD_FOREIGN_KEY, 0, table, what, none);
	if (!rc && (flags & SK_OP_DEFAULT) && has(r, r->i, to, "check", NULL))
		rc = add_part(r, from, to, SK_OP_ADD_CHECK, 0, table, what, none);
	r->i = to;
	return rc;
}

static size_t close_of(const struct read *r, size_t open)
{
	int depth = 0;

	for (size_t i = open; i < r->n; i++) {
		depth += punct(r, i, '(') - punct(r, i, ')');
		if (!depth)
			return i;
	}
	return r->n;
}

/* The next comma outside brackets, or `to`. */
static size_t part_end(const struct read *r, size_t from, size_t to)
{
	int depth = 0;

	for (size_t i = from; i < to; i++) {
		if (!depth && punct(r, i, ','))
			return i;
		depth += punct(r, i, '(') - punct(r, i, ')');
	}
	return to;
}

/* [CONSTRAINT NAME] CHECK | FOREIGN KEY | UNIQUE | PRIMARY KEY | EXCLUDE; false when it is none. */
static bool constraint(struct read *r, size_t to, struct sk_op_text table, int *rc)
{
	size_t from = r->i;
	struct sk_op_text what = none, expr = none;
	enum sk_op_kind kind = SK_OP_OTHER;
	unsigned flags = has(r, from, to, "not", "valid") ? SK_OP_NOT_VALID : 0;

	if (take(r, "constraint") && !at(r, 0, "check") && !at(r, 0, "foreign") &&
	    !at(r, 0, "unique"))
		what = name(r);
	if (take(r, "check")) {
		kind = SK_OP_ADD_CHECK;
		if (punct(r, r->i, '('))
			expr = span(r, r->i, close_of(r, r->i) + 1);
	} else if (take(r, "foreign key")) {
		kind = SK_OP_ADD_FOREIGN_KEY;
	} else if (take(r, "unique")) {
		kind = has(r, r->i, to, "using", "index") ? SK_OP_OTHER : SK_OP_ADD_UNIQUE;
	} else if (take(r, "primary key")) {
		kind = has(r, r->i, to, "using", "index") ? SK_OP_OTHER : SK_OP_ADD_UNIQUE;
	} else if (!at(r, 0, "exclude")) {
		r->i = from;
		return false;
	}
	*rc = add_part(r, from, to, kind, flags, table, what, expr);
	r->i = to;
	return true;
}

static int add_action(struct read *r, size_t to, struct sk_op_text table)
{
	static const char *const other[] = { "index",  "key",   "fulltext", "spatial",
		                             "period", "value", "partition" };
	int rc = 0;

	if (constraint(r, to, table, &rc))
		return rc;
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (at(r, 0, other[i]))
			return add_part(r, r->i, to, SK_OP_OTHER, 0, table, none, none);
	(void)take(r, "column");
	if_exists(r);
	if (!punct(r, r->i, '('))
		return column(r, to, table);
	/* MySQL: ADD COLUMN (a int, b int) */
	to = close_of(r, r->i++);
	while (!rc && r->i < to) {
		size_t end = part_end(r, r->i, to);

		rc = column(r, end, table);
		r->i = end + 1;
	}
	return rc;
}

static int drop_action(struct read *r, size_t to, struct sk_op_text table)
{
	static const char *const other[] = { "constraint", "index", "key",       "foreign",
		                             "primary",    "check", "partition", "default" };
	size_t from = r->i;

	if (!take(r, "column"))
		for (size_t i = 0; i < sizeof other / sizeof *other; i++)
			if (at(r, 0, other[i]))
				return add_part(r, from, to, SK_OP_OTHER, 0, table, none, none);
	if_exists(r);
	return add_part(r, from, to, SK_OP_DROP_COLUMN, 0, table, name(r), none);
}

static int alter_action(struct read *r, size_t to, struct sk_op_text table)
{
	size_t from = r->i;
	struct sk_op_text what;

	if (take(r, "constraint") || take(r, "index"))
		return add_part(r, from, to, SK_OP_OTHER, 0, table, none, none);
	(void)take(r, "column");
	what = name(r);
	if (take(r, "set not null"))
		return add_part(r, from, to, SK_OP_SET_NOT_NULL, 0, table, what, none);
	if (at(r, 0, "type") || (at(r, 0, "set") && at(r, 1, "data")))
		return add_part(r, from, to, SK_OP_ALTER_TYPE, 0, table, what, none);
	if (at(r, 0, "set") || at(r, 0, "drop") || at(r, 0, "reset") || at(r, 0, "add") ||
	    at(r, 0, "restart"))
		return add_part(r, from, to, SK_OP_OTHER, 0, table, what, none);
	/* SQL Server: ALTER COLUMN name type [NOT NULL] */
	if (has(r, r->i, to, "not", "null"))
		return add_part(r, from, to, SK_OP_SET_NOT_NULL, 0, table, what, none);
	return add_part(r, from, to, SK_OP_ALTER_TYPE, 0, table, what, none);
}

/* MySQL: the whole column again, by MODIFY, or CHANGE with its old name. */
static int modify_action(struct read *r, size_t to, struct sk_op_text table, bool change)
{
	size_t from = r->i;
	struct sk_op_text what, old;
	int rc = 0;

	(void)take(r, "column");
	old = name(r);
	what = change ? name(r) : old;
	r->out->hint = SK_DB_MYSQL;
	if (change && old.p && what.p &&
	    (old.n != what.n || strncasecmp(old.p, what.p, old.n) != 0))
		rc = add_part(r, from, to, SK_OP_RENAME_COLUMN, 0, table, old, none);
	if (!rc && has(r, r->i, to, "not", "null"))
		rc = add_part(r, from, to, SK_OP_SET_NOT_NULL, 0, table, what, none);
	else if (!rc)
		rc = add_part(r, from, to, SK_OP_ALTER_TYPE, 0, table, what, none);
	return rc;
}

static int rename_action(struct read *r, size_t to, struct sk_op_text table)
{
	size_t from = r->i;
	struct sk_op_text old;

	if (at(r, 0, "constraint") || at(r, 0, "index") || at(r, 0, "key"))
		return add_part(r, from, to, SK_OP_OTHER, 0, table, none, none);
	if (at(r, 0, "to") || at(r, 0, "as"))
		return add_part(r, from, to, SK_OP_RENAME_TABLE, 0, table, none, none);
	(void)take(r, "column");
	old = name(r);
	if (!at(r, 0, "to"))
		return add_part(r, from, to, SK_OP_RENAME_TABLE, 0, table, none, none);
	return add_part(r, from, to, SK_OP_RENAME_COLUMN, 0, table, old, none);
}

static int action(struct read *r, size_t to, struct sk_op_text table)
{
	size_t from = r->i;

	if (take(r, "add"))
		return add_action(r, to, table);
	if (take(r, "drop"))
		return drop_action(r, to, table);
	if (take(r, "alter"))
		return alter_action(r, to, table);
	if (take(r, "modify"))
		return modify_action(r, to, table, false);
	if (take(r, "change"))
		return modify_action(r, to, table, true);
	if (take(r, "rename"))
		return rename_action(r, to, table);
	if (take(r, "validate constraint"))
		return add_part(r, from, to, SK_OP_VALIDATE, 0, table, name(r), none);
	/* SQL Server: WITH NOCHECK ADD CONSTRAINT */
	return add_part(r, from, to, SK_OP_OTHER, 0, table, none, none);
}

static int alter_table(struct read *r)
{
	struct sk_op_text table;
	bool adding = false;
	int rc = 0;

	if_exists(r);
	table = name(r);
	if (!table.p)
		return add(r, SK_OP_UNKNOWN, 0, none, none, none);
	(void)(punct(r, r->i, '*') && r->i++);
	while (!rc && r->i < r->n) {
		size_t end = part_end(r, r->i, r->n);

		/* SQL Server and some others go on with ADD a int, b int */
		if (adding && !at(r, 0, "add") && !at(r, 0, "drop") && !at(r, 0, "alter") &&
		    !at(r, 0, "modify") && !at(r, 0, "change") && !at(r, 0, "rename") &&
		    !at(r, 0, "validate") && r->i + 1 < end && r->t[r->i + 1].kind == SK_SQL_WORD) {
			rc = add_action(r, end, table);
		} else {
			adding = at(r, 0, "add");
			rc = action(r, end, table);
		}
		r->i = end + 1;
	}
	return rc;
}

static int create(struct read *r)
{
	bool unique, concurrently;
	struct sk_op_text what = none;
	int rc;

	(void)take(r, "or replace");
	(void)(take(r, "global") || take(r, "local"));
	(void)(take(r, "temporary") || take(r, "temp") || take(r, "unlogged"));
	if (take(r, "table")) {
		if_exists(r);
		return add(r, SK_OP_CREATE_TABLE, 0, name(r), none, none);
	}
	unique = take(r, "unique");
	(void)(take(r, "clustered") || take(r, "nonclustered") || take(r, "fulltext"));
	if (!take(r, "index"))
		return add(r, SK_OP_OTHER, 0, none, none, none);
	concurrently = take(r, "concurrently");
	if_exists(r);
	if (!at(r, 0, "on"))
		what = name(r);
	if (!take(r, "on"))
		return add(r, SK_OP_UNKNOWN, 0, none, none, none);
	(void)take(r, "only");
	{
		struct sk_op_text table = name(r);

		rc = add(r, SK_OP_CREATE_INDEX, concurrently ? SK_OP_CONCURRENTLY : 0, table, what,
		         none);
		if (!rc && unique)
			rc = add(r, SK_OP_ADD_UNIQUE, 0, table, what, none);
	}
	return rc;
}

static int drop(struct read *r)
{
	int rc = 0;

	if (take(r, "index")) {
		bool concurrently = take(r, "concurrently");

		if_exists(r);
		return add(r, SK_OP_OTHER, concurrently ? SK_OP_CONCURRENTLY : 0, none, name(r),
		           none);
	}
	if (take(r, "schema") || take(r, "database")) {
		if_exists(r);
		return add(r, SK_OP_DROP_TABLE, 0, name(r), none, none);
	}
	if (!take(r, "table"))
		return add(r, SK_OP_OTHER, 0, none, none, none);
	do {
		if_exists(r);
		rc = add(r, SK_OP_DROP_TABLE, 0, name(r), none, none);
	} while (!rc && punct(r, r->i, ',') && r->i++ < r->n);
	return rc;
}

static int data(struct read *r, const char *before)
{
	if (*before)
		(void)take(r, before);
	(void)take(r, "ignore");
	(void)take(r, "only");
	return add(r, SK_OP_DATA, 0, name(r), none, none);
}

static int with(struct read *r)
{
	static const char *const verb[] = { "update", "insert", "delete", "merge" };

	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < 4; k++)
			if (sk_sql_is(&r->t[i], verb[k])) {
				r->i = i + 1;
				return data(r, k == 1 || k == 3 ? "into" : k == 2 ? "from" : "");
			}
	return 0;
}

/* sp_rename 'table.column', 'new', 'COLUMN' */
static int sp_rename(struct read *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (sk_sql_is(&r->t[i], "sp_rename"))
			return add(r, SK_OP_RENAME_TABLE, 0,
			           i + 1 < r->n
			                   ? (struct sk_op_text){ r->t[i + 1].p, r->t[i + 1].n }
			                   : none,
			           none, none);
	return add(r, SK_OP_UNKNOWN, 0, none, none, none);
}

static int statement(struct read *r)
{
	if (take(r, "alter table"))
		return alter_table(r);
	if (take(r, "create"))
		return create(r);
	if (take(r, "drop"))
		return drop(r);
	if (take(r, "rename table"))
		return add(r, SK_OP_RENAME_TABLE, 0, name(r), none, none);
	if (take(r, "update"))
		return data(r, "");
	if (take(r, "insert") || take(r, "replace") || take(r, "merge"))
		return data(r, "into");
	if (take(r, "delete"))
		return data(r, "from");
	if (take(r, "truncate"))
		return data(r, "table");
	if (take(r, "copy"))
		return data(r, "");
	if (take(r, "with"))
		return with(r);
	if (take(r, "exec") || take(r, "execute"))
		return sp_rename(r);
	if (at(r, 0, "do") || at(r, 0, "call") || at(r, 0, "declare") || punct(r, 0, '\\') ||
	    at(r, 0, "delimiter") || at(r, 0, "source"))
		return add(r, SK_OP_UNKNOWN, 0, none, none,
		           (struct sk_op_text){ r->t[0].p, r->t[0].n });
	if (take(r, "reindex"))
		return add(r, SK_OP_OTHER,
		           has(r, 0, r->n, "concurrently", NULL) ? SK_OP_CONCURRENTLY : 0, none,
		           none, none);
	if (take(r, "alter"))
		return add(r, SK_OP_OTHER, 0, none, none, none);
	if (take(r, "pragma"))
		r->out->hint = SK_DB_SQLITE;
	return 0;
}

static void transaction(struct read *r)
{
	if (at(r, 0, "begin") || (at(r, 0, "start") && at(r, 1, "transaction")))
		r->in_transaction = true;
	else if (at(r, 0, "commit") || at(r, 0, "rollback") || at(r, 0, "end"))
		r->in_transaction = false;
}

int sk_read_sql(const char *text, size_t len, uint32_t line, struct sk_ops *out)
{
	struct sk_sql sql = { 0 };
	struct read r = { .out = out };
	int rc = sk_sql_lex(text, len, line, &sql);

	r.in_transaction = sql.has_runner && !sql.no_transaction;
	out->hint = sk_sql_hint(&sql, out->hint);
	for (size_t i = 0; !rc && i < sql.n;) {
		size_t end = sk_sql_statement_end(&sql, i);

		r.t = &sql.token[i];
		r.n = end - i;
		r.i = 0;
		i = end + 1;
		if (!r.n)
			continue;
		if (sql.down_line && r.t[0].line >= sql.down_line)
			break;
		transaction(&r);
		rc = statement(&r);
	}
	if (!rc && sql.cut && !(sql.down_line && sql.cut_line >= sql.down_line))
		rc = sk_op_add(out, SK_OP_UNKNOWN, 0, none, none,
		               SK_OP_TEXT("an open quote or comment"), sql.cut_line, sql.cut_line);
	sk_sql_free(&sql);
	return rc;
}
