/* Whose answer an index was written with shows in its token.  That of the chained one is given to
 * git as it is, but in two cases:
 *
 * - After a token of our own ("sk0:", "sk1:") the chained one does not know what git knows.  It is
 *   asked from now on, and the answer is "/": everything may have changed.
 * - A token that comes with "/" is given as "skw:TOKEN".  git leaves its untracked cache as it is
 *   then, and a command that does not look for untracked files writes it back unchecked
 *   (core/service/README.md).  So the answer to "skw:TOKEN" is that to TOKEN with all folders there
 *   are, as "FOLDER/sk": that voids what is cached of them. */
#include "chain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operation.h"

#define WAITS "skw:"
#define MARK "/sk"
#define FOLDERS_BYTES (8u << 20) /* a longer list of folders is no help: "/" */
#define ANSWER_BYTES (64u << 20)

extern char **environ;

struct output {
	char *data; /* with room for a NUL after `len` */
	size_t len, cap;
};

static bool room(struct output *out, size_t n)
{
	size_t cap = out->cap ? out->cap : 65536;
	char *bigger;

	while (cap < out->len + n + 1)
		cap *= 2;
	if (cap > ANSWER_BYTES)
		return false;
	if (cap == out->cap)
		return true;
	bigger = realloc(out->data, cap);
	if (!bigger)
		return false;
	out->data = bigger;
	out->cap = cap;
	return true;
}

static bool add(struct output *out, const char *data, size_t len)
{
	if (!room(out, len))
		return false;
	memcpy(out->data + out->len, data, len);
	out->len += len;
	return true;
}

bool sk_write_all(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

long long sk_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The record */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In place: its bytes below "!" and "%" are written %XX. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;

		*to++ = low >= 0 ? (char)(high * 16 + low) : *from;
		from += low >= 0 ? 2 : 0;
	}
	*to = '\0';
}

const char *sk_chain(const char *common)
{
	static const char key[] = "fsmonitor-chain ";
	static char text[65536];
	char path[PATH_MAX + 16], *line;

	(void)snprintf(path, sizeof path, "%s/sk/installed", common);
	if (sk_slurp(path, text, sizeof text) <= 0)
		return NULL;
	for (line = text; line && strncmp(line, key, sizeof key - 1) != 0;)
		if ((line = strchr(line, '\n')))
			line++;
	if (!line)
		return NULL;
	line += sizeof key - 1;
	line[strcspn(line, "\r\n")] = '\0';
	unescape(line);
	return *line ? line : NULL;
}

/* A program */

