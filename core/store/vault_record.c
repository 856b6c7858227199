/* What is known of each vault: COMMONDIR/sk/vault/NAME with the files `settings`, `state` and
 * `refs`; the first two are lines "KEY VALUE".  Only `settings` matters: without the others the
 * next push looks at what is really there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/text.h"
#include "store/vault_parts.h"

#define FILE_MAX_BYTES (1u << 20)
#define REFS_MAX_BYTES ((size_t)1 << 30)
#define PENDING_MAX 64
#define PAUSE_NS 100000000

int sk_vault_path(const struct sk_repo *repo, const char *name, const char *file, char **out)
{
	if (asprintf(out, "%s/vault/%s%s%s", repo->skdir, name, file ? "/" : "",
	             file ? file : "") >= 0)
		return 0;
	*out = NULL;
	return sk_error_oom();
}

int sk_vault_lock(const struct sk_repo *repo, int wait, int *out)
{
	const struct timespec pause = { 0, PAUSE_NS };
	char *path = NULL, *dir = NULL;
	int fd = -1, rc = sk_vault_path(repo, "lock", NULL, &path);

	if (!rc)
		rc = (dir = strndup(path, strlen(path) - 5)) ? sk_mkdirs(dir, 0700)
		                                             : sk_error_oom();
	if (rc)
		goto out;
	fd = sk_create(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path);
	for (int i = 0; !rc && flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			rc = sk_error_errno(SK_EIO, "cannot lock '%s'", path);
		else if (i >= wait * 10)
			rc = sk_error(SK_EBUSY,
			              "another push to a vault is under way here; try again");
		else
			(void)nanosleep(&pause, NULL);
	}
	if (!rc) {
		*out = fd;
		fd = -1;
	}
out:
	if (fd >= 0)
		(void)close(fd);
	free(dir);
	free(path);
	return rc;
}

static bool good_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= SK_VAULT_NAME_MAX && *name != '-' && *name != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	               len &&
	       strcmp(name, "id") != 0 && strcmp(name, "lock") != 0;
}

/* Calls `fn` for each line "KEY VALUE".  SK_ENO: no such file. */
static int read_pairs(const struct sk_repo *repo, const char *name, const char *file,
                      int (*fn)(void *ctx, const char *key, const char *value), void *ctx)
{
	struct sk_buf text = SK_BUF_INIT;
	char *path = NULL, *save = NULL;
	int rc = sk_vault_path(repo, name, file, &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text);
	for (char *line = rc ? NULL : strtok_r(text.ptr, "\n", &save); line && !rc;
	     line = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(line, ' ');

		if (space)
			*space = '\0';
		rc = fn(ctx, line, space ? space + 1 : "");
	}
	free(path);
	sk_buf_free(&text);
	return rc;
}

static int write_text(const struct sk_repo *repo, const char *name, const char *file,
                      const struct sk_buf *text)
{
	char *dir = NULL, *path = NULL;
	int rc = sk_buf_ok(text);

	if (!rc)
		rc = sk_vault_path(repo, name, NULL, &dir);
	if (!rc)
		rc = sk_mkdirs(dir, 0700);
	if (!rc)
		rc = sk_vault_path(repo, name, file, &path);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, sk_buf_str(text), text->len, 0600, true);
	free(dir);
	free(path);
	return rc;
}

static int set(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : sk_error_oom();
}

/* The state */

void sk_vault_state_clear(struct sk_vault_state *s)
{
	free(s->part);
	free(s->pending);
	free(s->trouble);
	*s = (struct sk_vault_state){ .part = NULL };
}

static int add_pending(struct sk_vault_state *s, const char *hex)
{
	struct sk_oid *more, oid;

	if (!sk_oid_parse(hex, &oid) || s->n_pending >= PENDING_MAX)
		return 0;
	more = realloc(s->pending, (s->n_pending + 1) * sizeof *more);
	if (!more)
		return sk_error_oom();
	s->pending = more;
	more[s->n_pending++] = oid;
	return 0;
}

