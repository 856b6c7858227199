/* flags.h - the flags that a flags.ini defines, each valid or with what is wrong about it.
 *
 *   [new_payment_system]
 *   type = boolean               ; boolean, string, integer or float
 *   default = false
 *   default.staging = true       ; in that environment
 *   env = ENABLE_NEW_PAYMENT     ; the variable that overrides it; empty: none
 *   description, owner, issue    ; for people
 *   created, expires             ; YYYY-MM-DD
 *   permanent = true             ; never stale
 *
 * Without `env` the variable is the name in capitals: that is what OpenFeature's environment
 * provider does.  A text in double quotes is a JSON string.  Memory: as ini.h has it. */
#ifndef FEATURE_FLAG_FLAGS_H
#define FEATURE_FLAG_FLAGS_H

#include <stdint.h>

#include "ini.h"

#define FLAG_FILE_MAX (1u << 20)
#define FLAG_NAME_MAX 100

enum flag_type { FLAG_BOOLEAN, FLAG_STRING, FLAG_INTEGER, FLAG_FLOAT, FLAG_TYPES };

extern const char *const flag_type_name[FLAG_TYPES];

struct flag_value {
	char *where; /* the environment; NULL: the default */
	char *text;  /* as `get` prints it: "true", "12", any text */
	unsigned line;
};

struct flag {
	char *name;
	size_t section; /* the line of the file that begins it, from 0 */
	enum flag_type type;
	struct flag_value value; /* the default */
	struct flag_value *in;   /* those of environments */
	size_t n_in;
	char *env;                                             /* NULL: no variable overrides it */
	char *description, *owner, *created, *expires, *issue; /* or NULL */
	bool permanent;
	char *broken; /* NULL: it can be used; else what is wrong, and only name and section hold */
	unsigned broken_line;
};

struct flag_remark { /* what is wrong without making a flag unusable */
	unsigned line;
	char *words;
};

struct flags {
	struct ini ini;
	struct flag *flag; /* in the order of the file */
	size_t n;
	struct flag_remark *remark;
	size_t n_remarks;
};

/* Reads a text as ini_read does. */
void flags_read(const char *text, size_t len, struct flags *out);
/* NULL: there is none of that name. */
struct flag *flags_find(const struct flags *flags, const char *name);
/* A name that is like it, for "did you mean"; or NULL. */
const char *flags_like(const struct flags *flags, const char *name);

bool flag_name_ok(const char *name);
bool flag_environment_ok(const char *name);
/* NULL: it may be the variable of a flag; else why not. */
const char *flag_env_refused(const char *env);
/* "new-payment", "newPayment" -> "NEW_PAYMENT"; also the form in which two names are the same. */
char *flag_upper(const char *name);

/* A value of the type as `get` prints it; NULL: it is none, and *why says what is. */
char *flag_parse(enum flag_type type, const char *text, const char **why);
/* A value as it stands in the file: in quotes where it has to be. */
char *flag_quote(const char *text);
/* The other way; NULL: the quotes are wrong. */
char *flag_unquote(const char *text);
/* -1: there is no such type. */
int flag_type(const char *name);
/* Days since 1970 of a "YYYY-MM-DD"; INT64_MIN: it is none. */
int64_t flag_date(const char *text);
bool flag_utf8(const char *text);

#endif
