/* rest.c - where nobody has flags there is nothing to watch, and the plugin is not even started.
 *
 * A file of flags that is neither in HEAD nor in the index nor in the working tree comes into a
 * commit through the working tree: so it is enough to be woken when it comes there, or something
 * came or went in its folder (it may have come and be gone again).  Around that ways are `git
 * update-index --cacheinfo`, `git reset --soft` and `git read-tree` alone; what they bring is seen
 * a day later at the latest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "ini.h"
#include "store.h"

static int is_there(struct skp_host *host, const char *path)
{
	struct stat st;

	return lstat(fl_format("%s/%s", host->worktree, path), &st) == 0 ||
	       (errno != ENOENT && errno != ENOTDIR);
}

/* The file, and the folders above it up to one that is there. */
static const char **watched(struct skp_host *host, const char *file)
{
	const char **path = fl_more(NULL, 0, sizeof *path);
	char *up = fl_dup(file, strlen(file)), *slash;
	size_t n = 1;

	path[0] = file;
	do {
		slash = strrchr(up, '/');
		if (slash)
			*slash = '\0';
		else
			up = fl_dup(".", 1);
		(path = fl_more(path, n, sizeof *path))[n] = fl_dup(up, strlen(up));
		n++;
	} while (slash && !is_there(host, up));
	(path = fl_more(path, n, sizeof *path))[n] = NULL;
	return path;
}

static int in_head(struct skp_host *host, const char *head, const char *file, int *yes)
{
	struct skp_tree_entry e;
	struct skp_oid oid;
	uint32_t type = 0;
	void *data = NULL;
	size_t len = 0;
	int rc = host->parse_hex(host, head, &oid);

	if (!rc)
		rc = host->read(host, &oid, &type, &data, &len);
	if (!rc && (type != SKP_COMMIT || len < 45 || strncmp(data, "tree ", 5) != 0))
		rc = host->error(host, SKP_EDAMAGED, "HEAD is no commit");
	if (!rc)
		rc = host->parse_hex(host, (const char *)data + 5, &oid);
	if (rc)
		return rc;
	rc = host->find(host, &oid, file, &e);
	*yes = rc != SKP_ENO;
	return rc == SKP_ENO ? 0 : rc;
}

/* `index` NULL: the usual one */
static int in_index(struct skp_host *host, const char *file, const char *index, int *yes)
{
	const char *const argv[] = {
		"ls-files", "-z", "--cached", "--", fl_format(":(top,literal)%s", file), NULL
	};
	const char *const env[] = { index ? fl_format("GIT_INDEX_FILE=%s", index) : NULL, NULL };
	struct skp_process p = { .argv = argv,
		                 .env = env,
		                 .dir = host->worktree,
		                 .timeout_ms = 500,
		                 .flags = SKP_RUN_GIT | SKP_RUN_QUIET };
	int rc = host->run(host, &p);

	*yes = rc || p.status || p.output_len;
	return 0; /* what is not known in time is looked at as if it were there */
}

int rest_try(struct skp_host *host, const struct skp_event *e, int *rests)
{
	const char *file;
	int there = 0, rc = store_name(host, &file);

	*rests = 0;
	if (rc || !*e->head || is_there(host, file))
		return rc;
	rc = host->rest(host, SKP_BEFORE_COMMIT | SKP_HEALTH, 0, watched(host, file));
	if (!rc)
		there = is_there(host, file);
	if (!rc && !there)
		rc = in_head(host, e->head, file, &there);
	if (!rc && !there)
		rc = in_index(host, file, NULL, &there);
	if (!rc && !there && *e->index)
		rc = in_index(host, file, e->index, &there);
	*rests = !rc && !there;
	return rc || *rests ? rc : host->rest(host, 0, 0, NULL);
}
