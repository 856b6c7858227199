/* conf.h - what the files of this plugin share.
 *
 * A PLACE is a file's path and the name its versions are stored under: `work/WORKTREE/PATH` for
 * files below the working tree, `host/PATH` for all others, `long/HASH` where that would be too
 * long for a ref.  A VERSION is the record NAME@YYYYMMDDTHHMMSSZ (-2, -3... within one second): a
 * tree of `content` and `meta`, which is JSON (meta.h) and is never executed.
 *
 * Each call is a process of its own: what functions return was allocated and lives until it ends,
 * unless the comment says otherwise.  Functions return 0 or a code of plugin.h with the message
 * set. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <jansson.h>
#include <safekeep/plugin.h>

#include "meta.h"

#define CONF_TEMP_PREFIX ".sk-conf-" /* of what is being written beside a file */

struct conf {
	struct skp_host *host;
	const struct skp_call *call; /* NULL in an event */
	uint64_t max_size;           /* bytes of a file */
	int64_t check_ms;            /* for one check of a file's content */
};

int conf_oom(struct conf *c);
/* host->error with strerror(errno) after the text; SKP_EIO. */
int conf_errno(struct conf *c, const char *what, const char *path);

/* place.c */

struct conf_place {
	char *path; /* absolute; of its folder all links are resolved, as far as it is there */
	char *name; /* of its records, without "@..." */
};

/* Of what was typed (or read from a pattern).  SKP_EUSAGE: it names no file. */
int conf_place(struct conf *c, const char *typed, struct conf_place *out);
/* The same without resolving anything: `path` is absolute and clean. */
int conf_place_exact(struct conf *c, const char *path, struct conf_place *out);
/* The path of a record's name (up to '@' or the end), when it is of this machine or this worktree;
 * NULL: of another worktree, or `long/`. */
char *conf_name_path(struct conf *c, const char *name);

/* file.c: reading */

struct conf_file {
	struct conf_meta meta;
	struct stat st;
	char *data; /* content; of a link where it leads */
	size_t len;
};

/* The file or link itself, never what a link leads to.  SKP_ENO: there is none; SKP_EREFUSED: it is
 * no file, or too large. */
int conf_read(struct conf *c, const char *path, struct conf_file *out);
/* The same, and SKP_EREFUSED when a link in its folder leads to another file by now, also when that
 * link came while it was read. */
int conf_read_place(struct conf *c, const struct conf_place *place, struct conf_file *out);
void conf_file_clear(struct conf_file *file);
/* The same file, unchanged: device, inode, size and times. */
bool conf_same_stat(const struct stat *a, const struct stat *b);

/* write.c: writing */

struct conf_put {
	const struct conf_meta *meta;
	const char *data;
	size_t len;
	/* What is there now has to be this (st_ino 0: nothing); NULL: whatever it is. */
	const struct stat *expect;
	bool strict;   /* what cannot be kept is an error, and nothing is written */
	bool new_time; /* it was changed now, not when `meta` says */
	/* Only the owner's name, the group's, "xattr NAME"...: what could not be set, or "". */
	char missed[256];
	struct stat st; /* of what was written */
};

/* Makes `path` that file or link in one step, with all its attributes.  SKP_EBUSY: there is
 * something else than expected; SKP_EREFUSED: a folder above it is a link, or it would replace a
 * folder.  On failure nothing has changed. */
int conf_write(struct conf *c, const char *path, struct conf_put *put);
/* What is at `path`, itself; no link followed on the way. */
int conf_lstat(struct conf *c, const char *path, struct stat *out);
/* All of it but the last step: what would fail, fails now. */
int conf_try(struct conf *c, const char *path, struct conf_put *put);
/* A copy that must not be there yet; SKP_ENO: it is. */
int conf_write_new(struct conf *c, const char *path, struct conf_put *put);
/* Deletes it when it is what is expected. */
int conf_delete(struct conf *c, const char *path, const struct stat *expect);
/* Removes what calls that were killed have left beside files. */
void conf_sweep(struct conf *c);

/* draft.c: the private copy that is edited */

struct conf_draft {
	char *folder, *path; /* the copy has the file's name, for the editor to know its kind */
	char *start;         /* what it began as */
	bool resumed;        /* it holds what was typed in an edit that was interrupted */
};

/* The lock of the place has to be held. */
int conf_draft_open(struct conf *c, const struct conf_place *place, const char *data, size_t len,
                    struct conf_draft *out);
void conf_draft_drop(struct conf_draft *draft);
/* Those of killed calls in which nothing was typed, or long ago. */
void conf_draft_sweep(struct conf *c);

/* version.c: what is stored */

struct conf_version {
	char *id; /* what follows '@' */
	char *record;
	int64_t created;
	const char *why;
	const char *secrets; /* rules found, "none", or "unknown" */
	struct skp_oid tree;
	bool damaged;
};

struct conf_versions {
	struct conf_version *item; /* newest first */
	size_t n;
};

/* Of one file; none is no error. */
int conf_versions(struct conf *c, const char *name, struct conf_versions *out);
/* Of all files, of other worktrees too; and those of one name among them, borrowed. */
int conf_versions_all(struct conf *c, struct conf_versions *out);
struct conf_versions conf_versions_in(const struct conf_versions *all, const char *name);
/* All files that there are versions of here, by path. */
struct conf_known {
	struct conf_place place;
	struct conf_versions versions;
};
int conf_known(struct conf *c, struct conf_known **out, size_t *n);
/* The newest (at NULL), the one with that id or its beginning, or the newest not after a date.
 * SKP_ENO says which there are. */
