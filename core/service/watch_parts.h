/* watch_parts.h - what the files of the watcher share. */
#ifndef SK_SERVICE_WATCH_PARTS_H
#define SK_SERVICE_WATCH_PARTS_H

#include <sys/inotify.h>

#include "repo/ignore.h"
#include "repo/index.h"
#include "service/changes.h"
#include "service/watch.h"

enum sk_dir_kind {
	SK_DIR_TREE,   /* a folder of the working tree */
	SK_DIR_NESTED, /* the git folder of a repository inside; child ".git" of its working tree */
	SK_DIR_GIT,    /* the git folder itself: index and HEAD */
	SK_DIR_COOKIE  /* GITDIR/sk/cookie */
};

enum {
	SK_DIR_PENDING = 1, /* waits to be read */
	SK_DIR_IGNORED = 2, /* not watched, because git does not look into it */
	SK_DIR_FORCED = 4,  /* ignored, but something in it is tracked */
	SK_DIR_BLIND = 8,   /* cannot be watched */
	SK_DIR_SPACE = 16   /* top of a repository inside, with its own rules */
};

struct sk_dir {
	struct sk_watch *owner;
	struct sk_dir *parent, *child, *next;
	struct sk_dir *pend_prev, *pend_next;
	struct sk_ignore *frame; /* rules inside it; NULL until it was read */
	struct sk_ignore *inner; /* in a repository inside: its own rules */
	uint64_t rules;          /* hash of its .gitignore; 0: none */
	int wd;                  /* -1: no watch */
	uint8_t kind, flags;
	char name[];
};

struct sk_watch {
	struct sk_watch_set *set;
	struct sk_watch *next;
	struct sk_notify *notify;
	struct sk_repo *repo;
	struct sk_patterns *include; /* backup.include_ignored; may be NULL */
	enum sk_watch_mode mode;
	char why[300];
	bool gone, icase;
	struct sk_dir *root, *git, *cookie;
	struct sk_dir *pend_first, *pend_last;
	size_t n_dirs, n_ignored, n_blind;
	struct sk_changes changes;
	uint64_t gen; /* of the tokens that can be answered exactly; 0: none yet */
	unsigned long long dev;
	uint64_t mounts_gen, mounts_print;
	struct sk_ignore *outside;
	uint64_t outside_print;
	char settings[20];
	struct sk_index *index; /* only while folders are read */
	bool index_dirty, cookie_seen;
	bool linked; /* a file has several names: its changes may come by another one */
	int64_t loaded_at, load_after;
	unsigned loads;
	uint64_t stir;
	int64_t stir_at;
	struct sk_strv soft;
	bool soft_many;
};

struct sk_notify {
	struct sk_notify *next;
	int fd;
	struct sk_dir **slot; /* by watch descriptor, open addressing */
	size_t n, slots;
	size_t users;
};

#define SK_EVENTS_TREE                                                                             \
	(IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM |          \
	 IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define SK_EVENTS_GIT                                                                              \
	(IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF |               \
	 IN_MOVE_SELF | IN_ONLYDIR)
#define SK_EVENTS_NESTED                                                                           \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF |   \
	 IN_MOVE_SELF | IN_ONLYDIR)

/* notify.c */
int sk_notify_join(struct sk_watch *w);
void sk_notify_leave(struct sk_watch *w);
/* Watches what `fd` is open on, for `d`.  A watch that another folder of ours has on the same inode
 * (it was moved, and the event is still to come) is taken from it.  SK_ENO: the system's limit;
 * SK_EREFUSED: no permission, or somebody else's watcher has it; SK_EIO. */
int sk_notify_add(struct sk_dir *d, int fd, uint32_t events);
void sk_notify_drop(struct sk_dir *d);

/* watch_dir.c: the tree of folders */
struct sk_dir *sk_dir_new(struct sk_watch *w, struct sk_dir *parent, const char *name,
                          enum sk_dir_kind kind);
void sk_dir_free(struct sk_dir *d); /* with all below, out of its parent's list */
void sk_dir_free_children(struct sk_dir *d);
struct sk_dir *sk_dir_child(const struct sk_dir *d, const char *name);
/* The next of the subtree of `top`, depth first; NULL at the end. */
struct sk_dir *sk_dir_walk(struct sk_dir *d, const struct sk_dir *top);
void sk_dir_pend(struct sk_dir *d);
void sk_dir_unpend(struct sk_dir *d);
void sk_dir_set(struct sk_dir *d, uint8_t flag, bool on); /* keeps the counters */
/* The top of the repository that the folder belongs to: itself, or one above it. */
struct sk_dir *sk_dir_space(struct sk_dir *d);
/* Path below `top`, replacing what is in `out`; with NAME at its end unless NULL. */
int sk_dir_path(const struct sk_dir *d, const struct sk_dir *top, const char *name,
                struct sk_buf *out);

/* watch_scan.c: reading folders */
void sk_watch_scan(struct sk_watch *w, struct sk_dir *d);
/* The entry `name` of the folder is not what it was: forgets what was known below it and, if it is
 * a folder now, has it read. */
void sk_watch_renew(struct sk_watch *w, struct sk_dir *d, const char *name);
void sk_watch_rules_changed(struct sk_watch *w, struct sk_dir *d);
/* Rules from outside the tree, and the index: what is new gets its watch. */
void sk_watch_check_outside(struct sk_watch *w);
void sk_watch_check_index(struct sk_watch *w);
bool sk_watch_ignores(struct sk_watch *w, struct sk_dir *d, const char *name, bool is_dir);
const struct sk_index *sk_watch_index(struct sk_watch *w);
int sk_watch_outside(struct sk_watch *w);

/* watch.c */
void sk_watch_log(struct sk_watch *w, const char *path, size_t len);
void sk_watch_log_dir(struct sk_watch *w, const char *path, size_t len);
/* All that is known is void: begin again.  `soon`: without a pause. */
void sk_watch_reset(struct sk_watch *w);
void sk_watch_give_up(struct sk_watch *w, const char *fmt, ...) SK_PRINTF(2, 3);
void sk_watch_event(struct sk_dir *d, const struct inotify_event *e);

#endif
