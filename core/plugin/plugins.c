/* plugins.c - which plugins there are here, and what each offers. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "plugin/parts.h"

#define ASK_MS 5000

const struct sk_plugin_io *sk_plugin_io;

static void free_command(struct skp_command *c)
{
	free((void *)(uintptr_t)c->usage);
	free((void *)(uintptr_t)c->words);
	free((void *)(uintptr_t)c->options);
}

/* What was taken from a manifest, without it. */
static void drop_manifest(struct sk_plugin_info *info)
{
	for (size_t i = 0; i < info->n_commands; i++)
		free_command(&info->command[i]);
	free(info->command);
	json_decref(info->manifest);
	json_decref(info->told);
	info->told = NULL;
	info->resting = 0;
	info->command = NULL;
	info->manifest = NULL;
	info->n_commands = 0;
	info->version = info->summary = info->space = NULL;
	info->flags = info->events = 0;
}

void sk_plugins_close(struct sk_plugins *plugins)
{
	for (size_t i = 0; i < plugins->n; i++) {
		drop_manifest(&plugins->item[i]);
		free(plugins->item[i].name);
		free(plugins->item[i].file);
		free(plugins->item[i].reason);
	}
	free(plugins->item);
	sk_strv_free(&plugins->folder);
	sk_strv_free(&plugins->said);
	*plugins = (struct sk_plugins){ 0 };
}

/* The message becomes the reason. */
static int refuse(struct sk_plugin_info *info)
{
	char *reason = strdup(sk_error_message());

	if (!reason)
		return sk_error_oom();
	drop_manifest(info);
	free(info->reason);
	info->reason = reason;
	info->state = SK_PLUGIN_REFUSED;
	sk_error_clear();
	return 0;
}

/* In the child. */
static int ask_work(void *ctx)
{
	const struct sk_plugin_info *info = ctx;
	const struct sk_plugin *plugin = NULL;
	json_t *manifest = NULL;
	int rc = sk_plugin_load(info->file, info->name, &plugin);

	if (!rc)
		rc = sk_plugin_manifest(plugin, &manifest);
	return rc ? rc : sk_report_set("manifest", manifest);
}

/* Has a child load it; `manifest` is a new reference.  SK_EREFUSED, SK_EIO: it is not to be used.
 */
static int ask(struct sk_plugin_info *info, json_t **manifest)
{
	struct sk_child child = {
		.name = info->name, .work = ask_work, .ctx = info, .timeout_ms = ASK_MS, .dir = "/"
	};
	struct sk_buf said = SK_BUF_INIT;
	json_t *o = NULL;
	int rc = sk_child_start(&child);

	if (!rc) {
		sk_children_wait(&child, 1);
		rc = sk_child_result(&child, &o, &said);
		if (rc)
			(void)sk_error_prefix(rc, "while it was loaded");
	}
	if (!rc && (rc = (int)json_integer_value(json_object_get(o, "code"))) != 0)
		(void)sk_error(rc, "%s", json_string_value(json_object_get(o, "message")));
	if (!rc && !(*manifest = json_incref(json_object_get(o, "manifest"))))
		rc = sk_error(SK_EIO, "plugin %s said nothing", info->name);
	json_decref(o);
	sk_buf_free(&said);
	return rc;
}

/* Fills `info`, from what is known or by asking. */
static int learn(struct sk_plugin_info *info, struct sk_plugin_index *index, bool fresh,
                 const struct stat *st)
{
	const char *reason = NULL;
	json_t *manifest = NULL;
	int rc = 0;

	if (!fresh && sk_plugin_index_get(index, info->name, st, &manifest, &reason)) {
		if (!manifest) {
			(void)sk_error(SK_EREFUSED, "%s", reason);
			return refuse(info);
		}
		info->manifest = json_incref(manifest);
		rc = sk_plugin_take_manifest(info);
		if (rc != SK_EDAMAGED)
			return rc;
		drop_manifest(info);
	}
	rc = ask(info, &manifest);
	sk_plugin_index_put(index, info->name, st, rc ? NULL : manifest, sk_error_message());
	if (rc)
		return refuse(info);
	info->manifest = manifest;
	return sk_plugin_take_manifest(info);
}

static int locate(const struct sk_plugins *p, const char *name, char **out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < p->folder.n && !*out && !rc; i++) {
		struct stat st;

		sk_buf_clear(&path);
		rc = sk_buf_addf(&path, "%s/%s.so", p->folder.item[i], name);
		if (!rc && lstat(path.ptr, &st) == 0)
			*out = sk_buf_detach(&path);
	}
	sk_buf_free(&path);
	return rc;
}

/* One that was loaded before has the same command, or the same part of the namespace. */
static bool clashes(const struct sk_plugins *p, const struct sk_plugin_info *info)
{
	for (const struct sk_plugin_info *x = p->item; x < info; x++) {
		if (x->state != SK_PLUGIN_LOADED)
			continue;
		if (strcmp(x->space, info->space) == 0) {
			(void)sk_error(SK_EREFUSED, "plugin %s: refs/sk/%s belongs to plugin %s",
			               info->name, info->space, x->name);
			return true;
		}
		for (size_t i = 0; i < x->n_commands; i++)
			for (size_t k = 0; k < info->n_commands; k++)
				if (strcmp(x->command[i].name, info->command[k].name) == 0) {
					(void)sk_error(SK_EREFUSED,
					               "plugin %s: its command '%s' is plugin "
					               "%s's already",
					               info->name, x->command[i].name, x->name);
					return true;
				}
	}
	return false;
}

