/* scan.h - what is wrong between flags and code: findings. */
#ifndef FEATURE_FLAG_SCAN_H
#define FEATURE_FLAG_SCAN_H

#include <safekeep/plugin.h>

#include "flags.h"

struct place {
	char *path;
	unsigned line;
	char *text; /* the line, cut */
	bool prose;
};

struct usage {               /* of one flag */
	size_t code, prose;  /* how often */
	struct place *place; /* the first ones */
	size_t n;
};

struct finding {
	const char *rule;
	uint32_t severity;
	char *path;
	unsigned line;
	char *flag; /* or NULL */
	char *words;
};

struct scan {
	struct skp_host *host;
	const struct flags *flags;
	const char *file;
	struct usage *usage; /* for each flag */
	struct finding *finding;
	size_t n;
	size_t files, skipped; /* looked at, and not */
	int64_t history_ms;    /* what searching the history may still take */
};

#define SCAN_PLACES 1000

void scan_finding(struct scan *s, const struct finding *finding);
/* Looks through the files: usage, and flags that are asked for and not defined. */
int scan_code(struct scan *s, bool staged);
/* What flags themselves say: unused, expired, unchanged for long. */
int scan_flags(struct scan *s);
/* The number of the line at `at`, going on from where the last one was. */
struct line_at {
	size_t at;
	unsigned line;
};
unsigned line_of(struct line_at *last, const char *text, size_t at);
/* The line around `at`, without blanks around it, at most 200 bytes. */
char *line_text(const char *text, size_t len, size_t at);

#endif
