#include "command/lanes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first lane from `from` on that waits for it; n: none. */
static size_t waiting(const struct sk_lanes *lanes, const struct sk_oid *oid, size_t from)
{
	for (size_t i = from; i < lanes->n; i++)
		if (lanes->lane[i].open && sk_oid_eq(&lanes->lane[i].awaits, oid))
			return i;
	return lanes->n;
}

static size_t free_lane(const struct sk_lanes *lanes)
{
	size_t i = 0;

	while (i < lanes->n && lanes->lane[i].open)
		i++;
	return i;
}

static int open_lane(struct sk_lanes *lanes, const struct sk_oid *oid, size_t *at)
{
	size_t i = free_lane(lanes);

	if (i == lanes->cap) {
		size_t cap = lanes->cap ? lanes->cap * 2 : 16;
		struct sk_lane *lane = realloc(lanes->lane, cap * sizeof *lane);

		if (!lane)
			return sk_error_oom();
		lanes->lane = lane;
		lanes->cap = cap;
	}
	lanes->lane[i] = (struct sk_lane){ *oid, true };
	if (i == lanes->n)
		lanes->n++;
	*at = i;
	return 0;
}

static void close_lane(struct sk_lanes *lanes, size_t i)
{
	lanes->lane[i].open = false;
	while (lanes->n && !lanes->lane[lanes->n - 1].open)
		lanes->n--;
}

int sk_lanes_place(struct sk_lanes *lanes, const struct sk_oid *head, size_t *at)
{
	if (!head || sk_oidset_has(&lanes->seen, head)) {
		*at = free_lane(lanes);
		return 0;
	}
	*at = waiting(lanes, head, 0);
	return *at < lanes->n ? 0 : open_lane(lanes, head, at);
}

/* A row in which a line runs between the columns `a`, above, and `b`, below. */
static int add_link(const struct sk_lanes *lanes, size_t a, size_t b, struct sk_buf *rows)
{
	size_t from = rows->len, low = a < b ? a : b, high = a < b ? b : a;
	int rc = sk_lanes_row(lanes, SIZE_MAX, ' ', rows);

	if (rc)
		return rc;
	if (high < SK_LANES_SHOWN) {
		while (rows->len - from <= 2 * high)
			(void)sk_buf_addc(rows, ' ');
		if (sk_buf_ok(rows))
			return SK_EIO;
		for (size_t i = 2 * low + 1; i < 2 * high - 1; i++)
			if (rows->ptr[from + i] == ' ')
				rows->ptr[from + i] = a < b ? '-' : '_';
		rows->ptr[from + 2 * high - 1] = a < b ? '\\' : '/';
		if (a < b) /* the new lane is reached in the next row */
			rows->ptr[from + 2 * high] = ' ';
	}
	while (rows->len > from && rows->ptr[rows->len - 1] == ' ')
		sk_buf_truncate(rows, rows->len - 1);
	return sk_buf_addc(rows, '\0');
}

int sk_lanes_commit(struct sk_lanes *lanes, const struct sk_oid *oid, size_t *at,
                    struct sk_buf *rows)
{
	size_t i = waiting(lanes, oid, 0);
	int rc = sk_oidset_add(&lanes->seen, oid, 1, NULL);

	if (!rc && i == lanes->n)
		rc = open_lane(lanes, oid, &i);
	/* the farthest first, so that the lines meet like the branches of a tree */
	for (size_t k = lanes->n; !rc && k-- > i + 1;) {
		if (!lanes->lane[k].open || !sk_oid_eq(&lanes->lane[k].awaits, oid))
			continue;
		close_lane(lanes, k);
		rc = add_link(lanes, k, i, rows);
	}
	if (!rc)
		*at = i;
	return rc;
}

int sk_lanes_parents(struct sk_lanes *lanes, size_t at, const struct sk_oid *parent, size_t n,
                     struct sk_buf *rows)
{
	int rc = 0;

	if (n == 0 || sk_oidset_has(&lanes->seen, &parent[0]))
		close_lane(lanes, at);
	else
		lanes->lane[at].awaits = parent[0];
	for (size_t i = 1; !rc && i < n; i++) {
		size_t k = waiting(lanes, &parent[i], 0);
		bool fresh = k == lanes->n;

		if (sk_oidset_has(&lanes->seen, &parent[i]))
			continue;
		if (fresh)
			rc = open_lane(lanes, &parent[i], &k);
		if (!rc && k != at)
			rc = add_link(lanes, at, k, rows);
	}
	return rc;
}

int sk_lanes_row(const struct sk_lanes *lanes, size_t at, char mark, struct sk_buf *out)
{
	size_t n = at != SIZE_MAX && at >= lanes->n ? at + 1 : lanes->n;

	if (n > SK_LANES_SHOWN)
		n = SK_LANES_SHOWN;
	for (size_t i = 0; i < n; i++) {
		bool open = i < lanes->n && lanes->lane[i].open;

		(void)sk_buf_addc(out, i == at ? mark : open ? '|' : ' ');
		(void)sk_buf_addc(out, ' ');
	}
	if (at != SIZE_MAX && at >= SK_LANES_SHOWN) {
		(void)sk_buf_addc(out, mark);
		(void)sk_buf_addc(out, ' ');
	}
	return sk_buf_ok(out);
}

void sk_lanes_free(struct sk_lanes *lanes)
{
	sk_oidset_free(&lanes->seen);
	free(lanes->lane);
	*lanes = (struct sk_lanes){ 0 };
}
