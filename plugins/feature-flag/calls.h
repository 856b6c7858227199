/* calls.h - where code asks for a flag by name, found by patterns (PCRE2).
 *
 * A pattern's first group that takes part is the name.  [plugin "feature-flag"] calls is for names
 * of flags, env_calls for names of variables; each replaces the built-in one, and empty is none.
 * Built in are, for `calls`: FEATURES["name"], FEATURES.get("name"), OpenFeature's
 * getBooleanValue("name") and the like in all casings, and `git sk flag get name`; for `env_calls`:
 * none, as a variable is a flag's only by convention.  A pattern that takes too many steps in a
 * file is given up there. */
#ifndef FEATURE_FLAG_CALLS_H
#define FEATURE_FLAG_CALLS_H

#include <safekeep/plugin.h>

#include "flags.h"

struct calls;

/* SKP_EUSAGE: a pattern is wrong, or has no group. */
int calls_new(struct skp_host *host, struct calls **out);

/* `env`: it is the name of a variable. */
typedef void call_fn(void *ctx, const char *name, size_t len, size_t at, bool env);
/* False: a pattern was given up. */
bool calls_find(const struct calls *calls, const char *text, size_t len, call_fn *fn, void *ctx);

#endif
