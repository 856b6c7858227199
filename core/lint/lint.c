#include "lint/lint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lint/lint_parts.h"

#define IGNORE "sk:ignore"

const char *sk_severity_name(enum sk_severity severity)
{
	return severity == SK_LINT_BLOCK ? "block" : "warn";
}

void sk_findings_clear(struct sk_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		struct sk_finding *f = &findings->item[i];

		free(f->rule);
		free(f->path);
		free(f->message);
		free(f->remedy);
		free(f->commit);
	}
	free(findings->item);
	*findings = (struct sk_findings){ 0 };
}

static int add(struct sk_findings *out, const char *rule, enum sk_severity severity,
               const struct sk_found_at *at, const char *message, const char *remedy)
{
	struct sk_finding f = { .severity = severity, .line = at->line, .column = at->column };

	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 16;
		struct sk_finding *item = reallocarray(out->item, cap, sizeof *item);

		if (!item)
			return sk_error_oom();
		out->item = item;
		out->cap = cap;
	}
	f.rule = strdup(rule);
	f.path = strdup(at->path);
	f.message = strdup(message);
	f.remedy = strdup(remedy);
	f.commit = at->commit ? strdup(at->commit) : NULL;
	out->item[out->n++] = f;
	if (!f.rule || !f.path || !f.message || !f.remedy || (at->commit && !f.commit))
		return sk_error_oom();
	if (severity == SK_LINT_BLOCK)
		out->blocks++;
	else
		out->warns++;
	return 0;
}

/* The text of line `number`, NULL when there is none. */
static const char *line_at(const char *text, size_t len, uint32_t number, size_t *n)
{
	const char *p = text, *end = text + len, *eol;

	for (uint32_t i = 1; i < number; i++) {
		eol = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		if (!eol)
			return NULL;
		p = eol + 1;
	}
	eol = memchr(p, '\n', (size_t)(end - p));
	*n = (size_t)((eol ? eol : end) - p);
	return p;
}

enum excuse { NONE, NO_REASON, EXCUSED };

/* "sk:ignore RULE why it is fine": three letters at least make a reason. */
static enum excuse read_excuse(const char *line, size_t len, const char *rule)
{
	const char *p = memmem(line, len, IGNORE, sizeof IGNORE - 1), *end = line + len;
	size_t n = strlen(rule), letters = 0;

	if (!p)
		return NONE;
	for (p += sizeof IGNORE - 1; p < end && (isblank((unsigned char)*p) || *p == ':'); p++)
		;
	if ((size_t)(end - p) < n || memcmp(p, rule, n) != 0 ||
	    (p + n < end && (isalnum((unsigned char)p[n]) || p[n] == '-')))
		return NONE;
	for (p += n; p < end; p++)
		letters += isalpha((unsigned char)*p) || (*p & 0x80);
	return letters >= 3 ? EXCUSED : NO_REASON;
}

/* On the lines that are judged, or on the one before them. */
static enum excuse find_excuse(const struct sk_found_at *at, const char *rule, uint32_t *where)
{
	uint32_t last = at->last_line > at->line ? at->last_line : at->line;
	enum excuse best = NONE;

	if (!at->text || !at->line || !memmem(at->text, at->len, IGNORE, sizeof IGNORE - 1))
		return NONE;
	for (uint32_t i = at->line > 1 ? at->line - 1 : 1; best != EXCUSED && i <= last; i++) {
		size_t n = 0;
		const char *line = line_at(at->text, at->len, i, &n);
		enum excuse e = line ? read_excuse(line, n, rule) : NONE;

		if (!line)
			break;
		if (e > best) {
			best = e;
			*where = i;
		}
	}
	return best;
}

int sk_lint_report(struct sk_findings *out, const char *rule, enum sk_severity severity,
                   const struct sk_found_at *at, const char *remedy, const char *fmt, ...)
{
	struct sk_buf words = SK_BUF_INIT, message = SK_BUF_INIT;
	struct sk_found_at there = *at;
	enum excuse excuse = find_excuse(at, rule, &there.line);
	char text[1024];
	va_list ap;
	int rc = 0;

	if (excuse == EXCUSED)
		return 0;
	if (excuse == NO_REASON) {
		(void)sk_buf_addf(&words, "'" IGNORE " %s' without a reason is not heeded", rule);
		there.column = 0;
		rc = sk_buf_ok(&words);
		if (!rc)
			rc = add(out, "ignore-without-reason", SK_LINT_WARN, &there, words.ptr,
			         "say after the rule's name why it is fine here");
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!rc)
		rc = sk_add_text(&message, text, strlen(text));
	if (!rc)
		rc = add(out, rule, severity, at, message.ptr, remedy);
	sk_buf_free(&words);
	sk_buf_free(&message);
	return rc;
}

static int by_place(const void *a, const void *b)
{
	const struct sk_finding *x = a, *y = b;
	int cmp = strcmp(x->path, y->path);

	if (!cmp && x->line != y->line)
		cmp = x->line < y->line ? -1 : 1;
	if (!cmp)
		cmp = strcmp(x->rule, y->rule);
	if (!cmp && x->column != y->column)
		cmp = x->column < y->column ? -1 : 1;
	return cmp;
}

static void clear(struct sk_linting *l)
{
	sk_lint_files_clear(&l->files);
	for (size_t i = 0; i < l->n_commits; i++)
		sk_lint_files_clear(&l->commit[i].files);
	free(l->commit);
}

int sk_lint(struct sk_repo *repo, const struct sk_lint_options *options, struct sk_findings *out)
{
	struct sk_linting l = { .repo = repo, .opts = options, .out = out };
	unsigned checks = options->checks ? options->checks : SK_LINT_ALL;
	int rc = sk_lint_collect(&l);

	if (!rc)
		out->files += l.files.n;
	if (!rc && (checks & SK_LINT_SECRETS))
		rc = sk_lint_secrets(&l);
	if (!rc && (checks & SK_LINT_MIGRATIONS))
		rc = sk_lint_migrations(&l);
	if (!rc && (checks & SK_LINT_REMOVALS))
		rc = sk_lint_removals(&l);
	clear(&l);
	if (!rc && out->n)
		qsort(out->item, out->n, sizeof *out->item, by_place);
	return rc;
}
