/* safekeep/plugin.h - everything that a plugin of SafeKeep needs; git-sk-plugin(7) is the tour.
 *
 * WHAT A PLUGIN IS
 *
 * A shared object NAME.so with one exported symbol: `safekeep_plugin`, a constant struct sk_plugin.
 * It adds commands to `git sk`, takes part in events, or both.  It is loaded from the plugin folder
 * of the installation, or from one that the user's own configuration names ([plugins] folder),
 * never from a repository; the file and all folders above it have to belong to root or the user and
 * be writable by nobody else; and [plugins] enable has to list NAME.
 *
 * HOW IT RUNS
 *
 * Each command, and each event, runs in a process of its own: a child of git-sk that loads the
 * plugin, makes one call, and ends.  So a plugin cannot take its host down, variables begin anew
 * in each call, and whatever is to last is stored.  The working folder is where the
 * user stands (commands), or the top of the working tree (events).  In an event standard input is
 * empty, and what is printed reaches the user when the event is over.  An event that takes longer
 * than it may is ended by SIGKILL, with all processes that it started: SKP_TIME_* below.  Whatever
 * becomes of it, the backup, commit or checkout that it belongs to goes on; the failure is named
 * there, and in `git sk status` until the same event ends well.
 *
 * VERSIONS
 *
 * A host compares `magic`, then `abi_major` (equal to its own), `abi_minor` (not greater than its
 * own) and `size` (what that minor version has), and reads nothing else before.  Within one major
 * version fields and functions are only ever added at the end of struct sk_plugin, struct skp_host
 * and struct skp_event, and values to their constants; all other structures stay as they are.  A
 * plugin that was built with an older minor version goes on to work; one that wants to run on older
 * hosts as well asks SKP_HAS(host, function) before it uses a new one.
 *
 * RULES FOR ALL FUNCTIONS
 *
 * - Those that can fail return 0 or one of SKP_E*, which are the exit codes of git-sk; then a
 *   message is set (SKP_ENO included), results are untouched, and returning the code from the
 *   callback has the message printed.  host->error sets another one.
 * - Memory that a function gives belongs to the plugin until the call ends; host->release gives it
 *   back before, for those who need much of it: that one block, not what it points to.  It was
 *   allocated by the host: never free() it.
 *   Strings in the fields of `host`, `call` and `event` are valid until the call ends.
 * - Text is UTF-8; what comes from files or users may be any bytes but NUL.  Paths below the
 *   working tree have no leading slash.  Times are seconds since 1970, UTC.
 * - The functions are for the thread that the plugin was called in.
 *
 * C99 or C++11, with nothing but the C library. */
#ifndef SAFEKEEP_PLUGIN_H
#define SAFEKEEP_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SK_PLUGIN_MAGIC 0x534b504cu /* "SKPL" */
#define SK_PLUGIN_ABI_MAJOR 1u
#define SK_PLUGIN_ABI_MINOR 0u
#define SK_PLUGIN_SYMBOL "safekeep_plugin"

#if defined(__GNUC__)
#define SKP_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define SKP_EXPORT __attribute__((visibility("default")))
#define SKP_INLINE static inline __attribute__((unused))
#else
#define SKP_PRINTF(a, b)
#define SKP_INLINE static inline
#define SKP_EXPORT
#endif

/* Results; they are exit codes too. */
enum skp_code {
	SKP_OK = 0,
	SKP_ENO = 1,       /* the answer is no; there is none; there are findings */
	SKP_EUSAGE = 2,    /* the command line or a setting is wrong */
	SKP_EPARTIAL = 3,  /* done, but for some parts, which were named */
	SKP_EREPO = 10,    /* no git working tree, or SafeKeep is not enabled in it */
	SKP_EBUSY = 11,    /* somebody else is at it: try again later */
	SKP_EKIND = 12,    /* a kind of repository that is not supported */
	SKP_EREFUSED = 13, /* refused for safety */
	SKP_EDAMAGED = 14, /* stored data is damaged */
	SKP_EIO = 15,      /* the system failed, out of memory included */
	SKP_EINTR = 130    /* interrupted by the user */
};

struct skp_host;
struct skp_call;
struct skp_event;
struct skp_batch; /* opaque */

/*
 * COMMANDS
 *
 * They are found, parsed, helped and completed from this table exactly as git-sk's own are: -C, -q,
 * -h, --color and what `takes` adds are known in each, options may stand anywhere before "--".
 * Names are in small letters, digits and "-".  A command that git-sk or another plugin has already
 * makes the host leave the whole plugin out.
 */

