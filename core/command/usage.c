#include "command/usage.h"

#include <ctype.h>
#include <string.h>

#define MAX_PLACES 16

struct place { /* of one argument */
	struct sk_strv alternative;
	bool optional, repeats;
};

struct line {
	const struct sk_command *command;
	struct place place[MAX_PLACES];
	size_t n, dashes; /* dashes: the first place after "--" */
	const struct sk_option *want;
	struct sk_strv *values; /* of `want` */
	/* while it is read */
	const char *p;
	char word[64];
	size_t depth;
};

bool sk_usage_stands_for(const char *word)
{
	return isupper((unsigned char)*word) && strcmp(word, "HEAD") != 0;
}

static bool next(struct line *l)
{
	size_t n = 0;

	l->p += strspn(l->p, " ");
	if (!*l->p)
		return false;
	if (strchr("[]|", *l->p)) {
		n = 1;
	} else if (strncmp(l->p, "...", 3) == 0) {
		n = 3;
	} else {
		while (l->p[n] && !strchr(" []|", l->p[n]) && strncmp(l->p + n, "...", 3) != 0)
			n++;
	}
	if (n >= sizeof l->word)
		return false;
	memcpy(l->word, l->p, n);
	l->word[n] = '\0';
	l->p += n;
	return true;
}

static const struct sk_option *option_of(const struct sk_command *command, const char *word)
{
	for (const struct sk_option *o = command->options; o->name; o++)
		if ((word[1] == '-' && strcmp(o->name, word + 2) == 0) ||
		    (word[1] != '-' && o->key == word[1] && !word[2]))
			return o;
	return NULL;
}

/* An option: with its value, the alternatives of which go on until the next option. */
static int read_option(struct line *l)
{
	const struct sk_option *o = option_of(l->command, l->word);
	bool takes = o ? o->arg != NULL : sk_usage_stands_for(l->p + strspn(l->p, " "));
	int rc = 0;

	while (takes && !rc) {
		if (!next(l))
			break;
		if (o && o == l->want && !sk_strv_has(l->values, l->word))
			rc = sk_strv_add(l->values, l->word);
		takes = l->p[0] == '|' && l->p[1] != '-' && l->p[1] != '[';
		l->p += takes;
	}
	return rc;
}

static int read_line(struct line *l, const char *usage)
{
	bool joined = false;
	int rc = 0;

	l->p = usage;
	l->dashes = MAX_PLACES;
	while (!rc && next(l)) {
		if (l->word[0] == '[') {
			l->depth++;
		} else if (l->word[0] == ']') {
			l->depth -= l->depth > 0;
		} else if (l->word[0] == '|') {
			joined = true;
			continue;
		} else if (strcmp(l->word, "...") == 0) {
			if (l->n)
				l->place[l->n - 1].repeats = true;
		} else if (strcmp(l->word, "--") == 0) {
			l->dashes = l->n;
		} else if (l->word[0] == '-') {
			rc = read_option(l);
		} else if (joined && l->n) {
			rc = sk_strv_add(&l->place[l->n - 1].alternative, l->word);
		} else if (l->n < MAX_PLACES) {
			l->place[l->n].optional = l->depth > 0;
			rc = sk_strv_add(&l->place[l->n++].alternative, l->word);
		}
		joined = false;
	}
	return rc;
}

static void clear_line(struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		sk_strv_free(&l->place[i].alternative);
}

static bool takes(const struct place *place, const char *word)
{
	for (size_t i = 0; i < place->alternative.n; i++)
		if (sk_usage_stands_for(place->alternative.item[i]) ||
		    strcmp(place->alternative.item[i], word) == 0)
			return true;
	return false;
}

static int add_all(const struct sk_strv *from, struct sk_strv *to)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && !rc; i++)
		if (!sk_strv_has(to, from->item[i]))
			rc = sk_strv_add(to, from->item[i]);
	return rc;
}

static int next_in_line(const struct line *l, const struct sk_strv *before, bool dashes,
                        struct sk_strv *out)
{
	size_t end = l->dashes < l->n ? l->dashes : l->n, at = 0;
	int rc = 0;

	if (dashes)
		return l->dashes < l->n ? add_all(&l->place[l->dashes].alternative, out) : 0;
	for (size_t i = 0; i < before->n; i++) {
		while (at < end && l->place[at].optional && !takes(&l->place[at], before->item[i]))
			at++;
		if (at == end || !takes(&l->place[at], before->item[i]))
			return 0;
		at += !l->place[at].repeats;
	}
	for (; at < end && !rc; at++) {
		rc = add_all(&l->place[at].alternative, out);
		if (!l->place[at].optional)
			break;
	}
	return rc;
}

int sk_usage_next(const struct sk_command *command, const struct sk_strv *before, bool dashes,
                  struct sk_strv *out)
{
	int rc = 0;

	for (size_t i = 0; command->usage[i] && !rc; i++) {
		struct line line = { .command = command };

		rc = read_line(&line, command->usage[i]);
		if (!rc)
			rc = next_in_line(&line, before, dashes, out);
		clear_line(&line);
	}
	return rc;
}

int sk_usage_value(const struct sk_command *command, const struct sk_option *option,
                   struct sk_strv *out)
{
	int rc = 0;

	for (size_t i = 0; command->usage[i] && !rc; i++) {
		struct line line = { .command = command, .want = option, .values = out };

		rc = read_line(&line, command->usage[i]);
		clear_line(&line);
	}
	if (!rc && !out->n && option->arg)
		rc = sk_strv_add(out, option->arg);
	return rc;
}
