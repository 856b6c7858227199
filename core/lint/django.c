/* Django's migrations: the list `operations` of class Migration.  Source: Django's reference of
 * migration operations, and of django.contrib.postgres.operations. */
#include "lint/script.h"

#include <string.h>

#include "base/error.h"

struct read {
	const struct sk_script *s;
	struct sk_ops *out;
	bool atomic;
	uint32_t line, last;
};

static const struct sk_op_text none = { NULL, 0 };

static int add(struct read *r, enum sk_op_kind kind, unsigned flags, struct sk_op_text table,
               struct sk_op_text name, struct sk_op_text expr)
{
	if ((flags & SK_OP_CONCURRENTLY) && r->atomic)
		flags |= SK_OP_IN_TRANSACTION;
	return sk_op_add(r->out, kind, flags, table, name, expr, r->line, r->last);
}

/* models.CharField(null=True, ...): what its column is like.  *kind: the class's last name. */
static bool field(const struct sk_script *s, const struct sk_arg *a, unsigned *flags,
                  const struct sk_script_token **kind, bool *unique)
{
	struct sk_args f;
	size_t i = a ? a->from : 0;

	if (!a)
		return false;
	while (i + 1 < a->to && !sk_tok_punct(s, i, '('))
		i++;
	if (i == a->from || !sk_tok_punct(s, i, '('))
		return false;
	*kind = &s->token[i - 1];
	sk_args_read(s, i + 1, sk_tok_close(s, i), &f);
	*flags = sk_arg_is(s, sk_arg_named(s, &f, "null"), "True") ? 0 : SK_OP_NOT_NULL;
	if (sk_arg_named(s, &f, "db_default"))
		*flags |= SK_OP_DEFAULT |
		          (sk_arg_volatile(s, sk_arg_named(s, &f, "db_default")) ? SK_OP_VOLATILE
		                                                                 : 0);
	if (sk_arg_named(s, &f, "default"))
		*flags |= SK_OP_APP_DEFAULT;
	if (sk_tok_is(s, i - 1, "GeneratedField") || sk_tok_is(s, i - 1, "AutoField") ||
	    sk_tok_is(s, i - 1, "BigAutoField") || sk_tok_is(s, i - 1, "SmallAutoField"))
		*flags |= SK_OP_GENERATED;
	*unique = sk_arg_is(s, sk_arg_named(s, &f, "unique"), "True") ||
	          sk_tok_is(s, i - 1, "OneToOneField");
	return true;
}

/* What of a field the database sees, in one form: "CharField max_length=10 null=True". */
static int shape(const struct sk_script *s, const struct sk_arg *a, struct sk_buf *out)
{
	static const char *const unseen[] = { "default",
		                              "help_text",
		                              "verbose_name",
		                              "choices",
		                              "blank",
		                              "validators",
		                              "related_name",
		                              "on_delete",
		                              "editable",
		                              "auto_now",
		                              "auto_now_add",
		                              "upload_to",
		                              "db_index",
		                              "storage",
		                              "error_messages",
		                              "serialize",
		                              "limit_choices_to",
		                              "related_query_name",
		                              "unique_for_date" };
	struct sk_args f;
	size_t open = a->from;

	while (open + 1 < a->to && !sk_tok_punct(s, open, '('))
		open++;
	sk_args_read(s, open + 1, sk_tok_close(s, open), &f);
	(void)sk_buf_add(out, s->token[open - 1].p, s->token[open - 1].n);
	for (size_t i = 0; i < f.n; i++) {
		bool seen = f.arg[i].name != NULL;

		for (size_t k = 0; seen && k < sizeof unseen / sizeof *unseen; k++)
			seen = sk_arg_named(s, &f, unseen[k]) != &f.arg[i];
		if (!seen)
			continue;
		(void)sk_buf_addc(out, ' ');
		(void)sk_buf_add(out, f.arg[i].name->p, f.arg[i].name->n);
		(void)sk_buf_addc(out, '=');
		for (size_t k = f.arg[i].from; k < f.arg[i].to; k++)
			(void)sk_buf_add(out, s->token[k].p, s->token[k].n);
	}
	return sk_buf_ok(out);
}