enum skp_needs {
	SKP_NEEDS_NOTHING = 0, /* runs anywhere: host->worktree is NULL outside of a repository */
	SKP_NEEDS_REPO = 1,    /* a git working tree */
	SKP_NEEDS_SAVED = 2,   /* one in which there is something saved, enabled or not any more */
	SKP_NEEDS_ENABLED = 3  /* one in which `git sk init` was run */
};

enum skp_takes {
	SKP_TAKES_JSON = 1, /* --json */
	SKP_TAKES_NUL = 2,  /* -z */
	SKP_TAKES_PATHS = 4 /* "--" ends the arguments, and paths (or a command) follow */
};

struct skp_option {
	char key;         /* its letter, or 0 */
	const char *name; /* long name without dashes; NULL ends a list */
	const char *arg;  /* what its value is called in the help; NULL: it takes none */
	const char *help; /* a few words */
};

struct skp_command {
	const char *name;                                               /* NULL ends a list */
	int (*run)(struct skp_host *host, const struct skp_call *call); /* its exit code */
	uint32_t needs;                                                 /* enum skp_needs */
	uint32_t takes;                                                 /* enum skp_takes, ORed */
	const char *summary;                                            /* a line */
	const char *const *usage;         /* what follows "git sk NAME"; ends with NULL, has one */
	const struct skp_option *options; /* NULL: none */
	const char *const *words;         /* completion of the first argument; NULL: none */
	const char *manual; /* paragraphs for the manual page, apart by empty lines; may be NULL */
};

struct skp_given {
	const struct skp_option *option; /* of the command's own table */
	const char *value;               /* NULL when it takes none */
};

/* One parsed command line. */
struct skp_call {
	const struct skp_command *command;
	const struct skp_given *given; /* the command's own options, in order */
	size_t n_given;
	const char *const *arg; /* arguments; NULL-terminated */
	size_t n_arg;
	const char *const *path; /* what follows "--", as typed; NULL-terminated */
	size_t n_path;
	int dashes;   /* "--" was there */
	int json;     /* results are wanted by host->json, and nothing else on standard output */
	int nul;      /* -z */
	int quiet;    /* -q: host->note and host->progress say nothing */
	int terminal; /* people read the results */
};

/* The last value given for the long name; NULL: not given, or it takes none. */
SKP_INLINE const char *skp_value(const struct skp_call *call, const char *name)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; i < call->n_given; i++)
		if (strcmp(call->given[i].option->name, name) == 0)
			value = call->given[i].value;
	return value;
}

SKP_INLINE int skp_has(const struct skp_call *call, const char *name)
{
	size_t i;

	for (i = 0; i < call->n_given; i++)
		if (strcmp(call->given[i].option->name, name) == 0)
			return 1;
	return 0;
}

/*
 * EVENTS
 *
 * `events` of struct sk_plugin says which ones it takes part in; for others it is not loaded.  The
 * plugins of one event run at the same time.
 */

enum skp_event_kind {
	SKP_BEFORE_BACKUP = 1,    /* any backup or revision, however it came about */
	SKP_AFTER_BACKUP = 2,     /* it is stored: id, is_new */
	SKP_BEFORE_COMMIT = 4,    /* git commit; after the backup: host->finding says no to it */
	SKP_AFTER_COMMIT = 8,     /* head is the new commit */
	SKP_BEFORE_CHECKOUT = 16, /* git checkout or switch, when it is going to change files */
	SKP_AFTER_CHECKOUT = 32,
	SKP_CYCLE = 64,   /* the service's round in an enabled repository, every backup.interval;
	                   * and `git sk backup --if-due`, which cron runs */
	SKP_HEALTH = 128, /* `git sk status` and `git sk health` want host->check */
	SKP_PRUNE = 256 /* retention: delete what your own data is too old for (dry_run: do not) */
};

/* How long an event may take, in milliseconds.  Whoever needs longer asks host->time_left and goes
 * on in the next cycle.  [plugins] timeout is for the first, git waiting meanwhile. */
#define SKP_TIME_GIT 2000    /* before and after backup, commit, checkout */
#define SKP_TIME_HEALTH 5000 /* health */
#define SKP_TIME_CYCLE 60000 /* cycle, prune */

