#include "impact/coverage.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "impact/coverage_parts.h"
#include "restore/safepath.h"

enum { NAME_BYTES = 4096, FOLDERS_MAX = 128 }; /* of a name in a report */

struct block {
	uint32_t place[4], statements;
	bool hit;
};

struct one {
	uint8_t *line; /* 0: cannot be run, 1: was not, 2: was */
	size_t n_lines;
	struct block *block;
	size_t n_blocks, cap;
	uint64_t covered, total; /* of a report that has sums alone */
	time_t newest;           /* report that speaks of it; 0: none */
};

struct sk_coverage_sum {
	const struct sk_coverage_of *of;
	struct one *file;
	const char *report; /* the path of the one that is read */
	time_t when;
	struct sk_buf name; /* scratch */
};

int sk_coverage_begin(const struct sk_coverage_of *of, struct sk_coverage_sum **out)
{
	struct sk_coverage_sum *s = calloc(1, sizeof *s);

	if (s)
		s->file = calloc(of->n + 1, sizeof *s->file);
	if (!s || !s->file) {
		free(s);
		return sk_error_oom();
	}
	s->of = of;
	*out = s;
	return 0;
}

static long look(struct sk_coverage_sum *s, const char *folder, size_t folder_len, const char *name,
                 size_t len)
{
	struct sk_buf *b = &s->name;

	sk_buf_clear(b);
	(void)sk_buf_add(b, folder, folder_len);
	while (len > 1 && name[0] == '.' && name[1] == '/')
		name += 2, len -= 2;
	(void)sk_buf_add(b, name, len);
	if (!len || sk_buf_ok(b))
		return SK_COVERAGE_NONE;
	for (size_t i = 0; i < b->len; i++)
		if (b->ptr[i] == '\\')
			b->ptr[i] = '/';
	return s->of->find(s->of->ctx, b->ptr);
}

/* Beside the report, and in the folders above it: packages/web/coverage/lcov.info says src/a.js. */
static long below_report(struct sk_coverage_sum *s, const char *name, size_t len)
{
	const char *slash = strrchr(s->report, '/');
	size_t n = slash ? (size_t)(slash + 1 - s->report) : 0;
	long file = SK_COVERAGE_NONE;

	for (;;) {
		file = look(s, s->report, n, name, len);
		if (file != SK_COVERAGE_NONE || !n)
			return file;
		for (n--; n && s->report[n - 1] != '/'; n--)
			;
	}
}

/* Made on another machine, or under a module's name: without the first folders it may be one. */
static long by_ending(struct sk_coverage_sum *s, const char *name, size_t len)
{
	long file = SK_COVERAGE_NONE;
	unsigned folders = 0;

	for (size_t i = 0; i < len && file == SK_COVERAGE_NONE && folders < FOLDERS_MAX; i++)
		if (name[i] == '/' || name[i] == '\\') {
			file = look(s, "", 0, name + i + 1, len - i - 1);
			folders++;
		}
	return file;
}

long sk_coverage_find(struct sk_coverage_sum *s, const char *prefix, const char *name, size_t len)
{
	bool absolute = len && (name[0] == '/' || (len > 2 && name[1] == ':'));
	struct sk_buf whole = SK_BUF_INIT;
	long file = SK_COVERAGE_NONE;

	/* no file; and of a long one each part would be looked up */
	if (len > NAME_BYTES || memchr(name, '\0', len))
		return file;
	if (!absolute && *prefix) {
		(void)sk_buf_addf(&whole, "%s/%.*s", prefix, (int)len, name);
		if (!sk_buf_ok(&whole))
			file = *prefix == '/' ? by_ending(s, whole.ptr, whole.len)
			                      : below_report(s, whole.ptr, whole.len);
	}
	if (file == SK_COVERAGE_NONE && !absolute)
		file = below_report(s, name, len);
	if (file == SK_COVERAGE_NONE)
		file = by_ending(s, name, len);
	sk_buf_free(&whole);
	return file;
}

void sk_coverage_speaks(struct sk_coverage_sum *s, long file)
{
	if (file >= 0 && s->file[file].newest < s->when)
		s->file[file].newest = s->when;
}