static bool collect(int fd, struct output *out)
{
	for (;;) {
		ssize_t n;

		if (!room(out, 4096))
			return false;
		n = read(fd, out->data + out->len, out->cap - 1 - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		out->len += (size_t)n;
	}
}

/* As git would start it, through the shell; `fd` becomes where its output comes from. */
static pid_t start_program(const char *program, const char *version, const char *token, int *fd)
{
	char *words[] = { (char *)(size_t) "sh",   (char *)(size_t) "-c", NULL, NULL,
		          (char *)(size_t)version, (char *)(size_t)token, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], rc;
	pid_t pid = -1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	if (asprintf(&words[2], "%s \"$@\"", program) < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return -1;
	}
	words[3] = words[2];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	rc = posix_spawn(&pid, "/bin/sh", &actions, NULL, words, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(words[2]);
	(void)close(ends[1]);
	*fd = ends[0];
	if (rc != 0)
		(void)close(ends[0]);
	return rc == 0 ? pid : -1;
}

/* Nothing is taken from it unless it ended well. */
static bool ask_program(const char *program, const char *version, const char *token,
                        struct output *out)
{
	int status = 0, fd = -1;
	pid_t pid = start_program(program, version, token, &fd);
	bool good;

	out->len = 0;
	if (pid < 0)
		return false;
	good = collect(fd, out);
	(void)close(fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The answer */

static bool is_time(const char *token)
{
	return *token && token[strspn(token, "0123456789")] == '\0';
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_ours(const char *token)
{
	return begins(token, "sk0:") || begins(token, "sk1:");
}

struct heard {
	const char *token, *list; /* the paths, each ended by a NUL */
	size_t len;
	bool everything;
};

/* A program that does not know version 2 is asked by version 1, as git does: its tokens are times,
 * taken before it is asked. */
static bool ask(const char *chain, const char *token, struct output *out, struct heard *h)
{
	static char before[32];
	size_t n;

	if (!room(out, 1))
		return false;
	(void)snprintf(before, sizeof before, "%lld", sk_now_ns());
	if (ask_program(chain, "2", token, out)) {
		out->data[out->len] = '\0'; /* the last path may have none */
		n = strlen(out->data);
		if (!n || n == out->len)
			return false;
		*h = (struct heard){ out->data, out->data + n + 1, out->len - n - 1, false };
	} else if (is_time(token) && ask_program(chain, "1", token, out)) {
		out->data[out->len] = '\0';
		*h = (struct heard){ before, out->data, out->len, false };
	} else {
		return false;
	}
	h->everything = h->len && h->list[0] == '/';
	return true;
}

static bool add_folder(struct output *out, const char *path, size_t len, const char *name)
{
	return (!len || (add(out, path, len) && add(out, "/", 1))) &&
	       add(out, name, strlen(name)) && add(out, MARK, sizeof MARK);
}

static bool is_folder(DIR *dir, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* The folders in `path` (`len` bytes).  One that went meanwhile is told by whoever watches; in one
 * that may not be read git sees nothing either. */
static bool add_folders(struct output *out, const char *path, size_t len)
{
	struct dirent *e;
	bool good = true;
	DIR *dir = opendir(len ? path : ".");

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	while (good && (errno = 0, e = readdir(dir)))
		if (is_folder(dir, e) && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, ".git") != 0)
			good = add_folder(out, path, len, e->d_name);
	good = good && errno == 0;
	(void)closedir(dir);
	return good && out->len < FOLDERS_BYTES;
}

/* All folders of the working tree; what was found so far is what is still to be read. */
static bool add_all_folders(struct output *out)
{
	char path[PATH_MAX];

	out->len = 0;
	if (!add_folders(out, "", 0) || !room(out, 1))
		return false;
	for (size_t at = 0; at < out->len;) {
		size_t n = strlen(out->data + at);

		if (n >= sizeof path)
			return false;
		memcpy(path, out->data + at, n);
		path[n - strlen(MARK)] = '\0';
		if (!add_folders(out, path, strlen(path)))
			return false;
		at += n + 1;
	}
	return add(out, &MARK[1], sizeof MARK - 1); /* the root's */
}

static bool write_answer(const struct heard *h, bool everything, const struct output *more)
{
	if (everything) {
		return sk_write_all(WAITS, strlen(WAITS)) &&
		       sk_write_all(h->token, strlen(h->token) + 1) && sk_write_all("/", 2);
	}
	return sk_write_all(h->token, strlen(h->token) + 1) && sk_write_all(h->list, h->len) &&
	       (!h->len || h->list[h->len - 1] == '\0' || sk_write_all("", 1)) &&
	       (!more->len || sk_write_all(more->data, more->len));
}

static bool answer_2(const char *chain, const char *token)
{
	struct output out = { 0 }, folders = { 0 };
	bool waits = begins(token, WAITS), ours = is_ours(token), everything, good;
	struct heard h;
	char now[32];

	if (waits)
		token += strlen(WAITS);
	if (ours) {
		(void)snprintf(now, sizeof now, "%lld", sk_now_ns());
		token = now;
	}
	good = ask(chain, token, &out, &h);
	if (good) {
		everything = ours || h.everything || (waits && !add_all_folders(&folders));
		/* whatever becomes of it, git has had its answer */
		(void)write_answer(&h, everything, &folders);
	}
	free(out.data);
	free(folders.data);
	return good;
}

/* Only git asks by version 1, when it was told to or version 2 failed. */
static bool answer_1(const char *chain, const char *token)
{
	struct output out = { 0 };
	bool good = is_time(token) && ask_program(chain, "1", token, &out);

	if (good)
		(void)sk_write_all(out.data, out.len);
	free(out.data);
	return good;
}

bool sk_answer_by_chain(const char *chain, const char *version, const char *token)
{
	return strcmp(version, "2") == 0 ? answer_2(chain, token) : answer_1(chain, token);
}
