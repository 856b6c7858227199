#include "impact/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/error.h"
#include "base/io.h"

#define MAGIC "skimport"
#define VERSION 1u
#define MAX_FILE (256u << 20)
#define NO_LANGUAGE 0xffu
#define OLD_MAX 32 /* saves that a record may go unasked for */

struct header {
	char magic[8];
	uint32_t version, languages, records, crc; /* crc: of all tables, this field as 0 */
	uint64_t size;
};

struct language {
	char name[44];
	struct sk_oid version;
};

struct record {
	struct sk_oid blob;
	uint8_t hint, language; /* numbers in the table; NO_LANGUAGE */
	uint8_t unread, age;
	uint32_t off, len, crc;
};

struct fresh {
	struct record record; /* numbers are those of `all` */
	size_t text;
};

struct sk_imports_cache {
	const struct sk_languages *all;
	const unsigned char *map;
	size_t len;
	const struct record *record;
	size_t n;
	uint8_t *now; /* table number -> number in `all`, or NO_LANGUAGE: other rules */
	bool *asked;
	struct fresh *fresh;
	size_t n_fresh, cap_fresh;
	struct sk_buf text;
};

static uint8_t number_of(const struct sk_languages *all, const struct sk_language *language)
{
	for (size_t i = 0; language && i < sk_languages_count(all) && i < NO_LANGUAGE; i++)
		if (sk_languages_at(all, i) == language)
			return (uint8_t)i;
	return NO_LANGUAGE;
}

static uint32_t crc_of(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}

static size_t tables_len(const struct header *h)
{
	return sizeof *h + h->languages * sizeof(struct language) +
	       h->records * sizeof(struct record);
}

static bool good_file(const unsigned char *map, size_t len)
{
	struct header h, zero;
	uLong crc;

	if (len < sizeof h)
		return false;
	memcpy(&h, map, sizeof h);
	if (memcmp(h.magic, MAGIC, sizeof h.magic) != 0 || h.version != VERSION || h.size != len ||
	    h.languages > NO_LANGUAGE || h.records > MAX_FILE / sizeof(struct record) ||
	    tables_len(&h) > len)
		return false;
	zero = h;
	zero.crc = 0;
	crc = crc32_z(0, (const void *)&zero, sizeof zero);
	return (uint32_t)crc32_z(crc, map + sizeof h, tables_len(&h) - sizeof h) == h.crc;
}

static int take_tables(struct sk_imports_cache *c)
{
	const struct header *h = (const void *)c->map;
	const struct language *table = (const void *)(c->map + sizeof *h);

	c->record = (const void *)(table + h->languages);
	c->n = h->records;
	c->now = malloc(h->languages + 1);
	c->asked = calloc(c->n + 1, sizeof *c->asked);
	if (!c->now || !c->asked)
		return sk_error_oom();
	for (uint32_t i = 0; i < h->languages; i++) {
		c->now[i] = NO_LANGUAGE;
		for (size_t k = 0; k < sk_languages_count(c->all) && k < NO_LANGUAGE; k++) {
			const struct sk_language *l = sk_languages_at(c->all, k);

			if (strncmp(table[i].name, sk_language_name(l), sizeof table[i].name) ==
			            0 &&
			    sk_oid_eq(&table[i].version, sk_language_version(l)))
				c->now[i] = (uint8_t)k;
		}
	}
	return 0;
}

int sk_imports_cache_open(const char *path, const struct sk_languages *languages,
                          struct sk_imports_cache **out)
{
	struct sk_imports_cache *c = calloc(1, sizeof *c);
	struct stat st;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1, rc = 0;
	void *map = MAP_FAILED;

	if (c && fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)sizeof(struct header) && st.st_size <= MAX_FILE)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (!c) {
		if (map != MAP_FAILED)
			(void)munmap(map, (size_t)st.st_size);
		return sk_error_oom();
	}
	c->all = languages;
	if (map != MAP_FAILED) {
		c->map = map;
		c->len = (size_t)st.st_size;
		if (good_file(c->map, c->len))
			rc = take_tables(c);
	}
	if (rc)
		sk_imports_cache_close(c);
	else
		*out = c;
	return rc;
}

void sk_imports_cache_close(struct sk_imports_cache *c)
{
	if (!c)
		return;
	if (c->map)
		(void)munmap((void *)(uintptr_t)c->map, c->len);
	free(c->now);
	free(c->asked);
	free(c->fresh);
	sk_buf_free(&c->text);
	free(c);
}

void sk_cached_clear(struct sk_cached *cached)
{
	free(cached->imports.item);
	memset(cached, 0, sizeof *cached);
}

/* A record's text: cut, number of imports, then of each its kind, type_only, has a name, line, and
 * the strings with their NUL. */

