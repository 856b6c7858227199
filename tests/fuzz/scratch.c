/* scratch.c - files for the fuzzers. */
#include "fuzz.h"

#include <limits.h>

#include "base/io.h"
#include "base/text.h"

static char dir[200];
static pid_t owner;

static void end(void)
{
	if (getpid() == owner)
		(void)sk_remove_tree(AT_FDCWD, dir);
}

const char *fuzz_dir(void)
{
	if (!*dir) {
		const char *tmp = getenv("TMPDIR");

		/* a socket's path has to be short */
		(void)snprintf(dir, sizeof dir, "%s/sk-fuzz.XXXXXX",
		               tmp && strlen(tmp) < 60 ? tmp : "/tmp");
		HOLDS(mkdtemp(dir));
		owner = getpid();
		HOLDS(atexit(end) == 0);
	}
	return dir;
}

const char *fuzz_path(const char *name)
{
	static char ring[4][PATH_MAX];
	static unsigned next;
	char *out = ring[next++ % 4];

	(void)snprintf(out, PATH_MAX, "%s/%s", fuzz_dir(), name);
	return out;
}

void fuzz_store(const char *name, const void *data, size_t len)
{
	int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	HOLDS(fd >= 0);
	HOLDS(sk_write_full(fd, data, len) == 0);
	HOLDS(close(fd) == 0);
}

bool fuzz_is_plain(const char *text, size_t len)
{
	struct sk_buf shown = SK_BUF_INIT;
	bool plain = true;

	for (size_t i = 0, n; i < len && plain; i += n + 1) {
		for (n = 0; i + n < len && text[i + n] != '\n' && text[i + n] != '\t';)
			n++;
		sk_buf_clear(&shown);
		/* which escapes all that is not, and nothing else */
		HOLDS(sk_add_text(&shown, text + i, n) == 0);
		plain = shown.len == n && (!n || memcmp(shown.ptr, text + i, n) == 0);
	}
	sk_buf_free(&shown);
	return plain;
}
