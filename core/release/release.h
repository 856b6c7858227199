/* release.h - a clean repository of one commit, to be published, from what is here.
 *
 * What goes in: the files of a commit, of the working tree (as a backup of it has them, without
 * what git ignores) or of an entry; of these the ones that the patterns include and do not exclude,
 * less what has the attribute export-ignore, read from the attributes of that very tree.  Bytes are
 * never changed: export-subst is left to `git archive` of the release, and a file of git LFS is
 * what the source has, mostly its pointer.
 *
 * What is refused: secrets, files that the host would refuse, conflict markers, links that lead
 * out, repositories inside without .gitmodules.  Nothing at all is written then.
 *
 * The same source, version and patterns give the same commit, whenever and wherever it is made: its
 * author, committer and times are those of the source commit; of an entry, which has none, the
 * user's name with the entry's time.
 *
 * Order: everything is judged; trees that are new are written here; the repository is built beside
 * its place and flushed to the disk; the release is recorded (refs/sk/release/VERSION, an entry
 * like others: a tag to its tree); the repository is renamed to its place.  A crash leaves at most
 * a folder ".NAME.release-PID.tmp" beside it, which the next release takes away, and may leave the
 * record: the same command then makes that very release again. */
#ifndef SK_RELEASE_RELEASE_H
#define SK_RELEASE_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "lint/lint.h"
#include "repo/repo.h"

struct sk_release_options {
	const char *version;          /* NULL: version_YYYY-MM-DD of today, _2... */
	const char *from;             /* NULL: HEAD; "worktree"; an entry; a commit */
	const char *dir;              /* NULL: WORKTREE-VERSION, beside the working tree */
	const struct sk_strv *only;   /* patterns instead of release.include; may be empty */
	const struct sk_strv *except; /* patterns beside release.exclude */
	bool dry_run;                 /* nothing is written, but for the backup of "worktree" */
};

struct sk_release_file {
	char *path;
	uint32_t mode; /* as git has it; folders too, before what is in them */
	uint64_t size; /* of a file or link */
	struct sk_oid oid;
	uint32_t marker; /* attribute conflict-marker-size */
	bool out, lfs, subst;
};

struct sk_release {
	char *version, *ref;
	char *source; /* "commit 1234abcd...", "backup ID", for people and the record */
	char *dir;    /* absolute */
	struct sk_oid tree, commit; /* zero when it was refused */
	bool is_new;                /* false: recorded before, with the same commit */
	struct sk_release_file *file;
	size_t n, cap, files, left_out; /* the last: files that a pattern or attribute kept out */
	uint64_t bytes;
	struct sk_findings found;
	struct sk_strv notes; /* what people should know, one line each */
};

/* SK_ENO when something was found that blocks: see `found`.  SK_EREFUSED: the place is taken, or
 * the version stands for something else.  To be cleared in any case. */
int sk_release(struct sk_repo *repo, const struct sk_release_options *opts, struct sk_release *out);
void sk_release_clear(struct sk_release *release);

#endif
