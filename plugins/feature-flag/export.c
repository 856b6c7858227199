/* export.c - flags as lines for a shell, a header, a module, and the command. */
#include "export.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "eval.h"
#include "refs.h"
#include "store.h"

#define SAFE_INTEGER 9007199254740991 /* 2^53 - 1: what flagd's schema allows */

/* NAME='text' for POSIX shells; ' itself is '\''. */
void export_env(FILE *out, const struct item *item, size_t n)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                            "0123456789_./:@%+,-";

	(void)fprintf(out, "# " REFS_MARK " --format env\n");
	for (size_t i = 0; i < n; i++) {
		const char *value = item[i].value;

		if (!item[i].flag->env) {
			(void)fprintf(out, "# %s has no variable\n", item[i].flag->name);
			continue;
		}
		(void)fprintf(out, "%s=", item[i].flag->env);
		if (*value && value[strspn(value, plain)] == '\0') {
			(void)fprintf(out, "%s\n", value);
			continue;
		}
		(void)fputc('\'', out);
		for (; *value; value++)
			(void)fputs(*value == '\'' ? "'\\''" : (char[]){ *value, '\0' }, out);
		(void)fputs("'\n", out);
	}
}

/* Bytes of `p`, UTF-8, that make an editor show something else than what is there: controls of
 * C1, and those that turn the direction of writing (CVE-2021-42574); 0: none. */
static size_t is_deceiving(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	if ((u[0] == 0xc2 && u[1] < 0xa0) || (u[0] == 0xd8 && u[1] == 0x9c))
		return 2;
	if (u[0] != 0xe2)
		return 0;
	return (u[1] == 0x80 && (u[2] == 0x8e || u[2] == 0x8f || (u[2] >= 0xaa && u[2] <= 0xae))) ||
	                       (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9)
	               ? 3
	               : 0;
}

/* What a description says within a comment: one line, and no end of it. */
static void remark(FILE *out, const char *begin, const char *text, const char *end)
{
	size_t n;

	(void)fputs(begin, out);
	for (const char *p = text; *p; p++) {
		if ((n = is_deceiving(p)) != 0) {
			(void)fputc('?', out);
			p += n - 1;
		} else if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '\\')
			(void)fputc(' ', out);
		else if (*p == '/' && (p == text || p[-1] == '*' || p[1] == '*'))
			(void)fputc('|', out);
		else
			(void)fputc(*p, out);
	}
	(void)fputs(end, out);
}

