#include "command/complete.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "command/plugins.h"
#include "command/print.h"
#include "command/usage.h"

static const char *const when_words[] = { "auto", "always", "never", NULL };

/* No line of the answer may have another line or tab in it. */
static bool fits(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return false;
	return true;
}

int sk_complete_add(struct sk_complete *c, const char *value, const char *what)
{
	if (strncmp(value, c->word, strlen(c->word)) != 0 || !fits(value))
		return 0;
	(void)sk_buf_addf(&c->out, "%s%s", c->prefix, value);
	if (what && *what) {
		(void)sk_buf_addc(&c->out, '\t');
		(void)sk_add_name(&c->out, what, strlen(what));
	}
	return sk_buf_addc(&c->out, '\n');
}

static int add_words(struct sk_complete *c, const char *const *words)
{
	int rc = 0;

	for (; *words && !rc; words++)
		rc = sk_complete_add(c, *words, NULL);
	return rc;
}

static int add_options(struct sk_complete *c, const struct sk_option *list)
{
	char name[80];
	int rc = 0;

	for (const struct sk_option *o = list; o->name && !rc; o++) {
		if (list == sk_common_options && !sk_command_takes(c->command, o))
			continue;
		if (*o->name)
			(void)snprintf(name, sizeof name, "--%s%s", o->name, o->arg ? "=" : "");
		else
			(void)snprintf(name, sizeof name, "-%c", o->key);
		rc = sk_complete_add(c, name, o->help);
	}
	return rc;
}

static int add_commands(struct sk_complete *c)
{
	int rc = 0;

	for (const struct sk_command *k = sk_commands; k->name && !rc; k++)
		rc = sk_complete_add(c, k->name, k->summary);
	for (const struct sk_command *k = sk_plugin_commands(); k->name && !rc; k++)
		rc = sk_complete_add(c, k->name, k->summary);
	return rc;
}

/* The option of that word; NULL: none.  *value: behind its "=". */
static const struct sk_option *option_of(const struct sk_command *command, const char *word,
                                         const char **value)
{
	const struct sk_option *const lists[] = { command ? command->options : sk_common_options,
		                                  sk_common_options };
	size_t len = strcspn(word, "=");

	*value = word[len] ? word + len + 1 : NULL;
	for (size_t i = 0; i < 2; i++)
		for (const struct sk_option *o = lists[i]; o->name; o++)
			if (word[1] == '-' ? *o->name && len == strlen(o->name) + 2 &&
			                             memcmp(o->name, word + 2, len - 2) == 0
			                   : o->key && o->key == word[1] && !word[2])
				return o;
	return NULL;
}

static int add_values(struct sk_complete *c, const struct sk_option *o)
{
	struct sk_strv values = SK_STRV_INIT;
	int rc = 0;

	if (o->key == 'C' && !*o->name) {
		c->how = ":dirs";
		return 0;
	}
	if (strcmp(o->name, "color") == 0)
		return add_words(c, when_words);
	rc = sk_usage_value(c->command, o, &values);
	for (size_t i = 0; i < values.n && !rc; i++)
		rc = sk_usage_stands_for(values.item[i]) ? sk_complete_place(c, values.item[i])
		                                         : sk_complete_add(c, values.item[i], NULL);
	sk_strv_free(&values);
	return rc;
}

static int add_arguments(struct sk_complete *c, bool dashes)
{
	const char *const *words =
	        dashes || c->before.n ? NULL : sk_plugin_command_words(c->command);
	struct sk_strv places = SK_STRV_INIT;
	int rc = sk_usage_next(c->command, &c->before, dashes, &places);

	for (; words && *words && !rc;
	     words++) /* a plugin's, which its usage lines need not name */
		if (!sk_strv_has(&places, *words))
			rc = sk_complete_add(c, *words, NULL);
	for (size_t i = 0; i < places.n && !rc; i++)
		rc = sk_usage_stands_for(places.item[i]) ? sk_complete_place(c, places.item[i])
		                                         : sk_complete_add(c, places.item[i], NULL);
	sk_strv_free(&places);
	return rc;
}

/* Takes the words before the last one; what is to be completed is then the value of *pending, or
 * an argument. */
static int take_words(struct sk_complete *c, const char *const *word, size_t n,
                      const struct sk_option **pending, bool *dashes)
{
	const char *value = NULL;
	int rc = 0;

	for (size_t i = 0; i < n && !rc && !*dashes; i++) {
		const struct sk_option *o;

		if (strcmp(word[i], "--") == 0) {
			*dashes = true;
		} else if (word[i][0] == '-' && word[i][1]) {
			o = option_of(c->command, word[i], &value);
			if (!o || !o->arg)
				continue;
			if (!value && i + 1 == n) {
				*pending = o;
				return 0;
			}
			value = value ? value : word[++i];
			if (o->key == 'C' && !*o->name && chdir(value) < 0)
				return SK_ENO;
			if (strcmp(o->name, "at") == 0)
				c->state = value, c->at = true;
		} else if (!c->command) {
			c->command = sk_command_find(word[i]);
			if (!c->command)
				c->command = sk_plugin_command_find(word[i]);
			rc = c->command ? 0 : SK_ENO;
		} else {
			rc = sk_strv_add(&c->before, word[i]);
		}
	}
	return rc;
}

static int complete(struct sk_complete *c, const char *const *word, size_t n)
{
	const struct sk_option *pending = NULL, *o = NULL;
	const char *value = NULL;
	struct sk_buf prefix = SK_BUF_INIT;
	bool dashes = false;
	int rc = take_words(c, word, n - 1, &pending, &dashes);

	if (rc)
		return rc;
	c->word = word[n - 1];
	if (!pending && !dashes && strncmp(c->word, "--", 2) == 0)
		o = option_of(c->command, c->word, &value);
	if (o && value) {
		(void)sk_buf_add(&prefix, c->word, (size_t)(value - c->word));
		c->prefix = sk_buf_str(&prefix);
		c->word = value;
		pending = o;
	}
	if (c->command || pending)
		(void)sk_repo_open(".", &c->repo);
	if (pending)
		rc = add_values(c, pending);
	else if (dashes)
		rc = c->command ? add_arguments(c, true) : 0;
	else if (c->word[0] == '-') {
		rc = c->command ? add_options(c, c->command->options) : 0;
		if (!rc)
			rc = add_options(c, sk_common_options);
	} else {
		rc = c->command ? add_arguments(c, false) : add_commands(c);
	}
	c->prefix = "";
	sk_buf_free(&prefix);
	return rc;
}

int sk_complete_line(const char *const *word, size_t n)
{
	struct sk_complete c = { .prefix = "", .word = "", .how = ":words" };

	sk_set_quiet(1);
	if (!n || complete(&c, word, n) || sk_buf_ok(&c.out))
		sk_buf_clear(&c.out);
	sk_outf("%s\n", c.how);
	sk_out(sk_buf_str(&c.out), c.out.len);
	sk_error_clear();
	sk_repo_close(c.repo);
	sk_strv_free(&c.before);
	sk_buf_free(&c.out);
	return 0;
}
