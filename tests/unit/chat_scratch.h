/* chat_scratch.h - reads a log, and writes down what came out of it, to be compared as text. */
#ifndef CHAT_SCRATCH_H
#define CHAT_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "safekeep/plugin.h"
#include "sources.h"

#define READING_ITEMS 4000

struct reading {
	struct chat_buf out; /* "role text" a line; newlines of the text are "|" */
	struct chat_buf units;
	struct chat_result result;
	struct chat_error err;
	struct chat_item item[READING_ITEMS];
	char *text[READING_ITEMS];
	size_t n;
	uint32_t show; /* SHOW_*, ORed */
	size_t images;
	uint64_t image_bytes;
	size_t longest; /* unit held */
	int (*also)(struct reading *r, const struct chat_record *record);
};

enum { SHOW_ID = 1, SHOW_WHERE = 2, SHOW_MORE = 4, SHOW_NO_UNKNOWN = 8 };

static inline char *reading_copy(struct chat_text text)
{
	char *out = malloc(text.n + 1);

	assert_non_null(out);
	memcpy(out, text.s, text.n);
	out[text.n] = 0;
	return out;
}

static inline void reading_line(struct reading *r, const struct chat_record *rec)
{
	if (rec->role == CHAT_UNKNOWN && (r->show & SHOW_NO_UNKNOWN))
		return;
	chat_buf_adds(&r->out, chat_role_name(rec->role));
	if (r->show & SHOW_ID)
		chat_buf_addf(&r->out, " %.*s.%u<%.*s", (int)rec->id.n, rec->id.s, rec->part,
		              (int)rec->parent.n, rec->parent.s);
	if (r->show & SHOW_WHERE)
		chat_buf_addf(&r->out, " %.*s@%.*s#%.*s", (int)rec->session.n, rec->session.s,
		              (int)rec->cwd.n, rec->cwd.s, (int)rec->branch.n, rec->branch.s);
	if (r->show & SHOW_MORE)
		chat_buf_addf(&r->out, " [%.*s %.*s %.*s %u %lld]", (int)rec->tool.n, rec->tool.s,
		              (int)rec->call.n, rec->call.s, (int)rec->model.n, rec->model.s,
		              rec->flags, rec->time == CHAT_NO_TIME ? -1LL : (long long)rec->time);
	chat_buf_adds(&r->out, rec->flags & CHAT_MORE ? " +" : " ");
	for (size_t i = 0; i < rec->text.n; i++)
		chat_buf_addc(&r->out, rec->text.s[i] == '\n' ? '|' : rec->text.s[i]);
	chat_buf_addc(&r->out, '\n');
}

static inline int reading_record(void *arg, const struct chat_record *rec)
{
	struct reading *r = arg;

	reading_line(r, rec);
	r->images += rec->n_images;
	for (size_t i = 0; i < rec->n_images; i++)
		r->image_bytes += rec->image[i].bytes;
	if (r->n < READING_ITEMS) {
		r->text[r->n] = reading_copy(rec->text);
		r->item[r->n++] = (struct chat_item){
			.id = reading_copy(rec->id),
			.parent = reading_copy(rec->parent),
			.agent = reading_copy(rec->agent),
			.call = reading_copy(rec->call),
			.target = rec->role == CHAT_CONTROL ? reading_copy(rec->text) : NULL,
			.part = rec->part,
			.role = rec->role,
			.flags = rec->flags,
			.root = rec->root,
			.time = rec->time,
		};
	}
	return r->also ? r->also(r, rec) : 0;
}

static inline int reading_unit(void *arg, const struct chat_unit *unit)
{
	struct reading *r = arg;

	chat_buf_addf(&r->units, "%llu:%llu+%llu%s\n", (unsigned long long)unit->number,
	              (unsigned long long)unit->offset, (unsigned long long)unit->length,
	              unit->damage ? "!" : "");
	if (unit->raw.n > r->longest)
		r->longest = unit->raw.n;
	return 0;
}

static inline struct reading *reading_new(uint32_t show)
{
	struct reading *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->show = show;
	return r;
}

