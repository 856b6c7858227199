/* Packs that git itself must accept. */
#include "unit/scratch.h"

#include <fcntl.h>
#include <pthread.h>

#include "store/pack.h"

static struct sk_repo *open_repo(void)
{
	struct sk_repo *repo = NULL;

	sh("rm -rf w && git init -q w && cd w && echo old >f && git add f && git commit -qm 1");
	if (sk_repo_open("w", &repo))
		fail_msg("%s", sk_error_message());
	return repo;
}

static void add(struct sk_packer *p, const char *text, struct sk_oid *oid)
{
	if (sk_packer_add(p, SK_OBJ_BLOB, text, strlen(text), oid))
		fail_msg("%s", sk_error_message());
}

static void git_reads_it(void **state)
{
	struct sk_repo *repo;
	struct sk_packer *p = NULL;
	struct sk_oid a, b, old;

	(void)state;
	scratch_open();
	repo = open_repo();
	assert_int_equal(sk_packer_new(repo, &p), 0);
	add(p, "hello\n", &a);
	add(p, "", &b);
	add(p, "hello\n", &a); /* once only */
	add(p, "old\n", &old); /* the repository has it */
	assert_int_equal(sk_packer_count(p), 2);
	assert_string_equal(sh("ls -A w/.git/objects/pack | wc -l"), "0");
	assert_int_equal(sk_packer_commit(p), 0);
	assert_string_equal(sh("ls w/.git/objects/pack/*.keep | wc -l"), "1");
	sh("cd w && git repack -adq"); /* .keep holds it although nothing refers to it */
	assert_string_equal(sh("cd w && git cat-file blob %s", sk_oid_str(&a)), "hello");
	assert_string_equal(sh("cd w && git cat-file -s %s", sk_oid_str(&b)), "0");
	assert_int_equal(sk_packer_recheck(p), 0);
	sk_packer_free(p);
	assert_string_equal(sh("ls w/.git/objects/pack | grep -c keep || true"), "0");
	sh("cd w && git verify-pack .git/objects/pack/*.idx && git fsck --strict");
	sk_repo_close(repo);
	scratch_close();
}

static void nothing_is_nothing(void **state)
{
	struct sk_repo *repo;
	struct sk_packer *p = NULL;
	struct sk_oid a;

	(void)state;
	scratch_open();
	repo = open_repo();
	assert_int_equal(sk_packer_new(repo, &p), 0);
	assert_int_equal(sk_packer_commit(p), 0);
	sk_packer_free(p);
	assert_int_equal(sk_packer_new(repo, &p), 0);
	add(p, "not committed", &a);
	sk_packer_free(p);
	assert_string_equal(sh("ls -A w/.git/objects/pack | wc -l"), "0");
	sk_repo_close(repo);
	scratch_close();
}

