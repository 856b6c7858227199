/* sources.h - where conversations with coding tools lie, whose they are, and what is in them.
 *
 * This is the lower half of the plugin: it finds the logs that tools keep, says which of them
 * belong to one repository, and reads them into records.  It stores nothing, prints nothing, runs
 * nothing and changes no file.  The upper half (archive, redaction, commands) sees this header
 * alone.
 *
 *   discover   struct chat_source for each log file: path, tool, size, time, does it belong
 *   parse      struct chat_unit for each raw piece of it (a line), and within it
 *              struct chat_record for each message, tool call, result, title...
 *   order      the records of one conversation as they were said: branches, subagents, doubles
 *
 *      discover ──► known before and unchanged? ──yes──► nothing to do: it cost one stat
 *                          │ no
 *                   chat_parse(source, from, state) ──► unit, record, record, unit, record...
 *                          │                            (archive them; remember `next`, `state`)
 *                   chat_order(all records of a session) ──► the cleaned conversation
 *
 * RULES
 *
 * - Functions that can fail return 0 or a code of enum skp_code (safekeep/plugin.h), and then fill
 *   in `err`, if given, with one line without a full stop.  Results are untouched then.
 * - struct chat_text is a view: `s` is not ended by NUL, may have NUL bytes in it, and is never
 * NULL (an absent text has n = 0).  Decoded text is always valid UTF-8: what was not in the source
 *   became U+FFFD there, one for each bad byte.  What a callback gets is valid until it returns.
 * - Callbacks return 0 to go on; any other value ends the function, which returns it unchanged.
 * - Times are milliseconds since 1970, UTC; CHAT_NO_TIME when none is known or it is absurd (before
 *   2000 or after 2200).
 * - What is read was written by others, and may be hostile, half written or changing.  Memory is
 *   bounded by CHAT_MAX_UNIT times a small factor, whatever the source holds.
 * - Files are opened without following links, never when they are not regular, never when they
 *   belong to another user (root may read all); sizes and times of access are left as they are
 * where the system lets us.  No lock, journal or other file is made in the tools' folders.
 */
#ifndef CHAT_SOURCES_H
#define CHAT_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#define CHAT_NO_TIME INT64_MIN
#define CHAT_MAX_UNIT (64u << 20) /* bytes; a longer line is CHAT_TOO_LONG and is not held */
#define CHAT_MAX_DEPTH 256        /* of nested JSON; deeper is CHAT_TOO_DEEP */

struct chat_error {
	int code;
	char text[400];
};

struct chat_text {
	const char *s;
	size_t n;
};

/*
 * SOURCES
 */

enum chat_tool {
	CHAT_CLAUDE = 1,
	CHAT_CODEX,
	CHAT_GEMINI,
	CHAT_AIDER,
	CHAT_SPECSTORY,
	CHAT_CHATGPT,
	CHAT_COPILOT,
	CHAT_OPENCODE,
	CHAT_CURSOR,
	CHAT_PLAIN, /* a text or JSONL file that the settings name */
	CHAT_TOOLS  /* one more than the last */
};

/* "claude", "codex", "gemini", "aider", "specstory", "chatgpt", "copilot", "opencode", "cursor",
 * "plain"; these words stand in archives.  "Claude Code"... for people.  0: no such tool. */
const char *chat_tool_name(enum chat_tool tool);
const char *chat_tool_title(enum chat_tool tool);
enum chat_tool chat_tool_named(const char *name);

/* How a file is read. */
enum chat_kind {
	CHAT_LINES =
	        1,  /* it grows at its end: reading goes on at a byte offset, with a saved state */
	CHAT_WHOLE, /* one document, read again from its beginning whenever it changed */
	CHAT_DATABASE /* SQLite: as CHAT_WHOLE; a unit is a row, not bytes of the file */
};

enum chat_belongs {
	CHAT_UNSURE =
	        0, /* not looked at, or the file does not say (yet): look again when it changed */
	CHAT_OURS,
	CHAT_OTHERS
};

