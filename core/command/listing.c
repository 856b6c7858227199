#include "command/listing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/text.h"
#include "command/lookup.h"
#include "command/print.h"
#include "command/report.h"
#include "store/retention.h"

static const char *worktree_of(const struct sk_entry *e)
{
	const char *id = e->damaged ? NULL : sk_entry_get(e, "Sk-Worktree");

	return id ? id : "";
}

/* Retention goes by worktree: the backups of one are no reason to drop those of another. */
static int plan_worktree(const struct sk_repo *repo, struct sk_listing *list, const char *worktree,
                         bool *done)
{
	const struct sk_entries *all = &list->entries;
	time_t *created = calloc(all->n + 1, sizeof *created);
	unsigned *reason = calloc(all->n + 1, sizeof *reason);
	size_t *which = calloc(all->n + 1, sizeof *which), n = 0;
	int rc = created && reason && which ? 0 : sk_error_oom();

	for (size_t i = 0; !rc && i < all->n; i++) {
		const struct sk_entry *e = all->item[i];

		if (e->kind != SK_BACKUP || e->damaged || strcmp(worktree_of(e), worktree) != 0)
			continue;
		done[i] = true;
		which[n] = i;
		created[n++] = e->created;
	}
	if (!rc)
		rc = sk_retention_plan(&repo->config->retention, created, n, sk_now(), reason);
	for (size_t k = 0; !rc && k < n; k++)
		list->reason[which[k]] = reason[k];
	free(created);
	free(reason);
	free(which);
	return rc;
}

static int plan(const struct sk_repo *repo, struct sk_listing *list)
{
	bool *done = calloc(list->entries.n + 1, sizeof *done);
	int rc = done ? 0 : sk_error_oom();

	for (size_t i = 0; !rc && i < list->entries.n; i++) {
		const struct sk_entry *e = list->entries.item[i];

		if (e->kind == SK_BACKUP && !e->damaged && !done[i])
			rc = plan_worktree(repo, list, worktree_of(e), done);
	}
	free(done);
	return rc;
}

int sk_listing_load(const struct sk_repo *repo, unsigned kinds, bool all_worktrees, size_t newest,
                    struct sk_listing *out)
{
	const char *worktree = all_worktrees ? NULL : repo->worktree_id;
	struct sk_listing list = { 0 };
	/* what retention says of a backup depends on newer ones only */
	int rc = newest == SIZE_MAX
	                 ? sk_entry_list(repo, kinds, worktree, &list.entries)
	                 : sk_entry_list_newest(repo, kinds, worktree, newest, &list.entries);

	if (rc)
		return rc;
	list.reason = calloc(list.entries.n + 1, sizeof *list.reason);
	list.shown = calloc(list.entries.n + 1, sizeof *list.shown);
	rc = list.reason && list.shown ? 0 : sk_error_oom();
	for (size_t i = 0; !rc && i < list.entries.n; i++)
		list.shown[i] = true;
	/* a bad policy is for prune to refuse; the list is wanted all the same */
	if (!rc && plan(repo, &list) == SK_EUSAGE)
		sk_warn("%s", sk_error_message());
	if (rc)
		sk_listing_free(&list);
	else
		*out = list;
	return rc;
}

void sk_listing_free(struct sk_listing *list)
{
	sk_entries_free(&list->entries);
	free(list->reason);
	free(list->shown);
	*list = (struct sk_listing){ 0 };
}

/* The state of all the paths as one id. */
static int state_of(const struct sk_repo *repo, const struct sk_strv *paths,
                    const struct sk_entry *e, struct sk_oid *out)
{
	struct sk_hash hash;
	struct sk_oid one;

	sk_hash_init(&hash);
	for (size_t i = 0; i < paths->n; i++) {
		int rc = sk_lookup_state(repo, e, paths->item[i], &one);

		if (rc)
			return rc;
		sk_hash_update(&hash, &one, sizeof one);
	}
	sk_hash_final(&hash, out);
	return 0;
}

static void nothing_state(const struct sk_strv *paths, struct sk_oid *out)
{
	const struct sk_oid zero = { { 0 } };
	struct sk_hash hash;

	sk_hash_init(&hash);
	for (size_t i = 0; i < paths->n; i++)
		sk_hash_update(&hash, &zero, sizeof zero);
	sk_hash_final(&hash, out);
}