static int write_text(struct sk_buf *out, const struct sk_imports *im)
{
	uint32_t n = (uint32_t)im->n;

	(void)sk_buf_addc(out, (char)im->cut);
	(void)sk_buf_add(out, &n, sizeof n);
	for (size_t i = 0; i < im->n; i++) {
		const struct sk_import *m = &im->item[i];

		(void)sk_buf_addc(out, (char)m->kind);
		(void)sk_buf_addc(out, (char)m->type_only);
		(void)sk_buf_addc(out, m->name ? 1 : 0);
		(void)sk_buf_add(out, &m->line, sizeof m->line);
		(void)sk_buf_add(out, m->spec, strlen(m->spec) + 1);
		if (m->name)
			(void)sk_buf_add(out, m->name, strlen(m->name) + 1);
	}
	return sk_buf_ok(out);
}

static const char *take_string(const unsigned char **p, const unsigned char *end)
{
	const char *text = (const char *)*p;
	const unsigned char *nul = *p < end ? memchr(*p, '\0', (size_t)(end - *p)) : NULL;

	if (nul)
		*p = nul + 1;
	return nul ? text : NULL;
}

/* SK_EDAMAGED: nothing was taken. */
static int read_text(const unsigned char *p, size_t len, struct sk_imports *out)
{
	const unsigned char *end = p + len;
	uint32_t n;

	if (len < 5)
		return SK_EDAMAGED;
	memcpy(&n, p + 1, sizeof n);
	if (n > len / 8)
		return SK_EDAMAGED;
	out->cut = p[0] != 0;
	out->item = calloc((size_t)n + 1, sizeof *out->item);
	if (!out->item)
		return sk_error_oom();
	p += 5;
	for (out->n = 0; out->n < n; out->n++) {
		struct sk_import *m = &out->item[out->n];
		bool named;

		if (end - p < 8)
			break;
		m->kind = p[0];
		m->type_only = p[1] != 0;
		named = p[2] != 0;
		memcpy(&m->line, p + 3, sizeof m->line);
		p += 7;
		m->spec = take_string(&p, end);
		m->name = m->spec && named ? take_string(&p, end) : NULL;
		if (!m->spec || (named && !m->name))
			break;
	}
	if (out->n == n)
		return 0;
	free(out->item);
	memset(out, 0, sizeof *out);
	return SK_EDAMAGED;
}

/* Whether its languages are in the table: the file's sum does not say that of them. */
static bool names_tables(const struct sk_imports_cache *c, const struct record *r)
{
	const struct header *h = (const void *)c->map;

	return (r->hint == NO_LANGUAGE || r->hint < h->languages) &&
	       (r->language == NO_LANGUAGE || r->language < h->languages);
}

int sk_imports_cache_get(struct sk_imports_cache *c, const struct sk_oid *blob,
                         const struct sk_language *hint, struct sk_cached *out)
{
	uint8_t want = number_of(c->all, hint);
	size_t lo = 0, hi = c->n;
	int rc;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sk_oid_cmp(&c->record[mid].blob, blob) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < c->n && sk_oid_eq(&c->record[lo].blob, blob); lo++) {
		const struct record *r = &c->record[lo];
		bool known = names_tables(c, r);
		uint8_t now = known && r->hint != NO_LANGUAGE ? c->now[r->hint] : NO_LANGUAGE;
		uint8_t language =
		        known && r->language != NO_LANGUAGE ? c->now[r->language] : NO_LANGUAGE;

		if (!known || now != want || (r->hint != NO_LANGUAGE && now == NO_LANGUAGE) ||
		    (r->language != NO_LANGUAGE && language == NO_LANGUAGE) || r->off > c->len ||
		    r->len > c->len - r->off || crc_of(c->map + r->off, r->len) != r->crc)
			continue;
		memset(out, 0, sizeof *out);
		rc = read_text(c->map + r->off, r->len, &out->imports);
		if (rc == SK_EDAMAGED)
			continue;
		out->language = language == NO_LANGUAGE ? NULL : sk_languages_at(c->all, language);
		out->unread = r->unread != 0;
		c->asked[lo] = true;
		return rc;
	}
	return SK_ENO;
}

