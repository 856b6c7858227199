/* SKLOCAL/graph-worktree and SKLOCAL/graph-staged: the edges of the last state of each kind.
 *
 * The file holds the paths, blob ids and edges of one state and a key of all that the resolution
 * depends on beside them.  It is used when the key and the set of paths are the same and no file
 * that holds settings has changed; then only files with another blob are resolved again.  It is
 * replaced in one step; a checksum over all of it is checked when it is loaded, and every number is
 * checked too. Native byte order: it never leaves the machine. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/error.h"
#include "base/io.h"
#include "impact/graph_parts.h"

#define MAGIC "skgraph\n"
#define VERSION 1u
#define MAX_FILE (1u << 30)
#define UNREAD 0x80000000u

struct header {
	char magic[8];
	uint32_t version, crc; /* of the whole file, this field as 0 */
	struct sk_oid key;
	uint32_t files, packages, edges, members, issues, inputs, languages, text;
};

struct file_record {
	struct sk_oid blob;
	uint32_t path, language;        /* 0: none, else a number from 1; UNREAD may be set */
	uint32_t external, edge, issue; /* the first of its own */
};

struct package_record {
	uint32_t name, member;
};

struct issue_record {
	uint32_t line, kind, spec;
};

struct layout {
	const struct header *h;
	const struct file_record *file;       /* one more than there are: the ends */
	const struct package_record *package; /* the same */
	const uint32_t *edge, *member, *input, *language;
	const struct issue_record *issue;
	const char *text;
};

static const char *file_name(const struct sk_graph *g)
{
	return g->opts.state == SK_GRAPH_STAGED ? "graph-staged" : "graph-worktree";
}

static int file_path(const struct sk_graph *g, struct sk_buf *out)
{
	(void)sk_buf_addf(out, "%s/%s", g->repo->sklocal, file_name(g));
	return sk_buf_ok(out);
}

int sk_graph_key(const struct sk_graph *g, struct sk_oid *out)
{
	struct sk_buf outside = SK_BUF_INIT;
	const char *roots = sk_config_get(g->repo->config, "impact.roots");
	uint32_t version = SK_RESOLVE_VERSION;
	struct sk_hash h;
	int rc = sk_resolver_outside_now(g->repo->worktree, &outside);

	sk_hash_init(&h);
	sk_hash_update(&h, &version, sizeof version);
	sk_hash_update(&h, roots ? roots : "", roots ? strlen(roots) + 1 : 1);
	sk_hash_update(&h, sk_buf_str(&outside), outside.len + 1);
	for (size_t i = 0; i < sk_languages_count(g->languages); i++) {
		const struct sk_language *l = sk_languages_at(g->languages, i);
		const char *name = sk_language_name(l), *resolver = sk_language_resolver(l);

		sk_hash_update(&h, name, strlen(name) + 1);
		sk_hash_update(&h, resolver, strlen(resolver) + 1);
		sk_hash_update(&h, sk_language_version(l)->id, SK_OID_RAW);
	}
	sk_hash_final(&h, out);
	sk_buf_free(&outside);
	return rc;
}

/* Writing */

struct out {
	struct sk_buf file, package, edge, member, issue, input, language, text;
};

static uint32_t add_text(struct out *o, const char *text)
{
	uint32_t at = (uint32_t)o->text.len;

	(void)sk_buf_add(&o->text, text, strlen(text) + 1);
	return at;
}

static uint32_t language_number(const struct sk_graph *g, const struct sk_language *language)
{
	for (size_t i = 0; language && i < sk_languages_count(g->languages); i++)
		if (sk_languages_at(g->languages, i) == language)
			return (uint32_t)i + 1;
	return 0;
}

static void add_file(const struct sk_graph *g, uint32_t i, struct out *o)
{
	struct file_record r = { .edge = (uint32_t)(o->edge.len / sizeof(uint32_t)),
		                 .issue = (uint32_t)(o->issue.len / sizeof(struct issue_record)) };

	if (i < g->n) {
		const struct sk_link *l = &g->link[i];

		r.blob = g->blob[i];
		r.path = add_text(o, g->path[i]);
		r.language = language_number(g, l->language) | (l->unread ? UNREAD : 0);
		r.external = l->external;
		(void)sk_buf_add(&o->edge, l->edge, l->n_edges * sizeof *l->edge);
		for (uint32_t k = 0; k < l->n_issues; k++) {
			struct issue_record issue = { l->issue[k].line, l->issue[k].kind,
				                      add_text(o, l->issue[k].spec) };

			(void)sk_buf_add(&o->issue, &issue, sizeof issue);
		}
	}
	(void)sk_buf_add(&o->file, &r, sizeof r);
}

static void add_package(const struct sk_graph *g, uint32_t i, struct out *o)
{
	struct package_record r = { 0, (uint32_t)(o->member.len / sizeof(uint32_t)) };

	if (i < g->n_packages) {
		r.name = add_text(o, g->package[i].name);
		(void)sk_buf_add(&o->member, g->package[i].member,
		                 g->package[i].n * sizeof(uint32_t));
	}
	(void)sk_buf_add(&o->package, &r, sizeof r);
}

