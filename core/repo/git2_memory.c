#include "repo/git2_memory.h"

#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* A size from damaged or hostile data may be anything; where such are allocated libgit2 does look.
 */
#define CHECKED (64u << 20)

static void *or_end(void *p, size_t n)
{
	static const char words[] = "git sk: out of memory\n";

	if (p || n > CHECKED)
		return p;
	(void)!write(STDERR_FILENO, words, sizeof words - 1);
	_exit(SK_EIO);
}

static size_t product(size_t n, size_t size)
{
	size_t both;

	return __builtin_mul_overflow(n, size, &both) ? SIZE_MAX : both;
}

static void *take(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(malloc(n ? n : 1), n);
}

static void *take_zeroed(size_t n, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(calloc(n ? n : 1, size ? size : 1), product(n, size));
}

static void *take_array(size_t n, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(reallocarray(NULL, n ? n : 1, size ? size : 1), product(n, size));
}

static void *retake(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(realloc(p, n ? n : 1), n);
}

static void *retake_array(void *p, size_t n, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(reallocarray(p, n ? n : 1, size ? size : 1), product(n, size));
}

static char *copy(const char *s, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(strdup(s), 0);
}

static char *copy_most(const char *s, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return or_end(strndup(s, n), 0);
}

static char *copy_exact(const char *s, size_t n, const char *file, int line)
{
	char *p = n < SIZE_MAX ? take(n + 1, file, line) : NULL;

	if (p) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

int sk_git2_memory(void)
{
	git_allocator a = {
		.gmalloc = take,
		.gcalloc = take_zeroed,
		.gstrdup = copy,
		.gstrndup = copy_most,
		.gsubstrdup = copy_exact,
		.grealloc = retake,
		.greallocarray = retake_array,
		.gmallocarray = take_array,
		.gfree = free,
	};

	return git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &a);
}
