/* When working trees get their backups: the schedule of the service, under a clock of our own. */
#include "unit/repo_scratch.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "service/service_parts.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* The clocks: the real ones, and what the test adds to them.  These take the place of libc's. */

static int64_t boot_ahead, calendar_ahead; /* ms */

int clock_gettime(clockid_t id, struct timespec *t)
{
	int64_t ms = id == CLOCK_BOOTTIME ? boot_ahead : id == CLOCK_REALTIME ? calendar_ahead : 0;

	if (syscall(SYS_clock_gettime, id, t) < 0)
		return -1;
	t->tv_sec += ms / 1000;
	t->tv_nsec += ms % 1000 * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_nsec -= 1000000000;
		t->tv_sec++;
	}
	return 0;
}

time_t time(time_t *out)
{
	struct timespec t = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

/* A service without its loop: what is due is started, and awaited, by the test. */

static struct sk_service s;
static size_t remembered;
static int result; /* of backups */
static bool wants_rounds;
static size_t pushes;
static int push_result;

static int repos(struct sk_strv *out)
{
	*out = (struct sk_strv)SK_STRV_INIT;
	return 0;
}

static int remember(const char *worktree)
{
	(void)worktree;
	remembered++;
	return 0;
}

static int forget(const char *worktree)
{
	(void)worktree;
	return 0;
}

static int backup(const char *event, const struct sk_service_hint *hint)
{
	(void)hint;
	if (strncmp(event, "vault", 5) == 0)
		return push_result;
	if (strcmp(event, "watch") != 0 && strcmp(event, "schedule") != 0)
		return SK_EUSAGE;
	if (result)
		(void)fprintf(stderr, "git sk: warning: no backup was made: the disk is full\n");
	return result;
}

static bool rounds(struct sk_repo *repo)
{
	(void)repo;
	return wants_rounds;
}

static const struct sk_service_host host = { repos, remember, forget, backup, rounds };

static void begin(void)
{
	memset(&s, 0, sizeof s);
	s.host = &host;
	s.ep = epoll_create1(EPOLL_CLOEXEC);
	s.lock = s.listen.fd = s.signals.fd = s.timer.fd = s.self.fd = -1;
	result = 0;
	remembered = 0;
	wants_rounds = false;
	assert_true(s.ep >= 0);
	assert_int_equal(sk_watch_set_open(&s.set), 0);
}

static void end(void)
{
	while (s.sites)
		sk_site_remove(&s, s.sites);
	sk_watch_set_close(&s.set);
	assert_int_equal(close(s.ep), 0);
}

static void enabled(const char *name, const char *settings)
{
	make(name);
	(void)sh("mkdir -p %s/.git/sk && : >%s/.git/sk/installed && printf '%s' "
	         ">%s/.git/sk/safekeep.ini",
	         name, name, settings, name);
}

static struct sk_site *add(const char *name)
{
	struct sk_site *site = NULL;

	assert_int_equal(sk_site_add(&s, in_top(name), false, &site), 0);
	assert_non_null(site->watch);
	return site;
}

/* How many backups are started now; *next: when it wants to be called again, from now on. */
static size_t started(int64_t *next)
{
	size_t n = 0;
	int64_t at;

	while (at = sk_sites_tick(&s, sk_clock_ms()), s.jobs || at <= sk_clock_ms()) {
		n += s.n_jobs;
		pushes += s.push != NULL;
		while (s.jobs) {
			(void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
			sk_jobs_reap(&s);
		}
	}
	if (next)
		*next = at == SK_NEVER ? SK_NEVER : at - sk_clock_ms();
	return n;
}

/* All that happened is known to the watcher. */
static void look(struct sk_site *site)
{
	while (sk_watch_mode(site->watch) == SK_WATCH_LOADING)
		(void)sk_sites_work(&s, sk_clock_ms() + 1000);
	assert_int_equal(sk_watch_mode(site->watch), SK_WATCH_EXACT);
	assert_true(sk_watch_catch_up(site->watch));
}

static void by_the_interval(void **state)
{
	int64_t next;

	(void)state;
	enabled("clock", "[backup]\\ninterval = 10m\\n[watch]\\nenabled = false\\n");
	begin();
	assert_int_equal(add("clock")->interval, 10 * MINUTE);
	assert_int_equal(started(&next), 1); /* what changed before it began */
	assert_in_range(next, 9 * MINUTE, 10 * MINUTE);
	for (int i = 0; i < 3; i++) {
		boot_ahead += 9 * MINUTE + 50 * SECOND;
		assert_int_equal(started(NULL), 0);
		boot_ahead += 10 * SECOND;
		assert_int_equal(started(&next), 1);
		assert_in_range(next, 9 * MINUTE, 10 * MINUTE);
	}
	end();
}

/* The calendar's clock may be set to anything: nothing is late for it, and nothing is made twice.
 */
static void whatever_the_calendar_says(void **state)
{
	static const int64_t jumps[] = { -365 * (int64_t)DAY, 2 * 365 * (int64_t)DAY, -HOUR, HOUR,
		                         -20 * 365 * (int64_t)DAY };
	int64_t next;

	(void)state;
	enabled("jumps", "[backup]\\ninterval = 10m\\n[watch]\\nenabled = false\\n");
	begin();
	(void)add("jumps");
	assert_int_equal(started(NULL), 1);
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		calendar_ahead += jumps[i];
		assert_int_equal(started(&next), 0);
		assert_in_range(next, 9 * MINUTE, 10 * MINUTE);
		boot_ahead += 10 * MINUTE;
		assert_int_equal(started(NULL), 1);
	}
	calendar_ahead = 0;
	end();
}

/* Asleep for days, which this clock counts: one backup on waking, not one for each interval. */
static void once_after_sleep(void **state)
{
	int64_t next;

	(void)state;
	enabled("sleep", "[backup]\\ninterval = 10m\\n[watch]\\nenabled = false\\n");
	begin();
	(void)add("sleep");
	assert_int_equal(started(NULL), 1);
	boot_ahead += 3 * (int64_t)DAY;
	assert_int_equal(started(&next), 1);
	assert_in_range(next, 9 * MINUTE, 10 * MINUTE);
	end();
}

static void after_a_failure_each_minute(void **state)
{
	struct sk_site *site;

	(void)state;
	enabled("fails", "[backup]\\ninterval = 10m\\n[watch]\\nenabled = false\\n");
	begin();
	site = add("fails");
	result = SK_EIO;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(started(NULL), 1);
		assert_string_equal(site->trouble, "the disk is full");
		boot_ahead += 55 * SECOND;
		assert_int_equal(started(NULL), 0);
		boot_ahead += 5 * SECOND;
	}
	result = 0;
	assert_int_equal(started(NULL), 1);
	assert_null(site->trouble);
	assert_int_equal(started(NULL), 0);
	end();
}

