/* Ignore rules against git itself: random trees with random rules at every level, walked with
 * repo/ignore.h, have to give the very files of `git ls-files --others --exclude-standard`.
 *
 * SK_TEST_ROUNDS and SK_TEST_SEED change the number of rounds and where they start; a failure
 * prints both and leaves its repository behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "repo/ignore.h"

#define PER_TREE 20 /* rounds that one tree serves */

static const char *const names[] = {
	"a",   "b",   "ab",   "abc", "foo",      "foobar", "Foo",  "FOO",  "bar",    "ar",  "x.o",
	"y.o", "z.c", "A.O",  "lib", "Lib",      "1",      "22",   ".dot", "a.b.c",  " sp", "tr ",
	"t\t", "#h",  "!n",   "[z]", "a]",       "-",      "a-b",  "b\\",  "q?",     "s*r", "**",
	"c\r", "^",   "n\nl", "]-[", "\xc3\xa9", "\xff",   "core", "bin",  "Z",      "_",   "\v",
	"o",   "x-1", "x-2",  "Abc", "README",   "readme", "~",    "e~",   "[[:]a]", "\\",  "a b",
};

struct bed {
	char root[64], repo[80], user[80], info[128], home[80];
	struct sk_strv dirs, paths; /* of the tree, folders once more among `paths` */
	struct sk_strv ignores;     /* .gitignore files of this round */
	uint64_t rnd;
	unsigned long seed, round;
};

static unsigned rnd(struct bed *b, unsigned below)
{
	b->rnd = b->rnd * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(b->rnd >> 33) % below;
}

/* True once in `n`. */
static bool once(struct bed *b, unsigned n)
{
	return rnd(b, n) == 0;
}

static const char *pick(struct bed *b, const struct sk_strv *v)
{
	return v->item[rnd(b, (unsigned)v->n)];
}

static void join(struct sk_buf *out, const char *dir, const char *name)
{
	sk_buf_clear(out);
	assert_int_equal(sk_buf_addf(out, "%s%s%s", dir, *dir ? "/" : "", name), 0);
}

/* ---- trees ---- */

