#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "capture/scan.h"
#include "repo/safename.h"

static int patterns(const struct sk_strv *lines, bool icase, struct sk_patterns **out)
{
	bool all =
	        lines->n == 0 ||
	        (lines->n == 1 && (strcmp(lines->item[0], ".") == 0 || lines->item[0][0] == '\0'));

	return all ? 0 : sk_patterns_new(lines, icase, out);
}

static bool config_bool(const struct sk_repo *repo, const char *key, bool def)
{
	git_config *config = NULL;
	int value = def;

	if (git_repository_config_snapshot(&config, repo->git) == 0 &&
	    git_config_get_bool(&value, config, key) < 0)
		value = def;
	git_config_free(config);
	return value != 0;
}

/* `git --git-dir=$HOME/.dotfiles --work-tree=$HOME`: git's folder is not one of the files. */
static int own_folder(struct sk_scan *scan, const char *dir)
{
	const char *worktree = scan->repo->worktree;
	size_t len = strlen(worktree);

	if (strncmp(dir, worktree, len) != 0 || dir[len] != '/')
		return 0;
	return sk_strv_add(&scan->own, dir + len + 1);
}

int sk_rules_open(struct sk_scan *scan)
{
	const struct sk_config *config = scan->repo->config;
	const struct sk_strv *const given[] = { &config->backup.paths, &config->backup.exclude,
		                                &config->backup.include_ignored };
	static const char kind[] = "PXI";
	bool icase = config_bool(scan->repo, "core.ignorecase", false);
	int rc = patterns(given[0], icase, &scan->paths);

	if (!rc)
		rc = patterns(given[1], icase, &scan->exclude);
	if (!rc)
		rc = patterns(given[2], icase, &scan->include);
	for (size_t i = 0; !rc && i < 3; i++)
		if (i == 0 ? scan->paths != NULL : true)
			for (size_t k = 0; !rc && k < given[i]->n; k++)
				if (given[i]->item[k][0])
					rc = sk_meta_add(&scan->snap->meta, kind[i],
					                 given[i]->item[k], 0, NULL);
	scan->max_file_size = config->backup.max_file_size;
	if (!rc)
		rc = own_folder(scan, scan->repo->gitdir);
	if (!rc)
		rc = own_folder(scan, scan->repo->commondir);
	for (size_t i = 0; !rc && scan->opts->also && i < scan->opts->also->n; i++)
		rc = sk_strv_add(&scan->also, scan->opts->also->item[i]);
	sk_strv_sort(&scan->also);
	return rc;
}

void sk_rules_close(struct sk_scan *scan)
{
	sk_patterns_free(scan->paths);
	sk_patterns_free(scan->exclude);
	sk_patterns_free(scan->include);
	sk_strv_free(&scan->also);
	sk_strv_free(&scan->own);
}

static int excludes_file(const struct sk_repo *repo, char **out)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	git_config *config = NULL;
	git_buf path = GIT_BUF_INIT;
	int n = -1;

	if (git_repository_config_snapshot(&config, repo->git) == 0 &&
	    git_config_get_path(&path, config, "core.excludesfile") == 0)
		n = asprintf(out, "%s", path.ptr);
	else if (xdg && *xdg)
		n = asprintf(out, "%s/git/ignore", xdg);
	else
		n = asprintf(out, "%s/.config/git/ignore", home ? home : "");
	git_buf_dispose(&path);
	git_config_free(config);
	return n < 0 ? sk_error_oom() : 0;
}

static void hash_text(struct sk_hash *h, const char *text, size_t len)
{
	uint64_t n = len;

	sk_hash_update(h, &n, sizeof n);
	sk_hash_update(h, text, len);
}

static bool hash_file(struct sk_hash *h, const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_read_file(AT_FDCWD, path, 16u << 20, &text);

	hash_text(h, rc == SK_ENO ? "-" : "+", 1);
	hash_text(h, sk_buf_str(&text), text.len);
	sk_buf_free(&text);
	return rc == 0 || rc == SK_ENO;
}

