/* rest.c - plugins that have nothing to do here for the time being, and are not started for it.
 *
 * SKLOCAL/plugins/NAME.rest, written by the event's child when the plugin's call ended well:
 *
 *     rest 1 SETTINGS PLUGIN        what the settings and the plugin's file were
 *     EVENTS SINCE UNTIL
 *     checks JSON                   what it told the health check, when it rests on that
 *     PRINT PATH                    for each path, the first being the file below
 *     end
 *
 * SKDIR/plugins/NAME.woken grows by a byte whenever a command of the plugin begins or ends, in any
 * worktree, and is one of the paths: so nothing that a command does gets lost between the plugin's
 * look and the moment when its rest is written.
 *
 * A file that is old, damaged or of another version is no rest, and goes: once awake, a plugin is
 * awake until it says so again, though all be as it was. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"
#include "base/text.h"
#include "plugin/parts.h"

#define REST_MAX 65536
#define PATHS_MAX 100
#define WOKEN_MAX 4096
#define LONGEST_S 86400
/* Until so long after a change another one may leave no trace in the times: kernels count them in
 * steps of up to 10 ms, and some file systems in steps of up to 2 s. */
#define FRESH_NS 100000000
#define FRESH_COARSE_NS 2100000000

static int rest_path(const struct sk_repo *repo, const char *name, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/plugins/%s.rest", repo->sklocal, name);
}

static int woken_path(const struct sk_repo *repo, const char *name, struct sk_buf *out)
{
	return sk_buf_addf(out, "%s/plugins/%s.woken", repo->skdir, name);
}

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t mix(uint64_t sum, const char *text)
{
	do
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3;
	while (*text++);
	return sum;
}

static uint64_t sum_of(const char *text)
{
	return mix(0xcbf29ce484222325, text);
}

/* The first line. */
static int head_line(const struct sk_config *config, const struct sk_plugin_info *info,
                     struct sk_buf *out)
{
	uint64_t settings = sum_of(SK_VERSION);
	struct stat st;

