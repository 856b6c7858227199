/* script.h - Python and Ruby as tokens, as far as migrations need them; between their readers only.
 */
#ifndef SK_LINT_SCRIPT_H
#define SK_LINT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lint/migration.h"

enum sk_script_kind {
	SK_TOK_NAME,
	SK_TOK_STRING, /* what is between the quotes, escapes as they stand */
	SK_TOK_SYMBOL, /* Ruby's :name */
	SK_TOK_LABEL,  /* Ruby's name: */
	SK_TOK_NUMBER,
	SK_TOK_PUNCT, /* one character */
	SK_TOK_END    /* of a statement: a line's end outside brackets; Ruby's semicolon */
};

struct sk_script_token {
	enum sk_script_kind kind;
	bool made; /* a string that is put together when it runs: f"", "#{}" */
	const char *p;
	size_t n;
	uint32_t line, indent; /* indent: of the line that the token's statement begins on */
	int depth;             /* open brackets before it */
};

struct sk_script {
	struct sk_script_token *token;
	size_t n, cap;
	bool cut; /* a string is not closed */
	uint32_t cut_line;
};

int sk_script_lex(const char *text, size_t len, bool ruby, struct sk_script *out);
void sk_script_free(struct sk_script *s);

bool sk_tok_is(const struct sk_script *s, size_t i, const char *name);
bool sk_tok_punct(const struct sk_script *s, size_t i, char c);
/* The closing bracket's number for the opening one at i; s->n when it is not closed. */
size_t sk_tok_close(const struct sk_script *s, size_t i);

/* One argument: its tokens, and its name when it has one (name=value, name: value). */
struct sk_arg {
	const struct sk_script_token *name; /* NULL: by position */
	size_t from, to;
};

enum { SK_ARGS = 24 };

struct sk_args {
	struct sk_arg arg[SK_ARGS]; /* further ones are left out */
	size_t n;
};

/* Those between [from, to), parted by commas. */
void sk_args_read(const struct sk_script *s, size_t from, size_t to, struct sk_args *out);
const struct sk_arg *sk_arg_named(const struct sk_script *s, const struct sk_args *a,
                                  const char *name);
/* The argument by position (from 0), or by name when it is given so; NULL. */
const struct sk_arg *sk_arg_at(const struct sk_script *s, const struct sk_args *a, size_t position,
                               const char *name);
/* A string or symbol that the argument is; p NULL when it is anything else. */
struct sk_op_text sk_arg_text(const struct sk_script *s, const struct sk_arg *a);
/* Whether the argument is that one word (True, nil, ...). */
bool sk_arg_is(const struct sk_script *s, const struct sk_arg *a, const char *word);
/* Whether a default written so, in SQL or as a call, may differ from row to row. */
bool sk_arg_volatile(const struct sk_script *s, const struct sk_arg *a);

/* SQL given as one string, or several side by side: read.  Otherwise SK_OP_UNKNOWN is added. */
int sk_read_sql_argument(const struct sk_script *s, const struct sk_arg *a, struct sk_ops *out);

#endif