static void half_a_second_after_the_last_change(void **state)
{
	struct sk_site *site;
	int64_t next;

	(void)state;
	enabled("change", "");
	begin();
	site = add("change");
	look(site);
	assert_int_equal(started(&next), 1);
	/* nothing happens: all is looked at once an hour, nothing wakes it before */
	assert_in_range(next, 59 * MINUTE, HOUR);
	boot_ahead += 20 * MINUTE;
	assert_int_equal(started(NULL), 0);
	for (int i = 0; i < 3; i++) {
		(void)sh("echo %d >>change/a.txt", i);
		look(site);
		assert_int_equal(started(&next), 0);
		assert_in_range(next, 1, 500);
		boot_ahead += 500;
		assert_int_equal(started(NULL), 1);
	}
	boot_ahead += HOUR;
	assert_int_equal(started(NULL), 1);
	end();
}

/* A plugin wants its cycle by the clock though nothing happens; all is still looked at once an
 * hour, not in each round. */
static void rounds_that_are_wanted_come_by_the_interval(void **state)
{
	struct sk_site *site;
	int64_t next, whole;

	(void)state;
	enabled("rounds", "[backup]\\ninterval = 10m\\n");
	begin();
	wants_rounds = true;
	site = add("rounds");
	look(site);
	assert_int_equal(started(&next), 1);
	assert_in_range(next, 9 * MINUTE, 10 * MINUTE);
	whole = site->whole;
	for (int i = 1; i <= 8; i++) {
		boot_ahead += 10 * MINUTE;
		assert_int_equal(started(&next), 1);
		assert_in_range(next, 9 * MINUTE, 10 * MINUTE);
		if (i < 6)
			assert_true(site->whole == whole);
		else
			assert_in_range(site->whole - whole, HOUR, HOUR + MINUTE);
	}
	wants_rounds = false; /* heard of when the settings change */
	(void)sh("echo >>rounds/.git/sk/safekeep.ini");
	boot_ahead += 10 * MINUTE;
	assert_int_equal(started(NULL), 2);
	look(s.sites);
	assert_int_equal(started(&next), 0);
	assert_in_range(next, 59 * MINUTE, HOUR);
	end();
}

static void each_ten_seconds_under_constant_writing(void **state)
{
	struct sk_site *site;
	size_t n = 0;

	(void)state;
	enabled("busy", "");
	begin();
	site = add("busy");
	look(site);
	assert_int_equal(started(NULL), 1);
	for (int i = 0; i < 300; i++) { /* 60 s */
		(void)sh("echo %d >busy/log.txt", i);
		look(site);
		n += started(NULL);
		boot_ahead += 200;
	}
	assert_in_range(n, 5, 7);
	end();
}