static size_t one_before(const struct sk_listing *list, size_t i)
{
	const char *worktree = worktree_of(list->entries.item[i]);

	for (size_t k = i + 1; k < list->entries.n; k++)
		if (!list->entries.item[k]->damaged &&
		    strcmp(worktree_of(list->entries.item[k]), worktree) == 0)
			return k;
	return list->entries.n;
}

int sk_listing_paths(const struct sk_repo *repo, const struct sk_strv *paths,
                     struct sk_listing *list)
{
	size_t n = list->entries.n;
	struct sk_oid *state = calloc(n + 1, sizeof *state);
	int rc = state ? 0 : sk_error_oom();

	for (size_t i = 0; !rc && i < n; i++)
		if (!list->entries.item[i]->damaged)
			rc = state_of(repo, paths, list->entries.item[i], &state[i]);
	if (!rc)
		nothing_state(paths, &state[n]);
	for (size_t i = 0; !rc && i < n; i++)
		if (list->entries.item[i]->damaged ||
		    sk_oid_eq(&state[i], &state[one_before(list, i)]))
			list->shown[i] = false;
	free(state);
	return rc;
}

void sk_listing_limit(struct sk_listing *list, time_t since, time_t until, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < list->entries.n; i++) {
		time_t t = list->entries.item[i]->created;

		if (list->shown[i] && (t < since || t > until || count == max))
			list->shown[i] = false;
		count += list->shown[i];
	}
}

const char *sk_entry_label(const struct sk_entry *e)
{
	const char *trigger = e->kind == SK_BACKUP ? sk_entry_get(e, "Sk-Trigger") : NULL;

	return trigger ? trigger : sk_kind_name(e->kind);
}

enum sk_look sk_entry_look(const struct sk_entry *e)
{
	return e->damaged               ? SK_LOOK_DAMAGED
	       : e->kind == SK_BACKUP   ? SK_LOOK_TRIGGER
	       : e->kind == SK_REVISION ? SK_LOOK_REVISION
	                                : SK_LOOK_RELEASE;
}

/* Blanks, until what was added from `from` on has `width` bytes. */
static void fill(struct sk_buf *out, size_t from, size_t width)
{
	static const char blanks[] = "                                ";

	while (out->len - from < width) {
		size_t n = width - (out->len - from);

		if (sk_buf_add(out, blanks, n < sizeof blanks ? n : sizeof blanks - 1))
			return;
	}
}

/* A trailer's number, right in its column of four. */
static void add_number(struct sk_buf *out, unsigned long n)
{
	char text[24];
	size_t at = sizeof text;

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (at > sizeof text - 4)
		text[--at] = ' ';
	(void)sk_buf_add(out, text + at, sizeof text - at);
}

/* By hand, not by a format: a list has thousands of these. */
int sk_entry_line(const struct sk_entry *e, struct sk_buf *out)
{
	const char *label = sk_entry_label(e);
	size_t from = out->len;

	(void)sk_add_age(out, e->created, sk_now());
	fill(out, from, 14);
	(void)sk_buf_addc(out, ' ');
	if (e->damaged) {
		(void)sk_buf_adds(out, sk_look(SK_LOOK_DAMAGED));
		(void)sk_buf_adds(out, "damaged: ");
		(void)sk_add_text(out, e->damage, strlen(e->damage));
		(void)sk_buf_adds(out, sk_color_reset());
		return sk_buf_ok(out);
	}
	(void)sk_buf_adds(out, sk_look(sk_entry_look(e)));
	from = out->len;
	(void)sk_add_text(out, label, strlen(label));
	fill(out, from, 13);
	(void)sk_buf_adds(out, sk_color_reset());
	(void)sk_buf_addc(out, ' ');
	add_number(out, sk_entry_number(e, "Sk-Changed"));
	(void)sk_buf_adds(out, " changed  ");
	(void)sk_add_text(out, e->title, strlen(e->title));
	return sk_buf_ok(out);
}

