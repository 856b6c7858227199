/* One index file: reading, checksum, entries, extensions. */
#include "repo/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/text.h"

#define HEADER 12
#define ENTRY_FIXED 62 /* up to and with the 16-bit flags */
#define ENTRY_MIN 64   /* smallest entry of any version: padding, or prefix length and NUL */
#define NAME_MASK 0xfff
/* Offsets within git's own extensions are 32-bit. */
#define FILE_MAX ((off_t)UINT32_MAX)
/* Version 4 repeats a path's beginning by its length, so that a small hostile file could unfold
 * to any size; true ones unfold to about twice theirs. */
#define STRINGS_MAX(file_len) ((size_t)64 * 1024 * 1024 + 16 * (file_len))
#define THREAD_MIN ((size_t)1024 * 1024)
#define STRINGS_CHUNK ((size_t)256 * 1024)

struct sk_index_strings {
	struct sk_index_strings *next;
	size_t used, cap;
	char data[];
};

struct parser {
	struct sk_index_file *file;
	size_t pos, end; /* end: where the trailing checksum starts */
	uint32_t version;
	const struct sk_index_entry *prev;
};

int sk_index_damaged(const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	return sk_error(SK_EDAMAGED, "%s; move the file away and run 'git reset' to rebuild it",
	                words);
}

static uint16_t be16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

int sk_index_cmp(const char *a, size_t a_len, unsigned a_stage, const char *b, size_t b_len,
                 unsigned b_stage)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (c)
		return c < 0 ? -1 : 1;
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return a_stage < b_stage ? -1 : a_stage > b_stage;
}

/* Equal neighbours: git allows the same conflict stage twice, and nothing else. */
static bool stages_follow(const struct sk_index_entry *a, const struct sk_index_entry *b)
{
	return a->stage > 0 && a->stage <= b->stage;
}

bool sk_index_follows(const struct sk_index_entry *a, const struct sk_index_entry *b)
{
	int c = sk_index_cmp(a->path, a->path_len, 0, b->path, b->path_len, 0);

	return c < 0 || (c == 0 && stages_follow(a, b));
}

/* Bytes that both begin with. */
static size_t common_prefix(const char *a, const char *b, size_t max)
{
	size_t i = 0;

	for (; i + 8 <= max; i += 8) {
		uint64_t x, y;

		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			break;
	}
	while (i < max && a[i] == b[i])
		i++;
	return i;
}

static bool bad_component(const char *s, size_t len)
{
	if (len == 0)
		return true;
	if (s[0] != '.')
		return false;
	return len == 1 || (len == 2 && s[1] == '.') ||
	       (len == 4 && strncasecmp(s + 1, "git", 3) == 0);
}

/* Whether every component from offset `from` on is one that git would ever put there. */
static bool path_ok(const char *path, size_t from, size_t len)
{
	if (path[len - 1] == '/')
		len--;
	for (;;) {
		const char *slash = memchr(path + from, '/', len - from);
		size_t end = slash ? (size_t)(slash - path) : len;

		if (bad_component(path + from, end - from))
			return false;
		if (!slash)
			return true;
		from = end + 1;
	}
}

/* Order and components at once: what the path shares with the one before was checked there. */
static int check_path(const struct sk_index_entry *prev, const struct sk_index_entry *e)
{
	size_t common = 0, from;

	if (prev) {
		size_t max = prev->path_len < e->path_len ? prev->path_len : e->path_len;
		bool later;

		common = common_prefix(prev->path, e->path, max);
		if (common < max)
			later = (unsigned char)prev->path[common] < (unsigned char)e->path[common];
		else if (prev->path_len != e->path_len)
			later = prev->path_len < e->path_len;
		else
			later = stages_follow(prev, e);
		if (!later)
			return sk_index_damaged("%s is out of order", sk_name(e->path));
	}
	if (common == e->path_len)
		return 0;
	for (from = common; from > 0 && e->path[from - 1] != '/'; from--)
		;
	if (!path_ok(e->path, from, e->path_len))
		return sk_index_damaged("%s is not a path that can be tracked", sk_name(e->path));
	return 0;
}

