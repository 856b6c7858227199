/* parse.h - what the parsers of all formats share; internal to this half of the plugin.
 *
 * A parser splits its bytes into units by one of three rules (enum split).  A unit of JSON becomes
 * a tree, and the format's `json` makes records of it; a line of text goes to the format's `line`,
 * which gathers lines into blocks, each of which is a unit with one record.
 *
 * What a format has to remember from one unit to the next is in struct memory, which is all that
 * chat_result.state holds: whoever goes on at an offset with it gets the records that one reading
 * of the whole file would have given (but that a block of text may come in two parts: CHAT_MORE).
 */
#ifndef CHAT_PARSE_H
#define CHAT_PARSE_H

#include "buf.h"
#include "parse_json.h"
#include "parse_text.h"
#include "safekeep/plugin.h"
#include "sources.h"

#define CHAT_MAX_BLOCK (1u << 20) /* of text; a longer one is given in parts */
#define CHAT_MAX_IMAGES 64        /* of one record; more are in its text alone */

enum split {
	SPLIT_LINES,    /* a JSON value a line */
	SPLIT_TEXT,     /* lines of text, in blocks */
	SPLIT_DOCUMENT, /* all of it is one JSON value */
	SPLIT_ARRAY     /* the elements of one array; another value is a document */
};

struct memory {
	char session[160], agent[160], cwd[2048], branch[256], model[128];
	char block_id[40]; /* of the block that may go on */
	uint64_t units;
	int64_t time;
	int64_t number[2]; /* the format's own */
	unsigned role;     /* of the block */
};

struct chat_parser {
	struct chat_plan plan;
	const struct format *format;
	enum chat_tool tool;
	char *path, *session, *agent, *scope_cwd; /* from the source */
	struct memory mem;
	struct chat_tree tree;
	struct chat_unit unit;
	struct chat_record record; /* the one being made */
	struct chat_image image[CHAT_MAX_IMAGES];
	unsigned part; /* of the next record, within last_id */
	struct chat_text last_id;
	uint64_t in_unit; /* records of it so far */
	char made_id[40]; /* "L", the offset, and the hash of the file's name */
	unsigned file_hash;
	struct chat_result result;
	int stop; /* what a callback returned, or a code of ours */
	struct chat_error failed;
	int whole; /* nothing remains for a later time */
	int again; /* it is read from its beginning each time */

	/* splitting */
	uint64_t offset;      /* of the byte that is fed next */
	struct chat_buf hold; /* the unit as far as it is there */
	uint64_t hold_at;     /* its offset */
	uint64_t skipped;     /* bytes of a unit that is too long */
	int skipping;
	int depth, in_string, escaped, begun, ended; /* SPLIT_ARRAY */

	/* blocks of text */
	struct chat_buf block, said; /* raw; decoded */
	uint64_t block_at;
	int block_open, block_more, fence;
};

struct format {
	enum split split;
	/* Makes records of the unit.  What it returns is stored in p->stop; 0 goes on. */
	int (*json)(struct chat_parser *p, const struct jnode *root);
	int (*line)(struct chat_parser *p, struct chat_text line);
	void (*begin)(struct chat_parser *p); /* of a file, from its first byte; may be NULL */
	/* What else can be said of a block's record; may be NULL. */
	void (*block)(struct chat_parser *p, struct chat_record *record);
};

extern const struct format format_claude, format_codex, format_gemini_lines, format_gemini,
        format_aider, format_specstory, format_chatgpt, format_copilot, format_copilot_lines,
        format_plain, format_cursor, format_opencode;

/* --- records --- */

/* Begins p->record anew: its session, cwd, branch, model and made id as remembered. */
struct chat_record *rec_begin(struct chat_parser *p, enum chat_role role);
/* Gives it to the caller; p->stop is set when that does not want any more. */
int rec_emit(struct chat_parser *p);
/* Both, for a record with a text alone. */
int rec_say(struct chat_parser *p, enum chat_role role, struct chat_text text);
void rec_image(struct chat_parser *p, struct chat_text mime, struct chat_text data,
               struct chat_text name, uint64_t bytes);
/* Remembers a text: mem field `into` of `size` bytes; one that is too long is forgotten. */
void remember(char *into, size_t size, struct chat_text text);
#define REMEMBER(p, field, text) remember((p)->mem.field, sizeof((p)->mem.field), text)

/* A value made readable: a string as it is; an object as "name: value" lines, deeper names with
 * dots; a string that is itself JSON likewise. */
struct chat_text value_text(struct chat_parser *p, const struct jnode *node);
/* The texts of a list of content blocks ({text}, strings, images), images added to the record. */
struct chat_text content_text(struct chat_parser *p, const struct jnode *node);
/* Joins b to a with an empty line between. */
struct chat_text join_text(struct chat_parser *p, struct chat_text a, struct chat_text b);
/* Is this a block with an image?  Then adds it to the record. */
int content_image(struct chat_parser *p, const struct jnode *block);
int64_t node_time(struct chat_parser *p, const struct jnode *node); /* text or number */
uint64_t base64_size(struct chat_text data);                        /* decoded */
/* "data:MIME;base64,DATA": its DATA, and MIME unless that is known; empty: it is none. */
struct chat_text data_address(struct chat_text address, struct chat_text *mime);

void state_save(const struct chat_parser *p, char *out, size_t size);
void state_load(struct chat_parser *p, const char *state);

/* --- units and blocks --- */

/* One unit of JSON text: parses it and gives it and its records out. */
int unit_json(struct chat_parser *p, const char *raw, size_t len, uint64_t offset, uint64_t length,
              struct chat_text key);
/* A damaged one; raw may be empty. */
int unit_damaged(struct chat_parser *p, struct chat_text raw, uint64_t offset, uint64_t length,
                 enum chat_damage damage);
/* Blocks: the line (which is at p->hold_at) begins one of that role, with this much of it as
 * text... */
int block_begin(struct chat_parser *p, enum chat_role role, struct chat_text line,
                struct chat_text text);
int block_add(struct chat_parser *p, struct chat_text line, struct chat_text text);
int block_end(struct chat_parser *p); /* gives it out, if there is one */

/* --- reading --- */

int parser_fail(struct chat_parser *p, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
int chat_fail(struct chat_error *err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
const struct format *format_of(const struct chat_source *source);
/* Databases: ask, and give rows out by unit_json. */
int parse_opencode(struct chat_parser *p, const struct chat_source *source);
int parse_cursor(struct chat_parser *p, const struct chat_source *source);

#endif
