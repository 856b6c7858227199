#include "repo/safename.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* ".git" or "git~1", then nothing but blanks and dots up to the end, a colon or a backslash. */
static bool ntfs_dotgit(const char *name, size_t len)
{
	size_t at;

	if (len >= 4 && strncasecmp(name, ".git", 4) == 0)
		at = 4;
	else if (len >= 5 && strncasecmp(name, "git~1", 5) == 0)
		at = 5;
	else
		return false;
	while (at < len && (name[at] == ' ' || name[at] == '.'))
		at++;
	return at == len || name[at] == ':' || name[at] == '\\';
}

static bool hfs_ignored(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;

	if (n != 3)
		return false;
	if (u[0] == 0xe2 && u[1] == 0x80)
		return (u[2] >= 0x8c && u[2] <= 0x8f) || (u[2] >= 0xaa && u[2] <= 0xae);
	if (u[0] == 0xe2 && u[1] == 0x81)
		return u[2] >= 0xaa && u[2] <= 0xaf;
	return u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf;
}

static bool hfs_dotgit(const char *name, size_t len)
{
	static const char want[] = ".git";
	size_t at = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = sk_utf8_len(name + i, len - i);
		if (n == 0)
			return false;
		if (hfs_ignored(name + i, n))
			continue;
		if (at == 4 || n != 1 || strncasecmp(name + i, &want[at], 1) != 0)
			return false;
		at++;
	}
	return at == 4;
}

bool sk_unsafe_name(const char *name, size_t len)
{
	if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len))
		return true;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	/* a backslash is a separator on NTFS: look at each part */
	for (size_t start = 0; start < len;) {
		const char *bs = memchr(name + start, '\\', len - start);
		size_t end = bs ? (size_t)(bs - name) : len;

		if (ntfs_dotgit(name + start, end - start))
			return true;
		start = end + 1;
	}
	return hfs_dotgit(name, len);
}
