#include "store/purge.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/term.h"
#include "repo/copies.h"
#include "store/keep.h"
#include "store/purge_parts.h"
#include "store/reach.h"
#include "store/remove.h"
#include "store/repack.h"
#include "store/rewrite.h"
#include "store/tidy.h"
#include "store/treeiter.h"

#define DEPTH_MAX 4096

struct purge {
	const struct sk_repo *repo;
	const struct sk_purge_what *what;
	struct sk_purge *out;
	struct sk_packer *packer;
	struct sk_rewriter *rewriter;
	struct sk_rewritten *done; /* of each entry in out->entry */
	struct sk_entries entries;
	struct sk_oidset ends, leading;
	int lock;
};

void sk_purge_clear(struct sk_purge *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->entry[i].ref);
		sk_strv_free(&p->entry[i].paths);
	}
	free(p->entry);
	sk_oidset_free(&p->content);
	sk_oidset_free(&p->needed);
	sk_strv_free(&p->commits);
	sk_strv_free(&p->damaged);
	sk_strv_free(&p->borrowed);
	*p = (struct sk_purge){ 0 };
}

static enum sk_rewrite_answer judge(void *arg, const char *path, uint32_t mode,
                                    const struct sk_oid *oid)
{
	const struct sk_purge_what *what = arg;
	bool folder = mode == SK_MODE_TREE;

	if (*path && what->paths.n && sk_purge_matches(&what->paths, path, folder))
		return SK_REWRITE_DROP;
	if (!folder)
		return sk_oidset_has(&what->blobs, oid) ? SK_REWRITE_DROP : SK_REWRITE_KEEP;
	return what->blobs.n || sk_purge_may_match_below(&what->paths, path) ? SK_REWRITE_KEEP
	                                                                     : SK_REWRITE_WHOLE;
}

static struct sk_rewrite_rule rule_of(const struct sk_purge_what *what)
{
	return (struct sk_rewrite_rule){ .judge = judge,
		                         .arg = (void *)(uintptr_t)what,
		                         .by_path = what->paths.n > 0,
		                         .reason = "purged",
		                         .key = "Sk-Purged",
		                         .value = what->text };
}

static int add_entry(struct purge *p, struct sk_rewritten *r)
{
	struct sk_purge_entry *e = &p->out->entry[p->out->n];

	e->ref = strdup(r->entry->ref);
	if (!e->ref)
		return sk_error_oom();
	p->out->n++;
	for (size_t i = 0; i < r->paths.n; i++)
		if (sk_strv_add(&e->paths, r->paths.item[i]))
			return SK_EIO;
	return 0;
}

/* All entries anew, in the pack that is being made; nothing shows yet. */
static int rewrite_entries(struct purge *p)
{
	const struct sk_rewrite_rule rule = rule_of(p->what);
	int rc = sk_entry_list(p->repo, SK_ANY, NULL, &p->entries);

	if (rc)
		return rc;
	p->done = calloc(p->entries.n + 1, sizeof *p->done);
	p->out->entry = calloc(p->entries.n + 1, sizeof *p->out->entry);
	rc = p->done && p->out->entry ? sk_packer_new(p->repo, &p->packer) : sk_error_oom();
	if (!rc)
		sk_packer_wary(p->packer);
	if (!rc)
		rc = sk_rewriter_new(p->repo, &rule, p->packer, &p->rewriter);
	for (size_t i = 0; !rc && i < p->entries.n; i++) {
		const struct sk_entry *e = p->entries.item[i];

		sk_progress("looking into backups", i, p->entries.n);
		rc = e->damaged ? SK_EDAMAGED
		                : sk_rewrite_entry(p->rewriter, e, &p->done[p->out->n]);
		if (!rc)
			rc = add_entry(p, &p->done[p->out->n]);
		else if (rc == SK_EDAMAGED)
			rc = sk_strv_add(&p->out->damaged, e->ref);
		else
			rc = rc == SK_ENO ? 0 : rc;
	}
	sk_progress_end();
	return rc;
}

/* The blobs at and below what was taken out. */
static int add_content(const struct sk_repo *repo, const struct sk_oid *oid, int depth,
                       struct sk_oidset *seen, struct sk_oidset *content)
{
	git_odb_object *object = NULL;
	struct sk_tree_iter it;
	struct sk_tree_item item;
	bool added = false;
	int rc = sk_oidset_add(seen, oid, 1, &added);

