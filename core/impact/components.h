/* components.h - the parts of a project that its configuration names.
 *
 *   [components]
 *   authentication = user_model, jwt_service     ; it depends on these
 *   [component "authentication"]
 *   paths = src/auth/ **, include/auth.h          ; gitignore's patterns; no paths: a name only
 *
 * A component that is only named on the right side is one too.  A file may be part of several. */
#ifndef SK_IMPACT_COMPONENTS_H
#define SK_IMPACT_COMPONENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "repo/config.h"

struct sk_components;

struct sk_component_set { /* names in order of the configuration, owned by the components */
	const char **name;
	uint32_t *distance; /* 0: named or touched itself; n: n steps along [components] */
	size_t n;
};
void sk_component_set_clear(struct sk_component_set *set);

/* Never fails for what the configuration says; there may be none. */
int sk_components_new(const struct sk_config *config, struct sk_components **out);
void sk_components_free(struct sk_components *components);
size_t sk_components_count(const struct sk_components *components);
const char *sk_components_name(const struct sk_components *components, size_t i);
/* The number of the component called so, or of one word different in case, "-" for "_"; -1. */
long sk_components_find(const struct sk_components *components, const char *name);
bool sk_components_has(const struct sk_components *components, size_t i, const char *path);
/* The direct dependencies of number i. */
size_t sk_components_needs(const struct sk_components *components, size_t i, const size_t **out);

/* Those that have one of the paths, at distance 0. */
int sk_components_of(const struct sk_components *components, const char *const *path, size_t n,
                     struct sk_component_set *out);
/* Those that depend on one of `from`, directly or not; `from` itself is left out.  Cycles are fine.
 */
int sk_components_dependents(const struct sk_components *components,
                             const struct sk_component_set *from, struct sk_component_set *out);

#endif
