/* scan.h - inside the capture room: what the parts of a scan share.
 *
 * A scan is a stack of folders to read, worked off by a few threads.  A folder's task lists it,
 * joins the names with the user's index and with the old state (all three sorted), settles each
 * file, and pushes its sub-folders.  Nothing is shared between tasks but the stack, the packer and
 * counters; a node is written by the task of its parent folder, then by its own.
 *
 * Space: one working tree with its own index and ignore rules; the outer one, and one for each
 * nested repository. */
#ifndef SK_CAPTURE_SCAN_H
#define SK_CAPTURE_SCAN_H

#include <pthread.h>
#include <stdatomic.h>

#include "capture/snapshot.h"
#include "capture/state.h"
#include "repo/ignore.h"
#include "repo/index.h"
#include "store/entry.h"
#include "store/oidset.h"

enum {                         /* kept in sk_node.flags during a scan only */
       SK_NODE_GONE = 0x100,   /* vanished or unreadable: left out of the tree */
       SK_NODE_BARREN = 0x200, /* a folder with no entry at all on disk */
       SK_NODE_SAME = 0x400,   /* folder: names, kinds, files are those of the old state */
       SK_NODE_MOVED = 0x1000, /* folder: a file in it is not as in the old state, times included */
       SK_NODE_SEEN = 0x800,   /* folder: it was listed, so it and its files are up to date */
       SK_NODE_SCRATCH = 0xff00
};

struct sk_arena { /* memory that lives as long as the snapshot */
	struct sk_chunk *chunk;
	size_t used, size;
};

void *sk_arena_alloc(struct sk_arena *a, size_t size); /* aligned to 8; NULL: out of memory */
char *sk_arena_copy(struct sk_arena *a, const char *data, size_t len);
void sk_arena_free(struct sk_arena *a);

struct sk_space {
	struct sk_space *next;
	char *path; /* from the outer root, "" for the outermost; no trailing slash */
	struct sk_index *index;
	struct sk_ignore *ignore;
	struct sk_node *root;
	struct sk_oid head;
	uint32_t old_root;
	bool nested;
	bool seed; /* the index's blobs are the files' bytes, and in our object database */
};

struct sk_task {
	struct sk_task *next;
	struct sk_space *space;
	struct sk_node *node;
	struct sk_ignore *frame; /* of the parent folder; referenced */
	size_t lo, hi;           /* index entries below it */
	uint32_t old;            /* its node in the old state */
	bool forced;             /* ignored itself: only what is tracked or asked for counts */
	bool sparse;             /* one folder of a sparse index: `tree` stands for lo..hi */
	bool same_rules;         /* the ignore rules above it are those of the old state */
	bool partial;            /* only what scan->changed names below it */
	bool lazy; /* the state has the folder, and stands for the index (scan->lazy) */
	struct sk_oid tree;
	char path[]; /* from the outer root */
};

#define SK_SCAN_STEP 128 /* files after which a worker tells of its progress */

struct sk_scan {
	const struct sk_repo *repo;
	const struct sk_scan_opts *opts;
	struct sk_state *state; /* may be NULL */
	bool trusted;           /* the state's objects exist */
	bool folder_times;      /* a name that comes or goes changes its folder's times here */
	uint64_t dev;           /* of the root */
	bool plain;             /* neither lazy nor partial */
	bool lazy; /* git's index is that of the state: it is read only for what the state lacks */
	struct sk_meta *old_meta;      /* of a lazy scan: the metadata of the state's entry */
	const struct sk_strv *changed; /* of a partial scan; NULL: all is looked at */
	pthread_mutex_t late_lock;     /* of what is read late: the index, `kept` */
	size_t gone, barren;           /* folders and files to be left out: see finish.c */
	size_t virtuals;
	uint32_t perms[3]
	              [4096]; /* how often each set of bits stands: files, executables, folders */
	struct sk_patterns *paths, *exclude, *include; /* NULL: none configured */
	struct sk_strv also;                           /* sorted */
	struct sk_strv own; /* git's own folders inside the worktree that are not named .git */
	uint64_t max_file_size;
	bool icase; /* core.ignoreCase */
	struct sk_snapshot *snap;
	struct sk_space *spaces;
	struct sk_oidset held; /* trees of the outer index, once held.c was asked */
	bool held_loaded;
	struct sk_entries kept; /* the newest entries, once held.c was asked */
	bool kept_loaded;