/* One log file.  Strings belong to whoever made the structure. */
struct chat_source {
	enum chat_tool tool;
	enum chat_kind kind;
	const char *path;    /* absolute */
	const char *session; /* from the file name, where that has it; else "" */
	const char *parent;  /* of a subagent's own file: the session that started it; else "" */
	/* What chat_parse needs to know besides the path, opaque, one line; keep it with the path:
	 * a database with the conversations of many repositories has those of this one here. */
	const char *scope;
	uint64_t size;
	int64_t mtime_ns; /* of a database: the newer one of it and its -wal; size: their sum */
	uint64_t inode, device;
	enum chat_belongs belongs;
	int unchanged; /* `known` said so: size, mtime, inode and device are as they were */
};

/* Where tools keep their things.  NULL: the usual place below `home`.  chat_homes_env fills it in
 * from HOME, CLAUDE_CONFIG_DIR, CODEX_HOME, GEMINI_CLI_HOME, XDG_CONFIG_HOME and XDG_DATA_HOME;
 * the strings are the environment's.  Values that are not absolute count as not set. */
struct chat_homes {
	const char *home;   /* NULL: no tool that has its logs below it is looked for */
	const char *claude; /* ~/.claude */
	const char *codex;  /* ~/.codex */
	const char *gemini; /* ~: the folder that has .gemini in it */
	const char *config; /* ~/.config: Code, Code - Insiders, VSCodium, Cursor */
	const char *data;   /* ~/.local/share: opencode */
};
void chat_homes_env(struct chat_homes *out);

/* The repository.  worktrees[0] is the main one; all absolute, links resolved, no slash at the end.
 * Give those that have been removed as well, as long as they are remembered: their conversations
 * still belong.  commondir may be NULL. */
struct chat_repo {
	const char *commondir;
	const char *const *worktree;
	size_t n_worktrees;
};

/* Does the folder `cwd` belong to the repository?  It is a worktree or below one (compared by
 * components, with links resolved where the folder still exists), and no other repository begins
 * between the two: a nested clone is another repository, a submodule or a linked worktree of this
 * one is not.  A relative or empty one is CHAT_UNSURE. */
enum chat_belongs chat_belongs(const struct chat_repo *repo, const char *cwd, size_t len);

/* A source that the settings name: `path` absolute, a file.  tool 0: told by its name and first
 * bytes (a ChatGPT export, else a JSONL or text log: CHAT_PLAIN). */
struct chat_named {
	enum chat_tool tool;
	const char *path;
};

struct chat_discover {
	const struct chat_homes *homes;
	const struct chat_repo *repo;
	const struct chat_named *named; /* these are always CHAT_OURS */
	size_t n_named;
	uint32_t tools; /* 1 << enum chat_tool, ORed; 0: all */
	void *arg;
	/* What the archive remembers of that file (all but `belongs`, `unchanged` and `scope` are
	 * filled in).  Set source->unchanged when size, mtime, inode and device are the same, and
	 * source->belongs to what it was then; then the file is not opened.  A file that only grew
	 * (same inode and device, larger) may keep CHAT_OURS and CHAT_OTHERS too, since where a
	 * conversation began does not change: set belongs and leave unchanged 0.  Forget
	 * CHAT_OTHERS when the set of worktrees changes.  NULL: nothing is known. */
	void (*known)(void *arg, struct chat_source *source);
	/* Every candidate, those that do not belong included so that they can be remembered (parse
	 * only CHAT_OURS).  Files of one tool come sorted by path. */
	int (*found)(void *arg, const struct chat_source *source);
	/* Something for people, once for each cause: a tool's folder that does not exist
	 * (missing = 1; tool is the tool), a link, a file of another owner, a folder that cannot be
	 * read (missing = 0).  `path` may be "".  None of it is an error.  May be NULL. */
	void (*remark)(void *arg, enum chat_tool tool, int missing, const char *path,
	               const char *text);
};

