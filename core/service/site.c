/* Working trees: opening them, and when each gets its next backup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "service/service_parts.h"

#define CONSTANT_MS 10000 /* under constant writing, a backup so often */
#define RETRY_MS 60000
#define QUIET_FULL_MS 3600000 /* without any change that we saw, all is looked at so often */
#define SLICE_MS 20

struct sk_site *sk_site_find(struct sk_service *s, const char *worktree)
{
	struct sk_site *site = s->sites;

	while (site && strcmp(site->worktree, worktree) != 0)
		site = site->next;
	return site;
}

void sk_site_trouble(struct sk_site *site, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && (!site->trouble || strcmp(site->trouble, text) != 0))
		sk_service_log("%s: %s", sk_name(site->worktree), text);
	free(site->trouble);
	site->trouble = text;
}

static bool setting_off(const struct sk_config *config, const char *key)
{
	const char *v = sk_config_get(config, key);

	return v && (strcmp(v, "false") == 0 || strcmp(v, "no") == 0 || strcmp(v, "off") == 0 ||
	             strcmp(v, "0") == 0);
}

static void take_settings(struct sk_site *site, const struct sk_config *config)
{
	const char *debounce = sk_config_get(config, "watch.debounce");
	int64_t ms;

	site->interval = config->backup.interval_ms;
	site->debounce = 500;
	if (debounce && sk_parse_duration(debounce, &ms) == 0 && ms >= 0)
		site->debounce = ms > CONSTANT_MS ? CONSTANT_MS : ms;
}

/* The linked worktrees of a main one, as sites of their own. */
static void add_linked(struct sk_service *s, const char *commondir)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	struct dirent *e;
	DIR *dir;

	(void)sk_buf_addf(&path, "%s/worktrees", commondir);
	dir = sk_buf_ok(&path) == 0 ? opendir(path.ptr) : NULL;
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		sk_buf_clear(&path);
		sk_buf_clear(&text);
		(void)sk_buf_addf(&path, "%s/worktrees/%s/gitdir", commondir, e->d_name);
		if (sk_buf_ok(&path) || sk_read_file(AT_FDCWD, path.ptr, 65536, &text))
			continue;
		text.ptr[strcspn(text.ptr, "\n")] = '\0';
		text.len = strlen(text.ptr);
		if (text.ptr[0] != '/' || text.len < 6 ||
		    strcmp(text.ptr + text.len - 5, "/.git") != 0)
			continue;
		sk_buf_truncate(&text, text.len - 5);
		text.ptr[text.len] = '\0';
		(void)sk_site_add(s, text.ptr, true, &(struct sk_site *){ NULL });
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	sk_buf_free(&text);
}

static int open_site(struct sk_service *s, struct sk_site *site)
{
	struct sk_mount_view view;
	struct sk_repo *repo = NULL;
	bool watching;
	int rc;

	sk_mounts_look(&s->set.mounts);
	sk_mounts_view(&s->set.mounts, site->worktree, &view);
	if (!view.local) { /* whoever touches it may hang: children do, we do not */
		sk_site_trouble(site,
		                "on a filesystem (%s) that does not tell of changes; backups "
		                "are made every 15 minutes",
		                view.type);
		site->interval = 900000;
		return 0;
	}
	rc = sk_repo_open(site->worktree, &repo);
	if (!rc && strcmp(repo->worktree, site->worktree) != 0)
		rc = sk_error(SK_EREPO, "it is not a working tree any more");
	if (!rc && !repo->enabled)
		rc = sk_error(SK_EREPO, "it is not enabled");
	if (rc) {
		sk_repo_close(repo);
		return rc;
	}
	take_settings(site, repo->config);
	site->rounds = s->host->rounds && s->host->rounds(repo);
	watching = !setting_off(repo->config, "watch.enabled");
	return sk_watch_new(&s->set, repo, watching, &site->watch);
}

int sk_site_add(struct sk_service *s, const char *worktree, bool linked, struct sk_site **out)
{
	struct sk_site *site = sk_site_find(s, worktree);
	const struct sk_repo *repo;
	int rc;

	if (site) {
		*out = site;
		return 0;
	}
	if (worktree[0] != '/' || s->n_sites >= SK_SITES_MAX)
		return sk_error(SK_EREFUSED, "no more working trees can be watched");
	site = calloc(1, sizeof *site);
	if (!site || !(site->worktree = strdup(worktree))) {
		free(site);
		return sk_error_oom();
	}
	site->linked = linked;
	site->interval = 900000;
	site->debounce = 500;
	rc = open_site(s, site);
	if (rc == SK_EREPO) {
		free(site->worktree);
		free(site->trouble);
		free(site);
		return rc;
	}
	if (rc) {
		sk_site_trouble(site, "%s", sk_error_message());
		site->retry = sk_clock_ms() + RETRY_MS;
	}
	site->due = sk_clock_ms(); /* what changed while nobody watched */
	site->next = s->sites;
	s->sites = site;
	s->n_sites++;
	repo = site->watch ? sk_watch_repo(site->watch) : NULL;
	*out = site;
	if (repo && strcmp(repo->gitdir, repo->commondir) == 0)
		add_linked(s, repo->commondir);
	return 0;
}

void sk_site_remove(struct sk_service *s, struct sk_site *site)
{
	struct sk_site **at = &s->sites;

	while (*at != site)
		at = &(*at)->next;
	*at = site->next;
	s->n_sites--;
	if (site->job)
		site->job->site = NULL;
	sk_conns_site_gone(s, site);
	if (site->watch)
		sk_watch_free(site->watch);
	free(site->worktree);
	free(site->trouble);
	free(site);
}

