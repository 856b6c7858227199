/* nomem - a library for LD_PRELOAD with which the Nth allocation of a program fails.
 *
 *	SK_FAIL_ALLOC=N      which; 0: none
 *	SK_FAIL_PROGRAMS=L   in which programs (names, comma-separated)
 *	SK_FAIL_FIRED=FILE   made when it came to that
 *	SK_FAIL_COUNT=FILE   a line with the number of allocations, at the end of each program
 *
 * libgit2, linked statically or not, and libc itself allocate through these too. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "list.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static unsigned long count, nth;
static bool on;

__attribute__((constructor)) static void begin(void)
{
	const char *programs = getenv("SK_FAIL_PROGRAMS"), *n = getenv("SK_FAIL_ALLOC");

	if (!n || !programs || !in_list(programs, program_invocation_short_name))
		return;
	nth = strtoul(n, NULL, 10);
	on = true;
}

__attribute__((destructor)) static void end(void)
{
	const char *file = getenv("SK_FAIL_COUNT");
	char line[24];
	int fd = on && file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	int len = snprintf(line, sizeof line, "%lu\n", count);

	if (fd >= 0) {
		if (write(fd, line, (size_t)len) != len)
			abort();
		(void)close(fd);
	}
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
