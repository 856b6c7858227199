/* repair_parts.h - between the repair*.c files. */
#ifndef SK_STORE_REPAIR_PARTS_H
#define SK_STORE_REPAIR_PARTS_H

#include "store/pack.h"
#include "store/repair.h"

struct sk_mender {
	const struct sk_repo *repo;
	const struct sk_verify *found;
	struct sk_repair *out;
	struct sk_buf objects; /* COMMONDIR/objects */
	struct sk_buf aside;   /* COMMONDIR/sk/quarantine */
	struct sk_buf salvage; /* a folder of objects there: what was unpacked of broken packs */
	git_odb *source;       /* the given ones and `salvage` */
	struct sk_packer *packer;
};

/* Moves a file of COMMONDIR (`name` below it) into the quarantine, under the same name; one that
 * is gone is no error. */
int sk_mend_aside(struct sk_mender *m, const char *name);
/* A copy of it there: for what is about to be replaced in one step. */
int sk_mend_copy(struct sk_mender *m, const char *name);

/* repair_packs.c */
/* Those that git does not use: indexed anew, or unpacked as far as it goes; and, once that is
 * safe in the packer's pack, put aside. */
int sk_mend_packs(struct sk_mender *m);
int sk_mend_packs_done(struct sk_mender *m);
int sk_mend_copies(struct sk_mender *m); /* bad copies of objects go, wherever they lie */

/* repair_objects.c: every bad object that any source has, with all below it, into the packer. */
int sk_mend_objects(struct sk_mender *m);

/* repair_refs.c */
int sk_mend_packed_refs(struct sk_mender *m);
int sk_mend_refs(struct sk_mender *m);
/* An entry's ref, or its metadata's, by the tag object that has its name; none: it stays. */
int sk_mend_ref(struct sk_mender *m, const char *name);

/* Whether what seems bad is so for its content, and not because the system does not let it be read:
 * no permission, no more open files, a disk that went away.  SK_EIO: nothing may be taken for lost.
 * To be asked before anything is put aside or given up. */
int sk_mend_can_read(const struct sk_repo *repo, const struct sk_oidset *bad);

#endif
