/* Code that is removed: while it is still used, or in the very commit that adds what replaces it.
 *
 * A use is a whole word in a file of the same language that can mean the definition: its file names
 * the one that it was in (or lies beside it, or the language knows no modules), it has no
 * definition of its own of that name, and the word is neither in a comment nor a member of
 * something else.  A name that is still defined somewhere was moved, and is not judged. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lint/definitions.h"
#include "lint/lint_parts.h"
#include "repo/index.h"

#define IN_USE "removed-in-use"
#define REPLACED "replaced-in-one-step"

enum { TEXT_MAX = 2 << 20, NAMES_MAX = 4000, SHOWN = 3 };

struct name {
	char *name;
	const char *path; /* of the file that it is removed from, or added to */
	const struct sk_definitions_of *language;
	uint32_t line;
	bool local, moved;
	/* uses: the first, how many, and the next few as text */
	char *used_in;
	uint32_t used_at;
	size_t uses;
	struct sk_buf others;
};

struct names {
	struct name *item;
	size_t n, cap;
};

struct check {
	struct sk_linting *l;
	struct sk_definitions *definitions;
	struct names removed, added;
	struct sk_index *index; /* SK_LINT_STAGED */
};

static void clear_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		free(names->item[i].name);
		free(names->item[i].used_in);
		sk_buf_free(&names->item[i].others);
	}
	free(names->item);
	*names = (struct names){ 0 };
}

static int add_name(struct names *names, const struct sk_definition *d, const char *path,
                    const struct sk_definitions_of *language)
{
	struct name *one;

	if (names->n == NAMES_MAX)
		return 0;
	if (names->n == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 32;
		struct name *item = reallocarray(names->item, cap, sizeof *item);

		if (!item)
			return sk_error_oom();
		names->item = item;
		names->cap = cap;
	}
	one = &names->item[names->n];
	*one = (struct name){
		.path = path, .language = language, .line = d->line, .local = d->local
	};
	one->name = strndup(d->name, d->len);
	if (!one->name)
		return sk_error_oom();
	names->n++;
	return 0;
}

static bool has_definition(const struct sk_definition_list *list, const char *name, size_t len)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->item[i].len == len && memcmp(list->item[i].name, name, len) == 0)
			return true;
	return false;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* The next place of the word from `at` on; `len` when there is none. */
static size_t find_word(const char *text, size_t len, size_t at, const char *name)
{
	size_t n = strlen(name);

	while (at < len) {
		const char *p = memmem(text + at, len - at, name, n);
		size_t i;

		if (!p)
			return len;
		i = (size_t)(p - text);
		if ((!i || !word_char(text[i - 1])) && (i + n == len || !word_char(text[i + n])))
			return i;
		at = i + 1;
	}
	return len;
}

/* ---- what was defined before, and is now ---- */

struct both {
	struct sk_buf old_text, new_text;
	struct sk_definition_list old, now;
};

static void clear_both(struct both *b)
{
	sk_definition_list_clear(&b->old);
	sk_definition_list_clear(&b->now);
	sk_buf_free(&b->old_text);
	sk_buf_free(&b->new_text);
}

static bool too_large(const struct sk_buf *text)
{
	return text->len > TEXT_MAX || memchr(sk_buf_str(text), '\0', text->len) != NULL;
}

/* False: nothing can be said of the file (missing objects, binary, larger than any source). */
static bool read_both(const struct check *c, const struct sk_lint_file *f, struct both *b)
{
	bool fine = true;

	if (sk_lint_is_file(f->old_mode))
		fine = sk_lint_old(c->l, f, &b->old_text) == 0;
	if (fine && sk_lint_is_file(f->mode))
		fine = sk_lint_new(c->l, f, &b->new_text) == 0;
	sk_error_clear();
	return fine && !too_large(&b->old_text) && !too_large(&b->new_text);
}

/* False: a text made to be hard is not judged. */
static bool list(const struct check *c, const struct sk_definitions_of *language, const char *path,
                 const struct sk_buf *text, struct sk_definition_list *out)
{
	bool fine =
	        !language || !text->len ||
	        sk_definitions_list(c->definitions, language, path, text->ptr, text->len, out) == 0;

	if (!fine)
		sk_error_clear();
	return fine;
}

