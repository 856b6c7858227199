/* jsonc_parts.h - what reading and changing share. */
#ifndef SK_AGENT_JSONC_PARTS_H
#define SK_AGENT_JSONC_PARTS_H

#include <stddef.h>

/* Past blanks and comments; stops at a comment that does not end. */
size_t sk_jsonc_skip(const char *text, size_t at, size_t len);

#endif