static int print_one(const struct sk_listing *list, size_t i, size_t width, struct sk_buf *line)
{
	const struct sk_entry *e = list->entries.item[i];
	size_t from;
	int rc;

	sk_buf_clear(line);
	(void)sk_buf_adds(line, sk_look(SK_LOOK_ID));
	from = line->len;
	(void)sk_buf_adds(line, e->id);
	fill(line, from, width);
	(void)sk_buf_adds(line, sk_color_reset());
	(void)sk_buf_adds(line, "  ");
	(void)sk_entry_line(e, line);
	/* for people the tiers alone: nearly all are recent or among the last */
	if (list->reason[i] & SK_TIERS) {
		(void)sk_buf_adds(line, "  ");
		(void)sk_buf_adds(line, sk_look(SK_LOOK_TIER));
		(void)sk_buf_addc(line, '(');
		(void)sk_retention_words(list->reason[i] & SK_TIERS, line);
		(void)sk_buf_addc(line, ')');
		(void)sk_buf_adds(line, sk_color_reset());
	}
	rc = sk_buf_addc(line, '\n');
	if (!rc)
		sk_out(line->ptr, line->len);
	return rc;
}

int sk_listing_plain(const struct sk_listing *list)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t width = 0;
	int rc = 0;

	for (size_t i = 0; i < list->entries.n; i++) {
		size_t n = strlen(list->entries.item[i]->id);

		if (list->shown[i] && n > width)
			width = n;
	}
	for (size_t i = 0; !rc && !sk_out_failed() && i < list->entries.n; i++) {
		if (!list->shown[i])
			continue;
		rc = print_one(list, i, width, &line);
	}
	sk_buf_free(&line);
	return rc;
}

/* For jansson: text into a buffer, each new line four columns further in. */
static int add_indented(const char *text, size_t len, void *data)
{
	struct sk_buf *out = data;

	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) + 1 : len;

		(void)sk_buf_add(out, text, n);
		if (nl)
			(void)sk_buf_adds(out, "    ");
		text += n;
		len -= n;
	}
	return sk_buf_ok(out) ? -1 : 0;
}

/* One after the other: all of them at once would be ten times the memory of the entries. */
int sk_listing_json(const struct sk_repo *repo, const struct sk_listing *list)
{
	struct sk_buf text = SK_BUF_INIT;
	bool any = false;
	int rc = 0;

	sk_out("{\n  \"entries\": [", 16);
	for (size_t i = 0; !rc && !sk_out_failed() && i < list->entries.n; i++) {
		json_t *one;

		if (!list->shown[i])
			continue;
		one = sk_entry_json(repo, list->entries.item[i], false);
		one = sk_json_add(one, "tiers", sk_words_json(list->reason[i]));
		sk_buf_clear(&text);
		(void)sk_buf_adds(&text, any ? ",\n    " : "\n    ");
		if (!one || json_dump_callback(one, add_indented, &text, JSON_INDENT(2)))
			rc = sk_error_oom();
		else
			sk_out_json_text(text.ptr, text.len);
		json_decref(one);
		any = true;
	}
	sk_buf_free(&text);
	sk_out(any ? "\n  ]\n}\n" : "]\n}\n", any ? 7 : 4);
	return rc;
}

void sk_listing_ids(const struct sk_listing *list)
{
	for (size_t i = 0; i < list->entries.n; i++)
		if (list->shown[i])
			sk_out(list->entries.item[i]->id, strlen(list->entries.item[i]->id) + 1);
}

static void add_revision(const struct sk_entry *e, size_t width, struct sk_buf *out)
{
	const char *name = e->damaged ? NULL : sk_entry_get(e, "Sk-Name");
	char when[20];

	sk_format_local(e->created, when);
	(void)sk_buf_addf(out, "%s%-*s%s  %.16s  ", sk_look(SK_LOOK_ID), (int)width, e->id,
	                  sk_color_reset(), when);
	if (e->damaged) {
		(void)sk_buf_addf(out, "%sdamaged: ", sk_look(SK_LOOK_DAMAGED));
		(void)sk_add_text(out, e->damage, strlen(e->damage));
		(void)sk_buf_adds(out, sk_color_reset());
	} else {
		name = name ? name : e->title;
		(void)sk_add_text(out, name, strlen(name));
		if (*e->description) {
			(void)sk_buf_adds(out, ": ");
			(void)sk_add_text(out, e->description, strlen(e->description));
		}
	}
	(void)sk_buf_addc(out, '\n');
}

int sk_listing_revisions(const struct sk_listing *list, struct sk_buf *out)
{
	size_t width = 0;

	for (size_t i = 0; i < list->entries.n; i++) {
		size_t n = strlen(list->entries.item[i]->id);

		width = list->shown[i] && n > width ? n : width;
	}
	for (size_t i = 0; i < list->entries.n; i++)
		if (list->shown[i])
			add_revision(list->entries.item[i], width, out);
	return sk_buf_ok(out);
}
