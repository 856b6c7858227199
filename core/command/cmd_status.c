/* `git sk status`: am I protected, since when, how far back, how much disk, what is wrong, and what
 * to do about it, on one screen. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/term.h"
#include "base/text.h"
#include "command/command.h"
#include "command/listing.h"
#include "command/print.h"
#include "command/report.h"
#include "command/vault.h"
#include "health/status.h"
#include "service/service.h"

#define SHOWN 5 /* backups; fewer beside problems, so that all fits 24 lines of 80 columns */
#define SHOWN_BESIDE 2
#define FOLDERS_SHOWN 6
#define PROBLEMS_SHOWN 4
#define COLUMNS 80

static void print_protection(const struct sk_repo *repo, const struct sk_status *f)
{
	struct sk_buf line = SK_BUF_INIT;
	const struct sk_entry *e;
	char when[20];

	(void)sk_buf_addf(&line, "%s%s%s",
	                  sk_color(!f->problems.n             ? SK_GREEN
	                           : f->failing || !f->newest ? SK_RED
	                                                      : SK_YELLOW),
	                  !f->problems.n             ? "protected"
	                  : f->failing || !f->newest ? "not protected"
	                                             : "protected in part",
	                  sk_color_reset());
	e = f->failing ? f->newest : f->oldest;
	if (e) {
		sk_format_local(e->created, when);
		(void)sk_buf_addf(&line,
		                  f->failing ? ": the last backup is of %s ("
		                             : ", as far back as %s (",
		                  when);
		(void)sk_add_age(&line, e->created, sk_now());
		(void)sk_buf_adds(&line, ")");
	}
	sk_outf("%s\n", sk_buf_str(&line));
	sk_outf("  hooks    %s\n", !f->hooks_on         ? "off"
	                           : f->hooks_displaced ? "not all in place"
	                                                : "in place: before and after commit, "
	                                                  "checkout, merge, rebase");
	sk_outf("  guard    %s\n", !f->guard_on || !repo->config->guard.enabled ? "off"
	                           : f->guard_displaced
	                                   ? "not in place"
	                                   : "on: before git overwrites or deletes files");
	if (f->service_up)
		sk_outf("  service  running, process %lld%s\n", f->pid,
		        sk_service_program((long)f->pid) == SK_PROGRAM_SAME
		                ? ""
		                : "; upgraded since: 'git sk service ensure'");
	else
		sk_outf("  service  %s\n",
		        f->service_off ? "not used here (init --no-service)" : "not running");
	if (f->watched && strcmp(f->mode, "loading") == 0)
		sk_outf("  watcher  setting up\n");
	else if (f->watched && f->failing)
		sk_outf("  watcher  %lld folders; but no backup can be made\n", f->watch_folders);
	else if (f->watched)
		sk_outf("  watcher  %lld folders; a backup within seconds of a change\n",
		        f->watch_folders);
	else
		sk_outf("  watcher  off; a backup when git works here, and when one is due\n");
	sk_buf_free(&line);
}

/* One line of the screen; a command or title may be of any length. */
static void print_cut(struct sk_buf *line)
{
	size_t columns = 0, at = 0;

	if (!sk_color_on())
		for (; at < line->len && columns < COLUMNS; at++)
			columns += ((unsigned char)line->ptr[at] & 0xc0) != 0x80;
	if (at && at < line->len && columns == COLUMNS) {
		while (at &&
		       (columns > COLUMNS - 3 || ((unsigned char)line->ptr[at] & 0xc0) == 0x80))
			columns -= ((unsigned char)line->ptr[--at] & 0xc0) != 0x80;
		sk_outf("%.*s...\n", (int)at, line->ptr);
	} else {
		sk_outf("%s\n", line->ptr);
	}
}

/* Where second copies are, and how old: one that cannot be reached now is no fault of this tree. */
static int print_vaults(const struct sk_repo *repo)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc = sk_vault_status(repo, &line);

	if (!rc && line.len)
		print_cut(&line);
	sk_buf_free(&line);
	return rc;
}