static void add_node(struct bed *b, struct sk_buf *path, struct sk_buf *full)
{
	const char *dir = pick(b, &b->dirs);

	join(path, dir, names[rnd(b, sizeof names / sizeof *names)]);
	if (sk_strv_has(&b->paths, path->ptr) || path->len > 60)
		return;
	join(full, b->repo, path->ptr);
	if (rnd(b, 3) == 0) {
		assert_int_equal(mkdir(full->ptr, 0700), 0);
		assert_int_equal(sk_strv_add(&b->dirs, path->ptr), 0);
	} else if (once(b, 20)) {
		assert_int_equal(symlink(".", full->ptr), 0);
	} else {
		int fd = open(full->ptr, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		(void)close(fd);
	}
	assert_int_equal(sk_strv_add(&b->paths, path->ptr), 0);
}

static void plant(struct bed *b)
{
	struct sk_buf path = SK_BUF_INIT, full = SK_BUF_INIT;

	for (size_t i = 0; i < b->paths.n; i++) {
		join(&full, b->repo, b->paths.item[i]);
		assert_int_equal(sk_remove_tree(AT_FDCWD, full.ptr), 0);
	}
	sk_strv_free(&b->dirs);
	sk_strv_free(&b->paths);
	assert_int_equal(sk_strv_add(&b->dirs, ""), 0);
	for (unsigned n = 200 + rnd(b, 300); n; n--)
		add_node(b, &path, &full);
	sk_buf_free(&path);
	sk_buf_free(&full);
}

/* ---- rules ---- */

static void add_odd(struct bed *b, struct sk_buf *out, char c)
{
	static const char *const odd[] = { "*",     "?",           "**",
		                           "[!x]",  "[a-z]",       "[A-Z]",
		                           "[^a]",  "[[:alpha:]]", "[[:upper:]]",
		                           "[]-a]", "*/",          "/**/",
		                           "[",     "\\",          "[[:lower:][:digit:]]",
		                           "[!/]",  "***" };

	switch (rnd(b, 6)) {
	case 0:
		(void)sk_buf_addf(out, "[%s%c]", once(b, 3) ? "\\" : "", c);
		break;
	case 1:
		(void)sk_buf_addf(out, "\\%c", c);
		break;
	case 2:
		(void)sk_buf_addc(out, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
		break;
	default:
		(void)sk_buf_adds(out, odd[rnd(b, sizeof odd / sizeof *odd)]);
	}
}

/* The path with stars for a piece of it. */
static void add_cut(struct bed *b, struct sk_buf *out, const char *path)
{
	static const char *const stars[] = { "*", "*", "**", "**/", "/**/", "**\\/", "?*" };
	unsigned len = (unsigned)strlen(path), from = rnd(b, len + 1);

	(void)sk_buf_add(out, path, from);
	(void)sk_buf_adds(out, stars[rnd(b, sizeof stars / sizeof *stars)]);
	(void)sk_buf_adds(out, path + from + rnd(b, len - from + 1));
}

/* A path of the tree, or its end, spoilt here and there. */
static void add_core(struct bed *b, struct sk_buf *out, const char *dir)
{
	const char *path = pick(b, &b->paths), *slash = strrchr(path, '/');
	unsigned spoil = once(b, 2) ? 1000 : 3 + rnd(b, 10);

	if (slash && once(b, 2))
		path = slash + 1;
	else if (strncmp(path, dir, strlen(dir)) == 0 && path[strlen(dir)] == '/')
		path += strlen(dir) + 1;
	if (once(b, 4)) {
		add_cut(b, out, path);
		return;
	}
	for (; *path; path++) {
		if (once(b, spoil))
			add_odd(b, out, *path);
		else if (*path == '/' && once(b, 4))
			(void)sk_buf_adds(out, once(b, 2) ? "/**/" : "/*/");
		else
			(void)sk_buf_addc(out, *path);
	}
}

static void add_noise(struct bed *b, struct sk_buf *out)
{
	static const char bytes[] = "abfoAZ.*?[]!^-\\/ :#\t\r*/";

	for (unsigned n = 1 + rnd(b, 10); n; n--)
		(void)sk_buf_addc(out, bytes[rnd(b, sizeof bytes - 1)]);
}

static void add_rule(struct bed *b, struct sk_buf *out, const char *dir)
{
	static const char *const starts[] = { "/", "**/", "/**/",   "*",   "\\",
		                              " ", "#",   "**/**/", "***/" };
	static const char *const stops[] = { "/",    "/",     "/",  "/**", "/*", "*",  "  ", "\\ ",
		                             "\\  ", "\\\\ ", "\r", "\\",  "\t", "/ ", "**", "//" };

	if (once(b, 4))
		(void)sk_buf_addc(out, '!');
	if (once(b, 3))
		(void)sk_buf_adds(out, starts[rnd(b, sizeof starts / sizeof *starts)]);
	if (once(b, 15))
		add_noise(b, out);
	else
		add_core(b, out, dir);
	if (once(b, 3))
		(void)sk_buf_adds(out, stops[rnd(b, sizeof stops / sizeof *stops)]);
	if (once(b, 100))
		(void)sk_buf_add(out, "\0x", 2);
}

static void write_rules(struct bed *b, const char *file, const char *dir)
{
	struct sk_buf text = SK_BUF_INIT;

	if (once(b, 12))
		(void)sk_buf_adds(&text, "\xef\xbb\xbf");
	for (unsigned n = once(b, 6) ? 40 : 1 + rnd(b, 8); n; n--) {
		if (once(b, 20))
			(void)sk_buf_adds(&text, once(b, 2) ? "# words\n" : "\n");
		add_rule(b, &text, dir);
		if (n > 1 || once(b, 2))
			(void)sk_buf_adds(&text, once(b, 15) ? "\r\n" : "\n");
	}
	assert_int_equal(sk_buf_ok(&text), 0);
	assert_int_equal(sk_write_file(AT_FDCWD, file, text.ptr, text.len, 0600, false), 0);
	sk_buf_free(&text);
}

static void lay_rules(struct bed *b)
{
	struct sk_buf path = SK_BUF_INIT, full = SK_BUF_INIT;

	for (size_t i = 0; i < b->ignores.n; i++)
		(void)unlink(b->ignores.item[i]); /* gone with its tree, perhaps */
	sk_strv_free(&b->ignores);
	(void)unlink(b->info);
	(void)unlink(b->user);
	if (once(b, 3))
		write_rules(b, b->info, "");
	if (once(b, 3))
		write_rules(b, b->user, "");
	for (unsigned n = rnd(b, 7); n; n--) {
		const char *dir = once(b, 3) ? "" : pick(b, &b->dirs);

		join(&path, dir, ".gitignore");
		join(&full, b->repo, path.ptr);
		if (!sk_strv_has(&b->ignores, full.ptr))
			assert_int_equal(sk_strv_add(&b->ignores, full.ptr), 0);
		write_rules(b, full.ptr, dir);
	}
	sk_buf_free(&path);
	sk_buf_free(&full);
}

/* ---- the two answers ---- */

static void ask_git(struct bed *b, bool icase, struct sk_strv *out)
{
	char user[128], home[128];
	const char *argv[] = { "git",
		               "-c",
		               icase ? "core.ignoreCase=true" : "core.ignoreCase=false",
		               "-c",
		               user,
		               "ls-files",
		               "--others",
		               "--exclude-standard",
		               "-z",
		               NULL };
	const char *env[] = { "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", home, NULL };
	struct sk_buf list = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv, .dir = b->repo, .env = env, .output = &list };
	int status = -1;

	(void)snprintf(user, sizeof user, "core.excludesFile=%s", b->user);
	(void)snprintf(home, sizeof home, "HOME=%s", b->home);
	assert_int_equal(sk_proc_run(&proc, &status), 0);
	assert_int_equal(status, 0);
	for (const char *p = list.ptr; list.len && p < list.ptr + list.len; p += strlen(p) + 1)
		assert_int_equal(sk_strv_add(out, p), 0);
	sk_strv_sort(out);
	sk_buf_free(&list);
}

static struct sk_ignore *enter(struct bed *b, struct sk_ignore *frame, const char *dir)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	struct sk_ignore *own;

	join(&path, b->repo, dir);
	assert_int_equal(sk_buf_adds(&path, "/.gitignore"), 0);
	if (sk_read_file(AT_FDCWD, path.ptr, 1 << 20, &text))
		own = sk_ignore_ref(frame);
	else
		assert_int_equal(sk_ignore_push(frame, dir, text.ptr, text.len, &own), 0);
	sk_buf_free(&path);
	sk_buf_free(&text);
	return own;
}

