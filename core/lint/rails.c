/* Rails' migrations: change and up of a subclass of ActiveRecord::Migration.  Source: the guide
 * "Active Record Migrations" and the reference of ActiveRecord's SchemaStatements. */
#include "lint/script.h"

#include <string.h>

#include "base/error.h"

enum { BLOCKS = 64 };

enum block_kind { OTHER, DEF, DEF_DOWN, DOWN, CREATE, CHANGE, REVERSIBLE };

struct block {
	enum block_kind kind;
	struct sk_op_text table;                /* of create_table and change_table */
	const struct sk_script_token *variable; /* the t of do |t|, the dir of do |dir| */
};

struct read {
	const struct sk_script *s;
	struct sk_ops *out;
	bool in_transaction;
	struct block block[BLOCKS];
	size_t n_blocks;
	bool has_up, has_down, way_back_missing;
	uint32_t up_line, missing_line;
	uint32_t line, last;
};

static const struct sk_op_text none = { NULL, 0 };

static int add(struct read *r, enum sk_op_kind kind, unsigned flags, struct sk_op_text table,
               struct sk_op_text name, struct sk_op_text expr)
{
	if ((flags & SK_OP_CONCURRENTLY) && r->in_transaction)
		flags |= SK_OP_IN_TRANSACTION;
	return sk_op_add(r->out, kind, flags, table, name, expr, r->line, r->last);
}

static bool in_block(const struct read *r, enum block_kind kind)
{
	for (size_t i = 0; i < r->n_blocks; i++)
		if (r->block[i].kind == kind)
			return true;
	return false;
}

/* What is not run on the way up, or belongs to a new table. */
static bool skipped(const struct read *r)
{
	return in_block(r, DEF_DOWN) || in_block(r, DOWN) || in_block(r, CREATE);
}

static bool is(const struct sk_script_token *t, const char *word)
{
	return t->n == strlen(word) && memcmp(t->p, word, t->n) == 0;
}

static bool algorithm_concurrently(const struct sk_script *s, const struct sk_arg *in)
{
	for (size_t i = in->from; i + 1 < in->to; i++)
		if (s->token[i].kind == SK_TOK_LABEL && is(&s->token[i], "algorithm") &&
		    is(&s->token[i + 1], "concurrently"))
			return true;
	return false;
}

static unsigned column_flags(const struct sk_script *s, const struct sk_args *a)
{
	const struct sk_arg *value = sk_arg_named(s, a, "default");
	unsigned flags = 0;

	if (sk_arg_is(s, sk_arg_named(s, a, "null"), "false"))
		flags |= SK_OP_NOT_NULL;
	if (value && !sk_arg_is(s, value, "nil"))
		flags |= SK_OP_DEFAULT | (sk_arg_volatile(s, value) ? SK_OP_VOLATILE : 0);
	if (sk_arg_named(s, a, "as"))
		flags |= SK_OP_GENERATED;
	return flags;
}

static int add_column(struct read *r, struct sk_op_text table, struct sk_op_text name,
                      const struct sk_args *a)
{
	return add(r, SK_OP_ADD_COLUMN, column_flags(r->s, a), table, name, none);
}

static int add_index(struct read *r, struct sk_op_text table, const struct sk_args *a)
{
	const struct sk_arg *algorithm = sk_arg_named(r->s, a, "algorithm");
	bool c = algorithm && is(&r->s->token[algorithm->from], "concurrently");
	int rc = add(r, SK_OP_CREATE_INDEX, c ? SK_OP_CONCURRENTLY : 0, table, none, none);

	if (!rc && sk_arg_is(r->s, sk_arg_named(r->s, a, "unique"), "true"))
		rc = add(r, SK_OP_ADD_UNIQUE, 0, table, none, none);
	return rc;
}

/* add_reference makes a column, an index unless told not to, and a foreign key when told to. */
static int add_reference(struct read *r, struct sk_op_text table, struct sk_op_text name,
                         const struct sk_args *a)
{
	const struct sk_arg *index = sk_arg_named(r->s, a, "index");
	const struct sk_arg *key = sk_arg_named(r->s, a, "foreign_key");
	int rc = add_column(r, table, name, a);

	if (!rc && !sk_arg_is(r->s, index, "false"))
		rc = add(r, SK_OP_CREATE_INDEX,
		         index && algorithm_concurrently(r->s, index) ? SK_OP_CONCURRENTLY : 0,
		         table, none, none);
	if (!rc && key && !sk_arg_is(r->s, key, "false")) {
		bool valid = true;

		for (size_t i = key->from; i + 1 < key->to; i++)
			if (is(&r->s->token[i], "validate") && is(&r->s->token[i + 1], "false"))
				valid = false;
		rc = add(r, SK_OP_ADD_FOREIGN_KEY, valid ? 0 : SK_OP_NOT_VALID, table, name, none);
	}
	return rc;
}

