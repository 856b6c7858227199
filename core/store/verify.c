#include "store/verify.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "repo/copies.h"
#include "store/keep.h"
#include "store/pack.h"
#include "store/tidy.h"
#include "store/tips.h"
#include "store/verify_parts.h"

/* A backup that is taken back, or pruned and packed away, while it is read looks damaged: it is
 * damage when two looks in a row find the same. */
#define LOOKS_MAX 4

void sk_verify_clear(struct sk_verify *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->damage[i].path);
		free(v->damage[i].why);
		sk_strv_free(&v->damage[i].refs);
	}
	free(v->damage);
	sk_entries_free(&v->entries);
	sk_oidset_free(&v->bad);
	sk_oidset_free(&v->keys);
	sk_strv_free(&v->bad_packs);
	*v = (struct sk_verify){ 0 };
}

bool sk_verify_clean(const struct sk_verify *v)
{
	return v->n == 0 && v->bad.n == 0;
}

static bool wanted(const struct sk_verify_opts *opts, const struct sk_entry *e)
{
	for (size_t i = 0; i < opts->n_refs; i++)
		if (strcmp(opts->ref[i], e->ref) == 0)
			return true;
	return !opts->ref;
}

static void leave_wanted(struct sk_verifier *v)
{
	struct sk_entries *list = &v->out->entries;
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (wanted(v->opts, list->item[i]))
			list->item[n++] = list->item[i];
		else
			sk_entry_free(list->item[i]);
	list->n = n;
}

/* The tag from the object database, whatever the cache of tags says. */
static int look_at_entry(struct sk_verifier *v, const struct sk_entry *e)
{
	git_odb_object *object = NULL;
	struct sk_oid oid;
	bool good;
	int rc = 0;

	if (e->damaged && sk_oid_is_zero(&e->tag))
		return sk_damage_add(v, SK_DAMAGE_REF, NULL, e->ref, e->damage, e->ref);
	good = git_odb_read(&object, v->odb, (const git_oid *)&e->tag) == 0;
	git_odb_object_free(object);
	if (!good) {
		rc = sk_verify_bad(v, &e->tag, SK_OBJ_TAG);
		if (!rc)
			rc = sk_damage_add(v, SK_DAMAGE_REF, &e->tag, e->ref, NULL, e->ref);
	} else if (e->damaged) {
		rc = sk_damage_add(v, SK_DAMAGE_REF, &e->tag, e->ref, e->damage, e->ref);
	}
	v->out->objects++;
	if (!rc && !e->damaged)
		rc = sk_verify_tree(v, &e->tree);
	if (!rc && !e->damaged && sk_entry_get_oid(e, "Sk-Meta", &oid))
		rc = sk_verify_tree(v, &oid);
	return rc;
}

/* Of those that are tips now, only the commit itself: the rest is history that git keeps. */
static int look_at_commit(struct sk_verifier *v, const struct sk_oid *oid, bool tip)
{
	git_commit *commit = NULL;
	struct sk_oid tree;
	int rc;

	v->out->commits++;
	if (git_commit_lookup(&commit, v->repo->git, (const git_oid *)oid) < 0) {
		rc = sk_verify_bad(v, oid, SK_OBJ_COMMIT);
		return rc ? rc : sk_verify_name_commit(v, oid, NULL);
	}
	memcpy(tree.id, git_commit_tree_id(commit)->id, SK_OID_RAW);
	git_commit_free(commit);
	return tip ? 0 : sk_verify_tree(v, &tree);
}

static int look_at_commits(struct sk_verifier *v, const struct sk_keep_list *keep,
                           const struct sk_tips *tips)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < keep->n; i++)
		rc = look_at_commit(v, &keep->line[i].oid, sk_tips_has(tips, &keep->line[i].oid));
	return rc;
}

