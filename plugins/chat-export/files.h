/* files.h - which files a call of a tool was about to write. */
#ifndef CHAT_FILES_H
#define CHAT_FILES_H

#include "buf.h"
#include "sources.h"

/* Whether a tool of that name writes files: "Edit", "apply_patch", "write_file"... */
int chat_tool_writes(struct chat_text tool);
/* The files that the call's text ("name: value" a line, or a patch) names, relative to the worktree
 * that they are in, a line each; those elsewhere are left out. */
int chat_files_of(struct chat_text text, char *const *worktree, size_t n, struct chat_buf *out);

#endif
