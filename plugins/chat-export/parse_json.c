#include "parse_json.h"

#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "parse_text.h"
#include "safekeep/plugin.h"

#define ARENA_BLOCK ((size_t)64 << 10)
#define ARENA_KEEP ((size_t)1 << 20) /* held from one text to the next */

struct arena_block {
	struct arena_block *next;
	size_t size;
	max_align_t data[];
};

void *arena_get(struct arena *arena, size_t n)
{
	struct arena_block *b = arena->now;
	void *out;

	n = (n + 15) & ~(size_t)15;
	while (b && b->size - arena->used < n && b->next && b->next->size >= n) {
		b = arena->now = b->next;
		arena->used = 0;
	}
	if (!b || b->size - arena->used < n) {
		size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;
		struct arena_block *made = malloc(sizeof(*made) + size);

		if (!made)
			return NULL;
		made->size = size;
		made->next = b ? b->next : NULL;
		if (b)
			b->next = made;
		else
			arena->first = made;
		arena->held += size;
		arena->now = b = made;
		arena->used = 0;
	}
	out = (char *)b->data + arena->used;
	arena->used += n;
	return out;
}

void arena_free(struct arena *arena)
{
	while (arena->first) {
		struct arena_block *b = arena->first;

		arena->first = b->next;
		free(b);
	}
	memset(arena, 0, sizeof(*arena));
}

void arena_reset(struct arena *arena)
{
	if (arena->held > ARENA_KEEP)
		arena_free(arena);
	arena->now = arena->first;
	arena->used = 0;
}

/* --- yajl's events --- */

static struct jnode *node_new(struct chat_tree *t, enum jtype type)
{
	struct jnode *node;

	/* no log has a mere string or number for a record */
	if (!t->depth && type != J_OBJECT && type != J_ARRAY)
		return NULL;
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 256;
		struct jnode *more;

		if (t->n >= CHAT_MAX_NODES) {
			t->too_deep = 1;
			return NULL;
		}
		more = realloc(t->node, cap * sizeof(*more));
		if (!more) {
			t->oom = 1;
			return NULL;
		}
		t->node = more;
		t->cap = cap;
	}
	node = &t->node[t->n];
	memset(node, 0, sizeof(*node));
	node->type = (uint8_t)type;
	node->depth = (uint16_t)t->depth;
	node->next = ++t->n;
	node->s = "";
	node->key = "";
	if (t->key) {
		node->key = t->key;
		node->key_n = t->key_n;
		node->key_at = t->key_at;
		node->key_end = t->key_end;
		t->key = NULL;
	}
	return node;
}

static size_t token_end(const struct chat_tree *t)
{
	return yajl_get_bytes_consumed(t->yajl);
}

/* The string of an event: yajl gives a pointer into our text, or into its own buffer when there
 * were escapes to decode. */
static int string_take(struct chat_tree *t, const char *s, size_t len, const char **out,
                       uint32_t *at, uint32_t *end)
{
	size_t stop = token_end(t) - 1;

	if (s >= t->text && s <= t->text + t->len && (size_t)(s - t->text) <= stop) {
		*out = s;
		*at = (uint32_t)(s - t->text);
	} else {
		/* between two tokens there is no quote but the one that begins this */
		const char *quote = memchr(t->text + t->done, '"', stop - t->done);
		char *copy = arena_get(&t->arena, len + 1);

		if (!copy) {
			t->oom = 1;
			return 0;
		}
		memcpy(copy, s, len);
		copy[len] = 0;
		*out = copy;
		*at = (uint32_t)(quote ? (size_t)(quote - t->text) + 1 : stop);
	}
	*end = (uint32_t)stop;
	t->done = stop + 1;
	return 1;
}

static int on_string(void *arg, const unsigned char *s, size_t len)
{
	struct chat_tree *t = arg;
	struct jnode *node = node_new(t, J_STRING);

	if (!node || !string_take(t, (const char *)s, len, &node->s, &node->at, &node->end))
		return 0;
	node->n = (uint32_t)len;
	return 1;
}

static int on_key(void *arg, const unsigned char *s, size_t len)
{
	struct chat_tree *t = arg;

	if (!string_take(t, (const char *)s, len, &t->key, &t->key_at, &t->key_end))
		return 0;
	t->key_n = (uint32_t)len;
	return 1;
}

static int scalar(struct chat_tree *t, enum jtype type, const char *s, size_t len)
{
	struct jnode *node = node_new(t, type);
	size_t end = token_end(t);

	if (!node)
		return 0;
	node->end = (uint32_t)end;
	node->at = (uint32_t)(end - len);
	if (s) {
		node->s = t->text + node->at; /* yajl's own text of it may be a buffer */
		node->n = (uint32_t)len;
	}
	t->done = end;
	return 1;
}

static int on_null(void *arg)
{
	return scalar(arg, J_NULL, NULL, 4);
}

static int on_boolean(void *arg, int value)
{
	return scalar(arg, value ? J_TRUE : J_FALSE, NULL, value ? 4 : 5);
}

static int on_number(void *arg, const char *s, size_t len)
{
	return scalar(arg, J_NUMBER, s, len);
}

