#include "repo/config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define AT(field) (int)offsetof(struct sk_config, field)
enum { AS_TEXT = -1, KEYS_MAX = 4096, INTERVAL_MIN = 1000 };

static const struct sk_key table[] = {
	{ "backup", "interval", SK_KEY_TIME, SK_MAY_SHORTEN, AT(backup.interval_ms), "15m" },
	{ "backup", "paths", SK_KEY_PATHS, SK_MAY_SET, AT(backup.paths), "." },
	{ "backup", "exclude", SK_KEY_LIST, SK_MAY_SET, AT(backup.exclude), "" },
	{ "backup", "include_ignored", SK_KEY_LIST, SK_MAY_SET, AT(backup.include_ignored), "" },
	{ "backup", "max_file_size", SK_KEY_SIZE, SK_MAY_RAISE_0, AT(backup.max_file_size), "50M" },
	{ "retention", "max_per_day", SK_KEY_COUNT, SK_MAY_RAISE_0, AT(retention.max_per_day),
	  "96" },
	{ "retention", "keep_last", SK_KEY_COUNT, SK_MAY_RAISE, AT(retention.keep_last), "20" },
	{ "retention", "keep_hourly", SK_KEY_COUNT, SK_MAY_RAISE, AT(retention.keep_hourly), "48" },
	{ "retention", "keep_daily", SK_KEY_COUNT, SK_MAY_RAISE, AT(retention.keep_daily), "30" },
	{ "retention", "keep_weekly", SK_KEY_COUNT, SK_MAY_RAISE, AT(retention.keep_weekly), "8" },
	{ "retention", "keep_monthly", SK_KEY_COUNT, SK_MAY_RAISE, AT(retention.keep_monthly),
	  "12" },
	{ "retention", "disk_budget", SK_KEY_SIZE, SK_MAY_RAISE_0, AT(retention.disk_budget),
	  "2G" },
	{ "hooks", "impact", SK_KEY_LEVEL, SK_MAY_RAISE, AT(hooks.impact), "summary" },
	{ "guard", "enabled", SK_KEY_BOOL, SK_MAY_RAISE, AT(guard.enabled), "true" },
	{ "watch", "enabled", SK_KEY_BOOL, SK_MAY_RAISE, AS_TEXT, "true" },
	{ "watch", "debounce", SK_KEY_TIME, SK_MAY_SHORTEN, AS_TEXT, "500ms" },
	{ "service", "idle_exit", SK_KEY_TIME, SK_MAY_NOT, AS_TEXT, "never" },
	{ "impact", "roots", SK_KEY_PATHS, SK_MAY_SET, AS_TEXT, NULL },
	{ "impact", "tests", SK_KEY_LIST, SK_MAY_SET, AS_TEXT, NULL },
	{ "affects", NULL, SK_KEY_LIST, SK_MAY_SET, AS_TEXT, NULL },
	{ "components", NULL, SK_KEY_LIST, SK_MAY_SET, AS_TEXT, NULL },
	{ "component", "paths", SK_KEY_LIST, SK_MAY_SET, AS_TEXT, NULL },
	{ "coverage", "reports", SK_KEY_PATHS, SK_MAY_SET, AS_TEXT,
	  "coverage/lcov.info, coverage.xml" },
	{ "migrations", "database", SK_KEY_TEXT, SK_MAY_SET, AS_TEXT, NULL },
	{ "migrations", "version", SK_KEY_COUNT, SK_MAY_SET, AS_TEXT, NULL },
	{ "migrations", "paths", SK_KEY_LIST, SK_MAY_SET, AS_TEXT, NULL },
	{ "health", "database", SK_KEY_TEXT, SK_MAY_NOT, AS_TEXT, NULL },
	{ "health", "application", SK_KEY_TEXT, SK_MAY_NOT, AS_TEXT, NULL },
	{ "health", "timeout", SK_KEY_TIME, SK_MAY_NOT, AS_TEXT, "10s" },
	{ "health", "min_free", SK_KEY_SIZE, SK_MAY_RAISE, AS_TEXT, "1G" },
	{ "health", "max_age", SK_KEY_TIME, SK_MAY_SHORTEN, AS_TEXT, "1h" },
	{ "release", "include", SK_KEY_LIST, SK_MAY_NOT, AS_TEXT, "**" },
	{ "release", "exclude", SK_KEY_LIST, SK_MAY_ADD, AS_TEXT, "*.log, tmp/**" },
	{ "vault", "interval", SK_KEY_TIME, SK_MAY_NOT, AS_TEXT, "15m" },
	{ "vault", "every", SK_KEY_COUNT, SK_MAY_NOT, AS_TEXT, "0" },
	{ "vault", "prune", SK_KEY_BOOL, SK_MAY_NOT, AS_TEXT, "false" },
	{ "vault", "private", SK_KEY_BOOL, SK_MAY_NOT, AS_TEXT, "false" },
	{ "vault", "tags", SK_KEY_BOOL, SK_MAY_NOT, AS_TEXT, "false" },
	{ "vault", "url", SK_KEY_TEXT, SK_MAY_NOT, AS_TEXT, NULL }, /* [vault "NAME"] */
	{ "plugins", "enable", SK_KEY_LIST, SK_MAY_NOT, AS_TEXT,
	  "chat-export, feature-flag, config-backup" },
	{ "plugins", "folder", SK_KEY_TEXT, SK_OWN_ONLY, AS_TEXT, NULL },
	{ "plugins", "timeout", SK_KEY_TIME, SK_MAY_NOT, AS_TEXT, "2s" },
	{ "plugin", NULL, SK_KEY_TEXT, SK_MAY_NOT, AS_TEXT, NULL },
};

