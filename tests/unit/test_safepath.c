/* Walking without following links, names that must not be, bits of the right thing only. */
#include "unit/scratch.h"

#include <errno.h>

#include "repo/safename.h"
#include "restore/safepath.h"

static int root = -1;

static int setup(void **state)
{
	(void)state;
	scratch_open();
	sh("mkdir -p w/a/b out && echo x >w/a/f && echo x >out/f && ln -s ../out w/link && "
	   "ln -s b w/a/inner && ln -s ../../out/f w/a/flink");
	root = open("w", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)close(root);
	scratch_close();
	return 0;
}

typedef int (*opener)(int rootfd, const char *dir);

static void opens(opener open_dir, const char *dir, int want)
{
	int fd = open_dir(root, dir), got = fd < 0 ? errno : 0;

	if (fd >= 0)
		(void)close(fd);
	if ((got == 0) != (want == 0))
		fail_msg("'%s': %s, not %s", dir, strerror(got), strerror(want));
}

static void folders_only(void **state)
{
	const opener each[] = { sk_safe_dir, sk_safe_dir_stepwise };
	char deep[9000];

	(void)state;
	memset(deep, 0, sizeof deep);
	for (size_t i = 0; i + 2 < sizeof deep; i += 2)
		memcpy(deep + i, "a/", 2);
	for (size_t i = 0; i < 2; i++) {
		opens(each[i], "", 0);
		opens(each[i], "a", 0);
		opens(each[i], "a/b", 0);
		opens(each[i], "a/f", ENOTDIR);
		opens(each[i], "link", ELOOP);
		opens(each[i], "a/inner", ELOOP);
		opens(each[i], "a/inner/x", ELOOP);
		opens(each[i], "..", EXDEV);
		opens(each[i], "a/../..", EXDEV);
		opens(each[i], "/tmp", EXDEV);
		opens(each[i], "missing", ENOENT);
		opens(each[i], deep, ENOENT);
	}
}

static void parents(void **state)
{
	struct sk_safe safe = SK_SAFE_INIT(root);
	const char *name;
	int fd;

	(void)state;
	fd = sk_safe_parent(&safe, "a/f", &name);
	assert_true(fd >= 0);
	assert_string_equal(name, "f");
	assert_int_equal(sk_safe_parent(&safe, "a/g", &name), fd);
	assert_true(sk_safe_parent(&safe, "top", &name) >= 0);
	assert_string_equal(name, "top");
	assert_true(sk_safe_parent(&safe, "link/f", &name) < 0);
	assert_true(sk_safe_parent(&safe, "a/f", &name) >= 0);
	sk_safe_free(&safe);
}

static void bits(void **state)
{
	struct stat st;
	int fd = sk_safe_dir(root, "a");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sk_safe_chmod(fd, "f", S_IFREG, 0600), 0);
	assert_int_equal(stat("w/a/f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(sk_safe_chmod(fd, "f", S_IFREG, 0), 0);
	assert_int_equal(sk_safe_chmod(fd, "f", S_IFREG, 0644), 0);
	assert_int_equal(sk_safe_chmod(fd, "b", S_IFDIR, 0700), 0);
	assert_int_equal(sk_safe_chmod(fd, "b", S_IFREG, 0700), -1);
	assert_int_equal(errno, ESTALE);
	assert_int_equal(sk_safe_chmod(fd, "flink", S_IFREG, 0), -1);
	assert_int_equal(stat("out/f", &st), 0);
	assert_int_not_equal(st.st_mode & 0777, 0);
	(void)close(fd);
}

static void names(void **state)
{
	static const char *const bad[] = { "",
		                           ".",
		                           "..",
		                           "a/b",
		                           ".git",
		                           ".GIT",
		                           ".Git",
		                           "git~1",
		                           "GIT~1",
		                           ".git ",
		                           ".git.",
		                           ".git . .",
		                           ".git::$INDEX_ALLOCATION",
		                           ".g\xe2\x80\x8cit" };
	static const char *const good[] = {
		"git", ".gitx", ".gitignore", "...", "-", "\xff", "a\nb"
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!sk_unsafe_name(bad[i], strlen(bad[i])))
			fail_msg("'%s' was let through", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (sk_unsafe_name(good[i], strlen(good[i])))
			fail_msg("'%s' was refused", good[i]);
}

static void link_names(void **state)
{
	static const char *const bad[] = { ".gitmodules",
		                           ".GitModules",
		                           ".gitmodules ",
		                           ".gitmodules...",
		                           ".gitmodules:x",
		                           ".gitmodules .::$DATA",
		                           "gitmod~1",
		                           "GITMOD~4 ",
		                           "gi7eba~1",
		                           "GI7EB~12",
		                           "gi7~1234",
		                           ".gitmod\xe2\x80\x8cules",
		                           ".gitmodules\xef\xbb\xbf" };
	static const char *const good[] = { "",
		                            "gitmodules",
		                            ".gitmodule",
		                            ".gitmodulesx",
		                            ".gitmodules\\x",
		                            "gitmod~5",
		                            "gitmod~",
		                            "gi7eba~0",
		                            "gi7eba~x",
		                            "gi7ebaa1",
		                            ".gitignore",
		                            "\xff\xfe\xfd\xfc\xfb\xfa\xf9~1" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!sk_unsafe_link(bad[i], strlen(bad[i])))
			fail_msg("'%s' was let through", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (sk_unsafe_link(good[i], strlen(good[i])))
			fail_msg("'%s' was refused", good[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(folders_only),
		                            cmocka_unit_test(parents), cmocka_unit_test(bits),
		                            cmocka_unit_test(link_names), cmocka_unit_test(names) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
