/* The list as people read it: rows as wide as the terminal, under a heading for each day. */
#include "command/listing.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/columns.h"
#include "base/text.h"
#include "command/print.h"
#include "command/report.h"

#define ID_MAX 20 /* longer ones (revisions) are shown whole, out of line */
#define LABEL_MAX 16
#define AGE 6
#define TITLE_MIN 16
#define NARROW 72 /* below: no age, and no size */
#define WIDE 100  /* from here on: the age in words, the bytes, and room kept for the tiers */

int sk_add_short_age(struct sk_buf *out, time_t t, time_t now)
{
	static const struct {
		long long seconds, until;
		const char *unit;
	} units[] = { { 1, 60, "s" },
		      { 60, 60 * 60, "min" },
		      { 60 * 60, 48LL * 60 * 60, "h" },
		      { 86400, 100LL * 86400, "d" },
		      { 30LL * 86400, 730LL * 86400, "mo" },
		      { 365LL * 86400, INT64_MAX, "yr" } };
	long long past = (long long)now - (long long)t;
	size_t i = 0;

	if (past < 0)
		return sk_buf_adds(out, "future");
	while (past >= units[i].until)
		i++;
	return sk_buf_addf(out, "%lld %s", past / units[i].seconds, units[i].unit);
}

/* The calendar day so many days before `now`. */
static bool is_day(const char *day, time_t now, int before)
{
	char text[11];
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return false;
	tm.tm_mday -= before;
	tm.tm_hour = 12;
	tm.tm_isdst = -1;
	(void)mktime(&tm);
	return strftime(text, sizeof text, "%Y-%m-%d", &tm) && strcmp(text, day) == 0;
}

int sk_add_day(struct sk_buf *out, time_t t, char day[11])
{
	char text[11] = "", name[32] = "";
	time_t now = sk_now();
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%d", &tm) ||
	    strcmp(text, day) == 0)
		return 0;
	(void)strftime(name, sizeof name, "%A", &tm);
	(void)sk_buf_adds(out, *day ? "\n" : "");
	(void)sk_buf_addf(out, "%s%s %s%s%s\n", sk_look(SK_LOOK_DAY), text, name,
	                  is_day(text, now, 0)   ? ", today"
	                  : is_day(text, now, 1) ? ", yesterday"
	                                         : "",
	                  sk_color_reset());
	memcpy(day, text, sizeof text);
	return sk_buf_ok(out);
}

static size_t within(size_t n, size_t max)
{
	return n < max ? n : max;
}

void sk_entry_row_widths(const struct sk_entries *entries, const bool *shown, size_t *ids,
                         size_t *labels)
{
	*ids = *labels = 0;
	for (size_t i = 0; i < entries->n; i++) {
		const struct sk_entry *e = entries->item[i];
		size_t id = strlen(e->id), label = strlen(sk_entry_label(e));

		if (shown && !shown[i])
			continue;
		if (id > *ids && id <= ID_MAX)
			*ids = id;
		if (label > *labels)
			*labels = within(label, LABEL_MAX);
	}
}

static void add_look(struct sk_buf *out, enum sk_look look, const char *text, size_t width)
{
	const char *begin = sk_look(look);
	size_t from = out->len;

	(void)sk_buf_adds(out, begin);
	(void)sk_add_text(out, text, strlen(text));
	(void)sk_buf_adds(out, *begin ? sk_color_reset() : "");
	(void)sk_pad_columns(out, from, width);
}

/* Right in its column. */
static void add_right(struct sk_buf *out, enum sk_look look, const struct sk_buf *text,
                      size_t width)
{
	for (size_t n = text->len; n < width; n++)
		(void)sk_buf_addc(out, ' ');
	add_look(out, look, sk_buf_str(text), 0);
}

static void add_age(struct sk_buf *out, const struct sk_entry *e, bool wide)
{
	struct sk_buf text = SK_BUF_INIT;

	if (wide)
		(void)sk_add_age(&text, e->created, sk_now());
	else
		(void)sk_add_short_age(&text, e->created, sk_now());
	add_right(out, SK_LOOK_AGE, &text, wide ? 14 : AGE);
	sk_buf_free(&text);
}

