/* store_hold.h - one process at a time changes the refs of a plugin's space. */
#ifndef SK_PLUGIN_STORE_HOLD_H
#define SK_PLUGIN_STORE_HOLD_H

#include "plugin/parts.h"

/* `words` is what git's update-ref will be told.  Lock files that a store left when it was killed
 * are removed, which may take some seconds.  SK_EBUSY: another process is at it, or may be.  To be
 * released when git has done it. */
int sk_store_hold(const struct sk_host *host, const struct sk_buf *words, int *fd);
void sk_store_release(int fd);

#endif
