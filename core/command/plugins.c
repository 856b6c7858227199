#include "command/plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "command/open.h"
#include "command/print.h"
#include "plugin/plugin.h"
#include "repo/git.h"

_Static_assert((int)SKP_NEEDS_REPO == SK_NEEDS_REPO && (int)SKP_NEEDS_SAVED == SK_NEEDS_SAVED &&
                       (int)SKP_NEEDS_ENABLED == SK_NEEDS_ENABLED &&
                       (int)SKP_TAKES_JSON == SK_TAKES_JSON && (int)SKP_TAKES_NUL == SK_TAKES_NUL &&
                       (int)SKP_TAKES_PATHS == SK_TAKES_PATHS,
               "the public header's numbers are ours");

/* Looked for once, when one is asked for; kept until the end. */
static struct {
	bool done;
	struct sk_plugins plugins;
	struct sk_command *command; /* ends with name NULL */
	const struct skp_command **source;
	size_t n;
} known;

static const struct sk_command no_commands[1];

static bool is_command(const char *name)
{
	return sk_command_find(name) != NULL;
}

static bool is_option(char key, const char *name)
{
	for (const struct sk_option *o = sk_common_options; o->name; o++)
		if ((key && o->key == key) || (*o->name && strcmp(o->name, name) == 0))
			return true;
	return false;
}

static const struct sk_plugin_io io = {
	.is_command = is_command,
	.is_option = is_option,
	.out = sk_out,
	.out_json = sk_out_json,
	.out_terminal = sk_out_terminal,
	.out_flush = sk_out_flush,
	.out_end = sk_out_end,
	.pager = sk_pager_start,
	.confirm = sk_confirm,
	.ask = sk_ask_line,
	.git_line = sk_git_line,
};

void sk_plugin_commands_begin(void)
{
	sk_plugins_use(&io);
}

/* Commands */

static int given_numbers(const struct sk_call *call, struct sk_plugin_call *out)
{
	out->given = calloc(call->n_given + 1, sizeof *out->given);
	if (!out->given)
		return sk_error_oom();
	for (size_t i = 0; i < call->n_given; i++) {
		out->given[i].option = (size_t)(call->given[i].option - call->command->options);
		out->given[i].value = call->given[i].value;
	}
	out->n_given = call->n_given;
	return 0;
}

/* With `-C` after the command's name it may be another repository than where it was looked up. */
static int run_there(struct sk_call *call, const struct sk_config *config)
{
	struct sk_plugin_call parsed = { .arg = call->arg,
		                         .n_arg = call->n_arg,
		                         .path = call->path,
		                         .n_path = call->n_path,
		                         .dashes = call->dashes,
		                         .json = call->json,
		                         .nul = call->nul };
	struct sk_plugins here = { 0 };
	const struct sk_plugin_info *info;
	int rc = sk_plugins_open(config, 0, &here);

	if (rc)
		return rc;
	info = sk_plugins_command(&here, call->command->name, &parsed.command);
	if (!info)
		rc = sk_error(SK_EUSAGE, "%s is not a command here; see 'git sk plugin list'",
		              call->command->name);
	if (!rc)
		rc = given_numbers(call, &parsed);
	if (!rc)
		rc = sk_plugin_run(info, call->repo, config, &parsed);
	free(parsed.given);
	sk_plugins_close(&here);
	return rc;
}

static int run(struct sk_call *call)
{
	struct sk_config *config = NULL;
	int rc = 0;

	/* one that needs no repository takes the one it stands in, if there is one */
	if (!call->repo && sk_open_repo(SK_NEEDS_REPO, &call->repo) == SK_EREPO)
		sk_error_clear();
	if (!call->repo)
		rc = sk_config_user(&config);
	if (!rc)
		rc = run_there(call, call->repo ? call->repo->config : config);
	sk_config_free(config);
	return rc;
}

static struct sk_option *options_of(const struct skp_command *c)
{
	struct sk_option *list;
	size_t n = 0;

	while (c->options[n].name)
		n++;
	list = calloc(n + 1, sizeof *list);
	for (size_t i = 0; list && i < n; i++)
		list[i] = (struct sk_option){ c->options[i].key, c->options[i].name,
			                      c->options[i].arg, c->options[i].help };
	return list;
}

static void fill(void)
{
	size_t n = 0;

	for (size_t i = 0; i < known.plugins.n; i++)
		n += known.plugins.item[i].n_commands;
	known.command = calloc(n + 1, sizeof *known.command);
	known.source = calloc(n + 1, sizeof(const struct skp_command *));
	for (size_t i = 0; known.command && known.source && i < known.plugins.n; i++)
		for (size_t k = 0; k < known.plugins.item[i].n_commands; k++) {
			const struct skp_command *c = &known.plugins.item[i].command[k];
			struct sk_option *options = options_of(c);

			if (!options)
				continue;
			known.source[known.n] = c;
			known.command[known.n++] =
			        (struct sk_command){ c->name,  run,        (enum sk_needs)c->needs,
				                     c->takes, c->summary, c->usage,
				                     options };
		}
}

/* Opening a repository forgets what git's variables said of it; the command is to find it again. */
static struct sk_repo *peek_repo(void)
{
	struct sk_repo *repo = NULL;
	char *was[32] = { NULL };
	size_t n = 0;

	for (; sk_git_local_env[n] && n < 32; n++) {
		const char *value = getenv(sk_git_local_env[n]);

		was[n] = value ? strdup(value) : NULL;
	}
	if (sk_repo_open(".", &repo))
		repo = NULL;
	while (n--) {
		if (was[n])
			(void)setenv(sk_git_local_env[n], was[n], 1);
		free(was[n]);
	}
	return repo;
}

