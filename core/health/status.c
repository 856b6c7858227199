#include "health/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "hooks/install.h"
#include "repo/ignore.h"
#include "repo/index.h"
#include "service/service.h"
#include "store/budget.h"

#define LITTLE_SPACE (16u << 20)
#define HOOKS_SHOWN 2

static int problem(struct sk_status *f, const char *fmt, ...) SK_PRINTF(2, 3);
static int problem(struct sk_status *f, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return sk_strv_add(&f->problems, text);
}

/* Where backups go */

static int look_at_room(struct sk_repo *repo, struct sk_status *f)
{
	struct sk_buf size = SK_BUF_INIT;
	struct statvfs fs;
	uint64_t room;
	int rc = 0;

	if (access(repo->skdir, W_OK) < 0 || access(repo->commondir, W_OK) < 0) {
		f->unwritable = f->failing = true;
		return problem(f,
		               "%s cannot be written to (%s): no backup can be made before it can",
		               repo->commondir, strerror(errno));
	}
	if (statvfs(repo->commondir, &fs) < 0)
		return 0;
	room = (uint64_t)(geteuid() ? fs.f_bavail : fs.f_bfree) * fs.f_frsize;
	f->room = room;
	if (room >= LITTLE_SPACE)
		return 0;
	rc = sk_add_size(&size, room);
	if (!rc)
		rc = problem(f, "the disk is full (%s free): make room, or no backup can be made",
		             size.ptr);
	sk_buf_free(&size);
	return rc;
}

/* What git runs */

/* The record's line "what hooks guard". */
static void read_record(const struct sk_repo *repo, struct sk_status *f)
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

static int look_at_hooks(struct sk_repo *repo, struct sk_status *f)
{
	int rc;

	read_record(repo, f);
	if (f->unwritable)
		return 0; /* and what is in place there cannot be put right either */
	rc = sk_install_check(repo, &f->displaced);
	for (size_t i = 0; i < f->displaced.n; i++)
		if (strncmp(f->displaced.item[i], "core.fsmonitor", 14) == 0)
			f->guard_displaced = true;
		else
			f->hooks_displaced = true;
	if (!rc && f->displaced.n > HOOKS_SHOWN)
		rc = problem(f, "%s, and %zu more like that; put it right with 'git sk init'",
		             f->displaced.item[0], f->displaced.n - 1);
	for (size_t i = 0; !rc && i < f->displaced.n && f->displaced.n <= HOOKS_SHOWN; i++)
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

static int left_out(const struct sk_repo *repo, const struct sk_index *index, struct sk_buf *out)
{
	const struct sk_strv *paths = &repo->config->backup.paths;
	bool all = paths->n == 1 && strcmp(paths->item[0], ".") == 0;
	struct sk_patterns *in = NULL, *ex = NULL;
	const char *first = NULL;
	size_t n = 0;
	int rc = all ? 0 : sk_patterns_new(paths, false, &in);

	if (!rc)
		rc = sk_patterns_new(&repo->config->backup.exclude, false, &ex);
	for (size_t i = 0; i < index->n && !rc; i++) {
		const struct sk_index_entry *e = &index->entry[i];

		if ((all || sk_patterns_match(in, e->path, e->path_len, false)) &&
		    !sk_patterns_match(ex, e->path, e->path_len, false))
			continue;
		first = first ? first : e->path;
		n++;
	}
	if (!rc && n)
		rc = sk_buf_addf(
		        out,
		        "the project's own .safekeep.ini keeps %zu of %zu tracked files "
		        "out of backups, %s first; accept that with 'git sk trust', or set "
		        "[backup] paths and exclude in %s/safekeep.ini",
		        n, index->n, sk_name(first), repo->skdir);
	sk_patterns_free(in);
	sk_patterns_free(ex);
	return rc;
}

int sk_status_left_out(const struct sk_repo *repo, struct sk_buf *out)
{
	struct sk_index *index = NULL;
	char *path = NULL;
	int rc;

	if (!repo->config->backup.paths_by_project && !repo->config->backup.exclude_by_project)
		return 0;
	rc = sk_repo_index_path(repo, &path);
	if (!rc && sk_index_read(path, &index)) {
		sk_error_clear(); /* then nobody knows what is tracked */
		index = NULL;
	}
	if (!rc && index)
		rc = left_out(repo, index, out);
	sk_index_free(index);
	free(path);
	return rc;
}

static int look_at_settings(struct sk_repo *repo, struct sk_status *f)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_status_left_out(repo, &text);

	if (!rc && text.len)
		rc = problem(f, "%s", text.ptr);
	sk_buf_free(&text);
	for (size_t i = 0; !rc && i < repo->config->problems.n; i++)
		rc = problem(f, "%s; mend that setting or remove it",
		             repo->config->problems.item[i]);
	return rc;
}