	atomic_size_t looked_at; /* files, by the hundreds, for people who wait */
	size_t expected;         /* how many there were last time; 0: not known */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct sk_task *stack;
	size_t busy;
	bool retreat; /* the lazy or partial scan met what only a plain one can do */
	int rc;       /* first failure, with its message */
	char message[1024];
};

struct sk_worker {
	struct sk_scan *scan;
	pthread_t thread;
	struct sk_arena arena;
	struct sk_meta meta; /* skipped paths */
	size_t files, changed, unreadable;
	size_t less; /* files of the old state in folders that a partial scan looked at again */
	size_t gone, barren, virtuals;
	bool left; /* in the folder at hand, a name was left out that its times do not tell of */
	const struct sk_oid *held; /* what git's index has of the file at hand, or NULL */
	uint32_t perms[3][4096];
	char *buffer;         /* SK_READ_MAX + 1 bytes for files */
	char *dents;          /* for getdents64 */
	struct sk_list *list; /* scratch of folder.c */
};

/* What the index (or a sparse tree) has of one name in the folder at hand. */
struct sk_group {
	const char *name;
	uint32_t len;
	uint32_t mode;     /* 040000 for a folder, even when it is several entries */
	struct sk_oid oid; /* when it stands for one thing: a file, gitlink, sparse folder */
	size_t lo, hi;     /* index entries; lo == hi when it came from a tree */
	bool sparse;       /* a folder known by its tree only */
};

#define SK_READ_MAX (1u << 20)
#define SK_DENTS_MAX (256u << 10)

struct sk_name { /* of the folder at hand */
	const char *name;
	uint32_t len;
	uint8_t type; /* DT_* */
};

struct sk_list { /* of the folder at hand; kept from folder to folder */
	struct sk_buf names, text, groups, nodes, pending, path;
	bool git, ignore;           /* a .git, a .gitignore is in it */
	bool any;                   /* it has any entry at all */
	bool same_rules;            /* the ignore rules in it are those of the old state */
	bool kept;                  /* the names are the old state's, not listed again */
	bool partial;               /* of a task that is */
	bool moved;                 /* a file is not as in the old state */
	bool same;                  /* children so far are those of the old state */
	uint32_t old_next, old_end; /* old children not met yet */
	int fd;
	struct sk_ignore *frame;
};

/* names.c: the names of the open folder, sorted bytewise, into w->list->names: from the disk, or
 * from the old state when the folder's times (`st`) say that none came or went.  SK_ENO: it went
 * away, or cannot be listed and was named so. */
int sk_names(struct sk_worker *w, struct sk_task *t, const struct stat *st);
int sk_name_compare(const char *a, size_t alen, const char *b, size_t blen);
/* Whether the rules in the folder are those of the old state; `text`: of its .gitignore, or NULL.
 */
bool sk_names_same_rules(const struct sk_worker *w, const struct sk_task *t,
                         const struct sk_buf *text);

/* rules.c */
/* Hash of the rules from outside and of the configuration; zeros when they cannot be read. */
void sk_rules_print(const struct sk_scan *scan, struct sk_oid *out);
int sk_rules_open(struct sk_scan *scan);
void sk_rules_close(struct sk_scan *scan);
/* The frame of rules from outside a working tree whose common git folder is given. */
int sk_rules_outside(const struct sk_repo *repo, const char *commondir, struct sk_ignore **out);
/* The blobs of the index are the files' own bytes: no filter or conversion anywhere in sight. */
bool sk_rules_no_conversion(const struct sk_repo *repo, const struct sk_index *index);
/* A name that git cannot store in a tree (".git" in all its spellings). */
bool sk_name_refused(const char *name, size_t len);

/* held.c: a tree object into the pack, unless git's index names it and the repository has it. */
int sk_scan_tree(struct sk_scan *scan, const void *data, size_t len, struct sk_oid *out);
/* The blob that git's index has of the name, or NULL: git keeps that one. */
const struct sk_oid *sk_scan_held_blob(const struct sk_scan *scan, const struct sk_space *space,
                                       const struct sk_group *g);

