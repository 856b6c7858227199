#include "repo/git.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/proc.h"

enum { ENV = 4 };

static void free_env(char *env[ENV])
{
	for (size_t i = 0; i < ENV; i++)
		free(env[i]);
}

/* Where git works, as the environment of a child: allocated strings. */
static int git_env(const struct sk_repo *repo, const char *index_file, char *env[ENV])
{
	struct sk_buf dir = SK_BUF_INIT, tree = SK_BUF_INIT, index = SK_BUF_INIT;

	(void)sk_buf_addf(&dir, "GIT_DIR=%s", repo->gitdir);
	(void)sk_buf_addf(&tree, "GIT_WORK_TREE=%s", repo->worktree);
	if (index_file)
		(void)sk_buf_addf(&index, "GIT_INDEX_FILE=%s", index_file);
	env[0] = sk_buf_detach(&dir);
	env[1] = sk_buf_detach(&tree);
	env[2] = index_file ? sk_buf_detach(&index) : NULL;
	env[3] = NULL;
	if (env[0] && env[1] && (env[2] || !index_file))
		return 0;
	free_env(env);
	memset(env, 0, ENV * sizeof *env);
	return sk_error_oom();
}

static int git_argv(const char *const *args, const char ***out)
{
	/* and what git writes for us is on the disk when it says so; by itself it does not flush
	 * refs, not even packed-refs, which has the user's branches too */
	static const char *const first[] = { "git", "--no-optional-locks",
		                             "-c",  "core.fsmonitor=false",
		                             "-c",  "core.hooksPath=/dev/null",
		                             "-c",  "core.fsync=all",
		                             "-c",  "core.fsyncMethod=fsync" };
	size_t n = 0, k = sizeof first / sizeof first[0];
	const char **argv;

	while (args[n])
		n++;
	argv = calloc(k + n + 1, sizeof *argv);
	if (!argv)
		return sk_error_oom();
	memcpy(argv, first, sizeof first);
	memcpy(argv + k, args, n * sizeof *argv);
	*out = argv;
	return 0;
}

int sk_git_line(const struct sk_repo *repo, const char *const *args, const char ***argv,
                char *env[3])
{
	char *whole[ENV] = { NULL };
	int rc = git_env(repo, NULL, whole);

	if (!rc)
		rc = git_argv(args, argv);
	if (rc)
		free_env(whole);
	for (size_t i = 0; i < 3; i++)
		env[i] = rc ? NULL : whole[i];
	return rc;
}

int sk_git_run_index(const struct sk_repo *repo, const char *index_file, const char *const *args,
                     const struct sk_buf *input, struct sk_buf *output, struct sk_buf *errors,
                     int *status)
{
	struct sk_proc proc = { .output = output, .errors = errors };
	const char **argv = NULL;
	char *env[ENV] = { NULL };
	int rc = git_env(repo, index_file, env);

	if (!rc)
		rc = git_argv(args, &argv);
	if (!rc) {
		proc.argv = argv;
		proc.env = (const char *const *)env;
		proc.input = input ? sk_buf_str(input) : NULL;
		proc.input_len = input ? input->len : 0;
		rc = sk_proc_run(&proc, status);
	}
	free(argv);
	free_env(env);
	return rc;
}

int sk_git_run(const struct sk_repo *repo, const char *const *args, const struct sk_buf *input,
               struct sk_buf *output, int *status)
{
	return sk_git_run_index(repo, NULL, args, input, output, NULL, status);
}

int sk_git_exec(const struct sk_repo *repo, const char *const *args)
{
	const char **argv = NULL;
	char *env[ENV] = { NULL };
	int rc = git_env(repo, NULL, env);

	if (!rc)
		rc = git_argv(args, &argv);
	if (!rc) {
		sk_clear_git_env();
		(void)fflush(NULL);
		if (putenv(env[0]) != 0 || putenv(env[1]) != 0)
			rc = sk_error_oom();
		else
			rc = sk_proc_exec(argv);
	}
	free(argv);
	return rc;
}
