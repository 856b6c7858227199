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

struct cursor { /* in a copy of the tag that is cut into strings where it lies */
	char *at, *end;
};

/* The rest of the next line after `word` and a space; false when the line is another. */
static bool take_line(struct cursor *c, const char *word, char **text, size_t *len)
{
	size_t wlen = strlen(word);
	char *nl = memchr(c->at, '\n', (size_t)(c->end - c->at));

	if (!nl || (size_t)(nl - c->at) <= wlen || memcmp(c->at, word, wlen) != 0 ||
	    c->at[wlen] != ' ')
		return false;
	*text = c->at + wlen + 1;
	*len = (size_t)(nl - *text);
	*nl = '\0';
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
	char *text;
	size_t len;

	if (!take_line(c, "object", &text, &len) || len != SK_OID_HEX ||
	    !sk_oid_parse(text, &e->tree))
		return sk_error(SK_EDAMAGED, "the tag names no object");
	if (!take_line(c, "type", &text, &len))
		return sk_error(SK_EDAMAGED, "the tag has no type");
	if (strcmp(text, "tree") != 0)
		return sk_error(SK_EDAMAGED, "the tag points to a %.16s, not to a tree", text);
	if (!take_line(c, "tag", &e->id, &len))
		return sk_error(SK_EDAMAGED, "the tag has no name");
	if (!take_line(c, "tagger", &text, &len) || !parse_tagger(text, len, &e->created))
		return sk_error(SK_EDAMAGED, "the tag has no time");
	while (c->at < c->end && *c->at != '\n') { /* headers of later versions of git */
		char *nl = memchr(c->at, '\n', (size_t)(c->end - c->at));

		if (!nl)
			break;
		c->at = nl + 1;
	}
	if (c->at == c->end || *c->at != '\n')
		return sk_error(SK_EDAMAGED, "the tag has no message");
	c->at++;
	return 0;
}

/* The value that begins at c->at, unfolded; moves to the next trailer. */
static char *take_value(struct cursor *c)
{
	char *start = c->at, *to = c->at;

	for (;;) {
		char *nl = memchr(c->at, '\n', (size_t)(c->end - c->at));
		size_t len = (size_t)((nl ? nl : c->end) - c->at);

		memmove(to, c->at, len);
		to += len;
		c->at = nl ? nl + 1 : c->end;
		if (c->at == c->end || *c->at != ' ')
			break;
		*to++ = '\n';
		c->at++;
	}
	*to = '\0'; /* on the newline at the latest, or on the NUL after the whole copy */
	return start;
}

/* `e->trailer` has room for as many as there are lines. */
static int parse_trailers(struct cursor c, struct sk_entry *e)
{
	while (c.at < c.end) {
		char *key = c.at;
		size_t klen = key_len(c.at, (size_t)(c.end - c.at));

		if (!klen || key + klen == c.end || key[klen] != ':')
			return sk_error(SK_EDAMAGED, "the tag's message does not end in trailers");
		key[klen] = '\0';
		c.at += klen + 1;
		if (c.at < c.end && *c.at == ' ')
			c.at++;
		e->trailer[e->n_trailers++] = (struct sk_trailer){ key, take_value(&c) };
	}
	return 0;
}

static int parse_message(struct cursor c, struct sk_entry *e)
{
	char *nl = memchr(c.at, '\n', (size_t)(c.end - c.at)), *sep = NULL, *body;

	if (!nl || nl + 1 == c.end || nl[1] != '\n')
		return sk_error(SK_EDAMAGED, "the tag's message has no title and trailers");
	for (char *p = c.end - 2; p >= nl && !sep; p--)
		if (p[0] == '\n' && p[1] == '\n')
			sep = p;
	body = nl + 2;
	e->title = c.at;
	c.at = sep + 2;
	*nl = '\0';
	*sep = '\0';
	e->description = sep > body ? body : nl; /* nl: an empty string */
	return parse_trailers(c, e);
}

static void take(struct sk_entry *to, const struct sk_entry *from)
{
	sk_entry_release(to, to->title);
	sk_entry_release(to, to->description);
	for (size_t i = 0; i < to->n_trailers; i++) {
		sk_entry_release(to, to->trailer[i].key);
		sk_entry_release(to, to->trailer[i].value);
	}
	sk_entry_release(to, to->trailer);
	free(to->block);
	to->kind = to->kind ? to->kind : from->kind;
	to->tree = from->tree;
	to->created = from->created;
	to->title = from->title;
	to->description = from->description;
	to->trailer = from->trailer;
	to->n_trailers = from->n_trailers;
	to->block = from->block;
	to->block_len = from->block_len;
}

static int parse(struct sk_entry *got, size_t len)
{
	char *text = got->block + got->block_len - len - 1;
	struct cursor c = { text, text + len };
	const char *kind;
	int rc;

	if (memchr(text, '\0', len))
		return sk_error(SK_EDAMAGED, "the tag has a NUL byte");
	rc = parse_header(&c, got);
	if (!rc)
		rc = parse_message(c, got);
	if (rc)
		return rc;
	kind = sk_entry_get(got, "Sk-Kind");
	if (!kind)
		return sk_error(SK_EDAMAGED, "the tag has no Sk-Kind: SafeKeep did not write it");
	for (unsigned k = SK_BACKUP; k <= SK_RELEASE; k <<= 1)
		if (strcmp(kind, sk_kind_name((enum sk_kind)k)) == 0)
			got->kind = (enum sk_kind)k;
	return 0;
}

/* One piece of memory: room for a trailer on each line, then the text. */
static int copy(const char *data, size_t len, struct sk_entry *got)
{
	size_t lines = 1, room;

	for (const char *p = data; (p = memchr(p, '\n', (size_t)(data + len - p))); p++)
		lines++;
	room = lines * sizeof *got->trailer;
	got->block = malloc(room + len + 1);
	if (!got->block)
		return sk_error_oom();
	got->block_len = room + len + 1;
	got->trailer = (struct sk_trailer *)(void *)got->block;
	memcpy(got->block + room, data, len);
	got->block[room + len] = '\0';
	return 0;
}

int sk_tag_parse(const char *data, size_t len, struct sk_entry *e)
{
	struct sk_entry got = { 0 };
	char *id = NULL;
	int rc = copy(data, len, &got);

	if (!rc)
		rc = parse(&got, len);
	if (!rc && !e->id && !(id = strdup(got.id)))
		rc = sk_error_oom();
	if (rc) {
		free(got.block);
		return rc;
	}
	e->id = id ? id : e->id;
	take(e, &got);
	return 0;
}
