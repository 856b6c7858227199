/* sql.h - SQL as tokens; between the readers of migrations only. */
#ifndef SK_LINT_SQL_H
#define SK_LINT_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lint/migration.h"

enum sk_sql_kind { SK_SQL_WORD, SK_SQL_QUOTED, SK_SQL_STRING, SK_SQL_NUMBER, SK_SQL_PUNCT };

struct sk_sql_token {
	enum sk_sql_kind kind;
	const char *p; /* in the text; of a quoted name and a string what is between the quotes */
	size_t n;
	uint32_t line;
};

struct sk_sql {
	struct sk_sql_token *token;
	size_t n, cap;
	bool cut;       /* a quote or comment is not closed: what follows is not told */
	bool backticks; /* MySQL's quotes */
	uint32_t cut_line;
	/* notes in comments that runners of migrations heed */
	uint32_t down_line;  /* from here on it is the way back; 0: none */
	bool has_runner;     /* goose, dbmate, sql-migrate: in a transaction, unless ... */
	bool no_transaction; /* ... it says otherwise */
};

int sk_sql_lex(const char *text, size_t len, uint32_t line, struct sk_sql *out);
void sk_sql_free(struct sk_sql *sql);
/* Whether the token is that keyword (lower case). */
bool sk_sql_is(const struct sk_sql_token *t, const char *word);
/* The number of the token that ends the statement which begins at `from`; sql->n: none does. */
size_t sk_sql_statement_end(const struct sk_sql *sql, size_t from);
/* Which database it is for, when `hint` does not say it yet. */
enum sk_database sk_sql_hint(const struct sk_sql *sql, enum sk_database hint);

#endif
