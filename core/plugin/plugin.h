/* plugin.h - plugins: finding them, what each is good for, and having them do it.
 *
 * Code of a plugin never runs in this process.  Each call is a child (a fork, which has libgit2
 * started already) that loads the plugin, calls it once and ends: a crash, an endless loop or a
 * scribble in memory is that child's.
 *
 * What a plugin offers (commands, options, events: its manifest) is asked for once, by such a
 * child, and kept in a file, $XDG_CACHE_HOME/safekeep/plugins.json, for as long as the plugin's
 * file has the same device, inode, size and times.  So no git-sk loads a plugin but to call it.
 * Whether file and folders are safe is looked at each time. */
#ifndef SK_PLUGIN_PLUGIN_H
#define SK_PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "include/safekeep/plugin.h"
#include "repo/repo.h"

/* What the rooms above do for plugins. */
struct sk_plugin_io {
	bool (*is_command)(const char *name);          /* git-sk's own */
	bool (*is_option)(char key, const char *name); /* one that all commands have */
	void (*out)(const void *data, size_t len);
	int (*out_json)(json_t *object); /* takes the reference */
	bool (*out_terminal)(void);
	void (*out_flush)(void);
	int (*out_end)(void);
	int (*pager)(const struct sk_repo *repo);
	int (*confirm)(const char *question, bool *yes);
	int (*ask)(const char *question, struct sk_buf *answer);
	int (*git_line)(const struct sk_repo *repo, const char *const *args, const char ***argv,
	                char *env[3]);
};

/* Once, at the start; without it there are no plugins.  Also has backups tell of themselves. */
void sk_plugins_use(const struct sk_plugin_io *io);

enum sk_plugin_state {
	SK_PLUGIN_LOADED,  /* it can be used */
	SK_PLUGIN_OFF,     /* not in [plugins] enable: never loaded */
	SK_PLUGIN_REFUSED, /* `reason` says why */
	SK_PLUGIN_MISSING  /* enabled, and not there */
};

struct sk_plugin_info {
	char *name;
	char *file; /* NULL: missing */
	enum sk_plugin_state state;
	char *reason;
	/* Only when loaded; strings belong to `manifest`. */
	json_t *manifest;
	const char *version, *summary, *space;
	uint32_t flags, events;
	uint32_t resting; /* of `events`: those that have nothing for it here: sk_plugins_rest */
	json_t *told;     /* then: what it tells the health check, or NULL */
	struct skp_command *command; /* ends with name NULL; `run` is always NULL */
	size_t n_commands;
};

struct sk_plugins {
	struct sk_plugin_info *item; /* in the order of [plugins] enable; those that are off last */
	size_t n;
	struct sk_strv folder; /* that were looked into */
	struct sk_strv said;   /* what is wrong with a folder */
	bool unknown;          /* SK_PLUGINS_KNOWN: there are others */
};

enum {
	SK_PLUGINS_ALL = 1,   /* those that are off and those that are missing too */
	SK_PLUGINS_FRESH = 2, /* ask each anew, whatever the file says */
	SK_PLUGINS_KNOWN = 4  /* ask none: whoever waits for us cannot wait */
};

/* All that can be known without loading anything that is known already. */
int sk_plugins_open(const struct sk_config *config, unsigned flags, struct sk_plugins *out);
void sk_plugins_close(struct sk_plugins *plugins);
/* Fills `resting` of each: host->rest.  Some lstat for each plugin that rests. */
void sk_plugins_rest(struct sk_plugins *plugins, const struct sk_repo *repo);
const struct sk_plugin_info *sk_plugins_find(const struct sk_plugins *plugins, const char *name);
/* The loaded plugin that has this command, or NULL. */
const struct sk_plugin_info *sk_plugins_command(const struct sk_plugins *plugins, const char *name,
                                                const struct skp_command **command);

/* A parsed command line, for the child: numbers of the manifest's options with their values. */
struct sk_plugin_call {
	const struct skp_command *command; /* of the manifest */
	struct {
		size_t option;
		const char *value;
	} * given;
	size_t n_given;
	const char *const *arg, *const *path;
	size_t n_arg, n_path;
	bool dashes, json, nul;
};

/* Runs it in the foreground; its exit code, with the message set.  SK_EIO names a crash. */
int sk_plugin_run(const struct sk_plugin_info *plugin, struct sk_repo *repo,
                  const struct sk_config *config, const struct sk_plugin_call *call);

struct sk_plugin_event {
	uint32_t kind;                              /* SKP_BEFORE_BACKUP... */
	const char *trigger, *command, *id, *index; /* may be NULL */
	bool is_new, dry_run;
};

struct sk_plugin_answers {
	json_t *findings;      /* {"rule", "severity", "path", "line", "message", "plugin"} */
	json_t *checks;        /* {"name", "status", "detail", "plugin"} */
	struct sk_strv failed; /* what went wrong, one line for each plugin */
};

/* Has all plugins that take part in the event do so, at the same time, and says what they print.
 * What goes wrong is warned of and noted for sk_plugins_troubles, and is no error of the event.
 * `out` may be NULL.  Whether there was any. */
bool sk_plugins_event(struct sk_repo *repo, const struct sk_plugin_event *event,
                      struct sk_plugin_answers *out);
/* One of `checks`, taken apart; the strings are its own.  False: it is none. */
bool sk_plugin_check(json_t *check, const char **name, const char **status, const char **detail);
void sk_plugin_answers_clear(struct sk_plugin_answers *answers);
/* "before-commit"; NULL when there is no such event. */
const char *sk_plugin_event_name(uint32_t kind);
/* The service's round: the events "cycle", when backup.interval has passed since the last, and once
 * a day "prune".  Called as often as one likes. */
void sk_plugins_cycle(struct sk_repo *repo);
/* What the client of hooks/ goes by, COMMONDIR/sk/before-commit and after-commit: there while a
 * plugin takes part in these and does not rest.  Each event sees to that; this is for when there
 * was none. */
void sk_plugins_mark(struct sk_repo *repo);
/* Whether any plugin takes part in it here, or may do so.  Starts no process. */
bool sk_plugins_want(struct sk_repo *repo, uint32_t kind);

/* A line for each plugin here that is refused, and each event that last went wrong. */
int sk_plugins_troubles(struct sk_repo *repo, struct sk_strv *out);

#endif
