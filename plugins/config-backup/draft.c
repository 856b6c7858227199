/* draft.c - the private copy that is edited: edit-NUMBER/NAME in the plugin's own folder, 0700 and
 * 0600, with `.start` beside it, what it began as.  An edit that was killed leaves them; what was
 * typed in it can be gone on with by the next edit of that file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"

#define PREFIX "edit-"
#define START ".start"
#define KEEP_S (3 * 86400)

static int put_file(struct conf *c, const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), rc = 0;

	if (fd < 0)
		return conf_errno(c, "cannot write", path);
	while (!rc && len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			rc = conf_errno(c, "cannot write", path);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	if (close(fd) < 0 && !rc)
		rc = conf_errno(c, "cannot write", path);
	return rc;
}

/* All that lies in it, an editor's own files too. */
static void remove_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(folder);
}

static bool same_files(struct conf *c, const char *a, const char *b)
{
	struct conf_file x = { 0 }, y = { 0 };
	bool same = conf_read(c, a, &x) == 0 && conf_read(c, b, &y) == 0 && x.len == y.len &&
	            memcmp(x.data, y.data, x.len) == 0;

	conf_file_clear(&x);
	conf_file_clear(&y);
	return same;
}

/* What was typed before it was killed, when the user wants it. */
static bool resume(struct conf *c, const struct conf_place *place, struct conf_draft *d)
{
	char *question = NULL;
	struct stat st;
	int yes = 0;

	if (lstat(d->path, &st) < 0 || !S_ISREG(st.st_mode) || same_files(c, d->path, d->start))
		return false;
	if (asprintf(&question, "an edit of %s was interrupted at %s; go on with its text? [y/N] ",
	             c->host->name(c->host, place->path), conf_time(st.st_mtim.tv_sec)) < 0)
		return false;
	if (c->host->confirm(c->host, question, &yes))
		yes = 0;
	free(question);
	return yes;
}

int conf_draft_open(struct conf *c, const struct conf_place *place, const char *data, size_t len,
                    struct conf_draft *out)
{
	struct conf_draft d = { 0 };
	char *base = NULL;
	int rc = c->host->folder(c->host, SKP_FOLDER_SHARED, &base);

	if (rc)
		return rc;
	if (asprintf(&d.folder, "%s/" PREFIX "%016llx", base,
	             (unsigned long long)conf_place_number(place)) < 0 ||
	    asprintf(&d.path, "%s%s", d.folder, strrchr(place->path, '/')) < 0 ||
	    asprintf(&d.start, "%s/" START, d.folder) < 0)
		return conf_oom(c);
	if (strcmp(d.path, d.start) == 0) /* a file of that very name */
		d.start[strlen(d.start) - 1] = '_';
	d.resumed = resume(c, place, &d);
	if (!d.resumed)
		remove_folder(d.folder);
	if (mkdir(d.folder, 0700) < 0 && errno != EEXIST)
		return conf_errno(c, "cannot make", d.folder);
	(void)unlink(d.start);
	rc = put_file(c, d.start, data, len);
	if (!rc && !d.resumed)
		rc = put_file(c, d.path, data, len);
	if (rc)
		conf_draft_drop(&d);
	else
		*out = d;
	return rc;
}

void conf_draft_drop(struct conf_draft *d)
{
	if (d->folder)
		remove_folder(d->folder);
}

/* Whether anything was typed in it, and lately. */
static bool is_worth(struct conf *c, const char *folder)
{
	char *start = NULL, *path = NULL;
	DIR *dir = opendir(folder);
	struct dirent *e;
	struct stat st;
	bool worth = false;

	if (!dir || asprintf(&start, "%s/" START, folder) < 0)
		return true;
	while (!worth && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, START) == 0 ||
		    asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			continue;
		worth = lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		        st.st_mtim.tv_sec + KEEP_S > time(NULL) && !same_files(c, path, start);
		free(path);
	}
	free(start);
	(void)closedir(dir);
	return worth;
}

void conf_draft_sweep(struct conf *c)
{
	char *base = NULL, *folder = NULL;
	struct dirent *e;
	DIR *dir;

	if (c->host->folder(c->host, SKP_FOLDER_SHARED, &base) || !(dir = opendir(base)))
		return;
	while ((e = readdir(dir)) != NULL) {
		char name[32];
		int lock = -1;

		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 || strlen(e->d_name) != 21)
			continue;
		(void)snprintf(name, sizeof name, "file-%.16s", e->d_name + strlen(PREFIX));
		if (c->host->lock(c->host, name, 0, &lock))
			continue; /* it is being edited */
		if (asprintf(&folder, "%s/%s", base, e->d_name) >= 0) {
			if (!is_worth(c, folder))
				remove_folder(folder);
			free(folder);
		}
		c->host->unlock(c->host, lock);
	}
	(void)closedir(dir);
}
