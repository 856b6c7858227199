/* The service's parts by themselves, and its socket under all kinds of rubbish. */
#include "scratch.h"

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "service/changes.h"
#include "service/mounts.h"
#include "service/protocol.h"
#include "service/service.h"

/* The log of changes */

static size_t count(const struct sk_buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->ptr[i] == '\0';
	return n;
}

static void add(struct sk_changes *c, const char *path)
{
	sk_changes_add(c, path, strlen(path));
}

static void changes_after_a_number(void **state)
{
	struct sk_changes c = { 0 };
	struct sk_buf out = SK_BUF_INIT;
	uint64_t one, two;

	(void)state;
	add(&c, "a");
	one = c.seq;
	add(&c, "b");
	add(&c, "a/b");
	two = c.seq;
	add(&c, "a");
	assert_int_equal(sk_changes_since(&c, two, &out), 0);
	assert_int_equal(out.len, 2);
	assert_string_equal(out.ptr, "a");
	sk_buf_clear(&out);
	assert_int_equal(sk_changes_since(&c, one, &out), 0);
	assert_int_equal(count(&out), 3);
	sk_buf_clear(&out);
	assert_int_equal(sk_changes_since(&c, c.seq, &out), 0);
	assert_int_equal(out.len, 0);
	/* from the future */
	assert_int_equal(sk_changes_since(&c, c.seq + 1, &out), SK_ENO);
	sk_changes_forget(&c);
	assert_int_equal(sk_changes_since(&c, two, &out), SK_ENO);
	assert_int_equal(sk_changes_since(&c, c.seq - 1, &out), SK_ENO);
	assert_int_equal(sk_changes_since(&c, c.seq, &out), 0);
	sk_changes_free(&c);
	sk_buf_free(&out);
}

static void too_many_changes_are_forgotten(void **state)
{
	struct sk_changes c = { 0 };
	struct sk_buf out = SK_BUF_INIT;
	uint64_t first;
	char name[32];

	(void)state;
	add(&c, "first");
	first = c.seq;
	for (unsigned i = 0; i < SK_CHANGES_MAX - 1; i++) {
		(void)snprintf(name, sizeof name, "f%u", i);
		add(&c, name);
	}
	assert_int_equal(sk_changes_since(&c, first, &out), 0);
	assert_int_equal(count(&out), SK_CHANGES_MAX - 1);
	sk_buf_clear(&out);
	add(&c, "one more");
	assert_int_equal(sk_changes_since(&c, first, &out), SK_ENO);
	/* what comes after is known again */
	first = c.seq;
	add(&c, "after");
	assert_int_equal(sk_changes_since(&c, first, &out), 0);
	assert_string_equal(out.ptr, "after");
	sk_changes_free(&c);
	sk_buf_free(&out);
}

/* Protocol */

static void headers(void **state)
{
	unsigned char head[SK_ASK_HEAD];
	uint32_t len;
	char what;

	(void)state;
	sk_ask_pack(head, 'f', 0x01020304);
	assert_true(sk_ask_unpack(head, &what, &len));
	assert_int_equal(what, 'f');
	assert_int_equal(len, 0x01020304);
	head[2]++; /* another version */
	assert_false(sk_ask_unpack(head, &what, &len));
	head[2]--;
	head[0] = 'X';
	assert_false(sk_ask_unpack(head, &what, &len));
}

static void settings_tell_environments_apart(void **state)
{
	char a[20], b[20];

	(void)state;
	sk_settings(a);
	sk_settings(b);
	assert_string_equal(a, b);
	assert_int_equal(setenv("GIT_CONFIG_GLOBAL", "/elsewhere", 1), 0);
	sk_settings(b);
	assert_string_not_equal(a, b);
	assert_int_equal(setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1), 0);
	assert_int_equal(setenv("GIT_CONFIG_PARAMETERS", "'core.excludesFile=x'", 1), 0);
	sk_settings(b);
	assert_string_equal(b, "-");
	assert_int_equal(setenv("GIT_CONFIG_PARAMETERS", "'user.name'='x'", 1), 0);
	sk_settings(b);
	assert_string_equal(b, a);
	assert_int_equal(unsetenv("GIT_CONFIG_PARAMETERS"), 0);
	assert_int_equal(setenv("GIT_CONFIG_COUNT", "1", 1), 0);
	sk_settings(b);
	assert_string_equal(b, "-"); /* a count without its key: in doubt */
	assert_int_equal(setenv("GIT_CONFIG_KEY_0", "CORE.EXCLUDESFILE", 1), 0);
	sk_settings(b);
	assert_string_equal(b, "-");
	assert_int_equal(setenv("GIT_CONFIG_KEY_0", "user.email", 1), 0);
	sk_settings(b);
	assert_string_equal(b, a);
	assert_int_equal(unsetenv("GIT_CONFIG_COUNT"), 0);
}

