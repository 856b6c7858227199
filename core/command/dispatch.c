#include "command/command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/proc.h"
#include "base/text.h"
#include "command/complete.h"
#include "command/looks.h"
#include "command/manual.h"
#include "command/open.h"
#include "command/plugins.h"
#include "command/print.h"
#include "restore/restore.h"
#include "store/tidy.h"

/* After `uninit` the backups stay, and getting at them must not need an init first. */
static bool anything_saved(const struct sk_repo *repo)
{
	git_reference_iterator *it = NULL;
	const char *name;
	bool any = git_reference_iterator_glob_new(&it, repo->git, "refs/sk/*") == 0 &&
	           git_reference_next_name(&name, it) == 0;

	git_reference_iterator_free(it);
	return any;
}

int sk_open_repo(enum sk_needs needs, struct sk_repo **out)
{
	struct sk_buf words = SK_BUF_INIT;
	struct sk_repo *repo = NULL;
	bool did = false;
	int rc;

	rc = sk_repo_open(".", &repo);
	if (rc)
		return rc;
	if (!repo->enabled &&
	    (needs == SK_NEEDS_ENABLED || (needs == SK_NEEDS_SAVED && !anything_saved(repo))))
		rc = sk_error(SK_EREPO,
		              "SafeKeep is not enabled in %s; enable it with 'git sk init'",
		              sk_name(repo->worktree));
	/* also where it is not enabled any more: a crash may have come just before */
	if (!rc)
		rc = sk_restore_recover(repo, &did, &words);
	if (!rc && did)
		sk_note("%s", sk_buf_str(&words));
	sk_buf_clear(&words);
	if (!rc)
		rc = sk_tidy_locks(repo, &words);
	if (!rc && words.len)
		sk_note("removed %s, which was left by a command that is dead", words.ptr);
	sk_buf_free(&words);
	if (rc)
		sk_repo_close(repo);
	else
		*out = repo;
	return rc;
}

static int man_page(const struct sk_command *command)
{
	int rc = sk_manual_open(command ? command->name : NULL);
	const char *manual;

	if (rc != SK_ENO)
		return rc;
	sk_error_clear();
	if (!command) {
		sk_help_all();
		return 0;
	}
	/* somebody else's plugin: what its table says */
	sk_help_command(command);
	manual = sk_plugin_command_manual(command);
	if (manual)
		sk_outf("\n%s\n", manual);
	return 0;
}

static bool color_given; /* before the command's name */

static int run(const struct sk_command *command, const char *const *argv, size_t n, bool quiet)
{
	struct sk_call call;
	int rc = sk_call_parse(command, argv, n, &call);

	if (rc)
		return rc;
	sk_set_quiet(quiet || call.quiet);
	if (call.color)
		rc = sk_color_set(call.color);
	if (call.help) {
		sk_help_command(command);
		goto out;
	}
	if (call.manual) {
		rc = man_page(command);
		goto out;
	}
	if (!rc && command->needs != SK_NEEDS_NOTHING)
		rc = sk_open_repo(command->needs, &call.repo);
	if (!rc && call.repo)
		rc = sk_looks_load(call.repo, call.color || color_given);
	if (!rc)
		rc = command->run(&call);
	/* what failed says so itself; this is for one that forgot (`run` ends as its command did)
	 */
	if (rc == SK_EIO && !*sk_error_message() && command->run != sk_cmd_run)
		(void)sk_error(SK_EIO, "%s failed without saying why; memory may have run out",
		               command->name);
out:
	sk_call_clear(&call);
	return rc;
}

/* What stands before the command's name: `git sk -C DIR list`. */
static int run_line(const char *const *argv, size_t n)
{
	const struct sk_command *command;
	struct sk_call front;
	int rc;

	if (n && strcmp(argv[0], "--version") == 0) {
		sk_outf("git-sk version %s\n", SK_VERSION);
		return 0;
	}
	if (n && strcmp(argv[0], "--complete-line") == 0)
		return sk_complete_line(argv + 1, n - 1);
	if (n && strcmp(argv[0], "--complete-list") == 0)
		return sk_complete_list(n > 1 ? argv[1] : NULL);
	if (n && strcmp(argv[0], "--complete-words") == 0)
		return sk_complete_words(n > 1 ? argv[1] : NULL);
	rc = sk_call_parse(NULL, argv, n, &front);
	if (rc)
		return rc;
	color_given = front.color != NULL;
	if (front.color)
		rc = sk_color_set(front.color);
	if (!rc && front.manual) {
		rc = man_page(NULL);
		goto out;
	}
	if (rc || front.help || front.used == n) {
		if (!rc)
			sk_help_all();
		if (!rc && !front.help)
			rc = SK_EUSAGE;
		goto out;
	}
	command = sk_command_find(argv[front.used]);
	if (!command)
		command = sk_plugin_command_find(argv[front.used]);
	if (!command)
		rc = sk_plugin_command_unknown(argv[front.used]);
	else
		rc = run(command, argv + front.used + 1, n - front.used - 1, front.quiet);
out:
	sk_call_clear(&front);
	return rc;
}

/* Ends as every program does whose reader went away. */
static void die_quietly(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)raise(SIGPIPE);
}

int sk_main(int argc, char **argv)
{
	const char *const *words = (const char *const *)argv;
	const char *name = argc ? strrchr(argv[0], '/') : NULL;
	size_t n = argc ? (size_t)argc - 1 : 0;
	int rc, end;

	sk_out_begin();
	sk_diff_begin();
	sk_looks_begin();
	sk_plugin_commands_begin();
	if (n && strcmp(argv[1], "--hook") == 0)
		return sk_hook_main(argc - 2, argv + 2);
	(void)sk_color_set("auto");
	sk_error_clear();
	name = name ? name + 1 : argc ? argv[0] : "git-sk";
	if (strcmp(name, "git-sk-revise") == 0)
		rc = run(sk_command_find("revise"), words + 1, n, false);
	else
		rc = run_line(words + (argc ? 1 : 0), n);
	sk_progress_end();
	if (rc && *sk_error_message())
		sk_say("%s", sk_error_message());
	end = sk_out_end();
	if (end && sk_out_gone())
		die_quietly();
	if (end)
		sk_say("%s", sk_error_message());
	return end ? end : rc;
}
