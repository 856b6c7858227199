/* transcript.h - a session's cleaned log, in the order in which it is to be read, and as people and
 * programs want it. */
#ifndef CHAT_TRANSCRIPT_H
#define CHAT_TRANSCRIPT_H

#include "archive.h"

struct chat_message {
	char *mem; /* all strings here but `raw`, and but `text` when it is `joined` */
	const char *text, *id, *parent, *agent, *call, *tool;
	const char *raw;   /* path of the raw log in the archive; the talk's */
	const char *files; /* that were written, a line each */
	char *joined;      /* the text, when it stands in several lines */
	size_t len, cut;   /* of the text; of all of it, when only a part is stored */
	int64_t time;
	uint64_t number, offset; /* of the raw record: its line, and where it was in the source */
	enum chat_role role;
	uint32_t flags;
	unsigned part;
	int root, guessed, rewound;
};

struct chat_talk {
	const struct chat_session *session;
	struct chat_message *message;
	size_t n, cap;
	char **raw; /* paths, each once */
	size_t n_raw;
	int traffic; /* the texts of what tools did are there */
};

/* Days that are not there any more are left out; `from`..`to` (ms, CHAT_NO_TIME: all) leaves days
 * out that cannot have it.  Without `traffic` the texts of tools, thinking and the system are "".
 */
int chat_talk_load(struct chat_archive *a, const struct chat_session *session, int64_t from,
                   int64_t to, int traffic, struct chat_talk *out);
void chat_talk_free(struct chat_talk *talk);

enum chat_form { CHAT_TEXT, CHAT_MARKDOWN, CHAT_JSON, CHAT_JSONL };

struct chat_view {
	enum chat_form form;
	int traffic;      /* tools, thinking, subagents, what was taken back */
	int escape;       /* a terminal reads it */
	int64_t from, to; /* ms; CHAT_NO_TIME: no bound */
	const char *day;  /* only that one; or NULL */
};

/* Whether the view shows that message. */
int chat_shown(const struct chat_view *view, const struct chat_message *m);
/* What a transcript calls who speaks: "User", "Assistant", "Tool Edit"... */
void chat_speaker(const struct chat_message *m, char out[80]);
/* Adds the transcript; JSON gives one object.  `day` is the last one whose heading was written, for
 * several sessions in a row; begins as "". */
int chat_render(struct skp_host *host, const struct chat_talk *talk, const struct chat_view *view,
                char day[CHAT_DAY], struct chat_buf *out);
/* Adds a text without spaces at its end; for a terminal (escape) without what it would obey. */
void chat_add_text(struct skp_host *host, const char *s, size_t n, int escape,
                   struct chat_buf *out);
/* A message's object, without a newline. */
int chat_message_json(const struct chat_session *s, const struct chat_message *m,
                      struct chat_buf *out);
/* A session's fields, without the braces. */
int chat_session_json(const struct chat_session *s, struct chat_buf *out);
/* "claude 2026-11-23 line 12" and the like: where the raw record is. */
void chat_cite(const struct chat_session *s, const struct chat_message *m, char out[300]);

#endif
