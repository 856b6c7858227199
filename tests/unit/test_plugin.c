/* Plugins: who may have written them, one call in a child, and what is kept of them. */
#include "unit/repo_scratch.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/error.h"
#include "capture/backup.h"
#include "plugin/parts.h"

/* Who may have written it */

static void names(void **state)
{
	(void)state;
	assert_true(sk_plugin_name_ok("chat-export"));
	assert_true(sk_plugin_name_ok("a1"));
	assert_true(sk_plugin_name_ok("abcdefghijklmnopqrstuvwxyz-12345"));
	assert_false(sk_plugin_name_ok("abcdefghijklmnopqrstuvwxyz-123456"));
	assert_false(sk_plugin_name_ok(""));
	assert_false(sk_plugin_name_ok("1a"));
	assert_false(sk_plugin_name_ok("-a"));
	assert_false(sk_plugin_name_ok("A"));
	assert_false(sk_plugin_name_ok("a/b"));
	assert_false(sk_plugin_name_ok("../a"));
	assert_false(sk_plugin_name_ok("a.so"));
	assert_false(sk_plugin_name_ok("a b"));
}

static void folders_up_to_the_root(void **state)
{
	(void)state;
	(void)sh("umask 022; mkdir -p a/b/c");
	assert_int_equal(sk_plugin_folder_safe(in_top("a/b/c")), 0);
	for (int mode = 0; mode < 2; mode++)
		for (int depth = 0; depth < 3; depth++) {
			const char *const dir[] = { "a/b/c", "a/b", "a" };

			(void)sh("chmod %s %s", mode ? "g+w" : "o+w", dir[depth]);
			assert_int_equal(sk_plugin_folder_safe(in_top("a/b/c")), SK_EREFUSED);
			assert_non_null(strstr(sk_error_message(), in_top(dir[depth])));
			assert_non_null(strstr(sk_error_message(), "chmod go-w"));
			(void)sh("chmod go-w %s", dir[depth]);
		}
	assert_int_equal(sk_plugin_folder_safe(in_top("a/b/c")), 0);
	assert_int_equal(sk_plugin_folder_safe("a/b/c"), SK_EREFUSED);
	assert_int_equal(sk_plugin_folder_safe(in_top("none")), SK_EREFUSED);
	/* the sticky bit is good for root's own folders alone */
	(void)sh("chmod 1777 a");
	assert_int_equal(sk_plugin_folder_safe(in_top("a/b/c")), geteuid() == 0 ? 0 : SK_EREFUSED);
}

static void files(void **state)
{
	struct stat st;

	(void)state;
	(void)sh("umask 022; mkdir d; echo x >d/f; ln -s f d/l; mkfifo d/p");
	assert_int_equal(sk_plugin_file_safe(in_top("d/f"), &st), 0);
	assert_int_equal(st.st_size, 2);
	assert_int_equal(sk_plugin_file_safe(in_top("d/none"), &st), SK_ENO);
	assert_int_equal(sk_plugin_file_safe(in_top("d/l"), &st), SK_EREFUSED);
	assert_int_equal(sk_plugin_file_safe(in_top("d/p"), &st), SK_EREFUSED);
	assert_int_equal(sk_plugin_file_safe(in_top("d"), &st), SK_EREFUSED);
	(void)sh("chmod 1664 d/f"); /* sticky says nothing of a file */
	assert_int_equal(sk_plugin_file_safe(in_top("d/f"), &st), SK_EREFUSED);
	(void)sh("chmod 646 d/f");
	assert_int_equal(sk_plugin_file_safe(in_top("d/f"), &st), SK_EREFUSED);
	if (geteuid() == 0) {
		(void)sh("chmod 644 d/f; chown 65534 d/f");
		assert_int_equal(sk_plugin_file_safe(in_top("d/f"), &st), SK_EREFUSED);
		assert_non_null(strstr(sk_error_message(), "belongs to user 65534"));
	}
}

/* One call in a child */

static int well(void *ctx)
{
	assert_int_equal(sk_report_set("name", json_string(ctx)), 0);
	assert_int_equal(sk_report_add("list", json_integer(1)), 0);
	assert_int_equal(sk_report_add("list", json_integer(2)), 0);
	assert_true(sk_child_time_left() > 0);
	printf("out ");
	(void)fflush(stdout);
	(void)fprintf(stderr, "err ");
	return 0;
}

