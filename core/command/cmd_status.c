/* `git sk status`: am I protected, since when, how far back, how much disk, what is wrong, and what
 * to do about it, on one screen. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/term.h"
#include "base/text.h"
#include "capture/state.h"
#include "command/command.h"
#include "command/listing.h"
#include "command/print.h"
#include "command/report.h"
#include "hooks/install.h"
#include "plugin/plugin.h"
#include "service/service.h"

#define SHOWN 5
#define FOLDERS_SHOWN 6

struct folder {
	const char *name; /* NULL: files at the top */
	size_t files;
};

struct facts {
	bool hooks_on, guard_on, service_off, service_up, watched;
	char *mode; /* of the watcher; NULL: the service does not know of it */
	char *reason;
	long long pid, watch_folders;
	struct sk_entries backups;
	size_t good, revisions;
	const struct sk_entry *newest, *oldest; /* good ones */
	struct sk_state *state;
	struct folder *folder; /* most files first */
	size_t n_folders, files;
	uint64_t disk;
	struct sk_strv displaced, problems;
};

static int problem(struct facts *f, const char *fmt, ...) SK_PRINTF(2, 3);
static int problem(struct facts *f, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return sk_strv_add(&f->problems, text);
}

/* What git runs */

/* The record's line "what hooks guard". */
static void read_record(const struct sk_repo *repo, struct facts *f)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	char *line, *end;

	(void)sk_buf_addf(&path, "%s/installed", repo->skdir);
	if (sk_buf_ok(&path) == 0 && sk_read_file(AT_FDCWD, path.ptr, 1u << 20, &text) == 0 &&
	    (line = strstr(text.ptr, "\nwhat "))) {
		end = strchr(line + 1, '\n');
		if (end)
			*end = '\0';
		f->hooks_on = strstr(line, " hooks") != NULL;
		f->guard_on = strstr(line, " guard") != NULL;
	}
	sk_buf_clear(&path);
	(void)sk_buf_addf(&path, "%s/no-service", repo->skdir);
	f->service_off = sk_buf_ok(&path) == 0 && sk_exists(path.ptr);
	sk_buf_free(&path);
	sk_buf_free(&text);
}

static int look_at_hooks(struct sk_repo *repo, struct facts *f)
{
	int rc;

	read_record(repo, f);
	rc = sk_install_check(repo, &f->displaced);
	for (size_t i = 0; !rc && i < f->displaced.n; i++)
		rc = problem(f, "%s; put it right with 'git sk init'", f->displaced.item[i]);
	if (!rc && !f->hooks_on)
		rc = problem(f, "commits, checkouts and merges make no backup; enable it with 'git "
		                "sk uninit' and 'git sk init'");
	if (!rc && !f->guard_on)
		rc = problem(f, "git commands that overwrite files make no backup; enable it with "
		                "'git sk uninit' and 'git sk init'");
	if (!rc && f->guard_on && !repo->config->guard.enabled)
		rc = problem(f, "the guard is off by the setting guard.enabled");
	return rc;
}

/* The service */

static char *copy(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? strdup(text) : NULL;
}

static int take_site(const struct sk_repo *repo, const json_t *all, struct facts *f)
{
	const json_t *site;
	char *trouble;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(all, "repos"), i, site)
	{
		const char *path = json_string_value(json_object_get(site, "path"));

		if (!path || strcmp(path, repo->worktree) != 0)
			continue;
		f->mode = copy(site, "mode");
		f->reason = copy(site, "reason");
		f->watch_folders = json_integer_value(json_object_get(site, "folders"));
		trouble = copy(site, "trouble");
		if (trouble)
			rc = problem(f, "the service could not make its last backup: %s", trouble);
		free(trouble);
	}
	f->watched = f->mode && strcmp(f->mode, "scans") != 0;
	if (!rc && !f->mode)
		rc = problem(f, "the service does not watch this working tree; 'git sk init' tells "
		                "it to");
	else if (!rc && !f->watched)
		rc = problem(f, "changes are not seen as they happen: %s",
		             f->reason ? f->reason : "it cannot be watched");
	return rc;
}

static int look_at_service(const struct sk_repo *repo, struct facts *f)
{
	struct sk_buf text = SK_BUF_INIT;
	json_t *all = NULL;
	int rc;

	if (f->service_off)
		return 0;
	rc = sk_service_status(&text);
	if (!rc)
		all = json_loadb(sk_buf_str(&text), text.len, 0, NULL);
	if (rc)
		rc = problem(f, "%s", sk_error_message());
	else if (all) {
		f->service_up = true;
		f->pid = json_integer_value(json_object_get(all, "pid"));
		rc = take_site(repo, all, f);
	}
	sk_error_clear();
	json_decref(all);
	sk_buf_free(&text);
	return rc;
}

