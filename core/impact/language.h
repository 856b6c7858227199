/* language.h - the languages that imports are read from: rules in INI files, no code.
 *
 * The *.ini of SK_DATADIR/languages, then those of $XDG_CONFIG_HOME/safekeep/languages: a file of
 * the same name there replaces the one of the installation, a new one adds a language.  (Never from
 * a repository: a pattern is a program.)  The keys are described in config/languages/README.md. */
#ifndef SK_IMPACT_LANGUAGE_H
#define SK_IMPACT_LANGUAGE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/oid.h"

struct sk_language; /* one, its patterns compiled when first used; safe to share among threads after
                       that */

struct sk_languages; /* all of them */

/* Reads every file; one that is wrong is named in `problems` ("FILE:LINE: words") and left out.
 * Fails for want of memory, or when there is no language at all. */
int sk_languages_load(struct sk_strv *problems, struct sk_languages **out);
void sk_languages_free(struct sk_languages *languages);

/* By the file's name (extension or whole name, longest match), else by a "#!" line in the first
 * `size` bytes (may be NULL); NULL: none. */
const struct sk_language *sk_language_of(const struct sk_languages *languages, const char *path,
                                         const char *bytes, size_t size);
size_t sk_languages_count(const struct sk_languages *languages);
const struct sk_language *sk_languages_at(const struct sk_languages *languages, size_t i);

const char *sk_language_name(const struct sk_language *language); /* "python" */
const char *
sk_language_resolver(const struct sk_language *language); /* the rules of resolve.h: "python" */
/* Globs (wildmatch, comma separated in the file) of its test files: tests/test_*.py and such. */
const struct sk_strv *sk_language_tests(const struct sk_language *language);
/* Changes whenever the rules that decide what is extracted do: part of the cache's key. */
const struct sk_oid *sk_language_version(const struct sk_language *language);

#endif
