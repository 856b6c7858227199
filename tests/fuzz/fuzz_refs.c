/* fuzz_refs.c - refs: packed-refs, a loose ref, the reflog that keeps commits, the record of
 * purges.
 *
 * An input is packed-refs, "LOOSE", a loose ref, "LOG", a reflog.  What a listing gives has valid
 * names below the prefix, in order, and each is found by its name; the loose one goes before the
 * packed one. */
#include "fuzz.h"

#include <sys/stat.h>

#include "base/error.h"
#include "store/keep.h"
#include "store/refs_file.h"

#define PREFIX "refs/sk/backup/"
#define NAME PREFIX "20260810T120000Z"

static void check_list(const struct sk_repo *repo, unsigned flags)
{
	struct sk_refs refs = { 0 };

	HOLDS(sk_refs_list(repo, PREFIX, flags, &refs) == 0);
	for (size_t i = 0; i < refs.n; i++) {
		const struct sk_ref *r = &refs.item[i];

		HOLDS(strncmp(r->name, PREFIX, strlen(PREFIX)) == 0);
		HOLDS(!i || strcmp(r[-1].name, r->name) < 0);
		HOLDS(sk_refs_find(&refs, r->name) == r);
		HOLDS(!r->packed || !(flags & SK_REFS_LOOSE));
		if (strcmp(r->name, NAME) == 0)
			HOLDS(!r->packed);
	}
	sk_refs_free(&refs);
}

static void check_packed(const struct sk_repo *repo)
{
	struct sk_packed p = { 0 };
	struct sk_packed_line line;
	struct sk_refs tail = { 0 };
	size_t at, before = 0;
	bool all = false;

	HOLDS(sk_packed_open(repo, &p) == 0);
	for (at = p.from; sk_packed_next(&p, at, &line); at = line.next) {
		HOLDS(line.at >= before && line.next > line.at && line.next <= p.len);
		HOLDS(line.name > p.map && line.name + line.len <= p.map + p.len && line.len);
		HOLDS(!memchr(line.name, '\n', line.len));
		before = line.next;
	}
	if (p.sorted)
		(void)sk_packed_tail(&p, PREFIX, PREFIX "9", 3, 8, &tail, &all);
	HOLDS(tail.n < 1000000);
	sk_refs_free(&tail);
	sk_packed_close(&p);
}

static void check_read(const struct sk_repo *repo)
{
	struct sk_oid oid = { { 7 } }, same = { { 7 } };
	int rc = sk_ref_read(repo, NAME, &oid);

	HOLDS(rc == 0 || rc == SK_EDAMAGED);
	HOLDS(rc == 0 ? !sk_oid_is_zero(&oid) : sk_oid_eq(&oid, &same));
	rc = sk_ref_find_packed(repo, NAME, &oid);
	HOLDS(rc == 0 || rc == SK_ENO);
}

static void check_keep(const struct sk_repo *repo)
{
	struct sk_keep_list keep = { 0 };
	int rc = sk_keep_read(repo, &keep);

	HOLDS(rc == 0 || rc == SK_ENO || rc == SK_EDAMAGED);
	for (size_t i = 0; i < keep.n; i++) {
		HOLDS(keep.line[i].ref && !strchr(keep.line[i].ref, '\n'));
		HOLDS(!i || keep.line[i - 1].last >= keep.line[i].last);
	}
	sk_keep_list_free(&keep);
}

static void folders(char *dir)
{
	static const char *const made[] = { "refs", "refs/sk",   "refs/sk/backup",
		                            "logs", "logs/refs", "logs/refs/sk",
		                            "sk" };

	(void)snprintf(dir, 4096, "%s/git", fuzz_dir());
	(void)mkdir(dir, 0755);
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		char path[4200];

		(void)snprintf(path, sizeof path, "%s/%s", dir, made[i]);
		HOLDS(mkdir(path, 0755) == 0);
	}
}

FUZZ(refs)
{
	static char dir[4096], sk[4200];
	struct fuzz_in in = { data, size }, packed = fuzz_part(&in, "LOOSE"),
	               loose = fuzz_part(&in, "LOG");
	struct sk_repo repo = { .gitdir = dir, .commondir = dir, .skdir = sk, .sklocal = sk };

	if (!*dir) {
		folders(dir);
		(void)snprintf(sk, sizeof sk, "%s/sk", dir);
	}
	fuzz_store("git/packed-refs", packed.p, packed.n);
	fuzz_store("git/" NAME, loose.p, loose.n);
	fuzz_store("git/logs/refs/sk/keep", in.p, in.n);
	check_list(&repo, 0);
	check_list(&repo, SK_REFS_DEEP | SK_REFS_NAMES);
	check_list(&repo, SK_REFS_LOOSE);
	check_packed(&repo);
	check_read(&repo);
	check_keep(&repo);
	return 0;
}
