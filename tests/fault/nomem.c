/* nomem - a library for LD_PRELOAD with which the Nth allocation of a program fails.
 *
 *	SK_FAIL_ALLOC=N      which (0: none, only count)
 *	SK_FAIL_PROGRAMS=L   in which programs (names, comma-separated)
 *	SK_FAIL_COUNT=FILE   at its end each such process adds a line there: how many it made
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

__attribute__((destructor)) static void end(void)
{
	const char *file = getenv("SK_FAIL_COUNT");
	char line[32];
	int fd, len;

	if (!on || !file)
		return;
	on = false;
	fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	len = snprintf(line, sizeof line, "%lu\n", __atomic_load_n(&count, __ATOMIC_RELAXED));
	if (fd >= 0) {
		(void)!write(fd, line, (size_t)len);
		(void)close(fd);
	}
}

static bool fails(void)
{
	if (!on || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != nth)
		return false;
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
