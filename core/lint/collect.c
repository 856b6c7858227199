#include "lint/lint_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/text.h"
#include "impact/impact.h"
#include "repo/git.h"

#define EMPTY_TREE "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

bool sk_lint_is_file(uint32_t mode)
{
	return (mode & 0170000) == 0100000;
}

void sk_lint_files_clear(struct sk_lint_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->item[i].path);
		free(files->item[i].old_path);
	}
	free(files->item);
	*files = (struct sk_lint_files){ 0 };
}

/* One more, zeroed. */
static struct sk_lint_file *more(struct sk_lint_files *files)
{
	if (files->n == files->cap) {
		size_t cap = files->cap ? files->cap * 2 : 16;
		struct sk_lint_file *item = reallocarray(files->item, cap, sizeof *item);

		if (!item)
			return NULL;
		files->item = item;
		files->cap = cap;
	}
	files->item[files->n] = (struct sk_lint_file){ 0 };
	return &files->item[files->n++];
}

static int git_failed(const struct sk_buf *errors, const char *what)
{
	const char *words = sk_buf_str(errors);
	size_t n = strcspn(words, "\n");

	if (strncmp(words, "fatal: ", 7) == 0 && n > 7) {
		words += 7;
		n -= 7;
	}
	return sk_error(SK_EIO, "git %s failed%s%.*s", what, n ? ": " : "", (int)n, words);
}

int sk_lint_git(const struct sk_linting *l, const char *const *args, const struct sk_buf *input,
                struct sk_buf *out, int *wanted)
{
	struct sk_buf errors = SK_BUF_INIT;
	int status = 0;
	int rc = sk_git_run_index(l->repo, l->opts->index_file, args, input, out, &errors, &status);

	if (!rc && wanted)
		*wanted = status;
	else if (!rc && status != 0)
		rc = git_failed(&errors, args[0]);
	sk_buf_free(&errors);
	return rc;
}

struct records {
	const char *p, *end;
};

/* The next NUL-ended word, or NULL. */
static const char *word(struct records *r)
{
	const char *start = r->p;
	const char *nul = start < r->end ? memchr(start, '\0', (size_t)(r->end - start)) : NULL;

	if (!nul)
		return NULL;
	r->p = nul + 1;
	return start;
}

/* ":100644 100644 ID ID R087", and the names after it.  Source: git-diff(1), "raw output". */
static int one_record(const char *head, struct records *r, struct sk_lint_files *out)
{
	struct sk_lint_file f = { 0 }, *to;
	const char *path = word(r), *second = NULL;
	char *end;

	f.old_mode = (uint32_t)strtoul(head + 1, &end, 8);
	f.mode = (uint32_t)strtoul(end, &end, 8);
	if (!path || strlen(end) < 2 * SK_OID_HEX + 4 || !sk_oid_parse(end + 1, &f.old_id) ||
	    !sk_oid_parse(end + 2 + SK_OID_HEX, &f.id))
		return sk_error(SK_EIO, "what git says about changes cannot be understood");
	f.status = end[3 + 2 * SK_OID_HEX];
	if (f.status == 'R' || f.status == 'C')
		second = word(r);
	if (f.status == 'U') /* a conflict: there is no one content to judge */
		return 0;
	if (f.status == 'T')
		f.status = 'M';
	f.path = strdup(second ? second : path);
	f.old_path = second ? strdup(path) : NULL;
	to = f.path && (f.old_path || !second) ? more(out) : NULL;
	if (!to) {
		free(f.path);
		free(f.old_path);
		return sk_error_oom();
	}
	*to = f;
	return 0;
}

static int parse(const struct sk_buf *text, struct sk_lint_files *out)
{
	struct records r = { sk_buf_str(text), sk_buf_str(text) + text->len };
	const char *w;
	int rc = 0;

	while (!rc && (w = word(&r)))
		rc = one_record(w, &r, out);
	return rc;
}

/* The same with a commit's id before the records of each. */
static int parse_commits(struct sk_linting *l, const struct sk_buf *text)
{
	struct records r = { sk_buf_str(text), sk_buf_str(text) + text->len };
	const char *w;
	int rc = 0;

	while (!rc && (w = word(&r))) {
		struct sk_lint_commit *c;

		if (*w == ':') {
			rc = l->n_commits ? one_record(w, &r, &l->commit[l->n_commits - 1].files)
			                  : SK_EIO;
			continue;
		}
		c = reallocarray(l->commit, l->n_commits + 1, sizeof *c);
		if (!c)
			return sk_error_oom();
		l->commit = c;
		c += l->n_commits++;
		*c = (struct sk_lint_commit){ 0 };
		(void)strncat(c->id, w, SK_OID_HEX);
	}
	return rc;
}

