/* value.c - values, names and dates: what they may be. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "flags.h"

const char *const flag_type_name[FLAG_TYPES] = { "boolean", "string", "integer", "float" };

int flag_type(const char *name)
{
	for (int i = 0; i < FLAG_TYPES; i++)
		if (strcmp(flag_type_name[i], name) == 0)
			return i;
	return -1;
}

bool flag_utf8(const char *text)
{
	json_t *o = json_string(text);
	bool yes = o != NULL;

	json_decref(o);
	return yes;
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool flag_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len <= FLAG_NAME_MAX && strchr(letters, name[0]) &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
	               len;
}

bool flag_environment_ok(const char *name)
{
	return flag_name_ok(name);
}

/* Variables that make a shell, a loader, an interpreter or git do something else: a flag that has
 * one would be a way for a repository to run what it likes. */
static const char *const reserved[] = { "PATH",
	                                "HOME",
	                                "IFS",
	                                "ENV",
	                                "SHELL",
	                                "SHELLOPTS",
	                                "USER",
	                                "LOGNAME",
	                                "PWD",
	                                "OLDPWD",
	                                "TMPDIR",
	                                "TMP",
	                                "TEMP",
	                                "EDITOR",
	                                "VISUAL",
	                                "PAGER",
	                                "BROWSER",
	                                "TERM",
	                                "TERMINFO",
	                                "TERMCAP",
	                                "LANG",
	                                "LANGUAGE",
	                                "TZ",
	                                "TZDIR",
	                                "CDPATH",
	                                "GLOBIGNORE",
	                                "FIGNORE",
	                                "HOSTALIASES",
	                                "LOCALDOMAIN",
	                                "NLSPATH",
	                                "LOCPATH",
	                                "GCONV_PATH",
	                                "RES_OPTIONS",
	                                "RESOLV_HOST_CONF",
	                                "GETCONF_DIR",
	                                "CC",
	                                "CXX",
	                                "CPP",
	                                "LD",
	                                "AS",
	                                "AR",
	                                "CFLAGS",
	                                "CXXFLAGS",
	                                "CPPFLAGS",
	                                "LDFLAGS",
	                                "MAKE",
	                                "MAKEFLAGS",
	                                "MAKEFILES",
	                                "MFLAGS",
	                                "CLASSPATH",
	                                "GEM_HOME",
	                                "GEM_PATH",
	                                "BUNDLE_GEMFILE",
	                                "LESSOPEN",
	                                "LESSCLOSE",
	                                "LESS",
	                                "MANPAGER",
	                                "MANPATH",
	                                "INFOPATH",
	                                "DISPLAY",
	                                "PS1",
	                                "PS4",
	                                "FPATH",
	                                "ZDOTDIR",
	                                "PROMPT_COMMAND",
	                                "INPUTRC",
	                                "LUA_INIT",
	                                "LUA_PATH",
	                                "LUA_CPATH",
	                                "PHPRC",
	                                "PHP_INI_SCAN_DIR",
	                                "KUBECONFIG",
	                                "SUDO_ASKPASS",
	                                "HISTFILE",
	                                "POSIXLY_CORRECT",
	                                "UID",
	                                "EUID",
	                                "PPID",
	                                "SECONDS",
	                                "RANDOM",
	                                NULL };
static const char *const reserved_beginning[] = {
	"LD_",    "DYLD_",       "GIT_",   "SK_",     "SSH_",    "BASH_",    "BASHOPTS",
	"PYTHON", "PERL",        "RUBY",   "NODE_",   "NPM_",    "JAVA_",    "_JAVA",
	"JDK_",   "MALLOC_",     "GLIBC_", "LC_",     "XDG_",    "DBUS_",    "OPENSSL_",
	"SSL_",   "CURL_",       "CARGO_", "RUST",    "GOFLAGS", "GOPROXY",  "GOPATH",
	"GOROOT", "DOCKER_",     "MAVEN_", "GRADLE_", "DOTNET_", "COMPLUS_", "CORECLR_",
	"COR_",   "ASAN_",       "UBSAN_", "LSAN_",   "TSAN_",   "GCC_",     "AWS_",
	"PIP_",   "VIRTUAL_ENV", NULL
};

