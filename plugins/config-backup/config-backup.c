/* config-backup.c - the plugin: `git sk conf`, and what it does in events. */
#include <stdio.h>
#include <string.h>

#include "conf.h"

#define MAX_SIZE (16u << 20)
#define CHECK_MS 30000
#define EVENT_WAIT_MS 200

static int settings(struct conf *c)
{
	const char *size = c->host->setting(c->host, "max_size");
	const char *own = c->call ? skp_value(c->call, "timeout") : NULL;
	const char *time = own ? own : c->host->setting(c->host, "timeout");
	int rc = 0;

	c->max_size = MAX_SIZE;
	c->check_ms = CHECK_MS;
	if (size)
		rc = c->host->parse_size(c->host, size, &c->max_size);
	if (!rc && c->max_size > SIZE_MAX / 4)
		c->max_size = SIZE_MAX / 4;
	if (!rc && time)
		rc = c->host->parse_duration(c->host, time, &c->check_ms);
	if (!rc && c->check_ms <= 0)
		rc = c->host->error(c->host, SKP_EUSAGE, "a check needs a limit of time, as 30s");
	return rc;
}

static const struct word {
	const char *name;
	int (*run)(struct conf *c);
	bool enabled;        /* only where backups are made */
	const char *options; /* those that it takes, each between blanks */
} word[] = {
	{ "backup", conf_backup, true, " message bak " },
	{ "list", conf_list, false, "" },
	{ "show", conf_show, false, " at " },
	{ "diff", conf_diff, false, " at " },
	{ "check", conf_check, false, "" },
	{ "restore", conf_restore, false, " at " },
	{ "edit", conf_edit, true, " as check check-after timeout " },
	{ "watch", conf_watch, true, "" },
};

/* One that says nothing to this word would be passed over in silence. */
static int check_options(struct conf *c, const char *what, const char *options)
{
	for (size_t i = 0; i < c->call->n_given; i++) {
		const char *name = c->call->given[i].option->name;
		char text[32];

		(void)snprintf(text, sizeof text, " %s ", name);
		if (!strstr(options, text))
			return c->host->error(c->host, SKP_EUSAGE, "'git sk conf %s' takes no --%s",
			                      what, name);
	}
	return 0;
}

static int run(struct skp_host *host, const struct skp_call *call)
{
	struct conf c = { .host = host, .call = call };
	const char *what = call->n_arg ? call->arg[0] : "list";
	int rc = settings(&c);

	for (size_t i = 0; !rc && i < sizeof word / sizeof *word; i++) {
		if (strcmp(what, word[i].name) != 0)
			continue;
		if (word[i].enabled && !host->enabled)
			return host->error(host, SKP_EREPO,
			                   "SafeKeep is not enabled here; run 'git sk init'");
		rc = check_options(&c, what, word[i].options);
		if (rc)
			return rc;
		conf_sweep(&c);
		conf_draft_sweep(&c);
		return word[i].run(&c);
	}
	return rc ? rc
	          : host->error(host, SKP_EUSAGE,
	                        "%s is not one of backup, list, show, diff, check, restore, edit, "
	                        "watch",
	                        host->name(host, what));
}

static int health(struct conf *c)
{
	struct conf_known *known = NULL;
	struct conf_paths patterns = { 0 };
	char text[128];
	size_t n = 0;
	int rc = conf_rest(c, SKP_AFTER_BACKUP | SKP_CYCLE | SKP_HEALTH);

	if (!rc)
		rc = conf_known(c, &known, &n);
	if (!rc)
		rc = conf_watch_patterns(c, &patterns);
	if (!rc && (n || patterns.n))
		rc = conf_wake(c);
	if (rc)
		return rc;
	(void)snprintf(text, sizeof text, "%zu files backed up, %zu watched patterns", n,
	               patterns.n);
	return c->host->check(c->host, "configuration_backups",
	                      n || patterns.n ? SKP_STATUS_OK : SKP_STATUS_OFF, text);
}

static int event(struct skp_host *host, const struct skp_event *event)
{
	struct conf c = { .host = host };
	int rc = settings(&c);

	if (rc)
		return rc;
	if (event->kind == SKP_HEALTH)
		return health(&c);
	if (event->kind == SKP_PRUNE)
		return conf_prune(&c, event->dry_run);
	rc = conf_rest(&c, SKP_AFTER_BACKUP | SKP_CYCLE);
	if (rc)
		return rc;
	conf_sweep(&c);
	return conf_watch_run(&c, EVENT_WAIT_MS);
}

