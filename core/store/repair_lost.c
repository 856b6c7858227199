#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "repo/copies.h"
#include "store/keep.h"
#include "store/reach.h"
#include "store/refs.h"
#include "store/remove.h"
#include "store/repair_parts.h"
#include "store/rewrite.h"
#include "store/tidy.h"
#include "store/treeiter.h"

struct giving_up {
	struct sk_mender m;
	struct sk_oidset lost; /* of what was found bad, what has no good copy at all */
	struct sk_rewriter *rewriter;
	struct sk_rewritten *done;
	size_t n;
};

static enum sk_rewrite_answer judge(void *arg, const char *path, uint32_t mode,
                                    const struct sk_oid *oid)
{
	const struct sk_oidset *lost = arg;

	SK_UNUSED(path);
	SK_UNUSED(mode);
	return sk_oidset_has(lost, oid) ? SK_REWRITE_DROP : SK_REWRITE_KEEP;
}

/* What is known of an entry before it changes: its ref, tag, and what of it is lost. */
static int record(struct giving_up *g, const struct sk_entry *e)
{
	const struct sk_verify *found = g->m.found;
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	git_odb_object *object = NULL;
	int rc = sk_buf_addf(&path, "%s/entries", g->m.aside.ptr);

	if (!rc)
		rc = sk_mkdirs(path.ptr, 0777);
	(void)sk_buf_addf(&path, "/%s-%s", sk_kind_name(e->kind), e->id);
	(void)sk_buf_addf(&text, "ref %s\ntag %s\n", e->ref, sk_oid_str(&e->tag));
	for (size_t i = 0; !rc && i < found->n; i++)
		if (found->damage[i].kind == SK_DAMAGE_OBJECT &&
		    sk_strv_has(&found->damage[i].refs, e->ref))
			rc = sk_buf_addf(&text, "lost %s %s\n", sk_oid_str(&found->damage[i].oid),
			                 found->damage[i].path);
	if (!rc && sk_repo_read(g->m.repo, &e->tag, &object) == 0) {
		(void)sk_buf_addc(&text, '\n');
		rc = sk_buf_add(&text, git_odb_object_data(object), git_odb_object_size(object));
	}
	if (!rc)
		rc = sk_buf_ok(&path);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0666, true);
	if (!rc)
		rc = sk_strv_add(&g->m.out->aside, path.ptr + strlen(g->m.repo->commondir) + 1);
	git_odb_object_free(object);
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

/* Whether a second look finds nothing wrong with it: the first one met an error that passed. */
static bool whole_now(const struct giving_up *g, const struct sk_entry *e)
{
	struct sk_entry *again = NULL;
	bool whole = sk_entry_read(g->m.repo, e->ref, &again) == 0 && !again->damaged &&
	             !sk_oidset_has(&g->lost, &again->tag) &&
	             !sk_oidset_has(&g->lost, &again->tree);

	sk_entry_free(again);
	return whole;
}

static int take_away(struct giving_up *g, struct sk_entry *e)
{
	int rc;

	if (whole_now(g, e))
		return 0;
	rc = record(g, e);
	if (!rc)
		rc = sk_entry_delete(g->m.repo, &e, 1);
	return rc ? rc : sk_strv_add(&g->m.out->gone, e->ref);
}

static int rewrite_one(struct giving_up *g, struct sk_entry *e)
{
	struct sk_rewritten *r = &g->done[g->n];
	int rc;

	if (e->damaged || sk_oidset_has(&g->lost, &e->tag) || sk_oidset_has(&g->lost, &e->tree))
		return take_away(g, e);
	rc = sk_rewrite_entry(g->rewriter, e, r);
	if (rc)
		return rc == SK_ENO ? 0 : rc;
	g->n++;
	rc = record(g, e);
	return rc ? rc : sk_strv_add(&g->m.out->without, e->ref);
}