/* In a repository its settings count; whatever is wrong with it is told when it is opened for the
 * command. */
static bool open_here(unsigned flags, struct sk_plugins *out)
{
	struct sk_config *user = NULL;
	struct sk_repo *repo;
	int quiet = sk_quiet();
	bool ok;

	sk_set_quiet(1);
	repo = peek_repo();
	if (!repo)
		(void)sk_config_user(&user);
	sk_set_quiet(quiet);
	ok = (repo || user) && sk_plugins_open(repo ? repo->config : user, flags, out) == 0;
	sk_config_free(user);
	sk_repo_close(repo);
	sk_error_clear();
	return ok;
}

static void look(void)
{
	if (known.done)
		return;
	known.done = true;
	if (open_here(0, &known.plugins))
		fill();
}

const struct sk_command *sk_plugin_commands(void)
{
	look();
	return known.command && known.source ? known.command : no_commands;
}

const struct sk_command *sk_plugin_command_find(const char *name)
{
	for (const struct sk_command *c = sk_plugin_commands(); c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Of those that are enabled and cannot be used, the one whose name is most like the command's. */
static const struct sk_plugin_info *left_out(const struct sk_plugins *plugins, const char *name)
{
	const struct sk_plugin_info *first = NULL;

	for (size_t i = 0; i < plugins->n; i++) {
		const struct sk_plugin_info *info = &plugins->item[i];

		if (info->state != SK_PLUGIN_REFUSED && info->state != SK_PLUGIN_MISSING)
			continue;
		if (strstr(info->name, name))
			return info;
		first = first ? first : info;
	}
	return first;
}

static int not_a_command(const struct sk_plugins *plugins, const char *name)
{
	const struct sk_plugin_info *out = left_out(plugins, name);
	const char *why = out && out->reason ? out->reason : "it is not there";

	if (!out)
		return sk_error(SK_EUSAGE, "%s is not a command; see 'git sk -h'", sk_name(name));
	return sk_error(SK_EUSAGE,
	                "%s is not a command; one that may have it is left out (see 'git sk plugin "
	                "list'): %s%s%s%s",
	                sk_name(name), strstr(why, out->name) ? "" : "plugin ",
	                strstr(why, out->name) ? "" : out->name, strstr(why, out->name) ? "" : ": ",
	                why);
}

int sk_plugin_command_unknown(const char *name)
{
	struct sk_plugins all = { 0 };
	int rc;

	(void)open_here(SK_PLUGINS_ALL, &all);
	rc = not_a_command(&all, name);
	sk_plugins_close(&all);
	return rc;
}

static const struct skp_command *source_of(const struct sk_command *command)
{
	for (size_t i = 0; i < known.n; i++)
		if (command == &known.command[i])
			return known.source[i];
	return NULL;
}

const char *const *sk_plugin_command_words(const struct sk_command *command)
{
	const struct skp_command *c = source_of(command);

	return c ? c->words : NULL;
}

const char *sk_plugin_command_manual(const struct sk_command *command)
{
	const struct skp_command *c = source_of(command);

	return c ? c->manual : NULL;
}

/* Events */

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void print_finding(const json_t *o)
{
	long long line = (long long)json_integer_value(json_object_get(o, "line"));

	(void)fprintf(stderr, "git sk: %s: ", text_of(o, "severity"));
	if (*text_of(o, "path"))
		(void)fprintf(stderr, "%s:", text_of(o, "path"));
	if (*text_of(o, "path") && line > 0)
		(void)fprintf(stderr, "%lld:", line);
	(void)fprintf(stderr, "%s%s (%s)\n", *text_of(o, "path") ? " " : "", text_of(o, "message"),
	              text_of(o, "rule"));
}

int sk_plugins_before_commit(struct sk_repo *repo, const char *command, const char *index)
{
	const struct sk_plugin_event event = { .kind = SKP_BEFORE_COMMIT,
		                               .trigger = "pre-commit",
		                               .command = command,
		                               .index = index };
	struct sk_plugin_answers a = { 0 };
	size_t i, errors = 0;
	json_t *o;

	(void)sk_plugins_event(repo, &event, &a);
	if (repo->config->hooks.impact == 0) { /* nothing is to be said of commits */
		sk_plugin_answers_clear(&a);
		return 0;
	}
	json_array_foreach(a.findings, i, o)
	{
		if (!sk_quiet())
			print_finding(o);
		errors += strcmp(text_of(o, "severity"), "error") == 0;
	}
	sk_plugin_answers_clear(&a);
	if (!errors || repo->config->hooks.impact < 2)
		return 0;
	return sk_error(SK_EREFUSED,
	                "the commit is stopped by %zu finding%s (git commit --no-verify makes "
	                "it all the same)",
	                errors, errors == 1 ? "" : "s");
}

static bool is_checkout(const char *command)
{
	return strncmp(command, "git checkout", 12) == 0 || strncmp(command, "git switch", 10) == 0;
}

int sk_plugins_git_event(struct sk_repo *repo, const char *event, const char *command,
                         const char *index)
{
	struct sk_plugin_event e = { .trigger = event, .command = command };

	if (strcmp(event, "pre-commit") == 0)
		return sk_plugins_before_commit(repo, command, index);
	if (strcmp(event, "post-commit") == 0)
		e.kind = SKP_AFTER_COMMIT;
	else if (strcmp(event, "post-checkout") == 0)
		e.kind = SKP_AFTER_CHECKOUT;
	else if (strcmp(event, "guard") == 0 && is_checkout(command))
		e.kind = SKP_BEFORE_CHECKOUT;
	else
		return 0;
	(void)sk_plugins_event(repo, &e, NULL);
	return 0;
}
