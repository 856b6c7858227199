/* chain.h - the fsmonitor program that was configured before SafeKeep: git asks it through us.
 *
 * It answers whenever the service has no exact answer, in either version of git's protocol
 * (githooks(5), fsmonitor-watchman).  git's own daemon (core.fsmonitor = true) is not asked: that
 * of git 2.55 goes on with the old names below a folder that was renamed. */
#ifndef SK_HOOKS_CHAIN_H
#define SK_HOOKS_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

/* The value of core.fsmonitor of before, from the record of the installation; NULL: there was none.
 * It stands until the next call. */
const char *sk_chain(const char *common);

/* Answers the query `version`, `token` on standard output; false: nothing was written.  The current
 * folder is the root of the working tree. */
bool sk_answer_by_chain(const char *chain, const char *version, const char *token);

bool sk_write_all(const char *data, size_t len);
long long sk_now_ns(void);

#endif
