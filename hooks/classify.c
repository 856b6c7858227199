#include "classify.h"

#include <string.h>

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool sk_is_git(const char *argv0)
{
	const char *name = base_name(argv0);

	return strcmp(name, "git") == 0 || begins(name, "git-");
}

/* "--output", "--outp=x": a long option may be shortened to any unique beginning. */
static bool is_long(const char *word, const char *name, size_t least)
{
	size_t n = strcspn(word, "=");

	return n >= least && n <= strlen(name) && strncmp(word, name, n) == 0;
}

/* A cluster of short options, "-nd", that holds `letter` before any letter of `takes_value`. */
static bool in_cluster(const char *word, char letter, const char *takes_value)
{
	if (word[0] != '-' || word[1] == '-')
		return false;
	for (word++; *word; word++) {
		if (*word == letter)
			return true;
		if (strchr(takes_value, *word))
			return false;
	}
	return false;
}

/* Number of words that a leading option of git itself takes, 0 when it is not one. */
static int leading_option(const char *word)
{
	static const char *const two[] = { "-C",
		                           "-c",
		                           "--git-dir",
		                           "--work-tree",
		                           "--namespace",
		                           "--super-prefix",
		                           "--config-env",
		                           "--attr-source",
		                           "--shallow-file",
		                           NULL };
	static const char *const one[] = { "-p",
		                           "--paginate",
		                           "-P",
		                           "--no-pager",
		                           "--no-replace-objects",
		                           "--no-lazy-fetch",
		                           "--no-optional-locks",
		                           "--no-advice",
		                           "--bare",
		                           "--literal-pathspecs",
		                           "--glob-pathspecs",
		                           "--noglob-pathspecs",
		                           "--icase-pathspecs",
		                           NULL };
	static const char *const with[] = { "--git-dir=",      "--work-tree=",  "--namespace=",
		                            "--super-prefix=", "--config-env=", "--attr-source=",
		                            "--exec-path=",    "--list-cmds=",  NULL };

	if (one_of(word, two))
		return 2;
	if (one_of(word, one))
		return 1;
	for (int i = 0; with[i]; i++)
		if (begins(word, with[i]))
			return 1;
	return 0;
}

/* Commands that never write to the working tree, whatever their options (but for --output). */
static const char *const readers[] = { "annotate",
	                               "blame",
	                               "cat-file",
	                               "check-attr",
	                               "check-ignore",
	                               "check-mailmap",
	                               "check-ref-format",
	                               "cherry",
	                               "column",
	                               "config",
	                               "count-objects",
	                               "describe",
	                               "diff",
	                               "diff-files",
	                               "diff-index",
	                               "diff-pairs",
	                               "diff-tree",
	                               "fmt-merge-msg",
	                               "for-each-ref",
	                               "fsck",
	                               "fsmonitor--daemon",
	                               "get-tar-commit-id",
	                               "grep",
	                               "hash-object",
	                               "help",
	                               "last-modified",
	                               "log",
	                               "ls-files",
	                               "ls-remote",
	                               "ls-tree",
	                               "merge-base",
	                               "name-rev",
	                               "patch-id",
	                               "range-diff",
	                               "rev-list",
	                               "rev-parse",
	                               "shortlog",
	                               "show",
	                               "show-branch",
	                               "show-index",
	                               "show-ref",
	                               "status",
	                               "stripspace",
	                               "var",
	                               "verify-commit",
	                               "verify-pack",
	                               "verify-tag",
	                               "version",
	                               "whatchanged",
	                               "write-tree",
	                               NULL };

/* The words after the command. */
struct words {
	int n;
	const char *const *w;
};

static bool any(struct words a, const char *const *list)
{
	for (int i = 0; i < a.n && strcmp(a.w[i], "--") != 0; i++)
		if (one_of(a.w[i], list))
			return true;
	return false;
}

static bool only(struct words a, const char *const *list)
{
	for (int i = 0; i < a.n; i++)
		if (!one_of(a.w[i], list))
			return false;
	return true;
}

static bool writes_output(struct words a)
{
	for (int i = 0; i < a.n && strcmp(a.w[i], "--") != 0; i++)
		if (is_long(a.w[i], "--output", 4))
			return true;
	return false;
}

static bool dry_run(struct words a, const char *takes_value, bool has_short)
{
	bool dry = false;

	for (int i = 0; i < a.n && strcmp(a.w[i], "--") != 0; i++) {
		if (is_long(a.w[i], "--no-dry-run", 5))
			return false;
		if (is_long(a.w[i], "--dry-run", 3) ||
		    (has_short && in_cluster(a.w[i], 'n', takes_value)))
			dry = true;
	}
	return dry;
}

