#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "lint/migration.h"

struct judge {
	const struct sk_judging *j;
	const struct sk_migration *m;
	bool postgres;
	unsigned version;
};

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Made in this very file: nobody uses it yet, and it is empty. */
static bool is_new(const struct judge *g, const char *table)
{
	for (size_t i = 0; table && i < g->m->ops.n; i++)
		if (g->m->ops.item[i].kind == SK_OP_CREATE_TABLE &&
		    same(g->m->ops.item[i].table, table))
			return true;
	return false;
}

static const struct sk_op *added_in(const struct sk_migration *m, const struct sk_op *op)
{
	for (size_t i = 0; i < m->ops.n; i++)
		if (m->ops.item[i].kind == SK_OP_ADD_COLUMN &&
		    same(m->ops.item[i].table, op->table) && same(m->ops.item[i].name, op->name))
			return &m->ops.item[i];
	return NULL;
}

/* "users.email", "email", "users", "a column" in one of four buffers. */
static const char *named(const struct sk_op *op)
{
	static _Thread_local char ring[4][160];
	static _Thread_local unsigned next;
	char *out = ring[next++ % 4];
	const char *table = op->table && *op->table ? op->table : NULL;

	(void)snprintf(out, sizeof ring[0], "%s%s%s", table ? table : "",
	               table && op->name ? "." : "",
	               op->name ? op->name
	               : table  ? ""
	                        : "what is named only when it runs");
	return out;
}

static int required(const struct judge *g, const struct sk_op *op)
{
	if ((op->flags & SK_OP_APP_DEFAULT) && g->m->framework == SK_DJANGO)
		return sk_migration_report(
		        g->j, g->m, "required-column", op,
		        "%s is required, and Django drops its default= from the database again: "
		        "programs of before that still run cannot insert any more",
		        named(op));
	return sk_migration_report(g->j, g->m, "required-column", op,
	                           "%s is required from the start, without a default", named(op));
}

static int add_column(const struct judge *g, const struct sk_op *op)
{
	unsigned flags = op->flags;

	if ((flags & (SK_OP_NOT_NULL | SK_OP_PRIMARY)) &&
	    !(flags & (SK_OP_DEFAULT | SK_OP_GENERATED)))
		return required(g, op);
	if ((flags & SK_OP_DEFAULT) && (flags & SK_OP_VOLATILE) && g->postgres)
		return sk_migration_report(g->j, g->m, "volatile-default", op,
		                           "the default of %s is another for each row: the whole "
		                           "table is written anew under a lock",
		                           named(op));
	if ((flags & SK_OP_DEFAULT) && g->postgres && g->version && g->version < 11)
		return sk_migration_report(g->j, g->m, "volatile-default", op,
		                           "PostgreSQL %u writes the whole table anew for the "
		                           "default of %s",
		                           g->version, named(op));
	return 0;
}

/* Added here or beside it, and made required at once. */
static int in_phases(struct judge *g, const struct sk_op *op, bool *told)
{
	const struct sk_op *here = added_in(g->m, op);

	*told = true;
	if (here && !(here->flags & SK_OP_NOT_NULL))
		return sk_migration_report(g->j, g->m, "phases", op,
		                           "%s is added and made required in one migration",
		                           named(op));
	for (size_t i = 0; i < g->j->n; i++) {
		const struct sk_migration *other = &g->j->all[i];

		here = other != g->m ? added_in(other, op) : NULL;
		if (here && !(here->flags & SK_OP_NOT_NULL))
			return sk_migration_report(g->j, g->m, "phases", op,
			                           "%s is made required together with %s, which "
			                           "adds it, before that was merged",
			                           named(op), sk_name(other->path));
	}
	*told = false;
	return 0;
}

static int tighten(struct judge *g, const struct sk_op *op)
{
	bool told = false, added = false, validated = false;
	char *check = NULL;
	int rc = in_phases(g, op, &told);

	if (rc || told)
		return rc;
	if (g->postgres && g->j->earlier_check && op->table && op->name)
		rc = g->j->earlier_check(g->j->ctx, g->m->framework, op->table, op->name, &added,
		                         &validated, &check);
	for (size_t i = 0; !rc && added && !validated && i < g->m->ops.n; i++) {
		const struct sk_op *v = &g->m->ops.item[i];

		if (v == op)
			break;
		validated = v->kind == SK_OP_VALIDATE && same(v->table, op->table) &&
		            same(v->name, check);
	}
	if (!rc && !(added && validated))
		rc = sk_migration_report(g->j, g->m, "tighten", op,
		                         added ? "%s is made required, and its CHECK is not "
		                                 "validated yet"
		                               : "%s is made required: every row is looked at "
		                                 "under a lock that stops all use of the table",
		                         named(op));
	free(check);
	return rc;
}

