/* health.h - the checks of `git sk health`: each says whether something is as it should be, and if
 * not, what to type.
 *
 * "fail" is for what makes work unsafe, or what the user asked to be told of; "warn" for what will,
 * or may; "off" for what was not asked for.  Healthy is what has no "fail".
 *
 * Nothing is changed, but for a note of how far the sample of stored objects has come, unless it is
 * to mend things: the service is started, hooks are put back, and files that dead processes left
 * behind (locks of git, temporary packs) are removed.  Never data.
 *
 * health.database and health.application are taken from the user's own settings (repo/config.h);
 * each may be a command of the shell, run at the worktree's root; an http or https URL; or
 * "sqlite:PATH".  They run in a child of their own, which is killed with all that it started after
 * health.timeout, so that neither libcurl nor SQLite is loaded into this process; both are looked
 * for when it is time to, and git-sk is linked with neither. */
#ifndef SK_HEALTH_HEALTH_H
#define SK_HEALTH_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "repo/repo.h"

enum sk_health_status { SK_HEALTH_OK, SK_HEALTH_WARN, SK_HEALTH_FAIL, SK_HEALTH_OFF };

struct sk_health_check {
	char *name; /* "backup_service"; stable; plugins have names of their own */
	enum sk_health_status status;
	char *detail; /* one line, with what to type */
	bool fixed;   /* it was wrong, and was mended */
};

struct sk_health {
	struct sk_health_check *item;
	size_t n, cap;
	bool healthy;
	size_t warns, fails;
};

struct sk_health_options {
	bool fix;
	/* Has the service run; *was_down: it had to be started. */
	int (*ensure)(bool *was_down);
};

/* Fails only for want of memory, or when the backups cannot be listed at all. */
int sk_health_look(struct sk_repo *repo, const struct sk_health_options *opts,
                   struct sk_health *out);
void sk_health_clear(struct sk_health *health);
const char *sk_health_word(enum sk_health_status status); /* "ok", "warn", "fail", "off" */

#endif
