/* event.c - having plugins take part in what happens, whatever becomes of them.
 *
 * All plugins of an event run at once, each in a child with a deadline.  What went wrong is kept in
 * SKLOCAL/trouble/NAME.EVENT until the same event ends well, for `git sk status`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "plugin/parts.h"

#define WARN_EVERY_S 3600
#define TROUBLE_MAX 4096
#define LONGEST_MS 600000
#define WITHIN "SK_PLUGIN_EVENT" /* in the environment: no events within an event */

bool sk_plugin_in_event;

static const struct {
	uint32_t kind;
	const char *name;
} names[] = {
	{ SKP_BEFORE_BACKUP, "before-backup" },
	{ SKP_AFTER_BACKUP, "after-backup" },
	{ SKP_BEFORE_COMMIT, "before-commit" },
	{ SKP_AFTER_COMMIT, "after-commit" },
	{ SKP_BEFORE_CHECKOUT, "before-checkout" },
	{ SKP_AFTER_CHECKOUT, "after-checkout" },
	{ SKP_CYCLE, "cycle" },
	{ SKP_HEALTH, "health" },
	{ SKP_PRUNE, "prune" },
};

const char *sk_plugin_event_name(uint32_t kind)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].kind == kind)
			return names[i].name;
	return NULL;
}

static int64_t time_for(const struct sk_repo *repo, uint32_t kind)
{
	const char *text = sk_config_get(repo->config, "plugins.timeout");
	int64_t ms = SKP_TIME_GIT;

	if (kind == SKP_HEALTH)
		return SKP_TIME_HEALTH;
	if (kind & (SKP_CYCLE | SKP_PRUNE))
		return SKP_TIME_CYCLE;
	if (text && sk_parse_duration(text, &ms))
		ms = SKP_TIME_GIT;
	return ms < 0 || ms > LONGEST_MS ? LONGEST_MS : ms ? ms : SKP_TIME_GIT;
}

/* Trouble, kept */

static int trouble_path(const struct sk_repo *repo, const char *name, const char *event,
                        struct sk_buf *out)
{
	sk_buf_clear(out);
	return sk_buf_addf(out, "%s/trouble/%s%s%s", repo->sklocal, name, *event ? "." : "", event);
}

/* Whether people have to be told again. */
static bool note_trouble(const struct sk_repo *repo, const char *name, const char *event,
                         const char *words)
{
	struct sk_buf path = SK_BUF_INIT, was = SK_BUF_INIT;
	struct stat st;
	bool again = true;

	if (trouble_path(repo, name, event, &path) == 0) {
		if (stat(path.ptr, &st) == 0 && time(NULL) - st.st_mtime < WARN_EVERY_S &&
		    sk_read_file(AT_FDCWD, path.ptr, TROUBLE_MAX, &was) == 0)
			again = strcmp(sk_buf_str(&was), words) != 0;
		*strrchr(path.ptr, '/') = '\0';
		if (again && sk_mkdirs(path.ptr, 0700) == 0 &&
		    trouble_path(repo, name, event, &path) == 0)
			(void)sk_write_file(AT_FDCWD, path.ptr, words, strlen(words), 0600, false);
	}
	sk_buf_free(&path);
	sk_buf_free(&was);
	return again;
}

static void end_trouble(const struct sk_repo *repo, const char *name, const char *event)
{
	struct sk_buf path = SK_BUF_INIT;

	if (trouble_path(repo, name, event, &path) == 0)
		(void)unlink(path.ptr);
	sk_buf_free(&path);
}

/* Those that cannot be used: said at most once an hour. */
static void tell_refused(const struct sk_repo *repo, const struct sk_plugins *p)
{
	for (size_t i = 0; i < p->said.n; i++)
		if (note_trouble(repo, "folder", "load", p->said.item[i]))
			sk_warn("%s", p->said.item[i]);
	for (size_t i = 0; i < p->n; i++)
		if (p->item[i].state == SK_PLUGIN_REFUSED &&
		    note_trouble(repo, p->item[i].name, "load", p->item[i].reason))
			sk_warn("%s; it is left out", p->item[i].reason);
}

