/* Working trees: opening them, and when each gets its next backup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "service/service_parts.h"
#include "store/vault.h"

#define CONSTANT_MS 10000 /* under constant writing, a backup so often */
#define RETRY_MS 60000
#define QUIET_FULL_MS 3600000 /* without any change that we saw, all is looked at so often */
#define SOFT_MS 1000 /* changes of ignored files are looked at so often: it reads the index */
#define REMOTE_MS 900000
#define BEGIN_MS 50 /* for watches on folders that came just before a backup */
/* Something that writes into the tree whenever there was a backup would have us make one every
 * moment.  After so many backups, each with no more to save than what came while the one before was
 * made, they wait: twice as long each time, up to the most.  Any other change ends that. */
#define ECHOES 3
#define ECHO_MS 200 /* so soon after a backup it still counts as while it was made */
#define ECHO_MOST_MS 300000
#define PUSH_SOON_MS 60000 /* after a start: what was not pushed before the last end */
#define PUSH_RETRY_MS 300000
#define PUSH_RETRY_MOST_MS 3600000

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

static void take_settings(struct sk_site *site, const struct sk_repo *repo)
{
	const struct sk_config *config = repo->config;
	const char *after = sk_config_get(config, "vault.every");
	const char *debounce = sk_config_get(config, "watch.debounce");
	int64_t ms;

	site->interval = config->backup.interval_ms;
	site->debounce = 500;
	if (debounce && sk_parse_duration(debounce, &ms) == 0 && ms >= 0)
		site->debounce = ms > CONSTANT_MS ? CONSTANT_MS : ms;
	site->push_every = sk_vault_interval(repo);
	site->push_after = after ? (unsigned)strtoul(after, NULL, 10) : 0;
}

static uint64_t mix(uint64_t h, uint64_t n) /* FNV-1a, by words */
{
	return (h ^ n) * 0x100000001b3ull;
}