static int name_commits(struct sk_verifier *v, const struct sk_keep_list *keep)
{
	int rc = 0;

	for (size_t i = 0; !rc && v->out->bad.n && i < keep->n; i++) {
		git_commit *commit = NULL;
		struct sk_oid tree;

		if (git_commit_lookup(&commit, v->repo->git, (const git_oid *)&keep->line[i].oid) <
		    0)
			continue;
		memcpy(tree.id, git_commit_tree_id(commit)->id, SK_OID_RAW);
		git_commit_free(commit);
		rc = sk_verify_name_commit(v, &keep->line[i].oid, &tree);
	}
	return rc;
}

bool sk_verify_is_partial(const struct sk_repo *repo)
{
	git_config *cfg = NULL;
	git_buf text = { 0 };
	bool yes = git_repository_config_snapshot(&cfg, repo->git) == 0 &&
	           git_config_get_string_buf(&text, cfg, "extensions.partialclone") == 0;

	git_buf_dispose(&text);
	git_config_free(cfg);
	return yes;
}

static int look(struct sk_verifier *v, const struct sk_keep_list *keep, const struct sk_tips *tips)
{
	int rc = v->opts->ref ? 0 : sk_verify_refs(v);

	for (size_t i = 0; !rc && i < v->out->entries.n; i++)
		rc = look_at_entry(v, v->out->entries.item[i]);
	if (!rc)
		rc = look_at_commits(v, keep, tips);
	if (!rc)
		rc = sk_verify_blobs(v);
	if (!rc)
		rc = sk_verify_copies(v);
	if (!rc)
		rc = sk_verify_name(v);
	if (!rc)
		rc = name_commits(v, keep);
	if (!rc && !v->opts->ref)
		rc = sk_verify_packs(v);
	return rc;
}

static int look_once(const struct sk_repo *repo, const struct sk_verify_opts *opts,
                     struct sk_verify *out)
{
	struct sk_verify found = { 0 };
	struct sk_verifier v = { .repo = repo, .opts = opts, .out = &found };
	struct sk_keep_list keep = { 0 };
	struct sk_tips tips = { 0 };
	int rc;

	/* what a crash left half done would look like damage; on a read-only disk it does */
	(void)sk_packer_sweep(repo);
	(void)sk_tidy_finish(repo);
	rc = sk_repo_reopen_objects(repo);
	if (!rc)
		rc = sk_entry_list(repo, SK_ANY, NULL, &found.entries);
	if (!rc && git_repository_odb(&v.odb, repo->git) < 0)
		rc = sk_error_git(SK_EDAMAGED, "cannot open the object database");
	if (!rc && !opts->ref)
		rc = sk_keep_read(repo, &keep);
	if (!rc && !opts->ref)
		rc = sk_tips_now(repo, 0, &tips);
	if (rc)
		goto out;
	v.partial = sk_verify_is_partial(repo);
	leave_wanted(&v);
	rc = look(&v, &keep, &tips);
out:
	sk_keep_list_free(&keep);
	sk_tips_free(&tips);
	git_odb_free(v.odb);
	sk_oidset_free(&v.seen);
	free(v.blob);
	free(v.tree);
	if (rc)
		sk_verify_clear(&found);
	else
		*out = found;
	return rc;
}

static bool same_damage(const struct sk_verify *a, const struct sk_verify *b)
{
	const struct sk_oidset_slot *slot;
	bool same = a->n == b->n && a->bad.n == b->bad.n;
	size_t at = 0;

	while (same && (slot = sk_oidset_next(&a->bad, &at)) != NULL)
		same = sk_oidset_has(&b->bad, &slot->oid);
	return same;
}

int sk_verify_run(const struct sk_repo *repo, const struct sk_verify_opts *opts,
                  struct sk_verify *out)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct sk_verify found = { 0 }, again = { 0 };
	int rc = look_once(repo, opts, &found);
	bool sure = false;

	for (int i = 1; !rc && !sure && !sk_verify_clean(&found) && i < LOOKS_MAX; i++) {
		(void)nanosleep(&pause, NULL);
		rc = look_once(repo, opts, &again);
		if (rc)
			break;
		sure = same_damage(&found, &again);
		sk_verify_clear(&found);
		found = again;
		again = (struct sk_verify){ 0 };
	}
	if (rc)
		sk_verify_clear(&found);
	else
		*out = found;
	return rc;
}
