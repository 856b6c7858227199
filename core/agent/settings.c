#include "agent/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/record.h"
#include "base/io.h"
#include "base/text.h"

#define SETTINGS_MAX (16u << 20)

/* The file that `path` means, links resolved; for one that is not there, its folder's. */
static int resolve(const char *path, char out[PATH_MAX], bool *there)
{
	struct stat st;
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = (size_t)(slash - path);
	int len;

	*there = lstat(path, &st) == 0;
	if (*there)
		return realpath(path, out)
		               ? 0
		               : sk_error_errno(SK_EREFUSED, "%s is a link that leads nowhere",
		                                sk_name(path));
	if (errno != ENOENT)
		return sk_error_errno(SK_EIO, "cannot read %s", sk_name(path));
	if (n >= sizeof dir)
		return sk_error(SK_EIO, "%s is too long a path", sk_name(path));
	memcpy(dir, path, n);
	dir[n] = '\0';
	if (lstat(dir, &st) < 0) {
		len = snprintf(out, PATH_MAX, "%s", path);
	} else {
		char real[PATH_MAX];

		if (!realpath(dir, real))
			return sk_error_errno(SK_EREFUSED, "cannot enter %s", sk_name(dir));
		len = snprintf(out, PATH_MAX, "%s%s", real, slash);
	}
	return len > 0 && len < PATH_MAX ? 0
	                                 : sk_error(SK_EIO, "%s is too long a path", sk_name(path));
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || (n && dir[n - 1] == '/'));
}

/* Whether the file is one that may be replaced. */
static int may_replace(const char *path, const char *real, mode_t *mode)
{
	struct stat st;

	if (stat(real, &st) < 0)
		return sk_error_errno(SK_EIO, "cannot read %s", sk_name(path));
	if (!S_ISREG(st.st_mode))
		return sk_error(SK_EREFUSED, "%s is no plain file", sk_name(path));
	if (geteuid() != 0 && st.st_uid != geteuid())
		return sk_error(SK_EREFUSED, "%s belongs to another user", sk_name(path));
	if (st.st_nlink > 1)
		return sk_error(SK_EREFUSED,
		                "%s has several names (hard links), of which only one would be "
		                "changed; make it a file of its own first",
		                sk_name(path));
	if (!(st.st_mode & S_IWUSR))
		return sk_error(SK_EREFUSED, "%s may not be written (chmod u+w allows it)",
		                sk_name(path));
	*mode = st.st_mode & 07777;
	return 0;
}

/* Text that is no settings is named with its file. */
static int named(int rc, const char *path)
{
	if (rc != SK_EUSAGE)
		return rc;
	return sk_error_prefix(SK_EREFUSED, "%s was left alone", sk_name(path));
}

int sk_agent_open(const struct sk_agent_tool *tool, enum sk_agent_scope scope, const char *worktree,
                  const char *command, struct sk_agent_file *out)
{
	struct sk_agent_file f = { .tool = tool, .scope = scope, .mode = 0666 };
	struct sk_buf path = SK_BUF_INIT;
	char real[PATH_MAX] = "";
	int rc = sk_agent_path(tool, scope, worktree, &path);

	if (!rc)
		rc = resolve(path.ptr, real, &f.there);
	if (!rc && scope != SK_AGENT_USER && !below(real, worktree))
		rc = sk_error(SK_EREFUSED, "%s leads out of the project, to %s; it was left alone",
		              sk_name(path.ptr), sk_name(real));
	if (!rc && scope == SK_AGENT_USER)
		f.mode = 0600;
	if (!rc && f.there)
		rc = may_replace(path.ptr, real, &f.mode);
	if (!rc && f.there)
		rc = sk_read_file(AT_FDCWD, real, SETTINGS_MAX, &f.text);
	if (!rc)
		rc = named(sk_agent_look(tool, sk_buf_str(&f.text), f.text.len, command, &f.state),
		           path.ptr);
	f.off = !rc && sk_agent_hooks_off(tool, sk_buf_str(&f.text), f.text.len);
	f.path = rc ? NULL : sk_buf_detach(&path);
	f.real = rc ? NULL : strdup(real);
	if (!rc && (!f.path || !f.real))
		rc = sk_error_oom();
	sk_buf_free(&path);
	if (rc)
		sk_agent_close(&f);
	else
		*out = f;
	return rc;
}

void sk_agent_close(struct sk_agent_file *f)
{
	free(f->path);
	free(f->real);
	sk_buf_free(&f->text);
	*f = (struct sk_agent_file){ 0 };
}

