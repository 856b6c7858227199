/* sarif.h - findings as code hosts read them: SARIF 2.1.0.
 * Source: OASIS Static Analysis Results Interchange Format 2.1.0, and its errata 01. */
#ifndef SK_COMMAND_SARIF_H
#define SK_COMMAND_SARIF_H

#include <jansson.h>

#include "lint/lint.h"

json_t *sk_sarif(const struct sk_findings *findings);

#endif