static int first_word(const struct sk_buf *text, char out[SK_OID_HEX + 1])
{
	struct sk_oid id;

	if (!sk_oid_parse(sk_buf_str(text), &id))
		return sk_error(SK_EIO, "git names no commit");
	sk_oid_hex(&id, out);
	return 0;
}

static int base_since(struct sk_linting *l)
{
	struct sk_buf name = SK_BUF_INIT, out = SK_BUF_INIT;
	char rev[SK_OID_HEX + 1];
	int status = 0, rc;

	(void)sk_buf_addf(&name, "%s^{commit}", l->opts->since);
	rc = sk_buf_ok(&name);
	if (!rc) {
		const char *const parse_it[] = { "rev-parse",        "-q",     "--verify",
			                         "--end-of-options", name.ptr, NULL };

		rc = sk_lint_git(l, parse_it, NULL, &out, &status);
	}
	if (!rc && status)
		rc = sk_error(SK_EUSAGE, "%s is no commit", sk_name(l->opts->since));
	if (!rc)
		rc = first_word(&out, rev);
	sk_buf_clear(&out);
	if (!rc) {
		const char *const base[] = { "merge-base", rev, "HEAD", NULL };

		rc = sk_lint_git(l, base, NULL, &out, &status);
	}
	if (!rc && status)
		rc = sk_error(SK_EUSAGE, "%s and HEAD have no commit in common",
		              sk_name(l->opts->since));
	if (!rc)
		rc = first_word(&out, l->base);
	sk_buf_free(&name);
	sk_buf_free(&out);
	return rc;
}

static int each_commit(struct sk_linting *l)
{
	struct sk_buf range = SK_BUF_INIT, ids = SK_BUF_INIT, out = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&range, "%s..HEAD", l->base);
	rc = sk_buf_ok(&range);
	if (!rc) {
		const char *const list[] = { "rev-list",    "--reverse", "--topo-order",
			                     "--no-merges", range.ptr,   NULL };

		rc = sk_lint_git(l, list, NULL, &ids, NULL);
	}
	if (!rc && ids.len) {
		const char *const diff[] = { "diff-tree", "--stdin",     "--root", "-r", "-z",
			                     "--raw",     "--no-abbrev", "-M",     NULL };

		rc = sk_lint_git(l, diff, &ids, &out, NULL);
	}
	if (!rc)
		rc = parse_commits(l, &out);
	sk_buf_free(&range);
	sk_buf_free(&ids);
	sk_buf_free(&out);
	return rc;
}

