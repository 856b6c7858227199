/* trust.h - which contents of the project's own .safekeep.ini the user accepted.
 *
 * The record is SKDIR/trust: one line for each accepted content, the SHA-256 of its bytes in hex, a
 * blank, and the file's path for people to read.  SHA-256 and not git's SHA-1, because whoever
 * writes the file could prepare two contents with the same SHA-1. */
#ifndef SK_REPO_TRUST_H
#define SK_REPO_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#define SK_TRUST_FILE "trust"

/* Whether the record accepts these bytes; false when it cannot be read. */
bool sk_trust_has(const char *record, const void *data, size_t len);
/* Accepts them from now on: written in one step, mode 0600.  `path` is for people.  The folder has
 * to be there. */
int sk_trust_add(const char *record, const char *path, const void *data, size_t len);
/* Nothing is accepted any more. */
int sk_trust_revoke(const char *record);

#endif
