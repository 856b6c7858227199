#include "store/meta.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repo/index.h"
#include "store/metatree.h"

#define MODE_MAX 07777

void sk_meta_init(struct sk_meta *meta)
{
	*meta = (struct sk_meta){ .usual_file = 0644, .usual_exec = 0755, .usual_dir = 0755 };
}

void sk_meta_clear(struct sk_meta *meta)
{
	for (size_t i = 0; i < meta->n; i++) {
		free(meta->path[i].path);
		free(meta->path[i].reason);
	}
	for (size_t i = 0; i < meta->n_info; i++)
		free(meta->info[i].path);
	free(meta->path);
	free(meta->info);
	sk_meta_init(meta);
}

static int grow(void **array, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap * 2 : 16;
	void *ptr;

	if (n < *cap)
		return 0;
	ptr = realloc(*array, want * size);
	if (!ptr)
		return sk_error_oom();
	*array = ptr;
	*cap = want;
	return 0;
}

static bool is_pattern(char kind)
{
	return kind == 'P' || kind == 'X' || kind == 'I';
}

static int add_path(struct sk_meta *meta, const struct sk_meta_path *like, const char *path,
                    const char *reason)
{
	void *array = meta->path;
	size_t len = strlen(path);
	struct sk_meta_path *p;
	int rc = grow(&array, &meta->cap, meta->n, sizeof *meta->path);

	meta->path = array;
	if (rc)
		return rc;
	if (!is_pattern(like->kind) && len && path[len - 1] == '/')
		len--;
	p = &meta->path[meta->n];
	*p = *like;
	p->path = strndup(path, len);
	p->reason = reason ? strdup(reason) : NULL;
	if (!p->path || (reason && !p->reason)) {
		free(p->path);
		free(p->reason);
		return sk_error_oom();
	}
	for (char *c = p->reason; c && *c; c++)
		if (*c == '\t')
			*c = ' '; /* the record's own separator */
	meta->n++;
	return 0;
}

int sk_meta_add(struct sk_meta *meta, char kind, const char *path, uint16_t mode,
                const char *reason)
{
	struct sk_meta_path like = { .kind = kind, .mode = mode & MODE_MAX };

	return add_path(meta, &like, path, kind == 'S' ? (reason ? reason : "") : NULL);
}

int sk_meta_add_nested(struct sk_meta *meta, const char *path, const struct sk_oid *head,
                       const struct sk_oid *tree)
{
	struct sk_meta_path like = { .kind = 'N', .head = *head, .tree = *tree };

	return add_path(meta, &like, path, NULL);
}

int sk_meta_add_info(struct sk_meta *meta, const char *path, uint32_t mode,
                     const struct sk_oid *oid, uint8_t stage, uint8_t flags)
{
	void *array = meta->info;
	char *copy = strdup(path);
	int rc = copy ? grow(&array, &meta->cap_info, meta->n_info, sizeof *meta->info)
	              : sk_error_oom();

	meta->info = array;
	if (rc) {
		free(copy);
		return rc;
	}
	meta->info[meta->n_info++] = (struct sk_index_info){
		.path = copy, .mode = mode, .oid = *oid, .stage = stage, .flags = flags
	};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct sk_meta_path *x = a, *y = b;

	return x->kind != y->kind ? x->kind - y->kind : strcmp(x->path, y->path);
}

static int compare_info(const void *a, const void *b)
{
	const struct sk_index_info *x = a, *y = b;
	int cmp = strcmp(x->path, y->path);

	return cmp ? cmp : (int)x->stage - (int)y->stage;
}

void sk_meta_sort(struct sk_meta *meta)
{
	if (meta->n > 1)
		qsort(meta->path, meta->n, sizeof *meta->path, compare);
	if (meta->n_info > 1)
		qsort(meta->info, meta->n_info, sizeof *meta->info, compare_info);
}

