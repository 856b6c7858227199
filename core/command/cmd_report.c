/* `git sk report --html FILE`: the page of page.h, written where the user says. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "command/command.h"
#include "command/page.h"
#include "command/print.h"

#define EVENTS 1000

/* How our pages begin: only such a file is replaced. */
static const char mark[] = "<!DOCTYPE html>\n<!-- The page of git sk report";

static int read_max(const struct sk_call *call, size_t *out)
{
	const char *text = sk_call_value(call, "max-count");
	unsigned long long n = EVENTS;
	char *end;

	if (text) {
		errno = 0;
		n = strtoull(text, &end, 10);
		if (errno || *end || *text < '0' || *text > '9')
			return sk_error(SK_EUSAGE, "'%s' is not a number of events", sk_name(text));
	}
	*out = n == 0 || n > SIZE_MAX ? SIZE_MAX : (size_t)n;
	return 0;
}

/* Nothing that is no page of ours is written over, and no link is followed to where it leads. */
static int may_replace(const char *path)
{
	struct sk_buf head = SK_BUF_INIT;
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0
		                       : sk_error_errno(SK_EIO, "cannot write '%s'", sk_name(path));
	if (!S_ISREG(st.st_mode))
		return sk_error(SK_EREFUSED, "'%s' is there and no file; give another name",
		                sk_name(path));
	if (st.st_size == 0)
		return 0;
	rc = sk_read_file(AT_FDCWD, path, (size_t)st.st_size, &head);
	if (!rc && (head.len < sizeof mark - 1 || memcmp(head.ptr, mark, sizeof mark - 1) != 0))
		rc = sk_error(SK_EREFUSED,
		              "'%s' is there and is no page of 'git sk report'; give another name",
		              sk_name(path));
	sk_buf_free(&head);
	return rc;
}

static int write_page(const char *path, const struct sk_buf *page, bool quiet)
{
	int rc;

	if (strcmp(path, "-") == 0) {
		sk_out(page->ptr, page->len);
		return 0;
	}
	rc = sk_write_file(AT_FDCWD, path, page->ptr, page->len, 0644, false);
	if (!rc && !quiet)
		sk_outf("%s: open it in a browser\n", sk_name(path));
	return rc;
}

int sk_cmd_report(struct sk_call *call)
{
	const char *path = sk_call_value(call, "html");
	struct sk_page_opts opts = { .since = sk_call_value(call, "since") };
	struct sk_buf page = SK_BUF_INIT;
	int rc = sk_call_args(call, 0, 0);

	if (!rc && (!path || !*path))
		rc = sk_error(SK_EUSAGE, "where to? 'git sk report --html FILE'");
	if (!rc)
		rc = read_max(call, &opts.max);
	if (!rc && strcmp(path, "-") != 0)
		rc = may_replace(path);
	if (!rc)
		rc = sk_page_make(call->repo, &opts, &page);
	if (!rc)
		rc = write_page(path, &page, call->quiet);
	sk_buf_free(&page);
	return rc;
}
