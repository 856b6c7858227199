/* Alembic's migrations: calls of op.NAME(...) in upgrade().  Source: Alembic's operation reference.
 */
#include "lint/script.h"

#include <string.h>

#include "base/error.h"

enum { BATCHES = 16 };

struct batch { /* with op.batch_alter_table("users") as batch_op: */
	const struct sk_script_token *alias;
	struct sk_op_text table;
};

struct read {
	const struct sk_script *s;
	struct sk_ops *out;
	struct batch batch[BATCHES];
	size_t n_batch;
	uint32_t own_indent; /* of the `with` of an autocommit block */
	bool autocommit;     /* we are in one */
	bool sessions;
	uint32_t line, last;
};

static const struct sk_op_text none = { NULL, 0 };

static int add(struct read *r, enum sk_op_kind kind, unsigned flags, struct sk_op_text table,
               struct sk_op_text name, struct sk_op_text expr)
{
	if ((flags & SK_OP_CONCURRENTLY) && !r->autocommit)
		flags |= SK_OP_IN_TRANSACTION;
	return sk_op_add(r->out, kind, flags, table, name, expr, r->line, r->last);
}

static unsigned not_valid(const struct sk_script *s, const struct sk_args *a)
{
	return sk_arg_is(s, sk_arg_named(s, a, "postgresql_not_valid"), "True") ? SK_OP_NOT_VALID
	                                                                        : 0;
}

static bool any_name(const struct sk_script *s, const struct sk_arg *a, const char *name)
{
	for (size_t i = a->from; i < a->to; i++)
		if (sk_tok_is(s, i, name))
			return true;
	return false;
}

static unsigned column_flags(const struct sk_script *s, const struct sk_args *c)
{
	const struct sk_arg *value = sk_arg_named(s, c, "server_default");
	unsigned flags = 0;

	if (sk_arg_is(s, sk_arg_named(s, c, "nullable"), "False"))
		flags |= SK_OP_NOT_NULL;
	if (sk_arg_is(s, sk_arg_named(s, c, "primary_key"), "True"))
		flags |= SK_OP_PRIMARY | SK_OP_NOT_NULL;
	if (value && !sk_arg_is(s, value, "None"))
		flags |= SK_OP_DEFAULT | (sk_arg_volatile(s, value) ? SK_OP_VOLATILE : 0);
	if (sk_arg_named(s, c, "default"))
		flags |= SK_OP_APP_DEFAULT;
	for (size_t i = 0; i < c->n; i++)
		if (any_name(s, &c->arg[i], "Computed") || any_name(s, &c->arg[i], "Identity"))
			flags |= SK_OP_GENERATED;
	return flags;
}

/* sa.Column("name", type, ...) somewhere in the argument. */
static int add_column(struct read *r, struct sk_op_text table, const struct sk_arg *a)
{
	const struct sk_script *s = r->s;
	struct sk_args c;
	struct sk_op_text name;
	unsigned flags;
	int rc;

	for (size_t i = a ? a->from : 0; a && i < a->to; i++) {
		if (!sk_tok_is(s, i, "Column") || !sk_tok_punct(s, i + 1, '('))
			continue;
		sk_args_read(s, i + 2, sk_tok_close(s, i + 1), &c);
		name = sk_arg_text(s, sk_arg_at(s, &c, 0, "name"));
		flags = column_flags(s, &c);
		rc = add(r, SK_OP_ADD_COLUMN, flags, table, name, none);
		if (!rc && sk_arg_is(s, sk_arg_named(s, &c, "unique"), "True"))
			rc = add(r, SK_OP_ADD_UNIQUE, 0, table, name, none);
		if (!rc && (flags & SK_OP_DEFAULT) && any_name(s, a, "ForeignKey"))
			rc = add(r, SK_OP_ADD_FOREIGN_KEY, 0, table, name, none);
		return rc;
	}
	return add(r, SK_OP_UNKNOWN, 0, table, none, SK_OP_TEXT("a column that is made elsewhere"));
}