static void knows_the_filesystem_of_a_folder(void **state)
{
	struct sk_mount_view a, b;
	struct sk_mounts m;

	(void)state;
	assert_int_equal(sk_mounts_open(&m), 0);
	sk_mounts_view(&m, "/proc", &a);
	assert_string_equal(a.type, "proc");
	assert_false(a.local);
	sk_mounts_view(&m, scratch, &a);
	sk_mounts_view(&m, scratch, &b);
	assert_true(a.print == b.print);
	sk_mounts_close(&m);
}

/* A living service */

static pid_t service;

static int no_repos(struct sk_strv *out)
{
	*out = (struct sk_strv)SK_STRV_INIT;
	return 0;
}

static int forget(const char *worktree)
{
	(void)worktree;
	return 0;
}

static int backup(const char *event, const struct sk_service_hint *hint)
{
	(void)event;
	(void)hint;
	return 0;
}

static const struct sk_service_host host = { no_repos, forget, forget, backup, NULL };

static void say_ready(void *arg)
{
	int fd = *(int *)arg;

	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
}

static void start(void)
{
	int ends[2];
	char c;

	assert_int_equal(pipe(ends), 0);
	(void)fflush(NULL);
	service = fork();
	if (service == 0) {
		(void)close(ends[0]);
		(void)!freopen("/dev/null", "w", stdout);
		exit(sk_service_run(&host, say_ready, &ends[1]));
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 1);
	(void)close(ends[0]);
}

/* Ends it; with the sanitizers its exit status tells of leaks too. */
static void stop(void)
{
	int st = -1;

	assert_int_equal(kill(service, SIGTERM), 0);
	assert_int_equal(waitpid(service, &st, 0), service);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
}

static bool lives(void)
{
	struct sk_answer a;

	if (sk_request('p', NULL, 0, 30000, &a) != SK_ASKED)
		return false;
	free(a.data);
	return a.status == SK_ANSWER_OK;
}

static size_t open_files(void)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)service);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static int reach(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(sk_runtime_path(addr.sun_path, sizeof addr.sun_path, "socket"));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	return fd;
}

static bool closes(int fd) /* without a word */
{
	char c;

	return recv(fd, &c, 1, 0) <= 0;
}

static void send_all(int fd, const void *data, size_t len)
{
	(void)!send(fd, data, len, MSG_NOSIGNAL);
}

static void refuses_what_is_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "GET / HTTP/1.0\r\n\r\n", 18 },
		{ "SK\2p\0\0\0\0", 8 },           /* another version */
		{ "SK\1?\0\0\0\0", 8 },           /* another verb */
		{ "SK\1p\1\0\0\0x", 9 },          /* a field too many, not ended */
		{ "SK\1p\2\0\0\0x\0", 10 },       /* a field too many */
		{ "SK\1f\2\0\0\0x\0", 10 },       /* too few */
		{ "SK\1f\6\0\0\0a\0b\0c\0", 14 }, /* too few */
		{ "SK\1a\377\377\377\377", 8 },   /* too long */
		{ "SK\1a\1\0\1\0", 8 },           /* by one */
		{ "SK\1a\7\0\0\0\0\0\0\0\0\0\0", 15 },
	};

	(void)state;
	start();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int fd = reach();

		send_all(fd, bad[i].bytes, bad[i].len);
		assert_true(closes(fd));
		(void)close(fd);
		assert_true(lives());
	}
	stop();
}