int conf_version_at(struct conf *c, const struct conf_place *place,
                    const struct conf_versions *versions, const char *at,
                    const struct conf_version **out);
int conf_version_meta(struct conf *c, const struct conf_version *version, struct conf_meta *out);
int conf_version_read(struct conf *c, const struct conf_version *version, struct conf_file *out);

/* Storing many in one step: one process at a time, from begin to end. */
struct conf_batch;
struct conf_saved {
	char *id; /* of the version that holds it */
	bool is_new;
	const char *secrets;
};
int conf_save_begin(struct conf *c, const char *why, int64_t wait_ms, struct conf_batch **out);
/* `again`: also when nothing has changed since the newest version. */
int conf_save_add(struct conf_batch *batch, const struct conf_place *place,
                  const struct conf_file *file, bool again, struct conf_saved *out);
/* The rules of secrets that were found in it, "none", or "unknown" where nobody can look. */
int conf_secrets(struct conf *c, const struct conf_file *file, const char **out);
/* New versions in it. */
size_t conf_save_count(const struct conf_batch *batch);
/* Ends the batch in either case. */
int conf_save_end(struct conf_batch *batch);
void conf_save_drop(struct conf_batch *batch);
/* One file. */
int conf_save_one(struct conf *c, const struct conf_place *place, const struct conf_file *file,
                  const char *why, bool again, struct conf_saved *out);
/* Retention. */
int conf_prune(struct conf *c, bool dry_run);

/* glob.c: patterns */

struct conf_paths {
	char **item;
	size_t n;
};
int conf_paths_add(struct conf *c, struct conf_paths *paths, const char *path);
/* Whether an absolute path matches: * ? [...] within a name, ** any folders. */
bool conf_glob_match(const char *pattern, const char *path);
/* All files that match; never through a link to a folder. */
int conf_glob(struct conf *c, const char *pattern, struct conf_paths *out);

/* watch.c */
int conf_watch(struct conf *c);
/* Backs up what changed among the watched. */
int conf_watch_run(struct conf *c, int64_t wait_ms);
int conf_watch_patterns(struct conf *c, struct conf_paths *out);
/* That these events have nothing for us as long as nothing is watched, before looking whether so it
 * is; and that it is not so. */
int conf_rest(struct conf *c, uint32_t events);
int conf_wake(struct conf *c);

/* command.c: programs that look at a file.  No shell: words with quotes, and `{}` is the path. */

/* The words, allocated, ending with NULL.  When `{}` is in none and `append`, the path comes last.
 */
int conf_words(struct conf *c, const char *line, const char *path, bool append, char ***out);
/* Runs it with the limit of time and shows what it says.  SKP_ENO: it failed, took too long or
 * could not be started; the message says which. */
int conf_run_check(struct conf *c, const char *line, const char *path, bool append);
/* Of the settings PREFIX_NAME = PATTERN REST..., number `i` whose pattern matches `path`: its REST;
 * NULL: there are no more. */
const char *conf_rule(struct conf *c, const char *prefix, const char *path, size_t i);

/* valid.c */

enum conf_format { CONF_ANY, CONF_INI, CONF_JSON, CONF_YAML, CONF_TOML };

/* What was given (--as), set (format_NAME), or what its name ends in.  SKP_EUSAGE: no such one. */
int conf_format(struct conf *c, const char *path, enum conf_format *out);
/* Whether it is well formed; SKP_ENO: it is not, and the message says where.  Done in a child with
 * limits, so that content made to hurt the parsers hurts nobody. */
int conf_valid(struct conf *c, enum conf_format format, const char *data, size_t len);

/* parse_*.c: 0, or the line (from 1) of what is wrong, and what it is. */
long conf_parse_ini(const char *data, size_t len, char *why, size_t size);
long conf_parse_json(const char *data, size_t len, char *why, size_t size);
long conf_parse_yaml(const char *data, size_t len, char *why, size_t size);
long conf_parse_toml(const char *data, size_t len, char *why, size_t size);

/* The commands. */
int conf_backup(struct conf *c);
int conf_list(struct conf *c);
int conf_show(struct conf *c);
int conf_diff(struct conf *c);
int conf_check(struct conf *c);
int conf_restore(struct conf *c);
int conf_edit(struct conf *c);

/* say.c */
json_t *conf_json_path(const char *path);
/* Rules found, as a list; null: they were not looked for. */
json_t *conf_secrets_json(const char *secrets);
json_t *conf_json_time(int64_t when);
/* What differs, each by its name: ["content", "mode", "xattr user.a"]. */
json_t *conf_drift_json(struct conf *c, const struct conf_file *was, const struct conf_file *now);
int conf_json_out(struct conf *c, json_t *object); /* takes the reference; NULL: no memory */
/* "2026-11-23 14:05:06", local. */
const char *conf_time(int64_t when);
/* The files of the command line, from argument `from` on and after "--". */
int conf_arguments(struct conf *c, size_t from, struct conf_paths *out);
/* Exactly one of them. */
int conf_one(struct conf *c, const char **out);
/* The place of a file that has versions, resolved or else as it was typed. */
int conf_find(struct conf *c, const char *typed, struct conf_place *place,
              struct conf_versions *versions);
/* A lock on one file's name; SKP_EBUSY names the file.  The number names its draft as well. */
uint64_t conf_place_number(const struct conf_place *place);
int conf_lock(struct conf *c, const struct conf_place *place, int *lock);
uint64_t conf_hash(const void *data, size_t len, uint64_t seed);

#endif
