#include "health/health_parts.h"

#include <string.h>

static enum sk_health_status status_of(const char *word)
{
	for (int i = SK_HEALTH_OK; i <= SK_HEALTH_OFF; i++)
		if (strcmp(word, sk_health_word((enum sk_health_status)i)) == 0)
			return (enum sk_health_status)i;
	return SK_HEALTH_WARN;
}

/* Each by the name that its plugin gave it; last, the plugins themselves. */
int sk_check_plugins(struct sk_look *l)
{
	const char *name, *status, *detail;
	bool said;
	json_t *o;
	size_t i;
	int rc = 0;

	json_array_foreach(l->status.plugins.checks, i, o)
	{
		if (!rc && sk_plugin_check(o, &name, &status, &detail))
			rc = sk_health_say(l, name, status_of(status), "%s", detail);
	}
	if (!rc)
		rc = sk_health_problems(l, SK_ABOUT_PLUGINS, "plugins", SK_HEALTH_WARN, &said);
	if (!rc && !said)
		rc = sk_health_say(l, "plugins", SK_HEALTH_OK, "nothing went wrong with them");
	return rc;
}
