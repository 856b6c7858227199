/* coverage_parts.h - between the coverage*.c files only. */
#ifndef SK_IMPACT_COVERAGE_PARTS_H
#define SK_IMPACT_COVERAGE_PARTS_H

#include "impact/coverage.h"

enum { SK_COVERAGE_LINES = 1 << 22 }; /* no file has a line beyond this one */

/* The number of the file that a report calls so, NULL-terminated or not: as it stands, below the
 * report's own folders, or without its first folders, when it was made elsewhere.  `prefix`: what
 * the report puts before its names ("" none). */
long sk_coverage_find(struct sk_coverage_sum *s, const char *prefix, const char *name, size_t len);
/* A line that can be run; whether it was.  SK_EIO for want of memory. */
int sk_coverage_line(struct sk_coverage_sum *s, long file, uint64_t line, bool hit);
/* A block of so many statements, told apart by its place. */
int sk_coverage_block(struct sk_coverage_sum *s, long file, const uint32_t place[4],
                      uint32_t statements, bool hit);
/* Only sums are told. */
void sk_coverage_total(struct sk_coverage_sum *s, long file, uint64_t covered, uint64_t lines);
/* The report speaks of the file (which may have no line that can be run). */
void sk_coverage_speaks(struct sk_coverage_sum *s, long file);

int sk_coverage_lcov(struct sk_coverage_sum *s, const char *text, size_t len);
int sk_coverage_go(struct sk_coverage_sum *s, const char *text, size_t len);
int sk_coverage_json(struct sk_coverage_sum *s, const char *text, size_t len);
int sk_coverage_xml(struct sk_coverage_sum *s, const char *text, size_t len);

#endif
