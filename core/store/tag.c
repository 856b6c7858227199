#include "store/tag.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store/entry.h"

/* The host's name as an address may have it. */
static void host_name(char out[65])
{
	size_t n = 0;

	if (gethostname(out, 64) < 0)
		out[0] = '\0';
	out[64] = '\0';
	for (size_t i = 0; out[i]; i++)
		if (isalnum((unsigned char)out[i]) || out[i] == '.' || out[i] == '-')
			out[n++] = out[i];
	out[n] = '\0';
	if (n == 0)
		memcpy(out, "localhost", sizeof "localhost");
}

int sk_ident_add(struct sk_buf *out, time_t when, bool utc)
{
	time_t at = when < 0 ? 0 : when; /* git's objects know no time before 1970 */
	struct tm tm = { 0 };
	char host[65];
	long minutes = 0;

	host_name(host);
	if (!utc && localtime_r(&at, &tm))
		minutes = tm.tm_gmtoff / 60;
	return sk_buf_addf(out, "SafeKeep <safekeep@%s> %lld %c%02ld%02ld", host, (long long)at,
	                   minutes < 0 ? '-' : '+', labs(minutes) / 60, labs(minutes) % 60);
}

static int add_header(struct sk_buf *out, const struct sk_oid *tree, const char *name, time_t when,
                      bool utc)
{
	int rc = sk_buf_addf(out, "object %s\ntype tree\ntag %s\ntagger ", sk_oid_str(tree), name);

	if (!rc)
		rc = sk_ident_add(out, when, utc);
	return rc ? rc : sk_buf_adds(out, "\n\n");
}

int sk_tag_plain(const struct sk_oid *tree, const char *name, const char *message,
                 struct sk_buf *out)
{
	int rc = add_header(out, tree, name, 0, true);

	return rc ? rc : sk_buf_adds(out, message);
}

static size_t key_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char)s[n]) || s[n] == '-'))
		n++;
	return n;
}

static int add_title(struct sk_buf *out, const char *title)
{
	int rc = 0;

	for (; title && *title && !rc; title++)
		rc = sk_buf_addc(out,
		                 (unsigned char)*title < 0x20 || *title == 0x7f ? ' ' : *title);
	return rc ? rc : sk_buf_adds(out, "\n\n");
}

/* Folds at every newline, so that a trailer never has an empty line: the last empty line of the
 * message is always the one before the trailers, whatever stands in the description. */
static int add_trailer(struct sk_buf *out, const char *key, const char *value)
{
	if (!*key || key_len(key, strlen(key)) != strlen(key))
		return sk_error(SK_EUSAGE, "'%s' cannot be the key of a trailer", sk_name(key));
	(void)sk_buf_addf(out, "%s: ", key);
	for (; *value; value++) {
		(void)sk_buf_addc(out, *value);
		if (*value == '\n')
			(void)sk_buf_addc(out, ' ');
	}
	return sk_buf_addc(out, '\n');
}

int sk_tag_format(const struct sk_entry *e, struct sk_buf *out)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = add_header(&text, &e->tree, e->id, e->created, false);

	if (!rc)
		rc = add_title(&text, e->title);
	if (!rc && e->description && *e->description)
		rc = sk_buf_addf(&text, "%s\n\n", e->description);
	if (!rc && !sk_entry_get(e, "Sk-Kind"))
		rc = add_trailer(&text, "Sk-Kind", sk_kind_name(e->kind));
	for (size_t i = 0; i < e->n_trailers && !rc; i++)
		rc = add_trailer(&text, e->trailer[i].key, e->trailer[i].value);
	if (!rc)
		rc = sk_buf_add(out, text.ptr, text.len);
	sk_buf_free(&text);
	return rc;
}

struct cursor {
	const char *at, *end;
};

/* The rest of the next line after `word` and a space; false when the line is another. */
static bool take_line(struct cursor *c, const char *word, const char **text, size_t *len)
{
	size_t wlen = strlen(word);
	const char *nl = memchr(c->at, '\n', (size_t)(c->end - c->at));

	if (!nl || (size_t)(nl - c->at) <= wlen || memcmp(c->at, word, wlen) != 0 ||
	    c->at[wlen] != ' ')
		return false;
	*text = c->at + wlen + 1;
	*len = (size_t)(nl - *text);
	c->at = nl + 1;
	return true;
}

/* "NAME <MAIL> EPOCH ZONE" */
static bool parse_tagger(const char *text, size_t len, time_t *out)
{
	const char *mail = memrchr(text, '>', len), *end = text + len;
	long long t = 0;
	size_t digits = 0;

	if (!mail || end - mail < 3 || mail[1] != ' ')
		return false;
	for (mail += 2; mail < end && isdigit((unsigned char)*mail) && digits < 18; mail++) {
		t = t * 10 + (*mail - '0');
		digits++;
	}
	if (!digits || mail == end || *mail != ' ')
		return false;
	*out = (time_t)t;
	return true;
}

