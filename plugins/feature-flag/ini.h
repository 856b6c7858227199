/* ini.h - flags.ini line by line, so that it can be changed and all else in it stays as it was.
 *
 * The grammar is the one that SafeKeep's own configuration has (inih 55: "[section]", "key = value"
 * or "key: value", comments that begin a line with ; or #, or follow a value as " ;"), without
 * values of several lines: an indented line is a setting when it looks like one, otherwise it is
 * wrong.  tests/unit/test_flag_ini.c holds both readings against each other.
 *
 * Memory: what is needed is taken by fl_alloc and its like, which never give NULL: when there is no
 * memory they end the process with SKP_EIO, and the host says so.  It is a process of our own for
 * one call (safekeep/plugin.h), nothing is left half written by that, and little is given back
 * before its end. */
#ifndef FEATURE_FLAG_INI_H
#define FEATURE_FLAG_INI_H

#include <stdbool.h>
#include <stddef.h>

void *fl_alloc(size_t n, size_t size); /* zeroed */
/* An array that has `n` items of `size` bytes gets room for another. */
void *fl_more(void *array, size_t n, size_t size);
char *fl_dup(const char *text, size_t len);
char *fl_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define INI_UNCLOSED "a section without ']'"

enum ini_kind {
	INI_REMARK, /* blank, or a comment */
	INI_SECTION,
	INI_KEY,
	INI_BAD
};

struct ini_line {
	enum ini_kind kind;
	const char *text; /* in the file; not NUL-terminated */
	size_t len;       /* with its end of line */
	char *name;       /* INI_SECTION, INI_KEY */
	char *value;      /* INI_KEY: without blanks around it and without its comment */
	size_t at, span;  /* where the value is in `text` */
	const char *why;  /* INI_BAD, INI_SECTION: what is wrong, or NULL */
};

struct ini {
	const char *text;
	size_t len;
	struct ini_line *line; /* its number is its place and 1 */
	size_t n;
	const char *eol; /* "\n" or "\r\n", as the first line has it */
};

/* The text has to stay and be followed by a NUL, and has no other. */
void ini_read(const char *text, size_t len, struct ini *out);

/* Gives back what ini_read took, for those who read many. */
void ini_drop(struct ini *ini);

/* The place of the line that begins the section, or ini->n. */
size_t ini_section(const struct ini *ini, const char *section);
/* One past the last line that belongs to the section beginning at `from`: comments right above the
 * next section, and blank lines, are not its. */
size_t ini_section_end(const struct ini *ini, size_t from);
/* The key's line in the section that begins at `from`, or ini->n. */
size_t ini_key(const struct ini *ini, size_t from, const char *key);

/* A new text each, NUL-terminated, with its length. */

/* Gives the key its value: in its place when it is there, else after the keys that begin
 * like it ("default" and "default.x"), else after the section's last key. */
char *ini_put(const struct ini *ini, size_t from, const char *key, const char *value, size_t *len);
/* Without that line. */
char *ini_cut(const struct ini *ini, size_t line, size_t *len);
/* Without the section, and the comment right above it unless that begins the file. */
char *ini_cut_section(const struct ini *ini, size_t from, size_t *len);
/* With a section at the end; `body` is whole lines that end in "\n". */
char *ini_append(const struct ini *ini, const char *section, const char *body, size_t *len);

#endif
