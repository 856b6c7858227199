#include "lint/migration.h"
#include "lint/script.h"
#include "lint/sql.h"

int sk_migration_gist(enum sk_framework framework, const char *text, size_t len, struct sk_buf *out)
{
	struct sk_script script = { 0 };
	struct sk_sql sql = { 0 };
	int rc = framework == SK_SQL ? sk_sql_lex(text, len, 1, &sql)
	                             : sk_script_lex(text, len, framework == SK_RAILS, &script);

	for (size_t i = 0; !rc && i < sql.n; i++) {
		(void)sk_buf_addc(out, (char)('a' + sql.token[i].kind));
		(void)sk_buf_add(out, sql.token[i].p, sql.token[i].n);
		(void)sk_buf_addc(out, '\0');
	}
	for (size_t i = 0; !rc && i < script.n; i++) {
		/* in Python the indentation tells where a block ends */
		if (framework != SK_RAILS)
			(void)sk_buf_addf(out, "%u", (unsigned)script.token[i].indent);
		(void)sk_buf_addc(out, (char)('a' + script.token[i].kind));
		(void)sk_buf_add(out, script.token[i].p, script.token[i].n);
		(void)sk_buf_addc(out, '\0');
	}
	sk_script_free(&script);
	sk_sql_free(&sql);
	return rc ? rc : sk_buf_ok(out);
}