/* What there is to go back to */

static int look_at_backups(const struct sk_repo *repo, struct facts *f)
{
	struct sk_entries revisions = { 0 };
	int rc = sk_entry_list(repo, SK_BACKUP, repo->worktree_id, &f->backups);

	for (size_t i = 0; !rc && i < f->backups.n; i++) {
		const struct sk_entry *e = f->backups.item[i];

		if (e->damaged) {
			rc = problem(f, "backup %s is damaged: %s", e->id, e->damage);
			continue;
		}
		f->good++;
		f->newest = f->newest ? f->newest : e;
		f->oldest = e;
	}
	if (!rc && !f->newest)
		rc = problem(f, "there is no backup yet; make one with 'git sk backup'");
	if (!rc)
		rc = sk_entry_list(repo, SK_REVISION, NULL, &revisions);
	f->revisions = revisions.n;
	sk_entries_free(&revisions);
	return rc;
}

static size_t count_files(const struct sk_state *state, const struct sk_state_node *n, int depth)
{
	size_t files = 0;

	if (n->mode != 040000)
		return 1;
	for (uint32_t i = 0; i < n->n_children && depth < 4096 && n->first_child + i; i++) {
		const struct sk_state_node *kid = sk_state_node(state, n->first_child + i);

		files += kid ? count_files(state, kid, depth + 1) : 0;
	}
	return files;
}

static int by_files(const void *x, const void *y)
{
	const struct folder *a = x, *b = y;

	return (a->files < b->files) - (a->files > b->files);
}

/* The state file has what the last backup saw: no tree is read for this. */
static int look_at_files(const struct sk_repo *repo, struct facts *f)
{
	const struct sk_state_node *root, *kid;
	uint32_t number;
	struct folder here = { NULL, 0 };

	if (sk_state_load(repo, &f->state))
		return 0;
	number = sk_state_root(f->state, "");
	root = number == SK_STATE_NONE ? NULL : sk_state_node(f->state, number);
	if (!root)
		return 0;
	f->folder = calloc((size_t)root->n_children + 1, sizeof *f->folder);
	if (!f->folder)
		return sk_error_oom();
	for (uint32_t i = 0; i < root->n_children; i++) {
		kid = sk_state_node(f->state, root->first_child + i);
		if (!kid)
			break;
		if (kid->mode == 040000)
			f->folder[f->n_folders++] =
			        (struct folder){ sk_state_name(f->state, kid),
				                 count_files(f->state, kid, 1) };
		else
			here.files++;
	}
	qsort(f->folder, f->n_folders, sizeof *f->folder, by_files);
	f->folder[f->n_folders] = here; /* after the others */
	f->files = sk_state_files(f->state);
	return 0;
}

/* What only our references hold: the size that a purge of all would free at the next gc. */
static void look_at_disk(const struct sk_repo *repo, struct facts *f)
{
	const char *const args[] = { "rev-list", "--objects",  "--disk-usage", "--glob=refs/sk",
		                     "--not",    "--branches", "--tags",       "--remotes",
		                     "HEAD",     NULL };
	const char *const unborn[] = { "rev-list",       "--objects", "--disk-usage",
		                       "--glob=refs/sk", "--not",     "--branches",
		                       "--tags",         "--remotes", NULL };
	struct sk_buf out = SK_BUF_INIT;
	struct sk_oid head = { { 0 } };
	char *branch = NULL;
	int status = 1;

	if (sk_repo_head(repo, &head, &branch) == 0 &&
	    sk_git_run(repo, sk_oid_is_zero(&head) ? unborn : args, NULL, &out, &status) == 0 &&
	    status == 0)
		f->disk = strtoull(sk_buf_str(&out), NULL, 10);
	sk_error_clear();
	free(branch);
	sk_buf_free(&out);
}

/* Telling */