static bool is(const struct sk_script_token *t, const char *word)
{
	return t->n == strlen(word) && memcmp(t->p, word, t->n) == 0;
}

static int add_field(struct read *r, bool alter, unsigned flags, struct sk_op_text model,
                     struct sk_op_text name, const struct sk_arg *given, bool unique)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = shape(r->s, given, &text);

	if (!rc)
		rc = add(r, alter ? SK_OP_ALTER_FIELD : SK_OP_ADD_COLUMN,
		         flags | (unique ? SK_OP_UNIQUE : 0), model, name,
		         (struct sk_op_text){ sk_buf_str(&text), text.len });
	sk_buf_free(&text);
	/* whether an altered one was unique before is for the judge */
	if (!rc && unique && !alter)
		rc = add(r, SK_OP_ADD_UNIQUE, 0, model, name, none);
	return rc;
}

static int on_field(struct read *r, bool alter, const struct sk_args *a)
{
	const struct sk_script *s = r->s;
	struct sk_op_text model = sk_arg_text(s, sk_arg_at(s, a, 0, "model_name"));
	struct sk_op_text name = sk_arg_text(s, sk_arg_at(s, a, 1, "name"));
	const struct sk_script_token *kind = NULL;
	unsigned flags = 0;
	bool unique = false;

	if (!field(s, sk_arg_at(s, a, 2, "field"), &flags, &kind, &unique))
		return add(r, SK_OP_UNKNOWN, 0, model, name,
		           SK_OP_TEXT("a field that is made elsewhere"));
	if (is(kind, "ManyToManyField") || is(kind, "GenericRelation")) /* no column */
		return alter ? add(r, SK_OP_OTHER, 0, model, name, none)
		             : add(r, SK_OP_CREATE_TABLE, 0, none, none, none);
	return add_field(r, alter, flags, model, name, sk_arg_at(s, a, 2, "field"), unique);
}

/* CreateModel's fields=[("name", models.X(...)), ...]: what later migrations compare with. */
static int new_fields(struct read *r, struct sk_op_text model, const struct sk_arg *list)
{
	const struct sk_script *s = r->s;
	int rc = 0, depth = list ? s->token[list->from].depth + 1 : 0;

	for (size_t i = list ? list->from + 1 : 0; !rc && list && i < list->to; i++) {
		const struct sk_script_token *kind = NULL;
		unsigned flags = 0;
		bool unique = false;
		struct sk_args pair;

		if (!sk_tok_punct(s, i, '(') || s->token[i].depth != depth)
			continue;
		sk_args_read(s, i + 1, sk_tok_close(s, i), &pair);
		if (pair.n > 1 && field(s, &pair.arg[1], &flags, &kind, &unique))
			rc = add_field(r, false, flags, model, sk_arg_text(s, &pair.arg[0]),
			               &pair.arg[1], false);
	}
	return rc;
}

static int constraint(struct read *r, const struct sk_args *a, unsigned flags)
{
	const struct sk_script *s = r->s;
	struct sk_op_text model = sk_arg_text(s, sk_arg_at(s, a, 0, "model_name"));
	const struct sk_arg *c = sk_arg_at(s, a, 1, "constraint");

	for (size_t i = c ? c->from : 0; c && i < c->to; i++) {
		if (sk_tok_is(s, i, "CheckConstraint"))
			return add(r, SK_OP_ADD_CHECK, flags, model, none, none);
		if (sk_tok_is(s, i, "UniqueConstraint"))
			return add(r, SK_OP_ADD_UNIQUE, flags, model, none, none);
	}
	return add(r, SK_OP_OTHER, 0, model, none, none);
}

static bool noop_or_none(const struct sk_script *s, const struct sk_arg *a)
{
	return !a || sk_arg_is(s, a, "None");
}