/* Everything but plain letters in three octal digits, which end by themselves; ? for trigraphs. */
static void c_string(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || *text == '?')
			(void)fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			(void)fprintf(out, "\\%03o", (unsigned char)*text);
		else
			(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

static void c_value(FILE *out, enum flag_type type, const char *value)
{
	if (type == FLAG_STRING)
		c_string(out, value);
	else if (type == FLAG_BOOLEAN)
		(void)fprintf(out, "%s", strcmp(value, "true") == 0 ? "1" : "0");
	else if (type == FLAG_FLOAT)
		(void)fprintf(out, "(%s%s)", value, strpbrk(value, ".eE") ? "" : ".0");
	else if (strcmp(value, "-9223372036854775808") == 0)
		(void)fputs("(-INT64_C(9223372036854775807) - 1)", out);
	else
		(void)fprintf(out, "(%sINT64_C(%s))", *value == '-' ? "-" : "",
		              value + (*value == '-'));
}

void export_c(FILE *out, const struct item *item, size_t n)
{
	(void)fputs("/* " REFS_MARK " --format c */\n#ifndef FLAGS_H\n#define FLAGS_H\n\n"
	            "#include <stdint.h>\n\n",
	            out);
	for (size_t i = 0; i < n; i++) {
		const struct flag *f = item[i].flag;

		if (f->description)
			remark(out, "/* ", f->description, " */\n");
		(void)fprintf(out, "#define FLAG_%s ", flag_upper(f->name));
		c_value(out, f->type, item[i].value);
		(void)fputc('\n', out);
	}
	(void)fputs("\n#endif\n", out);
}

/* A JSON string without raw characters is a Python string: but for pairs of surrogates, which are
 * written as \U. */
static void python_string(FILE *out, const char *text)
{
	json_t *o = json_string(text);
	char *json = o ? json_dumps(o, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

	for (const char *p = json ? json : "None"; *p; p++) {
		unsigned high, low;

		if (p[0] == '\\' && p[1] == 'u' && sscanf(p, "\\u%4x\\u%4x", &high, &low) == 2 &&
		    high >= 0xd800 && high < 0xdc00) {
			(void)fprintf(out, "\\U%08x",
			              0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
			p += 11;
		} else if (p[0] == '\\' && p[1] == '\\') {
			(void)fputs("\\\\", out);
			p++;
		} else if (*p == 0x7f) {
			(void)fputs("\\x7f", out);
		} else {
			(void)fputc(*p, out);
		}
	}
	free(json);
	json_decref(o);
}

static void python_value(FILE *out, enum flag_type type, const char *value)
{
	if (type == FLAG_STRING)
		python_string(out, value);
	else if (type == FLAG_BOOLEAN)
		(void)fputs(strcmp(value, "true") == 0 ? "True" : "False", out);
	else if (type == FLAG_FLOAT)
		(void)fprintf(out, "float(\"%s\")", value);
	else
		(void)fputs(value, out);
}

static const char python_head[] =
        "# " REFS_MARK " --format python\n"
        "import os\n"
        "import re\n"
        "\n"
        "\n"
        "def _flag(name, kind, default, env):\n"
        "    text = os.environ.get(env, \"\") if env else \"\"\n"
        "    if not text:\n"
        "        return default\n"
        "    if kind == \"boolean\" and text.lower() in (\"true\", \"false\"):\n"
        "        return text.lower() == \"true\"\n"
        "    if kind == \"string\":\n"
        "        return text\n"
        "    if kind == \"integer\" and re.fullmatch(r\"-?(0|[1-9][0-9]{0,18})\", text):\n"
        "        if -(2**63) <= int(text) < 2**63:\n"
        "            return int(text)\n"
        "    number = r\"-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?\"\n"
        "    if kind == \"float\" and re.fullmatch(number, text):\n"
        "        return float(text)\n"
        "    raise ValueError(f\"the variable {env} is {text!r}, and flag {name} is of type "
        "{kind}\")\n"
        "\n"
        "\n"
        "FEATURES = {\n";

void export_python(FILE *out, const struct item *item, size_t n)
{
	(void)fputs(python_head, out);
	for (size_t i = 0; i < n; i++) {
		const struct flag *f = item[i].flag;

		if (f->description)
			remark(out, "    # ", f->description, "\n");
		(void)fputs("    ", out);
		python_string(out, f->name);
		(void)fputs(": _flag(", out);
		python_string(out, f->name);
		(void)fprintf(out, ", \"%s\", ", flag_type_name[f->type]);
		python_value(out, f->type, item[i].value);
		if (f->env)
			(void)fprintf(out, ", \"%s\"),\n", f->env);
		else
			(void)fputs(", None),\n", out);
	}
	(void)fputs("}\n", out);
}

/* The command. */

enum form { ENV, JSON, C, PYTHON, FLAGD, OPENFEATURE, FORMS };

static const char *const form_name[FORMS] = {
	"env", "json", "c", "python", "flagd", "openfeature"
};

/* A double holds it, and all other values that the flag may have. */
static bool is_safe(const struct flag *f)
{
	bool safe = true;

	for (size_t i = 0; f->type == FLAG_INTEGER && i <= f->n_in; i++) {
		long long n = atoll(i < f->n_in ? f->in[i].text : f->value.text);

		safe = safe && n <= SAFE_INTEGER && n >= -SAFE_INTEGER;
	}
	return safe;
}

/* Those that can be used.  Each that cannot is named, and makes it SKP_EPARTIAL. */
static int collect(struct skp_host *host, const struct flags *flags, const char *where,
                   enum form form, struct item **out, size_t *n)
{
	struct item *item = fl_alloc(flags->n, sizeof *item);
	int partial = 0;

	*n = 0;
	for (size_t i = 0; i < flags->n; i++) {
		const struct flag *f = &flags->flag[i];
		struct result r = eval_flag(f, where, form < PYTHON);

		if (form == FLAGD && !r.error && !is_safe(f))
			r.error = fl_format("flag %s: flagd has no integers beyond 2^53", f->name);
		if (r.error) {
			host->warn(host, "left out: %s", host->text(host, r.error));
			partial = SKP_EPARTIAL;
		} else {
			item[*n].flag = f;
			item[(*n)++].value = r.value;
		}
	}
	*out = item;
	return partial;
}

static int print_export(struct skp_host *host, enum form form, const struct item *item, size_t n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_t *o = form == JSON          ? export_json(item, n)
	            : form == FLAGD       ? export_flagd(item, n)
	            : form == OPENFEATURE ? export_openfeature(item, n)
	                                  : NULL;

	if (form == ENV && out)
		export_env(out, item, n);
	else if (form == C && out)
		export_c(out, item, n);
	else if (form == PYTHON && out)
		export_python(out, item, n);
	else if (out && (!o || json_dumpf(o, out, JSON_INDENT(2)) < 0 || fputc('\n', out) < 0))
		return host->error(host, SKP_EIO, "out of memory");
	json_decref(o);
	if (!out || fclose(out) != 0)
		return host->error(host, SKP_EIO, "out of memory");
	host->write(host, text, len);
	free(text);
	return 0;
}

int cmd_export(struct skp_host *host, const struct skp_call *call)
{
	const char *name = skp_value(call, "format"), *where = NULL;
	struct flags flags;
	struct item *item;
	enum form form;
	size_t n;
	int rc, partial;

	if (call->n_arg > 1 || call->n_path || (call->json && name && strcmp(name, "json") != 0))
		return host->error(
		        host, SKP_EUSAGE,
		        "usage: git sk flag export [--format FORMAT] [--in ENVIRONMENT]");
	for (form = name ? 0 : JSON; name && form < FORMS && strcmp(form_name[form], name) != 0;)
		form++;
	if (form == FORMS)
		return host->error(host, SKP_EUSAGE,
		                   "--format %s: it is env, json, c, python, flagd or openfeature",
		                   host->name(host, name));
	rc = store_need(host, &flags);
	if (!rc)
		rc = eval_environment(host, &flags, skp_value(call, "in"), &where);
	if (rc)
		return rc;
	partial = collect(host, &flags, where, form, &item, &n);
	rc = print_export(host, form, item, n);
	if (!rc && partial)
		rc = host->error(host, partial, "some flags were left out");
	return rc;
}
