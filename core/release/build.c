#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "release/release_parts.h"

/* Places */

/* "/a/b" -> "/a" and "b"; the caller frees both. */
static int split(const char *path, char **folder, char **name)
{
	char *one = strdup(path), *two = strdup(path);

	*folder = one ? strdup(dirname(one)) : NULL;
	*name = two ? strdup(basename(two)) : NULL;
	free(one);
	free(two);
	if (*folder && *name)
		return 0;
	free(*folder);
	free(*name);
	*folder = *name = NULL;
	return sk_error_oom();
}

static int is_empty(const char *dir, bool *out)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	if (!d)
		return sk_error_errno(SK_EIO, "cannot read the folder %s", sk_name(dir));
	*out = true;
	while ((de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			*out = false;
	(void)closedir(d);
	return 0;
}

int sk_release_place(const char *dir)
{
	char *folder = NULL, *name = NULL;
	struct stat st;
	bool empty = false;
	int rc;

	if (lstat(dir, &st) == 0) {
		rc = S_ISDIR(st.st_mode) ? is_empty(dir, &empty) : 0;
		if (!rc && !empty)
			rc = sk_error(SK_EREFUSED,
			              "%s is there already and not an empty folder; name another "
			              "place with --out",
			              sk_name(dir));
		return rc;
	}
	rc = split(dir, &folder, &name);
	if (!rc && stat(folder, &st) < 0)
		rc = sk_error_errno(SK_EIO,
		                    "cannot write to %s: make that folder first, or name "
		                    "another place with --out",
		                    sk_name(folder));
	else if (!rc && (!S_ISDIR(st.st_mode) || access(folder, W_OK | X_OK) < 0))
		rc = sk_error_errno(SK_EIO, "cannot write to %s: name another place with --out",
		                    sk_name(folder));
	free(folder);
	free(name);
	return rc;
}

int sk_release_sweep(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int rc = 0;

	while (d && !rc && (de = readdir(d))) {
		long pid;
		int used = 0;

		if (strncmp(de->d_name, prefix, strlen(prefix)) != 0 ||
		    sscanf(de->d_name + strlen(prefix), "%10ld.tmp%n", &pid, &used) != 1 || !used ||
		    de->d_name[strlen(prefix) + (size_t)used])
			continue;
		if (pid == (long)getpid() || !sk_proc_start((pid_t)pid))
			rc = sk_remove_tree(dirfd(d), de->d_name);
	}
	if (d)
		(void)closedir(d);
	return rc;
}

/* The repository */

/* git in the new repository.  Neither hooks nor programs that the user's configuration would have
 * it start for every repository; filters do run, as at a checkout. */
static int git_in(const char *dir, const char *const *args, const struct sk_buf *input,
                  struct sk_buf *output)
{
	static const char *const first[] = { "git",
		                             "-c",
		                             "core.fsmonitor=false",
		                             "-c",
		                             "core.hooksPath=/dev/null",
		                             "-c",
		                             "core.logAllRefUpdates=false",
		                             "-c",
		                             "gc.auto=0",
		                             "-c",
		                             "maintenance.auto=false" };
	static const char *const env[] = { "GIT_LFS_SKIP_SMUDGE=1", "GIT_DEFAULT_REF_FORMAT=files",
		                           "GIT_TERMINAL_PROMPT=0", NULL };
	enum { FIRST = sizeof first / sizeof *first, ARGS = 16 };
	const char *argv[FIRST + ARGS] = { NULL };
	struct sk_buf errors = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv,
		                .dir = dir,
		                .env = env,
		                .input = input ? sk_buf_str(input) : NULL,
		                .input_len = input ? input->len : 0,
		                .output = output,
		                .errors = &errors };
	int status = 0, rc;

	memcpy(argv, first, sizeof first);
	for (size_t i = 0; args[i] && i + 1 < ARGS; i++)
		argv[FIRST + i] = args[i];
	rc = sk_proc_run(&proc, &status);
	if (!rc && status) {
		const char *words = sk_buf_str(&errors);

		rc = sk_error(SK_EIO, "git %s failed in the new repository: %.*s", args[0],
		              (int)strcspn(words, "\n"), words);
	}
	sk_buf_free(&errors);
	return rc;
}

