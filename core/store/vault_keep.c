/* refs/sk/vault/PART/keep: one commit that holds what is in no branch of the vault.  Its parents
 * keep it alive there; its message says where each belongs:
 *
 *   kept OID FIRST LAST REF     a line of the log of kept commits (keep.h)
 *   stash OID MESSAGE           the list of stashes, the newest first
 *   config KEY VALUE            remotes and what branches follow, without passwords
 *
 * The same content gives the same commit, so that nothing is pushed when nothing moved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repo/git.h"
#include "store/keep.h"
#include "store/vault_parts.h"

#define EMPTY_TREE "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

struct oids {
	struct sk_oid *item;
	size_t n, cap;
};

static int oids_add(struct oids *v, const struct sk_oid *oid)
{
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		struct sk_oid *more = realloc(v->item, cap * sizeof *more);

		if (!more)
			return sk_error_oom();
		v->item = more;
		v->cap = cap;
	}
	v->item[v->n++] = *oid;
	return 0;
}

static int by_oid(const void *a, const void *b)
{
	return sk_oid_cmp(a, b);
}

static void oids_sort(struct oids *v)
{
	if (v->n)
		qsort(v->item, v->n, sizeof *v->item, by_oid);
}

static bool oids_has(const struct oids *v, const struct sk_oid *oid)
{
	return v->n && bsearch(oid, v->item, v->n, sizeof *v->item, by_oid);
}

struct lost {
	struct oids all;     /* what no branch reaches, sorted */
	struct oids parents; /* of these, sorted */
};

static void lost_free(struct lost *l)
{
	free(l->all.item);
	free(l->parents.item);
	*l = (struct lost){ .all = { 0 } };
}

/* Which of the commits (one a line in `input`), and of those before them, no branch reaches. */
static int find_lost(const struct sk_repo *repo, const struct sk_buf *input, struct lost *out)
{
	const char *const args[] = { "rev-list", "--ignore-missing", "--parents", "--stdin",
		                     "--not",    "--branches",       NULL };
	struct sk_buf text = SK_BUF_INIT;
	struct lost l = { .all = { 0 } };
	struct sk_oid oid;
	int status = 0, rc = sk_git_run(repo, args, input, &text, &status);

	if (!rc && status)
		rc = sk_error(SK_EDAMAGED,
		              "the commits that are kept cannot be read; see 'git sk verify'");
	for (const char *p = sk_buf_str(&text); !rc && sk_oid_parse(p, &oid);) {
		rc = oids_add(&l.all, &oid);
		for (p += SK_OID_HEX; !rc && *p == ' ' && sk_oid_parse(p + 1, &oid);
		     p += SK_OID_HEX + 1)
			rc = oids_add(&l.parents, &oid);
		p += *p == '\n';
	}
	sk_buf_free(&text);
	if (rc) {
		lost_free(&l);
		return rc;
	}
	oids_sort(&l.all);
	oids_sort(&l.parents);
	*out = l;
	return 0;
}

/* "OID MESSAGE" a line, the newest first.  The last stash may be taken back while git reads. */
static int read_stashes(const struct sk_repo *repo, struct sk_buf *out)
{
	const char *const args[] = {
		"log", "-g", "--no-decorate", "--no-color", "--format=%H %gs", "refs/stash",
		"--",  NULL
	};
	struct sk_buf errors = SK_BUF_INIT;
	struct sk_oid was, oid;
	int status = 1, rc = sk_ref_read(repo, "refs/stash", &oid);

	while (!rc && status) {
		was = oid;
		sk_buf_clear(out);
		rc = sk_git_run_index(repo, NULL, args, NULL, out, &errors, &status);
		if (rc || !status)
			break;
		rc = sk_ref_read(repo, "refs/stash", &oid);
		if (!rc && sk_oid_eq(&was, &oid)) {
			rc = sk_error(SK_EDAMAGED, "the list of stashes cannot be read; see "
			                           "'git stash list'");
			goto out;
		}
	}
	if (rc == SK_ENO || rc == SK_EDAMAGED) {
		sk_buf_clear(out);
		rc = 0;
	}
out:
	sk_buf_free(&errors);
	return rc;
}

static bool is_url_key(const char *key)
{
	size_t len = strlen(key);

	return len > 4 && (strcmp(key + len - 4, ".url") == 0 ||
	                   (len > 8 && strcmp(key + len - 8, ".pushurl") == 0));
}

