#include "calls.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define STEPS 1000000
#define HEAP_KB 16384

struct calls {
	pcre2_code *code[2]; /* NULL: none */
	pcre2_match_context *limits;
	pcre2_match_data *data[2];
};

#define NAME "([A-Za-z][A-Za-z0-9_.-]*)"

static const char built_in[] =
        "\\bFEATURES(?:\\.get)?\\s*[\\[(]\\s*[\"']" NAME "[\"']"
        "|(?i:\\bget_?(?:boolean|string|integer|int|number|float|double)_?(?:flag_?)?"
        "(?:value|details)(?:_?async)?)\\s*\\(\\s*(?:ctx\\s*,\\s*|context\\.\\w+(?:\\(\\))?\\s*,"
        "\\s*)?"
        "[\"']" NAME "[\"']"
        "|\\bgit[ -]sk flag (?:get|eval) " NAME;

static int compile(struct skp_host *host, const char *key, const char *pattern, struct calls *calls,
                   int i)
{
	PCRE2_UCHAR words[200];
	PCRE2_SIZE at = 0;
	uint32_t groups = 0;
	int code = 0;

	calls->code[i] = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE,
	                               &code, &at, NULL);
	if (!calls->code[i]) {
		(void)pcre2_get_error_message(code, words, sizeof words);
		return host->error(host, SKP_EUSAGE,
		                   "[plugin \"feature-flag\"] %s: %s, at character %zu", key,
		                   (const char *)words, (size_t)at);
	}
	(void)pcre2_pattern_info(calls->code[i], PCRE2_INFO_CAPTURECOUNT, &groups);
	if (!groups)
		return host->error(host, SKP_EUSAGE,
		                   "[plugin \"feature-flag\"] %s: it needs a group for the name",
		                   key);
	(void)pcre2_jit_compile(calls->code[i], PCRE2_JIT_COMPLETE);
	calls->data[i] = pcre2_match_data_create_from_pattern(calls->code[i], NULL);
	return calls->data[i] ? 0 : host->error(host, SKP_EIO, "out of memory");
}

int calls_new(struct skp_host *host, struct calls **out)
{
	static const char *const key[2] = { "calls", "env_calls" };
	struct calls *calls = fl_alloc(1, sizeof *calls);
	int rc = 0;

	calls->limits = pcre2_match_context_create(NULL);
	if (!calls->limits)
		return host->error(host, SKP_EIO, "out of memory");
	(void)pcre2_set_match_limit(calls->limits, STEPS);
	(void)pcre2_set_heap_limit(calls->limits, HEAP_KB);
	for (int i = 0; i < 2 && !rc; i++) {
		const char *pattern = host->setting(host, key[i]);

		if (!pattern && i == 0)
			pattern = built_in;
		if (pattern && *pattern)
			rc = compile(host, key[i], pattern, calls, i);
	}
	if (!rc)
		*out = calls;
	return rc;
}

bool calls_find(const struct calls *calls, const char *text, size_t len, call_fn *fn, void *ctx)
{
	bool whole = true;

	for (int i = 0; i < 2; i++) {
		const PCRE2_SIZE *span =
		        calls->code[i] ? pcre2_get_ovector_pointer(calls->data[i]) : NULL;
		size_t at = 0;
		int n = calls->code[i] ? 1 : PCRE2_ERROR_NOMATCH;

		while (n > 0 && at <= len) {
			n = pcre2_match(calls->code[i], (PCRE2_SPTR)text, len, at, PCRE2_NOTEMPTY,
			                calls->data[i], calls->limits);
			for (int k = 1; k < n; k++) {
				if (span[2 * k] == PCRE2_UNSET || span[2 * k] > span[2 * k + 1])
					continue;
				fn(ctx, text + span[2 * k], span[2 * k + 1] - span[2 * k],
				   span[2 * k], i == 1);
				break;
			}
			at = n > 0 ? span[1] > at ? span[1] : at + 1 : at;
		}
		whole = whole && (n > 0 || n == PCRE2_ERROR_NOMATCH);
	}
	return whole;
}