/* read.c: settles a file or link: id, stat, racy.  `rel` is the name below `dirfd`, `path` the
 * whole one for messages.  `known`: the id which the old state or the index has for it, if any.
 * SK_ENO: vanished; SK_EPARTIAL: it was recorded as skipped. */
int sk_read_node(struct sk_worker *w, int dirfd, const char *path, struct sk_node *node,
                 const struct stat *st, const struct sk_oid *known);
int sk_skip(struct sk_worker *w, const char *path, const char *reason, bool unreadable);
void sk_stat_from(struct sk_stat *out, const struct stat *st);
/* The clock that files are stamped with, and whether what has these times may be touched again
 * without their telling; `before`: the clock when reading it began. */
int64_t sk_stamp_clock(void);
bool sk_stamp_racy(const struct sk_stat *st, int64_t before);

/* folder.c: one task. */
int sk_scan_folder(struct sk_worker *w, struct sk_task *task);
void sk_list_free(struct sk_list *list);
/* A sub-folder is pushed once the children stand where they stay. */
int sk_folder_later(struct sk_list *l, const struct sk_node *node, const struct sk_task *task);

/* partial.c: a scan of what changed alone. */
/* Sets scan->lazy and scan->changed where the state allows it. */
void sk_partial_begin(struct sk_scan *scan);
/* What changed: the folder itself or all of it; something that lies right in it; something below.
 */
enum sk_change_reach { SK_UNTOUCHED, SK_TOUCHED_BELOW, SK_TOUCHED_IN, SK_TOUCHED_ALL };
enum sk_change_reach sk_partial_touched(const struct sk_scan *scan, const char *path);
/* Whether something changed below the task's folder, but nothing in it; then its children come
 * from the state. */
bool sk_partial_passes(const struct sk_worker *w, const struct sk_task *t);
int sk_partial_pass(struct sk_worker *w, struct sk_task *t);
/* The index, read when it is needed first; the entries at or below `path`. */
int sk_partial_tracked(struct sk_worker *w, const struct sk_task *t, const char *path, size_t *lo,
                       size_t *hi);
/* After finish: the metadata of what was not looked at. */
int sk_partial_finish(struct sk_scan *scan);

/* tracked.c: the names that the index has in the task's folder, sorted bytewise, added to `out`
 * (an array of struct sk_group). */
int sk_groups(struct sk_worker *w, const struct sk_task *task, struct sk_buf *out);
/* Fills `node` from the index for a group that is not on disk.  *any: something of it is
 * skip-worktree, so that it is not deleted but virtual. */
int sk_virtual(struct sk_worker *w, const struct sk_task *task, const struct sk_group *g,
               struct sk_node *node, bool *any);

/* nested.c: whether the task's folder is a repository inside (or a submodule's place).  If so its
 * node becomes the gitlink, or is marked gone when there is no commit to link to, a space is added
 * and its root pushed, and *is set.  `git`: it has a .git; `any`: it has anything. */
int sk_nested_open(struct sk_worker *w, struct sk_task *task, bool git, bool any, bool *is);

/* held.c: stores a content too large for memory, read from `fd`, whose id is `oid`; SK_ENO when it
 * is not that any more. */
int sk_scan_keep_large(struct sk_worker *w, int fd, uint64_t size, const char *path,
                       const struct sk_oid *oid);

/* finish.c: empty folders, tree ids, attributes; single thread, bottom up. */
int sk_scan_finish(struct sk_scan *scan);

/* staged.c: the index's state into the snapshot's metadata. */
int sk_scan_staged(struct sk_scan *scan);

/* scan.c */
/* Pushes a copy of `proto` (path, frame and next excepted). */
int sk_scan_push(struct sk_scan *scan, const struct sk_task *proto, const char *path,
                 struct sk_ignore *frame);

void sk_node_sort(struct sk_node *dir);
/* Adds one line of a tree object. */
int sk_tree_line(struct sk_buf *out, uint32_t mode, const char *name, size_t len,
                 const struct sk_oid *oid);

/* Opens a folder below the root without following any link. */
int sk_open_below(int rootfd, const char *path);

#endif
