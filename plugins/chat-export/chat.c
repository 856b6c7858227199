/* chat.c - the plugin: conversations with coding tools, archived beside the code they led to. */
#include <string.h>

#include "commands.h"

static const struct {
	const char *name;
	int (*run)(struct skp_host *host, const struct skp_call *call);
} words[] = {
	{ "list", chat_cmd_list },     { "sync", chat_cmd_sync },     { "show", chat_cmd_show },
	{ "export", chat_cmd_export }, { "filter", chat_cmd_filter }, { "for", chat_cmd_for },
	{ "purge", chat_cmd_purge },
};

static int chat(struct skp_host *host, const struct skp_call *call)
{
	const char *word = call->n_arg ? call->arg[0] : "list";

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i].name) == 0)
			return words[i].run(host, call);
	return host->error(host, SKP_EUSAGE,
	                   "%s is not one of sync, list, show, export, filter, for, purge",
	                   host->name(host, word));
}

static int event(struct skp_host *host, const struct skp_event *e)
{
	if (e->kind == SKP_HEALTH)
		return chat_on_health(host);
	if (e->kind == SKP_PRUNE)
		return chat_on_prune(host, e);
	return chat_on_cycle(host, e);
}

static const char *const usage[] = {
	"sync",
	"[list] [--since TIME] [--until TIME] [--tool TOOL] [-n N]",
	"show [SESSION] [--tools|--raw] [--format FORMAT]",
	"export [SESSION|--all|--day DAY] [--output FILE|--dir DIR] [--format FORMAT]",
	"filter --topic RE [--output FILE] [--format FORMAT]",
	"for COMMIT|ID|SESSION",
	"purge SESSION|--before TIME|--match RE [--dry-run] [--yes]",
	NULL
};

static const char *const completed[] = { "sync",   "list", "show",  "export",
	                                 "filter", "for",  "purge", NULL };

static const struct skp_option options[] = {
	{ 0, "since", "TIME", "sessions that went on after it" },
	{ 0, "until", "TIME", "sessions that began before it" },
	{ 0, "tool", "TOOL", "of claude, codex, gemini, aider..." },
	{ 'n', "max-count", "N", "list: at most N" },
	{ 0, "tools", NULL, "with what tools did, thinking and subagents" },
	{ 0, "raw", NULL, "show: the tool's own records" },
	{ 0, "format", "FORMAT", "text, md, json or jsonl" },
	{ 0, "all", NULL, "export: all sessions" },
	{ 0, "day", "DAY", "what was said on that day" },
	{ 'o', "output", "FILE", "write into this file" },
	{ 0, "dir", "DIR", "export: a file for each session there" },
	{ 0, "topic", "RE", "filter: what it has to be about" },
	{ 0, "before", "TIME", "purge: all days before it" },
	{ 0, "match", "RE", "purge: lines with it" },
	{ 0, "dry-run", NULL, "purge: only say what would go" },
	{ 'y', "yes", NULL, "purge: do not ask" },
	{ 0, NULL, NULL, NULL }
};

static const char manual[] =
        "Conversations with coding tools are kept in files that the tools delete after a while "
        "(Claude Code after 30 days). This command archives those about this repository: of all "
        "its worktrees, removed ones included, and of no other folder. Claude Code, Codex CLI, "
        "Gemini CLI, Aider, SpecStory, Copilot Chat, Cursor, opencode and exports of ChatGPT are "
        "known. A tool that is not used here is no error.\n"
        "\n"
        "'sync' takes in what is new. It also happens in each round of the service and before "
        "each commit, so that what led to a commit is archived first; there it takes half of "
        "plugins.timeout at most, a second, and goes on later. A log that did not change costs one "
        "stat; of one that grew "
        "the end is read; one that was truncated, replaced or written anew is read whole, and "
        "what the archive had stays.\n"
        "\n"
        "The archive is refs/sk/chat/archive. For each day it has the raw logs (2026-11/23/raw) "
        "and the cleaned ones (2026-11/23/log): what was said, a JSON line each, with the raw "
        "log, line and byte offset that it came from. A day is one of the local calendar (TZ). "
        "A raw line that is dated before the one above it stays on that one's day. Of what "
        "tools did the cleaned log has the first 2000 bytes, the raw log everything.\n"
        "\n"
        "Before anything is stored, secrets are replaced by [REDACTED:kind] and images by their "
        "type, size and hash. When the rules for secrets cannot be loaded, nothing is stored "
        "(exit code 13). The archive is private: it is in no vault or copy unless you say so.\n"
        "\n"
        "SESSION is an id, the beginning of one, or 'latest', which is what is meant without "
        "one. 'show' and 'export' give what you and the assistant said; --tools adds what tools "
        "did, thinking, subagents and what you took back. 'filter' gives whole exchanges in "
        "which RE (a Perl-like pattern, small and capital letters alike) is found, each with "
        "day, session and raw line. 'export' and 'filter' warn when the file is in the working "
        "tree, where an agent would read it back.\n"
        "\n"
        "'for' names the conversations that led to a commit or a backup, best first, and why: "
        "what was said between the one before it and this one, which of its files tools wrote, "
        "and the branch; when nothing in between wrote them, those of the week before that did. "
        "Of a session it names what was committed and backed up while it went on, or within "
        "five minutes after it.\n"
        "\n"
        "'purge' takes a session, whole days or single lines out of the archive. What was purged "
        "is remembered by a hash and not archived again, though the tool's own log still has "
        "it. Objects that no ref has any more are taken away by git gc.\n"
        "\n"
        "Settings, in [plugin \"chat-export\"]: 'tools' (all), the tools to look for; 'logs', "
        "further log files, absolute paths apart by commas, each with TOOL: before it where it "
        "is no plain log; 'max_size' (2G, of text before it is compressed): beyond it the raw "
        "logs of the oldest days are dropped, then their cleaned ones, which is said, as is "
        "from 80 % on that it is near; 'keep' (never), how long days are kept; 'warn_before' "
        "(5d), how long before a tool deletes a log that is not archived 'git sk status' and "
        "'git sk health' warn.";

static const struct skp_command commands[] = {
	{ "chat", chat, SKP_NEEDS_ENABLED, SKP_TAKES_JSON,
	  "archive conversations with coding tools, find the one behind a change", usage, options,
	  completed, manual },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL }
};

const struct sk_plugin safekeep_plugin = { SK_PLUGIN_HEAD,
	                                   SKP_PRIVATE,
	                                   "chat-export",
	                                   "1.0",
	                                   "archives conversations with coding tools",
	                                   "chat",
	                                   commands,
	                                   SKP_CYCLE | SKP_BEFORE_COMMIT | SKP_HEALTH | SKP_PRUNE,
	                                   event };
