/* commands.h - what `git sk flag WORD` does; each takes the parsed line and gives its exit code. */
#ifndef FEATURE_FLAG_COMMANDS_H
#define FEATURE_FLAG_COMMANDS_H

#include <jansson.h>

#include <safekeep/plugin.h>

#include "flags.h"

int cmd_list(struct skp_host *host, const struct skp_call *call);
int cmd_get(struct skp_host *host, const struct skp_call *call);
int cmd_eval(struct skp_host *host, const struct skp_call *call);
int cmd_run(struct skp_host *host, const struct skp_call *call);
int cmd_add(struct skp_host *host, const struct skp_call *call);
int cmd_set(struct skp_host *host, const struct skp_call *call);
int cmd_remove(struct skp_host *host, const struct skp_call *call);
int cmd_export(struct skp_host *host, const struct skp_call *call);
int cmd_scan(struct skp_host *host, const struct skp_call *call);
int cmd_history(struct skp_host *host, const struct skp_call *call);

/* The events. */
int gate_commit(struct skp_host *host, const struct skp_event *event);
int health_check(struct skp_host *host);
/* Whether there are no flags at all, so that events have nothing for us until there are. */
int rest_try(struct skp_host *host, const struct skp_event *event, int *rests);

/* A value of the flag as JSON has it; a new reference, or NULL when it cannot be said. */
json_t *value_json(enum flag_type type, const char *text);
/* A text that may not be UTF-8; never NULL for a text. */
json_t *text_json(struct skp_host *host, const char *text);
/* Prints the object and drops it; NULL is out of memory. */
int print_json(struct skp_host *host, json_t *object);

#endif
