#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/term.h"
#include "base/text.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "health/health.h"

static json_t *one_json(const struct sk_health_check *c)
{
	json_t *o = sk_json_add(json_object(), "name", json_string(c->name));

	o = sk_json_add(o, "status", json_string(sk_health_word(c->status)));
	o = sk_json_add(o, "detail", sk_json_text(c->detail));
	return sk_json_add(o, "fixed", json_boolean(c->fixed));
}

static int print_json(const struct sk_health *h)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < h->n; i++)
		if (json_array_append_new(list, one_json(&h->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return sk_out_json(sk_json_add(
	        sk_json_add(json_object(), "healthy", json_boolean(h->healthy)), "checks", list));
}

static void print_text(const struct sk_health *h)
{
	static const enum sk_color color[] = { SK_GREEN, SK_YELLOW, SK_RED, SK_DIM };

	for (size_t i = 0; i < h->n; i++) {
		const struct sk_health_check *c = &h->item[i];

		sk_outf("%s%-5s%s %-18s  %s\n", sk_color(color[c->status]),
		        c->fixed ? "fixed" : sk_health_word(c->status), sk_color_reset(), c->name,
		        c->detail);
	}
	if (h->healthy && !h->warns)
		sk_outf("%shealthy%s\n", sk_color(SK_GREEN), sk_color_reset());
	else if (h->healthy)
		sk_outf("%shealthy%s, with %zu warning%s\n", sk_color(SK_YELLOW), sk_color_reset(),
		        h->warns, h->warns == 1 ? "" : "s");
	else
		sk_outf("%snot healthy%s: %zu failed, %zu warning%s\n", sk_color(SK_RED),
		        sk_color_reset(), h->fails, h->warns, h->warns == 1 ? "" : "s");
}

int sk_cmd_health(struct sk_call *call)
{
	struct sk_health_options opts = { .fix = sk_call_has(call, "fix"),
		                          .ensure = sk_service_ensure };
	struct sk_health h = { 0 };
	int rc = sk_call_args(call, 0, 0);

	if (!rc)
		rc = sk_health_look(call->repo, &opts, &h);
	if (!rc && call->json)
		rc = print_json(&h);
	else if (!rc)
		print_text(&h);
	if (!rc && !h.healthy)
		rc = SK_ENO;
	if (rc == SK_ENO)
		sk_error_clear();
	sk_health_clear(&h);
	return rc;
}
