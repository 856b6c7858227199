#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "capture/backup.h"
#include "command/command.h"
#include "command/gate.h"
#include "command/plugins.h"
#include "command/print.h"
#include "command/registry.h"
#include "command/report.h"
#include "restore/restore.h"
#include "plugin/plugin.h"
#include "service/service.h"
#include "store/keep.h"
#include "store/vault.h"

#define LOCK_WAIT 5

/* What the service has its children do */

/* Nothing to save: the newest backup is the state before the command. */
static int guard_unchanged(struct sk_repo *repo, bool *done)
{
	const char *command = getenv("SK_HOOK_COMMAND");
	struct sk_entry *newest = NULL;
	struct sk_buf title = SK_BUF_INIT;
	struct sk_undo undo = { .when = sk_now(), .staged = true };
	int rc = sk_entry_latest(repo, repo->worktree_id, &newest);

	*done = false;
	if (rc == SK_ENO)
		return 0;
	if (!rc && sk_backup_by_itself(newest)) {
		sk_entry_free(newest);
		return 0;
	}
	if (!rc)
		rc = sk_keep_record(repo, sk_now());
	(void)sk_buf_addf(&title, "before %s", command && *command ? command : "a git command");
	if (!rc)
		rc = sk_buf_ok(&title);
	if (!rc && !getenv("SK_HOOK_AGAIN") && sk_hook_undoable(command ? command : "")) {
		undo.operation = title.ptr;
		undo.safety_id = newest->id;
		rc = sk_undo_push(repo, &undo);
	}
	*done = !rc;
	sk_entry_free(newest);
	sk_buf_free(&title);
	return rc;
}

static int timed(struct sk_repo *repo, const char *event, const struct sk_strv *changed)
{
	struct sk_backup_opts opts = {
		.kind = SK_BACKUP, .trigger = event, .wait_seconds = LOCK_WAIT, .changed = changed
	};
	struct sk_backup_result r = { 0 };
	int rc;

	opts.title = strcmp(event, "watch") == 0 ? "files changed" : "by the clock";
	rc = sk_backup(repo, &opts, &r);
	sk_backup_result_clear(&r);
	sk_plugins_cycle(repo);
	return rc == SK_EPARTIAL ? 0 : rc; /* kept with the backup; said by show and status */
}

/* The paths that changed, unless the state is not the one that they changed since. */
static const struct sk_strv *changed_since(const struct sk_repo *repo,
                                           const struct sk_service_hint *hint)
{
	struct sk_state_mark mark;

	sk_state_mark(repo, &mark);
	return mark.sum[0] && memcmp(&mark, &hint->state, sizeof mark) == 0 ? hint->changed : NULL;
}

static int work(struct sk_repo *repo, const char *event, const struct sk_service_hint *hint)
{
	const struct sk_strv *changed = changed_since(repo, hint);
	char name[32];
	bool done = false;
	size_t len;
	int rc = 0;

	if (strcmp(event, "watch") == 0 || strcmp(event, "schedule") == 0)
		return timed(repo, event, changed);
	(void)snprintf(name, sizeof name, "%s", event);
	len = strlen(name);
	(void)unsetenv("SK_HOOK_AGAIN");
	if (len > 6 && strcmp(name + len - 6, "-again") == 0) {
		name[len - 6] = '\0';
		(void)setenv("SK_HOOK_AGAIN", "1", 1);
	}
	if (hint->unchanged && strcmp(name, "guard") == 0)
		rc = guard_unchanged(repo, &done);
	if (!rc && done)
		sk_plugins_mark(repo);
	if (!rc && done)
		return sk_plugins_git_event(repo, name, getenv("SK_HOOK_COMMAND") ?: "", NULL);
	return rc ? rc : sk_hook_event(repo, name, NULL, changed);
}

/* Whatever else is to be done on this machine comes before it. */
static int push(const struct sk_repo *repo, bool now)
{
	const int idle = 3 << 13; /* IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0) */

	(void)setpriority(PRIO_PROCESS, 0, 10);
	(void)syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, idle);
	return sk_vault_push_due(repo, sk_now(), now);
}

static int backup(const char *event, const struct sk_service_hint *hint)
{
	struct sk_repo *repo = NULL;
	int rc = sk_repo_open(".", &repo);
	bool impact;

	sk_backup_begins = sk_service_begins;
	if (!rc && !repo->enabled)
		rc = sk_error(SK_EREPO, "SafeKeep is not enabled here any more");
	if (strncmp(event, "vault", 5) == 0) {
		rc = rc ? rc : push(repo, strcmp(event, "vault-now") == 0);
		if (rc && rc != SK_EBUSY)
			sk_warn("%s", sk_error_message());
		sk_repo_close(repo);
		return rc;
	}
	impact = strcmp(event, "impact") == 0;
	if (!rc && !impact)
		rc = work(repo, event, hint);
	if (rc == SK_EREFUSED && strncmp(event, "pre-", 4) == 0)
		sk_note("%s", sk_error_message());
	else if (rc)
		sk_warn("no backup was made: %s", sk_error_message());
	if (repo && repo->enabled)
		sk_gate_note(repo);
	/* what this prints goes to the client, and so to whoever commits */
	if (repo && repo->enabled && (impact || strcmp(event, "pre-commit") == 0))
		sk_gate_summary(repo, rc);
	sk_repo_close(repo);
	return rc;
}