static void walk(struct bed *b, struct sk_ignore *above, const char *dir, struct sk_strv *out)
{
	struct sk_ignore *frame = enter(b, above, dir);
	struct sk_buf path = SK_BUF_INIT, full = SK_BUF_INIT;
	struct dirent *e;
	DIR *d;

	join(&full, b->repo, dir);
	d = opendir(full.ptr);
	assert_non_null(d);
	while ((e = readdir(d))) {
		bool is_dir = e->d_type == DT_DIR;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !strcmp(e->d_name, ".git"))
			continue;
		join(&path, dir, e->d_name);
		if (sk_ignore_match(frame, path.ptr, path.len, path.len - strlen(e->d_name),
		                    is_dir) == SK_IGNORED)
			continue;
		if (is_dir)
			walk(b, frame, path.ptr, out);
		else
			assert_int_equal(sk_strv_add(out, path.ptr), 0);
	}
	(void)closedir(d);
	sk_buf_free(&path);
	sk_buf_free(&full);
	sk_ignore_unref(frame);
}

static void ask_us(struct bed *b, bool icase, struct sk_strv *out)
{
	const char *files[] = { b->user, b->info };
	struct sk_ignore *root;

	assert_int_equal(sk_ignore_root(files, 2, NULL, icase, &root), 0);
	walk(b, root, "", out);
	sk_ignore_unref(root);
	sk_strv_sort(out);
}

/* NULL, or the first path that only one of them has. */
static const char *difference(const struct sk_strv *git, const struct sk_strv *us, bool *ours)
{
	for (size_t i = 0; i < git->n || i < us->n; i++) {
		int cmp = i == git->n ? 1 : i == us->n ? -1 : strcmp(git->item[i], us->item[i]);

		*ours = cmp > 0;
		if (cmp)
			return cmp > 0 ? us->item[i] : git->item[i];
	}
	return NULL;
}

static void compare(struct bed *b, bool icase, size_t *kept)
{
	struct sk_strv git = SK_STRV_INIT, us = SK_STRV_INIT;
	const char *path;
	bool ours;

	ask_git(b, icase, &git);
	ask_us(b, icase, &us);
	path = difference(&git, &us, &ours);
	if (path)
		fail_msg("seed %lu, round %lu, icase %d, in %s: only %s keeps %s", b->seed,
		         b->round, icase, b->repo, ours ? "safekeep" : "git", sk_name(path));
	*kept += git.n;
	sk_strv_free(&git);
	sk_strv_free(&us);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static void open_bed(struct bed *b)
{
	char home[128];
	const char *argv[] = { "git", "init", "-q", "--template=", b->repo, NULL };
	const char *env[] = { "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", home, NULL };
	struct sk_proc proc = { .argv = argv, .env = env };
	int status = -1;

	(void)snprintf(b->root, sizeof b->root, "/tmp/sk-ignore-git-XXXXXX");
	assert_non_null(mkdtemp(b->root));
	(void)snprintf(b->repo, sizeof b->repo, "%s/r", b->root);
	(void)snprintf(b->user, sizeof b->user, "%s/user", b->root);
	(void)snprintf(b->home, sizeof b->home, "%s/home", b->root);
	(void)snprintf(b->info, sizeof b->info, "%s/.git/info", b->repo);
	(void)snprintf(home, sizeof home, "HOME=%s", b->home);
	assert_int_equal(mkdir(b->home, 0700), 0);
	assert_int_equal(sk_proc_run(&proc, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(sk_mkdirs(b->info, 0700), 0);
	(void)snprintf(b->info, sizeof b->info, "%s/.git/info/exclude", b->repo);
}

static void test_against_git(void **state)
{
	unsigned long rounds = number("SK_TEST_ROUNDS", 40);
	struct bed b = { .seed = number("SK_TEST_SEED", 20261123) };
	size_t kept = 0, all = 0;

	SK_UNUSED(state);
	open_bed(&b);
	b.rnd = b.seed;
	for (b.round = 1; b.round <= rounds; b.round++) {
		if (b.round % PER_TREE == 1)
			plant(&b);
		lay_rules(&b);
		compare(&b, false, &kept);
		compare(&b, true, &kept);
		all += 2 * (b.paths.n + 1 - b.dirs.n);
	}
	/* rules that keep everything, or nothing, would prove little */
	assert_true(kept > all / 10 && kept < all - all / 10);
	sk_strv_free(&b.dirs);
	sk_strv_free(&b.paths);
	sk_strv_free(&b.ignores);
	assert_int_equal(sk_remove_tree(AT_FDCWD, b.root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_git) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