/* Files that git does not know and does not ignore; a nested repository ends in "/". */
static int untracked(struct sk_linting *l)
{
	static const char *const args[] = { "ls-files", "-o", "-z", "--exclude-standard", NULL };
	struct sk_buf out = SK_BUF_INIT;
	struct records r;
	const char *w;
	int rc = sk_lint_git(l, args, NULL, &out, NULL);

	r = (struct records){ sk_buf_str(&out), sk_buf_str(&out) + out.len };
	while (!rc && (w = word(&r))) {
		struct sk_lint_file *f;
		struct stat st;

		if (fstatat(l->repo->wtfd, w, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		f = more(&l->files);
		if (!f || !(f->path = strdup(w)))
			rc = sk_error_oom();
		else
			f->status = 'A', f->mode = 0100644;
	}
	sk_buf_free(&out);
	return rc;
}

static int base_head(struct sk_linting *l)
{
	struct sk_oid head;
	char *branch = NULL;
	int rc = sk_repo_head(l->repo, &head, &branch);

	free(branch);
	if (rc)
		return rc;
	if (sk_oid_is_zero(&head))
		(void)strcpy(l->base, EMPTY_TREE);
	else
		sk_oid_hex(&head, l->base);
	return 0;
}

/* A new file beside a deleted one may be that one renamed, which git finds out. */
static bool has_renames(const struct sk_touched_set *set)
{
	bool gone = false, added = false;

	for (size_t i = 0; i < set->n; i++) {
		gone = gone || set->item[i].status == 'D';
		added = added || set->item[i].status == 'A';
	}
	return gone && added;
}

static int take(struct sk_linting *l, const struct sk_touched_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct sk_touched *t = &set->item[i];
		struct sk_lint_file *f = more(&l->files);

		if (!f || !(f->path = strdup(t->path)))
			return sk_error_oom();
		f->status = t->status;
		f->old_mode = t->old_mode;
		f->mode = t->mode;
		f->old_id = t->old;
		f->id = t->now;
	}
	return 0;
}

#define RAW "--raw", "-r", "-z", "-M", "--no-abbrev", "--ignore-submodules=all"

int sk_lint_collect(struct sk_linting *l)
{
	const char *const staged[] = { "diff-index", "--cached", RAW, l->base, "--", NULL };
	const char *const since[] = { "diff-tree", RAW, l->base, "HEAD", "--", NULL };
	/* not diff-index: that would name each file whose times alone have changed */
	const char *const here[] = { "diff", "--no-ext-diff", RAW, l->base, "--", NULL };
	const struct sk_touched_set *known =
	        l->opts->what == SK_LINT_STAGED ? l->opts->staged : NULL;
	const char *const *args = here;
	struct sk_buf out = SK_BUF_INIT;
	int rc = l->opts->what == SK_LINT_SINCE ? base_since(l) : base_head(l);

	if (l->opts->what == SK_LINT_STAGED)
		args = staged;
	else if (l->opts->what == SK_LINT_SINCE)
		args = since;
	if (!rc && known && !has_renames(known))
		return take(l, known);
	if (!rc)
		rc = sk_lint_git(l, args, NULL, &out, NULL);
	if (!rc)
		rc = parse(&out, &l->files);
	if (!rc && l->opts->what == SK_LINT_SINCE)
		rc = each_commit(l);
	if (!rc && l->opts->what == SK_LINT_UNCOMMITTED)
		rc = untracked(l);
	sk_buf_free(&out);
	return rc;
}

int sk_lint_blob(const struct sk_linting *l, const struct sk_oid *id, struct sk_buf *out)
{
	git_odb_object *object = NULL;
	int rc = sk_repo_read(l->repo, id, &object);

	if (rc)
		return sk_error_prefix(SK_ENO, "cannot be read");
	if (git_odb_object_size(object) > SK_LINT_FILE_MAX)
		rc = sk_error(SK_EREFUSED, "larger than %dM", SK_LINT_FILE_MAX >> 20);
	if (!rc)
		rc = sk_buf_add(out, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return rc;
}

int sk_lint_old(const struct sk_linting *l, const struct sk_lint_file *f, struct sk_buf *out)
{
	if (!sk_lint_is_file(f->old_mode))
		return sk_error(SK_ENO, "no file");
	return sk_lint_blob(l, &f->old_id, out);
}

int sk_lint_new(const struct sk_linting *l, const struct sk_lint_file *f, struct sk_buf *out)
{
	int rc;

	if (!sk_lint_is_file(f->mode))
		return sk_error(SK_ENO, "no file");
	if (!sk_oid_is_zero(&f->id))
		return sk_lint_blob(l, &f->id, out);
	rc = sk_read_file(l->repo->wtfd, f->path, SK_LINT_FILE_MAX, out);
	return rc == SK_EIO ? sk_error_prefix(SK_ENO, "cannot be read") : rc;
}

int sk_lint_paths(const struct sk_linting *l, bool of_base, struct sk_buf *out)
{
	const char *const tree[] = {
		"ls-tree", "-r", "-z", "--name-only", of_base ? l->base : "HEAD", NULL
	};
	static const char *const index[] = { "ls-files", "-z", NULL };
	static const char *const here[] = {
		"ls-files", "-c", "-o", "-z", "--exclude-standard", NULL
	};
	const char *const *args = tree;

	if (!of_base && l->opts->what == SK_LINT_STAGED)
		args = index;
	else if (!of_base && l->opts->what == SK_LINT_UNCOMMITTED)
		args = here;
	return sk_lint_git(l, args, NULL, out, NULL);
}

int sk_lint_at(const struct sk_linting *l, const char *treeish, const char *path,
               struct sk_buf *out)
{
	git_object *top = NULL, *tree = NULL;
	git_tree_entry *entry = NULL;
	struct sk_oid id;
	int rc = SK_ENO;

	if (git_revparse_single(&top, l->repo->git, treeish) == 0 &&
	    git_object_peel(&tree, top, GIT_OBJECT_TREE) == 0 &&
	    git_tree_entry_bypath(&entry, (git_tree *)tree, path) == 0 &&
	    sk_lint_is_file((uint32_t)git_tree_entry_filemode_raw(entry))) {
		memcpy(id.id, git_tree_entry_id(entry)->id, SK_OID_RAW);
		rc = sk_lint_blob(l, &id, out);
	} else {
		rc = sk_error(SK_ENO, "no file %s", sk_name(path));
	}
	git_tree_entry_free(entry);
	git_object_free(tree);
	git_object_free(top);
	return rc;
}
