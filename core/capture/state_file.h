/* state_file.h - inside the capture room: the layout of the two state files (state.h). */
#ifndef SK_CAPTURE_STATE_FILE_H
#define SK_CAPTURE_STATE_FILE_H

#include "capture/state.h"

#define SK_STATE_MAGIC "SKSTATE3"
#define SK_DELTA_MAGIC "SKDELTA3"

struct sk_state_header {
	char magic[8];
	uint64_t sum;  /* XXH3 of all that follows this member */
	uint64_t base; /* delta: the sum of the state that it belongs to; else 0 */
	uint64_t root_dev, root_ino;
	uint32_t node_size, n_nodes, n_roots, zero;
	uint64_t names_len, files;
	struct sk_scan_facts facts;
	struct sk_oid tag; /* of the entry it was made for */
	char ref[256];
};

struct sk_state_place { /* of a nested repository, or the outer one (path "") */
	uint32_t node, path_off;
};

struct sk_state_part {     /* one file */
	void *map;         /* of the base */
	struct sk_buf buf; /* of the delta */
	const struct sk_state_header *head;
	const struct sk_state_place *root;
	const struct sk_state_node *node;
	const char *names; /* ends in a NUL */
	size_t len;
};

/* Numbers of nodes and offsets of names go on from the base into the delta. */
struct sk_state {
	struct sk_state_part base, delta;
	const struct sk_state_header *top; /* the delta's, or else the base's */
	bool trusted;
};

#endif
