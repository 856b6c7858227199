#include "command/sarif.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "command/report.h"

#define SCHEMA                                                                                     \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"                      \
	"sarif-schema-2.1.0.json"

static const char *level(enum sk_severity severity)
{
	return severity == SK_LINT_BLOCK ? "error" : "warning";
}

static json_t *words(const char *text)
{
	return sk_json_add(json_object(), "text", sk_json_text(text));
}

/* A path as RFC 3986 has it: any byte that is not plain is escaped. */
static json_t *uri(const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	json_t *out = NULL;

	for (const char *p = path; *p; p++)
		if (isalnum((unsigned char)*p) || strchr("-._~/", *p))
			(void)sk_buf_addc(&text, *p);
		else
			(void)sk_buf_addf(&text, "%%%02X", (unsigned)(unsigned char)*p);
	if (!sk_buf_ok(&text))
		out = json_string(sk_buf_str(&text));
	sk_buf_free(&text);
	return out;
}

static json_t *location(const struct sk_finding *f)
{
	json_t *where = sk_json_add(json_object(), "uri", uri(f->path)), *place;

	where = sk_json_add(where, "uriBaseId", json_string("%SRCROOT%"));
	place = sk_json_add(json_object(), "artifactLocation", where);
	if (f->line)
		place = sk_json_add(
		        place, "region",
		        sk_json_add(json_object(), "startLine", json_integer((json_int_t)f->line)));
	return sk_json_add(json_object(), "physicalLocation", place);
}

static json_t *list_of(json_t *one)
{
	json_t *list = json_array();

	if (json_array_append_new(list, one) != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

/* The number of the finding's rule among the rules so far; a new one is added. */
static int rule_index(json_t *rules, const struct sk_finding *f, size_t *out)
{
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule)
	{
		if (strcmp(json_string_value(json_object_get(rule, "id")), f->rule) == 0) {
			*out = i;
			return 0;
		}
	}
	rule = sk_json_add(json_object(), "id", json_string(f->rule));
	rule = sk_json_add(rule, "shortDescription", words(f->rule));
	rule = sk_json_add(rule, "help", words(f->remedy));
	rule = sk_json_add(rule, "defaultConfiguration",
	                   sk_json_add(json_object(), "level", json_string(level(f->severity))));
	*out = json_array_size(rules);
	return json_array_append_new(rules, rule);
}

static json_t *result(const struct sk_finding *f, size_t index)
{
	struct sk_buf text = SK_BUF_INIT;
	json_t *o = sk_json_add(json_object(), "ruleId", json_string(f->rule));

	(void)sk_buf_addf(&text, "%s; %s", f->message, f->remedy);
	if (f->commit)
		(void)sk_buf_addf(&text, " (commit %.12s)", f->commit);
	o = sk_json_add(o, "ruleIndex", json_integer((json_int_t)index));
	o = sk_json_add(o, "level", json_string(level(f->severity)));
	o = sk_json_add(o, "message", sk_buf_ok(&text) ? NULL : words(text.ptr));
	sk_buf_free(&text);
	return sk_json_add(o, "locations", list_of(location(f)));
}

json_t *sk_sarif(const struct sk_findings *findings)
{
	json_t *rules = json_array(), *results = json_array(), *driver, *run, *o;
	bool bad = !rules || !results;

	for (size_t i = 0; !bad && i < findings->n; i++) {
		size_t index = 0;

		bad = rule_index(rules, &findings->item[i], &index) != 0 ||
		      json_array_append_new(results, result(&findings->item[i], index)) != 0;
	}
	driver = sk_json_add(json_object(), "name", json_string("SafeKeep"));
	driver = sk_json_add(driver, "semanticVersion", json_string(SK_VERSION));
	driver = sk_json_add(driver, "rules", rules);
	run = sk_json_add(json_object(), "tool", sk_json_add(json_object(), "driver", driver));
	run = sk_json_add(run, "results", results);
	o = sk_json_add(json_object(), "$schema", json_string(SCHEMA));
	o = sk_json_add(o, "version", json_string("2.1.0"));
	o = sk_json_add(o, "runs", list_of(run));
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}
