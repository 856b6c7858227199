#include "store/entry.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/refs.h"

#define SHOWN 5
/* "@{N}" with N from here on is a time, as in git */
#define NTH_MAX 100000000ULL

/* One of a listing, read anew from git's own objects. */
static int pick(const struct sk_repo *repo, const struct sk_entries *list, size_t i,
                struct sk_entry **out)
{
	return sk_entry_read(repo, list->item[i]->ref, out);
}

static int nth(const struct sk_repo *repo, unsigned long long want, const char *selector,
               struct sk_entry **out)
{
	struct sk_entries list;
	int rc = sk_entry_list_newest(repo, SK_BACKUP | SK_REVISION, repo->worktree_id,
	                              (size_t)want + 1, &list);

	if (rc)
		return rc;
	if (want < list.n) {
		rc = pick(repo, &list, (size_t)want, out);
	} else if (list.n) {
		rc = sk_error(SK_ENO, "no '%s': there are %zu backups and revisions",
		              sk_name(selector), list.n);
	} else {
		rc = sk_error(SK_ENO, "no backup yet (git sk backup makes one)");
	}
	sk_entries_free(&list);
	return rc;
}

/* The newest whole one not after `limit`. */
static int not_after(const struct sk_repo *repo, time_t limit, struct sk_entry **out)
{
	struct sk_entries list;
	size_t i = 0;
	char when[20];
	int rc = sk_entry_list(repo, SK_BACKUP | SK_REVISION, repo->worktree_id, &list);

	if (rc)
		return rc;
	while (i < list.n && (list.item[i]->damaged || list.item[i]->created > limit))
		i++;
	sk_format_local(limit, when);
	rc = i < list.n ? pick(repo, &list, i, out)
	                : sk_error(SK_ENO, "no backup or revision is as old as %s", when);
	sk_entries_free(&list);
	return rc;
}

int sk_entry_at(const struct sk_repo *repo, const char *when, struct sk_entry **out)
{
	time_t t;
	int rc = sk_parse_date(repo, when, &t);

	return rc ? rc : not_after(repo, t, out);
}

/* The text between "@{" and "}". */
static int in_braces(const struct sk_repo *repo, const char *selector, struct sk_entry **out)
{
	size_t len = strlen(selector);
	unsigned long long number = 0;
	bool digits = true;
	char *text;
	int rc;

	if (len < 4 || selector[len - 1] != '}')
		return sk_error(SK_EUSAGE, "'%s' is no selector (use @{2}, @{1 hour ago})",
		                sk_name(selector));
	text = strndup(selector + 2, len - 3);
	if (!text)
		return sk_error_oom();
	for (const char *p = text; *p && digits; p++) {
		digits = isdigit((unsigned char)*p) && p - text < 18;
		number = number * 10 + (unsigned)(*p - '0');
	}
	if (digits && number < NTH_MAX)
		rc = nth(repo, number, selector, out);
	else if (digits)
		rc = not_after(repo, (time_t)number, out);
	else
		rc = sk_entry_at(repo, text, out);
	free(text);
	return rc;
}

/* The newest whole one among the newest `max`. */
static int newest_of(const struct sk_repo *repo, size_t max, struct sk_entry **out)
{
	struct sk_entries list;
	size_t i = 0;
	int rc = sk_entry_list_newest(repo, SK_BACKUP | SK_REVISION, repo->worktree_id, max, &list);

	if (rc)
		return rc;
	while (i < list.n && i < max && list.item[i]->damaged)
		i++;
	rc = i < list.n && i < max ? pick(repo, &list, i, out)
	                           : sk_error(SK_ENO, "no backup yet (git sk backup makes one)");
	sk_entries_free(&list);
	return rc;
}

static int newest(const struct sk_repo *repo, struct sk_entry **out)
{
	int rc = newest_of(repo, SHOWN, out);

	return rc == SK_ENO ? newest_of(repo, SIZE_MAX, out) : rc;
}

/* What a selector may mean: the refs that match. */
struct matches {
	struct sk_strv refs;
	size_t n; /* of which only the first SHOWN are kept */
};

static int match(struct matches *m, const char *ref)
{
	return m->n++ < SHOWN ? sk_strv_add(&m->refs, ref) : 0;
}

