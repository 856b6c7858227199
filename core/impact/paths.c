#include "impact/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

uint32_t sk_paths_hash(uint32_t seed, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		seed = (seed ^ (unsigned char)text[i]) * 16777619u;
	return seed;
}

int sk_paths_init(struct sk_paths *set, const char *const *path, uint32_t n)
{
	uint32_t size = 16, *slot;

	while (size / 2 < n && size < 1u << 31)
		size *= 2;
	slot = calloc(size, sizeof *slot);
	if (!slot)
		return sk_error_oom();
	*set = (struct sk_paths){ path, n, slot, size - 1, NULL };
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = sk_paths_hash(SK_PATHS_SEED, path[i], strlen(path[i])) & set->mask;

		while (slot[at])
			at = (at + 1) & set->mask;
		slot[at] = i + 1;
	}
	return 0;
}

void sk_paths_clear(struct sk_paths *set)
{
	free(set->slot);
	free(set->by_name);
	*set = (struct sk_paths){ 0 };
}

uint32_t sk_paths_find_end(const struct sk_paths *set, const char *base, size_t len, uint32_t hash,
                           const char *end)
{
	size_t more = strlen(end);
	uint32_t at = sk_paths_hash(hash, end, more) & set->mask;

	for (; set->slot[at]; at = (at + 1) & set->mask) {
		const char *p = set->path[set->slot[at] - 1];

		if (strncmp(p, base, len) == 0 && strcmp(p + len, end) == 0)
			return set->slot[at] - 1;
	}
	return SK_PATHS_NONE;
}

uint32_t sk_paths_find(const struct sk_paths *set, const char *path, size_t len)
{
	return sk_paths_find_end(set, path, len, sk_paths_hash(SK_PATHS_SEED, path, len), "");
}

uint32_t sk_paths_lower(const struct sk_paths *set, const char *text, size_t len)
{
	uint32_t lo = 0, hi = set->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const char *p = set->path[mid];

		if (strncmp(p, text, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t sk_paths_below(const struct sk_paths *set, const char *dir, size_t len, uint32_t *from)
{
	uint32_t lo, hi = set->n;

	if (!len) {
		*from = 0;
		return set->n;
	}
	/* "a/": past "a" itself and "a-b", which sort before it */
	lo = sk_paths_lower(set, dir, len);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int order = strncmp(set->path[mid], dir, len);

		if (order < 0 || (order == 0 && (unsigned char)set->path[mid][len] < '/'))
			lo = mid + 1;
		else
			hi = mid;
	}
	*from = lo;
	hi = set->n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int order = strncmp(set->path[mid], dir, len);

		if (order < 0 || (order == 0 && (unsigned char)set->path[mid][len] <= '/'))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool sk_paths_is_dir(const struct sk_paths *set, const char *dir, size_t len)
{
	uint32_t from, to = sk_paths_below(set, dir, len, &from);

	return to > from;
}

/* Compares the texts read from their ends. */
static int cmp_back(const char *a, size_t a_len, const char *b, size_t b_len)
{
	while (a_len && b_len) {
		unsigned char x = (unsigned char)a[--a_len], y = (unsigned char)b[--b_len];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a_len > 0) - (b_len > 0);
}

static int by_back(const void *x, const void *y, void *ctx)
{
	const struct sk_paths *set = ctx;
	const char *a = set->path[*(const uint32_t *)x], *b = set->path[*(const uint32_t *)y];

	return cmp_back(a, strlen(a), b, strlen(b));
}

static bool ends_in(const char *path, const char *end, size_t len)
{
	size_t n = strlen(path);

	return n >= len && memcmp(path + n - len, end, len) == 0;
}

uint32_t sk_paths_ending(struct sk_paths *set, const char *end, size_t len, uint32_t *out,
                         uint32_t cap)
{
	uint32_t lo = 0, hi = set->n, found = 0;

	if (!set->by_name && set->n) {
		set->by_name = malloc(set->n * sizeof *set->by_name);
		if (!set->by_name) {
			(void)sk_error_oom();
			return SK_PATHS_NONE;
		}
		for (uint32_t i = 0; i < set->n; i++)
			set->by_name[i] = i;
		qsort_r(set->by_name, set->n, sizeof *set->by_name, by_back, set);
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const char *p = set->path[set->by_name[mid]];

		if (cmp_back(p, strlen(p), end, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < set->n; lo++) {
		const char *p = set->path[set->by_name[lo]];
		size_t n = strlen(p);

		if (!ends_in(p, end, len))
			break;
		if (n > len && p[n - len - 1] != '/')
			continue;
		if (found < cap)
			out[found] = set->by_name[lo];
		found++;
	}
	return found;
}

size_t sk_dir_len(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len ? len - 1 : 0;
}

bool sk_path_join(struct sk_buf *out, const char *dir, size_t dir_len, const char *spec,
                  size_t spec_len)
{
	const char *end = spec + spec_len;

	sk_buf_clear(out);
	(void)sk_buf_add(out, dir, dir_len);
	while (spec < end) {
		const char *slash = memchr(spec, '/', (size_t)(end - spec));
		size_t n = slash ? (size_t)(slash - spec) : (size_t)(end - spec);

		if (n == 2 && spec[0] == '.' && spec[1] == '.') {
			if (!out->len)
				return false;
			sk_buf_truncate(out, sk_dir_len(out->ptr, out->len));
		} else if (n && !(n == 1 && spec[0] == '.')) {
			if (out->len)
				(void)sk_buf_addc(out, '/');
			(void)sk_buf_add(out, spec, n);
		}
		spec += n + (slash ? 1 : 0);
	}
	return true;
}

size_t sk_path_common(const char *a, const char *b)
{
	size_t n = 0;

	for (; *a && *a == *b; a++, b++)
		n += *a == '/';
	return n;
}
