#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "repo/wildmatch.h"
#include "store/purge_parts.h"

#define FILE_MAX ((size_t)256 << 20)

/* The file: records ended by NUL, the first "safekeep-purge 1", then "T text", "P pattern" and
 * "B oid",
 * and "C oid" for what was found at the patterns; the last one is "E", so that a file that is cut
 * is none. */
static const char head[] = "safekeep-purge 1";

void sk_purge_what_clear(struct sk_purge_what *what)
{
	sk_strv_free(&what->paths);
	sk_oidset_free(&what->blobs);
	sk_oidset_free(&what->known);
	free(what->text);
	*what = (struct sk_purge_what){ 0 };
}

static bool is_literal(const char *pattern)
{
	return !pattern[strcspn(pattern, "*?[\\")];
}

static bool below(const char *path, const char *top, size_t len)
{
	return len == 0 || (strncmp(path, top, len) == 0 && (!path[len] || path[len] == '/'));
}

bool sk_purge_matches(const struct sk_strv *paths, const char *path, bool folder)
{
	size_t plen = strlen(path);

	for (size_t i = 0; i < paths->n; i++) {
		const char *p = paths->item[i];
		size_t len = strlen(p);
		bool only_folder = len && p[len - 1] == '/';

		len -= only_folder;
		if (only_folder && !folder && plen == len)
			continue; /* the file itself; what is below a folder is found by that */
		if (is_literal(p) ? below(path, p, len) && (!only_folder || folder || plen > len)
		                  : sk_wm_match(p, len, path, plen, 0) && (!only_folder || folder))
			return true;
	}
	return false;
}

bool sk_purge_may_match_below(const struct sk_strv *paths, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < paths->n; i++) {
		const char *p = paths->item[i];

		if (!is_literal(p) || len == 0 || (strncmp(p, path, len) == 0 && p[len] == '/'))
			return true;
	}
	return false;
}

static int file_of(const struct sk_repo *repo, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/purge", repo->skdir);
}

static int add_record(struct sk_buf *out, char kind, const char *text)
{
	(void)sk_buf_addf(out, "%c %s", kind, text);
	return sk_buf_addc(out, '\0');
}

int sk_purge_note(const struct sk_repo *repo, const struct sk_purge_what *what,
                  const struct sk_oidset *more)
{
	const struct sk_oidset *sets[] = { &what->blobs, &what->known, more };
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	const struct sk_oidset_slot *slot;
	int rc = file_of(repo, &path);

	if (!rc)
		rc = sk_buf_add(&text, head, sizeof head);
	if (!rc)
		rc = add_record(&text, 'T', what->text);
	for (size_t i = 0; !rc && i < what->paths.n; i++)
		rc = add_record(&text, 'P', what->paths.item[i]);
	for (size_t i = 0, at = 0; i < 3; i++, at = 0)
		while (!rc && (slot = sk_oidset_next(sets[i], &at)))
			rc = add_record(&text, i ? 'C' : 'B', sk_oid_str(&slot->oid));
	if (!rc)
		rc = sk_buf_add(&text, "E", 2);
	if (!rc)
		rc = sk_mkdirs(repo->skdir, 0777);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0600, true);
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

/* The note goes when all that was deleted is gone from the disk too, wherever it was. */
int sk_purge_done(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	int fd, rc = file_of(repo, &path);

	if (rc)
		return rc;
	fd = open(repo->commondir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync '%s'", repo->commondir);
	if (fd >= 0)
		(void)close(fd);
	if (!rc && unlink(path.ptr) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path.ptr);
	sk_buf_free(&path);
	return rc;
}

static int take_record(struct sk_purge_what *what, const char *text)
{
	struct sk_oid oid;

	if (strncmp(text, "P ", 2) == 0)
		return sk_strv_add(&what->paths, text + 2);
	if (strncmp(text, "B ", 2) == 0 && sk_oid_parse(text + 2, &oid))
		return sk_oidset_add(&what->blobs, &oid, SK_OBJ_BLOB, NULL);
	if (strncmp(text, "C ", 2) == 0 && sk_oid_parse(text + 2, &oid))
		return sk_oidset_add(&what->known, &oid, SK_OBJ_BLOB, NULL);
	if (strncmp(text, "T ", 2) == 0 && !what->text) {
		what->text = strdup(text + 2);
		return what->text ? 0 : sk_error_oom();
	}
	return 0;
}

int sk_purge_pending(const struct sk_repo *repo, struct sk_purge_what *out)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	struct sk_purge_what what = { .text = NULL };
	int rc = file_of(repo, &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, FILE_MAX, &text);
	if (!rc && (text.len < sizeof head + 2 || memcmp(text.ptr, head, sizeof head) != 0 ||
	            memcmp(text.ptr + text.len - 2, "E", 2) != 0))
		rc = sk_error(SK_ENO, "'%s' is none of ours", path.ptr);
	for (size_t at = sizeof head; !rc && at < text.len; at += strlen(text.ptr + at) + 1)
		rc = take_record(&what, text.ptr + at);
	if (!rc && !what.text)
		rc = sk_error(SK_ENO, "'%s' is none of ours", path.ptr);
	sk_buf_free(&path);
	sk_buf_free(&text);
	if (rc)
		sk_purge_what_clear(&what);
	else
		*out = what;
	return rc;
}
