#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/open.h"
#include "command/print.h"
#include "command/report.h"
#include "plugin/plugin.h"

static const char *const states[] = { "loaded", "off", "refused", "missing" };

static json_t *event_names(uint32_t events)
{
	json_t *list = json_array();

	for (uint32_t kind = 1; list && kind <= SKP_PRUNE; kind <<= 1)
		if ((events & kind) &&
		    json_array_append_new(list, json_string(sk_plugin_event_name(kind))) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *command_names(const struct sk_plugin_info *p)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < p->n_commands; i++)
		if (json_array_append_new(list, json_string(p->command[i].name)) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *plugin_json(const struct sk_plugin_info *p)
{
	json_t *o = sk_json_add(json_object(), "name", sk_json_text(p->name));

	o = sk_json_add(o, "version", sk_json_text(p->version));
	o = sk_json_add(o, "state", json_string(states[p->state]));
	o = sk_json_add(o, "reason", sk_json_text(p->reason));
	o = sk_json_add(o, "file", sk_json_text(p->file));
	o = sk_json_add(o, "summary", sk_json_text(p->summary));
	o = sk_json_add(o, "space", sk_json_text(p->space));
	o = sk_json_add(o, "private", json_boolean(p->flags & SKP_PRIVATE));
	o = sk_json_add(o, "commands", command_names(p));
	o = sk_json_add(o, "events", event_names(p->events));
	return sk_json_add(o, "resting", event_names(p->resting));
}

static json_t *lines(const struct sk_strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n; i++)
		if (json_array_append_new(list, sk_json_text(v->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static int list_json(const struct sk_plugins *p)
{
	json_t *list = json_array(), *o;

	for (size_t i = 0; list && i < p->n; i++)
		if (json_array_append_new(list, plugin_json(&p->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	o = sk_json_add(json_object(), "plugins", list);
	o = sk_json_add(o, "folders", lines(&p->folder));
	return sk_out_json(sk_json_add(o, "problems", lines(&p->said)));
}

static void print_one(const struct sk_plugin_info *p)
{
	static const enum sk_color color[] = { SK_GREEN, SK_DIM, SK_RED, SK_YELLOW };

	sk_outf("%-16s %-10s %s%-8s%s", sk_name(p->name), p->version ? p->version : "-",
	        sk_color(color[p->state]), states[p->state], sk_color_reset());
	for (size_t i = 0; i < p->n_commands; i++)
		sk_outf("%s%s", i ? ", " : "  git sk ", p->command[i].name);
	if (p->resting)
		sk_outf("  %s(%s)%s", sk_color(SK_DIM),
		        p->events & ~p->resting ? "resting in part" : "resting", sk_color_reset());
	sk_outf("\n");
	if (p->reason)
		sk_outf("    %s\n", p->reason);
}

static int list(const struct sk_call *call, const struct sk_plugins *p)
{
	int rc = sk_call_args(call, 1, 1);

	if (rc)
		return rc;
	if (call->json)
		return list_json(p);
	for (size_t i = 0; i < p->n; i++)
		print_one(&p->item[i]);
	for (size_t i = 0; i < p->said.n; i++)
		sk_outf("%s\n", p->said.item[i]);
	return 0;
}

/* The manual page of a plugin, from its table: mdoc(7) */

/* One line of text; a dot or quote at its beginning would be a request. */
static void man_text(const char *text)
{
	bool start = true;

	for (const char *p = text; *p; p++) {
		if (start && (*p == '.' || *p == '\''))
			sk_outf("\\&");
		start = *p == '\n';
		if (*p == '\\')
			sk_outf("\\e");
		else if (*p == '-')
			sk_outf("\\-");
		else if (*p == '\n' && p[1] == '\n')
			sk_outf("\n.Pp\n"), p++;
		else
			sk_out(p, 1);
	}
	sk_outf("\n");
}

static void man_command(const struct skp_command *c)
{
	for (size_t i = 0; c->usage[i]; i++) {
		sk_outf(".It Nm git sk %s\n", c->name);
		man_text(c->usage[i]);
	}
	man_text(c->summary);
	if (c->manual)
		sk_outf(".Pp\n"), man_text(c->manual);
	if (!c->options[0].name)
		return;
	sk_outf(".Bl -tag -width Ds\n");
	for (const struct skp_option *o = c->options; o->name; o++) {
		sk_outf(".It ");
		if (o->key)
			sk_outf("Fl %c , ", o->key);
		sk_outf("Fl \\-%s%s%s\n", o->name, o->arg ? " Ar " : "", o->arg ? o->arg : "");
		man_text(o->help);
	}
	sk_outf(".El\n");
}

static void print_man(const struct sk_plugin_info *p)
{
	time_t now = sk_now();
	struct tm tm = { 0 };
	char date[40] = "";

	(void)gmtime_r(&now, &tm);
	(void)strftime(date, sizeof date, "%B %d, %Y", &tm);
	sk_outf(".Dd %s\n.Dt GIT-SK-%s 7\n.Os SafeKeep\n.Sh NAME\n.Nm %s\n.Nd ", date, p->name,
	        p->name);
	man_text(p->summary);
	sk_outf(".Sh COMMANDS\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < p->n_commands; i++)
		man_command(&p->command[i]);
	sk_outf(".El\n.Sh FILES\n.Bl -tag -width Ds\n.It Pa refs/sk/%s/\nwhat it stores\n",
	        p->space);
	sk_outf(".It Pa safekeep.ini\nits settings, in the section\n.Ql [plugin \\(dq%s\\(dq]\n",
	        p->name);
	sk_outf(".El\n.Sh SEE ALSO\n.Xr git-sk 1 ,\n.Xr git-sk-plugin 7\n");
}

static void print_command(const struct skp_command *c)
{
	sk_outf("\n");
	for (size_t i = 0; c->usage[i]; i++)
		sk_outf("%s git sk %s %s\n", i ? "   or:" : "usage:", c->name, c->usage[i]);
	sk_outf("    %s\n", c->summary);
	if (c->manual)
		sk_outf("\n%s\n", c->manual);
}

static void print_plugin(const struct sk_plugin_info *p)
{
	print_one(p);
	if (p->file)
		sk_outf("    file      %s\n", sk_name(p->file));
	if (p->state != SK_PLUGIN_LOADED)
		return;
	sk_outf("    about     %s\n    stores    refs/sk/%s/%s\n", p->summary, p->space,
	        p->flags & SKP_PRIVATE ? " (private)" : "");
	sk_outf("    events   ");
	for (uint32_t kind = 1; kind <= SKP_PRUNE; kind <<= 1)
		if (p->events & kind)
			sk_outf(" %s", sk_plugin_event_name(kind));
	sk_outf("%s\n", p->events ? "" : " none");
	for (size_t i = 0; i < p->n_commands; i++)
		print_command(&p->command[i]);
}

static int show(const struct sk_call *call, const struct sk_plugins *plugins)
{
	const struct sk_plugin_info *p;
	int rc = sk_call_args(call, 2, 2);

	if (rc)
		return rc;
	p = sk_plugins_find(plugins, call->arg[1]);
	if (!p)
		return sk_error(SK_ENO, "there is no plugin %s; see 'git sk plugin list'",
		                sk_name(call->arg[1]));
	if (call->json)
		return sk_out_json(plugin_json(p));
	if (!sk_call_has(call, "man"))
		print_plugin(p);
	else if (p->state == SK_PLUGIN_LOADED)
		print_man(p);
	else
		return sk_error(SK_ENO, "%s", p->reason ? p->reason : "it is not loaded");
	return 0;
}

int sk_cmd_plugin(struct sk_call *call)
{
	struct sk_plugins plugins = { 0 };
	struct sk_config *user = NULL;
	bool lists;
	int rc = sk_call_args(call, 1, 2);

	if (rc)
		return rc;
	lists = strcmp(call->arg[0], "list") == 0;
	if (!lists && strcmp(call->arg[0], "show") != 0)
		return sk_error(SK_EUSAGE, "%s is not one of list, show", sk_name(call->arg[0]));
	rc = sk_open_repo(SK_NEEDS_REPO, &call->repo);
	if (rc == SK_EREPO) {
		sk_error_clear();
		rc = sk_config_user(&user);
	}
	if (!rc)
		rc = sk_plugins_open(call->repo ? call->repo->config : user,
		                     SK_PLUGINS_ALL | SK_PLUGINS_FRESH, &plugins);
	if (!rc && call->repo) {
		sk_plugins_mark(call->repo);
		sk_plugins_rest(&plugins, call->repo);
	}
	if (!rc)
		rc = lists ? list(call, &plugins) : show(call, &plugins);
	sk_plugins_close(&plugins);
	sk_config_free(user);
	return rc;
}
