/* What a parser remembers from one reading to the next, as one line: KEY=VALUE, apart by tabs. */
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void state_add(char *out, size_t size, size_t *n, const char *key, const char *value)
{
	size_t start = *n;

	if (!*value)
		return;
	*n += (size_t)snprintf(out + *n, size - *n, "%s%s=", start ? "\t" : "", key);
	for (; *value && *n + 4 < size; value++) {
		if (*value == '\t' || *value == '\n' || *value == '%')
			*n += (size_t)snprintf(out + *n, size - *n, "%%%02x",
			                       (unsigned char)*value);
		else
			out[(*n)++] = *value;
	}
	if (*value) /* it does not fit: better none than a part */
		*n = start;
	out[*n] = 0;
}

static void state_number(char *out, size_t size, size_t *n, const char *key, int64_t value)
{
	char text[32];

	if (!value)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)value);
	state_add(out, size, n, key, text);
}

void state_save(const struct chat_parser *p, char *out, size_t size)
{
	const struct memory *m = &p->mem;
	size_t n = 0;

	out[0] = 0;
	state_number(out, size, &n, "units", (int64_t)m->units);
	state_number(out, size, &n, "time", m->time == CHAT_NO_TIME ? 0 : m->time);
	state_number(out, size, &n, "a", m->number[0]);
	state_number(out, size, &n, "b", m->number[1]);
	state_number(out, size, &n, "role", m->role);
	state_number(out, size, &n, "fence", p->fence);
	state_add(out, size, &n, "block", m->block_id);
	state_add(out, size, &n, "session", m->session);
	state_add(out, size, &n, "agent", m->agent);
	state_add(out, size, &n, "model", m->model);
	state_add(out, size, &n, "branch", m->branch);
	state_add(out, size, &n, "cwd", m->cwd);
}

static void state_field(struct chat_parser *p, const char *key, const char *value)
{
	struct memory *m = &p->mem;
	long long number = strtoll(value, NULL, 10);

	if (strcmp(key, "units") == 0)
		m->units = number > 0 ? (uint64_t)number : 0;
	else if (strcmp(key, "time") == 0)
		m->time = number ? number : CHAT_NO_TIME;
	else if (strcmp(key, "a") == 0)
		m->number[0] = number;
	else if (strcmp(key, "b") == 0)
		m->number[1] = number;
	else if (strcmp(key, "role") == 0)
		m->role = number > 0 && number < CHAT_ROLES ? (unsigned)number : 0;
	else if (strcmp(key, "fence") == 0)
		p->fence = number == 1;
	else if (strcmp(key, "block") == 0)
		REMEMBER(p, block_id, text_of(value));
	else if (strcmp(key, "session") == 0)
		REMEMBER(p, session, text_of(value));
	else if (strcmp(key, "agent") == 0)
		REMEMBER(p, agent, text_of(value));
	else if (strcmp(key, "model") == 0)
		REMEMBER(p, model, text_of(value));
	else if (strcmp(key, "branch") == 0)
		REMEMBER(p, branch, text_of(value));
	else if (strcmp(key, "cwd") == 0)
		REMEMBER(p, cwd, text_of(value));
}

void state_load(struct chat_parser *p, const char *state)
{
	char key[16], value[4096];

	/* what it does not name is empty, whatever the file's name says */
	p->mem.session[0] = p->mem.agent[0] = p->mem.cwd[0] = 0;
	while (*state) {
		size_t n = strcspn(state, "\t\n"), k = 0, v = 0, i;

		for (i = 0; i < n && state[i] != '='; i++)
			if (k + 1 < sizeof(key))
				key[k++] = state[i];
		for (i++; i < n && v + 1 < sizeof(value); i++) {
			unsigned c;

			if (state[i] == '%' && i + 2 < n && sscanf(state + i + 1, "%2x", &c) == 1) {
				value[v++] = (char)c;
				i += 2;
			} else {
				value[v++] = state[i];
			}
		}
		key[k] = value[v] = 0;
		state_field(p, key, value);
		state += n + (state[n] != 0);
	}
}

void remember(char *into, size_t size, struct chat_text text)
{
	struct arena arena = { 0 }; /* file names and columns of databases may be any bytes */

	if (text_clean(&arena, &text) || text.n >= size || memchr(text.s, 0, text.n))
		text.n = 0;
	memcpy(into, text.s, text.n);
	into[text.n] = 0;
	arena_free(&arena);
}
