/* coverage.h - what the reports of a project's tests say about some of its files.
 *
 * Read are lcov, Cobertura, Go's cover profile, coverage.py's JSON, and Istanbul's coverage-final
 * and coverage-summary; which one a report is, its text tells.  Reports that speak of the same file
 * are put together.  A file that no report speaks of is unknown: neither 0 nor 100.
 * Sources: geninfo(1); the DTD coverage-04 of Cobertura; `go doc cmd/cover` and x/tools/cover;
 * coverage.py's "JSON reporting"; Istanbul's coverage.json of istanbul-lib-coverage. */
#ifndef SK_IMPACT_COVERAGE_H
#define SK_IMPACT_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "repo/repo.h"

enum { SK_COVERAGE_MAX = 200 << 20 }; /* bytes of one report */

#define SK_COVERAGE_NONE (-1L)  /* the project has no such file */
#define SK_COVERAGE_OTHER (-2L) /* it has, and nobody asked about it */

/* What is asked about. */
struct sk_coverage_of {
	size_t n; /* files, numbered from 0 */
	/* The number of a path below the worktree; or one of the two above. */
	long (*find)(void *ctx, const char *path);
	/* When the file was changed last; 0: not known. */
	time_t (*changed)(void *ctx, size_t file);
	void *ctx;
};

struct sk_coverage_file {
	size_t covered, lines; /* lines: that can be run (statements in Go's reports) */
	bool known;            /* a report speaks of it */
	bool stale;            /* and is older than the file */
};

struct sk_coverage {
	struct sk_coverage_file *file; /* as many as were asked about */
	size_t n;
	size_t covered, lines, known; /* sums */
	size_t stale;                 /* files that changed after the report */
	struct sk_strv reports;       /* that were read */
	struct sk_strv problems;      /* "REPORT: words" */
};

/* The reports that [coverage] reports names and that are there: regular files inside the worktree,
 * to which no link leads.  Fails for want of memory only. */
int sk_coverage_read(const struct sk_repo *repo, const struct sk_coverage_of *of,
                     struct sk_coverage *out);
void sk_coverage_clear(struct sk_coverage *coverage);

/* One report's text; `path` is where it lies (its own paths may be relative to there), `when` its
 * age.  SK_EUSAGE: of none of the kinds, or broken.  For tests, and for sk_coverage_read. */
struct sk_coverage_sum;
int sk_coverage_begin(const struct sk_coverage_of *of, struct sk_coverage_sum **out);
int sk_coverage_add(struct sk_coverage_sum *sum, const char *path, time_t when, const char *text,
                    size_t len);
/* Ends it: the result. */
int sk_coverage_end(struct sk_coverage_sum *sum, struct sk_coverage *out);

#endif
