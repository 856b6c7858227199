/* gate.c - before a commit: a flag that goes while code still speaks of it, and a flag that comes
 * together with the removal of what it would switch back to.  What counts is what is staged.
 *
 * Most commits leave the file of flags alone: then one `git diff-index` is all. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "eval.h"
#include "refs.h"
#include "replace.h"
#include "store.h"

#define SHOWN 20      /* of one flag */
#define MARGIN_MS 250 /* to tell what was found */

struct gate {
	struct skp_host *host;
	const char *file;
	const char *env[2]; /* the index */
	struct flags old, now;
};

static int64_t time_for(struct skp_host *host)
{
	int64_t left = host->time_left(host);

	return left < 0 ? 0 : left > 2 * MARGIN_MS ? left - MARGIN_MS : left / 2 + 1;
}

static int git(struct gate *g, const char *const *argv, struct skp_process *p)
{
	*p = (struct skp_process){ .argv = argv,
		                   .dir = g->host->worktree,
		                   .env = g->env[0] ? g->env : NULL,
		                   .timeout_ms = time_for(g->host),
		                   .flags = SKP_RUN_GIT | SKP_RUN_QUIET };
	return g->host->run(g->host, p);
}

static int find(struct gate *g, const char *rule, uint32_t severity, const char *path, long line,
                const char *words)
{
	const struct skp_finding f = { rule, severity, path, line, words };

	return g->host->finding(g->host, &f);
}

/* What the file is in one of the two; a missing one is empty. */
static int read_side(struct gate *g, const char *hex, struct flags *out)
{
	struct skp_host *host = g->host;
	struct skp_oid oid;
	uint32_t type = 0;
	void *data = NULL;
	size_t len = 0;
	int rc = 0;

	flags_read("", 0, out);
	if (strspn(hex, "0") >= 40)
		return 0;
	rc = host->parse_hex(host, hex, &oid);
	if (!rc)
		rc = host->read(host, &oid, &type, &data, &len);
	if (rc || type != SKP_BLOB || len > FLAG_FILE_MAX ||
	    store_check(host, g->file, data, len) != 0)
		return rc ? rc : SKP_ENO;
	flags_read(data, len, out);
	return 0;
}

/* 1: the commit changes the file. */
static int read_both(struct gate *g, int *changes)
{
	const char *const argv[] = {
		"diff-index", "--cached",    "--raw",
		"-z",         "--no-abbrev", "--no-renames",
		"HEAD",       "--",          fl_format(":(top,literal)%s", g->file),
		NULL
	};
	struct skp_process p;
	int rc = git(g, argv, &p);

	*changes = !rc && !p.status && p.output_len > 15 + 41 + 40;
	if (rc || !*changes)
		return rc;
	rc = read_side(g, p.output + 15, &g->old);
	if (rc == SKP_ENO) { /* what was there was no file of flags */
		*changes = 0;
		return 0;
	}
	if (!rc)
		rc = read_side(g, p.output + 15 + 41, &g->now);
	if (rc != SKP_ENO)
		return rc;
	*changes = 0;
	return find(g, "flag-file", SKP_WARNING, g->file, 0, g->host->message(g->host));
}

/* Those of `a` that are not in `b`. */
static struct flag *without(const struct flags *a, const struct flags *b, size_t *n)
{
	struct flag *list = fl_alloc(a->n, sizeof *list);

	*n = 0;
	for (size_t i = 0; i < a->n; i++)
		if (!flags_find(b, a->flag[i].name))
			list[(*n)++] = a->flag[i];
	return list;
}

struct used {
	struct gate *gate;
	const struct flag *gone;
	size_t *times; /* of each */
	const char *path;
	long line;
	int rc;
};

static void take(void *ctx, size_t flag, size_t at, size_t len)
{
	struct used *u = ctx;
	struct gate *g = u->gate;

	(void)at;
	(void)len;
	if (u->times[flag]++ < SHOWN && !u->rc)
		u->rc = find(g, "flag-removed", SKP_ERROR, u->path, u->line,
		             fl_format("flag %s is taken out of %s and is still used here",
		                       u->gone[flag].name, g->file));
}

/* "PATH\0LINE\0TEXT\n"...; files with the mark of an export are left out. */
static int take_lines(struct used *u, const struct matcher *m, const char *p, const char *end)
{
	const char *generated = "";

	while (p < end && !u->rc) {
		const char *line = p + strlen(p) + 1, *text, *eol;

		text = line < end ? line + strlen(line) + 1 : end;
		eol = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
		if (text >= end)
			break;
		if (!eol)
			eol = end;
		u->path = p;
		u->line = strtol(line, NULL, 10);
		if (u->line <= 2 &&
		    memmem(text, (size_t)(eol - text), REFS_MARK, strlen(REFS_MARK)))
			generated = p;
		if (strcmp(generated, p) != 0 && !refs_is_prose(p))
			matcher_find(m, text, (size_t)(eol - text), take, u);
		p = eol + (eol < end);
	}
	return u->rc;
}

