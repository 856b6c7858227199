/* export_json.c - flags as JSON: plain, for flagd, for the OpenFeature CLI. */
#include <string.h>

#include "commands.h"
#include "export.h"

json_t *export_json(const struct item *item, size_t n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++)
		(void)json_object_set_new(o, item[i].flag->name,
		                          value_json(item[i].flag->type, item[i].value));
	return o;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (text)
		(void)json_object_set_new(o, key, json_string(text));
}

static json_t *metadata(const struct flag *f)
{
	json_t *o = json_object();

	set_text(o, "description", f->description);
	set_text(o, "owner", f->owner);
	set_text(o, "created", f->created);
	set_text(o, "expires", f->expires);
	set_text(o, "issue", f->issue);
	if (f->permanent)
		(void)json_object_set_new(o, "permanent", json_true());
	return o;
}

static bool has_environment(const struct flag *f, const char *name)
{
	for (size_t i = 0; i < f->n_in; i++)
		if (strcmp(f->in[i].where, name) == 0)
			return true;
	return false;
}

/* The variants; *chosen is the name of the one that has the value. */
static json_t *variants(const struct item *item, const char **chosen)
{
	const struct flag *f = item->flag;
	json_t *o = json_object();

	if (f->type == FLAG_BOOLEAN) {
		*chosen = strcmp(item->value, "true") == 0 ? "on" : "off";
		(void)json_object_set_new(o, "on", json_true());
		(void)json_object_set_new(o, "off", json_false());
		return o;
	}
	*chosen = "default";
	(void)json_object_set_new(o, "default", value_json(f->type, f->value.text));
	for (size_t i = 0; i < f->n_in; i++) {
		const char *name = f->in[i].where;

		if (strcmp(name, "default") == 0) /* a name that none of its environments has */
			do
				name = fl_format("%s-environment", name);
			while (has_environment(f, name));

		(void)json_object_set_new(o, name, value_json(f->type, f->in[i].text));
		if (item->value == f->in[i].text)
			*chosen = name;
	}
	return o;
}

json_t *export_flagd(const struct item *item, size_t n)
{
	json_t *flags = json_object();

	for (size_t i = 0; i < n; i++) {
		const char *chosen = NULL;
		json_t *all = variants(&item[i], &chosen), *about = metadata(item[i].flag);
		json_t *o = json_pack("{s:s, s:o, s:s}", "state", "ENABLED", "variants", all,
		                      "defaultVariant", chosen);

		if (json_object_size(about))
			(void)json_object_set(o, "metadata", about);
		json_decref(about);
		(void)json_object_set_new(flags, item[i].flag->name, o);
	}
	return json_pack("{s:s, s:o}", "$schema", "https://flagd.dev/schema/v0/flags.json", "flags",
	                 flags);
}

json_t *export_openfeature(const struct item *item, size_t n)
{
	json_t *flags = json_object();

	for (size_t i = 0; i < n; i++) {
		const struct flag *f = item[i].flag;
		json_t *o = json_pack("{s:s, s:o}", "flagType", flag_type_name[f->type],
		                      "defaultValue", value_json(f->type, item[i].value));

		set_text(o, "description", f->description);
		(void)json_object_set_new(flags, f->name, o);
	}
	return json_pack("{s:s, s:o}", "$schema",
	                 "https://raw.githubusercontent.com/open-feature/cli/main/schema/v0/"
	                 "flag-manifest.json",
	                 "flags", flags);
}