static int compare_file(struct check *c, const struct sk_lint_file *f)
{
	const char *old_path = f->old_path ? f->old_path : f->path;
	const struct sk_definitions_of *before = sk_definitions_for(c->definitions, old_path);
	const struct sk_definitions_of *after = sk_definitions_for(c->definitions, f->path);
	struct both b = { 0 };
	int rc = 0;

	if ((!before && !after) || !read_both(c, f, &b) ||
	    !list(c, before, old_path, &b.old_text, &b.old) ||
	    !list(c, after, f->path, &b.new_text, &b.now))
		goto out;
	for (size_t i = 0; !rc && i < b.old.n; i++)
		if (!has_definition(&b.now, b.old.item[i].name, b.old.item[i].len))
			rc = add_name(&c->removed, &b.old.item[i], old_path, before);
	for (size_t i = 0; !rc && i < b.now.n; i++)
		if (!has_definition(&b.old, b.now.item[i].name, b.now.item[i].len))
			rc = add_name(&c->added, &b.now.item[i], f->path, after);
out:
	clear_both(&b);
	return rc;
}

static int compare(struct check *c, const struct sk_lint_files *files)
{
	int rc = 0;

	clear_names(&c->removed);
	clear_names(&c->added);
	for (size_t i = 0; !rc && i < files->n; i++)
		rc = compare_file(c, &files->item[i]);
	for (size_t i = 0; !rc && i < c->removed.n; i++)
		for (size_t k = 0; k < c->added.n && !c->removed.item[i].moved; k++)
			c->removed.item[i].moved =
			        strcmp(c->removed.item[i].name, c->added.item[k].name) == 0;
	return rc;
}

/* ---- who uses it still ---- */

static int read_state(struct check *c, const char *path, struct sk_buf *out)
{
	const struct sk_index_entry *e;
	int rc;

	if (c->l->opts->what == SK_LINT_SINCE)
		return sk_lint_at(c->l, "HEAD", path, out);
	if (c->l->opts->what == SK_LINT_UNCOMMITTED) {
		struct sk_lint_file f = { .path = (char *)(size_t)path, .mode = 0100644 };

		return sk_lint_new(c->l, &f, out);
	}
	if (!c->index) {
		char *file = NULL;

		rc = c->l->opts->index_file ? 0 : sk_repo_index_path(c->l->repo, &file);
		if (!rc)
			rc = sk_index_read(file ? file : c->l->opts->index_file, &c->index);
		free(file);
		if (rc)
			return rc;
	}
	e = sk_index_find(c->index, path, strlen(path), 0);
	return e ? sk_lint_blob(c->l, &e->oid, out) : SK_ENO;
}

