#include "lint/definitions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "lint/rules.h"
#include "repo/ignore.h"

enum { LEAST = 4 }; /* letters: shorter names are everywhere */

struct sk_definitions_of {
	struct sk_patterns *files;
	pcre2_code *pattern;
	pcre2_code *local;               /* on the bytes of the definition; NULL: none is */
	struct sk_patterns *local_files; /* NULL: in all */
	struct sk_strv comment;
	enum sk_scope scope;
};

struct sk_definitions {
	struct sk_ini_rules text;
	struct sk_definitions_of *language;
	size_t n;
	struct sk_strv skip; /* sorted */
};

static int load_language(const struct sk_ini_rule *r, struct sk_definitions_of *out)
{
	static const char *const word[] = { "module", "package", "global" };
	const char *scope = sk_ini_rule_get(r, "scope");
	struct sk_strv files = SK_STRV_INIT, local = SK_STRV_INIT;
	int rc = sk_ini_rule_check(r, "files scope comment pattern local local_files");

	for (size_t i = 0; !rc && i <= 3; i++) {
		if (i == 3)
			rc = sk_ini_rule_error(r, "scope",
			                       "scope is none of module, package, global");
		if (i < 3 && scope && strcmp(scope, word[i]) == 0) {
			out->scope = (enum sk_scope)i;
			break;
		}
	}
	if (!rc)
		rc = sk_ini_rule_words(r, "files", &files);
	if (!rc && !files.n)
		rc = sk_ini_rule_error(r, NULL, "a language needs files");
	if (!rc)
		rc = sk_patterns_new(&files, false, &out->files);
	if (!rc)
		rc = sk_ini_rule_words(r, "comment", &out->comment);
	if (!rc)
		rc = sk_ini_rule_pattern(r, "pattern", PCRE2_NEVER_BACKSLASH_C, &out->pattern);
	if (!rc && !out->pattern)
		rc = sk_ini_rule_error(r, NULL, "a language needs a pattern");
	if (!rc)
		rc = sk_ini_rule_pattern(r, "local", PCRE2_NEVER_BACKSLASH_C, &out->local);
	if (!rc)
		rc = sk_ini_rule_words(r, "local_files", &local);
	if (!rc && local.n)
		rc = sk_patterns_new(&local, false, &out->local_files);
	sk_strv_free(&files);
	sk_strv_free(&local);
	return rc;
}

int sk_definitions_load(struct sk_definitions **out)
{
	struct sk_definitions *d = calloc(1, sizeof *d);
	int rc = d ? sk_ini_rules_load("definitions", &d->text) : sk_error_oom();

	if (!rc) {
		d->language = calloc(d->text.n, sizeof *d->language);
		rc = d->language ? 0 : sk_error_oom();
	}
	for (size_t i = 0; !rc && i < d->text.n; i++) {
		const struct sk_ini_rule *r = &d->text.rule[i];

		if (strcmp(r->kind, "language") == 0)
			rc = load_language(r, &d->language[d->n++]);
		else if (strcmp(r->kind, "names") == 0)
			rc = sk_ini_rule_words(r, "skip", &d->skip);
		else
			rc = sk_ini_rule_error(r, NULL, "not a section of definitions");
	}
	if (rc)
		sk_definitions_free(d);
	else
		*out = d;
	return rc;
}

void sk_definitions_free(struct sk_definitions *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++) {
		sk_patterns_free(d->language[i].files);
		sk_patterns_free(d->language[i].local_files);
		pcre2_code_free(d->language[i].pattern);
		pcre2_code_free(d->language[i].local);
		sk_strv_free(&d->language[i].comment);
	}
	free(d->language);
	sk_strv_free(&d->skip);
	sk_ini_rules_free(&d->text);
	free(d);
}

const struct sk_definitions_of *sk_definitions_for(const struct sk_definitions *d, const char *path)
{
	for (size_t i = 0; i < d->n; i++)
		if (sk_patterns_match(d->language[i].files, path, strlen(path), false))
			return &d->language[i];
	return NULL;
}

enum sk_scope sk_definitions_scope(const struct sk_definitions_of *language)
{
	return language->scope;
}

bool sk_definitions_comment(const struct sk_definitions_of *language, const char *p, size_t len)
{
	for (size_t i = 0; i < language->comment.n; i++) {
		const char *mark = language->comment.item[i];
		size_t n = strlen(mark);

		if (n <= len && memcmp(p, mark, n) == 0)
			return true;
	}
	return false;
}

static bool says_nothing(const struct sk_definitions *d, const char *name, size_t len)
{
	if (len < LEAST)
		return true;
	for (size_t i = 0; i < d->skip.n; i++)
		if (strlen(d->skip.item[i]) == len && strncasecmp(d->skip.item[i], name, len) == 0)
			return true;
	return name[0] == '_' && name[1] == '_'; /* Python's own */
}

static int add(struct sk_definition_list *list, const char *name, size_t len, uint32_t line,
               bool local)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 32;
		struct sk_definition *item = reallocarray(list->item, cap, sizeof *item);

		if (!item)
			return sk_error_oom();
		list->item = item;
		list->cap = cap;
	}
	list->item[list->n++] = (struct sk_definition){ name, len, line, local };
	return 0;
}

int sk_definitions_list(const struct sk_definitions *d, const struct sk_definitions_of *language,
                        const char *path, const char *text, size_t len,
                        struct sk_definition_list *out)
{
	bool may_be_local = language->local &&
	                    (!language->local_files ||
	                     sk_patterns_match(language->local_files, path, strlen(path), false));
	pcre2_match_context *context = sk_match_context();
	pcre2_match_data *data = pcre2_match_data_create(8, NULL);
	size_t at = 0, counted = 0;
	uint32_t line = 1;
	bool found = true;
	int rc = context && data ? 0 : sk_error_oom();

	while (!rc && found && at <= len) {
		bool local = false;
		const PCRE2_SIZE *v;
		size_t from, to, name, name_end;

		rc = sk_match(language->pattern, text, len, at, 0, data, context, &found);
		if (rc || !found)
			break;
		v = pcre2_get_ovector_pointer(data);
		at = v[1] > v[0] ? v[1] : v[1] + 1;
		if (v[2] == PCRE2_UNSET || v[3] <= v[2] ||
		    says_nothing(d, text + v[2], v[3] - v[2]))
			continue;
		from = v[0];
		to = v[1];
		name = v[2];
		name_end = v[3];
		for (; counted < name; counted++)
			line += text[counted] == '\n';
		if (may_be_local)
			rc = sk_match(language->local, text + from, to - from, 0, 0, data, context,
			              &local);
		if (!rc)
			rc = add(out, text + name, name_end - name, line, local);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return rc;
}

void sk_definition_list_clear(struct sk_definition_list *list)
{
	free(list->item);
	*list = (struct sk_definition_list){ 0 };
}
