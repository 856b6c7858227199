#include "command/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"

#define MAX_REGISTRY (16u << 20)

static int folder(struct sk_buf *out)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && state[0] == '/')
		(void)sk_buf_addf(out, "%s/safekeep", state);
	else if (home && home[0] == '/')
		(void)sk_buf_addf(out, "%s/.local/state/safekeep", home);
	else
		return sk_error(SK_EIO, "cannot keep the list of repositories: HOME is not set");
	return sk_buf_ok(out);
}

static void unescape(char *line)
{
	char *to = line;

	for (const char *p = line; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			*to++ = *p == 'n' ? '\n' : *p;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

static int read_list(const char *dir, struct sk_strv *out)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	char *line, *save = NULL;
	int rc;

	(void)sk_buf_addf(&path, "%s/repos", dir);
	rc = sk_buf_ok(&path);
	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, MAX_REGISTRY, &text);
	if (rc == SK_ENO)
		rc = 0;
	line = text.len ? strtok_r(text.ptr, "\n", &save) : NULL;
	for (; !rc && line; line = strtok_r(NULL, "\n", &save)) {
		unescape(line);
		if (line[0] == '/' && !sk_strv_has(out, line))
			rc = sk_strv_add(out, line);
	}
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

static int write_list(const char *dir, const struct sk_strv *list)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&path, "%s/repos", dir);
	for (size_t i = 0; i < list->n; i++) {
		for (const char *p = list->item[i]; *p; p++)
			if (*p == '\n')
				(void)sk_buf_adds(&text, "\\n");
			else
				(void)sk_buf_addf(&text, "%s%c", *p == '\\' ? "\\" : "", *p);
		(void)sk_buf_addc(&text, '\n');
	}
	rc = sk_buf_ok(&path);
	if (!rc)
		rc = sk_buf_ok(&text);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, sk_buf_str(&text), text.len, 0600, true);
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

/* The descriptor keeps the lock until it is closed. */
static int lock(const char *dir, int *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int fd, rc;

	(void)sk_buf_addf(&path, "%s/repos.lock", dir);
	rc = sk_buf_ok(&path);
	if (rc)
		return rc;
	fd = sk_create(AT_FDCWD, path.ptr, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	sk_buf_free(&path);
	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot lock the list of repositories");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			(void)close(fd);
			return sk_error_errno(SK_EIO, "cannot lock the list of repositories");
		}
	*out = fd;
	return 0;
}

static void drop(struct sk_strv *list, const char *path)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i], path) == 0)
			free(list->item[i]);
		else
			list->item[kept++] = list->item[i];
	list->n = kept;
}

static int change(const char *worktree, bool add)
{
	struct sk_buf dir = SK_BUF_INIT;
	struct sk_strv list = SK_STRV_INIT;
	int fd = -1, rc = folder(&dir);

	if (!rc && (add || sk_exists(dir.ptr))) {
		rc = sk_mkdirs(dir.ptr, 0700);
		if (!rc)
			rc = lock(dir.ptr, &fd);
		if (!rc)
			rc = read_list(dir.ptr, &list);
		if (!rc && sk_strv_has(&list, worktree) != add) {
			if (add)
				rc = sk_strv_add(&list, worktree);
			else
				drop(&list, worktree);
			if (!rc)
				rc = write_list(dir.ptr, &list);
		}
	}
	if (fd >= 0)
		(void)close(fd);
	sk_strv_free(&list);
	sk_buf_free(&dir);
	return rc;
}

int sk_registry_add(const char *worktree)
{
	return change(worktree, true);
}

int sk_registry_remove(const char *worktree)
{
	return change(worktree, false);
}

int sk_registry_read(struct sk_strv *out)
{
	struct sk_buf dir = SK_BUF_INIT;
	struct sk_strv list = SK_STRV_INIT;
	int rc = folder(&dir);

	if (!rc)
		rc = read_list(dir.ptr, &list);
	sk_buf_free(&dir);
	if (rc)
		sk_strv_free(&list);
	else
		*out = list;
	return rc;
}
