/* export.h - flags in the forms that other programs read.  All text is escaped for its language. */
#ifndef FEATURE_FLAG_EXPORT_H
#define FEATURE_FLAG_EXPORT_H

#include <stdio.h>

#include <jansson.h>

#include <safekeep/plugin.h>

#include "flags.h"

struct item { /* a flag that can be used, and the value that it is to have */
	const struct flag *flag;
	const char *value;
};

void export_env(FILE *out, const struct item *item, size_t n);
void export_c(FILE *out, const struct item *item, size_t n);
/* Reads the variables when it is imported, as `flag get` does. */
void export_python(FILE *out, const struct item *item, size_t n);
json_t *export_json(const struct item *item, size_t n);
/* flagd's flag definitions, https://flagd.dev/schema/v0/flags.json: on and off for booleans, a
 * variant for the default and each environment otherwise; the value is the default variant.
 * Integers beyond 2^53 are none for it, and must not be given. */
json_t *export_flagd(const struct item *item, size_t n);
/* The OpenFeature CLI's manifest, schema/v0/flag-manifest.json of open-feature/cli. */
json_t *export_openfeature(const struct item *item, size_t n);

#endif
