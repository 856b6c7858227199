/* name.h - a path as a part of a ref's name.
 *
 * Letters, digits and _ + = , - stand for themselves, and so does a dot where git takes it; every
 * other byte is %XX.  '@' is never plain, so that "NAME@STAMP" is unambiguous. */
#ifndef CONF_NAME_H
#define CONF_NAME_H

#include <stdbool.h>

#define CONF_NAME_PART 200 /* bytes of a coded component; git adds ".lock" */
#define CONF_NAME_MAX 1000 /* of it all */

/* "/etc/x" or "a/b" without its leading slash; NULL: out of memory.  *fits false: too long. */
char *conf_name_code(const char *path, bool *fits);
/* Back, up to '@' or the end; NULL: it is no such name, or out of memory. */
char *conf_name_decode(const char *name);

#endif
