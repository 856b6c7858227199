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

static bool hfs_same(const char *name, size_t len, const char *want)
{
	size_t at = 0, end = strlen(want);

	for (size_t i = 0, n; i < len; i += n) {
		n = sk_utf8_len(name + i, len - i);
		if (n == 0)
			return false;
		if (hfs_ignored(name + i, n))
			continue;
		if (at == end || n != 1 || strncasecmp(name + i, &want[at], 1) != 0)
			return false;
		at++;
	}
	return at == end;
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
	return hfs_same(name, len, ".git");
}

/* As Windows shortens ".gitmodules": "gitmod~1" to "~4", or "gi7eba~1" with as many letters of the
 * hash as the number leaves; 0: it is none, otherwise how long it is. */
static size_t short_gitmodules(const char *name, size_t len)
{
	static const char hash[] = "gi7eba";
	size_t i = 0;

	if (len < 8)
		return 0;
	if (strncasecmp(name, "gitmod~", 7) == 0 && name[7] >= '1' && name[7] <= '4')
		return 8;
	while (i < 6 && name[i] != '~' && strncasecmp(name + i, &hash[i], 1) == 0)
		i++;
	if (name[i] != '~' || name[i + 1] < '1')
		return 0;
	for (i++; i < 8; i++)
		if (name[i] < '0' || name[i] > '9')
			return 0;
	return 8;
}

bool sk_unsafe_link(const char *name, size_t len)
{
	static const char want[] = ".gitmodules";
	size_t at = sizeof want - 1;

	if (hfs_same(name, len, want))
		return true;
	if (len < at || strncasecmp(name, want, at) != 0)
		at = short_gitmodules(name, len);
	if (at == 0)
		return false;
	while (at < len && (name[at] == ' ' || name[at] == '.'))
		at++;
	return at == len || name[at] == ':';
}
