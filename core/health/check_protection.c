/* What SafeKeep itself is there for: the service, backups, revisions, room for them, hooks, and
 * settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "capture/snapshot.h"
#include "health/health_parts.h"
#include "hooks/install.h"
#include "service/service.h"

/* The service */

static int service_down(struct sk_look *l, bool *fixed)
{
	bool was_down = false;
	char why[600];
	int rc;

	*fixed = false;
	(void)snprintf(why, sizeof why, "it does not run");
	for (size_t i = l->status.about[SK_ABOUT_SERVICE].from;
	     i < l->status.about[SK_ABOUT_SERVICE].to; i++)
		(void)snprintf(why, sizeof why, "%s", l->status.problems.item[i]);
	if (!l->opts->fix || !l->opts->ensure)
		return sk_health_say(l, "backup_service", SK_HEALTH_FAIL,
		                     "%s ('git sk health --fix' starts it)", why);
	rc = l->opts->ensure(&was_down);
	if (rc) {
		(void)snprintf(why, sizeof why, "%s", sk_error_message());
		sk_error_clear();
		return sk_health_say(l, "backup_service", SK_HEALTH_FAIL,
		                     "it was down, and starting it did not work: %s", why);
	}
	*fixed = true;
	sk_service_tell(l->repo->worktree, true);
	return sk_health_fixed(l, "backup_service", "it was down; it is running now");
}

/* It does its work, and goes over to the new program by itself sooner or later. */
static int service_outdated(struct sk_look *l)
{
	bool started = false;
	char why[600];

	if (!l->opts->fix || !l->opts->ensure)
		return sk_health_say(l, "backup_service", SK_HEALTH_OK,
		                     "running, process %lld, with the program of before an upgrade "
		                     "('git sk service ensure' starts the new one)",
		                     l->status.pid);
	if (l->opts->ensure(&started)) {
		(void)snprintf(why, sizeof why, "%s", sk_error_message());
		sk_error_clear();
		return sk_health_say(l, "backup_service", SK_HEALTH_WARN,
		                     "the program was replaced, and starting the new one did not "
		                     "work: %s",
		                     why);
	}
	sk_service_tell(l->repo->worktree, true);
	return sk_health_fixed(l, "backup_service",
	                       "it was the program of before an upgrade; the new one is running");
}

int sk_check_service(struct sk_look *l)
{
	const struct sk_status *s = &l->status;
	bool said = false;
	int rc;

	if (s->service_off)
		return sk_health_say(l, "backup_service", SK_HEALTH_OFF,
		                     "not used here (init --no-service); backups are made when git "
		                     "works here, or by hand");
	if (!s->service_up && !sk_service_wanted())
		return sk_health_say(l, "backup_service", SK_HEALTH_OFF,
		                     "it does not run, and GIT_SK_NO_SERVICE is set");
	if (!s->service_up)
		return service_down(l, &said);
	if (!s->mode && l->opts->fix) {
		sk_service_tell(l->repo->worktree, true);
		return sk_health_fixed(l, "backup_service",
		                       "it did not know of this working tree, and was told");
	}
	if (!s->mode || s->failing) {
		rc = sk_health_problems(l, SK_ABOUT_SERVICE, "backup_service", SK_HEALTH_FAIL,
		                        &said);
		if (rc || said)
			return rc;
	}
	if (sk_service_program((long)s->pid) != SK_PROGRAM_SAME)
		return service_outdated(l);
	return sk_health_say(l, "backup_service", SK_HEALTH_OK, "running, process %lld", s->pid);
}

