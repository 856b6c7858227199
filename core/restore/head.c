#include "restore/head.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/text.h"

/* Whether the HEAD file of another worktree names the branch. */
static int head_names(const char *gitdir, const char *branch, bool *out)
{
	static const char prefix[] = "ref: refs/heads/";
	struct sk_buf text = SK_BUF_INIT;
	char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/HEAD", gitdir) < 0)
		return sk_error_oom();
	rc = sk_read_file(AT_FDCWD, path, 1u << 16, &text);
	if (!rc) {
		while (text.len &&
		       (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == ' '))
			sk_buf_truncate(&text, text.len - 1);
		*out = strncmp(sk_buf_str(&text), prefix, sizeof prefix - 1) == 0 &&
		       strcmp(text.ptr + sizeof prefix - 1, branch) == 0;
	}
	sk_buf_free(&text);
	free(path);
	return rc == SK_ENO ? 0 : rc;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int refuse_if_elsewhere(const struct sk_repo *repo, const char *branch)
{
	struct dirent *de;
	char *list = NULL;
	bool found = false;
	DIR *dir;
	int rc = 0;

	if (!same_file(repo->gitdir, repo->commondir))
		rc = head_names(repo->commondir, branch, &found);
	if (!rc && found)
		return sk_error(SK_EREFUSED,
		                "branch '%s' is checked out in the main working tree; "
		                "restore without --head",
		                sk_name(branch));
	if (rc)
		return rc;
	if (asprintf(&list, "%s/worktrees", repo->commondir) < 0)
		return sk_error_oom();
	dir = opendir(list);
	while (dir && !rc && !found && (de = readdir(dir))) {
		char *git = NULL;

		if (de->d_name[0] == '.')
			continue;
		if (asprintf(&git, "%s/%s", list, de->d_name) < 0) {
			rc = sk_error_oom();
			break;
		}
		if (!same_file(git, repo->gitdir))
			rc = head_names(git, branch, &found);
		if (!rc && found)
			rc = sk_error(SK_EREFUSED,
			              "branch '%s' is checked out in the worktree "
			              "'%s'; restore without --head",
			              sk_name(branch), sk_name(de->d_name));
		free(git);
	}
	if (dir)
		(void)closedir(dir);
	free(list);
	return rc;
}

static int ref_name(const char *branch, char **out)
{
	return asprintf(out, "refs/heads/%s", branch) < 0 ? sk_error_oom() : 0;
}

/* Zero when there is no such branch. */
static int branch_oid(const struct sk_repo *repo, const char *branch, struct sk_oid *out)
{
	char *name = NULL;
	git_oid oid;
	int rc = ref_name(branch, &name), git;

	if (rc)
		return rc;
	git = git_reference_name_to_id(&oid, repo->git, name);
	*out = (struct sk_oid){ { 0 } };
	if (git == 0)
		memcpy(out->id, oid.id, SK_OID_RAW);
	else if (git != GIT_ENOTFOUND)
		rc = sk_error_git(SK_EIO, "cannot read branch '%s'", sk_name(branch));
	free(name);
	return rc;
}

static int check_commit(const struct sk_repo *repo, const struct sk_entry *entry,
                        const struct sk_oid *oid)
{
	git_odb_object *object = NULL;
	int rc = sk_repo_read(repo, oid, &object);

	if (!rc && git_odb_object_type(object) != GIT_OBJECT_COMMIT)
		rc = SK_EDAMAGED;
	git_odb_object_free(object);
	return rc ? sk_error(SK_EDAMAGED,
	                     "commit %s, where HEAD was at backup '%s', is gone; "
	                     "restore without --head",
	                     sk_oid_str(oid), entry->id)
	          : 0;
}

static bool same_branch(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int sk_head_prepare(const struct sk_repo *repo, const struct sk_entry *entry,
                    struct sk_head_move *out)
{
	static const char prefix[] = "refs/heads/";
	const char *branch = sk_entry_get(entry, "Sk-Branch");
	struct sk_head_move m = { .needed = false };
	int rc;

	if (!sk_entry_get_oid(entry, "Sk-Head", &m.to))
		m.to = (struct sk_oid){ { 0 } };
	if (!branch && sk_oid_is_zero(&m.to))
		return sk_error(SK_EREFUSED,
		                "'%s' does not say where HEAD was; restore without "
		                "--head",
		                entry->id);
	if (branch && strncmp(branch, prefix, sizeof prefix - 1) == 0)
		branch += sizeof prefix - 1;
	rc = sk_repo_head(repo, &m.was, &m.was_branch);
	if (!rc && branch) {
		m.branch = strdup(branch);
		rc = m.branch ? branch_oid(repo, branch, &m.branch_was) : sk_error_oom();
	}
	if (!rc && !sk_oid_is_zero(&m.to))
		rc = check_commit(repo, entry, &m.to);
	m.needed = !same_branch(m.branch, m.was_branch) || !sk_oid_eq(&m.to, &m.was);
	if (!rc && m.needed && branch)
		rc = refuse_if_elsewhere(repo, branch);
	if (rc)
		sk_head_clear(&m);
	else
		*out = m;
	return rc;
}

void sk_head_clear(struct sk_head_move *move)
{
	free(move->branch);
	free(move->was_branch);
	*move = (struct sk_head_move){ .needed = false };
}

static int moved_meanwhile(const char *what)
{
	return sk_error(SK_EBUSY, "%s moved meanwhile and was left alone", what);
}

static git_oid git_of(const struct sk_oid *oid)
{
	git_oid out;

	memcpy(out.id, oid->id, SK_OID_RAW);
	return out;
}

static int delete_branch(const struct sk_repo *repo, const char *name)
{
	git_reference *ref = NULL;
	int git = git_reference_lookup(&ref, repo->git, name);

	if (git == 0)
		git = git_reference_delete(ref);
	git_reference_free(ref);
	return git == 0 || git == GIT_ENOTFOUND ? 0
	                                        : sk_error_git(SK_EIO, "cannot remove '%s'", name);
}

static int move_branch(const struct sk_repo *repo, const struct sk_head_move *m, const char *name,
                       const char *words)
{
	git_oid to = git_of(&m->to), was = git_of(&m->branch_was);
	git_reference *ref = NULL;
	struct sk_oid now;
	int git, rc = branch_oid(repo, m->branch, &now);

	if (rc || sk_oid_eq(&now, &m->to))
		return rc;
	if (!sk_oid_eq(&now, &m->branch_was))
		return moved_meanwhile(name);
	if (sk_oid_is_zero(&m->to))
		return delete_branch(repo, name);
	git = git_reference_create_matching(&ref, repo->git, name, &to, 1,
	                                    sk_oid_is_zero(&m->branch_was) ? NULL : &was, words);
	git_reference_free(ref);
	if (git == GIT_EMODIFIED)
		return moved_meanwhile(name);
	return git == 0 ? 0
	                : sk_error_git(git == GIT_ELOCKED ? SK_EBUSY : SK_EIO, "cannot move '%s'",
	                               name);
}

static int set_head(const struct sk_repo *repo, const struct sk_head_move *m, const char *name,
                    const char *words)
{
	git_reference *ref = NULL;
	git_oid to = git_of(&m->to);
	struct sk_oid now;
	char *branch = NULL;
	int git, rc = sk_repo_head(repo, &now, &branch);

	if (rc)
		return rc;
	if (same_branch(branch, m->branch) && sk_oid_eq(&now, &m->to))
		goto out;
	/* the branch it names may have been moved by us a moment ago */
	if (!same_branch(branch, m->was_branch) || (!branch && !sk_oid_eq(&now, &m->was))) {
		rc = moved_meanwhile("HEAD");
		goto out;
	}
	git = m->branch ? git_reference_symbolic_create(&ref, repo->git, "HEAD", name, 1, words)
	                : git_reference_create(&ref, repo->git, "HEAD", &to, 1, words);
	git_reference_free(ref);
	if (git < 0)
		rc = sk_error_git(git == GIT_ELOCKED ? SK_EBUSY : SK_EIO, "cannot move HEAD");
out:
	free(branch);
	return rc;
}

int sk_head_apply(const struct sk_repo *repo, const struct sk_head_move *m, const char *words)
{
	char *name = NULL;
	int rc = 0;

	if (!m->needed)
		return 0;
	if (m->branch)
		rc = ref_name(m->branch, &name);
	if (!rc && m->branch)
		rc = move_branch(repo, m, name, words);
	if (!rc)
		rc = set_head(repo, m, name, words);
	free(name);
	return rc;
}
