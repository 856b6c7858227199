/* migration.h - what a database migration does, whoever wrote it: one list of operations for plain
 * SQL, Alembic, Django and Rails, and the rules that judge it.
 *
 * The readers are no full parsers of their languages: they know the shapes in which migrations are
 * written, and say SK_OP_UNKNOWN of the rest.  None of them runs anything. */
#ifndef SK_LINT_MIGRATION_H
#define SK_LINT_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lint/lint.h"

enum sk_framework { SK_SQL, SK_ALEMBIC, SK_DJANGO, SK_RAILS, SK_FRAMEWORKS };
enum sk_database { SK_DB_UNKNOWN, SK_DB_POSTGRES, SK_DB_MYSQL, SK_DB_SQLITE, SK_DB_OTHER };

enum sk_op_kind {
	SK_OP_CREATE_TABLE,
	SK_OP_ADD_COLUMN,
	SK_OP_SET_NOT_NULL,
	SK_OP_DROP_COLUMN,
	SK_OP_DROP_TABLE,
	SK_OP_RENAME_COLUMN,
	SK_OP_RENAME_TABLE,
	SK_OP_ALTER_TYPE,
	SK_OP_ALTER_FIELD, /* Django's AlterField: the whole new column, what changed is not said */
	SK_OP_CREATE_INDEX,
	SK_OP_ADD_FOREIGN_KEY,
	SK_OP_ADD_CHECK,
	SK_OP_ADD_UNIQUE,
	SK_OP_VALIDATE,
	SK_OP_DATA,  /* rows are changed */
	SK_OP_OTHER, /* another change of the schema */
	SK_OP_NO_REVERSE,
	SK_OP_UNKNOWN /* `expr`: what could not be read */
};

enum { /* flags of an operation */
       SK_OP_NOT_NULL = 1,
       SK_OP_DEFAULT = 2,  /* of the database itself */
       SK_OP_VOLATILE = 4, /* that default is another for each row */
       SK_OP_GENERATED = 8,
       SK_OP_NOT_VALID = 16,
       SK_OP_CONCURRENTLY = 32,
       SK_OP_IN_TRANSACTION = 64, /* a CONCURRENTLY that cannot work */
       SK_OP_APP_DEFAULT = 128,   /* Django's default=, which the database does not keep */
       SK_OP_PRIMARY = 256,
       SK_OP_UNIQUE = 512
};

struct sk_op {
	enum sk_op_kind kind;
	unsigned flags;
	char *table, *name; /* as compared: without quotes, lower case; NULL: not told */
	char *expr;         /* a CHECK's condition; what of a Django field matters to a database */
	uint32_t line, last_line;
};

struct sk_ops {
	struct sk_op *item;
	size_t n, cap;
	enum sk_database hint; /* what the text gives away of its database */
};

/* `table`, `name`, `expr`: bytes and length, or NULL; they are copied. */
struct sk_op_text {
	const char *p;
	size_t n;
};
#define SK_OP_TEXT(literal) ((struct sk_op_text){ literal, sizeof literal - 1 })
int sk_op_add(struct sk_ops *ops, enum sk_op_kind kind, unsigned flags, struct sk_op_text table,
              struct sk_op_text name, struct sk_op_text expr, uint32_t line, uint32_t last_line);
void sk_ops_clear(struct sk_ops *ops);

/* `line`: the number of the text's first line, for SQL that stands in another language. */
int sk_read_sql(const char *text, size_t len, uint32_t line, struct sk_ops *out);
int sk_read_alembic(const char *text, size_t len, struct sk_ops *out);
int sk_read_django(const char *text, size_t len, struct sk_ops *out);
int sk_read_rails(const char *text, size_t len, struct sk_ops *out);
/* The text without comments, white space as one blank: equal, when a file was only tidied. */
int sk_migration_gist(enum sk_framework framework, const char *text, size_t len,
                      struct sk_buf *out);

struct sk_migration_rules;
int sk_migration_rules_load(struct sk_migration_rules **out);
void sk_migration_rules_free(struct sk_migration_rules *rules);

/* Which framework's migration this is, by path and text; false: none.  `extra`: further places
 * (NULL: none). */
bool sk_migration_is(const struct sk_migration_rules *rules, const struct sk_strv *extra,
                     const char *path, const char *text, size_t len, enum sk_framework *out);
/* By the path alone: it could be one. */
bool sk_migration_may_be(const struct sk_migration_rules *rules, const struct sk_strv *extra,
                         const char *path);
int sk_migration_read(enum sk_framework framework, const char *text, size_t len,
                      struct sk_ops *out);

struct sk_migration {
	const char *path;
	enum sk_framework framework;
	struct sk_buf text;
	struct sk_ops ops;
};

struct sk_judging {
	const struct sk_migration_rules *rules;
	enum sk_database database;      /* as configured; UNKNOWN: told from each file */
	unsigned version;               /* 0: a recent one */
	const struct sk_migration *all; /* all that are added together */
	size_t n;
	/* Whether an earlier, merged migration made a CHECK that this column is not NULL, and its
	 * name; NULL: none is known. */
	int (*earlier_check)(void *ctx, enum sk_framework framework, const char *table,
	                     const char *column, bool *added, bool *validated, char **name);
	/* Django: what the field was before this migration, as `expr` of its operation; NULL: not
	 * known.  The callee allocates. */
	int (*earlier_field)(void *ctx, const char *path, const char *table, const char *column,
	                     char **out);
	/* Where code still names a column or table that goes: "a.py:3, b.py:9", or nothing. */
	int (*still_used)(void *ctx, const char *name, struct sk_buf *out);
	void *ctx;
	struct sk_findings *out;
};
int sk_migration_judge(const struct sk_judging *j, const struct sk_migration *m);
/* One finding of a rule by its name (without "migration-"). */
int sk_migration_report(const struct sk_judging *j, const struct sk_migration *m, const char *rule,
                        const struct sk_op *op, const char *fmt, ...) SK_PRINTF(5, 6);

#endif