static int begin(struct chat_tree *t, enum jtype type)
{
	struct jnode *node;

	if (t->depth == CHAT_MAX_DEPTH) {
		t->too_deep = 1;
		return 0;
	}
	node = node_new(t, type);
	if (!node)
		return 0;
	node->at = (uint32_t)(token_end(t) - 1);
	t->open[t->depth++] = t->n - 1;
	t->done = node->at + 1;
	return 1;
}

static int on_map(void *arg)
{
	return begin(arg, J_OBJECT);
}

static int on_array(void *arg)
{
	return begin(arg, J_ARRAY);
}

static int on_end(void *arg)
{
	struct chat_tree *t = arg;
	struct jnode *node = &t->node[t->open[--t->depth]];

	node->next = t->n;
	node->end = (uint32_t)token_end(t);
	t->done = node->end;
	return 1;
}

int jtree_parse(struct chat_tree *t, const char *text, size_t len, enum chat_damage *damage)
{
	static const yajl_callbacks events = {
		.yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_map,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_array,
		.yajl_end_array = on_end,
	};
	yajl_status status;

	arena_reset(&t->arena);
	t->text = text;
	t->len = len;
	t->n = 0;
	t->depth = 0;
	t->done = 0;
	t->oom = t->too_deep = 0;
	t->key = NULL;
	t->yajl = yajl_alloc(&events, NULL, t);
	if (!t->yajl)
		return SKP_EIO;
	yajl_config(t->yajl, yajl_dont_validate_strings, 1);
	status = yajl_parse(t->yajl, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(t->yajl);
	yajl_free(t->yajl);
	t->yajl = NULL;
	if (t->oom)
		return SKP_EIO;
	*damage = CHAT_FINE;
	if (t->too_deep)
		*damage = CHAT_TOO_DEEP;
	else if (status != yajl_status_ok || !t->n || t->depth)
		*damage = CHAT_NOT_JSON;
	if (*damage)
		t->n = 0;
	return 0;
}

void jtree_free(struct chat_tree *t)
{
	free(t->node);
	arena_free(&t->arena);
	memset(t, 0, sizeof(*t));
}

/* --- walking --- */

const struct jnode *j_root(const struct chat_tree *t)
{
	return t->n ? t->node : NULL;
}

const struct jnode *j_first(const struct chat_tree *t, const struct jnode *parent)
{
	if (!parent || parent + 1 >= t->node + parent->next)
		return NULL;
	return parent + 1;
}

const struct jnode *j_next(const struct chat_tree *t, const struct jnode *parent,
                           const struct jnode *child)
{
	return child->next < parent->next ? t->node + child->next : NULL;
}

int j_key(const struct jnode *node, const char *key)
{
	size_t n = strlen(key);

	return node->key_n == n && memcmp(node->key, key, n) == 0;
}

const struct jnode *j_get(const struct chat_tree *t, const struct jnode *object, const char *key)
{
	size_t n = strlen(key);

	if (!object || object->type != J_OBJECT)
		return NULL;
	for (const struct jnode *c = j_first(t, object); c; c = j_next(t, object, c))
		if (c->key_n == n && memcmp(c->key, key, n) == 0)
			return c;
	return NULL;
}

const struct jnode *j_get2(const struct chat_tree *t, const struct jnode *object, const char *a,
                           const char *b)
{
	return j_get(t, j_get(t, object, a), b);
}

int j_is(const struct jnode *node, enum jtype type)
{
	return node && node->type == type;
}

int j_true(const struct jnode *node)
{
	return j_is(node, J_TRUE);
}

int j_equal(const struct jnode *node, const char *text)
{
	size_t n = strlen(text);

	return j_is(node, J_STRING) && node->n == n && memcmp(node->s, text, n) == 0;
}

struct chat_text j_string(struct chat_tree *t, const struct jnode *node)
{
	struct jnode *own;
	struct chat_text text = { "", 0 };

	if (!j_is(node, J_STRING))
		return text;
	text.s = node->s;
	text.n = node->n;
	if (node->flags & J_CLEAN)
		return text;
	if (text_clean(&t->arena, &text))
		t->oom = 1;
	own = &t->node[node - t->node];
	own->s = text.s;
	own->n = (uint32_t)text.n;
	own->flags |= J_CLEAN;
	return text;
}

struct chat_text j_text(struct chat_tree *t, const struct jnode *node)
{
	if (j_is(node, J_NUMBER))
		return (struct chat_text){ node->s, node->n };
	return j_string(t, node);
}

struct chat_text j_key_text(struct chat_tree *t, const struct jnode *node)
{
	struct chat_text text = { node->key, node->key_n };

	if (text_clean(&t->arena, &text))
		t->oom = 1;
	return text;
}

struct chat_text j_raw(const struct chat_tree *t, const struct jnode *node)
{
	if (!node)
		return (struct chat_text){ "", 0 };
	return (struct chat_text){ t->text + node->at, node->end - node->at };
}

int j_number(const struct jnode *node, double *out)
{
	char copy[64], *end;
	double value;

	if (!j_is(node, J_NUMBER) || node->n >= sizeof(copy))
		return 0;
	memcpy(copy, node->s, node->n);
	copy[node->n] = 0;
	value = strtod(copy, &end);
	if (end == copy || !(value > -1e18 && value < 1e18))
		return 0;
	*out = value;
	return 1;
}

int64_t j_integer(const struct jnode *node, int64_t otherwise)
{
	double value;

	return j_number(node, &value) ? (int64_t)value : otherwise;
}
