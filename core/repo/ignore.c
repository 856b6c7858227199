/* Ignore rules, compiled once and shared by the threads of a scan.
 *
 * Every rule has a head and a tail: plain bytes the name (or the path) has to begin and end with.
 * For most rules that settles it ("core", "*.o", "build-*", "/doc/api", "out/" with stars); the
 * rest goes to wildmatch.  Rules whose last byte is plain are chained by that byte, all others in
 * one chain of their own, and the two chains that a name concerns are walked together, the last
 * rule first.
 *
 * As in git, the plain beginning of a path rule is compared apart and wildmatch sees only what
 * follows, so that "foo**" + "/bar" has its "**" at the start of a pattern and matches "foobar"
 * and "foo/x/bar"; a pattern that can match nothing (an open bracket, a backslash at the end) is
 * dropped; a line ends at its first NUL, and "\r\n" ends one too.
 * Source: gitignore(5); the rest as measured on git 2.39.5 (tests/unit/test_ignore.c). */
#include "repo/ignore.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "repo/wildmatch.h"

/* Larger files are not read (git's own limit since 2.46), and say so. */
#define FILE_MAX ((size_t)100 << 20)
/* From this many rules on the chains are worth their kilobyte. */
#define CHAINS_FROM 8

enum kind {
	EXACT, /* head is all */
	OPEN,  /* head, anything, tail */
	GLOB   /* head and tail, then wildmatch */
};

struct rule {
	const char *text; /* in the pool; plain bytes are folded when icase */
	uint32_t len, head, tail;
	uint32_t skip; /* where wildmatch begins */
	uint32_t next; /* in its chain: number of an earlier rule + 1, or 0 */
	uint8_t kind;
	bool path : 1; /* matched against the path from the frame's folder, else the name */
	bool dir : 1;  /* folders only */
	bool negated : 1;
	bool no_slash : 1; /* OPEN: what lies between head and tail has none */
};

struct rules {
	struct rule *rule;
	uint32_t n, cap;
	uint32_t other;  /* the chain of rules without a last byte */
	uint32_t *chain; /* 256, or NULL when there are few rules */
	char *pool;
	bool icase;
};

struct sk_ignore {
	atomic_uint refs;
	struct sk_ignore *parent; /* NULL in the root frame */
	const struct rules *extra;
	size_t dir_len;
	struct rules rules;
	struct rules own_extra; /* root frame only; `extra` of all frames points here */
};

struct sk_patterns {
	struct rules rules;
};

/* What is asked about: `rel` is the path from the folder of the rules. */
struct subject {
	const char *name, *rel;
	size_t name_len, rel_len;
	bool is_dir;
};

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static char fold(char c)
{
	return (char)sk_wm_lower((unsigned char)c);
}

/* ---- compiling ---- */

/* Whether the pattern can match anything; `wild`: it has more than plain and escaped bytes. */
static bool can_match(const char *s, size_t len, bool icase, bool *wild)
{
	const char *end = s + len;

	*wild = false;
	while (s < end) {
		char c = *s++;

		if (c == '\\') {
			if (s == end || (icase && is_upper(*s)))
				return false;
			s++;
		} else if (c == '[') {
			s = sk_wm_bracket_end(s, end);
			if (!s)
				return false;
			*wild = true;
		} else if (c == '*' || c == '?') {
			*wild = true;
		}
	}
	return len > 0;
}

/* Rewrites the pattern in place without needless backslashes and with plain bytes folded, and
 * finds its head, its tail, and where git lets wildmatch begin. */
static void normalise(struct rule *u, char *s, size_t len, bool icase, bool wild)
{
	size_t out = 0, head = len, skip = len, tail_at = 0;

	for (size_t i = 0; i < len;) {
		size_t n = 1;

		if (is_special(s[i]) && i < skip)
			skip = i; /* nothing has moved before the first of them */
		if (s[i] == '\\' && (!wild || (!is_special(s[i + 1]) && s[i + 1] != '/'))) {
			s[out++] = s[i + 1];
			i += 2;
			continue;
		}
		if (!is_special(s[i])) {
			s[out++] = icase ? fold(s[i]) : s[i];
			i++;
			continue;
		}
		if (s[i] == '[')
			n = (size_t)(sk_wm_bracket_end(s + i + 1, s + len) - (s + i));
		else if (s[i] == '\\')
			n = 2;
		head = out < head ? out : head;
		memmove(s + out, s + i, n);
		out += n;
		i += n;
		tail_at = out;
	}
	u->text = s;
	u->len = (uint32_t)out;
	u->head = (uint32_t)(wild ? head : out);
	u->skip = (uint32_t)skip;
	u->tail = (uint32_t)(wild ? out - tail_at : 0);
}

