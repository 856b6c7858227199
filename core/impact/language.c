#include "impact/language.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/data.h"
#include "base/text.h"
#include "impact/language_file.h"

enum { SUFFIX_MAX = 64, SHEBANG_MAX = 256, LINKS_MAX = 8 };

struct entry { /* a file's whole name, or an extension without the dot */
	const char *text;
	struct sk_language *language;
};

struct table {
	struct entry *item;
	size_t n;
};

struct sk_languages {
	struct sk_language **item;
	size_t n;
	struct table extensions, names, interpreters;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->text, ((const struct entry *)b)->text);
}

static struct sk_language *by_name(const struct sk_languages *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->item[i]->name, name) == 0)
			return all->item[i];
	return NULL;
}

static int problem(struct sk_strv *problems, const char *file, unsigned line, const char *words)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	(void)sk_add_name(&text, file, strlen(file));
	if (line)
		(void)sk_buf_addf(&text, ":%u", line);
	(void)sk_buf_addf(&text, ": %s", words);
	rc = sk_buf_ok(&text);
	if (!rc && problems)
		rc = sk_strv_add(problems, text.ptr);
	sk_buf_free(&text);
	return rc;
}

static int add_file(struct sk_languages *all, const char *path, struct sk_strv *problems)
{
	struct sk_language *l = NULL;
	unsigned line = 0;
	int rc = sk_language_read(path, &line, &l);

	if (rc == SK_EIO && strcmp(sk_error_message(), "out of memory") == 0)
		return rc;
	if (rc)
		return problem(problems, path, line, sk_error_message());
	if (by_name(all, l->name)) {
		sk_language_free(l);
		return problem(problems, path, 0, "another file has the language of this name");
	}
	all->item[all->n++] = l;
	return 0;
}

static void drop(struct sk_languages *all, size_t i)
{
	sk_language_free(all->item[i]);
	memmove(&all->item[i], &all->item[i + 1], (--all->n - i) * sizeof *all->item);
}

/* The rules that `like` names, which must be some language's own: no chains. */
static int borrow(struct sk_languages *all, struct sk_strv *problems)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < all->n;) {
		struct sk_language *l = all->item[i];
		const struct sk_language *other = l->like ? by_name(all, l->like) : l;

		if (other && !(l->like && other->like)) {
			l->rules = other->rules;
			i++;
			continue;
		}
		rc = problem(problems, l->file, 0,
		             "'like' names no language with rules of its own");
		drop(all, i);
	}
	return rc;
}

/* Text of a language that is not there is left unread: no reason to refuse the rest. */
static int embed(struct sk_languages *all, struct sk_strv *problems)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < all->n; i++) {
		struct sk_language *l = all->item[i];

		for (size_t k = 0; !rc && !l->like && k < l->rules->n; k++) {
			struct sk_rule *r = &l->rules->rule[k];

			if (!r->embedded)
				continue;
			r->language = by_name(all, r->embedded);
			if (!r->language)
				rc = problem(problems, l->file, r->pattern.line,
				             "'language' names none that is known");
		}
	}
	return rc;
}

/* A version covers the files that the rules come from: `like`, and what is embedded. */
static int mix_versions(struct sk_languages *all)
{
	struct sk_oid *mixed = calloc(all->n + 1, sizeof *mixed);

	if (!mixed)
		return sk_error_oom();
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < all->n; i++) {
			const struct sk_language *l = all->item[i];
			const struct sk_language *like = l->like ? by_name(all, l->like) : l;
			struct sk_hash hash;

			sk_hash_init(&hash);
			sk_hash_update(&hash, l->version.id, SK_OID_RAW);
			sk_hash_update(&hash, like->version.id, SK_OID_RAW);
			for (size_t k = 0; k < l->rules->n; k++)
				if (l->rules->rule[k].language)
					sk_hash_update(&hash,
					               l->rules->rule[k].language->version.id,
					               SK_OID_RAW);
			sk_hash_final(&hash, &mixed[i]);
		}
		for (size_t i = 0; i < all->n; i++)
			all->item[i]->version = mixed[i];
	}
	free(mixed);
	return 0;
}

static int fill(const struct sk_languages *all, size_t offset, struct table *table)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += ((const struct sk_strv *)(const void *)((const char *)all->item[i] + offset))
		             ->n;
	table->item = calloc(n + 1, sizeof *table->item);
	if (!table->item)
		return sk_error_oom();
	/* backwards: of equal ones the last file's is the first that a search meets */
	for (size_t i = all->n; i--;) {
		const struct sk_strv *v = (const void *)((const char *)all->item[i] + offset);

		for (size_t k = 0; k < v->n; k++) {
			bool taken = false;

			for (size_t t = 0; t < table->n; t++)
				taken = taken || strcmp(table->item[t].text, v->item[k]) == 0;
			if (!taken)
				table->item[table->n++] =
				        (struct entry){ v->item[k], all->item[i] };
		}
	}
	qsort(table->item, table->n, sizeof *table->item, by_text);
	return 0;
}

