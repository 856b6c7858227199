#include "name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* git takes no dot at the beginning and the end of a component, no two of them, and no ".lock" at
 * the end. */
static bool plain(const char *path, size_t at)
{
	unsigned char c = (unsigned char)path[at];

	if (c == '.')
		return at > 0 && path[at - 1] != '/' && path[at - 1] != '.' && path[at + 1] &&
		       path[at + 1] != '/' &&
		       !(strncmp(path + at, ".lock", 5) == 0 &&
		         (!path[at + 5] || path[at + 5] == '/'));
	return c < 128 && (isalnum(c) || strchr("/_+=,-", c) != NULL);
}

char *conf_name_code(const char *path, bool *fits)
{
	char *out, *at, *part;

	path += strspn(path, "/");
	*fits = true;
	out = malloc(3 * strlen(path) + 1);
	if (!out)
		return NULL;
	at = part = out;
	for (size_t i = 0; path[i]; i++) {
		if (plain(path, i))
			*at++ = path[i];
		else
			at += sprintf(at, "%%%02X", (unsigned char)path[i]);
		if (path[i] == '/')
			part = at;
		if (at - part > CONF_NAME_PART || at - out > CONF_NAME_MAX)
			*fits = false;
	}
	*at = '\0';
	return out;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *conf_name_decode(const char *name)
{
	char *out = malloc(strlen(name) + 1), *at = out;

	for (; out && *name && *name != '@'; name++) {
		if (*name != '%') {
			*at++ = *name;
			continue;
		}
		if (digit(name[1]) < 0 || digit(name[2]) < 0 ||
		    (name[1] == '0' && name[2] == '0')) {
			free(out);
			return NULL;
		}
		*at++ = (char)(digit(name[1]) * 16 + digit(name[2]));
		name += 2;
	}
	if (out)
		*at = '\0';
	return out;
}