static void keep_mark(const struct sk_repo *repo, const char *name, bool wanted)
{
	struct sk_buf path = SK_BUF_INIT;

	if (sk_buf_addf(&path, "%s/%s", repo->skdir, name) == 0 && sk_exists(path.ptr) != wanted) {
		if (wanted)
			(void)sk_write_file(AT_FDCWD, path.ptr, "", 0, 0644, false);
		else
			(void)unlink(path.ptr);
	}
	sk_buf_free(&path);
}

/* Each worktree has its own rests, and the marks are for all of them. */
static bool has_linked(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	bool linked =
	        sk_buf_addf(&path, "%s/worktrees", repo->commondir) != 0 || sk_exists(path.ptr);

	sk_buf_free(&path);
	return linked;
}

/* The client leaves git's pre-commit alone when the guard has just made its backup, and post-commit
 * always; these files tell it that there is more to do.  Where a plugin rests there is not: the
 * guard's backup, without which pre-commit is not left alone, has looked whether it still does. */
static void keep_marks(const struct sk_repo *repo, const struct sk_plugins *p)
{
	bool linked = has_linked(repo);
	uint32_t events = 0, awake = 0;

	for (size_t i = 0; i < p->n; i++) {
		events |= p->item[i].events;
		awake |= p->item[i].events & ~(linked ? 0 : p->item[i].resting);
	}
	keep_mark(repo, "before-commit", awake & SKP_BEFORE_COMMIT);
	keep_mark(repo, "after-commit", events & SKP_AFTER_COMMIT);
}

/* One event */

struct part { /* what one child is to do */
	const struct sk_plugin_info *info;
	struct sk_repo *repo;
	const struct sk_plugin_event *event;
	const char *head;
};

static const char *or_none(const char *text)
{
	return text ? text : "";
}

/* In the child. */
static int work(void *ctx)
{
	const struct part *part = ctx;
	const struct sk_plugin *plugin = NULL;
	struct skp_event e = { .size = sizeof e,
		               .kind = part->event->kind,
		               .name = sk_plugin_event_name(part->event->kind),
		               .trigger = or_none(part->event->trigger),
		               .command = or_none(part->event->command),
		               .id = or_none(part->event->id),
		               .is_new = part->event->is_new,
		               .dry_run = part->event->dry_run,
		               .head = part->head,
		               .index = or_none(part->event->index) };
	struct sk_host host;
	int rc = sk_plugin_load(part->info->file, part->info->name, &plugin);

	if (rc)
		return rc;
	sk_plugin_in_event = true;
	/* nor do programs that it starts: git's hooks and git-sk itself */
	(void)setenv("SK_HOOK_RUNNING", "1", 1);
	(void)setenv(WITHIN, "1", 1);
	sk_host_init(&host, part->info, plugin, part->repo, part->repo->config);
	host.event = e.kind;
	rc = plugin->event(&host.pub, &e);
	if (!rc)
		sk_rest_keep(&host);
	return rc;
}

static void take_list(json_t *list, json_t **into)
{
	if (!json_is_array(list))
		return;
	if (!*into)
		*into = json_array();
	(void)json_array_extend(*into, list);
}

static void failed(const struct part *part, const char *words, struct sk_plugin_answers *out)
{
	const char *event = sk_plugin_event_name(part->event->kind);
	struct sk_buf line = SK_BUF_INIT;

	(void)sk_add_text(&line, words, strlen(words));
	if (note_trouble(part->repo, part->info->name, event, sk_buf_str(&line)))
		sk_warn("%s was left out of '%s': %s", part->info->name, event, sk_buf_str(&line));
	if (out)
		(void)sk_strv_add(&out->failed, sk_buf_str(&line));
	sk_buf_free(&line);
}