static int several(const struct matches *m, const char *selector)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	for (size_t i = 0; i < m->refs.n; i++) {
		(void)sk_buf_adds(&text, i ? ", " : "");
		(void)sk_buf_adds(&text, strrchr(m->refs.item[i], '/') + 1);
	}
	if (m->n > m->refs.n)
		(void)sk_buf_addf(&text, " and %zu more", m->n - m->refs.n);
	rc = sk_error(SK_ENO, "'%s' means several: %s", sk_name(selector), sk_buf_str(&text));
	sk_buf_free(&text);
	return rc;
}

/* Ids that are `selector`, or only begin with it. */
static int match_ids(const struct sk_repo *repo, const char *selector, struct matches *whole,
                     struct matches *begin)
{
	size_t len = strlen(selector);
	char prefix[32];
	int rc = 0;

	for (unsigned k = SK_BACKUP; k <= SK_RELEASE && !rc; k <<= 1) {
		struct sk_refs refs;

		(void)snprintf(prefix, sizeof prefix, "refs/sk/%s/", sk_kind_name((enum sk_kind)k));
		rc = sk_refs_list(repo, prefix, SK_REFS_NAMES, &refs);
		if (rc)
			break;
		for (size_t i = refs.n; i > 0 && !rc; i--) { /* the newest of the backups first */
			const char *name = refs.item[i - 1].name, *id = name + strlen(prefix);

			if (strcmp(id, selector) == 0)
				rc = match(whole, name);
			else if (strncmp(id, selector, len) == 0)
				rc = match(begin, name);
		}
		sk_refs_free(&refs);
	}
	return rc;
}

static int match_names(const struct sk_repo *repo, const char *selector, struct matches *out)
{
	struct sk_entries list;
	int rc = sk_entry_list(repo, SK_REVISION, NULL, &list);

	if (rc)
		return rc;
	for (size_t i = 0; i < list.n && !rc; i++) {
		const char *name = sk_entry_get(list.item[i], "Sk-Name");

		if (strcmp(name ? name : list.item[i]->title, selector) == 0)
			rc = match(out, list.item[i]->ref);
	}
	sk_entries_free(&list);
	return rc;
}

/* By id, then by a revision's whole name, then by the beginning of an id. */
static int by_name(const struct sk_repo *repo, const char *selector, struct sk_entry **out)
{
	struct matches whole = { 0 }, named = { 0 }, begin = { 0 };
	const struct matches *m;
	int rc = match_ids(repo, selector, &whole, &begin);

	if (!rc && !whole.n)
		rc = match_names(repo, selector, &named);
	m = whole.n ? &whole : named.n ? &named : &begin;
	if (!rc && m->n > 1)
		rc = several(m, selector);
	else if (!rc && !m->n)
		rc = sk_error(SK_ENO,
		              "no backup, revision or release '%s' (git sk list shows them)",
		              sk_name(selector));
	else if (!rc)
		rc = sk_entry_read(repo, m->refs.item[0], out);
	sk_strv_free(&whole.refs);
	sk_strv_free(&named.refs);
	sk_strv_free(&begin.refs);
	return rc;
}

static int by_ref(const struct sk_repo *repo, const char *selector, struct sk_entry **out)
{
	struct sk_buf ref = SK_BUF_INIT;
	int rc = sk_buf_addf(&ref, "%s%s", strncmp(selector, "sk/", 3) == 0 ? "refs/" : "",
	                     selector);

	if (!rc)
		rc = sk_entry_read(repo, ref.ptr, out);
	sk_buf_free(&ref);
	return rc;
}

int sk_entry_select(const struct sk_repo *repo, const char *selector, struct sk_entry **out)
{
	if (!*selector)
		return sk_error(SK_EUSAGE, "the id is empty (git sk list shows them)");
	if (strcmp(selector, "latest") == 0)
		return newest(repo, out);
	if (strncmp(selector, "@{", 2) == 0)
		return in_braces(repo, selector, out);
	if (strncmp(selector, "refs/sk/", 8) == 0 || strncmp(selector, "sk/", 3) == 0)
		return by_ref(repo, selector, out);
	return by_name(repo, selector, out);
}
