/* fuzz_chat.c - the parsers of conversation logs, for libFuzzer (-DSK_FUZZ=ON with clang), and as a
 * plain function that test_chat_parse feeds the kept corpus to.
 *
 * An input is a byte that chooses the format, a byte that chooses how it is fed, and the log.  What
 * has to hold whatever the log says, besides no crash and no undefined behaviour:
 *
 *   - texts are valid UTF-8, parts and offsets lie within the unit, units within the file, in order
 *   - a unit rewritten without a change is unchanged; with every text replaced it is still JSON
 *   - fed in pieces, or stopped and gone on with at `next`, the records are the same
 *   - the order has each record once */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	enum chat_tool tool;
	enum chat_kind kind;
} fuzz_formats[] = {
	{ CHAT_CLAUDE, CHAT_LINES },   { CHAT_CODEX, CHAT_LINES },   { CHAT_GEMINI, CHAT_LINES },
	{ CHAT_GEMINI, CHAT_WHOLE },   { CHAT_AIDER, CHAT_LINES },   { CHAT_SPECSTORY, CHAT_WHOLE },
	{ CHAT_CHATGPT, CHAT_WHOLE },  { CHAT_COPILOT, CHAT_LINES }, { CHAT_COPILOT, CHAT_WHOLE },
	{ CHAT_OPENCODE, CHAT_WHOLE }, { CHAT_CURSOR, CHAT_WHOLE },  { CHAT_PLAIN, CHAT_LINES },
};
#define N_FORMATS (sizeof(fuzz_formats) / sizeof(*fuzz_formats))
#define MAX_ITEMS 300

/* What one reading gave. */
struct fuzz_run {
	size_t size;
	uint64_t end;     /* of the last unit */
	uint64_t records; /* a hash of them all */
	size_t n_records;
	int rewrite;
	struct chat_item item[MAX_ITEMS];
	size_t n_items;
};

#define HOLDS(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "fuzz_chat: %s does not hold\n", #what);                   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void is_text(struct chat_text text)
{
	struct chat_text clean = text;
	struct arena arena = { 0 };

	HOLDS(text.s);
	HOLDS(text_clean(&arena, &clean) == 0);
	HOLDS(clean.n == text.n && clean.s == text.s);
	arena_free(&arena);
}

static void add_hash(struct fuzz_run *run, const void *data, size_t n)
{
	const unsigned char *s = data;

	for (size_t i = 0; i < n; i++)
		run->records = (run->records ^ s[i]) * UINT64_C(1099511628211);
	run->records = (run->records ^ 0x100) * UINT64_C(1099511628211);
}

static char *copied(struct chat_text text)
{
	char *out = malloc(text.n + 1);

	HOLDS(out);
	memcpy(out, text.s, text.n);
	out[text.n] = 0;
	return out;
}

static void keep_item(struct fuzz_run *run, const struct chat_record *r)
{
	struct chat_item *item;

	if (run->n_items == MAX_ITEMS)
		return;
	item = &run->item[run->n_items++];
	*item = (struct chat_item){ .id = copied(r->id),
		                    .parent = copied(r->parent),
		                    .agent = copied(r->agent),
		                    .call = copied(r->call),
		                    .target = r->role == CHAT_CONTROL ? copied(r->text) : NULL,
		                    .part = r->part,
		                    .role = r->role,
		                    .flags = r->flags,
		                    .root = r->root,
		                    .time = r->time };
}

static int on_record(void *arg, const struct chat_record *r)
{
	struct fuzz_run *run = arg;
	const struct chat_text texts[] = { r->session, r->agent,  r->id,   r->parent,
		                           r->call,    r->tool,   r->type, r->model,
		                           r->cwd,     r->branch, r->text };
	const struct chat_text *raw = &r->unit->raw;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		is_text(texts[i]);
		add_hash(run, texts[i].s, texts[i].n);
	}
	for (size_t i = 0; i < r->n_images; i++) {
		is_text(r->image[i].mime);
		is_text(r->image[i].name);
		is_text(r->image[i].data);
	}
	HOLDS(!r->raw.n || (r->raw.s >= raw->s && r->raw.s + r->raw.n <= raw->s + raw->n));
	HOLDS((unsigned)r->role < CHAT_ROLES);
	HOLDS(r->time == CHAT_NO_TIME || (r->time >= 946684800000 && r->time < 7258118400000));
	HOLDS(r->id.n);
	add_hash(run, &r->time, sizeof(r->time));
	add_hash(run, &r->flags, sizeof(r->flags));
	add_hash(run, &r->part, sizeof(r->part));
	add_hash(run, &r->role, sizeof(r->role));
	add_hash(run, &r->unit->number, sizeof(r->unit->number));
	add_hash(run, &r->unit->offset, sizeof(r->unit->offset));
	run->n_records++;
	keep_item(run, r);
	return 0;
}

static int no_change(void *arg, struct chat_text text, struct chat_text *with)
{
	(void)arg;
	(void)with;
	is_text(text);
	return 0;
}

static int raw_no_change(void *arg, struct chat_text text, struct chat_text *with)
{
	(void)arg;
	(void)text;
	(void)with;
	return 0;
}

static int no_image(void *arg, const struct chat_image *image, struct chat_text *with)
{
	(void)arg;
	*with = image->data; /* itself: that is a change of form only */
	return 0;
}

static int all_changed(void *arg, struct chat_text text, struct chat_text *with)
{
	(void)arg;
	*with = text.n % 3 ? TEXT("\"\\\n\x01 a \xc3\xa4") : TEXT("");
	return 0;
}