static int alter_column(struct read *r, struct sk_op_text table, struct sk_op_text column,
                        const struct sk_args *a)
{
	const struct sk_script *s = r->s;
	const struct sk_arg *nullable = sk_arg_named(s, a, "nullable");
	bool did = false;
	int rc = 0;

	if (sk_arg_named(s, a, "new_column_name")) {
		rc = add(r, SK_OP_RENAME_COLUMN, 0, table, column, none);
		did = true;
	}
	if (!rc && sk_arg_is(s, nullable, "False")) {
		rc = add(r, SK_OP_SET_NOT_NULL, 0, table, column, none);
		did = true;
	} else if (!rc && nullable && !sk_arg_is(s, nullable, "True")) {
		rc = add(r, SK_OP_UNKNOWN, 0, table, column,
		         SK_OP_TEXT("nullable= is not written out"));
	}
	if (!rc && sk_arg_named(s, a, "type_")) {
		rc = add(r, SK_OP_ALTER_TYPE, 0, table, column, none);
		did = true;
	}
	return rc || did ? rc : add(r, SK_OP_OTHER, 0, table, column, none);
}

static int create_index(struct read *r, struct sk_op_text name, struct sk_op_text table,
                        const struct sk_args *a)
{
	const struct sk_script *s = r->s;
	bool c = sk_arg_is(s, sk_arg_named(s, a, "postgresql_concurrently"), "True");
	int rc = add(r, SK_OP_CREATE_INDEX, c ? SK_OP_CONCURRENTLY : 0, table, name, none);

	if (!rc && sk_arg_is(s, sk_arg_named(s, a, "unique"), "True"))
		rc = add(r, SK_OP_ADD_UNIQUE, 0, table, name, none);
	return rc;
}

static int execute(struct read *r, const struct sk_args *a)
{
	size_t before = r->out->n;
	const struct sk_arg *sql = sk_arg_at(r->s, a, 0, "sqltext");
	int rc;

	if (!sql)
		return 0;
	/* users.update().values(...): SQLAlchemy's own way of saying it */
	if (any_name(r->s, sql, "update") || any_name(r->s, sql, "insert") ||
	    any_name(r->s, sql, "delete"))
		if (r->s->token[sql->from].kind == SK_TOK_NAME)
			return add(r, SK_OP_DATA, 0, none, none, none);
	if (any_name(r->s, sql, "select")) /* rows are read */
		return 0;
	rc = sk_read_sql_argument(r->s, sql, r->out);
	for (size_t i = before; !rc && i < r->out->n; i++)
		if ((r->out->item[i].flags & SK_OP_CONCURRENTLY) && !r->autocommit)
			r->out->item[i].flags |= SK_OP_IN_TRANSACTION;
	return rc;
}

/* `t`: the table of a batch, p NULL for op itself, whose calls name it; `o`: how many arguments
 * stand before what a batch's call has first. */
