/* eval.h - the value that a flag has, and where it comes from. */
#ifndef FEATURE_FLAG_EVAL_H
#define FEATURE_FLAG_EVAL_H

#include <safekeep/plugin.h>

#include "flags.h"

struct result {
	const char *value;  /* NULL: there is none, and `error` says why */
	const char *reason; /* "variable", "environment", "default", or "error" */
	unsigned line;      /* of the file, where it is from there */
	char *error;
};

/* The environment that is asked for: `given` (an option, or NULL), else the variable
 * SK_FLAG_ENVIRONMENT, else [plugin "feature-flag"] environment; NULL: none.  One that no flag has
 * a value for and that [plugin "feature-flag"] environments does not name is SKP_EUSAGE; but a
 * warning when it was not given and there is no such list. */
int eval_environment(struct skp_host *host, const struct flags *flags, const char *given,
                     const char **out);
/* Variables first, if `variables`; then `where` (may be NULL); then the default. */
struct result eval_flag(const struct flag *flag, const char *where, bool variables);
/* One by name; SKP_EUSAGE: there is none, said with what it could have been. */
int eval_find(struct skp_host *host, const struct flags *flags, const char *name,
              struct flag **out);
/* Says what is wrong with the flag's definition, as an error. */
int eval_broken(struct skp_host *host, const struct flag *flag);

#endif
