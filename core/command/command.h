/* command.h - the commands of git-sk: one table drives them all.
 *
 * A command is found, its line parsed, its repository opened and its help printed from the table
 * alone; completion reads the same table, and a test holds the man page to it.  A command only
 * does its work: it returns 0 or an exit code of the public contract, and leaves the message to
 * sk_main, which prints it as "git sk: MESSAGE". */
#ifndef SK_COMMAND_COMMAND_H
#define SK_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "repo/repo.h"

/* Wherever a repository is needed, what a crash interrupted is finished first. */
enum sk_needs {
	SK_NEEDS_NOTHING, /* runs anywhere; `repo` is NULL */
	SK_NEEDS_REPO,    /* in a working tree */
	SK_NEEDS_SAVED,   /* where there is an entry, enabled or not any more */
	SK_NEEDS_ENABLED  /* where `git sk init` was run */
};

enum {                     /* what a command takes beside its own options */
       SK_TAKES_JSON = 1,  /* --json */
       SK_TAKES_NUL = 2,   /* -z */
       SK_TAKES_PATHS = 4, /* "--" ends the arguments, and paths (or a command) follow */
       SK_TAKES_GIT = 8    /* unknown options are git's: each is one word, and handed on */
};

struct sk_option {
	char key;         /* its letter, or 0 */
	const char *name; /* long name without dashes; NULL ends a list (a letter alone: "") */
	const char *arg;  /* what its value is called; NULL: it takes none */
	const char *help;
};

struct sk_call;

struct sk_command {
	const char *name;
	int (*run)(struct sk_call *call);
	enum sk_needs needs;
	unsigned takes;
	const char *summary;
	const char *const *usage; /* NULL-terminated; what follows "git sk NAME" */
	const struct sk_option *options;
};

struct sk_given {
	const struct sk_option *option;
	const char *value;
};

/* One parsed command line.  Strings are borrowed from argv. */
struct sk_call {
	const struct sk_command *command;
	struct sk_repo *repo;
	const char *color; /* as given, or NULL */
	bool json, nul, help, manual, quiet;
	struct sk_given *given; /* the command's own options, in order */
	size_t n_given;
	const char **arg; /* before "--" */
	size_t n_arg;
	const char **pass; /* options for git, as given */
	size_t n_pass;
	const char **path; /* after it; NULL-terminated */
	size_t n_path;
	bool dashes; /* "--" was there */
	size_t used; /* words of argv that were taken */
};

extern const struct sk_command sk_commands[]; /* ends with name == NULL */
extern const struct sk_option sk_common_options[];
const struct sk_command *sk_command_find(const char *name);
/* Whether the command takes that common option (json and z are not for all). */
bool sk_command_takes(const struct sk_command *command, const struct sk_option *common);

/* Takes words from argv.  Every -C changes the folder at once.  With `command` NULL: the options
 * before the command's name, up to the first word that is none.  SK_EUSAGE names the bad word. */
int sk_call_parse(const struct sk_command *command, const char *const *argv, size_t n,
                  struct sk_call *call);
void sk_call_clear(struct sk_call *call); /* the repository too */
bool sk_call_has(const struct sk_call *call, const char *option);
/* The last value given, or NULL. */
const char *sk_call_value(const struct sk_call *call, const char *option);
/* SK_EUSAGE unless the number of arguments is within the bounds. */
int sk_call_args(const struct sk_call *call, size_t min, size_t max);
/* The paths after "--", below the worktree's root. */
int sk_call_paths(const struct sk_call *call, struct sk_strv *out);
/* The words of the command line as Sk-Command keeps them: "git sk rollback @{1}". */
int sk_call_line(const struct sk_call *call, struct sk_buf *out);

/* Adds a word after a space, quoted where a shell would need it. */
int sk_add_word(struct sk_buf *out, const char *word);

void sk_help_all(void);
void sk_help_command(const struct sk_command *command);
/* For completion: the commands; or one command's options. */
int sk_complete_list(const char *command);
/* What a plugin's command may have as its first argument. */
int sk_complete_words(const char *command);

/* The whole program; returns its exit code. */
int sk_main(int argc, char **argv);
/* `git-sk --hook EVENT ARGS...`, called by git-sk-hook: always 0, whatever went wrong. */
int sk_hook_main(int argc, char **argv);
/* Whether "git sk undo" has anything to take back of a guarded command.  Not of one that tidies the
 * object database, which git also runs by itself, after the command that the user means: what
 * commits it could take away are kept, and files it does not touch. */
bool sk_hook_undoable(const char *command);
/* The same for one event in an open repository, with what became of it.  SK_EREFUSED is for a
 * pre-* event alone: git is to stop.  `index` (may be NULL): the index file that git is using.
 * `changed`: see struct sk_backup_opts; NULL: not known. */
int sk_hook_event(struct sk_repo *repo, const char *event, const char *index,
                  const struct sk_strv *changed);

int sk_cmd_init(struct sk_call *call);
int sk_cmd_uninit(struct sk_call *call);
int sk_cmd_backup(struct sk_call *call);
int sk_cmd_list(struct sk_call *call);
int sk_cmd_log(struct sk_call *call);
int sk_cmd_report(struct sk_call *call);
int sk_cmd_show(struct sk_call *call);
int sk_cmd_cat(struct sk_call *call);
/* cmd_diff.c: remembers the user's own `git -c`, before any repository is opened. */
void sk_diff_begin(void);
int sk_cmd_diff(struct sk_call *call);
int sk_cmd_restore(struct sk_call *call);
int sk_cmd_rollback(struct sk_call *call);
int sk_cmd_undo(struct sk_call *call);
int sk_cmd_revise(struct sk_call *call);
int sk_cmd_release(struct sk_call *call);
int sk_cmd_prune(struct sk_call *call);
int sk_cmd_verify(struct sk_call *call);
int sk_cmd_purge(struct sk_call *call);
int sk_cmd_trust(struct sk_call *call);
int sk_cmd_run(struct sk_call *call);
int sk_cmd_service(struct sk_call *call);
int sk_cmd_health(struct sk_call *call);
int sk_cmd_status(struct sk_call *call);
int sk_cmd_agent(struct sk_call *call);
/* For uninit: names the agents whose settings in this project still have our hooks. */
void sk_agent_remind(const struct sk_call *call);
int sk_cmd_impact(struct sk_call *call);
int sk_cmd_check(struct sk_call *call);
int sk_cmd_lint(struct sk_call *call);
int sk_cmd_plugin(struct sk_call *call);
int sk_cmd_vault(struct sk_call *call);

/* cmd_service.c: has the service run; *was_down: it had to be started. */
int sk_service_ensure(bool *was_down);
/* What init and uninit do about it.  `said` gets lines for people. */
int sk_service_after_init(struct sk_repo *repo, bool no_service, struct sk_strv *said);
void sk_service_after_uninit(const char *worktree);

#endif
