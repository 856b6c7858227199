/* list.h - names, comma-separated; for inject.c and nomem.c. */
#ifndef SK_FAULT_LIST_H
#define SK_FAULT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool in_list(const char *items, const char *item)
{
	size_t len = strlen(item);

	for (const char *p = items; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, item, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

#endif
