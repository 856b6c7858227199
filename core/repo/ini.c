#include "repo/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ini.h>

#include "base/io.h"
#include "base/text.h"

#define BOM "\xef\xbb\xbf"
#define BROKEN "\x01" /* stands for a section whose heading cannot be read */

int sk_ini_read(const char *path, bool nofollow, struct sk_buf *out)
{
	int fd = open(path,
	              O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (nofollow ? O_NOFOLLOW : 0));
	struct stat st;
	ssize_t n;
	int rc = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return sk_error(SK_ENO, "no file %s", sk_name(path));
	if (fd < 0 && errno == ELOOP && nofollow)
		return sk_error(SK_EREFUSED, "a symbolic link is not read here");
	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot be read");
	if (fstat(fd, &st) < 0)
		rc = sk_error_errno(SK_EIO, "cannot be read");
	else if (!S_ISREG(st.st_mode))
		rc = sk_error(SK_EREFUSED, "not a regular file");
	if (!rc)
		rc = sk_buf_reserve(out, SK_INI_FILE + 1);
	if (rc)
		goto out;
	n = sk_read_full(fd, out->ptr, SK_INI_FILE + 1);
	if (n < 0)
		rc = sk_error_errno(SK_EIO, "cannot be read");
	else if (n > SK_INI_FILE)
		rc = sk_error(SK_EREFUSED, "larger than %dK", SK_INI_FILE / 1024);
	if (!rc) {
		out->len = (size_t)n;
		out->ptr[n] = '\0';
	}
out:
	(void)close(fd);
	return rc;
}

static size_t blanks(const char *p)
{
	size_t n = 0;

	while (isspace((unsigned char)p[n]))
		n++;
	return n;
}

/* The first of `chars`, or the start of a comment after a blank, or the end: as inih looks. */
static const char *find(const char *p, const char *chars)
{
	bool blank = false;

	while (*p && !strchr(chars, *p) && !(blank && *p == ';'))
		blank = isspace((unsigned char)*p++);
	return p;
}

int sk_ini_check(const struct sk_buf *text, unsigned *line)
{
	const char *p = text->ptr, *end = p + text->len;

	if (text->len >= 3 && memcmp(p, BOM, 3) == 0)
		p += 3;
	for (unsigned n = 1; p < end; n++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);

		*line = n;
		if (memchr(p, '\0', len))
			return sk_error(SK_EREFUSED, "a NUL byte; the file is not used");
		if (len > SK_INI_LINE)
			return sk_error(SK_EREFUSED, "a line over %d bytes; the file is not used",
			                SK_INI_LINE);
		if (*p == '[' && strcspn(p, "]\n") - 1 > SK_INI_SECTION)
			return sk_error(SK_EREFUSED,
			                "a section over %d bytes; the file is not used",
			                SK_INI_SECTION);
		p = eol ? eol + 1 : end;
	}
	return 0;
}

struct parse {
	const struct sk_ini_fns *fns;
	const char *p, *end;
	unsigned line;  /* of the line that inih has now */
	bool has_key;   /* an indented line would continue a value */
	bool continued; /* and this one does */
	int rc;
	struct sk_buf section, key, value; /* the setting not handed on yet */
	unsigned item_line;
};

static void bad(struct parse *s, const char *words)
{
	if (!s->rc)
		s->rc = s->fns->bad(s->fns->ctx, s->line, words);
}

static void flush(struct parse *s)
{
	if (s->item_line && !s->rc)
		s->rc = sk_buf_ok(&s->section) || sk_buf_ok(&s->key) || sk_buf_ok(&s->value)
		                ? sk_error_oom()
		                : s->fns->item(s->fns->ctx, s->item_line, sk_buf_str(&s->section),
		                               sk_buf_str(&s->key), sk_buf_str(&s->value));
	s->item_line = 0;
}

