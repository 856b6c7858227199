#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "lint/lint_parts.h"
#include "lint/secrets.h"

enum { IGNORE_MAX = 1 << 20 };

struct seen { /* one value in one file is told once, however many commits carry it */
	struct sk_oid value;
	const char *path, *rule;
};

struct check {
	struct sk_linting *l;
	struct sk_secrets *rules;
	struct sk_strv ignored; /* lines of .gitleaksignore */
	struct seen *seen;
	size_t n_seen;
};

static int load_ignored(struct check *c)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_read_file(c->l->repo->wtfd, SK_EXCUSES_FILE, IGNORE_MAX, &text);

	if (rc == SK_ENO)
		return 0;
	rc = rc ? sk_error_prefix(rc, SK_EXCUSES_FILE) : sk_excuses_read(&text, &c->ignored);
	sk_buf_free(&text);
	return rc;
}

static int first_time(struct check *c, const char *path, const struct sk_secret *s,
                      const char *text, bool *out)
{
	struct seen one = { .path = path, .rule = s->rule }, *seen;

	sk_hash_object(SK_OBJ_BLOB, text + s->offset, s->len, &one.value);
	*out = false;
	for (size_t i = 0; i < c->n_seen; i++)
		if (sk_oid_eq(&c->seen[i].value, &one.value) && strcmp(c->seen[i].path, path) == 0)
			return 0;
	seen = reallocarray(c->seen, c->n_seen + 1, sizeof *seen);
	if (!seen)
		return sk_error_oom();
	c->seen = seen;
	seen[c->n_seen++] = one;
	*out = true;
	return 0;
}

static int report(struct check *c, const struct sk_lint_file *f, const char *commit,
                  const struct sk_secret *s, const struct sk_buf *text)
{
	struct sk_found_at at = { .path = f->path,
		                  .line = s->line,
		                  .column = sk_column_of(text->ptr, s->offset),
		                  .commit = commit,
		                  .text = text->ptr,
		                  .len = text->len };
	char rule[80];
	bool ignored = false, first = false;
	int rc = sk_excuses_have(&c->ignored, f->path, commit, s, &ignored);

	if (!rc && !ignored)
		rc = first_time(c, f->path, s, text->ptr, &first);
	if (rc || !first)
		return rc;
	(void)snprintf(rule, sizeof rule, "secret-%s", s->rule);
	return sk_lint_report(c->l->out, rule, SK_LINT_BLOCK, &at, SK_SECRET_REMEDY,
	                      commit ? "%s (%zu bytes) was committed" : "%s (%zu bytes)", s->title,
	                      s->len);
}

static int cannot(struct check *c, const struct sk_lint_file *f, const char *commit)
{
	struct sk_found_at at = { .path = f->path, .commit = commit };
	char why[200];

	(void)snprintf(why, sizeof why, "%s", sk_error_message());
	sk_error_clear();
	return sk_lint_report(c->l->out, "cannot-inspect", SK_LINT_WARN, &at,
	                      "look through it yourself for secrets",
	                      "not searched for secrets: %s", why);
}

/* What stood in the file before is not this change's doing. */
static int one_file(struct check *c, const struct sk_lint_file *f, const char *commit)
{
	struct sk_buf text = SK_BUF_INIT, old = SK_BUF_INIT;
	struct sk_secret_list found = { 0 };
	int rc;

	if (!sk_lint_is_file(f->mode) || (!sk_oid_is_zero(&f->id) && sk_oid_eq(&f->id, &f->old_id)))
		return 0;
	rc = sk_lint_new(c->l, f, &text);
	if (rc == SK_ENO || rc == SK_EREFUSED) {
		rc = cannot(c, f, commit);
		goto out;
	}
	if (!rc && text.len) {
		rc = sk_secrets_scan(c->rules, text.ptr, text.len, &found);
		if (rc)
			rc = sk_error_prefix(rc, "%s", sk_name(f->path));
	}
	if (!rc && found.n && f->old_mode && sk_lint_old(c->l, f, &old)) {
		sk_buf_clear(&old);
		sk_error_clear();
	}
	for (size_t i = 0; !rc && i < found.n; i++)
		if (!memmem(sk_buf_str(&old), old.len, text.ptr + found.item[i].offset,
		            found.item[i].len))
			rc = report(c, f, commit, &found.item[i], &text);
out:
	sk_secret_list_clear(&found);
	sk_buf_free(&text);
	sk_buf_free(&old);
	return rc;
}

int sk_lint_secrets(struct sk_linting *l)
{
	struct check c = { .l = l };
	int rc = sk_secrets_load(&c.rules);

	if (rc)
		rc = sk_error_prefix(rc, "secrets cannot be looked for");
	if (!rc)
		rc = load_ignored(&c);
	/* a secret that a later commit took out again is in the history all the same */
	for (size_t i = 0; !rc && i < l->n_commits; i++)
		for (size_t k = 0; !rc && k < l->commit[i].files.n; k++)
			rc = one_file(&c, &l->commit[i].files.item[k], l->commit[i].id);
	for (size_t i = 0; !rc && i < l->files.n; i++)
		rc = one_file(&c, &l->files.item[i], NULL);
	sk_secrets_free(c.rules);
	sk_strv_free(&c.ignored);
	free(c.seen);
	return rc;
}
