#include "impact/components.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "repo/ignore.h"

struct component {
	char *name;
	size_t *needs;
	size_t n_needs;
	struct sk_patterns *paths; /* NULL: a name only */
};

struct sk_components {
	struct component *item;
	size_t n;
};

void sk_component_set_clear(struct sk_component_set *set)
{
	free(set->name);
	free(set->distance);
	*set = (struct sk_component_set){ 0 };
}

void sk_components_free(struct sk_components *c)
{
	for (size_t i = 0; c && i < c->n; i++) {
		free(c->item[i].name);
		free(c->item[i].needs);
		sk_patterns_free(c->item[i].paths);
	}
	if (c)
		free(c->item);
	free(c);
}

/* Its number, made when there is none of that name. */
static int intern(struct sk_components *c, const char *name, size_t len, size_t *out)
{
	struct component *more;

	for (size_t i = 0; i < c->n; i++)
		if (strncmp(c->item[i].name, name, len) == 0 && !c->item[i].name[len]) {
			*out = i;
			return 0;
		}
	more = reallocarray(c->item, c->n + 1, sizeof *more);
	if (!more)
		return sk_error_oom();
	c->item = more;
	more[c->n] = (struct component){ .name = strndup(name, len) };
	if (!more[c->n].name)
		return sk_error_oom();
	*out = c->n++;
	return 0;
}

/* The next word of "a, b"; false at the end. */
static bool next(const char **list, const char **word, size_t *len)
{
	const char *p = *list + strspn(*list, ", \t\r\n");
	size_t n = strcspn(p, ",\n");

	*list = p + n;
	while (n && strchr(" \t\r", p[n - 1]))
		n--;
	*word = p;
	*len = n;
	return n > 0;
}

static int add_needs(struct sk_components *c, size_t at, const char *list)
{
	const char *word;
	size_t len, other;
	int rc = 0;

	while (!rc && next(&list, &word, &len)) {
		size_t *more;

		rc = intern(c, word, len, &other);
		if (rc || other == at)
			continue;
		more = reallocarray(c->item[at].needs, c->item[at].n_needs + 1, sizeof *more);
		if (!more)
			return sk_error_oom();
		c->item[at].needs = more;
		more[c->item[at].n_needs++] = other;
	}
	return rc;
}

static int set_paths(struct sk_components *c, size_t at, const char *list)
{
	struct sk_strv lines = SK_STRV_INIT;
	const char *word;
	size_t len;
	int rc = 0;

	while (!rc && next(&list, &word, &len))
		rc = sk_strv_addn(&lines, word, len);
	sk_patterns_free(c->item[at].paths);
	c->item[at].paths = NULL;
	if (!rc && lines.n)
		rc = sk_patterns_new(&lines, false, &c->item[at].paths);
	sk_strv_free(&lines);
	return rc;
}

int sk_components_new(const struct sk_config *config, struct sk_components **out)
{
	static const char needs[] = "components.", part[] = "component.", end[] = ".paths";
	struct sk_components *c = calloc(1, sizeof *c);
	int rc = c ? 0 : sk_error_oom();

	for (size_t i = 0; i < config->keys.n && !rc; i++) {
		const char *key = config->keys.item[i], *value = config->values.item[i];
		size_t len = strlen(key), at;

		if (strncmp(key, needs, sizeof needs - 1) == 0) {
			rc = intern(c, key + sizeof needs - 1, len - (sizeof needs - 1), &at);
			if (!rc)
				rc = add_needs(c, at, value);
		} else if (strncmp(key, part, sizeof part - 1) == 0 &&
		           len > sizeof part + sizeof end - 2 &&
		           strcmp(key + len - (sizeof end - 1), end) == 0) {
			rc = intern(c, key + sizeof part - 1,
			            len - (sizeof part - 1) - (sizeof end - 1), &at);
			if (!rc)
				rc = set_paths(c, at, value);
		}
	}
	if (rc)
		sk_components_free(c);
	else
		*out = c;
	return rc;
}

size_t sk_components_count(const struct sk_components *c)
{
	return c->n;
}

const char *sk_components_name(const struct sk_components *c, size_t i)
{
	return c->item[i].name;
}

static char fold(char ch)
{
	return ch == '-' ? '_' : (char)tolower((unsigned char)ch);
}

long sk_components_find(const struct sk_components *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->item[i].name, name) == 0)
			return (long)i;
	for (size_t i = 0; i < c->n; i++) {
		const char *a = c->item[i].name, *b = name;

		while (*a && fold(*a) == fold(*b)) {
			a++;
			b++;
		}
		if (!*a && !*b)
			return (long)i;
	}
	return -1;
}

bool sk_components_has(const struct sk_components *c, size_t i, const char *path)
{
	return c->item[i].paths && sk_patterns_match(c->item[i].paths, path, strlen(path), false);
}

size_t sk_components_needs(const struct sk_components *c, size_t i, const size_t **out)
{
	*out = c->item[i].needs;
	return c->item[i].n_needs;
}

/* Those with a distance other than UINT32_MAX, nearest first, then in order. */
static int collect(const struct sk_components *c, const uint32_t *distance, uint32_t from,
                   struct sk_component_set *out)
{
	struct sk_component_set set = { calloc(c->n + 1, sizeof *set.name),
		                        calloc(c->n + 1, sizeof *set.distance), 0 };

	if (!set.name || !set.distance) {
		sk_component_set_clear(&set);
		return sk_error_oom();
	}
	for (uint32_t d = from; d <= c->n; d++)
		for (size_t i = 0; i < c->n; i++)
			if (distance[i] == d) {
				set.name[set.n] = c->item[i].name;
				set.distance[set.n++] = d;
			}
	*out = set;
	return 0;
}

int sk_components_of(const struct sk_components *c, const char *const *path, size_t n,
                     struct sk_component_set *out)
{
	uint32_t *distance = malloc((c->n + 1) * sizeof *distance);
	int rc;

	if (!distance)
		return sk_error_oom();
	for (size_t i = 0; i < c->n; i++) {
		distance[i] = UINT32_MAX;
		for (size_t k = 0; k < n && distance[i]; k++)
			distance[i] = sk_components_has(c, i, path[k]) ? 0 : UINT32_MAX;
	}
	rc = collect(c, distance, 0, out);
	free(distance);
	return rc;
}

int sk_components_dependents(const struct sk_components *c, const struct sk_component_set *from,
                             struct sk_component_set *out)
{
	uint32_t *distance = malloc((c->n + 1) * sizeof *distance);
	bool more = true;
	int rc;

	if (!distance)
		return sk_error_oom();
	for (size_t i = 0; i < c->n; i++) {
		distance[i] = UINT32_MAX;
		for (size_t k = 0; k < from->n; k++)
			if (strcmp(from->name[k], c->item[i].name) == 0)
				distance[i] = 0;
	}
	for (uint32_t d = 0; more; d++) {
		more = false;
		for (size_t i = 0; i < c->n; i++)
			for (size_t k = 0; k < c->item[i].n_needs && distance[i] == UINT32_MAX; k++)
				if (distance[c->item[i].needs[k]] == d) {
					distance[i] = d + 1;
					more = true;
				}
	}
	rc = collect(c, distance, 1, out);
	free(distance);
	return rc;
}
