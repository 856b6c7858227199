#include "store/refs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define PACKED_MAX ((size_t)1 << 31)
#define RECORD_MIN (SK_OID_HEX + 2) /* an id, a space and a name */

static bool has_word(const char *line, size_t len, const char *word)
{
	return memmem(line, len, word, strlen(word)) != NULL;
}

static size_t line_end(const struct sk_packed *p, size_t at)
{
	const char *nl = memchr(p->map + at, '\n', p->len - at);

	return nl ? (size_t)(nl - p->map) : p->len;
}

static size_t after(const struct sk_packed *p, size_t end)
{
	return end < p->len ? end + 1 : end;
}

/* Source: refs/packed-backend.c, create_snapshot(): the traits are words of the first line. */
static void read_head(struct sk_packed *p)
{
	static const char head[] = "# pack-refs with:";

	while (p->from < p->len && p->map[p->from] == '#') {
		size_t end = line_end(p, p->from);

		if (p->from == 0 && end >= sizeof head - 1 &&
		    memcmp(p->map, head, sizeof head - 1) == 0) {
			p->sorted = has_word(p->map, end, " sorted ");
			p->peeled = has_word(p->map, end, " fully-peeled ");
		}
		p->from = after(p, end);
	}
}

int sk_packed_open(const struct sk_repo *repo, struct sk_packed *out)
{
	struct sk_packed p = { 0 };
	char *path = NULL;
	struct stat st;
	void *map;
	int fd, rc = sk_ref_path(repo, "packed-refs", "", &path);

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		goto done;
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot read '%s'", path);
		goto done;
	}
	if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size > PACKED_MAX)
		rc = sk_error(SK_EREFUSED, "'%s' is no file that git wrote, or too large", path);
	if (rc || st.st_size == 0)
		goto done;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		rc = sk_error_errno(SK_EIO, "cannot map '%s'", path);
		goto done;
	}
	p.map = map;
	p.len = (size_t)st.st_size;
	read_head(&p);
done:
	if (fd >= 0)
		(void)close(fd);
	free(path);
	if (!rc)
		*out = p;
	return rc;
}

void sk_packed_close(struct sk_packed *p)
{
	if (p->map)
		(void)munmap((void *)(uintptr_t)p->map, p->len);
	*p = (struct sk_packed){ 0 };
}

bool sk_packed_next(const struct sk_packed *p, size_t at, struct sk_packed_line *out)
{
	struct sk_oid peeled;

	while (at < p->len) {
		size_t end = line_end(p, at), next = after(p, end);

		if (end - at < RECORD_MIN || p->map[at + SK_OID_HEX] != ' ' ||
		    !sk_oid_parse(p->map + at, &out->oid)) {
			at = next;
			continue;
		}
		out->name = p->map + at + SK_OID_HEX + 1;
		out->len = (size_t)(p->map + end - out->name);
		out->at = at;
		out->peeled = NULL;
		if (next < p->len && p->map[next] == '^') {
			end = line_end(p, next);
			if (end - next == SK_OID_HEX + 1 &&
			    sk_oid_parse(p->map + next + 1, &peeled))
				out->peeled = p->map + next + 1;
			next = after(p, end);
		}
		out->next = next;
		return true;
	}
	return false;
}

static int compare_name(const struct sk_packed_line *line, const char *name)
{
	size_t len = strlen(name), n = line->len < len ? line->len : len;
	int cmp = memcmp(line->name, name, n);

	return cmp ? cmp : (line->len > len) - (line->len < len);
}

/* The start of the line that `at` lies in, or of the one before when that is a peeled one. */
static size_t record_start(const struct sk_packed *p, size_t at)
{
	for (;;) {
		while (at > p->from && p->map[at - 1] != '\n')
			at--;
		if (at == p->from || p->map[at] != '^')
			return at;
		at--;
	}
}

/* Where the first record begins whose name is not below `name`; the end when there is none. */
static size_t seek(const struct sk_packed *p, const char *name)
{
	size_t lo = p->from, hi = p->len;
	struct sk_packed_line line;

	while (lo < hi) {
		size_t at = record_start(p, lo + (hi - lo) / 2);

		if (at < lo) /* over lines that belong to no record, in a damaged file */
			at = lo;
		if (sk_packed_next(p, at, &line) && compare_name(&line, name) < 0)
			lo = line.next;
		else
			hi = at;
	}
	return lo;
}

static int add_line(const struct sk_packed_line *line, struct sk_refs *out)
{
	struct sk_ref *ref = NULL;
	int rc = sk_refs_add(out, line->name, line->len, &ref);

	if (rc)
		return rc;
	ref->oid = line->oid;
	ref->packed = true;
	if (line->peeled)
		(void)sk_oid_parse(line->peeled, &ref->peeled);
	return 0;
}

int sk_packed_list(const struct sk_packed *p, const char *prefix, unsigned flags,
                   struct sk_refs *out)
{
	size_t at = p->sorted ? seek(p, prefix) : p->from, plen = strlen(prefix);
	struct sk_packed_line line;
	int rc = 0;

	for (; !rc && sk_packed_next(p, at, &line); at = line.next) {
		if (line.len <= plen || memcmp(line.name, prefix, plen) != 0) {
			if (p->sorted)
				break;
			continue;
		}
		if ((flags & SK_REFS_DEEP) || !memchr(line.name + plen, '/', line.len - plen))
			rc = add_line(&line, out);
	}
	return rc;
}

int sk_packed_tail(const struct sk_packed *p, const char *prefix, const char *before, size_t max,
                   size_t same, struct sk_refs *out, bool *all)
{
	size_t at = seek(p, before), plen = strlen(prefix), n = 0;
	struct sk_packed_line line;
	int rc = 0;

	*all = true;
	while (!rc && at > p->from) {
		at = record_start(p, at - 1);
		if (!sk_packed_next(p, at, &line) || line.at != at)
			continue; /* a damaged line */
		if (line.len <= plen || memcmp(line.name, prefix, plen) != 0)
			break;
		if (memchr(line.name + plen, '/', line.len - plen))
			continue;
		if (n >= max && (line.len < same ||
		                 strncmp(out->item[out->n - 1].name, line.name, same) != 0)) {
			*all = false;
			break;
		}
		rc = add_line(&line, out);
		n++;
	}
	return rc;
}

int sk_ref_find_packed(const struct sk_repo *repo, const char *name, struct sk_oid *out)
{
	struct sk_packed p = { 0 };
	struct sk_packed_line line;
	int rc = sk_packed_open(repo, &p);
	size_t at;

	if (rc)
		return rc;
	rc = SK_ENO;
	for (at = p.sorted ? seek(&p, name) : p.from; sk_packed_next(&p, at, &line);
	     at = line.next) {
		int cmp = compare_name(&line, name);

		if (cmp == 0) {
			*out = line.oid;
			rc = 0;
		}
		if (cmp == 0 || (p.sorted && cmp > 0))
			break;
	}
	if (rc)
		(void)sk_error(rc, "no ref '%s'", sk_name(name));
	sk_packed_close(&p);
	return rc;
}
