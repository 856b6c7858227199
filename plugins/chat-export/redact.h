/* redact.h - what is taken out before anything is stored: secrets, by the host's rules, and images.
 *
 * Fails closed: when the rules cannot be had, or say that they failed on a text, nothing of that
 * text comes out, and the whole sync ends. */
#ifndef CHAT_REDACT_H
#define CHAT_REDACT_H

#include <safekeep/plugin.h>

#include "buf.h"
#include "sources.h"

struct chat_span { /* of the scratch: one string of a unit */
	size_t at, n;
};

struct chat_find {        /* that has to go */
	const char *rule; /* the host's; NULL: an image */
	size_t at, n;
};

struct chat_redactor {
	struct skp_host *host;
	uint64_t secrets, images; /* so many were replaced */
	struct chat_buf scratch;  /* all strings of a unit, a line each */
	struct chat_span *span;
	size_t n_spans, cap_spans, next;
	struct chat_buf with;
	struct skp_secret *found; /* of the last look, the host's */
	size_t n_found;
	struct chat_find *find; /* the same with images, by place */
	size_t n_finds, cap_finds;
};

/* SKP_EREFUSED: this host has no rules, or they cannot be loaded. */
int chat_redactor_init(struct skp_host *host, struct chat_redactor *out);
void chat_redactor_free(struct chat_redactor *r);

/* The unit as one JSON line without a newline, replacing what `line` had: secrets as
 * "[REDACTED:rule]", images by a placeholder with type, size and hash; text that is no JSON as
 * {"text": ...}; one that is too long as a note of that.  *secrets is how many there were. */
int chat_redact_unit(struct chat_redactor *r, const struct chat_unit *unit, struct chat_buf *line,
                     size_t *secrets);
/* A decoded text, to the end of `out`. */
int chat_redact_text(struct chat_redactor *r, const char *s, size_t n, struct chat_buf *out);

/* The same with the values of a parser's state ("KEY=VALUE", apart by tabs). */
int chat_redact_state(struct chat_redactor *r, const char *state, struct chat_buf *out);

/* Text that should have been JSON may hide a secret behind its escapes: as it would be decoded. */
int chat_unescape(const char *s, size_t n, struct chat_buf *out);

#endif
