#include "lint/keywords.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATES = 0x7fff, HIT = 0x8000 };

#define NONE SIZE_MAX

struct sk_keywords {
	uint8_t class[256]; /* 0: in no word, so that every state falls back to the root */
	size_t n_classes, n_states;
	uint16_t *next; /* [state * n_classes + class]; HIT: a word ends in the state it leads to */
	uint16_t *fail; /* the longest proper suffix that is a state */
	size_t *first;  /* the first word that ends in the state, or NONE */
	size_t *sibling; /* the next word that ends in the same state */
	size_t *length;
	size_t n_words;
};

static void classify(struct sk_keywords *k, const struct sk_strv *words)
{
	k->n_classes = 1;
	for (size_t i = 0; i < words->n; i++)
		for (const char *p = words->item[i]; *p; p++)
			if (!k->class[(unsigned char)*p])
				k->class[(unsigned char)*p] = (uint8_t)k->n_classes++;
}

/* The trie; 0 in `next` means no child yet (nothing leads back to the root). */
static void add_word(struct sk_keywords *k, const char *word, size_t number)
{
	size_t state = 0;

	for (const char *p = word; *p; p++) {
		uint16_t *to = &k->next[state * k->n_classes + k->class[(unsigned char)*p]];

		if (!*to)
			*to = (uint16_t)k->n_states++;
		state = *to;
	}
	k->length[number] = strlen(word);
	k->sibling[number] = k->first[state];
	k->first[state] = number;
}

/* Breadth first: the fallback of a state is known before those of its children. */
static int link_states(struct sk_keywords *k)
{
	uint16_t *queue = calloc(k->n_states, sizeof *queue);
	bool *ends = calloc(k->n_states, sizeof *ends);
	size_t head = 0, tail = 0;

	if (queue && ends)
		queue[tail++] = 0;
	for (; head < tail; head++) {
		size_t s = queue[head];

		ends[s] = k->first[s] != NONE || ends[k->fail[s]];
		for (size_t c = 0; c < k->n_classes; c++) {
			uint16_t *to = &k->next[s * k->n_classes + c];
			uint16_t back = s ? k->next[k->fail[s] * k->n_classes + c] : 0;

			if (*to) {
				k->fail[*to] = back;
				queue[tail++] = *to;
			} else {
				*to = back;
			}
		}
	}
	for (size_t i = 0; tail && i < k->n_states * k->n_classes; i++)
		if (ends[k->next[i]])
			k->next[i] |= HIT;
	free(queue);
	free(ends);
	return tail ? 0 : sk_error_oom();
}

int sk_keywords_new(const struct sk_strv *words, struct sk_keywords **out)
{
	struct sk_keywords *k = calloc(1, sizeof *k);
	size_t states = 1;
	int rc = 0;

	for (size_t i = 0; i < words->n; i++)
		states += strlen(words->item[i]);
	if (states > MAX_STATES) {
		free(k);
		return sk_error(SK_EUSAGE, "too many keywords");
	}
	if (!k)
		return sk_error_oom();
	classify(k, words);
	k->n_words = words->n;
	k->n_states = 1;
	k->next = calloc(states * k->n_classes, sizeof *k->next);
	k->fail = calloc(states, sizeof *k->fail);
	k->first = malloc(states * sizeof *k->first);
	k->sibling = calloc(words->n + 1, sizeof *k->sibling);
	k->length = calloc(words->n + 1, sizeof *k->length);
	if (!k->next || !k->fail || !k->first || !k->sibling || !k->length) {
		rc = sk_error_oom();
		goto out;
	}
	for (size_t i = 0; i < states; i++)
		k->first[i] = NONE;
	for (size_t i = 0; i < words->n; i++)
		add_word(k, words->item[i], i);
	rc = link_states(k);
out:
	if (rc)
		sk_keywords_free(k);
	else
		*out = k;
	return rc;
}

void sk_keywords_free(struct sk_keywords *k)
{
	if (!k)
		return;
	free(k->next);
	free(k->fail);
	free(k->first);
	free(k->sibling);
	free(k->length);
	free(k);
}

int sk_keywords_scan(const struct sk_keywords *k, const char *text, size_t len,
                     int (*hit)(void *ctx, size_t word, size_t start), void *ctx)
{
	size_t s = 0;
	int rc = 0;

	for (size_t i = 0; i < len; i++) {
		s = k->next[(s & ~(size_t)HIT) * k->n_classes + k->class[(unsigned char)text[i]]];
		if (!(s & HIT))
			continue;
		for (size_t t = s & ~(size_t)HIT; t; t = k->fail[t])
			for (size_t w = k->first[t]; w != NONE; w = k->sibling[w]) {
				rc = hit(ctx, w, i + 1 - k->length[w]);
				if (rc)
					return rc;
			}
	}
	return 0;
}
