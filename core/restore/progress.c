#include "restore/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "capture/progress.h"

static int current(const struct sk_repo *repo, struct sk_entry **out)
{
	struct sk_entry *now = calloc(1, sizeof *now);
	int rc = now ? sk_progress_describe(repo, now) : sk_error_oom();

	if (rc)
		sk_entry_free(now);
	else
		*out = now;
	return rc;
}

int sk_progress_is(const struct sk_repo *repo, const struct sk_entry *entry, bool *yes)
{
	struct sk_entry *now = NULL;
	int rc = current(repo, &now);

	if (!rc)
		*yes = sk_progress_same(now, entry);
	sk_entry_free(now);
	return rc;
}

static char *path_of(const struct sk_repo *repo, const char *file)
{
	char *path;

	if (asprintf(&path, "%s/%s", repo->gitdir, file) < 0) {
		(void)sk_error_oom();
		return NULL;
	}
	return path;
}

static int drop(const struct sk_repo *repo, const char *file)
{
	char *path;
	int rc = 0;

	if (!sk_progress_exists(repo, file))
		return 0;
	path = path_of(repo, file);
	if (!path)
		return SK_EIO;
	if (unlink(path) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	free(path);
	return rc;
}

static bool is_under_way(const struct sk_entry *e)
{
	for (const struct sk_progress_file *f = sk_progress_files; f->file; f++)
		if (f->kind == SK_PROGRESS_HEAD && sk_entry_get(e, f->trailer))
			return true;
	return false;
}

/* Words to lines; false when one of the commits is there no more. */
static bool commits_to_lines(const struct sk_repo *repo, char *words)
{
	struct sk_oid oid;

	for (char *p = words; *p; p += SK_OID_HEX) {
		if (*p == ' ')
			*p++ = '\n';
		if (!sk_oid_parse(p, &oid) || !sk_repo_has(repo, &oid))
			return false;
	}
	return true;
}

static int write_one(const struct sk_repo *repo, const struct sk_entry *entry,
                     const struct sk_progress_file *f)
{
	const char *value = f->trailer ? sk_entry_get(entry, f->trailer) : NULL;
	struct sk_buf text = SK_BUF_INIT;
	char *path;
	int rc;

	if (!value)
		return drop(repo, f->file);
	path = path_of(repo, f->file);
	rc = path ? sk_buf_adds(&text, value) : SK_EIO;
	if (!rc && f->kind != SK_PROGRESS_TEXT && !commits_to_lines(repo, text.ptr))
		rc = sk_error(SK_EDAMAGED, "the commit of '%s' is there no more", f->file);
	if (!rc && strcmp(f->file, "MERGE_MODE") != 0) /* which git writes without a newline */
		rc = sk_buf_addc(&text, '\n');
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0666, false);
	sk_buf_free(&text);
	free(path);
	return rc;
}

/* The commit that the work was on must be the present one. */
static int same_head(const struct sk_repo *repo, const struct sk_entry *entry, bool *same)
{
	struct sk_oid now, then;
	char *branch = NULL;
	int rc = sk_repo_head(repo, &now, &branch);

	free(branch);
	*same = !rc && sk_entry_get_oid(entry, "Sk-Head", &then) && sk_oid_eq(&now, &then);
	return rc;
}

static void remark_series(const struct sk_repo *repo, const struct sk_entry *entry)
{
	const char *now = sk_progress_series(repo), *then = sk_entry_get(entry, "Sk-Series");

	if (then && !now)
		sk_note("a rebase, am or series of picks was under way then: its files are back, "
		        "it "
		        "is not");
	else if (now && !then)
		sk_note("git %s is still under way; git %s --quit ends it and leaves the files "
		        "alone",
		        strcmp(now, "sequencer") == 0 ? "cherry-pick" : "rebase or am",
		        strcmp(now, "sequencer") == 0 ? "cherry-pick" : "rebase");
}

int sk_progress_restore(const struct sk_repo *repo, const struct sk_entry *entry)
{
	struct sk_entry *now = NULL;
	bool same = false;
	int rc = current(repo, &now);

	if (!rc && !sk_progress_same(now, entry)) {
		rc = same_head(repo, entry, &same);
		if (!rc && is_under_way(entry) && !same)
			sk_note("a merge or pick was under way then, on another commit: its files "
			        "are back, it is not");
		else if (is_under_way(entry) || is_under_way(now))
			for (const struct sk_progress_file *f = sk_progress_files; !rc && f->file;
			     f++)
				rc = write_one(repo, entry, f);
		remark_series(repo, entry);
	}
	sk_entry_free(now);
	return rc;
}