/* Finds them.  Costs a listing of the tools' folders, and one stat for each file that is
 * `unchanged`; only others are opened, to see where they belong.  Fails only when out of memory, or
 * as `found` says. */
int chat_discover(const struct chat_discover *what, struct chat_error *err);

/* Opens a source as the rules above say; the file may have been replaced since: fstat it.
 * SKP_ENO: it is gone.  SKP_EREFUSED: a link, no regular file, another owner's. */
int chat_open(const struct chat_source *source, int *fd, struct chat_error *err);

/*
 * PARSING
 *
 * A source is a row of UNITS: a line, without its newline; in a ChatGPT export one conversation; in
 * another document the document; in a database a row that was turned into a JSON line.  Units are
 * what a raw archive stores, whole and in order.  The bytes between units (newlines, the brackets
 * of an array) are nothing.  Each unit has 0 or more RECORDS.
 *
 * Nothing is dropped: a line that is no record of a known type gives a record CHAT_UNKNOWN, one
 * that cannot be read CHAT_DAMAGED.  A last line without a newline is not consumed: it may be half
 * written, and will be whole next time; only chat_plan.final takes it (a tool will not write there
 * any more: an imported file).
 */

enum chat_damage {
	CHAT_FINE = 0,
	CHAT_NOT_JSON, /* or not of the form that it has to be */
	CHAT_TOO_LONG, /* more than CHAT_MAX_UNIT: raw.n is 0, only `offset` and `length` hold */
	CHAT_TOO_DEEP  /* more than CHAT_MAX_DEPTH */
};

struct chat_unit {
	uint64_t number;      /* of the line, from 1; of the element or row */
	uint64_t offset;      /* in the source; of a row: 0 */
	uint64_t length;      /* in the source, without the newline; of a row: raw.n */
	struct chat_text raw; /* its bytes as they are, invalid UTF-8 and all */
	struct chat_text
	        key; /* of a row and of a document's part: what names it for ever; or none */
	enum chat_damage damage;
	struct chat_tree *tree; /* for chat_unit_rewrite; NULL when it is not JSON */
};

enum chat_role {
	CHAT_UNKNOWN = 0, /* a type that we do not know, or one without anything said */
	CHAT_DAMAGED,     /* see unit->damage */
	CHAT_USER,        /* typed by a person */
	CHAT_ASSISTANT,
	CHAT_THINKING,  /* the model's reasoning, where the tool keeps it */
	CHAT_TOOL_CALL, /* text: its arguments, "name: value" a line; tool: which */
	CHAT_TOOL_RESULT,
	CHAT_SYSTEM,  /* what the tool told the model or the user: meta messages, hooks, errors */
	CHAT_SUMMARY, /* of what was said before, made when a conversation is compacted */
	CHAT_TITLE,   /* of the conversation; the last one counts */
	CHAT_CONTROL, /* changes the order: a rewind, a property; chat_order uses it; text may be
	                 empty */
	CHAT_ROLES
};
const char *chat_role_name(enum chat_role role);  /* "user", "tool_call"... */
enum chat_role chat_role_named(const char *name); /* CHAT_UNKNOWN when there is none */

enum chat_flags {
	CHAT_SIDECHAIN = 1,  /* said in a subagent */
	CHAT_META = 2,       /* hidden from the user, or not typed though in the user's name */
	CHAT_ERROR = 4,      /* a tool's result that is an error */
	CHAT_COMMAND = 8,    /* a slash command and its output */
	CHAT_COMPACTED = 16, /* the tool's context begins anew here */
	/* The tool writes a record again, under the same id and part, when there is more of it: the
	 * later one takes the place of the earlier (chat_order does it; an archive of raw units
	 * keeps both).  All records of CHAT_WHOLE and CHAT_DATABASE sources have it. */
	CHAT_REPLACES = 32,
	/* The tool writes everything twice, and this is the form to be left out when the session
	 * has records of that role without this flag (Codex: response_item messages). */
	CHAT_ECHO = 64,
	/* Goes on with the text of the record before it, which has the same id: append it, no
	 * newline needed.  Text formats that were read in the middle of a message. */
	CHAT_MORE = 128,
	/* Of CHAT_CONTROL: text names the record at which the conversation ends (ChatGPT's
	 * current_node); without it text names the first record that is taken back: an id, or "~N",
	 * the Nth last message of the user, or "" for all. */
	CHAT_LEAF = 256
};