int sk_check_watcher(struct sk_look *l)
{
	const struct sk_status *s = &l->status;

	if (!s->service_up || !s->mode)
		return sk_health_say(l, "watcher", SK_HEALTH_OFF,
		                     "without the service nothing is "
		                     "watched");
	if (!s->watched) /* the reason has the sysctl when it is the system's limit */
		return sk_health_say(l, "watcher", SK_HEALTH_WARN,
		                     "changes are not seen as they happen: %s",
		                     s->reason ? s->reason : "it cannot be watched");
	if (s->watches_max && s->watches >= s->watches_max / 8 * 7)
		return sk_health_say(l, "watcher", SK_HEALTH_WARN,
		                     "%lld of %lld inotify watches are used; raise the limit with "
		                     "'sudo sysctl fs.inotify.max_user_watches=%lld'",
		                     s->watches, s->watches_max, s->watches_max * 2);
	return sk_health_say(l, "watcher", SK_HEALTH_OK, "%lld folders here; %lld of %lld watches",
	                     s->watch_folders, s->watches, s->watches_max);
}

/* Backups */

/* Whether files are other ones than in the newest backup. */
static int differs(struct sk_look *l, bool *out)
{
	struct sk_scan_opts opts = { 0 };
	struct sk_snapshot *snap = NULL;
	int rc = sk_scan(l->repo, &opts, &snap);

	if (!rc)
		*out = !sk_oid_eq(&snap->root->oid, &l->status.newest->tree);
	sk_snapshot_free(snap);
	return rc;
}

static int old_backup(struct sk_look *l, const char *age, const char *max)
{
	bool changed = true;
	char why[600];
	int rc = differs(l, &changed);

	if (rc) {
		(void)snprintf(why, sizeof why, "%s", sk_error_message());
		sk_error_clear();
		return sk_health_say(l, "recent_backups", SK_HEALTH_FAIL,
		                     "the newest is %s old, and files cannot be compared with it: "
		                     "%s",
		                     age, why);
	}
	if (!changed)
		return sk_health_say(l, "recent_backups", SK_HEALTH_OK,
		                     "%zu, the newest %s; no file changed since", l->status.good,
		                     age);
	return sk_health_say(l, "recent_backups", SK_HEALTH_FAIL,
	                     "the newest is %s old, files changed since, and [health] max_age is "
	                     "%s; make one with 'git sk backup'",
	                     age, max);
}

int sk_check_backups(struct sk_look *l)
{
	const char *max = sk_config_get(l->repo->config, "health.max_age");
	const struct sk_entry *e = l->status.newest;
	size_t damaged = l->status.backups.n - l->status.good;
	struct sk_buf age = SK_BUF_INIT;
	int64_t ms = -1;
	bool said = false;
	int rc;

	if (!e || damaged)
		rc = sk_health_problems(l, SK_ABOUT_BACKUPS, "recent_backups", SK_HEALTH_FAIL,
		                        &said);
	else
		rc = sk_add_age(&age, e->created, l->now);
	if (rc || said)
		goto out;
	if (max && sk_parse_duration(max, &ms))
		ms = -1;
	if (ms >= 0 && l->now - e->created > ms / 1000)
		rc = old_backup(l, age.ptr, max);
	else if (e->created > l->now + 60)
		rc = sk_health_say(l, "recent_backups", SK_HEALTH_WARN,
		                   "the newest is dated in the future (%s): was the clock wrong?",
		                   e->id);
	else
		rc = sk_health_say(l, "recent_backups", SK_HEALTH_OK, "%zu, the newest %s",
		                   l->status.good, age.ptr);
out:
	sk_buf_free(&age);
	return rc;
}

int sk_check_revisions(struct sk_look *l)
{
	struct sk_entries list = { 0 };
	struct sk_buf age = SK_BUF_INIT;
	const struct sk_entry *bad = NULL;
	int rc = sk_entry_list(l->repo, SK_REVISION, NULL, &list);

	for (size_t i = 0; i < list.n && !rc; i++)
		if (list.item[i]->damaged && !bad)
			bad = list.item[i];
	if (rc)
		;
	else if (bad)
		rc = sk_health_say(l, "approved_revisions", SK_HEALTH_FAIL,
		                   "revision %s is damaged: %s", bad->id, bad->damage);
	else if (!list.n)
		rc = sk_health_say(l, "approved_revisions", SK_HEALTH_WARN,
		                   "none; save a state that is known to be good with 'git sk "
		                   "revise --stable NAME'");
	else if (!(rc = sk_add_age(&age, list.item[0]->created, l->now)))
		rc = sk_health_say(l, "approved_revisions", SK_HEALTH_OK, "%zu, the newest %s %s",
		                   list.n, list.item[0]->id, age.ptr);
	sk_entries_free(&list);
	sk_buf_free(&age);
	return rc;
}