const struct sk_key *sk_key_next(const struct sk_key *key)
{
	for (key = key ? key + 1 : table; key < table + sizeof table / sizeof *table; key++)
		if (key->initial)
			return key;
	return NULL;
}

/* component "X" -> word "component", name "X".  False unless it is that or a word alone. */
static bool split_section(const char *section, size_t *word, const char **name, size_t *len)
{
	const char *p = section, *end;

	while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
		p++;
	*word = (size_t)(p - section);
	*name = NULL;
	*len = 0;
	if (!*p)
		return *word > 0;
	p += strspn(p, " \t");
	if (*p++ != '"')
		return false;
	end = strrchr(p, '"');
	if (!end || end == p || end[1 + strspn(end + 1, " \t")])
		return false;
	*name = p;
	*len = (size_t)(end - p);
	return true;
}

const struct sk_key *sk_key_find(const char *section, const char *name, struct sk_buf *full,
                                 const char **why)
{
	bool known = false;
	const char *of;
	size_t word, len;

	*why = "unknown section";
	if (!split_section(section, &word, &of, &len))
		return NULL;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct sk_key *k = &table[i];
		bool named = strcmp(k->section, "component") == 0 ||
		             strcmp(k->section, "plugin") == 0 ||
		             (strcmp(k->section, "vault") == 0 && strcmp(k->name, "url") == 0);

		if (strlen(k->section) != word || strncmp(k->section, section, word) != 0 ||
		    named != (of != NULL))
			continue;
		known = true;
		if (k->name && strcmp(k->name, name) != 0)
			continue;
		(void)sk_buf_add(full, section, word);
		if (of) {
			(void)sk_buf_addc(full, '.');
			(void)sk_buf_add(full, of, len);
		}
		(void)sk_buf_addf(full, ".%s", name);
		return k;
	}
	if (known)
		*why = "unknown key";
	return NULL;
}

struct value {
	int64_t number; /* sizes and counts too: they are below 2^63 */
	struct sk_strv list;
	const char *text; /* borrowed */
};

static int parse_bool(const char *text, int64_t *out)
{
	static const char *const word[2][4] = { { "false", "no", "off", "0" },
		                                { "true", "yes", "on", "1" } };

	for (size_t i = 0; i < 8; i++)
		if (strcasecmp(text, word[i / 4][i % 4]) == 0) {
			*out = (int64_t)(i / 4);
			return 0;
		}
	return sk_error(SK_EUSAGE, "'%s' is neither true nor false", sk_name(text));
}

static int parse_level(const char *text, int64_t *out)
{
	static const char *const word[] = { "off", "summary", "block" };

	for (size_t i = 0; i < 3; i++)
		if (strcmp(text, word[i]) == 0) {
			*out = (int64_t)i;
			return 0;
		}
	return sk_error(SK_EUSAGE, "'%s' is not one of off, summary, block", sk_name(text));
}