struct chat_image {
	struct chat_text mime; /* "image/png"; may be empty */
	uint64_t bytes;        /* of the image (decoded); 0: unknown */
	struct chat_text name; /* a file name or address, when that is all there is */
	struct chat_text
	        data; /* as it stands in the source (base64, or a data: address); or empty */
};

struct chat_record {
	const struct chat_unit *unit; /* where its raw form is */
	unsigned part;                /* number of the record within its id, from 0 */
	struct chat_text raw; /* its part of unit->raw, as far as that can be told; else all */
	enum chat_role role;
	uint32_t flags; /* enum chat_flags, ORed */
	int64_t time;
	struct chat_text session; /* of the conversation; subagents have their parent's */
	/* With CHAT_SIDECHAIN: the subagent that says it (may be unknown: empty).  Of a tool's
	 * result without it: the subagent that it is the result of. */
	struct chat_text agent;
	/* The tool's own names, unique within a session.  Records of one unit share id and parent;
	 * where the tool has none they are made of the byte offset and the file's name. */
	struct chat_text id, parent;
	int root; /* parent is known to be none; otherwise an empty one is "not told" */
	struct chat_text call;  /* CHAT_TOOL_CALL and CHAT_TOOL_RESULT: which belong together */
	struct chat_text tool;  /* name of the tool called */
	struct chat_text type;  /* the tool's own word for the record: "file-history-snapshot"... */
	struct chat_text model; /* or empty, as all that follow */
	struct chat_text cwd; /* absolute, as the tool wrote it; carried on from earlier records */
	struct chat_text branch;
	struct chat_text text; /* what was said, decoded; an image in it is "[image]" */
	const struct chat_image *image;
	size_t n_images;
};

/* One reading of a source. */
struct chat_plan {
	uint64_t from;     /* CHAT_LINES: the byte to begin at: 0, or `next` of before */
	const char *state; /* that belongs to `from`, as chat_result.state had it; NULL at 0 */
	int final;         /* a last line without a newline is taken too */
	/* CHAT_UNSURE sources, and databases: only units of this repository; may be NULL: all. */
	const struct chat_repo *repo;
	void *arg;
	int (*unit)(void *arg, const struct chat_unit *unit); /* before its records; or NULL */
	int (*record)(void *arg, const struct chat_record *record); /* may be NULL */
	/* All bytes as they are read from the file, in order, those of a last incomplete line
	 * included (chat_result.next says how many count): for a hash.  Not for databases.  NULL.
	 */
	int (*bytes)(void *arg, const void *data, size_t len);
};

struct chat_result {
	uint64_t next;    /* where to go on: the end of what was consumed */
	char state[4096]; /* with it: one line of text, ended by NUL */
	uint64_t units, records, damaged, unknown;
	uint64_t size; /* of the file when reading began, and its other properties */
	int64_t mtime_ns;
	uint64_t inode, device;
};

/* Reads a source.  SKP_ENO: it is gone.  SKP_EREFUSED: as chat_open.  SKP_EBUSY: a database is
 * locked (tried for a second).  SKP_EDAMAGED: a document or database cannot be read at all (a
 * half written one: try again in the next round); records before the damage were given.  A line
 * that cannot be read is no failure.  `from` beyond the end of the file: SKP_EDAMAGED; it was
 * truncated, and the caller should have seen that. */
int chat_parse(const struct chat_source *source, const struct chat_plan *plan,
               struct chat_result *out, struct chat_error *err);

/* The same by hand, for CHAT_LINES and CHAT_WHOLE: bytes are fed in pieces of any size, callbacks
 * come meanwhile. */
