/* rules.h - rules as data: sections [KIND "ID"] of the INI files in one folder (base/data.h).
 *
 * A value that goes on over indented lines is put together with a blank for each line break, or
 * with nothing for the keys `pattern` and `allow`, which may so be longer than a line of INI.
 * Anything that cannot be understood makes the whole set an error that names file and line: rules
 * with holes would pass for "nothing found". */
#ifndef SK_LINT_RULES_H
#define SK_LINT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct sk_ini_rule_value {
	char *key, *value;
	unsigned line;
};

struct sk_ini_rule {
	const char *file; /* owned by the set */
	char *kind, *id;
	unsigned line;
	struct sk_ini_rule_value *value;
	size_t n;
};

struct sk_ini_rules {
	struct sk_ini_rule *rule;
	size_t n;
	struct sk_strv files;
};

int sk_ini_rules_load(const char *folder, struct sk_ini_rules *out);
void sk_ini_rules_free(struct sk_ini_rules *rules);

/* The value of a key, or NULL. */
const char *sk_ini_rule_get(const struct sk_ini_rule *rule, const char *key);
/* SK_EUSAGE naming the first key of the rule that is none of `keys` (blank separated). */
int sk_ini_rule_check(const struct sk_ini_rule *rule, const char *keys);
/* SK_EUSAGE: "FILE:LINE: [KIND "ID"]: words". */
int sk_ini_rule_error(const struct sk_ini_rule *rule, const char *key, const char *fmt, ...)
        SK_PRINTF(3, 4);
/* A number within the bounds; `initial` when the key is not there. */
int sk_ini_rule_number(const struct sk_ini_rule *rule, const char *key, unsigned max,
                       unsigned initial, unsigned *out);
/* Adds the blank or comma separated words of a value. */
int sk_ini_rule_words(const struct sk_ini_rule *rule, const char *key, struct sk_strv *out);

/* A pattern of that key; PCRE2_* in `options`.  A key that is not there gives NULL. */
int sk_ini_rule_pattern(const struct sk_ini_rule *rule, const char *key, uint32_t options,
                        pcre2_code **out);
/* A context with the limits that all our matching has. */
pcre2_match_context *sk_match_context(void);
/* One match from `start`: 0 and `*found`.  The first one JIT compiles where the machine can. SK_EIO
 * when a limit was met, or for want of memory. */
int sk_match(const pcre2_code *code, const char *text, size_t len, size_t start, uint32_t options,
             pcre2_match_data *data, pcre2_match_context *context, bool *found);

#endif
