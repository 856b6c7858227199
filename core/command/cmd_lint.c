#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/findings.h"
#include "command/print.h"
#include "command/report.h"
#include "command/sarif.h"

enum format { TEXT, JSON, SARIF };

static json_t *one_json(const struct sk_finding *f)
{
	json_t *o = sk_json_add(json_object(), "rule", json_string(f->rule));

	o = sk_json_add(o, "severity", json_string(sk_severity_name(f->severity)));
	o = sk_json_add(o, "path", sk_json_path(f->path, strlen(f->path)));
	o = sk_json_add(o, "line", f->line ? json_integer((json_int_t)f->line) : json_null());
	o = sk_json_add(o, "column", f->column ? json_integer((json_int_t)f->column) : json_null());
	o = sk_json_add(o, "message", sk_json_text(f->message));
	o = sk_json_add(o, "remedy", sk_json_text(f->remedy));
	return sk_json_add(o, "commit", sk_json_text(f->commit));
}

json_t *sk_findings_json(const struct sk_findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < findings->n; i++)
		if (json_array_append_new(list, one_json(&findings->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

void sk_findings_print(const struct sk_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct sk_finding *f = &findings->item[i];
		bool block = f->severity == SK_LINT_BLOCK;

		sk_outf("%s", sk_name(f->path));
		if (f->line)
			sk_outf(":%u", (unsigned)f->line);
		sk_outf(": %s%s%s: %s [%s]", sk_color(block ? SK_RED : SK_YELLOW),
		        sk_severity_name(f->severity), sk_color_reset(), f->message, f->rule);
		if (f->commit)
			sk_outf(" in commit %.12s", f->commit);
		sk_outf("\n    %s\n", f->remedy);
	}
}

static void print_sum(const struct sk_findings *f)
{
	sk_out_flush();
	if (!f->n)
		sk_note("nothing found in %zu changed file%s", f->files, f->files == 1 ? "" : "s");
	else
		sk_note("%zu that block%s, %zu warning%s, in %zu changed file%s", f->blocks,
		        f->blocks == 1 ? "s" : "", f->warns, f->warns == 1 ? "" : "s", f->files,
		        f->files == 1 ? "" : "s");
}

static int read_format(const struct sk_call *call, enum format *out)
{
	static const char *const word[] = { "text", "json", "sarif" };
	const char *given = sk_call_value(call, "format");

	*out = call->json ? JSON : TEXT;
	if (!given)
		return 0;
	for (size_t i = 0; i < 3; i++)
		if (strcmp(given, word[i]) == 0) {
			if (call->json && i != JSON)
				return sk_error(SK_EUSAGE, "either --json or --format %s", given);
			*out = (enum format)i;
			return 0;
		}
	return sk_error(SK_EUSAGE, "'%s' is not a format: text, json or sarif", sk_name(given));
}

int sk_cmd_lint(struct sk_call *call)
{
	struct sk_lint_options options = { .what = SK_LINT_UNCOMMITTED };
	struct sk_findings found = { 0 };
	enum format format = TEXT;
	int rc = sk_call_args(call, 0, 0);

	if (!rc)
		rc = read_format(call, &format);
	options.since = sk_call_value(call, "since");
	if (!rc && sk_call_has(call, "staged") && options.since)
		rc = sk_error(SK_EUSAGE, "either --staged or --since");
	if (rc)
		return rc;
	if (options.since) {
		options.what = SK_LINT_SINCE;
	} else if (sk_call_has(call, "staged")) {
		/* in a hook of `git commit FILE` this is what will be committed */
		options.what = SK_LINT_STAGED;
		options.index_file = call->repo->given_index;
	}
	rc = sk_lint(call->repo, &options, &found);
	if (!rc && format == TEXT) {
		sk_findings_print(&found);
		print_sum(&found);
	} else if (!rc) {
		rc = sk_out_json(format == SARIF ? sk_sarif(&found)
		                                 : sk_json_add(json_object(), "findings",
		                                               sk_findings_json(&found)));
	}
	if (!rc && found.blocks) {
		rc = SK_ENO;
		sk_error_clear();
	}
	sk_findings_clear(&found);
	return rc;
}
