#include "hooks/install_parts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/proc.h"

/* So many tracked files are many. */
#define LARGE_INDEX 10000

/* Whether `git version` printed 2.`minor` or later. */
static bool git_since(const char *version, long minor)
{
	static const char start[] = "git version ";
	char *end;
	long major;

	if (strncmp(version, start, sizeof start - 1) != 0 ||
	    !isdigit((unsigned char)version[sizeof start - 1]))
		return false;
	major = strtol(version + sizeof start - 1, &end, 10);
	if (*end != '.' || !isdigit((unsigned char)end[1]))
		return major > 2 && major < 100;
	return major > 2 || (major == 2 && strtol(end + 1, NULL, 10) >= minor);
}

bool sk_git_has_config_hooks(const char *version)
{
	return git_since(version, 54);
}

static int git_version(struct sk_buf *out)
{
	const char *argv[] = { "git", "version", NULL };
	struct sk_proc proc = { .argv = argv, .output = out };
	int status = 0;

#ifdef SK_TESTING
	if (getenv("SK_TEST_GIT_VERSION"))
		return sk_buf_adds(out, getenv("SK_TEST_GIT_VERSION"));
#endif
	return sk_proc_run(&proc, &status);
}

/* The programs */

static bool runs(const char *path)
{
	return access(path, X_OK) == 0;
}

/* The name in PATH when it is the same file: it outlives an upgrade into another folder. */
static char *name_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char *real = realpath(program, NULL), *found = NULL;

	while (real && path && *path && !found) {
		size_t n = strcspn(path, ":");
		char *other = NULL, *candidate = NULL;

		if (*path == '/' && asprintf(&candidate, "%.*s/git-sk-hook", (int)n, path) >= 0)
			other = realpath(candidate, NULL);
		else
			candidate = NULL;
		if (other && strcmp(other, real) == 0)
			found = candidate;
		else
			free(candidate);
		free(other);
		path += n + (path[n] == ':');
	}
	free(real);
	return found;
}

static int find_program(char **out)
{
	char path[PATH_MAX + 16], *slash, *stable;
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		strcpy(slash + 1, "git-sk-hook");
	if (!slash || !runs(path))
		(void)snprintf(path, sizeof path, "%s", SK_BINDIR "/git-sk-hook");
#ifdef SK_TESTING
	if (getenv("SK_TEST_HOOK_PROGRAM"))
		(void)snprintf(path, sizeof path, "%s", getenv("SK_TEST_HOOK_PROGRAM"));
#endif
	if (!runs(path))
		return sk_error(SK_EIO, "git-sk-hook is not beside git-sk: install SafeKeep again");
	stable = name_in_path(path);
	*out = stable ? stable : strdup(path);
	return *out ? 0 : sk_error_oom();
}

/* git runs core.fsmonitor through a shell only when it holds one of a shell's characters. */
static int find_fsmonitor(const char *program, char **out)
{
	struct sk_buf path = SK_BUF_INIT, value = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%.*s/git-sk-fsmonitor", (int)(strrchr(program, '/') - program),
	                     program);
	bool link = !rc && runs(path.ptr);

	if (!rc && !link) {
		(void)sk_shell_quote(&value, program);
		(void)sk_buf_adds(&value, " fsmonitor");
	} else if (!rc && strpbrk(path.ptr, "|&;<>()$`\\\"' \t\n*?[#~=%")) {
		(void)sk_shell_quote(&value, path.ptr);
	} else if (!rc) {
		(void)sk_buf_adds(&value, path.ptr);
	}
	if (!rc)
		rc = sk_buf_ok(&value);
	if (!rc)
		*out = sk_buf_detach(&value);
	sk_buf_free(&path);
	sk_buf_free(&value);
	return rc;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

bool sk_is_our_fsmonitor(const char *value)
{
	return ends_with(value, "/git-sk-fsmonitor") || ends_with(value, "/git-sk-fsmonitor'") ||
	       ends_with(value, "/git-sk-hook' fsmonitor");
}

/* The frame of every call */

static void place_close(struct sk_place *p)
{
	sk_record_free(&p->record);
	free(p->program);
	free(p->fsmonitor);
	free(p->dispatch);
}

static int place_open(struct sk_repo *repo, struct sk_strv *said, bool dry, struct sk_place *p)
{
	int rc;

	*p = (struct sk_place){ .repo = repo, .said = said, .dry = dry };
	rc = sk_record_load(repo, &p->record);
	if (!rc && asprintf(&p->dispatch, "%s/hooks", repo->skdir) < 0) {
		p->dispatch = NULL;
		rc = sk_error_oom();
	}
	return rc;
}

