/* write.c - making a file what it is to be, in one step.
 *
 * Beside the file a temporary one is made, at 0600; it gets content, owner, mode, attributes and
 * times, is synced and renamed, and the folder is synced.  Folders are walked one by one and never
 * through a link.  Before the temporary file is made a note of it is made in the plugin's own
 * folder, locked for as long as this process lives: the next call removes what a killed one left
 * (conf_sweep).  The lock "temp" is held while notes are made and swept, so that none is taken for
 * an old one before it is locked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "conf.h"

#define NOTE_PREFIX "temp-"
#define LOCK_MS 5000
#define ACL "system.posix_acl_access"

struct job {
	struct conf *c;
	const char *path;
	int dir, fd, note;
	const char *base; /* of `path` */
	char temp[40];
	char *note_path;
	bool made;
};

/* Folders */

static int bad_folder(struct conf *c, const char *path, const char *at, size_t len)
{
	char *folder = strndup(path, (size_t)(at - path) + len);
	int saved = errno, rc;

	if (!folder)
		return conf_oom(c);
	if (saved == ELOOP || saved == ENOTDIR)
		rc = c->host->error(
		        c->host, SKP_EREFUSED,
		        "%s is a link or no folder by now: nothing is written through it",
		        c->host->name(c->host, folder));
	else if (saved == ENOENT)
		rc = c->host->error(c->host, SKP_ENO, "there is no folder %s",
		                    c->host->name(c->host, folder));
	else {
		errno = saved;
		rc = conf_errno(c, "cannot go into", folder);
	}
	free(folder);
	return rc;
}

/* The mode that a file has when its owner or group are others than they were: nobody may do more
 * with it than before. */
static uint32_t fit_mode(uint32_t mode, bool owned, bool group_bits)
{
	if (!owned)
		mode &= 01777u;
	if (!group_bits)
		mode = (mode & ~070u) | (mode & (mode << 3) & 070u);
	return mode;
}

/* A folder that is gone is made as it was. */
static int make_folder(int dir, const char *name, const struct conf_meta *meta)
{
	bool owned;
	int fd;

	if (mkdirat(dir, name, 0700) < 0)
		return errno != EEXIST
		               ? -1
		               : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	owned = fchown(fd, meta->folder_uid, meta->folder_gid) == 0; /* or it stays ours */
	(void)fchmod(fd, fit_mode(meta->folder_mode & 01777, owned, owned));
	(void)fsync(dir);
	return fd;
}

/* The folder of `path`, no link followed; missing ones are made when `meta` says how. */
static int open_folder(struct conf *c, const char *path, const struct conf_meta *meta, int *out)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;
	const char *at = path + 1, *end;

	if (dir < 0)
		return conf_errno(c, "cannot open", "/");
	for (; (end = strchr(at, '/')); at = end + 1) {
		char *name = strndup(at, (size_t)(end - at));

		if (!name) {
			(void)close(dir);
			return conf_oom(c);
		}
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno == EACCES) /* one may pass without reading it */
			next = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno == ENOENT && meta)
			next = make_folder(dir, name, meta);
		free(name);
		if (next < 0) {
			int rc = bad_folder(c, path, at, (size_t)(end - at));

			(void)close(dir);
			return rc;
		}
		(void)close(dir);
		dir = next;
	}
	*out = dir;
	return 0;
}

/* A folder that was opened by O_PATH cannot be synced; then neither could it be listed. */
static void sync_folder(int dir)
{
	(void)fsync(dir);
}