/* `raw` to one of the modes that index.h lists; false for any other kind. */
static bool canonical_mode(uint32_t raw, uint32_t *mode)
{
	switch (raw & S_IFMT) {
	case S_IFREG: /* git before 1.5 wrote 0664 and the like */
		*mode = raw & 0100 ? 0100755 : 0100644;
		return true;
	case S_IFLNK:
	case S_IFDIR:
	case 0160000:
		*mode = raw & S_IFMT;
		return true;
	default:
		return false;
	}
}

static char *string_alloc(struct sk_index_file *file, size_t len)
{
	struct sk_index_strings *s = file->strings;
	char *out;

	if (!s || s->cap - s->used < len) {
		size_t cap = len > STRINGS_CHUNK ? len : STRINGS_CHUNK;

		s = malloc(sizeof *s + cap);
		if (!s)
			return NULL;
		s->next = file->strings;
		s->used = 0;
		s->cap = cap;
		file->strings = s;
	}
	out = s->data + s->used;
	s->used += len;
	file->strings_len += len;
	return out;
}

/* The length of the previous path that is to go, in the encoding of OFS_DELTA offsets. */
static int parse_strip(struct parser *ps, size_t *out)
{
	const unsigned char *data = ps->file->data;
	size_t value = 0;
	unsigned char c;

	do {
		if (ps->pos >= ps->end)
			return sk_index_damaged("an entry is cut off");
		c = data[ps->pos++];
		if (value > UINT32_MAX)
			return sk_index_damaged("a shortened path has an impossible length");
		value = value << 7 | (c & 127);
		value += c & 128 ? 1 : 0;
	} while (c & 128);
	*out = value;
	return 0;
}

static int parse_path_v4(struct parser *ps, struct sk_index_entry *e, size_t want)
{
	struct sk_index_file *file = ps->file;
	size_t strip = 0, keep = ps->prev ? ps->prev->path_len : 0, tail, len;
	const char *from;
	char *path;
	int rc = parse_strip(ps, &strip);

	if (rc)
		return rc;
	if (strip > keep)
		return sk_index_damaged("a shortened path has an impossible length");
	keep -= strip;
	from = (const char *)file->data + ps->pos;
	tail = strnlen(from, ps->end - ps->pos);
	if (tail == ps->end - ps->pos)
		return sk_index_damaged("an entry is cut off");
	ps->pos += tail + 1;
	len = keep + tail;
	if (want < NAME_MASK ? len != want : len < NAME_MASK)
		return sk_index_damaged("a path is not as long as it says");
	if (len > STRINGS_MAX(file->len) - file->strings_len)
		return sk_index_damaged("its paths are far too long for its size");
	path = string_alloc(file, len + 1);
	if (!path)
		return sk_error_oom();
	if (keep)
		memcpy(path, ps->prev->path, keep);
	memcpy(path + keep, from, tail + 1);
	e->path = path;
	e->path_len = (uint32_t)len;
	return 0;
}

/* Versions 2 and 3: NUL-padded to a multiple of eight bytes from the entry's `start`. */
static int parse_path(struct parser *ps, struct sk_index_entry *e, size_t start, size_t want)
{
	const char *path = (const char *)ps->file->data + ps->pos;
	size_t room = ps->end - ps->pos, len, size;

	len = strnlen(path, want < NAME_MASK && want < room ? want + 1 : room);
	if (len == room)
		return sk_index_damaged("an entry is cut off");
	if (want < NAME_MASK ? len != want : len < NAME_MASK)
		return sk_index_damaged("a path is not as long as it says");
	size = (ps->pos - start + len + 8) & ~(size_t)7;
	if (size > ps->end - start)
		return sk_index_damaged("an entry is cut off");
	ps->pos = start + size;
	e->path = path;
	e->path_len = (uint32_t)len;
	return 0;
}

