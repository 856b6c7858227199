/* extract_list.h - the imports of a file while they are found: each once, strings as offsets. */
#ifndef SK_IMPACT_EXTRACT_LIST_H
#define SK_IMPACT_EXTRACT_LIST_H

#include "impact/extract.h"

enum { SK_IMPORTS_MAX = 200000, SK_IMPORT_SPEC_MAX = 4096, SK_IMPORT_TEXT_MAX = 64 << 20 };

struct sk_found {
	const char *spec, *name; /* bytes, not yet terminated; name NULL: none */
	size_t spec_len, name_len;
	uint32_t line;
	uint8_t kind;
	bool type_only;
};

struct sk_listed {
	size_t spec, name; /* offsets into text; SIZE_MAX: none */
	uint32_t hash, line;
	uint8_t kind;
	bool type_only;
};

struct sk_found_list {
	struct sk_listed *item;
	uint32_t *slot; /* hash table of index + 1 */
	size_t n, cap, slots;
	struct sk_buf text;
	bool cut;
};

/* One that is there already only loses `type_only` when this one has not got it.  Empty, too long
 * or with a NUL byte: not taken, and `cut` but for the empty one. */
int sk_list_add(struct sk_found_list *list, const struct sk_found *found);
int sk_list_finish(struct sk_found_list *list, struct sk_imports *out);
void sk_found_free(struct sk_found_list *list);

#endif