int sk_imports_cache_put(struct sk_imports_cache *c, const struct sk_oid *blob,
                         const struct sk_language *hint, const struct sk_language *language,
                         const struct sk_imports *imports, bool unread)
{
	size_t from = c->text.len;
	struct fresh *f;
	int rc;

	if (c->n_fresh == c->cap_fresh) {
		size_t cap = c->cap_fresh ? c->cap_fresh * 2 : 64;

		f = reallocarray(c->fresh, cap, sizeof *f);
		if (!f)
			return sk_error_oom();
		c->fresh = f;
		c->cap_fresh = cap;
	}
	rc = write_text(&c->text, imports);
	if (rc)
		return rc;
	f = &c->fresh[c->n_fresh++];
	f->text = from;
	f->record = (struct record){ *blob,
		                     number_of(c->all, hint),
		                     number_of(c->all, language),
		                     unread,
		                     0,
		                     0,
		                     (uint32_t)(c->text.len - from),
		                     crc_of(c->text.ptr + from, c->text.len - from) };
	return 0;
}

size_t sk_imports_cache_fresh(const struct sk_imports_cache *c)
{
	return c->n_fresh;
}

struct keep {
	struct record record;
	const unsigned char *text;
};

static int by_blob(const void *x, const void *y)
{
	const struct keep *a = x, *b = y;
	int order = sk_oid_cmp(&a->record.blob, &b->record.blob);

	return order ? order : (a->record.age > b->record.age) - (a->record.age < b->record.age);
}

/* What goes on: all that is new or was asked for; of the rest, the lately used, no more than those.
 */
static struct keep *choose(const struct sk_imports_cache *c, size_t *out)
{
	struct keep *keep = calloc(c->n + c->n_fresh + 1, sizeof *keep);
	size_t n = 0, spare = 4096;

	for (size_t i = 0; keep && i < c->n_fresh; i++)
		keep[n++] = (struct keep){ c->fresh[i].record,
			                   (const unsigned char *)c->text.ptr + c->fresh[i].text };
	for (int asked = 1; keep && asked >= 0; asked--) {
		for (size_t i = 0; i < c->n && spare; i++) {
			struct record r = c->record[i];

			if (c->asked[i] != (asked == 1) || r.off > c->len ||
			    r.len > c->len - r.off || !names_tables(c, &r))
				continue;
			r.age = asked ? 0 : (uint8_t)(r.age + 1);
			r.hint = r.hint == NO_LANGUAGE ? r.hint : c->now[r.hint];
			if ((r.hint == NO_LANGUAGE) != (c->record[i].hint == NO_LANGUAGE) ||
			    (r.language != NO_LANGUAGE && c->now[r.language] == NO_LANGUAGE) ||
			    r.age > OLD_MAX)
				continue;
			r.language = r.language == NO_LANGUAGE ? r.language : c->now[r.language];
			keep[n++] = (struct keep){ r, c->map + r.off };
			spare -= !asked;
		}
		spare = asked ? n + 4096 : 0;
	}
	*out = n;
	return keep;
}

static int write_all(const struct sk_imports_cache *c, const struct keep *keep, size_t n,
                     struct sk_buf *out)
{
	struct header h = { MAGIC, VERSION, 0, (uint32_t)n, 0, 0 };
	uint64_t off;
	int rc;

	h.languages = (uint32_t)sk_languages_count(c->all);
	if (h.languages > NO_LANGUAGE)
		h.languages = NO_LANGUAGE;
	off = tables_len(&h);
	(void)sk_buf_add(out, &h, sizeof h);
	for (uint32_t i = 0; i < h.languages; i++) {
		struct language l = { .version = *sk_language_version(sk_languages_at(c->all, i)) };
		const char *name = sk_language_name(sk_languages_at(c->all, i));

		memcpy(l.name, name, strnlen(name, sizeof l.name));
		(void)sk_buf_add(out, &l, sizeof l);
	}
	for (size_t i = 0; i < n; i++) {
		struct record r = keep[i].record;

		if (off + r.len > MAX_FILE)
			return SK_EREFUSED;
		r.off = (uint32_t)off;
		off += r.len;
		(void)sk_buf_add(out, &r, sizeof r);
	}
	for (size_t i = 0; i < n; i++)
		(void)sk_buf_add(out, keep[i].text, keep[i].record.len);
	rc = sk_buf_ok(out);
	if (rc)
		return rc;
	h.size = out->len;
	memcpy(out->ptr, &h, sizeof h);
	h.crc = crc_of(out->ptr, tables_len(&h));
	memcpy(out->ptr, &h, sizeof h);
	return 0;
}

void sk_imports_cache_save(struct sk_imports_cache *c, const char *path)
{
	struct sk_buf out = SK_BUF_INIT;
	size_t n = 0;
	struct keep *keep = choose(c, &n);

	if (keep)
		qsort(keep, n, sizeof *keep, by_blob);
	if (keep && write_all(c, keep, n, &out) == 0)
		(void)sk_write_file(AT_FDCWD, path, out.ptr, out.len, 0600, false);
	sk_error_clear();
	free(keep);
	sk_buf_free(&out);
}
