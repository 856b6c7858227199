#include "hooks/install_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"

#define MAX_CONFIG (16u << 20)

/* The name of a file's copy in SKDIR/installed.d: "before.config", "after.%x%worktree". */
static int copy_path(const struct sk_place *p, const char *which, const char *file,
                     struct sk_buf *out)
{
	size_t n = strlen(p->repo->commondir), at;

	if (strncmp(file, p->repo->commondir, n) == 0 && file[n] == '/')
		file += n + 1;
	(void)sk_buf_addf(out, "%s/installed.d/%s.", p->repo->skdir, which);
	at = out->len;
	(void)sk_buf_adds(out, file);
	for (; at < out->len; at++)
		if (out->ptr[at] == '/')
			out->ptr[at] = '%';
	return sk_buf_ok(out);
}

static bool same(const struct sk_buf *a, const struct sk_buf *b)
{
	return a->len == b->len && memcmp(sk_buf_str(a), sk_buf_str(b), a->len) == 0;
}

/* Whether the copy is there; its bytes go to `out`. */
static int read_copy(const struct sk_place *p, const char *which, const char *file,
                     struct sk_buf *out, bool *there)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = copy_path(p, which, file, &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, MAX_CONFIG, out);
	if (!rc || rc == SK_ENO) {
		*there = !rc;
		rc = 0;
	}
	sk_buf_free(&path);
	return rc;
}

static int write_copy(const struct sk_place *p, const char *which, const char *file,
                      const struct sk_buf *text)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = copy_path(p, which, file, &path);

	if (!rc) /* an URL in it may carry a password */
		rc = sk_write_file(AT_FDCWD, path.ptr, sk_buf_str(text), text->len, 0600, true);
	sk_buf_free(&path);
	return rc;
}

static int drop_copy(const struct sk_place *p, const char *which, const char *file)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = copy_path(p, which, file, &path);

	if (!rc)
		(void)unlink(path.ptr);
	sk_buf_free(&path);
	return rc;
}

/* Keeps the bytes of before our first change, and those that we leave, for as long as nobody else
 * changes the file: then taking off needs no editing. */
static int keep_copies(const struct sk_place *p, const char *file, bool first,
                       const struct sk_buf *now, const struct sk_buf *next)
{
	struct sk_buf before = SK_BUF_INIT, after = SK_BUF_INIT;
	bool has_before = false, has_after = false;
	int rc;

	rc = read_copy(p, "before", file, &before, &has_before);
	if (!rc)
		rc = read_copy(p, "after", file, &after, &has_after);
	if (rc)
		goto out;
	if (first || (has_before && same(&before, now)))
		rc = write_copy(p, "before", file, now);
	else if (!has_before || !has_after || !same(&after, now))
		goto drop;
	if (!rc)
		rc = write_copy(p, "after", file, next);
	goto out;
drop:
	rc = drop_copy(p, "after", file);
	if (!rc)
		rc = drop_copy(p, "before", file);
out:
	sk_buf_free(&before);
	sk_buf_free(&after);
	return rc;
}

static int text_has(const struct sk_buf *text, const struct sk_want *want, bool *has)
{
	struct sk_strv values = SK_STRV_INIT;
	int rc = sk_text_values(text, want->key, &values);

	if (!rc && want->more)
		*has = sk_strv_has(&values, want->value);
	else if (!rc)
		*has = values.n && strcmp(values.item[values.n - 1], want->value) == 0;
	sk_strv_free(&values);
	return rc;
}

static int read_config(const char *file, struct sk_buf *out)
{
	int rc = sk_read_file(AT_FDCWD, file, MAX_CONFIG, out);

	return rc == SK_ENO ? 0 : rc;
}

/* Whether anything of it is not there; in a dry run each is named. */
static int missing(struct sk_place *p, const char *file, const struct sk_want *want, size_t n,
                   bool *any)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = read_config(file, &text);
	bool has = true;

	*any = false;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = text_has(&text, &want[i], &has);
		if (rc || has)
			continue;
		*any = true;
		if (p->dry)
			(void)sk_place_act(p, &rc, "", "is not set", "setting %s", want[i].key);
	}
	sk_buf_free(&text);
	return rc;
}

/* What the claim says of the state before ours moves on to the edit that takes its place. */
static void inherit(struct sk_edit *edit, struct sk_claim *old)
{
	free(edit->was);
	edit->was = old->edit.was;
	edit->header = old->edit.header;
	old->edit.was = NULL;
}

static int set_one(struct sk_place *p, const char *file, const struct sk_want *want, bool at_end,
                   struct sk_buf *text)
{
	struct sk_claim *old =
	        sk_record_find(&p->record, file, want->key, want->more ? want->value : NULL);
	struct sk_want ours = *want;
	struct sk_edit edit;
	bool still = false;
	int rc = 0;