static int fails(void *ctx)
{
	SK_UNUSED(ctx);
	return sk_error(SK_EBUSY, "not now\377");
}

static int leaves(void *ctx)
{
	SK_UNUSED(ctx);
	_exit(3);
}

static int dies(void *ctx)
{
	SK_UNUSED(ctx);
	(void)signal(SIGTERM, SIG_DFL);
	(void)raise(SIGTERM);
	return 0;
}

static int hangs(void *ctx)
{
	SK_UNUSED(ctx);
	(void)signal(SIGTERM, SIG_IGN);
	for (;;)
		(void)pause();
	return 0;
}

/* A descendant lives on with all descriptors. */
static int spawns(void *ctx)
{
	SK_UNUSED(ctx);
	if (fork() == 0)
		for (;;)
			(void)pause();
	return 0;
}

static int floods(void *ctx)
{
	char page[4096];

	SK_UNUSED(ctx);
	memset(page, 'x', sizeof page);
	for (int i = 0; i < 1000; i++)
		(void)!write(1, page, sizeof page);
	for (int i = 0; i < 10000; i++)
		(void)sk_report_add("list", json_stringn(page, 1000));
	return 0;
}

static int run(int (*work)(void *), int64_t ms, json_t **out, struct sk_buf *said)
{
	struct sk_child child = { .name = "it",
		                  .work = work,
		                  .ctx = (void *)(uintptr_t) "x",
		                  .timeout_ms = ms,
		                  .dir = "/" };

	*out = NULL;
	sk_buf_clear(said);
	assert_int_equal(sk_child_start(&child), 0);
	sk_children_wait(&child, 1);
	assert_true(child.ended);
	return sk_child_result(&child, out, said);
}

static void a_call(void **state)
{
	struct sk_buf said = SK_BUF_INIT;
	json_t *o;

	(void)state;
	assert_int_equal(run(well, 60000, &o, &said), 0);
	assert_int_equal(json_integer_value(json_object_get(o, "code")), 0);
	assert_string_equal(json_string_value(json_object_get(o, "name")), "x");
	assert_int_equal(json_array_size(json_object_get(o, "list")), 2);
	assert_string_equal(sk_buf_str(&said), "out err ");
	json_decref(o);
	assert_int_equal(run(fails, 60000, &o, &said), 0);
	assert_int_equal(json_integer_value(json_object_get(o, "code")), SK_EBUSY);
	json_decref(o);
	sk_buf_free(&said);
}

static void calls_that_end_badly(void **state)
{
	struct sk_buf said = SK_BUF_INIT;
	json_t *o;

	(void)state;
	assert_int_equal(run(leaves, 60000, &o, &said), SK_EIO);
	assert_non_null(strstr(sk_error_message(), "ended the process by itself (exit status 3)"));
	assert_null(o);
	assert_int_equal(run(dies, 60000, &o, &said), SK_EIO);
	assert_string_equal(sk_error_message(), "plugin it crashed (SIGTERM)");
	assert_int_equal(run(hangs, 50, &o, &said), SK_EIO);
	assert_string_equal(sk_error_message(), "plugin it took longer than 50 ms and was ended");
	assert_int_equal(run(spawns, 60000, &o, &said), 0);
	json_decref(o);
	sk_buf_free(&said);
}

static void a_flood_stays_within_bounds(void **state)
{
	struct sk_buf said = SK_BUF_INIT;
	json_t *o;

	(void)state;
	/* the report is cut, so that it is none; what was said ends where there was room */
	assert_int_equal(run(floods, 60000, &o, &said), SK_EIO);
	assert_true(said.len > 1000 && said.len <= 65536);
	sk_buf_free(&said);
}

static void several_at_once(void **state)
{
	struct sk_child child[3] = {
		{ .name = "a", .work = hangs, .timeout_ms = 200 },
		{ .name = "b", .work = well, .ctx = (void *)(uintptr_t) "b", .timeout_ms = 60000 },
		{ .name = "c", .work = hangs, .timeout_ms = 100 }
	};
	struct sk_buf said = SK_BUF_INIT;
	json_t *o = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sk_child_start(&child[i]), 0);
	sk_children_wait(child, 3);
	assert_int_equal(sk_child_result(&child[0], &o, &said), SK_EIO);
	assert_int_equal(sk_child_result(&child[1], &o, &said), 0);
	assert_string_equal(json_string_value(json_object_get(o, "name")), "b");
	json_decref(o);
	assert_int_equal(sk_child_result(&child[2], &o, &said), SK_EIO);
	sk_buf_free(&said);
}

