/* Step 6 of chat_order: subagents are taken out of the conversation, and put behind the call that
 * started each. */
#include "parse_order.h"

#include <stdlib.h>

struct group {
	size_t anchor;      /* the record that it stands behind, or NONE */
	size_t first, last; /* its records, linked by `sibling` */
	size_t next;        /* of the same anchor */
};

/* Number of the group of item i, from 0: those of one agent; without an agent's name, a chain. */
static size_t group_of(struct ordering *o, size_t i, size_t *n)
{
	struct slot *slot;

	if (!*safe(o->item[i].agent)) {
		size_t up = o->link[i].parent;

		return o->link[i].group = up != NONE && side(o, up) ? o->link[up].group : (*n)++;
	}
	slot = slot_of(&o->agents, o->item[i].agent);
	if (!slot->id) {
		slot->id = o->item[i].agent;
		slot->place = (*n)++;
	}
	return o->link[i].group = slot->place;
}

/* Results that say which agent's they are: their calls are where those belong. */
static void find_anchors(struct ordering *o)
{
	for (size_t k = 0; k < o->n_seq; k++) {
		const struct chat_item *item = &o->item[o->seq[k]];

		if (!side(o, o->seq[k]) && item->role == CHAT_TOOL_CALL && *safe(item->call)) {
			struct slot *slot = slot_of(&o->calls, item->call);

			slot->id = item->call;
			slot->last = o->seq[k] + 1;
		}
	}
	for (size_t k = 0; k < o->n_seq; k++) {
		const struct chat_item *item = &o->item[o->seq[k]];
		struct slot *agent;
		size_t call;

		if (side(o, o->seq[k]) || !*safe(item->agent) || !*safe(item->call))
			continue;
		call = slot_of(&o->calls, item->call)->last;
		agent = slot_of(&o->agents, item->agent);
		if (call && agent->id)
			agent->last = call;
	}
}

/* In the order of time: who belongs to which group, and what stood before it. */
static size_t gather_groups(struct ordering *o, struct group *group)
{
	size_t n = 0, call = NONE, any = NONE;

	for (size_t k = 0; k < o->n_seq; k++) {
		size_t i = o->out[k], had = n, g;

		if (!side(o, i)) {
			any = i;
			if (o->item[i].role == CHAT_TOOL_CALL)
				call = i;
			continue;
		}
		g = group_of(o, i, &n);
		if (n > had)
			group[g] = (struct group){ call != NONE ? call : any, i, i, NONE };
		else
			o->link[group[g].last].sibling = i;
		o->link[i].sibling = NONE;
		group[g].last = i;
	}
	return n;
}

static void put_groups(struct ordering *o, const struct group *group, size_t g, size_t *order,
                       size_t *n)
{
	for (; g != NONE; g = group[g].next)
		for (size_t i = group[g].first; i != NONE; i = o->link[i].sibling)
			order[(*n)++] = i;
}

int put_out(struct ordering *o, size_t *order)
{
	struct group *group = calloc(o->n_seq + 1, sizeof(*group));
	size_t n = 0, groups, loose = NONE;

	if (!group)
		return -1;
	groups = gather_groups(o, group);
	find_anchors(o);
	for (size_t k = 0; k < o->n_seq; k++)
		o->link[o->seq[k]].child = NONE; /* from here on: its first group */
	for (size_t g = groups; g-- > 0;) {
		const char *agent = safe(o->item[group[g].first].agent);
		size_t call = *agent ? slot_of(&o->agents, agent)->last : 0, *list;

		if (call)
			group[g].anchor = call - 1;
		list = group[g].anchor == NONE ? &loose : &o->link[group[g].anchor].child;
		group[g].next = *list;
		*list = g;
	}
	put_groups(o, group, loose, order, &n);
	for (size_t k = 0; k < o->n_seq; k++) {
		if (side(o, o->out[k]))
			continue;
		order[n++] = o->out[k];
		put_groups(o, group, o->link[o->out[k]].child, order, &n);
	}
	for (size_t i = 0; i < o->n; i++)
		if (o->item[i].marks & CHAT_DOUBLE)
			order[n++] = i;
	free(group);
	return 0;
}
