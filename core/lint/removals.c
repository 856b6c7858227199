#include "lint/lint_parts.h"

int sk_lint_removals(struct sk_linting *l)
{
	SK_UNUSED(l);
	return 0;
}
