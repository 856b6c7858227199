/* state.h - what the last backup of this worktree saw, so that the next one reads only what
 * changed.
 *
 * SKLOCAL/state holds a whole snapshot, SKLOCAL/state-delta (when there) the folders that a later,
 * partial scan (snapshot.h) looked at again; both together are one tree of nodes.  The first is
 * mapped and used in place, the second is small.  They are a cache: missing, damaged, of another
 * version or another worktree, it is as if there were none; a delta that belongs to another base
 * is none.  The state is trusted to name objects that exist only while the ref it was made for is
 * still there (a purge or an `update-ref -d` takes that away).
 *
 * Layout of both (native byte order; they never leave the machine): header, roots, nodes, names.
 * Each is replaced by a rename, checked by its XXH3 sum when it is opened, and all offsets are
 * checked at each use, because a damaged file must not crash a backup. */
#ifndef SK_CAPTURE_STATE_H
#define SK_CAPTURE_STATE_H

#include "capture/snapshot.h"
#include "store/entry.h"

#define SK_STATE_NONE UINT32_MAX

struct sk_state;

struct sk_state_node { /* as in the file */
	uint32_t name_off;
	uint16_t name_len;
	uint16_t flags; /* SK_NODE_* */
	uint32_t mode;
	uint16_t perm;
	uint16_t zero;
	uint32_t first_child;
	uint32_t n_children;
	struct sk_oid oid;
	uint32_t zero2;
	struct sk_stat st;
};

/* SK_ENO: no usable state.  `known`: the caller knows by its mark that it is one which was checked
 * before, since this machine started; then it is not summed, and read as far as it is needed. */
int sk_state_load(const struct sk_repo *repo, bool known, struct sk_state **out);
void sk_state_free(struct sk_state *state);
/* Whether the ref it was made for is there, so that every object it names is. */
bool sk_state_trusted(const struct sk_state *state);
/* That ref and the tag it pointed to. */
const char *sk_state_ref(const struct sk_state *state);
const struct sk_oid *sk_state_tag(const struct sk_state *state);
/* What else the scan depended on; see struct sk_scan_facts. */
const struct sk_scan_facts *sk_state_facts(const struct sk_state *state);
/* Node number i, or NULL when it, or its name, is out of the file. */
const struct sk_state_node *sk_state_node(const struct sk_state *state, uint32_t i);
/* Its name; "" when it is out of the file. */
const char *sk_state_name(const struct sk_state *state, const struct sk_state_node *node);
/* The child of that name, or NULL. */
const struct sk_state_node *sk_state_child(const struct sk_state *state,
                                           const struct sk_state_node *dir, const char *name,
                                           size_t len);
/* Number of the root of the outer tree (path "") or of a nested repository; SK_STATE_NONE. */
uint32_t sk_state_root(const struct sk_state *state, const char *path);
/* Repositories inside: their roots stand beside the outer one. */
bool sk_state_nested(const struct sk_state *state);
/* How many files and links it has in all. */
size_t sk_state_files(const struct sk_state *state);
/* How many files and links are at or below a node; repositories inside are not looked into. */
size_t sk_state_count(const struct sk_state *state, const struct sk_state_node *node);
/* The delta has grown so far that a whole state is due. */
bool sk_state_worn(const struct sk_state *state);

/* Writes the snapshot as the state that belongs to `entry`: for a partial one, a delta to the state
 * that it was made from.  Failing to is not fatal to anybody. */
int sk_state_save(const struct sk_repo *repo, const struct sk_snapshot *snap,
                  const struct sk_entry *entry);
/* SKLOCAL/NAME, to be freed; NULL: out of memory. */
char *sk_state_path(const struct sk_repo *repo, const char *name);
/* Takes it away, so that the next backup reads everything. */
void sk_state_drop(const struct sk_repo *repo);

/* Names the state that is there now, without reading it: equal marks, equal states.  Zeros: none.
 */
struct sk_state_mark {
	uint64_t sum[2];
};

void sk_state_mark(const struct sk_repo *repo, struct sk_state_mark *out);

#endif
