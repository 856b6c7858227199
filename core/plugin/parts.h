/* parts.h - what the files of this room share. */
#ifndef SK_PLUGIN_PARTS_H
#define SK_PLUGIN_PARTS_H

#include <sys/stat.h>
#include <sys/types.h>

#include "plugin/plugin.h"
#include "store/pack.h"

#define SK_PLUGIN_NAME_MAX 32

extern const struct sk_plugin_io *sk_plugin_io; /* NULL: no plugins */

/* place.c: where plugins may lie, and whether nobody else can have written them. */

/* The folders to look into, the user's own first.  What is wrong with one goes to `said`. */
int sk_plugin_folders(const struct sk_config *config, struct sk_strv *out, struct sk_strv *said);
/* [a-z][a-z0-9-]*, at most SK_PLUGIN_NAME_MAX. */
bool sk_plugin_name_ok(const char *name);
/* SK_EREFUSED names what is wrong with the folder or one above it (it has to be resolved). */
int sk_plugin_folder_safe(const char *folder);
/* SK_ENO: there is none; SK_EREFUSED: what is wrong.  `st` is for the cache. */
int sk_plugin_file_safe(const char *file, struct stat *st);

/* child.c: one call in a process of its own. */

struct sk_child {
	const char *name; /* of the plugin, for messages */
	/* What the child does; it tells what came of it by the function below.  The result is its
	 * exit code, with the message set. */
	int (*work)(void *ctx);
	void *ctx;
	bool foreground;    /* it has our terminal, and no time limit */
	int64_t timeout_ms; /* else */
	const char *dir;    /* where it runs; NULL: here */

	pid_t pid;
	int report, said; /* memory files; -1 */
	bool ended, killed;
	int status;
};

/* Starts one.  SK_EIO, and nothing is left. */
int sk_child_start(struct sk_child *child);
/* Until all have ended, those that take too long by force. */
void sk_children_wait(struct sk_child *child, size_t n);
/* What it reported, as an object {"code", "message", "manifest", "findings", "checks"}, and what it
 * printed.  SK_EIO: it crashed, hung or ended by itself, and the message says so (`out` is then
 * what it reported until then, or NULL).  Frees what the child held; it must have ended. */
int sk_child_result(struct sk_child *child, json_t **out, struct sk_buf *said);
/* In the child: adds to an array of the report, or sets a value.  The reference is taken. */
int sk_report_add(const char *array, json_t *item);
int sk_report_set(const char *key, json_t *value);
/* In the child: what was reported there, as one line; NULL: nothing.  To be freed. */
char *sk_report_text(const char *key);
/* In the child: milliseconds until it is ended; -1: never. */
int64_t sk_child_time_left(void);

/* probe.c: in the child. */

/* Loads it and looks at its head; SK_EREFUSED says what is wrong. */
int sk_plugin_load(const char *file, const char *name, const struct sk_plugin **out);
/* All it says of itself, checked; a new reference. */
int sk_plugin_manifest(const struct sk_plugin *plugin, json_t **out);

/* index.c: manifests, kept. */

struct sk_plugin_index {
	json_t *list;
	char *path; /* NULL: it cannot be kept */
	bool changed;
};

void sk_plugin_index_read(struct sk_plugin_index *index);
/* The manifest and the reason that are known of this very file; borrowed. */
bool sk_plugin_index_get(const struct sk_plugin_index *index, const char *name,
                         const struct stat *st, json_t **manifest, const char **reason);
void sk_plugin_index_put(struct sk_plugin_index *index, const char *name, const struct stat *st,
                         json_t *manifest, const char *reason);
/* Writes what changed; that it cannot be written is no error. */
void sk_plugin_index_close(struct sk_plugin_index *index);
/* Fills version, summary... of `info` from its manifest.  SK_EDAMAGED: it is no manifest. */
int sk_plugin_take_manifest(struct sk_plugin_info *info);

/* host.c: the host's side, in the child. */

struct sk_host {
	struct skp_host pub; /* the first member: what the plugin is given */
	const struct sk_plugin_info *info;
	const struct sk_plugin *plugin;
	struct sk_repo *repo; /* NULL: none */
	const struct sk_config *config;
	uint32_t event;     /* 0: a command */
	struct sk_buf rest; /* rest.c: prints of the paths of host->rest */
	uint32_t rest_events;
	int64_t rest_until;
	bool rest_fresh; /* one of them has only just changed */
	bool quiet;
	char *head;
};

void sk_host_init(struct sk_host *host, const struct sk_plugin_info *info,
                  const struct sk_plugin *plugin, struct sk_repo *repo,
                  const struct sk_config *config);
struct sk_host *sk_host_of(struct skp_host *pub);
int sk_host_needs_repo(const struct sk_host *host);
/* The functions of each file put into the table. */
void sk_host_say(struct skp_host *pub);   /* host_say.c */
void sk_host_read(struct skp_host *pub);  /* host_read.c */
void sk_host_store(struct skp_host *pub); /* host_store.c */
void sk_host_world(struct skp_host *pub); /* host_world.c */
/* host_secrets.c; also says in `features` whether it works. */
void sk_host_secrets(struct skp_host *pub);

static inline void sk_oid_out(const struct sk_oid *from, struct skp_oid *to)
{
	memcpy(to->id, from->id, SK_OID_RAW);
}

static inline void sk_oid_in(const struct skp_oid *from, struct sk_oid *to)
{
	memcpy(to->id, from->id, SK_OID_RAW);
}

/* rest.c: plugins that said that they have nothing to do for now. */

/* In an event's child, host->rest: takes the prints; no events take the last one back. */
int sk_rest_begin(struct sk_host *host, uint32_t events, int64_t until, const char *const *paths);
/* There, when the call ended well: from now on it rests.  That it cannot be kept is no error. */
void sk_rest_keep(struct sk_host *host);
/* The events that it need not be called for; what it would tell the health check goes to `checks`
 * (a new reference; may be NULL) when that is among them.  Once they do not hold any more they are
 * forgotten. */
uint32_t sk_rest_events(const struct sk_repo *repo, const struct sk_plugin_info *info,
                        json_t **checks);
/* Ends it in all worktrees, and what is being said in events that run now. */
void sk_rest_end(const struct sk_repo *repo, const struct sk_plugin_info *info);

/* event.c */
extern bool sk_plugin_in_event;    /* in a child that runs an event: it causes no further ones */
extern const char *sk_plugin_self; /* in a child: the plugin that it runs, or NULL */

#endif
