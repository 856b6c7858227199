#include "files.h"

#include <ctype.h>
#include <string.h>

#define FIRST_LINES 3 /* in which a vague name of an argument is believed */
#define MOST 64

int chat_tool_writes(struct chat_text tool)
{
	static const char *const word[] = { "edit",   "write",  "patch",  "create",  "replace",
		                            "insert", "delete", "update", "notebook" };
	char name[64];
	size_t n = tool.n < sizeof name - 1 ? tool.n : sizeof name - 1;

	for (size_t i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)tool.s[i]);
	name[n] = '\0';
	if (strstr(name, "todo") || strstr(name, "plan"))
		return 0;
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (strstr(name, word[i]))
			return 1;
	return 0;
}

/* What follows one of the prefixes; 0: none. */
static int after(const char *s, size_t n, const char *const *prefix, struct chat_text *out)
{
	for (; *prefix; prefix++) {
		size_t len = strlen(*prefix);

		if (n <= len || memcmp(s, *prefix, len) != 0)
			continue;
		*out = (struct chat_text){ s + len, n - len };
		while (out->n && (out->s[out->n - 1] == ' ' || out->s[out->n - 1] == '\r'))
			out->n--;
		return out->n > 0;
	}
	return 0;
}

/* Adds it once, if it is within a worktree. */
static int add(struct chat_text path, char *const *worktree, size_t n, struct chat_buf *out)
{
	struct chat_buf line = { 0 };
	int rc = 0, ours = path.s[0] != '/';

	for (size_t i = 0; i < n && !ours; i++) {
		size_t len = strlen(worktree[i]);

		if (path.n > len + 1 && memcmp(path.s, worktree[i], len) == 0 &&
		    path.s[len] == '/') {
			path = (struct chat_text){ path.s + len + 1, path.n - len - 1 };
			ours = 1;
		}
	}
	while (path.n > 2 && path.s[0] == '.' && path.s[1] == '/')
		path = (struct chat_text){ path.s + 2, path.n - 2 };
	if (!ours || memchr(path.s, '\0', path.n))
		return 0;
	(void)chat_buf_add(&line, path.s, path.n);
	rc = chat_buf_addc(&line, '\n');
	for (const char *p = chat_buf_str(out); !rc && *p; p = strchr(p, '\n') + 1)
		if (strncmp(p, line.s, line.n) == 0)
			ours = 0;
	if (!rc && ours)
		rc = chat_buf_add(out, line.s, line.n);
	chat_buf_free(&line);
	return rc;
}

int chat_files_of(struct chat_text text, char *const *worktree, size_t n, struct chat_buf *out)
{
	static const char *const sure[] = {
		"file_path: ",    "notebook_path: ",   "filePath: ",
		"target_file: ",  "absolute_path: ",   "*** Update File: ",
		"*** Add File: ", "*** Delete File: ", NULL
	};
	static const char *const vague[] = { "path: ", "file: ", "filename: ", NULL };
	const char *p = text.s, *end = text.s + text.n;
	size_t line = 0, found = 0;
	struct chat_text path;
	int rc = 0;

	for (; !rc && p < end && found < MOST; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (after(p, len, sure, &path) ||
		    (line < FIRST_LINES && after(p, len, vague, &path))) {
			rc = add(path, worktree, n, out);
			found++;
		}
		p += len + 1;
	}
	return rc;
}