/* Notes */

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int make_note(struct job *j)
{
	struct skp_host *host = j->c->host;
	size_t folder_len = (size_t)(j->base - j->path);
	unsigned long long random = 0;
	char *folder = NULL;
	int rc, lock = -1, notes = -1;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return conf_errno(j->c, "cannot choose a name beside", j->path);
	(void)snprintf(j->temp, sizeof j->temp, CONF_TEMP_PREFIX "%016llx", random);
	rc = host->folder(host, SKP_FOLDER_SHARED, &folder);
	if (!rc && asprintf(&j->note_path, "%s/" NOTE_PREFIX "%016llx", folder, random) < 0)
		rc = conf_oom(j->c);
	if (!rc)
		rc = host->lock(host, "temp", LOCK_MS, &lock);
	if (rc)
		return rc;
	j->note = open(j->note_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->note < 0 || flock(j->note, LOCK_EX | LOCK_NB) < 0 ||
	    write_all(j->note, j->path, folder_len) < 0 ||
	    write_all(j->note, j->temp, strlen(j->temp)) < 0 || fsync(j->note) < 0 ||
	    (notes = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || fsync(notes) < 0)
		rc = conf_errno(j->c, "cannot write", j->note_path);
	if (notes >= 0)
		(void)close(notes);
	host->unlock(host, lock);
	return rc;
}

/* What the note says is removed when it is what we make; folders as in open_folder.  False: the
 * system does not let us. */
static bool sweep_temp(struct conf *c, const char *path)
{
	const char *base = strrchr(path, '/');
	struct stat st;
	bool stays = false;
	int dir;

	if (path[0] != '/' || strncmp(base + 1, CONF_TEMP_PREFIX, strlen(CONF_TEMP_PREFIX)) != 0 ||
	    open_folder(c, path, NULL, &dir))
		return true;
	if (fstatat(dir, base + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
		stays = unlinkat(dir, base + 1, 0) < 0 && errno != ENOENT;
	(void)close(dir);
	return !stays;
}

static void sweep_note(struct conf *c, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char path[8192];
	bool gone = true;
	ssize_t n;

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		n = read(fd, path, sizeof path - 1);
		if (n > 0) {
			path[n] = '\0';
			gone = sweep_temp(c, path);
		}
		if (gone)
			(void)unlinkat(folder, name, 0);
	}
	(void)close(fd);
}

void conf_sweep(struct conf *c)
{
	struct skp_host *host = c->host;
	struct dirent *e;
	char *folder = NULL;
	int lock = -1;
	DIR *dir;

	if (host->folder(host, SKP_FOLDER_SHARED, &folder) || !(dir = opendir(folder)))
		return;
	while ((e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, NOTE_PREFIX, strlen(NOTE_PREFIX)) != 0)
			continue;
		if (lock < 0 && host->lock(host, "temp", LOCK_MS, &lock))
			break;
		sweep_note(c, dirfd(dir), e->d_name);
	}
	(void)closedir(dir);
	if (lock >= 0)
		host->unlock(host, lock);
}

/* Attributes */

static void miss(struct conf_put *put, const char *what)
{
	size_t len = strlen(put->missed);

	(void)snprintf(put->missed + len, sizeof put->missed - len, "%s%s", len ? ", " : "", what);
}

static const struct conf_xattr *find_xattr(const struct conf_meta *m, const char *name)
{
	for (size_t i = 0; i < m->n_xattrs; i++)
		if (strcmp(m->xattr[i].name, name) == 0)
			return &m->xattr[i];
	return NULL;
}

/* Those that the folder gave it, an access list above all. */
static void drop_other_xattrs(int fd, const struct conf_meta *m)
{
	char list[65536];
	ssize_t len = flistxattr(fd, list, sizeof list);

	for (const char *p = list; len > 0 && p < list + len; p += strlen(p) + 1)
		if (!find_xattr(m, p))
			(void)fremovexattr(fd, p);
}

static bool has_xattr(int fd, const struct conf_xattr *x)
{
	char *value = malloc(x->len + 1);
	bool same = value && fgetxattr(fd, x->name, value, x->len + 1) == (ssize_t)x->len &&
	            memcmp(value, x->value, x->len) == 0;

	free(value);
	return same;
}

static void set_xattrs(int fd, struct conf_put *put, bool owned)
{
	char what[128];

	drop_other_xattrs(fd, put->meta);
	for (size_t i = 0; i < put->meta->n_xattrs; i++) {
		const struct conf_xattr *x = &put->meta->xattr[i];

		/* with another owner or group an access list could give more than before */
		if ((owned || strcmp(x->name, ACL) != 0) &&
		    (fsetxattr(fd, x->name, x->value, x->len, 0) == 0 || has_xattr(fd, x)))
			continue;
		(void)snprintf(what, sizeof what, "xattr %.100s", x->name);
		miss(put, what);
	}
}

/* Owner before mode and attributes: changing it takes bits and capabilities away. */
static int set_attributes(struct job *j, struct conf_put *put)
{
	const struct conf_meta *m = put->meta;
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		                           { (time_t)m->mtime, (long)m->mtime_ns } };
	bool owner = true, group = true;

	if (fchown(j->fd, m->uid, m->gid) < 0) {
		group = fchown(j->fd, (uid_t)-1, m->gid) == 0;
		owner = m->uid == geteuid();
		if (!owner)
			miss(put, "owner");
		if (!group)
			miss(put, "group");
	}
	/* where there is an access list, the group's bits are its mask: it sets them itself */
	if (fchmod(j->fd, fit_mode(m->mode, owner && group, group && !find_xattr(m, ACL))) < 0)
		return conf_errno(j->c, "cannot set the mode of", j->path);
	set_xattrs(j->fd, put, owner && group);
	if (owner && group && !put->missed[0]) {
		struct stat st;

		if (fstat(j->fd, &st) == 0 && (st.st_mode & 07777) != m->mode)
			miss(put, "mode");
	}
	if (!put->new_time)
		(void)futimens(j->fd, times);
	return 0;
}