/* Chooses the kind, given head and tail. */
static void classify(struct rule *u, bool wild)
{
	const char *s = u->text;
	size_t at = u->head, run, end = u->len - u->tail;
	bool deep;

	u->kind = wild ? GLOB : EXACT;
	if (!wild)
		return;
	while (at < end && s[at] == '*')
		at++;
	run = at - u->head;
	deep = u->path && run > 1 &&
	       (u->head == u->skip || u->head == 0 || s[u->head - 1] == '/') &&
	       (at == u->len || s[at] == '/');
	if (at == end && (!deep || at == u->len)) {
		u->kind = OPEN;
		u->no_slash = u->path && !deep;
	}
	if (!u->path)
		u->skip = u->head;
	/* a "**" and its slash may match nothing */
	if (u->tail && s[end] == '/' && end > 0 && s[end - 1] == '*' && u->kind == GLOB)
		u->tail--;
}

/* "**" and a slash before a bare name say no more than the bare name. */
static void drop_deep_start(char **s, size_t *len)
{
	char *p = *s, *end = p + *len;

	while (end - p > 2 && p[0] == '*' && p[1] == '*') {
		char *q = p;

		while (q < end && *q == '*')
			q++;
		if (q == end || *q != '/')
			break;
		p = q + 1;
	}
	if (memchr(p, '/', (size_t)(end - p)))
		return;
	*s = p;
	*len = (size_t)(end - p);
}

static struct rule *new_rule(struct rules *r)
{
	uint32_t cap = r->cap ? r->cap * 2 : 4;
	struct rule *rule;

	if (r->n < r->cap)
		return &r->rule[r->n];
	rule = realloc(r->rule, cap * sizeof *rule);
	if (!rule)
		return NULL;
	r->rule = rule;
	r->cap = cap;
	return &r->rule[r->n];
}

/* One pattern, its line's end and blanks already off; what can match nothing is left out. */
static int add_pattern(struct rules *r, char *s, size_t len)
{
	struct rule *slot, u = { .kind = EXACT };
	bool wild;

	if (len && *s == '!') {
		u.negated = true;
		s++;
		len--;
	}
	if (len && s[len - 1] == '/') {
		u.dir = true;
		len--;
	}
	u.path = memchr(s, '/', len) != NULL;
	if (u.path && *s == '/') {
		s++;
		len--;
	}
	if (u.path && len) {
		const char *rooted = s;

		drop_deep_start(&s, &len);
		u.path = s == rooted;
	}
	if (!can_match(s, len, r->icase, &wild))
		return 0;
	normalise(&u, s, len, r->icase, wild);
	classify(&u, wild);
	slot = new_rule(r);
	if (!slot)
		return sk_error_oom();
	*slot = u;
	r->n++;
	return 0;
}

/* Length without trailing blanks, one after a backslash excepted; as git, all stay when the line
 * ends in a backslash. */
static size_t trimmed(const char *s, size_t len)
{
	size_t keep = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == ' ')
			continue;
		if (s[i] == '\\' && ++i == len)
			return len;
		keep = i + 1;
	}
	return keep;
}

static int add_line(struct rules *r, char *s, size_t len)
{
	const char *nul;

	if (!len || *s == '#')
		return 0;
	if (s[len - 1] == '\r')
		len--;
	nul = memchr(s, '\0', len);
	if (nul)
		len = (size_t)(nul - s);
	return add_pattern(r, s, trimmed(s, len));
}

static int add_chains(struct rules *r)
{
	if (r->n >= CHAINS_FROM) {
		r->chain = calloc(256, sizeof *r->chain);
		if (!r->chain)
			return sk_error_oom();
	}
	for (uint32_t i = 0; i < r->n; i++) {
		struct rule *u = &r->rule[i];
		uint32_t *first = &r->other;

		if (r->chain && (u->kind == EXACT || u->tail))
			first = &r->chain[(unsigned char)u->text[u->len - 1]];
		u->next = *first;
		*first = i + 1;
	}
	return 0;
}

static void rules_free(struct rules *r)
{
	free(r->rule);
	free(r->chain);
	free(r->pool);
}

