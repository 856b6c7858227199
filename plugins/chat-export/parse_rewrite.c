/* chat_unit_rewrite: the texts of a unit, one after the other, and the unit with some replaced. */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LEVEL 4 /* of JSON within strings of JSON */

struct rewrite {
	const struct chat_rewrite *by;
	struct chat_buf out;
	int stop, oom;
};

static int rewrite_tree(struct rewrite *w, struct chat_tree *t, int level, int *changed);

/* Replaces raw [at, end) of the text by `with` as the inside of a JSON string. */
static void put(struct chat_buf *out, const char *text, size_t *done, size_t at, size_t end,
                struct chat_text with)
{
	chat_buf_add(out, text + *done, at - *done);
	chat_buf_json(out, with.s, with.n);
	*done = end;
}

/* Is the string JSON itself?  Then its own texts are gone through, and *with is it anew. */
static int within(struct rewrite *w, struct chat_text text, int level, struct chat_text *with,
                  char **made)
{
	struct chat_text bare = text_trim(text);
	struct chat_tree inner = { 0 };
	struct rewrite sub = { .by = w->by };
	enum chat_damage damage;
	int changed = 0, is = 0;

	if (level >= MAX_LEVEL || bare.n < 2 || (*bare.s != '{' && *bare.s != '['))
		return 0;
	if (jtree_parse(&inner, text.s, text.n, &damage))
		w->oom = 1;
	else if (!damage && inner.node->next > 1) {
		is = 1;
		w->stop = rewrite_tree(&sub, &inner, level + 1, &changed);
		w->oom |= sub.oom | sub.out.oom;
	}
	jtree_free(&inner);
	if (is && changed) {
		*with = (struct chat_text){ chat_buf_str(&sub.out), sub.out.n };
		*made = sub.out.s;
	} else {
		chat_buf_free(&sub.out);
	}
	return is;
}

/* A picture by its shape: what stands beside the data says so, or the data itself. */
static int is_image(struct chat_tree *t, const struct jnode *parent, const struct jnode *node,
                    struct chat_text text, struct chat_image *image)
{
	*image = (struct chat_image){ .mime = NOTHING, .name = NOTHING, .data = text };
	if (text_starts_nocase(text, "data:image/")) {
		image->bytes = base64_size(data_address(text, &image->mime));
		return image->mime.n > 0;
	}
	if (!parent || text.n < 64)
		return 0;
	if (j_key(node, "data") || j_key(node, "base64") || j_key(node, "blob")) {
		static const char *const keys[] = { "media_type", "mimeType", "mime_type", "mime" };

		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !image->mime.n; i++)
			image->mime = j_string(t, j_get(t, parent, keys[i]));
		if (!image->mime.n && !j_equal(j_get(t, parent, "type"), "base64") &&
		    !j_equal(j_get(t, parent, "type"), "image"))
			return 0;
		image->bytes = base64_size(text);
		return 1;
	}
	return 0;
}

static struct chat_text placeholder(struct chat_tree *t, const struct chat_image *image)
{
	return text_format(&t->arena, "[image%s%.*s, %llu bytes]", image->mime.n ? " " : "",
	                   (int)(image->mime.n < 80 ? image->mime.n : 80), image->mime.s,
	                   (unsigned long long)image->bytes);
}

static int image(struct rewrite *w, struct chat_tree *t, const struct chat_image *picture,
                 struct chat_text *with)
{
	if (w->by->image) {
		w->stop = w->by->image(w->by->arg, picture, with);
		if (w->stop)
			return w->stop;
	}
	if (!with->s) {
		*with = placeholder(t, picture);
		w->oom |= !with->n;
	}
	return 0;
}

static int text_given(struct rewrite *w, struct chat_text text, struct chat_text *with)
{
	if (!text.n)
		return 0;
	return w->stop = w->by->text(w->by->arg, text, with);
}

/* Most of a transcript's bytes are long strings; each is given once, in order. */
static int rewrite_tree(struct rewrite *w, struct chat_tree *t, int level, int *changed)
{
	uint32_t parents[CHAT_MAX_DEPTH + 2];
	size_t done = 0;

	for (uint32_t i = 0; i < t->n && !w->stop; i++) {
		const struct jnode *node = &t->node[i];
		const struct jnode *parent =
		        node->depth ? &t->node[parents[node->depth - 1]] : NULL;
		struct chat_text with = { NULL, 0 }, text;
		struct chat_image picture;
		char *made = NULL;

		parents[node->depth] = i;
		if (node->key_n) {
			if (text_given(w, j_key_text(t, node), &with))
				break;
			if (with.s)
				put(&w->out, t->text, &done, node->key_at - 1u, node->key_end + 1u,
				    with);
			with.s = NULL;
		}
		if (node->type != J_STRING)
			continue;
		text = j_string(t, node);
		if (is_image(t, parent, node, text, &picture))
			image(w, t, &picture, &with);
		else if (!within(w, text, level, &with, &made))
			text_given(w, text, &with);
		if (with.s && !w->stop)
			put(&w->out, t->text, &done, node->at - 1u, node->end + 1u, with);
		free(made);
	}
	*changed = done > 0;
	if (done)
		chat_buf_add(&w->out, t->text + done, t->len - done);
	w->oom |= t->oom;
	return w->stop;
}

int chat_unit_rewrite(const struct chat_unit *unit, const struct chat_rewrite *by, char **out,
                      size_t *len, struct chat_error *err)
{
	struct rewrite w = { .by = by };
	int changed = 0;

	if (unit->damage == CHAT_TOO_LONG)
		return chat_fail(err, SKP_EREFUSED, "a line of %llu bytes is too long to look into",
		                 (unsigned long long)unit->length);
	if (unit->tree) {
		rewrite_tree(&w, unit->tree, 0, &changed);
	} else {
		struct chat_text with = { NULL, 0 };

		text_given(&w, unit->raw, &with);
		if (with.s && !w.stop) {
			changed = 1;
			chat_buf_add(&w.out, with.s, with.n);
		}
	}
	if (!w.stop && (w.oom || w.out.oom))
		w.stop = chat_fail(err, SKP_EIO, "out of memory");
	if (w.stop) {
		chat_buf_free(&w.out);
		return w.stop;
	}
	if (!changed)
		chat_buf_free(&w.out);
	else if (!w.out.s && chat_buf_addc(&w.out, 0)) /* all of it was replaced by nothing */
		return chat_fail(err, SKP_EIO, "out of memory");
	*out = w.out.s;
	*len = changed ? w.out.n : 0;
	return 0;
}
