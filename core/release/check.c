#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/term.h"
#include "base/text.h"
#include "lint/report.h"
#include "lint/secrets.h"
#include "release/release_parts.h"
#include "repo/git.h"

/* A host's limits, in bytes (GitHub: a push with a file over 100 MiB is refused, from 50 MiB on it
 * warns; docs.github.com, "About large files on GitHub"). */
#define SIZE_REFUSED (100ull << 20)
#define SIZE_WARNED (50ull << 20)
#define TEXT_LOOK 8000 /* a NUL in so many bytes makes a file binary, as in git */

bool sk_release_is_file(const struct sk_release_file *f)
{
	return f->mode != 040000 && f->mode != 0120000 && f->mode != 0160000;
}

int sk_release_finding(struct sk_releasing *r, const char *rule, enum sk_severity severity,
                       const char *path, const char *remedy, const char *fmt, ...)
{
	struct sk_found_at at = { .path = path };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return sk_lint_report(&r->out->found, rule, severity, &at, remedy, "%s", text);
}

struct check {
	struct sk_releasing *r;
	struct sk_secrets *rules;
	struct sk_strv excuses;
};

/* Secrets */

static int load(struct check *c)
{
	git_odb_object *blob = NULL;
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_secrets_load(&c->rules);

	if (rc)
		return sk_error_prefix(rc, "secrets cannot be looked for");
	for (size_t i = 0; i < c->r->out->n && !rc; i++) {
		const struct sk_release_file *f = &c->r->out->file[i];

		if (strcmp(f->path, SK_EXCUSES_FILE) != 0 || !sk_release_is_file(f) ||
		    f->size > 1 << 20)
			continue;
		rc = sk_repo_read(c->r->repo, &f->oid, &blob);
		if (!rc)
			rc = sk_buf_add(&text, git_odb_object_data(blob),
			                git_odb_object_size(blob));
		if (!rc)
			rc = sk_excuses_read(&text, &c->excuses);
		git_odb_object_free(blob);
		break;
	}
	sk_buf_free(&text);
	return rc;
}

static int look_for_secrets(struct check *c, const struct sk_release_file *f, const char *text,
                            size_t len)
{
	struct sk_secret_list list = { 0 };
	int rc = sk_secrets_scan(c->rules, text, len, &list);
	char rule[80];

	if (rc) {
		rc = sk_release_finding(c->r, "cannot-inspect", SK_LINT_BLOCK, f->path,
		                        "leave it out with --exclude, or mend it",
		                        "cannot be searched for secrets: %s", sk_error_message());
		sk_error_clear();
	}
	for (size_t i = 0; i < list.n && !rc; i++) {
		const struct sk_secret *s = &list.item[i];
		struct sk_found_at at = { .path = f->path,
			                  .line = s->line,
			                  .column = sk_column_of(text, s->offset),
			                  .text = text,
			                  .len = len };
		bool excused = false;

		rc = sk_excuses_have(&c->excuses, f->path, NULL, s, &excused);
		if (rc || excused)
			continue;
		(void)snprintf(rule, sizeof rule, "secret-%s", s->rule);
		rc = sk_lint_report(&c->r->out->found, rule, SK_LINT_BLOCK, &at, SK_SECRET_REMEDY,
		                    "%s (%zu bytes)", s->title, s->len);
	}
	sk_secret_list_clear(&list);
	return rc;
}

/* Conflict markers, as git writes them: `size` of them and a label, and in between a line that is
 * nothing else.  A heading underlined by "=======" is none, as nothing opened a conflict before;
 * one alone that is left over is worth a warning. */

static bool marks(const char *line, size_t len, char c, size_t size, bool alone)
{
	if (len && line[len - 1] == '\r')
		len--;
	if (len < size)
		return false;
	for (size_t i = 0; i < size; i++)
		if (line[i] != c)
			return false;
	return alone ? len == size : len > size + 1 && line[size] == ' ';
}

