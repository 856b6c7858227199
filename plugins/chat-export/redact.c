#include "redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#define HASH_SHOWN 16 /* bytes of the SHA-256 of an image */

static int oom(struct chat_redactor *r)
{
	return r->host->error(r->host, SKP_EIO, "out of memory");
}

static int look(struct chat_redactor *r, const char *s, size_t n, struct skp_secret **found,
                size_t *n_found)
{
	char *out = NULL;
	size_t len;
	int rc;

	rc = r->host->redact(r->host, s, n, &out, &len, found, n_found);
	if (!rc)
		r->host->release(r->host, out);
	return rc;
}

int chat_redactor_init(struct skp_host *host, struct chat_redactor *out)
{
	struct skp_secret *found = NULL;
	size_t n;

	memset(out, 0, sizeof *out);
	out->host = host;
	if (look(out, "x", 1, &found, &n))
		return host->error(host, SKP_EREFUSED, "no conversation is archived: %s",
		                   host->message(host));
	host->release(host, found);
	if (!(host->features & SKP_CAN_REDACT))
		return host->error(host, SKP_EREFUSED,
		                   "no conversation is archived: this git-sk cannot look for "
		                   "secrets");
	return 0;
}

void chat_redactor_free(struct chat_redactor *r)
{
	chat_buf_free(&r->scratch);
	chat_buf_free(&r->with);
	free(r->span);
	memset(r, 0, sizeof *r);
}

/* Adds s[0..n) to `out`, what was found between `at` and `at + n` of the text that was looked at
 * replaced. */
static size_t replace(const struct skp_secret *found, size_t n_found, const char *s, size_t at,
                      size_t n, struct chat_buf *out)
{
	size_t done = 0, hits = 0;

	for (size_t i = 0; i < n_found; i++) {
		size_t begin = found[i].offset > at ? found[i].offset - at : 0;
		size_t end = found[i].offset + found[i].len;

		if (end <= at || begin >= n)
			continue;
		end = end - at < n ? end - at : n;
		if (begin < done)
			begin = done;
		(void)chat_buf_add(out, s + done, begin - done);
		(void)chat_buf_addf(out, "[REDACTED:%s]", found[i].rule);
		done = end;
		hits++;
	}
	(void)chat_buf_add(out, s + done, n - done);
	return hits;
}

int chat_redact_text(struct chat_redactor *r, const char *s, size_t n, struct chat_buf *out)
{
	struct skp_secret *found = NULL;
	size_t n_found = 0;
	int rc = n ? look(r, s, n, &found, &n_found) : 0;

	if (!rc) {
		(void)replace(found, n_found, s, 0, n, out);
		if (chat_buf_ok(out))
			rc = oom(r);
	}
	if (n && !rc)
		r->host->release(r->host, found);
	return rc;
}

/* Units */

static int collect(void *arg, struct chat_text text, struct chat_text *with)
{
	struct chat_redactor *r = arg;

	(void)with;
	if (r->n_spans == r->cap_spans) {
		size_t cap = r->cap_spans ? 2 * r->cap_spans : 64;
		struct chat_span *grown = realloc(r->span, cap * sizeof *grown);

		if (!grown)
			return oom(r);
		r->span = grown;
		r->cap_spans = cap;
	}
	r->span[r->n_spans++] = (struct chat_span){ r->scratch.n, text.n };
	(void)chat_buf_add(&r->scratch, text.s, text.n);
	return chat_buf_addc(&r->scratch, '\n') ? oom(r) : 0;
}

/* The same strings in the same order, those with findings replaced. */
static int apply(void *arg, struct chat_text text, struct chat_text *with)
{
	struct chat_redactor *r = arg;
	size_t i = r->next++;

	if (i >= r->n_spans || r->span[i].n != text.n)
		return r->host->error(r->host, SKP_EIO, "a log changed while it was read");
	chat_buf_clear(&r->with);
	if (!replace(r->found, r->n_found, text.s, r->span[i].at, text.n, &r->with))
		return 0;
	if (chat_buf_ok(&r->with))
		return oom(r);
	*with = (struct chat_text){ r->with.s, r->with.n };
	return 0;
}

