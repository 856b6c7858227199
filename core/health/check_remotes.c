#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "health/health_parts.h"
#include "repo/git.h"

/* A push that sends every ref sends the backups too: files that were never committed. */

/* Every ref, or SafeKeep's, as the source of a refspec. */
static bool sends_all(const char *spec)
{
	static const char *const all[] = { "refs/*", "refs/sk", "*:", NULL };

	if (*spec == '+')
		spec++;
	for (size_t i = 0; all[i]; i++)
		if (strncmp(spec, all[i], strlen(all[i])) == 0)
			return true;
	return strcmp(spec, "*") == 0;
}

static bool is_true(const char *value)
{
	return !*value || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
	       strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

/* remote.NAME.KEY */
static int judge(struct sk_look *l, const char *key, const char *value, size_t *n)
{
	const char *dot = strrchr(key, '.');
	struct sk_buf name = SK_BUF_INIT;
	bool mirror = strcasecmp(dot, ".mirror") == 0;
	int rc = 0;

	if (mirror ? !is_true(value) : !sends_all(value))
		return 0;
	++*n;
	rc = sk_add_text(&name, key + strlen("remote."), (size_t)(dot - key) - strlen("remote."));
	if (!rc && mirror)
		rc = sk_health_say(
		        l, "remotes", SK_HEALTH_WARN,
		        "a push to the mirror '%s' sends all backups, secrets in files "
		        "that were never committed too; send branches and tags alone: "
		        "git config --unset remote.%s.mirror && git config --add "
		        "remote.%s.push '+refs/heads/*:refs/heads/*' && git config --add "
		        "remote.%s.push '+refs/tags/*:refs/tags/*'",
		        name.ptr, name.ptr, name.ptr, name.ptr);
	else if (!rc)
		rc = sk_health_say(l, "remotes", SK_HEALTH_WARN,
		                   "a push to '%s' sends all backups (remote.%s.push = %s); take "
		                   "that away with 'git config --unset-all remote.%s.push'",
		                   name.ptr, name.ptr, value, name.ptr);
	sk_buf_free(&name);
	return rc;
}

int sk_check_remotes(struct sk_look *l)
{
	static const char *const args[] = { "config", "-z", "--get-regexp",
		                            "^remote\\..*\\.(mirror|push)$", NULL };
	struct sk_buf text = SK_BUF_INIT;
	size_t n = 0;
	int status = 0, rc = sk_git_run(l->repo, args, NULL, &text, &status);
	char *p = text.ptr, *end = p ? p + text.len : p;

	for (; !rc && p < end; p += strlen(p) + 1) {
		char *value = strchr(p, '\n');

		if (value)
			*value++ = '\0';
		rc = judge(l, p, value ? value : "", &n);
		if (value)
			value[-1] = '\n';
	}
	if (!rc && !n)
		rc = sk_health_say(l, "remotes", SK_HEALTH_OK,
		                   "none that backups would be sent to");
	sk_buf_free(&text);
	return rc;
}
