/* chain.h - the fsmonitor that was configured before SafeKeep: git asks it through us.
 *
 * It answers whenever the service has no exact answer.  It is a program of either version of git's
 * protocol (githooks(5), fsmonitor-watchman), or git's own daemon (core.fsmonitor = true). */
#ifndef SK_HOOKS_CHAIN_H
#define SK_HOOKS_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

#define SK_CHAIN_DAEMON "true" /* no program has that name: git takes it for a boolean */

/* The value of core.fsmonitor of before, from the record of the installation; NULL: there was none.
 * It stands until the next call. */
const char *sk_chain(const char *common);

/* Answers the query `version`, `token` (NULL: none) on standard output; false: nothing was written.
 * The current folder is the root of the working tree.  `start`: git's daemon may be started. */
bool sk_answer_by_chain(const char *chain, const char *git, const char *version, const char *token,
                        bool start);

bool sk_write_all(const char *data, size_t len);
long long sk_now_ns(void);

#endif