struct skp_event {
	uint32_t size;       /* of this structure in the host */
	uint32_t kind;       /* enum skp_event_kind: one of them */
	const char *name;    /* "before-backup", "cycle"... */
	const char *trigger; /* of a backup: "manual", "pre-commit", "watch", "guard"...; or "" */
	const char *command; /* the git command that it is about, as far as known; or "" */
	const char *id;      /* AFTER_BACKUP: of the entry that holds the state; else "" */
	int is_new;          /* AFTER_BACKUP: it was made now; 0: nothing had changed */
	int dry_run;         /* PRUNE: say what would be done */
	const char *head;    /* what HEAD is now, in hex; "" when there is no commit */
	const char *index;   /* BEFORE_COMMIT: the index file that is being committed when it is not
	                      * the usual one (GIT_INDEX_FILE for host->run); else "" */
};

/*
 * WHAT THE HOST GIVES
 */

struct skp_oid {
	unsigned char id[20];
};

enum skp_object_type { SKP_COMMIT = 1, SKP_TREE = 2, SKP_BLOB = 3, SKP_TAG = 4 };

struct skp_tree_entry {
	const char *name; /* no slash; ".", ".." and ".git" in any spelling are refused */
	uint32_t mode;    /* 0100644, 0100755, 0120000 or 040000 (a tree) */
	struct skp_oid oid;
};

struct skp_trailer {
	const char *key; /* letters, digits, "-": "Sk-Source" */
	const char *value;
};

/* What a plugin stores: a tree with a title, under a name in its own part of the namespace.  In git
 * it is the ref refs/sk/SPACE/NAME to an annotated tag of the tree, as backups are, so that
 * `git show refs/sk/SPACE/NAME:FILE` and `git diff` of two work. */
struct skp_record {
	const char *name; /* "2026-11-23", "host/etc": as refs may be named */
	struct skp_oid tree;
	const char *title; /* one line; NULL is "" */
	const char *text;  /* further paragraphs; NULL is "" */
	const struct skp_trailer *trailer;
	size_t n_trailers;
	int64_t created; /* 0 when given: now */
	int damaged; /* when read: it cannot be understood; only `name` holds, `text` says why */
};

enum skp_entry_kind { SKP_BACKUP = 1, SKP_REVISION = 2, SKP_RELEASE = 4 };

/* A backup, revision or release. */
struct skp_entry {
	uint32_t kind;
	const char *id;
	int64_t created;
	struct skp_oid tree;
	const char *title;
	const char *trigger;  /* or "" */
	const char *head;     /* the commit that HEAD was, in hex; or "" */
	const char *branch;   /* or "" */
	const char *worktree; /* its name: "main", or a linked worktree's */
	int damaged;          /* only kind, id and created hold */
	int is_new;           /* from host->backup: made now; 0: nothing had changed since */
};

enum skp_severity { SKP_INFO = 0, SKP_WARNING = 1, SKP_ERROR = 2 };

enum skp_status { SKP_STATUS_OK = 0, SKP_STATUS_WARN = 1, SKP_STATUS_FAIL = 2, SKP_STATUS_OFF = 3 };

struct skp_finding {
	const char *rule; /* "flag-removed": small letters, digits, "-" */
	uint32_t severity;
	const char *path; /* or NULL */
	long line;        /* from 1; 0: the whole file */
	const char *message;
};

/* What a secret was: host->redact. */
struct skp_secret {
	const char *rule;
	size_t offset, len; /* where it was in what was given */
};

enum skp_run_flags {
	SKP_RUN_GIT = 1,      /* argv begins after "git": git on this very repository, whatever the
	                       * environment says, without hooks, fsmonitor and optional locks */
	SKP_RUN_TERMINAL = 2, /* it has our input, output and errors: an editor */
	SKP_RUN_ERRORS = 4,   /* what it says on standard error comes with the output */
	SKP_RUN_QUIET = 8     /* or nowhere: its status tells enough */
};

/* Another program to its end.  With a time limit it is ended, with all that it started, when it
 * takes longer: SKP_EIO, "took longer than...".  Its environment is ours without git's local
 * variables (GIT_DIR, GIT_INDEX_FILE...). */
struct skp_process {
	const char *const *argv; /* NULL-terminated; looked up in PATH */
	const char *dir;         /* where it runs; NULL: here */
	const char *const *env;  /* further "NAME=value"; NULL-terminated; may be NULL */
	const void *input;       /* its standard input; NULL: none */
	size_t input_len;
	int64_t timeout_ms; /* 0: none but the event's own */
	uint32_t flags;     /* enum skp_run_flags, ORed */
	/* results */
	int status; /* exit status, or 128 + signal */
	char *output;
	size_t output_len;
};

