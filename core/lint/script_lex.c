#include "lint/script.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum { HEREDOCS = 4 };

struct heredoc {
	size_t token; /* the string that it will be */
	const char *tag;
	size_t tag_len;
};

struct lex {
	const char *p, *end;
	bool ruby;
	uint32_t line, indent;
	int depth;
	bool statement; /* something stands on this line */
	struct heredoc here[HEREDOCS];
	size_t n_here;
	struct sk_script *out;
};

void sk_script_free(struct sk_script *s)
{
	free(s->token);
	*s = (struct sk_script){ 0 };
}

static int emit(struct lex *x, enum sk_script_kind kind, const char *p, size_t n, uint32_t line)
{
	struct sk_script *s = x->out;

	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 128;
		struct sk_script_token *token = reallocarray(s->token, cap, sizeof *token);

		if (!token)
			return sk_error_oom();
		s->token = token;
		s->cap = cap;
	}
	s->token[s->n++] = (struct sk_script_token){
		.kind = kind, .p = p, .n = n, .line = line, .indent = x->indent, .depth = x->depth
	};
	x->statement = kind != SK_TOK_END;
	return 0;
}

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

static const char *line_end(const struct lex *x)
{
	const char *eol = memchr(x->p, '\n', (size_t)(x->end - x->p));

	return eol ? eol : x->end;
}

/* The bodies of <<TAG that were begun on the line that ends here. */
static void heredocs(struct lex *x)
{
	for (size_t i = 0; i < x->n_here; i++) {
		struct heredoc *h = &x->here[i];
		struct sk_script_token *t = &x->out->token[h->token];
		const char *start = x->p;

		t->line = x->line;
		for (;;) {
			const char *eol = line_end(x), *q = x->p;

			if (x->p >= x->end) {
				cut(x, t->line);
				break;
			}
			while (q < eol && isblank((unsigned char)*q))
				q++;
			if ((size_t)(eol - q) >= h->tag_len && memcmp(q, h->tag, h->tag_len) == 0 &&
			    (q + h->tag_len == eol || q[h->tag_len] == '\r')) {
				t->p = start;
				t->n = (size_t)(x->p - start);
				t->made = memmem(start, t->n, "#{", 2) != NULL;
				x->line += eol < x->end;
				x->p = eol < x->end ? eol + 1 : eol;
				break;
			}
			x->line += eol < x->end;
			x->p = eol < x->end ? eol + 1 : eol;
		}
	}
	x->n_here = 0;
}

/* In Ruby a statement goes on when the line ends with an operator, or the next begins with a dot.
 */
static bool goes_on(const struct lex *x)
{
	const struct sk_script_token *t = x->out->n ? &x->out->token[x->out->n - 1] : NULL;
	const char *p = x->p;

	if (!x->ruby || !t)
		return false;
	if (t->kind == SK_TOK_LABEL || (t->kind == SK_TOK_PUNCT && sk_one_of(*t->p, ",+=&\\.")))
		return true;
	while (p < x->end && isspace((unsigned char)*p))
		p++;
	return p + 1 < x->end && p[0] == '.' && p[1] != '.';
}

static int newline(struct lex *x)
{
	const char *p;
	int rc = 0;

	x->p++;
	x->line++;
	if (x->n_here)
		heredocs(x);
	if (x->statement && !x->depth && !goes_on(x))
		rc = emit(x, SK_TOK_END, x->p, 0, x->line - 1);
	if (!x->depth && !x->statement) {
		for (p = x->p; p < x->end && (*p == ' ' || *p == '\t'); p++)
			;
		x->indent = (uint32_t)(p - x->p);
	}
	return rc;
}

static int string_token(struct lex *x, const char *start, size_t n, uint32_t line, bool made)
{
	int rc = emit(x, SK_TOK_STRING, start, n, line);

	if (!rc)
		x->out->token[x->out->n - 1].made = made;
	return rc;
}