/* The repository's own settings that say where its branches come from. */
static int add_config(const struct sk_repo *repo, struct sk_buf *out)
{
	const char *const args[] = {
		"config",
		"-z",
		"--local",
		"--get-regexp",
		"^(remote\\..*\\.(url|pushurl|fetch)|branch\\..*\\.(remote|merge))$",
		NULL
	};
	struct sk_buf text = SK_BUF_INIT;
	int status = 0, rc = sk_git_run(repo, args, NULL, &text, &status);
	const char *end = sk_buf_str(&text) + text.len;

	for (const char *p = sk_buf_str(&text); !rc && status == 0 && p < end; p += strlen(p) + 1) {
		const char *nl = strchr(p, '\n');
		char *key = nl ? strndup(p, (size_t)(nl - p)) : NULL, *value = NULL;

		if (nl && !key)
			rc = sk_error_oom();
		if (key && !strchr(nl + 1, '\n') && !strchr(key, ' ')) {
			if (is_url_key(key))
				rc = sk_vault_shown(nl + 1, &value);
			else if (!(value = strdup(nl + 1)))
				rc = sk_error_oom();
			if (!rc)
				rc = sk_buf_addf(out, "config %s %s\n", key, value);
		}
		free(key);
		free(value);
	}
	sk_buf_free(&text);
	return rc;
}

static int add_stashes(const struct sk_buf *stashes, struct sk_buf *out)
{
	int rc = 0;

	for (const char *p = sk_buf_str(stashes); !rc && *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		rc = sk_buf_addf(out, "stash %.*s\n", (int)len, p);
		p += len;
	}
	return rc;
}

/* The message: `now` is when the list was read, which says LAST of what is still a tip. */
static int describe(const struct sk_repo *repo, const struct sk_keep_list *kept,
                    const struct lost *lost, const struct sk_buf *stashes, time_t now,
                    struct sk_buf *out)
{
	int rc = 0;

	for (size_t i = 0; i < kept->n && !rc; i++) {
		const struct sk_keep_line *l = &kept->line[i];

		if (oids_has(&lost->all, &l->oid))
			rc = sk_buf_addf(out, "kept %s %lld %lld %s\n", sk_oid_str(&l->oid),
			                 (long long)l->first,
			                 (long long)(l->last < now ? l->last : l->first), l->ref);
	}
	if (!rc)
		rc = add_stashes(stashes, out);
	return rc ? rc : add_config(repo, out);
}

static int write_commit(const struct sk_repo *repo, const struct lost *lost,
                        const struct sk_buf *message, struct sk_oid *out)
{
	static const char who[] = "SafeKeep <safekeep@localhost> 0 +0000";
	const char *const args[] = { "hash-object", "-t", "commit", "-w", "--stdin", NULL };
	struct sk_buf text = SK_BUF_INIT, hex = SK_BUF_INIT;
	int status = 0, rc;

	(void)sk_buf_adds(&text, "tree " EMPTY_TREE "\n");
	for (size_t i = 0; i < lost->all.n; i++)
		if (!oids_has(&lost->parents, &lost->all.item[i]))
			(void)sk_buf_addf(&text, "parent %s\n", sk_oid_str(&lost->all.item[i]));
	(void)sk_buf_addf(&text,
	                  "author %s\ncommitter %s\n\nSafeKeep: what no branch reaches\n\n%s", who,
	                  who, sk_buf_str(message));
	rc = sk_buf_ok(&text);
	if (!rc)
		rc = sk_git_run(repo, args, &text, &hex, &status);
	if (!rc && (status || !sk_oid_parse(sk_buf_str(&hex), out)))
		rc = sk_error(SK_EIO,
		              "git cannot write the commit that keeps the others in a vault");
	sk_buf_free(&text);
	sk_buf_free(&hex);
	return rc;
}

int sk_vault_keep_make(const struct sk_repo *repo, struct sk_oid *out)
{
	struct sk_buf stashes = SK_BUF_INIT, input = SK_BUF_INIT, message = SK_BUF_INIT;
	struct sk_keep_list kept = { 0 };
	struct lost lost = { .all = { 0 } };
	time_t now = time(NULL);
	int rc = sk_keep_record(repo, sk_now());

	if (!rc)
		rc = sk_keep_read(repo, &kept);
	if (!rc)
		rc = read_stashes(repo, &stashes);
	for (size_t i = 0; i < kept.n && !rc; i++)
		rc = sk_buf_addf(&input, "%s\n", sk_oid_str(&kept.line[i].oid));
	for (const char *p = sk_buf_str(&stashes); !rc && *p; p += *p == '\n') {
		rc = sk_buf_addf(&input, "%.*s\n", SK_OID_HEX, p);
		p += strcspn(p, "\n");
	}
	if (!rc && input.len)
		rc = find_lost(repo, &input, &lost);
	if (!rc)
		rc = describe(repo, &kept, &lost, &stashes, now, &message);
	if (!rc)
		rc = message.len || lost.all.n ? write_commit(repo, &lost, &message, out) : SK_ENO;
	sk_keep_list_free(&kept);
	lost_free(&lost);
	sk_buf_free(&stashes);
	sk_buf_free(&input);
	sk_buf_free(&message);
	return rc;
}