enum skp_folder {
	SKP_FOLDER_SHARED = 0, /* of this repository, for all its worktrees */
	SKP_FOLDER_LOCAL = 1,  /* of this worktree */
	SKP_FOLDER_CACHE = 2   /* of the user, for all repositories; may be lost at any time */
};

enum skp_style {
	SKP_PLAIN = 0,
	SKP_BOLD = 1,
	SKP_DIM = 2,
	SKP_RED = 3,
	SKP_GREEN = 4,
	SKP_YELLOW = 5,
	SKP_BLUE = 6,
	SKP_CYAN = 7
};

/* Rules as [retention] has them, for a plugin's own data. */
struct skp_retention {
	uint32_t max_per_day, keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly;
};

enum skp_features {
	SKP_CAN_REDACT = 1 /* host->redact works; otherwise it refuses, and so should you */
};

struct skp_host {
	uint32_t size; /* of this structure in the host: SKP_HAS */
	uint16_t abi_major, abi_minor;
	uint32_t features;
	const char *version; /* of git-sk */

	/* Where: NULL outside of a repository. */
	const char *worktree;    /* absolute, links resolved, no slash at the end */
	const char *gitdir;      /* this worktree's own */
	const char *commondir;   /* shared by all worktrees of the repository */
	const char *prefix;      /* where the user stands below the worktree: "" or "src/lib/" */
	const char *worktree_id; /* "main", or the linked worktree's name */
	int enabled;             /* `git sk init` was run here */

	void *priv; /* the host's own */

	/* --- Saying --- */

	/* Sets the message, one line without a full stop, and returns `code`. */
	int (*error)(struct skp_host *host, int code, const char *format, ...) SKP_PRINTF(3, 4);
	/* The last message; "" when there is none. */
	const char *(*message)(struct skp_host *host);
	/* Results, on standard output.  Failures to write are remembered and end in exit code 15.
	 */
	void (*print)(struct skp_host *host, const char *format, ...) SKP_PRINTF(2, 3);
	void (*write)(struct skp_host *host, const void *data, size_t len);
	/* The whole result with --json: the text of one JSON object, which is checked and printed
	 * in git-sk's form.  SKP_EUSAGE: it is none. */
	int (*json)(struct skp_host *host, const char *text, size_t len);
	/* Remarks for people ("git sk: ...") and warnings, on standard error. */
	void (*note)(struct skp_host *host, const char *format, ...) SKP_PRINTF(2, 3);
	void (*warn)(struct skp_host *host, const char *format, ...) SKP_PRINTF(2, 3);
	/* A file name or a text of unknown origin as a terminal may show it: escape sequences and
	 * the like made harmless; names in quotes where they need it.  Never NULL. */
	const char *(*name)(struct skp_host *host, const char *name);
	const char *(*text)(struct skp_host *host, const char *text);
	/* The sequence that begins a style (SKP_PLAIN: ends it), or "" where there are no colours.
	 */
	const char *(*style)(struct skp_host *host, uint32_t style);
	/* Long work; shows itself on a terminal only, after half a second.  `total` 0: unknown. */
	void (*progress)(struct skp_host *host, const char *what, size_t done, size_t total);
	/* What is printed from now on goes through the user's pager, on a terminal. */
	int (*pager)(struct skp_host *host);
	/* Asks on the terminal.  *yes is 1 for a clear yes only; without a terminal: SKP_EREFUSED.
	 */
	int (*confirm)(struct skp_host *host, const char *question, int *yes);
	/* The line that was typed; SKP_ENO: the end of the input. */
	int (*ask)(struct skp_host *host, const char *question, char **answer);

	/* --- Settings --- */

	/* Of the section [plugin "NAME"], or with a dot another ("health.max_age"; not those of
	 * [backup], [retention], [guard] and [hooks], which are the host's); NULL: not set.  What a
	 * project's .safekeep.ini says of plugins counts only when the user accepted the file by
	 * `git sk trust`, so that a value may name a command or a path.  (Nothing that is read from
	 * the working tree by the plugin itself may do that.) */
	const char *(*setting)(struct skp_host *host, const char *key);
	/* Number i of the plugin's own section, from 0; SKP_ENO: there are no more. */
	int (*setting_at)(struct skp_host *host, size_t i, const char **key, const char **value);
	/* 1: the .safekeep.ini that is in the working tree now was accepted; 0: not, or none. */
	int (*trusted)(struct skp_host *host);
	/* "15m", "500ms", "never" (-1); "50M", "2G": as settings have them. */
	int (*parse_duration)(struct skp_host *host, const char *text, int64_t *ms);
	int (*parse_size)(struct skp_host *host, const char *text, uint64_t *bytes);

