#include "lint/sql.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

struct lex {
	const char *p, *end;
	uint32_t line;
	struct sk_sql *out;
};

bool sk_sql_is(const struct sk_sql_token *t, const char *word)
{
	return t->kind == SK_SQL_WORD && strlen(word) == t->n && strncasecmp(t->p, word, t->n) == 0;
}

void sk_sql_free(struct sk_sql *sql)
{
	free(sql->token);
	*sql = (struct sk_sql){ 0 };
}

static int emit(struct lex *x, enum sk_sql_kind kind, const char *p, size_t n, uint32_t line)
{
	struct sk_sql *s = x->out;

	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct sk_sql_token *token = reallocarray(s->token, cap, sizeof *token);

		if (!token)
			return sk_error_oom();
		s->token = token;
		s->cap = cap;
	}
	s->token[s->n++] = (struct sk_sql_token){ kind, p, n, line };
	return 0;
}

/* To the end of the text; what was begun there is not closed. */
static void cut(struct lex *x, uint32_t line)
{
	x->out->cut = true;
	x->out->cut_line = line;
	x->p = x->end;
}

static bool starts(const struct lex *x, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(x->end - x->p) >= n && memcmp(x->p, s, n) == 0;
}

/* Whether a comment has the words one after another. */
static bool says(const char *p, size_t n, const char *words)
{
	size_t len = strlen(words);

	for (size_t i = 0; i + len <= n; i++)
		if (strncasecmp(p + i, words, len) == 0)
			return true;
	return false;
}

static void heed(struct lex *x, const char *p, size_t n)
{
	static const char *const down[] = { "+goose down", "migrate:down", "+migrate down",
		                            "!downs", "@undo" };
	struct sk_sql *s = x->out;

	for (size_t i = 0; i < sizeof down / sizeof *down; i++)
		if (!s->down_line && says(p, n, down[i]))
			s->down_line = x->line;
	if (says(p, n, "+goose up") || says(p, n, "migrate:up") || says(p, n, "+migrate up"))
		s->has_runner = true;
	if (says(p, n, "no transaction") || says(p, n, "transaction:false") ||
	    says(p, n, "notransaction"))
		s->no_transaction = true;
}

static void line_comment(struct lex *x)
{
	const char *start = x->p, *eol = memchr(x->p, '\n', (size_t)(x->end - x->p));

	x->p = eol ? eol : x->end;
	heed(x, start, (size_t)(x->p - start));
}

/* Nested ones too, as PostgreSQL has them. */
static void block_comment(struct lex *x)
{
	uint32_t from = x->line;
	unsigned depth = 0;

	while (x->p < x->end) {
		if (starts(x, "/*")) {
			depth++;
			x->p += 2;
		} else if (starts(x, "*/")) {
			x->p += 2;
			if (!--depth)
				return;
		} else {
			x->line += *x->p++ == '\n';
		}
	}
	cut(x, from);
}

/* 'a''b', "a""b", `a`; a backslash counts in E'' and where it stands before a quote in MySQL, whose
 * strings cannot be told from others: only E'' is taken so. */
static int quoted(struct lex *x, char quote, enum sk_sql_kind kind, bool backslash)
{
	uint32_t from = x->line;
	const char *start = ++x->p;

	for (; x->p < x->end; x->p++) {
		x->line += *x->p == '\n';
		if (backslash && *x->p == '\\' && x->p + 1 < x->end) {
			x->p++;
		} else if (*x->p == quote) {
			if (x->p + 1 < x->end && x->p[1] == quote) {
				x->p++;
				continue;
			}
			x->p++;
			return emit(x, kind, start, (size_t)(x->p - 1 - start), from);
		}
	}
	cut(x, from);
	return 0;
}