static void many_and_large(void **state)
{
	struct sk_repo *repo;
	struct sk_packer *p = NULL;
	struct sk_oid oid, big;
	char text[3000];
	int fd;

	(void)state;
	scratch_open();
	repo = open_repo();
	sh("head -c 30000000 /dev/urandom >big");
	assert_int_equal(sk_packer_new(repo, &p), 0);
	for (unsigned i = 0; i < 5000; i++) {
		memset(text, 'a' + (int)(i % 26), sizeof text - 1);
		(void)snprintf(text, 10, "%09u", i);
		text[9] = '\n';
		text[sizeof text - 1] = '\0';
		add(p, text, &oid);
	}
	fd = open("big", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(sk_packer_add_fd(p, fd, 30000000, &big), 0);
	assert_int_equal(sk_packer_add_fd(p, fd, 30000000, &big), 0);
	/* a file that is not as long as was said leaves nothing behind */
	assert_int_equal(sk_packer_add_fd(p, fd, 30000001, &oid), SK_ENO);
	assert_int_equal(sk_packer_count(p), 5001);
	add(p, "after\n", &oid);
	(void)close(fd);
	if (sk_packer_commit(p))
		fail_msg("%s", sk_error_message());
	sk_packer_free(p);
	assert_string_equal(sh("git hash-object big"), sk_oid_str(&big));
	sh("cd w && git verify-pack .git/objects/pack/*.idx && git fsck --full --strict");
	sh("cd w && git cat-file blob %s | cmp - ../big", sk_oid_str(&big));
	assert_string_equal(sh("cd w && git cat-file blob %s", sk_oid_str(&oid)), "after");
	sk_repo_close(repo);
	scratch_close();
}

static void pruned_meanwhile(void **state)
{
	struct sk_repo *repo;
	struct sk_packer *p = NULL;
	struct sk_oid oid;

	(void)state;
	scratch_open();
	repo = open_repo();
	sh("cd w && echo loose | git hash-object -w --stdin");
	assert_int_equal(sk_packer_new(repo, &p), 0);
	add(p, "loose\n", &oid);
	assert_int_equal(sk_packer_count(p), 0);
	sh("cd w && git prune --expire=now");
	assert_int_equal(sk_packer_recheck(p), SK_ENO);
	sk_packer_free(p);
	sk_repo_close(repo);
	scratch_close();
}

/* What was found in a pack is there as long as the pack is. */
static void pack_gone_meanwhile(void **state)
{
	struct sk_oid oid, none = { { 1 } };
	struct sk_packer *p = NULL;
	struct sk_repo *repo;
	bool have = false;

	(void)state;
	scratch_open();
	repo = open_repo();
	sh("cd w && seq 5000 >g && git add g && git commit -qm 2 && git repack -adq");
	assert_true(sk_oid_parse(sh("git -C w rev-parse HEAD:g"), &oid));
	assert_int_equal(sk_packer_new(repo, &p), 0);
	assert_int_equal(sk_packer_rely(p, &none, &have), 0);
	assert_false(have);
	assert_int_equal(sk_packer_rely(p, &oid, &have), 0);
	assert_true(have);
	assert_int_equal(sk_packer_recheck(p), 0);
	sh("cd w && git reset -q --hard HEAD~1 && git reflog expire --expire=now --all && "
	   "git gc -q --prune=now");
	assert_int_equal(sk_packer_recheck(p), SK_ENO);
	sk_packer_free(p);
	/* an index that lies about itself is no answer, and no crash */
	sh("cd w/.git/objects/pack && chmod u+w *.idx && for f in *.idx; do "
	   "dd if=/dev/urandom of=$f bs=1 seek=8 count=1024 conv=notrunc 2>/dev/null; done");
	assert_int_equal(sk_packer_new(repo, &p), 0);
	(void)sk_packer_rely(p, &oid, &have);
	sk_packer_free(p);
	sk_repo_close(repo);
	scratch_close();
}

/* A repack that began before takes what nothing reached, after the recheck. */
static void wary_of_what_nothing_reaches(void **state)
{
	struct sk_packer *p = NULL;
	struct sk_repo *repo;
	struct sk_oid once, kept, big;
	struct stat st;
	int fd;
	bool have = false;

	(void)state;
	scratch_open();
	repo = open_repo();
	sh("cd w && seq 400000 >../large && git hash-object -w ../large && "
	   "echo once | git hash-object -w --stdin");
	fd = open("large", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	assert_int_equal(sk_packer_new(repo, &p), 0);
	sk_packer_wary(p);
	assert_true(sk_oid_parse(sh("git -C w rev-parse HEAD:f"), &kept));
	assert_int_equal(sk_packer_rely(p, &kept, &have), 0);
	assert_true(have);
	assert_int_equal(sk_packer_count(p), 0);
	assert_int_equal(sk_packer_add_fd(p, fd, (uint64_t)st.st_size, &big), 0);
	assert_int_equal(sk_packer_add_fd(p, fd, (uint64_t)st.st_size, &big), 0);
	assert_int_equal(sk_packer_count(p), 1);
	add(p, "once\n", &once);
	add(p, "once\n", &once);
	assert_int_equal(sk_packer_count(p), 2);
	assert_int_equal(sk_packer_commit(p), 0);
	sh("cd w && rm -f .git/objects/%.2s/%s", sk_oid_str(&once), sk_oid_str(&once) + 2);
	assert_int_equal(sk_packer_recheck(p), 0);
	assert_string_equal(sh("git -C w cat-file blob %s", sk_oid_str(&once)), "once");
	sk_packer_free(p);
	sk_repo_close(repo);
	scratch_close();
	(void)close(fd);
}

struct reader {
	struct sk_packer *p;
	int fd;
	uint64_t size;
	pthread_barrier_t *start;
};

static void *read_it(void *arg)
{
	struct reader *r = arg;
	struct sk_oid oid;

	(void)pthread_barrier_wait(r->start);
	return (void *)(intptr_t)sk_packer_add_fd(r->p, r->fd, r->size, &oid);
}

/* Files of the same large content, met by several threads at once: it is in the pack once. */
static void the_same_at_the_same_time(void **state)
{
	pthread_barrier_t start;
	pthread_t thread[4];
	struct reader r = { .start = &start };
	struct sk_repo *repo;
	struct stat st;

	(void)state;
	scratch_open();
	repo = open_repo();
	sh("seq 400000 >large");
	r.fd = open("large", O_RDONLY | O_CLOEXEC);
	assert_true(r.fd >= 0 && fstat(r.fd, &st) == 0);
	r.size = (uint64_t)st.st_size;
	assert_int_equal(sk_packer_new(repo, &r.p), 0);
	assert_int_equal(pthread_barrier_init(&start, NULL, 4), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, read_it, &r), 0);
	for (int i = 0; i < 4; i++) {
		void *rc;

		assert_int_equal(pthread_join(thread[i], &rc), 0);
		assert_null(rc);
	}
	assert_int_equal(sk_packer_count(r.p), 1);
	assert_int_equal(sk_packer_commit(r.p), 0);
	sh("git -C w fsck --full --strict --no-dangling --no-progress");
	sk_packer_free(r.p);
	(void)pthread_barrier_destroy(&start);
	(void)close(r.fd);
	sk_repo_close(repo);
	scratch_close();
}

static void sweeps_what_the_dead_left(void **state)
{
	struct sk_repo *repo;

	(void)state;
	scratch_open();
	repo = open_repo();
	sh("cd w/.git/objects/pack && echo x >.sk-tmp-999999999-1 && "
	   "echo 'git-sk 999999999 5' >pack-x.keep && echo mine >pack-y.keep && "
	   "echo x >.sk-tmp-%ld-1",
	   (long)getpid());
	assert_int_equal(sk_packer_sweep(repo), 0);
	assert_string_equal(sh("cd w/.git/objects/pack && ls -A | grep -c 999999999 || true"), "0");
	sh("cd w/.git/objects/pack && test ! -e pack-x.keep && test -e pack-y.keep && "
	   "test -e .sk-tmp-%ld-1",
	   (long)getpid());
	sk_repo_close(repo);
	scratch_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(git_reads_it),
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(many_and_large),
		cmocka_unit_test(pruned_meanwhile),
		cmocka_unit_test(pack_gone_meanwhile),
		cmocka_unit_test(sweeps_what_the_dead_left),
		cmocka_unit_test(wary_of_what_nothing_reaches),
		cmocka_unit_test(the_same_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