bool sk_place_act(struct sk_place *p, int *rc, const char *done, const char *missing,
                  const char *fmt, ...)
{
	const char *end = p->dry ? missing : done;
	char *what = NULL, *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (what && asprintf(&line, "%s%s%s", what, *end ? " " : "", end) < 0)
		line = NULL;
	*rc = line ? sk_strv_add(p->said, line) : sk_error_oom();
	free(what);
	free(line);
	return !p->dry && !*rc;
}

const char *sk_place_show(const struct sk_place *p, const char *path)
{
	size_t n = strlen(p->repo->worktree);

	return strncmp(path, p->repo->worktree, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* Settings */

static int config_path(const struct sk_place *p, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/config", p->repo->commondir);
}

/* git 2.38 and newer decorate what log.excludeDecoration leaves, once it is set, and without it
 * only branches, tags and the like: there the setting hides nothing of ours, and makes refs/bisect,
 * refs/prefetch and refs/original show in `git log`. */
static int place_base(struct sk_place *p)
{
	static const struct sk_want want[] = {
		{ "transfer.hideRefs", "refs/sk", true },
		{ "gc.refs/sk/keep.reflogExpire", "never", false },
		{ "gc.refs/sk/keep.reflogExpireUnreachable", "never", false },
		{ "log.excludeDecoration", "refs/sk/*", true },
	};
	size_t n = sizeof want / sizeof *want;
	struct sk_buf file = SK_BUF_INIT, version = SK_BUF_INIT;
	int rc = config_path(p, &file);

	if (!rc)
		rc = git_version(&version);
	if (!rc && git_since(sk_buf_str(&version), 38))
		n--;
	if (!rc)
		rc = sk_place_config(p, file.ptr, want, n, false);
	sk_buf_free(&file);
	sk_buf_free(&version);
	return rc;
}

/* What `words` have, or another number than 0. */
static bool is_word(const char *value, const char *const words[3], bool number)
{
	char *end;
	long n = strtol(value, &end, 10);

	for (int i = 0; i < 3; i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return end != value && *end == '\0' && (n != 0) == number;
}

static int keep_chain(struct sk_place *p, const struct sk_setting *s)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };
	bool set = s->below && *s->below && !is_word(s->below, no, false);
	bool daemon = set && is_word(s->below, yes, true); /* git's own */
	int rc = 0;

	free(p->record.chain);
	p->record.chain = set && !daemon ? strdup(s->below) : NULL;
	if (set && !daemon && !p->record.chain)
		return sk_error_oom();
	if (daemon)
		(void)sk_place_act(p, &rc, "", "",
		                   "core.fsmonitor = true: git sk's service answers in place of "
		                   "git's daemon");
	else if (set)
		(void)sk_place_act(p, &rc, "", "",
		                   "the core.fsmonitor program %s is still asked, when the service "
		                   "has no exact answer",
		                   s->below);
	return rc;
}

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_ino == sb.st_ino &&
	       sa.st_dev == sb.st_dev;
}

static int place_guard(struct sk_place *p, const struct sk_setting *s)
{
	const struct sk_want want = { "core.fsmonitor", p->fsmonitor, false };
	struct sk_buf file = SK_BUF_INIT;
	bool local = s->scope && strcmp(s->scope, "local") == 0;
	int rc = 0;

	if (s->value && strcmp(s->value, p->fsmonitor) == 0)
		return 0;
	if (p->dry && s->value && *s->value) {
		(void)sk_place_act(p, &rc, "", "", "core.fsmonitor is %s, and does not ask git sk",
		                   s->value);
		return rc;
	}
	if (p->dry) {
		(void)sk_place_act(p, &rc, "", "",
		                   "core.fsmonitor is not set, so that git does not ask git sk "
		                   "before it overwrites files");
		return rc;
	}
	if (!s->value || !sk_is_our_fsmonitor(s->value))
		rc = keep_chain(p, s);
	if (!rc && s->scope && strcmp(s->scope, "worktree") == 0)
		rc = sk_buf_addf(&file, "%s/config.worktree", p->repo->gitdir);
	else if (!rc)
		rc = config_path(p, &file);
	/* in an included file: only what comes after it wins */
	if (!rc)
		rc = sk_place_config(p, file.ptr, &want, 1,
		                     local && *s->origin && !same_file(s->origin, file.ptr));
	sk_buf_free(&file);
	return rc;
}