static int execute(struct read *r, const struct sk_args *a)
{
	size_t before = r->out->n;
	int rc;

	if (!a->n)
		return 0;
	rc = sk_read_sql_argument(r->s, &a->arg[0], r->out);
	for (size_t i = before; !rc && i < r->out->n; i++)
		if ((r->out->item[i].flags & SK_OP_CONCURRENTLY) && r->in_transaction)
			r->out->item[i].flags |= SK_OP_IN_TRANSACTION;
	return rc;
}

static unsigned validity(const struct sk_script *s, const struct sk_args *a)
{
	return sk_arg_is(s, sk_arg_named(s, a, "validate"), "false") ? SK_OP_NOT_VALID : 0;
}

static int change_null(struct read *r, struct sk_op_text table, size_t o, const struct sk_args *a)
{
	struct sk_op_text column = sk_arg_text(r->s, sk_arg_at(r->s, a, o, NULL));
	const struct sk_arg *null = sk_arg_at(r->s, a, o + 1, NULL);

	if (sk_arg_is(r->s, null, "false"))
		return add(r, SK_OP_SET_NOT_NULL, 0, table, column, none);
	return sk_arg_is(r->s, null, "true")
	               ? add(r, SK_OP_OTHER, 0, table, column, none)
	               : add(r, SK_OP_UNKNOWN, 0, table, column,
	                     SK_OP_TEXT("whether it may be NULL is not written out"));
}

static int drop_columns(struct read *r, struct sk_op_text table, size_t o, bool many,
                        const struct sk_args *a)
{
	int rc = 0;

	for (size_t i = o; !rc && i < a->n && (many || i == o); i++)
		if (!a->arg[i].name)
			rc = add(r, SK_OP_DROP_COLUMN, 0, table, sk_arg_text(r->s, &a->arg[i]),
			         none);
	return rc;
}

