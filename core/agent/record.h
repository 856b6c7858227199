/* record.h - what a settings file was before our hooks came into it: see settings.h. */
#ifndef SK_AGENT_RECORD_H
#define SK_AGENT_RECORD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/oid.h"

struct sk_agent_record {
	bool absent;          /* there was no file */
	bool folder;          /* nor the folder that it lies in */
	struct sk_oid after;  /* hash of what we wrote */
	struct sk_buf before; /* the bytes it had */
};

void sk_agent_hash(const struct sk_buf *text, struct sk_oid *out);
/* The path of a record's file; `ending` is "json" or "before". */
int sk_agent_record_path(const char *settings, const char *ending, struct sk_buf *out);
int sk_agent_record_write(const char *settings, const struct sk_agent_record *record);
/* SK_ENO: there is none, or it makes no sense. */
int sk_agent_record_read(const char *settings, struct sk_agent_record *out);
void sk_agent_record_clear(struct sk_agent_record *record);
void sk_agent_record_forget(const char *settings);

#endif