int sk_coverage_line(struct sk_coverage_sum *s, long file, uint64_t line, bool hit)
{
	struct one *f;
	uint8_t value = hit ? 2 : 1;

	if (file < 0 || !line || line > SK_COVERAGE_LINES)
		return 0;
	f = &s->file[file];
	if (line >= f->n_lines) {
		size_t n = f->n_lines ? f->n_lines * 2 : 256;
		uint8_t *more;

		while (n <= line)
			n *= 2;
		more = realloc(f->line, n);
		if (!more)
			return sk_error_oom();
		memset(more + f->n_lines, 0, n - f->n_lines);
		f->line = more;
		f->n_lines = n;
	}
	if (f->line[line] < value)
		f->line[line] = value;
	return 0;
}

int sk_coverage_block(struct sk_coverage_sum *s, long file, const uint32_t place[4],
                      uint32_t statements, bool hit)
{
	struct one *f;

	if (file < 0)
		return 0;
	f = &s->file[file];
	if (f->n_blocks == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct block *more = reallocarray(f->block, cap, sizeof *more);

		if (!more)
			return sk_error_oom();
		f->block = more;
		f->cap = cap;
	}
	memcpy(f->block[f->n_blocks].place, place, sizeof f->block->place);
	f->block[f->n_blocks].statements = statements;
	f->block[f->n_blocks++].hit = hit;
	return 0;
}

void sk_coverage_total(struct sk_coverage_sum *s, long file, uint64_t covered, uint64_t lines)
{
	if (file < 0 || covered > lines)
		return;
	if (s->file[file].total < lines || s->file[file].covered < covered) {
		s->file[file].covered = covered;
		s->file[file].total = lines;
	}
}

/* The first bytes tell. */
int sk_coverage_add(struct sk_coverage_sum *s, const char *path, time_t when, const char *text,
                    size_t len)
{
	size_t i = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	s->report = path;
	s->when = when;
	while (i < len && isspace((unsigned char)text[i]))
		i++;
	text += i;
	len -= i;
	if (!len)
		return sk_error(SK_EUSAGE, "is empty");
	if (*text == '<')
		return sk_coverage_xml(s, text, len);
	if (*text == '{')
		return sk_coverage_json(s, text, len);
	if (len > 5 && memcmp(text, "mode:", 5) == 0)
		return sk_coverage_go(s, text, len);
	if (len > 3 && (memcmp(text, "TN:", 3) == 0 || memcmp(text, "SF:", 3) == 0))
		return sk_coverage_lcov(s, text, len);
	return sk_error(SK_EUSAGE, "is no report of a kind that is known");
}

static int by_place(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	for (size_t i = 0; i < 4; i++)
		if (x->place[i] != y->place[i])
			return x->place[i] < y->place[i] ? -1 : 1;
	return y->hit - x->hit;
}

static void sum_up(struct one *f, struct sk_coverage_file *out)
{
	for (size_t i = 0; i < f->n_lines; i++) {
		out->lines += f->line[i] > 0;
		out->covered += f->line[i] > 1;
	}
	if (!out->lines && f->n_blocks) {
		qsort(f->block, f->n_blocks, sizeof *f->block, by_place);
		for (size_t i = 0; i < f->n_blocks; i++) {
			const struct block *b = &f->block[i];

			if (i && memcmp(b->place, b[-1].place, sizeof b->place) == 0)
				continue;
			out->lines += b->statements;
			out->covered += b->hit ? b->statements : 0;
		}
	}
	if (!out->lines) {
		out->lines = f->total;
		out->covered = f->covered;
	}
}

static void free_sum(struct sk_coverage_sum *s)
{
	for (size_t i = 0; i < s->of->n; i++) {
		free(s->file[i].line);
		free(s->file[i].block);
	}
	free(s->file);
	sk_buf_free(&s->name);
	free(s);
}