/* The number of the first record not before (kind, path[0, len)). */
static size_t lower(const struct sk_meta *meta, char kind, const char *path, size_t len)
{
	size_t lo = 0, hi = meta->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct sk_meta_path *p = &meta->path[mid];
		int cmp = p->kind != kind ? p->kind - kind : strncmp(p->path, path, len);

		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct sk_meta_path *find(const struct sk_meta *meta, char kind, const char *path,
                                       size_t len)
{
	size_t at = lower(meta, kind, path, len);
	const struct sk_meta_path *p = at < meta->n ? &meta->path[at] : NULL;

	return p && p->kind == kind && strncmp(p->path, path, len) == 0 && !p->path[len] ? p : NULL;
}

const struct sk_meta_path *sk_meta_find(const struct sk_meta *meta, char kind, const char *path)
{
	return find(meta, kind, path, strlen(path));
}

bool sk_meta_covers(const struct sk_meta *meta, char kind, const char *path)
{
	for (size_t len = 0;; len++) {
		if (path[len] != '/' && path[len] != '\0')
			continue;
		if (len && find(meta, kind, path, len))
			return true;
		if (!path[len])
			return find(meta, kind, path, 0) != NULL; /* the root has a record */
	}
}

const struct sk_meta_path *sk_meta_kind(const struct sk_meta *meta, char kind, size_t *n)
{
	size_t from = lower(meta, kind, "", 0), to = from;

	while (to < meta->n && meta->path[to].kind == kind)
		to++;
	*n = to - from;
	return to > from ? &meta->path[from] : NULL;
}

static bool is_usual(const struct sk_meta *meta)
{
	return meta->usual_file == 0644 && meta->usual_exec == 0755 && meta->usual_dir == 0755;
}

bool sk_meta_empty(const struct sk_meta *meta)
{
	return meta->n == 0 && meta->n_info == 0 && !meta->has_index && is_usual(meta);
}

static int add_record(struct sk_buf *out, const struct sk_meta_path *p)
{
	switch (p->kind) {
	case 'F':
	case 'D':
	case 'E':
		(void)sk_buf_addf(out, "%c %04o %s", p->kind, p->mode, p->path);
		break;
	case 'S':
		(void)sk_buf_addf(out, "S %s\t%s", p->reason, p->path);
		break;
	case 'N':
		(void)sk_buf_addf(out, "N %s %s", sk_oid_str(&p->head), p->path);
		break;
	default: /* V, P, X, I */
		(void)sk_buf_addf(out, "%c %s", p->kind, p->path);
	}
	return sk_buf_add(out, "", 1);
}

int sk_meta_attributes(const struct sk_meta *meta, struct sk_buf *out)
{
	int rc = 0;

	if (!is_usual(meta)) {
		rc = sk_buf_addf(out, "U %04o %04o %04o", meta->usual_file, meta->usual_exec,
		                 meta->usual_dir);
		if (!rc)
			rc = sk_buf_add(out, "", 1);
	}
	for (size_t i = 0; i < meta->n && !rc; i++)
		rc = add_record(out, &meta->path[i]);
	return rc;
}

int sk_meta_index_info(const struct sk_meta *meta, struct sk_buf *out)
{
	int rc = 0;

	for (size_t i = 0; i < meta->n_info && !rc; i++) {
		const struct sk_index_info *e = &meta->info[i];

		(void)sk_buf_addf(out, "%06o %s %u ", e->mode, sk_oid_str(&e->oid), e->stage);
		if (e->flags & SK_IE_INTENT_TO_ADD)
			(void)sk_buf_addc(out, 'i');
		if (e->flags & SK_IE_SKIP_WORKTREE)
			(void)sk_buf_addc(out, 's');
		if (e->flags & SK_IE_ASSUME_VALID)
			(void)sk_buf_addc(out, 'v');
		if (out->len && out->ptr[out->len - 1] == ' ')
			(void)sk_buf_addc(out, '-');
		(void)sk_buf_addf(out, "\t%s", e->path);
		rc = sk_buf_add(out, "", 1);
	}
	return rc;
}

static bool take_octal(const char **text, unsigned digits, uint32_t *out)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < digits; i++) {
		if ((*text)[i] < '0' || (*text)[i] > '7')
			return false;
		v = v * 8 + (uint32_t)((*text)[i] - '0');
	}
	*text += digits;
	*out = v;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

static bool take_oid(const char **text, struct sk_oid *out)
{
	if (!sk_oid_parse(*text, out))
		return false;
	*text += SK_OID_HEX;
	return true;
}

/* A path that stays below the root: data that came from elsewhere must not lead out of it. */
static bool stays_inside(const char *path)
{
	if (*path == '/')
		return false;
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && memcmp(p, "..", 2) == 0))
			return false;
		p += len;
		if (*p)
			p++;
	}
	return true;
}

