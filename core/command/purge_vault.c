#include "command/purge_vault.h"

#include <stdlib.h>
#include <string.h>

#include "command/vault.h"
#include "store/vault_source.h"

int sk_purge_vaults_fetch(const struct sk_repo *repo)
{
	struct sk_vaults vaults = { 0 };
	char *part = NULL;
	int rc = sk_vault_list(repo, &vaults);

	if (!rc && !vaults.n)
		rc = sk_error(SK_EUSAGE, "there is no vault here (git sk vault add)");
	if (!rc)
		rc = sk_vault_part(repo, &part);
	for (size_t i = 0; !rc && i < vaults.n; i++) {
		const struct sk_vault_take take = { .url = vaults.item[i].url,
			                            .part = part,
			                            .flags = sk_vault_ask() };
		struct sk_vault_contents contents = { 0 };
		struct sk_vault_taken taken = { 0 };
		bool ours = false;

		rc = sk_vault_look(repo, vaults.item[i].url, take.flags, &contents);
		for (size_t k = 0; !rc && k < contents.n; k++)
			ours = ours || strcmp(contents.item[k].part, part) == 0;
		if (!rc && ours)
			rc = sk_vault_fetch(repo, &take, &taken);
		sk_vault_contents_free(&contents);
	}
	free(part);
	sk_vaults_free(&vaults);
	return rc;
}

int sk_purge_vaults(const struct sk_repo *repo, struct sk_strv *said)
{
	struct sk_vaults vaults = { 0 };
	int rc = sk_vault_list(repo, &vaults), first = 0;

	for (size_t i = 0; !rc && i < vaults.n; i++) {
		const struct sk_vault *v = &vaults.item[i];
		struct sk_buf line = SK_BUF_INIT;
		bool deleted = false;
		int got = sk_vault_purge(repo, v, sk_vault_ask(), &deleted);

		(void)sk_buf_addf(&line, "%s: ", v->name);
		if (got)
			(void)sk_buf_addf(&line, "not done: %s", sk_error_message());
		else if (deleted)
			(void)sk_buf_adds(&line, "purged");
		else
			(void)sk_buf_addf(&line,
			                  "no ref leads to it any more; what lies there is deleted "
			                  "by git gc on the server of %s",
			                  v->shown);
		rc = sk_buf_ok(&line);
		if (!rc)
			rc = sk_strv_add(said, line.ptr);
		sk_buf_free(&line);
		first = first ? first : got;
	}
	sk_vaults_free(&vaults);
	return rc ? rc : first ? sk_error(first, "not every vault could be purged") : 0;
}