static void check_rewrite(const struct chat_unit *unit)
{
	const struct chat_rewrite same = { .text = unit->tree ? no_change : raw_no_change,
		                           .image = no_image };
	const struct chat_rewrite other = { .text = all_changed };
	struct chat_tree tree = { 0 };
	enum chat_damage damage;
	char *out = NULL;
	size_t len = 0;
	int rc = chat_unit_rewrite(unit, &same, &out, &len, NULL);

	HOLDS(rc == (unit->damage == CHAT_TOO_LONG ? SKP_EREFUSED : 0));
	if (out && unit->tree) {
		HOLDS(jtree_parse(&tree, out, len, &damage) == 0 && !damage);
		HOLDS(tree.n == unit->tree->n);
	}
	free(out);
	out = NULL;
	rc = chat_unit_rewrite(unit, &other, &out, &len, NULL);
	if (!rc && out && unit->tree)
		HOLDS(jtree_parse(&tree, out, len, &damage) == 0 && !damage);
	free(out);
	jtree_free(&tree);
}

static int on_unit(void *arg, const struct chat_unit *unit)
{
	struct fuzz_run *run = arg;

	HOLDS(unit->offset >= run->end);
	HOLDS(unit->offset + unit->length <= run->size);
	HOLDS(unit->raw.n == unit->length || unit->damage == CHAT_TOO_LONG);
	run->end = unit->offset + unit->length;
	if (run->rewrite)
		check_rewrite(unit);
	return 0;
}

static void run_free(struct fuzz_run *run)
{
	for (size_t i = 0; i < run->n_items; i++) {
		free((void *)(uintptr_t)run->item[i].id);
		free((void *)(uintptr_t)run->item[i].parent);
		free((void *)(uintptr_t)run->item[i].agent);
		free((void *)(uintptr_t)run->item[i].call);
		free((void *)(uintptr_t)run->item[i].target);
	}
	free(run);
}

static void check_order(struct fuzz_run *run)
{
	size_t order[MAX_ITEMS];
	uint8_t seen[MAX_ITEMS] = { 0 };

	HOLDS(chat_order(run->item, run->n_items, order, NULL) == 0);
	for (size_t i = 0; i < run->n_items; i++) {
		HOLDS(order[i] < run->n_items && !seen[order[i]]);
		seen[order[i]] = 1;
	}
}

static struct chat_source fuzz_source(unsigned format)
{
	return (struct chat_source){ .tool = fuzz_formats[format].tool,
		                     .kind = fuzz_formats[format].kind,
		                     .path = "/w/app/log.jsonl",
		                     .session = "S",
		                     .parent = "",
		                     .scope = "cwd=/w/app" };
}

/* Reads data[from..] in pieces of `piece` bytes, as far as `stop`. */
static int read_part(struct fuzz_run *run, unsigned format, const uint8_t *data, size_t from,
                     size_t stop, size_t piece, const char *state, struct chat_result *result)
{
	struct chat_source source = fuzz_source(format);
	struct chat_plan plan = {
		.from = from, .state = state, .arg = run, .unit = on_unit, .record = on_record
	};
	struct chat_parser *p;
	int rc = chat_parser_new(&source, &plan, &p, NULL);

	HOLDS(!rc);
	while (!rc && from < stop) {
		size_t n = stop - from < piece ? stop - from : piece;
		/* a copy of its own, so that the sanitizer sees reads behind it */
		uint8_t *copy = malloc(n);

		HOLDS(copy);
		memcpy(copy, data + from, n);
		rc = chat_parser_feed(p, copy, n, NULL);
		free(copy);
		from += n;
	}
	if (!rc)
		rc = chat_parser_finish(p, result, NULL);
	chat_parser_free(p);
	return rc;
}

static struct fuzz_run *run_new(size_t size, int rewrite)
{
	struct fuzz_run *run = calloc(1, sizeof(*run));

	HOLDS(run);
	run->size = size;
	run->rewrite = rewrite;
	run->records = UINT64_C(14695981039346656037);
	return run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chat_result result = { 0 }, half = { 0 };
	struct fuzz_run *whole, *parts;
	unsigned format;
	size_t piece, stop;
	int rc, rc2;

	if (size < 2)
		return 0;
	format = data[0] % N_FORMATS;
	piece = (size_t)(data[1] % 64) + 1;
	data += 2;
	size -= 2;
	whole = run_new(size, 1);
	rc = read_part(whole, format, data, 0, size, size + 1, NULL, &result);
	HOLDS(rc == 0 || rc == SKP_EDAMAGED);
	HOLDS(rc || result.next <= size);
	HOLDS(rc || result.records == whole->n_records);
	check_order(whole);

	parts = run_new(size, 0);
	if (fuzz_formats[format].kind == CHAT_LINES && (data - 2)[1] & 64) {
		stop = size * ((data - 2)[1] >> 5) / 8;
		rc2 = read_part(parts, format, data, 0, stop, piece, NULL, &half);
		HOLDS(!rc2 && half.next <= stop);
		rc2 = read_part(parts, format, data, half.next, size, piece, half.state, &half);
		/* text may be cut in two; JSON lines are the same */
		if (fuzz_formats[format].tool != CHAT_AIDER &&
		    fuzz_formats[format].tool != CHAT_PLAIN)
			HOLDS(rc2 == rc && parts->records == whole->records);
	} else {
		rc2 = read_part(parts, format, data, 0, size, piece, NULL, &half);
		HOLDS(rc2 == rc && parts->records == whole->records);
		HOLDS(rc || half.next == result.next);
	}
	run_free(whole);
	run_free(parts);
	return 0;
}