static inline void reading_free(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free((void *)(uintptr_t)r->item[i].id);
		free((void *)(uintptr_t)r->item[i].parent);
		free((void *)(uintptr_t)r->item[i].agent);
		free((void *)(uintptr_t)r->item[i].call);
		free((void *)(uintptr_t)r->item[i].target);
		free(r->text[i]);
	}
	chat_buf_free(&r->out);
	chat_buf_free(&r->units);
	free(r);
}

static inline struct chat_source reading_source(enum chat_tool tool, enum chat_kind kind,
                                                const char *path)
{
	return (struct chat_source){
		.tool = tool, .kind = kind, .path = path, .session = "S", .parent = "", .scope = ""
	};
}

/* A file, from where r->result says. */
static inline int reading_file(struct reading *r, const struct chat_source *source)
{
	struct chat_plan plan = { .from = r->result.next,
		                  .state = r->result.state,
		                  .arg = r,
		                  .unit = reading_unit,
		                  .record = reading_record };

	return chat_parse(source, &plan, &r->result, &r->err);
}

/* One of tests/data/chat, by way of a copy: files of other users are not read, and who runs the
 * tests need not be who owns the source tree. */
static inline int reading_data(struct reading *r, enum chat_tool tool, enum chat_kind kind,
                               const char *name)
{
	const char *tmp = getenv("TMPDIR");
	static char data[1 << 16];
	char from[512], folder[256], path[512];
	struct chat_source source;
	size_t n;
	FILE *f;
	int rc;

	snprintf(from, sizeof(from), "%s/chat/%s", SK_TEST_DATA, name);
	snprintf(folder, sizeof(folder), "%s/sk-unit.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	f = fopen(from, "rb");
	assert_non_null(f);
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	source = reading_source(tool, kind, path);
	rc = reading_file(r, &source);
	unlink(path);
	rmdir(folder);
	return rc;
}

/* Bytes in memory. */
static inline int reading_bytes(struct reading *r, const struct chat_source *source,
                                const void *data, size_t len, size_t piece)
{
	struct chat_plan plan = { .from = r->result.next,
		                  .state = r->result.state,
		                  .arg = r,
		                  .unit = reading_unit,
		                  .record = reading_record };
	struct chat_parser *p;
	const char *s = data;
	int rc = chat_parser_new(source, &plan, &p, &r->err);

	assert_int_equal(rc, 0);
	while (!rc && len) {
		size_t n = len < piece ? len : piece;

		rc = chat_parser_feed(p, s, n, &r->err);
		s += n;
		len -= n;
	}
	if (!rc)
		rc = chat_parser_finish(p, &r->result, &r->err);
	chat_parser_free(p);
	return rc;
}

static inline int reading_text(struct reading *r, enum chat_tool tool, enum chat_kind kind,
                               const char *text)
{
	struct chat_source source = reading_source(tool, kind, "/w/app/log");

	return reading_bytes(r, &source, text, strlen(text), 1 << 20);
}

/* The texts in their order, without unknown ones: "role text", "~" before what is rewound, "="
 * before doubles. */
static inline char *reading_order(struct reading *r)
{
	size_t *order = calloc(r->n + 1, sizeof(*order));
	struct chat_buf b = { 0 };

	assert_non_null(order);
	assert_int_equal(chat_order(r->item, r->n, order, &r->err), 0);
	for (size_t k = 0; k < r->n; k++) {
		const struct chat_item *item = &r->item[order[k]];

		if (item->role == CHAT_UNKNOWN || item->role == CHAT_CONTROL)
			continue;
		if (item->marks & CHAT_REWOUND)
			chat_buf_adds(&b, "~");
		if (item->marks & CHAT_DOUBLE)
			chat_buf_adds(&b, "=");
		chat_buf_addf(&b, "%s ", chat_role_name(item->role));
		for (const char *s = r->text[order[k]]; *s; s++)
			chat_buf_addc(&b, *s == '\n' ? '|' : *s);
		chat_buf_addc(&b, '\n');
	}
	free(order);
	return b.s ? b.s : calloc(1, 1);
}

#endif
