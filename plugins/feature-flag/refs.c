#include "refs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

#define BINARY_LOOK 8000 /* as far as git looks for a NUL */
#define MARK_LOOK 300

bool refs_is_prose(const char *path)
{
	static const char *const ends[] = { ".md",       ".markdown", ".rst", ".adoc",
		                            ".asciidoc", ".org",      NULL };
	static const char *const names[] = { "CHANGELOG", "CHANGES",       "NEWS", "HISTORY",
		                             "README",    "RELEASE_NOTES", NULL };
	const char *base = strrchr(path, '/');
	size_t len = strlen(path), n;

	base = base ? base + 1 : path;
	for (size_t i = 0; ends[i]; i++) {
		n = strlen(ends[i]);
		if (len > n && strcasecmp(path + len - n, ends[i]) == 0)
			return true;
	}
	for (size_t i = 0; names[i]; i++)
		if (strcasecmp(base, names[i]) == 0 ||
		    strcasecmp(base, fl_format("%s.txt", names[i])) == 0)
			return true;
	return false;
}

int refs_pathspecs(struct skp_host *host, const char ***out)
{
	const char *exclude = host->setting(host, "exclude"), *file = NULL;
	const char **list = NULL;
	size_t n = 0, len;
	int rc = store_name(host, &file);

	if (rc)
		return rc;
	list = fl_more(list, n++, sizeof *list);
	list[0] = ".";
	list = fl_more(list, n++, sizeof *list);
	list[1] = fl_format(":(top,exclude,literal)%s", file);
	for (const char *p = exclude ? exclude : ""; *p; p += len) {
		p += strspn(p, ", \n");
		len = strcspn(p, ",\n");
		if (!len)
			continue;
		list = fl_more(list, n, sizeof *list);
		list[n++] = fl_format(":(top,exclude,glob)%.*s", (int)len, p);
	}
	list = fl_more(list, n, sizeof *list);
	list[n] = NULL;
	*out = list;
	return 0;
}

static int run_git(struct skp_host *host, const char *const *begin, struct skp_process *git)
{
	const char **spec, **argv = NULL;
	size_t n = 0;
	int rc = refs_pathspecs(host, &spec);

	for (size_t i = 0; !rc && begin[i]; i++) {
		argv = fl_more(argv, n, sizeof *argv);
		argv[n++] = begin[i];
	}
	for (size_t i = 0; !rc && (!i || spec[i - 1]); i++) {
		argv = fl_more(argv, n, sizeof *argv);
		argv[n++] = spec[i];
	}
	if (rc)
		return rc;
	*git = (struct skp_process){ .argv = argv,
		                     .dir = host->worktree,
		                     .flags = SKP_RUN_GIT | SKP_RUN_ERRORS };
	rc = host->run(host, git);
	if (!rc && git->status)
		rc = host->error(host, SKP_EIO, "git %s failed: %s", begin[0],
		                 host->text(host, git->output));
	return rc;
}

struct each {
	struct skp_host *host;
	text_fn *fn;
	void *ctx;
	char *buffer; /* for files, one after the other */
	size_t skipped;
};

static int give(struct each *e, const char *path, const char *text, size_t len)
{
	struct text_file file = { path, text, len, refs_is_prose(path) };

	if (memchr(text, '\0', len < BINARY_LOOK ? len : BINARY_LOOK) ||
	    memmem(text, len < MARK_LOOK ? len : MARK_LOOK, REFS_MARK, strlen(REFS_MARK)))
		return 0;
	return e->fn(e->host, &file, e->ctx);
}

/* "TAG PATH": of the working tree.  One that is gone by now is none; one that a sparse checkout
 * left out is skipped. */
static int give_file(struct each *e, int tree, const char *line)
{
	const char *path = line + 2;
	int fd = openat(tree, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		e->skipped += *line == 'S' ||
		              (fd < 0 && errno != ENOENT && errno != ELOOP && errno != ENOTDIR);
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	while (st.st_size <= REFS_FILE_MAX && got > 0 && n <= REFS_FILE_MAX) {
		got = read(fd, e->buffer + n, REFS_FILE_MAX + 1 - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	(void)close(fd);
	if (got == 0)
		return give(e, path, e->buffer, n);
	e->skipped++;
	return 0;
}

/* "MODE OID STAGE\tPATH" of the index. */
static int give_blob(struct each *e, const char *line)
{
	const char *oid_text = strchr(line, ' '), *path = strchr(line, '\t');
	struct skp_oid oid;
	uint32_t type = 0;
	void *data = NULL;
	size_t len = 0;
	int rc;

	if (!oid_text || !path || strncmp(line, "100", 3) != 0)
		return 0; /* links and submodules */
	rc = e->host->parse_hex(e->host, oid_text + 1, &oid);
	if (!rc)
		rc = e->host->read(e->host, &oid, &type, &data, &len);
	if (rc || len > REFS_FILE_MAX) {
		e->skipped++;
		rc = 0;
	} else {
		rc = give(e, path + 1, data, len);
	}
	e->host->release(e->host, data);
	return rc;
}

int refs_each(struct skp_host *host, bool staged, text_fn *fn, void *ctx, size_t *skipped)
{
	static const char *const here[] = { "ls-files", "-z",       "-t",
		                            "--cached", "--others", "--exclude-standard",
		                            "--",       NULL };
	static const char *const index[] = { "ls-files", "-z", "--stage", "--", NULL };
	struct each e = { .host = host, .fn = fn, .ctx = ctx };
	struct skp_process git;
	const char *before = "";
	int tree = -1, rc = run_git(host, staged ? index : here, &git);

	if (rc)
		return rc;
	if (!staged) {
		e.buffer = fl_alloc(REFS_FILE_MAX + 1, 1);
		tree = open(host->worktree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (tree < 0)
			return host->error(host, SKP_EIO, "cannot open %s: %s",
			                   host->name(host, host->worktree), strerror(errno));
	}
	for (const char *p = git.output, *end = p + git.output_len; p < end && !rc;
	     p += strlen(p) + 1) {
		host->progress(host, "looking for flags", (size_t)(p - git.output), git.output_len);
		if (staged)
			rc = give_blob(&e, p);
		else if (strlen(p) > 2 && strcmp(p, before) != 0) /* stages of a conflict */
			rc = give_file(&e, tree, p);
		before = p;
	}
	free(e.buffer);
	if (tree >= 0)
		(void)close(tree);
	*skipped = e.skipped;
	return rc;
}

struct count {
	struct matcher *m;
	size_t n;
};

static void count_one(void *ctx, size_t flag, size_t at, size_t len)
{
	struct count *count = ctx;

	(void)flag;
	(void)at;
	(void)len;
	count->n++;
}

static int count_file(struct skp_host *host, const struct text_file *file, void *ctx)
{
	struct count *count = ctx;

	(void)host;
	if (!file->prose)
		matcher_find(count->m, file->text, file->len, count_one, ctx);
	return 0;
}

int refs_count(struct skp_host *host, const struct flags *flags, const struct flag *flag,
               size_t *out)
{
	struct count count = { matcher_new(flag, 1), 0 };
	size_t i = (size_t)(flag - flags->flag), skipped;
	int rc;

	matcher_yield(count.m, flags->flag, i);
	matcher_yield(count.m, flags->flag + i + 1, flags->n - i - 1);
	rc = refs_each(host, false, count_file, &count, &skipped);
	*out = count.n;
	return rc;
}