/* The next free place in the array; NULL when there is none, or it is in the list already. */
static struct sk_plugin_info *add(struct sk_plugins *p, const char *name, size_t len)
{
	struct sk_plugin_info *grown;

	for (size_t i = 0; i < p->n; i++)
		if (strlen(p->item[i].name) == len && memcmp(p->item[i].name, name, len) == 0)
			return NULL;
	grown = realloc(p->item, (p->n + 1) * sizeof *p->item);
	if (!grown)
		return NULL;
	p->item = grown;
	p->item[p->n] = (struct sk_plugin_info){ .name = strndup(name, len) };
	return p->item[p->n].name ? &p->item[p->n++] : NULL;
}

static bool is_known(const struct sk_plugin_index *index, const struct sk_plugin_info *info,
                     const struct stat *st)
{
	json_t *manifest;
	const char *reason;

	return sk_plugin_index_get(index, info->name, st, &manifest, &reason);
}

static int leave_out(struct sk_plugins *p)
{
	p->n--;
	free(p->item[p->n].name);
	free(p->item[p->n].file);
	return 0;
}

static int add_enabled(struct sk_plugins *p, const char *name, size_t len, unsigned flags,
                       struct sk_plugin_index *index)
{
	struct sk_plugin_info *info = add(p, name, len);
	struct stat st;
	int rc;

	if (!info)
		return 0;
	info->state = SK_PLUGIN_MISSING;
	rc = sk_plugin_name_ok(info->name) ? locate(p, info->name, &info->file) : 0;
	if (rc || !info->file) {
		if (flags & SK_PLUGINS_ALL)
			return rc;
		return rc ? rc : leave_out(p);
	}
	rc = sk_plugin_file_safe(info->file, &st);
	if (rc) {
		(void)sk_error_prefix(rc, "plugin %s", info->name);
		return refuse(info);
	}
	if (!index->list)
		sk_plugin_index_read(index);
	if ((flags & SK_PLUGINS_KNOWN) && !is_known(index, info, &st)) {
		p->unknown = true;
		return leave_out(p);
	}
	info->state = SK_PLUGIN_LOADED;
	rc = learn(info, index, flags & SK_PLUGINS_FRESH, &st);
	if (!rc && info->state == SK_PLUGIN_LOADED && clashes(p, info))
		rc = refuse(info);
	return rc;
}

/* Those that lie there and are not enabled: by their names alone. */
static int add_off(struct sk_plugins *p)
{
	int rc = 0;

	for (size_t i = 0; i < p->folder.n; i++) {
		DIR *dir = opendir(p->folder.item[i]);
		struct dirent *d;

		while (dir && !rc && (d = readdir(dir))) {
			char name[SK_PLUGIN_NAME_MAX + 1];
			size_t len = strlen(d->d_name);
			struct sk_plugin_info *info;

			if (len < 4 || len - 3 >= sizeof name ||
			    strcmp(d->d_name + len - 3, ".so") != 0)
				continue;
			memcpy(name, d->d_name, len - 3);
			name[len - 3] = '\0';
			if (!sk_plugin_name_ok(name) || !(info = add(p, name, len - 3)))
				continue;
			info->state = SK_PLUGIN_OFF;
			rc = locate(p, name, &info->file);
		}
		if (dir)
			(void)closedir(dir);
	}
	return rc;
}

int sk_plugins_open(const struct sk_config *config, unsigned flags, struct sk_plugins *out)
{
	const char *enable = sk_config_get(config, "plugins.enable");
	struct sk_plugin_index index = { NULL, NULL, false };
	struct sk_plugins p = { 0 };
	int rc = sk_plugin_io ? sk_plugin_folders(config, &p.folder, &p.said) : 0;

	if (!p.folder.n && !(flags & SK_PLUGINS_ALL))
		enable = NULL; /* that is all */
	for (const char *at = enable ? enable : ""; *at && !rc;) {
		size_t len = strcspn(at, ", ");

		if (len)
			rc = add_enabled(&p, at, len, flags, &index);
		at += len;
		at += strspn(at, ", ");
	}
	if (!rc && (flags & SK_PLUGINS_ALL))
		rc = add_off(&p);
	sk_plugin_index_close(&index);
	if (rc)
		sk_plugins_close(&p);
	else
		*out = p;
	return rc;
}

const struct sk_plugin_info *sk_plugins_find(const struct sk_plugins *plugins, const char *name)
{
	for (size_t i = 0; i < plugins->n; i++)
		if (strcmp(plugins->item[i].name, name) == 0)
			return &plugins->item[i];
	return NULL;
}

const struct sk_plugin_info *sk_plugins_command(const struct sk_plugins *plugins, const char *name,
                                                const struct skp_command **command)
{
	for (size_t i = 0; i < plugins->n; i++)
		for (size_t k = 0; k < plugins->item[i].n_commands; k++)
			if (strcmp(plugins->item[i].command[k].name, name) == 0) {
				*command = &plugins->item[i].command[k];
				return &plugins->item[i];
			}
	return NULL;
}
