/* What a push has to do, and in which order: a pure function of what is wanted and what is there.
 */
#include <stdlib.h>
#include <string.h>

#include "store/vault_parts.h"

static const char *last_word(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* What no branch reaches, then branches, then entries. */
static int rank(const char *name)
{
	return strcmp(name, "keep") == 0         ? 0
	       : strncmp(name, "heads/", 6) == 0 ? 1
	       : !sk_vault_is_private(name + 3)  ? 2
	                                         : 3;
}

/* Entries newest first, the metadata before its entry. */
static int by_order(const void *x, const void *y)
{
	const struct sk_vault_step *a = x, *b = y;
	int d = rank(a->name) - rank(b->name);

	if (!d && rank(a->name) == 2)
		d = strcmp(last_word(b->name), last_word(a->name));
	return d ? d : strcmp(b->name, a->name);
}

/* Whether something that is gone here goes there as well. */
static bool may_drop(const struct sk_vault_plan_opts *o, const char *name, bool backups)
{
	if (strncmp(name, "heads/", 6) == 0 || strcmp(name, "keep") == 0)
		return true;
	if (strncmp(name, "tags/", 5) == 0)
		return o->tags;
	return backups && o->prune &&
	       (strncmp(name, "sk/backup/", 10) == 0 || strncmp(name, "sk/meta/backup/", 15) == 0);
}

void sk_vault_steps_free(struct sk_vault_steps *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->item[i].name);
	free(s->item);
	*s = (struct sk_vault_steps){ NULL, 0, 0 };
}

static int add_step(struct sk_vault_steps *s, const char *name, const struct sk_oid *oid)
{
	struct sk_vault_step *step = &s->item[s->n];

	step->name = strdup(name);
	if (!step->name)
		return sk_error_oom();
	step->oid = oid ? *oid : (struct sk_oid){ { 0 } };
	s->n++;
	return 0;
}

int sk_vault_plan(const struct sk_vault_plan_opts *o, struct sk_vault_steps *out, size_t *unchanged)
{
	struct sk_vault_steps s = { calloc(o->want->n + o->known->n + 1, sizeof *s.item), 0, 0 };
	bool backups = false;
	size_t same = 0;
	int rc = s.item ? 0 : sk_error_oom();

	for (size_t i = 0; i < o->want->n && !backups; i++)
		backups = strncmp(o->want->item[i].name, "sk/backup/", 10) == 0;
	for (size_t i = 0; i < o->known->n && !rc; i++) {
		const char *name = o->known->item[i].name;

		if (!sk_refs_find(o->want, name) && !sk_strv_has(o->broken, name) &&
		    may_drop(o, name, backups))
			rc = add_step(&s, name, NULL);
	}
	s.drops = s.n;
	for (size_t i = 0; i < o->want->n && !rc; i++) {
		const struct sk_ref *w = &o->want->item[i], *k = sk_refs_find(o->known, w->name);

		if (strcmp(w->name, "newest") == 0)
			continue;
		if (!k || !sk_oid_eq(&k->oid, &w->oid))
			rc = add_step(&s, w->name, &w->oid);
		else
			same++;
	}
	if (rc) {
		sk_vault_steps_free(&s);
		return rc;
	}
	if (s.n > s.drops)
		qsort(s.item + s.drops, s.n - s.drops, sizeof *s.item, by_order);
	*out = s;
	*unchanged = same;
	return 0;
}

/* A branch a/b cannot come in the same transaction in which a branch a goes. */
static bool in_the_way(const struct sk_vault_steps *s)
{
	for (size_t i = 0; i < s->drops; i++)
		for (size_t k = s->drops; k < s->n; k++) {
			const char *a = s->item[i].name, *b = s->item[k].name;
			size_t n = strlen(a), m = strlen(b);

			if (strncmp(a, b, n < m ? n : m) == 0 && (n < m ? b[n] : a[m]) == '/')
				return true;
		}
	return false;
}

/* How many go next: metadata and its entry together. */
size_t sk_vault_batch(const struct sk_vault_steps *s, size_t from)
{
	size_t to = from + SK_VAULT_BATCH < s->n ? from + SK_VAULT_BATCH : s->n;

	if (from < s->drops && to > s->drops && in_the_way(s))
		return s->drops - from;
	while (to < s->n && to > s->drops && rank(s->item[to].name) == 2 &&
	       strcmp(last_word(s->item[to].name), last_word(s->item[to - 1].name)) == 0)
		to++;
	return to - from;
}