static int print_backups(const struct sk_status *f)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t most = f->problems.n ? SHOWN_BESIDE : SHOWN;
	size_t n = f->backups.n < most ? f->backups.n : most;
	int rc = 0;

	sk_outf("%zu backup%s, %zu revision%s, %zu file%s in the newest\n", f->good,
	        f->good == 1 ? "" : "s", f->revisions, f->revisions == 1 ? "" : "s", f->files,
	        f->files == 1 ? "" : "s");
	for (size_t i = 0; i < n && !rc; i++) {
		sk_buf_clear(&line);
		(void)sk_buf_addf(&line, "  %s  ", f->backups.item[i]->id);
		rc = sk_entry_line(f->backups.item[i], &line);
		if (!rc)
			print_cut(&line);
	}
	if (f->backups.n > n)
		sk_outf("  and %zu more: git sk list\n", f->backups.n - n);
	sk_buf_free(&line);
	return rc;
}

static int print_folders(const struct sk_status *f)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t n = f->n_folders < FOLDERS_SHOWN ? f->n_folders : FOLDERS_SHOWN, rest = 0;
	int rc;

	(void)sk_buf_adds(&line, "files: ");
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
	if (!rc && line.len > 7)
		print_cut(&line);
	sk_buf_clear(&line);
	(void)sk_add_size(&line, f->disk);
	if (!rc)
		rc = sk_buf_ok(&line);
	if (!rc)
		sk_outf("disk: %s for all backups, beside the project's own history\n", line.ptr);
	sk_buf_free(&line);
	return rc;
}

static void print_problems(const struct sk_status *f)
{
	struct sk_buf line = SK_BUF_INIT;

	if (f->problems.n)
		sk_outf("what is wrong:\n");
	for (size_t i = 0; i < f->problems.n; i++) {
		if (i == PROBLEMS_SHOWN && f->problems.n > i) {
			sk_outf("  and %zu more: git sk status --json\n", f->problems.n - i);
			break;
		}
		sk_buf_clear(&line);
		(void)sk_add_text(&line, f->problems.item[i], strlen(f->problems.item[i]));
		sk_outf("  %s\n", sk_buf_str(&line));
	}
	sk_buf_free(&line);
}

static json_t *newest_json(const struct sk_repo *repo, const struct sk_status *f, bool damaged)
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

static json_t *folders_json(const struct sk_status *f)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < f->n_folders; i++) {
		const struct sk_status_folder *d = &f->folder[i];
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

static int status_json(const struct sk_repo *repo, const struct sk_status *f)
{
	json_t *o = sk_json_add(json_object(), "enabled", json_true()), *part;

	o = sk_json_add(o, "worktree", sk_json_path(repo->worktree, strlen(repo->worktree)));
	o = sk_json_add(o, "protected", json_boolean(!f->problems.n));
	o = sk_json_add(o, "since", f->oldest ? sk_json_time(f->oldest->created) : json_null());
	o = sk_json_add(o, "hooks", json_boolean(f->hooks_on && !f->hooks_displaced));
	o = sk_json_add(
	        o, "guard",
	        json_boolean(f->guard_on && !f->guard_displaced && repo->config->guard.enabled));
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
	o = sk_json_add(o, "vaults", sk_vaults_json(repo));
	return sk_out_json(sk_json_add(o, "problems", sk_texts_json(&f->problems)));
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
	struct sk_status f = { 0 };
	int rc = sk_call_args(call, 0, 0);

	if (rc)
		return rc;
	if (!call->repo->enabled)
		return not_enabled(call);
	rc = sk_status_look(call->repo, &f);
	if (!rc && call->json) {
		rc = status_json(call->repo, &f);
	} else if (!rc) {
		print_protection(call->repo, &f);
		rc = print_vaults(call->repo);
		if (!rc)
			rc = print_backups(&f);
		if (!rc)
			rc = print_folders(&f);
		print_problems(&f);
	}
	if (!rc && f.problems.n)
		rc = SK_ENO;
	if (rc == SK_ENO)
		sk_error_clear();
	sk_status_clear(&f);
	return rc;
}