/* SHA-256 of what base64 stands for; 0 when it is none. */
static int hash_image(const char *s, size_t n, char out[2 * HASH_SHOWN + 1], uint64_t *bytes)
{
	struct base64_decode_ctx decode;
	struct sha256_ctx sha;
	uint8_t piece[3072], digest[HASH_SHOWN];

	base64_decode_init(&decode);
	sha256_init(&sha);
	*bytes = 0;
	while (n) {
		size_t take = n < 4000 ? n : 4000, len = sizeof piece;

		if (!base64_decode_update(&decode, &len, piece, take, s))
			return 0;
		sha256_update(&sha, len, piece);
		*bytes += len;
		s += take;
		n -= take;
	}
	sha256_digest(&sha, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return 1;
}

static int drop_image(void *arg, const struct chat_image *image, struct chat_text *with)
{
	struct chat_redactor *r = arg;
	const char *data = image->data.s;
	char hash[2 * HASH_SHOWN + 1];
	size_t n = image->data.n;
	uint64_t bytes = image->bytes;
	const char *comma = n > 5 && memcmp(data, "data:", 5) == 0 ? memchr(data, ',', n) : NULL;

	if (comma) {
		n -= (size_t)(comma + 1 - data);
		data = comma + 1;
	}
	chat_buf_clear(&r->with);
	(void)chat_buf_adds(&r->with, "[image ");
	for (size_t i = 0; i < image->mime.n && i < 60; i++) {
		char c = image->mime.s[i];

		(void)chat_buf_addc(&r->with, c > ' ' && c < 0x7f && c != '"' ? c : '_');
	}
	if (n && hash_image(data, n, hash, &bytes))
		(void)chat_buf_addf(&r->with, ", %llu bytes, sha256 %s]", (unsigned long long)bytes,
		                    hash);
	else
		(void)chat_buf_addf(&r->with, ", %llu bytes]", (unsigned long long)image->bytes);
	r->images++;
	*with = (struct chat_text){ r->with.s, r->with.n };
	return chat_buf_ok(&r->with) ? oom(r) : 0;
}

int chat_unescape(const char *s, size_t n, struct chat_buf *out)
{
	static const char from[] = "nrtbf/\"\\", to[] = "\n\r\t\b\f/\"\\";

	for (size_t i = 0; i < n; i++) {
		const char *at = NULL;
		unsigned code;

		if (s[i] == '\\' && i + 5 < n && s[i + 1] == 'u' &&
		    sscanf(s + i + 2, "%4x", &code) == 1 && code && code < 0x80) {
			(void)chat_buf_addc(out, (char)code);
			i += 5;
			continue;
		}
		if (s[i] == '\\' && i + 1 < n && s[i + 1])
			at = strchr(from, s[i + 1]);
		if (at)
			i++;
		(void)chat_buf_addc(out, at ? to[at - from] : s[i]);
	}
	return chat_buf_ok(out);
}

static int as_text(struct chat_redactor *r, const struct chat_unit *unit, struct chat_buf *line,
                   size_t *secrets)
{
	struct chat_buf plain = { 0 }, text = { 0 };
	struct skp_secret *found = NULL;
	const char *s = unit->raw.s;
	size_t n = unit->raw.n, n_found = 0;
	int rc = chat_unescape(s, n, &plain) ? oom(r) : 0;

	if (!rc)
		rc = look(r, chat_buf_str(&plain), plain.n, &found, &n_found);
	if (!rc && n_found)
		s = plain.s, n = plain.n;
	if (!rc && !n_found) {
		r->host->release(r->host, found);
		rc = look(r, s, n, &found, &n_found);
	}
	if (!rc) {
		(void)replace(found, n_found, s, 0, n, &text);
		(void)chat_buf_addc(line, '{');
		(void)chat_buf_field(line, "text", chat_buf_str(&text), text.n);
		(void)chat_buf_addc(line, '}');
		*secrets = n_found;
		r->secrets += n_found;
		if (chat_buf_ok(&text) || chat_buf_ok(line))
			rc = oom(r);
	}
	if (!rc)
		r->host->release(r->host, found);
	chat_buf_free(&plain);
	chat_buf_free(&text);
	return rc;
}

/* A document over several lines becomes one line: within JSON strings there are no newlines. */
static void one_line(struct chat_buf *line)
{
	for (size_t i = 0; i < line->n; i++)
		if (line->s[i] == '\n' || line->s[i] == '\r')
			line->s[i] = ' ';
}

static int rewrite(struct chat_redactor *r, const struct chat_unit *unit, struct chat_buf *line,
                   int (*text)(void *arg, struct chat_text text, struct chat_text *with))
{
	struct chat_rewrite by = { r, text, drop_image };
	struct chat_error err = { 0, "" };
	char *out = NULL;
	size_t len = 0;
	int rc = chat_unit_rewrite(unit, &by, &out, &len, &err);

	if (rc)
		return err.code ? r->host->error(r->host, rc, "%s", err.text) : rc;
	(void)chat_buf_add(line, out ? out : unit->raw.s, out ? len : unit->raw.n);
	free(out);
	one_line(line);
	return chat_buf_ok(line) ? oom(r) : 0;
}

int chat_redact_unit(struct chat_redactor *r, const struct chat_unit *unit, struct chat_buf *line,
                     size_t *secrets)
{
	struct skp_secret *found = NULL;
	uint64_t images = r->images;
	int rc;

	chat_buf_clear(line);
	*secrets = 0;
	if (unit->damage == CHAT_TOO_LONG)
		return chat_buf_addf(line, "{\"safekeep\":\"too long\",\"length\":%llu}",
		                     (unsigned long long)unit->length)
		               ? oom(r)
		               : 0;
	if (!unit->tree)
		return as_text(r, unit, line, secrets);
	chat_buf_clear(&r->scratch);
	r->n_spans = 0;
	rc = rewrite(r, unit, line, collect);
	if (!rc)
		rc = look(r, chat_buf_str(&r->scratch), r->scratch.n, &found, secrets);
	if (rc)
		return rc;
	if (*secrets) {
		r->found = found;
		r->n_found = *secrets;
		r->next = 0;
		r->images = images;
		r->secrets += *secrets;
		chat_buf_clear(line);
		rc = rewrite(r, unit, line, apply);
	}
	r->host->release(r->host, found);
	return rc;
}