/* "key =", as a name of ours would be: NAME=x without blanks and in capitals is of a command. */
static bool looks_like_key(const char *p)
{
	size_t len = 0, gap;
	bool capitals = false;

	if (!isalnum((unsigned char)*p) && *p != '_')
		return false;
	for (; isalnum((unsigned char)p[len]) || (p[len] && strchr("_-.", p[len])); len++)
		capitals = capitals || isupper((unsigned char)p[len]);
	gap = strspn(p + len, " \t");
	return p[len + gap] == '=' && (gap || !capitals);
}

static void heading(struct parse *s, char *text)
{
	const char *close = find(text + 1, "]"), *rest;

	s->has_key = false;
	if (*close != ']') {
		bad(s, "a section without ']'; what follows is ignored up to the next section");
		(void)strcpy(text, "[" BROKEN "]");
		return;
	}
	rest = close + 1 + blanks(close + 1);
	if (*rest && *rest != ';' && *rest != '#')
		bad(s, "text after ']' is ignored: a setting needs a line of its own");
}

/* Decides what the line is before inih does. */
static void look(struct parse *s, char *text)
{
	size_t indent = blanks(text), len;
	char *start = text + indent;
	const char *is;

	s->continued = false;
	if (!*start || *start == ';' || *start == '#')
		return;
	if (indent && s->has_key && !looks_like_key(start)) {
		s->continued = true;
		return;
	}
	len = strlen(start);
	memmove(text, start, len + 1);
	if (*text == '[') {
		heading(s, text);
		return;
	}
	is = find(text, "=:");
	if (*is != '=' && *is != ':') {
		bad(s, "neither '[section]' nor 'key = value'");
		*text = '\0';
	} else if (is == text) {
		bad(s, "no key before '='");
		*text = '\0';
	} else {
		s->has_key = true;
	}
}

static char *next_line(char *str, int num, void *stream)
{
	struct parse *s = stream;
	const char *eol;
	size_t len;

	if (s->p >= s->end || s->rc)
		return NULL;
	eol = memchr(s->p, '\n', (size_t)(s->end - s->p));
	len = (size_t)((eol ? eol : s->end) - s->p);
	if (len > (size_t)num - 1)
		len = (size_t)num - 1;
	memcpy(str, s->p, len);
	str[len] = '\0';
	s->p = eol ? eol + 1 : s->end;
	s->line++;
	look(s, str);
	return str;
}

/* inih 55 leaves comments in the lines that continue a value. */
static size_t without_comment(const char *value)
{
	size_t len = (size_t)(find(value, "") - value);

	while (len && isspace((unsigned char)value[len - 1]))
		len--;
	return len;
}

static int setting(void *user, const char *section, const char *key, const char *value)
{
	struct parse *s = user;

	if (s->continued) {
		if (s->item_line) {
			(void)sk_buf_addc(&s->value, '\n');
			(void)sk_buf_add(&s->value, value, without_comment(value));
		}
		return 1;
	}
	flush(s);
	if (strcmp(section, BROKEN) == 0)
		return 1;
	sk_buf_clear(&s->section);
	sk_buf_clear(&s->key);
	sk_buf_clear(&s->value);
	(void)sk_buf_adds(&s->section, section);
	(void)sk_buf_adds(&s->key, key);
	(void)sk_buf_adds(&s->value, value);
	s->item_line = s->line;
	return 1;
}

int sk_ini_parse(const struct sk_buf *text, const struct sk_ini_fns *fns)
{
	struct parse s = { .fns = fns, .p = text->ptr };
	int rc;

	if (!text->len)
		return 0;
	s.end = s.p + text->len;
	if (text->len >= 3 && memcmp(s.p, BOM, 3) == 0)
		s.p += 3;
	/* what inih finds wrong was found and said before: its result adds nothing */
	rc = ini_parse_stream(next_line, &s, setting, &s);
	flush(&s);
	if (!s.rc && rc == -2)
		s.rc = sk_error_oom();
	sk_buf_free(&s.section);
	sk_buf_free(&s.key);
	sk_buf_free(&s.value);
	return s.rc;
}
