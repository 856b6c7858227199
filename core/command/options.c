#include "command/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

static const char *where(const struct sk_command *command)
{
	static char text[64];

	(void)snprintf(text, sizeof text, "%s%s", command ? " " : "", command ? command->name : "");
	return text;
}

static const struct sk_option *by_name(const struct sk_command *command, const char *name,
                                       size_t len)
{
	for (const struct sk_option *o = command ? command->options : NULL; o && o->name; o++)
		if (len && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	for (const struct sk_option *o = sk_common_options; o->name; o++)
		if (len && strlen(o->name) == len && memcmp(o->name, name, len) == 0 &&
		    sk_command_takes(command, o))
			return o;
	return NULL;
}

static const struct sk_option *by_key(const struct sk_command *command, char key)
{
	for (const struct sk_option *o = command ? command->options : NULL; o && o->name; o++)
		if (o->key == key)
			return o;
	for (const struct sk_option *o = sk_common_options; o->name; o++)
		if (o->key == key && sk_command_takes(command, o))
			return o;
	return NULL;
}

static bool hands_on(const struct sk_command *command)
{
	return command && (command->takes & SK_TAKES_GIT);
}

static bool is_common(const struct sk_option *o)
{
	for (const struct sk_option *c = sk_common_options; c->name; c++)
		if (c == o)
			return true;
	return false;
}

static int take(struct sk_call *call, const struct sk_option *o, const char *value)
{
	if (!is_common(o)) {
		call->given[call->n_given++] = (struct sk_given){ o, value };
		return 0;
	}
	if (o->key == 'C' && *value && chdir(value) < 0)
		return sk_error_errno(SK_EREPO, "cannot work in %s", sk_name(value));
	if (o->key == 'q')
		call->quiet = true;
	else if (o->key == 'z')
		call->nul = true;
	else if (o->key == 'h')
		call->help = true;
	else if (strcmp(o->name, "help") == 0)
		call->manual = true;
	else if (strcmp(o->name, "json") == 0)
		call->json = true;
	else if (strcmp(o->name, "color") == 0)
		call->color = value;
	return 0;
}

/* "--name", "--name=value" or "--name value". */
static int take_long(const struct sk_command *command, const char *const *argv, size_t n,
                     struct sk_call *call)
{
	const char *word = argv[call->used++], *name = word + 2, *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct sk_option *o = by_name(command, name, len);

	if (!o && hands_on(command)) {
		call->pass[call->n_pass++] = word;
		return 0;
	}
	if (!o)
		return sk_error(SK_EUSAGE, "unknown option %s; see 'git sk%s -h'", sk_name(word),
		                where(command));
	if (value && !o->arg)
		return sk_error(SK_EUSAGE, "option '--%s' takes no value", o->name);
	if (value)
		value++;
	if (o->arg && !value) {
		if (call->used == n)
			return sk_error(SK_EUSAGE, "option '--%s' needs a value: --%s %s", o->name,
			                o->name, o->arg);
		value = argv[call->used++];
	}
	return take(call, o, value);
}

/* "-q", "-qz", "-n5" or "-n 5". */
static int take_short(const struct sk_command *command, const char *const *argv, size_t n,
                      struct sk_call *call)
{
	const char *word = argv[call->used];
	int rc = 0;

	if (!by_key(command, word[1]) && hands_on(command)) {
		call->pass[call->n_pass++] = argv[call->used++];
		return 0;
	}
	for (const char *p = argv[call->used++] + 1; *p && !rc; p++) {
		const struct sk_option *o = by_key(command, *p);
		char text[3] = { '-', *p, '\0' };

		if (!o)
			return sk_error(SK_EUSAGE, "unknown option %s; see 'git sk%s -h'",
			                sk_name(text), where(command));
		if (!o->arg) {
			rc = take(call, o, NULL);
			continue;
		}
		if (p[1])
			return take(call, o, p + 1);
		if (call->used == n)
			return sk_error(SK_EUSAGE, "option '-%c' needs a value: -%c %s", *p, *p,
			                o->arg);
		return take(call, o, argv[call->used++]);
	}
	return rc;
}

int sk_call_parse(const struct sk_command *command, const char *const *argv, size_t n,
                  struct sk_call *call)
{
	int rc = 0;

	*call = (struct sk_call){ .command = command };
	call->given = calloc(n + 1, sizeof *call->given);
	call->arg = calloc(n + 1, sizeof *call->arg);
	call->path = calloc(n + 1, sizeof *call->path);
	call->pass = calloc(n + 1, sizeof *call->pass);
	if (!call->given || !call->arg || !call->path || !call->pass) {
		sk_call_clear(call);
		return sk_error_oom();
	}
	while (call->used < n && !rc) {
		const char *word = argv[call->used];

		if (word[0] != '-' || !word[1]) {
			if (!command)
				break;
			call->arg[call->n_arg++] = word;
			call->used++;
		} else if (strcmp(word, "--") == 0) {
			call->dashes = true;
			call->used++;
			break;
		} else {
			rc = word[1] == '-' ? take_long(command, argv, n, call)
			                    : take_short(command, argv, n, call);
		}
	}
	for (; command && !rc && call->used < n; call->used++)
		if (command->takes & SK_TAKES_PATHS)
			call->path[call->n_path++] = argv[call->used];
		else
			call->arg[call->n_arg++] = argv[call->used];
	if (rc)
		sk_call_clear(call);
	return rc;
}

void sk_call_clear(struct sk_call *call)
{
	sk_repo_close(call->repo);
	free(call->given);
	free(call->arg);
	free(call->path);
	free(call->pass);
	*call = (struct sk_call){ 0 };
}

const char *sk_call_value(const struct sk_call *call, const char *option)
{
	for (size_t i = call->n_given; i--;)
		if (strcmp(call->given[i].option->name, option) == 0)
			return call->given[i].value;
	return NULL;
}

bool sk_call_has(const struct sk_call *call, const char *option)
{
	for (size_t i = 0; i < call->n_given; i++)
		if (strcmp(call->given[i].option->name, option) == 0)
			return true;
	return false;
}

int sk_call_args(const struct sk_call *call, size_t min, size_t max)
{
	const char *name = call->command->name;

	if (call->n_arg < min)
		return sk_error(SK_EUSAGE, "usage: git sk %s %s", name, call->command->usage[0]);
	if (call->n_arg > max)
		return sk_error(SK_EUSAGE, "unexpected argument %s; see 'git sk %s -h'",
		                sk_name(call->arg[max]), name);
	return 0;
}

int sk_call_paths(const struct sk_call *call, struct sk_strv *out)
{
	struct sk_strv list = SK_STRV_INIT;

	for (size_t i = 0; i < call->n_path; i++) {
		char *path = NULL;
		int rc = sk_repo_path(call->repo, call->path[i], &path);

		if (!rc)
			rc = sk_strv_add(&list, path);
		free(path);
		if (rc) {
			sk_strv_free(&list);
			return rc;
		}
	}
	*out = list;
	return 0;
}

int sk_add_word(struct sk_buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                            "%+,-./:=@^_{}";

	if (out->len)
		(void)sk_buf_addc(out, ' ');
	if (*word && !word[strspn(word, plain)])
		return sk_buf_adds(out, word);
	(void)sk_buf_addc(out, '\'');
	for (; *word; word++)
		(void)sk_buf_adds(out, *word == '\'' ? "'\\''" : (char[2]){ *word });
	return sk_buf_addc(out, '\'');
}

int sk_call_line(const struct sk_call *call, struct sk_buf *out)
{
	struct sk_buf option = SK_BUF_INIT;

	(void)sk_buf_addf(out, "git sk %s", call->command->name);
	for (size_t i = 0; i < call->n_given; i++) {
		const struct sk_given *g = &call->given[i];

		sk_buf_clear(&option);
		(void)sk_buf_addf(&option, "--%s%s%s", g->option->name, g->value ? "=" : "",
		                  g->value ? g->value : "");
		(void)sk_add_word(out, sk_buf_str(&option));
	}
	sk_buf_free(&option);
	for (size_t i = 0; i < call->n_arg; i++)
		(void)sk_add_word(out, call->arg[i]);
	if (call->dashes)
		(void)sk_buf_adds(out, " --");
	for (size_t i = 0; i < call->n_path; i++)
		(void)sk_add_word(out, call->path[i]);
	return sk_buf_ok(out);
}