/* Compiles the lines of `text`, each ended by `end`.  Takes the text over, also on failure. */
static int rules_make(struct sk_buf *text, char end, bool icase, struct rules *out)
{
	struct rules r = { .icase = icase };
	size_t len = text->len;
	char *s, *stop;
	int rc = 0;

	r.pool = sk_buf_detach(text);
	if (!r.pool)
		return sk_error_oom();
	s = r.pool;
	stop = s + len;
	while (!rc && s < stop) {
		char *eol = memchr(s, end, (size_t)(stop - s));

		if (!eol)
			eol = stop;
		rc = add_line(&r, s, (size_t)(eol - s));
		s = eol + 1;
	}
	if (!rc)
		rc = add_chains(&r);
	if (rc)
		rules_free(&r);
	else
		*out = r;
	return rc;
}

static int rules_of_lines(const struct sk_strv *lines, bool icase, struct rules *out)
{
	struct sk_buf text = SK_BUF_INIT;

	for (size_t i = 0; lines && i < lines->n; i++)
		(void)sk_buf_add(&text, lines->item[i], strlen(lines->item[i]) + 1);
	return rules_make(&text, '\0', icase, out);
}

/* A file's text from `start` on: no byte order mark, a newline at its end. */
static int finish_file(struct sk_buf *text, size_t start)
{
	if (text->len - start >= 3 && memcmp(text->ptr + start, "\xef\xbb\xbf", 3) == 0) {
		memmove(text->ptr + start, text->ptr + start + 3, text->len - start - 3);
		sk_buf_truncate(text, text->len - 3);
	}
	return sk_buf_addc(text, '\n');
}

/* ---- matching ---- */

static bool same(const struct rules *r, const char *plain, const char *text, size_t len)
{
	if (!r->icase)
		return memcmp(plain, text, len) == 0;
	for (size_t i = 0; i < len; i++)
		if (plain[i] != fold(text[i]))
			return false;
	return true;
}

static bool rule_matches(const struct rules *r, const struct rule *u, const struct subject *s)
{
	const char *text = u->path ? s->rel : s->name;
	size_t len = u->path ? s->rel_len : s->name_len;

	if (u->kind == EXACT ? len != u->len : len < (size_t)u->head + u->tail)
		return false;
	if ((u->dir && !s->is_dir) || !same(r, u->text, text, u->head) ||
	    !same(r, u->text + u->len - u->tail, text + len - u->tail, u->tail))
		return false;
	if (u->kind == OPEN)
		return !u->no_slash || !memchr(text + u->head, '/', len - u->head - u->tail);
	if (u->kind == EXACT)
		return true;
	return sk_wm_match(u->text + u->skip, u->len - u->skip, text + u->skip, len - u->skip,
	                   (u->path ? SK_WM_PATHNAME : 0U) | (r->icase ? SK_WM_ICASE : 0U));
}

static enum sk_ignored rules_match(const struct rules *r, const struct subject *s)
{
	char last = s->name[s->name_len - 1];
	uint32_t a = r->other, b = 0;

	if (r->chain)
		b = r->chain[(unsigned char)(r->icase ? fold(last) : last)];
	while (a | b) {
		uint32_t *later = a > b ? &a : &b;
		const struct rule *u = &r->rule[*later - 1];

		if (rule_matches(r, u, s))
			return u->negated ? SK_INCLUDED : SK_IGNORED;
		*later = u->next;
	}
	return SK_UNDECIDED;
}

/* ---- frames ---- */

int sk_ignore_root(const char *const *files, size_t n, const struct sk_strv *extra, bool icase,
                   struct sk_ignore **out)
{
	struct sk_ignore *frame = calloc(1, sizeof *frame);
	struct sk_buf text = SK_BUF_INIT;
	int rc = 0;

	if (!frame)
		return sk_error_oom();
	atomic_init(&frame->refs, 1);
	frame->extra = &frame->own_extra;
	for (size_t i = 0; !rc && i < n; i++) {
		size_t start = text.len;

		rc = sk_read_file(AT_FDCWD, files[i], start + FILE_MAX, &text);
		if (rc && text.oom)
			break;
		if (rc) {
			if (rc != SK_ENO) /* as git: said, and done without */
				sk_warn("%s; its ignore rules are not used", sk_error_message());
			sk_buf_truncate(&text, start);
		}
		rc = finish_file(&text, start);
	}
	if (rc)
		sk_buf_free(&text);
	else
		rc = rules_make(&text, '\n', icase, &frame->rules);
	if (!rc)
		rc = rules_of_lines(extra, icase, &frame->own_extra);
	if (rc)
		sk_ignore_unref(frame);
	else
		*out = frame;
	return rc;
}

