#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/step.h"
#include "base/error.h"
#include "base/proc.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/gate.h"
#include "command/plugins.h"
#include "hooks/install.h"
#include "restore/restore.h"
#include "store/keep.h"

#define LOCK_WAIT 5 /* seconds: git stands still meanwhile */

/* Without /proc the event alone tells. */
static const struct {
	const char *event, *command;
} usual[] = {
	{ "pre-commit", "git commit" },      { "post-commit", "git commit" },
	{ "pre-merge-commit", "git merge" }, { "post-merge", "git merge" },
	{ "post-checkout", "git checkout" }, { "pre-rebase", "git rebase" },
	{ "pre-applypatch", "git am" },      { "post-rewrite", "git rewriting commits" },
};

static const char *command_of(const char *event)
{
	const char *given = getenv("SK_HOOK_COMMAND");

	if (given && *given)
		return given;
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (strcmp(usual[i].event, event) == 0)
			return usual[i].command;
	return "a git command";
}

bool sk_hook_undoable(const char *command)
{
	static const char *const tidy[] = { "gc", "maintenance", "prune", "repack", "pack-refs" };

	if (strncmp(command, "git ", 4) != 0)
		return true;
	for (size_t i = 0; i < sizeof tidy / sizeof *tidy; i++) {
		size_t n = strlen(tidy[i]);

		if (strncmp(command + 4, tidy[i], n) == 0 &&
		    (command[4 + n] == '\0' || command[4 + n] == ' '))
			return false;
	}
	return true;
}

static int record_undo(const struct sk_repo *repo, char *title, char *id)
{
	struct sk_undo undo = {
		.operation = title, .safety_id = id, .when = sk_now(), .staged = true
	};

	return sk_undo_push(repo, &undo);
}

/* A manager that was installed since may have put our hooks aside. */
static void repair(struct sk_repo *repo)
{
	struct sk_strv problems = SK_STRV_INIT, said = SK_STRV_INIT;
	int rc;

	if (sk_install_seen(repo))
		return;
	rc = sk_install_check(repo, &problems);
	if (!rc && problems.n)
		rc = sk_install(repo, 0, &said);
	sk_strv_free(&problems);
	if (rc)
		sk_warn("hooks are not in place: %s", sk_error_message());
	else
		sk_install_note_seen(repo);
	sk_strv_free(&said);
}

static int on_event(struct sk_repo *repo, const char *event, const struct sk_strv *changed)
{
	struct sk_backup_opts opts = {
		.kind = SK_BACKUP, .trigger = event, .wait_seconds = LOCK_WAIT, .changed = changed
	};
	bool guard = strcmp(event, "guard") == 0, after = strncmp(event, "post-", 5) == 0;
	const char *command = command_of(event);
	struct sk_backup_result r = { 0 };
	struct sk_buf title = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&title, "%s %s", after ? "after" : "before", command);
	rc = sk_buf_ok(&title);
	if (rc)
		return rc;
	opts.title = title.ptr;
	opts.command = command;
	opts.label = !after;
	rc = sk_backup(repo, &opts, &r);
	if (rc == SK_EPARTIAL)
		rc = 0; /* kept with the backup; said by show and status */
	/* in the middle of a command is not where its undo goes */
	if (!rc && guard && r.entry && !getenv("SK_HOOK_AGAIN") && sk_hook_undoable(command))
		rc = record_undo(repo, title.ptr, r.entry->id);
	sk_backup_result_clear(&r);
	sk_buf_free(&title);
	if (!rc && (guard || strcmp(event, "pre-commit") == 0))
		repair(repo);
	return rc;
}

int sk_hook_event(struct sk_repo *repo, const char *event, const char *index,
                  const struct sk_strv *changed)
{
	int rc, refused;

	if (strcmp(event, "tips") == 0)
		return sk_keep_record(repo, sk_now());
	if (strcmp(event, "agent") == 0)
		return sk_agent_step(repo, getenv("SK_HOOK_COMMAND") ?: "", changed);
	rc = strcmp(event, "post-commit") == 0 ? 0 : on_event(repo, event, changed);
	if (rc == SK_EREFUSED)
		rc = SK_EIO; /* a backup that is refused does not stop git */
	refused = sk_plugins_git_event(repo, event, command_of(event), index);
	return refused ? refused : rc;
}

/* The index file that git uses, when it is another than the working tree's own. */
static const char *other_index(const struct sk_repo *repo)
{
	const char *index = repo->given_index;
	char *own = NULL;

	if (index && (sk_repo_index_path(repo, &own) || strcmp(own, index) == 0))
		index = NULL;
	free(own);
	return index;
}

int sk_hook_main(int argc, char **argv)
{
	struct sk_repo *repo = NULL;
	bool impact, refused;
	int rc, failed = 0; /* 1 is for the client alone, which never fails git for it */

	if (argc < 1)
		return 0;
	(void)signal(SIGPIPE, SIG_IGN);
	rc = sk_repo_open(".", &repo);
	/* git's variables led us here; to whatever we start they would only be in the way */
	sk_clear_git_env();
	if (rc == SK_EREPO || rc == SK_EKIND || (!rc && !repo->enabled))
		goto out;
	if (!rc && strcmp(argv[0], "commit-msg") == 0) {
		failed = argc > 1 ? sk_gate_message(repo, argv[1]) : 0;
		goto out;
	}
	impact = strcmp(argv[0], "impact") == 0;
	if (!rc && !impact)
		rc = sk_hook_event(repo, argv[0], other_index(repo), NULL);
	/* a repository that is not opened is no reason to stop git, whatever the reason */
	refused = repo && rc == SK_EREFUSED;
	if (refused)
		sk_note("%s", sk_error_message());
	else if (rc)
		sk_warn("no backup was made for %s: %s", command_of(argv[0]), sk_error_message());
	failed = refused ? rc : rc != 0;
	if (repo)
		sk_gate_note(repo);
	if (repo && (impact || strcmp(argv[0], "pre-commit") == 0))
		sk_gate_summary(repo, failed);
out:
	sk_repo_close(repo);
	return failed;
}
