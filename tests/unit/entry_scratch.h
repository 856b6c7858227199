/* entry_scratch.h - a scratch repository, and entries made in it in one line. */
#ifndef SK_TEST_ENTRY_SCRATCH_H
#define SK_TEST_ENTRY_SCRATCH_H

#include "unit/scratch.h"

#include <time.h>

#include "store/entry.h"

#define NOON 1786363200 /* 2026-08-10T12:00:00Z */

static struct sk_repo *repo;
static struct sk_oid tree;

static inline int setup(void **state)
{
	(void)state;
	scratch_open();
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	assert_int_equal(setenv("SK_TEST_NOW", "1786449600", 1), 0); /* 2026-08-11T12:00:00Z */
	sh("git init -q -b main w && cd w && echo x >f && git add f && git commit -qm 1");
	assert_true(sk_oid_parse(sh("git -C w write-tree"), &tree));
	if (sk_repo_open("w", &repo))
		fail_msg("%s", sk_error_message());
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	sk_repo_close(repo);
	repo = NULL;
	scratch_close();
	return 0;
}

static inline struct sk_entry *new_entry(enum sk_kind kind, const char *id, time_t created)
{
	struct sk_entry *e = calloc(1, sizeof *e);

	assert_non_null(e);
	e->kind = kind;
	e->id = id ? strdup(id) : NULL;
	e->tree = tree;
	e->created = created;
	e->title = strdup("title");
	e->description = strdup("what\n\nfor");
	assert_int_equal(sk_entry_set(e, "Sk-Worktree", "main"), 0);
	return e;
}

static inline int publish(struct sk_entry *e)
{
	struct sk_packer *p = NULL;
	int rc;

	assert_int_equal(sk_packer_new(repo, &p), 0);
	rc = sk_entry_publish(repo, p, e);
	sk_packer_free(p);
	return rc;
}

/* Publishes one and gives its id, in a static buffer. */
static inline const char *made(enum sk_kind kind, const char *id, time_t created)
{
	static char out[256];
	struct sk_entry *e = new_entry(kind, id, created);

	if (publish(e))
		fail_msg("%s", sk_error_message());
	(void)snprintf(out, sizeof out, "%s", e->id);
	sk_entry_free(e);
	return out;
}

static inline void fsck_is_clean(void)
{
	assert_string_equal(sh("cd w && git fsck --strict --full --no-dangling 2>&1"), "");
}

/* The id that a selector gives, or "!CODE". */
static inline const char *selected(const char *selector)
{
	static char out[256];
	struct sk_entry *e = NULL;
	int rc = sk_entry_select(repo, selector, &e);

	if (rc)
		(void)snprintf(out, sizeof out, "!%d", rc);
	else
		(void)snprintf(out, sizeof out, "%s", e->id);
	sk_entry_free(e);
	return out;
}

static inline const char *latest(void)
{
	static char out[256];
	struct sk_entry *e = NULL;
	int rc = sk_entry_latest(repo, "main", &e);

	(void)snprintf(out, sizeof out, "%s", rc ? "none" : e->id);
	sk_entry_free(e);
	return out;
}

/* The ids of a listing, each with "?" when damaged, in a static buffer. */
static inline const char *listed(unsigned kinds, const char *worktree)
{
	static struct sk_buf out = SK_BUF_INIT;
	struct sk_entries list;

	assert_int_equal(sk_entry_list(repo, kinds, worktree, &list), 0);
	sk_buf_clear(&out);
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(sk_buf_addf(&out, "%s%s%s", i ? " " : "", list.item[i]->id,
		                             list.item[i]->damaged ? "?" : ""),
		                 0);
	sk_entries_free(&list);
	return sk_buf_str(&out);
}

#endif