/* The file itself */

static int cannot_write(struct job *j)
{
	if (errno == EACCES && geteuid() != 0)
		return j->c->host->error(
		        j->c->host, SKP_EIO,
		        "cannot write beside %s: permission denied; it takes root or "
		        "the folder's owner",
		        j->c->host->name(j->c->host, j->path));
	return conf_errno(j->c, "cannot write beside", j->path);
}

static int make_file(struct job *j, struct conf_put *put)
{
	int rc;

	j->fd = openat(j->dir, j->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return cannot_write(j);
	j->made = true;
	if (fchmod(j->fd, 0600) < 0 || write_all(j->fd, put->data, put->len) < 0)
		return cannot_write(j);
	rc = set_attributes(j, put);
	if (!rc && fsync(j->fd) < 0)
		rc = cannot_write(j);
	return rc;
}

static int make_link(struct job *j, struct conf_put *put)
{
	const struct conf_meta *m = put->meta;

	if (symlinkat(put->data, j->dir, j->temp) < 0)
		return cannot_write(j);
	j->made = true;
	if (fchownat(j->dir, j->temp, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    (m->uid != geteuid() || m->gid != getegid()))
		miss(put, "owner");
	return 0;
}

static int check_expected(struct job *j, const struct stat *expect)
{
	struct stat st = { 0 };

	if (fstatat(j->dir, j->base, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return conf_errno(j->c, "cannot look at", j->path);
		st.st_ino = 0;
	}
	if (st.st_ino && S_ISDIR(st.st_mode))
		return j->c->host->error(j->c->host, SKP_EREFUSED, "%s is a folder now",
		                         j->c->host->name(j->c->host, j->path));
	if (expect && !conf_same_stat(&st, expect))
		return j->c->host->error(j->c->host, SKP_EBUSY,
		                         "%s was changed by somebody else meanwhile",
		                         j->c->host->name(j->c->host, j->path));
	return 0;
}

static int begin(struct conf *c, const char *path, const struct conf_meta *meta, struct job *j)
{
	*j = (struct job){ .c = c, .path = path, .dir = -1, .fd = -1, .note = -1 };
	j->base = strrchr(path, '/') + 1;
	return open_folder(c, path, meta, &j->dir);
}

static void end(struct job *j)
{
	bool stays = false;

	if (j->made) {
		stays = unlinkat(j->dir, j->temp, 0) < 0 && errno != ENOENT;
		sync_folder(j->dir); /* the note goes after what it tells of */
	}
	if (j->note_path && !stays)
		(void)unlink(j->note_path);
	free(j->note_path);
	if (j->note >= 0)
		(void)close(j->note);
	if (j->fd >= 0)
		(void)close(j->fd);
	if (j->dir >= 0)
		(void)close(j->dir);
}

static int put_temp(struct job *j, struct conf_put *put)
{
	int rc = check_expected(j, put->expect);

	put->missed[0] = '\0';
	if (!rc)
		rc = make_note(j);
	if (!rc)
		rc = put->meta->link ? make_link(j, put) : make_file(j, put);
	if (!rc && put->strict && put->missed[0])
		rc = j->c->host->error(j->c->host, SKP_EREFUSED,
		                       "the %s of %s cannot be kept by this user, so nothing was "
		                       "changed; try it as root",
		                       put->missed, j->c->host->name(j->c->host, j->path));
	return rc;
}

static int settle(struct job *j, struct conf_put *put)
{
	j->made = false;
	sync_folder(j->dir);
	if (j->fd >= 0 ? fstat(j->fd, &put->st) < 0
	               : fstatat(j->dir, j->base, &put->st, AT_SYMLINK_NOFOLLOW) < 0)
		return conf_errno(j->c, "cannot look at", j->path);
	return 0;
}

int conf_write(struct conf *c, const char *path, struct conf_put *put)
{
	struct job j;
	int rc = begin(c, path, put->meta, &j);

	if (!rc)
		rc = put_temp(&j, put);
	if (!rc)
		rc = check_expected(&j, put->expect);
	if (!rc && renameat(j.dir, j.temp, j.dir, j.base) < 0)
		rc = errno == EBUSY
		             ? c->host->error(
		                       c->host, SKP_EREFUSED,
		                       "%s is a mount of its own (of a container, perhaps) and "
		                       "cannot be replaced",
		                       c->host->name(c->host, path))
		             : cannot_write(&j);
	if (!rc)
		rc = settle(&j, put);
	end(&j);
	return rc;
}

int conf_lstat(struct conf *c, const char *path, struct stat *out)
{
	struct job j;
	int rc = begin(c, path, NULL, &j);

	if (!rc && fstatat(j.dir, j.base, out, AT_SYMLINK_NOFOLLOW) < 0)
		rc = conf_errno(c, "cannot look at", path);
	end(&j);
	return rc;
}

int conf_try(struct conf *c, const char *path, struct conf_put *put)
{
	struct job j;
	int rc = begin(c, path, NULL, &j);

	if (!rc)
		rc = put_temp(&j, put);
	end(&j);
	return rc;
}

int conf_write_new(struct conf *c, const char *path, struct conf_put *put)
{
	const struct stat nothing = { 0 };
	struct job j;
	int rc = begin(c, path, NULL, &j);

	put->expect = &nothing;
	if (!rc)
		rc = put_temp(&j, put);
	/* a link never replaces anything */
	if (!rc && linkat(j.dir, j.temp, j.dir, j.base, 0) < 0 &&
	    (errno == EEXIST || renameat2(j.dir, j.temp, j.dir, j.base, RENAME_NOREPLACE) < 0))
		rc = errno == EEXIST ? c->host->error(c->host, SKP_ENO, "%s is there already",
		                                      c->host->name(c->host, path))
		                     : cannot_write(&j);
	if (!rc) {
		(void)unlinkat(j.dir, j.temp, 0);
		rc = settle(&j, put);
	} else if (rc == SKP_EBUSY) {
		rc = c->host->error(c->host, SKP_ENO, "%s is there already",
		                    c->host->name(c->host, path));
	}
	end(&j);
	return rc;
}

int conf_delete(struct conf *c, const char *path, const struct stat *expect)
{
	struct job j;
	int rc = begin(c, path, NULL, &j);

	if (!rc)
		rc = check_expected(&j, expect);
	if (!rc && unlinkat(j.dir, j.base, 0) < 0)
		rc = conf_errno(c, "cannot delete", path);
	if (!rc)
		sync_folder(j.dir);
	end(&j);
	return rc;
}
