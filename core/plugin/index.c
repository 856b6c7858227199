/* index.c - what is known of plugins, kept in a file of the user's cache.
 *
 * $XDG_CACHE_HOME/safekeep/plugins.json: {"format", "host", "plugins": [{"name", "dev", "ino",
 * "size", "mtime", "ctime", "asked", "manifest" or "reason"}]}.  It is only believed when it
 * belongs to the user and nobody else may write it.  Losing it costs a few milliseconds. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "plugin/parts.h"

#define FORMAT 1
#define INDEX_MAX (4u << 20)
#define KNOWN_MAX 256
/* A refusal may have its reason elsewhere, as a library that is missing or a machine that had no
 * memory left: it is asked again. */
#define REFUSAL_S 60

static char *host_id(void)
{
	struct sk_buf id = SK_BUF_INIT;

	(void)sk_buf_addf(&id, "%s %u.%u", SK_VERSION, SK_PLUGIN_ABI_MAJOR, SK_PLUGIN_ABI_MINOR);
	return sk_buf_detach(&id);
}

static char *cache_path(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct sk_buf path = SK_BUF_INIT;

	if (cache && cache[0] == '/')
		(void)sk_buf_addf(&path, "%s/safekeep/plugins.json", cache);
	else if (home && home[0] == '/')
		(void)sk_buf_addf(&path, "%s/.cache/safekeep/plugins.json", home);
	else
		return NULL;
	return sk_buf_detach(&path);
}