/* A statement of the migration itself; the table is its first argument. */
static int statement(struct read *r, const struct sk_script_token *t, const struct sk_args *a,
                     bool *known)
{
	const struct sk_script *s = r->s;
	struct sk_op_text table = sk_arg_text(s, sk_arg_at(s, a, 0, NULL));
	struct sk_op_text name = sk_arg_text(s, sk_arg_at(s, a, 1, NULL));
	const struct sk_arg *by_name = sk_arg_named(s, a, "name");

	*known = true;
	if (is(t, "create_table") || is(t, "create_join_table"))
		return add(r, SK_OP_CREATE_TABLE, 0, table, none, none);
	if (is(t, "add_column"))
		return add_column(r, table, name, a);
	if (is(t, "add_timestamps"))
		return sk_arg_is(s, sk_arg_named(s, a, "null"), "true")
		               ? add(r, SK_OP_ADD_COLUMN, 0, table, SK_OP_TEXT("created_at"), none)
		               : add(r, SK_OP_ADD_COLUMN, SK_OP_NOT_NULL | column_flags(s, a),
		                     table, SK_OP_TEXT("created_at"), none);
	if (is(t, "add_reference") || is(t, "add_belongs_to"))
		return add_reference(r, table, name, a);
	if (is(t, "remove_column") || is(t, "remove_columns"))
		return drop_columns(r, table, 1, is(t, "remove_columns"), a);
	if (is(t, "remove_reference") || is(t, "remove_belongs_to"))
		return add(r, SK_OP_DROP_COLUMN, 0, table, name, none);
	if (is(t, "remove_timestamps"))
		return add(r, SK_OP_DROP_COLUMN, 0, table, SK_OP_TEXT("created_at"), none);
	if (is(t, "rename_column"))
		return add(r, SK_OP_RENAME_COLUMN, 0, table, name, none);
	if (is(t, "rename_table"))
		return add(r, SK_OP_RENAME_TABLE, 0, table, none, none);
	if (is(t, "drop_table") || is(t, "drop_join_table"))
		return add(r, SK_OP_DROP_TABLE, 0, table, none, none);
	if (is(t, "change_column"))
		return add(r,
		           sk_arg_is(s, sk_arg_named(s, a, "null"), "false") ? SK_OP_SET_NOT_NULL
		                                                             : SK_OP_ALTER_TYPE,
		           0, table, name, none);
	if (is(t, "change_column_null"))
		return change_null(r, table, 1, a);
	if (is(t, "add_index"))
		return add_index(r, table, a);
	if (is(t, "add_foreign_key"))
		return add(r, SK_OP_ADD_FOREIGN_KEY, validity(s, a), table, name, none);
	if (is(t, "add_check_constraint"))
		return add(r, SK_OP_ADD_CHECK, validity(s, a), table, sk_arg_text(s, by_name),
		           name);
	if (is(t, "add_unique_constraint") || is(t, "add_unique_key"))
		return add(r, sk_arg_named(s, a, "using_index") ? SK_OP_OTHER : SK_OP_ADD_UNIQUE, 0,
		           table, none, none);
	if (is(t, "validate_check_constraint") || is(t, "validate_constraint"))
		return add(r, SK_OP_VALIDATE, 0, table, by_name ? sk_arg_text(s, by_name) : name,
		           none);
	if (is(t, "validate_foreign_key"))
		return add(r, SK_OP_VALIDATE, 0, table, none, none);
	if (is(t, "remove_index"))
		return add(r, SK_OP_OTHER, sk_arg_named(s, a, "algorithm") ? SK_OP_CONCURRENTLY : 0,
		           table, none, none);
	if (is(t, "execute") || is(t, "exec_query") || is(t, "exec_update"))
		return execute(r, a);
	if (is(t, "change_column_default") || is(t, "add_exclusion_constraint") ||
	    is(t, "remove_foreign_key") || is(t, "remove_check_constraint") ||
	    is(t, "enable_extension") || is(t, "create_enum"))
		return add(r, SK_OP_OTHER, 0, table, none, none);
	*known = false;
	return 0;
}

/* t.string :name, ... in change_table */
static int in_table(struct read *r, const struct sk_script_token *t, struct sk_op_text table,
                    const struct sk_args *a)
{
	static const char *const type[] = { "string", "text",     "integer", "bigint",
		                            "float",  "decimal",  "numeric", "boolean",
		                            "date",   "datetime", "time",    "json",
		                            "jsonb",  "binary",   "uuid",    "timestamp",
		                            "inet",   "citext",   "virtual", "timestamptz" };
	const struct sk_script *s = r->s;
	struct sk_op_text name = sk_arg_text(s, sk_arg_at(s, a, 0, NULL));
	int rc = 0;

	if (is(t, "column"))
		return add_column(r, table, name, a);
	for (size_t k = 0; k < sizeof type / sizeof *type; k++)
		if (is(t, type[k])) {
			for (size_t i = 0; !rc && i < a->n && !a->arg[i].name; i++)
				rc = add_column(r, table, sk_arg_text(s, &a->arg[i]), a);
			return rc;
		}
	if (is(t, "references") || is(t, "belongs_to"))
		return add_reference(r, table, name, a);
	if (is(t, "timestamps"))
		return add(r, SK_OP_ADD_COLUMN,
		           sk_arg_is(s, sk_arg_named(s, a, "null"), "true")
		                   ? 0
		                   : SK_OP_NOT_NULL | column_flags(s, a),
		           table, SK_OP_TEXT("created_at"), none);
	if (is(t, "remove"))
		return drop_columns(r, table, 0, true, a);
	if (is(t, "rename"))
		return add(r, SK_OP_RENAME_COLUMN, 0, table, name, none);
	if (is(t, "change"))
		return add(r, SK_OP_ALTER_TYPE, 0, table, name, none);
	if (is(t, "change_null"))
		return change_null(r, table, 0, a);
	if (is(t, "index"))
		return add_index(r, table, a);
	if (is(t, "foreign_key"))
		return add(r, SK_OP_ADD_FOREIGN_KEY, validity(s, a), table, name, none);
	return add(r, SK_OP_OTHER, 0, table, name, none);
}

