#include "repo/given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

/* One word of GIT_CONFIG_PARAMETERS: 'it'\''s' -> it's.  Past it, or NULL when there is none. */
static const char *unquote(const char *p, struct sk_buf *out)
{
	if (*p++ != '\'')
		return NULL;
	for (;;) {
		const char *end = strchr(p, '\'');

		if (!end || sk_buf_add(out, p, (size_t)(end - p)))
			return NULL;
		p = end + 1;
		if (p[0] != '\\' || (p[1] != '\'' && p[1] != '!') || p[2] != '\'')
			return p;
		if (sk_buf_addc(out, p[1]))
			return NULL;
		p += 3;
	}
}

/* `git -c KEY=VALUE` comes as 'KEY'='VALUE' (from git 2.31) or 'KEY=VALUE'. */
static void in_parameters(sk_given_fn *each, void *ctx)
{
	struct sk_buf key = SK_BUF_INIT, value = SK_BUF_INIT;
	const char *p = getenv("GIT_CONFIG_PARAMETERS");

	while (p && *(p += strspn(p, " "))) {
		char *is;

		sk_buf_clear(&key);
		sk_buf_clear(&value);
		p = unquote(p, &key);
		if (p && *p == '=') {
			p++;
			if (*p == '\'')
				p = unquote(p, &value);
		} else if (p && (is = strchr(sk_buf_str(&key), '='))) {
			(void)sk_buf_adds(&value, is + 1);
			*is = '\0';
		}
		if (p)
			each(ctx, sk_buf_str(&key), sk_buf_str(&value));
	}
	sk_buf_free(&key);
	sk_buf_free(&value);
}

void sk_given_each(sk_given_fn *each, void *ctx)
{
	const char *count = getenv("GIT_CONFIG_COUNT"), *key;
	long n = count ? strtol(count, NULL, 10) : 0;
	char name[48];

	for (long i = 0; i < n && i < 10000; i++) {
		(void)snprintf(name, sizeof name, "GIT_CONFIG_KEY_%ld", i);
		key = getenv(name);
		(void)snprintf(name, sizeof name, "GIT_CONFIG_VALUE_%ld", i);
		if (key)
			each(ctx, key, getenv(name));
	}
	in_parameters(each, ctx);
}