/* Room */

int sk_check_disk(struct sk_look *l)
{
	const char *text = sk_config_get(l->repo->config, "health.min_free");
	struct sk_buf room = SK_BUF_INIT, used = SK_BUF_INIT;
	uint64_t least = 0;
	bool said = false;
	int rc = sk_health_problems(l, SK_ABOUT_DISK, "disk_space", SK_HEALTH_FAIL, &said);

	if (rc || said)
		return rc;
	(void)sk_add_size(&room, l->status.room);
	(void)sk_add_size(&used, l->status.disk);
	rc = sk_buf_ok(&room) ? SK_EIO : sk_buf_ok(&used);
	if (!rc && text && sk_parse_size(text, &least))
		least = 0;
	if (!rc && l->status.room < least)
		rc = sk_health_say(l, "disk_space", SK_HEALTH_WARN,
		                   "%s free, less than [health] min_free = %s: make room; 'git sk "
		                   "prune' and 'git gc' give some back (backups take %s)",
		                   room.ptr, text, used.ptr);
	else if (!rc)
		rc = sk_health_problems(l, SK_ABOUT_BUDGET, "disk_space", SK_HEALTH_WARN, &said);
	if (!rc && !said && l->status.room >= least)
		rc = sk_health_say(l, "disk_space", SK_HEALTH_OK, "%s free; backups take %s",
		                   room.ptr, used.ptr);
	sk_buf_free(&room);
	sk_buf_free(&used);
	return rc;
}

/* Hooks */

static int put_back(struct sk_look *l)
{
	struct sk_strv said = SK_STRV_INIT;
	char why[600];
	int rc = sk_install(l->repo, 0, &said);

	if (rc) {
		(void)snprintf(why, sizeof why, "%s", sk_error_message());
		sk_error_clear();
		rc = sk_health_say(l, "hooks", SK_HEALTH_FAIL,
		                   "not all in place, and putting them back did not work: %s", why);
	} else {
		rc = sk_health_fixed(l, "hooks", "put back: %s%s", said.n ? said.item[0] : "",
		                     said.n > 1 ? ", and others" : "");
	}
	sk_strv_free(&said);
	return rc;
}

int sk_check_hooks(struct sk_look *l)
{
	const struct sk_status *s = &l->status;
	bool guard = s->guard_on && l->repo->config->guard.enabled, said = false;
	int rc;

	if (s->unwritable)
		return sk_health_say(l, "hooks", SK_HEALTH_WARN,
		                     "not looked at: the repository cannot be written to");
	if (s->displaced.n && l->opts->fix)
		return put_back(l);
	/* what was left out on purpose is worth a warning; what was displaced is a hole */
	rc = sk_health_problems(l, SK_ABOUT_HOOKS, "hooks",
	                        s->displaced.n ? SK_HEALTH_FAIL : SK_HEALTH_WARN, &said);
	if (rc || said)
		return rc;
	return sk_health_say(l, "hooks", SK_HEALTH_OK, "%s",
	                     guard ? "in place, and the guard" : "in place");
}

/* Settings */

int sk_check_settings(struct sk_look *l)
{
	bool said = false;
	int rc = sk_health_problems(l, SK_ABOUT_SETTINGS, "configuration", SK_HEALTH_WARN, &said);

	return rc || said ? rc : sk_health_say(l, "configuration", SK_HEALTH_OK, "nothing wrong");
}
