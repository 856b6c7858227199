/* show.c - list, get, eval, run: flags as they are. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "eval.h"
#include "store.h"

json_t *value_json(enum flag_type type, const char *text)
{
	if (type == FLAG_STRING)
		return json_string(text);
	if (type == FLAG_BOOLEAN)
		return json_boolean(strcmp(text, "true") == 0);
	return json_loads(text, JSON_DECODE_ANY, NULL);
}

json_t *text_json(struct skp_host *host, const char *text)
{
	json_t *o = text ? json_string(text) : json_null();

	return o ? o : json_string(host->text(host, text));
}

int print_json(struct skp_host *host, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text ? host->json(host, text, strlen(text))
	            : host->error(host, SKP_EIO, "out of memory");
}

static const char *nothing(const char *text)
{
	return text ? text : "";
}

/* What is wrong with the file, apart from the answer; SKP_EPARTIAL when a flag is broken. */
static int tell_wrong(struct skp_host *host, const struct flags *flags)
{
	const char *file = "";
	int rc = 0;

	(void)store_name(host, &file);
	for (size_t i = 0; i < flags->n_remarks; i++)
		host->warn(host, "%s:%u: %s", host->name(host, file), flags->remark[i].line,
		           host->text(host, flags->remark[i].words));
	for (size_t i = 0; i < flags->n; i++) {
		const struct flag *f = &flags->flag[i];

		if (!f->broken)
			continue;
		host->warn(host, "%s:%u: flag %s: %s", host->name(host, file), f->broken_line,
		           host->name(host, f->name), host->text(host, f->broken));
		rc = SKP_EPARTIAL;
	}
	return rc;
}

static json_t *flag_json(struct skp_host *host, const struct flag *f, const struct result *r)
{
	json_t *in = json_object(), *o;

	for (size_t i = 0; i < f->n_in && !f->broken; i++)
		(void)json_object_set_new(in, f->in[i].where, value_json(f->type, f->in[i].text));
	o = json_pack(
	        "{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:i, s:o}", "name", text_json(host, f->name),
	        "type", flag_type_name[f->type], "default",
	        f->value.text && !f->broken ? value_json(f->type, f->value.text) : json_null(),
	        "environments", in, "env", text_json(host, f->broken ? NULL : f->env), "value",
	        r->value ? value_json(f->type, r->value) : json_null(), "reason", r->reason, "line",
	        (int)(r->line ? r->line : f->section + 1), "error", text_json(host, r->error));
	if (!o)
		return NULL;
	(void)json_object_set_new(o, "description", text_json(host, f->description));
	(void)json_object_set_new(o, "owner", text_json(host, f->owner));
	(void)json_object_set_new(o, "created", text_json(host, f->created));
	(void)json_object_set_new(o, "expires", text_json(host, f->expires));
	(void)json_object_set_new(o, "issue", text_json(host, f->issue));
	(void)json_object_set_new(o, "permanent", json_boolean(f->permanent));
	return o;
}

struct widths {
	int name, value;
};

static void print_flag(struct skp_host *host, const struct flag *f, const struct result *r,
                       const struct widths *w)
{
	const char *plain = host->style(host, SKP_PLAIN), *colour, *value;
	int shade = !r->value                           ? SKP_RED
	            : strcmp(r->reason, "default") == 0 ? SKP_PLAIN
	                                                : SKP_YELLOW;

	colour = host->style(host, (uint32_t)shade);
	value = r->value ? host->text(host, r->value) : "(broken)";
	host->print(host, "%s%-*s%s  %-7s  %s%-*.60s%s  %s%s", host->style(host, SKP_BOLD), w->name,
	            host->name(host, f->name), plain, f->broken ? "?" : flag_type_name[f->type],
	            shade == SKP_PLAIN ? "" : colour, w->value, value,
	            shade == SKP_PLAIN ? "" : plain, r->reason,
	            strcmp(r->reason, "variable") == 0 ? fl_format(" %s", f->env) : "");
	if (f->expires && !f->broken)
		host->print(host, "  expires %s", f->expires);
	if (f->permanent)
		host->print(host, "  permanent");
	host->print(host, "\n");
}

