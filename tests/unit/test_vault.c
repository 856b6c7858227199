/* Vaults: what a push has to do, what is shown of a URL, whose part is whose, what is remembered.
 */
#include "unit/entry_scratch.h"

#include "base/error.h"
#include "store/keep.h"
#include "store/vault_parts.h"

/* URLs */

static void a_password_is_never_shown(void **state)
{
	static const char *const url[][2] = {
		{ "https://me:pw@example.org/x.git", "https://example.org/x.git" },
		{ "https://token@example.org/x.git", "https://example.org/x.git" },
		{ "https://a:b@c:d@example.org/x", "https://example.org/x" },
		{ "http://example.org/x?token=pw#pw", "http://example.org/x" },
		{ "HTTPS://me:pw@example.org", "HTTPS://example.org" },
		{ "ssh://git:pw@example.org:22/x@y", "ssh://git@example.org:22/x@y" },
		{ "ssh://example.org/x", "ssh://example.org/x" },
		{ "git@example.org:x.git", "git@example.org:x.git" },
		{ "/a/b:c@d", "/a/b:c@d" },
		{ "file:///a/b", "file:///a/b" },
		{ "https://me:p/w@example.org/x",
		  "https://me:p/w@example.org/x" }, /* no such URL */
		{ "https://example.org/\033[1m", "https://example.org/\\033[1m" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof url / sizeof *url; i++) {
		char *shown = NULL;

		assert_int_equal(sk_vault_shown(url[i][0], &shown), 0);
		assert_string_equal(shown, url[i][1]);
		free(shown);
	}
}

static void a_path_is_made_absolute(void **state)
{
	char real[4096], want[8192], *url = NULL;
	static const char *const bad[] = { "", "-x", "a\nb", "a\033b" };

	(void)state;
	assert_non_null(realpath(".", real));
	(void)snprintf(want, sizeof want, "%s/new", real);
	for (int i = 0; i < 3; i++) {
		static const char *const given[] = { "new", "./w/../new//", "w/./../new" };

		assert_int_equal(sk_vault_url(given[i], &url), 0);
		assert_string_equal(url, want);
		free(url);
	}
	assert_int_equal(sk_vault_url("host:x/../y", &url), 0);
	assert_string_equal(url, "host:x/../y");
	assert_null(sk_vault_folder(url));
	free(url);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(sk_vault_url(bad[i], &url), SK_EUSAGE);
}

static const char *why(const char *url, const char *said, bool *offline)
{
	struct sk_buf errors = SK_BUF_INIT;
	char *shown = NULL;

	assert_int_equal(sk_buf_adds(&errors, said), 0);
	assert_int_equal(sk_vault_shown(url, &shown), 0);
	assert_int_equal(sk_vault_why(url, shown, &errors, 128, offline), SK_EIO);
	free(shown);
	sk_buf_free(&errors);
	return sk_error_message();
}

static void git_is_understood(void **state)
{
	static const char url[] = "https://me:pw@h/x.git";
	bool offline;

	(void)state;
	assert_string_equal(
	        why(url, "fatal: unable to access: Could not resolve host: h\n", &offline),
	        "vault https://h/x.git: its name cannot be resolved; is there a network?");
	assert_true(offline);
	assert_string_equal(
	        why(url, "error: file write error: No space left on device\nfatal: x\n", &offline),
	        "vault https://h/x.git: its disk is full; make room there");
	assert_false(offline);
	assert_string_equal(
	        why(url, "hint: x\nremote: error: no https://me:pw@h/x.git here\nx\n", &offline),
	        "vault https://h/x.git: no https://h/x.git here");
	assert_string_equal(why(url, "", &offline),
	                    "vault https://h/x.git: git ended with exit code 128");
	assert_string_equal(why("/nowhere/v", "fatal: '/nowhere/v' does not exist\n", &offline),
	                    "vault /nowhere/v: it is not there; is its disk mounted?");
	assert_true(offline);
}

/* Plans */

static struct sk_refs list_of(const char *const *names, char digit)
{
	struct sk_refs refs = { 0 };
	struct sk_oid oid;

	memset(&oid, digit, sizeof oid);
	for (; *names; names++)
		assert_int_equal(sk_vault_refs_add(&refs, *names, &oid), 0);
	sk_vault_refs_sort(&refs);
	return refs;
}

#define NAMES(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static const char *plan(const char *const *want, const char *const *known, char digit, bool prune)
{
	static struct sk_buf out = SK_BUF_INIT;
	struct sk_refs w = list_of(want, 1), k = list_of(known, digit);
	struct sk_strv none = SK_STRV_INIT;
	struct sk_vault_plan_opts o = { &w, &k, &none, false, prune };
	struct sk_vault_steps s;
	size_t same;

	assert_int_equal(sk_vault_plan(&o, &s, &same), 0);
	sk_buf_clear(&out);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(i < s.drops, sk_oid_is_zero(&s.item[i].oid));
		(void)sk_buf_addf(&out, "%s%s%s", i ? " " : "", i < s.drops ? "-" : "",
		                  s.item[i].name);
	}
	if (s.n)
		(void)sk_buf_addf(&out, " /%zu", sk_vault_batch(&s, 0));
	sk_vault_steps_free(&s);
	sk_refs_free(&w);
	sk_refs_free(&k);
	return sk_buf_str(&out);
}

