/* extract.h - what a source file says that it uses: the specifiers as written, not yet resolved.
 *
 * Extraction is a pure function of (bytes, language, rules version): it knows no other file and no
 * configuration of the project, so that its result can be kept by blob id.  What a specifier leads
 * to is resolve.h's work. */
#ifndef SK_IMPACT_EXTRACT_H
#define SK_IMPACT_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "impact/language.h"

enum sk_import_kind {
	SK_IMPORT_PLAIN = 1, /* a module, package or file: import x, use A\B, require "x" */
	SK_IMPORT_FROM,      /* `name` out of module `spec`: from M import n; "*": all of it */
	SK_IMPORT_QUOTE,     /* a path that is looked for beside the file first: #include "x" */
	SK_IMPORT_ANGLE,     /* a path that is not: #include <x> */
	SK_IMPORT_CHILD,  /* a module below this one: mod x, add_subdirectory(x); `name`: #[path] */
	SK_IMPORT_STATIC, /* a member of a type: import static a.B.c; `name` NULL */
	SK_IMPORT_LINK,   /* src, href, a Markdown link: a path or a URL */
	SK_IMPORT_PACKAGE,   /* no import: the package or namespace that this file is part of */
	SK_IMPORT_UNREADABLE /* what is imported, text does not tell: `spec` is the expression */
};

struct sk_import {
	const char *spec; /* as written, quotes off; NUL-terminated */
	const char *name; /* see the kinds; NULL where there is none */
	uint32_t line;    /* from 1 */
	uint8_t kind;     /* enum sk_import_kind */
	bool type_only;   /* needed by a type checker alone: import type */
};

/* The imports of one file in the order of the text, each (kind, spec, name) once, at its first
 * line.  Strings live in the list. */
struct sk_imports {
	struct sk_import *item;
	size_t n;
	bool cut; /* a limit was met: what follows is not known, and the file counts as unread */
	struct sk_buf text;
};

/* Reads `size` bytes.  Fails for want of memory only: text that is not UTF-8, or that a hostile
 * hand made, gives fewer imports and `cut`, in time linear in size. */
int sk_extract(const struct sk_language *language, const char *bytes, size_t size,
               struct sk_imports *out);
void sk_imports_clear(struct sk_imports *imports);

#endif
