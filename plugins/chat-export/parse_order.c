/* chat_order: the records of one conversation as they are to be read.
 *
 * 1. Doubles, replacements and echoes are marked.  What remains has a place: where it was given, or
 *    where the first writing of it was.
 * 2. Rewinds that the tool wrote down are applied, in order of place.
 * 3. Each record may have to stand behind another: the parts of a unit behind each other, a record
 *    behind its parent, one that says nothing of a parent behind the one before it.
 * 4. Of all records that nothing has to precede any more, the one with the lowest time (then place)
 *    is next: parallel calls and their results come as they happened, chains without a parent at
 *    their place in time, and the clock may run backwards within a chain.
 * 5. Where several records behind one begin a turn of the user's, the branch with the newest record
 *    goes on, and the others are rewound; or all that is not on the way to a CHAT_LEAF.
 * 6. Subagents are taken out, and put behind the call that started them. */
#include "parse_order.h"

#include <stdlib.h>
#include <string.h>

static int dead(const struct ordering *o, size_t i)
{
	return o->item[i].marks & CHAT_DOUBLE;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	return h ^ (h >> 33);
}

/* FNV-1a */
static uint64_t hash_text(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return mix(h);
}

static int table_new(struct table *t, size_t n)
{
	size_t size = 16;

	while (size < n * 2)
		size *= 2;
	t->slot = calloc(size, sizeof(*t->slot));
	t->mask = size - 1;
	return t->slot ? 0 : -1;
}

/* The slot of the id, or the free one where it would be. */
struct slot *slot_of(const struct table *t, const char *id)
{
	size_t i = hash_text(id) & t->mask;

	while (t->slot[i].id && strcmp(t->slot[i].id, id) != 0)
		i = (i + 1) & t->mask;
	return &t->slot[i];
}

/* --- 1: doubles --- */

/* Was this part of that id there before?  `seen` holds item numbers + 1. */
static int seen_part(const struct ordering *o, size_t *seen, size_t i)
{
	size_t id = (size_t)(o->link[i].slot - o->ids.slot), mask = o->ids.mask;
	size_t h = mix(id * 1000003u + o->item[i].part) & mask;

	for (; seen[h]; h = (h + 1) & mask) {
		size_t other = seen[h] - 1;

		if (o->link[other].slot == o->link[i].slot &&
		    o->item[other].part == o->item[i].part)
			return 1;
	}
	seen[h] = i + 1;
	return 0;
}

/* A CHAT_REPLACES item with part 0 begins a new writing of its id; at the end only the last one is
 * left, together with what was there before in no writing. */
static int find_doubles(struct ordering *o)
{
	size_t *seen = calloc(o->ids.mask + 1, sizeof(*seen));

	if (!seen)
		return -1;
	for (size_t i = 0; i < o->n; i++) {
		struct chat_item *item = &o->item[i];
		struct link *link = &o->link[i];
		struct slot *slot;
		int again;

		link->place = i;
		if (!*safe(item->id))
			continue;
		slot = link->slot = slot_of(&o->ids, item->id);
		if (!slot->id) {
			slot->id = item->id;
			slot->place = i;
		}
		again = !(item->flags & CHAT_MORE) && seen_part(o, seen, i);
		if (item->flags & CHAT_REPLACES) {
			slot->writing += item->part == 0;
			link->place = slot->place;
		} else if (again) {
			item->marks |= CHAT_DOUBLE;
		}
		link->writing = slot->writing;
	}
	free(seen);
	for (size_t i = 0; i < o->n; i++)
		if (o->link[i].slot && o->link[i].writing != o->link[i].slot->writing)
			o->item[i].marks |= CHAT_DOUBLE;
	return 0;
}

static void find_echoes(struct ordering *o)
{
	uint8_t has[CHAT_ROLES] = { 0 };

	for (size_t i = 0; i < o->n; i++)
		if (!dead(o, i) && !(o->item[i].flags & CHAT_ECHO) && o->item[i].role < CHAT_ROLES)
			has[o->item[i].role] = 1;
	for (size_t i = 0; i < o->n; i++)
		if ((o->item[i].flags & CHAT_ECHO) && o->item[i].role < CHAT_ROLES &&
		    has[o->item[i].role])
			o->item[i].marks |= CHAT_DOUBLE;
}