static bool has_rounds(struct sk_repo *repo)
{
	return sk_plugins_want(repo, SKP_CYCLE);
}

static const struct sk_service_host host = { sk_registry_read, sk_registry_add, sk_registry_remove,
	                                     backup, has_rounds };

/* Commands */

static json_t *down_json(void)
{
	json_t *o = sk_json_add(json_object(), "running", json_false());

	o = sk_json_add(o, "pid", json_null());
	o = sk_json_add(o, "started", json_null());
	o = sk_json_add(o, "uptime_seconds", json_null());
	return sk_json_add(o, "repos", json_array());
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void print_site(const json_t *site)
{
	const char *reason = text_of(site, "reason"), *trouble = text_of(site, "trouble");
	struct sk_buf line = SK_BUF_INIT;

	(void)sk_add_name(&line, text_of(site, "path"), strlen(text_of(site, "path")));
	(void)sk_buf_addf(&line, "\t%s", text_of(site, "mode"));
	if (strcmp(text_of(site, "mode"), "watched") == 0)
		(void)sk_buf_addf(&line, ", %lld folders",
		                  (long long)json_integer_value(json_object_get(site, "folders")));
	if (json_is_true(json_object_get(site, "working")))
		(void)sk_buf_adds(&line, ", a backup is being made");
	if (*reason)
		(void)sk_buf_addf(&line, "\n    %s", reason);
	if (*trouble)
		(void)sk_buf_addf(&line, "\n    last backup failed: %s", trouble);
	sk_outf("%s\n", sk_buf_str(&line));
	sk_buf_free(&line);
}

static void print_status(const json_t *o)
{
	const json_t *site, *list = json_object_get(o, "repos");
	time_t up = (time_t)json_integer_value(json_object_get(o, "uptime_seconds"));
	struct sk_buf age = SK_BUF_INIT;
	size_t n = json_array_size(list), i;

	(void)sk_add_age(&age, sk_now() - up, sk_now());
	sk_outf("running, process %lld, started %s, %zu working tree%s\n",
	        (long long)json_integer_value(json_object_get(o, "pid")), sk_buf_str(&age), n,
	        n == 1 ? "" : "s");
	sk_buf_free(&age);
	if (json_is_true(json_object_get(o, "outdated")))
		sk_outf("the program was replaced since: 'git sk service ensure' starts the new "
		        "one\n");
	json_array_foreach(list, i, site) print_site(site);
}

static bool is_outdated(const json_t *o)
{
	return sk_service_program((long)json_integer_value(json_object_get(o, "pid"))) !=
	       SK_PROGRAM_SAME;
}

static int service_status(const struct sk_call *call)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_service_status(&text), bad = 0;
	json_t *o;

	if (rc == SK_ENO && call->json) {
		bad = sk_out_json(down_json());
		sk_error_clear();
	}
	if (!rc) {
		o = json_loadb(sk_buf_str(&text), text.len, 0, NULL);
		if (!o || json_object_set_new(o, "outdated", json_boolean(is_outdated(o))) != 0)
			rc = sk_error(SK_EIO, "the service's answer cannot be understood");
		else if (call->json)
			bad = sk_out_json(json_incref(o));
		else
			print_status(o);
		json_decref(o);
	}
	sk_buf_free(&text);
	return bad ? bad : rc;
}

static int start(bool *already)
{
	if (!sk_service_wanted())
		return sk_error(SK_EREFUSED, "GIT_SK_NO_SERVICE is set: no service is started");
	return sk_service_start(&host, already);
}

static int service_start(void)
{
	bool already = false;
	int rc = start(&already);

	if (!rc)
		sk_outf(already ? "running already\n" : "started\n");
	return rc;
}

