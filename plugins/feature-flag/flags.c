#include "flags.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEY_TYPE,
	KEY_DEFAULT,
	KEY_ENV,
	KEY_DESCRIPTION,
	KEY_OWNER,
	KEY_CREATED,
	KEY_EXPIRES,
	KEY_PERMANENT,
	KEY_ISSUE,
	KEY_IN,
	KEY_UNKNOWN
};

static const char *const key_name[] = { "type",    "default", "env",       "description", "owner",
	                                "created", "expires", "permanent", "issue",       NULL };

static int key_of(const char *name)
{
	for (int i = 0; key_name[i]; i++)
		if (strcmp(key_name[i], name) == 0)
			return i;
	return strncmp(name, "default.", 8) == 0 ? KEY_IN : KEY_UNKNOWN;
}

static void remark(struct flags *flags, size_t line, char *words)
{
	flags->remark = fl_more(flags->remark, flags->n_remarks, sizeof *flags->remark);
	flags->remark[flags->n_remarks++] =
	        (struct flag_remark){ .line = (unsigned)line + 1, .words = words };
}

/* The first thing that is wrong counts. */
static void breaks(struct flag *flag, size_t line, char *words)
{
	if (flag->broken)
		return;
	flag->broken = words;
	flag->broken_line = (unsigned)line + 1;
}

/* The text of a line, without its quotes; NULL: the flag is broken now. */
static char *text_of(struct flag *flag, const struct ini *ini, size_t i)
{
	const struct ini_line *line = &ini->line[i];
	char *text = flag_unquote(line->value);

	if (!text)
		breaks(flag, i,
		       fl_format("%s: the quotes do not hold a JSON string (in quotes, "
		                 "write ; as \\u003b)",
		                 line->name));
	else if (!flag_utf8(text))
		breaks(flag, i, fl_format("%s: it is not UTF-8", line->name));
	return text;
}

static void take_value(struct flag *flag, const struct ini *ini, size_t i, char *where)
{
	struct flag_value value = { .where = where, .line = (unsigned)i + 1 };
	const char *why = NULL;
	char *text = text_of(flag, ini, i);

	if (flag->broken)
		return;
	if (where && !flag_environment_ok(where)) {
		breaks(flag, i,
		       fl_format("%s is no environment's name: letters, digits, _ . -",
		                 ini->line[i].name));
		return;
	}
	value.text = flag_parse(flag->type, text, &why);
	if (!value.text)
		breaks(flag, i, fl_format("%s = '%s': %s", ini->line[i].name, text, why));
	if (!where) {
		flag->value = value;
		return;
	}
	flag->in = fl_more(flag->in, flag->n_in, sizeof *flag->in);
	flag->in[flag->n_in++] = value;
}

static void take_env(struct flag *flag, const struct ini *ini, size_t i)
{
	char *text = text_of(flag, ini, i);
	const char *why = text && *text ? flag_env_refused(text) : NULL;

	if (why)
		breaks(flag, i, fl_format("env = %s: %s", text, why));
	flag->env = text;
}

static void take_date(struct flag *flag, const struct ini *ini, size_t i, char **out)
{
	*out = text_of(flag, ini, i);
	if (*out && flag_date(*out) == INT64_MIN)
		breaks(flag, i,
		       fl_format("%s = '%s': a date is YYYY-MM-DD", ini->line[i].name, *out));
}

static void take_permanent(struct flag *flag, const struct ini *ini, size_t i)
{
	const char *why = NULL, *text = flag_parse(FLAG_BOOLEAN, ini->line[i].value, &why);

	if (!text)
		breaks(flag, i,
		       fl_format("permanent = '%s': it is true or false", ini->line[i].value));
	flag->permanent = text && strcmp(text, "true") == 0;
}