static struct widths widths_of(struct skp_host *host, const struct flags *flags,
                               const struct result *r)
{
	struct widths w = { 4, 5 };

	for (size_t i = 0; i < flags->n; i++) {
		size_t name = strlen(host->name(host, flags->flag[i].name));
		size_t value = r[i].value ? strlen(host->text(host, r[i].value)) : 8;

		w.name = name > (size_t)w.name ? (int)(name < 40 ? name : 40) : w.name;
		w.value = value > (size_t)w.value ? (int)(value < 30 ? value : 30) : w.value;
	}
	return w;
}

static int print_all(struct skp_host *host, const struct skp_call *call, const struct flags *flags,
                     const struct result *r, const char *where)
{
	struct widths w = widths_of(host, flags, r);
	json_t *list = json_array();

	for (size_t i = 0; i < flags->n; i++) {
		if (call->json)
			(void)json_array_append_new(list, flag_json(host, &flags->flag[i], &r[i]));
		else if (call->nul)
			host->write(host, flags->flag[i].name, strlen(flags->flag[i].name) + 1);
		else
			print_flag(host, &flags->flag[i], &r[i], &w);
	}
	return call->json ? print_json(host, json_pack("{s:o, s:o}", "environment",
	                                               text_json(host, where), "flags", list))
	                  : 0;
}

/* Reads the file and the environment that is asked for. */
static int begin(struct skp_host *host, const struct skp_call *call, struct flags *flags,
                 const char **where)
{
	int rc = store_need(host, flags);

	return rc ? rc : eval_environment(host, flags, skp_value(call, "in"), where);
}

int cmd_list(struct skp_host *host, const struct skp_call *call)
{
	const char *where = NULL;
	struct flags flags;
	struct result *r;
	int rc, partial = 0;

	if (call->n_arg > 1 || call->n_path)
		return host->error(host, SKP_EUSAGE, "usage: git sk flag list [--in ENVIRONMENT]");
	rc = store_read(host, &flags);
	if (rc == SKP_ENO) {
		host->note(host, "%s", host->message(host));
		return call->json
		               ? print_json(host, json_pack("{s:n, s:[]}", "environment", "flags"))
		               : 0;
	}
	if (!rc)
		rc = eval_environment(host, &flags, skp_value(call, "in"), &where);
	if (rc)
		return rc;
	r = fl_alloc(flags.n, sizeof *r);
	for (size_t i = 0; i < flags.n; i++) {
		r[i] = eval_flag(&flags.flag[i], where, true);
		if (r[i].error && !flags.flag[i].broken) {
			host->warn(host, "%s", host->text(host, r[i].error));
			partial = SKP_EPARTIAL;
		}
	}
	if (tell_wrong(host, &flags))
		partial = SKP_EPARTIAL;
	rc = print_all(host, call, &flags, r, where);
	if (!rc && partial)
		rc = host->error(host, partial, "some flags cannot be used");
	return rc;
}

/* The answer to one flag; its failure as the error of the command. */
static int one(struct skp_host *host, const struct skp_call *call, const char *name,
               struct flag **flag, struct result *r)
{
	const char *where = NULL;
	struct flags flags;
	int rc = begin(host, call, &flags, &where);

	if (!rc)
		rc = eval_find(host, &flags, name, flag);
	if (!rc)
		*r = eval_flag(*flag, where, true);
	return rc;
}

int cmd_get(struct skp_host *host, const struct skp_call *call)
{
	const char *type = skp_value(call, "type");
	struct flag *flag;
	struct result r;
	int rc;

	if (call->n_arg != 2)
		return host->error(host, SKP_EUSAGE,
		                   "usage: git sk flag get NAME [--type TYPE] [--in ENVIRONMENT]");
	if (type && flag_type(type) < 0)
		return host->error(host, SKP_EUSAGE,
		                   "--type %s: it is boolean, string, integer or float",
		                   host->name(host, type));
	rc = one(host, call, call->arg[1], &flag, &r);
	if (rc)
		return rc;
	if (flag->broken)
		return eval_broken(host, flag);
	if (type && flag_type(type) != (int)flag->type)
		return host->error(host, SKP_EUSAGE, "flag %s is of type %s, not %s", flag->name,
		                   flag_type_name[flag->type], type);
	if (r.error)
		return host->error(host, SKP_EUSAGE, "%s", host->text(host, r.error));
	if (call->json)
		return print_json(host, flag_json(host, flag, &r));
	host->print(host, "%s\n", call->terminal ? host->text(host, r.value) : r.value);
	return 0;
}

