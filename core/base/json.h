/* json.h - the few things that SafeKeep's JSON needs on top of jansson.  References: every
 * function that returns a json_t returns a new one, or NULL when out of memory. */
#ifndef SK_BASE_JSON_H
#define SK_BASE_JSON_H

#include <stddef.h>
#include <time.h>

#include <jansson.h>

/* A path: a string where it is UTF-8, otherwise {"bytes": base64}. */
json_t *sk_json_path(const char *path, size_t len);
json_t *sk_json_time(time_t t);         /* RFC 3339 UTC */
json_t *sk_json_text(const char *text); /* NULL gives null; bytes that are not UTF-8: as a path */
/* Prints one object and a newline on standard output and drops the reference; NULL is out of
 * memory.  SK_EIO when it cannot be written. */
int sk_json_print(json_t *object);

#endif