static int marker(struct check *c, const struct sk_release_file *f, const char *text, size_t len,
                  uint32_t line, bool whole)
{
	struct sk_found_at at = { .path = f->path, .line = line, .text = text, .len = len };

	return sk_lint_report(
	        &c->r->out->found, "conflict-marker", whole ? SK_LINT_BLOCK : SK_LINT_WARN, &at,
	        "resolve the conflict; where it is an example, set the attribute "
	        "conflict-marker-size of the file to another number",
	        whole ? "a merge conflict that was not resolved" : "a single conflict marker");
}

static int look_for_markers(struct check *c, const struct sk_release_file *f, const char *text,
                            size_t len)
{
	const char *end = text + len, *eol;
	uint32_t number = 1, opened = 0;
	bool middle = false;
	int rc = 0;

	if (memchr(text, '\0', len < TEXT_LOOK ? len : TEXT_LOOK))
		return 0;
	for (const char *p = text; p < end && !rc; p = eol + 1, number++) {
		size_t n;

		eol = memchr(p, '\n', (size_t)(end - p));
		eol = eol ? eol : end;
		n = (size_t)(eol - p);
		if (*p != '<' && *p != '=' && *p != '>')
			continue;
		if (marks(p, n, '<', f->marker, false)) {
			rc = opened && !middle ? marker(c, f, text, len, opened, false) : 0;
			opened = number;
			middle = false;
		} else if (opened && marks(p, n, '=', f->marker, true)) {
			middle = true;
		} else if (marks(p, n, '>', f->marker, false)) {
			rc = marker(c, f, text, len, middle ? opened : number, middle);
			opened = 0;
			middle = false;
		}
	}
	return !rc && opened ? marker(c, f, text, len, opened, false) : rc;
}

/* Files one by one */

static int check_size(struct check *c, const struct sk_release_file *f, bool *read)
{
	struct sk_buf size = SK_BUF_INIT;
	bool over = f->size > SIZE_REFUSED;
	int rc = 0;

	*read = !over;
	if (f->size > SIZE_WARNED)
		rc = sk_add_size(&size, f->size);
	if (!rc && size.len)
		rc = sk_release_finding(c->r, "large-file", over ? SK_LINT_BLOCK : SK_LINT_WARN,
		                        f->path,
		                        over ? "leave it out with --exclude, or keep it with git "
		                               "lfs"
		                             : "think of leaving it out with --exclude",
		                        over ? "%s: hosts refuse files of more than 100M"
		                             : "%s: hosts take it, but warn of files over 50M",
		                        size.ptr);
	sk_buf_free(&size);
	return rc;
}

static int check_file(struct check *c, const struct sk_release_file *f)
{
	git_odb_object *blob = NULL;
	bool read = true;
	int rc = check_size(c, f, &read);

	if (rc || !read || !f->size)
		return rc;
	rc = sk_repo_read(c->r->repo, &f->oid, &blob);
	if (rc)
		return sk_error_prefix(rc, "%s", sk_name(f->path));
	rc = look_for_secrets(c, f, git_odb_object_data(blob), git_odb_object_size(blob));
	if (!rc)
		rc = look_for_markers(c, f, git_odb_object_data(blob), git_odb_object_size(blob));
	git_odb_object_free(blob);
	return rc;
}

/* All of them together */

static bool is_named(const struct sk_release_file *f, const char *const *names)
{
	size_t len;

	for (; *names; names++) {
		len = strlen(*names);
		if (strncasecmp(f->path, *names, len) == 0 &&
		    (!f->path[len] || strchr("._-", f->path[len])) && !strchr(f->path, '/'))
			return true;
	}
	return false;
}

static int check_presence(struct sk_releasing *r)
{
	static const char *const readme[] = { "readme", NULL };
	static const char *const license[] = { "license", "licence",   "licenses",
		                               "copying", "unlicense", NULL };
	bool has_readme = false, has_license = false;
	int rc = 0;

	for (size_t i = 0; i < r->out->n; i++) {
		const struct sk_release_file *f = &r->out->file[i];

		if (f->out)
			continue;
		has_readme |= is_named(f, readme);
		has_license |= is_named(f, license);
	}
	if (!has_readme)
		rc = sk_release_finding(r, "no-readme", SK_LINT_WARN, "README.md",
		                        "write one: it is what people see first",
		                        "there is no README");
	if (!rc && !has_license)
		rc = sk_release_finding(r, "no-license", SK_LINT_WARN, "LICENSE",
		                        "add one: without it nobody may use what you publish",
		                        "there is no license");
	return rc;
}