const char *flag_env_refused(const char *env)
{
	char first = (char)toupper((unsigned char)*env);
	size_t i;

	if (!*env || isdigit((unsigned char)*env) ||
	    strspn(env, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
	            strlen(env))
		return "letters, digits and _ make the name of a variable";
	if (strlen(env) > 2 * FLAG_NAME_MAX)
		return "the name of the variable is too long";
	for (i = 0; reserved[i]; i++)
		if (reserved[i][0] == first && strcasecmp(env, reserved[i]) == 0)
			return "that variable means something to other programs";
	for (i = 0; reserved_beginning[i]; i++)
		if (reserved_beginning[i][0] == first &&
		    strncasecmp(env, reserved_beginning[i], strlen(reserved_beginning[i])) == 0)
			return "variables that begin so mean something to other programs";
	i = strlen(env);
	return i > 6 && strcasecmp(env + i - 6, "_proxy") == 0
	               ? "that variable means something to other programs"
	               : NULL;
}

char *flag_upper(const char *name)
{
	char *out = fl_alloc(2 * strlen(name) + 1, 1);
	size_t n = 0;

	for (size_t i = 0; name[i]; i++) {
		bool hump = i && isupper((unsigned char)name[i]) &&
		            (islower((unsigned char)name[i - 1]) ||
		             isdigit((unsigned char)name[i - 1]) ||
		             (isupper((unsigned char)name[i - 1]) &&
		              islower((unsigned char)name[i + 1])));

		if (!isalnum((unsigned char)name[i])) {
			if (n && out[n - 1] != '_')
				out[n++] = '_';
			continue;
		}
		if (hump && n && out[n - 1] != '_')
			out[n++] = '_';
		out[n++] = (char)toupper((unsigned char)name[i]);
	}
	while (n && out[n - 1] == '_')
		out[--n] = '\0';
	return out;
}

static char *parse_number(enum flag_type type, const char *text, const char **why)
{
	json_t *o = *text && !isspace((unsigned char)*text)
	                    ? json_loads(text, JSON_DECODE_ANY, NULL)
	                    : NULL;
	bool yes = type == FLAG_INTEGER ? json_is_integer(o) : json_is_number(o);

	json_decref(o);
	if (yes && !isspace((unsigned char)text[strlen(text) - 1]))
		return fl_dup(text, strlen(text));
	*why = type == FLAG_INTEGER
	               ? "an integer is digits, with a - before them or not, of 64 bits"
	               : "a float is a number such as 0.25, -3 or 1.5e-7";
	return NULL;
}

char *flag_parse(enum flag_type type, const char *text, const char **why)
{
	switch (type) {
	case FLAG_BOOLEAN:
		if (strcasecmp(text, "true") == 0)
			return fl_dup("true", 4);
		if (strcasecmp(text, "false") == 0)
			return fl_dup("false", 5);
		*why = "a boolean is true or false";
		return NULL;
	case FLAG_INTEGER:
	case FLAG_FLOAT:
		return parse_number(type, text, why);
	default:
		if (flag_utf8(text))
			return fl_dup(text, strlen(text));
		*why = "it is not UTF-8";
		return NULL;
	}
}

/* A ';' after a blank would begin a comment, so in quotes none is left. */
char *flag_quote(const char *text)
{
	size_t len = strlen(text), n = 0;
	bool plain = len && text[0] != '"' && text[0] != ';' && text[0] != '#' &&
	             !isspace((unsigned char)text[0]) && !isspace((unsigned char)text[len - 1]);
	char *json, *out;
	json_t *o;

	for (size_t i = 0; text[i]; i++)
		plain = plain && (unsigned char)text[i] >= ' ' && text[i] != 0x7f &&
		        (text[i] != ';' || !isspace((unsigned char)text[i - (i > 0)]));
	if (plain)
		return fl_dup(text, len);
	o = json_string(text);
	json = o ? json_dumps(o, JSON_ENCODE_ANY) : NULL;
	out = fl_alloc(json ? 6 * strlen(json) + 1 : 1, 1);
	for (const char *p = json ? json : ""; *p; p++) {
		if (*p == ';' || *p == 0x7f)
			n += (size_t)sprintf(out + n, "\\u%04x", (unsigned)*p);
		else
			out[n++] = *p;
	}
	free(json);
	json_decref(o);
	return out;
}

char *flag_unquote(const char *text)
{
	json_t *o;
	char *out = NULL;

	if (*text != '"')
		return fl_dup(text, strlen(text));
	o = json_loads(text, JSON_DECODE_ANY, NULL);
	if (json_is_string(o))
		out = fl_dup(json_string_value(o), json_string_length(o));
	json_decref(o);
	return out;
}

int64_t flag_date(const char *text)
{
	static const int days[] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	static const char form[] = "dddd-dd-dd";
	int y, m, d;
	struct tm tm = { 0 };

	if (strlen(text) != 10)
		return INT64_MIN;
	for (size_t i = 0; i < 10; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return INT64_MIN;
	if (sscanf(text, "%d-%d-%d", &y, &m, &d) != 3 || y < 1970 || m < 1 || m > 12 || d < 1 ||
	    d > days[m] + (m == 2 && ((y % 4 == 0 && y % 100) || y % 400 == 0)))
		return INT64_MIN;
	tm.tm_year = y - 1900;
	tm.tm_mon = m - 1;
	tm.tm_mday = d;
	return (int64_t)timegm(&tm) / 86400;
}