static bool is_ours(const char *path, struct stat *st)
{
	return lstat(path, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
	       !(st->st_mode & 022);
}

/* What was read last: a backup asks twice, and it is most of what an event costs where all plugins
 * rest.  It is always replaced as a whole, by another file. */
static struct {
	json_t *list;
	struct stat st;
} last;

static bool is_last(const struct stat *st)
{
	return last.list && st->st_dev == last.st.st_dev && st->st_ino == last.st.st_ino &&
	       st->st_size == last.st.st_size &&
	       memcmp(&st->st_mtim, &last.st.st_mtim, sizeof st->st_mtim) == 0 &&
	       memcmp(&st->st_ctim, &last.st.st_ctim, sizeof st->st_ctim) == 0;
}

static void keep_last(json_t *list, const struct stat *st)
{
	json_decref(last.list);
	last.list = json_incref(list);
	last.st = *st;
}

void sk_plugin_index_read(struct sk_plugin_index *index)
{
	struct sk_buf text = SK_BUF_INIT;
	struct stat st = { 0 };
	const char *said;
	json_t *o = NULL;
	bool ours;
	char *id;

	*index = (struct sk_plugin_index){ NULL, cache_path(), false };
	ours = index->path && is_ours(index->path, &st);
	if (ours && is_last(&st)) {
		index->list = json_incref(last.list);
		return;
	}
	id = host_id();
	if (ours && sk_read_file(AT_FDCWD, index->path, INDEX_MAX, &text) == 0)
		o = json_loadb(sk_buf_str(&text), text.len, 0, NULL);
	said = json_string_value(json_object_get(o, "host"));
	if (id && said && strcmp(said, id) == 0 &&
	    json_integer_value(json_object_get(o, "format")) == FORMAT)
		index->list = json_incref(json_object_get(o, "plugins"));
	if (json_is_array(index->list))
		keep_last(index->list, &st);
	if (!json_is_array(index->list)) {
		json_decref(index->list);
		index->list = json_array();
	}
	json_decref(o);
	free(id);
	sk_buf_free(&text);
}

static bool number_is(const json_t *o, const char *key, int64_t value)
{
	const json_t *n = json_object_get(o, key);

	return json_is_integer(n) && json_integer_value(n) == value;
}

static int64_t stamp(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static bool is_of(const json_t *o, const char *name, const struct stat *st)
{
	const char *its = json_string_value(json_object_get(o, "name"));

	return its && strcmp(its, name) == 0 && number_is(o, "dev", (int64_t)st->st_dev) &&
	       number_is(o, "ino", (int64_t)st->st_ino) && number_is(o, "size", st->st_size) &&
	       number_is(o, "mtime", stamp(&st->st_mtim)) &&
	       number_is(o, "ctime", stamp(&st->st_ctim));
}

bool sk_plugin_index_get(const struct sk_plugin_index *index, const char *name,
                         const struct stat *st, json_t **manifest, const char **reason)
{
	size_t i;
	json_t *o;

	json_array_foreach(index->list, i, o)
	{
		int64_t age = time(NULL) - json_integer_value(json_object_get(o, "asked"));

		if (!is_of(o, name, st))
			continue;
		*manifest = json_object_get(o, "manifest");
		*reason = json_string_value(json_object_get(o, "reason"));
		return *manifest || (*reason && age >= 0 && age < REFUSAL_S);
	}
	return false;
}

void sk_plugin_index_put(struct sk_plugin_index *index, const char *name, const struct stat *st,
                         json_t *manifest, const char *reason)
{
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", name, "dev",
	                      (json_int_t)st->st_dev, "ino", (json_int_t)st->st_ino, "size",
	                      (json_int_t)st->st_size, "mtime", (json_int_t)stamp(&st->st_mtim),
	                      "ctime", (json_int_t)stamp(&st->st_ctim), "asked",
	                      (json_int_t)time(NULL));
	json_t *old;
	size_t i;

	if (!o)
		return;
	if (manifest)
		(void)json_object_set(o, "manifest", manifest);
	else
		(void)json_object_set_new(o, "reason", json_string(reason));
	json_array_foreach(index->list, i, old) if (number_is(old, "dev", (int64_t)st->st_dev) &&
	                                            number_is(old, "ino", (int64_t)st->st_ino))(
	        void) json_array_remove(index->list, i--);
	while (json_array_size(index->list) >= KNOWN_MAX)
		(void)json_array_remove(index->list, 0);
	index->changed = json_array_append_new(index->list, o) == 0;
}

static void write_index(const struct sk_plugin_index *index)
{
	char *id = host_id(), *slash = strrchr(index->path, '/'), *text = NULL;
	json_t *o = json_pack("{s:i, s:s, s:O}", "format", FORMAT, "host", id ? id : "", "plugins",
	                      index->list);

	if (o && id)
		text = json_dumps(o, JSON_COMPACT);
	*slash = '\0';
	if (text && sk_mkdirs(index->path, 0700) == 0) {
		*slash = '/';
		(void)sk_write_file(AT_FDCWD, index->path, text, strlen(text), 0600, false);
	}
	*slash = '/';
	free(text);
	free(id);
	json_decref(o);
}

void sk_plugin_index_close(struct sk_plugin_index *index)
{
	if (index->changed && index->path)
		write_index(index);
	free(index->path);
	json_decref(index->list);
	*index = (struct sk_plugin_index){ NULL, NULL, false };
}

/* From JSON to tables */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool take_lines(const json_t *array, const char *const **out)
{
	const char **line = calloc(json_array_size(array) + 1, sizeof *line);

	for (size_t i = 0; line && i < json_array_size(array); i++)
		if (!(line[i] = json_string_value(json_array_get(array, i)))) {
			free(line);
			return false;
		}
	*out = line;
	return line != NULL;
}

static bool take_options(const json_t *array, const struct skp_option **out)
{
	struct skp_option *list = calloc(json_array_size(array) + 1, sizeof *list);

	for (size_t i = 0; list && i < json_array_size(array); i++) {
		const json_t *o = json_array_get(array, i);
		const char *key = text_of(o, "key");

		list[i] = (struct skp_option){ key ? *key : '\0', text_of(o, "name"),
			                       text_of(o, "arg"), text_of(o, "help") };
		if (!list[i].name || !list[i].help) {
			free(list);
			return false;
		}
	}
	*out = list;
	return list != NULL;
}

static bool take_command(const json_t *o, struct skp_command *c)
{
	c->name = text_of(o, "name");
	c->summary = text_of(o, "summary");
	c->manual = text_of(o, "manual");
	c->needs = (uint32_t)json_integer_value(json_object_get(o, "needs"));
	c->takes = (uint32_t)json_integer_value(json_object_get(o, "takes"));
	return c->name && c->summary && take_lines(json_object_get(o, "usage"), &c->usage) &&
	       take_lines(json_object_get(o, "words"), &c->words) &&
	       take_options(json_object_get(o, "options"), &c->options);
}

int sk_plugin_take_manifest(struct sk_plugin_info *info)
{
	const json_t *list = json_object_get(info->manifest, "commands");
	size_t n = json_array_size(list);

	info->version = text_of(info->manifest, "version");
	info->summary = text_of(info->manifest, "summary");
	info->space = text_of(info->manifest, "space");
	info->flags = (uint32_t)json_integer_value(json_object_get(info->manifest, "flags"));
	info->events = (uint32_t)json_integer_value(json_object_get(info->manifest, "events"));
	info->command = calloc(n + 1, sizeof *info->command);
	if (!info->command)
		return sk_error_oom();
	info->n_commands = n;
	if (!info->version || !info->summary || !info->space)
		return sk_error(SK_EDAMAGED, "what is known of plugin %s is damaged", info->name);
	for (size_t i = 0; i < n; i++)
		if (!take_command(json_array_get(list, i), &info->command[i]))
			return sk_error(SK_EDAMAGED, "what is known of plugin %s is damaged",
			                info->name);
	return 0;
}
