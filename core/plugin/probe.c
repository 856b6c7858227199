/* probe.c - loading a plugin and asking what it is; always in a child. */
#include <ctype.h>
#include <dlfcn.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "plugin/parts.h"

enum { COMMANDS_MAX = 64, OPTIONS_MAX = 64, LINES_MAX = 64, TEXT_MAX = 65536, LINE_MAX_ = 400 };

/* What minor version 0 of the header has. */
#define SIZE_MIN (offsetof(struct sk_plugin, event) + sizeof(void *))

static const char *const reserved[] = { "backup", "revision", "release", "meta",
	                                "keep",   "vault",    "private", NULL };

static int dl_error(const char *name)
{
	const char *words = dlerror();
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	if (words)
		(void)sk_add_text(&text, words, strlen(words));
	rc = sk_error(SK_EREFUSED, "plugin %s cannot be loaded: %s", name, sk_buf_str(&text));
	sk_buf_free(&text);
	return rc;
}

int sk_plugin_load(const char *file, const char *name, const struct sk_plugin **out)
{
	const struct sk_plugin *p;
	void *handle;

	(void)dlerror();
	handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return dl_error(name);
	p = dlsym(handle, SK_PLUGIN_SYMBOL);
	if (!p)
		return sk_error(SK_EREFUSED, "plugin %s has no symbol '%s'", name,
		                SK_PLUGIN_SYMBOL);
	if (p->magic != SK_PLUGIN_MAGIC)
		return sk_error(SK_EREFUSED, "plugin %s has something else as '%s'", name,
		                SK_PLUGIN_SYMBOL);
	if (p->abi_major != SK_PLUGIN_ABI_MAJOR || p->abi_minor > SK_PLUGIN_ABI_MINOR)
		return sk_error(SK_EREFUSED,
		                "plugin %s is for version %u.%u of plugin.h, and this git-sk has "
		                "%u.%u; build it again",
		                name, p->abi_major, p->abi_minor, SK_PLUGIN_ABI_MAJOR,
		                SK_PLUGIN_ABI_MINOR);
	if (p->size < SIZE_MIN)
		return sk_error(SK_EREFUSED, "plugin %s says a wrong size (%lu, not %zu)", name,
		                (unsigned long)p->size, SIZE_MIN);
	if (!p->name || strcmp(p->name, name) != 0)
		return sk_error(SK_EREFUSED, "plugin %s calls itself %s; its file has to be %s.so",
		                name, p->name ? sk_name(p->name) : "nothing",
		                p->name ? sk_name(p->name) : "NAME");
	*out = p;
	return 0;
}

static int bad(const char *what, const char *why)
{
	return sk_error(SK_EREFUSED, "%s %s", what, why);
}

/* UTF-8 without control characters; newlines in a long text only. */
static int check_text(const char *what, const char *text, bool lines)
{
	size_t len = text ? strnlen(text, TEXT_MAX + 1) : 0;

	if (!text)
		return bad(what, "is missing");
	if (len > (lines ? TEXT_MAX : LINE_MAX_))
		return bad(what, "is too long");
	if (!sk_utf8_valid(text, len))
		return bad(what, "is not UTF-8");
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < 0x20 || *p == 0x7f) && !(lines && *p == '\n'))
			return bad(what, "has control characters");
	return 0;
}

static int set(json_t *o, const char *key, const char *what, const char *text, bool lines)
{
	int rc = check_text(what, text, lines);

	if (rc)
		return rc;
	return json_object_set_new(o, key, json_string(text)) == 0 ? 0 : sk_error_oom();
}

/* A list of lines that ends with NULL; none is an empty one. */
static int set_lines(json_t *o, const char *key, const char *what, const char *const *list)
{
	json_t *array = json_array();
	int rc = array && json_object_set_new(o, key, array) == 0 ? 0 : sk_error_oom();

	for (size_t i = 0; !rc && list && list[i]; i++) {
		rc = i == LINES_MAX ? bad(what, "has too many lines")
		                    : check_text(what, list[i], false);
		if (!rc && json_array_append_new(array, json_string(list[i])) != 0)
			rc = sk_error_oom();
	}
	return rc;
}

