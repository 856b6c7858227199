/* command.c - programs that look at a file: from the command line, or from settings that the user
 * trusts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define LINES_SHOWN 20
#define RULE_WORD 4096

/* A word that a shell would take as its own: then a shell was expected. */
static bool is_shell(const char *word)
{
	static const char *const list[] = { "&&", "||", "|", ";", "&", ">", ">>", "<", NULL };

	for (size_t i = 0; list[i]; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

/* One word from *line on, quotes taken away; *line is after it.  -1: a quote is not closed. */
static int next_word(const char **line, char *word, bool *quoted)
{
	const char *p = *line;
	size_t n = 0;
	char quote = 0;

	*quoted = false;
	for (; *p && (quote || !strchr(" \t", *p)); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
			*quoted = true;
		} else if (*p == '\\' && quote != '\'' && p[1]) {
			word[n++] = *++p;
			*quoted = true;
		} else {
			word[n++] = *p;
		}
	}
	word[n] = '\0';
	*line = p + strspn(p, " \t");
	return quote ? -1 : 0;
}

static char *substitute(const char *word, const char *path, bool *there)
{
	size_t n = 1 + strlen(word);
	char *out, *at;

	for (const char *p = word; (p = strstr(p, "{}")); p += 2)
		n += strlen(path);
	at = out = malloc(n);
	while (out && *word) {
		if (strncmp(word, "{}", 2) == 0) {
			at = stpcpy(at, path);
			word += 2;
			*there = true;
		} else {
			*at++ = *word++;
		}
	}
	if (out)
		*at = '\0';
	return out;
}

int conf_words(struct conf *c, const char *line, const char *path, bool append, char ***out)
{
	char **list = calloc(strlen(line) / 2 + 3, sizeof *list), *word = malloc(strlen(line) + 1);
	bool there = false, quoted;
	const char *at = line + strspn(line, " \t");
	size_t n = 0;

	if (!list || !word)
		return conf_oom(c);
	while (*at) {
		if (next_word(&at, word, &quoted))
			return c->host->error(c->host, SKP_EUSAGE, "a quote is not closed in: %s",
			                      c->host->text(c->host, line));
		if (!quoted && is_shell(word))
			return c->host->error(
			        c->host, SKP_EUSAGE,
			        "no shell runs this, so '%s' means nothing; write sh -c "
			        "'...' sh {}",
			        word);
		list[n] = substitute(word, path, &there);
		if (!list[n++])
			return conf_oom(c);
	}
	free(word);
	if (!n)
		return c->host->error(c->host, SKP_EUSAGE, "the command is empty");
	if (append && !there && !(list[n++] = strdup(path)))
		return conf_oom(c);
	*out = list;
	return 0;
}

/* The last lines that it said. */
static void show_output(struct conf *c, char *text)
{
	size_t lines = 0, skip;
	char *save = NULL;

	for (const char *p = text; *p; p++)
		lines += *p == '\n' || !p[1];
	skip = lines > LINES_SHOWN ? lines - LINES_SHOWN : 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (skip)
			skip--;
		else
			c->host->note(c->host, "  %s", c->host->text(c->host, line));
}

int conf_run_check(struct conf *c, const char *line, const char *path, bool append)
{
	struct skp_process p = { .timeout_ms = c->check_ms, .flags = SKP_RUN_ERRORS };
	char **argv = NULL, *why;
	int rc = conf_words(c, line, path, append, &argv);

	if (rc)
		return rc;
	p.argv = (const char *const *)argv;
	rc = c->host->run(c->host, &p);
	if (rc) {
		why = strdup(c->host->message(c->host));
		return c->host->error(c->host, SKP_ENO, "the check failed: %s",
		                      why ? c->host->text(c->host, why) : "out of memory");
	}
	if (!p.status)
		return 0;
	show_output(c, p.output);
	return c->host->error(c->host, SKP_ENO, "the check failed: %s ended with status %d",
	                      c->host->text(c->host, argv[0]), p.status);
}

const char *conf_rule(struct conf *c, const char *prefix, const char *path, size_t i)
{
	const char *key, *value, *rest;
	char *word;
	bool quoted, is;

	for (size_t k = 0; c->host->setting_at(c->host, k, &key, &value) == 0; k++) {
		if (strncmp(key, prefix, strlen(prefix)) != 0 || key[strlen(prefix)] != '_')
			continue;
		rest = value + strspn(value, " \t");
		word = malloc(strlen(rest) + 1);
		if (!word)
			return NULL;
		is = next_word(&rest, word, &quoted) == 0;
		if (is && word[0] != '/' && c->host->worktree) { /* below the working tree */
			char *full = NULL;

			is = asprintf(&full, "%s/%s", c->host->worktree, word) >= 0 &&
			     conf_glob_match(full, path);
			free(full);
		} else {
			is = is && conf_glob_match(word, path);
		}
		free(word);
		if (is && !i--)
			return rest;
	}
	return NULL;
}