/* What the files of its settings look like: not their content, which a backup reads anyway. */
static uint64_t settings_print(const struct sk_repo *repo)
{
	static const char *const ours[] = { "safekeep.ini", "trust", "no-service", "vault" };
	struct sk_buf path = SK_BUF_INIT;
	uint64_t h = 0xcbf29ce484222325ull;
	char *user = NULL;
	struct stat st;

	if (sk_config_user_path(&user))
		sk_error_clear();
	for (int i = 0; i < 7; i++) {
		sk_buf_clear(&path);
		if (i == 0)
			(void)sk_buf_adds(&path, "/etc/safekeep.ini");
		else if (i == 1 && user)
			(void)sk_buf_adds(&path, user);
		else if (i == 2)
			(void)sk_buf_addf(&path, "%s/.safekeep.ini", repo->worktree);
		else if (i > 2)
			(void)sk_buf_addf(&path, "%s/%s", repo->skdir, ours[i - 3]);
		if (sk_buf_ok(&path) || stat(sk_buf_str(&path), &st) < 0) {
			h = mix(h, 1);
			continue;
		}
		h = mix(mix(h, (uint64_t)st.st_ino), (uint64_t)st.st_size);
		h = mix(mix(h, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
	}
	sk_buf_free(&path);
	free(user);
	return h;
}

/* `git sk init --no-service` */
static bool unwanted(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	bool off;

	(void)sk_buf_addf(&path, "%s/no-service", repo->skdir);
	off = sk_buf_ok(&path) == 0 && sk_exists(path.ptr);
	sk_buf_free(&path);
	return off;
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

static bool has_git(const char *worktree)
{
	struct sk_buf path = SK_BUF_INIT;
	bool has;

	(void)sk_buf_addf(&path, "%s/.git", worktree);
	has = sk_buf_ok(&path) == 0 && sk_exists(path.ptr);
	sk_buf_free(&path);
	return has;
}

static int open_site(struct sk_service *s, struct sk_site *site)
{
	struct sk_mount_view view;
	struct sk_repo *repo = NULL;
	int rc;

	sk_mounts_look(&s->set.mounts);
	sk_mounts_view(&s->set.mounts, site->worktree, &view);
	if (!view.local) { /* whoever touches it may hang: children do, we do not */
		site->interval = site->push_every = REMOTE_MS; /* when it has a vault */
		site->remote = strdup(view.type);
		return site->remote ? 0 : sk_error_oom();
	}
	rc = sk_repo_open(site->worktree, &repo);
	if (rc == SK_EREPO && has_git(site->worktree))
		rc = SK_EIO; /* damaged, or not to be read: perhaps not for long */
	if (!rc && strcmp(repo->worktree, site->worktree) != 0)
		rc = sk_error(SK_EREPO, "it is not a working tree any more");
	if (!rc && !repo->enabled)
		rc = sk_error(SK_EREPO, "it is not enabled");
	if (!rc && unwanted(repo))
		rc = sk_error(SK_ENO, "the service is not used there (init --no-service)");
	if (rc) {
		sk_repo_close(repo);
		return rc;
	}
	take_settings(site, repo);
	site->rounds = s->host->rounds && s->host->rounds(repo);
	site->settings = settings_print(repo);
	site->watching = !setting_off(repo->config, "watch.enabled");
	return sk_watch_new(&s->set, repo, site->watching, &site->watch);
}

static void free_site(struct sk_site *site)
{
	if (site->watch)
		sk_watch_free(site->watch);
	free(site->worktree);
	free(site->remote);
	free(site->trouble);
	free(site);
}

/* A main working tree that is not in the registry was moved, or its disk was not there for a time;
 * git works in it now. */
static void remember(struct sk_service *s, struct sk_site *site)
{
	if (!site->linked)
		return;
	site->linked = s->host->remember(site->worktree) != 0;
	if (site->linked)
		sk_service_log("%s", sk_error_message());
}

/* Opens it; in trouble it is tried again after a minute.  SK_EREPO, SK_ENO: it is none of ours. */
static int settle(struct sk_service *s, struct sk_site *site)
{
	const struct sk_repo *repo;
	int64_t now = sk_clock_ms();
	int rc = open_site(s, site);

	if (rc == SK_EREPO || rc == SK_ENO)
		return rc;
	site->opened = site->due = now; /* a backup of what changed while nobody watched */
	site->retry = rc ? now + RETRY_MS : 0;
	site->push_at = rc || site->push_every < 0        ? 0
	                : site->push_every < PUSH_SOON_MS ? now + site->push_every
	                                                  : now + PUSH_SOON_MS;
	if (rc) {
		sk_site_trouble(site, "%s", sk_error_message());
		return 0;
	}
	free(site->trouble);
	site->trouble = NULL;
	repo = site->watch ? sk_watch_repo(site->watch) : NULL;
	if (repo && strcmp(repo->gitdir, repo->commondir) == 0) {
		remember(s, site);
		add_linked(s, repo->commondir);
	}
	return 0;
}

int sk_site_add(struct sk_service *s, const char *worktree, bool linked, struct sk_site **out)
{
	struct sk_site *site = sk_site_find(s, worktree);
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
	site->interval = REMOTE_MS;
	site->push_every = -1;
	site->debounce = 500;
	site->next = s->sites;
	s->sites = site;
	s->n_sites++;
	rc = settle(s, site);
	if (rc)
		sk_site_remove(s, site);
	else
		*out = site;
	return rc;
}

void sk_site_remove(struct sk_service *s, struct sk_site *site)
{
	struct sk_site **at = &s->sites;

	while (*at != site)
		at = &(*at)->next;
	*at = site->next;
	s->n_sites--;
	for (struct sk_job *job = s->jobs; job; job = job->next)
		if (job->site == site)
			job->site = NULL;
	sk_conns_site_gone(s, site);
	free_site(site);
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

static void leave(struct sk_service *s, const char *worktree, bool linked)
{
	sk_service_log("%s: %s", sk_name(worktree), sk_error_message());
	if (!linked)
		(void)s->host->forget(worktree);
}

/* The working tree is not where it was, and perhaps another one is in its place; or its settings
 * are not what they were. */
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
	if (rc == SK_EREPO)
		leave(s, worktree, linked);
	free(worktree);
}

/* It could not be opened. */
static void try_again(struct sk_service *s, struct sk_site *site)
{
	int rc = settle(s, site);

	if (rc == SK_EREPO)
		leave(s, site->worktree, site->linked);
	if (rc)
		sk_site_remove(s, site);
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

/* All that happened so far is known. */
static bool exact(struct sk_site *site)
{
	return site->watch && site->ever && sk_watch_mode(site->watch) == SK_WATCH_EXACT &&
	       !*sk_watch_why(site->watch) && sk_watch_catch_up(site->watch) &&
	       sk_watch_mode(site->watch) == SK_WATCH_EXACT;
}

static bool nothing_new(struct sk_site *site)
{
	return sk_watch_stir(site->watch, NULL) == site->saved && !sk_watch_soft(site->watch);
}

bool sk_site_unchanged(struct sk_site *site)
{
	return exact(site) && nothing_new(site);
}

static struct sk_strv *changed(struct sk_site *site)
{
	struct sk_strv *v = calloc(1, sizeof *v);
	struct sk_buf paths = SK_BUF_INIT;
	int rc = v ? sk_watch_changed(site->watch, site->seq, &paths) : SK_ENO;

	for (const char *p = sk_buf_str(&paths); !rc && p < paths.ptr + paths.len;
	     p += strlen(p) + 1)
		rc = sk_strv_add(v, p);
	sk_buf_free(&paths);
	if (rc) {
		if (v)
			sk_strv_free(v);
		free(v);
		return NULL;
	}
	sk_strv_sort(v);
	return v;
}

void sk_site_hint(struct sk_site *site, struct sk_service_hint *out)
{
	*out = (struct sk_service_hint){ .state = site->state };
	if (!exact(site))
		return;
	out->unchanged = nothing_new(site);
	/* once in a while all is looked at, whatever was seen */
	if (sk_clock_ms() - site->whole < QUIET_FULL_MS)
		out->changed = changed(site);
}

void sk_site_begin(struct sk_site *site)
{
	struct sk_job *job = site->job;

	/* what is not read by now stays news: it may be of later */
	if (!site->watch || !job->saves || !sk_watch_catch_up(site->watch))
		return;
	(void)sk_watch_work(site->watch, sk_clock_ms() + BEGIN_MS);
	job->stir = sk_watch_stir(site->watch, NULL);
	job->seq = sk_watch_seq(site->watch);
	job->hinted = false;
	sk_watch_soft_done(site->watch);
}

static bool is_echo(const struct sk_site *site)
{
	int64_t last;

	(void)sk_watch_stir(site->watch, &last);
	return site->ever && last <= site->full + ECHO_MS;
}

static int64_t echo_wait(const struct sk_site *site)
{
	int64_t wait = site->debounce > 500 ? site->debounce : 500;

	for (unsigned i = ECHOES; i <= site->echoes && wait < ECHO_MOST_MS; i++)
		wait *= 2;
	return wait < ECHO_MOST_MS ? wait : ECHO_MOST_MS;
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
	if (site->ever && sk_watch_stir(site->watch, NULL) == site->saved)
		return site->stirred + SOFT_MS;
	if (site->echoes >= ECHOES && is_echo(site))
		return last + echo_wait(site);
	quiet = last + site->debounce;
	most = site->stirred + CONSTANT_MS;
	return quiet < most ? quiet : most;
}

static int64_t due_by_clock(const struct sk_site *site)
{
	int64_t every = site->interval;

	if (every < 0)
		return site->ever ? SK_NEVER : site->due;
	/* what changes there has its backup within seconds, when it is complete */
	if (site->ever && !site->rounds && site->watch &&
	    sk_watch_mode(site->watch) == SK_WATCH_EXACT && every < QUIET_FULL_MS)
		every = QUIET_FULL_MS;
	return site->ever ? site->full + every : site->due;
}

static int64_t tick_site(struct sk_service *s, struct sk_site *site, int64_t now)
{
	int64_t watch, clock, next;
	struct sk_job *job;
	bool by_watch;

	watch = due_by_watch(site, now);
	clock = due_by_clock(site);
	if (!site->watch && !site->remote)
		return site->retry; /* nothing can be done before it can be opened */
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
	if (by_watch)
		site->echoes = is_echo(site) ? site->echoes + (site->echoes < 30) : 0;
	if (sk_job_start(s, site, by_watch ? "watch" : "schedule", "", false, &job)) {
		sk_site_trouble(site, "%s", sk_error_message());
		site->retry = now + RETRY_MS;
		return site->retry;
	}
	return SK_NEVER;
}

/* A push to its vaults, when one is due and no backup is at work or waits. */
static int64_t tick_push(struct sk_service *s, struct sk_site *site, int64_t now)
{
	bool enough = site->push_after && site->unpushed >= site->push_after && !site->push_wait;

	if (!site->push_at || s->stopping)
		return SK_NEVER;
	if (site->push_at > now && !enough)
		return site->push_at;
	if (s->jobs)
		return SK_NEVER; /* the end of them brings us back */
	if (sk_job_push(s, site, enough)) {
		site->push_at = now + PUSH_RETRY_MS;
		return site->push_at;
	}
	site->push_at = 0;
	site->unpushed = 0;
	return SK_NEVER;
}

static void backed_up(struct sk_site *site, int64_t now)
{
	site->unpushed++;
	if (site->push_every >= 0 && !site->push_at)
		site->push_at = now + site->push_every;
}

int64_t sk_sites_tick(struct sk_service *s, int64_t now)
{
	int64_t next = SK_NEVER;

	for (struct sk_site *site = s->sites, *after; site; site = after) {
		int64_t t;

		after = site->next;
		if (site->job || s->stopping)
			continue;
		if (site->reopen || (!site->watch && !site->remote && now >= site->retry)) {
			if (site->reopen)
				reopen(s, site);
			else
				try_again(s, site);
			next = now; /* it has a new place in the list, or others came */
			continue;
		}
		t = tick_site(s, site, now);
		if (t < next)
			next = t;
		t = tick_push(s, site, now);
		if (t < next)
			next = t;
	}
	return next;
}

/* Why, without what comes before each message of ours. */
static void last_line(const struct sk_buf *said, char out[256])
{
	static const char *const before[] = { "git sk: ", "warning: ", "no backup was made: " };
	const char *text = sk_buf_str(said), *from = text;
	size_t len = said->len;

	while (len && text[len - 1] == '\n')
		len--;
	for (const char *p = text; p < text + len; p++)
		if (*p == '\n')
			from = p + 1;
	for (size_t i = 0; i < sizeof before / sizeof *before; i++)
		if (strncmp(from, before[i], strlen(before[i])) == 0)
			from += strlen(before[i]);
	(void)snprintf(out, 256, "%.*s", (int)(text + len - from), from);
}

void sk_site_done(struct sk_service *s, struct sk_site *site, const struct sk_job *job, int status)
{
	int64_t now = sk_clock_ms();
	char line[256];

	s->active = now;
	if (site->watch && settings_print(sk_watch_repo(site->watch)) != site->settings)
		site->reopen = true;
	if (site->watch && sk_watch_mode(site->watch) == SK_WATCH_SCANS && site->watching &&
	    now - site->opened >= QUIET_FULL_MS)
		site->reopen = true; /* perhaps there are watches to be had now */
	if (status == SK_EREFUSED && strncmp(job->event, "pre-", 4) == 0)
		return; /* git is told no; nothing is known of the backup */
	if (status && status != SK_EPARTIAL) {
		last_line(&job->said, line);
		sk_site_trouble(site, "%s", *line ? line : "the backup failed");
		site->retry = now + (job->guard ? 0 : RETRY_MS);
		return;
	}
	if (!job->saves)
		return;
	free(site->trouble);
	site->trouble = NULL;
	site->retry = 0;
	site->ever = true;
	site->saved = job->stir;
	site->seq = job->seq;
	if (site->watch)
		sk_state_mark(sk_watch_repo(site->watch), &site->state);
	if (!job->hinted)
		site->whole = now;
	site->full = now;
	site->last = time(NULL);
	site->stirred = 0;
	backed_up(site, now);
}

void sk_site_pushed(struct sk_site *site, const struct sk_job *job, int status)
{
	int64_t now = sk_clock_ms();
	char line[256];

	if (!status || status == SK_EBUSY) {
		site->push_wait = 0;
		if (status && !site->push_at) /* one of them is not due yet */
			site->push_at = now + site->push_every;
		return;
	}
	last_line(&job->said, line);
	if (!site->push_wait) /* `git sk status` and `vault list` have the last one */
		sk_service_log("%s: %s", sk_name(site->worktree),
		               *line ? line : "the push to a vault failed");
	site->push_wait = site->push_wait ? site->push_wait * 2 : PUSH_RETRY_MS;
	if (site->push_wait > PUSH_RETRY_MOST_MS)
		site->push_wait = PUSH_RETRY_MOST_MS;
	site->push_at = now + site->push_wait;
}
