/* plugin.c - `git sk flag`: the table of its words, its help and manual, and its events. */
#include <string.h>

#include "commands.h"

static const struct {
	const char *name;
	int (*run)(struct skp_host *host, const struct skp_call *call);
	const char *options; /* those that it takes, each between blanks */
} word[] = {
	{ "list", cmd_list, " in " },
	{ "get", cmd_get, " in type " },
	{ "eval", cmd_eval, " in explain " },
	{ "set", cmd_set, " in type env description owner expires issue permanent unset default " },
	{ "add", cmd_add, " type default env description owner expires issue permanent " },
	{ "remove", cmd_remove, " force " },
	{ "scan", cmd_scan, " staged " },
	{ "history", cmd_history, " max-count " },
	{ "export", cmd_export, " in format " },
	{ "run", cmd_run, " in " },
};

#define WORDS (sizeof word / sizeof *word)

static int flag(struct skp_host *host, const struct skp_call *call)
{
	const char *what = call->n_arg ? call->arg[0] : "list";
	struct skp_call as_list = *call;
	static const char *const list[] = { "list", NULL };
	size_t i = 0;

	while (i < WORDS && strcmp(word[i].name, what) != 0)
		i++;
	if (i == WORDS)
		return host->error(host, SKP_EUSAGE,
		                   "%s is not one of list, get, eval, set, add, remove, scan, "
		                   "history, export, run",
		                   host->name(host, what));
	for (size_t k = 0; k < call->n_given; k++) {
		const char *name = call->given[k].option->name;

		if (!strstr(word[i].options, fl_format(" %s ", name)))
			return host->error(host, SKP_EUSAGE, "'git sk flag %s' takes no --%s", what,
			                   name);
	}
	if (!call->n_arg) {
		as_list.arg = list;
		as_list.n_arg = 1;
	}
	return word[i].run(host, &as_list);
}

static int event(struct skp_host *host, const struct skp_event *e)
{
	int rests, rc = rest_try(host, e, &rests);

	if (rc || rests)
		return rc;
	return e->kind == SKP_BEFORE_COMMIT ? gate_commit(host, e) : health_check(host);
}

static const char *const usage[] = { "[list] [--in ENVIRONMENT]",
	                             "get NAME [--type TYPE] [--in ENVIRONMENT]",
	                             "eval NAME [--explain] [--in ENVIRONMENT]",
	                             "set NAME [VALUE [--in ENVIRONMENT]] [--KEY TEXT]... "
	                             "[--unset KEY]",
	                             "add NAME [--type TYPE] [--default VALUE] [--KEY TEXT]...",
	                             "remove NAME [--force]",
	                             "scan [NAME] [--staged]",
	                             "history [NAME [KEY]] [-n N]",
	                             "export [--format FORMAT] [--in ENVIRONMENT]",
	                             "run [--in ENVIRONMENT] -- COMMAND...",
	                             NULL };

static const char *const words[] = { "list", "get",     "eval",   "set", "add", "remove",
	                             "scan", "history", "export", "run", NULL };

static const struct skp_option options[] = {
	{ 'i', "in", "ENVIRONMENT", "the value for that environment (staging, production...)" },
	{ 't', "type", "TYPE",
	  "boolean, string, integer or float; get: anything else is an error" },
	{ 'd', "default", "VALUE", "add: its value (false)" },
	{ 0, "env", "VARIABLE", "add, set: the variable that overrides it; empty: none" },
	{ 0, "description", "TEXT", "add, set: what it is for" },
	{ 0, "owner", "WHO", "add, set: who is to be asked" },
	{ 0, "expires", "DATE", "add, set: when it should be gone, YYYY-MM-DD" },
	{ 0, "issue", "URL", "add, set: where its removal is planned" },
	{ 0, "permanent", NULL, "add, set: it is to stay: never stale" },
	{ 0, "unset", "KEY", "set: take that line out" },
	{ 'e', "explain", NULL, "eval: value, type, reason and source" },
	{ 'f', "format", "FORMAT", "export: env, json, c, python, flagd or openfeature" },
	{ 's', "staged", NULL, "scan: what is about to be committed" },
	{ 0, "force", NULL, "remove: although code still speaks of it" },
	{ 'n', "max-count", "N", "history: at most N" },
	{ 0, NULL, NULL, NULL }
};

static const char manual[] =
        "Feature flags live in flags.ini at the top of the working tree, a section for each, and "
        "go with the code through git. Each has a type and a default, and may have values for "
        "environments (default.staging = true), a variable, a description, an owner, the dates "
        "created and expires, the issue of its removal, and permanent = true.\n"
        "\n"
        "A value is the variable's when that is set and not empty; else that of the environment "
        "asked for by --in, SK_FLAG_ENVIRONMENT or the setting environment; else the default. "
        "Without env in the file the variable is the name in capitals: new-payment is "
        "NEW_PAYMENT. Booleans are true and false, in any casing; everything else, and a flag "
        "that is not there, is an error with exit code 2, never false. A flag that is written "
        "wrongly makes no other one unusable.\n"
        "\n"
        "add, set and remove save a backup before they change the file, keep its comments and "
        "order, and lose nothing when several of them run at once. Texts that have to be are put "
        "in quotes, as JSON has them. A value that begins with - stands after --.\n"
        "\n"
        "scan finds flags that no code speaks of, that expired, that did not change for "
        "stale_after (90d), and code that asks for flags that are not defined; exit code 1 when "
        "there is any of these. A flag is looked for under its name, its variable, "
        "FLAG_NAME, and its name as newPayment, NewPayment, new_payment, NEW_PAYMENT, "
        "new-payment and new.payment; one of a single word only in quotes, as $NAME, or after "
        "flags., features. or env. Texts for people (.md, .rst, CHANGELOG...) are not code, and "
        "exported files are left out.\n"
        "\n"
        "When a commit takes a flag out while what is staged still speaks of it, that is a "
        "finding of severity error: with [hooks] impact = block it stops the commit. So is that a "
        "new flag comes in the same commit that removes what it would switch back to: add first, "
        "remove in a later commit. With the setting replaces = warning it is told and stops "
        "nothing.\n"
        "\n"
        "export gives env (lines for a shell), json, c (a header) and python (a module that "
        "reads the variables itself), and flagd and openfeature for OpenFeature; the last three "
        "hold what the file says, the others what is in force now. history is who changed what "
        "when, from git alone. run sets the variables of all flags for a command; one flag that "
        "cannot be used, and it does not start.\n"
        "\n"
        "Settings in [plugin \"feature-flag\"]: file (flags.ini); environment; environments, those "
        "there are besides the file's; stale_after; replaces (error); exclude, patterns of git "
        "with commas between "
        "them; calls and env_calls, regular expressions whose group is the name of a flag or a "
        "variable that code asks for.";

static const struct skp_command commands[] = {
	{ "flag", flag, SKP_NEEDS_REPO, SKP_TAKES_JSON | SKP_TAKES_NUL | SKP_TAKES_PATHS,
	  "feature flags: values, changes, what is unused", usage, options, words, manual },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL }
};

const struct sk_plugin safekeep_plugin = {
	SK_PLUGIN_HEAD,
	0,
	"feature-flag",
	"1.0",
	"feature flags in the repository, with overrides by variables",
	"flag",
	commands,
	SKP_BEFORE_COMMIT | SKP_HEALTH,
	event
};