struct folded {
	char *key;
	const char *path;
};

static int by_key(const void *x, const void *y)
{
	const struct folded *a = x, *b = y;
	int cmp = strcmp(a->key, b->key);

	return cmp ? cmp : strcmp(a->path, b->path);
}

/* Names that are one and the same on Windows and macOS: letters of ASCII are told apart. */
static int check_case(struct sk_releasing *r)
{
	struct folded *list = calloc(r->out->n + 1, sizeof *list);
	size_t n = 0;
	int rc = list ? 0 : sk_error_oom();

	for (size_t i = 0; i < r->out->n && !rc; i++) {
		const struct sk_release_file *f = &r->out->file[i];

		if (f->out)
			continue;
		list[n].path = f->path;
		list[n].key = strdup(f->path);
		if (!list[n].key)
			rc = sk_error_oom();
		for (char *p = list[n].key; p && *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		n++;
	}
	if (!rc)
		qsort(list, n, sizeof *list, by_key);
	for (size_t i = 1; i < n && !rc; i++)
		if (strcmp(list[i].key, list[i - 1].key) == 0)
			rc = sk_release_finding(r, "case-collision", SK_LINT_WARN, list[i].path,
			                        "rename one of them",
			                        "the same name as %s where case does not count "
			                        "(Windows, macOS)",
			                        list[i - 1].path);
	for (size_t i = 0; i < n; i++)
		free(list[i].key);
	free(list);
	return rc;
}

/* The paths that .gitmodules names, one string after another as "KEY newline PATH". */
static int read_modules(const struct sk_releasing *r, struct sk_buf *out)
{
	const char *args[] = { "config", "-z",           "--blob",
		               NULL,     "--get-regexp", "^submodule\\..*\\.path$",
		               NULL };
	struct sk_buf errors = SK_BUF_INIT;
	int status = 0, rc = 0;

	for (size_t i = 0; i < r->out->n; i++) {
		const struct sk_release_file *f = &r->out->file[i];

		if (!f->out && strcmp(f->path, ".gitmodules") == 0 && sk_release_is_file(f))
			args[3] = sk_oid_str(&f->oid);
	}
	if (args[3])
		rc = sk_git_run_index(r->repo, NULL, args, NULL, out, &errors, &status);
	if (!rc && status) /* 1: no such key; else it cannot be read, which is as good as none */
		sk_buf_clear(out);
	sk_buf_free(&errors);
	return rc;
}

static bool is_module(const struct sk_buf *modules, const char *path)
{
	const char *p = sk_buf_str(modules), *end = p + modules->len, *value;

	for (; p < end; p += strlen(p) + 1) {
		value = strchr(p, '\n');
		if (value && strcmp(value + 1, path) == 0)
			return true;
	}
	return false;
}

/* A submodule is a commit that .gitmodules says where to get; without it, nobody can. */
static int check_modules(struct sk_releasing *r)
{
	struct sk_buf modules = SK_BUF_INIT;
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < r->out->n; i++)
		any |= !r->out->file[i].out && r->out->file[i].mode == 0160000;
	if (any)
		rc = read_modules(r, &modules);
	for (size_t i = 0; i < r->out->n && any && !rc; i++) {
		const struct sk_release_file *f = &r->out->file[i];

		if (f->out || f->mode != 0160000)
			continue;
		if (is_module(&modules, f->path))
			rc = sk_release_finding(
			        r, "submodule", SK_LINT_WARN, f->path,
			        "see that those who clone the release can reach its "
			        "url in .gitmodules",
			        "a submodule: its files are not in the release");
		else
			rc = sk_release_finding(r, "nested-repository", SK_LINT_BLOCK, f->path,
			                        "leave it out with --exclude, make it a submodule, "
			                        "or take its .git away",
			                        "a repository of its own, which .gitmodules does "
			                        "not name: its files would be missing");
	}
	sk_buf_free(&modules);
	return rc;
}