	if (rc || !added || depth > DEPTH_MAX || sk_repo_read(repo, oid, &object))
		return rc;
	if (git_odb_object_type(object) == GIT_OBJECT_BLOB) {
		rc = sk_oidset_add(content, oid, SK_OBJ_BLOB, NULL);
	} else if (git_odb_object_type(object) == GIT_OBJECT_TREE) {
		it.at = git_odb_object_data(object);
		it.end = it.at + git_odb_object_size(object);
		while (!rc && sk_tree_next(&it, &item) > 0)
			if (item.mode != SK_MODE_COMMIT)
				rc = add_content(repo, &item.oid, depth + 1, seen, content);
	}
	git_odb_object_free(object);
	return rc;
}

static int add_dropped(struct purge *p, const struct sk_oidset *dropped)
{
	const struct sk_oidset_slot *slot;
	struct sk_oidset seen = { 0 };
	size_t at = 0;
	int rc = 0;

	while (!rc && (slot = sk_oidset_next(dropped, &at)))
		rc = add_content(p->repo, &slot->oid, 0, &seen, &p->out->content);
	sk_oidset_free(&seen);
	return rc;
}

/* What was asked for by id, and what a run that crashed had found. */
static int add_known(struct purge *p)
{
	const struct sk_oidset *sets[] = { &p->what->blobs, &p->what->known };
	const struct sk_oidset_slot *slot;
	int rc = 0;

	for (size_t i = 0, at = 0; i < 2; i++, at = 0)
		while (!rc && (slot = sk_oidset_next(sets[i], &at)))
			rc = sk_oidset_add(&p->out->content, &slot->oid, SK_OBJ_BLOB, NULL);
	return rc;
}

/* A tag of SafeKeep that nothing needs is an entry that retention or somebody else deleted. */
static int look_at_dead_entry(struct sk_rewriter *rw, const struct sk_oid *oid,
                              git_odb_object *object)
{
	struct sk_rewritten r = { .entry = NULL };
	struct sk_entry *e = calloc(1, sizeof *e);
	int rc = e ? 0 : sk_error_oom();

	if (!rc && sk_tag_parse(git_odb_object_data(object), git_odb_object_size(object), e) == 0) {
		e->tag = *oid;
		e->ref = strdup("refs/sk/backup/none");
		rc = e->ref ? sk_rewrite_entry(rw, e, &r) : sk_error_oom();
	}
	sk_rewritten_clear(&r);
	sk_entry_free(e);
	return rc;
}

static int look_at_dead(struct purge *p, struct sk_rewriter *rw, const struct sk_oidset_slot *slot)
{
	static const char word[] = "tree ";
	git_odb_object *object = NULL;
	const char *text;
	struct sk_oid tree;
	int rc = 0;

	if ((slot->value != SK_OBJ_TAG && slot->value != SK_OBJ_COMMIT) ||
	    sk_repo_read(p->repo, &slot->oid, &object))
		return 0;
	text = git_odb_object_data(object);
	if (slot->value == SK_OBJ_TAG)
		rc = look_at_dead_entry(rw, &slot->oid, object);
	else if (strncmp(text, word, sizeof word - 1) == 0 &&
	         sk_oid_parse(text + sizeof word - 1, &tree))
		rc = sk_rewrite_look(rw, &tree);
	git_odb_object_free(object);
	return rc == SK_ENO || rc == SK_EDAMAGED ? 0 : rc;
}

/* Entries that were deleted, commits that only the keep-log has, and those that nothing has: they
 * may lie there still, with the content at the paths. */
static int add_from_dead(struct purge *p)
{
	struct sk_rewrite_rule rule = rule_of(p->what);
	const struct sk_oidset_slot *slot;
	struct sk_rewriter *rw = NULL;
	struct sk_packer *scratch = NULL;
	size_t at = 0;
	int rc = sk_packer_new(p->repo, &scratch);

	rule.broken_stays = rule.broken_goes = true;
	if (!rc)
		rc = sk_rewriter_new(p->repo, &rule, scratch, &rw);
	while (!rc && p->what->paths.n && (slot = sk_oidset_next(&p->ends, &at)))
		rc = look_at_dead(p, rw, slot);
	if (!rc)
		rc = add_dropped(p, sk_rewriter_dropped(rw));
	sk_rewriter_free(rw);
	sk_packer_free(scratch);
	return rc;
}

static int begin(struct purge *p)
{
	if (sk_gc_runs(p->repo))
		return sk_error(SK_EBUSY, "git gc is running; try again when it is done");
	if (sk_repo_precious(p->repo))
		return sk_error(SK_EREFUSED, "extensions.preciousObjects is set: no object may be "
		                             "deleted here");
	return sk_tidy_lock(p->repo, &p->lock);
}