/* The name by which others would mention the file: its own without ending, or its folder's. */
static void stem(const char *path, char out[256])
{
	static const char *const of_folder[] = { "__init__", "index", "mod", "lib", "main" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strcspn(name, ".");
	bool folder = false;

	for (size_t i = 0; i < sizeof of_folder / sizeof *of_folder; i++)
		folder =
		        folder || (strlen(of_folder[i]) == n && memcmp(of_folder[i], name, n) == 0);
	if (folder && slash) {
		const char *p = slash;

		while (p > path && p[-1] != '/')
			p--;
		name = p;
		n = (size_t)(slash - p);
	}
	n = n < 255 ? n : 255;
	memcpy(out, name, n);
	out[n] = '\0';
}

static void folder_of(const char *path, char out[256])
{
	const char *slash = strrchr(path, '/'), *p = slash;
	size_t n;

	out[0] = '\0';
	if (!slash)
		return;
	while (p > path && p[-1] != '/')
		p--;
	n = (size_t)(slash - p) < 255 ? (size_t)(slash - p) : 255;
	memcpy(out, p, n);
	out[n] = '\0';
}

static bool same_folder(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	size_t n = x ? (size_t)(x - a) : 0, m = y ? (size_t)(y - b) : 0;

	return n == m && memcmp(a, b, n) == 0;
}

static bool can_mean(const struct name *r, const char *path, const struct sk_buf *text,
                     const char *mention)
{
	enum sk_scope scope = sk_definitions_scope(r->language);

	if (strcmp(path, r->path) == 0)
		return true;
	if (r->local || scope == SK_SCOPE_GLOBAL)
		return !r->local;
	if (scope == SK_SCOPE_PACKAGE && same_folder(path, r->path))
		return true;
	return *mention && find_word(text->ptr, text->len, 0, mention) < text->len;
}

static bool is_import(const char *line, size_t n)
{
	static const char *const word[] = { "import", "from", "using", "use", "require", "export" };

	while (n && isspace((unsigned char)*line))
		line++, n--;
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (n > strlen(word[i]) && memcmp(line, word[i], strlen(word[i])) == 0)
			return true;
	return false;
}

/* x.NAME is a member of x: ours only when x is the module. */
static bool is_member(const char *text, size_t at, const char *mention)
{
	size_t n = strlen(mention);

	if (at > 1 && text[at - 1] == '>' && text[at - 2] == '-')
		return true;
	if (!at || text[at - 1] != '.')
		return false;
	if (at >= 3 && text[at - 2] == '.' && text[at - 3] == '.') /* ...name */
		return false;
	return !(n && at > n && memcmp(text + at - 1 - n, mention, n) == 0 &&
	         (at - 1 == n || !word_char(text[at - 2 - n])));
}

/* Whether the word at `at` is a use, and not text of another kind. */
static bool is_use(const struct name *r, const struct sk_buf *text, size_t at, const char *mention)
{
	const char *line = text->ptr + at, *eol;
	size_t before;

	while (line > text->ptr && line[-1] != '\n')
		line--;
	before = (size_t)(text->ptr + at - line);
	eol = memchr(text->ptr + at, '\n', text->len - at);
	for (size_t i = 0; i < before; i++)
		if ((i == 0 || isspace((unsigned char)line[i - 1])) &&
		    sk_definitions_comment(r->language, line + i, before - i))
			return line[i] == '*' && i && strspn(line, " \t") < i;
	if (!is_member(text->ptr, at, mention))
		return true;
	return is_import(line, (size_t)((eol ? eol : text->ptr + text->len) - line));
}

/* "def NAME", "class NAME", "NAME = ...": a definition that stands deeper than rules look for one.
 */
static bool is_definition(const char *text, size_t len, size_t at, size_t n)
{
	static const char *const word[] = { "def",  "class", "function",  "fn",
		                            "func", "trait", "interface", "const",
		                            "let",  "var",   "define" };
	size_t from = at, to = at + n, end;

	while (from && (text[from - 1] == ' ' || text[from - 1] == '\t'))
		from--;
	/* the further ones of JavaScript's "var a = 1\n  , b = 2" */
	if (from && text[from - 1] == ',') {
		size_t comma = from - 1;

		while (comma && (text[comma - 1] == ' ' || text[comma - 1] == '\t'))
			comma--;
		if (!comma || text[comma - 1] == '\n')
			from = comma;
	}
	while (to < len && (text[to] == ' ' || text[to] == '\t'))
		to++;
	if (!from || text[from - 1] == '\n')
		return to + 1 < len && text[to] == '=' && text[to + 1] != '=';
	for (end = from; from && word_char(text[from - 1]); from--)
		;
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (end - from == strlen(word[i]) && memcmp(text + from, word[i], end - from) == 0)
			return true;
	return false;
}

/* "NAME", 'NAME': it may be anything. */
static bool is_quoted(const char *text, size_t len, size_t at, size_t n)
{
	return at && at + n < len && (text[at - 1] == '"' || text[at - 1] == '\'') &&
	       text[at + n] == text[at - 1];
}

static int note_use(struct name *r, const char *path, uint32_t line)
{
	r->uses++;
	if (r->uses == 1) {
		r->used_in = strdup(path);
		r->used_at = line;
		return r->used_in ? 0 : sk_error_oom();
	}
	if (r->uses <= SHOWN + 1)
		(void)sk_buf_addf(&r->others, "%s%s:%u", r->others.len ? ", " : "", sk_name(path),
		                  (unsigned)line);
	return sk_buf_ok(&r->others);
}

/* The uses of one name in one file. */
static int uses_in(struct name *r, const char *path, const struct sk_buf *text)
{
	uint32_t line = 1, last = 0;
	size_t counted = 0;
	char mention[256];
	int rc = 0;

	if (sk_definitions_scope(r->language) == SK_SCOPE_PACKAGE)
		folder_of(r->path, mention);
	else
		stem(r->path, mention);
	if (!can_mean(r, path, text, mention))
		return 0;
	for (size_t at = find_word(text->ptr, text->len, 0, r->name); !rc && at < text->len;
	     at = find_word(text->ptr, text->len, at + 1, r->name)) {
		for (; counted < at; counted++)
			line += text->ptr[counted] == '\n';
		if (is_definition(text->ptr, text->len, at, strlen(r->name))) {
			r->moved = true;
			break;
		}
		if (line != last && !is_quoted(text->ptr, text->len, at, strlen(r->name)) &&
		    is_use(r, text, at, mention)) {
			last = line;
			rc = note_use(r, path, line);
		}
	}
	return rc;
}

/* One file that has some of the words: places [from, to). */
static int look_into(struct check *c, const struct sk_words_at *found, size_t from, size_t to)
{
	const char *path = found->item[from].path;
	const struct sk_definitions_of *language = sk_definitions_for(c->definitions, path);
	struct sk_definition_list defined = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	int rc = language ? read_state(c, path, &text) : SK_ENO;

	if (rc || !text.len || too_large(&text) || !list(c, language, path, &text, &defined)) {
		sk_error_clear();
		sk_definition_list_clear(&defined);
		sk_buf_free(&text);
		return 0;
	}
	for (size_t i = 0; !rc && i < c->removed.n; i++) {
		struct name *r = &c->removed.item[i];
		bool here = false;

		for (size_t k = from; k < to && !here; k++)
			here = strcmp(found->item[k].word, r->name) == 0;
		if (!here || r->language != language || r->moved)
			continue;
		if (has_definition(&defined, r->name, strlen(r->name)))
			r->moved = true;
		else
			rc = uses_in(r, path, &text);
	}
	sk_definition_list_clear(&defined);
	sk_buf_free(&text);
	return rc;
}

static int find_uses(struct check *c)
{
	struct sk_strv words = SK_STRV_INIT;
	struct sk_words_at found = { 0 };
	int rc = 0;

	for (size_t i = 0; !rc && i < c->removed.n; i++)
		if (!c->removed.item[i].moved)
			rc = sk_strv_add(&words, c->removed.item[i].name);
	if (!rc && words.n)
		rc = sk_lint_grep(c->l, &words, &found);
	for (size_t i = 0, end; !rc && i < found.n; i = end) {
		for (end = i + 1; end < found.n; end++)
			if (strcmp(found.item[end].path, found.item[i].path) != 0)
				break;
		rc = look_into(c, &found, i, end);
	}
	sk_words_at_clear(&found);
	sk_strv_free(&words);
	return rc;
}

static int report_use(struct check *c, const struct name *r)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_found_at at = { .path = r->used_in, .line = r->used_at };
	char more[48] = "";
	int rc;

	if (!read_state(c, r->used_in, &text)) {
		at.text = text.ptr;
		at.len = text.len;
	}
	if (r->uses > SHOWN + 1)
		(void)snprintf(more, sizeof more, " and %zu more", r->uses - SHOWN - 1);
	rc = sk_lint_report(c->l->out, IN_USE, SK_LINT_BLOCK, &at,
	                    "bring it back, move all users to what replaces it, and remove it in a "
	                    "later commit",
	                    "'%s' is removed from %s and still used here%s%s%s%s", r->name,
	                    sk_name(r->path), r->uses > 1 ? " (and in " : "",
	                    sk_buf_str(&r->others), more, r->uses > 1 ? ")" : "");
	sk_buf_free(&text);
	return rc;
}

