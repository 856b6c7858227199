#include "eval.h"

#include <stdlib.h>
#include <string.h>

#include "store.h"

static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; *p; p += strcspn(p, ", ")) {
		p += strspn(p, ", ");
		if (strcspn(p, ", ") == len && memcmp(p, name, len) == 0)
			return true;
	}
	return false;
}

/* All of the file's, each once, with commas. */
static char *known(const struct flags *flags)
{
	char *list = fl_dup("", 0);

	for (size_t i = 0; i < flags->n; i++)
		for (size_t k = 0; k < flags->flag[i].n_in; k++)
			if (!is_listed(list, flags->flag[i].in[k].where))
				list = fl_format("%s%s%s", list, *list ? ", " : "",
				                 flags->flag[i].in[k].where);
	return list;
}

int eval_environment(struct skp_host *host, const struct flags *flags, const char *given,
                     const char **out)
{
	const char *set = host->setting(host, "environments"), *name = given, *all;

	if (!name && (name = getenv("SK_FLAG_ENVIRONMENT")) && !*name)
		name = NULL;
	if (!name)
		name = host->setting(host, "environment");
	*out = name;
	all = name ? known(flags) : "";
	if (!name || is_listed(all, name) || (set && is_listed(set, name)))
		return 0;
	if (!given && !set) {
		/* set once, for all flags: that the last value for it went must stop nothing */
		host->warn(host, "no flag has a value for the environment %s",
		           host->name(host, name));
		return 0;
	}
	return host->error(host, SKP_EUSAGE,
	                   "no flag has a value for the environment %s%s%s%s; name those that "
	                   "there are in [plugin \"feature-flag\"] environments",
	                   host->name(host, name), *all ? " (but for " : "", all, *all ? ")" : "");
}

static struct result from_variable(const struct flag *flag, const char *text)
{
	struct result r = { .reason = "variable" };
	const char *why = NULL;

	r.value = flag_parse(flag->type, text, &why);
	if (r.value)
		return r;
	r.reason = "error";
	r.error = fl_format("the variable %s is '%.100s', and flag %s is %s %s: %s", flag->env,
	                    text, flag->name, flag->type == FLAG_INTEGER ? "an" : "a",
	                    flag_type_name[flag->type], why);
	return r;
}

struct result eval_flag(const struct flag *flag, const char *where, bool variables)
{
	const char *text = variables && !flag->broken && flag->env ? getenv(flag->env) : NULL;

	if (flag->broken)
		return (struct result){ .reason = "error",
			                .line = flag->broken_line,
			                .error = fl_format("flag %s: %s", flag->name,
			                                   flag->broken) };
	if (text && *text)
		return from_variable(flag, text);
	for (size_t i = 0; where && i < flag->n_in; i++)
		if (strcmp(flag->in[i].where, where) == 0)
			return (struct result){ .reason = "environment",
				                .value = flag->in[i].text,
				                .line = flag->in[i].line };
	return (struct result){ .reason = "default",
		                .value = flag->value.text,
		                .line = flag->value.line };
}

int eval_find(struct skp_host *host, const struct flags *flags, const char *name, struct flag **out)
{
	const char *like, *file = NULL;
	int rc = store_name(host, &file);

	*out = flags_find(flags, name);
	if (rc || *out)
		return rc;
	like = flags_like(flags, name);
	return host->error(host, SKP_EUSAGE, "there is no flag %s in %s%s%s%s",
	                   host->name(host, name), host->name(host, file),
	                   like ? "; did you mean " : "", like ? host->name(host, like) : "",
	                   like ? "?" : "");
}

int eval_broken(struct skp_host *host, const struct flag *flag)
{
	const char *file = "";

	if (store_name(host, &file))
		return SKP_EUSAGE;
	return host->error(host, SKP_EUSAGE, "%s:%u: flag %s: %s", host->name(host, file),
	                   flag->broken_line, host->name(host, flag->name),
	                   host->text(host, flag->broken));
}