static void print_protection(const struct sk_repo *repo, const struct facts *f)
{
	struct sk_buf line = SK_BUF_INIT;
	char when[20];

	if (!f->problems.n && f->oldest) {
		sk_format_local(f->oldest->created, when);
		(void)sk_buf_addf(&line, "%sprotected%s, as far back as %s (", sk_color(SK_GREEN),
		                  sk_color_reset(), when);
		(void)sk_add_age(&line, f->oldest->created, sk_now());
		(void)sk_buf_adds(&line, ")");
	} else {
		(void)sk_buf_addf(&line, "%s%s%s: see what is wrong below", sk_color(SK_YELLOW),
		                  f->newest ? "protected in part" : "not protected",
		                  sk_color_reset());
	}
	sk_outf("%s\n", sk_buf_str(&line));
	sk_outf("  hooks    %s\n", !f->hooks_on     ? "off"
	                           : f->displaced.n ? "not all in place"
	                                            : "in place: before and after commit, "
	                                              "checkout, merge, rebase");
	sk_outf("  guard    %s\n", f->guard_on && repo->config->guard.enabled
	                                   ? "on: before git overwrites or deletes files"
	                                   : "off");
	if (f->service_up)
		sk_outf("  service  running, process %lld\n", f->pid);
	else
		sk_outf("  service  %s\n",
		        f->service_off ? "not used here (init --no-service)" : "not running");
	if (f->watched && strcmp(f->mode, "loading") == 0)
		sk_outf("  watcher  setting up\n");
	else if (f->watched)
		sk_outf("  watcher  %lld folders; a backup within seconds of a change\n",
		        f->watch_folders);
	else
		sk_outf("  watcher  off; a backup when git works here, and when one is due\n");
	sk_buf_free(&line);
}

static int print_backups(const struct facts *f)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t n = f->backups.n < SHOWN ? f->backups.n : SHOWN;
	int rc = 0;

	sk_outf("%zu backup%s, %zu revision%s, %zu files in the newest\n", f->good,
	        f->good == 1 ? "" : "s", f->revisions, f->revisions == 1 ? "" : "s", f->files);
	for (size_t i = 0; i < n && !rc; i++) {
		sk_buf_clear(&line);
		(void)sk_buf_addf(&line, "  %s  ", f->backups.item[i]->id);
		rc = sk_entry_line(f->backups.item[i], &line);
		if (!rc)
			sk_outf("%s\n", line.ptr);
	}
	if (f->backups.n > n)
		sk_outf("  and %zu more: git sk list\n", f->backups.n - n);
	sk_buf_free(&line);
	return rc;
}

static int print_folders(const struct facts *f)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t n = f->n_folders < FOLDERS_SHOWN ? f->n_folders : FOLDERS_SHOWN, rest = 0;
	int rc;

	for (size_t i = 0; i < n; i++) {
		(void)sk_buf_addf(&line, "%s", i ? ", " : "");
		(void)sk_add_name(&line, f->folder[i].name, strlen(f->folder[i].name));
		(void)sk_buf_addf(&line, " %zu", f->folder[i].files);
	}
	for (size_t i = n; f->folder && i <= f->n_folders; i++)
		rest += f->folder[i].files;
	if (rest)
		(void)sk_buf_addf(&line, "%selsewhere %zu", n ? ", " : "", rest);
	rc = sk_buf_ok(&line);
	if (!rc && line.len)
		sk_outf("files: %s\n", line.ptr);
	sk_buf_clear(&line);
	(void)sk_add_size(&line, f->disk);
	if (!rc)
		rc = sk_buf_ok(&line);
	if (!rc)
		sk_outf("disk: %s beside the project's own history\n", line.ptr);
	sk_buf_free(&line);
	return rc;
}

static void print_problems(const struct facts *f)
{
	struct sk_buf line = SK_BUF_INIT;

	if (f->problems.n)
		sk_outf("what is wrong:\n");
	for (size_t i = 0; i < f->problems.n; i++) {
		if (i == 8) {
			sk_outf("  and %zu more: git sk status --json\n", f->problems.n - i);
			break;
		}
		sk_buf_clear(&line);
		(void)sk_add_text(&line, f->problems.item[i], strlen(f->problems.item[i]));
		sk_outf("  %s\n", sk_buf_str(&line));
	}
	sk_buf_free(&line);
}