static int check_removed(struct gate *g, const struct flag *gone, size_t n)
{
	static const char *const begin[] = { "grep", "--cached",   "-n", "-z",      "-I",
		                             "-F",   "--no-color", "-e", REFS_MARK, NULL };
	struct used u = { .gate = g, .gone = gone, .times = fl_alloc(n, sizeof *u.times) };
	struct matcher *m = matcher_new(gone, n);
	const char **argv = NULL, **spec, *const * words;
	struct skp_process p;
	size_t k = 0;
	int rc = refs_pathspecs(g->host, &spec);

	if (rc)
		return rc;
	matcher_yield(m, g->now.flag, g->now.n);
	words = matcher_words(m);
	for (size_t i = 0; begin[i]; i++, k++)
		(argv = fl_more(argv, k, sizeof *argv))[k] = begin[i];
	for (size_t i = 0; words[i]; i++) {
		(argv = fl_more(argv, k, sizeof *argv))[k] = "-e";
		k++;
		(argv = fl_more(argv, k, sizeof *argv))[k] = words[i];
		k++;
	}
	(argv = fl_more(argv, k, sizeof *argv))[k] = "--";
	k++;
	for (size_t i = 0; !i || spec[i - 1]; i++, k++)
		(argv = fl_more(argv, k, sizeof *argv))[k] = spec[i];
	rc = git(g, argv, &p);
	if (!rc && p.status > 1)
		rc = g->host->error(g->host, SKP_EIO,
		                    "git grep failed; is [plugin \"feature-flag\"] "
		                    "exclude right?");
	if (rc)
		return find(g, "flag-unchecked", SKP_WARNING, g->file, 0,
		            fl_format("whether code still uses the flags that go could not be "
		                      "found out: %s",
		                      g->host->message(g->host)));
	rc = take_lines(&u, m, p.output, p.output + p.output_len);
	for (size_t i = 0; i < n && !rc; i++)
		if (u.times[i] > SHOWN)
			rc = find(g, "flag-removed", SKP_ERROR, g->file, 0,
			          fl_format("flag %s is used in %zu more places", gone[i].name,
			                    u.times[i] - SHOWN));
	return rc;
}

static int check_added(struct gate *g, const struct flag *come, size_t n)
{
	const char *const merge[] = { "rev-parse", "--verify", "-q", "MERGE_HEAD", NULL };
	static const char *const begin[] = { "diff",
		                             "--cached",
		                             "-w",
		                             "-U0",
		                             "--inter-hunk-context=0",
		                             "--no-color",
		                             "--no-ext-diff",
		                             "--no-textconv",
		                             "--no-renames",
		                             "--src-prefix=a/",
		                             "--dst-prefix=b/",
		                             "HEAD",
		                             "--",
		                             NULL };
	const char **argv = NULL, **spec;
	struct skp_process p;
	size_t k = 0;
	int rc = git(g, merge, &p);

	if (rc || p.status == 0) /* others' flags come with others' changes */
		return rc;
	rc = refs_pathspecs(g->host, &spec);
	if (rc)
		return rc;
	for (size_t i = 0; begin[i]; i++, k++)
		(argv = fl_more(argv, k, sizeof *argv))[k] = begin[i];
	for (size_t i = 0; !i || spec[i - 1]; i++, k++)
		(argv = fl_more(argv, k, sizeof *argv))[k] = spec[i];
	rc = git(g, argv, &p);
	return rc || p.status ? rc : replace_check(g->host, p.output, p.output_len, come, n);
}

static int check_broken(struct gate *g)
{
	int rc = 0;

	for (size_t i = 0; i < g->now.n && !rc; i++)
		if (g->now.flag[i].broken)
			rc = find(g, "flag-invalid", SKP_WARNING, g->file,
			          g->now.flag[i].broken_line,
			          fl_format("flag %s: %s", g->now.flag[i].name,
			                    g->now.flag[i].broken));
	return rc;
}

int gate_commit(struct skp_host *host, const struct skp_event *event)
{
	struct gate g = { .host = host };
	struct flag *gone, *come;
	size_t n_gone, n_come;
	int changes = 0, rc = store_name(host, &g.file);

	if (rc || !*event->head) /* nothing was there before a first commit */
		return rc;
	if (*event->index)
		g.env[0] = fl_format("GIT_INDEX_FILE=%s", event->index);
	rc = read_both(&g, &changes);
	if (rc || !changes)
		return rc;
	gone = without(&g.old, &g.now, &n_gone);
	come = without(&g.now, &g.old, &n_come);
	rc = check_broken(&g);
	if (!rc && n_gone)
		rc = check_removed(&g, gone, n_gone);
	if (!rc && n_come)
		rc = check_added(&g, come, n_come);
	return rc;
}