static void explain(struct skp_host *host, const struct flag *flag, const struct result *r,
                    const char *where)
{
	const char *file = "";

	(void)store_name(host, &file);
	host->print(host, "value   %s\n", r->value ? host->text(host, r->value) : "(none)");
	host->print(host, "type    %s\n", flag->broken ? "?" : flag_type_name[flag->type]);
	if (r->error)
		host->print(host, "reason  error: %s\n", host->text(host, r->error));
	else if (strcmp(r->reason, "variable") == 0)
		host->print(host, "reason  the variable is set, and comes first\n");
	else if (strcmp(r->reason, "environment") == 0)
		host->print(host, "reason  it has a value of its own in %s\n", where);
	else
		host->print(host, "reason  %s%s\n", "nothing else gives it a value",
		            where ? fl_format(", not even in %s", where) : "");
	if (r->line)
		host->print(host, "source  %s:%u\n", host->name(host, file), r->line);
	else if (flag->env)
		host->print(host, "source  variable %s\n", flag->env);
	if (flag->env && !flag->broken && r->line)
		host->print(host, "        (variable %s is not set)\n", flag->env);
	if (flag->description && !flag->broken)
		host->print(host, "about   %s\n", host->text(host, flag->description));
}

int cmd_eval(struct skp_host *host, const struct skp_call *call)
{
	const char *where = NULL;
	struct flags flags;
	struct flag *flag;
	struct result r;
	int rc;

	if (call->n_arg != 2)
		return host->error(host, SKP_EUSAGE,
		                   "usage: git sk flag eval NAME [--explain] [--in ENVIRONMENT]");
	rc = begin(host, call, &flags, &where);
	if (!rc)
		rc = eval_find(host, &flags, call->arg[1], &flag);
	if (rc)
		return rc;
	r = eval_flag(flag, where, true);
	if (call->json)
		rc = print_json(host, flag_json(host, flag, &r));
	else if (skp_has(call, "explain"))
		explain(host, flag, &r, where);
	else if (r.value)
		host->print(host, "%s  (%s)\n", host->text(host, r.value), r.reason);
	if (!rc && flag->broken)
		return eval_broken(host, flag);
	if (!rc && r.error)
		return host->error(host, SKP_EUSAGE, "%s", host->text(host, r.error));
	return rc;
}

int cmd_run(struct skp_host *host, const struct skp_call *call)
{
	struct skp_process p = { .argv = call->path, .flags = SKP_RUN_TERMINAL };
	const char *where = NULL, **env;
	struct flags flags;
	size_t n = 0;
	int rc;

	if (call->n_arg != 1 || !call->n_path)
		return host->error(host, SKP_EUSAGE,
		                   "usage: git sk flag run [--in ENVIRONMENT] -- COMMAND...");
	rc = begin(host, call, &flags, &where);
	env = fl_alloc(flags.n + 1, sizeof *env);
	for (size_t i = 0; i < flags.n && !rc; i++) {
		const struct flag *f = &flags.flag[i];
		struct result r = eval_flag(f, where, true);

		if (f->broken)
			rc = eval_broken(host, f);
		else if (r.error)
			rc = host->error(host, SKP_EUSAGE, "%s", host->text(host, r.error));
		else if (f->env)
			env[n++] = fl_format("%s=%s", f->env, nothing(r.value));
	}
	if (rc)
		return rc;
	p.env = env;
	rc = host->run(host, &p);
	return rc ? rc : p.status;
}

int health_check(struct skp_host *host)
{
	int64_t today = host->now(host) / 86400;
	size_t broken = 0, expired = 0;
	struct flags flags;
	int rc = store_read(host, &flags);

	if (rc == SKP_ENO)
		return 0; /* nothing to watch */
	if (rc)
		return host->check(host, "feature_flags", SKP_STATUS_FAIL, host->message(host));
	for (size_t i = 0; i < flags.n; i++) {
		const struct flag *f = &flags.flag[i];

		broken += f->broken != NULL;
		expired +=
		        !f->broken && !f->permanent && f->expires && flag_date(f->expires) < today;
	}
	return host->check(
	        host, "feature_flags",
	        broken    ? SKP_STATUS_FAIL
	        : expired ? SKP_STATUS_WARN
	                  : SKP_STATUS_OK,
	        fl_format("%zu flags, %zu broken, %zu expired", flags.n, broken, expired));
}