static int by_place(const void *a, const void *b, void *arg)
{
	const struct ordering *o = arg;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (o->link[x].place != o->link[y].place)
		return o->link[x].place < o->link[y].place ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void make_sequence(struct ordering *o)
{
	int sorted = 1;

	for (size_t i = 0; i < o->n; i++) {
		if (dead(o, i))
			continue;
		sorted &= o->link[i].place == i;
		o->seq[o->n_seq++] = i;
	}
	if (!sorted)
		qsort_r(o->seq, o->n_seq, sizeof(*o->seq), by_place, o);
}

/* --- 2: rewinds that were written down --- */

/* `kept` is a stack of what has not been taken back; everything is pushed and popped once. */
static void apply_rewinds(struct ordering *o, size_t *kept)
{
	size_t n = 0;

	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->seq[k], from = 0;
		struct chat_item *item = &o->item[i];
		const char *target = safe(item->target);
		long turns = *target == '~' ? strtol(target + 1, NULL, 10) : 0;
		int all = 0;

		if (item->role == CHAT_TITLE)
			continue;
		if (item->role != CHAT_CONTROL || (item->flags & CHAT_LEAF)) {
			kept[n++] = i;
			continue;
		}
		if (turns <= 0) {
			const struct slot *slot = slot_of(&o->ids, target);

			all = !*target || !slot->id;
			from = slot->place;
		}
		o->branches++;
		while (n && (turns > 0 || all || o->link[kept[n - 1]].place >= from)) {
			struct chat_item *back = &o->item[kept[--n]];

			back->marks |= CHAT_REWOUND;
			back->branch = o->branches;
			turns -= turns > 0 && back->role == CHAT_USER && !back->part;
			if (*target == '~' && turns == 0)
				break;
		}
	}
}

/* --- 3: what has to stand behind what --- */

static void hang(struct ordering *o, size_t i, size_t parent, int hard)
{
	if (parent == i)
		return;
	o->link[i].parent = parent;
	o->link[i].hard = (uint8_t)hard;
}

static void find_parents(struct ordering *o)
{
	size_t before[2] = { NONE, NONE };

	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->seq[k];
		struct link *link = &o->link[i];
		struct slot *slot = link->slot;
		size_t *prev = &before[side(o, i)];

		link->parent = link->child = link->sibling = link->best = NONE;
		link->newest = i;
		link->at = o->item[i].time;
		if (link->at == CHAT_NO_TIME && *prev != NONE)
			link->at = o->link[*prev].at;
		if (slot && slot->last) /* a part of the same unit */
			hang(o, i, slot->last - 1, 1);
		else if (!*safe(o->item[i].parent) && !o->item[i].root && *prev != NONE)
			hang(o, i, *prev, 0);
		if (slot)
			slot->last = i + 1;
		*prev = i;
	}
	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->seq[k];
		const struct slot *slot;

		if (!*safe(o->item[i].parent) || o->link[i].parent != NONE)
			continue;
		slot = slot_of(&o->ids, o->item[i].parent);
		if (slot->last && side(o, slot->last - 1) == side(o, i))
			hang(o, i, slot->last - 1, 1);
	}
}

/* --- 4: the order of time within that --- */

static int earlier(const struct ordering *o, size_t a, size_t b)
{
	const struct link *x = &o->link[a], *y = &o->link[b];

	if (x->at != y->at)
		return x->at < y->at;
	return x->place != y->place ? x->place < y->place : a < b;
}

static void heap_push(struct ordering *o, size_t i)
{
	size_t k = o->n_heap++;

	for (; k && earlier(o, i, o->heap[(k - 1) / 2]); k = (k - 1) / 2)
		o->heap[k] = o->heap[(k - 1) / 2];
	o->heap[k] = i;
}

static size_t heap_pop(struct ordering *o)
{
	size_t top = o->heap[0], last = o->heap[--o->n_heap], k = 0;

	for (;;) {
		size_t c = 2 * k + 1;

		if (c >= o->n_heap)
			break;
		c += c + 1 < o->n_heap && earlier(o, o->heap[c + 1], o->heap[c]);
		if (!earlier(o, o->heap[c], last))
			break;
		o->heap[k] = o->heap[c];
		k = c;
	}
	o->heap[k] = last;
	return top;
}

static void walk_from(struct ordering *o)
{
	while (o->n_heap) {
		size_t i = heap_pop(o);

		o->link[i].done = 1;
		o->out[o->n_out++] = i;
		for (size_t c = o->link[i].child; c != NONE; c = o->link[c].sibling)
			if (!o->link[c].done)
				heap_push(o, c);
	}
}

static void walk(struct ordering *o)
{
	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->seq[k], parent = o->link[i].parent;

		if (parent == NONE) {
			heap_push(o, i);
		} else {
			o->link[i].sibling = o->link[parent].child;
			o->link[parent].child = i;
		}
	}
	walk_from(o);
	/* what is left hangs on a loop: cut it at its first record */
	for (size_t k = 0; o->n_out < o->n_seq && k < o->n_seq; k++) {
		size_t i = o->seq[k];

		if (o->link[i].done)
			continue;
		o->link[i].parent = NONE;
		o->link[i].done = 1; /* its loop ends here */
		heap_push(o, i);
		walk_from(o);
	}
}

/* --- 5: branches --- */

