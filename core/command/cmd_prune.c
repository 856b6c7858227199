#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "plugin/plugin.h"
#include "store/retention.h"

static bool kept(const struct sk_prune_item *item)
{
	return item->entry->damaged || sk_retention_keeps(item->reason);
}

static int reasons(const struct sk_prune_item *item, struct sk_buf *out)
{
	if (item->entry->damaged)
		return sk_buf_adds(out, "damaged");
	if (!sk_retention_keeps(item->reason))
		return sk_buf_adds(out, item->reason & SK_OVER_CAP      ? "over the cap of its day"
		                        : item->reason & SK_OVER_BUDGET ? "over disk_budget"
		                                                        : "no rule keeps it");
	return sk_retention_words(item->reason, out);
}

static int print_item(const struct sk_prune_item *item, bool dry)
{
	struct sk_buf line = SK_BUF_INIT;
	const char *word = kept(item) ? (dry ? "keep" : "kept") : dry ? "would drop" : "dropped";
	int rc;

	(void)sk_buf_addf(&line, "%s%-10s%s %s  ", sk_color(kept(item) ? SK_GREEN : SK_RED), word,
	                  sk_color_reset(), item->entry->id);
	rc = reasons(item, &line);
	(void)sk_buf_addc(&line, '\n');
	if (!rc)
		rc = sk_buf_ok(&line);
	if (!rc)
		sk_out(line.ptr, line.len);
	sk_buf_free(&line);
	return rc;
}

static json_t *item_json(const struct sk_prune_item *item)
{
	json_t *o = sk_json_add(json_object(), "id", sk_json_text(item->entry->id));

	o = sk_json_add(o, "kept", json_boolean(kept(item)));
	return sk_json_add(o, "reasons", sk_words_json(item->reason));
}

static int print_json(const struct sk_prune *p, bool dry)
{
	json_t *list = json_array(), *o = json_object();

	for (size_t i = 0; list && i < p->n; i++)
		if (json_array_append_new(list, item_json(&p->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	o = sk_json_add(o, "entries", list);
	o = sk_json_add(o, "kept", json_integer((json_int_t)(p->n - p->dropped)));
	o = sk_json_add(o, "dropped", json_integer((json_int_t)p->dropped));
	return sk_out_json(sk_json_add(o, "dry_run", json_boolean(dry)));
}

int sk_cmd_prune(struct sk_call *call)
{
	bool dry = sk_call_has(call, "dry-run");
	const struct sk_plugin_event event = { .kind = SKP_PRUNE, .dry_run = dry };
	struct sk_prune p = { 0 };
	int rc = sk_call_args(call, 0, 0);

	if (!rc)
		rc = sk_prune_run(call->repo, sk_now(), !dry, &p);
	if (rc)
		return rc;
	(void)sk_plugins_event(call->repo, &event, NULL);
	if (call->json)
		rc = print_json(&p, dry);
	for (size_t i = 0; !call->json && !rc && i < p.n; i++)
		rc = print_item(&p.item[i], dry);
	sk_out_flush();
	if (!rc)
		sk_note("%zu %s, %zu %s", p.n - p.dropped, dry ? "would be kept" : "kept",
		        p.dropped, dry ? "would be dropped" : "dropped");
	sk_prune_free(&p);
	return rc;
}
