/* git's own comparison of trees, all in one child: `git diff-tree --stdin` answers each "OLD NEW"
 * with the same line and, when they differ, records ended by NUL: ":MODE MODE OLD NEW S", PATH for
 * each path, then "ADDED\tDELETED\tPATH" for each (git-diff-tree(1), "RAW OUTPUT FORMAT" and
 * "OTHER DIFF FORMATS"). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/page.h"
#include "command/report.h"
#include "repo/git.h"

#define PAIR (2 * SK_OID_HEX + 1)

json_t *sk_page_text(const char *text)
{
	struct sk_buf shown = SK_BUF_INIT;
	json_t *out = NULL;

	(void)sk_add_text(&shown, text, strlen(text));
	if (sk_buf_ok(&shown) == 0)
		out = sk_json_text(sk_buf_str(&shown));
	sk_buf_free(&shown);
	return out;
}

struct reading {
	json_t *all, *paths; /* the pair that is read */
	json_int_t n;
	size_t counted; /* of `paths`, those whose lines are known */
};

static bool is_pair(const char *p, const char *end)
{
	struct sk_oid oid;

	return end - p > PAIR && p[PAIR] == '\n' && p[SK_OID_HEX] == ' ' && sk_oid_parse(p, &oid) &&
	       sk_oid_parse(p + SK_OID_HEX + 1, &oid);
}

static int begin_pair(struct reading *r, const char *line)
{
	char key[PAIR + 1];
	json_t *pair;

	memcpy(key, line, PAIR);
	key[PAIR] = '\0';
	r->paths = json_array();
	r->n = 0;
	r->counted = 0;
	pair = sk_json_add(json_object(), "path", r->paths);
	return json_object_set_new(r->all, key, pair) == 0 ? 0 : sk_error_oom();
}

static int add_path(struct reading *r, char status, const char *path)
{
	const char word[2] = { status, '\0' };
	json_t *one;

	if (r->n++ >= SK_PAGE_PATHS)
		return 0;
	one = json_array();
	if (!one || json_array_append_new(one, json_string(word)) != 0 ||
	    json_array_append_new(one, sk_page_text(path)) != 0) {
		json_decref(one);
		return sk_error_oom();
	}
	return json_array_append_new(r->paths, one) == 0 ? 0 : sk_error_oom();
}

/* "12\t3\tPATH", in the order of the paths. */
static int add_lines(struct reading *r, const char *text)
{
	json_t *one = json_array_get(r->paths, r->counted++);
	const char *tab = strchr(text, '\t');

	if (!one || !tab)
		return 0;
	if (json_array_append_new(one, *text == '-' ? json_null() : json_integer(atoll(text))) !=
	            0 ||
	    json_array_append_new(one,
	                          tab[1] == '-' ? json_null() : json_integer(atoll(tab + 1))) != 0)
		return sk_error_oom();
	return 0;
}

static int end_pair(struct reading *r, const char *key_line)
{
	char key[PAIR + 1];

	if (!key_line)
		return 0;
	memcpy(key, key_line, PAIR);
	key[PAIR] = '\0';
	return json_object_set_new(json_object_get(r->all, key), "n", json_integer(r->n)) == 0
	               ? 0
	               : sk_error_oom();
}

static int read_all(struct reading *r, const char *p, const char *end)
{
	const char *pair = NULL;
	int rc = 0;

	while (p < end && !rc) {
		size_t len = strnlen(p, (size_t)(end - p));

		if (is_pair(p, end)) {
			rc = end_pair(r, pair);
			pair = p;
			if (!rc)
				rc = begin_pair(r, p);
			p += PAIR + 1;
			continue;
		}
		if (!pair || p + len == end)
			return sk_error(SK_EIO, "git diff-tree gave no answer that can be read");
		if (*p == ':') {
			const char *path = p + len + 1;

			rc = path < end ? add_path(r, p[len - 1], path)
			                : sk_error(SK_EIO, "git diff-tree stopped midway");
			len += 1 + (path < end ? strnlen(path, (size_t)(end - path)) : 0);
		} else {
			rc = add_lines(r, p);
		}
		p += len + 1;
	}
	return rc ? rc : end_pair(r, pair);
}

int sk_page_changes(const struct sk_repo *repo, const struct sk_buf *pairs, json_t **out)
{
	static const char *const args[] = { "diff-tree",
		                            "--stdin",
		                            "-r",
		                            "-z",
		                            "--raw",
		                            "--numstat",
		                            "--no-renames",
		                            "--no-ext-diff",
		                            "--no-textconv",
		                            "--abbrev=40",
		                            NULL };
	struct sk_buf text = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct reading r = { .all = json_object() };
	int status = 0, rc = r.all ? 0 : sk_error_oom();

	if (!rc && pairs->len)
		rc = sk_git_run_index(repo, NULL, args, pairs, &text, &errors, &status);
	if (!rc && status)
		rc = sk_error(SK_EDAMAGED, "some entries cannot be compared; see 'git sk verify'");
	if (!rc)
		rc = read_all(&r, sk_buf_str(&text), sk_buf_str(&text) + text.len);
	sk_buf_free(&text);
	sk_buf_free(&errors);
	if (rc)
		json_decref(r.all);
	else
		*out = r.all;
	return rc;
}
