/* fuzz.h - what every fuzzer of this folder uses.
 *
 * A fuzzer is one function of bytes, FUZZ(name) in fuzz_NAME.c.  Built by itself (-DSK_FUZZ=ON) it
 * is libFuzzer's entry; in every test build tests/unit/test_fuzz.c calls it for the inputs that
 * are kept in corpus/NAME.  Whatever the bytes say, nothing may crash, read or write where it must
 * not, run long, or leave memory behind; and what the fuzzer says HOLDS. */
#ifndef SK_TEST_FUZZ_H
#define SK_TEST_FUZZ_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef SK_FUZZ_ALONE
#define FUZZ(name)                                                                                 \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                              \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
#else
#define FUZZ(name)                                                                                 \
	int fuzz_##name(const uint8_t *data, size_t size);                                         \
	int fuzz_##name(const uint8_t *data, size_t size)
#endif

#define HOLDS(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #what);   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input, taken apart. */
struct fuzz_in {
	const uint8_t *p;
	size_t n;
};

static inline unsigned fuzz_byte(struct fuzz_in *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

/* A copy that ends exactly where the bytes end, for the sanitizer to see what reads on; `end` more
 * bytes are NUL.  To be freed. */
static inline char *fuzz_copy(const void *data, size_t len, size_t end)
{
	char *out = malloc(len + end ? len + end : 1);

	HOLDS(out);
	if (len)
		memcpy(out, data, len);
	memset(out + len, 0, end);
	return out;
}

/* What stands up to the next separator, which is passed; all that is left when there is none. */
static inline struct fuzz_in fuzz_part(struct fuzz_in *in, const char *separator)
{
	size_t len = strlen(separator);
	const uint8_t *at = len <= in->n ? memmem(in->p, in->n, separator, len) : NULL;
	struct fuzz_in out = { in->p, at ? (size_t)(at - in->p) : in->n };

	in->p += out.n + (at ? len : 0);
	in->n -= out.n + (at ? len : 0);
	return out;
}

/* The part as a string, cut at its first NUL.  To be freed. */
static inline char *fuzz_string(struct fuzz_in part)
{
	size_t len = strnlen((const char *)part.p, part.n);

	return fuzz_copy(part.p, part.n ? len : 0, 1);
}

/* A scratch folder of this process, made when first asked for and removed at the end. */
const char *fuzz_dir(void);
/* DIR/NAME, in one of four buffers. */
const char *fuzz_path(const char *name);
/* Makes that file. */
void fuzz_store(const char *name, const void *data, size_t len);
/* Whether a terminal would take any of it for more than text (but for `\n`, and `\t`). */
bool fuzz_is_plain(const char *text, size_t len);

#endif