/* User.update_all(...), User.find_each do ... */
static bool changes_rows(const struct read *r, size_t i)
{
	static const char *const verb[] = { "update_all",     "find_each",  "in_batches",
		                            "update!",        "update",     "delete_all",
		                            "destroy_all",    "create!",    "create",
		                            "insert_all",     "upsert_all", "find_in_batches",
		                            "update_columns", "save!",      "update_column" };
	const struct sk_script *s = r->s;

	if (!i || !sk_tok_punct(s, i - 1, '.'))
		return false;
	for (size_t k = 0; k < sizeof verb / sizeof *verb; k++)
		if (sk_tok_is(s, i, verb[k]))
			return true;
	return false;
}

/* The arguments that follow token i: in brackets, or up to the end of the statement or its block.
 */
static size_t arguments(const struct read *r, size_t i, size_t end, struct sk_args *a)
{
	const struct sk_script *s = r->s;
	size_t to = i + 1;
	int depth = s->token[i].depth;

	if (sk_tok_punct(s, to, '(') && s->token[to].p == s->token[i].p + s->token[i].n) {
		size_t close = sk_tok_close(s, to);

		sk_args_read(s, to + 1, close < end ? close : end, a);
		return close;
	}
	while (to < end && !sk_tok_is(s, to, "do") && s->token[to].depth >= depth &&
	       !(sk_tok_punct(s, to, '}') && s->token[to].depth < depth) &&
	       !((sk_tok_is(s, to, "if") || sk_tok_is(s, to, "unless")) &&
	         s->token[to].depth == depth))
		to++;
	sk_args_read(s, i + 1, to, a);
	return to;
}

static struct block *push(struct read *r, enum block_kind kind)
{
	struct block *b;

	if (r->n_blocks == BLOCKS)
		return NULL;
	b = &r->block[r->n_blocks++];
	*b = (struct block){ .kind = kind };
	return b;
}

static void note_way_back(struct read *r)
{
	/* data and SQL in `change` cannot be turned round by Rails */
	if (in_block(r, REVERSIBLE) || r->has_up || r->way_back_missing)
		return;
	r->way_back_missing = true;
	r->missing_line = r->line;
}

static const struct block *table_block(const struct read *r, const struct sk_script_token *variable)
{
	for (size_t k = r->n_blocks; k-- > 0;) {
		const struct block *b = &r->block[k];

		if (b->variable && b->variable->n == variable->n &&
		    memcmp(b->variable->p, variable->p, variable->n) == 0)
			return b;
	}
	return NULL;
}

static int one_call(struct read *r, size_t i, size_t end)
{
	const struct sk_script *s = r->s;
	const struct block *b = NULL;
	bool known = false, after_dot = i && sk_tok_punct(s, i - 1, '.');
	size_t before = r->out->n;
	struct sk_args a;
	int rc = 0;

	if (skipped(r))
		return 0;
	r->line = s->token[i].line;
	r->last = s->token[end ? end - 1 : 0].line;
	if (changes_rows(r, i)) {
		note_way_back(r);
		return add(r, SK_OP_DATA, 0, none, none, none);
	}
	if (after_dot && i >= 2)
		b = table_block(r, &s->token[i - 2]);
	if (after_dot && !(b && b->kind == CHANGE))
		return 0;
	(void)arguments(r, i, end, &a);
	if (b)
		return in_table(r, &s->token[i], b->table, &a);
	rc = statement(r, &s->token[i], &a, &known);
	if (!rc && is(&s->token[i], "execute") && r->out->n > before)
		note_way_back(r);
	return rc;
}

/* The block that a statement opens with `do` (at token i), by what stands before it. */
static void open_do(struct read *r, size_t from, size_t i)
{
	const struct sk_script *s = r->s;
	enum block_kind kind = OTHER;
	struct sk_args a;
	struct block *b;
	size_t name = from;

	while (name < i && !sk_tok_is(s, name, "create_table") &&
	       !sk_tok_is(s, name, "create_join_table") && !sk_tok_is(s, name, "change_table") &&
	       !sk_tok_is(s, name, "reversible") && !sk_tok_is(s, name, "down"))
		name++;
	if (name < i)
		kind = sk_tok_is(s, name, "change_table") ? CHANGE
		       : sk_tok_is(s, name, "reversible") ? REVERSIBLE
		       : sk_tok_is(s, name, "down")       ? DOWN
		                                          : CREATE;
	b = push(r, kind);
	if (!b)
		return;
	if (kind == CHANGE || kind == CREATE) {
		(void)arguments(r, name, i, &a);
		b->table = sk_arg_text(s, sk_arg_at(s, &a, 0, NULL));
	}
	if (sk_tok_punct(s, i + 1, '|') && i + 2 < s->n)
		b->variable = &s->token[i + 2];
}

