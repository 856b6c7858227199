/* Retention by golden files: tests/data/retention/NAME.txt has
 *   # comment, tz TZ, policy KEY=N..., now TIME, and lines "TIME  VERDICT"
 * with the verdict in the words of sk_retention_words, "-" for dropped.  They were made by
 * another implementation of the rules (Python's calendar) and looked through by eye. */
#include "unit/scratch.h"

#include <dirent.h>
#include <time.h>

#include "store/retention.h"

#define MAX 2000

struct golden {
	struct sk_retention policy;
	time_t now, created[MAX];
	char want[MAX][512];
	size_t n;
	bool no_zone;
};

static void set_zone(struct golden *g, const char *tz)
{
	char path[640];

	(void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", tz);
	g->no_zone = strchr(tz, '/') && !strchr(tz, ',') && !sk_exists(path);
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

static time_t time_of(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end)
		fail_msg("not a time: %s", text);
	return timegm(&tm);
}

static void set_policy(struct sk_retention *p, char *text)
{
	const struct {
		const char *name;
		unsigned *value;
	} keys[] = { { "max_per_day", &p->max_per_day }, { "keep_last", &p->keep_last },
		     { "keep_hourly", &p->keep_hourly }, { "keep_daily", &p->keep_daily },
		     { "keep_weekly", &p->keep_weekly }, { "keep_monthly", &p->keep_monthly } };
	char *save = NULL;

	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');
		size_t k = 0;

		assert_non_null(eq);
		*eq = '\0';
		while (k < 6 && strcmp(keys[k].name, w) != 0)
			k++;
		assert_true(k < 6);
		*keys[k].value = (unsigned)strtoul(eq + 1, NULL, 10);
	}
}

static void load(const char *path, struct golden *g)
{
	FILE *f = fopen(path, "r");
	char line[512];

	assert_non_null(f);
	memset(g, 0, sizeof *g);
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		if (strncmp(line, "tz ", 3) == 0) {
			set_zone(g, line + 3);
		} else if (strncmp(line, "policy ", 7) == 0) {
			set_policy(&g->policy, line + 7);
		} else if (strncmp(line, "now ", 4) == 0) {
			g->now = time_of(line + 4);
		} else {
			assert_true(g->n < MAX && strlen(line) > 22);
			g->created[g->n] = time_of(line);
			(void)snprintf(g->want[g->n++], sizeof g->want[0], "%s", line + 22);
		}
	}
	assert_int_equal(fclose(f), 0);
	assert_true(g->n > 0);
}

static void check(const char *path)
{
	static struct golden g;
	static unsigned reason[MAX];
	struct sk_buf words = SK_BUF_INIT;

	load(path, &g);
	if (g.no_zone) {
		print_message("%s: this machine has no such time zone\n", path);
		return;
	}
	assert_int_equal(sk_retention_plan(&g.policy, g.created, g.n, g.now, reason), 0);
	for (size_t i = 0; i < g.n; i++) {
		sk_buf_clear(&words);
		assert_int_equal(sk_retention_words(reason[i], &words), 0);
		if (strcmp(words.len ? words.ptr : "-", g.want[i]) != 0)
			fail_msg("%s: %zu: got '%s', want '%s'", path, i,
			         words.len ? words.ptr : "-", g.want[i]);
		assert_int_equal(sk_retention_keeps(reason[i]),
		                 strcmp(g.want[i], "-") != 0 &&
		                         strcmp(g.want[i], "over the cap") != 0);
	}
	sk_buf_free(&words);
}

static void golden_files(void **state)
{
	DIR *dir = opendir(SK_TEST_DATA "/retention");
	struct dirent *de;
	char path[512];
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", SK_TEST_DATA "/retention", de->d_name);
		check(path);
		n++;
	}
	assert_true(n >= 18);
	assert_int_equal(closedir(dir), 0);
}

static void empty_policy(void **state)
{
	struct sk_retention policy = { .max_per_day = 96 };
	time_t created[1] = { 5 };
	unsigned reason[1] = { 77 };

	(void)state;
	assert_int_equal(sk_retention_plan(&policy, created, 1, 10, reason), SK_EUSAGE);
	assert_int_equal(reason[0], 77);
	policy.keep_daily = 1;
	assert_int_equal(sk_retention_plan(&policy, created, 0, 10, reason), 0);
	assert_int_equal(reason[0], 77);
}

/* Whatever the policy and the times: the newest and the future stay, the cap holds, and one run
 * after another drops nothing more. */
static void rules_hold(void **state)
{
	static time_t created[300];
	static unsigned reason[300], again[300];
	uint32_t seed = 99;

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	for (int round = 0; round < 300; round++) {
		struct sk_retention p = { 0 };
		time_t now = 1793000000, newest = 0;
		size_t n, kept = 0, left = 0;

#define RANDOM(m) (seed = seed * 1664525u + 1013904223u, (seed >> 8) % (m))
		n = RANDOM(300) + 1;
		p.max_per_day = RANDOM(4);
		p.keep_last = RANDOM(5) + 1;
		p.keep_hourly = RANDOM(30);
		p.keep_daily = RANDOM(10);
		p.keep_weekly = RANDOM(5);
		p.keep_monthly = RANDOM(5);
		for (size_t i = 0; i < n; i++) {
			created[i] = now + 100000 - (time_t)RANDOM(20000000);
			if (created[i] <= now && created[i] > newest)
				newest = created[i];
		}
		assert_int_equal(sk_retention_plan(&p, created, n, now, reason), 0);
		for (size_t i = 0; i < n; i++) {
			if (created[i] > now || created[i] == newest)
				assert_true(sk_retention_keeps(reason[i]) || created[i] == newest);
			if (reason[i] & SK_KEEP_NEWEST)
				assert_true(created[i] == newest || !newest);
			kept += (reason[i] & SK_KEEP_NEWEST) != 0;
			if (sk_retention_keeps(reason[i]))
				created[left++] = created[i];
		}
		assert_int_equal(kept, 1);
		assert_int_equal(sk_retention_plan(&p, created, left, now, again), 0);
		for (size_t i = 0; i < left; i++)
			assert_true(sk_retention_keeps(again[i]));
	}
}

static void extreme_times(void **state)
{
	struct sk_retention p = { .keep_monthly = 2, .keep_hourly = 1 };
	time_t created[] = { INT64_MAX, 0, -1, -86400 * 366, INT64_MIN / 2, INT64_MIN };
	unsigned reason[6];

	(void)state;
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	assert_int_equal(sk_retention_plan(&p, created, 6, 100, reason), 0);
	assert_int_equal(reason[0], SK_KEEP_FUTURE);
	assert_true(reason[1] & SK_KEEP_NEWEST);
	assert_true(reason[1] & SK_KEEP_MONTHLY);
	assert_true(reason[2] & SK_KEEP_MONTHLY);
	assert_int_equal(reason[3], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files),
		cmocka_unit_test(empty_policy),
		cmocka_unit_test(rules_hold),
		cmocka_unit_test(extreme_times),
	};

	return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
