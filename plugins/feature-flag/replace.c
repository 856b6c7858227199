#include "replace.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refs.h"

#define LEFT_MS 300

struct line {
	const char *text;
	size_t len;
};

struct hunk {
	const char *path;
	long at;                       /* the first added line */
	size_t old, n_old, now, n_now; /* its lines in `removed` and `added` */
};

struct diff {
	struct hunk *hunk;
	size_t n;
	struct line *removed, *added; /* of all files */
	size_t n_removed, n_added;
};

static struct line stripped(const char *text, size_t len)
{
	while (len && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return (struct line){ text, len };
}

/* "@@ -a,b +c,d @@": how many lines follow of each. */
static void begin_hunk(struct diff *d, const char *path, const char *text, size_t *old, size_t *now)
{
	long at = 0;
	const char *plus = strchr(text, '+'), *comma;

	*old = *now = 1;
	comma = strpbrk(text + 4, ", ");
	if (comma && *comma == ',')
		*old = strtoul(comma + 1, NULL, 10);
	if (plus) {
		char *end;

		at = strtol(plus + 1, &end, 10);
		if (*end == ',')
			*now = strtoul(end + 1, NULL, 10);
	}
	d->hunk = fl_more(d->hunk, d->n, sizeof *d->hunk);
	d->hunk[d->n++] = (struct hunk){
		.path = path, .at = at, .old = d->n_removed, .n_old = 0, .now = d->n_added
	};
}

static void parse(const char *diff, size_t len, struct diff *d)
{
	const char *path = NULL;
	size_t old = 0, now = 0;

	for (const char *p = diff, *end = diff + len; p < end;) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((eol ? eol : end) - p);

		if (old && *p == '-') {
			d->removed = fl_more(d->removed, d->n_removed, sizeof *d->removed);
			d->removed[d->n_removed++] = stripped(p + 1, n - 1);
			d->hunk[d->n - 1].n_old++;
			old--;
		} else if (now && *p == '+') {
			d->added = fl_more(d->added, d->n_added, sizeof *d->added);
			d->added[d->n_added++] = stripped(p + 1, n - 1);
			d->hunk[d->n - 1].n_now++;
			now--;
		} else if (n > 6 && memcmp(p, "+++ b/", 6) == 0) {
			path = fl_dup(p + 6, n - 6 - (p[n - 1] == '\t'));
		} else if (n > 4 && memcmp(p, "+++ ", 4) == 0) {
			path = NULL; /* deleted, or of an odd name */
		} else if (n > 4 && memcmp(p, "@@ -", 4) == 0) {
			begin_hunk(d, path, p, &old, &now);
		}
		p = eol ? eol + 1 : end;
	}
}

static size_t word(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char)p[n]) || p[n] == '_'))
		n++;
	return n;
}

/* How many words it has, or only those of calls, "name("; of them those that are not in `other`. */
static size_t words(const struct line *line, const struct line *other, bool calls, size_t *missing)
{
	size_t total = 0;

	*missing = 0;
	for (size_t i = 0, n; i < line->len; i += n ? n : 1) {
		bool found = false;

		n = word(line->text + i, line->len - i);
		if (n < 2 || (calls && (i + n == line->len || line->text[i + n] != '(')))
			continue;
		total++;
		for (size_t k = 0, m; other && k < other->len && !found; k += m ? m : 1) {
			m = word(other->text + k, other->len - k);
			found = m == n && memcmp(other->text + k, line->text + i, n) == 0;
		}
		*missing += !found;
	}
	return total;
}

static bool does_something(const struct line *line)
{
	static const char *const comments[] = { "#",  "//",     "/*",   "*", ";",
		                                "--", "\"\"\"", "<!--", NULL };
	size_t missing;

	for (size_t i = 0; comments[i]; i++)
		if (line->len >= strlen(comments[i]) &&
		    memcmp(line->text, comments[i], strlen(comments[i])) == 0)
			return false;
	return (memchr(line->text, '(', line->len) || memchr(line->text, '=', line->len)) &&
	       words(line, NULL, false, &missing) > 1;
}

/* It is among the added lines, as it was or edited: what it calls is called there. */
static bool lives_on(const struct diff *d, const struct line *line)
{
	size_t missing;

	for (size_t i = 0; i < d->n_added; i++) {
		const struct line *a = &d->added[i];

		if (a->len >= line->len && memmem(a->text, a->len, line->text, line->len))
			return true;
		if (!words(line, a, true, &missing))
			(void)words(line, a, false, &missing);
		if (!missing)
			return true;
	}
	return false;
}

static void take(void *ctx, size_t flag, size_t at, size_t len)
{
	size_t *first = ctx;

	(void)at;
	(void)len;
	*first = flag;
}

static int check_hunk(struct skp_host *host, const struct diff *d, const struct hunk *h,
                      const struct matcher *m, const struct flag *come)
{
	const char *set = host->setting(host, "replaces");
	bool mild = set && strcmp(set, "warning") == 0;
	struct skp_finding f = { "flag-replaces", mild ? SKP_WARNING : SKP_ERROR, h->path, h->at,
		                 NULL };
	const struct line *first = NULL;
	size_t flag = (size_t)-1, gone = 0;

	for (size_t i = 0; i < h->n_now && flag == (size_t)-1; i++)
		matcher_find(m, d->added[h->now + i].text, d->added[h->now + i].len, take, &flag);
	for (size_t i = 0; flag != (size_t)-1 && i < h->n_old; i++) {
		const struct line *line = &d->removed[h->old + i];
		int64_t left = host->time_left(host);

		if (left >= 0 && left < LEFT_MS)
			return 0; /* nothing is said rather than everything lost */
		if (!does_something(line) || lives_on(d, line))
			continue;
		first = first ? first : line;
		gone++;
	}
	if (!gone)
		return 0;
	f.message = fl_format("flag %s is new, and what it could switch back to is removed here "
	                      "(%zu %s, first '%.*s'); add now, remove in a later commit",
	                      come[flag].name, gone, gone == 1 ? "line" : "lines",
	                      (int)(first->len < 60 ? first->len : 60), first->text);
	return host->finding(host, &f);
}

int replace_check(struct skp_host *host, const char *diff, size_t len, const struct flag *come,
                  size_t n)
{
	const struct matcher *m = matcher_new(come, n);
	struct diff d = { .hunk = NULL };
	int rc = 0;

	parse(diff, len, &d);
	for (size_t i = 0; i < d.n && !rc; i++)
		if (d.hunk[i].path && d.hunk[i].n_old && !refs_is_prose(d.hunk[i].path))
			rc = check_hunk(host, &d, &d.hunk[i], m, come);
	return rc;
}