/* In single quotes for the shell; cron makes a line's end of each '%' that has no backslash. */
static int add_cron_word(struct sk_buf *out, const char *word)
{
	(void)sk_buf_addc(out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			(void)sk_buf_adds(out, "'\\''");
		else if (*word == '%')
			(void)sk_buf_adds(out, "'\\%'");
		else
			(void)sk_buf_addc(out, *word);
	return sk_buf_addc(out, '\'');
}

/* For cron, which has neither PATH nor XDG_RUNTIME_DIR. */
static int print_cron(void)
{
	static const char *const names[] = { "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
		                             "XDG_CONFIG_HOME" };
	struct sk_buf line = SK_BUF_INIT;
	char path[PATH_MAX];
	int rc = sk_proc_self(path);

	(void)sk_buf_adds(&line, "*/5 * * * * ");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (getenv(names[i]) && *getenv(names[i])) {
			(void)sk_buf_addf(&line, "%s=", names[i]);
			(void)add_cron_word(&line, getenv(names[i]));
			(void)sk_buf_addc(&line, ' ');
		}
	if (!rc)
		rc = add_cron_word(&line, path);
	if (!rc && strchr(sk_buf_str(&line), '\n'))
		rc = sk_error(SK_EREFUSED, "cron cannot name the program %s", sk_name(path));
	if (!rc)
		sk_outf("%s -q service ensure\n", line.ptr);
	sk_buf_free(&line);
	return rc;
}

static bool systemctl(const char *a, const char *b, const char *c)
{
	const char *const argv[] = { "systemctl", "--user", a, b, c, NULL };
	struct sk_buf said = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv, .output = &said, .errors = &said };
	int status = 1, rc = sk_proc_run(&proc, &status);

	sk_buf_free(&said);
	return !rc && status == 0;
}

/* Whether it answers, but is the program of before an upgrade. */
static bool owes_restart(const struct sk_buf *status)
{
	json_t *o = json_loadb(sk_buf_str(status), status->len, 0, NULL);
	bool owes = o && is_outdated(o);

	json_decref(o);
	return owes;
}

/* The one that systemd started is started by systemd again. */
static int replace(bool *done)
{
	int rc;

	*done = systemctl("is-active", "--quiet", "safekeep.service") &&
	        systemctl("restart", "safekeep.service", NULL);
	if (*done)
		return 0;
	rc = sk_service_stop();
	return rc == SK_ENO ? 0 : rc;
}

enum was { WAS_UP, WAS_DOWN, WAS_OUTDATED };

static int ensure(enum was *was)
{
	struct sk_buf text = SK_BUF_INIT;
	bool already = false;
	int rc = sk_service_status(&text);

	*was = rc ? WAS_DOWN : sk_service_wanted() && owes_restart(&text) ? WAS_OUTDATED : WAS_UP;
	if (*was == WAS_OUTDATED) {
		rc = replace(&already);
		rc = rc || already ? rc : SK_ENO;
	}
	if (rc == SK_EIO) { /* it hangs: whatever it still does is finished or given up */
		rc = sk_service_stop();
		rc = rc ? rc : SK_ENO;
	}
	if (rc == SK_ENO) {
		sk_buf_clear(&text);
		rc = start(&already);
		if (!rc)
			rc = sk_service_status(&text);
	}
	sk_buf_free(&text);
	return rc;
}

int sk_service_ensure(bool *was_down)
{
	enum was was = WAS_UP;
	int rc = ensure(&was);

	*was_down = was != WAS_UP;
	return rc;
}

static int service_ensure(const struct sk_call *call)
{
	static const char *const words[] = {
		[WAS_UP] = "the service is running",
		[WAS_DOWN] = "the service was down; it is running now",
		[WAS_OUTDATED] = "the service was the old program; the new one is running now",
	};
	enum was was = WAS_UP;
	int rc;

	if (sk_call_has(call, "cron"))
		return print_cron();
	rc = ensure(&was);
	if (!rc)
		sk_note("%s", words[was]);
	return rc;
}

static int read_unit(const char *git_sk, struct sk_buf *out)
{
	static const char mark[] = "@GIT_SK@";
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	const char *slash = strrchr(git_sk, '/'), *at, *next;
	int rc;

	(void)sk_buf_addf(&path, "%.*s/../share/safekeep/systemd/safekeep.service",
	                  (int)(slash - git_sk), git_sk);
	rc = sk_buf_ok(&path);
	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, 65536, &text);
	if (rc == SK_ENO)
		rc = sk_read_file(AT_FDCWD, SK_DATADIR "/systemd/safekeep.service", 65536, &text);
	if (rc)
		rc = sk_error_prefix(SK_EIO, "SafeKeep is not installed as a whole");
	for (at = sk_buf_str(&text); !rc && (next = strstr(at, mark));
	     at = next + sizeof mark - 1) {
		(void)sk_buf_add(out, at, (size_t)(next - at));
		(void)sk_buf_adds(out, git_sk);
	}
	if (!rc)
		rc = sk_buf_adds(out, at);
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

