#include <string.h>

#include "lint/report.h"

int sk_excuses_read(struct sk_buf *text, struct sk_strv *out)
{
	char *save = NULL, *line = text->len ? strtok_r(text->ptr, "\r\n", &save) : NULL;
	int rc = 0;

	for (; !rc && line; line = strtok_r(NULL, "\r\n", &save)) {
		size_t n = strlen(line);

		while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
			line[--n] = '\0';
		if (n && *line != '#')
			rc = sk_strv_add(out, line);
	}
	return rc;
}

int sk_excuses_have(const struct sk_strv *excuses, const char *path, const char *commit,
                    const struct sk_secret *secret, bool *out)
{
	struct sk_buf print = SK_BUF_INIT;
	size_t skip;
	int rc;

	if (commit)
		(void)sk_buf_addf(&print, "%s:", commit);
	skip = print.len;
	(void)sk_buf_addf(&print, "%s:%s:%u", path, secret->rule, secret->line);
	rc = sk_buf_ok(&print);
	if (!rc)
		*out = sk_strv_has(excuses, print.ptr) || sk_strv_has(excuses, print.ptr + skip);
	sk_buf_free(&print);
	return rc;
}

uint32_t sk_column_of(const char *text, size_t offset)
{
	size_t from = offset;

	while (from && text[from - 1] != '\n')
		from--;
	return (uint32_t)(offset - from + 1);
}