static int parse_count(const char *text, int64_t *out)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : ULONG_MAX;
	if (v > INT_MAX || errno || *end)
		return sk_error(SK_EUSAGE, "'%s' is not a number from 0 to %d", sk_name(text),
		                INT_MAX);
	*out = (int64_t)v;
	return 0;
}

/* Neither absolute nor by ".." out of the worktree. */
static bool stays_inside(const char *path)
{
	if (*path == '/')
		return false;
	for (const char *p = path; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return false;
		p += len;
	}
	return true;
}

static int parse_list(const char *text, bool inside, struct sk_strv *out)
{
	int rc = 0;

	for (const char *p = text; *p && !rc; p += *p != '\0') {
		size_t len = strcspn(p, ",\n"), n = len;
		const char *item = p;

		p += len;
		while (n && isspace((unsigned char)*item))
			item++, n--;
		while (n && isspace((unsigned char)item[n - 1]))
			n--;
		if (!n)
			continue;
		rc = sk_strv_addn(out, item, n);
		if (!rc && inside && !stays_inside(out->item[out->n - 1]))
			rc = sk_error(SK_EUSAGE, "'%s' leads out of the working tree",
			              sk_name(out->item[out->n - 1]));
	}
	return rc;
}

static int parse(const struct sk_key *key, const char *text, bool untrusted, struct value *v)
{
	bool is_list = key->type == SK_KEY_LIST || key->type == SK_KEY_PATHS;
	/* reports of a build may lie elsewhere, but only if the user says so */
	bool inside = key->type == SK_KEY_PATHS && (untrusted || key->offset >= 0);
	uint64_t size = 0;
	int rc;

	v->text = text;
	if (is_list)
		return parse_list(text, inside, &v->list);
	if (key->type == SK_KEY_TEXT)
		return 0;
	if (strchr(text, '\n'))
		return sk_error(SK_EUSAGE, "one value is wanted, on one line");
	switch (key->type) {
	case SK_KEY_BOOL:
		return parse_bool(text, &v->number);
	case SK_KEY_LEVEL:
		return parse_level(text, &v->number);
	case SK_KEY_COUNT:
		return parse_count(text, &v->number);
	case SK_KEY_TIME:
		return sk_parse_duration(text, &v->number);
	default:
		rc = sk_parse_size(text, &size);
		v->number = (int64_t)size;
		return rc;
	}
}

static int check(const struct sk_config *config, const struct sk_key *key, const struct value *v)
{
	const void *field = key->offset < 0 ? NULL : (const char *)config + key->offset;

	if (field == &config->backup.interval_ms && v->number >= 0 && v->number < INTERVAL_MIN)
		return sk_error(SK_EUSAGE, "'%s' is too short (at least 1s)", sk_name(v->text));
	if (field == &config->backup.paths && v->list.n == 0)
		return sk_error(SK_EUSAGE, "no path would be kept (use '.' for all)");
	return 0;
}

static int64_t field_number(const struct sk_config *config, const struct sk_key *key)
{
	const void *field = (const char *)config + key->offset;

	switch (key->type) {
	case SK_KEY_BOOL:
		return *(const bool *)field;
	case SK_KEY_LEVEL:
		return *(const int *)field;
	case SK_KEY_COUNT:
		return *(const unsigned *)field;
	case SK_KEY_SIZE:
		return (int64_t) * (const uint64_t *)field;
	default:
		return *(const int64_t *)field;
	}
}

/* What the layers before have; false when there is nothing to compare with. */
static bool number_now(const struct sk_config *config, const struct sk_key *key, const char *full,
                       int64_t *out)
{
	const char *text = sk_config_get(config, full);
	struct value now = { 0, SK_STRV_INIT, NULL };

	if (key->offset >= 0) {
		*out = field_number(config, key);
		return true;
	}
	if (!text || parse(key, text, false, &now))
		return false;
	*out = now.number;
	return true;
}