/* The tool may have written it since it was read. */
static int still_the_same(const struct sk_agent_file *f)
{
	struct sk_buf now = SK_BUF_INIT;
	int rc = sk_read_file(AT_FDCWD, f->real, SETTINGS_MAX, &now);
	bool same = f->there ? !rc && now.len == f->text.len &&
	                               memcmp(sk_buf_str(&now), sk_buf_str(&f->text), now.len) == 0
	                     : rc == SK_ENO;

	sk_buf_free(&now);
	if (same)
		return 0;
	return sk_error(SK_EBUSY, "%s was changed at this very moment; run it again",
	                sk_name(f->path));
}

static int replace(const struct sk_agent_file *f, const struct sk_buf *text)
{
	mode_t mask = 0;
	int rc = still_the_same(f);

	if (rc)
		return rc;
	if (f->there) /* exactly its bits; a new one gets what the user wants for new ones */
		mask = umask(0);
	rc = sk_write_file(AT_FDCWD, f->real, sk_buf_str(text), text->len, f->mode, true);
	if (f->there)
		(void)umask(mask);
	return rc;
}

static int folder_of(const char *path, struct sk_buf *out)
{
	return sk_buf_add(out, path, (size_t)(strrchr(path, '/') - path));
}

/* What the settings were before any hook of ours: kept from the first time, as long as nobody but
 * us has changed them. */
static int was_before(const struct sk_agent_file *f, struct sk_agent_record *out)
{
	struct sk_oid now;

	sk_agent_hash(&f->text, &now);
	if (f->state != SK_AGENT_ABSENT && sk_agent_record_read(f->real, out) == 0) {
		if (sk_oid_eq(&now, &out->after))
			return 0;
		sk_agent_record_clear(out);
	}
	out->absent = !f->there;
	return sk_agent_take_out(f->tool, sk_buf_str(&f->text), f->text.len, NULL, &out->before);
}

int sk_agent_install(struct sk_agent_file *f, const char *command)
{
	struct sk_agent_record record = { 0 };
	struct sk_buf text = SK_BUF_INIT, dir = SK_BUF_INIT;
	int rc;

	if (f->state == SK_AGENT_PRESENT)
		return 0;
	rc = sk_agent_add(f->tool, sk_buf_str(&f->text), f->text.len, command, &text);
	if (!rc)
		rc = was_before(f, &record);
	if (!rc)
		rc = folder_of(f->real, &dir);
	if (!rc && !sk_exists(dir.ptr)) {
		record.folder = true;
		rc = sk_mkdirs(dir.ptr, f->scope == SK_AGENT_USER ? 0700 : 0777);
	}
	sk_agent_hash(&text, &record.after);
	if (!rc)
		rc = sk_agent_record_write(f->real, &record);
	if (!rc)
		rc = replace(f, &text);
	sk_agent_record_clear(&record);
	sk_buf_free(&text);
	sk_buf_free(&dir);
	return rc;
}

/* Whether there is nothing in it but an empty object. */
static bool says_nothing(const struct sk_buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		if (!memchr(" \t\r\n", text->ptr[i], 4))
			n += text->ptr[i] == '{' || text->ptr[i] == '}' ? 1 : 3;
	return n <= 2;
}

static int take_away(const struct sk_agent_file *f, bool folder)
{
	struct sk_buf dir = SK_BUF_INIT;
	int rc = still_the_same(f);

	if (!rc && unlink(f->real) < 0)
		rc = sk_error_errno(SK_EIO, "cannot remove %s", sk_name(f->path));
	if (!rc && folder && folder_of(f->real, &dir) == 0)
		(void)rmdir(dir.ptr); /* unless something is in it by now */
	sk_buf_free(&dir);
	return rc;
}

int sk_agent_remove(struct sk_agent_file *f, enum sk_agent_removed *how)
{
	struct sk_agent_record record = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid now;
	bool known, same;
	int rc = 0;

	*how = SK_AGENT_NOTHING;
	if (f->state == SK_AGENT_ABSENT)
		return 0;
	known = sk_agent_record_read(f->real, &record) == 0;
	sk_error_clear();
	sk_agent_hash(&f->text, &now);
	same = known && sk_oid_eq(&now, &record.after);
	if (!same)
		rc = sk_agent_take_out(f->tool, f->text.ptr, f->text.len,
		                       known && !record.absent ? &record.before : NULL, &text);
	if (!rc && known && record.absent && (same || says_nothing(&text)))
		rc = take_away(f, record.folder);
	else if (!rc)
		rc = replace(f, same ? &record.before : &text);
	if (!rc) {
		*how = same ? SK_AGENT_AS_IT_WAS : SK_AGENT_OURS_ONLY;
		sk_agent_record_forget(f->real);
	}
	sk_agent_record_clear(&record);
	sk_buf_free(&text);
	return rc;
}

int sk_agent_kept(const struct sk_agent_file *f, struct sk_buf *out)
{
	int rc = sk_agent_record_path(f->real, "before", out);

	if (!rc && !sk_exists(out->ptr))
		sk_buf_clear(out);
	return rc;
}