	/* --- Time --- */

	int64_t (*now)(struct skp_host *host); /* use no other clock: tests set this one */
	/* A date as git reads it: "2 hours ago", "2026-11-23 14:00". */
	int (*parse_date)(struct skp_host *host, const char *text, int64_t *when);
	/* Milliseconds until an event is ended; -1: nothing ends it. */
	int64_t (*time_left)(struct skp_host *host);

	/* --- Backups --- */

	/* Saves the present state.  `name` NULL: a backup, otherwise a revision of that name with
	 * `description` (may be NULL).  SKP_EPARTIAL: some files could not be read; *out holds all
	 * the same.  Events that this causes go to other plugins only. */
	int (*backup)(struct skp_host *host, const char *title, const char *name,
	              const char *description, struct skp_entry *out);
	/* Entries of the kinds ORed in `kinds`, newest first, with `since` <= created < `until` (0:
	 * no bound), of all worktrees. */
	int (*entries)(struct skp_host *host, uint32_t kinds, int64_t since, int64_t until,
	               struct skp_entry **out, size_t *n);
	/* By id, unique prefix, "latest", "@{2 hours ago}"... */
	int (*select)(struct skp_host *host, const char *selector, struct skp_entry *out);

	/* --- Reading objects --- */

	/* Any object of the repository; the data is followed by a NUL that is not counted. */
	int (*read)(struct skp_host *host, const struct skp_oid *oid, uint32_t *type, void **data,
	            size_t *len);
	/* One folder. */
	int (*tree)(struct skp_host *host, const struct skp_oid *tree, struct skp_tree_entry **out,
	            size_t *n);
	/* What is at `path` below a tree ("etc/hosts"); SKP_ENO: nothing. */
	int (*find)(struct skp_host *host, const struct skp_oid *tree, const char *path,
	            struct skp_tree_entry *out);
	/* 40 hex digits and back; SKP_EUSAGE: it does not begin with 40. */
	const char *(*hex)(struct skp_host *host, const struct skp_oid *oid);
	int (*parse_hex)(struct skp_host *host, const char *hex, struct skp_oid *oid);

	/* --- Its own part of the namespace --- */

	/* One record by name, SKP_ENO: there is none; all whose name begins with `prefix` ("" is
	 * all), sorted by name. */
	int (*record)(struct skp_host *host, const char *name, struct skp_record *out);
	int (*records)(struct skp_host *host, const char *prefix, struct skp_record **out,
	               size_t *n);
	/* Writing: objects and changes of records are gathered in a batch; `store` puts all objects
	 * into one pack, syncs it to the disk, and then makes all changes in one step.  On failure
	 * nothing has changed.  A batch ends by store or drop. */
	int (*batch)(struct skp_host *host, struct skp_batch **out);
	int (*blob)(struct skp_batch *batch, const void *data, size_t len, struct skp_oid *out);
	/* From a file of `size` bytes; SKP_ENO: it is of another size by now. */
	int (*blob_fd)(struct skp_batch *batch, int fd, uint64_t size, struct skp_oid *out);
	/* In any order; the host sorts them.  Each object is in the batch or in the repository. */
	int (*put_tree)(struct skp_batch *batch, const struct skp_tree_entry *entry, size_t n,
	                struct skp_oid *out);
	/* Makes the record, or replaces the one of that name. */
	int (*put)(struct skp_batch *batch, const struct skp_record *record);
	/* Deletes one; that there is none is no error. */
	int (*remove)(struct skp_batch *batch, const char *name);
	/* SKP_EBUSY: another process changed one of the records since the batch was begun. */
	int (*store)(struct skp_batch *batch);
	void (*drop)(struct skp_batch *batch);
	/* Which of `n` times (newest first) the rules keep: keep[i] 1 or 0. */
	int (*retain)(struct skp_host *host, const struct skp_retention *rules,
	              const int64_t *created, size_t n, unsigned char *keep);
	/* A folder of the plugin's own for state that can be made again: made when missing, mode
	 * 0700, no slash at the end. */
	int (*folder)(struct skp_host *host, uint32_t which, char **path);
	/* A lock by name among all calls of this plugin in this repository, with its worktrees; the
	 * end of the process releases it.  SKP_EBUSY after so many milliseconds. */
	int (*lock)(struct skp_host *host, const char *name, int64_t wait_ms, int *lock);
	void (*unlock)(struct skp_host *host, int lock);

