#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "repo/git.h"
#include "repo/ini.h"
#include "repo/trust.h"

#define PROJECT_FILE ".safekeep.ini"

/* What was accepted last, for showing what changed since; what is looked at now. */
#define TEXT_WAS "trusted.ini"
#define TEXT_NEW "trusted.new"

/* Read once: what is shown is what is accepted, whatever becomes of the file meanwhile. */
static int read_project(const struct sk_repo *repo, struct sk_buf *path, struct sk_buf *out)
{
	int rc = sk_buf_addf(path, "%s/%s", repo->worktree, PROJECT_FILE);

	if (!rc)
		rc = sk_ini_read(path->ptr, true, out);
	if (rc == SK_ENO)
		return sk_error(SK_ENO, "there is no %s in %s", PROJECT_FILE,
		                sk_name(repo->worktree));
	return rc == SK_EREFUSED || rc == SK_EIO ? sk_error_prefix(SK_ENO, "%s", sk_name(path->ptr))
	                                         : rc;
}

/* Its lines, as a terminal may show them. */
static int print_lines(const char *text, size_t len, size_t skip)
{
	const char *end = text + len;
	struct sk_buf line = SK_BUF_INIT;
	int rc = 0;

	for (const char *p = text; p < end && !rc; skip -= skip > 0) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		eol = eol ? eol : end;
		sk_buf_clear(&line);
		rc = sk_add_text(&line, p, (size_t)(eol - p));
		if (!rc && !skip)
			sk_outf("    %s\n", sk_buf_str(&line));
		p = eol + (eol < end);
	}
	sk_buf_free(&line);
	return rc;
}

/* Since the last time, when there was one; else all of it. */
static int show(const struct sk_repo *repo, const char *path, const struct sk_buf *text)
{
	const char *args[] = { "diff",       "--no-index",
		               "--no-color", "--no-ext-diff",
		               "--text",     "--no-textconv",
		               "--",         NULL,
		               NULL,         NULL };
	struct sk_buf was = SK_BUF_INIT, now = SK_BUF_INIT, diff = SK_BUF_INIT;
	int status = 0, rc;

	(void)sk_buf_addf(&was, "%s/" TEXT_WAS, repo->skdir);
	(void)sk_buf_addf(&now, "%s/" TEXT_NEW, repo->skdir);
	rc = sk_buf_ok(&was) ? SK_EIO : sk_buf_ok(&now);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, now.ptr, sk_buf_str(text), text->len, 0600, false);
	if (!rc && sk_exists(was.ptr)) {
		args[7] = was.ptr;
		args[8] = now.ptr;
		rc = sk_git_run(repo, args, NULL, &diff, &status);
	}
	if (rc)
		;
	else if (status == 1 && diff.len) {
		sk_outf("%s, what changed since you accepted it:\n", sk_name(path));
		rc = print_lines(diff.ptr, diff.len, 4); /* past the names of the two files */
	} else {
		sk_outf("%s:\n", sk_name(path));
		rc = print_lines(sk_buf_str(text), text->len, 0);
	}
	sk_buf_free(&was);
	sk_buf_free(&now);
	sk_buf_free(&diff);
	return rc;
}

static int ask(const struct sk_repo *repo, const char *path, const struct sk_buf *text, bool *yes)
{
	int rc = show(repo, path, text);

	sk_out_flush();
	if (!rc)
		rc = sk_confirm("may it run commands, shorten what is kept, and all else that it "
		                "says? [y/N] ",
		                yes);
	return rc;
}

/* Only for showing: without it the next question shows the whole file. */
static void note(const struct sk_repo *repo, const struct sk_buf *text)
{
	struct sk_buf was = SK_BUF_INIT, now = SK_BUF_INIT;

	(void)sk_buf_addf(&was, "%s/" TEXT_WAS, repo->skdir);
	(void)sk_buf_addf(&now, "%s/" TEXT_NEW, repo->skdir);
	if (sk_buf_ok(&was) == 0 && sk_buf_ok(&now) == 0) {
		if (text)
			(void)sk_write_file(AT_FDCWD, was.ptr, sk_buf_str(text), text->len, 0600,
			                    false);
		(void)unlink(now.ptr);
	}
	sk_error_clear();
	sk_buf_free(&was);
	sk_buf_free(&now);
}

static int accept(struct sk_call *call, const char *record)
{
	struct sk_buf text = SK_BUF_INIT, path = SK_BUF_INIT;
	bool had = false, yes = true;
	int rc = read_project(call->repo, &path, &text);

	if (!rc)
		had = sk_trust_has(record, sk_buf_str(&text), text.len);
	if (!rc && !had && isatty(0) && !sk_call_has(call, "yes"))
		rc = ask(call->repo, path.ptr, &text, &yes);
	if (!rc && yes && !had)
		rc = sk_trust_add(record, path.ptr, sk_buf_str(&text), text.len);
	if (!rc && !had)
		note(call->repo, yes ? &text : NULL);
	if (!rc && !yes)
		rc = sk_error(SK_ENO, "not accepted; nothing was changed");
	if (!rc && call->json)
		rc = sk_out_json(sk_json_add(json_object(), "trusted", json_true()));
	else if (!rc)
		sk_outf("%s\n", had ? "trusted already, as it is now"
		                    : "trusted, as it is now; when it changes, say so again");
	sk_buf_free(&text);
	sk_buf_free(&path);
	return rc;
}

int sk_cmd_trust(struct sk_call *call)
{
	struct sk_buf record = SK_BUF_INIT;
	int rc = sk_call_args(call, 0, 0);

	if (!rc)
		rc = sk_buf_addf(&record, "%s/%s", call->repo->skdir, SK_TRUST_FILE);
	if (!rc && sk_call_has(call, "revoke")) {
		rc = sk_trust_revoke(record.ptr);
		if (!rc && call->json)
			rc = sk_out_json(sk_json_add(json_object(), "trusted", json_false()));
		else if (!rc)
			sk_outf("no version of %s is trusted any more\n", PROJECT_FILE);
	} else if (!rc) {
		rc = accept(call, record.ptr);
	}
	sk_buf_free(&record);
	return rc;
}