/* How many entries git's index has: the word after signature and version. */
static uint32_t index_entries(const struct sk_repo *repo)
{
	unsigned char head[12] = { 0 };
	char *path = NULL;
	uint32_t n = 0;
	int fd = sk_repo_index_path(repo, &path)
	                 ? -1
	                 : open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && sk_read_full(fd, head, sizeof head) == (ssize_t)sizeof head &&
	    memcmp(head, "DIRC", 4) == 0)
		n = sk_be32(head + 8);
	if (fd >= 0)
		(void)close(fd);
	free(path);
	return n;
}

/* With an exact answer git still lists every folder for untracked files, unless it keeps a cache of
 * them.  That is for large trees, as git's own feature.manyFiles has it, and not where the user has
 * said anything about it. */
static int place_cache(struct sk_place *p)
{
	static const struct sk_want want = { "core.untrackedCache", "true", false };
	struct sk_buf file = SK_BUF_INIT;
	bool given = true;
	int rc = 0;

	if (p->dry || index_entries(p->repo) < LARGE_INDEX)
		return 0;
	rc = sk_setting_given(p, want.key, &given);
	if (!rc && !given)
		rc = config_path(p, &file);
	if (!rc && !given)
		rc = sk_place_config(p, file.ptr, &want, 1, false);
	sk_buf_free(&file);
	return rc;
}

/* hook.git-sk-EVENT.command and .event.  The program may be gone while the setting is not: that
 * must not make git fail, as a command that is not found would. */
static int place_config_hooks(struct sk_place *p)
{
	struct sk_buf file = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = config_path(p, &file);

	for (int i = 0; !rc && sk_hook_events[i]; i++) {
		const char *event = sk_hook_events[i];
		char command[64], name[64];
		struct sk_want want[2];

		(void)snprintf(command, sizeof command, "hook.git-sk-%s.command", event);
		(void)snprintf(name, sizeof name, "hook.git-sk-%s.event", event);
		sk_buf_clear(&text);
		(void)sk_buf_adds(&text, "test ! -x ");
		(void)sk_shell_quote(&text, p->program);
		(void)sk_buf_adds(&text, " || ");
		(void)sk_shell_quote(&text, p->program);
		rc = sk_buf_addf(&text, " %s", event);
		want[0] = (struct sk_want){ command, sk_buf_str(&text), false };
		want[1] = (struct sk_want){ name, event, true };
		if (!rc)
			rc = sk_place_config(p, file.ptr, want, 2, false);
	}
	sk_buf_free(&file);
	sk_buf_free(&text);
	return rc;
}

static int drop_config_hooks(struct sk_place *p)
{
	struct sk_buf file = SK_BUF_INIT;
	int rc = config_path(p, &file);

	for (int i = 0; !rc && sk_hook_events[i]; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "hook.git-sk-%s.event", sk_hook_events[i]);
		rc = sk_unplace_config(p, file.ptr, key);
		(void)snprintf(key, sizeof key, "hook.git-sk-%s.command", sk_hook_events[i]);
		if (!rc)
			rc = sk_unplace_config(p, file.ptr, key);
	}
	sk_buf_free(&file);
	return rc;
}

/* By the configuration where git can, and by files otherwise; what is in place already stays as
 * it is for as long as git runs it. */
static int place_all_hooks(struct sk_place *p, bool before, struct sk_setting *hooks_path)
{
	struct sk_buf version = SK_BUF_INIT;
	bool able = false;
	int rc = git_version(&version);

	if (!rc)
		able = sk_git_has_config_hooks(sk_buf_str(&version));
	sk_buf_free(&version);
	if (rc)
		return rc;
	if (p->record.config_hooks && !able && p->dry) {
		(void)sk_place_act(p, &rc, "", "are not run by this git",
		                   "hooks in the configuration");
		return rc;
	}
	if (p->record.config_hooks && !able)
		rc = drop_config_hooks(p);
	p->record.config_hooks = able && (!before || p->record.config_hooks);
	if (rc)
		return rc;
	return p->record.config_hooks ? place_config_hooks(p) : sk_place_hooks(p, hooks_path);
}

