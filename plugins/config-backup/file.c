/* file.c - reading a file or a link with all that belongs to it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "conf.h"

#define TRIES 3

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)    ? "a folder"
	       : S_ISCHR(mode)  ? "a character device"
	       : S_ISBLK(mode)  ? "a block device"
	       : S_ISFIFO(mode) ? "a named pipe"
	       : S_ISSOCK(mode) ? "a socket"
	                        : "no file";
}

bool conf_same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino &&
	       (!a->st_ino || (a->st_dev == b->st_dev && a->st_size == b->st_size &&
	                       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	                       a->st_gid == b->st_gid && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	                       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	                       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	                       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec));
}

void conf_file_clear(struct conf_file *file)
{
	free(file->data);
	conf_meta_clear(&file->meta);
	*file = (struct conf_file){ 0 };
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct conf_xattr *)a)->name, ((const struct conf_xattr *)b)->name);
}

/* One value, which may change meanwhile. */
static void *value_of(int fd, const char *path, const char *name, size_t *len)
{
	for (int i = 0; i < TRIES; i++) {
		ssize_t size =
		        fd >= 0 ? fgetxattr(fd, name, NULL, 0) : lgetxattr(path, name, NULL, 0);
		char *value = size < 0 ? NULL : malloc((size_t)size + 1);

		if (!value)
			return NULL;
		size = fd >= 0 ? fgetxattr(fd, name, value, (size_t)size)
		               : lgetxattr(path, name, value, (size_t)size);
		if (size >= 0) {
			*len = (size_t)size;
			return value;
		}
		free(value);
		if (errno != ERANGE)
			return NULL;
	}
	return NULL;
}

/* Those that cannot be read are left out: nobody but the kernel needs them. */
static int read_xattrs(struct conf *c, int fd, const char *path, struct conf_meta *m)
{
	char list[XATTR_LIST_MAX];
	ssize_t len =
	        fd >= 0 ? flistxattr(fd, list, sizeof list) : llistxattr(path, list, sizeof list);
	size_t n = 0;

	if (len < 0)
		return 0; /* the file system has none */
	for (ssize_t i = 0; i < len; i++)
		n += !list[i];
	m->xattr = calloc(n + 1, sizeof *m->xattr);
	if (!m->xattr)
		return conf_oom(c);
	for (const char *p = list; p < list + len; p += strlen(p) + 1) {
		struct conf_xattr *x = &m->xattr[m->n_xattrs];

		x->value = value_of(fd, path, p, &x->len);
		if (!x->value)
			continue;
		x->name = strdup(p);
		if (!x->name)
			return conf_oom(c);
		m->n_xattrs++;
	}
	if (m->n_xattrs)
		qsort(m->xattr, m->n_xattrs, sizeof *m->xattr, by_name);
	return 0;
}

static int describe(struct conf *c, const char *path, int fd, struct conf_file *f)
{
	const struct passwd *user = getpwuid(f->st.st_uid);
	const struct group *group = getgrgid(f->st.st_gid);
	struct conf_meta *m = &f->meta;
	char machine[HOST_NAME_MAX + 1] = "", *folder = strdup(path), *slash;
	struct stat st = { .st_mode = 0755 };

	m->path = strdup(path);
	m->user = user && conf_utf8(user->pw_name) ? strdup(user->pw_name) : NULL;
	m->group = group && conf_utf8(group->gr_name) ? strdup(group->gr_name) : NULL;
	if (gethostname(machine, sizeof machine - 1) == 0 && conf_utf8(machine))
		m->machine = strdup(machine);
	if (!m->path || !folder)
		return conf_oom(c);
	m->link = S_ISLNK(f->st.st_mode);
	m->mode = f->st.st_mode & 07777;
	m->uid = f->st.st_uid;
	m->gid = f->st.st_gid;
	m->mtime = f->st.st_mtim.tv_sec;
	m->mtime_ns = (uint32_t)f->st.st_mtim.tv_nsec;
	m->size = f->len;
	slash = strrchr(folder, '/');
	*slash = '\0';
	(void)stat(*folder ? folder : "/", &st);
	free(folder);
	m->folder_mode = st.st_mode & 07777;
	m->folder_uid = st.st_uid;
	m->folder_gid = st.st_gid;
	return read_xattrs(c, fd, path, m);
}

static int read_link(struct conf *c, const char *path, struct conf_file *f)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof target - 1);

	if (len < 0)
		return conf_errno(c, "cannot read", path);
	target[len] = '\0';
	f->data = strdup(target);
	f->len = (size_t)len;
	if (!f->data)
		return conf_oom(c);
	f->meta.leads_to = realpath(path, NULL);
	return describe(c, path, -1, f);
}

