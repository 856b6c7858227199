#include "lint/migration.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* Names as they are compared: lower case, doubled quotes left alone. */
static int copy(struct sk_op_text text, bool lower, char **out)
{
	char *s;

	if (!text.p)
		return 0;
	s = strndup(text.p, text.n);
	if (!s)
		return sk_error_oom();
	for (char *p = s; lower && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	*out = s;
	return 0;
}

int sk_op_add(struct sk_ops *ops, enum sk_op_kind kind, unsigned flags, struct sk_op_text table,
              struct sk_op_text name, struct sk_op_text expr, uint32_t line, uint32_t last_line)
{
	struct sk_op *op;

	if (ops->n == ops->cap) {
		size_t cap = ops->cap ? ops->cap * 2 : 16;
		struct sk_op *item = reallocarray(ops->item, cap, sizeof *item);

		if (!item)
			return sk_error_oom();
		ops->item = item;
		ops->cap = cap;
	}
	op = &ops->item[ops->n];
	*op = (struct sk_op){ .kind = kind, .flags = flags, .line = line, .last_line = last_line };
	ops->n++;
	if (copy(table, true, &op->table) || copy(name, true, &op->name))
		return SK_EIO;
	return copy(expr, false, &op->expr);
}

void sk_ops_clear(struct sk_ops *ops)
{
	for (size_t i = 0; i < ops->n; i++) {
		free(ops->item[i].table);
		free(ops->item[i].name);
		free(ops->item[i].expr);
	}
	free(ops->item);
	*ops = (struct sk_ops){ 0 };
}
