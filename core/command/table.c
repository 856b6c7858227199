#include "command/command.h"

#include <string.h>

#define OPTIONS(...)                                                                               \
	(const struct sk_option[])                                                                 \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0, NULL, NULL, NULL                                                        \
		}                                                                                  \
	}
#define NO_OPTIONS                                                                                 \
	(const struct sk_option[])                                                                 \
	{                                                                                          \
		{                                                                                  \
			0, NULL, NULL, NULL                                                        \
		}                                                                                  \
	}
#define USAGE(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#define OPT_AT                                                                                     \
	{                                                                                          \
		0, "at", "TIME", "the newest state not after TIME, a date as git reads it"         \
	}
#define OPT_DRY                                                                                    \
	{                                                                                          \
		0, "dry-run", NULL, "say what would be done, and do nothing"                       \
	}
#define OPT_STAGED                                                                                 \
	{                                                                                          \
		0, "staged", NULL, "the staged state too"                                          \
	}
#define OPT_YES                                                                                    \
	{                                                                                          \
		'y', "yes", NULL, "do not ask"                                                     \
	}
#define OPT_SINCE                                                                                  \
	{                                                                                          \
		0, "since", "TIME", "only those made at TIME or later"                             \
	}
#define OPT_UNTIL                                                                                  \
	{                                                                                          \
		0, "until", "TIME", "only those made at TIME or earlier"                           \
	}

const struct sk_option sk_common_options[] = {
	{ 'C', "", "DIR", "work as if started in DIR" },
	{ 'q', "quiet", NULL, "no remarks on standard error" },
	{ 0, "json", NULL, "one JSON object instead of text" },
	{ 0, "color", "WHEN", "auto, always or never" },
	{ 'z', "", NULL, "names as they are, each ended by a NUL byte" },
	{ 'h', "", NULL, "this help" },
	{ 0, "help", NULL, "the manual page" },
	{ 0, NULL, NULL, NULL },
};