static int operation(struct read *r, const struct sk_script_token *name, struct sk_op_text t,
                     const struct sk_args *a)
{
	static const char *const harmless[] = { "f",
		                                "get_bind",
		                                "get_context",
		                                "batch_alter_table",
		                                "inline_literal",
		                                "implementation",
		                                "drop_index",
		                                "drop_constraint",
		                                "create_table_comment",
		                                "drop_table_comment",
		                                "invoke",
		                                "register_operation" };
	const struct sk_script *s = r->s;
	bool batch = t.p != NULL;
	size_t o = batch ? 0 : 1;

#define IS(word) (name->n == strlen(word) && memcmp(name->p, word, name->n) == 0)
#define TEXT(position, key) sk_arg_text(s, sk_arg_at(s, a, position, key))
	if (!batch)
		t = TEXT(0, "table_name");
	if (IS("create_table"))
		return add(r, SK_OP_CREATE_TABLE, 0, t, none, none);
	if (IS("add_column"))
		return add_column(r, t, sk_arg_at(s, a, o, "column"));
	if (IS("alter_column"))
		return alter_column(r, t, TEXT(o, "column_name"), a);
	if (IS("drop_column"))
		return add(r, SK_OP_DROP_COLUMN, 0, t, TEXT(o, "column_name"), none);
	if (IS("drop_table"))
		return add(r, SK_OP_DROP_TABLE, 0, t, none, none);
	if (IS("rename_table"))
		return add(r, SK_OP_RENAME_TABLE, 0, TEXT(0, "old_table_name"), none, none);
	if (IS("create_index"))
		return create_index(r, TEXT(0, "index_name"), batch ? t : TEXT(1, "table_name"), a);
	if (IS("create_foreign_key"))
		return add(r, SK_OP_ADD_FOREIGN_KEY, not_valid(s, a),
		           batch ? t : TEXT(1, "source_table"), TEXT(0, "constraint_name"), none);
	if (IS("create_check_constraint"))
		return add(r, SK_OP_ADD_CHECK, not_valid(s, a), batch ? t : TEXT(1, "table_name"),
		           TEXT(0, "constraint_name"), TEXT(o + 1, "condition"));
	if (IS("create_unique_constraint") || IS("create_primary_key"))
		return add(r, SK_OP_ADD_UNIQUE, 0, batch ? t : TEXT(1, "table_name"),
		           TEXT(0, "constraint_name"), none);
	if (IS("execute"))
		return execute(r, a);
	if (IS("bulk_insert"))
		return add(r, SK_OP_DATA, 0, none, none, none);
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (IS(harmless[i]))
			return 0;
	return add(r, SK_OP_UNKNOWN, 0, none, none, (struct sk_op_text){ name->p, name->n });
}

/* with op.batch_alter_table("users", ...) as batch_op: */
static void remember_batch(struct read *r, size_t open, size_t close)
{
	const struct sk_script *s = r->s;
	struct sk_args a;

	if (!sk_tok_is(s, close + 1, "as") || close + 2 >= s->n || r->n_batch == BATCHES)
		return;
	sk_args_read(s, open + 1, close, &a);
	r->batch[r->n_batch].alias = &s->token[close + 2];
	r->batch[r->n_batch++].table = sk_arg_text(s, sk_arg_at(s, &a, 0, "table_name"));
}

static const struct batch *batch_of(const struct read *r, size_t i)
{
	for (size_t k = r->n_batch; k-- > 0;)
		if (r->batch[k].alias->n == r->s->token[i].n &&
		    memcmp(r->batch[k].alias->p, r->s->token[i].p, r->s->token[i].n) == 0)
			return &r->batch[k];
	return NULL;
}

/* session.execute(...), conn.execute(...), session.query(...): rows, or SQL that can be read. */
static int on_connection(struct read *r, size_t method, const struct sk_args *a)
{
	static const char *const verb[] = { "commit",     "query", "bulk_update_mappings",
		                            "add_all",    "add",   "bulk_insert_mappings",
		                            "delete",     "merge", "bulk_save_objects",
		                            "executemany" };

	if (sk_tok_is(r->s, method, "execute") || sk_tok_is(r->s, method, "exec_driver_sql"))
		return execute(r, a);
	for (size_t i = 0; i < sizeof verb / sizeof *verb; i++)
		if (sk_tok_is(r->s, method, verb[i]) && !r->sessions) {
			r->sessions = true;
			return add(r, SK_OP_DATA, 0, none, none, none);
		}
	return 0;
}

static bool is_connection(const struct sk_script *s, size_t i)
{
	static const char *const name[] = { "session", "conn", "connection", "bind", "db" };

	for (size_t k = 0; k < sizeof name / sizeof *name; k++)
		if (sk_tok_is(s, i, name[k]))
			return true;
	return false;
}

/* NAME . METHOD ( at token i */
static int call(struct read *r, size_t i)
{
	const struct sk_script *s = r->s;
	size_t close = sk_tok_close(s, i + 3);
	const struct batch *batch = batch_of(r, i);
	struct sk_args a;

	if (close == s->n)
		return 0;
	sk_args_read(s, i + 4, close, &a);
	r->line = s->token[i].line;
	r->last = s->token[close].line;
	if (sk_tok_is(s, i, "op")) {
		if (sk_tok_is(s, i + 2, "batch_alter_table"))
			remember_batch(r, i + 3, close);
		return operation(r, &s->token[i + 2], none, &a);
	}
	if (batch)
		return operation(r, &s->token[i + 2],
		                 batch->table.p ? batch->table : (struct sk_op_text){ "", 0 }, &a);
	return is_connection(s, i) ? on_connection(r, i + 2, &a) : 0;
}

