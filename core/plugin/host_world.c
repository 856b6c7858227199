/* host_world.c - folders, locks, other programs, and what an event answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "plugin/parts.h"

#define LOCK_PAUSE_MS 20

static int cache_folder(const struct sk_host *h, struct sk_buf *out)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && cache[0] == '/')
		return sk_buf_addf(out, "%s/safekeep/%s", cache, h->info->name);
	if (home && home[0] == '/')
		return sk_buf_addf(out, "%s/.cache/safekeep/%s", home, h->info->name);
	return sk_error(SK_EIO, "there is no folder for %s: HOME is not set", h->info->name);
}

static int folder(struct skp_host *pub, uint32_t which, char **path)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_buf out = SK_BUF_INIT;
	int rc;

	if (which == SKP_FOLDER_CACHE)
		rc = cache_folder(h, &out);
	else if (!(rc = sk_host_needs_repo(h)))
		rc = sk_buf_addf(&out, "%s/plugins/%s",
		                 which == SKP_FOLDER_LOCAL ? h->repo->sklocal : h->repo->skdir,
		                 h->info->name);
	if (!rc)
		rc = sk_mkdirs(out.ptr, 0700);
	if (!rc && !(*path = sk_buf_detach(&out)))
		rc = sk_error_oom();
	sk_buf_free(&out);
	return rc;
}

/* Children of ours that we start for something else do not get it. */
static int take_lock(const char *path, const char *name, int64_t wait_ms, int *out)
{
	const struct timespec pause = { 0, LOCK_PAUSE_MS * 1000000 };
	int fd = sk_create(AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot open %s", sk_name(path));
	for (int64_t waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_PAUSE_MS) {
		int rc = 0;

		if (errno != EINTR && errno != EWOULDBLOCK)
			rc = sk_error_errno(SK_EIO, "cannot lock %s", sk_name(path));
		else if (waited >= wait_ms)
			rc = sk_error(SK_EBUSY, "another process is at it ('%s' is locked)", name);
		if (rc) {
			(void)close(fd);
			return rc;
		}
		(void)nanosleep(&pause, NULL);
	}
	*out = fd;
	return 0;
}

static int lock(struct skp_host *pub, const char *name, int64_t wait_ms, int *out)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_host_needs_repo(h);

	if (!rc && !sk_plugin_name_ok(name))
		rc = sk_error(SK_EUSAGE, "'%s' cannot be the name of a lock", sk_name(name));
	if (!rc)
		rc = sk_buf_addf(&path, "%s/plugins", h->repo->skdir);
	if (!rc)
		rc = sk_mkdirs(path.ptr, 0700);
	if (!rc)
		rc = sk_buf_addf(&path, "/%s.%s.lock", h->info->name, name);
	if (!rc)
		rc = take_lock(path.ptr, name, wait_ms, out);
	sk_buf_free(&path);
	return rc;
}

static void unlock(struct skp_host *pub, int held)
{
	SK_UNUSED(pub);
	if (held >= 0)
		(void)close(held);
}

/* argv and environment for git on this repository, or those given. */
static int run(struct skp_host *pub, struct skp_process *p)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_buf out = SK_BUF_INIT, unheard = SK_BUF_INIT;
	struct sk_proc proc = { .argv = p->argv,
		                .dir = p->dir,
		                .env = p->env,
		                .input = p->input,
		                .input_len = p->input_len,
		                .timeout_ms = p->timeout_ms };
	char *own[3] = { NULL, NULL, NULL };
	const char **argv = NULL, **env = NULL;
	bool git = p->flags & SKP_RUN_GIT, terminal = p->flags & SKP_RUN_TERMINAL;
	size_t n = 0;
	int rc = git ? sk_host_needs_repo(h) : 0;

	if (!rc && terminal && (h->event || p->timeout_ms))
		rc = sk_error(SK_EUSAGE, "the terminal is for commands without a time limit");
	if (!rc && git) {
		rc = sk_plugin_io->git_line(h->repo, p->argv, &argv, own);
		while (p->env && p->env[n])
			n++;
		env = calloc(n + 3, sizeof *env);
		if (!rc && !env)
			rc = sk_error_oom();
		if (!rc) {
			env[0] = own[0];
			env[1] = own[1];
			for (size_t i = 0; i < n; i++)
				env[2 + i] = p->env[i];
			proc.argv = argv;
			proc.env = env;
		}
	}
	proc.inherit_input = terminal;
	proc.output = terminal ? NULL : &out;
	proc.merge = p->flags & SKP_RUN_ERRORS;
	proc.errors = p->flags & SKP_RUN_QUIET ? &unheard : NULL;
	sk_plugin_io->out_flush();
	if (!rc)
		rc = sk_proc_run(&proc, &p->status);
	if (!rc) {
		p->output_len = out.len;
		p->output = sk_buf_detach(&out);
		if (!p->output)
			rc = sk_error_oom();
	}
	sk_buf_free(&unheard);
	sk_buf_free(&out);
	free(own[0]);
	free(own[1]);
	free(argv);
	free(env);
	return rc;
}

static json_t *text_json(const char *text)
{
	struct sk_buf out = SK_BUF_INIT;
	json_t *o = NULL;

	/* escapes what is no text, so that it is UTF-8 */
	if (sk_add_text(&out, text, strlen(text)) == 0)
		o = json_string(sk_buf_str(&out));
	sk_buf_free(&out);
	return o;
}

static int finding(struct skp_host *pub, const struct skp_finding *f)
{
	static const char *const severity[] = { "info", "warning", "error" };
	const struct sk_host *h = sk_host_of(pub);
	json_t *o;

	if (h->event != SKP_BEFORE_COMMIT)
		return sk_error(SK_EUSAGE, "findings are for the event before-commit");
	if (!f->rule || !sk_plugin_name_ok(f->rule) || f->severity > SKP_ERROR || !f->message)
		return sk_error(SK_EUSAGE, "a finding needs a rule, a severity and a message");
	o = json_pack("{s:s, s:s, s:o?, s:I, s:o?, s:s}", "rule", f->rule, "severity",
	              severity[f->severity], "path", f->path ? text_json(f->path) : json_null(),
	              "line", (json_int_t)f->line, "message", text_json(f->message), "plugin",
	              h->info->name);
	return sk_report_add("findings", o);
}

static int check(struct skp_host *pub, const char *name, uint32_t status, const char *detail)
{
	static const char *const word[] = { "ok", "warn", "fail", "off" };
	const struct sk_host *h = sk_host_of(pub);
	json_t *o;

	if (h->event != SKP_HEALTH)
		return sk_error(SK_EUSAGE, "checks are for the event health");
	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
	    status > SKP_STATUS_OFF)
		return sk_error(SK_EUSAGE, "'%s' cannot be the name of a check", sk_name(name));
	o = json_pack("{s:s, s:s, s:o?, s:s}", "name", name, "status", word[status], "detail",
	              text_json(detail ? detail : ""), "plugin", h->info->name);
	return sk_report_add("checks", o);
}

static int rest(struct skp_host *pub, uint32_t events, int64_t until, const char *const *paths)
{
	struct sk_host *h = sk_host_of(pub);
	int rc = sk_host_needs_repo(h);

	return rc ? rc : sk_rest_begin(h, events, until, paths);
}

void sk_host_world(struct skp_host *pub)
{
	pub->rest = rest;
	pub->folder = folder;
	pub->lock = lock;
	pub->unlock = unlock;
	pub->run = run;
	pub->finding = finding;
	pub->check = check;
}