static int put_together(const struct sk_graph *g, struct out *o, struct sk_buf *all)
{
	const struct sk_buf *const part[] = { &o->file,  &o->package, &o->edge,     &o->member,
		                              &o->issue, &o->input,   &o->language, &o->text };
	struct header h = { .magic = { 0 } };
	int rc = sk_graph_key(g, &h.key);

	memcpy(h.magic, MAGIC, sizeof h.magic);
	h.version = VERSION;
	h.files = g->n;
	h.packages = g->n_packages;
	h.edges = (uint32_t)(o->edge.len / sizeof(uint32_t));
	h.members = (uint32_t)(o->member.len / sizeof(uint32_t));
	h.issues = (uint32_t)(o->issue.len / sizeof(struct issue_record));
	h.inputs = g->n_inputs;
	h.languages = (uint32_t)(o->language.len / sizeof(uint32_t));
	h.text = (uint32_t)o->text.len;
	(void)sk_buf_add(all, &h, sizeof h);
	for (size_t i = 0; i < sizeof part / sizeof *part && !rc; i++) {
		rc = sk_buf_ok(part[i]);
		(void)sk_buf_add(all, part[i]->ptr, part[i]->len);
	}
	if (!rc)
		rc = sk_buf_ok(all);
	if (!rc && all->len > MAX_FILE)
		rc = sk_error(SK_EREFUSED, "the graph is too big to be kept");
	if (rc)
		return rc;
	h.crc = (uint32_t)crc32_z(0, (const void *)all->ptr, all->len);
	memcpy(all->ptr, &h, sizeof h);
	return 0;
}

void sk_graph_save(const struct sk_graph *g)
{
	struct out o = { 0 };
	struct sk_buf all = SK_BUF_INIT, path = SK_BUF_INIT;

	(void)add_text(&o, "");
	for (uint32_t i = 0; i <= g->n; i++)
		add_file(g, i, &o);
	for (uint32_t i = 0; i <= g->n_packages; i++)
		add_package(g, i, &o);
	for (size_t i = 0; i < sk_languages_count(g->languages); i++) {
		uint32_t at = add_text(&o, sk_language_name(sk_languages_at(g->languages, i)));

		(void)sk_buf_add(&o.language, &at, sizeof at);
	}
	(void)sk_buf_add(&o.input, g->input, g->n_inputs * sizeof *g->input);
	if (put_together(g, &o, &all) == 0 && file_path(g, &path) == 0)
		(void)sk_write_file(AT_FDCWD, path.ptr, all.ptr, all.len, 0600, false);
	sk_error_clear();
	for (struct sk_buf *b = &o.file; b <= &o.text; b++)
		sk_buf_free(b);
	sk_buf_free(&all);
	sk_buf_free(&path);
}

/* Reading */

static bool take_part(const char **p, const char *end, size_t n, size_t size, const void **out)
{
	if (n > (size_t)(end - *p) / size)
		return false;
	*out = *p;
	*p += n * size;
	return true;
}

static bool lay_out(const char *map, size_t len, struct layout *l)
{
	const struct header *h = (const void *)map;
	struct header zero;
	const char *p = map + sizeof *h, *end = map + len;
	uLong crc;

	if (len < sizeof *h || memcmp(h->magic, MAGIC, sizeof h->magic) != 0 ||
	    h->version != VERSION)
		return false;
	zero = *h;
	zero.crc = 0;
	crc = crc32_z(0, (const void *)&zero, sizeof zero);
	if ((uint32_t)crc32_z(crc, (const void *)p, (size_t)(end - p)) != h->crc)
		return false;
	l->h = h;
	return take_part(&p, end, (size_t)h->files + 1, sizeof *l->file, (const void **)&l->file) &&
	       take_part(&p, end, (size_t)h->packages + 1, sizeof *l->package,
	                 (const void **)&l->package) &&
	       take_part(&p, end, h->edges, sizeof *l->edge, (const void **)&l->edge) &&
	       take_part(&p, end, h->members, sizeof *l->member, (const void **)&l->member) &&
	       take_part(&p, end, h->issues, sizeof *l->issue, (const void **)&l->issue) &&
	       take_part(&p, end, h->inputs, sizeof *l->input, (const void **)&l->input) &&
	       take_part(&p, end, h->languages, sizeof *l->language, (const void **)&l->language) &&
	       take_part(&p, end, h->text, 1, (const void **)&l->text) && p == end && h->text &&
	       l->text[h->text - 1] == '\0';
}

