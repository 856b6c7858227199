/* From an event to its note: the words that people will read, without secrets. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/step.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "lint/secrets.h"

#define TITLE_MAX 72
#define COMMAND_MAX 2000

static const char *const steps[] = { "", "prompt", "before", "after", "failed", "end" };

/* "https://user:word@host" is nobody's token by its form. */
static int without_logins(const char *text, struct sk_buf *out)
{
	const char *at;

	while ((at = strstr(text, "://"))) {
		size_t name = strcspn(at + 3, "/@ \t\n'\"");

		(void)sk_buf_add(out, text, (size_t)(at - text) + 3);
		text = at + 3;
		if (text[name] == '@') {
			(void)sk_buf_adds(out, "...");
			text += name;
		}
	}
	(void)sk_buf_adds(out, text);
	return sk_buf_ok(out);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* The name of something secret that ends at `end`: "DB_PASSWORD", "--api-key". */
static bool names_secret(const char *text, const char *end)
{
	static const char *const words[] = { "password",   "passwd",  "passphrase",
		                             "secret",     "token",   "api_key",
		                             "apikey",     "api-key", "access_key",
		                             "access-key", "bearer",  "authorization" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(end - text) >= n && strncasecmp(end - n, words[i], n) == 0)
			return true;
	}
	return false;
}

/* The value in NAME=value, --name value and "Name: value": also one that no rule knows the form
 * of.  Rather too much: it is a label. */
static int without_values(const char *text, struct sk_buf *out)
{
	const char *begin = text;

	while (*text) {
		const char *end = text;
		size_t gap, value;

		while (is_word(*end) || (*end == '-' && end > text))
			end++;
		if (end == text) {
			(void)sk_buf_addc(out, *text++);
			continue;
		}
		(void)sk_buf_add(out, text, (size_t)(end - text));
		gap = strspn(end, "=: '\"");
		if (!gap || !names_secret(text, end) ||
		    (*end == ' ' && (text == begin || text[-1] != '-') &&
		     strncasecmp(text, "bearer", 6) != 0)) {
			text = end;
			continue;
		}
		(void)sk_buf_add(out, end, gap);
		value = strcspn(end + gap, end[gap - 1] == '\''  ? "'"
		                           : end[gap - 1] == '"' ? "\""
		                                                 : " \t\n'\";&|)");
		if (value && strncasecmp(end + gap, "bearer", 6) != 0 && end[gap] != '$' &&
		    strncmp(end + gap, "[REDACTED", 9) != 0)
			(void)sk_buf_adds(out, "...");
		else
			value = 0;
		text = end + gap + value;
	}
	return sk_buf_ok(out);
}

/* Without the rules nothing can be said to be clean: then nothing is shown. */
static int redact(const struct sk_buf *text, struct sk_buf *out)
{
	struct sk_buf first = SK_BUF_INIT, second = SK_BUF_INIT;
	struct sk_secrets *rules = NULL;
	size_t n = 0;
	int rc = 0;

	if (!text->len)
		return 0;
	if (sk_secrets_load(&rules) || sk_secrets_redact(rules, text->ptr, text->len, &first, &n)) {
		sk_buf_clear(out);
		rc = sk_buf_adds(out, "(not shown: the rules for secrets cannot be read)");
	} else {
		rc = without_logins(sk_buf_str(&first), &second);
		if (!rc)
			rc = without_values(sk_buf_str(&second), out);
	}
	sk_error_clear();
	sk_secrets_free(rules);
	sk_buf_free(&first);
	sk_buf_free(&second);
	return rc;
}

/* On one line, at most about `max` bytes, cut between characters. */
static int add_line(struct sk_buf *out, const char *text, size_t max)
{
	size_t from = out->len;
	bool gap = false;

	while (*text) {
		size_t n = sk_utf8_len(text, strlen(text));

		if ((unsigned char)*text <= ' ' || *text == 0x7f || !n) {
			gap = out->len > from;
			text++;
			continue;
		}
		if (out->len - from + n + 1 > max) {
			(void)sk_buf_adds(out, "...");
			break;
		}
		if (gap)
			(void)sk_buf_addc(out, ' ');
		gap = false;
		(void)sk_buf_add(out, text, n);
		text += n;
	}
	return sk_buf_ok(out);
}

/* "claude: Edit src/a.c", "claude: Bash rm -rf build" */
static int add_title(const char *agent, const struct sk_agent_event *e, const char *command,
                     struct sk_buf *out)
{
	char tool[64];

	(void)snprintf(tool, sizeof tool, "%s", e->tool.len ? e->tool.ptr : "a tool");
	(void)sk_buf_addf(out, "%s: ", agent);
	if (e->moment == SK_AGENT_END)
		return sk_buf_adds(out, "end of turn");
	(void)add_line(out, tool, sizeof tool);
	if (e->file.len) {
		(void)sk_buf_addc(out, ' ');
		(void)add_line(out, e->file.ptr, PATH_MAX);
		if (e->files > 1)
			(void)sk_buf_addf(out, " and %zu more", e->files - 1);
	} else if (*command) {
		(void)sk_buf_addc(out, ' ');
		(void)add_line(out, command, TITLE_MAX);
	}
	return sk_buf_ok(out);
}

static int set(json_t *o, const char *key, const char *value)
{
	return !value || !*value || json_object_set_new(o, key, sk_json_text(value)) == 0
	               ? 0
	               : sk_error_oom();
}

/* Cut between characters. */
static void cut(struct sk_buf *text, size_t max)
{
	if (text->len <= max)
		return;
	while (max && ((unsigned char)text->ptr[max] & 0xc0) == 0x80)
		max--;
	sk_buf_truncate(text, max);
}

int sk_agent_note(const char *agent, const struct sk_agent_event *e, struct sk_buf *out)
{
	struct sk_buf command = SK_BUF_INIT, said = SK_BUF_INIT, title = SK_BUF_INIT;
	json_t *o = json_object();
	char *text = NULL;
	int rc = redact(&e->command, &command);

	if (!rc)
		rc = redact(&e->prompt, &said);
	if (!rc)
		rc = e->moment == SK_AGENT_PROMPT
		             ? add_line(&title, sk_buf_str(&said), TITLE_MAX)
		             : add_title(agent, e, sk_buf_str(&command), &title);
	cut(&command, COMMAND_MAX);
	if (!rc && !o)
		rc = sk_error_oom();
	rc = rc ? rc : set(o, "agent", agent);
	rc = rc ? rc : set(o, "step", steps[e->moment]);
	rc = rc ? rc : set(o, "title", sk_buf_str(&title));
	rc = rc ? rc : set(o, "session", sk_buf_str(&e->session));
	rc = rc ? rc : set(o, "tool", sk_buf_str(&e->tool));
	rc = rc ? rc : set(o, "command", sk_buf_str(&command));
	text = rc ? NULL : json_dumps(o, JSON_COMPACT);
	if (!rc)
		rc = text ? sk_buf_adds(out, text) : sk_error_oom();
	free(text);
	json_decref(o);
	sk_buf_free(&command);
	sk_buf_free(&said);
	sk_buf_free(&title);
	return rc;
}
