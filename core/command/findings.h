/* findings.h - what lint found, as people and programs read it. */
#ifndef SK_COMMAND_FINDINGS_H
#define SK_COMMAND_FINDINGS_H

#include <jansson.h>

#include "lint/lint.h"

/* The contract's list of findings. */
json_t *sk_findings_json(const struct sk_findings *findings);
/* Each on standard output: place, severity, what is wrong and what to do. */
void sk_findings_print(const struct sk_findings *findings);

#endif