int sk_coverage_end(struct sk_coverage_sum *s, struct sk_coverage *out)
{
	out->n = s->of->n;
	out->file = calloc(s->of->n + 1, sizeof *out->file);
	for (size_t i = 0; out->file && i < out->n; i++) {
		struct sk_coverage_file *f = &out->file[i];
		time_t changed;

		f->known = s->file[i].newest != 0;
		if (!f->known)
			continue;
		sum_up(&s->file[i], f);
		changed = s->of->changed ? s->of->changed(s->of->ctx, i) : 0;
		f->stale = changed > s->file[i].newest;
		out->covered += f->covered;
		out->lines += f->lines;
		out->known++;
		out->stale += f->stale;
	}
	free_sum(s);
	return out->file ? 0 : sk_error_oom();
}

void sk_coverage_clear(struct sk_coverage *c)
{
	free(c->file);
	sk_strv_free(&c->reports);
	sk_strv_free(&c->problems);
	*c = (struct sk_coverage){ 0 };
}

/* A regular file below the worktree, no link on the way.  SK_ENO: it is not there. */
static int read_report(const struct sk_repo *repo, const char *path, struct sk_buf *out,
                       time_t *when)
{
	struct sk_safe safe = SK_SAFE_INIT(repo->wtfd);
	const char *name = NULL;
	struct stat st;
	int dir = sk_safe_parent(&safe, path, &name), rc = 0;

	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		rc = errno == ENOENT ? SK_ENO
		     : errno == ELOOP || errno == ENOTDIR
		             ? sk_error(SK_EREFUSED, "a link stands on the way; it is not followed")
		             : sk_error_errno(SK_EREFUSED, "cannot be read");
	else if (!S_ISREG(st.st_mode))
		rc = sk_error(SK_EREFUSED, "is not a regular file; links are not followed");
	if (!rc) {
		rc = sk_read_file(dir, name, SK_COVERAGE_MAX, out);
		*when = st.st_mtime;
	}
	sk_safe_free(&safe);
	return rc;
}

static int problem(struct sk_coverage *out, const char *path)
{
	struct sk_buf words = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&words, "%s: %s", sk_name(path), sk_error_message());
	rc = sk_buf_ok(&words);
	if (!rc)
		rc = sk_strv_add(&out->problems, words.ptr);
	sk_buf_free(&words);
	if (!rc)
		sk_error_clear();
	return rc;
}

static int one_report(const struct sk_repo *repo, const char *given, struct sk_coverage_sum *sum,
                      struct sk_coverage *out)
{
	struct sk_buf text = SK_BUF_INIT;
	size_t n = strlen(repo->worktree);
	time_t when = 0;
	int rc;

	while (given[0] == '.' && given[1] == '/')
		given += 2;
	/* the user's own settings may name it from the root on */
	if (strncmp(given, repo->worktree, n) == 0 && given[n] == '/')
		given += n + 1;
	rc = *given == '/' ? sk_error(SK_EREFUSED, "lies outside of the working tree")
	                   : read_report(repo, given, &text, &when);
	if (rc == SK_ENO) {
		sk_error_clear();
		rc = 0;
	} else if (!rc) {
		rc = sk_coverage_add(sum, given, when ? when : 1, sk_buf_str(&text), text.len);
		if (!rc)
			rc = sk_strv_add(&out->reports, given);
	}
	sk_buf_free(&text);
	return rc && rc != SK_EIO ? problem(out, given) : rc;
}

int sk_coverage_read(const struct sk_repo *repo, const struct sk_coverage_of *of,
                     struct sk_coverage *out)
{
	const char *p = sk_config_get(repo->config, "coverage.reports");
	struct sk_coverage_sum *sum = NULL;
	int rc = sk_coverage_begin(of, &sum);

	while (!rc && p && *p) {
		size_t n = strcspn(p, ",\n"), k;
		char *path;

		p += strspn(p, " \t");
		n = strcspn(p, ",\n");
		for (k = n; k && isblank((unsigned char)p[k - 1]); k--)
			;
		path = strndup(p, k);
		rc = !path ? sk_error_oom() : *path ? one_report(repo, path, sum, out) : 0;
		free(path);
		p += n + (p[n] != '\0');
	}
	if (rc) {
		if (sum)
			free_sum(sum);
		sk_coverage_clear(out);
		return rc;
	}
	return sk_coverage_end(sum, out);
}