void sk_sites_load(struct sk_service *s)
{
	struct sk_strv list = SK_STRV_INIT;
	struct sk_site *site;

	if (s->host->repos(&list)) {
		sk_service_log("%s", sk_error_message());
		return;
	}
	for (size_t i = 0; i < list.n; i++) {
		if (sk_site_add(s, list.item[i], false, &site) != SK_EREPO)
			continue;
		sk_service_log("%s: %s; it leaves the list", sk_name(list.item[i]),
		               sk_error_message());
		(void)s->host->forget(list.item[i]);
	}
	sk_strv_free(&list);
}

/* The working tree is not where it was: perhaps another one is in its place. */
static void reopen(struct sk_service *s, struct sk_site *site)
{
	char *worktree = strdup(site->worktree);
	bool linked = site->linked;
	struct sk_site *again;
	int rc;

	sk_site_remove(s, site);
	if (!worktree)
		return;
	rc = sk_site_add(s, worktree, linked, &again);
	if (rc == SK_EREPO) {
		sk_service_log("%s: %s", sk_name(worktree), sk_error_message());
		if (!linked)
			(void)s->host->forget(worktree);
	}
	free(worktree);
}

bool sk_sites_work(struct sk_service *s, int64_t end)
{
	bool more = false;

	for (struct sk_site *site = s->sites, *next; site; site = next) {
		next = site->next;
		if (!site->watch)
			continue;
		if (sk_watch_gone(site->watch)) {
			reopen(s, site);
			return true;
		}
		if (sk_clock_ms() >= end)
			return true;
		more |= sk_watch_work(site->watch, end);
	}
	return more;
}

bool sk_site_unchanged(struct sk_site *site)
{
	return site->watch && site->ever && sk_watch_mode(site->watch) == SK_WATCH_EXACT &&
	       !*sk_watch_why(site->watch) && sk_watch_catch_up(site->watch) &&
	       sk_watch_mode(site->watch) == SK_WATCH_EXACT &&
	       sk_watch_stir(site->watch, NULL) == site->saved && !sk_watch_soft(site->watch);
}

/* When the changes at hand want their backup. */
static int64_t due_by_watch(struct sk_site *site, int64_t now)
{
	int64_t last, quiet, most;

	if (!site->watch || sk_watch_mode(site->watch) == SK_WATCH_SCANS)
		return SK_NEVER;
	if (site->ever && sk_watch_stir(site->watch, &last) == site->saved) {
		if (!sk_watch_soft_waits(site->watch)) {
			site->stirred = 0;
			return SK_NEVER;
		}
	} else {
		(void)sk_watch_stir(site->watch, &last);
	}
	if (!site->stirred)
		site->stirred = now;
	quiet = last + site->debounce;
	most = site->stirred + CONSTANT_MS;
	return quiet < most ? quiet : most;
}

static int64_t due_by_clock(const struct sk_site *site)
{
	int64_t every = site->interval;

	if (every < 0)
		return site->ever ? SK_NEVER : site->due;
	if (site->ever && !site->rounds && site->watch &&
	    sk_watch_mode(site->watch) == SK_WATCH_EXACT &&
	    sk_watch_stir(site->watch, NULL) == site->saved && every < QUIET_FULL_MS)
		every = QUIET_FULL_MS;
	return site->ever ? site->full + every : site->due;
}

static int64_t tick_site(struct sk_service *s, struct sk_site *site, int64_t now)
{
	int64_t watch, clock, next;
	struct sk_job *job;
	bool by_watch;

	if (site->job || s->stopping)
		return SK_NEVER;
	watch = due_by_watch(site, now);
	clock = due_by_clock(site);
	by_watch = watch <= now && site->ever;
	next = watch < clock ? watch : clock;
	if (site->retry > next)
		next = site->retry;
	if (next > now)
		return next;
	if (s->n_jobs >= SK_JOBS_MAX)
		return SK_NEVER; /* the end of one of them brings us back */
	if (by_watch && site->ever && sk_watch_stir(site->watch, NULL) == site->saved &&
	    !sk_watch_soft(site->watch))
		return now; /* ignored files only */
	if (sk_job_start(s, site, by_watch ? "watch" : "schedule", "", false, &job)) {
		sk_site_trouble(site, "%s", sk_error_message());
		site->retry = now + RETRY_MS;
		return site->retry;
	}
	return SK_NEVER;
}

int64_t sk_sites_tick(struct sk_service *s, int64_t now)
{
	int64_t next = SK_NEVER;

	for (struct sk_site *site = s->sites, *after; site; site = after) {
		int64_t t;

		after = site->next;
		t = tick_site(s, site, now);
		if (t < next)
			next = t;
	}
	return next;
}

static void last_line(const struct sk_buf *said, char out[256])
{
	const char *text = sk_buf_str(said), *from = text;
	size_t len = said->len;

	while (len && text[len - 1] == '\n')
		len--;
	for (const char *p = text; p < text + len; p++)
		if (*p == '\n')
			from = p + 1;
	(void)snprintf(out, 256, "%.*s", (int)(text + len - from), from);
}

void sk_site_done(struct sk_service *s, struct sk_site *site, const struct sk_job *job, int status)
{
	int64_t now = sk_clock_ms();
	char line[256];

	s->active = now;
	if (status == SK_EREFUSED && strncmp(job->event, "pre-", 4) == 0)
		return; /* git is told no; nothing is known of the backup */
	if (status && status != SK_EPARTIAL) {
		last_line(&job->said, line);
		sk_site_trouble(site, "%s", *line ? line : "the backup failed");
		site->retry = now + (job->guard ? 0 : RETRY_MS);
		return;
	}
	free(site->trouble);
	site->trouble = NULL;
	site->retry = 0;
	site->ever = true;
	site->saved = job->stir;
	site->full = now;
	site->last = time(NULL);
	site->stirred = 0;
}
