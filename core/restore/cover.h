/* cover.h - inside the restore room: what the target's backup would have held, had it been there.
 *
 * A file that is here and not in the target is deleted only when the target's backup would have
 * taken it: inside its coverage (backup.paths, exclude, include_ignored as they were) and not
 * ignored by the ignore rules as they were (.gitignore files of the target's tree; what stands
 * outside the tree, as it is now).  What git tracks now is deleted even when ignored. */
#ifndef SK_RESTORE_COVER_H
#define SK_RESTORE_COVER_H

#include "repo/ignore.h"
#include "repo/index.h"
#include "restore/children.h"

struct sk_spot_rules {
	bool has; /* the folder has a .gitignore: */
	struct sk_oid blob;
	struct sk_ignore *frame; /* made when first asked for */
	int ignored;             /* the folder itself is: 0, 1, -1 not known yet */
};

enum { SK_RULES_TARGET, SK_RULES_PRESENT };

struct sk_spot { /* a folder on the walk */
	struct sk_spot *parent;
	size_t len;       /* of its path, which is the front of the walk's */
	size_t space_off; /* where paths of its working tree begin (a nested one has its own) */
	bool space_root;
	bool exists; /* a folder now, and it stays one */
	bool going;  /* it is to be removed, if all in it is */
	struct sk_spot_rules rules[2];
};

struct sk_cover {
	const struct sk_target *target;
	struct sk_patterns *paths, *exclude, *include;
	struct sk_index *index; /* made when first asked for */
	bool icase;
};

int sk_cover_open(const struct sk_target *target, struct sk_cover *out);
void sk_cover_close(struct sk_cover *cover);

void sk_spot_clear(struct sk_spot *place);
/* Notes the .gitignore files of the place. */
void sk_spot_rules(struct sk_spot *place, const struct sk_children *children);

/* Whether the rules of that side ignore `path`, a name directly in `place`. */
int sk_cover_ignored(const struct sk_cover *cover, struct sk_spot *place, int side,
                     const char *path, bool dir, bool *out);
/* Whether the target would hold `path` (a name directly in `place`) if it had been there. */
int sk_cover_has(struct sk_cover *cover, struct sk_spot *place, const char *path, bool dir,
                 bool *out);

#endif
