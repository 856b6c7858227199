/* open.h - the repository of a command, as sk_main opens it. */
#ifndef SK_COMMAND_OPEN_H
#define SK_COMMAND_OPEN_H

#include "command/command.h"

/* Opens the working tree we stand in, and finishes what a crash interrupted there. */
int sk_open_repo(enum sk_needs needs, struct sk_repo **out);

#endif