const struct sk_command sk_commands[] = {
	{ "init", sk_cmd_init, SK_NEEDS_REPO, SK_TAKES_JSON, "enable SafeKeep in this repository",
	  USAGE("[--no-guard] [--no-service] [--no-hooks]"),
	  OPTIONS({ 0, "no-guard", NULL, "do not save before git commands that overwrite files" },
	          { 0, "no-service", NULL, "do not use the background service" },
	          { 0, "no-hooks", NULL, "do not save on commit, checkout, merge and rebase" }) },
	{ "uninit", sk_cmd_uninit, SK_NEEDS_REPO, SK_TAKES_JSON,
	  "put every file and setting back as it was", USAGE("[--purge]"),
	  OPTIONS({ 0, "purge", NULL, "delete all backups, revisions and releases too" }) },
	{ "backup", sk_cmd_backup, SK_NEEDS_NOTHING, SK_TAKES_JSON, "save the present state",
	  USAGE("[-m MSG] [--if-due] [--all-repos]"),
	  OPTIONS({ 'm', "message", "MSG", "title of the backup" },
	          { 0, "if-due", NULL, "only when the newest one is older than backup.interval" },
	          { 0, "all-repos", NULL, "in every repository where SafeKeep is enabled" }) },
	{ "list", sk_cmd_list, SK_NEEDS_SAVED, SK_TAKES_JSON | SK_TAKES_NUL | SK_TAKES_PATHS,
	  "what can be brought back, newest first",
	  USAGE("[backups|revisions|releases|commits|all] [--since TIME] [--until TIME] [-n N] "
	        "[--session SESSION] [--all] [--all-worktrees] [-- PATH...]"),
	  OPTIONS(OPT_SINCE, OPT_UNTIL, { 'n', "max-count", "N", "at most N" },
	          { 0, "session", "SESSION", "only the steps of that session of an agent" },
	          { 0, "all", NULL, "commits: also those that are not lost" },
	          { 0, "all-worktrees", NULL, "those of linked worktrees too" }) },
	{ "log", sk_cmd_log, SK_NEEDS_SAVED, SK_TAKES_JSON,
	  "backups, commits and conversations in the order of time",
	  USAGE("[--graph] [--since TIME] [--until TIME] [-n N] [--branch BRANCH] "
	        "[--all-worktrees]"),
	  OPTIONS({ 0, "graph", NULL, "which commit each backup was made on, as a graph" },
	          OPT_SINCE, OPT_UNTIL, { 'n', "max-count", "N", "at most N" },
	          { 0, "branch", "BRANCH", "only what was made on BRANCH" },
	          { 0, "all-worktrees", NULL, "what was made in linked worktrees too" }) },
	{ "report", sk_cmd_report, SK_NEEDS_SAVED, 0,
	  "all that happened, and how things stand, as one page for a browser",
	  USAGE("--html FILE [-n N] [--since REV]"),
	  OPTIONS({ 0, "html", "FILE", "where the page goes; -: standard output" },
	          { 'n', "max-count", "N", "at most N events (1000); 0: all" },
	          { 0, "since", "REV", "show the impact of what changed since REV (HEAD)" }) },
	{ "show", sk_cmd_show, SK_NEEDS_SAVED, SK_TAKES_JSON | SK_TAKES_NUL,
	  "all about one entry, or a file or folder in it", USAGE("ID [PATH]"), NO_OPTIONS },
	{ "diff", sk_cmd_diff, SK_NEEDS_SAVED, SK_TAKES_JSON | SK_TAKES_PATHS | SK_TAKES_GIT,
	  "what changed since the newest, since ID, or between two",
	  USAGE("[ID [ID]] [--stat] [--difftool] [GIT-OPTION...] [-- PATH...]"),
	  OPTIONS({ 0, "stat", NULL, "only how much changed in each file" },
	          { 0, "difftool", NULL, "in the program that git difftool uses" }) },
	{ "cat", sk_cmd_cat, SK_NEEDS_SAVED, 0, "a file as it was, on standard output",
	  USAGE("ID PATH"), NO_OPTIONS },
	{ "restore", sk_cmd_restore, SK_NEEDS_SAVED, SK_TAKES_JSON | SK_TAKES_PATHS,
	  "bring some files or folders back",
	  USAGE("[ID|--at TIME|--interactive] [--dry-run] [--staged] -- PATH...",
	        "--commit COMMIT|NAME [--branch BRANCH] [--dry-run]"),
	  OPTIONS(OPT_AT, { 'i', "interactive", NULL, "choose from a list" }, OPT_DRY, OPT_STAGED,
	          { 0, "commit", "COMMIT", "a lost commit, or what branch, tag or stash had it" },
	          { 0, "branch", "BRANCH", "the new branch for it (recovered/NAME)" }) },
	{ "rollback", sk_cmd_rollback, SK_NEEDS_SAVED, SK_TAKES_JSON,
	  "bring everything back; without ID: choose from a list",
	  USAGE("[ID|--at TIME] [--prompt PROMPT] [--session SESSION] [--yes] [--dry-run] "
	        "[--staged] "
	        "[--head]"),
	  OPTIONS(OPT_AT,
	          { 0, "prompt", "PROMPT",
	            "the state before what an agent was told: its number, or words of it" },
	          { 0, "session", "SESSION",
	            "in that session of an agent; alone: before all of it" },
	          OPT_YES, OPT_DRY, OPT_STAGED,
	          { 0, "head", NULL, "HEAD and the branch it was on too" }) },
	{ "undo", sk_cmd_undo, SK_NEEDS_SAVED, SK_TAKES_JSON,
	  "take back the last restore, rollback, run or guarded git command",
	  USAGE("[--yes] [--dry-run]"), OPTIONS(OPT_YES, OPT_DRY) },
	{ "revise", sk_cmd_revise, SK_NEEDS_ENABLED, SK_TAKES_JSON | SK_TAKES_NUL,
	  "save the present state under a name, for good",
	  USAGE("[--stable|--pre] [NAME [DESCRIPTION]]", "--list", "--delete ID"),
	  OPTIONS({ 0, "stable", NULL, "the name begins with Stable_: a state known to be good" },
	          { 0, "pre", NULL, "the name begins with Pre_: a state before a risky change" },
	          { 0, "list", NULL, "the revisions, newest first" },
	          { 0, "delete", "ID", "delete one revision" }) },
	{ "release", sk_cmd_release, SK_NEEDS_ENABLED, SK_TAKES_JSON | SK_TAKES_NUL,
	  "a clean repository of one commit, ready to be pushed",
	  USAGE("[VERSION] [--from HEAD|worktree|ID] [--out DIR] [--include PATTERN]... "
	        "[--exclude PATTERN]... [--dry-run]"),
	  OPTIONS({ 0, "from", "SOURCE", "HEAD, worktree, a backup, a revision or a commit" },
	          { 0, "out", "DIR", "the new repository (PROJECT-VERSION beside this one)" },
	          { 0, "include", "PATTERN", "only these, instead of the setting's" },
	          { 0, "exclude", "PATTERN", "not these either" }, OPT_DRY) },
	{ "prune", sk_cmd_prune, SK_NEEDS_ENABLED, SK_TAKES_JSON,
	  "delete the backups that the retention rules let go", USAGE("[--dry-run]"),
	  OPTIONS(OPT_DRY) },
	{ "verify", sk_cmd_verify, SK_NEEDS_SAVED, SK_TAKES_JSON,
	  "read all that is stored, name what is damaged, and mend it",
	  USAGE("[ID...]", "--repair [--from DIR]..."),
	  OPTIONS({ 0, "repair", NULL, "mend from the vaults and the working tree what can be" },
	          { 0, "from", "DIR", "and from this repository" }) },
	{ "purge", sk_cmd_purge, SK_NEEDS_SAVED, SK_TAKES_JSON,
	  "take files, contents or secrets out of all that is stored, for good",
	  USAGE("[--path PATH]... [--blob OID]... [--secrets] [--vault] [--dry-run] [--yes]"),
	  OPTIONS({ 0, "path", "PATH", "what lies at PATH or below, or matches it as a pattern" },
	          { 0, "blob", "OID", "the file content of that id, or that begins so" },
	          { 0, "secrets", NULL, "every file content with a secret in it" },
	          { 0, "vault", NULL, "out of the vaults too" }, OPT_DRY, OPT_YES) },
	{ "run", sk_cmd_run, SK_NEEDS_ENABLED, SK_TAKES_PATHS,
	  "run a command between two backups, so that it can be undone", USAGE("-- CMD..."),
	  NO_OPTIONS },
	{ "agent", sk_cmd_agent, SK_NEEDS_NOTHING, SK_TAKES_JSON,
	  "make each step of an agent (claude, codex, gemini) one that can be taken back",
	  USAGE("install claude|codex|gemini|generic [--user|--project|--local]",
	        "remove claude|codex|gemini [--user|--project|--local]", "list"),
	  OPTIONS({ 0, "user", NULL, "in your own settings of the tool: for all repositories" },
	          { 0, "project", NULL, "in the project's, which all who work at it share" },
	          { 0, "local", NULL, "in the project's that are yours alone (claude)" }) },
	{ "impact", sk_cmd_impact, SK_NEEDS_REPO, SK_TAKES_JSON,
	  "which files, components and tests a change may affect",
	  USAGE("[FILE...|--staged|--since REV] [--depth N] [-n N] [--format text|json|dot|html]",
	        "--why FILE [--staged|--since REV]", "--unresolved"),
	  OPTIONS({ 0, "staged", NULL, "what is staged for the next commit" },
	          { 0, "since", "REV", "what differs from commit REV" },
	          { 0, "depth", "N", "follow at most N steps" },
	          { 'n', "max-count", "N", "show at most N files in text (10), 0: all" },
	          { 0, "format", "FORMAT", "text, json, dot or html" },
	          { 0, "why", "FILE", "the shortest way from FILE to a changed file" },
	          { 0, "unresolved", NULL, "list what could not be told, in the whole project" }) },
	{ "check", sk_cmd_check, SK_NEEDS_ENABLED, SK_TAKES_JSON,
	  "before changing a component: save a revision, say what depends on it",
	  USAGE("COMPONENT [FILE...]"), NO_OPTIONS },
	{ "lint", sk_cmd_lint, SK_NEEDS_REPO, SK_TAKES_JSON,
	  "secrets, unsafe migrations, and code removed while it is used",
	  USAGE("[--staged|--since REV] [--format text|json|sarif]"),
	  OPTIONS({ 0, "staged", NULL, "what the next commit would have" },
	          { 0, "since", "REV", "the commits since REV, as one and each by itself" },
	          { 0, "format", "FORMAT", "text, json or sarif" }) },
	{ "status", sk_cmd_status, SK_NEEDS_REPO, SK_TAKES_JSON,
	  "am I protected, since when, how far back, what is wrong", USAGE(""), NO_OPTIONS },
	{ "health", sk_cmd_health, SK_NEEDS_ENABLED, SK_TAKES_JSON,
	  "check everything that protects the work, one line each", USAGE("[--fix]"),
	  OPTIONS({ 0, "fix", NULL, "mend what can be mended without touching data" }) },
	{ "service", sk_cmd_service, SK_NEEDS_NOTHING, SK_TAKES_JSON,
	  "the background service that watches, saves and answers git",
	  USAGE("start|stop|status|run|install", "ensure [--cron]"),
	  OPTIONS({ 0, "cron", NULL, "a line for crontab(5) that keeps it running" }) },
	{ "plugin", sk_cmd_plugin, SK_NEEDS_NOTHING, SK_TAKES_JSON,
	  "the plugins: what each adds, and which are left out and why",
	  USAGE("list", "show NAME [--man]"),
	  OPTIONS({ 0, "man", NULL, "show: a manual page, for man -l -" }) },
	{ "vault", sk_cmd_vault, SK_NEEDS_NOTHING, SK_TAKES_JSON,
	  "a second copy of all backups and branches, on another disk or machine",
	  USAGE("add NAME URL [--auto on|off|TIME] [--private] [--tags]", "list", "push [NAME]",
	        "fetch [NAME] [--host PART] [--private]", "remove NAME",
	        "clone URL DIR [--host PART] [--worktree NAME] [--private]"),
	  OPTIONS({ 0, "auto", "WHEN",
	            "when the service pushes: on (by [vault] interval), off, or a time" },
	          { 0, "private", NULL, "what plugins keep for themselves (chats, settings) too" },
	          { 0, "tags", NULL, "tags too; branches always are" },
	          { 0, "host", "PART",
	            "of that machine or repository, as 'vault list' and clone name it" },
	          { 0, "worktree", "NAME", "as that linked worktree was, not the main one" }) },
	{ "trust", sk_cmd_trust, SK_NEEDS_ENABLED, SK_TAKES_JSON,
	  "accept the project's own .safekeep.ini as it is now", USAGE("[--yes]", "--revoke"),
	  OPTIONS(OPT_YES, { 0, "revoke", NULL, "accept none of its versions any more" }) },
	{ NULL, NULL, SK_NEEDS_NOTHING, 0, NULL, NULL, NULL },
};

const struct sk_command *sk_command_find(const char *name)
{
	for (const struct sk_command *c = sk_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

bool sk_command_takes(const struct sk_command *command, const struct sk_option *common)
{
	if (strcmp(common->name, "json") == 0)
		return command && (command->takes & SK_TAKES_JSON);
	if (common->key == 'z')
		return command && (command->takes & SK_TAKES_NUL);
	return true;
}