int sk_languages_load(struct sk_strv *problems, struct sk_languages **out)
{
	struct sk_languages *all = calloc(1, sizeof *all);
	struct sk_strv files = SK_STRV_INIT;
	int rc = all ? sk_data_files("languages", &files) : sk_error_oom();

	if (!rc) {
		all->item = calloc(files.n + 1, sizeof *all->item);
		rc = all->item ? 0 : sk_error_oom();
	}
	for (size_t i = 0; !rc && i < files.n; i++)
		rc = add_file(all, files.item[i], problems);
	if (!rc)
		rc = borrow(all, problems);
	if (!rc)
		rc = embed(all, problems);
	if (!rc && !all->n)
		rc = sk_error(SK_EIO, "no language: the installation is not complete");
	if (!rc)
		rc = mix_versions(all);
	if (!rc)
		rc = fill(all, offsetof(struct sk_language, extensions), &all->extensions);
	if (!rc)
		rc = fill(all, offsetof(struct sk_language, names), &all->names);
	if (!rc)
		rc = fill(all, offsetof(struct sk_language, interpreters), &all->interpreters);
	sk_strv_free(&files);
	if (rc)
		sk_languages_free(all);
	else
		*out = all;
	return rc;
}

void sk_languages_free(struct sk_languages *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->n; i++)
		sk_language_free(all->item[i]);
	free(all->item);
	free(all->extensions.item);
	free(all->names.item);
	free(all->interpreters.item);
	free(all);
}

static const struct sk_language *search(const struct table *table, const char *text)
{
	struct entry key = { .text = text };
	const struct entry *found =
	        bsearch(&key, table->item, table->n, sizeof *table->item, by_text);

	return found ? found->language : NULL;
}

/* As it is written first: .C is C++ where .c is C. */
static const struct sk_language *search_any_case(const struct table *table, const char *text)
{
	const struct sk_language *found = search(table, text);
	char lower[SUFFIX_MAX];
	size_t n = strlen(text);

	if (found || n >= sizeof lower)
		return found;
	for (size_t i = 0; i <= n; i++)
		lower[i] = (char)tolower((unsigned char)text[i]);
	return search(table, lower);
}

/* "#!/usr/bin/env -S python3.11 -u": python3.11, then python3, then python. */
static const struct sk_language *by_shebang(const struct sk_languages *all, const char *bytes,
                                            size_t size)
{
	char line[SHEBANG_MAX], *word, *rest, *slash;
	size_t n;

	if (!bytes || size < 4 || memcmp(bytes, "#!", 2) != 0)
		return NULL;
	for (n = 0; n + 1 < sizeof line && n + 2 < size && bytes[n + 2] != '\n'; n++)
		line[n] = bytes[n + 2];
	line[n] = '\0';
	word = strtok_r(line, " \t\r", &rest);
	if (word && (slash = strrchr(word, '/')))
		word = slash + 1;
	if (word && strcmp(word, "env") == 0)
		do
			word = strtok_r(NULL, " \t\r", &rest);
		while (word && (*word == '-' || strchr(word, '=')));
	for (n = word ? strlen(word) : 0; n; n--) {
		const struct sk_language *found;

		word[n] = '\0';
		found = search(&all->interpreters, word);
		if (found || !strchr("0123456789.-", word[n - 1]))
			return found;
	}
	return NULL;
}

const struct sk_language *sk_language_of(const struct sk_languages *all, const char *path,
                                         const char *bytes, size_t size)
{
	const char *base = strrchr(path, '/');
	const struct sk_language *found;

	base = base ? base + 1 : path;
	found = search(&all->names, base);
	for (const char *dot = strchr(base, '.'); !found && dot; dot = strchr(dot + 1, '.'))
		if (dot > base)
			found = search_any_case(&all->extensions, dot + 1);
	return found ? found : by_shebang(all, bytes, size);
}

size_t sk_languages_count(const struct sk_languages *all)
{
	return all->n;
}

const struct sk_language *sk_languages_at(const struct sk_languages *all, size_t i)
{
	return all->item[i];
}

const char *sk_language_name(const struct sk_language *language)
{
	return language->name;
}

const char *sk_language_resolver(const struct sk_language *language)
{
	return language->resolver;
}

const struct sk_strv *sk_language_tests(const struct sk_language *language)
{
	return &language->tests;
}

const struct sk_oid *sk_language_version(const struct sk_language *language)
{
	return &language->version;
}
