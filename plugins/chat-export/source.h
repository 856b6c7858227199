/* source.h - finding and opening log files; internal to this half of the plugin. */
#ifndef CHAT_SOURCE_H
#define CHAT_SOURCE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "parse.h"

int source_ours(const struct stat *st); /* of this user; root may read all */
int64_t source_mtime(const struct stat *st);
/* As chat_open; *st is of the open file. */
int source_open_at(const char *path, int *fd, struct stat *st, struct chat_error *err);
ssize_t source_read(int fd, void *data, size_t n); /* read without EINTR */

/* --- one search --- */

struct search {
	const struct chat_discover *what;
	struct chat_error *err;
	int stop; /* as p->stop: a code, or what `found` returned */
	/* worktrees as the tools turn them into folder names */
	struct chat_tree tree;
};

/* A folder, its entries sorted by name, without "." and "..". */
struct listing {
	char **name;
	size_t n, cap;
};
/* 1: read; 0: it is not there, or cannot be read (which is remarked). */
int list_folder(struct search *s, enum chat_tool tool, const char *path, struct listing *out);
void listing_free(struct listing *list);
void remark(struct search *s, enum chat_tool tool, int missing, const char *path, const char *text);
int is_folder(const char *path);                                 /* and no link */
char *path_join(struct search *s, const char *a, const char *b); /* malloc'd; NULL: s->stop */
int ends_with(const char *name, const char *end);

/* A candidate: lstat, then `known`, then, when that does not tell, `look`, then `found`. */
struct candidate {
	enum chat_tool tool;
	enum chat_kind kind;
	const char *path, *session, *parent, *scope;
	enum chat_belongs belongs; /* when it is clear without looking */
};
int offer(struct search *s, const struct candidate *c);
/* Where a conversation was begun: the first cwd in the file. */
enum chat_belongs look_inside(struct search *s, const struct chat_source *source);
/* A small JSON file into s->tree and *text (malloc'd); NULL: it is none. */
const struct jnode *read_json(struct search *s, const char *path, char **text);
/* "file:///home/u/a%20b" as a path; 0: it is none. */
int uri_path(struct chat_text uri, char *out, size_t size);

int find_claude(struct search *s);
int find_codex(struct search *s);
int find_gemini(struct search *s);
int find_in_worktrees(struct search *s); /* Aider, SpecStory */
int find_editors(struct search *s);      /* Copilot, Cursor */
int find_opencode(struct search *s);
int find_named(struct search *s);

#endif