/* And back */

struct take {
	const struct sk_repo *repo;
	struct sk_keep_list kept;
	size_t cap;
	struct sk_strv stashes, config;
};

static int take_kept(struct take *t, const char *line)
{
	long long first, last;
	struct sk_keep_line l = { .ref = NULL };
	int at = 0;

	if (!sk_oid_parse(line, &l.oid) ||
	    sscanf(line + SK_OID_HEX, " %lld %lld %n", &first, &last, &at) < 2 || !at)
		return 0;
	if (t->kept.n == t->cap) {
		struct sk_keep_line *more;

		t->cap = t->cap ? t->cap * 2 : 64;
		more = realloc(t->kept.line, t->cap * sizeof *more);
		if (!more)
			return sk_error_oom();
		t->kept.line = more;
	}
	l.first = (time_t)first;
	l.last = (time_t)last;
	l.ref = strdup(line + SK_OID_HEX + at);
	if (!l.ref)
		return sk_error_oom();
	t->kept.line[t->kept.n++] = l;
	return 0;
}

static int take_line(struct take *t, const char *line)
{
	if (strncmp(line, "kept ", 5) == 0)
		return take_kept(t, line + 5);
	if (strncmp(line, "stash ", 6) == 0)
		return sk_strv_add(&t->stashes, line + 6);
	if (strncmp(line, "config remote.", 14) == 0 || strncmp(line, "config branch.", 14) == 0)
		return sk_strv_add(&t->config, line + 7);
	return 0;
}

/* The oldest first: each goes on top. */
static int store_stashes(const struct take *t)
{
	int status = 0, rc = 0;

	for (size_t i = t->stashes.n; i-- && !rc;) {
		const char *line = t->stashes.item[i];
		char oid[SK_OID_HEX + 1];
		const char *const args[] = { "stash", "store", "-q", "-m", NULL, oid, NULL };
		const char *with[7];

		(void)snprintf(oid, sizeof oid, "%.*s", SK_OID_HEX, line);
		if (strlen(line) <= SK_OID_HEX || !sk_oid_parse(oid, &(struct sk_oid){ { 0 } }))
			continue;
		memcpy(with, args, sizeof args);
		with[4] = line + SK_OID_HEX + 1;
		rc = sk_git_run(t->repo, with, NULL, NULL, &status);
		if (!rc && status)
			sk_warn("the stash '%s' did not come back", sk_name(with[4]));
	}
	return rc;
}

/* Only where branches come from: a vault must not be able to set anything that runs a command. */
static int store_config(const struct take *t)
{
	static const char *const ends[] = { ".url", ".pushurl", ".fetch", ".remote", ".merge" };
	int status = 0, rc = 0;

	for (size_t i = 0; i < t->config.n && !rc; i++) {
		char *key = t->config.item[i], *space = strchr(key, ' ');
		const char *const args[] = { "config", "--add", key, space ? space + 1 : "", NULL };
		bool known = false;

		if (!space)
			continue;
		*space = '\0';
		for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
			size_t n = strlen(ends[k]), len = strlen(key);

			known |= len > n && strcmp(key + len - n, ends[k]) == 0;
		}
		if (known && !strstr(space + 1, "::"))
			rc = sk_git_run(t->repo, args, NULL, NULL, &status);
	}
	return rc;
}

int sk_vault_keep_take(const struct sk_repo *repo, const struct sk_oid *commit)
{
	struct take t = { .repo = repo, .stashes = SK_STRV_INIT, .config = SK_STRV_INIT };
	git_odb_object *object = NULL;
	struct sk_buf text = SK_BUF_INIT;
	char *save = NULL;
	int rc = sk_repo_read(repo, commit, &object);

	if (!rc)
		rc = sk_buf_add(&text, git_odb_object_data(object), git_odb_object_size(object));
	for (char *line = rc ? NULL : strtok_r(text.ptr, "\n", &save); line && !rc;
	     line = strtok_r(NULL, "\n", &save))
		rc = take_line(&t, line);
	if (!rc && t.kept.n)
		rc = sk_keep_add(repo, &t.kept);
	if (!rc)
		rc = store_stashes(&t);
	if (!rc)
		rc = store_config(&t);
	git_odb_object_free(object);
	sk_keep_list_free(&t.kept);
	sk_strv_free(&t.stashes);
	sk_strv_free(&t.config);
	sk_buf_free(&text);
	return rc;
}
