#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

static int read_file(struct chat_parser *p, int fd, struct chat_error *err)
{
	char *chunk = malloc(CHUNK);
	ssize_t got = 0;
	int rc = 0;

	if (!chunk)
		return chat_fail(err, SKP_EIO, "out of memory");
	while (!rc && (got = source_read(fd, chunk, CHUNK)) > 0) {
		if (p->plan.bytes)
			rc = p->plan.bytes(p->plan.arg, chunk, (size_t)got);
		if (!rc)
			rc = chat_parser_feed(p, chunk, (size_t)got, err);
	}
	if (!rc && got < 0)
		rc = chat_fail(err, SKP_EIO, "cannot read %s: %s", p->path, strerror(errno));
	free(chunk);
	return rc;
}

static int read_database(struct chat_parser *p, const struct chat_source *source,
                         struct chat_error *err)
{
	int rc = source->tool == CHAT_CURSOR ? parse_cursor(p, source) : parse_opencode(p, source);

	if (rc && err)
		*err = p->failed;
	return rc;
}

int chat_parse(const struct chat_source *source, const struct chat_plan *plan,
               struct chat_result *out, struct chat_error *err)
{
	struct chat_parser *p = NULL;
	struct chat_result result = { 0 };
	struct stat st;
	int fd = -1, rc;

	rc = source_open_at(source->path, &fd, &st, err);
	if (rc)
		return rc;
	result.size = (uint64_t)st.st_size;
	result.mtime_ns = source_mtime(&st);
	result.inode = st.st_ino;
	result.device = st.st_dev;
	if (source->kind == CHAT_LINES && plan->from > result.size) {
		rc = chat_fail(err, SKP_EDAMAGED, "%s was cut off at %llu bytes", source->path,
		               (unsigned long long)result.size);
		goto out;
	}
	rc = chat_parser_new(source, plan, &p, err);
	if (rc)
		goto out;
	if (source->kind == CHAT_DATABASE) {
		rc = read_database(p, source, err);
	} else if (lseek(fd, (off_t)p->offset, SEEK_SET) < 0) {
		rc = chat_fail(err, SKP_EIO, "cannot read %s: %s", source->path, strerror(errno));
	} else {
		rc = read_file(p, fd, err);
	}
	if (!rc)
		rc = chat_parser_finish(p, &result, err);
	if (!rc)
		*out = result;
out:
	chat_parser_free(p);
	close(fd);
	return rc;
}
