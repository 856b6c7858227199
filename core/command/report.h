/* report.h - entries and restores as people and programs read them. */
#ifndef SK_COMMAND_REPORT_H
#define SK_COMMAND_REPORT_H

#include <jansson.h>

#include "command/command.h"
#include "restore/restore.h"
#include "store/entry.h"

/* The contract's record of an entry; the skipped paths are read from its metadata. */
json_t *sk_entry_json(const struct sk_repo *repo, const struct sk_entry *e, bool is_new);
/* "hourly, daily" as a list. */
json_t *sk_words_json(unsigned reason);
/* All strings of a list. */
json_t *sk_texts_json(const struct sk_strv *v);
/* Adds to an object and drops the reference, as json_object_set_new; NULL `object` stays NULL. */
json_t *sk_json_add(json_t *object, const char *key, json_t *value);

/* What was skipped, by its metadata: each as "skipped PATH: REASON" on standard error, when
 * something could not be read. */
void sk_warn_skipped(const struct sk_meta *meta);
/* A trailer that is a number; 0 when it is absent. */
unsigned long sk_entry_number(const struct sk_entry *e, const char *key);

/* What a restore did, or would do: each item on standard output, skipped ones and the sum on
 * standard error; or the contract's record.  `rc` is what the restore returned and comes back,
 * unless reporting fails. */
int sk_report_restore(const struct sk_call *call, const char *operation, const char *target,
                      const struct sk_restore_result *r, bool dry_run, int rc);
/* "3 to write, 1 to delete" and the first few items, before a question. */
void sk_preview_restore(const struct sk_restore_result *r);

#endif