static void refuses_what_it_does_not_know(void **state)
{
	const char *fields[] = { "/nowhere", "/nowhere/.git", "x", "" };
	struct sk_answer a;

	(void)state;
	start();
	assert_int_equal(sk_request('f', fields, 4, 10000, &a), SK_ASKED);
	assert_int_equal(a.status, SK_ANSWER_NO);
	free(a.data);
	assert_int_equal(sk_request('g', fields, 4, 10000, &a), SK_ASKED);
	assert_int_equal(a.status, SK_ANSWER_NO);
	free(a.data);
	fields[0] = "relative";
	assert_int_equal(sk_request('a', fields, 1, 10000, &a), SK_ASKED);
	assert_int_equal(a.status, SK_ANSWER_NO);
	free(a.data);
	assert_int_equal(sk_request('c', fields, 1, 10000, &a), SK_ASKED);
	assert_string_equal(a.data, "?");
	free(a.data);
	stop();
}

static uint32_t seed = 1;

static uint32_t random_number(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* Random requests, half of them with a good header. */
static void survives_rubbish(void **state)
{
	const char *rounds = getenv("SK_TEST_ROUNDS");
	long n = rounds ? strtol(rounds, NULL, 10) : 1000;
	unsigned char bytes[600];
	size_t files;

	(void)state;
	start();
	assert_true(lives());
	files = open_files();
	for (long i = 0; i < n; i++) {
		size_t len = random_number(sizeof bytes);
		int fd = reach();

		for (size_t k = 0; k < len; k++)
			bytes[k] = (unsigned char)(random_number(3) ? random_number(256) : 0);
		if (random_number(2) && len >= SK_ASK_HEAD)
			sk_ask_pack(bytes, "parfgcx"[random_number(7)],
			            random_number(4) ? (uint32_t)len - SK_ASK_HEAD
			                             : random_number(70000));
		send_all(fd, bytes, len);
		if (random_number(2))
			(void)shutdown(fd, SHUT_WR);
		if (random_number(4) == 0) {
			char c[64];

			(void)!recv(fd, c, sizeof c, random_number(2) ? MSG_DONTWAIT : 0);
		}
		(void)close(fd);
	}
	assert_true(lives());
	/* connections that are still closing are no leak: they go */
	for (int i = 0; i < 100 && open_files() > files + 1; i++)
		(void)nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	assert_true(open_files() <= files + 1);
	stop();
}

static void ten_thousand_requests(void **state)
{
	size_t files;

	(void)state;
	start();
	assert_true(lives());
	files = open_files();
	for (int i = 0; i < 10000; i++)
		assert_true(lives());
	assert_true(open_files() <= files + 1);
	stop();
}

/* More slow ones than it takes at a time: the others wait, and are answered. */
static void slow_ones_do_not_stop_it(void **state)
{
	int fd[100];

	(void)state;
	start();
	for (size_t i = 0; i < sizeof fd / sizeof *fd; i++) {
		fd[i] = reach();
		send_all(fd[i], "SK\1", i % 4);
	}
	assert_true(lives());
	for (size_t i = 0; i < sizeof fd / sizeof *fd; i++) {
		assert_true(closes(fd[i]));
		(void)close(fd[i]);
	}
	assert_true(lives());
	stop();
}

static void one_at_a_time(void **state)
{
	(void)state;
	start();
	assert_int_equal(sk_service_run(&host, NULL, NULL), SK_EBUSY);
	assert_true(lives());
	stop();
	assert_false(lives());
}

static int setup(void **state)
{
	(void)state;
	scratch_open();
	assert_int_equal(setenv("XDG_RUNTIME_DIR", scratch, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_after_a_number),
		cmocka_unit_test(too_many_changes_are_forgotten),
		cmocka_unit_test(headers),
		cmocka_unit_test(settings_tell_environments_apart),
		cmocka_unit_test(knows_the_filesystem_of_a_folder),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(survives_rubbish),
		cmocka_unit_test(ten_thousand_requests),
		cmocka_unit_test(slow_ones_do_not_stop_it),
		cmocka_unit_test(one_at_a_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
