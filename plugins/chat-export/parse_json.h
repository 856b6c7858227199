/* parse_json.h - one JSON text as a tree that lies beside it.
 *
 * yajl reads the text; its events go into one array of nodes, whose strings point into the text
 * itself where nothing in them was escaped, so that of most bytes no copy is ever made.  The array
 * and the memory for what was escaped are used again for the next text: after the first few lines
 * of a log nothing is allocated but yajl's handle.
 *
 * Why yajl, and not jansson as elsewhere: a transcript of 200 MB takes it 0.4 s, jansson 2.0 s and
 * `jq -c .` 4.7 s (tests/bench/chat_claude.py makes one), and it says where in the text each token
 * stood, which redaction needs.  It validates UTF-8 on request only; here that is done when a
 * string is used, since logs have damaged ones in otherwise good lines.
 *
 * Node 0 is the value itself.  The children of an object or array follow it; `next` of a node is
 * the node behind its subtree, so for each child c: c = node + 1; c < node->next; c = c->next. */
#ifndef CHAT_PARSE_JSON_H
#define CHAT_PARSE_JSON_H

#include <stdint.h>

#include "sources.h"

#define CHAT_MAX_NODES (2u << 20) /* values in one text; more is CHAT_TOO_DEEP */

enum jtype { J_NULL = 1, J_FALSE, J_TRUE, J_NUMBER, J_STRING, J_ARRAY, J_OBJECT };

enum jflags {
	J_CLEAN = 1 /* the string is known to be valid UTF-8 */
};

struct jnode {
	uint8_t type, flags;
	uint16_t depth;
	uint32_t next;     /* index of the node behind */
	uint32_t key_n, n; /* lengths of the decoded key and string, or of the number's text */
	uint32_t key_at, key_end; /* raw spans in the text, without the quotes; */
	uint32_t at, end;         /* of objects and arrays with their brackets */
	const char *key, *s;      /* decoded; a number's text */
};

/* Memory that is given back all at once. */
struct arena {
	struct arena_block *first, *now;
	size_t used; /* of `now` */
	size_t held; /* all blocks */
};
void *arena_get(struct arena *arena, size_t n); /* NULL: out of memory; aligned for anything */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

struct chat_tree {
	const char *text;
	size_t len;
	struct jnode *node;
	uint32_t n, cap;
	struct arena arena;
	int oom;
	/* while parsing */
	uint32_t open[CHAT_MAX_DEPTH];
	unsigned depth;
	int too_deep;
	const char *key;
	uint32_t key_n, key_at, key_end;
	size_t done; /* end of the last token */
	void *yajl;
};

/* Parses exactly one value, with white space around it.  The tree points into `text`.  0 and
 * *damage; SKP_EIO: out of memory. */
int jtree_parse(struct chat_tree *tree, const char *text, size_t len, enum chat_damage *damage);
void jtree_free(struct chat_tree *tree);

/* Walking; a NULL node is an absent value, and all functions take it. */
const struct jnode *j_root(const struct chat_tree *tree);
const struct jnode *j_first(const struct chat_tree *tree, const struct jnode *parent);
const struct jnode *j_next(const struct chat_tree *tree, const struct jnode *parent,
                           const struct jnode *child);
const struct jnode *j_get(const struct chat_tree *tree, const struct jnode *object,
                          const char *key);
/* j_get twice: a.b */
const struct jnode *j_get2(const struct chat_tree *tree, const struct jnode *object, const char *a,
                           const char *b);
int j_is(const struct jnode *node, enum jtype type);
int j_true(const struct jnode *node);
int j_equal(const struct jnode *node, const char *text); /* a string, and this one */
int j_key(const struct jnode *node, const char *key);
/* The decoded string, valid UTF-8; of a number its text; else empty. */
struct chat_text j_text(struct chat_tree *tree, const struct jnode *node);
struct chat_text j_string(struct chat_tree *tree, const struct jnode *node); /* strings alone */
struct chat_text j_raw(const struct chat_tree *tree, const struct jnode *node);
struct chat_text j_key_text(struct chat_tree *tree, const struct jnode *node);
int j_number(const struct jnode *node, double *out); /* 1: it is one, and finite */
int64_t j_integer(const struct jnode *node, int64_t otherwise);

#endif