static void take_result(struct sk_child *child, const struct part *part,
                        struct sk_plugin_answers *out)
{
	struct sk_buf said = SK_BUF_INIT;
	json_t *o = NULL;
	const char *message;
	int rc = sk_child_result(child, &o, &said);

	if (said.len && !sk_quiet())
		(void)fwrite(said.ptr, 1, said.len, stderr);
	sk_buf_free(&said);
	if (rc) {
		failed(part, sk_error_message(), out);
		return;
	}
	if (out) {
		take_list(json_object_get(o, "findings"), &out->findings);
		take_list(json_object_get(o, "checks"), &out->checks);
	}
	rc = (int)json_integer_value(json_object_get(o, "code"));
	message = json_string_value(json_object_get(o, "message"));
	if (rc)
		failed(part, message && *message ? message : "it failed without a word", out);
	else
		end_trouble(part->repo, part->info->name, sk_plugin_event_name(part->event->kind));
	json_decref(o);
}

static void run_all(struct sk_repo *repo, const struct sk_plugins *p,
                    const struct sk_plugin_event *event, struct sk_plugin_answers *out)
{
	struct part *part = calloc(p->n, sizeof *part);
	struct sk_child *child = calloc(p->n, sizeof *child);
	char *branch = NULL, head[SK_OID_HEX + 1] = "";
	struct sk_oid oid;
	size_t n = 0;

	if (sk_repo_head(repo, &oid, &branch) == 0 && !sk_oid_is_zero(&oid))
		sk_oid_hex(&oid, head);
	free(branch);
	for (size_t i = 0; part && child && i < p->n; i++) {
		const struct sk_plugin_info *info = &p->item[i];

		if (!(info->events & ~info->resting & event->kind) ||
		    (sk_plugin_self && strcmp(sk_plugin_self, info->name) == 0))
			continue;
		part[n] = (struct part){ info, repo, event, head };
		child[n] = (struct sk_child){ .name = info->name,
			                      .work = work,
			                      .ctx = &part[n],
			                      .timeout_ms = time_for(repo, event->kind),
			                      .dir = repo->worktree };
		if (sk_child_start(&child[n]))
			failed(&part[n], sk_error_message(), out);
		else
			n++;
	}
	sk_children_wait(child, n);
	for (size_t i = 0; i < n; i++)
		take_result(&child[i], &part[i], out);
	free(part);
	free(child);
}

bool sk_plugins_event(struct sk_repo *repo, const struct sk_plugin_event *event,
                      struct sk_plugin_answers *out)
{
	struct sk_plugins p = { 0 };
	uint32_t all = 0;
	char before[1024]; /* the message of what is going on around it */

	if (!sk_plugin_io || sk_plugin_in_event || getenv(WITHIN))
		return false;
	(void)snprintf(before, sizeof before, "%s", sk_error_message());
	if (sk_plugins_open(repo->config, 0, &p)) {
		sk_warn("no plugin takes part in '%s': %s", sk_plugin_event_name(event->kind),
		        sk_error_message());
	} else {
		sk_plugins_rest(&p, repo);
		for (size_t i = 0; i < p.n; i++) {
			all |= p.item[i].events & ~p.item[i].resting;
			if (out && (p.item[i].resting & event->kind & SKP_HEALTH))
				take_list(p.item[i].told, &out->checks);
		}
		if (repo->enabled) {
			tell_refused(repo, &p);
			keep_marks(repo, &p);
		}
		if (all & event->kind)
			run_all(repo, &p, event, out);
	}
	sk_plugins_close(&p);
	sk_error_clear();
	if (*before)
		(void)sk_error(SK_EIO, "%s", before);
	return all & event->kind;
}