static int rewrite_entries(struct giving_up *g)
{
	const struct sk_rewrite_rule rule = { .judge = judge,
		                              .arg = &g->lost,
		                              .broken_goes = true,
		                              .reason = "lost: its stored content was damaged",
		                              .key = "Sk-Lost",
		                              .value = "damaged content (git sk verify)" };
	const struct sk_entries *list = &g->m.found->entries;
	int rc = sk_packer_new(g->m.repo, &g->m.packer);

	g->done = calloc(list->n + 1, sizeof *g->done);
	if (!rc && !g->done)
		rc = sk_error_oom();
	if (!rc)
		rc = sk_rewriter_new(g->m.repo, &rule, g->m.packer, &g->rewriter);
	for (size_t i = 0; !rc && i < list->n; i++)
		rc = rewrite_one(g, list->item[i]);
	if (!rc) /* what could not be read is left out by now */
		rc = sk_mend_can_read(g->m.repo, &g->lost);
	if (!rc)
		rc = sk_packer_commit(g->m.packer);
	for (size_t i = 0; !rc && i < g->n; i++)
		rc = sk_rewritten_apply(g->m.repo, &g->done[i]);
	return rc;
}

/* Refs that are no entry's and lead to nothing: the keep-log's is made again, others are only
 * named when they cannot even be read. */
static int other_refs(struct giving_up *g)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < g->m.found->n; i++) {
		const struct sk_damage *d = &g->m.found->damage[i];
		struct sk_ref_drop drop = { d->path, NULL };
		bool ours = strncmp(d->path, "refs/sk/meta/", 13) == 0 ||
		            strcmp(d->path, "refs/sk/keep") == 0;

		if (d->kind != SK_DAMAGE_REF || sk_strv_has(&g->m.out->gone, d->path))
			continue;
		if (ours)
			rc = sk_refs_delete(g->m.repo, &drop, 1);
		else
			rc = sk_strv_add(&g->m.out->left, d->path);
	}
	return rc;
}

/* What only the keep-log holds, and is not whole: git's gc would stop at it.  And what still names
 * what is lost, though nothing needs it: git's fsck would. */
static int drop_rest(struct giving_up *g)
{
	struct sk_oidset ends = { 0 }, leading = { 0 };
	int rc = sk_reach_loose_ends(g->m.repo, false, &ends);

	if (rc == SK_EDAMAGED) { /* the user's own history is damaged: that is for git fsck */
		rc = sk_strv_add(&g->m.out->left, sk_error_message());
		goto out;
	}
	if (!rc)
		rc = sk_reach_leading(g->m.repo, &ends, &g->lost, &leading);
	if (!rc && leading.n)
		rc = sk_keep_drop(g->m.repo, &leading);
	if (!rc)
		rc = sk_keep_drop(g->m.repo, &g->lost);
	if (!rc)
		rc = sk_objects_remove(g->m.repo, &leading);
out:
	sk_oidset_free(&ends);
	sk_oidset_free(&leading);
	return rc;
}

static int unreadable(const struct giving_up *g, const struct sk_oidset *from,
                      struct sk_oidset *out)
{
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc = 0;

	while (!rc && (slot = sk_oidset_next(from, &at))) {
		git_odb_object *object = NULL;

		if (sk_repo_read(g->m.repo, &slot->oid, &object))
			rc = sk_oidset_add(out, &slot->oid, slot->value, NULL);
		git_odb_object_free(object);
	}
	return rc;
}

/* Twice, the second time by files that are opened anew: nothing is given up for an error of the
 * system that passes. */
static int choose_lost(struct giving_up *g)
{
	struct sk_oidset first = { 0 };
	int rc = unreadable(g, &g->m.found->bad, &first);

	if (!rc)
		rc = sk_repo_reopen_objects(g->m.repo);
	if (!rc)
		rc = unreadable(g, &first, &g->lost);
	if (!rc)
		rc = sk_mend_can_read(g->m.repo, &g->lost);
	sk_oidset_free(&first);
	return rc;
}

int sk_repair_give_up(const struct sk_repo *repo, const struct sk_verify *found,
                      struct sk_repair *out)
{
	struct giving_up g = { .m = { .repo = repo, .found = found, .out = out } };
	int lock = -1, rc = sk_tidy_lock(repo, &lock);

	if (!rc)
		rc = sk_buf_addf(&g.m.aside, "%s/quarantine", repo->skdir);
	if (!rc)
		rc = choose_lost(&g);
	if (!rc)
		rc = rewrite_entries(&g);
	sk_packer_free(g.m.packer);
	if (!rc)
		rc = other_refs(&g);
	if (!rc)
		rc = drop_rest(&g);
	sk_rewriter_free(g.rewriter);
	for (size_t i = 0; g.done && i < g.n; i++)
		sk_rewritten_clear(&g.done[i]);
	free(g.done);
	sk_oidset_free(&g.lost);
	sk_buf_free(&g.m.aside);
	if (lock >= 0)
		(void)close(lock);
	return rc;
}