/* The one is the other, and may be NULL beside. */
static bool only_loosened(const char *old, const char *now)
{
	static const char null[] = " null=True";
	const char *p = strstr(now, null);
	size_t before = p ? (size_t)(p - now) : 0;

	return p && strncmp(old, now, before) == 0 &&
	       strcmp(old + before, p + sizeof null - 1) == 0;
}

/* Django says only what the column is to be; what it was, earlier migrations tell, perhaps. */
static int altered_from(const struct judge *g, const struct sk_op *op, const char *old)
{
	bool was_null = strstr(old, " null=True") != NULL;
	int rc = 0;

	if (op->expr && (strcmp(old, op->expr) == 0 || only_loosened(old, op->expr)))
		return 0;
	if ((op->flags & SK_OP_UNIQUE) && !strstr(old, " unique=True"))
		rc = sk_migration_report(g->j, g->m, "unique", op,
		                         "rows of %s that are there twice make this fail",
		                         op->table ? op->table : "the table");
	if (!rc && was_null && (op->flags & SK_OP_NOT_NULL))
		return sk_migration_report(g->j, g->m, "tighten", op,
		                           "%s is made required: every row is looked at under a "
		                           "lock that stops all use of the table",
		                           named(op));
	return rc ? rc
	          : sk_migration_report(g->j, g->m, "type", op, "%s changes from %s to %s",
	                                named(op), old, op->expr ? op->expr : "another");
}

static int alter_field(struct judge *g, const struct sk_op *op)
{
	bool told = false;
	char *old = NULL;
	int rc = op->flags & SK_OP_NOT_NULL ? in_phases(g, op, &told) : 0;

	if (rc || told)
		return rc;
	if (g->j->earlier_field && op->table && op->name)
		rc = g->j->earlier_field(g->j->ctx, g->m->path, op->table, op->name, &old);
	if (!rc && old)
		rc = altered_from(g, op, old);
	else if (!rc && (op->flags & SK_OP_NOT_NULL))
		rc = sk_migration_report(g->j, g->m, "tighten", op,
		                         "%s is altered and is not null=True: if it was before, "
		                         "every row is looked at under a lock",
		                         named(op));
	else if (!rc)
		rc = sk_migration_report(g->j, g->m, "type", op,
		                         "%s is altered: if its type is another one, the table is "
		                         "written anew under a lock",
		                         named(op));
	free(old);
	return rc;
}

/* SQLite's way: a new table is filled, the old one dropped, the new one takes its name. */
static bool is_rebuilt(const struct judge *g, const struct sk_op *op)
{
	bool after = false;

	for (size_t i = 0; i < g->m->ops.n; i++) {
		const struct sk_op *o = &g->m->ops.item[i];

		after = after || o == op;
		if (after && o->kind == SK_OP_RENAME_TABLE && is_new(g, o->table))
			return true;
	}
	return false;
}

static int removed(const struct judge *g, const struct sk_op *op, const char *rule,
                   const char *what)
{
	struct sk_buf used = SK_BUF_INIT;
	const char *name = op->name ? op->name : op->table;
	int rc = 0;

	if (g->j->still_used && name)
		rc = g->j->still_used(g->j->ctx, name, &used);
	if (!rc)
		rc = sk_migration_report(g->j, g->m, rule, op, "%s is %s%s%s%s", named(op), what,
		                         used.len ? " (still named in " : "", sk_buf_str(&used),
		                         used.len ? ")" : "");
	sk_buf_free(&used);
	return rc;
}

static int constraint(const struct judge *g, const struct sk_op *op)
{
	const char *what = op->kind == SK_OP_ADD_CHECK ? "a CHECK" : "a foreign key";

	if ((op->flags & SK_OP_NOT_VALID) || !g->postgres)
		return 0;
	return sk_migration_report(g->j, g->m, "constraint-lock", op,
	                           "%s on %s is checked for every row under a lock", what,
	                           op->table ? op->table : "a table");
}

