/* rules.h - the compiled form of one language's rules; for language.c and extract.c.
 *
 * All patterns of a language become one alternation,
 *
 *     (?(DEFINE)...) (?:SKIP) | (?=BEGIN) (?: (?<r0>RULE) | (?<r1>RULE) ... )
 *
 * so that one pass over the text does it.  What SKIP matches (comments, strings) is eaten, and that
 * is what keeps an import inside a comment from being one.  BEGIN, which may be left out, is what
 * every rule begins with: most places are not looked at twice then.  PCRE2 matches bytes: no UTF
 * mode, so any file can be read. */
#ifndef SK_IMPACT_RULES_H
#define SK_IMPACT_RULES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buf.h"

enum { SK_RULES_MAX = 48, SK_RULES_GROUPS = 16, SK_RULES_DEFINES = 24 };

/* What a named group of a pattern is; the same name may stand in several branches. */
enum sk_group { SK_GROUP_SPEC, SK_GROUP_NAME, SK_GROUP_LIST, SK_GROUP_TYPE, SK_GROUP_COUNT };

struct sk_groups {
	uint16_t number[SK_GROUP_COUNT][SK_RULES_GROUPS];
	uint8_t n[SK_GROUP_COUNT];
};

struct sk_part { /* one pattern as the file has it */
	char *name, *text;
	unsigned line;
};

struct sk_rule {
	struct sk_part pattern, item;
	char *before;   /* put before every spec; NULL: nothing */
	char *fixed;    /* the name of every import; NULL: what the groups say */
	char *tree;     /* the separator of a nested list a::{b, c::{d}}; NULL: no such list */
	char *embedded; /* the list is text of this language; NULL */
	uint8_t kind;
	bool squeeze, type_only;
	/* compiled */
	const struct sk_language *language;
	uint16_t whole; /* the group around the rule */
	struct sk_groups groups, item_groups;
	pcre2_code *item_code;
};

/* What one match needs; taken from the rules' pool and put back, so that threads share no state. */
struct sk_scratch {
	struct sk_scratch *next;
	pcre2_match_data *data, *item_data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

struct sk_rules {
	struct sk_part define[SK_RULES_DEFINES], skip, begin;
	size_t n_defines;
	struct sk_rule rule[SK_RULES_MAX];
	size_t n;
	pcre2_code *code;
	uint32_t max_groups;  /* of any item pattern */
	pthread_mutex_t lock; /* of what follows */
	bool jitted;
	struct sk_scratch *pool;
};

struct sk_rules *sk_rules_new(void); /* NULL: out of memory */
void sk_rules_free(struct sk_rules *rules);

/* Compiles without JIT.  SK_EUSAGE with a message, and `*line`, when a pattern is wrong. */
int sk_rules_compile(struct sk_rules *rules, unsigned *line);

/* The first call has the patterns JIT-compiled; where the system cannot, they are interpreted. */
int sk_rules_take(struct sk_rules *rules, struct sk_scratch **out);
void sk_rules_give(struct sk_rules *rules, struct sk_scratch *scratch);

#endif