static bool opens(const struct sk_script *s, size_t i)
{
	static const char *const word[] = { "if",    "unless", "while",  "until", "case",
		                            "begin", "class",  "module", "for" };

	for (size_t k = 0; k < sizeof word / sizeof *word; k++)
		if (sk_tok_is(s, i, word[k]))
			return true;
	return false;
}

static void begin(struct read *r, size_t from)
{
	const struct sk_script *s = r->s;
	bool down = sk_tok_is(s, from + 1, "down");

	if (!sk_tok_is(s, from, "def")) {
		if (opens(s, from))
			(void)push(r, OTHER);
		return;
	}
	if (sk_tok_is(s, from + 1, "self") && sk_tok_punct(s, from + 2, '.'))
		down = sk_tok_is(s, from + 3, "down");
	(void)push(r, down ? DEF_DOWN : DEF);
	if (down)
		r->has_down = true;
	if (sk_tok_is(s, from + 1, "up") || sk_tok_is(s, from + 3, "up")) {
		r->has_up = true;
		r->up_line = s->token[from].line;
	}
}

/* dir.down { ... } and dir.up { ... } in braces: from token i to the end of its block. */
static size_t braces(const struct read *r, size_t i, size_t end)
{
	const struct sk_script *s = r->s;

	if (!sk_tok_is(s, i, "down") || !i || !sk_tok_punct(s, i - 1, '.') ||
	    !sk_tok_punct(s, i + 1, '{'))
		return i;
	i = sk_tok_close(s, i + 1);
	return i < end ? i : end;
}

/* What is between [from, to) is one statement, with the blocks in braces that it has. */
static int line(struct read *r, size_t from, size_t to)
{
	const struct sk_script *s = r->s;
	int rc = 0;

	begin(r, from);
	for (size_t i = from; !rc && i < to; i++) {
		i = braces(r, i, to);
		if (i >= to)
			break;
		if (sk_tok_is(s, i, "disable_ddl_transaction!"))
			r->in_transaction = false;
		else if (sk_tok_is(s, i, "do"))
			open_do(r, from, i);
		else if (sk_tok_is(s, i, "end") && r->n_blocks && !sk_tok_punct(s, i - 1, '.'))
			r->n_blocks--;
		else if (s->token[i].kind == SK_TOK_NAME && r->n_blocks)
			rc = one_call(r, i, to);
	}
	return rc;
}

static int reverse(struct read *r)
{
	if (r->has_up ? r->has_down : !r->way_back_missing)
		return 0;
	r->line = r->last = r->has_up ? r->up_line : r->missing_line;
	return add(r, SK_OP_NO_REVERSE, 0, none, none, none);
}

int sk_read_rails(const char *text, size_t len, struct sk_ops *out)
{
	struct sk_script s = { 0 };
	struct read r = { .s = &s, .out = out, .in_transaction = true };
	int rc = sk_script_lex(text, len, true, &s);

	/* it may stand below the class's first line, and holds for all of it */
	for (size_t i = 0; !rc && i < s.n; i++)
		if (sk_tok_is(&s, i, "disable_ddl_transaction!"))
			r.in_transaction = false;
	for (size_t i = 0; !rc && i < s.n;) {
		size_t end = i;

		while (end < s.n && s.token[end].kind != SK_TOK_END)
			end++;
		if (end > i)
			rc = line(&r, i, end);
		i = end + 1;
	}
	if (!rc && out->n)
		rc = reverse(&r);
	if (!rc && s.cut)
		rc = sk_op_add(out, SK_OP_UNKNOWN, 0, none, none, SK_OP_TEXT("an open string"),
		               s.cut_line, s.cut_line);
	if (!rc && out->hint == SK_DB_UNKNOWN &&
	    (memmem(text, len, "concurrently", 12) || memmem(text, len, "jsonb", 5)))
		out->hint = SK_DB_POSTGRES;
	sk_script_free(&s);
	return rc;
}