/* `git branch` and `git tag` list when told so, or when given nothing to act on. */
static bool lists_refs(struct words a, bool tag)
{
	static const char *const plain[] = {
		"-a",       "-r",          "-v",        "-vv",           "-q",
		"--all",    "--remotes",   "--verbose", "--no-color",    "--color",
		"--column", "--no-column", "-i",        "--ignore-case", NULL
	};
	static const char *const listing[] = { "-l",          "--list",
		                               "--contains",  "--no-contains",
		                               "--merged",    "--no-merged",
		                               "--points-at", "--show-current",
		                               NULL };
	static const char *const acting[] = { "--delete",
		                              "--move",
		                              "--copy",
		                              "--force",
		                              "--create",
		                              "--set-upstream-to",
		                              "--unset-upstream",
		                              "--track",
		                              "--edit-description",
		                              NULL };
	bool list = only(a, plain);

	if (any(a, acting))
		return false;
	for (int i = 0; i < a.n; i++) {
		const char *w = a.w[i];

		for (int k = 0; listing[k]; k++)
			if (begins(w, listing[k]) && (w[0] != '-' || w[1] == '-' || !w[2]))
				list = true;
		if (w[0] == '-' && w[1] != '-' && strpbrk(w + 1, tag ? "dfFmsu" : "dDmMcCfut"))
			return false;
		if (tag && (begins(w, "-n") || strcmp(w, "-v") == 0))
			list = true;
	}
	return list;
}

static bool symbolic_ref_reads(struct words a)
{
	int names = 0;

	for (int i = 0; i < a.n; i++) {
		if (is_long(a.w[i], "--delete", 3) || in_cluster(a.w[i], 'd', "") ||
		    in_cluster(a.w[i], 'm', ""))
			return false;
		names += a.w[i][0] != '-';
	}
	return names <= 1;
}

struct sub {
	const char *command;
	const char *read[8]; /* words after it that make it read only; "" when it has none */
};

static const struct sub subs[] = {
	{ "bisect", { "log", "view", "visualize", "terms", NULL } },
	{ "bundle", { "list-heads", "verify", NULL } },
	{ "commit-graph", { "verify", NULL } },
	{ "lfs", { "env", "ls-files", "status", "version", NULL } },
	{ "multi-pack-index", { "verify", NULL } },
	{ "notes", { "", "get-ref", "list", "show", NULL } },
	{ "refs", { "exists", "list", "verify", NULL } },
	{ "remote", { "", "-v", "--verbose", "get-url", "show", NULL } },
	{ "repo", { "info", "structure", NULL } },
	{ "rerere", { "diff", "remaining", "status", NULL } },
	{ "sparse-checkout", { "check-rules", "list", NULL } },
	{ "stash", { "list", "show", NULL } },
	{ "submodule", { "", "status", "summary", NULL } },
	{ "submodule--helper", { "list", "status", "summary", NULL } }, /* what that one runs */
	{ "worktree", { "list", NULL } },
};

static bool reads(const char *command, struct words a)
{
	static const char *const reflog_writes[] = { "delete", "drop", "expire", "write", NULL };
	static const char *const apply_reads[] = { "--check", "--numstat", "--stat", "--summary",
		                                   NULL };
	static const char *const apply_writes[] = { "--apply", "--index", "--cached",
		                                    "-3",      "--3way",  NULL };
	static const char *const refresh[] = { "-q", "--refresh", "--unmerged", "--really-refresh",
		                               NULL };
	static const char *const to_stdout[] = { "--stdout", NULL };
	/* these are dry runs too: git-commit(1) */
	static const char *const commit_shows[] = { "--short", "--porcelain", "--long", NULL };
	static const char *const help[] = { "-h", "--help", "--help-all", NULL };

	if (a.n == 1 && one_of(a.w[0], help))
		return true;
	if (one_of(command, readers))
		return !writes_output(a);
	for (size_t i = 0; i < sizeof subs / sizeof *subs; i++)
		if (strcmp(command, subs[i].command) == 0)
			return one_of(a.n ? a.w[0] : "", subs[i].read) && !writes_output(a);
	if (strcmp(command, "branch") == 0)
		return lists_refs(a, false);
	if (strcmp(command, "tag") == 0)
		return lists_refs(a, true);
	if (strcmp(command, "reflog") == 0)
		return (!a.n || !one_of(a.w[0], reflog_writes)) && !writes_output(a);
	if (strcmp(command, "symbolic-ref") == 0)
		return symbolic_ref_reads(a);
	if (strcmp(command, "apply") == 0)
		return any(a, apply_reads) && !any(a, apply_writes);
	if (strcmp(command, "update-index") == 0)
		return a.n > 0 && only(a, refresh);
	if (strcmp(command, "clean") == 0)
		return dry_run(a, "e", true);
	if (strcmp(command, "add") == 0 || strcmp(command, "rm") == 0 || strcmp(command, "mv") == 0)
		return dry_run(a, "", true);
	if (strcmp(command, "commit") == 0)
		return dry_run(a, "", false) || any(a, commit_shows);
	if (strcmp(command, "format-patch") == 0)
		return any(a, to_stdout) && !writes_output(a);
	return false;
}

/* Number of the word that names the command; `argc` when there is none. */
static int find_command(int argc, const char *const *argv)
{
	int i = 1, n;

	if (argc > 0 && begins(base_name(argv[0]), "git-"))
		return 0;
	while (i < argc && (n = leading_option(argv[i])) > 0)
		i += n;
	return i < argc ? i : argc;
}

