/* by_service.h - the client's questions to the background service, when there is one.
 *
 * Nothing depends on it: whatever fails, the client does by itself what it always did. */
#ifndef SK_HOOKS_BY_SERVICE_H
#define SK_HOOKS_BY_SERVICE_H

#include <stdbool.h>

/* Has the service make the backup for `event` in the working tree that we stand in, whose git
 * folder and common folder are given.  True: it did, and *status is what the backup ended with.
 * What it had to say goes to standard error. */
bool sk_event_by_service(const char *event, const char *git, const char *common, int *status);

/* Writes the answer to git's fsmonitor query (version 2) on standard output; false: none was
 * written.  `doubt`: no exact one, neither to this query nor to the one after it.  `exact`: one
 * that is not exact is not wanted. */
bool sk_answer_by_service(const char *git, const char *common, bool doubt, bool exact,
                          const char *token);

/* Starts the service when it is down, once in a while, without waiting for it. */
void sk_start_service(const char *git_sk);
/* Whether the last question found nobody. */
bool sk_service_is_down(void);

#endif
