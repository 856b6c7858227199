#include "command/command.h"

int sk_cmd_check(struct sk_call *call)
{
	return sk_call_args(call, 1, 1000);
}