static int bad_record(const char *text)
{
	return sk_error(SK_EDAMAGED, "a record of the metadata cannot be read: %s", sk_name(text));
}

static int read_usual(struct sk_meta *meta, const char *text)
{
	const char *at = text + 2;
	uint32_t file, exec, dir;

	if (!take_octal(&at, 4, &file) || !take_char(&at, ' ') || !take_octal(&at, 4, &exec) ||
	    !take_char(&at, ' ') || !take_octal(&at, 4, &dir) || *at)
		return bad_record(text);
	meta->usual_file = (uint16_t)file;
	meta->usual_exec = (uint16_t)exec;
	meta->usual_dir = (uint16_t)dir;
	return 0;
}

static int read_record(struct sk_meta *meta, const char *text, struct sk_buf *reason)
{
	struct sk_meta_path p = { .kind = text[0] };
	const char *at = text + 2, *tab;
	uint32_t mode = 0;

	if (!text[0] || text[1] != ' ' || !strchr("UFDEVSNPXI", text[0]))
		return 0; /* of a later version */
	switch (p.kind) {
	case 'U':
		return read_usual(meta, text);
	case 'F':
	case 'D':
	case 'E':
		if (!take_octal(&at, 4, &mode) || !take_char(&at, ' '))
			return bad_record(text);
		p.mode = (uint16_t)mode;
		break;
	case 'S':
		tab = strchr(at, '\t');
		if (!tab)
			return bad_record(text);
		sk_buf_clear(reason);
		if (sk_buf_add(reason, at, (size_t)(tab - at)))
			return SK_EIO;
		at = tab + 1;
		break;
	case 'N':
		if (!take_oid(&at, &p.head) || !take_char(&at, ' '))
			return bad_record(text);
		break;
	default:
		break;
	}
	if (!is_pattern(p.kind) && !stays_inside(at))
		return bad_record(text);
	return add_path(meta, &p, at, p.kind == 'S' ? sk_buf_str(reason) : NULL);
}

/* The record at *data, as a string of its own; NULL at the end, or when the last one is cut. */
static const char *next_record(const char **data, size_t *len)
{
	const char *text = *data, *end = *len ? memchr(text, '\0', *len) : NULL;

	if (!end)
		return NULL;
	*len -= (size_t)(end + 1 - text);
	*data = end + 1;
	return text;
}

int sk_meta_parse_attributes(struct sk_meta *meta, const char *data, size_t len)
{
	struct sk_buf reason = SK_BUF_INIT;
	const char *text;
	int rc = 0;

	while (!rc && (text = next_record(&data, &len)))
		rc = read_record(meta, text, &reason);
	if (!rc && len)
		rc = sk_error(SK_EDAMAGED, "the metadata's list of attributes is cut off");
	sk_buf_free(&reason);
	return rc;
}

static int read_info(struct sk_meta *meta, const char *text)
{
	const char *at = text;
	struct sk_oid oid;
	uint32_t mode, stage;
	uint8_t flags = 0;

	if (!take_octal(&at, 6, &mode) || !take_char(&at, ' ') || !take_oid(&at, &oid) ||
	    !take_char(&at, ' ') || !take_octal(&at, 1, &stage) || stage > 3 ||
	    !take_char(&at, ' '))
		return bad_record(text);
	for (; *at && *at != '\t'; at++) {
		if (*at == 'i')
			flags |= SK_IE_INTENT_TO_ADD;
		else if (*at == 's')
			flags |= SK_IE_SKIP_WORKTREE;
		else if (*at == 'v')
			flags |= SK_IE_ASSUME_VALID;
	}
	if (!take_char(&at, '\t') || !*at || !stays_inside(at))
		return bad_record(text);
	return sk_meta_add_info(meta, at, mode, &oid, (uint8_t)stage, flags);
}

int sk_meta_parse_index_info(struct sk_meta *meta, const char *data, size_t len)
{
	const char *text;
	int rc = 0;

	while (!rc && (text = next_record(&data, &len)))
		rc = read_info(meta, text);
	if (!rc && len)
		rc = sk_error(SK_EDAMAGED, "the metadata's list of index entries is cut off");
	return rc;
}