	if (old) {
		ours.value = old->edit.value;
		rc = text_has(text, &ours, &still);
	}
	if (!rc && still && at_end)
		rc = sk_text_unset(text, &old->edit, &still);
	if (!rc)
		rc = sk_text_set(text, want->key, want->value, want->more, at_end, &edit);
	if (rc)
		return rc;
	if (still && !at_end) /* an older value of ours */
		inherit(&edit, old);
	if (old)
		sk_record_drop(&p->record, old);
	return sk_record_claim(&p->record, file, &edit);
}

static int set_all(struct sk_place *p, const char *file, const struct sk_want *want, size_t n,
                   bool at_end, struct sk_buf *text)
{
	bool has;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++) {
		rc = text_has(text, &want[i], &has);
		if (rc || (has && !at_end))
			continue;
		rc = set_one(p, file, &want[i], at_end, text);
		if (!rc)
			(void)sk_place_act(p, &rc, "", "", "set %s = %s", want[i].key,
			                   want[i].value);
	}
	return rc;
}

int sk_place_config(struct sk_place *p, const char *file, const struct sk_want *want, size_t n,
                    bool at_end)
{
	struct sk_locked l = SK_LOCKED_INIT;
	struct sk_buf text = SK_BUF_INIT;
	struct sk_strv *said = p->said, lines = SK_STRV_INIT;
	bool any = false, first = true, changed;
	int rc = missing(p, file, want, n, &any);

	for (size_t i = 0; i < p->record.n_claims; i++)
		first = first && strcmp(p->record.claim[i].file, file) != 0;
	if (rc || p->dry || (!any && !at_end))
		return rc;
	p->said = &lines;
	rc = sk_lock_file(file, &l);
	if (!rc)
		rc = sk_buf_add(&text, sk_buf_str(&l.text), l.text.len);
	if (!rc)
		rc = keep_copies(p, file, first, &l.text, &l.text);
	if (!rc)
		rc = set_all(p, file, want, n, at_end, &text);
	/* known before it is done: a crash in between leaves no setting that is not ours to undo */
	if (!rc)
		rc = sk_record_save(p->repo, &p->record);
	if (!rc)
		rc = keep_copies(p, file, false, &l.text, &text);
	changed = !same(&l.text, &text);
	if (!rc && changed)
		rc = sk_lock_commit(&l, &text);
	for (size_t i = 0; !rc && changed && i < lines.n; i++)
		rc = sk_strv_add(said, lines.item[i]);
	p->said = said;
	sk_lock_release(&l);
	sk_buf_free(&text);
	sk_strv_free(&lines);
	return rc;
}

/* Takes back the claims on `file`, newest first; with `key` only that one. */
static int unset_all(struct sk_place *p, const char *file, const char *key, struct sk_buf *text)
{
	int rc = 0;
	bool done;

	for (size_t i = p->record.n_claims; !rc && i-- > 0;) {
		struct sk_claim *c = &p->record.claim[i];

		if (strcmp(c->file, file) != 0 || (key && strcmp(c->edit.key, key) != 0))
			continue;
		rc = sk_text_unset(text, &c->edit, &done);
		if (!rc && done)
			(void)sk_place_act(p, &rc, "", "", "%s %s",
			                   c->edit.was ? "put back" : "removed", c->edit.key);
		if (!rc)
			sk_record_drop(&p->record, c);
	}
	return rc;
}

int sk_unplace_config(struct sk_place *p, const char *file, const char *key)
{
	struct sk_buf text = SK_BUF_INIT, before = SK_BUF_INIT, after = SK_BUF_INIT;
	bool has_before = false, has_after = false;
	struct sk_locked l = SK_LOCKED_INIT;
	int rc;

	rc = read_copy(p, "before", file, &before, &has_before);
	if (!rc)
		rc = read_copy(p, "after", file, &after, &has_after);
	if (!rc)
		rc = sk_lock_file(file, &l);
	if (!rc)
		rc = sk_buf_add(&text, sk_buf_str(&l.text), l.text.len);
	if (!rc)
		rc = unset_all(p, file, key, &text);
	if (rc)
		goto out;
	if (!key && has_before && has_after && same(&after, &l.text)) {
		sk_buf_clear(&text);
		rc = sk_buf_add(&text, sk_buf_str(&before), before.len);
	}
	if (!rc && key)
		rc = keep_copies(p, file, false, &l.text, &text);
	if (!rc && !same(&l.text, &text))
		rc = sk_lock_commit(&l, &text);
	if (!rc && key)
		rc = sk_record_save(p->repo, &p->record);
out:
	sk_lock_release(&l);
	sk_buf_free(&text);
	sk_buf_free(&before);
	sk_buf_free(&after);
	return rc;
}