static int take_state(void *ctx, const char *key, const char *value)
{
	struct sk_vault_state *s = ctx;

	if (strcmp(key, "part") == 0)
		return set(&s->part, value);
	if (strcmp(key, "pushed") == 0)
		s->pushed = (time_t)strtoll(value, NULL, 10);
	else if (strcmp(key, "tried") == 0)
		s->tried = (time_t)strtoll(value, NULL, 10);
	else if (strcmp(key, "compared") == 0)
		s->compared = (time_t)strtoll(value, NULL, 10);
	else if (strcmp(key, "newest") == 0)
		(void)sk_oid_parse(value, &s->newest);
	else if (strcmp(key, "pending") == 0)
		return add_pending(s, value);
	else if (strcmp(key, "offline") == 0 || strcmp(key, "trouble") == 0) {
		s->offline = *key == 'o';
		return set(&s->trouble, value);
	}
	return 0;
}

int sk_vault_state_read(const struct sk_repo *repo, const char *name, struct sk_vault_state *out)
{
	struct sk_vault_state s = { .part = NULL };
	int rc = read_pairs(repo, name, "state", take_state, &s);

	rc = rc == SK_ENO ? 0 : rc;
	if (rc)
		sk_vault_state_clear(&s);
	else
		*out = s;
	return rc;
}

int sk_vault_state_write(const struct sk_repo *repo, const char *name,
                         const struct sk_vault_state *s)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	if (s->part)
		(void)sk_buf_addf(&text, "part %s\n", s->part);
	(void)sk_buf_addf(&text, "pushed %lld\ntried %lld\ncompared %lld\n", (long long)s->pushed,
	                  (long long)s->tried, (long long)s->compared);
	if (!sk_oid_is_zero(&s->newest))
		(void)sk_buf_addf(&text, "newest %s\n", sk_oid_str(&s->newest));
	for (size_t i = 0; i < s->n_pending; i++)
		(void)sk_buf_addf(&text, "pending %s\n", sk_oid_str(&s->pending[i]));
	if (s->trouble) {
		(void)sk_buf_addf(&text, "%s ", s->offline ? "offline" : "trouble");
		(void)sk_add_text(&text, s->trouble, strlen(s->trouble));
		(void)sk_buf_addc(&text, '\n');
	}
	rc = write_text(repo, name, "state", &text);
	sk_buf_free(&text);
	return rc;
}

int sk_vault_known_read(const struct sk_repo *repo, const char *name, struct sk_refs *out)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_refs refs = { 0 };
	char *path = NULL, *save = NULL;
	struct sk_oid oid;
	int rc = sk_vault_path(repo, name, "refs", &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, REFS_MAX_BYTES, &text);
	for (char *p = rc ? NULL : strtok_r(text.ptr, "\n", &save); p && !rc;
	     p = strtok_r(NULL, "\n", &save))
		if (sk_oid_parse(p, &oid) && p[SK_OID_HEX] == ' ')
			rc = sk_vault_refs_add(&refs, p + SK_OID_HEX + 1, &oid);
	free(path);
	sk_buf_free(&text);
	rc = rc == SK_ENO ? 0 : rc;
	if (rc) {
		sk_refs_free(&refs);
		return rc;
	}
	sk_vault_refs_sort(&refs);
	*out = refs;
	return 0;
}

int sk_vault_known_write(const struct sk_repo *repo, const char *name, const struct sk_refs *refs)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	for (size_t i = 0; i < refs->n; i++)
		(void)sk_buf_addf(&text, "%s %s\n", sk_oid_str(&refs->item[i].oid),
		                  refs->item[i].name);
	rc = write_text(repo, name, "refs", &text);
	sk_buf_free(&text);
	return rc;
}

/* The list */

static void vault_clear(struct sk_vault *v)
{
	free(v->name);
	free(v->url);
	free(v->shown);
	free(v->trouble);
	*v = (struct sk_vault){ .name = NULL };
}

void sk_vaults_free(struct sk_vaults *list)
{
	for (size_t i = 0; i < list->n; i++)
		vault_clear(&list->item[i]);
	free(list->item);
	*list = (struct sk_vaults){ 0 };
}