int sk_ignore_push(struct sk_ignore *parent, const char *dir, const char *data, size_t len,
                   struct sk_ignore **out)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_ignore *frame;
	struct rules rules;
	int rc;

	if (len > FILE_MAX) {
		sk_warn("'%s%s.gitignore' is larger than 100M; its rules are not used", dir,
		        *dir ? "/" : "");
		len = 0;
	}
	(void)sk_buf_add(&text, data, len);
	if (!text.oom)
		(void)finish_file(&text, 0);
	rc = rules_make(&text, '\n', parent->rules.icase, &rules);
	if (rc)
		return rc;
	if (rules.n == 0) {
		rules_free(&rules);
		*out = sk_ignore_ref(parent);
		return 0;
	}
	frame = calloc(1, sizeof *frame);
	if (!frame) {
		rules_free(&rules);
		return sk_error_oom();
	}
	atomic_init(&frame->refs, 1);
	frame->parent = sk_ignore_ref(parent);
	frame->extra = parent->extra;
	frame->dir_len = strlen(dir);
	frame->rules = rules;
	*out = frame;
	return 0;
}

struct sk_ignore *sk_ignore_ref(struct sk_ignore *frame)
{
	atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
	return frame;
}

void sk_ignore_unref(struct sk_ignore *frame)
{
	while (frame && atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) == 1) {
		struct sk_ignore *parent = frame->parent;

		rules_free(&frame->rules);
		rules_free(&frame->own_extra);
		free(frame);
		frame = parent;
	}
}

enum sk_ignored sk_ignore_match(const struct sk_ignore *frame, const char *path, size_t len,
                                size_t name_off, bool is_dir)
{
	struct subject s = { path + name_off, path, len - name_off, len, is_dir };
	enum sk_ignored got;

	if (name_off >= len)
		return SK_UNDECIDED; /* the root itself */
	got = frame->extra->n ? rules_match(frame->extra, &s) : SK_UNDECIDED;
	for (; got == SK_UNDECIDED && frame; frame = frame->parent) {
		size_t off = frame->dir_len ? frame->dir_len + 1 : 0;

		if (!frame->rules.n || off > name_off)
			continue; /* a path outside the frame's folder is none of its business */
		s.rel = path + off;
		s.rel_len = len - off;
		got = rules_match(&frame->rules, &s);
	}
	return got;
}

/* ---- lists of patterns ---- */

int sk_patterns_new(const struct sk_strv *lines, bool icase, struct sk_patterns **out)
{
	struct sk_patterns *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return sk_error_oom();
	rc = rules_of_lines(lines, icase, &p->rules);
	if (rc)
		free(p);
	else
		*out = p;
	return rc;
}

void sk_patterns_free(struct sk_patterns *p)
{
	if (!p)
		return;
	rules_free(&p->rules);
	free(p);
}

bool sk_patterns_match(const struct sk_patterns *p, const char *path, size_t len, bool is_dir)
{
	size_t name = 0;

	while (p->rules.n && name < len) {
		const char *slash = memchr(path + name, '/', len - name);
		size_t end = slash ? (size_t)(slash - path) : len;
		struct subject s = { path + name, path, end - name, end, slash || is_dir };

		if (end > name && rules_match(&p->rules, &s) == SK_IGNORED)
			return true;
		name = end + 1;
	}
	return false;
}

/* Whether a path under `dir` could match one rule. */
static bool rule_below(const struct rules *r, const struct rule *u, const char *dir, size_t len)
{
	size_t plain = u->kind == EXACT ? u->len : u->skip;

	if (u->negated)
		return false;
	if (!u->path)
		return true;
	if (len < plain)
		return same(r, u->text, dir, len) && u->text[len] == '/';
	return u->kind != EXACT && same(r, u->text, dir, plain) &&
	       sk_wm_match(u->text + plain, u->len - plain, dir + plain, len - plain,
	                   SK_WM_PATHNAME | SK_WM_BELOW | (r->icase ? SK_WM_ICASE : 0U));
}

bool sk_patterns_below(const struct sk_patterns *p, const char *dir, size_t len)
{
	if (p->rules.n && len == 0)
		return true;
	if (sk_patterns_match(p, dir, len, true))
		return true;
	for (uint32_t i = 0; i < p->rules.n; i++)
		if (rule_below(&p->rules, &p->rules.rule[i], dir, len))
			return true;
	return false;
}