/* What git makes of the settings */

static int strset(char **to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return sk_error_oom();
	free(*to);
	*to = copy;
	return 0;
}

/* One value in rising order of precedence; what is ours is looked through for `below`. */
static int take_value(const struct sk_place *p, struct sk_setting *s, const char *key,
                      const char *scope, const char *origin, const char *value)
{
	bool ours = sk_is_our_fsmonitor(value) || strcmp(value, p->dispatch) == 0 ||
	            sk_record_find(&p->record, NULL, key, value);
	int rc = strset(&s->value, value);

	if (!rc)
		rc = strset(&s->scope, scope);
	if (!rc)
		rc = strset(&s->origin, strncmp(origin, "file:", 5) == 0 ? origin + 5 : "");
	if (!rc && !ours)
		rc = strset(&s->below, value);
	return rc;
}

/* scope NUL origin NUL key LF value NUL */
static int take_all(const struct sk_place *p, const struct sk_buf *out, struct sk_setting *path,
                    struct sk_setting *fsmonitor)
{
	const char *at = sk_buf_str(out), *end = at + out->len;
	int rc = 0;

	while (!rc && at < end) {
		const char *scope = at, *origin = scope + strlen(scope) + 1, *key, *value;
		bool hooks;

		if (origin >= end || (key = origin + strlen(origin) + 1) >= end)
			break;
		at = key + strlen(key) + 1;
		value = key + strcspn(key, "\n");
		hooks = strncasecmp(key, "core.hookspath", (size_t)(value - key)) == 0;
		/* a key without "=" is true */
		rc = take_value(p, hooks ? path : fsmonitor,
		                hooks ? "core.hooksPath" : "core.fsmonitor", scope, origin,
		                *value ? value + 1 : "true");
	}
	return rc;
}

/* Adds what git has of the keys; `path`: with "~" made a folder, which a key without "=" fails. */
static int ask_git(const struct sk_place *p, const char *keys, bool path, struct sk_buf *out,
                   struct sk_buf *errors, int *status)
{
	const char *argv[] = { "git",
		               "--git-dir",
		               p->repo->gitdir,
		               "--work-tree",
		               p->repo->worktree,
		               "config",
		               "-z",
		               "--show-scope",
		               "--show-origin",
		               path ? "--type=path" : "--no-type",
		               "--get-regexp",
		               keys,
		               NULL };
	struct sk_proc proc = {
		.argv = argv, .dir = p->repo->worktree, .output = out, .errors = errors
	};

	return sk_proc_run(&proc, status);
}

int sk_settings_read(const struct sk_place *p, struct sk_setting *hooks_path,
                     struct sk_setting *fsmonitor)
{
	struct sk_buf out = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_setting h = { 0 }, f = { 0 };
	int status = 0;
	int rc = ask_git(p, "^core\\.(hookspath|fsmonitor)$", true, &out, &errors, &status);

	if (!rc && status > 1) {
		sk_buf_clear(&out);
		sk_buf_clear(&errors);
		rc = ask_git(p, "^core\\.hookspath$", true, &out, &errors, &status);
		if (!rc && status <= 1)
			rc = ask_git(p, "^core\\.fsmonitor$", false, &out, &errors, &status);
	}
	if (!rc && status > 1)
		rc = sk_error(SK_EIO, "git cannot read its configuration: %.*s",
		              (int)strcspn(sk_buf_str(&errors), "\n"), sk_buf_str(&errors));
	if (!rc)
		rc = take_all(p, &out, &h, &f);
	if (rc) {
		sk_setting_free(&h);
		sk_setting_free(&f);
	} else {
		*hooks_path = h;
		*fsmonitor = f;
	}
	sk_buf_free(&out);
	sk_buf_free(&errors);
	return rc;
}

int sk_setting_given(const struct sk_place *p, const char *key, bool *given)
{
	struct sk_buf out = SK_BUF_INIT, errors = SK_BUF_INIT, pattern = SK_BUF_INIT;
	int status = 0, rc = 0;

	(void)sk_buf_addc(&pattern, '^');
	for (const char *c = key; *c; c++)
		(void)sk_buf_addf(&pattern, "%s%c", *c == '.' ? "\\" : "",
		                  *c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
	(void)sk_buf_addc(&pattern, '$');
	rc = sk_buf_ok(&pattern);
	if (!rc)
		rc = ask_git(p, pattern.ptr, false, &out, &errors, &status);
	if (!rc)
		*given = status != 1; /* 1: there is none */
	sk_buf_free(&out);
	sk_buf_free(&errors);
	sk_buf_free(&pattern);
	return rc;
}

void sk_setting_free(struct sk_setting *s)
{
	free(s->value);
	free(s->scope);
	free(s->origin);
	free(s->below);
	memset(s, 0, sizeof *s);
}
