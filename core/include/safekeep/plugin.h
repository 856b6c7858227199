/* safekeep/plugin.h - what a SafeKeep plugin is: a shared object with one exported symbol.
 *
 * The symbol is named by SK_PLUGIN_SYMBOL and is a constant struct sk_plugin.  A host compares
 * `magic`, then `abi_major` (must be equal to its own), `abi_minor` (must not be greater) and
 * `size` (at least as much as that minor version had), and reads nothing else before that.  Fields
 * are only ever added at the end, with a new minor version.
 *
 * A plugin is loaded from the installation's plugin folder, or from one that the user's own
 * configuration names, never from a repository; the file and all folders above it have to belong to
 * root or the user and be writable by nobody else.
 *
 * The header needs nothing but the C library, and may be used from C and C++.  While abi_major is 0
 * any release may change it. */
#ifndef SAFEKEEP_PLUGIN_H
#define SAFEKEEP_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SK_PLUGIN_MAGIC 0x534b504cu /* "SKPL" */
#define SK_PLUGIN_ABI_MAJOR 0u
#define SK_PLUGIN_ABI_MINOR 1u
#define SK_PLUGIN_SYMBOL "safekeep_plugin"

struct sk_plugin {
	uint32_t magic;     /* SK_PLUGIN_MAGIC */
	uint16_t abi_major; /* SK_PLUGIN_ABI_MAJOR of the header it was built with */
	uint16_t abi_minor; /* SK_PLUGIN_ABI_MINOR of it */
	uint32_t size;      /* sizeof(struct sk_plugin) of it */
	const char *name;   /* [a-z][a-z0-9-]*, at most 32: its part of refs/sk/ and its settings */
	const char *version; /* of the plugin itself, for people */
};

#ifdef __cplusplus
}
#endif

#endif
