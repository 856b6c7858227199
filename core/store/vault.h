/* vault.h - a second copy in another place: a bare git repository that any number of machines push
 * to, on another disk or wherever git can push.
 *
 * Each repository has a part of its own in a vault, PART = HOST-FOLDER-8HEX (vault_id.c), so that
 * nothing of two machines, or of two clones on one machine, can meet:
 *
 *   refs/sk/vault/PART/newest     the tag of the newest backup pushed; also what a push compares
 *                                 and swaps, so that a copied repository notices that it is one
 *   refs/sk/vault/PART/sk/...     refs/sk/... as here: backup, revision, release, their metadata
 *   refs/sk/vault/PART/heads/...  the branches, tags/... (when asked for) the tags
 *   refs/sk/vault/PART/keep       a commit whose parents are what no branch reaches: kept commits
 *                                 and stashes, with where they belong in its message
 *
 * All of it is what plain git fetches and understands.  Private spaces (refs/sk/SPACE of plugins)
 * stay here unless they were asked for.  Nothing is ever taken out of a vault but branches and
 * tags that are gone here and, with vault.prune, backups that retention let go.
 *
 * What is known of each vault is in COMMONDIR/sk/vault/NAME, mode 0700: a URL may hold a password.
 */
#ifndef SK_STORE_VAULT_H
#define SK_STORE_VAULT_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "repo/repo.h"

#define SK_VAULT_NAME_MAX 64

struct sk_vault {
	char *name;
	char *url;   /* never to be printed: it may hold a password */
	char *shown; /* the URL without it */
	bool automatic;
	bool private;        /* private spaces too */
	bool tags;           /* tags too */
	bool settings;       /* from [vault "NAME"], not from `vault add` */
	int64_t interval_ms; /* between automatic pushes; < 0: never */
	time_t pushed;       /* when a push last ended well; 0: never */
	time_t tried;        /* when one was last tried; 0: never */
	char *trouble;       /* why that one failed; NULL: it did not */
	bool offline;        /* ... because it could not be reached */
};

struct sk_vaults {
	struct sk_vault *item; /* sorted by name */
	size_t n;
};

void sk_vaults_free(struct sk_vaults *list);
int sk_vault_list(const struct sk_repo *repo, struct sk_vaults *out);
/* SK_ENO: there is none of that name. */
const struct sk_vault *sk_vault_find(const struct sk_vaults *list, const char *name);

struct sk_vault_add {
	const char *name, *url;
	const char *when; /* NULL or "on": by the settings; "off"; or a time between two pushes */
	bool private, tags;
};

/* Remembers a vault; makes the bare repository when the URL is a folder that does not exist (its
 * parent has to: a disk that is not mounted must not be written beside).  `said` gets lines for
 * people.  SK_EUSAGE: a bad name or time; SK_EREFUSED: the name is taken, or the place is no good.
 */
int sk_vault_add(const struct sk_repo *repo, const struct sk_vault_add *opts, struct sk_strv *said);
/* Forgets it here; what is in the vault stays there.  SK_ENO: there is none of that name. */
int sk_vault_remove(const struct sk_repo *repo, const char *name);

enum {
	SK_VAULT_ALL = 1,  /* compare with what is really there, not with what we remember */
	SK_VAULT_ASK = 2,  /* git may ask for a password on the terminal */
	SK_VAULT_WAIT = 4, /* for another push of this repository to end */
};

struct sk_vault_pushed {
	size_t pushed, deleted, unchanged; /* refs */
	size_t withheld;                   /* private refs that stay here */
	struct sk_strv broken;             /* refs that cannot be sent: their objects are damaged */
	bool renamed;                      /* the part had to get a new name: see sk_vault_part */
};

/* Brings the vault up to date.  Killed at any moment, the vault is valid and the next push goes
 * on: newest first, in transactions of some hundred refs.  What became of it is remembered
 * (`pushed`, `trouble`) for status.  SK_EPARTIAL: all but the broken ones; SK_EBUSY: another push
 * is at it; SK_EIO: it could not be reached or written, the message says why. */
int sk_vault_push(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                  struct sk_vault_pushed *out);
void sk_vault_pushed_clear(struct sk_vault_pushed *p);

/* Those that are automatic and due, one after the other, in a process that may be killed.
 * `eager`: whatever their interval.  One that failed is due: who calls knows when to try again.
 * SK_EBUSY: the rest is not due yet; otherwise as sk_vault_push of the last one that failed. */
int sk_vault_push_due(const struct sk_repo *repo, time_t now, bool eager);
/* The shortest time between automatic pushes to any vault, in ms; -1: there is none. */
int64_t sk_vault_interval(const struct sk_repo *repo);

/* The name of this repository's part, made when there is none.  Caller frees. */
int sk_vault_part(const struct sk_repo *repo, char **out);

struct sk_vault_content { /* one part of a vault */
	char *part;
	size_t backups, revisions, branches, private;
	time_t newest; /* of its backups; 0: none */
};

struct sk_vault_contents {
	struct sk_vault_content *item; /* newest first */
	size_t n;
};

/* What a vault has.  `repo` may be NULL: outside of any. */
int sk_vault_look(const struct sk_repo *repo, const char *url, unsigned flags,
                  struct sk_vault_contents *out);
void sk_vault_contents_free(struct sk_vault_contents *c);

struct sk_vault_take {
	const char *url, *part;
	bool private;  /* private spaces too */
	bool branches; /* branches and tags, kept commits and stashes too: for a new repository */
	bool aside;    /* to refs/sk/vault/PART/... here, as in the vault: another machine's */
	unsigned flags;
};

struct sk_vault_taken {
	size_t entries, branches, others; /* refs that came */
	size_t there;                     /* that were here before */
	size_t withheld;                  /* private ones that stayed there */
};

/* Fetches what is not here; nothing that is here is changed. */
int sk_vault_fetch(const struct sk_repo *repo, const struct sk_vault_take *opts,
                   struct sk_vault_taken *out);

/* A URL as given on the command line, made absolute when it is a path.  Caller frees. */
int sk_vault_url(const char *given, char **out);
/* As it may be printed: without user and password for http, without password otherwise. */
int sk_vault_shown(const char *url, char **out);

#endif