	/* --- The world --- */

	int (*run)(struct skp_host *host, struct skp_process *process);
	/* `data` (any bytes) with every secret in it replaced by "[REDACTED:rule]"; what was found
	 * (`found` and `n` may be NULL), in the order of the text, none within another: of secrets
	 * that overlap the whole is replaced, and the rule of the longest that begins first named.
	 * The rules are read once in a call; a text without a secret costs one pass over it and
	 * its copy.  What is cut between two calls is not seen: give whole texts.  SKP_EREFUSED:
	 * this host cannot look for secrets; SKP_EIO: it could not in this text.  Then store
	 * nothing of it. */
	int (*redact)(struct skp_host *host, const char *data, size_t len, char **out,
	              size_t *out_len, struct skp_secret **found, size_t *n);

	/* --- In events --- */

	/* BEFORE_COMMIT: one of severity SKP_ERROR stops the commit where hooks.impact = block. */
	int (*finding)(struct skp_host *host, const struct skp_finding *finding);
	/* HEALTH: a line of the health check; `name` in small letters, digits, "_". */
	int (*check)(struct skp_host *host, const char *name, uint32_t status, const char *detail);

	void (*release)(struct skp_host *host, void *memory); /* NULL is fine */

	/* In an event: "these events (ORed; 0 takes it back) have nothing for me in this worktree",
	 * so that the host does not even start the plugin for them.  It holds when the call ends
	 * well, until a command of the plugin is run in the repository, a setting or the plugin's
	 * file changes, `until` comes (0: a day; never longer than that), or one of `paths`
	 * (NULL-terminated, at most 100; may be NULL) is not any more what it was when this was
	 * called: there or not, its kind, mode, inode, size or times, by lstat.  Relative ones are
	 * below the working tree, and "." is its top; "$NAME" is the value of that variable.
	 *
	 * So call it before you look, and take it back if there is something for you.  What comes
	 * and is gone again between two events leaves the path as it was: where that counts, name
	 * the folder too, whose times tell.  A path that changed in the last moments makes the rest
	 * void: the next event is yours again.  With SKP_HEALTH in `events`, which counts in that
	 * event only, the host repeats what was told to host->check. */
	int (*rest)(struct skp_host *host, uint32_t events, int64_t until,
	            const char *const *paths);
};

/* Whether the host at run time has that function: for those newer than minor version 0. */
#define SKP_HAS(host, member)                                                                      \
	((host)->size >= offsetof(struct skp_host, member) + sizeof((host)->member))

/*
 * THE PLUGIN
 */

enum skp_plugin_flags {
	SKP_PRIVATE = 1 /* its records stay out of vaults and copies unless the user says so */
};

struct sk_plugin {
	uint32_t magic;     /* SK_PLUGIN_MAGIC */
	uint16_t abi_major; /* SK_PLUGIN_ABI_MAJOR of the header it was built with */
	uint16_t abi_minor; /* SK_PLUGIN_ABI_MINOR of it */
	uint32_t size;      /* sizeof(struct sk_plugin) of it */
	uint32_t flags;     /* enum skp_plugin_flags, ORed */
	/* [a-z][a-z0-9-]*, at most 32: the file is NAME.so, the settings are [plugin "NAME"] */
	const char *name;
	const char *version; /* of the plugin itself, for people */
	const char *summary; /* a line */
	/* Its part of the namespace, refs/sk/SPACE/, of the same form; NULL: the name.  No other
	 * plugin may have it, nor is it backup, revision, release, meta, keep or vault. */
	const char *space;
	const struct skp_command *commands; /* NULL: none */
	uint32_t events;                    /* enum skp_event_kind, ORed */
	/* Takes part in one.  A code other than 0 is a failure, named with the message. */
	int (*event)(struct skp_host *host, const struct skp_event *event);
};

/* Begins the plugin's structure: the first four members. */
#define SK_PLUGIN_HEAD                                                                             \
	SK_PLUGIN_MAGIC, SK_PLUGIN_ABI_MAJOR, SK_PLUGIN_ABI_MINOR,                                 \
	        (uint32_t)sizeof(struct sk_plugin)

/* The plugin defines it. */
extern SKP_EXPORT const struct sk_plugin safekeep_plugin;

#ifdef __cplusplus
}
#endif

#endif