/* Everything is taken from the objects here, by one pack. */
static int borrow(const struct sk_releasing *r, const char *path, struct sk_buf *file)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(file, "%s/.git/objects/info/alternates", path);
	(void)sk_buf_addc(&line, '"');
	for (const char *p = r->repo->commondir; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)sk_buf_addc(&line, '\\');
		if (*p == '\n')
			(void)sk_buf_adds(&line, "\\n");
		else
			(void)sk_buf_addc(&line, *p);
	}
	(void)sk_buf_adds(&line, "/objects\"\n");
	rc = sk_buf_ok(&line);
	if (!rc)
		rc = sk_buf_ok(file);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, file->ptr, line.ptr, line.len, 0600, false);
	sk_buf_free(&line);
	return rc;
}

static int fill(const struct sk_releasing *r, const char *path, const struct sk_buf *commit,
                const struct sk_buf *objects)
{
	static const char *const add[] = { "hash-object", "-t", "commit", "-w", "--stdin", NULL };
	static const char *const pack[] = { "pack-objects", "-q", ".git/objects/pack/pack", NULL };
	struct sk_buf file = SK_BUF_INIT, none = SK_BUF_INIT;
	int rc = borrow(r, path, &file);

	if (!rc)
		rc = git_in(path, pack, objects, &none);
	sk_buf_clear(&none);
	if (!rc)
		rc = git_in(path, add, commit, &none);
	if (!rc && unlink(file.ptr) < 0)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", file.ptr);
	sk_buf_free(&file);
	sk_buf_free(&none);
	return rc;
}

/* Branch, tag and files; then git looks whether all is there and whole. */
static int finish(const struct sk_releasing *r, const char *path)
{
	const char *hex = sk_oid_str(&r->out->commit);
	const char *const reset[] = { "reset", "-q", "--hard", NULL };
	const char *const fsck[] = { "fsck",          "--full",        "--strict",
		                     "--no-dangling", "--no-progress", NULL };
	struct sk_buf tag = SK_BUF_INIT, none = SK_BUF_INIT;
	int rc = sk_buf_addf(&tag, "refs/tags/%s", r->out->version);
	const char *const main[] = { "update-ref", "refs/heads/main", hex, NULL };
	const char *const name[] = { "update-ref", rc ? "" : tag.ptr, hex, NULL };

	if (!rc)
		rc = git_in(path, main, NULL, NULL);
	if (!rc)
		rc = git_in(path, name, NULL, NULL);
	if (!rc)
		rc = git_in(path, fsck, NULL, &none);
	if (!rc)
		rc = git_in(path, reset, NULL, &none);
	sk_buf_free(&tag);
	sk_buf_free(&none);
	return rc;
}

static int on_disk(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || syncfs(fd) < 0)
		rc = sk_error_errno(SK_EIO, "cannot write '%s' to the disk", path);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int sk_release_build(const struct sk_releasing *r, const char *dir, const struct sk_buf *commit,
                     const struct sk_buf *objects, char **built)
{
	static const char *const init[] = { "init", "-q",   "--template=", "--object-format=sha1",
		                            "-b",   "main", ".",           NULL };
	struct sk_buf path = SK_BUF_INIT;
	char *folder = NULL, *name = NULL, prefix[300];
	int rc = split(dir, &folder, &name);

	if (!rc) {
		(void)snprintf(prefix, sizeof prefix, ".%.200s.release-", name);
		rc = sk_release_sweep(folder, prefix);
	}
	if (!rc)
		rc = sk_buf_addf(&path, "%s/%s%ld.tmp", folder, prefix, (long)getpid());
	free(folder);
	free(name);
	if (rc)
		return rc;
	if (mkdir(path.ptr, 0777) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot create the folder '%s'", path.ptr);
		sk_buf_free(&path);
		return rc;
	}
	rc = git_in(path.ptr, init, NULL, NULL);
	if (!rc)
		rc = fill(r, path.ptr, commit, objects);
	if (!rc)
		rc = finish(r, path.ptr);
	if (!rc)
		rc = on_disk(path.ptr);
	if (rc) {
		char why[1024];

		(void)snprintf(why, sizeof why, "%s", sk_error_message());
		(void)sk_remove_tree(AT_FDCWD, path.ptr);
		(void)sk_error(rc, "%s", why);
		sk_buf_free(&path);
		return rc;
	}
	*built = sk_buf_detach(&path);
	return *built ? 0 : sk_error_oom();
}

int sk_release_put(const char *built, const char *dir)
{
	char *folder = NULL, *name = NULL;
	int rc = split(dir, &folder, &name);

	if (!rc && rename(built, dir) < 0) { /* over an empty folder too, in one step */
		rc = sk_error_errno(SK_EIO, "cannot put the release in its place, %s",
		                    sk_name(dir));
		(void)sk_remove_tree(AT_FDCWD, built);
	}
	if (!rc)
		rc = sk_sync_dir(folder);
	free(folder);
	free(name);
	return rc;
}
