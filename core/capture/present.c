#include "capture/present.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "store/pack.h"

#define PREFIX "tmp_objdir-sk-"

/* Those of processes that are no more. */
static void sweep(const char *dir)
{
	struct dirent *de;
	DIR *d = opendir(dir);

	if (!d)
		return;
	while ((de = readdir(d))) {
		long pid = 0;

		if (sscanf(de->d_name, PREFIX "%ld-", &pid) == 1 && pid > 0 &&
		    sk_proc_start((pid_t)pid) == 0)
			(void)sk_remove_tree(dirfd(d), de->d_name);
	}
	(void)closedir(d);
}

static int make_in(const char *dir, char **out)
{
	char *path = NULL;

	if (asprintf(&path, "%s/" PREFIX "%ld-XXXXXX", dir, (long)getpid()) < 0)
		return sk_error_oom();
	if (!mkdtemp(path)) {
		int rc = sk_error_errno(SK_EIO, "cannot make a folder in '%s'", dir);

		free(path);
		return rc;
	}
	*out = path;
	return 0;
}

/* A repository that cannot be written to can be compared with all the same. */
static int make_folder(const struct sk_repo *repo, char **out)
{
	const char *tmp = getenv("TMPDIR");
	char *objects = NULL;
	int rc;

	if (asprintf(&objects, "%s/objects", repo->commondir) < 0)
		return sk_error_oom();
	sweep(objects);
	rc = make_in(objects, out);
	if (rc == SK_EIO && (errno == EACCES || errno == EROFS || errno == EPERM))
		rc = make_in(tmp && *tmp == '/' ? tmp : "/tmp", out);
	free(objects);
	return rc;
}

/* In quotes, as git takes a name that may have a colon in it. */
static int environment(const char *folder, char **out)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	(void)sk_buf_adds(&text, "GIT_ALTERNATE_OBJECT_DIRECTORIES=\"");
	for (const char *p = folder; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)sk_buf_addc(&text, '\\');
		if (*p == '\n')
			(void)sk_buf_adds(&text, "\\n");
		else
			(void)sk_buf_addc(&text, *p);
	}
	(void)sk_buf_addc(&text, '"');
	rc = sk_buf_ok(&text);
	if (!rc)
		*out = sk_buf_detach(&text);
	sk_buf_free(&text);
	return rc;
}

int sk_present_begin(const struct sk_repo *repo, struct sk_present *out)
{
	struct sk_present present = { 0 };
	struct sk_packer *packer = NULL;
	struct sk_scan_opts opts = { 0 };
	int rc = make_folder(repo, &present.folder);

	if (!rc)
		rc = environment(present.folder, &present.env);
	if (!rc)
		rc = sk_packer_new(repo, &packer);
	if (!rc)
		rc = sk_packer_aside(packer, present.folder);
	opts.packer = packer;
	if (!rc)
		rc = sk_scan(repo, &opts, &present.snap);
	if (!rc)
		rc = sk_packer_commit(packer);
	sk_packer_free(packer);
	if (rc)
		sk_present_end(&present);
	else
		*out = present;
	return rc;
}

void sk_present_end(struct sk_present *present)
{
	sk_snapshot_free(present->snap);
	if (present->folder)
		(void)sk_remove_tree(AT_FDCWD, present->folder);
	free(present->folder);
	free(present->env);
	*present = (struct sk_present){ 0 };
}