	for (size_t i = 0; i < config->keys.n; i++)
		settings = mix(mix(settings, config->keys.item[i]), config->values.item[i]);
	if (lstat(info->file, &st) < 0)
		return sk_error_errno(SK_EIO, "cannot look at %s", sk_name(info->file));
	return sk_buf_addf(out, "rest 1 %016" PRIx64 " %jx.%jx.%jd.%jd.%ld.%jd.%ld\n", settings,
	                   (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (intmax_t)st.st_size,
	                   (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	                   (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static bool is_fresh(const struct timespec *changed)
{
	struct timespec now;
	int64_t age;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec - changed->tv_sec > 10)
		return false;
	age = (now.tv_sec - changed->tv_sec) * INT64_C(1000000000) + now.tv_nsec - changed->tv_nsec;
	return age < (changed->tv_nsec ? FRESH_NS : FRESH_COARSE_NS);
}

/* What a path is like now. */
static int add_print(const struct sk_repo *repo, const char *path, struct sk_buf *out, bool *fresh)
{
	char full[PATH_MAX];
	const char *value;
	struct stat st;
	int n;

	if (*path == '$') {
		value = getenv(path + 1);
		return value ? sk_buf_addf(out, "%016" PRIx64, sum_of(value))
		             : sk_buf_addc(out, '-');
	}
	n = snprintf(full, sizeof full, "%s%s%s", *path == '/' ? "" : repo->worktree,
	             *path == '/' ? "" : "/", path);
	if (n < 0 || (size_t)n >= sizeof full)
		return sk_error(SK_EUSAGE, "the path %s is too long", sk_name(path));
	if (lstat(full, &st) < 0)
		return sk_buf_addf(out, "-%d", errno == ENOTDIR ? ENOENT : errno);
	*fresh |= is_fresh(&st.st_ctim);
	return sk_buf_addf(out, "%o.%jx.%jx.%jd.%jd.%ld.%jd.%ld", (unsigned)st.st_mode,
	                   (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (intmax_t)st.st_size,
	                   (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	                   (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static int add_path(const struct sk_repo *repo, const char *path, struct sk_buf *out, bool *fresh)
{
	int rc;

	if (!*path || strchr(path, '\n'))
		return sk_error(SK_EUSAGE, "%s cannot be a path to rest by", sk_name(path));
	rc = add_print(repo, path, out, fresh);
	return rc ? rc : sk_buf_addf(out, " %s\n", path);
}

/* In the child */

int sk_rest_begin(struct sk_host *h, uint32_t events, int64_t until, const char *const *paths)
{
	struct sk_buf woken = SK_BUF_INIT;
	size_t n = 0;
	int rc = 0;

	sk_buf_clear(&h->rest);
	h->rest_events = 0;
	h->rest_fresh = false;
	if (!events)
		return 0;
	while (paths && paths[n])
		n++;
	if (!h->event || n > PATHS_MAX)
		rc = sk_error(SK_EUSAGE, "rest is for events, with at most %d paths", PATHS_MAX);
	if (!rc)
		rc = woken_path(h->repo, h->info->name, &woken);
	if (!rc)
		rc = add_path(h->repo, woken.ptr, &h->rest, &h->rest_fresh);
	for (size_t i = 0; !rc && i < n; i++)
		rc = add_path(h->repo, paths[i], &h->rest, &h->rest_fresh);
	sk_buf_free(&woken);
	if (rc) {
		sk_buf_clear(&h->rest);
		return rc;
	}
	/* what it tells the health check has to be known to be repeated */
	h->rest_events = h->event == SKP_HEALTH ? events : events & ~(uint32_t)SKP_HEALTH;
	h->rest_until = until;
	return 0;
}

static int whole_text(const struct sk_host *h, struct sk_buf *out)
{
	int64_t now = sk_now(), until = h->rest_until;
	char *checks = NULL;
	int rc = head_line(h->config, h->info, out);

	if (until <= 0 || until > now + LONGEST_S)
		until = now + LONGEST_S;
	if (!rc)
		rc = sk_buf_addf(out, "%" PRIu32 " %" PRId64 " %" PRId64 "\n", h->rest_events, now,
		                 until);
	if (!rc && (h->rest_events & SKP_HEALTH)) {
		checks = sk_report_text("checks");
		rc = sk_buf_addf(out, "checks %s\n", checks ? checks : "[]");
	}
	free(checks);
	if (!rc)
		rc = sk_buf_adds(out, h->rest.ptr);
	return rc ? rc : sk_buf_adds(out, "end\n");
}

void sk_rest_keep(struct sk_host *h)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;

	if (!h->rest_events || h->rest_fresh || !h->repo->enabled)
		return;
	if (whole_text(h, &text) == 0 && text.len < REST_MAX &&
	    sk_buf_addf(&path, "%s/plugins", h->repo->sklocal) == 0 &&
	    sk_mkdirs(path.ptr, 0700) == 0) {
		sk_buf_clear(&path);
		if (rest_path(h->repo, h->info->name, &path) == 0)
			(void)sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0600, false);
	}
	sk_buf_free(&path);
	sk_buf_free(&text);
	sk_error_clear(); /* without it the plugin is called again: that is all */
}

/* In the parent */

/* The line at *at, without its end; *at is then the next. */
static char *next_line(char **at)
{
	char *line = *at, *end = line ? strchr(line, '\n') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool same_paths(const struct sk_repo *repo, char *at)
{
	struct sk_buf now = SK_BUF_INIT;
	bool same = true, fresh = false;
	char *line, *space;

	while (same && (line = next_line(&at)) && strcmp(line, "end") != 0) {
		sk_buf_clear(&now);
		space = strchr(line, ' ');
		same = space && add_print(repo, space + 1, &now, &fresh) == 0 &&
		       now.len == (size_t)(space - line) && memcmp(now.ptr, line, now.len) == 0;
	}
	sk_buf_free(&now);
	return same && line && !*at;
}

/* Whether what the file says still holds; 0 when it does not. */
static uint32_t events_of(const struct sk_repo *repo, const struct sk_plugin_info *info, char *text,
                          char **checks)
{
	struct sk_buf head = SK_BUF_INIT;
	int64_t since = 0, until = 0, now = sk_now();
	uint32_t events = 0;
	char *line = next_line(&text);
	bool ok = line && head_line(repo->config, info, &head) == 0 &&
	          strlen(line) + 1 == head.len && memcmp(line, head.ptr, head.len - 1) == 0;

	sk_buf_free(&head);
	line = ok ? next_line(&text) : NULL;
	if (!line || sscanf(line, "%" SCNu32 " %" SCNd64 " %" SCNd64, &events, &since, &until) != 3)
		return 0;
	if (events & SKP_HEALTH) {
		line = next_line(&text);
		if (!line || strncmp(line, "checks ", 7) != 0)
			return 0;
		*checks = line + 7;
	}
	return now >= since && now < until && same_paths(repo, text) ? events : 0;
}

uint32_t sk_rest_events(const struct sk_repo *repo, const struct sk_plugin_info *info,
                        json_t **checks)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	uint32_t events = 0;
	char *told = NULL;

	if (!info->events || !repo->enabled || rest_path(repo, info->name, &path) ||
	    sk_read_file(AT_FDCWD, path.ptr, REST_MAX, &text) == SK_ENO)
		goto out;
	if (text.len && memchr(text.ptr, '\0', text.len) == NULL)
		events = events_of(repo, info, text.ptr, &told);
	if (events && told && checks)
		*checks = json_loads(told, 0, NULL);
	if (!events)
		(void)unlink(path.ptr);
out:
	sk_buf_free(&path);
	sk_buf_free(&text);
	sk_error_clear();
	return events & info->events;
}

void sk_plugins_rest(struct sk_plugins *p, const struct sk_repo *repo)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->item[i].state == SK_PLUGIN_LOADED)
			p->item[i].resting = sk_rest_events(repo, &p->item[i], &p->item[i].told);
}

void sk_rest_end(const struct sk_repo *repo, const struct sk_plugin_info *info)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	int fd = -1;

	if (!repo || !info->events || !sk_exists(repo->skdir))
		return;
	if (getenv("GIT_SK_COMPLETING")) /* it only asks for names, and nothing is to be written */
		return;
	if (sk_buf_addf(&path, "%s/plugins", repo->skdir) == 0 &&
	    (sk_exists(path.ptr) || sk_mkdirs(path.ptr, 0700) == 0)) {
		sk_buf_clear(&path);
		if (woken_path(repo, info->name, &path) == 0)
			fd = sk_create(AT_FDCWD, path.ptr,
			               O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (fd >= 0) {
		if (fstat(fd, &st) == 0 && st.st_size >= WOKEN_MAX)
			(void)!ftruncate(fd, 0);
		(void)!write(fd, ".", 1);
		(void)close(fd);
	}
	sk_buf_free(&path);
	sk_error_clear();
}