void sk_rules_print(const struct sk_scan *scan, struct sk_oid *out)
{
	const struct sk_config *config = scan->repo->config;
	const struct sk_strv *const given[] = { &config->backup.paths, &config->backup.exclude,
		                                &config->backup.include_ignored, &scan->own };
	bool icase = config_bool(scan->repo, "core.ignorecase", false);
	char *global = NULL, *info = NULL;
	struct sk_hash h;

	memset(out, 0, sizeof *out);
	if (excludes_file(scan->repo, &global))
		return;
	if (asprintf(&info, "%s/info/exclude", scan->repo->commondir) < 0)
		info = NULL;
	sk_hash_init(&h);
	hash_text(&h, icase ? "rules 1 i" : "rules 1", icase ? 9 : 7);
	sk_hash_update(&h, &config->backup.max_file_size, sizeof config->backup.max_file_size);
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		hash_text(&h, "list", 4);
		for (size_t k = 0; k < given[i]->n; k++)
			hash_text(&h, given[i]->item[k], strlen(given[i]->item[k]));
	}
	if (info && hash_file(&h, global) && hash_file(&h, info))
		sk_hash_final(&h, out);
	free(global);
	free(info);
}

int sk_rules_outside(const struct sk_repo *repo, const char *commondir, struct sk_ignore **out)
{
	char *global = NULL, *info = NULL;
	int rc = excludes_file(repo, &global);

	if (!rc && asprintf(&info, "%s/info/exclude", commondir) < 0) {
		info = NULL;
		rc = sk_error_oom();
	}
	if (!rc) {
		const char *const file[] = { global, info };

		rc = sk_ignore_root(file, 2, NULL, config_bool(repo, "core.ignorecase", false),
		                    out);
	}
	free(global);
	free(info);
	return rc;
}

/* A rule that makes a blob differ from the file: any mention of these words counts. */
static bool converts(const char *text)
{
	static const char *const word[] = { "text",  "eol",    "crlf",
		                            "ident", "filter", "working-tree-encoding" };

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (strstr(text, word[i]))
			return true;
	return false;
}

static bool file_converts(int dirfd, const char *path)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_read_file(dirfd, path, 16u << 20, &text);
	bool yes = rc == SK_ENO ? false : rc != 0 || converts(sk_buf_str(&text));

	sk_buf_free(&text);
	return yes;
}

static bool global_converts(const struct sk_repo *repo)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	git_config *config = NULL;
	git_buf path = GIT_BUF_INIT;
	const char *crlf = NULL;
	char *info = NULL, *file = NULL;
	bool yes = true;

	if (git_repository_config_snapshot(&config, repo->git) < 0)
		goto out;
	if (git_config_get_string(&crlf, config, "core.autocrlf") == 0 &&
	    strcmp(crlf, "false") != 0)
		goto out;
	if (asprintf(&info, "%s/info/attributes", repo->commondir) < 0) {
		info = NULL;
		goto out;
	}
	if (git_config_get_path(&path, config, "core.attributesfile") == 0) {
		if (asprintf(&file, "%s", path.ptr) < 0)
			goto out;
	} else if (asprintf(&file, "%s%s/git/attributes",
	                    xdg && *xdg ? xdg
	                    : home      ? home
	                                : "",
	                    xdg && *xdg ? "" : "/.config") < 0) {
		goto out;
	}
	yes = file_converts(AT_FDCWD, info) || file_converts(AT_FDCWD, file) ||
	      file_converts(AT_FDCWD, "/etc/gitattributes");
out:
	git_buf_dispose(&path);
	git_config_free(config);
	free(info);
	free(file);
	return yes;
}

bool sk_rules_no_conversion(const struct sk_repo *repo, const struct sk_index *index)
{
	static const char name[] = ".gitattributes";
	size_t n = sizeof name - 1;

	if (index->sparse || global_converts(repo) || file_converts(repo->wtfd, name))
		return false;
	for (size_t i = 0; i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];

		if (e->path_len >= n && strcmp(e->path + e->path_len - n, name) == 0 &&
		    (e->path_len == n || e->path[e->path_len - n - 1] == '/') &&
		    file_converts(repo->wtfd, e->path))
			return false;
	}
	return true;
}

bool sk_name_refused(const char *name, size_t len)
{
	return len >= 4 && sk_unsafe_name(name, len);
}