static int parse_header(struct cursor *c, struct sk_entry *e)
{
	const char *text;
	size_t len;

	if (!take_line(c, "object", &text, &len) || len != SK_OID_HEX ||
	    !sk_oid_parse(text, &e->tree))
		return sk_error(SK_EDAMAGED, "the tag names no object");
	if (!take_line(c, "type", &text, &len))
		return sk_error(SK_EDAMAGED, "the tag has no type");
	if (len != 4 || memcmp(text, "tree", 4) != 0)
		return sk_error(SK_EDAMAGED, "the tag points to a %.*s, not to a tree",
		                len < 16 ? (int)len : 16, text);
	if (!take_line(c, "tag", &text, &len))
		return sk_error(SK_EDAMAGED, "the tag has no name");
	e->id = strndup(text, len);
	if (!e->id)
		return sk_error_oom();
	if (!take_line(c, "tagger", &text, &len) || !parse_tagger(text, len, &e->created))
		return sk_error(SK_EDAMAGED, "the tag has no time");
	while (c->at < c->end && *c->at != '\n') { /* headers of later versions of git */
		const char *nl = memchr(c->at, '\n', (size_t)(c->end - c->at));

		if (!nl)
			break;
		c->at = nl + 1;
	}
	if (c->at == c->end || *c->at != '\n')
		return sk_error(SK_EDAMAGED, "the tag has no message");
	c->at++;
	return 0;
}

static int set_trailer(struct sk_entry *e, const char *key, size_t klen, struct sk_buf *value)
{
	struct sk_trailer *grown = realloc(e->trailer, (e->n_trailers + 1) * sizeof *grown);
	struct sk_trailer t;

	if (!grown)
		return sk_error_oom();
	e->trailer = grown;
	t.key = strndup(key, klen);
	t.value = sk_buf_detach(value);
	if (!t.key || !t.value) {
		free(t.key);
		free(t.value);
		return sk_error_oom();
	}
	e->trailer[e->n_trailers++] = t;
	return 0;
}

static int parse_trailers(struct cursor c, struct sk_entry *e)
{
	struct sk_buf value = SK_BUF_INIT;
	int rc = 0;

	while (c.at < c.end && !rc) {
		const char *key = c.at, *nl;
		size_t klen = key_len(c.at, (size_t)(c.end - c.at));

		if (!klen || key + klen == c.end || key[klen] != ':') {
			rc = sk_error(SK_EDAMAGED, "the tag's message does not end in trailers");
			break;
		}
		c.at += klen + 1;
		if (c.at < c.end && *c.at == ' ')
			c.at++;
		for (;;) {
			nl = memchr(c.at, '\n', (size_t)(c.end - c.at));
			rc = sk_buf_add(&value, c.at, (size_t)((nl ? nl : c.end) - c.at));
			c.at = nl ? nl + 1 : c.end;
			if (rc || c.at == c.end || *c.at != ' ')
				break;
			(void)sk_buf_addc(&value, '\n'); /* unfold */
			c.at++;
		}
		if (!rc)
			rc = set_trailer(e, key, klen, &value);
	}
	sk_buf_free(&value);
	return rc;
}

static int parse_message(struct cursor c, struct sk_entry *e)
{
	const char *nl = memchr(c.at, '\n', (size_t)(c.end - c.at)), *sep = NULL, *body;

	if (!nl || nl + 1 == c.end || nl[1] != '\n')
		return sk_error(SK_EDAMAGED, "the tag's message has no title and trailers");
	for (const char *p = c.end - 2; p >= nl && !sep; p--)
		if (p[0] == '\n' && p[1] == '\n')
			sep = p;
	body = nl + 2;
	e->title = strndup(c.at, (size_t)(nl - c.at));
	e->description = sep > body ? strndup(body, (size_t)(sep - body)) : strdup("");
	if (!e->title || !e->description)
		return sk_error_oom();
	c.at = sep + 2;
	return parse_trailers(c, e);
}

static void take(struct sk_entry *to, struct sk_entry *from)
{
	if (!to->id) {
		to->id = from->id;
		from->id = NULL;
	}
	to->kind = to->kind ? to->kind : from->kind;
	to->tree = from->tree;
	to->created = from->created;
	free(to->title);
	free(to->description);
	for (size_t i = 0; i < to->n_trailers; i++) {
		free(to->trailer[i].key);
		free(to->trailer[i].value);
	}
	free(to->trailer);
	to->title = from->title;
	to->description = from->description;
	to->trailer = from->trailer;
	to->n_trailers = from->n_trailers;
	from->title = from->description = NULL;
	from->trailer = NULL;
	from->n_trailers = 0;
}

int sk_tag_parse(const char *data, size_t len, struct sk_entry *e)
{
	struct sk_entry *got = calloc(1, sizeof *got);
	struct cursor c = { data, data + len };
	const char *kind;
	int rc;

	if (!got)
		return sk_error_oom();
	if (len && memchr(data, '\0', len))
		rc = sk_error(SK_EDAMAGED, "the tag has a NUL byte");
	else
		rc = len ? parse_header(&c, got) : sk_error(SK_EDAMAGED, "the tag is empty");
	if (!rc)
		rc = parse_message(c, got);
	kind = rc ? NULL : sk_entry_get(got, "Sk-Kind");
	if (!rc && !kind)
		rc = sk_error(SK_EDAMAGED, "the tag has no Sk-Kind: SafeKeep did not write it");
	for (unsigned k = SK_BACKUP; !rc && k <= SK_RELEASE; k <<= 1)
		if (strcmp(kind, sk_kind_name((enum sk_kind)k)) == 0)
			got->kind = (enum sk_kind)k;
	if (!rc)
		take(e, got);
	sk_entry_free(got);
	return rc;
}