/* $tag$ ... $tag$; false when it is none. */
static bool dollar(struct lex *x, int *rc)
{
	const char *tag = x->p, *p = tag + 1, *close;
	uint32_t from = x->line;
	size_t n;

	while (p < x->end && (isalnum((unsigned char)*p) || *p == '_'))
		p++;
	if (p >= x->end || *p != '$' || isdigit((unsigned char)tag[1]))
		return false;
	n = (size_t)(++p - tag);
	close = memmem(p, (size_t)(x->end - p), tag, n);
	if (!close) {
		cut(x, from);
		return true;
	}
	for (const char *q = p; q < close; q++)
		x->line += *q == '\n';
	*rc = emit(x, SK_SQL_STRING, p, (size_t)(close - p), from);
	x->p = close + n;
	return true;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

static int word(struct lex *x)
{
	const char *start = x->p;
	bool number = isdigit((unsigned char)*start);

	while (x->p < x->end && word_char(*x->p))
		x->p++;
	if (x->p - start == 1 && (*start == 'E' || *start == 'e') && x->p < x->end && *x->p == '\'')
		return quoted(x, '\'', SK_SQL_STRING, true);
	return emit(x, number ? SK_SQL_NUMBER : SK_SQL_WORD, start, (size_t)(x->p - start),
	            x->line);
}

static int one(struct lex *x)
{
	char c = *x->p;
	int rc = 0;

	if (c == '\n')
		x->line++;
	if (isspace((unsigned char)c)) {
		x->p++;
	} else if (starts(x, "--") || (c == '#' && !starts(x, "#>") && !starts(x, "#-"))) {
		line_comment(x);
	} else if (starts(x, "/*")) {
		block_comment(x);
	} else if (c == '\'') {
		rc = quoted(x, c, SK_SQL_STRING, false);
	} else if (c == '"' || c == '`') {
		x->out->backticks |= c == '`';
		rc = quoted(x, c, SK_SQL_QUOTED, false);
	} else if (c == '[' && x->p + 1 < x->end && isalpha((unsigned char)x->p[1])) {
		/* a name of SQL Server's, or a subscript: neither matters here */
		rc = emit(x, SK_SQL_PUNCT, x->p++, 1, x->line);
	} else if (c == '$' && dollar(x, &rc)) {
		return rc;
	} else if (word_char(c)) {
		rc = word(x);
	} else {
		rc = emit(x, SK_SQL_PUNCT, x->p++, 1, x->line);
	}
	return rc;
}

int sk_sql_lex(const char *text, size_t len, uint32_t line, struct sk_sql *out)
{
	struct lex x = { text, text + len, line, out };
	int rc = 0;

	while (!rc && x.p < x.end)
		rc = one(&x);
	return rc;
}

/* CREATE TRIGGER, FUNCTION, PROCEDURE with BEGIN ... END have semicolons inside. */
static bool has_body(const struct sk_sql_token *t, size_t n)
{
	bool made = false, begin = false;

	for (size_t i = 0; i < n; i++) {
		made = made ||
		       (i < 8 && (sk_sql_is(&t[i], "trigger") || sk_sql_is(&t[i], "function") ||
		                  sk_sql_is(&t[i], "procedure")));
		begin = begin || sk_sql_is(&t[i], "begin");
	}
	return n && sk_sql_is(&t[0], "create") && made && begin;
}

size_t sk_sql_statement_end(const struct sk_sql *sql, size_t from)
{
	for (size_t i = from; i < sql->n; i++) {
		const struct sk_sql_token *t = &sql->token[i];

		/* GO on a line of its own, as SQL Server's tools have it */
		if (sk_sql_is(t, "go") && i > from && t->line > t[-1].line &&
		    (i + 1 == sql->n || t[1].line > t->line))
			return i;
		if (t->kind != SK_SQL_PUNCT || *t->p != ';')
			continue;
		if (!has_body(&sql->token[from], i - from) || sk_sql_is(&t[-1], "end"))
			return i;
	}
	return sql->n;
}

enum sk_database sk_sql_hint(const struct sk_sql *sql, enum sk_database hint)
{
	static const struct {
		const char *word;
		enum sk_database is;
	} tell[] = { { "auto_increment", SK_DB_MYSQL }, { "autoincrement", SK_DB_SQLITE },
		     { "pragma", SK_DB_SQLITE },        { "concurrently", SK_DB_POSTGRES },
		     { "timestamptz", SK_DB_POSTGRES }, { "jsonb", SK_DB_POSTGRES },
		     { "nvarchar", SK_DB_OTHER },       { "varchar2", SK_DB_OTHER } };

	if (sql->backticks)
		hint = SK_DB_MYSQL;
	for (size_t i = 0; hint == SK_DB_UNKNOWN && i < sql->n; i++)
		for (size_t k = 0; k < sizeof tell / sizeof *tell; k++)
			if (sk_sql_is(&sql->token[i], tell[k].word))
				hint = tell[k].is;
	return hint;
}