static void the_newest_goes_first(void **state)
{
	(void)state;
	assert_string_equal(
	        plan(NAMES("newest", "sk/backup/20260101T000000Z", "sk/backup/20260102T000000Z",
	                   "sk/meta/backup/20260101T000000Z", "heads/main", "keep", "sk/chat/x"),
	             NAMES("sk/backup/20260101T000000Z"), 2, false),
	        "keep heads/main sk/backup/20260102T000000Z sk/meta/backup/20260101T000000Z "
	        "sk/backup/20260101T000000Z sk/chat/x /6");
	assert_string_equal(plan(NAMES("newest", "heads/main"), NAMES("heads/main"), 1, false), "");
}

static void only_branches_go_by_themselves(void **state)
{
	const char *const *there =
	        NAMES("heads/old", "keep", "tags/t", "sk/backup/1", "sk/meta/backup/1",
	              "sk/revision/r", "sk/release/v", "sk/chat/x", "newest");

	(void)state;
	assert_string_equal(plan(NAMES("newest", "sk/backup/2"), there, 1, false),
	                    "-heads/old -keep sk/backup/2 /3");
	assert_string_equal(plan(NAMES("newest", "sk/backup/2"), there, 1, true),
	                    "-heads/old -keep -sk/backup/1 -sk/meta/backup/1 sk/backup/2 /5");
	/* never the last one, whatever is wrong here */
	assert_string_equal(plan(NAMES("newest", "sk/revision/r"), there, 1, true),
	                    "-heads/old -keep /2");
}

static void a_branch_may_become_a_folder(void **state)
{
	(void)state;
	assert_string_equal(plan(NAMES("newest", "heads/a/b"), NAMES("heads/a"), 1, false),
	                    "-heads/a heads/a/b /1");
	assert_string_equal(
	        plan(NAMES("newest", "heads/b"), NAMES("heads/b/c", "heads/bc"), 1, false),
	        "-heads/b/c -heads/bc heads/b /2");
	assert_string_equal(plan(NAMES("newest", "heads/bc"), NAMES("heads/b"), 1, false),
	                    "-heads/b heads/bc /2");
}

static void an_entry_and_its_metadata_are_one(void **state)
{
	struct sk_refs want = { 0 }, known = { 0 };
	struct sk_strv none = SK_STRV_INIT;
	struct sk_vault_plan_opts o = { &want, &known, &none, false, false };
	struct sk_vault_steps s;
	struct sk_oid oid;
	size_t same, n, sum = 0;
	char name[64];

	(void)state;
	memset(&oid, 1, sizeof oid);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof name, "sk/backup/20260101T%06dZ", i);
		assert_int_equal(sk_vault_refs_add(&want, name, &oid), 0);
		(void)snprintf(name, sizeof name, "sk/meta/backup/20260101T%06dZ", i);
		if (i != 500)
			assert_int_equal(sk_vault_refs_add(&want, name, &oid), 0);
	}
	sk_vault_refs_sort(&want);
	assert_int_equal(sk_vault_plan(&o, &s, &same), 0);
	assert_int_equal(s.n, 1999);
	for (size_t from = 0; from < s.n; from += n, sum += n) {
		n = sk_vault_batch(&s, from);
		assert_in_range(n, 1, SK_VAULT_BATCH + 1);
		if (from + n < s.n)
			assert_string_not_equal(strrchr(s.item[from + n - 1].name, '/'),
			                        strrchr(s.item[from + n].name, '/'));
	}
	assert_int_equal(sum, s.n);
	sk_vault_steps_free(&s);
	sk_refs_free(&want);
}

/* Names of parts */

static char *part_of(const char *dir)
{
	struct sk_repo *r = NULL;
	char *part = NULL;

	if (sk_repo_open(dir, &r) || sk_vault_part(r, &part))
		fail_msg("%s", sk_error_message());
	sk_repo_close(r);
	return part;
}