static uint8_t begins_turn(const struct ordering *o, size_t i)
{
	switch (o->item[i].role) {
	case CHAT_USER:
		return !(o->item[i].flags & CHAT_META);
	case CHAT_ASSISTANT:
	case CHAT_THINKING:
	case CHAT_TOOL_CALL:
	case CHAT_TOOL_RESULT:
	case CHAT_SUMMARY:
		return 0;
	default:
		return 2; /* says nothing: what comes behind it decides */
	}
}

/* From the leaves to the roots: where each branch ends, and which turn of several goes on.  Returns
 * the root that does. */
static size_t weigh(struct ordering *o)
{
	size_t best = NONE;

	for (size_t k = 0; k < o->n_seq; k++)
		o->link[o->out[k]].turn = begins_turn(o, o->out[k]);
	for (size_t k = o->n_seq; k-- > 0;) {
		size_t i = o->out[k];
		struct link *link = &o->link[i], *up;
		size_t *at = &best;

		if (side(o, i))
			continue;
		if (link->parent != NONE && link->hard) {
			up = &o->link[link->parent];
			if (earlier(o, up->newest, link->newest))
				up->newest = link->newest;
			if (up->turn == 2 && link->turn == 1)
				up->turn = 3; /* as 1, but others may add to it */
			at = &up->best;
		} else if (!o->item[i].root) {
			continue;
		}
		if (link->turn == 3)
			link->turn = 1;
		if (link->turn == 1 &&
		    (*at == NONE || earlier(o, o->link[*at].newest, link->newest)))
			*at = i;
	}
	return best;
}

/* `from`: the one that it goes on with, or NONE for a new branch. */
static void mark(struct ordering *o, size_t i, size_t from)
{
	o->link[i].cut = 1;
	o->item[i].marks |= CHAT_REWOUND;
	o->item[i].branch = from != NONE ? o->item[from].branch : ++o->branches;
}

static void mark_branches(struct ordering *o)
{
	size_t root = weigh(o);

	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->out[k], up = o->link[i].parent;
		const struct link *link = &o->link[i];

		if (side(o, i) || o->item[i].role == CHAT_TITLE)
			continue;
		if (up != NONE && link->hard) {
			if (o->link[up].cut)
				mark(o, i, up);
			else if (link->turn == 1 && o->link[up].best != i)
				mark(o, i, NONE);
		} else if (o->item[i].root && link->turn == 1 && root != NONE && root != i &&
		           earlier(o, link->newest, root)) {
			/* the first prompt of all was taken back: all of it was before the other */
			mark(o, i, NONE);
		}
	}
}

/* The way from the last record (of the last LEAF that exists) to the root; 0: there is none. */
static int mark_path(struct ordering *o)
{
	size_t leaf = NONE;

	for (size_t k = 0; k < o->n_seq; k++) {
		const struct chat_item *item = &o->item[o->seq[k]];
		size_t last;

		if (item->role != CHAT_CONTROL || !(item->flags & CHAT_LEAF))
			continue;
		last = slot_of(&o->ids, safe(item->target))->last;
		if (last)
			leaf = last - 1;
	}
	if (leaf == NONE)
		return 0;
	for (; leaf != NONE && !o->link[leaf].on_path; leaf = o->link[leaf].parent)
		o->link[leaf].on_path = 1;
	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->out[k], up = o->link[i].parent;
		enum chat_role role = o->item[i].role;

		if (o->link[i].on_path || role == CHAT_TITLE || role == CHAT_CONTROL)
			continue;
		mark(o, i, up != NONE && o->link[up].cut ? up : NONE);
	}
	return 1;
}

static int order_all(struct ordering *o, size_t *order)
{
	if (find_doubles(o))
		return -1;
	find_echoes(o);
	make_sequence(o);
	apply_rewinds(o, o->heap);
	find_parents(o);
	walk(o);
	if (!mark_path(o))
		mark_branches(o);
	return put_out(o, order);
}

int chat_order(struct chat_item *item, size_t n, size_t *order, struct chat_error *err)
{
	struct ordering o = { .item = item, .n = n };
	int rc = -1;

	for (size_t i = 0; i < n; i++)
		item[i].marks = item[i].branch = 0;
	if (!n)
		return 0;
	o.link = calloc(n, sizeof(*o.link));
	o.seq = calloc(n, sizeof(*o.seq));
	o.heap = calloc(n, sizeof(*o.heap));
	o.out = calloc(n, sizeof(*o.out));
	if (o.link && o.seq && o.heap && o.out && !table_new(&o.ids, n) &&
	    !table_new(&o.calls, n) && !table_new(&o.agents, n))
		rc = order_all(&o, order);
	free(o.link);
	free(o.seq);
	free(o.heap);
	free(o.out);
	free(o.ids.slot);
	free(o.calls.slot);
	free(o.agents.slot);
	return rc ? chat_fail(err, SKP_EIO, "out of memory") : 0;
}