static void take_setting(struct flags *flags, struct flag *flag, size_t i)
{
	const struct ini *ini = &flags->ini;
	const struct ini_line *line = &ini->line[i];

	switch (key_of(line->name)) {
	case KEY_TYPE:
		break; /* it was read before: values need it */
	case KEY_DEFAULT:
		take_value(flag, ini, i, NULL);
		break;
	case KEY_IN:
		take_value(flag, ini, i, line->name + 8);
		break;
	case KEY_ENV:
		take_env(flag, ini, i);
		break;
	case KEY_CREATED:
		take_date(flag, ini, i, &flag->created);
		break;
	case KEY_EXPIRES:
		take_date(flag, ini, i, &flag->expires);
		break;
	case KEY_PERMANENT:
		take_permanent(flag, ini, i);
		break;
	case KEY_DESCRIPTION:
		flag->description = text_of(flag, ini, i);
		break;
	case KEY_OWNER:
		flag->owner = text_of(flag, ini, i);
		break;
	case KEY_ISSUE:
		flag->issue = text_of(flag, ini, i);
		break;
	default:
		remark(flags, i,
		       fl_format("flag %s: there is no key '%s'", flag->name, line->name));
	}
}

static void take_type(struct flag *flag, const struct ini *ini)
{
	size_t i = ini_key(ini, flag->section, "type");
	int type = i < ini->n ? flag_type(ini->line[i].value) : FLAG_BOOLEAN;

	if (type < 0)
		breaks(flag, i,
		       fl_format("type = '%s': it is boolean, string, integer or float",
		                 ini->line[i].value));
	else
		flag->type = (enum flag_type)type;
}

/* Whether the key of line `i` was in the section before. */
static bool is_again(const struct ini *ini, size_t section, size_t i)
{
	return ini_key(ini, section, ini->line[i].name) < i;
}

static void take_lines(struct flags *flags, struct flag *flag)
{
	const struct ini *ini = &flags->ini;

	for (size_t i = flag->section + 1; i < ini->n && ini->line[i].kind != INI_SECTION; i++) {
		if (ini->line[i].kind == INI_BAD)
			breaks(flag, i, fl_format("%s", ini->line[i].why));
		else if (ini->line[i].kind == INI_KEY && is_again(ini, flag->section, i))
			breaks(flag, i, fl_format("%s is there twice", ini->line[i].name));
		else if (ini->line[i].kind == INI_KEY)
			take_setting(flags, flag, i);
	}
}

/* A text and where it is from: to find equal ones by sorting. */
struct key {
	const char *text;
	size_t at;
};

static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* The places of equal texts stand side by side, in order. */
static void sort(struct key *key, size_t n)
{
	if (n)
		qsort(key, n, sizeof *key, by_text);
}

static void take_flag(struct flags *flags, size_t section)
{
	const struct ini_line *line = &flags->ini.line[section];
	struct flag flag = { .name = line->name, .section = section };

	if (line->why)
		breaks(&flag, section, fl_format("%s", line->why));
	if (!flag_name_ok(line->name))
		breaks(&flag, section,
		       fl_format("a name is letters, digits, _ . -, begins with a letter, and has "
		                 "at most %d",
		                 FLAG_NAME_MAX));
	take_type(&flag, &flags->ini);
	take_lines(flags, &flag);
	if (!flag.value.text)
		breaks(&flag, section, fl_format("it has no default"));
	if (!flag.env && !flag.broken) {
		char *env = flag_upper(flag.name);

		flag.env = flag_env_refused(env) ? NULL : env;
	} else if (flag.env && !*flag.env) {
		flag.env = NULL;
	}
	flags->flag = fl_more(flags->flag, flags->n, sizeof flag);
	flags->flag[flags->n++] = flag;
}

/* Sections that are there twice are one flag, which is broken: `again` gets 1 for each but the
 * first, and for that the line of the second. */
static void find_again(const struct ini *ini, size_t *again)
{
	struct key *key = fl_alloc(ini->n, sizeof *key);
	size_t n = 0, first = 0;

	for (size_t i = 0; i < ini->n; i++)
		if (ini->line[i].kind == INI_SECTION)
			key[n++] = (struct key){ ini->line[i].name, i };
	sort(key, n);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(key[i].text, key[first].text) != 0) {
			first = i;
			continue;
		}
		again[key[i].at] = 1;
		if (i == first + 1)
			again[key[first].at] = key[i].at + 1;
	}
	free(key);
}

