#include "impact/extract_list.h"

#include <stdlib.h>
#include <string.h>

#include "impact/paths.h"

static uint32_t hash_of(const struct sk_found *f)
{
	uint32_t hash = sk_paths_hash(SK_PATHS_SEED ^ f->kind, f->spec, f->spec_len);

	return f->name ? sk_paths_hash(hash * 16777619u + 1, f->name, f->name_len) : hash;
}

static bool same_text(const struct sk_found_list *l, size_t at, const char *p, size_t n)
{
	if (at == SIZE_MAX || !p)
		return at == SIZE_MAX && !p;
	return strlen(l->text.ptr + at) == n && memcmp(l->text.ptr + at, p, n) == 0;
}

/* The slot that holds it, or the free one where it would go. */
static uint32_t *find_slot(const struct sk_found_list *l, const struct sk_found *f, uint32_t hash)
{
	size_t i = hash & (l->slots - 1);

	for (; l->slot[i]; i = (i + 1) & (l->slots - 1)) {
		const struct sk_listed *e = &l->item[l->slot[i] - 1];

		if (e->hash == hash && e->kind == f->kind &&
		    same_text(l, e->spec, f->spec, f->spec_len) &&
		    same_text(l, e->name, f->name, f->name_len))
			break;
	}
	return &l->slot[i];
}

static int grow(struct sk_found_list *l)
{
	size_t cap = l->cap ? l->cap * 2 : 32, slots = cap * 2;
	struct sk_listed *item;
	uint32_t *slot;

	if (l->n < l->cap)
		return 0;
	item = realloc(l->item, cap * sizeof *item);
	if (!item)
		return sk_error_oom();
	l->item = item;
	slot = calloc(slots, sizeof *slot);
	if (!slot)
		return sk_error_oom();
	for (size_t k = 0; k < l->n; k++) {
		size_t i = item[k].hash & (slots - 1);

		while (slot[i])
			i = (i + 1) & (slots - 1);
		slot[i] = (uint32_t)(k + 1);
	}
	free(l->slot);
	l->slot = slot;
	l->cap = cap;
	l->slots = slots;
	return 0;
}

static size_t add_text(struct sk_found_list *l, const char *p, size_t n)
{
	size_t at = l->text.len;

	if (!p)
		return SIZE_MAX;
	(void)sk_buf_add(&l->text, p, n);
	(void)sk_buf_addc(&l->text, '\0');
	return at;
}

static bool acceptable(const struct sk_found_list *l, const struct sk_found *f)
{
	return f->spec_len <= SK_IMPORT_SPEC_MAX && f->name_len <= SK_IMPORT_SPEC_MAX &&
	       l->n < SK_IMPORTS_MAX && l->text.len < SK_IMPORT_TEXT_MAX &&
	       !memchr(f->spec, '\0', f->spec_len) &&
	       !(f->name && memchr(f->name, '\0', f->name_len));
}

int sk_list_add(struct sk_found_list *l, const struct sk_found *f)
{
	uint32_t hash, *slot;

	if (!f->spec_len)
		return 0;
	if (!acceptable(l, f)) {
		l->cut = true;
		return 0;
	}
	if (grow(l))
		return SK_EIO;
	hash = hash_of(f);
	slot = find_slot(l, f, hash);
	if (*slot) {
		l->item[*slot - 1].type_only = l->item[*slot - 1].type_only && f->type_only;
		return 0;
	}
	l->item[l->n] = (struct sk_listed){
		.spec = add_text(l, f->spec, f->spec_len),
		.name = add_text(l, f->name, f->name_len),
		.hash = hash,
		.line = f->line,
		.kind = f->kind,
		.type_only = f->type_only,
	};
	*slot = (uint32_t)++l->n;
	return sk_buf_ok(&l->text);
}

int sk_list_finish(struct sk_found_list *l, struct sk_imports *out)
{
	struct sk_import *item = calloc(l->n + 1, sizeof *item);

	if (!item)
		return sk_error_oom();
	for (size_t i = 0; i < l->n; i++) {
		const struct sk_listed *e = &l->item[i];

		item[i] = (struct sk_import){
			.spec = l->text.ptr + e->spec,
			.name = e->name == SIZE_MAX ? NULL : l->text.ptr + e->name,
			.line = e->line,
			.kind = e->kind,
			.type_only = e->type_only,
		};
	}
	*out = (struct sk_imports){ .item = item, .n = l->n, .cut = l->cut, .text = l->text };
	l->text = (struct sk_buf)SK_BUF_INIT;
	return 0;
}

void sk_found_free(struct sk_found_list *l)
{
	free(l->item);
	free(l->slot);
	sk_buf_free(&l->text);
}

void sk_imports_clear(struct sk_imports *imports)
{
	free(imports->item);
	sk_buf_free(&imports->text);
	*imports = (struct sk_imports){ .n = 0 };
}
