/* definitions.h - the names that a source file defines for others, by rules in INI files.
 *
 * The INI files in SK_DATADIR/definitions, then those of the user (base/data.h); their keys are
 * described in config/definitions/README.md. */
#ifndef SK_LINT_DEFINITIONS_H
#define SK_LINT_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum sk_scope {
	SK_SCOPE_MODULE,  /* used by files that name this one */
	SK_SCOPE_PACKAGE, /* and by those of the same folder */
	SK_SCOPE_GLOBAL   /* by its name alone */
};

struct sk_definitions;    /* all languages */
struct sk_definitions_of; /* one of them */

struct sk_definition {
	const char *name; /* in the text, not terminated */
	size_t len;
	uint32_t line;
	bool local; /* no other file can use it: C's static, what JavaScript does not export */
};

struct sk_definition_list {
	struct sk_definition *item; /* in the order of the text */
	size_t n, cap;
};

int sk_definitions_load(struct sk_definitions **out);
void sk_definitions_free(struct sk_definitions *definitions);

/* By the file's name; NULL: none. */
const struct sk_definitions_of *sk_definitions_for(const struct sk_definitions *definitions,
                                                   const char *path);
enum sk_scope sk_definitions_scope(const struct sk_definitions_of *language);
/* Whether what begins here on a line makes the rest of the line a comment. */
bool sk_definitions_comment(const struct sk_definitions_of *language, const char *p, size_t len);
/* Adds those of the text.  Names that say nothing (too short, or of [names] skip) are left out.
 * SK_EIO: a limit was met, or no memory. */
int sk_definitions_list(const struct sk_definitions *definitions,
                        const struct sk_definitions_of *language, const char *path,
                        const char *text, size_t len, struct sk_definition_list *out);
void sk_definition_list_clear(struct sk_definition_list *list);

#endif
