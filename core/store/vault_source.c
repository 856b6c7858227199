#include "store/vault_source.h"

#include <stdlib.h>

#include "base/io.h"
#include "base/proc.h"
#include "store/vault_parts.h"

/* Everything of this repository's part, into a bare repository of its own: a fetch into this one
 * would take for granted what is here by name and damaged. */
static int fetch(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                 const char *dir)
{
	struct sk_buf out = SK_BUF_INIT, err = SK_BUF_INIT, spec = SK_BUF_INIT, in = SK_BUF_INIT;
	struct sk_vault_git g = {
		.url = vault->url, .flags = flags, .output = &out, .errors = &err
	};
	const char *const init[] = { "init", "-q", "--bare", dir, NULL };
	char *part = NULL;
	bool offline;
	int status = 0, rc = sk_vault_part(repo, &part);

	if (!rc)
		rc = sk_buf_addf(&spec, "+" SK_VAULT_ROOT "%s/*:refs/vault/*", part);
	if (!rc)
		rc = sk_buf_addf(&in, "--git-dir=%s", dir);
	if (!rc)
		rc = sk_vault_git(&g, init, &status);
	if (!rc && !status) {
		const char *const args[] = { in.ptr,     "fetch",  "-q", "--no-tags",
			                     vault->url, spec.ptr, NULL };

		rc = sk_vault_git(&g, args, &status);
	}
	if (!rc && status)
		rc = sk_vault_why(vault->url, vault->shown, &err, status, &offline);
	free(part);
	sk_buf_free(&out);
	sk_buf_free(&err);
	sk_buf_free(&spec);
	sk_buf_free(&in);
	return rc;
}

int sk_vault_source(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                    char **out)
{
	char *folder = sk_vault_folder(vault->url), *objects;
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	if (!folder) {
		rc = sk_buf_addf(&path, "%s/salvage", repo->skdir);
		if (!rc)
			rc = sk_mkdirs(path.ptr, 0700);
		if (!rc)
			rc = sk_buf_addf(&path, "/vault-%s", vault->name);
		if (!rc)
			rc = fetch(repo, vault, flags, path.ptr);
	} else {
		rc = sk_buf_adds(&path, folder);
	}
	if (!rc)
		rc = sk_buf_adds(&path, "/objects");
	if (!rc && !sk_exists(path.ptr))
		rc = sk_error(SK_EIO, "the vault %s is not there: %s", vault->name, vault->shown);
	objects = rc ? NULL : sk_buf_detach(&path);
	sk_buf_free(&path);
	free(folder);
	if (!rc)
		*out = objects;
	return rc;
}

/* Every machine's part stays: only what no ref of the vault reaches goes. */
static int tidy(const struct sk_vault *vault, const char *folder)
{
	static const char *const steps[][7] = {
		{ "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all", NULL },
		{ "repack", "-a", "-d", "-q", "--no-write-bitmap-index", NULL },
		{ "prune", "--expire=now", NULL }
	};
	struct sk_buf out = SK_BUF_INIT, err = SK_BUF_INIT, in = SK_BUF_INIT;
	struct sk_vault_git g = { .url = vault->url, .output = &out, .errors = &err };
	int status = 0, rc = sk_buf_addf(&in, "--git-dir=%s", folder);

	for (size_t i = 0; !rc && i < 3; i++) {
		const char *args[8] = { in.ptr };
		bool offline;

		for (size_t k = 0; steps[i][k]; k++)
			args[k + 1] = steps[i][k];
		rc = sk_vault_git(&g, args, &status);
		if (!rc && status)
			rc = sk_vault_why(vault->url, vault->shown, &err, status, &offline);
	}
	sk_buf_free(&out);
	sk_buf_free(&err);
	sk_buf_free(&in);
	return rc;
}

int sk_vault_purge(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                   bool *deleted)
{
	struct sk_vault_pushed pushed = { .pushed = 0 };
	char *folder = sk_vault_folder(vault->url);
	int rc = sk_vault_push(repo, vault, flags | SK_VAULT_ALL | SK_VAULT_WAIT, &pushed);

	sk_vault_pushed_clear(&pushed);
	if (!rc && folder)
		rc = tidy(vault, folder);
	if (!rc)
		*deleted = folder != NULL;
	free(folder);
	return rc;
}
