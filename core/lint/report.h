/* report.h - adding findings, and what excuses them; for the checks of this room and for release,
 * which judges whole trees by the same words. */
#ifndef SK_LINT_REPORT_H
#define SK_LINT_REPORT_H

#include "lint/lint.h"
#include "lint/secrets.h"

struct sk_found_at {
	const char *path;
	uint32_t line, column;
	const char *commit; /* NULL: none */
	const char *text;   /* the file's bytes, for "sk:ignore"; NULL: none */
	size_t len;
	uint32_t last_line; /* of what is judged; 0: line */
};

/* Adds one finding, unless a comment beside it says "sk:ignore RULE" and why; one without a reason
 * is a finding itself. */
int sk_lint_report(struct sk_findings *out, const char *rule, enum sk_severity severity,
                   const struct sk_found_at *at, const char *remedy, const char *fmt, ...)
        SK_PRINTF(6, 7);

/* .gitleaksignore: the lines of one that excuse, to the end of `out`. */
#define SK_EXCUSES_FILE ".gitleaksignore"
int sk_excuses_read(struct sk_buf *text, struct sk_strv *out); /* cuts `text` into lines */
/* FILE:RULE:LINE, or with COMMIT: before it, as gitleaks writes its fingerprints. */
int sk_excuses_have(const struct sk_strv *excuses, const char *path, const char *commit,
                    const struct sk_secret *secret, bool *out);

/* What to do about a secret, and the column of a place in a text, from 1. */
#define SK_SECRET_REMEDY                                                                           \
	"take it out and load it from the environment or a secret store; if it was ever pushed, "  \
	"revoke it"
uint32_t sk_column_of(const char *text, size_t offset);

#endif
