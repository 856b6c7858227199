/* Opening repositories of every kind, made by git itself in a scratch folder. */
#include "unit/repo_scratch.h"

#include <sys/resource.h>

static void check(const struct sk_repo *r, const char *worktree, const char *gitdir,
                  const char *commondir, const char *prefix, const char *id)
{
	struct stat a, b;

	assert_string_equal(r->worktree, in_top(worktree));
	assert_string_equal(r->gitdir, in_top(gitdir));
	assert_string_equal(r->commondir, in_top(commondir));
	assert_string_equal(r->prefix, prefix);
	assert_string_equal(r->worktree_id, id);
	assert_int_equal(fstat(r->wtfd, &a), 0);
	assert_int_equal(stat(r->worktree, &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	assert_false(git_repository_is_bare(r->git));
	assert_memory_equal(git_repository_workdir(r->git), r->worktree, strlen(r->worktree));
}

static void check_head(const struct sk_repo *r, const char *dir, const char *branch)
{
	git_odb_object *object;
	struct sk_oid oid;
	char *name = NULL;

	assert_int_equal(sk_repo_head(r, &oid, &name), 0);
	assert_string_equal(sk_oid_str(&oid), sh("git -C '%s' rev-parse HEAD", dir));
	if (branch)
		assert_string_equal(name, branch);
	else
		assert_null(name);
	free(name);
	assert_true(sk_repo_has(r, &oid));
	assert_int_equal(sk_repo_read(r, &oid, &object), 0);
	assert_int_equal(git_odb_object_type(object), GIT_OBJECT_COMMIT);
	git_odb_object_free(object);
}

static void test_plain(void **state)
{
	struct sk_repo *r;
	char *path = NULL;

	(void)state;
	make("a");
	r = open_at("a");
	check(r, "a", "a/.git", "a/.git", "", "main");
	check_head(r, "a", "trunk");
	assert_string_equal(r->skdir, in_top("a/.git/sk"));
	assert_string_equal(r->sklocal, in_top("a/.git/sk"));
	assert_false(r->enabled);
	assert_non_null(r->config);
	assert_int_equal(sk_repo_index_path(r, &path), 0);
	assert_string_equal(path, in_top("a/.git/index"));
	free(path);
	sk_repo_close(r);
	sk_repo_close(NULL);

	(void)sh("mkdir a/.git/sk && : >a/.git/sk/installed");
	r = open_at("a/src/lib/");
	check(r, "a", "a/.git", "a/.git", "src/lib/", "main");
	assert_true(r->enabled);
	sk_repo_close(r);
	/* through a link, from elsewhere */
	(void)sh("ln -s a/src there");
	r = open_at("there");
	check(r, "a", "a/.git", "a/.git", "src/", "main");
	sk_repo_close(r);
	/* .git itself may be a link, as some tools make it */
	(void)sh("mkdir b && mv a/.git real.git && ln -s ../real.git a/.git");
	r = open_at("a/src");
	check(r, "a", "real.git", "real.git", "src/", "main");
	sk_repo_close(r);
}

static void test_head(void **state)
{
	struct sk_oid oid = { { 7 } };
	git_odb_object *object;
	char *branch = NULL;
	struct sk_repo *r;

	(void)state;
	(void)sh("git init -q -b topic/new a");
	r = open_at("a");
	assert_int_equal(sk_repo_head(r, &oid, &branch), 0);
	assert_true(sk_oid_is_zero(&oid));
	assert_string_equal(branch, "topic/new");
	free(branch);
	oid.id[0] = 9;
	assert_false(sk_repo_has(r, &oid));
	assert_int_equal(sk_repo_read(r, &oid, &object), SK_EDAMAGED);
	assert_non_null(strstr(sk_error_message(), sk_oid_str(&oid)));
	/* what comes later is seen by the repository that is open */
	(void)sh("cd a && git commit -q --allow-empty -m x && git checkout -q --detach");
	check_head(r, "a", NULL);
	(void)sh("cd a && git checkout -q -b other && git gc -q && git pack-refs --all");
	check_head(r, "a", "other");
	(void)sh("git -C a symbolic-ref HEAD refs/remotes/origin/x && "
	         "git -C a update-ref refs/remotes/origin/x refs/heads/other");
	check_head(r, "a", "refs/remotes/origin/x");
	(void)sh("echo rubbish >a/.git/HEAD");
	assert_int_equal(sk_repo_head(r, &oid, &branch), SK_EDAMAGED);
	sk_repo_close(r);
}

static void test_damaged_object(void **state)
{
	git_odb_object *object;
	struct sk_oid oid;
	struct sk_repo *r;
	const char *hex;

	(void)state;
	make("a");
	hex = sh("git -C a rev-parse HEAD:a.txt");
	assert_true(sk_oid_parse(hex, &oid));
	(void)sh("cd a/.git/objects && f=$(echo %s | sed 's,^..,&/,') && chmod u+w $f && "
	         "cp $(cd ../.. && git rev-parse HEAD:src/b.txt | sed 's,^..,&/,') $f",
	         sk_oid_str(&oid));
	r = open_at("a");
	assert_int_equal(sk_repo_read(r, &oid, &object), SK_EDAMAGED);
	sk_repo_close(r);
}

/* No descriptor is left: what cannot be read for that is neither missing nor damaged. */
static void test_out_of_files(void **state)
{
	struct rlimit was, none;
	git_odb_object *object = NULL;
	struct sk_repo *r;
	struct sk_oid oid, packed, head_id, absent = { { 7 } };
	char *name = NULL;
	int fd;

	(void)state;
	make("a");
	(void)sh("git -C a gc -q; echo loose | git -C a hash-object -w --stdin");
	assert_true(sk_oid_parse(sh("git -C a rev-parse HEAD"), &packed));
	assert_true(sk_oid_parse(sh("echo loose | git -C a hash-object --stdin"), &oid));
	for (int i = 0; i < 2; i++) {
		const struct sk_oid *want = i ? &oid : &packed;
		char read[256], head[256];
		int rc[2];

		r = open_at("a");
		assert_false(sk_repo_has(r, &absent)); /* the lists of its packs are open */
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
		none = was;
		fd = open("/", O_RDONLY | O_CLOEXEC);
		none.rlim_cur = (rlim_t)fd;
		(void)close(fd);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		rc[0] = sk_repo_read(r, want, &object);
		(void)snprintf(read, sizeof read, "%s", sk_error_message());
		rc[1] = sk_repo_head(r, &head_id, &name);
		(void)snprintf(head, sizeof head, "%s", sk_error_message());
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_int_equal(rc[0], SK_EIO);
		assert_non_null(strstr(read, "too many open files"));
		assert_int_equal(rc[1], SK_EIO);
		assert_non_null(strstr(head, "Too many open files"));
		assert_int_equal(sk_repo_read(r, want, &object), 0);
		git_odb_object_free(object);
		sk_repo_close(r);
	}
}

static void test_alternates(void **state)
{
	struct sk_repo *r;

	(void)state;
	make("a");
	(void)sh("git clone -q --shared a b");
	r = open_at("b");
	check_head(r, "b", "trunk");
	sk_repo_close(r);
}

static void test_linked_worktree(void **state)
{
	struct sk_repo *r;

	(void)state;
	make("a");
	(void)sh("git -C a worktree add -q ../w -b side && git -C a worktree add -q ../main -b m");
	(void)sh("cd w && git commit -q --allow-empty -m more && mkdir -p deep/er");
	r = open_at("w/deep/er");
	check(r, "w", "a/.git/worktrees/w", "a/.git", "deep/er/", "w");
	assert_string_equal(r->skdir, in_top("a/.git/sk"));
	assert_string_equal(r->sklocal, in_top("a/.git/worktrees/w/sk"));
	check_head(r, "w", "side");
	sk_repo_close(r);
	/* no two worktrees have the same id, whatever they are called */
	r = open_at("main");
	check(r, "main", "a/.git/worktrees/main", "a/.git", "", "worktrees/main");
	sk_repo_close(r);
	r = open_at("a");
	check(r, "a", "a/.git", "a/.git", "", "main");
	check_head(r, "a", "trunk");
	sk_repo_close(r);

	(void)sh("git clone -q --bare a b.git && git -C b.git worktree add -q ../x -b x2");
	r = open_at("x");
	check(r, "x", "b.git/worktrees/x", "b.git", "", "x");
	check_head(r, "x", "x2");
	sk_repo_close(r);
}

static void test_submodule(void **state)
{
	struct sk_repo *r;

	(void)state;
	make("s");
	make("a");
	(void)sh("cd a && git -c protocol.file.allow=always submodule --quiet add ../s sub && "
	         "git commit -qm sub");
	r = open_at("a/sub/src");
	check(r, "a/sub", "a/.git/modules/sub", "a/.git/modules/sub", "src/", "main");
	check_head(r, "a/sub", "trunk");
	sk_repo_close(r);
	r = open_at("a");
	check(r, "a", "a/.git", "a/.git", "", "main");
	sk_repo_close(r);
	/* from inside its git folder core.worktree leads to it, as with git */
	r = open_at("a/.git/modules/sub");
	check(r, "a/sub", "a/.git/modules/sub", "a/.git/modules/sub", "", "main");
	sk_repo_close(r);
}

static void test_no_worktree(void **state)
{
	(void)state;
	make("a");
	(void)sh("git clone -q --bare a b.git && mkdir -p none/x odd/.git && git init -q o");
	refused("b.git", SK_EREPO, "bare");
	refused("b.git/refs", SK_EREPO, "bare");
	refused("none/x", SK_EREPO, "not in a git working tree");
	refused("odd", SK_EREPO, "not in a git working tree");
	refused("missing", SK_EREPO, "missing");
	refused("a/.git", SK_EREPO, "inside a git folder");
	refused("a/.git/refs/heads", SK_EREPO, "inside a git folder");
	(void)sh("git -C a config core.worktree ../gone");
	refused("a", SK_EREPO, "gone");
	(void)sh("echo x >gone && git config -f a/.git/config core.worktree ../../gone");
	refused("a", SK_EREPO, "gone");
	(void)sh("git -C o config core.worktree .");
	refused("o", SK_EREPO, "inside a git folder");
	(void)sh("printf '[core\\n' >o/.git/config");
	refused("o", SK_EREPO, "config");
}

static void test_gitfile(void **state)
{
	(void)state;
	make("a");
	(void)sh("mkdir loop gone bad empty nul && echo 'gitdir: .git' >loop/.git && "
	         "echo 'gitdir: ../nowhere' >gone/.git && echo rubbish >bad/.git && "
	         "echo 'gitdir: ' >empty/.git && printf 'gitdir: ../a/.git\\0x' >nul/.git");
	refused("loop", SK_EREPO, "not a git folder");
	refused("gone", SK_EREPO, "nowhere");
	refused("bad", SK_EREPO, "gitdir:");
	refused("empty", SK_EREPO, "names no folder");
	refused("nul", SK_EREPO, "NUL");
	(void)sh("git -C a worktree add -q ../w -b w && rm -rf a/.git/worktrees/w");
	refused("w", SK_EREPO, "worktree repair");
	(void)sh("git -C a worktree prune; rm -rf w; git -C a worktree add -q ../w -b w2 && "
	         "echo ../../../nowhere >a/.git/worktrees/w/commondir");
	refused("w", SK_EREPO, "not a git folder");
	/* two that point to each other, and one without an end */
	(void)sh("mkdir p q r && echo 'gitdir: ../q/.git' >p/.git && "
	         "echo 'gitdir: ../p/.git' >q/.git && head -c 2000000 /dev/zero >r/.git");
	refused("p", SK_EREPO, "not a git folder");
	refused("r", SK_EREPO, ".git");
	(void)sh("mkdir f && mkfifo f/.git && mkdir g && mkdir g/.git && mkfifo g/.git/HEAD");
	refused("f", SK_EREPO, "not in a git working tree");
	refused("g", SK_EREPO, "not in a git working tree");
}

static void set(const char *dir, const char *version, const char *key, const char *value)
{
	(void)sh(
	        "git init -q %s && git config -f %s/.git/config core.repositoryformatversion %s && "
	        "git config -f %s/.git/config '%s' '%s'",
	        dir, dir, version, dir, key, value);
}

static void test_kinds(void **state)
{
	(void)state;
	(void)sh("git init -q --object-format=sha256 sha && cd sha && "
	         "git commit -q --allow-empty -m x && git worktree add -q ../shaw -b w");
	refused("sha", SK_EKIND, "sha256");
	refused("shaw", SK_EKIND, "sha256");
	(void)sh("git -C sha checkout -q --detach");
	refused("sha", SK_EKIND, "sha256");
	set("rt", "1", "extensions.refStorage", "reftable");
	refused("rt", SK_EKIND, "reftable");
	set("new", "1", "extensions.Frobnicate", "true");
	refused("new", SK_EKIND, "frobnicate");
	set("v9", "9", "core.x", "y");
	refused("v9", SK_EKIND, "9");
	set("vx", "x", "core.x", "y");
	refused("vx", SK_EREPO, "repositoryFormatVersion");
	set("bx", "0", "core.bare", "maybe");
	refused("bx", SK_EREPO, "core.bare");
}

static void test_extensions(void **state)
{
	struct sk_repo *r;

	(void)state;
	set("noop", "1", "extensions.noop", "1");
	opens_here("noop");
	set("precious", "1", "extensions.preciousObjects", "true");
	opens_here("precious");
	set("partial", "1", "extensions.partialClone", "origin");
	opens_here("partial");
	set("files", "1", "extensions.refStorage", "files");
	opens_here("files");
	set("sha1", "1", "extensions.objectFormat", "sha1");
	opens_here("sha1");
	set("relative", "1", "extensions.relativeWorktrees", "true");
	opens_here("relative");
	/* as git has it: extensions count from version 1 on */
	set("old", "0", "extensions.frobnicate", "true");
	opens_here("old");
	/* a file that the configuration includes has no say in the kind */
	(void)sh("git init -q inc && git -C inc config include.path ../more && "
	         "printf '[core]\\n\\tbare = true\\n\\tworktree = /nowhere\\n[extensions]\\n"
	         "\\tfrobnicate = 1\\n' >inc/more");
	opens_here("inc");

	make("wt");
	(void)sh("cd wt && git config extensions.worktreeConfig true && "
	         "git config --worktree core.fileMode false && git worktree add -q ../lt -b lt && "
	         "git sparse-checkout set src");
	r = open_at("wt");
	check(r, "wt", "wt/.git", "wt/.git", "", "main");
	{
		git_config *config;
		int value = 1;

		assert_int_equal(git_repository_config_snapshot(&config, r->git), 0);
		assert_int_equal(git_config_get_bool(&value, config, "core.fileMode"), 0);
		assert_int_equal(value, 0);
		git_config_free(config);
	}
	sk_repo_close(r);
	r = open_at("lt");
	check(r, "lt", "wt/.git/worktrees/lt", "wt/.git", "", "lt");
	sk_repo_close(r);
	/* a real partial clone */
	(void)sh("git -C wt config uploadpack.allowFilter true && "
	         "git clone -q --filter=blob:none --no-checkout 'file://%s/wt' part",
	         top);
	r = open_at("part");
	check_head(r, "part", "trunk");
	sk_repo_close(r);
}

static void test_git_dir(void **state)
{
	struct sk_repo *r;

	(void)state;
	make("a");
	make("other");
	(void)sh("git clone -q --bare a b.git && mkdir home && "
	         "git -C a worktree add -q ../w -b w && mkdir w/in");
	/* as in a hook: the top is where we stand, and nothing of it is left afterwards */
	assert_int_equal(chdir(in_top("a")), 0);
	(void)setenv("GIT_DIR", ".git", 1);
	(void)setenv("GIT_INDEX_FILE", "/nowhere/index.lock", 1);
	(void)setenv("GIT_PREFIX", "src/", 1);
	r = open_at(".");
	check(r, "a", "a/.git", "a/.git", "", "main");
	sk_repo_close(r);
	assert_null(getenv("GIT_DIR"));
	assert_null(getenv("GIT_INDEX_FILE"));
	assert_null(getenv("GIT_PREFIX"));
	r = open_at("../other");
	check(r, "other", "other/.git", "other/.git", "", "main");
	sk_repo_close(r);
	/* a hook that went to a sub-folder */
	(void)setenv("GIT_DIR", in_top("a/.git"), 1);
	r = open_at("src");
	check(r, "a", "a/.git", "a/.git", "src/", "main");
	sk_repo_close(r);
	(void)setenv("GIT_DIR", in_top("a/.git/worktrees/w"), 1);
	r = open_at("../w/in");
	check(r, "w", "a/.git/worktrees/w", "a/.git", "in/", "w");
	sk_repo_close(r);
	(void)setenv("GIT_DIR", in_top("w/.git"), 1);
	r = open_at("../w");
	check(r, "w", "a/.git/worktrees/w", "a/.git", "", "w");
	sk_repo_close(r);
	/* elsewhere, the current folder; a bare one needs GIT_WORK_TREE */
	(void)setenv("GIT_DIR", in_top("a/.git"), 1);
	r = open_at("../home");
	check(r, "home", "a/.git", "a/.git", "", "main");
	sk_repo_close(r);
	(void)setenv("GIT_DIR", "../b.git", 1);
	refused(".", SK_EREPO, "bare");
	assert_null(getenv("GIT_DIR"));
	(void)setenv("GIT_DIR", in_top("b.git"), 1);
	(void)setenv("GIT_WORK_TREE", "..", 1);
	r = open_at("src");
	check(r, "a", "b.git", "b.git", "src/", "main");
	sk_repo_close(r);
	assert_null(getenv("GIT_WORK_TREE"));
	/* core.worktree, and GIT_WORK_TREE over it; standing outside */
	(void)sh("git -C ../other config core.worktree ../../home");
	(void)setenv("GIT_DIR", in_top("other/.git"), 1);
	r = open_at(in_top("a"));
	check(r, "home", "other/.git", "other/.git", "", "main");
	sk_repo_close(r);
	r = open_at(in_top("other"));
	check(r, "home", "other/.git", "other/.git", "", "main");
	sk_repo_close(r);
	(void)setenv("GIT_WORK_TREE", in_top("other"), 1);
	r = open_at(in_top("other/src"));
	check(r, "other", "other/.git", "other/.git", "src/", "main");
	sk_repo_close(r);
	/* hooks of a push stand in the git folder */
	(void)setenv("GIT_DIR", ".", 1);
	refused(in_top("a/.git"), SK_EREPO, "inside a git folder");
	(void)setenv("GIT_DIR", "", 1);
	refused(in_top("a"), SK_EREPO, "GIT_DIR");
	(void)setenv("GIT_DIR", "/nowhere", 1);
	refused(in_top("a"), SK_EREPO, "/nowhere");
	assert_int_equal(chdir(top), 0);
}

static void test_ceilings(void **state)
{
	char text[3 * PATH_MAX];

	(void)state;
	make("a");
	(void)sh("mkdir -p a/x/y && ln -s a/x cl");
	(void)snprintf(text, sizeof text, "relative:%s/a/x", top);
	(void)setenv("GIT_CEILING_DIRECTORIES", text, 1);
	refused("a/x/y", SK_EREPO, "not in a git working tree");
	opens_here("a");
	/* a ceiling stops only what is below it */
	sk_repo_close(open_at("a/x"));
	/* it is followed, unless an empty entry came before */
	(void)snprintf(text, sizeof text, "%s/cl/", top);
	(void)setenv("GIT_CEILING_DIRECTORIES", text, 1);
	refused("a/x/y", SK_EREPO, "not in a git working tree");
	(void)snprintf(text, sizeof text, ":%s/cl", top);
	(void)setenv("GIT_CEILING_DIRECTORIES", text, 1);
	sk_repo_close(open_at("a/x/y"));
	(void)snprintf(text, sizeof text, "%s/a/x/y:%s/a/xx:/nowhere", top, top);
	(void)setenv("GIT_CEILING_DIRECTORIES", text, 1);
	sk_repo_close(open_at("a/x/y"));
}

static void test_strange_names(void **state)
{
	static const char *const name[] = { "with space", "new\nline", "\xff\xfe byte",
		                            "quote'\"\\", "-dash",     "\xc3\xa9t\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		char path[PATH_MAX + 64], sub[PATH_MAX + 96];
		struct sk_repo *r;

		(void)snprintf(path, sizeof path, "./%s", name[i]);
		const char *argv[] = { "git", "init", "-q", path, NULL };
		struct sk_proc proc = { .argv = argv };
		int status;

		assert_int_equal(sk_proc_run(&proc, &status), 0);
		assert_int_equal(status, 0);
		(void)snprintf(sub, sizeof sub, "%s/a %s", path, name[i]);
		assert_int_equal(mkdir(sub, 0755), 0);
		r = open_at(sub);
		assert_string_equal(r->worktree, in_top(name[i]));
		(void)snprintf(sub, sizeof sub, "a %s/", name[i]);
		assert_string_equal(r->prefix, sub);
		sk_repo_close(r);
	}
}

static void test_git_error(void **state)
{
	(void)state;
	git_libgit2_init();
	git_error_clear();
	assert_int_equal(sk_error_git(SK_EIO, "cannot %s", "x"), SK_EIO);
	assert_string_equal(sk_error_message(), "cannot x: unknown error");
	(void)git_error_set_str(GIT_ERROR_ODB, "two\nlines");
	assert_int_equal(sk_error_git(SK_EDAMAGED, "y"), SK_EDAMAGED);
	assert_string_equal(sk_error_message(), "y: two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_object, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alternates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_linked_worktree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_submodule, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_worktree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gitfile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extensions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_git_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ceilings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strange_names, setup, teardown),
		cmocka_unit_test(test_git_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
