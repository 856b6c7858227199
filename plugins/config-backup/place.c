/* place.c - from what was typed to a path, and to the name of its records. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "name.h"

/* Lexically: no "//", ".", "..".  `path` is absolute. */
static char *clean(const char *path)
{
	char *out = malloc(strlen(path) + 2), *at = out;

	while (out && *path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (at > out && *--at != '/')
				;
		} else if (len && !(len == 1 && *path == '.')) {
			*at++ = '/';
			memcpy(at, path, len);
			at += len;
		}
		path += len + strspn(path + len, "/");
	}
	if (out && at == out)
		*at++ = '/';
	if (out)
		*at = '\0';
	return out;
}

/* The longest beginning that is there, resolved, and the rest as it is. */
static char *resolve_folder(const char *folder)
{
	char *head = strdup(folder), *rest = strdup(""), *real = NULL, *out = NULL;

	while (head && rest && !(real = realpath(*head ? head : "/", NULL))) {
		char *slash = strrchr(head, '/'), *longer = NULL;

		if (errno == ENOMEM || !slash || asprintf(&longer, "%s%s", slash, rest) < 0)
			break;
		free(rest);
		rest = longer;
		*slash = '\0';
	}
	if (real && asprintf(&out, "%s%s", strcmp(real, "/") == 0 ? "" : real, rest) < 0)
		out = NULL;
	free(real);
	free(head);
	free(rest);
	return out;
}

static char *absolute(const char *typed)
{
	char *cwd = *typed == '/' ? strdup("") : getcwd(NULL, 0), *out = NULL;

	if (cwd && asprintf(&out, "%s/%s", cwd, typed) < 0)
		out = NULL;
	free(cwd);
	return out;
}

/* "conf/app.ini" when it is below the working tree; NULL: it is not. */
static const char *in_tree(const struct conf *c, const char *path)
{
	size_t len = c->host->worktree ? strlen(c->host->worktree) : 0;

	if (!len || strncmp(path, c->host->worktree, len) != 0)
		return NULL;
	if (strcmp(c->host->worktree, "/") == 0)
		return path + 1;
	return path[len] == '/' && path[len + 1] ? path + len + 1 : NULL;
}

/* git's own id of the path as a blob, which is not stored. */
static int long_name(struct conf *c, const char *path, char **out)
{
	struct skp_batch *batch = NULL;
	struct skp_oid id;
	int rc = c->host->batch(c->host, &batch);

	if (!rc)
		rc = c->host->blob(batch, path, strlen(path), &id);
	if (batch)
		c->host->drop(batch);
	if (!rc && asprintf(out, "long/%s", c->host->hex(c->host, &id)) < 0)
		rc = conf_oom(c);
	return rc;
}

int conf_place_exact(struct conf *c, const char *path, struct conf_place *out)
{
	const char *below = in_tree(c, path);
	char *coded, *id = NULL, *name = NULL;
	bool fits, ok;
	int rc = 0;

	coded = conf_name_code(below ? below : path, &fits);
	if (below)
		id = conf_name_code(c->host->worktree_id, &ok);
	if (!coded || (below && !id))
		return conf_oom(c);
	if (!fits)
		rc = long_name(c, path, &name);
	else if ((below ? asprintf(&name, "work/%s/%s", id, coded)
	                : asprintf(&name, "host/%s", coded)) < 0)
		rc = conf_oom(c);
	free(coded);
	free(id);
	if (rc)
		return rc;
	out->path = strdup(path);
	out->name = name;
	return out->path ? 0 : conf_oom(c);
}

int conf_place(struct conf *c, const char *typed, struct conf_place *out)
{
	char *full = absolute(typed), *slash, *folder, *path = NULL;
	size_t len;
	int rc;

	if (!*typed)
		return c->host->error(c->host, SKP_EUSAGE, "an empty name names no file");
	if (!full)
		return conf_errno(c, "cannot tell the folder of", typed);
	for (len = strlen(full); len > 1 && full[len - 1] == '/';)
		full[--len] = '\0';
	slash = strrchr(full, '/');
	if (!slash[1] || strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0)
		return c->host->error(c->host, SKP_EUSAGE, "%s is a folder; name its files",
		                      c->host->name(c->host, typed));
	*slash = '\0';
	folder = resolve_folder(full);
	if (!folder || asprintf(&path, "%s/%s", folder, slash + 1) < 0)
		return conf_oom(c);
	free(folder);
	/* what is not there could not be resolved, and may hold ".." */
	folder = clean(path);
	if (!folder)
		return conf_oom(c);
	rc = conf_place_exact(c, folder, out);
	free(folder);
	free(path);
	free(full);
	return rc;
}

char *conf_name_path(struct conf *c, const char *name)
{
	char *rest, *id, *out = NULL;
	bool fits;

	if (strncmp(name, "host/", 5) == 0) {
		rest = conf_name_decode(name + 5);
		if (!rest || asprintf(&out, "/%s", rest) < 0)
			out = NULL;
		free(rest);
		return out;
	}
	if (strncmp(name, "work/", 5) != 0 || !c->host->worktree_id)
		return NULL;
	id = conf_name_code(c->host->worktree_id, &fits);
	if (id && strncmp(name + 5, id, strlen(id)) == 0 && name[5 + strlen(id)] == '/') {
		rest = conf_name_decode(name + 6 + strlen(id));
		if (!rest || asprintf(&out, "%s/%s", c->host->worktree, rest) < 0)
			out = NULL;
		free(rest);
	}
	free(id);
	return out;
}

/* The path as it was typed, no link in it resolved. */
static int typed_place(struct conf *c, const char *typed, struct conf_place *out)
{
	char *full = absolute(typed), *path = full ? clean(full) : NULL;
	int rc = path ? conf_place_exact(c, path, out) : conf_oom(c);

	free(full);
	free(path);
	return rc;
}

int conf_find(struct conf *c, const char *typed, struct conf_place *place,
              struct conf_versions *versions)
{
	struct conf_place other;
	int rc = conf_place(c, typed, place);

	if (!rc)
		rc = conf_versions(c, place->name, versions);
	if (rc || versions->n)
		return rc;
	/* a folder on the way may be a link by now */
	rc = typed_place(c, typed, &other);
	if (!rc && strcmp(other.name, place->name) != 0)
		rc = conf_versions(c, other.name, versions);
	if (!rc && versions->n)
		*place = other;
	if (!rc && !versions->n)
		rc = c->host->error(c->host, SKP_ENO, "nothing of %s was ever backed up",
		                    c->host->name(c->host, place->path));
	return rc;
}

uint64_t conf_place_number(const struct conf_place *place)
{
	return conf_hash(place->name, strlen(place->name), 3);
}

int conf_lock(struct conf *c, const struct conf_place *place, int *lock)
{
	char name[32];
	int rc;

	(void)snprintf(name, sizeof name, "file-%016llx",
	               (unsigned long long)conf_place_number(place));
	rc = c->host->lock(c->host, name, 0, lock);
	if (rc == SKP_EBUSY)
		rc = c->host->error(c->host, rc,
		                    "%s is being edited or restored by another process",
		                    c->host->name(c->host, place->path));
	return rc;
}
