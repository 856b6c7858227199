/* ewah.h - reading git's compressed bitmaps (EWAH), as the split index stores them.
 *
 * Format: 32-bit number of bits, 32-bit number of 64-bit words, the words, 32-bit place of the
 * last run word; all big-endian.  The words are runs: one marker (bit 0: value of the run, bits 1
 * to 32: words in the run, bits 33 to 63: literal words that follow), then its literal words,
 * lowest bit first.  Source: git's Documentation/technical/bitmap-format.txt, appendix A. */
#ifndef SK_REPO_EWAH_H
#define SK_REPO_EWAH_H

#include <stddef.h>
#include <stdint.h>

/* Words that a plain bitmap of `n` bits takes. */
#define SK_BITMAP_WORDS(n) (((size_t)(n) + 63) / 64)

static inline int sk_bitmap_get(const uint64_t *map, size_t bit)
{
	return (int)(map[bit / 64] >> (bit % 64) & 1);
}

/* Sets in `map`, which the caller has zeroed and which has SK_BITMAP_WORDS(n_bits) words, the bits
 * of the compressed bitmap at the start of `data`.  `used` gets the bytes it took.  SK_EDAMAGED
 * when it is cut off or sets a bit from `n_bits` on; `map` may then be half filled. */
int sk_ewah_expand(const void *data, size_t len, uint64_t *map, size_t n_bits, size_t *used);

#endif