static int place_all(struct sk_place *p, unsigned what)
{
	struct sk_setting hooks_path = { 0 }, fsmonitor = { 0 };
	bool had_hooks = p->record.what & SK_INSTALL_HOOKS;
	int rc = find_program(&p->program);

	if (!rc)
		rc = find_fsmonitor(p->program, &p->fsmonitor);
	if (!rc)
		rc = sk_settings_read(p, &hooks_path, &fsmonitor);
	p->record.what |= what;
	if (!rc)
		rc = place_base(p);
	if (!rc && p->record.what & SK_INSTALL_GUARD)
		rc = place_guard(p, &fsmonitor);
	if (!rc && what & SK_INSTALL_GUARD)
		rc = place_cache(p);
	if (!rc && p->record.what & SK_INSTALL_HOOKS)
		rc = place_all_hooks(p, had_hooks, &hooks_path);
	sk_setting_free(&hooks_path);
	sk_setting_free(&fsmonitor);
	return rc;
}

static int make_own_folder(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/installed.d", repo->skdir);

	if (!rc)
		rc = sk_mkdirs(path.ptr, 0777);
	sk_buf_free(&path);
	return rc;
}

int sk_install(struct sk_repo *repo, unsigned what, struct sk_strv *said)
{
	struct sk_place p;
	bool fresh = false;
	int rc = place_open(repo, said, false, &p);

	if (!rc)
		rc = make_own_folder(repo);
	if (!rc)
		rc = place_all(&p, what);
	if (!rc)
		rc = sk_record_save(repo, &p.record);
	if (!rc)
		rc = sk_record_publish(repo, &p.record, &fresh);
	if (!rc)
		repo->enabled = true;
	place_close(&p);
	return rc;
}

int sk_install_check(struct sk_repo *repo, struct sk_strv *problems)
{
	struct sk_place p;
	int rc = place_open(repo, problems, true, &p);

	if (!rc && p.record.exists)
		rc = place_all(&p, 0);
	place_close(&p);
	return rc;
}

/* Taking off */

static int take_settings_off(struct sk_place *p)
{
	int rc = 0;

	while (!rc && p->record.n_claims) {
		char *file = strdup(p->record.claim[p->record.n_claims - 1].file);

		if (!file)
			return sk_error_oom();
		if (sk_exists(file))
			rc = sk_unplace_config(p, file, NULL);
		else /* a linked worktree that is gone */
			sk_record_drop(&p->record, &p->record.claim[p->record.n_claims - 1]);
		free(file);
	}
	return rc;
}

static int take_hooks_off(struct sk_place *p)
{
	struct sk_buf own = SK_BUF_INIT;
	int rc = sk_buf_addf(&own, "%s/hooks", p->repo->commondir);

	if (!rc)
		rc = sk_add_once(&p->record.folders, own.ptr, NULL);
	for (size_t i = 0; !rc && i < p->record.folders.n; i++)
		rc = sk_unplace_folder(p, p->record.folders.item[i], NULL);
	if (!rc)
		rc = sk_unplace_dispatch(p);
	for (size_t i = p->record.made.n; !rc && i-- > 0;)
		(void)rmdir(p->record.made.item[i]);
	sk_buf_free(&own);
	return rc;
}

/* What the client noted (client.c), in every worktree. */
static void drop_notes(const struct sk_repo *repo)
{
	char path[PATH_MAX];
	struct dirent *de;
	DIR *dir;

	(void)snprintf(path, sizeof path, "%s/sk/guarded", repo->commondir);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/worktrees", repo->commondir);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		(void)snprintf(path, sizeof path, "%s/worktrees/%s/sk/guarded", repo->commondir,
		               de->d_name);
		(void)unlink(path);
		path[strlen(path) - strlen("/guarded")] = '\0';
		(void)rmdir(path); /* only when nothing else is in it */
	}
	if (dir)
		(void)closedir(dir);
}

static int drop_record(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/installed.d", repo->skdir);

	if (!rc)
		rc = sk_remove_tree(AT_FDCWD, path.ptr);
	sk_buf_clear(&path);
	if (!rc)
		rc = sk_buf_addf(&path, "%s/installed", repo->skdir);
	if (!rc && unlink(path.ptr) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path.ptr);
	if (!rc)
		(void)rmdir(repo->skdir);
	sk_buf_free(&path);
	return rc;
}

int sk_uninstall(struct sk_repo *repo, struct sk_strv *said)
{
	struct sk_place p;
	int rc = place_open(repo, said, false, &p);

	if (!rc && p.record.exists) {
		rc = take_settings_off(&p);
		if (!rc)
			rc = take_hooks_off(&p);
		drop_notes(repo);
		if (!rc)
			rc = drop_record(repo);
		if (!rc)
			repo->enabled = false;
	}
	place_close(&p);
	return rc;
}
