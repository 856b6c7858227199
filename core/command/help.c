#include "command/command.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "command/plugins.h"
#include "command/print.h"

void sk_help_all(void)
{
	sk_outf("usage: git sk [-C DIR] [-q] [--color WHEN] COMMAND [OPTION...]\n\n");
	for (const struct sk_command *c = sk_commands; c->name; c++)
		sk_outf("  %-10s %s\n", c->name, c->summary);
	if (sk_plugin_commands()->name)
		sk_outf("\nand of plugins:\n\n");
	for (const struct sk_command *c = sk_plugin_commands(); c->name; c++)
		sk_outf("  %-10s %s\n", c->name, c->summary);
	sk_outf("\n'git sk COMMAND -h' says more about one; 'git sk --help' is the manual.\n");
}

static void print_option(const struct sk_option *o)
{
	struct sk_buf text = SK_BUF_INIT;

	if (o->key)
		(void)sk_buf_addf(&text, "-%c", o->key);
	if (*o->name)
		(void)sk_buf_addf(&text, "%s--%s", o->key ? ", " : "    ", o->name);
	if (o->arg)
		(void)sk_buf_addf(&text, " %s", o->arg);
	sk_outf("  %-24s %s\n", sk_buf_str(&text), o->help);
	sk_buf_free(&text);
}

void sk_help_command(const struct sk_command *command)
{
	for (size_t i = 0; command->usage[i]; i++)
		sk_outf("%s git sk %s %s\n", i ? "   or:" : "usage:", command->name,
		        command->usage[i]);
	sk_outf("\n%s\n\n", command->summary);
	for (const struct sk_option *o = command->options; o->name; o++)
		print_option(o);
	for (const struct sk_option *o = sk_common_options; o->name; o++)
		if (sk_command_takes(command, o))
			print_option(o);
}

static void complete_options(const struct sk_option *list, const struct sk_command *command)
{
	for (const struct sk_option *o = list; o->name; o++) {
		if (list == sk_common_options && !sk_command_takes(command, o))
			continue;
		if (*o->name)
			sk_outf("--%s%s\n", o->name, o->arg ? "=" : "");
		else
			sk_outf("-%c\n", o->key);
	}
}

int sk_complete_list(const char *name)
{
	const struct sk_command *command;

	if (!name) {
		for (const struct sk_command *c = sk_commands; c->name; c++)
			sk_outf("%s\n", c->name);
		for (const struct sk_command *c = sk_plugin_commands(); c->name; c++)
			sk_outf("%s\n", c->name);
		return 0;
	}
	command = sk_command_find(name);
	if (!command)
		command = sk_plugin_command_find(name);
	if (!command)
		return sk_error(SK_EUSAGE, "%s is not a command", sk_name(name));
	complete_options(command->options, command);
	complete_options(sk_common_options, command);
	return 0;
}

int sk_complete_words(const char *name)
{
	const struct sk_command *command = name ? sk_plugin_command_find(name) : NULL;
	const char *const *words = command ? sk_plugin_command_words(command) : NULL;

	for (; words && *words; words++)
		sk_outf("%s\n", *words);
	return 0;
}