void sk_plugins_mark(struct sk_repo *repo)
{
	struct sk_plugins p = { 0 };

	if (!sk_plugin_io || !repo->enabled || sk_plugin_in_event || getenv(WITHIN))
		return;
	if (sk_plugins_open(repo->config, 0, &p) == 0) {
		sk_plugins_rest(&p, repo);
		keep_marks(repo, &p);
	}
	sk_plugins_close(&p);
	sk_error_clear();
}

bool sk_plugins_want(struct sk_repo *repo, uint32_t kind)
{
	struct sk_plugins p = { 0 };
	bool any = false;

	if (!sk_plugin_io || sk_plugins_open(repo->config, SK_PLUGINS_KNOWN, &p))
		return false;
	any = p.unknown;
	for (size_t i = 0; i < p.n; i++)
		any |= (p.item[i].events & kind) != 0;
	sk_plugins_close(&p);
	return any;
}

bool sk_plugin_check(json_t *check, const char **name, const char **status, const char **detail)
{
	return json_unpack(check, "{s:s, s:s, s:s}", "name", name, "status", status, "detail",
	                   detail) == 0;
}

void sk_plugin_answers_clear(struct sk_plugin_answers *answers)
{
	json_decref(answers->findings);
	json_decref(answers->checks);
	sk_strv_free(&answers->failed);
	*answers = (struct sk_plugin_answers){ 0 };
}

/* "NAME.EVENT" of a plugin that is used and an event that it takes part in. */
static bool is_current(const struct sk_plugins *p, const char *file, size_t *len)
{
	const char *dot = strchr(file, '.');

	*len = dot ? (size_t)(dot - file) : 0;
	for (size_t i = 0; dot && i < p->n; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			if (strlen(p->item[i].name) == *len &&
			    memcmp(p->item[i].name, file, *len) == 0 &&
			    (p->item[i].events & names[k].kind) &&
			    strcmp(names[k].name, dot + 1) == 0)
				return true;
	return false;
}

static int kept_troubles(const struct sk_repo *repo, const struct sk_plugins *p,
                         struct sk_strv *out)
{
	struct sk_buf path = SK_BUF_INIT, words = SK_BUF_INIT;
	int rc = trouble_path(repo, "", "", &path);
	DIR *dir = rc ? NULL : opendir(path.ptr);
	struct dirent *d;

	while (dir && !rc && (d = readdir(dir))) {
		struct stat st = { 0 };
		size_t len;

		sk_buf_clear(&words);
		if (!is_current(p, d->d_name, &len) ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(void)sk_buf_addf(&words, "plugin %.*s was left out of '%s' ", (int)len, d->d_name,
		                  d->d_name + len + 1);
		(void)sk_add_age(&words, st.st_mtime, time(NULL));
		(void)sk_buf_adds(&words, ": ");
		(void)sk_read_file(dirfd(dir), d->d_name, TROUBLE_MAX, &words);
		rc = sk_buf_ok(&words);
		if (!rc)
			rc = sk_strv_add(out, words.ptr);
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	sk_buf_free(&words);
	return rc;
}

int sk_plugins_troubles(struct sk_repo *repo, struct sk_strv *out)
{
	struct sk_plugins p = { 0 };
	struct sk_strv list = SK_STRV_INIT;
	int rc = sk_plugin_io ? sk_plugins_open(repo->config, 0, &p) : 0;

	for (size_t i = 0; i < p.said.n && !rc; i++)
		rc = sk_strv_add(&list, p.said.item[i]);
	for (size_t i = 0; i < p.n && !rc; i++)
		if (p.item[i].state == SK_PLUGIN_REFUSED)
			rc = sk_strv_add(&list, p.item[i].reason);
	if (!rc)
		rc = kept_troubles(repo, &p, &list);
	sk_strv_sort(&list);
	for (size_t i = 0; i < list.n && !rc; i++)
		rc = sk_strv_add(out, list.item[i]);
	sk_strv_free(&list);
	sk_plugins_close(&p);
	return rc;
}