static const char *const usage[] = { "backup [--bak] [-m WHY] FILE...",
	                             "[list] [FILE]",
	                             "show|diff FILE [--at TIME]",
	                             "check [FILE...]",
	                             "restore FILE... [--at TIME]",
	                             "edit [--as FORMAT] [--check CMD] [--check-after CMD] FILE",
	                             "watch [add|remove PATTERN...]",
	                             NULL };

static const char *const words[] = { "backup",  "list", "show",  "diff", "check",
	                             "restore", "edit", "watch", NULL };

static const struct skp_option options[] = {
	{ 'm', "message", "WHY", "backup: why" },
	{ 0, "bak", NULL, "backup: a copy FILE.YYYYMMDD_HHMMSS.bak beside it as well" },
	{ 'a', "at", "TIME", "a version's id, or a date: the newest not after it" },
	{ 0, "as", "FORMAT", "edit: ini, json, yaml, toml or none" },
	{ 0, "check", "CMD", "edit: has to succeed on the edited copy, {}" },
	{ 0, "check-after", "CMD", "edit: has to succeed with the file in place, {}" },
	{ 0, "timeout", "TIME", "edit: for each check (30s)" },
	{ 0, NULL, NULL, NULL }
};

static const char manual[] =
        "Keeps versions of configuration files, inside and outside of the working tree, whether "
        "git "
        "ignores them or not: content, mode, owner, extended attributes, access lists and time.  "
        "They are refs/sk/conf/work/WORKTREE/PATH@ID and refs/sk/conf/host/PATH@ID, stay on this "
        "machine unless a vault is told to take them, and can be read by git show REF:content.\n"
        "\n"
        "backup stores a version before you change a file; one that has not changed gets none.  Of "
        "a "
        "symbolic link the link and the file at its end are backed up.  Folders, devices, pipes "
        "and "
        "sockets are refused.  --bak makes a copy beside the file, with its owner and mode, and "
        "never "
        "over another one.\n"
        "\n"
        "restore takes the newest version that is not what is there already, or the one of --at.  "
        "It "
        "stores what is there first and replaces the file in one step, with all attributes.  "
        "No link is followed.  What only root could set (the owner, above all) is named, the exit "
        "status is 3, and then the mode gives nobody more than before.\n"
        "\n"
        "check names what differs from the newest version: content, mode, owner, group, xattr, "
        "kind, "
        "missing; the exit status is 1 then.\n"
        "\n"
        "edit runs the editor that git would use on a private copy, checks the copy, and makes it "
        "the "
        "file in one step with owner, mode and attributes kept.  INI, JSON, YAML and TOML are "
        "checked "
        "by the ending of the name or --as.  --check has to succeed on the copy, --check-after "
        "with "
        "the new file in place; when it fails or takes too long the old file comes back.  In these "
        "commands {} is the path; there is no shell.  When a check fails: e edits again, k keeps "
        "the "
        "old file, a applies it anyway; without a terminal the old one is kept.  What was typed "
        "and could not be applied, or whose check was interrupted, is kept for the next edit of "
        "the file on a terminal, for three days.\n"
        "\n"
        "watch saves patterns (* ? [] within a name, ** for any folders, a folder for all in it); "
        "after each backup and in each round of the service what changed of them is backed up.\n"
        "\n"
        "Settings, in the section [plugin \"config-backup\"]: max_size (16M), timeout (30s), "
        "keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly and max_per_day (as in "
        "[retention]), and any number of format_NAME = PATTERN FORMAT, check_NAME = PATTERN "
        "COMMAND "
        "and after_NAME = PATTERN COMMAND, with a pattern that is absolute or below the working "
        "tree: "
        "after_nginx = /etc/nginx nginx -t";

static const struct skp_command commands[] = {
	{ "conf", run, SKP_NEEDS_SAVED, SKP_TAKES_JSON | SKP_TAKES_NUL | SKP_TAKES_PATHS,
	  "versions of configuration files, and careful edits", usage, options, words, manual },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL }
};

const struct sk_plugin safekeep_plugin = {
	SK_PLUGIN_HEAD,
	SKP_PRIVATE,
	"config-backup",
	"1.0",
	"versions of configuration files, inside and outside of the repository",
	"conf",
	commands,
	SKP_AFTER_BACKUP | SKP_CYCLE | SKP_HEALTH | SKP_PRUNE,
	event
};