/* What is kept */

static json_t *manifest(const char *version)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:[{s:s, s:s, s:[s], s:[], s:[], s:i, s:i}]}",
	                 "version", version, "summary", "a plugin", "space", "it", "events", 3,
	                 "flags", 1, "commands", "name", "it", "summary", "does it", "usage",
	                 "WHAT", "options", "words", "needs", 1, "takes", 1);
}

static void the_index(void **state)
{
	struct sk_plugin_index index;
	const char *reason = NULL;
	json_t *m = manifest("1"), *got = NULL;
	struct stat st, other;

	(void)state;
	(void)sh("umask 022; echo x >f.so; echo y >g.so");
	assert_int_equal(setenv("XDG_CACHE_HOME", in_top("cache"), 1), 0);
	assert_int_equal(stat("f.so", &st), 0);
	assert_int_equal(stat("g.so", &other), 0);
	sk_plugin_index_read(&index);
	assert_false(sk_plugin_index_get(&index, "f", &st, &got, &reason));
	sk_plugin_index_put(&index, "f", &st, m, NULL);
	sk_plugin_index_put(&index, "g", &other, NULL, "it is bad");
	sk_plugin_index_close(&index);
	sk_plugin_index_read(&index);
	assert_true(sk_plugin_index_get(&index, "f", &st, &got, &reason));
	assert_true(json_equal(got, m));
	assert_false(sk_plugin_index_get(&index, "g", &st, &got, &reason));
	assert_true(sk_plugin_index_get(&index, "g", &other, &got, &reason));
	assert_null(got);
	assert_string_equal(reason, "it is bad");
	sk_plugin_index_close(&index);
	/* every field of the file's identity counts */
	for (int i = 0; i < 5; i++) {
		struct stat changed = st;

		changed.st_dev += i == 0;
		changed.st_ino += i == 1;
		changed.st_size += i == 2;
		changed.st_mtim.tv_nsec += i == 3;
		changed.st_ctim.tv_sec += i == 4;
		sk_plugin_index_read(&index);
		assert_false(sk_plugin_index_get(&index, "f", &changed, &got, &reason));
		sk_plugin_index_close(&index);
	}
	/* written by others, it says nothing */
	(void)sh("chmod g+w cache/safekeep/plugins.json");
	sk_plugin_index_read(&index);
	assert_false(sk_plugin_index_get(&index, "f", &st, &got, &reason));
	sk_plugin_index_close(&index);
	json_decref(m);
}

static void free_commands(struct sk_plugin_info *info)
{
	for (size_t i = 0; i < info->n_commands; i++) {
		free((void *)(uintptr_t)info->command[i].usage);
		free((void *)(uintptr_t)info->command[i].words);
		free((void *)(uintptr_t)info->command[i].options);
	}
	free(info->command);
	json_decref(info->manifest);
}

static void manifests(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"version\":1}",
		"{\"version\":\"1\",\"summary\":\"s\"}",
		"{\"version\":\"1\",\"summary\":\"s\",\"space\":\"x\",\"commands\":[{}]}",
		"{\"version\":\"1\",\"summary\":\"s\",\"space\":\"x\",\"commands\":[{\"name\":"
		"\"n\","
		"\"summary\":\"s\",\"usage\":[1],\"words\":[],\"options\":[]}]}",
		"{\"version\":\"1\",\"summary\":\"s\",\"space\":\"x\",\"commands\":[{\"name\":"
		"\"n\","
		"\"summary\":\"s\",\"usage\":[\"u\"],\"words\":[],\"options\":[{\"name\":3}]}]}"
	};
	struct sk_plugin_info info = { .name = (char *)(uintptr_t) "it",
		                       .manifest = manifest("7") };

	(void)state;
	assert_int_equal(sk_plugin_take_manifest(&info), 0);
	assert_string_equal(info.version, "7");
	assert_int_equal(info.events, 3);
	assert_int_equal(info.n_commands, 1);
	assert_string_equal(info.command[0].usage[0], "WHAT");
	assert_null(info.command[0].usage[1]);
	assert_null(info.command[0].options[0].name);
	free_commands(&info);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		info = (struct sk_plugin_info){ .name = (char *)(uintptr_t) "it",
			                        .manifest = json_loads(bad[i], 0, NULL) };
		assert_non_null(info.manifest);
		assert_int_equal(sk_plugin_take_manifest(&info), SK_EDAMAGED);
		free_commands(&info);
	}
}

