#include "command/manual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/data.h"
#include "base/error.h"
#include "base/io.h"
#include "base/proc.h"
#include "command/print.h"

#define PLAIN_WIDTH 78
#define MAX_PAGE (1u << 20)

/* Adds the first of these that is there: as installed, as packagers compress it, in the sources. */
static int find_page(const char *name, struct sk_buf *out)
{
	static const char *const places[] = { "../man/man1/%s.1", "../man/man1/%s.1.gz",
		                              "man/%s.1" };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct sk_buf path = SK_BUF_INIT;
		int rc;

		for (const char *p = places[i]; *p; p++)
			if (*p == '%')
				(void)sk_buf_adds(&path, name), p++;
			else
				(void)sk_buf_addc(&path, *p);
		sk_buf_clear(out);
		rc = sk_buf_ok(&path);
		if (!rc)
			rc = sk_data_path(path.ptr, out);
		sk_buf_free(&path);
		if (rc || sk_exists(out->ptr))
			return rc;
	}
	return sk_error(SK_ENO, "this installation has no manual page %s", name);
}

/* gzip or plain: zlib reads either. */
static int read_page(const char *path, struct sk_buf *out)
{
	gzFile f = gzopen(path, "rbe");
	char piece[8192];
	int n = 0;

	if (!f)
		return sk_error_errno(SK_EIO, "cannot read %s", path);
	while (out->len < MAX_PAGE && (n = gzread(f, piece, sizeof piece)) > 0)
		(void)sk_buf_add(out, piece, (size_t)n);
	(void)gzclose(f);
	if (n < 0)
		return sk_error(SK_EIO, "cannot read %s", path);
	return sk_buf_ok(out);
}

/* Before the folders that man knows: this installation may be in none of them. */
static int add_manpath(const char *path)
{
	const char *section = strstr(path, "/man1/"), *was = getenv("MANPATH");
	struct sk_buf all = SK_BUF_INIT;
	int rc;

	if (!section)
		return 0;
	(void)sk_buf_add(&all, path, (size_t)(section - path));
	(void)sk_buf_addf(&all, ":%s", was ? was : "");
	rc = sk_buf_ok(&all);
	if (!rc && setenv("MANPATH", all.ptr, 1) < 0)
		rc = sk_error_oom();
	sk_buf_free(&all);
	return rc;
}

static void run_man(const char *path, const char *name)
{
	bool installed = strstr(path, "/man1/") != NULL;
	const char *const by_name[] = { "man", "1", name, NULL };
	const char *const by_path[] = { "man", path, NULL };

	(void)fflush(NULL);
	(void)sk_proc_exec(installed ? by_name : by_path);
	sk_error_clear();
}

int sk_manual_open(const char *command)
{
	struct sk_buf name = SK_BUF_INIT, path = SK_BUF_INIT, page = SK_BUF_INIT;
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&name, "git-sk%s%s", command ? "-" : "", command ? command : "");
	rc = sk_buf_ok(&name);
	if (!rc)
		rc = find_page(name.ptr, &path);
	if (!rc)
		rc = add_manpath(path.ptr);
	if (!rc)
		run_man(path.ptr, name.ptr);
	/* there is no man */
	if (!rc)
		rc = read_page(path.ptr, &page);
	if (!rc)
		rc = sk_manual_text(sk_buf_str(&page), PLAIN_WIDTH, &text);
	if (!rc)
		sk_out(text.ptr, text.len);
	sk_buf_free(&name);
	sk_buf_free(&path);
	sk_buf_free(&page);
	sk_buf_free(&text);
	return rc;
}
