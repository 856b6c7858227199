/* replace.h - add before remove: a commit that adds a flag should leave what it switches from.
 *
 * Told from the staged differences (without context, blanks ignored): where lines that speak of the
 * new flag stand in the place of removed lines, and such a removed line appears nowhere among the
 * added ones, as code that moved under an `else` would.  Only lines that do something count: with a
 * call or an assignment, no comments; and a line all of whose words are in one added line was
 * edited, not removed.  So it says little, and seldom wrongly; it is never more than a warning. */
#ifndef FEATURE_FLAG_REPLACE_H
#define FEATURE_FLAG_REPLACE_H

#include <safekeep/plugin.h>

#include "flags.h"

/* `diff` is git's, -U0 with a/ and b/; a finding for each place. */
int replace_check(struct skp_host *host, const char *diff, size_t len, const struct flag *come,
                  size_t n);

#endif