/* Until the one that was begun has ended. */
static void ended(void)
{
	while (s.jobs) {
		(void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		sk_jobs_reap(&s);
	}
}

/* What a plugin writes when it is told of a backup is in that backup; what anybody writes later is
 * not. */
static void what_came_before_a_backup_looked_needs_no_other(void **state)
{
	struct sk_site *site;
	int64_t next;

	(void)state;
	enabled("begins", "");
	begin();
	site = add("begins");
	look(site);
	assert_int_equal(started(NULL), 1);
	for (int later = 0; later < 2; later++) {
		(void)sh("echo %d >>begins/a.txt", later);
		look(site);
		boot_ahead += 500;
		(void)sk_sites_tick(&s, sk_clock_ms());
		assert_non_null(site->job);
		(void)sh("echo %d >begins/b.txt; mkdir -p begins/new; echo %d >begins/new/%d",
		         later, later, later);
		sk_site_begin(site);
		if (later)
			(void)sh("echo >>begins/a.txt");
		ended();
		look(site);
		assert_int_equal(started(&next), 0);
		if (later)
			assert_in_range(next, 1, 500);
		else
			assert_in_range(next, 59 * MINUTE, HOUR);
	}
	end();
}

/* Something that writes whenever there was a backup. */
static void echoes_wait_longer_and_longer(void **state)
{
	struct sk_site *site;
	int64_t next, wait = 500;

	(void)state;
	enabled("echo", "");
	begin();
	site = add("echo");
	look(site);
	assert_int_equal(started(NULL), 1);
	for (int i = 0; i < 15; i++) {
		(void)sh("echo %d >>echo/a.txt", i);
		look(site);
		site->full = sk_clock_ms(); /* however slow this machine is */
		if (i >= 3 && wait < 300 * SECOND)
			wait = wait * 2 < 300 * SECOND ? wait * 2 : 300 * SECOND;
		assert_int_equal(started(&next), 0);
		assert_in_range(next, wait > 16 * SECOND ? wait - 10 * SECOND : 1, wait);
		boot_ahead += wait;
		assert_int_equal(started(NULL), 1);
	}
	/* what comes at another time is saved as ever, and ends it */
	(void)sh("echo >>echo/a.txt");
	look(site);
	site->full = sk_clock_ms();
	assert_int_equal(started(&next), 0);
	assert_in_range(next, 200 * SECOND, 300 * SECOND);
	boot_ahead += 1000;
	(void)sh("echo >>echo/b.txt");
	look(site);
	assert_int_equal(started(&next), 0);
	assert_in_range(next, 1, 500);
	boot_ahead += 500;
	assert_int_equal(started(NULL), 1);
	assert_int_equal(site->echoes, 0);
	end();
}

/* A server that writes its ignored log all the time: the index is not read for each line of it. */
static void ignored_files_are_looked_at_once_a_second(void **state)
{
	struct sk_site *site;
	int64_t next;

	(void)state;
	enabled("ignored", "");
	(void)sh("echo '*.log' >ignored/.gitignore");
	begin();
	site = add("ignored");
	look(site);
	assert_int_equal(started(NULL), 1);
	boot_ahead += MINUTE;
	(void)sh("echo x >>ignored/x.log");
	look(site);
	assert_int_equal(started(&next), 0);
	assert_true(sk_watch_soft_waits(site->watch));
	assert_in_range(next, 500, 1000);
	boot_ahead += SECOND;
	assert_int_equal(started(NULL), 0);
	assert_false(sk_watch_soft_waits(site->watch));
	end();
}

static void changed_settings_are_followed(void **state)
{
	int64_t next;

	(void)state;
	enabled("follows", "[backup]\\ninterval = 10m\\n[watch]\\nenabled = false\\n");
	begin();
	(void)add("follows");
	assert_int_equal(started(NULL), 1);
	(void)sh("sed -i s/10m/3m/ follows/.git/sk/safekeep.ini");
	boot_ahead += 10 * MINUTE;
	/* the one that is due, and another by the new settings */
	assert_int_equal(started(&next), 2);
	assert_int_equal(s.sites->interval, 3 * MINUTE);
	assert_in_range(next, 2 * MINUTE, 3 * MINUTE);
	end();
}

static void one_that_cannot_be_opened_is_tried_again(void **state)
{
	struct sk_site *site = NULL;
	int64_t next;

	(void)state;
	enabled("damaged", "");
	(void)sh("cp damaged/.git/config saved && echo '[core' >>damaged/.git/config");
	begin();
	assert_int_equal(sk_site_add(&s, in_top("damaged"), false, &site), 0);
	assert_null(site->watch);
	assert_non_null(strstr(site->trouble, "config"));
	assert_int_equal(started(&next), 0);
	assert_in_range(next, 59 * SECOND, MINUTE);
	(void)sh("cp saved damaged/.git/config");
	boot_ahead += MINUTE;
	assert_int_equal(started(NULL), 1);
	assert_non_null(s.sites->watch);
	assert_null(s.sites->trouble);
	end();
	(void)sh("rm -rf damaged/.git");
	begin();
	assert_int_equal(sk_site_add(&s, in_top("damaged"), false, &site), SK_EREPO);
	assert_null(s.sites);
	end();
}

/* Where git works, though it is not in the registry: moved, or a disk that was away. */
static void a_main_working_tree_is_remembered(void **state)
{
	struct sk_site *site = NULL;

	(void)state;
	enabled("moved", "");
	(void)sh("git -C moved worktree add -q ../moved-linked");
	begin();
	assert_int_equal(sk_site_add(&s, in_top("moved-linked"), true, &site), 0);
	assert_int_equal(remembered, 0);
	assert_int_equal(sk_site_add(&s, in_top("moved"), true, &site), 0);
	assert_int_equal(remembered, 1);
	assert_false(site->linked);
	end();
	(void)sh(": >moved/.git/sk/no-service");
	begin();
	assert_int_equal(sk_site_add(&s, in_top("moved"), true, &site), SK_ENO);
	assert_int_equal(sk_site_add(&s, in_top("moved-linked"), true, &site), SK_ENO);
	assert_null(s.sites);
	end();
}

static void two_at_a_time(void **state)
{
	char name[16];

	(void)state;
	begin();
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof name, "many%d", i);
		enabled(name, "[watch]\\nenabled = false\\n");
		(void)add(name);
	}
	assert_true(sk_sites_tick(&s, sk_clock_ms()) == SK_NEVER);
	assert_int_equal(s.n_jobs, SK_JOBS_MAX);
	while (s.jobs) {
		(void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		sk_jobs_reap(&s);
	}
	assert_int_equal(started(NULL), 3);
	end();
}

