/* head.h - inside the restore room: moving HEAD and the branch it names back to where they were. */
#ifndef SK_RESTORE_HEAD_H
#define SK_RESTORE_HEAD_H

#include "repo/repo.h"
#include "store/entry.h"

struct sk_head_move {
	bool needed;
	char *branch;     /* "main"; NULL: HEAD shall be detached */
	struct sk_oid to; /* the commit; zero: unborn */
	/* what is expected to be there, compared before anything moves */
	char *was_branch;
	struct sk_oid was;        /* HEAD's commit */
	struct sk_oid branch_was; /* of `branch`; zero: there was none */
};

/* What it takes to bring back the entry's Sk-Head and Sk-Branch.  SK_EREFUSED: the branch is
 * checked out in another worktree, or the entry does not say; SK_EDAMAGED: the commit is gone. */
int sk_head_prepare(const struct sk_repo *repo, const struct sk_entry *entry,
                    struct sk_head_move *out);
/* Moves; done already is fine.  SK_EBUSY: something else moved it meanwhile, nothing was done. */
int sk_head_apply(const struct sk_repo *repo, const struct sk_head_move *move, const char *words);
void sk_head_clear(struct sk_head_move *move);

#endif