static void a_part_stays_with_its_repository(void **state)
{
	char *a = part_of("w"), *b, *c;

	(void)state;
	assert_non_null(strstr(a, "-w-"));
	assert_true(
	        strspn(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	        strlen(a));
	(void)sh("mv w m && ln -s m w");
	b = part_of("m");
	assert_string_equal(a, b);
	free(b);
	(void)sh("cp -a m c");
	c = part_of("c");
	assert_string_not_equal(a, c);
	b = part_of("m");
	assert_string_equal(a, b);
	free(b);
	b = part_of("c");
	assert_string_equal(b, c);
	free(b);
	free(c);
	/* rubbish is replaced */
	(void)sh("echo '../../x' >m/.git/sk/vault/id");
	b = part_of("m");
	assert_null(strstr(b, ".."));
	free(a);
	free(b);
	(void)sh("rm w && mv m w");
}

static void odd_names_are_made_plain(void **state)
{
	char *part;

	(void)state;
	(void)sh("git init -q -- './-..a b\303\244.lock..~^:?*[@{'");
	part = part_of("./-..a b\303\244.lock..~^:?*[@{");
	assert_int_equal(
	        strncmp(sh("git check-ref-format refs/sk/vault/%s/newest && echo ok", part), "ok",
	                2),
	        0);
	free(part);
}

/* What is remembered */

static void the_state_is_read_back(void **state)
{
	struct sk_vault_state s = { .part = NULL }, t = { .part = NULL };
	struct sk_oid pending[2];

	(void)state;
	assert_int_equal(sk_vault_state_read(repo, "v", &t), 0);
	assert_null(t.part);
	s.part = strdup("p");
	s.pushed = 1;
	s.tried = 2;
	s.compared = 3;
	memset(&s.newest, 7, sizeof s.newest);
	memset(pending, 8, sizeof pending);
	s.pending = pending;
	s.n_pending = 2;
	s.trouble = strdup("a\nb: c");
	s.offline = true;
	assert_int_equal(sk_vault_state_write(repo, "v", &s), 0);
	assert_int_equal(sk_vault_state_read(repo, "v", &t), 0);
	assert_string_equal(t.part, "p");
	assert_string_equal(t.trouble, "a\\nb: c");
	assert_true(t.offline && t.pushed == 1 && t.tried == 2 && t.compared == 3 &&
	            t.n_pending == 2);
	assert_true(sk_oid_eq(&t.newest, &s.newest) && sk_oid_eq(&t.pending[1], &pending[1]));
	sk_vault_state_clear(&t);
	(void)sh("head -c 3000 /dev/urandom >w/.git/sk/vault/v/state");
	assert_int_equal(sk_vault_state_read(repo, "v", &t), 0);
	sk_vault_state_clear(&t);
	free(s.part);
	free(s.trouble);
}

static void the_same_is_kept_by_the_same_commit(void **state)
{
	struct sk_oid a, b;

	(void)state;
	assert_int_equal(sk_vault_keep_make(repo, &a), SK_ENO);
	(void)sh("cd w && git checkout -q --detach && echo y >f && git commit -qam lost && "
	         "echo z >f && git stash -q");
	assert_int_equal(sk_vault_keep_make(repo, &a), 0);
	(void)sh("cd w && git checkout -q main");
	assert_int_equal(sk_vault_keep_make(repo, &a), 0);
	assert_int_equal(setenv("SK_TEST_NOW", "1786459600", 1), 0);
	assert_int_equal(sk_vault_keep_make(repo, &b), 0);
	assert_true(sk_oid_eq(&a, &b));
	/* taken up by another one */
	(void)sh("git init -q -b main o && cd o && git fetch -q ../w %s:refs/sk/vault-keep",
	         sk_oid_str(&a));
	{
		struct sk_repo *o = NULL;
		struct sk_keep_list list = { 0 };

		assert_int_equal(sk_repo_open("o", &o), 0);
		assert_int_equal(sk_vault_keep_take(o, &a), 0);
		assert_int_equal(sk_keep_read(o, &list), 0);
		assert_true(list.n >= 1);
		sk_keep_list_free(&list);
		sk_repo_close(o);
	}
	assert_string_equal(sh("cd o && git stash list | wc -l | tr -d ' '"), "1");
	assert_string_equal(
	        sh("cd o && git update-ref -d refs/sk/vault-keep && git config "
	           "gc.refs/sk/keep.reflogExpireUnreachable never && git gc -q "
	           "--prune=now && git rev-parse -q --verify stash^{commit} >/dev/null && "
	           "git fsck --strict --no-dangling 2>&1 | grep -v ^notice || :"),
	        "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_password_is_never_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_is_made_absolute, setup, teardown),
		cmocka_unit_test_setup_teardown(git_is_understood, setup, teardown),
		cmocka_unit_test(the_newest_goes_first),
		cmocka_unit_test(only_branches_go_by_themselves),
		cmocka_unit_test(a_branch_may_become_a_folder),
		cmocka_unit_test(an_entry_and_its_metadata_are_one),
		cmocka_unit_test_setup_teardown(a_part_stays_with_its_repository, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_names_are_made_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(the_state_is_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_is_kept_by_the_same_commit, setup,
		                                teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