static int too_large(struct conf *c, const char *path)
{
	return c->host->error(c->host, SKP_EREFUSED,
	                      "%s is larger than %llu bytes, which the setting max_size of [plugin "
	                      "\"config-backup\"] allows",
	                      c->host->name(c->host, path), (unsigned long long)c->max_size);
}

/* To its end, whatever its size is said to be: those below /proc say 0. */
static int read_all(struct conf *c, int fd, const char *path, struct conf_file *f)
{
	size_t room = (size_t)f->st.st_size + 1, most = (size_t)c->max_size + 1;

	f->len = 0;
	if ((uint64_t)f->st.st_size > c->max_size)
		return too_large(c, path);
	for (;;) {
		char *grown = realloc(f->data, room + 1);
		ssize_t n;

		if (!grown)
			return conf_oom(c);
		f->data = grown;
		n = read(fd, f->data + f->len, room - f->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return conf_errno(c, "cannot read", path);
		f->len += (size_t)n;
		f->data[f->len] = '\0';
		if (n == 0)
			return 0;
		if (f->len > c->max_size)
			return too_large(c, path);
		if (f->len == room)
			room = room < most / 2 ? 2 * room + 4096 : most;
	}
}

/* Until it did not change while it was read, or as it was the last time. */
static int read_file(struct conf *c, const char *path, struct conf_file *f)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc = 0;
	struct stat after;

	if (fd < 0 && errno == EACCES && geteuid() != 0)
		return c->host->error(
		        c->host, SKP_EIO,
		        "cannot read %s: permission denied; it takes its owner or root",
		        c->host->name(c->host, path));
	if (fd < 0)
		return conf_errno(c, "cannot read", path);
	for (int i = 0; i < TRIES && !rc; i++) {
		if (fstat(fd, &f->st) < 0)
			rc = conf_errno(c, "cannot read", path);
		else if (!S_ISREG(f->st.st_mode))
			rc = c->host->error(c->host, SKP_EBUSY, "%s became something else just now",
			                    c->host->name(c->host, path));
		else if (lseek(fd, 0, SEEK_SET) < 0)
			rc = conf_errno(c, "cannot read", path);
		if (!rc)
			rc = read_all(c, fd, path, f);
		if (!rc && fstat(fd, &after) == 0 && conf_same_stat(&f->st, &after))
			break;
	}
	if (!rc)
		rc = describe(c, path, fd, f);
	(void)close(fd);
	return rc;
}

int conf_read(struct conf *c, const char *path, struct conf_file *out)
{
	struct conf_file f = { 0 };
	int rc;

	if (lstat(path, &f.st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return c->host->error(c->host, SKP_ENO, "there is no %s",
			                      c->host->name(c->host, path));
		return conf_errno(c, "cannot read", path);
	}
	if (S_ISLNK(f.st.st_mode))
		rc = read_link(c, path, &f);
	else if (S_ISREG(f.st.st_mode))
		rc = read_file(c, path, &f);
	else
		rc = c->host->error(c->host, SKP_EREFUSED,
		                    "%s is %s; only files are backed up here",
		                    c->host->name(c->host, path), kind_of(f.st.st_mode));
	if (rc)
		conf_file_clear(&f);
	else
		*out = f;
	return rc;
}

/* What was read is what is there when no link is followed on the way. */
static int check_read(struct conf *c, const struct conf_place *place, const struct conf_file *f)
{
	struct stat st;
	int rc = conf_lstat(c, place->path, &st);

	if (!rc && (st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino))
		rc = c->host->error(c->host, SKP_EBUSY,
		                    "%s was replaced by somebody else meanwhile",
		                    c->host->name(c->host, place->path));
	return rc;
}

int conf_read_place(struct conf *c, const struct conf_place *place, struct conf_file *out)
{
	char *folder = strdup(place->path), *real;
	bool same;
	int rc;

	if (!folder)
		return conf_oom(c);
	*strrchr(folder, '/') = '\0';
	real = realpath(*folder ? folder : "/", NULL);
	same = !real || strcmp(real, *folder ? folder : "/") == 0;
	if (!same)
		(void)c->host->error(
		        c->host, SKP_EREFUSED,
		        "%s is a link, or below one, by now: what is there is another file",
		        c->host->name(c->host, folder));
	free(folder);
	free(real);
	if (!same)
		return SKP_EREFUSED;
	rc = conf_read(c, place->path, out);
	if (!rc && (rc = check_read(c, place, out)) != 0)
		conf_file_clear(out);
	return rc;
}
