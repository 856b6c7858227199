/* fuzz_coverage.c - coverage reports: lcov, Cobertura, Go, coverage.py, Istanbul.
 *
 * An input is reports with "REPORT" between them, each of a kind that its text tells.  No file has
 * more covered lines than lines; the sums are those of the files; a file that nothing speaks of has
 * none; a report that is not understood says why in one line. */
#include "fuzz.h"

#include "base/error.h"
#include "impact/coverage.h"

static const char *const project[] = { "src/a.js", "src/b.c", "a.py", "pkg/x.go", "other.js" };
enum { ASKED = 4, FILES = 5 };

static long find(void *ctx, const char *path)
{
	(void)ctx;
	HOLDS(*path);
	for (long i = 0; i < FILES; i++)
		if (strcmp(path, project[i]) == 0)
			return i < ASKED ? i : SK_COVERAGE_OTHER;
	return SK_COVERAGE_NONE;
}

static time_t changed(void *ctx, size_t file)
{
	(void)ctx;
	return (time_t)file * 1000;
}

FUZZ(coverage)
{
	const struct sk_coverage_of of = { ASKED, find, changed, NULL };
	struct fuzz_in in = { data, size };
	struct sk_coverage_sum *sum = NULL;
	struct sk_coverage got = { 0 };
	size_t covered = 0, lines = 0, known = 0, stale = 0;

	HOLDS(sk_coverage_begin(&of, &sum) == 0);
	for (time_t when = 500; in.n; when += 1000) {
		struct fuzz_in part = fuzz_part(&in, "REPORT");
		char *text = fuzz_copy(part.p, part.n, 1); /* ends in a NUL, as a buffer's does */
		int rc = sk_coverage_add(sum, "coverage/report", when, text, part.n);

		HOLDS(rc == 0 || rc == SK_EUSAGE);
		if (rc) {
			HOLDS(fuzz_is_plain(sk_error_message(), strlen(sk_error_message())));
			HOLDS(!strchr(sk_error_message(), '\n'));
		}
		free(text);
	}
	HOLDS(sk_coverage_end(sum, &got) == 0 && got.n == ASKED);
	for (size_t i = 0; i < got.n; i++) {
		const struct sk_coverage_file *f = &got.file[i];

		HOLDS(f->covered <= f->lines);
		HOLDS(f->known || (!f->lines && !f->stale));
		covered += f->covered;
		lines += f->lines;
		known += f->known;
		stale += f->stale;
	}
	HOLDS(covered == got.covered && lines == got.lines);
	HOLDS(known == got.known && stale == got.stale);
	sk_coverage_clear(&got);
	return 0;
}
