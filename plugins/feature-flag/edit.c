/* edit.c - add, set, remove: changes of the file, each after a backup. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "eval.h"
#include "refs.h"
#include "store.h"

struct edit {
	const struct skp_call *call;
	const char *name, *value; /* value NULL: none was given */
};

/* Options that are keys of the file. */
static const char *const plain[] = {
	"type", "env", "description", "owner", "expires", "issue", NULL
};

static const char head[] =
        "; Feature flags; see 'git sk flag -h'.  type = boolean, string, integer or float.\n";

static void today(struct skp_host *host, char out[11])
{
	time_t now = (time_t)host->now(host);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(out, 11, "%Y-%m-%d", &tm))
		out[0] = '\0';
}

/* `-1` is an option to the parser, so a value may stand after "--" too. */
static int take_args(struct skp_host *host, const struct skp_call *call, size_t least, size_t most,
                     const char *usage, struct edit *e)
{
	size_t n = call->n_arg - 1 + call->n_path;
	const char *arg[2] = { NULL, NULL };

	if (n < least || n > most || n > 2)
		return host->error(host, SKP_EUSAGE, "usage: git sk flag %s", usage);
	for (size_t i = 0; i < n; i++)
		arg[i] = i + 1 < call->n_arg ? call->arg[i + 1] : call->path[i + 1 - call->n_arg];
	*e = (struct edit){ .call = call, .name = arg[0], .value = arg[1] };
	if (e->value && !flag_utf8(e->value))
		return host->error(host, SKP_EUSAGE,
		                   "%s: the value is not UTF-8; nothing was changed",
		                   host->name(host, e->name));
	for (size_t i = 0; i < call->n_given; i++)
		if (call->given[i].value && !flag_utf8(call->given[i].value))
			return host->error(host, SKP_EUSAGE,
			                   "--%s: it is not UTF-8; nothing was changed",
			                   call->given[i].option->name);
	return 0;
}

/* What was made has to be what was meant: read again, the flag is fine and no other has changed. */
static int check_made(struct skp_host *host, const struct flags *was, const char *name,
                      const char *text, size_t len)
{
	struct flags now;
	const struct flag *flag;

	flags_read(text, len, &now);
	flag = flags_find(&now, name);
	if (flag && flag->broken)
		return host->error(host, SKP_EUSAGE, "flag %s: %s; nothing was changed",
		                   host->name(host, name), host->text(host, flag->broken));
	for (size_t i = 0; i < was->n; i++) {
		const struct flag *a = &was->flag[i], *b = flags_find(&now, a->name);

		if (strcmp(a->name, name) == 0)
			continue;
		if (!b || (!a->broken && b->broken))
			return host->error(host, SKP_EUSAGE,
			                   "this would make flag %s unusable: %s; nothing was "
			                   "changed",
			                   host->name(host, a->name),
			                   b ? host->text(host, b->broken) : "it would be gone");
	}
	return 0;
}

static void add_line(FILE *out, const char *key, const char *value)
{
	if (value)
		(void)fprintf(out, "%s = %s\n", key, flag_quote(value));
}

static int add_edit(struct skp_host *host, const struct flags *flags, void *ctx, char **out,
                    size_t *len)
{
	const struct edit *e = ctx;
	const char *type = skp_value(e->call, "type"), *env = skp_value(e->call, "env");
	const char *value = skp_value(e->call, "default");
	char date[11], *body = NULL, *text;
	size_t n = 0;
	FILE *mem;

	if (flags_find(flags, e->name))
		return host->error(host, SKP_EUSAGE,
		                   "there is a flag %s already; see 'git sk flag "
		                   "set'",
		                   host->name(host, e->name));
	if (!flag_name_ok(e->name))
		return host->error(host, SKP_EUSAGE,
		                   "%s cannot be the name of a flag: letters, digits, _ . -, a "
		                   "letter first, at most %d",
		                   host->name(host, e->name), FLAG_NAME_MAX);
	if (!value)
		value = e->value;
	if (!value && type && strcmp(type, "boolean") != 0)
		return host->error(host, SKP_EUSAGE, "a flag of type %s needs --default VALUE",
		                   host->name(host, type));
	mem = open_memstream(&body, &n);
	if (!mem)
		return host->error(host, SKP_EIO, "out of memory");
	today(host, date);
	text = flag_upper(e->name);
	add_line(mem, "type", type ? type : "boolean");
	add_line(mem, "default", value ? value : "false");
	if (env || !flag_env_refused(text))
		(void)fprintf(mem, "env =%s%s\n", env && !*env ? "" : " ", env ? env : text);
	for (size_t i = 2; plain[i]; i++)
		add_line(mem, plain[i], skp_value(e->call, plain[i]));
	add_line(mem, "created", date);
	if (skp_has(e->call, "permanent"))
		add_line(mem, "permanent", "true");
	if (fclose(mem) != 0)
		return host->error(host, SKP_EIO, "out of memory");
	if (flags->ini.len) {
		*out = ini_append(&flags->ini, e->name, body, len);
	} else {
		*out = fl_format("%s\n[%s]\n%s", head, e->name, body);
		*len = strlen(*out);
	}
	return check_made(host, flags, e->name, *out, *len);
}

