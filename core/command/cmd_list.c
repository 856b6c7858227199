#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sessions.h"
#include "base/error.h"
#include "base/text.h"
#include "command/command.h"
#include "command/commits.h"
#include "command/listing.h"
#include "command/print.h"

static int which_kinds(const struct sk_call *call, unsigned *out)
{
	static const struct {
		const char *word;
		unsigned kinds;
	} words[] = { { "backups", SK_BACKUP },
		      { "revisions", SK_REVISION },
		      { "releases", SK_RELEASE },
		      { "all", SK_ANY } };

	*out = SK_ANY;
	if (!call->n_arg)
		return 0;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, call->arg[0]) == 0) {
			*out = words[i].kinds;
			return 0;
		}
	return sk_error(
	        SK_EUSAGE,
	        "list takes backups, revisions, releases, commits or all, not %s (a path comes "
	        "after '--')",
	        sk_name(call->arg[0]));
}

int sk_call_limits(const struct sk_call *call, time_t *since, time_t *until, size_t *max)
{
	const char *text;
	char *end;
	int rc = 0;

	*since = (time_t)INT64_MIN;
	*until = (time_t)INT64_MAX;
	*max = SIZE_MAX;
	if ((text = sk_call_value(call, "since")))
		rc = sk_parse_date(call->repo, text, since);
	if (!rc && (text = sk_call_value(call, "until")))
		rc = sk_parse_date(call->repo, text, until);
	if (!rc && (text = sk_call_value(call, "max-count"))) {
		errno = 0;
		*max = strtoul(text, &end, 10);
		if (*text < '0' || *text > '9' || *end || errno)
			rc = sk_error(SK_EUSAGE, "-n takes a number, not %s", sk_name(text));
	}
	return rc;
}

static int print(const struct sk_call *call, const struct sk_listing *list)
{
	int rc;

	if (call->json)
		return sk_listing_json(call->repo, list);
	if (call->nul) {
		sk_listing_ids(list);
		return 0;
	}
	rc = sk_pager_start(call->repo);
	if (rc)
		return rc;
	return sk_out_terminal() ? sk_listing_terminal(list) : sk_listing_plain(list);
}

/* Leaves those of one session of an agent. */
static void leave_session(struct sk_listing *list, const char *session)
{
	for (size_t i = 0; session && i < list->entries.n; i++)
		if (!sk_agent_in_session(list->entries.item[i], session))
			list->shown[i] = false;
}

int sk_cmd_list(struct sk_call *call)
{
	const char *session = sk_call_value(call, "session");
	struct sk_listing list = { 0 };
	struct sk_strv paths = SK_STRV_INIT;
	time_t since, until;
	unsigned kinds;
	size_t max;
	int rc;

	rc = sk_call_args(call, 0, 1);
	if (!rc)
		rc = sk_call_limits(call, &since, &until, &max);
	if (!rc && call->n_arg && strcmp(call->arg[0], "commits") == 0)
		return sk_list_commits(call, since, until, max);
	if (!rc)
		rc = which_kinds(call, &kinds);
	if (!rc)
		rc = sk_call_paths(call, &paths);
	if (!rc) /* what is older than the newest `max` is not looked at, unless it could be shown
	          */
		rc = sk_listing_load(
		        call->repo, kinds, sk_call_has(call, "all-worktrees"),
		        paths.n || session || until < (time_t)INT64_MAX ? SIZE_MAX : max, &list);
	if (!rc && paths.n)
		rc = sk_listing_paths(call->repo, &paths, &list);
	if (!rc) {
		leave_session(&list, session);
		sk_listing_limit(&list, since, until, max);
		rc = print(call, &list);
	}
	sk_listing_free(&list);
	sk_strv_free(&paths);
	return rc;
}