enum sk_command_class sk_classify(int argc, const char *const *argv, int *command)
{
	static const char *const info[] = { "-h",         "-v",          "--help",
		                            "--version",  "--exec-path", "--html-path",
		                            "--man-path", "--info-path", NULL };
	int at = find_command(argc, argv);
	const char *name;

	if (command)
		*command = at;
	if (argc <= 0 || !sk_is_git(argv[0]))
		return SK_MAY_CHANGE;
	if (at == argc)
		return SK_READ_ONLY; /* git alone prints its help */
	name = at == 0 ? base_name(argv[0]) + strlen("git-") : argv[at];
	if (at > 0 && (one_of(name, info) || begins(name, "--list-cmds=")))
		return SK_READ_ONLY;
	return reads(name, (struct words){ argc - at - 1, argv + at + 1 }) ? SK_READ_ONLY
	                                                                   : SK_MAY_CHANGE;
}

/* The label */

struct label {
	char *out;
	size_t len, cap;
	bool full;
};

static void put(struct label *l, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (l->len + 1 >= l->cap) {
			l->full = true;
			return;
		}
		l->out[l->len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
}

static bool needs_quotes(const char *text, size_t n)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                           "-_./:=@%+,^";

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x80 && !memchr(safe, text[i], sizeof safe - 1) &&
		    (text[i] != '~' || i == 0))
			return true;
	return false;
}

static void put_quoted(struct label *l, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\'')
			put(l, "'\\''", 4);
		else
			put(l, text + i, 1);
	}
}

/* One word: its first `head` bytes, "..." when `tail` is given, and the tail. */
static void put_word(struct label *l, const char *word, size_t head, const char *tail)
{
	bool quote = needs_quotes(word, head) || (tail && needs_quotes(tail, strlen(tail))) ||
	             (head == 0 && !tail);

	put(l, " '", quote ? 2 : 1);
	put_quoted(l, word, head);
	if (tail) {
		put(l, "...", 3);
		put_quoted(l, tail, strlen(tail));
	}
	put(l, "'", quote ? 1 : 0);
}

/* A word as it is, but for what stands before the "@" of an URL. */
static void put_plain(struct label *l, const char *word)
{
	const char *host = strstr(word, "://"), *at = NULL;

	if (host) {
		host += strlen("://");
		at = memrchr(host, '@', strcspn(host, "/?#"));
	}
	if (at)
		put_word(l, word, (size_t)(host - word), at);
	else
		put_word(l, word, strlen(word), NULL);
}

/* Whether the word carries a message or a setting: then its first `keep` bytes may be shown, and
 * with `next` the following word is the value. */
static bool secret(const char *word, const char *command, bool leading, size_t *keep, bool *next)
{
	/* where -m is --merge, --mainline, --move or the like */
	static const char *const no_message[] = { "am",        "branch", "checkout", "cherry-pick",
		                                  "read-tree", "rebase", "restore",  "revert",
		                                  "switch",    NULL };
	const char *eq = strchr(word, '=');

	*next = true;
	*keep = strlen(word);
	if (leading)
		return strcmp(word, "-c") == 0;
	if (is_long(word, "--message", 5) || is_long(word, "--file", 5)) {
		*next = !eq;
		*keep = eq ? (size_t)(eq - word) + 1 : *keep;
		return true;
	}
	if (word[0] != '-' || word[1] == '-' || !word[1] || one_of(command, no_message))
		return false;
	*keep = strcmp(command, "commit") == 0 ? strcspn(word, "mF") + 1 : 2;
	if (*keep > strlen(word) || !strchr("mF", word[*keep - 1]))
		return false;
	*next = word[*keep] == '\0';
	return true;
}

/* The value that follows: nothing of it, or of "core.editor=vi" the name. */
static void put_value(struct label *l, const char *value, bool setting)
{
	const char *eq = setting ? strchr(value, '=') : NULL;

	put_word(l, value, eq ? (size_t)(eq - value) + 1 : 0, "");
}

size_t sk_command_label(int argc, const char *const *argv, char *out, size_t cap)
{
	struct label l = { out, 0, cap, false };
	int command = find_command(argc, argv);
	const char *name = command > 0 && command < argc ? argv[command] : "";
	bool options = true, next;
	size_t keep;

	if (cap == 0)
		return 0;
	if (argc > 0)
		put(&l, base_name(argv[0]), strlen(base_name(argv[0])));
	if (argc > 0 && command == 0)
		name = base_name(argv[0]) + strlen("git-");
	for (int i = 1; i < argc && !l.full; i++) {
		options = options && strcmp(argv[i], "--") != 0;
		if (!options || !secret(argv[i], name, i < command, &keep, &next)) {
			put_plain(&l, argv[i]);
			continue;
		}
		put_word(&l, argv[i], keep, next ? NULL : "");
		if (next && ++i < argc)
			put_value(&l, argv[i], i < command);
	}
	/* cut between characters */
	while (l.full && l.len && ((unsigned char)out[l.len - 1] & 0xc0) == 0x80)
		l.len--;
	if (l.full && l.len && (unsigned char)out[l.len - 1] >= 0xc0)
		l.len--;
	out[l.len] = '\0';
	return l.len;
}