/* Whether a package brought that very unit, where systemd looks for it. */
static bool is_packaged(const char *git_sk, const struct sk_buf *unit)
{
	static const char *const places[] = { "/usr/", "/usr/local/" };
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	bool same = false;

	for (size_t i = 0; !same && i < sizeof places / sizeof *places; i++) {
		sk_buf_clear(&path);
		sk_buf_clear(&text);
		if (sk_buf_addf(&path, "%sbin/git-sk", places[i]) || strcmp(path.ptr, git_sk) != 0)
			continue;
		sk_buf_clear(&path);
		same = sk_buf_addf(&path, "%slib/systemd/user/safekeep.service", places[i]) == 0 &&
		       sk_read_file(AT_FDCWD, path.ptr, 65536, &text) == 0 &&
		       text.len == unit->len && memcmp(text.ptr, unit->ptr, text.len) == 0;
	}
	sk_error_clear();
	sk_buf_free(&path);
	sk_buf_free(&text);
	return same;
}

/* One that init or git started ends, so that systemd's own can begin. */
static bool hand_over(void)
{
	int rc = sk_service_stop();

	if (rc && rc != SK_ENO)
		sk_warn("%s", sk_error_message());
	sk_error_clear();
	return systemctl("start", "safekeep.service", NULL);
}

static int service_install(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct sk_buf dir = SK_BUF_INIT, unit = SK_BUF_INIT, path = SK_BUF_INIT;
	char git_sk[PATH_MAX];
	bool packaged;
	int rc = sk_proc_self(git_sk);

	if (!rc && strpbrk(git_sk, "\"\\%\n"))
		rc = sk_error(SK_EREFUSED, "systemd cannot name the program %s", sk_name(git_sk));
	if (!rc)
		rc = read_unit(git_sk, &unit);
	(void)sk_buf_addf(&dir, "%s%s/systemd/user",
	                  xdg && *xdg ? xdg
	                  : home      ? home
	                              : "",
	                  xdg && *xdg ? "" : "/.config");
	(void)sk_buf_addf(&path, "%s/safekeep.service", sk_buf_str(&dir));
	if (!rc)
		rc = sk_buf_ok(&path);
	packaged = !rc && !sk_exists(path.ptr) && is_packaged(git_sk, &unit);
	if (!rc && !packaged)
		rc = sk_mkdirs(dir.ptr, 0755);
	if (!rc && !packaged)
		rc = sk_write_file(AT_FDCWD, path.ptr, sk_buf_str(&unit), unit.len, 0644, true);
	if (rc)
		goto out;
	if (!packaged)
		sk_outf("wrote %s\n", path.ptr);
	if (systemctl("daemon-reload", NULL, NULL) &&
	    systemctl("enable", "safekeep.service", NULL) && hand_over())
		sk_outf("enabled it: systemctl --user status safekeep\n");
	else
		sk_outf("to have it started at login: systemctl --user daemon-reload && "
		        "systemctl --user enable --now safekeep\n");
out:
	sk_buf_free(&dir);
	sk_buf_free(&unit);
	sk_buf_free(&path);
	return rc;
}

int sk_cmd_service(struct sk_call *call)
{
	const char *what;
	int rc = sk_call_args(call, 1, 1);

	if (rc)
		return rc;
	what = call->arg[0];
	if (strcmp(what, "status") == 0)
		return service_status(call);
	if (strcmp(what, "start") == 0)
		return service_start();
	if (strcmp(what, "ensure") == 0)
		return service_ensure(call);
	if (strcmp(what, "install") == 0)
		return service_install();
	if (strcmp(what, "run") == 0)
		return sk_service_run(&host, NULL, NULL);
	if (strcmp(what, "stop") == 0) {
		rc = sk_service_stop();
		if (!rc)
			sk_outf("stopped\n");
		return rc;
	}
	return sk_error(SK_EUSAGE, "%s is not one of start, stop, status, ensure, run, install",
	                sk_name(what));
}

/* init and uninit */

static int off_path(const struct sk_repo *repo, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/no-service", repo->skdir);
}

static bool is_off(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	bool off = off_path(repo, &path) == 0 && sk_exists(path.ptr);

	sk_buf_free(&path);
	return off;
}

static int set_off(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = off_path(repo, &path);

	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, "", 0, 0644, true);
	sk_buf_free(&path);
	return rc;
}

int sk_service_after_init(struct sk_repo *repo, bool no_service, struct sk_strv *said)
{
	bool already = false;
	int rc;

	if (no_service) {
		rc = set_off(repo);
		if (!rc)
			sk_service_tell(repo->worktree, false);
		return rc;
	}
	if (is_off(repo) || !sk_service_wanted())
		return 0;
	rc = sk_service_start(&host, &already);
	if (rc) {
		sk_say("warning: the service was not started: %s", sk_error_message());
		return 0;
	}
	sk_service_tell(repo->worktree, true);
	return already ? 0 : sk_strv_add(said, "started the service (git sk service status)");
}

void sk_service_after_uninit(const char *worktree)
{
	sk_service_tell(worktree, false);
}
