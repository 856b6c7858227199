/* Reading imports with a few threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/term.h"
#include "impact/graph_parts.h"

struct work {
	struct sk_graph *g;
	const uint32_t *file;
	struct sk_read *out;
	const uint32_t *todo; /* numbers in file and out */
	size_t n;
	atomic_size_t next;
	atomic_int rc;
};

void sk_reads_free(struct sk_read *read, size_t n)
{
	for (size_t i = 0; read && i < n; i++) {
		if (read[i].fresh)
			sk_imports_clear(&read[i].imports);
		else
			free(read[i].imports.item);
	}
	free(read);
}

static int read_one(struct work *w, size_t k, struct sk_buf *text)
{
	struct sk_read *r = &w->out[k];
	uint32_t file = w->file[k];
	const char *path = w->g->path[file];
	int rc;

	sk_buf_clear(text);
	rc = sk_graph_read(w->g, file, text);
	r->fresh = true;
	if (text->oom)
		return sk_error_oom();
	if (rc) {
		r->language = sk_language_of(w->g->languages, path, NULL, 0);
		r->unread = true;
		return 0;
	}
	r->language = sk_language_of(w->g->languages, path, sk_buf_str(text), text->len);
	if (!r->language)
		return 0;
	rc = sk_extract(r->language, sk_buf_str(text), text->len, &r->imports);
	r->unread = !rc && r->imports.cut;
	return rc;
}

static void *run(void *arg)
{
	struct work *w = arg;
	struct sk_buf text = SK_BUF_INIT;
	size_t i;

	while (!atomic_load(&w->rc) && (i = atomic_fetch_add(&w->next, 1)) < w->n) {
		int rc = i % 64 == 63 ? sk_graph_late(w->g) : 0;

		if (i % 64 == 63)
			sk_progress("reading source files", i, w->n);
		if (!rc)
			rc = read_one(w, w->todo[i], &text);
		if (rc)
			atomic_store(&w->rc, rc);
	}
	sk_buf_free(&text);
	return NULL;
}

static unsigned threads(const struct sk_graph *g, size_t n)
{
	long cpus = g->opts.threads ? (long)g->opts.threads : sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1 || n < 16)
		return 1;
	return cpus > 8 ? 8 : (unsigned)cpus;
}

static int run_all(struct work *w)
{
	pthread_t thread[8];
	unsigned n = threads(w->g, w->n), started = 0;
	int rc;

	while (started + 1 < n && pthread_create(&thread[started], NULL, run, w) == 0)
		started++;
	(void)run(w);
	while (started)
		(void)pthread_join(thread[--started], NULL);
	sk_progress_end();
	rc = atomic_load(&w->rc);
	/* the message was another thread's */
	if (rc == SK_EBUSY)
		return sk_graph_late(w->g);
	return rc ? sk_error_oom() : 0;
}

/* A name without a dot may be a script. */
static bool may_be_script(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strchr(slash ? slash : path, '.');
}

int sk_graph_extract(struct sk_graph *g, const uint32_t *file, size_t n, struct sk_read *out)
{
	uint32_t *todo = malloc((n + 1) * sizeof *todo);
	struct work w = { .g = g, .file = file, .out = out, .todo = todo };
	int rc = todo ? 0 : sk_error_oom(), kept = 0;

	for (size_t k = 0; k < n && !rc; k++) {
		const struct sk_language *hint =
		        sk_language_of(g->languages, g->path[file[k]], NULL, 0);
		struct sk_cached have;

		if (g->link_file[file[k]] || (!hint && !may_be_script(g->path[file[k]])))
			continue;
		rc = g->opts.fresh ? SK_ENO
		                   : sk_imports_cache_get(g->cache, &g->blob[file[k]], hint, &have);
		if (!rc)
			out[k] =
			        (struct sk_read){ have.imports, have.language, have.unread, false };
		else if (rc == SK_ENO)
			todo[w.n++] = (uint32_t)k;
		rc = rc == SK_ENO ? 0 : rc;
	}
	if (!rc)
		rc = run_all(&w);
	/* what was read is kept though the time was up */
	for (size_t i = 0; i < w.n && !kept; i++) {
		const struct sk_read *r = &out[todo[i]];
		uint32_t f = file[todo[i]];

		if (r->fresh && (!r->unread || r->imports.cut))
			kept = sk_imports_cache_put(
			        g->cache, &g->blob[f],
			        sk_language_of(g->languages, g->path[f], NULL, 0), r->language,
			        &r->imports, r->unread);
	}
	free(todo);
	return rc ? rc : kept;
}