static int run_sql(struct read *r, const struct sk_args *a)
{
	const struct sk_script *s = r->s;
	const struct sk_arg *sql = sk_arg_at(s, a, 0, "sql");
	size_t before = r->out->n;
	int rc = 0;

	if (!sql)
		return 0;
	if (sk_tok_punct(s, sql->from, '[') || sk_tok_punct(s, sql->from, '(')) {
		struct sk_args list;

		sk_args_read(s, sql->from + 1, sk_tok_close(s, sql->from), &list);
		for (size_t i = 0; !rc && i < list.n; i++)
			rc = sk_read_sql_argument(s, &list.arg[i], r->out);
	} else {
		rc = sk_read_sql_argument(s, sql, r->out);
	}
	for (size_t i = before; !rc && i < r->out->n; i++)
		if ((r->out->item[i].flags & SK_OP_CONCURRENTLY) && r->atomic)
			r->out->item[i].flags |= SK_OP_IN_TRANSACTION;
	if (!rc && noop_or_none(s, sk_arg_at(s, a, 1, "reverse_sql")))
		rc = add(r, SK_OP_NO_REVERSE, 0, none, none, none);
	return rc;
}

static int run_python(struct read *r, const struct sk_args *a)
{
	int rc = add(r, SK_OP_DATA, 0, none, none, none);

	if (!rc && noop_or_none(r->s, sk_arg_at(r->s, a, 1, "reverse_code")))
		rc = add(r, SK_OP_NO_REVERSE, 0, none, none, none);
	return rc;
}

static int list(struct read *r, size_t from, size_t to);

/* Only what the database gets; the state is Django's own. */
static int separate(struct read *r, const struct sk_args *a)
{
	const struct sk_arg *d = sk_arg_at(r->s, a, 0, "database_operations");

	if (!d)
		return 0;
	if (!sk_tok_punct(r->s, d->from, '['))
		return add(r, SK_OP_UNKNOWN, 0, none, none,
		           SK_OP_TEXT("operations that are made elsewhere"));
	return list(r, d->from + 1, sk_tok_close(r->s, d->from));
}

static int operation(struct read *r, const struct sk_script_token *t, const struct sk_args *a)
{
	static const char *const other[] = {
		"RemoveIndex",        "AlterIndexTogether",      "RenameIndex",
		"RemoveConstraint",   "AlterOrderWithRespectTo", "AlterModelOptions",
		"AlterModelManagers", "AlterModelTableComment",  "CreateExtension",
		"CreateCollation"
	};
	const struct sk_script *s = r->s;
	struct sk_op_text model = sk_arg_text(s, sk_arg_at(s, a, 0, "model_name"));
	struct sk_op_text name = sk_arg_text(s, sk_arg_at(s, a, 0, "name"));
	struct sk_op_text second = sk_arg_text(s, sk_arg_at(s, a, 1, "name"));
	struct sk_op_text old = sk_arg_text(s, sk_arg_at(s, a, 1, "old_name"));

	if (is(t, "CreateModel")) {
		int rc = add(r, SK_OP_CREATE_TABLE, 0, name, none, none);

		return rc ? rc : new_fields(r, name, sk_arg_at(s, a, 1, "fields"));
	}
	if (is(t, "DeleteModel"))
		return add(r, SK_OP_DROP_TABLE, 0, name, none, none);
	if (is(t, "RenameModel"))
		return add(r, SK_OP_RENAME_TABLE, 0, sk_arg_text(s, sk_arg_at(s, a, 0, "old_name")),
		           none, none);
	if (is(t, "AlterModelTable"))
		return add(r, SK_OP_RENAME_TABLE, 0, name, none, none);
	if (is(t, "AddField") || is(t, "AlterField"))
		return on_field(r, is(t, "AlterField"), a);
	if (is(t, "RemoveField"))
		return add(r, SK_OP_DROP_COLUMN, 0, model, second, none);
	if (is(t, "RenameField"))
		return add(r, SK_OP_RENAME_COLUMN, 0, model, old, none);
	if (is(t, "AddIndex"))
		return add(r, SK_OP_CREATE_INDEX, 0, model, none, none);
	if (is(t, "AddIndexConcurrently"))
		return add(r, SK_OP_CREATE_INDEX, SK_OP_CONCURRENTLY, model, none, none);
	if (is(t, "RemoveIndexConcurrently"))
		return add(r, SK_OP_OTHER, SK_OP_CONCURRENTLY, model, none, none);
	if (is(t, "AddConstraint"))
		return constraint(r, a, 0);
	if (is(t, "AddConstraintNotValid"))
		return constraint(r, a, SK_OP_NOT_VALID);
	if (is(t, "ValidateConstraint"))
		return add(r, SK_OP_VALIDATE, 0, model, second, none);
	if (is(t, "AlterUniqueTogether"))
		return add(r, SK_OP_ADD_UNIQUE, 0, name, none, none);
	if (is(t, "RunSQL"))
		return run_sql(r, a);
	if (is(t, "RunPython"))
		return run_python(r, a);
	if (is(t, "SeparateDatabaseAndState"))
		return separate(r, a);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (is(t, other[i]))
			return add(r, SK_OP_OTHER, 0, model, none, none);
	if (t->n > 9 && memcmp(t->p + t->n - 9, "Extension", 9) == 0)
		return add(r, SK_OP_OTHER, 0, none, none, none);
	return add(r, SK_OP_UNKNOWN, 0, none, none, (struct sk_op_text){ t->p, t->n });
}