const struct sk_vault *sk_vault_find(const struct sk_vaults *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i].name, name) == 0)
			return &list->item[i];
	(void)sk_error(SK_ENO, "there is no vault %s here; see 'git sk vault list'", sk_name(name));
	return NULL;
}

static bool is_true(const struct sk_config *config, const char *key)
{
	const char *v = sk_config_get(config, key);

	return v && strcmp(v, "true") == 0;
}

static int take_setting(void *ctx, const char *key, const char *value)
{
	struct sk_vault *v = ctx;
	int64_t ms;

	if (strcmp(key, "url") == 0)
		return set(&v->url, value);
	if (strcmp(key, "when") == 0) {
		v->automatic = strcmp(value, "off") != 0;
		if (v->automatic && strcmp(value, "on") != 0 && sk_parse_duration(value, &ms) == 0)
			v->interval_ms = ms;
	} else if (strcmp(key, "private") == 0) {
		v->private = true;
	} else if (strcmp(key, "tags") == 0) {
		v->tags = true;
	}
	return 0;
}

/* Ends what `v` says: its state, and the URL for people. */
static int complete(const struct sk_repo *repo, struct sk_vault *v)
{
	struct sk_vault_state s = { .part = NULL };
	int rc = sk_vault_shown(v->url, &v->shown);

	if (!rc)
		rc = sk_vault_state_read(repo, v->name, &s);
	if (rc)
		return rc;
	v->pushed = s.pushed;
	v->tried = s.tried;
	v->trouble = s.trouble;
	v->offline = s.offline;
	s.trouble = NULL;
	sk_vault_state_clear(&s);
	return 0;
}

static int add_to_list(struct sk_vaults *list, struct sk_vault *v)
{
	struct sk_vault *more = realloc(list->item, (list->n + 1) * sizeof *more);

	if (!more)
		return sk_error_oom();
	list->item = more;
	more[list->n++] = *v;
	*v = (struct sk_vault){ .name = NULL };
	return 0;
}

static struct sk_vault defaults(const struct sk_repo *repo)
{
	const char *interval = sk_config_get(repo->config, "vault.interval");
	struct sk_vault v = { .automatic = true,
		              .interval_ms = -1,
		              .private = is_true(repo->config, "vault.private"),
		              .tags = is_true(repo->config, "vault.tags") };

	if (interval)
		(void)sk_parse_duration(interval, &v.interval_ms);
	return v;
}

static int list_one(const struct sk_repo *repo, const char *name, const char *url,
                    struct sk_vaults *list)
{
	struct sk_vault v = defaults(repo);
	int rc = 0;

	v.settings = url != NULL;
	v.name = strdup(name);
	if (!v.name || (url && !(v.url = strdup(url))))
		rc = sk_error_oom();
	if (!rc && !url) {
		rc = read_pairs(repo, name, "settings", take_setting, &v);
		rc = rc == SK_ENO || (!rc && !v.url) ? SK_ENO : rc;
	}
	if (!rc)
		rc = complete(repo, &v);
	if (!rc)
		rc = add_to_list(list, &v);
	vault_clear(&v);
	return rc == SK_ENO ? 0 : rc; /* a folder without settings */
}

static bool listed(const struct sk_vaults *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i].name, name) == 0)
			return true;
	return false;
}

/* [vault "NAME"] url of the settings: for administrators, who have them in /etc. */
static int list_settings(const struct sk_repo *repo, struct sk_vaults *list)
{
	const struct sk_config *c = repo->config;
	int rc = 0;

	for (size_t i = 0; i < c->keys.n && !rc; i++) {
		const char *key = c->keys.item[i];
		size_t len = strlen(key);
		char *name;

		if (len <= 10 || strncmp(key, "vault.", 6) != 0 ||
		    strcmp(key + len - 4, ".url") != 0 || !*c->values.item[i])
			continue;
		name = strndup(key + 6, len - 10);
		if (!name)
			return sk_error_oom();
		if (!good_name(name))
			sk_warn("[vault \"%s\"]: a vault's name has letters, digits, '.', '_', '-'",
			        sk_name(name));
		else if (!listed(list, name))
			rc = list_one(repo, name, c->values.item[i], list);
		free(name);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sk_vault *)a)->name, ((const struct sk_vault *)b)->name);
}