static int apply_entries(struct purge *p)
{
	int rc = sk_packer_commit(p->packer);

	for (size_t i = 0; !rc && i < p->out->n; i++)
		rc = sk_rewritten_apply(p->repo, &p->done[i]);
	return rc;
}

/* Kept commits that lead to it. */
static int choose_commits(struct purge *p)
{
	struct sk_keep_list keep = { 0 };
	int rc = sk_keep_read(p->repo, &keep);

	for (size_t i = 0; !rc && i < keep.n; i++)
		if (sk_oidset_has(&p->leading, &keep.line[i].oid))
			rc = sk_strv_add(&p->out->commits, sk_oid_str(&keep.line[i].oid));
	sk_keep_list_free(&keep);
	return rc;
}

/* What nothing needs, and what of that leads to the content.  While it is only planned, the entries
 * themselves still need it: SafeKeep's refs do not count then. */
static int look_around(struct purge *p, bool planned)
{
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc;

	sk_oidset_free(&p->ends);
	sk_oidset_free(&p->leading);
	rc = sk_reach_loose_ends(p->repo, planned, &p->ends);
	if (!rc)
		rc = add_from_dead(p);
	if (!rc)
		rc = sk_reach_leading(p->repo, &p->ends, &p->out->content, &p->leading);
	while (!rc && (slot = sk_oidset_next(&p->out->content, &at)))
		if (!sk_oidset_has(&p->ends, &slot->oid) && sk_repo_has(p->repo, &slot->oid))
			rc = sk_oidset_add(&p->out->needed, &slot->oid, SK_OBJ_BLOB, NULL);
	p->out->objects = p->leading.n;
	return rc ? rc : choose_commits(p);
}

/* What repair put aside may have the content in it. */
static int remove_aside(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/quarantine", repo->skdir);

	if (!rc)
		rc = sk_remove_tree(AT_FDCWD, path.ptr);
	sk_buf_free(&path);
	return rc;
}

static int check_gone(struct purge *p)
{
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc = sk_repo_reopen_objects(p->repo);

	while (!rc && (slot = sk_oidset_next(&p->out->content, &at)))
		if (!sk_oidset_has(&p->out->needed, &slot->oid) && sk_repo_has(p->repo, &slot->oid))
			rc = sk_strv_add(&p->out->borrowed, sk_oid_str(&slot->oid));
	return rc;
}

static int drop_commits(struct purge *p)
{
	return p->out->commits.n ? sk_keep_drop(p->repo, &p->leading) : 0;
}

static int apply(struct purge *p)
{
	int rc = sk_purge_note(p->repo, p->what, &p->out->content);

	if (!rc)
		rc = apply_entries(p);
	if (!rc)
		rc = look_around(p, false);
	if (!rc) /* with what dead backups had */
		rc = sk_purge_note(p->repo, p->what, &p->out->content);
	if (!rc)
		rc = drop_commits(p);
	sk_packer_free(p->packer); /* its .keep would protect the new pack from us */
	p->packer = NULL;
	if (!rc)
		rc = sk_objects_remove(p->repo, &p->leading);
	if (!rc)
		rc = remove_aside(p->repo);
	if (!rc)
		rc = check_gone(p);
	return rc;
}

int sk_purge_run(const struct sk_repo *repo, const struct sk_purge_what *what, bool dry,
                 struct sk_purge *out)
{
	struct sk_purge found = { .n = 0 };
	struct purge p = { .repo = repo, .what = what, .out = &found, .lock = -1 };
	int rc = begin(&p);

	if (!rc)
		rc = rewrite_entries(&p);
	if (!rc)
		rc = add_dropped(&p, sk_rewriter_dropped(p.rewriter));
	if (!rc)
		rc = add_known(&p);
	if (!rc && !dry)
		rc = apply(&p);
	else if (!rc)
		rc = look_around(&p, true);
	if (!rc && !dry && !found.damaged.n)
		rc = sk_purge_done(repo);
	sk_rewriter_free(p.rewriter);
	sk_packer_free(p.packer);
	for (size_t i = 0; p.done && i < found.n; i++)
		sk_rewritten_clear(&p.done[i]);
	free(p.done);
	sk_entries_free(&p.entries);
	sk_oidset_free(&p.ends);
	sk_oidset_free(&p.leading);
	if (p.lock >= 0)
		(void)close(p.lock);
	if (rc)
		sk_purge_clear(&found);
	else
		*out = found;
	return rc;
}