/* ---- replaced in one step ---- */

static bool word_in(const struct sk_buf *text, const char *name)
{
	return text->len && find_word(text->ptr, text->len, 0, name) < text->len;
}

/* Users of removed names in this file, and what they use instead. */
static void count_swaps(const struct check *c, const struct sk_lint_file *f, const struct both *b,
                        size_t *count)
{
	for (size_t i = 0; i < c->removed.n; i++) {
		const struct name *r = &c->removed.item[i];

		if (r->moved || r->uses || strcmp(r->path, f->path) == 0 ||
		    r->language != sk_definitions_for(c->definitions, f->path) ||
		    !word_in(&b->old_text, r->name) || word_in(&b->new_text, r->name))
			continue;
		for (size_t k = 0; k < c->added.n; k++)
			if (c->added.item[k].language == r->language &&
			    strcmp(c->added.item[k].path, f->path) != 0 &&
			    word_in(&b->new_text, c->added.item[k].name) &&
			    !word_in(&b->old_text, c->added.item[k].name))
				count[i * c->added.n + k]++;
	}
}

static int report_swap(struct check *c, size_t removed, const size_t *count, const char *commit)
{
	const struct name *r = &c->removed.item[removed], *a;
	struct sk_found_at at = { .commit = commit };
	size_t best = 0;

	for (size_t k = 1; k < c->added.n; k++)
		if (count[k] > count[best])
			best = k;
	if (!count[best])
		return 0;
	a = &c->added.item[best];
	at.path = a->path;
	at.line = a->line;
	return sk_lint_report(c->l->out, REPLACED, SK_LINT_WARN, &at,
	                      "keep the old one beside it until its users have moved and it has "
	                      "proved itself; remove it in a later commit",
	                      "'%s' is removed from %s in the commit that adds '%s', to which %zu "
	                      "user%s moved",
	                      r->name, sk_name(r->path), a->name, count[best],
	                      count[best] == 1 ? " was" : "s were");
}