/* Of usable flags with the same key the first keeps it. */
static void check_same(struct flags *flags, struct key *key, size_t n, bool env)
{
	const struct flag *owner = NULL;

	sort(key, n);
	for (size_t i = 0; i < n; i++) {
		struct flag *flag = &flags->flag[key[i].at];

		if (flag->broken)
			continue;
		if (!owner || strcmp(key[i].text, key[i - 1].text) != 0) {
			owner = flag;
			continue;
		}
		breaks(flag, flag->section,
		       env ? fl_format("the variable %s is flag %s's", flag->env, owner->name)
		           : fl_format("its name is %s in another spelling", owner->name));
	}
}

/* One variable cannot be for two flags, nor can two names be one in other spellings. */
static void check_pairs(struct flags *flags)
{
	struct key *key = fl_alloc(flags->n, sizeof *key);
	size_t n = 0;

	for (size_t i = 0; i < flags->n; i++)
		if (!flags->flag[i].broken)
			key[n++] = (struct key){ flag_upper(flags->flag[i].name), i };
	check_same(flags, key, n, false);
	n = 0;
	for (size_t i = 0; i < flags->n; i++)
		if (!flags->flag[i].broken && flags->flag[i].env)
			key[n++] = (struct key){ flags->flag[i].env, i };
	check_same(flags, key, n, true);
	free(key);
}

/* What stands before the first flag. */
static void check_head(struct flags *flags)
{
	const struct ini *ini = &flags->ini;

	for (size_t i = 0; i < ini->n && ini->line[i].kind != INI_SECTION; i++) {
		if (ini->line[i].kind == INI_KEY)
			remark(flags, i,
			       fl_format("'%s' stands before the first flag", ini->line[i].name));
		else if (ini->line[i].kind == INI_BAD)
			remark(flags, i, fl_format("%s", ini->line[i].why));
	}
}

void flags_read(const char *text, size_t len, struct flags *out)
{
	size_t *again;

	*out = (struct flags){ .flag = NULL };
	ini_read(text, len, &out->ini);
	check_head(out);
	again = fl_alloc(out->ini.n, sizeof *again);
	find_again(&out->ini, again);
	for (size_t i = 0; i < out->ini.n; i++) {
		if (out->ini.line[i].kind != INI_SECTION || again[i] == 1)
			continue;
		take_flag(out, i);
		if (again[i])
			breaks(&out->flag[out->n - 1], again[i] - 1,
			       fl_format("it is there twice, in lines %zu and %zu", i + 1,
			                 again[i]));
	}
	free(again);
	check_pairs(out);
}

struct flag *flags_find(const struct flags *flags, const char *name)
{
	for (size_t i = 0; i < flags->n; i++)
		if (strcmp(flags->flag[i].name, name) == 0)
			return &flags->flag[i];
	return NULL;
}

/* Edit distance (Levenshtein) of two short names, or 99. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[FLAG_NAME_MAX + 2], before, up;
	size_t n = strlen(b);

	if (n > FLAG_NAME_MAX || strlen(a) > FLAG_NAME_MAX)
		return 99;
	for (size_t k = 0; k <= n; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; a[i]; i++) {
		before = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t k = 1; k <= n; k++) {
			unsigned best = before + (a[i] != b[k - 1]);

			up = row[k];
			best = up + 1 < best ? up + 1 : best;
			best = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
			before = up;
			row[k] = best;
		}
	}
	return row[n];
}

const char *flags_like(const struct flags *flags, const char *name)
{
	const char *best = NULL, *upper = flag_upper(name);
	unsigned least = strlen(name) < 3 ? 1 : strlen(name) < 6 ? 2 : 4, d;

	for (size_t i = 0; i < flags->n; i++) {
		d = distance(upper, flag_upper(flags->flag[i].name));
		if (d < least) {
			least = d;
			best = flags->flag[i].name;
		}
	}
	return best;
}
