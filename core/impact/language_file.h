/* language_file.h - one file of rules, read: the part of language.c that knows the keys. */
#ifndef SK_IMPACT_LANGUAGE_FILE_H
#define SK_IMPACT_LANGUAGE_FILE_H

#include "base/buf.h"
#include "base/oid.h"
#include "impact/language.h"
#include "impact/rules.h"

struct sk_language {
	char *name, *resolver, *file;
	char *like; /* the language whose rules these are; NULL: its own */
	struct sk_strv extensions, names, interpreters, tests;
	struct sk_rules *rules; /* owned unless `like` */
	struct sk_oid version;
};

/* Reads, checks and compiles PATH.  SK_EUSAGE or SK_EREFUSED: the file is wrong, `*line` says where
 * (0: as a whole).  What `like` and the rules' `language` name is not yet looked up. */
int sk_language_read(const char *path, unsigned *line, struct sk_language **out);
void sk_language_free(struct sk_language *language);

#endif