static int find_swaps(struct check *c, const struct sk_lint_files *files, const char *commit)
{
	size_t cells = c->removed.n * c->added.n, *count;
	int rc = 0;

	/* so many at once is a reorganisation, which is told by its uses alone */
	if (!cells || cells > 1u << 20)
		return 0;
	count = calloc(cells, sizeof *count);
	if (!count)
		return sk_error_oom();
	for (size_t i = 0; i < files->n; i++) {
		const struct sk_lint_file *f = &files->item[i];
		struct both b = { 0 };

		if ((f->status == 'M' || f->status == 'R') &&
		    sk_definitions_for(c->definitions, f->path) && read_both(c, f, &b))
			count_swaps(c, f, &b, count);
		clear_both(&b);
	}
	for (size_t i = 0; !rc && i < c->removed.n; i++)
		rc = report_swap(c, i, count + i * c->added.n, commit);
	free(count);
	return rc;
}

int sk_lint_removals(struct sk_linting *l)
{
	struct check c = { .l = l };
	int rc = sk_definitions_load(&c.definitions);

	if (rc)
		rc = sk_error_prefix(rc, "removed code cannot be looked for");
	if (!rc)
		rc = compare(&c, &l->files);
	if (!rc)
		rc = find_uses(&c);
	for (size_t i = 0; !rc && i < c.removed.n; i++)
		if (!c.removed.item[i].moved && c.removed.item[i].uses)
			rc = report_use(&c, &c.removed.item[i]);
	if (!rc && l->opts->what != SK_LINT_SINCE)
		rc = find_swaps(&c, &l->files, NULL);
	for (size_t i = 0; !rc && i < l->n_commits; i++) {
		rc = compare(&c, &l->commit[i].files);
		if (!rc)
			rc = find_swaps(&c, &l->commit[i].files, l->commit[i].id);
	}
	clear_names(&c.removed);
	clear_names(&c.added);
	sk_index_free(c.index);
	sk_definitions_free(c.definitions);
	return rc;
}