static int parse_flags(struct parser *ps, struct sk_index_entry *e, uint16_t flags)
{
	uint16_t more;

	e->stage = (uint8_t)(flags >> 12 & 3);
	e->flags = flags & 0x8000 ? SK_IE_ASSUME_VALID : 0;
	if (!(flags & 0x4000))
		return 0;
	if (ps->version < 3 || ps->end - ps->pos < 2)
		return sk_index_damaged("an entry has flags that version %u has not",
		                        (unsigned)ps->version);
	more = be16(ps->file->data + ps->pos);
	ps->pos += 2;
	if (more & ~0x6000)
		return sk_index_damaged("an entry has unknown flags (%#x)", (unsigned)more);
	if (more & 0x4000)
		e->flags |= SK_IE_SKIP_WORKTREE;
	if (more & 0x2000)
		e->flags |= SK_IE_INTENT_TO_ADD;
	return 0;
}

static int parse_entry(struct parser *ps, struct sk_index_entry *e)
{
	const unsigned char *p = ps->file->data + ps->pos;
	size_t start = ps->pos;
	uint16_t flags;
	int rc;

	if (ps->end - ps->pos < ENTRY_FIXED)
		return sk_index_damaged("an entry is cut off");
	e->ctime_s = sk_be32(p);
	e->ctime_ns = sk_be32(p + 4);
	e->mtime_s = sk_be32(p + 8);
	e->mtime_ns = sk_be32(p + 12);
	e->dev = sk_be32(p + 16);
	e->ino = sk_be32(p + 20);
	if (!canonical_mode(sk_be32(p + 24), &e->mode))
		return sk_index_damaged("an entry has an unknown mode (%#o)",
		                        (unsigned)sk_be32(p + 24));
	e->uid = sk_be32(p + 28);
	e->gid = sk_be32(p + 32);
	e->size = sk_be32(p + 36);
	memcpy(e->oid.id, p + 40, SK_OID_RAW);
	flags = be16(p + 60);
	ps->pos += ENTRY_FIXED;
	rc = parse_flags(ps, e, flags);
	if (rc)
		return rc;
	if (ps->version == 4)
		return parse_path_v4(ps, e, flags & NAME_MASK);
	return parse_path(ps, e, start, flags & NAME_MASK);
}

static int parse_entries(struct parser *ps, uint32_t n)
{
	struct sk_index_file *file = ps->file;
	int rc;

	if (n > (ps->end - ps->pos) / ENTRY_MIN)
		return sk_index_damaged("%u entries cannot be in a file of %zu bytes", (unsigned)n,
		                        file->len);
	file->entry = malloc((n ? n : 1) * sizeof *file->entry);
	if (!file->entry)
		return sk_error_oom();
	for (; file->n < n; file->n++) {
		struct sk_index_entry *e = &file->entry[file->n];
		bool named_before = file->n > file->nameless;

		rc = parse_entry(ps, e);
		if (rc)
			return rc;
		if (e->path_len > 0)
			rc = check_path(named_before ? ps->prev : NULL, e);
		else if (named_before)
			rc = sk_index_damaged("an entry has no path");
		else
			file->nameless++;
		if (rc)
			return rc;
		if (e->mode == S_IFDIR)
			e->flags |= SK_IE_SPARSE_DIR;
		ps->prev = e;
	}
	return 0;
}

static int parse_extension(struct parser *ps, const char *name, const unsigned char *data,
                           size_t len)
{
	struct sk_index_file *file = ps->file;

	if (memcmp(name, "TREE", 4) == 0) {
		file->tree = data;
		file->tree_len = len;
	} else if (memcmp(name, "link", 4) == 0) {
		file->link = data;
		file->link_len = len;
	} else if (memcmp(name, "sdir", 4) == 0) {
		file->sparse = true;
	} else if (name[0] < 'A' || name[0] > 'Z') {
		char shown[5] = { 0 };

		memcpy(shown, name, 4);
		return sk_error(
		        SK_EDAMAGED,
		        "it has the extension %s, which must be understood and is not known "
		        "here; a newer version of SafeKeep may know it",
		        sk_name(shown));
	}
	return 0;
}

