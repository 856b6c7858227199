/* paths.h - the set of paths of one state, sorted, with the questions that resolution asks. */
#ifndef SK_IMPACT_PATHS_H
#define SK_IMPACT_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SK_PATHS_NONE UINT32_MAX

struct sk_paths {
	const char *const *path; /* borrowed; sorted bytewise, each once */
	uint32_t n;
	uint32_t *slot; /* of the hash table: number + 1 */
	uint32_t mask;
	uint32_t
	        *by_name; /* numbers sorted by the text read backwards; made when first asked for */
};

/* `path` must outlive the set. */
int sk_paths_init(struct sk_paths *set, const char *const *path, uint32_t n);
void sk_paths_clear(struct sk_paths *set);

/* FNV-1a, so that a path and several endings are hashed with one pass over the path. */
uint32_t sk_paths_hash(uint32_t seed, const char *text, size_t len);
#define SK_PATHS_SEED 2166136261u

uint32_t sk_paths_find(const struct sk_paths *set, const char *path, size_t len);
/* `base` with `end` after it; `hash` is the one of `base`. */
uint32_t sk_paths_find_end(const struct sk_paths *set, const char *base, size_t len, uint32_t hash,
                           const char *end);
/* The first number not before the text. */
uint32_t sk_paths_lower(const struct sk_paths *set, const char *text, size_t len);
/* The files at or below a folder (no slash at its end; "" is all): *from up to, not including, the
 * result.  Equal: there is no such folder. */
uint32_t sk_paths_below(const struct sk_paths *set, const char *dir, size_t len, uint32_t *from);
bool sk_paths_is_dir(const struct sk_paths *set, const char *dir, size_t len);

/* The files whose path is `end`, or ends in "/" and `end`: at most `cap` numbers; returns how many
 * there are.  SK_PATHS_NONE when out of memory. */
uint32_t sk_paths_ending(struct sk_paths *set, const char *end, size_t len, uint32_t *out,
                         uint32_t cap);

/* The length of the folder part, without its slash; 0: at the top. */
size_t sk_dir_len(const char *path, size_t len);
/* `dir` (dir_len bytes) and `spec` put together in `out` (replaced), with ".", ".." and doubled
 * slashes taken out.  False when it leads out of the root.  An end in "/" is dropped. */
bool sk_path_join(struct sk_buf *out, const char *dir, size_t dir_len, const char *spec,
                  size_t spec_len);
/* How many whole folders at the start two paths have in common. */
size_t sk_path_common(const char *a, const char *b);

#endif
