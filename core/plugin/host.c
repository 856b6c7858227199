/* host.c - what a plugin is given, and running one of its commands.  In the child. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "plugin/parts.h"

const char *sk_plugin_self;

struct sk_host *sk_host_of(struct skp_host *pub)
{
	return pub->priv;
}

int sk_host_needs_repo(const struct sk_host *host)
{
	return host->repo ? 0
	                  : sk_error(SK_EREPO, "this needs a git working tree, and here is none");
}

void sk_host_init(struct sk_host *h, const struct sk_plugin_info *info,
                  const struct sk_plugin *plugin, struct sk_repo *repo,
                  const struct sk_config *config)
{
	*h = (struct sk_host){ .info = info, .plugin = plugin, .repo = repo, .config = config };
	h->pub.size = sizeof h->pub;
	h->pub.abi_major = SK_PLUGIN_ABI_MAJOR;
	h->pub.abi_minor = SK_PLUGIN_ABI_MINOR;
	h->pub.version = SK_VERSION;
	h->pub.priv = h;
	if (repo) {
		h->pub.worktree = repo->worktree;
		h->pub.gitdir = repo->gitdir;
		h->pub.commondir = repo->commondir;
		h->pub.prefix = repo->prefix;
		h->pub.worktree_id = repo->worktree_id;
		h->pub.enabled = repo->enabled;
	}
	sk_host_say(&h->pub);
	sk_host_read(&h->pub);
	sk_host_store(&h->pub);
	sk_host_world(&h->pub);
	sk_host_secrets(&h->pub);
	sk_plugin_self = info->name;
}

struct run {
	const struct sk_plugin_info *info;
	struct sk_repo *repo;
	const struct sk_config *config;
	const struct sk_plugin_call *call;
};

/* The options as the plugin's own table has them. */
static int take_given(const struct sk_plugin_call *call, const struct skp_command *command,
                      struct skp_given **out)
{
	struct skp_given *given = calloc(call->n_given + 1, sizeof *given);
	size_t n = 0;

	if (!given)
		return sk_error_oom();
	while (command->options && command->options[n].name)
		n++;
	for (size_t i = 0; i < call->n_given; i++) {
		if (call->given[i].option >= n)
			return sk_error(SK_EIO, "the plugin changed meanwhile; try again");
		given[i].option = &command->options[call->given[i].option];
		given[i].value = call->given[i].value;
	}
	*out = given;
	return 0;
}

static int run_command(struct sk_host *h, const struct sk_plugin_call *call)
{
	const struct skp_command *c = h->plugin->commands;
	struct skp_given *given = NULL;
	struct skp_call pub = { .arg = call->arg,
		                .n_arg = call->n_arg,
		                .path = call->path,
		                .n_path = call->n_path,
		                .dashes = call->dashes,
		                .json = call->json,
		                .nul = call->nul,
		                .quiet = sk_quiet(),
		                .terminal = sk_plugin_io->out_terminal() };
	int rc;

	while (c && c->name && strcmp(c->name, call->command->name) != 0)
		c++;
	if (!c || !c->name)
		return sk_error(SK_EIO, "the plugin changed meanwhile; try again");
	rc = take_given(call, c, &given);
	if (rc)
		return rc;
	pub.command = c;
	pub.given = given;
	pub.n_given = call->n_given;
	return c->run(&h->pub, &pub);
}

static int work(void *ctx)
{
	const struct run *run = ctx;
	const struct sk_plugin *plugin = NULL;
	struct sk_host host;
	int rc = sk_plugin_load(run->info->file, run->info->name, &plugin), end;

	if (rc)
		return rc;
	sk_host_init(&host, run->info, plugin, run->repo, run->config);
	rc = run_command(&host, run->call);
	end = sk_plugin_io->out_end();
	return end && !rc ? end : rc;
}

int sk_plugin_run(const struct sk_plugin_info *info, struct sk_repo *repo,
                  const struct sk_config *config, const struct sk_plugin_call *call)
{
	struct run run = { info, repo, config, call };
	struct sk_child child = {
		.name = info->name, .work = work, .ctx = &run, .foreground = true
	};
	struct sk_buf said = SK_BUF_INIT;
	json_t *o = NULL;
	const char *message;
	int rc;

	sk_plugin_io->out_flush();
	sk_rest_end(repo, info);
	rc = sk_child_start(&child);
	if (rc)
		return rc;
	sk_children_wait(&child, 1);
	sk_rest_end(repo, info); /* an event that was under way did not know of all it did */
	rc = sk_child_result(&child, &o, &said);
	if (rc)
		return rc;
	rc = (int)json_integer_value(json_object_get(o, "code"));
	message = json_string_value(json_object_get(o, "message"));
	sk_error_clear();
	if (rc && message && *message)
		(void)sk_error(rc, "%s", message);
	json_decref(o);
	/* whatever else it says, a shell has room for a byte, and 0 is for success */
	return rc < 0 || rc > 255 ? SK_EIO : rc;
}
