#include "command/looks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/term.h"
#include "repo/git.h"
#include "repo/given.h"

#define SEQUENCE 80 /* of git's: attributes, and two colours of 24 bits */

static struct {
	const char *slot;
	const char *usual; /* git's words, for --get-color; the sequence is beside it */
	const char *sequence;
	char own[SEQUENCE];
	bool is_own;
} looks[SK_LOOKS] = {
	[SK_LOOK_ID] = { "id", "yellow", "\033[33m", "", false },
	[SK_LOOK_TRIGGER] = { "trigger", "cyan", "\033[36m", "", false },
	[SK_LOOK_REVISION] = { "revision", "bold green", "\033[1;32m", "", false },
	[SK_LOOK_RELEASE] = { "release", "bold green", "\033[1;32m", "", false },
	[SK_LOOK_DAY] = { "day", "bold", "\033[1m", "", false },
	[SK_LOOK_AGE] = { "age", "normal", "", "", false },
	[SK_LOOK_SIZE] = { "size", "normal", "", "", false },
	[SK_LOOK_TIER] = { "tier", "dim", "\033[2m", "", false },
	[SK_LOOK_COMMIT] = { "commit", "yellow", "\033[33m", "", false },
	[SK_LOOK_BRANCH] = { "branch", "green", "\033[32m", "", false },
	[SK_LOOK_CONVERSATION] = { "conversation", "magenta", "\033[35m", "", false },
	[SK_LOOK_DAMAGED] = { "damaged", "red", "\033[31m", "", false },
	[SK_LOOK_GRAPH] = { "graph", "red", "\033[31m", "", false },
	[SK_LOOK_SELECTED] = { "selected", "reverse", "\033[7m", "", false },
};

/* What `git -c` says of them; NULL: nothing. */
static struct {
	const char *const name;
	char *text;
} told[] = { { "color.sk", NULL }, { "color.ui", NULL }, { "color.pager", NULL } };

static void take(void *ctx, const char *key, const char *value)
{
	SK_UNUSED(ctx);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (strcasecmp(told[i].name, key) == 0) {
			free(told[i].text);
			told[i].text = strdup(value && *value ? value : "true");
		}
}

void sk_looks_begin(void)
{
	sk_given_each(take, NULL);
}

/* One setting's text, or NULL; to be freed. */
static char *setting(git_config *config, const char *name)
{
	git_buf buf = { 0 };
	char *text = NULL;

	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (told[i].text && strcmp(told[i].name, name) == 0)
			return strdup(told[i].text);
	if (git_config_get_string_buf(&buf, config, name) == 0)
		text = strdup(buf.ptr);
	git_buf_dispose(&buf);
	return text;
}

static bool says_no(const char *text)
{
	int on = 1;

	return text && git_config_parse_bool(&on, text) == 0 && !on;
}

/* git's own reading: "always" and "never" are words, true is auto. */
static int when(git_config *config)
{
	char *text = setting(config, "color.sk"), *pager = setting(config, "color.pager");
	int rc = 0;

	if (!text)
		text = setting(config, "color.ui");
	if (text && strcasecmp(text, "always") == 0)
		rc = sk_color_set("always");
	else if (text && (strcasecmp(text, "never") == 0 || says_no(text)))
		rc = sk_color_set("never");
	else if (says_no(pager) && sk_term_paged())
		rc = sk_color_set("never");
	free(text);
	free(pager);
	return rc;
}

static int read_slot(const struct sk_repo *repo, size_t i)
{
	struct sk_buf out = SK_BUF_INIT;
	char name[64];
	const char *const args[] = { "config", "--get-color", name, looks[i].usual, NULL };
	int status = 0, rc;

	(void)snprintf(name, sizeof name, "color.sk.%s", looks[i].slot);
	rc = sk_git_run(repo, args, NULL, &out, &status);
	if (!rc && status) /* git has said why */
		rc = sk_error(SK_EUSAGE, "git cannot read the setting %s", name);
	if (!rc && out.len < SEQUENCE) {
		memcpy(looks[i].own, sk_buf_str(&out), out.len + 1);
		looks[i].is_own = true;
	}
	sk_buf_free(&out);
	return rc;
}

static int slots(const struct sk_repo *repo, git_config *config)
{
	git_config_iterator *it = NULL;
	git_config_entry *e;
	int rc = 0;

	if (git_config_iterator_glob_new(&it, config, "^color\\.sk\\.") != 0)
		return 0;
	while (!rc && git_config_next(&e, it) == 0)
		for (size_t i = 0; !rc && i < SK_LOOKS; i++)
			if (!looks[i].is_own && strcmp(e->name + 9, looks[i].slot) == 0)
				rc = read_slot(repo, i);
	git_config_iterator_free(it);
	return rc;
}

int sk_looks_load(const struct sk_repo *repo, bool given)
{
	git_config *config = NULL;
	int rc = 0;

	if (git_repository_config(&config, repo->git) != 0)
		return 0;
	if (!given)
		rc = when(config);
	if (!rc && sk_color_on())
		rc = slots(repo, config);
	git_config_free(config);
	return rc;
}

const char *sk_look(enum sk_look look)
{
	if (!sk_color_on())
		return "";
	return looks[look].is_own ? looks[look].own : looks[look].sequence;
}
