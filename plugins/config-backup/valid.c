/* valid.c - is it well formed? */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"

#define WHY 300
#define MEMORY (2048ul << 20) /* bytes for a parser */

/* AddressSanitizer takes more addresses than there is memory. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_LIMIT_OF_MEMORY
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define NO_LIMIT_OF_MEMORY
#endif

static const struct format {
	const char *name, *endings;
	long (*parse)(const char *data, size_t len, char *why, size_t size);
} format[] = {
	[CONF_ANY] = { "none", "", NULL },
	[CONF_INI] = { "ini", " .ini ", conf_parse_ini },
	[CONF_JSON] = { "json", " .json ", conf_parse_json },
	[CONF_YAML] = { "yaml", " .yaml .yml ", conf_parse_yaml },
	[CONF_TOML] = { "toml", " .toml ", conf_parse_toml },
};

#define FORMATS (sizeof format / sizeof *format)

static int by_word(struct conf *c, const char *word, enum conf_format *out)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (strcmp(word, format[i].name) == 0) {
			*out = (enum conf_format)i;
			return 0;
		}
	return c->host->error(c->host, SKP_EUSAGE, "%s is not one of ini, json, yaml, toml, none",
	                      c->host->name(c->host, word));
}

int conf_format(struct conf *c, const char *path, enum conf_format *out)
{
	const char *word = c->call ? skp_value(c->call, "as") : NULL;
	const char *dot = strrchr(path, '.');
	char ending[16];

	if (!word)
		word = conf_rule(c, "format", path, 0);
	if (word)
		return by_word(c, word, out);
	*out = CONF_ANY;
	if (!dot || strchr(dot, '/') || strlen(dot) > 8)
		return 0;
	(void)snprintf(ending, sizeof ending, " %s ", dot);
	for (size_t i = 0; i < FORMATS; i++)
		if (strstr(format[i].endings, ending))
			*out = (enum conf_format)i;
	return 0;
}

/* In the child: it tells what it found through the pipe and ends. */
static void look(struct conf *c, enum conf_format f, const char *data, size_t len, int to)
{
	rlim_t seconds = (rlim_t)(c->check_ms / 1000 + 1);
	const struct rlimit cpu = { seconds, seconds }, core = { 0, 0 };
	char why[WHY] = "", text[WHY + 40];
	long line;

	(void)setrlimit(RLIMIT_CPU, &cpu);
	(void)setrlimit(RLIMIT_CORE, &core);
#ifndef NO_LIMIT_OF_MEMORY
	const struct rlimit memory = { MEMORY, MEMORY };

	(void)setrlimit(RLIMIT_AS, &memory);
#endif
	line = format[f].parse(data, len, why, sizeof why);
	if (line) {
		(void)snprintf(text, sizeof text, "%ld %s", line, why);
		if (write(to, text, strlen(text)) < 0)
			_exit(2);
	}
	_exit(line ? 1 : 0);
}

static int judge(struct conf *c, enum conf_format f, int status, char *text)
{
	char *why = NULL;
	long line = strtol(text, &why, 10);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && line > 0)
		return c->host->error(c->host, SKP_ENO, "line %ld is no %s: %s", line,
		                      format[f].name,
		                      c->host->text(c->host, why + strspn(why, " ")));
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
		return c->host->error(c->host, SKP_ENO, "it took too long to read it as %s",
		                      format[f].name);
	return c->host->error(c->host, SKP_ENO, "it cannot be read as %s", format[f].name);
}

int conf_valid(struct conf *c, enum conf_format f, const char *data, size_t len)
{
	char text[WHY + 40] = "";
	int p[2], status = 0;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (!format[f].parse)
		return 0;
	if (pipe2(p, O_CLOEXEC) < 0)
		return conf_errno(c, "cannot check", "it");
	pid = fork();
	if (pid == 0)
		look(c, f, data, len, p[1]);
	(void)close(p[1]);
	while (pid > 0 && n < sizeof text - 1 &&
	       ((got = read(p[0], text + n, sizeof text - 1 - n)) > 0 ||
	        (got < 0 && errno == EINTR)))
		n += got > 0 ? (size_t)got : 0;
	(void)close(p[0]);
	if (pid < 0)
		return conf_errno(c, "cannot check", "it");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	text[n] = '\0';
	return judge(c, f, status, text);
}
