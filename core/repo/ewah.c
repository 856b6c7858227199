#include "repo/ewah.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define HEAD 8 /* bits and words */
#define TAIL 4 /* place of the last run word: of use to writers only */

static int too_far(size_t n_bits)
{
	return sk_error(SK_EDAMAGED, "a bitmap sets a bit beyond its %zu", n_bits);
}

int sk_ewah_expand(const void *data, size_t len, uint64_t *map, size_t n_bits, size_t *used)
{
	const unsigned char *p = data, *end;
	size_t n_map = SK_BITMAP_WORDS(n_bits), pos = 0;
	uint64_t n_words;

	if (len < HEAD + TAIL)
		return sk_error(SK_EDAMAGED, "a bitmap is cut off");
	n_words = sk_be32(p + 4);
	if ((len - HEAD - TAIL) / 8 < n_words)
		return sk_error(SK_EDAMAGED, "a bitmap is cut off");
	p += HEAD;
	end = p + n_words * 8;
	while (p < end) {
		uint64_t marker = sk_be64(p), run = marker >> 1 & UINT32_MAX,
		         literals = marker >> 33;
		size_t room = n_map - pos, fill = run < room ? (size_t)run : room;

		p += 8;
		if ((marker & 1) && run > room)
			return too_far(n_bits);
		if (marker & 1)
			memset(map + pos, 0xff, fill * sizeof *map);
		pos += fill;
		if ((uint64_t)(end - p) / 8 < literals)
			return sk_error(SK_EDAMAGED, "a bitmap is cut off");
		for (; literals; literals--, p += 8) {
			uint64_t word = sk_be64(p);

			if (pos < n_map)
				map[pos++] = word;
			else if (word)
				return too_far(n_bits);
		}
	}
	if (n_bits % 64 && map[n_map - 1] >> (n_bits % 64))
		return too_far(n_bits);
	*used = HEAD + n_words * 8 + TAIL;
	return 0;
}