/* The items between the brackets: A.B.Name(...), or something that is no such call. */
static int list(struct read *r, size_t from, size_t to)
{
	const struct sk_script *s = r->s;
	int depth = from < s->n ? s->token[from].depth : 0, rc = 0;
	size_t start = from;

	for (size_t i = from; !rc && i <= to && i < s->n; i++) {
		size_t open = start;
		struct sk_args a;

		if (i < to && !(sk_tok_punct(s, i, ',') && s->token[i].depth == depth))
			continue;
		if (start < i) {
			r->line = s->token[start].line;
			r->last = s->token[i - 1].line;
			while (open < i && !sk_tok_punct(s, open, '('))
				open++;
			if (open > start && open < i && s->token[open - 1].kind == SK_TOK_NAME &&
			    sk_tok_close(s, open) == i - 1) {
				sk_args_read(s, open + 1, i - 1, &a);
				rc = operation(r, &s->token[open - 1], &a);
			} else {
				rc = add(r, SK_OP_UNKNOWN, 0, none, none,
				         SK_OP_TEXT("an operation that is made elsewhere"));
			}
		}
		start = i + 1;
	}
	return rc;
}

int sk_read_django(const char *text, size_t len, struct sk_ops *out)
{
	struct sk_script s = { 0 };
	struct read r = { .s = &s, .out = out, .atomic = true };
	int rc = sk_script_lex(text, len, false, &s);

	for (size_t i = 0; !rc && i + 2 < s.n; i++)
		if (sk_tok_is(&s, i, "atomic") && sk_tok_punct(&s, i + 1, '=') &&
		    s.token[i].depth == 0 && sk_tok_is(&s, i + 2, "False"))
			r.atomic = false;
	for (size_t i = 0; !rc && i + 2 < s.n; i++) {
		if (!sk_tok_is(&s, i, "operations") || s.token[i].depth != 0 ||
		    !(sk_tok_punct(&s, i + 1, '=') || sk_tok_punct(&s, i + 1, '+')))
			continue;
		r.line = r.last = s.token[i].line;
		if (sk_tok_punct(&s, i + 1, '=') && sk_tok_punct(&s, i + 2, '['))
			rc = list(&r, i + 3, sk_tok_close(&s, i + 2));
		else
			rc = add(&r, SK_OP_UNKNOWN, 0, none, none,
			         SK_OP_TEXT("operations that are made elsewhere"));
	}
	if (!rc && s.cut)
		rc = sk_op_add(out, SK_OP_UNKNOWN, 0, none, none, SK_OP_TEXT("an open string"),
		               s.cut_line, s.cut_line);
	if (!rc && out->hint == SK_DB_UNKNOWN && memmem(text, len, "contrib.postgres", 16))
		out->hint = SK_DB_POSTGRES;
	sk_script_free(&s);
	return rc;
}
