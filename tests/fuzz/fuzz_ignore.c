/* fuzz_ignore.c - patterns: a .gitignore in two frames, lists of patterns, wildmatch, safe names.
 *
 * An input is a byte of switches, patterns, "PATHS", and paths, one a line.  The matcher says what
 * git's own says (libgit2's archive has it; short patterns alone, since that one takes exponential
 * time), whatever a pattern matches is also within what `below` would have entered, and a name that
 * git's fsck refuses is unsafe. */
#include "fuzz.h"

#include "base/error.h"
#include "repo/ignore.h"
#include "repo/safename.h"
#include "repo/wildmatch.h"

/* git's, where it is linked in: flags 1 fold case, 2 pathname; 0: it matches */
int wildmatch(const char *pattern, const char *text, unsigned flags) __attribute__((weak));

static size_t count(const char *text, const char *of)
{
	size_t n = 0;

	for (; *text; text++)
		n += strchr(of, *text) != NULL;
	return n;
}

static void compare(const char *pattern, const char *text)
{
	size_t plen = strlen(pattern), tlen = strlen(text);

	for (unsigned how = 0; how < 4; how++) {
		bool ours = sk_wildmatch(pattern, plen, text, tlen, how & 2, how & 1);

		if (wildmatch && plen < 40 && tlen < 40 && count(pattern, "*") < 6)
			HOLDS(ours == (wildmatch(pattern, text, how) == 0));
		if (ours && (how & 2))
			HOLDS(sk_wm_match(pattern, plen, text, tlen,
			                  SK_WM_PATHNAME | SK_WM_BELOW |
			                          (how & 1 ? SK_WM_ICASE : 0)));
	}
}

/* A folder above a path that matches can hold it. */
static void check_below(const struct sk_patterns *p, const char *path, size_t len)
{
	if (!sk_patterns_match(p, path, len, false))
		return;
	for (size_t i = 1; i + 1 < len; i++)
		if (path[i] == '/')
			HOLDS(sk_patterns_below(p, path, i));
}

static bool is_path(const char *path, size_t len)
{
	return len && *path != '/' && path[len - 1] != '/' && !strstr(path, "//");
}

static void try_paths(struct fuzz_in in, const struct sk_ignore *frame,
                      const struct sk_patterns *list, const struct sk_strv *lines)
{
	while (in.n) {
		char *path = fuzz_string(fuzz_part(&in, "\n"));
		const char *slash = strrchr(path, '/');
		size_t len = strlen(path), off = slash ? (size_t)(slash - path) + 1 : 0;

		for (size_t i = 0; i < lines->n && i < 8; i++)
			compare(lines->item[i], path);
		if (is_path(path, len)) {
			enum sk_ignored got = sk_ignore_match(frame, path, len, off, false);

			HOLDS(got <= SK_INCLUDED);
			(void)sk_ignore_match(frame, path, len, off, true);
			check_below(list, path, len);
		}
		HOLDS(sk_unsafe_name(path, len) ||
		      (len && !strchr(path, '/') && strcasecmp(path, ".git") != 0 &&
		       strcasecmp(path, "git~1") != 0));
		free(path);
	}
}

FUZZ(ignore)
{
	struct fuzz_in in = { data, size };
	unsigned how = fuzz_byte(&in);
	struct fuzz_in part = fuzz_part(&in, "PATHS");
	char *text = fuzz_copy(part.p, part.n, 0);
	struct sk_strv lines = SK_STRV_INIT;
	struct sk_ignore *root = NULL, *frame = NULL;
	struct sk_patterns *list = NULL;

	for (struct fuzz_in rest = part; rest.n;) {
		char *line = fuzz_string(fuzz_part(&rest, "\n"));

		HOLDS(sk_strv_add(&lines, line) == 0);
		free(line);
	}
	HOLDS(sk_ignore_root(NULL, 0, how & 2 ? &lines : NULL, how & 1, &root) == 0);
	HOLDS(sk_ignore_push(root, "", text, part.n, &frame) == 0);
	HOLDS(sk_patterns_new(&lines, how & 1, &list) == 0);
	try_paths(in, frame, list, &lines);
	sk_ignore_unref(frame);
	sk_ignore_unref(root);
	sk_patterns_free(list);
	sk_strv_free(&lines);
	free(text);
	return 0;
}