/* Without rooms above there are none. */
static void nobody_asked_for_plugins(void **state)
{
	struct sk_plugin_event event = { .kind = SKP_CYCLE };
	struct sk_strv said = SK_STRV_INIT;
	struct sk_plugins p = { 0 };
	struct sk_repo *repo;

	(void)state;
	make("r");
	repo = open_at("r");
	assert_int_equal(sk_plugins_open(repo->config, SK_PLUGINS_ALL, &p), 0);
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.item[i].state, SK_PLUGIN_MISSING);
	sk_plugins_close(&p);
	sk_plugins_event(repo, &event, NULL);
	assert_false(sk_plugins_want(repo, SKP_CYCLE));
	assert_int_equal(sk_plugins_troubles(repo, &said), 0);
	assert_int_equal(said.n, 0);
	sk_repo_close(repo);
}

/* Programs with a time limit (base/proc.h), as plugins run them */

static int limited(const char *command, int64_t ms, struct sk_buf *out, int *status)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	struct sk_proc proc = { .argv = argv, .output = out, .timeout_ms = ms, .merge = true };

	sk_buf_clear(out);
	return sk_proc_run(&proc, status);
}

static void time_limits(void **state)
{
	struct sk_buf out = SK_BUF_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(limited("echo a; echo b >&2; exit 4", 60000, &out, &status), 0);
	assert_int_equal(status, 4);
	assert_string_equal(sk_buf_str(&out), "a\nb\n");
	assert_int_equal(limited("sleep 100 & sleep 100", 100, &out, &status), SK_EIO);
	assert_non_null(strstr(sk_error_message(), "'sh' took longer than 100 ms"));
	/* it closes all that we read from and goes on */
	assert_int_equal(limited("exec >&- 2>&-; sleep 100", 100, &out, &status), SK_EIO);
	assert_int_equal(limited("kill -9 $$", 60000, &out, &status), 0);
	assert_int_equal(status, 128 + 9);
	sk_buf_free(&out);
}

/* What is written before a backup, whoever says which paths changed */

static bool says_so;

static bool writes(struct sk_repo *repo, const struct sk_backup_opts *opts)
{
	SK_UNUSED(repo);
	if (opts->changed)
		(void)sh("echo before >r/src/b.txt");
	return says_so;
}

static void is_done(struct sk_repo *repo, const struct sk_backup_opts *opts,
                    const struct sk_backup_result *result)
{
	SK_UNUSED(repo);
	SK_UNUSED(opts);
	assert_non_null(result->entry);
}

static const struct sk_backup_observer writer = { writes, is_done };

static void backup(struct sk_repo *repo, const struct sk_strv *changed, const char *want)
{
	struct sk_backup_opts opts = {
		.kind = SK_BACKUP, .trigger = "test", .wait_seconds = 60, .changed = changed
	};
	struct sk_backup_result r = { 0 };

	assert_int_equal(sk_backup(repo, &opts, &r), 0);
	assert_string_equal(sh("git -C r show sk/backup/%s:src/b.txt", r.entry->id), want);
	sk_backup_result_clear(&r);
}

static void what_is_written_before_a_backup(void **state)
{
	struct sk_strv changed = SK_STRV_INIT;
	struct sk_repo *repo;

	(void)state;
	make("r");
	repo = open_at(in_top("r"));
	assert_int_equal(sk_strv_add(&changed, "a.txt"), 0);
	sk_backup_observer = &writer;
	backup(repo, NULL, "two");
	(void)sh("echo 1 >r/a.txt");
	says_so = false;
	backup(repo, &changed, "two"); /* nothing but what changed is looked at */
	(void)sh("echo 2 >r/a.txt");
	says_so = true;
	backup(repo, &changed, "before");
	sk_backup_observer = NULL;
	sk_strv_free(&changed);
	sk_repo_close(repo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_up_to_the_root, setup, teardown),
		cmocka_unit_test_setup_teardown(files, setup, teardown),
		cmocka_unit_test_setup_teardown(a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_that_end_badly, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_stays_within_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(several_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_index, setup, teardown),
		cmocka_unit_test_setup_teardown(manifests, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_asked_for_plugins, setup, teardown),
		cmocka_unit_test_setup_teardown(time_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_written_before_a_backup, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
