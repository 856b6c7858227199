#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_MS 60000 /* a backup of a large tree may run under the lock */
#define AGAIN 5
#define SECTIONS_MAX 10000
#define LINES_MAX 1000 /* of a section */

struct content {
	char *text;
	size_t len;
	struct stat st;
};

int store_name(struct skp_host *host, const char **out)
{
	const char *file = host->setting(host, "file");
	size_t len;

	if (!file)
		file = "flags.ini";
	for (const char *p = file;; p += len + 1) {
		len = strcspn(p, "/");
		if (!len || (len == 1 && *p == '.') || (len == 2 && memcmp(p, "..", 2) == 0) ||
		    (len == 4 && strncasecmp(p, ".git", 4) == 0) || strpbrk(file, "\n\r\t"))
			return host->error(host, SKP_EUSAGE,
			                   "[plugin \"feature-flag\"] file = %s: it has to be the "
			                   "name of a file below the working tree",
			                   host->text(host, file));
		if (!p[len])
			break;
	}
	*out = file;
	return 0;
}

/* The folder that the file is in, link by link refused; *base is its name there. */
static int open_folder(struct skp_host *host, const char *file, int *out, const char **base)
{
	int fd = open(host->worktree, O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;
	const char *slash;

	for (; fd >= 0 && (slash = strchr(file, '/')); file = slash + 1) {
		char *part = fl_dup(file, (size_t)(slash - file));

		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	*base = file;
	*out = fd;
	if (fd >= 0)
		return 0;
	if (errno == ENOENT)
		return host->error(host, SKP_ENO, "there is no folder for it");
	if (errno == ELOOP || errno == ENOTDIR)
		return host->error(host, SKP_EREFUSED, "a folder above it is a symbolic link");
	return host->error(host, SKP_EIO, "%s", strerror(errno));
}

static int read_all(struct skp_host *host, int fd, struct content *out)
{
	size_t n = 0;
	ssize_t got = 1;

	if (fstat(fd, &out->st) < 0)
		return host->error(host, SKP_EIO, "%s", strerror(errno));
	if (!S_ISREG(out->st.st_mode))
		return host->error(host, SKP_EREFUSED, "it is no regular file");
	if (out->st.st_size > FLAG_FILE_MAX)
		return host->error(host, SKP_EUSAGE, "it is larger than %uK", FLAG_FILE_MAX / 1024);
	out->text = fl_alloc(FLAG_FILE_MAX + 2, 1);
	while (n <= FLAG_FILE_MAX && got > 0) {
		got = read(fd, out->text + n, FLAG_FILE_MAX + 1 - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	if (got < 0)
		return host->error(host, SKP_EIO, "%s", strerror(errno));
	if (n > FLAG_FILE_MAX)
		return host->error(host, SKP_EUSAGE, "it is larger than %uK", FLAG_FILE_MAX / 1024);
	out->len = n;
	return 0;
}

static int read_file(struct skp_host *host, const char *file, struct content *out)
{
	const char *base;
	int folder = -1, fd, rc = open_folder(host, file, &folder, &base);

	*out = (struct content){ .text = NULL };
	if (rc)
		return rc;
	fd = openat(folder, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		rc = host->error(host, SKP_ENO, "there is no such file");
	else if (fd < 0 && errno == ELOOP)
		rc = host->error(host, SKP_EREFUSED,
		                 "it is a symbolic link, and none is followed; set [plugin "
		                 "\"feature-flag\"] file to the file itself");
	else if (fd < 0)
		rc = host->error(host, SKP_EIO, "%s", strerror(errno));
	else
		rc = read_all(host, fd, out);
	if (fd >= 0)
		(void)close(fd);
	(void)close(folder);
	return rc;
}

int store_check(struct skp_host *host, const char *what, const char *text, size_t len)
{
	size_t sections = 0, lines = 0, n = 1;

	for (const char *p = text, *end = text + len; p < end; n++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		lines = *p == '[' ? 0 : lines + 1;
		sections += *p == '[';
		if (memchr(p, '\0', (size_t)((eol ? eol : end) - p)))
			return host->error(host, SKP_EUSAGE,
			                   "%s:%zu: a NUL byte: it is no text file", what, n);
		if (sections > SECTIONS_MAX || lines > LINES_MAX)
			return host->error(host, SKP_EUSAGE, "%s:%zu: too many %s", what, n,
			                   sections > SECTIONS_MAX ? "flags"
			                                           : "lines in one section");
		p = eol ? eol + 1 : end;
	}
	return 0;
}

/* With the file's name before what is wrong. */
static int named(struct skp_host *host, int rc, const char *file)
{
	const char *words = fl_format("%s", host->message(host));

	return host->error(host, rc, "%s: %s", host->name(host, file), words);
}

static int get(struct skp_host *host, struct content *out, struct flags *flags)
{
	const char *file;
	int rc = store_name(host, &file);

	if (rc)
		return rc;
	rc = read_file(host, file, out);
	if (rc)
		return named(host, rc, file);
	rc = store_check(host, host->name(host, file), out->text, out->len);
	if (!rc)
		flags_read(out->text, out->len, flags);
	return rc;
}

int store_read(struct skp_host *host, struct flags *out)
{
	struct content content;

	*out = (struct flags){ .flag = NULL };
	return get(host, &content, out);
}

int store_staged(struct skp_host *host, struct flags *out)
{
	const char *argv[] = { "rev-parse", "--verify", "-q", NULL, NULL }, *file;
	struct skp_process git = { .argv = argv, .dir = host->worktree, .flags = SKP_RUN_GIT };
	struct skp_oid oid;
	uint32_t type = 0;
	void *data = NULL;
	size_t len = 0;
	int rc = store_name(host, &file);

	*out = (struct flags){ .flag = NULL };
	if (rc)
		return rc;
	argv[3] = fl_format(":0:%s", file);
	rc = host->run(host, &git);
	if (!rc && git.status)
		rc = host->error(host, SKP_ENO, "%s is not in the index", host->name(host, file));
	if (!rc)
		rc = host->parse_hex(host, git.output, &oid);
	if (!rc)
		rc = host->read(host, &oid, &type, &data, &len);
	if (!rc && (type != SKP_BLOB || len > FLAG_FILE_MAX))
		rc = host->error(host, SKP_EUSAGE, "%s: it is larger than %uK, or no file",
		                 host->name(host, file), FLAG_FILE_MAX / 1024);
	if (!rc)
		rc = store_check(host, host->name(host, file), data, len);
	if (!rc)
		flags_read(data, len, out);
	return rc;
}

int store_need(struct skp_host *host, struct flags *out)
{
	const char *file;
	int rc = store_read(host, out);

	if (rc == SKP_ENO && store_name(host, &file) == 0)
		rc = host->error(host, SKP_EUSAGE,
		                 "there is no %s here; 'git sk flag add NAME' begins one",
		                 host->name(host, file));
	return rc;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The new file under another name, complete and on the disk.  `old` NULL: there was none. */
static int write_beside(int folder, const char *name, const char *text, size_t len,
                        const struct stat *old)
{
	mode_t mask = umask(0);
	int fd, failed;

	(void)umask(mask);
	(void)unlinkat(folder, name, 0); /* of one that was killed: the lock is ours */
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	failed = write_all(fd, text, len);
	if (!failed && old && (old->st_uid != geteuid() || old->st_gid != getegid()))
		(void)!fchown(fd, old->st_uid, old->st_gid); /* root may; others keep it theirs */
	if (!failed)
		failed = fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask);
	if (!failed)
		failed = fsync(fd);
	if (close(fd) < 0)
		failed = -1;
	if (failed)
		(void)unlinkat(folder, name, 0);
	return failed;
}

static int write_file(struct skp_host *host, const char *file, const char *text, size_t len,
                      const struct stat *old)
{
	const char *base;
	char *beside;
	int folder = -1, failed, err, rc = open_folder(host, file, &folder, &base);

	if (rc)
		return named(host, rc == SKP_ENO ? SKP_EIO : rc, file);
	beside = fl_format(".%s.sk-new", base);
	failed = write_beside(folder, beside, text, len, old);
	if (!failed && (failed = renameat(folder, beside, folder, base)) < 0) {
		err = errno;
		(void)unlinkat(folder, beside, 0);
		errno = err;
	}
	if (failed || fsync(folder) < 0)
		rc = host->error(host, SKP_EIO, "cannot write %s: %s", host->name(host, file),
		                 strerror(errno));
	(void)close(folder);
	return rc;
}

/* A round: 1 when the file was changed under our hands, and it has to be tried again. */
static int change(struct skp_host *host, const char *title, store_edit *edit, void *ctx,
                  int *changed, int *again)
{
	struct flags flags = { .flag = NULL };
	struct content was, now;
	struct skp_entry saved;
	const char *file;
	char *text = NULL;
	size_t len = 0;
	bool there;
	int rc = get(host, &was, &flags);

	there = rc != SKP_ENO;
	if (rc && there)
		return rc;
	if (!there) {
		was = (struct content){ .text = fl_dup("", 0) };
		flags_read("", 0, &flags);
	}
	rc = edit(host, &flags, ctx, &text, &len);
	*changed = text && (!there || len != was.len || memcmp(text, was.text, len) != 0);
	if (rc || !*changed)
		return rc;
	if (len > FLAG_FILE_MAX)
		return host->error(host, SKP_EUSAGE, "the file would be too large");
	rc = host->backup(host, title, NULL, NULL, &saved);
	if (rc && rc != SKP_EPARTIAL)
		return rc;
	rc = store_name(host, &file);
	if (!rc)
		rc = read_file(host, file, &now);
	if (rc && rc != SKP_ENO)
		return rc;
	*again = there != (rc == 0) ||
	         (!rc && (now.len != was.len || memcmp(now.text, was.text, was.len) != 0));
	return *again ? 0 : write_file(host, file, text, len, there ? &now.st : NULL);
}

int store_change(struct skp_host *host, const char *title, store_edit *edit, void *ctx,
                 int *changed)
{
	int lock = -1, again = 1, rc;

	if (!host->enabled)
		return host->error(host, SKP_EREPO,
		                   "SafeKeep is not enabled here, and nothing is changed without a "
		                   "backup; run 'git sk init'");
	rc = host->lock(host, "flags", LOCK_MS, &lock);
	for (int i = 0; !rc && again && i < AGAIN; i++) {
		again = 0;
		rc = change(host, title, edit, ctx, changed, &again);
	}
	if (!rc && again)
		rc = host->error(host, SKP_EBUSY,
		                 "another program keeps writing the file of flags");
	host->unlock(host, lock);
	return rc;
}