/* "3 files  1.2K": what changed, and what that took in the object database. */
static void add_size(struct sk_buf *out, const struct sk_entry *e, bool wide)
{
	unsigned long files = sk_entry_number(e, "Sk-Changed");
	struct sk_buf text = SK_BUF_INIT;

	(void)sk_buf_addf(&text, "%lu %s", files, files == 1 ? "file " : "files");
	add_right(out, SK_LOOK_SIZE, &text, 10);
	sk_buf_clear(&text);
	if (wide) {
		if (sk_entry_number(e, "Sk-Bytes"))
			(void)sk_add_size(&text, sk_entry_number(e, "Sk-Bytes"));
		(void)sk_buf_adds(out, "  ");
		add_right(out, SK_LOOK_SIZE, &text, 6);
	}
	sk_buf_free(&text);
}

static void tier_words(struct sk_buf *out, unsigned tiers)
{
	sk_buf_clear(out);
	if (!tiers)
		return;
	(void)sk_buf_adds(out, "  (");
	(void)sk_retention_words(tiers, out);
	(void)sk_buf_addc(out, ')');
}

/* Of several tiers the one that keeps it longest. */
static unsigned longest(unsigned tiers)
{
	static const unsigned order[] = { SK_KEEP_MONTHLY, SK_KEEP_WEEKLY, SK_KEEP_DAILY };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (tiers & order[i])
			return order[i];
	return tiers;
}

/* What is left of the line: as much of the title as fits, and the tiers if there is room. */
static void add_title(struct sk_buf *out, const char *title, unsigned reason, size_t room,
                      bool wide)
{
	struct sk_buf text = SK_BUF_INIT, tiers = SK_BUF_INIT;
	size_t columns;

	(void)sk_add_text(&text, title, strlen(title));
	columns = sk_columns(sk_buf_str(&text), text.len);
	tier_words(&tiers, reason & SK_TIERS);
	if (columns + tiers.len > room)
		tier_words(&tiers, longest(reason & SK_TIERS));
	if (wide && tiers.len && room > tiers.len + TITLE_MIN && columns > room - tiers.len)
		columns = room - tiers.len;
	columns = within(columns, room);
	(void)sk_add_columns(out, sk_buf_str(&text), text.len, columns);
	if (tiers.len && columns + tiers.len <= room) {
		(void)sk_buf_adds(out, "  ");
		add_look(out, SK_LOOK_TIER, tiers.ptr + 2, 0);
	}
	sk_buf_free(&text);
	sk_buf_free(&tiers);
}

int sk_entry_row(const struct sk_entry *e, unsigned reason, size_t ids, size_t labels, size_t width,
                 struct sk_buf *out)
{
	bool wide = width >= WIDE;
	size_t from = out->len, used;

	add_look(out, e->kind == SK_BACKUP ? SK_LOOK_ID : sk_entry_look(e), e->id, ids);
	(void)sk_buf_adds(out, "  ");
	if (width >= NARROW) {
		add_age(out, e, wide);
		(void)sk_buf_adds(out, "  ");
	}
	add_look(out, sk_entry_look(e), e->damaged ? "damaged" : sk_entry_label(e), labels);
	if (!e->damaged && width >= NARROW)
		add_size(out, e, wide);
	(void)sk_buf_adds(out, "  ");
	if (sk_buf_ok(out))
		return SK_EIO;
	used = sk_columns(out->ptr + from, out->len - from);
	add_title(out, e->damaged ? e->damage : e->title, reason,
	          used + TITLE_MIN < width ? width - used : TITLE_MIN, wide);
	return sk_buf_ok(out);
}

int sk_listing_terminal(const struct sk_listing *list)
{
	size_t ids, labels, width = sk_term_width();
	struct sk_buf text = SK_BUF_INIT;
	char day[11] = "";
	int rc = 0;

	sk_entry_row_widths(&list->entries, list->shown, &ids, &labels);
	for (size_t i = 0; !rc && !sk_out_failed() && i < list->entries.n; i++) {
		if (!list->shown[i])
			continue;
		sk_buf_clear(&text);
		(void)sk_add_day(&text, list->entries.item[i]->created, day);
		(void)sk_entry_row(list->entries.item[i], list->reason[i], ids, labels, width,
		                   &text);
		rc = sk_buf_addc(&text, '\n');
		if (!rc)
			sk_out(text.ptr, text.len);
	}
	sk_buf_free(&text);
	return rc;
}
