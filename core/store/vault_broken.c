/* One damaged entry must not keep all the others out of a vault: which are whole, by halving. */
#include "repo/git.h"
#include "store/vault_parts.h"

static int is_whole(const struct sk_repo *repo, const struct sk_ref *ref, size_t n, bool *out)
{
	const char *const args[] = { "rev-list", "--objects", "--quiet", "--stdin", NULL };
	struct sk_buf input = SK_BUF_INIT, said = SK_BUF_INIT, errors = SK_BUF_INIT;
	int status = 0, rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = sk_buf_addf(&input, "%s\n", sk_oid_str(&ref[i].oid));
	if (!rc)
		rc = sk_git_run_index(repo, NULL, args, &input, &said, &errors, &status);
	if (!rc)
		*out = status == 0;
	sk_buf_free(&input);
	sk_buf_free(&said);
	sk_buf_free(&errors);
	return rc;
}

static int halve(const struct sk_repo *repo, const struct sk_ref *ref, size_t n,
                 struct sk_strv *broken)
{
	bool whole = true;
	int rc = n ? is_whole(repo, ref, n, &whole) : 0;

	if (rc || whole)
		return rc;
	if (n == 1)
		return sk_strv_add(broken, ref->name);
	rc = halve(repo, ref, n / 2, broken);
	return rc ? rc : halve(repo, ref + n / 2, n - n / 2, broken);
}

int sk_vault_find_broken(const struct sk_repo *repo, const struct sk_refs *refs,
                         struct sk_strv *broken)
{
	return halve(repo, refs->item, refs->n, broken);
}
