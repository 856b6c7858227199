/* index_made.h - index files made byte by byte, for the tests of the index reader. */
#ifndef SK_TEST_INDEX_MADE_H
#define SK_TEST_INDEX_MADE_H

#include "index_scratch.h"

#define OID SK_OID_RAW

static inline void store(const char *name, const void *data, size_t len)
{
	int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(sk_write_full(fd, data, len), 0);
	assert_int_equal(close(fd), 0);
}

static inline size_t walk_tree(const struct sk_index *index, const struct sk_cache_tree *node)
{
	size_t sum = strlen(node->name);

	assert_true(node->entries >= -1 && node->entries <= (int64_t)index->n);
	for (uint32_t i = 0; i < node->n_children; i++)
		sum += walk_tree(index, &node->child[i]);
	return sum;
}

/* Touches all that an index gives; whether it could be read. */
static inline bool try_read(const char *name)
{
	struct sk_index *index = NULL;
	struct stat st = { 0 };
	int rc = sk_index_read(scratch_path(name), &index);

	if (rc) {
		assert_int_equal(rc, SK_EDAMAGED);
		assert_null(index);
		assert_null(strchr(sk_error_message(), '\n'));
		return false;
	}
	for (size_t i = 0; i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];

		assert_true(e->path_len > 0);
		assert_int_equal(strlen(e->path), e->path_len);
		assert_true(e->path[0] != '/' && strncmp(e->path, "../", 3) != 0);
		assert_non_null(sk_index_find(index, e->path, e->path_len, e->stage));
		assert_true(i == 0 || strcmp(e[-1].path, e->path) <= 0);
		sk_index_has_dir(index, e->path, e->path_len - 1);
		sk_index_stat_matches(index, e, &st);
	}
	if (index->tree)
		walk_tree(index, index->tree);
	sk_index_free(index);
	return true;
}

static inline void header(struct sk_buf *buf, uint32_t version, uint32_t n)
{
	sk_buf_clear(buf);
	put(buf, "DIRC", 4);
	put32(buf, version);
	put32(buf, n);
}

static inline void entry_head(struct sk_buf *buf, uint32_t mode, uint16_t flags)
{
	for (int i = 0; i < 6; i++)
		put32(buf, 0);
	put32(buf, mode);
	for (int i = 0; i < 3 + 5; i++)
		put32(buf, 1);
	put(buf, (const unsigned char[]){ (unsigned char)(flags >> 8), (unsigned char)flags }, 2);
}

static inline void entry_v2(struct sk_buf *buf, uint32_t mode, unsigned stage, const char *path)
{
	size_t len = strlen(path);

	entry_head(buf, mode, (uint16_t)(stage << 12 | len));
	put(buf, path, len);
	put(buf, (const char[8]){ 0 }, 8 - (62 + len) % 8);
}

static inline void extension(struct sk_buf *buf, const char *name, const void *data, size_t len)
{
	put(buf, name, 4);
	put32(buf, (uint32_t)len);
	put(buf, data, len);
}

/* Stores it with a checksum of zeroes (index.skipHash) and tries it. */
static inline bool try_buf(struct sk_buf *buf)
{
	put(buf, (const char[OID]){ 0 }, OID);
	store("made", buf->ptr, buf->len);
	return try_read("made");
}

#endif
