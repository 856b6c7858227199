#include "capture/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/text.h"

#define TEXT_MAX ((size_t)64 << 10)
#define SERIES "Sk-Series"

const struct sk_progress_file sk_progress_files[] = {
	{ "MERGE_HEAD", "Sk-Merge", SK_PROGRESS_HEAD },
	{ "CHERRY_PICK_HEAD", "Sk-Cherry-Pick", SK_PROGRESS_HEAD },
	{ "REVERT_HEAD", "Sk-Revert", SK_PROGRESS_HEAD },
	{ "MERGE_AUTOSTASH", "Sk-Autostash", SK_PROGRESS_COMMIT },
	{ "MERGE_MODE", "Sk-Merge-Mode", SK_PROGRESS_TEXT },
	{ "MERGE_MSG", "Sk-Message", SK_PROGRESS_TEXT },
	{ "AUTO_MERGE", NULL, SK_PROGRESS_SHADOW },
	{ NULL, NULL, SK_PROGRESS_SHADOW },
};

static bool stat_in(const struct sk_repo *repo, const char *file, struct stat *st)
{
	char *path;
	bool yes;

	if (asprintf(&path, "%s/%s", repo->gitdir, file) < 0)
		return false;
	yes = lstat(path, st) == 0;
	free(path);
	return yes;
}

bool sk_progress_exists(const struct sk_repo *repo, const char *file)
{
	struct stat st;

	return stat_in(repo, file, &st) && S_ISREG(st.st_mode);
}

const char *sk_progress_series(const struct sk_repo *repo)
{
	static const char *const names[] = { "rebase-merge", "rebase-apply", "sequencer", NULL };
	struct stat st;

	for (size_t i = 0; names[i]; i++)
		if (stat_in(repo, names[i], &st) && S_ISDIR(st.st_mode))
			return names[i];
	return NULL;
}

/* One commit a line, as words.  False: not what git writes. */
static bool commits_to_words(struct sk_buf *text)
{
	struct sk_oid oid;

	for (size_t at = 0; at < text->len; at += SK_OID_HEX + 1) {
		char *end = text->ptr + at + SK_OID_HEX;

		if (text->len - at < SK_OID_HEX || !sk_oid_parse(text->ptr + at, &oid))
			return false;
		if (*end == '\n')
			*end = ' ';
		else if (*end)
			return false;
	}
	return text->len > 0;
}

static int describe_file(const struct sk_repo *repo, const struct sk_progress_file *f,
                         struct sk_entry *e)
{
	struct sk_buf text = SK_BUF_INIT;
	char *path = NULL;
	int rc = asprintf(&path, "%s/%s", repo->gitdir, f->file) < 0 ? sk_error_oom() : 0;

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, TEXT_MAX, &text);
	if (!rc) {
		while (text.len && text.ptr[text.len - 1] == '\n')
			sk_buf_truncate(&text, text.len - 1);
		if (text.len && !memchr(text.ptr, '\0', text.len) &&
		    (f->kind == SK_PROGRESS_TEXT || commits_to_words(&text)))
			rc = sk_entry_set(e, f->trailer, sk_buf_str(&text));
	} else if (rc == SK_ENO || rc == SK_EREFUSED || rc == SK_EIO) {
		rc = 0; /* none, or none that git could read */
	}
	free(path);
	sk_buf_free(&text);
	return rc;
}

int sk_progress_describe(const struct sk_repo *repo, struct sk_entry *e)
{
	const char *series = sk_progress_series(repo);
	bool under_way = false;
	int rc = series ? sk_entry_set(e, SERIES, series) : 0;

	for (const struct sk_progress_file *f = sk_progress_files; f->file; f++)
		under_way |= f->kind == SK_PROGRESS_HEAD && sk_progress_exists(repo, f->file);
	for (const struct sk_progress_file *f = sk_progress_files; !rc && under_way && f->file; f++)
		if (f->kind != SK_PROGRESS_SHADOW && sk_progress_exists(repo, f->file))
			rc = describe_file(repo, f, e);
	return rc;
}

static bool same(const struct sk_entry *a, const struct sk_entry *b, const char *key)
{
	const char *x = sk_entry_get(a, key), *y = sk_entry_get(b, key);

	return strcmp(x ? x : "", y ? y : "") == 0;
}

bool sk_progress_same(const struct sk_entry *a, const struct sk_entry *b)
{
	for (const struct sk_progress_file *f = sk_progress_files; f->file; f++)
		if (f->kind == SK_PROGRESS_HEAD && !same(a, b, f->trailer))
			return false;
	return same(a, b, SERIES);
}