int sk_vault_list(const struct sk_repo *repo, struct sk_vaults *out)
{
	struct sk_vaults list = { 0 };
	struct dirent *d;
	char *path = NULL;
	DIR *dir;
	int rc = asprintf(&path, "%s/vault", repo->skdir) < 0 ? sk_error_oom() : 0;

	if (rc)
		return rc;
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot read %s", sk_name(path));
	while (!rc && dir && (d = readdir(dir)))
		if (good_name(d->d_name))
			rc = list_one(repo, d->d_name, NULL, &list);
	if (dir)
		(void)closedir(dir);
	free(path);
	if (!rc)
		rc = list_settings(repo, &list);
	if (rc) {
		sk_vaults_free(&list);
		return rc;
	}
	if (list.n)
		qsort(list.item, list.n, sizeof *list.item, by_name);
	*out = list;
	return 0;
}

int64_t sk_vault_interval(const struct sk_repo *repo)
{
	struct sk_vaults list = { 0 };
	int64_t least = -1;

	if (sk_vault_list(repo, &list))
		sk_error_clear();
	for (size_t i = 0; i < list.n; i++) {
		const struct sk_vault *v = &list.item[i];

		if (v->automatic && v->interval_ms >= 0 && (least < 0 || v->interval_ms < least))
			least = v->interval_ms;
	}
	sk_vaults_free(&list);
	return least;
}

/* Adding and removing */

static int check_add(const struct sk_repo *repo, const struct sk_vault_add *o)
{
	struct sk_vaults list = { 0 };
	int64_t ms;
	int rc;

	if (!good_name(o->name))
		return sk_error(SK_EUSAGE,
		                "'%s' is no name for a vault: letters, digits, '.', '_' and '-'",
		                sk_name(o->name));
	if (o->when && strcmp(o->when, "on") != 0 && strcmp(o->when, "off") != 0) {
		rc = sk_parse_duration(o->when, &ms);
		if (!rc && ms < 1000)
			rc = sk_error(SK_EUSAGE, "'%s' is not on, off or a time of at least 1s",
			              sk_name(o->when));
		if (rc)
			return rc;
	}
	rc = sk_vault_list(repo, &list);
	if (!rc && listed(&list, o->name))
		rc = sk_error(SK_EREFUSED,
		              "there is a vault %s already; 'git sk vault remove %s' forgets it",
		              o->name, o->name);
	sk_vaults_free(&list);
	return rc;
}

int sk_vault_add(const struct sk_repo *repo, const struct sk_vault_add *o, struct sk_strv *said)
{
	char *url = NULL, *folder = NULL;
	struct sk_buf text = SK_BUF_INIT;
	int rc = check_add(repo, o);

	if (!rc)
		rc = sk_vault_url(o->url, &url);
	if (!rc && (folder = sk_vault_folder(url)))
		rc = sk_vault_make(repo, folder, said);
	(void)sk_buf_addf(&text, "url %s\nwhen %s\n%s%s", url ? url : "", o->when ? o->when : "on",
	                  o->private ? "private yes\n" : "", o->tags ? "tags yes\n" : "");
	if (!rc)
		rc = write_text(repo, o->name, "settings", &text);
	free(url);
	free(folder);
	sk_buf_free(&text);
	return rc;
}

int sk_vault_remove(const struct sk_repo *repo, const char *name)
{
	struct sk_vaults list = { 0 };
	const struct sk_vault *v;
	char *path = NULL;
	int rc = sk_vault_list(repo, &list);

	if (rc)
		return rc;
	v = sk_vault_find(&list, name);
	if (!v)
		rc = SK_ENO;
	else if (v->settings)
		rc = sk_error(SK_EREFUSED,
		              "vault %s is in the settings, [vault \"%s\"]; take it out there",
		              name, name);
	else
		rc = sk_vault_path(repo, name, NULL, &path);
	if (!rc)
		rc = sk_remove_tree(AT_FDCWD, path);
	free(path);
	sk_vaults_free(&list);
	return rc;
}