static bool has_module(const struct sk_releasing *r, const char *path)
{
	for (size_t i = 0; i < r->out->n; i++)
		if (r->out->file[i].mode == 0160000 && strcmp(r->out->file[i].path, path) == 0)
			return true;
	return false;
}

/* What an entry does not have in its tree. */
static int check_missing(struct sk_releasing *r)
{
	int rc = 0;

	for (size_t i = 0; i < r->source.missing.n && !rc; i++)
		rc = sk_release_finding(r, "not-saved", SK_LINT_WARN, r->source.missing.item[i],
		                        "'git sk show ID' says why", "is not in the %s",
		                        r->source.words);
	for (size_t i = 0; i < r->source.nested.n && !rc; i++)
		if (!has_module(r, r->source.nested.item[i]))
			rc = sk_release_finding(r, "nested-repository", SK_LINT_WARN,
			                        r->source.nested.item[i],
			                        "make it a submodule, or take its .git away",
			                        "a repository of its own: its files are not in the "
			                        "release");
	return rc;
}

static int count(struct sk_releasing *r)
{
	size_t lfs = 0, subst = 0, changed = 0;
	char line[200];
	int rc = 0;

	if (!r->opts->from || strcmp(r->opts->from, "HEAD") == 0)
		rc = sk_release_changed(r->repo, &changed);
	if (!rc && changed) {
		(void)snprintf(line, sizeof line,
		               "%zu file%s changed here since the commit: not in the release "
		               "(--from worktree takes them)",
		               changed, changed == 1 ? "" : "s");
		rc = sk_strv_add(&r->out->notes, line);
	}

	for (size_t i = 0; i < r->out->n; i++) {
		lfs += !r->out->file[i].out && r->out->file[i].lfs && r->out->file[i].size < 1024;
		subst += !r->out->file[i].out && r->out->file[i].subst;
	}
	if (!rc && lfs) {
		(void)snprintf(line, sizeof line,
		               "%zu file%s of git lfs: the release has the pointers; push the "
		               "contents with 'git lfs push'",
		               lfs, lfs == 1 ? "" : "s");
		rc = sk_strv_add(&r->out->notes, line);
	}
	if (!rc && subst) {
		(void)snprintf(line, sizeof line,
		               "%zu file%s with export-subst: left as they are; 'git archive' of "
		               "the release fills them in",
		               subst, subst == 1 ? "" : "s");
		rc = sk_strv_add(&r->out->notes, line);
	}
	if (!rc && r->ignored) {
		(void)snprintf(line, sizeof line,
		               "%zu file%s that git ignores: not in the release, though the "
		               "backup has them",
		               r->ignored, r->ignored == 1 ? "" : "s");
		rc = sk_strv_add(&r->out->notes, line);
	}
	if (!rc && r->source.chosen)
		rc = sk_strv_add(&r->out->notes, "what backup.paths and backup.exclude leave out "
		                                 "of a backup is not in the release");
	return rc;
}

int sk_release_check(struct sk_releasing *r)
{
	struct check c = { .r = r };
	size_t done = 0;
	int rc = load(&c);

	for (size_t i = 0; i < r->out->n && !rc; i++) {
		const struct sk_release_file *f = &r->out->file[i];

		if (f->out || !sk_release_is_file(f))
			continue;
		rc = check_file(&c, f);
		sk_progress("looking at files", ++done, r->out->files);
	}
	sk_progress_end();
	if (!rc)
		rc = sk_release_check_links(r);
	if (!rc)
		rc = check_modules(r);
	if (!rc)
		rc = check_missing(r);
	if (!rc)
		rc = check_case(r);
	if (!rc)
		rc = check_presence(r);
	if (!rc)
		rc = count(r);
	sk_secrets_free(c.rules);
	sk_strv_free(&c.excuses);
	return rc;
}