/* Whether the project's own file may say this, by the rule that it can only add protection. */
static int allow(const struct sk_config *config, const struct sk_key *key, const char *full,
                 const struct value *v)
{
	static const char ask[] = "; run 'git sk trust' to accept it";
	int64_t now = 0, new = v->number;
	bool less;

	if (key->rule == SK_MAY_SET || key->rule == SK_MAY_ADD)
		return 0;
	if (key->rule == SK_MAY_NOT)
		return sk_error(SK_EREFUSED, "not taken from the project's own file%s", ask);
	if (!number_now(config, key, full, &now))
		return 0;
	if (key->rule == SK_MAY_RAISE_0) {
		now = now ? now : INT64_MAX;
		new = new ? new : INT64_MAX;
	}
	if (key->rule == SK_MAY_SHORTEN) {
		now = now < 0 ? INT64_MAX : now;
		new = new < 0 ? INT64_MAX : new;
	}
	less = key->rule == SK_MAY_SHORTEN ? new > now : new < now;
	return less ? sk_error(SK_EREFUSED, "the project's own file may only make it %s%s",
	                       key->rule == SK_MAY_SHORTEN                             ? "shorter"
	                       : key->type == SK_KEY_BOOL || key->type == SK_KEY_LEVEL ? "stricter"
	                                                                               : "larger",
	                       ask)
	            : 0;
}

static void store_field(struct sk_config *config, const struct sk_key *key, struct value *v)
{
	void *field = (char *)config + key->offset;
	struct sk_strv *list = field;

	switch (key->type) {
	case SK_KEY_BOOL:
		*(bool *)field = v->number != 0;
		break;
	case SK_KEY_LEVEL:
		*(int *)field = (int)v->number;
		break;
	case SK_KEY_COUNT:
		*(unsigned *)field = (unsigned)v->number;
		break;
	case SK_KEY_SIZE:
		*(uint64_t *)field = (uint64_t)v->number;
		break;
	case SK_KEY_TIME:
		*(int64_t *)field = v->number;
		break;
	default:
		sk_strv_free(list);
		*list = v->list;
		v->list = (struct sk_strv)SK_STRV_INIT;
	}
}

/* Replaces or appends; `text` becomes the configuration's. */
static int store_text(struct sk_config *config, const char *full, char *text)
{
	for (size_t i = 0; i < config->keys.n; i++)
		if (strcmp(config->keys.item[i], full) == 0) {
			free(config->values.item[i]);
			config->values.item[i] = text;
			return 0;
		}
	if (config->keys.n >= KEYS_MAX) {
		free(text);
		return sk_error(SK_EUSAGE, "more than %d settings", KEYS_MAX);
	}
	if (sk_strv_add(&config->values, text) == 0) {
		free(text);
		if (sk_strv_add(&config->keys, full) == 0)
			return 0;
		free(config->values.item[--config->values.n]);
		return sk_error_oom();
	}
	free(text);
	return sk_error_oom();
}

static int as_text(struct sk_config *config, const struct sk_key *key, const char *full,
                   const struct value *v, bool add, char **out)
{
	const char *now = add ? sk_config_get(config, full) : NULL;
	struct sk_buf buf = SK_BUF_INIT;
	int rc = sk_buf_adds(&buf, now ? now : "");

	if (key->type == SK_KEY_LIST || key->type == SK_KEY_PATHS) {
		for (size_t i = 0; i < v->list.n && !rc; i++)
			rc = sk_buf_addf(&buf, "%s%s", buf.len ? ", " : "", v->list.item[i]);
	} else if (key->type == SK_KEY_BOOL) {
		rc = sk_buf_adds(&buf, v->number ? "true" : "false");
	} else {
		rc = sk_buf_adds(&buf, v->text);
		for (char *p = buf.ptr; !rc && (p = strchr(p, '\n'));)
			*p = ' ';
	}
	if (!rc && !(*out = sk_buf_detach(&buf)))
		rc = sk_error_oom();
	sk_buf_free(&buf);
	return rc;
}

int sk_key_set(struct sk_config *config, const struct sk_key *key, const char *full,
               const char *text, bool untrusted)
{
	struct value v = { 0, SK_STRV_INIT, NULL };
	char *copy = NULL;
	int rc = parse(key, text, untrusted, &v);

	if (!rc)
		rc = check(config, key, &v);
	if (!rc && untrusted)
		rc = allow(config, key, full, &v);
	if (rc)
		goto out;
	if (key->offset >= 0) {
		if (key->offset == AT(backup.paths))
			config->backup.paths_by_project = untrusted;
		if (key->offset == AT(backup.exclude))
			config->backup.exclude_by_project = untrusted;
		store_field(config, key, &v);
		goto out;
	}
	rc = as_text(config, key, full, &v, untrusted && key->rule == SK_MAY_ADD, &copy);
	if (!rc)
		rc = store_text(config, full, copy);
out:
	sk_strv_free(&v.list);
	return rc;
}
