/* store.h - the file of flags in the working tree: read without following links, and changed so
 * that nothing is lost. */
#ifndef FEATURE_FLAG_STORE_H
#define FEATURE_FLAG_STORE_H

#include <safekeep/plugin.h>

#include "flags.h"

/* Its name below the working tree: [plugin "feature-flag"] file, or flags.ini.  SKP_EUSAGE: the
 * setting leads out of the tree, or into .git. */
int store_name(struct skp_host *host, const char **out);
/* What is wrong with a text as a whole, whatever it defines; SKP_EUSAGE. */
int store_check(struct skp_host *host, const char *what, const char *text, size_t len);
/* SKP_ENO: there is no file; the result is empty. */
int store_read(struct skp_host *host, struct flags *out);
/* As store_read, of the index. */
int store_staged(struct skp_host *host, struct flags *out);
/* As store_read, but that there is none is an error. */
int store_need(struct skp_host *host, struct flags *out);

/* Makes the new text, NULL-terminated, or leaves *out NULL when there is nothing to do. */
typedef int store_edit(struct skp_host *host, const struct flags *flags, void *ctx, char **out,
                       size_t *len);
/* Under a lock among all of ours: reads, has `edit` make the new text, saves a backup called
 * `title`, and replaces the file in one step with the mode that it had.  An editor that wrote the
 * file meanwhile has `edit` asked again with that.  *changed: whether there was anything to do. */
int store_change(struct skp_host *host, const char *title, store_edit *edit, void *ctx,
                 int *changed);

#endif
