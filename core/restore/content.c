#include "restore/content.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "store/pack.h"

#define IN_MEMORY_MAX ((uint64_t)64 << 20)

static int damaged(const struct sk_oid *oid)
{
	return sk_error(SK_EDAMAGED, "blob %s is missing or damaged", sk_oid_str(oid));
}

static int write_small(const struct sk_repo *repo, const struct sk_oid *oid, int fd)
{
	git_odb_object *blob = NULL;
	int rc = sk_repo_read(repo, oid, &blob);

	if (rc == SK_EDAMAGED || (!rc && git_odb_object_type(blob) != GIT_OBJECT_BLOB)) {
		rc = damaged(oid);
	} else if (!rc &&
	           sk_write_full(fd, git_odb_object_data(blob), git_odb_object_size(blob)) < 0) {
		int saved = errno;

		rc = sk_error_errno(SK_EIO, "cannot write a file");
		errno = saved;
	}
	git_odb_object_free(blob);
	return rc;
}

static void child(const struct sk_repo *repo, const char *hex, int out)
{
	const char *const argv[] = { "git",       "--no-replace-objects",
		                     "--git-dir", repo->gitdir,
		                     "-c",        "core.bigFileThreshold=32m",
		                     "cat-file",  "blob",
		                     hex,         NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(127);
	sk_clear_git_env();
	(void)sk_proc_exec(argv);
	_exit(127);
}

static int copy(int from, int to, struct sk_hash *hash, uint64_t *total)
{
	size_t size = 1u << 20;
	char *chunk = malloc(size);
	int rc = chunk ? 0 : sk_error_oom();

	while (!rc) {
		ssize_t n = sk_read_full(from, chunk, size);

		if (n <= 0) {
			rc = n < 0 ? SK_EIO : 0;
			break;
		}
		sk_hash_update(hash, chunk, (size_t)n);
		*total += (uint64_t)n;
		if (sk_write_full(to, chunk, (size_t)n) < 0)
			rc = SK_EIO;
	}
	free(chunk);
	return rc;
}

static int write_large(const struct sk_repo *repo, const struct sk_oid *oid, uint64_t size, int fd)
{
	int in[2] = { -1, -1 }, rc, status = 0, saved;
	char hex[SK_OID_HEX + 1];
	struct sk_hash hash;
	struct sk_oid got;
	uint64_t total = 0;
	pid_t pid;

	sk_oid_hex(oid, hex);
	if (pipe2(in, O_CLOEXEC) < 0)
		return sk_error_errno(SK_EIO, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		child(repo, hex, in[1]);
	(void)close(in[1]);
	sk_hash_init_object(&hash, SK_OBJ_BLOB, size);
	rc = pid < 0 ? SK_EIO : copy(in[0], fd, &hash, &total);
	saved = errno;
	(void)close(in[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	errno = saved;
	if (rc)
		return sk_error_errno(SK_EIO, "cannot write a file");
	sk_hash_final(&hash, &got);
	return total == size && sk_oid_eq(&got, oid) ? 0 : damaged(oid);
}

int sk_content_write(const struct sk_repo *repo, const struct sk_oid *oid, uint64_t size, int fd)
{
	return size > IN_MEMORY_MAX ? write_large(repo, oid, size, fd) : write_small(repo, oid, fd);
}

int sk_content_link(const struct sk_repo *repo, const struct sk_oid *oid, char **out)
{
	git_odb_object *blob = NULL;
	int rc = sk_repo_read(repo, oid, &blob);
	size_t len = rc ? 0 : git_odb_object_size(blob);

	if (rc || git_odb_object_type(blob) != GIT_OBJECT_BLOB)
		rc = damaged(oid);
	else if (len == 0 || len >= PATH_MAX || memchr(git_odb_object_data(blob), '\0', len))
		rc = sk_error(SK_EREFUSED, "blob %s cannot be the target of a link",
		              sk_oid_str(oid));
	if (!rc) {
		*out = strndup(git_odb_object_data(blob), len);
		rc = *out ? 0 : sk_error_oom();
	}
	git_odb_object_free(blob);
	return rc;
}

int sk_content_hash(int dirfd, const char *name, const struct stat *st, struct sk_oid *out)
{
	char target[PATH_MAX];
	int fd, rc;

	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dirfd, name, target, sizeof target);

		if (n < 0)
			return -1;
		sk_hash_object(SK_OBJ_BLOB, target, (size_t)n, out);
		return 0;
	}
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = sk_hash_fd(fd, (uint64_t)st->st_size, out);
	(void)close(fd);
	errno = rc ? EBUSY : 0;
	return rc ? -1 : 0;
}
