/* fuzz_journal.c - what restores and snapshots keep: the journal, a snapshot's facts, packs'
 * indexes.
 *
 * An input is a byte that says which.  The journal's sum is put right first; one that is understood
 * is written again as it was, and none of its paths leads out of the working tree.  An index and a
 * pack have "PACK!" between them. */
#include "fuzz.h"

#include <sys/stat.h>

#include "base/error.h"
#include "restore/journal.h"
#include "store/metatree.h"
#include "store/meta.h"
#include "store/pack_look.h"

static void check_path(const char *path)
{
	HOLDS(*path != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0);
	HOLDS(!strstr(path, "/../"));
}

static void try_journal(struct fuzz_in in)
{
	struct sk_buf text = SK_BUF_INIT, out = SK_BUF_INIT;
	struct sk_job job = { 0 };
	struct sk_oid oid;
	struct sk_hash h;
	int rc;

	sk_hash_init(&h);
	sk_hash_update(&h, in.p, in.n);
	sk_hash_final(&h, &oid);
	HOLDS(sk_buf_add(&text, in.p, in.n) == 0);
	HOLDS(sk_buf_add(&text, sk_oid_str(&oid), SK_OID_HEX + 1) == 0);
	rc = sk_journal_parse(text.ptr, text.len, &job);
	HOLDS(rc == 0 || rc == SK_EDAMAGED);
	if (!rc) {
		for (size_t i = 0; i < job.plan.n; i++)
			check_path(job.plan.item[i].path);
		HOLDS(sk_journal_format(&job, &out) == 0);
		sk_job_clear(&job);
		HOLDS(sk_journal_parse(out.ptr, out.len, &job) == 0);
		sk_buf_clear(&text);
		HOLDS(sk_journal_format(&job, &text) == 0);
		HOLDS(text.len == out.len && memcmp(text.ptr, out.ptr, out.len) == 0);
	}
	sk_job_clear(&job);
	sk_buf_free(&text);
	sk_buf_free(&out);
}

static void try_meta(struct fuzz_in in, bool info)
{
	struct sk_meta meta;
	char *text = fuzz_copy(in.p, in.n, 0);
	int rc;

	sk_meta_init(&meta);
	rc = info ? sk_meta_parse_index_info(&meta, text, in.n)
	          : sk_meta_parse_attributes(&meta, text, in.n);
	HOLDS(rc == 0 || rc == SK_EDAMAGED);
	for (size_t i = 0; !rc && i < meta.n; i++) {
		HOLDS(meta.path[i].path && meta.path[i].mode <= 07777);
		(void)sk_meta_covers(&meta, 'V', meta.path[i].path);
	}
	for (size_t i = 0; !rc && i < meta.n_info; i++)
		HOLDS(meta.info[i].path && meta.info[i].stage <= 3);
	sk_meta_clear(&meta);
	free(text);
}

static void try_pack(struct fuzz_in in)
{
	static const char hex[] = "1111111111111111111111111111111111111111";
	struct fuzz_in part = fuzz_part(&in, "PACK!");
	int dir = open(fuzz_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sk_idx idx = { 0 };
	struct sk_pack_files files = { 0 };
	struct sk_oid oid = { { 0 } };
	bool commit;

	HOLDS(dir >= 0);
	fuzz_store("pack-1111111111111111111111111111111111111111.idx", part.p, part.n);
	fuzz_store("pack-1111111111111111111111111111111111111111.pack", in.p, in.n);
	HOLDS(sk_pack_files_list(dir, 1 << 20, &files) == 0);
	free(files.item);
	if (sk_idx_open(dir, hex, &idx) == 0) {
		for (uint32_t i = 0; i < idx.n; i++) {
			oid = sk_idx_oid(&idx, i);
			(void)sk_idx_has(&idx, &oid);
		}
		memset(&oid, 0xff, sizeof oid);
		(void)sk_idx_has(&idx, &oid);
		(void)sk_pack_has_commit(dir, hex, &idx, &commit);
		(void)sk_pack_is_whole(dir, hex, &idx);
		sk_idx_close(&idx);
	}
	(void)close(dir);
}

FUZZ(journal)
{
	struct fuzz_in in = { data, size };
	unsigned which = fuzz_byte(&in) % 4;

	if (which == 0)
		try_journal(in);
	else if (which < 3)
		try_meta(in, which == 2);
	else
		try_pack(in);
	return 0;
}
