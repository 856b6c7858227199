/* Whether anything that sk_install_check looks at was touched since it last found all in place:
 * the check proper runs git twice, and that is too slow for every git command. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "hooks/install.h"

static const char *const event[] = {
	"pre-commit", "pre-merge-commit", "post-checkout", "post-merge",  "post-rewrite",
	"pre-rebase", "pre-applypatch",   "commit-msg",    "post-commit", NULL
};

static void add(struct sk_buf *out, const char *folder, const char *name)
{
	char *path = NULL;
	struct stat st = { 0 };

	if (asprintf(&path, "%s%s%s", folder, *name ? "/" : "", name) < 0) {
		out->oom = true;
		return;
	}
	if (lstat(path, &st) < 0)
		(void)sk_buf_addf(out, "%s -\n", name);
	else
		(void)sk_buf_addf(out, "%s %llu %lld %lld.%09ld %lld.%09ld %o\n", name,
		                  (unsigned long long)st.st_ino, (long long)st.st_size,
		                  (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec,
		                  (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_mode);
	free(path);
}

/* Every core.hooksPath of every layer: ours may hide one of the user's that goes away. */
static void add_hooks_paths(const struct sk_repo *repo, struct sk_buf *out)
{
	git_config *config = NULL;
	git_config_iterator *it = NULL;
	git_config_entry *entry;

	if (git_repository_config_snapshot(&config, repo->git) == 0 &&
	    git_config_multivar_iterator_new(&it, config, "core.hookspath", NULL) == 0)
		while (git_config_next(&entry, it) == 0)
			(void)sk_buf_addf(out, "%d %s\n", (int)entry->level, entry->value);
	git_config_iterator_free(it);
	git_config_free(config);
}

/* The folder git takes hooks from, as far as that shows in configuration. */
static int hooks_folder(const struct sk_repo *repo, struct sk_buf *out)
{
	git_config *config = NULL;
	git_buf path = GIT_BUF_INIT;
	int rc;

	if (git_repository_config_snapshot(&config, repo->git) == 0 &&
	    git_config_get_path(&path, config, "core.hookspath") == 0 && *path.ptr)
		rc = *path.ptr == '/' ? sk_buf_adds(out, path.ptr)
		                      : sk_buf_addf(out, "%s/%s", repo->worktree, path.ptr);
	else
		rc = sk_buf_addf(out, "%s/hooks", repo->commondir);
	git_buf_dispose(&path);
	git_config_free(config);
	return rc;
}

static int signature(const struct sk_repo *repo, struct sk_buf *out)
{
	struct sk_buf folder = SK_BUF_INIT;
	int rc = hooks_folder(repo, &folder);

	if (!rc) {
		(void)sk_buf_addf(out, "%s\n", folder.ptr);
		add_hooks_paths(repo, out);
		add(out, folder.ptr, "");
		for (size_t i = 0; event[i]; i++)
			add(out, folder.ptr, event[i]);
		add(out, repo->commondir, "config");
		add(out, repo->gitdir, "config.worktree");
		add(out, repo->skdir, "installed");
		rc = sk_buf_ok(out);
	}
	sk_buf_free(&folder);
	return rc;
}

bool sk_install_seen(const struct sk_repo *repo)
{
	struct sk_buf now = SK_BUF_INIT, then = SK_BUF_INIT, path = SK_BUF_INIT;
	bool same = signature(repo, &now) == 0 &&
	            sk_buf_addf(&path, "%s/hooks-seen", repo->sklocal) == 0 &&
	            sk_read_file(AT_FDCWD, path.ptr, 65536, &then) == 0 && now.len == then.len &&
	            memcmp(now.ptr, then.ptr, now.len) == 0;

	sk_buf_free(&now);
	sk_buf_free(&then);
	sk_buf_free(&path);
	return same;
}

void sk_install_note_seen(const struct sk_repo *repo)
{
	struct sk_buf now = SK_BUF_INIT, path = SK_BUF_INIT;

	if (signature(repo, &now) == 0 && sk_buf_addf(&path, "%s/hooks-seen", repo->sklocal) == 0)
		(void)sk_write_file(AT_FDCWD, path.ptr, now.ptr, now.len, 0666, false);
	sk_buf_free(&now);
	sk_buf_free(&path);
}
