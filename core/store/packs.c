#include "store/packs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/pack_look.h"

#define STEM (5 + SK_OID_HEX) /* "pack-" and the name */

struct one {
	char hex[SK_OID_HEX + 1];
	struct sk_idx idx;
	atomic_bool used;
};

struct sk_packs {
	int dir;
	struct one *item; /* the largest first */
	size_t n, cap;
	_Atomic(size_t) last; /* where something was found last: likely the next is there too */
};

static bool is_there(int dir, const char *hex, const char *suffix)
{
	char name[STEM + 8];

	(void)snprintf(name, sizeof name, "pack-%s%s", hex, suffix);
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int add(struct sk_packs *p, const char *file)
{
	struct sk_oid oid;
	struct one *one;

	if (strncmp(file, "pack-", 5) != 0 || !sk_oid_parse(file + 5, &oid) ||
	    strcmp(file + STEM, ".idx") != 0)
		return 0;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;

		one = realloc(p->item, cap * sizeof *one);
		if (!one)
			return sk_error_oom();
		p->item = one;
		p->cap = cap;
	}
	one = &p->item[p->n];
	memset(one, 0, sizeof *one);
	memcpy(one->hex, file + 5, SK_OID_HEX);
	if (is_there(p->dir, one->hex, ".pack") && sk_idx_open(p->dir, one->hex, &one->idx) == 0)
		p->n++;
	return 0;
}

static int by_size(const void *x, const void *y)
{
	const struct one *a = x, *b = y;

	return (a->idx.n < b->idx.n) - (a->idx.n > b->idx.n);
}

int sk_packs_open(const char *path, struct sk_packs **out)
{
	struct sk_packs *p = calloc(1, sizeof *p);
	struct dirent *e;
	DIR *dir = NULL;
	int rc = 0;

	if (!p)
		return sk_error_oom();
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir >= 0) {
		int fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		dir = fd < 0 ? NULL : fdopendir(fd);
		if (fd >= 0 && !dir)
			(void)close(fd);
	}
	while (dir && !rc && (e = readdir(dir)))
		rc = add(p, e->d_name);
	if (dir)
		(void)closedir(dir);
	if (rc) {
		sk_packs_free(p);
		return rc;
	}
	if (p->n)
		qsort(p->item, p->n, sizeof *p->item, by_size);
	*out = p;
	return 0;
}

void sk_packs_free(struct sk_packs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		sk_idx_close(&p->item[i].idx);
	if (p->dir >= 0)
		(void)close(p->dir);
	free(p->item);
	free(p);
}

static bool look(struct sk_packs *p, size_t i, const struct sk_oid *oid)
{
	if (!sk_idx_has(&p->item[i].idx, oid))
		return false;
	if (!atomic_load_explicit(&p->item[i].used, memory_order_relaxed))
		atomic_store_explicit(&p->item[i].used, true, memory_order_relaxed);
	return true;
}

bool sk_packs_have(struct sk_packs *p, const struct sk_oid *oid)
{
	size_t last = atomic_load_explicit(&p->last, memory_order_relaxed);

	if (last < p->n && look(p, last, oid))
		return true;
	for (size_t i = 0; i < p->n; i++) {
		if (i == last || !look(p, i, oid))
			continue;
		atomic_store_explicit(&p->last, i, memory_order_relaxed);
		return true;
	}
	return false;
}

bool sk_packs_last(const struct sk_packs *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (atomic_load(&p->item[i].used) && (!is_there(p->dir, p->item[i].hex, ".pack") ||
		                                      !is_there(p->dir, p->item[i].hex, ".idx")))
			return false;
	return true;
}
