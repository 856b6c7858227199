/* secrets.h - tokens and private keys in text, by rules in INI files.
 *
 * The INI files in SK_DATADIR/secrets, then those in $XDG_CONFIG_HOME/safekeep/secrets (a file of
 * the same name there replaces the one of the installation; never from a repository: a pattern is a
 * program).
 * The keys are described in config/secrets/README.md.  A rule is tried only where one of its
 * keywords stands, so that text without any costs one pass.
 *
 * It fails closed: one rule that cannot be read makes the whole set unusable, and one pattern that
 * meets its limits on a text makes that scan an error, because an answer with holes would pass for
 * "clean". */
#ifndef SK_LINT_SECRETS_H
#define SK_LINT_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct sk_secrets; /* the rules, compiled; read-only after loading, may be shared among threads */

struct sk_secret {
	const char *rule;   /* "github-pat"; owned by the rules */
	const char *title;  /* "GitHub personal access token"; the same */
	size_t offset, len; /* of the value, in bytes */
	uint32_t line;      /* from 1, where it starts */
};

struct sk_secret_list {
	struct sk_secret *item; /* in the order of the text; none lies within another */
	size_t n, cap;
};

/* SK_EIO or SK_EUSAGE with a message that names file and line. */
int sk_secrets_load(struct sk_secrets **out);
void sk_secrets_free(struct sk_secrets *secrets);
size_t sk_secrets_count(const struct sk_secrets *secrets);

/* Any bytes; text that a rule's `allow` or an inline "gitleaks:allow" excuses is left out.
 * SK_EIO: nothing may be concluded. */
int sk_secrets_scan(const struct sk_secrets *secrets, const char *bytes, size_t len,
                    struct sk_secret_list *out);
void sk_secret_list_clear(struct sk_secret_list *list);

/* The same text with each value as "[REDACTED:rule]", to the end of `out`; `n` counts them.  An
 * inline allowance does not count here: what is stored elsewhere is never the place to allow. */
int sk_secrets_redact(const struct sk_secrets *secrets, const char *bytes, size_t len,
                      struct sk_buf *out, size_t *n);
/* The same, and which they were: `found` is zeroed before, and to be cleared. */
int sk_secrets_redact_list(const struct sk_secrets *secrets, const char *bytes, size_t len,
                           struct sk_buf *out, struct sk_secret_list *found);

#endif
