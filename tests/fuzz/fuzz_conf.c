/* fuzz_conf.c - what config-backup checks before it keeps or puts back a file: TOML, YAML, JSON,
 * INI; the facts of a version, names of records, patterns.
 *
 * An input is a byte that says which, and the text.  What is refused has a reason and a line of the
 * text; facts that are understood are written as they were; any path comes back from its name. */
#include "fuzz.h"

/* as in the plugin's say.c, which needs a host */
uint64_t conf_hash(const void *data, size_t len, uint64_t seed);
uint64_t conf_hash(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *p = data;

	while (len--)
		seed = seed * 31 + *p++;
	return seed;
}

#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#include "../../plugins/config-backup/meta.c"
#include "../../plugins/config-backup/name.c"
#define take_key take_ini_key
#include "../../plugins/config-backup/parse.c"
#undef take_key
#include "../../plugins/config-backup/parse_toml.c"
#include "../../plugins/config-backup/toml_word.c"

static void try_text(long (*parse)(const char *, size_t, char *, size_t), const char *text,
                     size_t len)
{
	char why[300] = "";
	long line = parse(text, len, why, sizeof why), lines = 2;

	for (size_t i = 0; i < len; i++) /* YAML breaks lines at other characters too */
		lines += text[i] == '\n' || text[i] == '\r' || (unsigned char)text[i] == 0x85 ||
		         (unsigned char)text[i] == 0xa8 || (unsigned char)text[i] == 0xa9;
	HOLDS(line >= 0 && line <= lines);
	HOLDS((line != 0) == (why[0] != '\0'));
}

static void try_meta(const char *text, size_t len)
{
	struct conf_meta one = { 0 }, two = { 0 };
	struct conf_drift drift;
	const char *wrong = conf_meta_parse(text, len, &one);
	json_t *json;
	char *again;

	if (wrong) {
		HOLDS(*wrong && !one.path && !one.xattr);
		return;
	}
	HOLDS(one.path);
	json = conf_meta_json(&one);
	HOLDS(json);
	again = json_dumps(json, 0);
	HOLDS(again);
	HOLDS(conf_meta_parse(again, strlen(again), &two) == NULL);
	HOLDS(strcmp(one.path, two.path) == 0 && one.mtime == two.mtime && one.size == two.size);
	HOLDS(!conf_meta_differs(&one, &two, &drift));
	free(again);
	json_decref(json);
	conf_meta_clear(&one);
	conf_meta_clear(&two);
}

static void try_name(const char *path)
{
	bool fits = false;
	char *name, *back;

	path += strspn(path, "/");
	name = conf_name_code(path, &fits);
	HOLDS(name && !strchr(name, '@'));
	back = conf_name_decode(name);
	HOLDS(back && strcmp(back, path) == 0);
	free(back);
	free(name);
	free(conf_name_decode(path));
}

FUZZ(conf)
{
	struct fuzz_in in = { data, size };
	unsigned which = fuzz_byte(&in) % 6;
	char *text = which == 5 ? fuzz_string(in) : fuzz_copy(in.p, in.n, 0);

	switch (which) {
	case 0:
		try_text(conf_parse_toml, text, in.n);
		break;
	case 1:
		try_text(conf_parse_yaml, text, in.n);
		break;
	case 2:
		try_text(conf_parse_json, text, in.n);
		break;
	case 3:
		try_text(conf_parse_ini, text, in.n);
		break;
	case 4:
		try_meta(text, in.n);
		break;
	default:
		try_name(text);
	}
	free(text);
	return 0;
}
