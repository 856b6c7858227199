#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "service/service_parts.h"

static json_t *put(json_t *o, const char *key, json_t *value)
{
	if (o && value && json_object_set_new(o, key, value) == 0)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *site_json(const struct sk_site *site)
{
	static const char *const modes[] = { [SK_WATCH_LOADING] = "loading",
		                             [SK_WATCH_EXACT] = "watched",
		                             [SK_WATCH_SCANS] = "scans" };
	enum sk_watch_mode mode = site->watch ? sk_watch_mode(site->watch) : SK_WATCH_SCANS;
	const char *why = site->watch ? sk_watch_why(site->watch) : "";
	char remote[200];
	json_t *o =
	        put(json_object(), "path", sk_json_path(site->worktree, strlen(site->worktree)));

	if (site->remote) {
		(void)snprintf(remote, sizeof remote,
		               "it lies on a filesystem (%.60s) that does not tell of changes; a "
		               "backup is made every %lld minutes",
		               site->remote, (long long)site->interval / 60000);
		why = remote;
	}
	o = put(o, "mode", json_string(modes[mode]));
	o = put(o, "folders",
	        json_integer(site->watch ? (json_int_t)sk_watch_folders(site->watch) : 0));
	o = put(o, "reason", *why ? sk_json_text(why) : json_null());
	o = put(o, "trouble", sk_json_text(site->trouble));
	o = put(o, "interval_seconds", json_integer(site->interval / 1000));
	o = put(o, "last_backup", site->last ? sk_json_time(site->last) : json_null());
	return put(o, "working", json_boolean(site->job != NULL));
}

int sk_service_report(const struct sk_service *s, struct sk_buf *out)
{
	json_t *o = put(json_object(), "running", json_true()), *list = json_array();
	char *text;
	int rc;

	for (const struct sk_site *site = s->sites; site && list; site = site->next) {
		json_t *one = site_json(site);

		if (!one || json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	o = put(o, "pid", json_integer(getpid()));
	o = put(o, "version", json_string(SK_VERSION));
	o = put(o, "started", sk_json_time(s->started));
	o = put(o, "uptime_seconds", json_integer((sk_clock_ms() - s->began) / 1000));
	o = put(o, "inotify_watches", json_integer((json_int_t)s->set.watches));
	o = put(o, "inotify_limit", json_integer((json_int_t)s->set.max_watches));
	o = put(o, "repos", list);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (!text)
		return sk_error_oom();
	rc = sk_buf_adds(out, text);
	free(text);
	return rc;
}