static json_t *texts(const struct sk_strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n; i++)
		if (json_array_append_new(list, sk_json_text(v->item[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *newest_json(const struct sk_repo *repo, const struct facts *f, bool damaged)
{
	json_t *list = json_array(), *one;
	size_t n = 0;

	for (size_t i = 0; list && i < f->backups.n && (damaged || n < SHOWN); i++) {
		const struct sk_entry *e = f->backups.item[i];

		if (e->damaged != damaged)
			continue;
		n++;
		one = damaged ? sk_json_add(sk_json_add(json_object(), "id", sk_json_text(e->id)),
		                            "reason", sk_json_text(e->damage))
		              : sk_entry_json(repo, e, false);
		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *folders_json(const struct facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < f->n_folders; i++) {
		const struct folder *d = &f->folder[i];
		json_t *one =
		        sk_json_add(json_object(), "path", sk_json_path(d->name, strlen(d->name)));

		one = sk_json_add(one, "files", json_integer((json_int_t)d->files));
		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int status_json(const struct sk_repo *repo, const struct facts *f)
{
	json_t *o = sk_json_add(json_object(), "enabled", json_true()), *part;

	o = sk_json_add(o, "worktree", sk_json_path(repo->worktree, strlen(repo->worktree)));
	o = sk_json_add(o, "protected", json_boolean(!f->problems.n));
	o = sk_json_add(o, "since", f->oldest ? sk_json_time(f->oldest->created) : json_null());
	o = sk_json_add(o, "hooks", json_boolean(f->hooks_on && !f->displaced.n));
	o = sk_json_add(o, "guard", json_boolean(f->guard_on && repo->config->guard.enabled));
	part = sk_json_add(json_object(), "running", json_boolean(f->service_up));
	part = sk_json_add(part, "pid", f->service_up ? json_integer(f->pid) : json_null());
	o = sk_json_add(o, "service", part);
	part = sk_json_add(json_object(), "mode", sk_json_text(f->mode));
	part = sk_json_add(part, "reason", sk_json_text(f->reason));
	part = sk_json_add(part, "folders", json_integer(f->watch_folders));
	o = sk_json_add(o, "watcher", part);
	part = sk_json_add(json_object(), "count", json_integer((json_int_t)f->good));
	part = sk_json_add(part, "newest", newest_json(repo, f, false));
	part = sk_json_add(part, "damaged", newest_json(repo, f, true));
	o = sk_json_add(o, "backups", part);
	o = sk_json_add(o, "revisions", json_integer((json_int_t)f->revisions));
	o = sk_json_add(o, "files", json_integer((json_int_t)f->files));
	o = sk_json_add(o, "folders", folders_json(f));
	o = sk_json_add(o, "disk_bytes", json_integer((json_int_t)f->disk));
	return sk_out_json(sk_json_add(o, "problems", texts(&f->problems)));
}

/* What plugins find wrong, and what went wrong with them. */
static int look_at_plugins(struct sk_repo *repo, struct facts *f)
{
	const struct sk_plugin_event event = { .kind = SKP_HEALTH };
	struct sk_plugin_answers a = { 0 };
	const char *name, *status, *detail;
	json_t *o;
	size_t i;
	int rc = 0;

	sk_plugins_event(repo, &event, &a);
	json_array_foreach(a.checks, i,
	                   o) if (!rc &&
	                          json_unpack(o, "{s:s, s:s, s:s}", "name", &name, "status",
	                                      &status, "detail", &detail) == 0 &&
	                          (strcmp(status, "warn") == 0 || strcmp(status, "fail") == 0)) rc =
	        problem(f, "%s: %s", name, detail);
	sk_plugin_answers_clear(&a);
	return rc ? rc : sk_plugins_troubles(repo, &f->problems);
}

static void clear(struct facts *f)
{
	free(f->mode);
	free(f->reason);
	free(f->folder);
	sk_state_free(f->state);
	sk_entries_free(&f->backups);
	sk_strv_free(&f->displaced);
	sk_strv_free(&f->problems);
}

static int not_enabled(const struct sk_call *call)
{
	int bad = 0;

	if (call->json) {
		bad = sk_out_json(sk_json_add(sk_json_add(json_object(), "enabled", json_false()),
		                              "protected", json_false()));
		return bad ? bad : SK_EREPO;
	}
	return sk_error(
	        SK_EREPO,
	        "not protected: SafeKeep is not enabled in %s; enable it with 'git sk init'",
	        sk_name(call->repo->worktree));
}

int sk_cmd_status(struct sk_call *call)
{
	struct facts f = { 0 };
	int rc = sk_call_args(call, 0, 0);

	if (rc)
		return rc;
	if (!call->repo->enabled)
		return not_enabled(call);
	rc = look_at_hooks(call->repo, &f);
	if (!rc)
		rc = look_at_service(call->repo, &f);
	if (!rc)
		rc = look_at_backups(call->repo, &f);
	if (!rc)
		rc = look_at_files(call->repo, &f);
	if (!rc)
		look_at_disk(call->repo, &f);
	if (!rc)
		rc = look_at_plugins(call->repo, &f);
	if (!rc && call->json) {
		rc = status_json(call->repo, &f);
	} else if (!rc) {
		print_protection(call->repo, &f);
		rc = print_backups(&f);
		if (!rc)
			rc = print_folders(&f);
		print_problems(&f);
	}
	if (!rc && f.problems.n)
		rc = SK_ENO;
	if (rc == SK_ENO)
		sk_error_clear();
	clear(&f);
	return rc;
}