/* From the opening quote; three of them in Python make a long one. */
static int string(struct lex *x, bool raw, bool format)
{
	char quote = *x->p;
	bool lng = !x->ruby && x->end - x->p >= 3 && x->p[1] == quote && x->p[2] == quote;
	bool made = format;
	uint32_t from = x->line;
	const char *start;

	x->p += lng ? 3 : 1;
	start = x->p;
	for (; x->p < x->end; x->p++) {
		if (*x->p == '\n') {
			if (!lng && !x->ruby)
				break;
			x->line++;
		}
		if (x->ruby && quote == '"' && starts(x, "#{"))
			made = true;
		if (*x->p == '\\' && x->p + 1 < x->end) {
			x->p++;
			x->line += *x->p == '\n';
		} else if (*x->p == quote &&
		           (!lng || (x->end - x->p >= 3 && x->p[1] == quote && x->p[2] == quote))) {
			size_t n = (size_t)(x->p - start);

			x->p += lng ? 3 : 1;
			return string_token(x, start, n, from, made);
		}
	}
	SK_UNUSED(raw);
	cut(x, from);
	return 0;
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* r"", f'', b"" and their mixtures */
static bool string_prefix(const char *p, size_t n, bool *format)
{
	*format = false;
	for (size_t i = 0; i < n; i++) {
		if (!sk_one_of(p[i], "rRbBuUfF"))
			return false;
		*format = *format || p[i] == 'f' || p[i] == 'F';
	}
	return n > 0 && n <= 2;
}

static int name(struct lex *x)
{
	const char *start = x->p;
	bool number = isdigit((unsigned char)*start), format = false;
	enum sk_script_kind kind = number ? SK_TOK_NUMBER : SK_TOK_NAME;
	size_t n;
	int rc;

	while (x->p < x->end && name_char(*x->p))
		x->p++;
	n = (size_t)(x->p - start);
	if (x->ruby && x->p < x->end && (*x->p == '?' || *x->p == '!') &&
	    !(x->p + 1 < x->end && x->p[1] == '='))
		n++, x->p++;
	if (!x->ruby && x->p < x->end && (*x->p == '"' || *x->p == '\'') &&
	    string_prefix(start, n, &format))
		return string(x, false, format);
	if (x->ruby && !number && x->p < x->end && *x->p == ':' &&
	    !(x->p + 1 < x->end && x->p[1] == ':')) {
		kind = SK_TOK_LABEL;
		rc = emit(x, kind, start, n, x->line);
		x->p++;
		return rc;
	}
	return emit(x, kind, start, n, x->line);
}

/* <<~SQL, <<-'SQL', <<SQL; false when it is none. */
static bool heredoc(struct lex *x, int *rc)
{
	const char *p = x->p + 2, *tag;
	char quote = 0;

	if (p < x->end && (*p == '~' || *p == '-'))
		p++;
	if (p < x->end && (*p == '\'' || *p == '"'))
		quote = *p++;
	tag = p;
	while (p < x->end && name_char(*p))
		p++;
	if (p == tag || !isupper((unsigned char)*tag) || x->n_here == HEREDOCS ||
	    (quote && (p >= x->end || *p != quote)))
		return false;
	x->here[x->n_here] = (struct heredoc){ x->out->n, tag, (size_t)(p - tag) };
	x->p = p + (quote != 0);
	*rc = emit(x, SK_TOK_STRING, tag, 0, x->line);
	if (!*rc)
		x->n_here++;
	return true;
}

static int symbol(struct lex *x)
{
	const char *start = ++x->p;

	if (*start == '"') {
		int rc = string(x, false, false);

		if (!rc && x->out->n)
			x->out->token[x->out->n - 1].kind = SK_TOK_SYMBOL;
		return rc;
	}
	while (x->p < x->end && name_char(*x->p))
		x->p++;
	return emit(x, SK_TOK_SYMBOL, start, (size_t)(x->p - start), x->line);
}

static int punct(struct lex *x)
{
	char c = *x->p;
	int rc;

	if (sk_one_of(c, ")]}") && x->depth)
		x->depth--;
	rc = emit(x, SK_TOK_PUNCT, x->p++, 1, x->line);
	if (sk_one_of(c, "([{"))
		x->depth++;
	return rc;
}

/* =begin ... =end */
static bool ruby_comment(struct lex *x)
{
	const char *end;

	if (!starts(x, "=begin") || x->statement)
		return false;
	end = memmem(x->p, (size_t)(x->end - x->p), "\n=end", 5);
	for (end = end ? end + 5 : x->end; x->p < end; x->p++)
		x->line += *x->p == '\n';
	return true;
}

static int one(struct lex *x)
{
	bool more = x->p + 1 < x->end;
	char c = *x->p;
	int rc = 0;

	if (c == '\n')
		return newline(x);
	if (isspace((unsigned char)c)) {
		x->p++;
	} else if (c == '#') {
		x->p = line_end(x);
	} else if (c == '\\' && more && (x->p[1] == '\n' || x->p[1] == '\r')) {
		x->p += x->p[1] == '\r' ? 3 : 2;
		x->line++;
	} else if (c == '"' || c == '\'') {
		return string(x, false, false);
	} else if (x->ruby && c == '=' && ruby_comment(x)) {
		return 0;
	} else if (x->ruby && starts(x, "<<") && heredoc(x, &rc)) {
		return rc;
	} else if (x->ruby && starts(x, "::")) {
		rc = punct(x);
		return rc ? rc : punct(x);
	} else if (x->ruby && c == ':' && more && (name_char(x->p[1]) || x->p[1] == '"')) {
		return symbol(x);
	} else if (c == ';' && !x->depth) {
		x->p++;
		return x->statement ? emit(x, SK_TOK_END, x->p, 0, x->line) : 0;
	} else if (name_char(c)) {
		return name(x);
	} else {
		return punct(x);
	}
	return rc;
}

int sk_script_lex(const char *text, size_t len, bool ruby, struct sk_script *out)
{
	struct lex x = { .p = text, .end = text + len, .ruby = ruby, .line = 1, .out = out };
	int rc = 0;

	while (!rc && x.p < x.end)
		rc = one(&x);
	if (!rc && x.n_here)
		cut(&x, x.line);
	return rc ? rc : emit(&x, SK_TOK_END, text + len, 0, x.line);
}

bool sk_tok_is(const struct sk_script *s, size_t i, const char *name)
{
	return i < s->n && s->token[i].kind == SK_TOK_NAME && s->token[i].n == strlen(name) &&
	       memcmp(s->token[i].p, name, s->token[i].n) == 0;
}

bool sk_tok_punct(const struct sk_script *s, size_t i, char c)
{
	return i < s->n && s->token[i].kind == SK_TOK_PUNCT && *s->token[i].p == c;
}

size_t sk_tok_close(const struct sk_script *s, size_t i)
{
	int depth = s->token[i].depth;

	for (i++; i < s->n; i++)
		if (s->token[i].kind == SK_TOK_PUNCT && s->token[i].depth == depth &&
		    sk_one_of(*s->token[i].p, ")]}"))
			return i;
	return s->n;
}

static void add_arg(const struct sk_script *s, size_t from, size_t to, struct sk_args *out)
{
	struct sk_arg *a = &out->arg[out->n];

	if (from >= to || out->n == SK_ARGS)
		return;
	*a = (struct sk_arg){ NULL, from, to };
	if (s->token[from].kind == SK_TOK_LABEL) {
		a->name = &s->token[from];
		a->from++;
	} else if (from + 2 < to + 1 && s->token[from].kind == SK_TOK_NAME &&
	           sk_tok_punct(s, from + 1, '=') && !sk_tok_punct(s, from + 2, '=')) {
		a->name = &s->token[from];
		a->from += 2;
	} else if (from + 3 < to && s->token[from].kind == SK_TOK_SYMBOL &&
	           sk_tok_punct(s, from + 1, '=') && sk_tok_punct(s, from + 2, '>')) {
		a->name = &s->token[from];
		a->from += 3;
	}
	out->n++;
}

void sk_args_read(const struct sk_script *s, size_t from, size_t to, struct sk_args *out)
{
	int depth = from < s->n ? s->token[from].depth : 0;
	size_t start = from;

	out->n = 0;
	for (size_t i = from; i < to; i++)
		if (sk_tok_punct(s, i, ',') && s->token[i].depth == depth) {
			add_arg(s, start, i, out);
			start = i + 1;
		}
	add_arg(s, start, to, out);
}

const struct sk_arg *sk_arg_named(const struct sk_script *s, const struct sk_args *a,
                                  const char *name)
{
	SK_UNUSED(s);
	for (size_t i = 0; i < a->n; i++)
		if (a->arg[i].name && a->arg[i].name->n == strlen(name) &&
		    memcmp(a->arg[i].name->p, name, a->arg[i].name->n) == 0)
			return &a->arg[i];
	return NULL;
}

const struct sk_arg *sk_arg_at(const struct sk_script *s, const struct sk_args *a, size_t position,
                               const char *name)
{
	if (position < a->n && !a->arg[position].name)
		return &a->arg[position];
	return name ? sk_arg_named(s, a, name) : NULL;
}

struct sk_op_text sk_arg_text(const struct sk_script *s, const struct sk_arg *a)
{
	const struct sk_script_token *t;
	size_t i = a ? a->from : 0;

	/* sa.text("..."), quoted_name("...", ...) */
	while (a && i + 2 < a->to && s->token[i].kind == SK_TOK_NAME &&
	       (sk_tok_punct(s, i + 1, '.') || sk_tok_punct(s, i + 1, '(')))
		i += 2;
	if (!a || i >= a->to || (i == a->from && a->to != i + 1) ||
	    (i > a->from && !sk_tok_punct(s, i + 1, ')')))
		return (struct sk_op_text){ NULL, 0 };
	t = &s->token[i];
	if (t->made || (t->kind != SK_TOK_STRING && t->kind != SK_TOK_SYMBOL))
		return (struct sk_op_text){ NULL, 0 };
	return (struct sk_op_text){ t->p, t->n };
}

bool sk_arg_is(const struct sk_script *s, const struct sk_arg *a, const char *word)
{
	return a && a->to == a->from + 1 && sk_tok_is(s, a->from, word);
}

static bool calls(const char *p, size_t n)
{
	static const char *const stable[] = { "now()", "NOW()", "timezone(" };
	bool open = memchr(p, '(', n) != NULL;

	for (size_t i = 0; open && i < sizeof stable / sizeof *stable; i++)
		if (memmem(p, n, stable[i], strlen(stable[i])))
			open = false;
	return open;
}

bool sk_arg_volatile(const struct sk_script *s, const struct sk_arg *a)
{
	for (size_t i = a ? a->from : 0; a && i < a->to; i++) {
		const struct sk_script_token *t = &s->token[i];

		/* "'{}'::jsonb" is none, "gen_random_uuid()" is one */
		if (t->kind == SK_TOK_STRING && calls(t->p, t->n))
			return true;
		if (sk_tok_is(s, i, "func") && sk_tok_punct(s, i + 1, '.') &&
		    !sk_tok_is(s, i + 2, "now") && !sk_tok_is(s, i + 2, "current_timestamp"))
			return true;
		if (sk_tok_is(s, i, "RandomUUID") || sk_tok_is(s, i, "Random"))
			return true;
	}
	return false;
}

static int read_sql(const struct sk_script *s, const struct sk_arg *a, struct sk_ops *out)
{
	static const struct sk_op_text none = { NULL, 0 };
	uint32_t line = s->token[a->from].line, last = s->token[a->to - 1].line;
	struct sk_buf sql = SK_BUF_INIT;
	size_t from = a->from, to = a->to;
	bool plain = true;
	int rc = 0;

	/* sa.text("..."), text("...") */
	while (from + 1 < to && s->token[from].kind == SK_TOK_NAME &&
	       (sk_tok_punct(s, from + 1, '.') || sk_tok_punct(s, from + 1, '(')))
		from += 2;
	if (from > a->from && sk_tok_punct(s, to - 1, ')') && sk_tok_close(s, from - 1) == to - 1)
		to--;
	/* <<~SQL.squish */
	while (to - from > 2 && sk_tok_punct(s, to - 2, '.') &&
	       s->token[to - 1].kind == SK_TOK_NAME)
		to -= 2;
	for (size_t i = from; i < to; i++) {
		const struct sk_script_token *t = &s->token[i];

		plain = plain && t->kind == SK_TOK_STRING && !t->made;
		if (plain)
			(void)sk_buf_add(&sql, t->p, t->n);
		if (i == from)
			line = t->line;
	}
	plain = plain && from < to;
	if (plain)
		rc = sk_buf_ok(&sql);
	if (!rc && plain)
		rc = sql.len ? sk_read_sql(sql.ptr, sql.len, line, out) : 0;
	else if (!rc)
		rc = sk_op_add(out, SK_OP_UNKNOWN, 0, none, none,
		               SK_OP_TEXT("SQL that is made when it runs"), s->token[a->from].line,
		               last);
	sk_buf_free(&sql);
	return rc;
}

/* What a variable was given last before token `at`, when that is written out: NAME = ... */
static bool assigned(const struct sk_script *s, size_t at, struct sk_arg *out)
{
	const struct sk_script_token *t = &s->token[at];

	for (size_t i = at; i-- > 0;) {
		size_t end = i + 2;

		if (s->token[i].kind != t->kind || s->token[i].n != t->n ||
		    memcmp(s->token[i].p, t->p, t->n) != 0 || !sk_tok_punct(s, i + 1, '=') ||
		    sk_tok_punct(s, i + 2, '=') || (i && s->token[i - 1].kind != SK_TOK_END))
			continue;
		while (end < s->n && s->token[end].kind != SK_TOK_END)
			end++;
		*out = (struct sk_arg){ NULL, i + 2, end };
		return end > i + 2;
	}
	return false;
}

int sk_read_sql_argument(const struct sk_script *s, const struct sk_arg *a, struct sk_ops *out)
{
	struct sk_arg value;

	if (a->to == a->from + 1 && s->token[a->from].kind == SK_TOK_NAME &&
	    assigned(s, a->from, &value))
		a = &value;
	return read_sql(s, a, out);
}
