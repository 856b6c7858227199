#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "command/command.h"
#include "command/print.h"
#include "command/report.h"
#include "repo/trust.h"

#define PROJECT_FILE ".safekeep.ini"
#define PROJECT_MAX (1u << 20)

/* Never through a link: what is shown to be accepted must be what is read later. */
static int read_project(const struct sk_repo *repo, struct sk_buf *out)
{
	int fd = openat(repo->wtfd, PROJECT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return sk_error_errno(SK_ENO, "cannot read %s in %s", PROJECT_FILE,
		                      sk_name(repo->worktree));
	(void)close(fd);
	return sk_read_file(repo->wtfd, PROJECT_FILE, PROJECT_MAX, out);
}

static int accept(struct sk_call *call, const char *record)
{
	struct sk_buf text = SK_BUF_INIT, path = SK_BUF_INIT;
	bool had = false;
	int rc = read_project(call->repo, &text);

	if (!rc)
		rc = sk_buf_addf(&path, "%s/%s", call->repo->worktree, PROJECT_FILE);
	if (!rc) {
		had = sk_trust_has(record, sk_buf_str(&text), text.len);
		rc = had ? 0 : sk_trust_add(record, path.ptr, sk_buf_str(&text), text.len);
	}
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