int cmd_add(struct skp_host *host, const struct skp_call *call)
{
	const char *value = skp_value(call, "default"), *env = skp_value(call, "env");
	struct edit e;
	int changed = 0, rc;

	rc = take_args(host, call, 1, 2,
	               "add NAME [--type TYPE] [--default VALUE] [--env VARIABLE] "
	               "[--description TEXT] [--owner WHO] [--expires DATE] [--issue URL] "
	               "[--permanent]",
	               &e);
	if (!rc && value && e.value)
		rc = host->error(host, SKP_EUSAGE, "the default is there twice");
	if (!rc && env && *env && flag_env_refused(env))
		rc = host->error(host, SKP_EUSAGE, "--env %s: %s", host->name(host, env),
		                 flag_env_refused(env));
	if (!rc)
		rc = store_change(host, fl_format("before flag add %.60s", e.name), add_edit, &e,
		                  &changed);
	if (!rc)
		host->note(host, "flag %s is there now", e.name);
	return rc;
}

/* One key of the flag, in a text that may have been changed already. */
static void put(char **text, size_t *len, const char *name, const char *key, const char *value)
{
	struct ini ini;

	ini_read(*text, *len, &ini);
	*text = ini_put(&ini, ini_section(&ini, name), key, flag_quote(value), len);
}

static int cut(struct skp_host *host, char **text, size_t *len, const char *name, const char *key)
{
	struct ini ini;
	size_t line;

	ini_read(*text, *len, &ini);
	line = ini_key(&ini, ini_section(&ini, name), key);
	if (line == ini.n)
		return host->error(host, SKP_EUSAGE, "flag %s has no %s", name,
		                   host->name(host, key));
	*text = ini_cut(&ini, line, len);
	return 0;
}

static int set_edit(struct skp_host *host, const struct flags *flags, void *ctx, char **out,
                    size_t *len)
{
	const struct edit *e = ctx;
	const char *in = skp_value(e->call, "in"), *value;
	char *text = fl_dup(flags->ini.text, flags->ini.len);
	size_t n = flags->ini.len;
	struct flag *flag;
	int rc = eval_find(host, flags, e->name, &flag);

	if (rc)
		return rc;
	if (in && !flag_environment_ok(in))
		return host->error(host, SKP_EUSAGE, "--in %s: %s", host->name(host, in),
		                   "letters, digits, _ . - make the name of an environment");
	for (size_t i = 0; i < e->call->n_given && !rc; i++)
		if (strcmp(e->call->given[i].option->name, "unset") == 0)
			rc = cut(host, &text, &n, e->name, e->call->given[i].value);
	for (size_t i = 0; plain[i] && !rc; i++)
		if ((value = skp_value(e->call, plain[i])))
			put(&text, &n, e->name, plain[i], value);
	if (!rc && skp_has(e->call, "permanent"))
		put(&text, &n, e->name, "permanent", "true");
	if (!rc && e->value)
		put(&text, &n, e->name, in ? fl_format("default.%s", in) : "default", e->value);
	if (!rc)
		rc = check_made(host, flags, e->name, text, n);
	*out = text;
	*len = n;
	return rc;
}

int cmd_set(struct skp_host *host, const struct skp_call *call)
{
	struct edit e;
	bool in = skp_has(call, "in");
	int changed = 0;
	int rc = take_args(host, call, 1, 2,
	                   "set NAME [VALUE [--in ENVIRONMENT]] [--KEY TEXT]... [--unset KEY]", &e);

	if (!rc && skp_has(call, "default"))
		rc = host->error(host, SKP_EUSAGE, "write: git sk flag set NAME VALUE");
	if (!rc && !e.value && (in || call->n_given == 0))
		rc = host->error(host, SKP_EUSAGE,
		                 "what is to be its value? git sk flag set %s "
		                 "VALUE",
		                 host->name(host, e.name));
	if (!rc)
		rc = store_change(host, fl_format("before flag set %.60s", e.name), set_edit, &e,
		                  &changed);
	if (!rc)
		host->note(host, changed ? "flag %s is changed" : "flag %s was so already", e.name);
	return rc;
}

static int remove_edit(struct skp_host *host, const struct flags *flags, void *ctx, char **out,
                       size_t *len)
{
	const struct edit *e = ctx;
	size_t from = ini_section(&flags->ini, e->name);
	struct flag *flag;
	int rc = eval_find(host, flags, e->name, &flag);

	if (rc)
		return rc;
	*out = ini_cut_section(&flags->ini, from, len);
	return check_made(host, flags, e->name, *out, *len);
}

int cmd_remove(struct skp_host *host, const struct skp_call *call)
{
	struct edit e;
	struct flags flags;
	struct flag *flag;
	size_t used = 0;
	int changed = 0, rc = take_args(host, call, 1, 1, "remove NAME [--force]", &e);

	if (!rc)
		rc = store_need(host, &flags);
	if (!rc)
		rc = eval_find(host, &flags, e.name, &flag);
	if (!rc && !skp_has(call, "force"))
		rc = refs_count(host, &flags, flag, &used);
	if (!rc && used)
		return host->error(
		        host, SKP_EREFUSED,
		        "flag %s is still used in %zu places ('git sk flag scan %s' lists "
		        "them); take them out first, or say --force",
		        e.name, used, e.name);
	if (!rc)
		rc = store_change(host, fl_format("before flag remove %.60s", e.name), remove_edit,
		                  &e, &changed);
	if (!rc)
		host->note(host, "flag %s is gone", e.name);
	return rc;
}
