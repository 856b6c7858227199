/* cache.h - what files import, by blob: SKLOCAL/imports.
 *
 * A record is found by (blob id, the language that the path alone tells) and holds the language
 * that it turned out to be and the imports as written.  It is good for ever, as long as the rules
 * of that language are the same; a language's records under other rules are not seen.
 *
 * The file is replaced in one step, by whoever saves last.  Its tables have a checksum that is
 * checked when it is opened, each record one of its own that is checked when it is read: damage
 * costs the time to read again, never a wrong answer.  Bounded: records that no graph asked for
 * lately are left out when there are more of them than of the others, or more than 256 MiB in all.
 *
 * Layout (native byte order; it never leaves the machine): header, languages, records sorted by
 * blob id, texts. */
#ifndef SK_IMPACT_CACHE_H
#define SK_IMPACT_CACHE_H

#include "base/oid.h"
#include "impact/extract.h"
#include "impact/language.h"

struct sk_imports_cache;

/* Fails for want of memory only.  `path` may be missing or NULL: an empty one. */
int sk_imports_cache_open(const char *path, const struct sk_languages *languages,
                          struct sk_imports_cache **out);
void sk_imports_cache_close(struct sk_imports_cache *cache);

struct sk_cached {
	struct sk_imports
	        imports; /* its strings lie in the cache; sk_cached_clear before closing */
	const struct sk_language *language; /* NULL: none */
	bool unread;
};

/* SK_ENO: not known.  `hint` NULL: the path tells nothing. */
int sk_imports_cache_get(struct sk_imports_cache *cache, const struct sk_oid *blob,
                         const struct sk_language *hint, struct sk_cached *out);
void sk_cached_clear(struct sk_cached *cached);
/* A new record, copied. */
int sk_imports_cache_put(struct sk_imports_cache *cache, const struct sk_oid *blob,
                         const struct sk_language *hint, const struct sk_language *language,
                         const struct sk_imports *imports, bool unread);
/* How many were put. */
size_t sk_imports_cache_fresh(const struct sk_imports_cache *cache);
/* Writes what is there and was put; a failure is not the caller's trouble. */
void sk_imports_cache_save(struct sk_imports_cache *cache, const char *path);

#endif