/* The service */

static char *copy(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? strdup(text) : NULL;
}

static int take_site(const struct sk_repo *repo, const json_t *all, struct sk_status *f)
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
		f->failing |= trouble != NULL;
		if (trouble)
			rc = problem(f,
			             "the service could not make its last backup: %s; it tries "
			             "again every minute",
			             trouble);
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

static int look_at_service(struct sk_repo *repo, struct sk_status *f)
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
		f->watches = json_integer_value(json_object_get(all, "inotify_watches"));
		f->watches_max = json_integer_value(json_object_get(all, "inotify_limit"));
		rc = take_site(repo, all, f);
	}
	if (!rc)
		sk_error_clear();
	json_decref(all);
	sk_buf_free(&text);
	return rc;
}

/* What there is to go back to */

static int look_at_backups(struct sk_repo *repo, struct sk_status *f)
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
	const struct sk_status_folder *a = x, *b = y;

	return (a->files < b->files) - (a->files > b->files);
}

/* The state file has what the last backup saw: no tree is read for this. */
static int look_at_files(const struct sk_repo *repo, struct sk_status *f)
{
	const struct sk_state_node *root, *kid;
	uint32_t number;
	struct sk_status_folder here = { NULL, 0 };

	if (sk_state_load(repo, false, &f->state))
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
			        (struct sk_status_folder){ sk_state_name(f->state, kid),
				                           count_files(f->state, kid, 1) };
		else
			here.files++;
	}
	qsort(f->folder, f->n_folders, sizeof *f->folder, by_files);
	f->folder[f->n_folders] = here; /* after the others */
	f->files = sk_state_files(f->state);
	return 0;
}

static int look_at_disk(struct sk_repo *repo, struct sk_status *f)
{
	uint64_t budget = repo->config->retention.disk_budget;
	struct sk_buf text = SK_BUF_INIT;
	int rc = 0;

	if (sk_budget_used(repo, &f->disk)) {
		sk_error_clear();
		return 0;
	}
	if (!budget || f->disk < budget / 5 * 4)
		return 0;
	(void)sk_add_size(&text, f->disk);
	(void)sk_buf_adds(&text, " of the ");
	(void)sk_add_size(&text, budget);
	rc = sk_buf_ok(&text);
	if (!rc)
		rc = problem(f,
		             "backups take %s of retention.disk_budget; when it is full the "
		             "oldest go, so raise it if you want to keep them",
		             text.ptr);
	sk_buf_free(&text);
	return rc;
}

static int look_at_plugins(struct sk_repo *repo, struct sk_status *f)
{
	const struct sk_plugin_event event = { .kind = SKP_HEALTH };

	(void)sk_plugins_event(repo, &event, &f->plugins);
	return sk_plugins_troubles(repo, &f->problems);
}

/* What plugins find wrong. */
static int take_plugin_checks(struct sk_status *f)
{
	const char *name, *status, *detail;
	json_t *o;
	size_t i;
	int rc = 0;

	json_array_foreach(f->plugins.checks, i, o)
	{
		if (!rc && sk_plugin_check(o, &name, &status, &detail) &&
		    (strcmp(status, "warn") == 0 || strcmp(status, "fail") == 0))
			rc = problem(f, "%s: %s", name, detail);
	}
	return rc;
}

int sk_status_look(struct sk_repo *repo, struct sk_status *f)
{
	static int (*const look[SK_TOPICS])(struct sk_repo *, struct sk_status *) = {
		[SK_ABOUT_DISK] = look_at_room,         [SK_ABOUT_HOOKS] = look_at_hooks,
		[SK_ABOUT_SETTINGS] = look_at_settings, [SK_ABOUT_SERVICE] = look_at_service,
		[SK_ABOUT_BACKUPS] = look_at_backups,   [SK_ABOUT_BUDGET] = look_at_disk,
		[SK_ABOUT_PLUGINS] = look_at_plugins,
	};
	int rc = 0;

	for (int i = 0; i < SK_TOPICS && !rc; i++) {
		f->about[i].from = f->problems.n;
		rc = look[i](repo, f);
		f->about[i].to = f->problems.n;
	}
	if (!rc)
		rc = take_plugin_checks(f);
	return rc ? rc : look_at_files(repo, f);
}

void sk_status_clear(struct sk_status *f)
{
	free(f->mode);
	free(f->reason);
	free(f->folder);
	sk_state_free(f->state);
	sk_entries_free(&f->backups);
	sk_strv_free(&f->displaced);
	sk_strv_free(&f->problems);
	sk_plugin_answers_clear(&f->plugins);
}