/* The first token after the function whose `def` is token i. */
static size_t function_end(const struct sk_script *s, size_t i)
{
	uint32_t indent = s->token[i].indent;

	while (i < s->n && s->token[i].kind != SK_TOK_END)
		i++;
	for (; i < s->n; i++)
		if (s->token[i].kind != SK_TOK_END && s->token[i].indent <= indent)
			return i;
	return s->n;
}

/* Only `pass`, `...`, a text, or a refusal. */
static bool does_nothing(const struct sk_script *s, size_t i, size_t end)
{
	while (i < end && s->token[i].kind != SK_TOK_END &&
	       !(sk_tok_punct(s, i, ':') && s->token[i].depth == 0))
		i++;
	for (i++; i < end; i++) {
		if (sk_tok_is(s, i, "raise"))
			return true;
		if (s->token[i].kind != SK_TOK_END && s->token[i].kind != SK_TOK_STRING &&
		    !sk_tok_is(s, i, "pass") && !sk_tok_punct(s, i, '.'))
			return false;
	}
	return true;
}

static int body(struct read *r, size_t from, size_t to)
{
	const struct sk_script *s = r->s;
	int rc = 0;

	for (size_t i = from; !rc && i < to; i++) {
		if (s->token[i].kind == SK_TOK_END)
			continue;
		if (r->autocommit && s->token[i].indent <= r->own_indent &&
		    s->token[i - 1].kind == SK_TOK_END)
			r->autocommit = false;
		if (sk_tok_is(s, i, "autocommit_block")) {
			r->autocommit = true;
			r->own_indent = s->token[i].indent;
		}
		if (s->token[i].kind == SK_TOK_NAME && sk_tok_punct(s, i + 1, '.') && i + 3 < to &&
		    s->token[i + 2].kind == SK_TOK_NAME && sk_tok_punct(s, i + 3, '(') &&
		    !(i && sk_tok_punct(s, i - 1, '.')))
			rc = call(r, i);
	}
	r->autocommit = false;
	return rc;
}

static int reverse(struct read *r, size_t at, bool there, bool empty, uint32_t upgrade)
{
	if (there && !empty)
		return 0;
	r->line = r->last = there ? r->s->token[at].line : upgrade;
	return add(r, SK_OP_NO_REVERSE, 0, none, none, none);
}

int sk_read_alembic(const char *text, size_t len, struct sk_ops *out)
{
	struct sk_script s = { 0 };
	struct read r = { .s = &s, .out = out };
	bool down = false, empty = false;
	size_t at = 0;
	uint32_t up = 0;
	int rc = sk_script_lex(text, len, false, &s);

	for (size_t i = 0; !rc && i + 1 < s.n;) {
		size_t end = i + 1;

		if (!sk_tok_is(&s, i, "def")) {
			i = end;
			continue;
		}
		end = function_end(&s, i);
		if (sk_tok_is(&s, i + 1, "downgrade")) {
			down = true;
			at = i;
			empty = does_nothing(&s, i, end);
		} else {
			if (sk_tok_is(&s, i + 1, "upgrade"))
				up = s.token[i].line;
			rc = body(&r, i + 1, end);
		}
		i = end;
	}
	/* a migration without any change (a merge point) needs no way back */
	if (!rc && up && out->n)
		rc = reverse(&r, at, down, empty, up);
	if (!rc && s.cut)
		rc = sk_op_add(out, SK_OP_UNKNOWN, 0, none, none, SK_OP_TEXT("an open string"),
		               s.cut_line, s.cut_line);
	if (!rc && out->hint == SK_DB_UNKNOWN && memmem(text, len, "postgresql", 10))
		out->hint = SK_DB_POSTGRES;
	sk_script_free(&s);
	return rc;
}
