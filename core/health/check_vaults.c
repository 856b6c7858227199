#include "base/text.h"
#include "health/health_parts.h"
#include "store/vault.h"

/* Second copies: whether they are there, and how far behind. */

enum { DAY = 24 * 60 * 60, WEEK = 7 * DAY };

/* A disk that is not plugged in is no fault for a week; what cannot be written to is one. */
static enum sk_health_status judge(const struct sk_look *l, const struct sk_vault *v)
{
	const struct sk_entry *newest = l->status.newest;
	time_t behind = newest && newest->created > v->pushed ? l->now - v->pushed : 0;
	time_t patience = v->offline ? WEEK : DAY;

	if (v->interval_ms > 0 && patience < v->interval_ms / 1000 * 4)
		patience = (time_t)(v->interval_ms / 1000 * 4);
	if (!v->pushed || (v->trouble && !v->offline) || behind > patience)
		return SK_HEALTH_WARN;
	return SK_HEALTH_OK;
}

static int describe(const struct sk_look *l, const struct sk_vault *v, enum sk_health_status status,
                    struct sk_buf *out)
{
	(void)sk_buf_addf(out, "%s%s ", out->len ? "; " : "", v->name);
	if (v->pushed) {
		(void)sk_buf_adds(out, "pushed to ");
		(void)sk_add_age(out, v->pushed, l->now);
	} else {
		(void)sk_buf_adds(out, "never pushed to");
	}
	if (v->trouble)
		(void)sk_buf_addf(out, ", the last try failed: %s", v->trouble);
	if (status == SK_HEALTH_WARN)
		(void)sk_buf_addf(out, " ('git sk vault push %s')", v->name);
	return sk_buf_ok(out);
}

int sk_check_vaults(struct sk_look *l)
{
	enum sk_health_status worst = SK_HEALTH_OK, one;
	struct sk_buf line = SK_BUF_INIT;
	struct sk_vaults list = { 0 };
	int rc = sk_vault_list(l->repo, &list);

	for (size_t i = 0; i < list.n && !rc; i++) {
		one = judge(l, &list.item[i]);
		worst = one > worst ? one : worst;
		rc = describe(l, &list.item[i], one, &line);
	}
	if (!rc && list.n)
		rc = sk_health_say(l, "vaults", worst, "%s", line.ptr);
	else if (!rc)
		rc = sk_health_say(l, "vaults", SK_HEALTH_OFF,
		                   "no second copy in another place; 'git sk vault add NAME URL' "
		                   "makes one");
	sk_vaults_free(&list);
	sk_buf_free(&line);
	return rc;
}
