/* config.h - SafeKeep's own configuration: layers of INI files, read with inih.
 *
 * Later layers win: built-in, /etc/safekeep.ini, $XDG_CONFIG_HOME/safekeep/safekeep.ini,
 * WORKTREE/.safekeep.ini (untrusted: it may only name paths and tighten),
 * COMMONDIR/sk/safekeep.ini, and in a linked worktree GITDIR/sk/safekeep.ini. A key that is unknown
 * or malformed is named with file and line as a warning, and ignored; a file that inih would cut
 * silently (line over 199 bytes, section over 49, a NUL byte) is refused whole, by name and line,
 * and the layers before it stand. */
#ifndef SK_REPO_CONFIG_H
#define SK_REPO_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct sk_retention {
	unsigned max_per_day, keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly;
	uint64_t disk_budget; /* bytes; 0: none */
};

struct sk_config {
	struct {
		int64_t interval_ms;
		struct sk_strv paths, exclude, include_ignored; /* comma separated in the file */
		uint64_t max_file_size;                         /* bytes; 0: no limit */
		/* said by the project's own file, which the user has not accepted: worth telling
		 * when it leaves out what git tracks */
		bool paths_by_project, exclude_by_project;
	} backup;
	struct sk_retention retention;
	struct {
		int impact; /* 0 off, 1 summary, 2 block */
	} hooks;
	struct {
		bool enabled;
	} guard;
	/* every other key of the contract, kept as text for the rooms that want it:
	 * "section.key" and value, last layer wins, in order of first appearance.  The keys of
	 * [component "X"] and [plugin "X"] are "component.X.KEY" and "plugin.X.KEY".  Keys with a
	 * default are always there; lists come as "a, b", switches as "true" or "false" */
	struct sk_strv keys, values;
	struct sk_strv problems; /* "FILE:LINE: words", each also given as a warning */
};

struct sk_config_source {
	const char *path;
	bool untrusted; /* the worktree's own file: not through a link, and only what protects more
	                 */
	const char *trust; /* record of contents that the user accepted (trust.h); NULL: none */
	bool own;          /* the user's own or the system's: no repository came with it */
};

/* Reads the files in order; a missing one is no error, and one that cannot be read is a problem.
 * BACKUP_INTERVAL (seconds, from the environment) is above them all.  Fails only for want of
 * memory. */
int sk_config_load(const struct sk_config_source *source, size_t n, struct sk_config **out);
/* The system's and the user's own files alone, for where there is no repository. */
int sk_config_user(struct sk_config **out);
/* The user's own file, which need not be there; NULL without a home.  To be freed. */
int sk_config_user_path(char **out);
void sk_config_free(struct sk_config *config);
/* Value of "section.key", or NULL. */
const char *sk_config_get(const struct sk_config *config, const char *key);

#endif
