/* nomem - a library for LD_PRELOAD with which the Nth allocation of a program fails.
 *
 *	SK_FAIL_ALLOC=N      which
 *	SK_FAIL_PROGRAMS=L   in which programs (names, comma-separated)
 *	SK_FAIL_FIRED=FILE   made when it came to that
 *
 * libgit2, linked statically or not, and libc itself allocate through these too. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static unsigned long count, nth;
static bool on;

static bool in_list(const char *items, const char *item)
{
	size_t len = strlen(item);

	for (const char *p = items; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, item, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

__attribute__((constructor)) static void begin(void)
{
	const char *programs = getenv("SK_FAIL_PROGRAMS"), *n = getenv("SK_FAIL_ALLOC");

	if (!n || !programs || !in_list(programs, program_invocation_short_name))
		return;
	nth = strtoul(n, NULL, 10);
	on = true;
}

/* Without allocating: this is inside malloc. */
static void say_fired(void)
{
	const char *file = getenv("SK_FAIL_FIRED");
	int fd = file ? open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd >= 0)
		(void)close(fd);
}

static bool fails(void)
{
	if (!on || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != nth)
		return false;
	say_fired();
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}
