#include "store/entry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "base/text.h"

#define OTHER_CLOCK_S 86399

/* What git's approxidate understands (its date.c); any other word it would skip in silence, and
 * take the whole for now. */
enum {
	WORD_DAY = 1,    /* says a time by itself */
	WORD_NUMBER = 2, /* counts units */
	WORD_UNIT = 4,
	WORD_OTHER = 8,
	WORD_NOW = 16
};

static const struct {
	const char *word; /* lower case */
	unsigned least;   /* so many letters are enough; 0: all of them */
	unsigned what;
} words[] = { { "january", 3, WORD_DAY },
	      { "february", 3, WORD_DAY },
	      { "march", 3, WORD_DAY },
	      { "april", 3, WORD_DAY },
	      { "may", 3, WORD_DAY },
	      { "june", 3, WORD_DAY },
	      { "july", 3, WORD_DAY },
	      { "august", 3, WORD_DAY },
	      { "september", 3, WORD_DAY },
	      { "october", 3, WORD_DAY },
	      { "november", 3, WORD_DAY },
	      { "december", 3, WORD_DAY },
	      { "mondays", 3, WORD_DAY },
	      { "tuesdays", 3, WORD_DAY },
	      { "wednesdays", 3, WORD_DAY },
	      { "thursdays", 3, WORD_DAY },
	      { "fridays", 3, WORD_DAY },
	      { "saturdays", 3, WORD_DAY },
	      { "sundays", 3, WORD_DAY },
	      { "yesterday", 0, WORD_DAY },
	      { "noon", 0, WORD_DAY },
	      { "midnight", 0, WORD_DAY },
	      { "tea", 0, WORD_DAY },
	      { "today", 0, WORD_DAY | WORD_NOW },
	      { "now", 0, WORD_DAY | WORD_NOW },
	      { "zero", 0, WORD_NUMBER | WORD_NOW },
	      { "one", 0, WORD_NUMBER },
	      { "two", 0, WORD_NUMBER },
	      { "three", 0, WORD_NUMBER },
	      { "four", 0, WORD_NUMBER },
	      { "five", 0, WORD_NUMBER },
	      { "six", 0, WORD_NUMBER },
	      { "seven", 0, WORD_NUMBER },
	      { "eight", 0, WORD_NUMBER },
	      { "nine", 0, WORD_NUMBER },
	      { "ten", 0, WORD_NUMBER },
	      { "last", 0, WORD_NUMBER },
	      { "seconds", 6, WORD_UNIT },
	      { "minutes", 6, WORD_UNIT },
	      { "hours", 4, WORD_UNIT },
	      { "days", 3, WORD_UNIT },
	      { "weeks", 4, WORD_UNIT },
	      { "months", 5, WORD_UNIT },
	      { "years", 4, WORD_UNIT },
	      { "ago", 0, WORD_OTHER },
	      { "at", 0, WORD_OTHER },
	      { "am", 0, WORD_OTHER },
	      { "pm", 0, WORD_OTHER },
	      { "t", 0, WORD_OTHER },
	      { "z", 0, WORD_OTHER },
	      { "utc", 0, WORD_OTHER },
	      { "gmt", 0, WORD_OTHER },
	      { "th", 0, WORD_OTHER },
	      { "st", 0, WORD_OTHER },
	      { "nd", 0, WORD_OTHER },
	      { "rd", 0, WORD_OTHER } };

static unsigned look_up(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t all = strlen(words[i].word), least = words[i].least ? words[i].least : all;

		if (len >= least && len <= all && strncasecmp(text, words[i].word, len) == 0)
			return words[i].what;
	}
	return 0;
}

/* "25:00" and "2026-13-01" git would pass over. */
static bool numbers_fit(const char *text)
{
	int a, b, c, end = 0;

	if (text[0] != '-' && sscanf(text, "%4d-%2d-%2d%n", &a, &b, &c, &end) == 3 && end >= 8)
		return b >= 1 && b <= 12 && c >= 1 && c <= 31;
	if (sscanf(text, "%d:%d:%d", &a, &b, &c) == 3)
		return a >= 0 && a <= 24 && b >= 0 && b < 60 && c >= 0 && c <= 60;
	if (sscanf(text, "%d:%d", &a, &b) == 2)
		return a >= 0 && a <= 24 && b >= 0 && b < 60;
	return true;
}

/* The WORD_* bits of all that it says, or 0 when git would not understand it. */
static unsigned understand(const char *text)
{
	unsigned seen = 0;

	for (const char *p = text; *p;) {
		const char *start = p;
		unsigned what;

		while (isdigit((unsigned char)*p))
			p++;
		if (p > start) {
			if ((start == text || start[-1] != ':') && !numbers_fit(start))
				return 0;
			seen |= WORD_NUMBER | WORD_DAY;
			if (strtoull(start, NULL, 10) == 0)
				seen |= WORD_NOW;
			continue;
		}
		while (isalpha((unsigned char)*p))
			p++;
		if (p == start) {
			if (!strchr(" .,:-+/_\t", *p))
				return 0;
			p++;
			continue;
		}
		what = look_up(start, (size_t)(p - start));
		if (!what || (what & WORD_UNIT && !(seen & WORD_NUMBER)))
			return 0;
		seen |= what;
	}
	if (seen & WORD_UNIT && seen & WORD_NUMBER)
		seen |= WORD_DAY;
	return seen & WORD_DAY ? seen : 0;
}

/* What git makes of it when the clock says `now`. */
static int ask_git(const struct sk_repo *repo, const char *text, time_t now, time_t *out)
{
	struct sk_buf arg = SK_BUF_INIT, env = SK_BUF_INIT, got = SK_BUF_INIT;
	const char *argv[] = { "git", "--git-dir", repo->gitdir, "rev-parse", NULL, NULL };
	const char *vars[] = { NULL, NULL };
	struct sk_proc proc = { .argv = argv, .env = vars, .output = &got };
	long long value = -1;
	int rc, status = 0;

	(void)sk_buf_addf(&arg, "--since=%s", text);
	(void)sk_buf_addf(&env, "GIT_TEST_DATE_NOW=%lld", (long long)now);
	rc = sk_buf_ok(&arg) || sk_buf_ok(&env) ? SK_EIO : 0;
	argv[4] = arg.ptr;
	vars[0] = env.ptr;
	if (!rc)
		rc = sk_proc_run(&proc, &status);
	if (!rc && (status || sscanf(sk_buf_str(&got), "--max-age=%lld", &value) != 1))
		rc = sk_error(SK_EUSAGE, "cannot read '%s' as a date", sk_name(text));
	if (!rc)
		*out = (time_t)value;
	sk_buf_free(&arg);
	sk_buf_free(&env);
	sk_buf_free(&got);
	return rc;
}

int sk_parse_date(const struct sk_repo *repo, const char *text, time_t *out)
{
	time_t now = sk_now(), t = 0, check = 0;
	unsigned seen = understand(text);
	int rc = 0;

	if (!seen)
		goto bad;
	rc = ask_git(repo, text, now, &t);
	/* The present moment for an answer may mean that git understood nothing: then it gives any
	 * other clock back as well. */
	if (!rc && t == now && !(seen & WORD_NOW)) {
		rc = ask_git(repo, text, now - OTHER_CLOCK_S, &check);
		if (!rc && check == now - OTHER_CLOCK_S)
			goto bad;
	}
	if (!rc)
		*out = t;
	return rc;
bad:
	return sk_error(SK_EUSAGE,
	                "cannot read '%s' as a date (use '2 hours ago', 'yesterday 14:00', "
	                "'2026-08-10 14:00')",
	                sk_name(text));
}