struct chat_parser;
int chat_parser_new(const struct chat_source *source, const struct chat_plan *plan,
                    struct chat_parser **out, struct chat_error *err);
int chat_parser_feed(struct chat_parser *parser, const void *data, size_t len,
                     struct chat_error *err);
int chat_parser_finish(struct chat_parser *parser, struct chat_result *out,
                       struct chat_error *err);    /* of `out` the file's properties stay */
void chat_parser_free(struct chat_parser *parser); /* NULL is fine */

/*
 * THE TEXTS OF A UNIT, for redaction
 *
 * A secret has to be looked for in the decoded text of JSON strings: in the raw line one that is
 * followed by \" or written with \u escapes is not seen.  chat_unit_rewrite calls `text` for every
 * string of the unit (values and keys) in order, decoded, and makes of the unit the same line with
 * the strings that changed written anew, all else byte for byte.  Where a string itself is JSON
 * (the arguments of a tool call are), the strings within are given, as deep as that goes, up to
 * four levels.  A unit that is not JSON (text formats, and damaged ones) is given as one text.
 *
 * `text` returns 0, and sets *with when it is to be replaced (memory of the callback's, needed
 * until it is called again or rewrite returns).  `image` is called for a string that is an image's
 * data (base64, or a data: address): *with as above, or left as it is for "[image MIME, N bytes]";
 * NULL: always that.
 *
 * *out is malloc'd (the caller frees it) and NULL when nothing changed.  A unit that is
 * CHAT_TOO_LONG has no texts: SKP_EREFUSED; archive that there was one, and nothing of it. */
struct chat_rewrite {
	void *arg;
	int (*text)(void *arg, struct chat_text text, struct chat_text *with);
	int (*image)(void *arg, const struct chat_image *image, struct chat_text *with);
};
int chat_unit_rewrite(const struct chat_unit *unit, const struct chat_rewrite *by, char **out,
                      size_t *len, struct chat_error *err);

/*
 * ORDER
 *
 * Of all records of one session (those of its subagents' files and of files that go on with it
 * included), in any order, makes the order in which they are to be read:
 *
 * - A record whose id (and part) was there before is a double: a resumed session's file begins by
 *   repeating the old one.  The first in the order given stays; give older files first.
 * - Records form a tree by `parent`.  One whose parent does not exist begins a chain at its place
 * in time.  Of several children the branch goes on that has the newest record; the other ones are
 *   CHAT_REWOUND and stand before it, where they were said.  Parallel tool calls and their
 *   results, which several tools write as a fork, are no rewind.
 * - A subagent's records stand after the tool call that started it (its `call`, told by the tool's
 *   result or by the time), together.
 * - A record with CHAT_REPLACES takes the place of all earlier ones of its id, which become
 *   doubles (its parts come together, from 0 on); CHAT_ECHO records become doubles where the
 * session has others of their role.
 * - CHAT_CONTROL records take back what was given before them (CHAT_REWOUND), or name the last
 *   record of the conversation (CHAT_LEAF): all that is not on the way to it is CHAT_REWOUND.
 * - Times that run backwards do not change an order that the tree gives.  Ties keep the order
 * given.
 *
 * Loops and self-parents are cut.  Cost: n log n; no recursion.
 */
enum chat_mark {
	CHAT_DOUBLE = 1, /* drop it */
	CHAT_REWOUND = 2 /* taken back by the user: not of the conversation as it ended */
};

struct chat_item {
	/* from the record; NULL is "" */
	const char *id, *parent, *agent, *call;
	unsigned part;
	enum chat_role role;
	uint32_t flags;
	int root;
	int64_t time;
	const char
	        *target; /* CHAT_CONTROL: the id that is gone back to (record->text); else NULL */
	/* made by chat_order */
	uint32_t marks;  /* enum chat_mark, ORed */
	unsigned branch; /* 0: the conversation as it ended; others are numbered from 1 */
};

/* order[0..n-1]: indexes into item, all of them, in order. */
int chat_order(struct chat_item *item, size_t n, size_t *order, struct chat_error *err);

#endif