static bool changes_schema(const struct judge *g, const struct sk_op *op)
{
	return op->kind != SK_OP_DATA && op->kind != SK_OP_NO_REVERSE &&
	       op->kind != SK_OP_UNKNOWN && op->kind != SK_OP_CREATE_TABLE &&
	       op->kind != SK_OP_VALIDATE && !is_new(g, op->table);
}

static int data(struct judge *g, const struct sk_op *op)
{
	for (size_t i = 0; i < g->m->ops.n; i++) {
		const struct sk_op *o = &g->m->ops.item[i];

		/* the first one speaks for all */
		if (o->kind == SK_OP_DATA && !is_new(g, o->table) && o < op)
			return 0;
	}
	for (size_t i = 0; i < g->m->ops.n; i++)
		if (changes_schema(g, &g->m->ops.item[i]))
			return sk_migration_report(g->j, g->m, "data-and-ddl", op,
			                           "rows and the schema are changed in one "
			                           "migration (the schema in line %u)",
			                           (unsigned)g->m->ops.item[i].line);
	return 0;
}

static int one(struct judge *g, const struct sk_op *op)
{
	if ((op->flags & SK_OP_IN_TRANSACTION) && (op->flags & SK_OP_CONCURRENTLY))
		return sk_migration_report(g->j, g->m, "concurrently-in-transaction", op,
		                           "CONCURRENTLY does not work inside a transaction");
	if (op->kind != SK_OP_UNKNOWN && op->kind != SK_OP_NO_REVERSE && is_new(g, op->table))
		return 0;
	switch (op->kind) {
	case SK_OP_ADD_COLUMN:
		return add_column(g, op);
	case SK_OP_SET_NOT_NULL:
		return tighten(g, op);
	case SK_OP_ALTER_FIELD:
		return alter_field(g, op);
	case SK_OP_DROP_COLUMN:
		return removed(g, op, "drop", "dropped");
	case SK_OP_DROP_TABLE:
		return is_rebuilt(g, op) ? 0 : removed(g, op, "drop", "dropped");
	case SK_OP_RENAME_COLUMN:
	case SK_OP_RENAME_TABLE:
		return removed(g, op, "rename", "renamed");
	case SK_OP_ALTER_TYPE:
		return sk_migration_report(g->j, g->m, "type", op, "the type of %s is changed",
		                           named(op));
	case SK_OP_CREATE_INDEX:
		if (g->postgres && !(op->flags & SK_OP_CONCURRENTLY))
			return sk_migration_report(g->j, g->m, "index-lock", op,
			                           "while this index on %s is built, nothing can "
			                           "be written to the table",
			                           op->table ? op->table : "a table");
		return 0;
	case SK_OP_ADD_FOREIGN_KEY:
	case SK_OP_ADD_CHECK:
		return constraint(g, op);
	case SK_OP_ADD_UNIQUE:
		return sk_migration_report(g->j, g->m, "unique", op,
		                           "rows of %s that are there twice make this fail",
		                           op->table ? op->table : "the table");
	case SK_OP_DATA:
		return data(g, op);
	case SK_OP_NO_REVERSE:
		return sk_migration_report(g->j, g->m, "no-reverse", op, "there is no way back");
	case SK_OP_UNKNOWN:
		return sk_migration_report(g->j, g->m, "cannot-inspect", op, "cannot inspect %.80s",
		                           op->expr ? op->expr : "this statement");
	case SK_OP_CREATE_TABLE:
	case SK_OP_VALIDATE:
	case SK_OP_OTHER:
		break;
	}
	return 0;
}

int sk_migration_judge(const struct sk_judging *j, const struct sk_migration *m)
{
	enum sk_database db = j->database != SK_DB_UNKNOWN ? j->database : m->ops.hint;
	struct judge g = { .j = j,
		           .m = m,
		           .postgres = db == SK_DB_UNKNOWN || db == SK_DB_POSTGRES,
		           .version = j->version };
	int rc = 0;

	for (size_t i = 0; !rc && i < m->ops.n; i++)
		rc = one(&g, &m->ops.item[i]);
	return rc;
}