static int parse_extensions(struct parser *ps)
{
	while (ps->pos < ps->end) {
		const unsigned char *p = ps->file->data + ps->pos;
		size_t room = ps->end - ps->pos;
		int rc;

		if (room < 8 || sk_be32(p + 4) > room - 8)
			return sk_index_damaged("an extension is cut off");
		rc = parse_extension(ps, (const char *)p, p + 8, sk_be32(p + 4));
		if (rc)
			return rc;
		ps->pos += 8 + sk_be32(p + 4);
	}
	return 0;
}

/* The checksum takes longer than all else, so that of a large file has a thread of its own. */
struct checker {
	const struct sk_index_file *file;
	struct sk_oid real;
	pthread_t thread;
	bool threaded;
};

static void *checker_run(void *arg)
{
	struct checker *c = arg;
	struct sk_hash h;

	sk_hash_init(&h);
	sk_hash_update(&h, c->file->data, c->file->len - SK_OID_RAW);
	sk_hash_final(&h, &c->real);
	return NULL;
}

static void checker_start(struct checker *c)
{
	if (sk_oid_is_zero(&c->file->checksum))
		return;
	c->threaded =
	        c->file->len >= THREAD_MIN && pthread_create(&c->thread, NULL, checker_run, c) == 0;
	if (!c->threaded)
		(void)checker_run(c);
}

static bool checker_ok(struct checker *c)
{
	if (c->threaded)
		(void)pthread_join(c->thread, NULL);
	return sk_oid_eq(&c->real, &c->file->checksum);
}

static int parse_file(struct sk_index_file *file)
{
	struct parser ps = { .file = file, .pos = HEADER };
	struct checker checker = { .file = file };
	int rc;

	if (file->len < HEADER + SK_OID_RAW)
		return sk_index_damaged("it has only %zu bytes", file->len);
	if (memcmp(file->data, "DIRC", 4) != 0)
		return sk_index_damaged("it does not begin as an index");
	ps.end = file->len - SK_OID_RAW;
	ps.version = sk_be32(file->data + 4);
	if (ps.version < 2 || ps.version > 4)
		return sk_error(SK_EDAMAGED,
		                "its version is %u, and only 2 to 4 are known; set it back with "
		                "'git update-index --index-version 4'",
		                (unsigned)ps.version);
	memcpy(file->checksum.id, file->data + ps.end, SK_OID_RAW);
	checker_start(&checker);
	rc = parse_entries(&ps, sk_be32(file->data + 8));
	if (!rc)
		rc = parse_extensions(&ps);
	if (!checker_ok(&checker))
		rc = sk_index_damaged("its checksum is wrong");
	return rc;
}

/* Read, not mapped: a file that something cuts short in place (git never does) would otherwise
 * kill the service, and what was checked must stay what it was. */
static int read_whole(const char *path, struct sk_index_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
	ssize_t got;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return sk_error(SK_ENO, "no file '%s'", path);
	if (fd < 0 || fstat(fd, &file->st) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot read %s", sk_name(path));
		goto out;
	}
	if (!S_ISREG(file->st.st_mode)) {
		rc = sk_error(SK_EIO, "%s is not a regular file", sk_name(path));
		goto out;
	}
	if (file->st.st_size > FILE_MAX) {
		rc = sk_index_damaged("it has more than 4G");
		goto out;
	}
	file->len = (size_t)file->st.st_size;
	file->data = malloc(file->len + 1);
	if (!file->data) {
		rc = sk_error_oom();
		goto out;
	}
	got = sk_read_full(fd, file->data, file->len);
	if (got < 0)
		rc = sk_error_errno(SK_EIO, "cannot read %s", sk_name(path));
	else if ((size_t)got < file->len)
		rc = sk_index_damaged("it was cut short while it was read");
out:
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int sk_index_file_read(const char *path, struct sk_index_file *file)
{
	int rc = read_whole(path, file);

	if (rc == SK_ENO)
		return rc;
	if (!rc)
		rc = parse_file(file);
	return rc;
}

void sk_index_file_free(struct sk_index_file *file)
{
	struct sk_index_strings *s = file->strings, *next;

	for (; s; s = next) {
		next = s->next;
		free(s);
	}
	free(file->entry);
	free(file->data);
	memset(file, 0, sizeof *file);
}