static size_t pushed(int64_t ahead)
{
	pushes = 0;
	boot_ahead += ahead;
	(void)started(NULL);
	return pushes;
}

static void pushes_follow_backups(void **state)
{
	struct sk_site *site;

	(void)state;
	enabled("vaults", "[backup]\\ninterval = 1m\\n[watch]\\nenabled = false\\n[vault]\\n"
	                  "interval = 10m\\nevery = 5\\n[vault \"v\"]\\nurl = /x\\n");
	begin();
	site = add("vaults");
	assert_int_equal(site->push_every, 10 * MINUTE);
	assert_int_equal(pushed(0), 0);
	assert_int_equal(pushed(MINUTE), 1); /* what the last service left */
	for (int i = 0; i < 4; i++)
		assert_int_equal(pushed(MINUTE), 0);
	assert_int_equal(pushed(MINUTE), 1); /* the fifth backup */
	site->push_after = 0;
	assert_int_equal(pushed(MINUTE), 0);
	assert_int_equal(pushed(9 * MINUTE), 0);
	assert_int_equal(pushed(MINUTE), 1);
	/* away: again after five minutes, then ten, and so on to an hour */
	push_result = SK_EIO;
	assert_int_equal(pushed(MINUTE), 0);
	assert_int_equal(pushed(10 * MINUTE), 1);
	assert_int_equal(pushed(4 * MINUTE), 0);
	assert_int_equal(pushed(MINUTE), 1);
	assert_int_equal(pushed(9 * MINUTE), 0);
	assert_int_equal(pushed(MINUTE), 1);
	for (int i = 0; i < 8; i++)
		(void)pushed(HOUR);
	assert_int_equal(pushed(59 * MINUTE), 0);
	push_result = 0;
	assert_int_equal(pushed(MINUTE), 1);
	/* nothing new: nothing to do */
	site->interval = -1;
	assert_int_equal(pushed(HOUR), 0);
	assert_int_equal(pushed(DAY), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_interval),
		cmocka_unit_test(whatever_the_calendar_says),
		cmocka_unit_test(once_after_sleep),
		cmocka_unit_test(after_a_failure_each_minute),
		cmocka_unit_test(half_a_second_after_the_last_change),
		cmocka_unit_test(rounds_that_are_wanted_come_by_the_interval),
		cmocka_unit_test(what_came_before_a_backup_looked_needs_no_other),
		cmocka_unit_test(echoes_wait_longer_and_longer),
		cmocka_unit_test(each_ten_seconds_under_constant_writing),
		cmocka_unit_test(ignored_files_are_looked_at_once_a_second),
		cmocka_unit_test(changed_settings_are_followed),
		cmocka_unit_test(one_that_cannot_be_opened_is_tried_again),
		cmocka_unit_test(a_main_working_tree_is_remembered),
		cmocka_unit_test(two_at_a_time),
		cmocka_unit_test(pushes_follow_backups),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
