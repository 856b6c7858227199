/* archive_edit.c - taking things out of the archive. */
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "archive.h"

static int oom(struct chat_archive *a)
{
	return a->host->error(a->host, SKP_EIO, "out of memory");
}

static int begin(struct chat_archive *a)
{
	a->dirty = 1;
	return a->batch ? 0 : a->host->batch(a->host, &a->batch);
}

/* Bytes of all files below. */
static int weigh(struct chat_archive *a, struct chat_node *node, const char *path, uint64_t *sum)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < node->n; i++) {
		struct chat_node *child = NULL;
		struct chat_buf below = { 0 };
		uint32_t type;
		void *data;
		size_t len;

		if (chat_buf_addf(&below, "%s/%s", path, node->child[i].name))
			rc = oom(a);
		if (!rc)
			rc = chat_root_find(&a->root, below.s, &child);
		if (!rc && child->mode == 040000) {
			rc = weigh(a, child, below.s, sum);
		} else if (!rc) {
			rc = a->host->read(a->host, &child->oid, &type, &data, &len);
			if (!rc)
				*sum += len;
			if (!rc)
				a->host->release(a->host, data);
		}
		chat_buf_free(&below);
	}
	return rc;
}

int chat_archive_drop(struct chat_archive *a, const char *day, const char *kind, const char *name)
{
	struct chat_usage *usage = chat_usage_of(a, day);
	struct chat_node *node = NULL;
	struct chat_buf path = { 0 };
	uint64_t gone = 0, *had;
	int rc = usage ? begin(a) : oom(a);

	if (!rc && chat_archive_path(day, kind, name, &path))
		rc = oom(a);
	if (!rc)
		rc = chat_root_find(&a->root, path.s, &node);
	if (!rc && name)
		rc = weigh(a, node, path.s, &gone);
	if (!rc)
		rc = chat_root_remove(&a->root, path.s);
	if (!rc) {
		had = *kind == 'r' ? &usage->raw : &usage->log;
		*had = !name || gone > *had ? 0 : *had - gone;
	}
	chat_buf_free(&path);
	return rc == SKP_ENO ? 0 : rc;
}

int chat_archive_replace(struct chat_archive *a, const char *day, const char *kind,
                         const char *name, const char *piece, const void *data, size_t len)
{
	struct chat_buf path = { 0 };
	int rc = begin(a);

	if (!rc &&
	    (chat_archive_path(day, kind, name, &path) || chat_buf_addf(&path, "/%s", piece)))
		rc = oom(a);
	if (!rc)
		rc = chat_root_put(&a->root, a->batch, path.s, data, len);
	chat_buf_free(&path);
	return rc;
}

/* What was purged */

void chat_hash_line(const void *data, size_t len, char out[33])
{
	XXH128_hash_t h = XXH3_128bits(data, len);

	(void)snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64,
	               (unsigned long long)h.low64);
}

int chat_purged_has(const struct chat_archive *a, char kind, const char *hash)
{
	char line[40];

	if (!a->purged.n)
		return 0;
	(void)snprintf(line, sizeof line, "%c %s\n", kind, hash);
	return strstr(a->purged.s, line) != NULL;
}

int chat_purged_add(struct chat_archive *a, char kind, const char *hash)
{
	if (chat_purged_has(a, kind, hash))
		return 0;
	a->lists_dirty = 1;
	return chat_buf_addf(&a->purged, "%c %s\n", kind, hash) ? oom(a) : 0;
}

void chat_purged_before(const struct chat_archive *a, char out[CHAT_DAY])
{
	out[0] = '\0';
	for (const char *p = chat_buf_str(&a->purged); *p; p += strcspn(p, "\n") + 1) {
		if (p[0] == 'd' && strcspn(p, "\n") == CHAT_DAY + 1 && strncmp(p + 2, out, 10) > 0)
			(void)snprintf(out, CHAT_DAY, "%.10s", p + 2);
		if (!strchr(p, '\n'))
			break;
	}
}

int chat_purged_days(struct chat_archive *a, const char *before)
{
	char was[CHAT_DAY];

	chat_purged_before(a, was);
	return strcmp(before, was) > 0 ? chat_purged_add(a, 'd', before) : 0;
}
