#include "store/retention.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/text.h"
#include "store/budget.h"
#include "store/keep.h"
#include "store/refs.h"

#define ORPHAN_AGE_S 86400

void sk_prune_free(struct sk_prune *prune)
{
	sk_entries_free(&prune->entries);
	free(prune->item);
	*prune = (struct sk_prune){ 0 };
}

static const char *worktree_of(const struct sk_entry *e)
{
	const char *name = sk_entry_get(e, "Sk-Worktree");

	return name ? name : "";
}

static int by_worktree(const void *a, const void *b)
{
	const struct sk_prune_item *x = *(struct sk_prune_item *const *)a;
	const struct sk_prune_item *y = *(struct sk_prune_item *const *)b;
	int cmp = strcmp(worktree_of(x->entry), worktree_of(y->entry));

	if (cmp)
		return cmp;
	return x < y ? -1 : 1; /* newest first, as they lie in the array */
}

struct group {
	struct sk_prune_item **item; /* all, by worktree, newest first */
	time_t *created;
	unsigned *reason;
	size_t n;
};

static int plan_groups(const struct sk_retention *policy, struct group *g, time_t now)
{
	int rc = 0;

	for (size_t i = 0; i < g->n; i++)
		g->created[i] = g->item[i]->entry->created;
	for (size_t from = 0, to; from < g->n && !rc; from = to) {
		const char *name = worktree_of(g->item[from]->entry);

		for (to = from; to < g->n && strcmp(worktree_of(g->item[to]->entry), name) == 0;)
			to++;
		rc = sk_retention_plan(policy, g->created + from, to - from, now, g->reason + from);
	}
	for (size_t i = 0; i < g->n && !rc; i++)
		g->item[i]->reason = g->reason[i];
	return rc;
}

static int plan(const struct sk_retention *policy, struct sk_prune *p, time_t now)
{
	struct group g = { 0 };
	int rc = 0;

	if (!p->n)
		return 0;
	g.item = calloc(p->n, sizeof(struct sk_prune_item *));
	g.created = calloc(p->n, sizeof *g.created);
	g.reason = calloc(p->n, sizeof *g.reason);
	if (!g.item || !g.created || !g.reason) {
		rc = sk_error_oom();
		goto out;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (p->item[i].entry->damaged)
			p->item[i].reason = SK_KEEP_DAMAGED;
		else
			g.item[g.n++] = &p->item[i];
	}
	if (g.n)
		qsort(g.item, g.n, sizeof(struct sk_prune_item *), by_worktree);
	rc = plan_groups(policy, &g, now);
out:
	free(g.item);
	free(g.created);
	free(g.reason);
	return rc;
}

/* Whether its file was written within the last day (of the clock, which wrote the file's time). */
static bool is_young(const struct sk_repo *repo, const struct sk_ref *ref)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	bool young;

	(void)sk_buf_addf(&path, "%s/%s", repo->commondir, ref->packed ? "packed-refs" : ref->name);
	young = sk_buf_ok(&path) || stat(path.ptr, &st) < 0 ||
	        st.st_mtime > time(NULL) - ORPHAN_AGE_S;
	sk_buf_free(&path);
	return young;
}

/* Metadata whose entry is gone, or never came: a crash between two refs leaves it.  What is
 * younger than a day may belong to a backup that is being made. */
static int drop_orphans(const struct sk_repo *repo, time_t now)
{
	struct sk_refs metas = { 0 }, refs = { 0 };
	struct sk_ref_drop *drop = NULL;
	struct sk_buf name = SK_BUF_INIT;
	size_t n = 0;
	time_t t;
	int rc = sk_refs_list(repo, "refs/sk/meta/", SK_REFS_DEEP, &metas);

	if (!rc) /* after the metadata: an entry that came since is seen */
		rc = sk_refs_list(repo, "refs/sk/", SK_REFS_DEEP | SK_REFS_NAMES, &refs);
	if (rc || !metas.n)
		goto out;
	drop = calloc(metas.n, sizeof *drop);
	if (!drop)
		rc = sk_error_oom();
	for (size_t i = 0; i < metas.n && !rc; i++) {
		const struct sk_ref *m = &metas.item[i];

		sk_buf_clear(&name);
		rc = sk_buf_addf(&name, "refs/sk/%s", m->name + strlen("refs/sk/meta/"));
		if (rc || sk_refs_find(&refs, name.ptr))
			continue;
		if (sk_parse_id_time(strrchr(name.ptr, '/') + 1, &t) ? t > now - ORPHAN_AGE_S
		                                                     : is_young(repo, m))
			continue;
		drop[n++] = (struct sk_ref_drop){ m->name, m->bad ? NULL : &m->oid };
	}
	if (!rc)
		rc = sk_refs_delete(repo, drop, n);
out:
	free(drop);
	sk_buf_free(&name);
	sk_refs_free(&metas);
	sk_refs_free(&refs);
	return rc;
}

static int apply(const struct sk_repo *repo, const struct sk_prune *p, time_t now)
{
	struct sk_entry **gone = calloc(p->dropped ? p->dropped : 1, sizeof(struct sk_entry *));
	size_t n = 0;
	int rc;

	if (!gone)
		return sk_error_oom();
	for (size_t i = 0; i < p->n; i++)
		if (!sk_retention_keeps(p->item[i].reason))
			gone[n++] = p->item[i].entry;
	rc = n ? sk_entry_delete(repo, gone, n) : 0;
	free(gone);
	return rc ? rc : drop_orphans(repo, now);
}

/* Commits are kept for as long as an entry that saw them: the oldest backup that stays, or a
 * revision, whose HEAD has to be there when it is rolled back to with --head. */
static int prune_commits(const struct sk_repo *repo, const struct sk_prune *p, time_t now)
{
	struct sk_entries revisions = { 0 };
	time_t oldest = now;
	int rc = sk_entry_list(repo, SK_REVISION | SK_RELEASE, NULL, &revisions);

	if (rc)
		return rc;
	for (size_t i = 0; i < p->n; i++)
		if (sk_retention_keeps(p->item[i].reason) && p->item[i].entry->created < oldest)
			oldest = p->item[i].entry->created;
	for (size_t i = 0; i < revisions.n; i++)
		if (revisions.item[i]->created < oldest)
			oldest = revisions.item[i]->created;
	sk_entries_free(&revisions);
	return sk_keep_prune(repo, oldest);
}

int sk_prune_run(const struct sk_repo *repo, time_t now, bool do_apply, struct sk_prune *out)
{
	struct sk_prune p = { 0 };
	int rc = sk_entry_list(repo, SK_BACKUP, NULL, &p.entries);

	if (rc)
		return rc;
	p.n = p.entries.n;
	p.item = calloc(p.n ? p.n : 1, sizeof *p.item);
	if (!p.item)
		rc = sk_error_oom();
	for (size_t i = 0; i < p.n && !rc; i++)
		p.item[i].entry = p.entries.item[i];
	if (!rc)
		rc = plan(&repo->config->retention, &p, now);
	if (!rc)
		rc = sk_budget_plan(repo, &p);
	for (size_t i = 0; i < p.n && !rc; i++)
		p.dropped += !sk_retention_keeps(p.item[i].reason);
	if (!rc && do_apply)
		rc = apply(repo, &p, now);
	if (!rc && do_apply)
		rc = prune_commits(repo, &p, now);
	if (rc)
		sk_prune_free(&p);
	else
		*out = p;
	return rc;
}
