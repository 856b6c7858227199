#include "store/retention.h"

#include <stdlib.h>
#include <string.h>

#define RECENT_S 86400

/* One time, with the buckets of the local calendar it lies in. */
struct moment {
	time_t t;
	size_t at;    /* where it stands in the caller's list */
	int64_t hour; /* with the offset from UTC: an hour that comes twice is two */
	int64_t day, week, month;
	int64_t key; /* the bucket in question, while one rule is looked at */
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar.
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void look_up(struct moment *m)
{
	struct tm tm = { 0 };

	if (!localtime_r(&m->t, &tm)) /* a year beyond int: one bucket for all of those */
		tm = (struct tm){ .tm_mday = 1 };
	m->day = days_of((int64_t)tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	m->week = floor_div(m->day + 3, 7); /* 1970-01-01 was a Thursday; weeks begin on Monday */
	m->month = (int64_t)tm.tm_year * 12 + tm.tm_mon;
	m->hour = (m->day * 24 + tm.tm_hour) * 200000 + tm.tm_gmtoff;
}

static int newest_first(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? 1 : -1;
	return x->at < y->at ? -1 : 1;
}

/* By bucket, the latest first, and in it the newest first. */
static int by_key(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return newest_first(a, b);
}

/* Nearly always they are in order already: times go one way, and so do buckets. */
static void sort(struct moment *m, size_t n, int (*order)(const void *, const void *))
{
	for (size_t i = 1; i < n; i++)
		if (order(&m[i - 1], &m[i]) > 0) {
			qsort(m, n, sizeof *m, order);
			return;
		}
}

static int64_t key_of(const struct moment *m, unsigned rule)
{
	return rule == SK_KEEP_HOURLY   ? m->hour
	       : rule == SK_KEEP_DAILY  ? m->day
	       : rule == SK_KEEP_WEEKLY ? m->week
	                                : m->month;
}

/* Marks the newest of each of the newest `limit` buckets.  A bucket need not be one stretch of
 * time: where a clock change crosses midnight, a day is left and entered again. */
static void mark(struct moment *m, size_t n, unsigned rule, unsigned limit, unsigned *reason)
{
	size_t reps = 0;

	if (!limit)
		return;
	for (size_t i = 0; i < n; i++)
		m[i].key = key_of(&m[i], rule);
	sort(m, n, by_key);
	for (size_t i = 0; i < n;) {
		struct moment rep = m[i];

		while (i < n && m[i].key == rep.key)
			i++;
		m[reps++].at = rep.at; /* reps <= i: nothing unread is overwritten */
		m[reps - 1].t = rep.t;
	}
	sort(m, reps, newest_first);
	for (size_t i = 0; i < reps && i < limit; i++)
		reason[m[i].at] |= rule;
}

static void cap(struct moment *m, size_t n, unsigned limit, unsigned *reason)
{
	size_t used = 0;

	if (!limit)
		return;
	for (size_t i = 0; i < n; i++)
		m[i].key = m[i].day;
	sort(m, n, by_key);
	for (size_t i = 0; i < n; i++) {
		unsigned *why = &reason[m[i].at];

		if (i && m[i].key != m[i - 1].key)
			used = 0;
		if (!*why || used++ < limit)
			continue;
		*why = *why & SK_KEEP_NEWEST ? *why : SK_OVER_CAP;
	}
}

static void plan(const struct sk_retention *p, const struct moment *all, struct moment *work,
                 size_t n, time_t now, unsigned *reason)
{
	static const unsigned rules[] = { SK_KEEP_HOURLY, SK_KEEP_DAILY, SK_KEEP_WEEKLY,
		                          SK_KEEP_MONTHLY };
	const unsigned limits[] = { p->keep_hourly, p->keep_daily, p->keep_weekly,
		                    p->keep_monthly };
	size_t future = 0;

	while (future < n && all[future].t > now)
		reason[all[future++].at] = SK_KEEP_FUTURE;
	if (n)
		reason[all[future < n ? future : 0].at] |= SK_KEEP_NEWEST;
	for (size_t i = future; i < n; i++) {
		if (all[i].t > now - RECENT_S)
			reason[all[i].at] |= SK_KEEP_RECENT;
		if (i - future < p->keep_last)
			reason[all[i].at] |= SK_KEEP_LAST;
	}
	for (size_t r = 0; r < 4; r++) {
		memcpy(work, all + future, (n - future) * sizeof *work);
		mark(work, n - future, rules[r], limits[r], reason);
	}
	memcpy(work, all + future, (n - future) * sizeof *work);
	cap(work, n - future, p->max_per_day, reason);
}

int sk_retention_plan(const struct sk_retention *p, const time_t *created, size_t n, time_t now,
                      unsigned *reason)
{
	struct moment *all;

	if (!p->keep_last && !p->keep_hourly && !p->keep_daily && !p->keep_weekly &&
	    !p->keep_monthly)
		return sk_error(SK_EUSAGE, "the retention policy is empty: set one of keep_last, "
		                           "keep_hourly, keep_daily, keep_weekly, keep_monthly");
	if (!n)
		return 0;
	all = calloc(n, 2 * sizeof *all);
	if (!all)
		return sk_error_oom();
	tzset();
	for (size_t i = 0; i < n; i++) {
		all[i].t = created[i];
		all[i].at = i;
		look_up(&all[i]);
		reason[i] = 0;
	}
	sort(all, n, newest_first);
	plan(p, all, all + n, n, now, reason);
	free(all);
	return 0;
}

bool sk_retention_keeps(unsigned reason)
{
	return reason && reason != SK_OVER_CAP;
}

int sk_retention_words(unsigned reason, struct sk_buf *out)
{
	static const struct {
		unsigned bit;
		const char *word;
	} table[] = { { SK_KEEP_NEWEST, "newest" },    { SK_KEEP_FUTURE, "future" },
		      { SK_KEEP_RECENT, "recent" },    { SK_KEEP_LAST, "last" },
		      { SK_KEEP_HOURLY, "hourly" },    { SK_KEEP_DAILY, "daily" },
		      { SK_KEEP_WEEKLY, "weekly" },    { SK_KEEP_MONTHLY, "monthly" },
		      { SK_OVER_CAP, "over the cap" }, { SK_KEEP_DAMAGED, "damaged" } };
	size_t start = out->len;
	int rc = 0;

	for (size_t i = 0; i < sizeof table / sizeof *table && !rc; i++)
		if (reason & table[i].bit)
			rc = sk_buf_addf(out, "%s%s", out->len > start ? ", " : "", table[i].word);
	return rc;
}
