#include "redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

static int oom(struct chat_redactor *r)
{
	return r->host->error(r->host, SKP_EIO, "out of memory");
}

static int by_offset(const void *a, const void *b)
{
	const struct chat_find *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->n > y->n ? -1 : x->n < y->n;
}

static int note_find(struct chat_redactor *r, const char *rule, size_t at, size_t n)
{
	if (r->n_finds == r->cap_finds) {
		size_t cap = r->cap_finds ? 2 * r->cap_finds : 16;
		struct chat_find *grown = realloc(r->find, cap * sizeof *grown);

		if (!grown)
			return oom(r);
		r->find = grown;
		r->cap_finds = cap;
	}
	r->find[r->n_finds++] = (struct chat_find){ rule, at, n };
	return 0;
}

static void forget(struct chat_redactor *r)
{
	r->host->release(r->host, r->found);
	r->found = NULL;
	r->n_found = r->n_finds = 0;
}

/* What has to go from a text: r->find, by place, until the next look.  *secrets of them are no
 * images. */
static int look(struct chat_redactor *r, const char *s, size_t n, size_t *secrets)
{
	struct chat_image image;
	size_t at = 0, len;
	char *out = NULL;
	int rc;

	forget(r);
	rc = r->host->redact(r->host, s, n, &out, &len, &r->found, &r->n_found);
	if (rc)
		return rc;
	r->host->release(r->host, out);
	for (size_t i = 0; !rc && i < r->n_found; i++)
		rc = note_find(r, r->found[i].rule, r->found[i].offset, r->found[i].len);
	for (; !rc && chat_image_within(s, n, &at, &image); at += image.data.n)
		rc = note_find(r, NULL, at, image.data.n);
	if (r->n_finds)
		qsort(r->find, r->n_finds, sizeof *r->find, by_offset);
	*secrets = r->n_found;
	return rc;
}

int chat_redactor_init(struct skp_host *host, struct chat_redactor *out)
{
	size_t n;

	memset(out, 0, sizeof *out);
	out->host = host;
	if (look(out, "x", 1, &n))
		return host->error(host, SKP_EREFUSED, "no conversation is archived: %s",
		                   host->message(host));
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
	if (r->host)
		forget(r);
	free(r->find);
	memset(r, 0, sizeof *r);
}

/* Adds s[0..n) to `out`, what was found between `at` and `at + n` of the text that was looked at
 * replaced.  *images of it were images. */
static size_t replace(const struct chat_redactor *r, const char *s, size_t at, size_t n,
                      struct chat_buf *out, uint64_t *images)
{
	size_t done = 0, hits = 0;

	for (size_t i = 0; i < r->n_finds; i++) {
		const struct chat_find *f = &r->find[i];
		size_t begin = f->at > at ? f->at - at : 0;
		size_t end = f->at + f->n;

		if (end <= at || begin >= n)
			continue;
		end = end - at < n ? end - at : n;
		if (end <= done)
			continue;
		if (begin < done)
			begin = done;
		(void)chat_buf_add(out, s + done, begin - done);
		if (f->rule) {
			(void)chat_buf_addf(out, "[REDACTED:%s]", f->rule);
		} else {
			chat_image_note_of(s + begin, end - begin, out);
			*images += 1;
		}
		done = end;
		hits++;
	}
	(void)chat_buf_add(out, s + done, n - done);
	return hits;
}

int chat_redact_text(struct chat_redactor *r, const char *s, size_t n, struct chat_buf *out)
{
	uint64_t images = 0; /* they were counted with their unit */
	size_t secrets;
	int rc = n ? look(r, s, n, &secrets) : 0;

	if (rc || !n)
		return rc;
	(void)replace(r, s, 0, n, out, &images);
	return chat_buf_ok(out) ? oom(r) : 0;
}

int chat_redact_state(struct chat_redactor *r, const char *state, struct chat_buf *out)
{
	int rc = 0;

	for (const char *p = state; !rc && *p;) {
		size_t n = strcspn(p, "\t"), key = strcspn(p, "=\t");

		key += key < n;
		(void)chat_buf_add(out, p, key);
		rc = chat_redact_text(r, p + key, n - key, out);
		if (p[n])
			(void)chat_buf_addc(out, '\t');
		p += n + (p[n] != '\0');
	}
	return rc ? rc : chat_buf_ok(out) ? oom(r) : 0;
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
	if (!replace(r, text.s, r->span[i].at, text.n, &r->with, &r->images))
		return 0;
	if (chat_buf_ok(&r->with))
		return oom(r);
	*with = (struct chat_text){ r->with.s, r->with.n };
	return 0;
}

static int drop_image(void *arg, const struct chat_image *image, struct chat_text *with)
{
	struct chat_redactor *r = arg;

	chat_buf_clear(&r->with);
	chat_image_note(image, &r->with);
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
	const char *s = unit->raw.s;
	size_t n = unit->raw.n;
	int rc = chat_unescape(s, n, &plain) ? oom(r) : 0;

	if (!rc)
		rc = look(r, chat_buf_str(&plain), plain.n, secrets);
	if (!rc && *secrets)
		s = plain.s, n = plain.n;
	else if (!rc)
		rc = look(r, s, n, secrets);
	if (!rc) {
		(void)replace(r, s, 0, n, &text, &r->images);
		(void)chat_buf_addc(line, '{');
		(void)chat_buf_field(line, "text", chat_buf_str(&text), text.n);
		(void)chat_buf_addc(line, '}');
		r->secrets += *secrets;
		if (chat_buf_ok(&text) || chat_buf_ok(line))
			rc = oom(r);
	}
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
		rc = look(r, chat_buf_str(&r->scratch), r->scratch.n, secrets);
	if (rc || !r->n_finds)
		return rc;
	r->next = 0;
	r->images = images;
	r->secrets += *secrets;
	chat_buf_clear(line);
	return rewrite(r, unit, line, apply);
}