static bool word_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len <= SK_PLUGIN_NAME_MAX && islower((unsigned char)name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int option_json(const struct skp_option *option, const struct skp_option *all, json_t *o)
{
	char key[2] = { option->key, '\0' };
	int rc = check_text("the name of an option", option->name, false);

	if (!rc && (!word_ok(option->name) || (option->key && !isalnum((unsigned char)*key))))
		rc = sk_error(SK_EREFUSED, "%s cannot be the name of an option",
		              sk_name(option->name));
	if (!rc && sk_plugin_io->is_option(option->key, option->name))
		rc = sk_error(SK_EREFUSED, "its option '--%s' is one that all commands have",
		              option->name);
	for (const struct skp_option *x = all; !rc && x < option; x++)
		if (strcmp(x->name, option->name) == 0 || (x->key && x->key == option->key))
			rc = sk_error(SK_EREFUSED, "its option '--%s' is there twice",
			              option->name);
	if (!rc)
		rc = set(o, "name", "an option", option->name, false);
	if (!rc)
		rc = set(o, "key", "an option", key, false);
	if (!rc && option->arg)
		rc = set(o, "arg", "an option's value", option->arg, false);
	return rc ? rc : set(o, "help", "an option's help", option->help, false);
}

static int options_json(const struct skp_option *list, json_t *command)
{
	json_t *array = json_array(), *o;
	int rc = array && json_object_set_new(command, "options", array) == 0 ? 0 : sk_error_oom();

	for (const struct skp_option *p = list; !rc && p && p->name; p++) {
		o = json_object();
		if (p - list == OPTIONS_MAX)
			rc = bad("it", "has too many options");
		if (!rc)
			rc = o ? option_json(p, list, o) : sk_error_oom();
		if (!rc && json_array_append(array, o) != 0)
			rc = sk_error_oom();
		json_decref(o);
	}
	return rc;
}

static int command_json(const struct skp_command *command, json_t *o)
{
	int rc = check_text("the name of a command", command->name, false);

	if (!rc && !word_ok(command->name))
		rc = sk_error(SK_EREFUSED, "%s cannot be the name of a command",
		              sk_name(command->name));
	if (!rc && sk_plugin_io->is_command(command->name))
		rc = sk_error(SK_EREFUSED, "its command '%s' is one of git sk itself",
		              command->name);
	if (!rc && (!command->run || !command->usage || !command->usage[0]))
		rc = sk_error(SK_EREFUSED, "its command '%s' has no function or no usage",
		              command->name);
	if (!rc && command->needs > SKP_NEEDS_ENABLED)
		rc = sk_error(SK_EREFUSED, "its command '%s' needs what is not known here",
		              command->name);
	if (!rc)
		rc = set(o, "name", "a command", command->name, false);
	if (!rc)
		rc = set(o, "summary", "a command's summary", command->summary, false);
	if (!rc)
		rc = set_lines(o, "usage", "a command's usage", command->usage);
	if (!rc)
		rc = options_json(command->options, o);
	if (!rc)
		rc = set_lines(o, "words", "a command's words", command->words);
	if (!rc && command->manual)
		rc = set(o, "manual", "a command's manual", command->manual, true);
	if (!rc && (json_object_set_new(o, "needs", json_integer(command->needs)) != 0 ||
	            json_object_set_new(o, "takes", json_integer(command->takes & 7)) != 0))
		rc = sk_error_oom();
	return rc;
}

static int commands_json(const struct sk_plugin *p, json_t *manifest)
{
	json_t *array = json_array(), *o;
	int rc =
	        array && json_object_set_new(manifest, "commands", array) == 0 ? 0 : sk_error_oom();

	for (const struct skp_command *c = p->commands; !rc && c && c->name; c++) {
		o = json_object();
		if (c - p->commands == COMMANDS_MAX)
			rc = bad("it", "has too many commands");
		for (const struct skp_command *x = p->commands; !rc && x < c; x++)
			if (strcmp(x->name, c->name) == 0)
				rc = sk_error(SK_EREFUSED, "its command '%s' is there twice",
				              c->name);
		if (!rc)
			rc = o ? command_json(c, o) : sk_error_oom();
		if (!rc && json_array_append(array, o) != 0)
			rc = sk_error_oom();
		json_decref(o);
	}
	return rc;
}

static int check_space(const char *space)
{
	if (!sk_plugin_name_ok(space))
		return sk_error(SK_EREFUSED, "%s cannot be a part of refs/sk", sk_name(space));
	for (size_t i = 0; reserved[i]; i++)
		if (strcmp(reserved[i], space) == 0)
			return sk_error(SK_EREFUSED, "refs/sk/%s is SafeKeep's own", space);
	return 0;
}

int sk_plugin_manifest(const struct sk_plugin *p, json_t **out)
{
	const char *space = p->space ? p->space : p->name;
	json_t *o = json_object();
	int rc = o ? 0 : sk_error_oom();

	if (!rc)
		rc = set(o, "version", "its version", p->version, false);
	if (!rc)
		rc = set(o, "summary", "its summary", p->summary, false);
	if (!rc)
		rc = check_space(space);
	if (!rc)
		rc = set(o, "space", "its part of refs/sk", space, false);
	if (!rc && p->events && !p->event)
		rc = bad("it", "wants events and has no function for them");
	if (!rc && (json_object_set_new(o, "events", json_integer(p->events)) != 0 ||
	            json_object_set_new(o, "flags", json_integer(p->flags)) != 0))
		rc = sk_error_oom();
	if (!rc)
		rc = commands_json(p, o);
	if (rc) {
		json_decref(o);
		return sk_error_prefix(rc, "plugin %s", p->name);
	}
	*out = o;
	return 0;
}
