/* vault_parts.h - between the vault*.c files. */
#ifndef SK_STORE_VAULT_PARTS_H
#define SK_STORE_VAULT_PARTS_H

#include "store/refs.h"
#include "store/vault.h"

#define SK_VAULT_ROOT "refs/sk/vault/"

/* vault_git.c: running git without hooks, guard, prompts, or a word of its own on our terminal. */
struct sk_vault_git {
	const struct sk_repo *repo; /* NULL: none */
	const char *url;            /* its password is kept out of all messages */
	unsigned flags;             /* SK_VAULT_ASK */
	const struct sk_buf *input;
	struct sk_buf *output, *errors;
};
/* `args` without "git".  *status is its exit status. */
int sk_vault_git(const struct sk_vault_git *g, const char *const *args, int *status);
/* What git's words on standard error mean: sets the message, naming the vault as `shown`; returns
 * SK_EIO.  *offline: it was not reached at all. */
int sk_vault_why(const char *url, const char *shown, const struct sk_buf *errors, int status,
                 bool *offline);
/* The refs of a vault below refs/sk/vault/PART/ (PART NULL: all), names without that prefix. */
int sk_vault_remote(const struct sk_vault_git *g, const char *shown, const char *part,
                    struct sk_refs *out, bool *offline);

/* vault_url.c */
/* The folder that a URL means, or NULL when it is not on this machine's disks.  Caller frees. */
char *sk_vault_folder(const char *url);
/* Makes it a bare repository when it is not there, or empty. */
int sk_vault_make(const struct sk_repo *repo, const char *folder, struct sk_strv *said);

/* vault_id.c */
int sk_vault_part_new(const struct sk_repo *repo, char **out); /* in place of the one there is */

/* vault_record.c */
int sk_vault_path(const struct sk_repo *repo, const char *name, const char *file, char **out);
/* COMMONDIR/sk/vault/lock.  SK_EBUSY after `wait` seconds; the caller closes. */
int sk_vault_lock(const struct sk_repo *repo, int wait, int *fd);

struct sk_vault_state { /* COMMONDIR/sk/vault/NAME/state */
	char *part;     /* that the rest is about; NULL: nothing is known */
	time_t pushed, tried, compared;
	struct sk_oid newest;   /* what refs/sk/vault/PART/newest was left at; zero: nothing */
	struct sk_oid *pending; /* and what it may have become by pushes that did not end */
	size_t n_pending;
	char *trouble;
	bool offline;
};
int sk_vault_state_read(const struct sk_repo *repo, const char *name, struct sk_vault_state *out);
int sk_vault_state_write(const struct sk_repo *repo, const char *name,
                         const struct sk_vault_state *s);
void sk_vault_state_clear(struct sk_vault_state *s);
/* COMMONDIR/sk/vault/NAME/refs: what the vault has of ours, as far as we know. */
int sk_vault_known_read(const struct sk_repo *repo, const char *name, struct sk_refs *out);
int sk_vault_known_write(const struct sk_repo *repo, const char *name, const struct sk_refs *refs);

/* vault_want.c */
/* What the vault shall have of ours, names below PART, sorted, `newest` among them; without those
 * in `broken`, to which "keep" is added when it cannot be made.  SK_ENO: there is nothing yet. */
int sk_vault_want(const struct sk_repo *repo, const struct sk_vault *vault, struct sk_strv *broken,
                  struct sk_refs *out, size_t *withheld);
/* Whether refs/sk/NAME (here without refs/sk/) is of a plugin's space. */
bool sk_vault_is_private(const char *name);
int sk_vault_refs_add(struct sk_refs *refs, const char *name, const struct sk_oid *oid);
void sk_vault_refs_sort(struct sk_refs *refs);

/* vault_plan.c */
#define SK_VAULT_BATCH 400 /* refs in one push: their names go on a command line */

struct sk_vault_step {
	char *name;
	struct sk_oid oid; /* zero: it goes */
};

struct sk_vault_steps {
	struct sk_vault_step *item;
	size_t n, drops; /* what goes is first */
};

struct sk_vault_plan_opts {
	const struct sk_refs *want, *known; /* sorted */
	const struct sk_strv *broken;       /* these are left as they are there */
	bool tags, prune;
};

/* All but `newest`: what no branch reaches, branches, entries from the newest on. */
int sk_vault_plan(const struct sk_vault_plan_opts *opts, struct sk_vault_steps *out,
                  size_t *unchanged);
void sk_vault_steps_free(struct sk_vault_steps *s);
/* How many of them go together, from number `from` on. */
size_t sk_vault_batch(const struct sk_vault_steps *s, size_t from);

/* vault_lock.c */
/* Whether git's words are about a lock in the vault in that folder which whoever made it left
 * behind (it is over ten minutes old: git holds them for moments); it is gone then. */
bool sk_vault_unlock(const char *folder, const struct sk_buf *errors);

/* vault_broken.c: adds to `broken` those of `refs` whose objects are not all here. */
int sk_vault_find_broken(const struct sk_repo *repo, const struct sk_refs *refs,
                         struct sk_strv *broken);

/* vault_keep.c */
/* The commit for refs/sk/vault/PART/keep, the same for the same content; SK_ENO: not needed. */
int sk_vault_keep_make(const struct sk_repo *repo, struct sk_oid *out);
/* Takes up here what such a commit says: the log of kept commits, stashes, remotes. */
int sk_vault_keep_take(const struct sk_repo *repo, const struct sk_oid *commit);

#endif
