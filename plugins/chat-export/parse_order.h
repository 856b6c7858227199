/* parse_order.h - shared by the two halves of chat_order. */
#ifndef CHAT_PARSE_ORDER_H
#define CHAT_PARSE_ORDER_H

#include "parse.h"

#define NONE ((size_t)-1)

struct slot {
	const char *id;
	size_t place;   /* of the first item */
	size_t writing; /* how often it was written */
	size_t last;    /* item number + 1 of its last part */
};

struct link {
	size_t place;
	struct slot *slot; /* of its id, or NULL */
	size_t writing;
	size_t parent;              /* what it has to stand behind, or NONE */
	size_t group;               /* subagents: number of the group; 0 is the conversation */
	int64_t at;                 /* its time, or that of what stood before it */
	size_t child, sibling;      /* those that stand behind it */
	size_t newest;              /* of its branch: by time, then place */
	size_t best;                /* of its children: the turn that goes on */
	uint8_t hard;               /* `parent` is of the tool's own tree */
	uint8_t turn;               /* its branch begins with what the user typed */
	uint8_t on_path, done, cut; /* cut: rewound by the tree */
};

/* Texts to slots: open addressing, at most half full. */
struct table {
	struct slot *slot;
	size_t mask;
};

struct ordering {
	struct chat_item *item;
	struct link *link;
	size_t n;
	struct table ids, calls, agents;
	unsigned branches; /* given out */
	size_t *seq;       /* live items in order of place */
	size_t n_seq;
	size_t *heap, n_heap;
	size_t *out, n_out;
};

static inline const char *safe(const char *s)
{
	return s ? s : "";
}

static inline int side(const struct ordering *o, size_t i)
{
	return (o->item[i].flags & CHAT_SIDECHAIN) != 0;
}

struct slot *slot_of(const struct table *t, const char *id);
/* Step 6: from o->out to the order with the subagents in their places, doubles behind. */
int put_out(struct ordering *o, size_t *order);

#endif
