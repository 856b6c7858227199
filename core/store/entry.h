/* entry.h - backups, revisions and releases: their ids, tags, refs and selectors.
 *
 * An entry is the ref refs/sk/KIND/ID (KIND backup, revision or release), an annotated tag whose
 * target is the tree of the working tree.  The tag's message: a title line, a blank line, an
 * optional description paragraph(s) and a blank line, then trailers "Sk-Key: value" (a newline in
 * a value is folded: newline and one space).  Unknown trailers are kept. */
#ifndef SK_STORE_ENTRY_H
#define SK_STORE_ENTRY_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/oid.h"
#include "repo/repo.h"
#include "store/meta.h"
#include "store/pack.h"

enum sk_kind { SK_BACKUP = 1, SK_REVISION = 2, SK_RELEASE = 4, SK_ANY = 7 };

struct sk_trailer {
	char *key, *value;
};

struct sk_entry {
	enum sk_kind kind;
	char *id;  /* 20260810T120000Z-2, or Feature_20260810_1400 */
	char *ref; /* full name */
	struct sk_oid tag;
	struct sk_oid tree;
	time_t created; /* the tagger's time */
	char *title;
	char *description; /* "" when none */
	struct sk_trailer *trailer;
	size_t n_trailers;
	bool damaged; /* the ref is there, but its tag cannot be read or understood */
	char *damage; /* why; then only id, ref, tag (when known) and created (from the id) hold */
	/* private: an entry that was read has its strings and trailers in `block`, id and ref right
	 * behind this struct, so none of its members may be freed by itself */
	char *block;
	size_t block_len, tail_len;
};

const char *sk_kind_name(enum sk_kind kind); /* "backup", "revision", "release" */
/* Value of a trailer ("Sk-Trigger"), or NULL. */
const char *sk_entry_get(const struct sk_entry *e, const char *key);
/* An oid trailer (Sk-Index, Sk-Meta, Sk-Head); false when absent or malformed. */
bool sk_entry_get_oid(const struct sk_entry *e, const char *key, struct sk_oid *out);
void sk_entry_free(struct sk_entry *e); /* and the struct itself; NULL is fine */
int sk_entry_set(struct sk_entry *e, const char *key, const char *value); /* add or replace */

struct sk_entries {
	struct sk_entry **item; /* newest first; same second: the higher number first */
	size_t n;
};

void sk_entries_free(struct sk_entries *list);

/* All entries of the kinds in `kinds`; those of one worktree, or of all (NULL).  A damaged entry
 * is in the list (for every worktree), marked.  `out` is to be freed. */
int sk_entry_list(const struct sk_repo *repo, unsigned kinds, const char *worktree_id,
                  struct sk_entries *out);
/* The same, but of backups only the newest: at least `max` of them (by their ids' times), which
 * with many costs next to nothing.  Whatever is left out is older than all that is not. */
int sk_entry_list_newest(const struct sk_repo *repo, unsigned kinds, const char *worktree_id,
                         size_t max, struct sk_entries *out);
/* The newest intact backup of that worktree without reading them all; SK_ENO: none.  One dated in
 * the future (the clock was wrong once) only when there is no other: what is new would otherwise
 * be compared with it for ever. */
int sk_entry_latest(const struct sk_repo *repo, const char *worktree_id, struct sk_entry **out);
int sk_entry_read(const struct sk_repo *repo, const char *ref, struct sk_entry **out);

/* A selector of the contract: id or unique prefix, `latest`, `@{N}`, `@{TIME}`, a revision's name
 * when unique; also the full or short ref (refs/sk/backup/ID, sk/backup/ID).  Of this worktree for
 * latest, @{N}, @{TIME} (backups and revisions alike, newest first); ids of any worktree.
 * An id or ref, and @{N}, can give an entry that is damaged: look before using its tree.
 * SK_ENO: nothing matches, or several (the message lists some); SK_EUSAGE: a bad time. */
int sk_entry_select(const struct sk_repo *repo, const char *selector, struct sk_entry **out);
/* The newest not after the time that `when` means by git's rules ("2 hours ago"). */
int sk_entry_at(const struct sk_repo *repo, const char *when, struct sk_entry **out);
/* A date as git reads it (git rev-parse --since), refused when it has a word that git would
 * silently take for now. */
int sk_parse_date(const struct sk_repo *repo, const char *text, time_t *out);

/* Writes the tag into `p`, commits `p`, creates the ref (never replacing one), and the meta ref
 * when Sk-Meta is set.  `e` has kind, tree, created, title, description, trailers; for a backup
 * id is made from `created`; for a revision `id` is the wished one; "-2" or "_2" is appended when
 * it is taken. Fills id, ref, tag.  Durable on return.  On failure nothing is visible. */
int sk_entry_publish(const struct sk_repo *repo, struct sk_packer *p, struct sk_entry *e);

/* Deletes entries (ref and meta ref) in transactions; a ref that moved meanwhile stays and is
 * SK_EBUSY.  One that is gone already is no error. */
int sk_entry_delete(const struct sk_repo *repo, struct sk_entry *const *entry, size_t n);

/* "User login" + now -> User_login_20260810_1400; empty name: Revision_...; not stamped twice. */
int sk_revision_id(const char *name, time_t now, char **out);

/* Serialising alone, for tests and for purge. */
int sk_tag_format(const struct sk_entry *e, struct sk_buf *out);
int sk_tag_parse(const char *data, size_t len, struct sk_entry *e);

#endif