/* Whether every number is within its table. */
static bool sound(const struct layout *l)
{
	const struct header *h = l->h;
	bool ok = l->file[h->files].edge == h->edges && l->file[h->files].issue == h->issues &&
	          l->package[h->packages].member == h->members;

	for (uint32_t i = 0; i < h->files && ok; i++)
		ok = l->file[i].path < h->text && l->file[i].edge <= l->file[i + 1].edge &&
		     l->file[i].issue <= l->file[i + 1].issue &&
		     (l->file[i].language & ~UNREAD) <= h->languages;
	for (uint32_t i = 0; i < h->packages && ok; i++)
		ok = l->package[i].name < h->text &&
		     l->package[i].member <= l->package[i + 1].member;
	for (uint32_t i = 0; i < h->edges && ok; i++)
		ok = (l->edge[i] & ~SK_EDGE_WEAK) < (uint64_t)h->files + h->packages;
	for (uint32_t i = 0; i < h->members && ok; i++)
		ok = l->member[i] < h->files;
	for (uint32_t i = 0; i < h->issues && ok; i++)
		ok = l->issue[i].spec < h->text && l->issue[i].kind <= SK_ISSUE_UNREAD;
	for (uint32_t i = 0; i < h->inputs && ok; i++)
		ok = l->input[i] < h->files;
	for (uint32_t i = 0; i < h->languages && ok; i++)
		ok = l->language[i] < h->text;
	return ok;
}

static const struct sk_language *language_named(const struct sk_graph *g, const char *name)
{
	for (size_t i = 0; i < sk_languages_count(g->languages); i++)
		if (strcmp(sk_language_name(sk_languages_at(g->languages, i)), name) == 0)
			return sk_languages_at(g->languages, i);
	return NULL;
}

static int take_links(struct sk_graph *g, const struct layout *l, struct sk_graph_issue_text *issue)
{
	const struct sk_language *language[256];

	if (l->h->languages >= 256)
		return SK_ENO;
	language[0] = NULL;
	for (uint32_t i = 0; i < l->h->languages; i++)
		language[i + 1] = language_named(g, l->text + l->language[i]);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct file_record *f = &l->file[i];

		g->link[i] = (struct sk_link){ .edge = l->edge + f->edge,
			                       .n_edges = f[1].edge - f->edge,
			                       .issue = issue + f->issue,
			                       .n_issues = f[1].issue - f->issue,
			                       .external = f->external,
			                       .language = language[f->language & ~UNREAD],
			                       .unread = (f->language & UNREAD) != 0 };
	}
	for (uint32_t i = 0; i < l->h->issues; i++)
		issue[i] = (struct sk_graph_issue_text){ l->issue[i].line, l->issue[i].kind,
			                                 l->text + l->issue[i].spec };
	return 0;
}

static int take_rest(struct sk_graph *g, const struct layout *l)
{
	const struct header *h = l->h;

	g->package = calloc((size_t)h->packages + 1, sizeof *g->package);
	g->input = calloc((size_t)h->inputs + 1, sizeof *g->input);
	if (!g->package || !g->input)
		return sk_error_oom();
	for (uint32_t i = 0; i < h->packages; i++)
		g->package[i] =
		        (struct sk_package){ l->text + l->package[i].name,
			                     l->member + l->package[i].member,
			                     l->package[i + 1].member - l->package[i].member };
	memcpy(g->input, l->input, h->inputs * sizeof *g->input);
	g->n_packages = h->packages;
	g->n_inputs = h->inputs;
	return 0;
}

/* The same paths?  Then which have another blob, and is one of them a file of settings. */
static int compare(const struct sk_graph *g, const struct layout *l, uint32_t *dirty, size_t *n)
{
	const struct header *h = l->h;
	uint32_t input = 0;

	if (h->files != g->n)
		return SK_ENO;
	*n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		if (strcmp(l->text + l->file[i].path, g->path[i]) != 0)
			return SK_ENO;
		while (input < h->inputs && l->input[input] < i)
			input++;
		if (sk_oid_eq(&l->file[i].blob, &g->blob[i]))
			continue;
		if (input < h->inputs && l->input[input] == i)
			return SK_ENO;
		dirty[(*n)++] = i;
	}
	return 0;
}

static int map_file(struct sk_graph *g)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	int fd, rc = file_path(g, &path);
	void *map = MAP_FAILED;

	if (rc)
		return rc;
	fd = open(path.ptr, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= MAX_FILE)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&path);
	if (map == MAP_FAILED)
		return SK_ENO;
	g->map = map;
	g->map_len = (size_t)st.st_size;
	return 0;
}

int sk_graph_load(struct sk_graph *g, uint32_t **dirty, size_t *n_dirty)
{
	struct layout l;
	struct sk_oid key;
	uint32_t *list = NULL;
	int rc = map_file(g);

	if (!rc)
		rc = lay_out(g->map, g->map_len, &l) && sound(&l) ? 0 : SK_ENO;
	if (!rc)
		rc = sk_graph_key(g, &key);
	if (!rc && !sk_oid_eq(&key, &l.h->key))
		rc = SK_ENO;
	if (rc)
		return rc;
	list = malloc(((size_t)g->n + 1) * sizeof *list);
	g->kept_issues = calloc((size_t)l.h->issues + 1, sizeof *g->kept_issues);
	rc = list && g->kept_issues ? compare(g, &l, list, n_dirty) : sk_error_oom();
	if (!rc)
		rc = take_links(g, &l, g->kept_issues);
	if (!rc)
		rc = take_rest(g, &l);
	if (rc)
		free(list);
	else
		*dirty = list;
	return rc;
}
