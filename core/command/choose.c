#include "command/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "command/listing.h"
#include "command/print.h"

#define RECENT 20 /* backups that are offered; others are reached by their id */

/* Moves what is offered into `out`: intact revisions first. */
static int offer(struct sk_entries *all, struct sk_entries *out)
{
	size_t backups = 0;

	out->n = 0;
	out->item = calloc(all->n + 1, sizeof *out->item);
	if (!out->item)
		return sk_error_oom();
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < all->n; i++) {
			struct sk_entry *e = all->item[i];

			if (e->damaged || (e->kind == SK_BACKUP) != (pass == 1))
				continue;
			if (pass == 1 && backups++ >= RECENT)
				continue;
			out->item[out->n++] = e;
		}
	return 0;
}

static int print_offer(const struct sk_entries *offered)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t width = 0;
	int rc = 0;

	for (size_t i = 0; i < offered->n; i++) {
		size_t n = strlen(offered->item[i]->id);

		width = n > width ? n : width;
	}
	for (size_t i = 0; !rc && i < offered->n; i++) {
		const struct sk_entry *e = offered->item[i];

		sk_buf_clear(&line);
		(void)sk_buf_addf(&line, "%3zu  %s%-*s%s  ", i + 1, sk_color(SK_YELLOW), (int)width,
		                  e->id, sk_color_reset());
		rc = sk_entry_line(e, &line);
		if (!rc)
			(void)fprintf(stderr, "%s\n", line.ptr);
	}
	sk_buf_free(&line);
	return rc;
}

/* 1 to n; 0: no such number. */
static size_t number(const char *text, size_t n)
{
	char *end;
	unsigned long k;

	text += strspn(text, " \t");
	if (*text < '0' || *text > '9')
		return 0;
	k = strtoul(text, &end, 10);
	return end[strspn(end, " \t\r")] || k > n ? 0 : k;
}

static int ask_number(size_t n, size_t *out)
{
	struct sk_buf answer = SK_BUF_INIT;
	int rc = 0;

	for (;;) {
		rc = sk_ask_line("number, or q to quit: ", &answer);
		if (rc) {
			*out = 0;
			rc = rc == SK_ENO ? 0 : rc; /* the end of input is a no */
			break;
		}
		*out = 0;
		if (strcasecmp(sk_buf_str(&answer), "q") == 0 ||
		    strcasecmp(sk_buf_str(&answer), "quit") == 0)
			break;
		*out = number(sk_buf_str(&answer), n);
		if (*out)
			break;
		(void)fprintf(stderr, "there is no %s here; a number from 1 to %zu\n",
		              sk_name(sk_buf_str(&answer)), n);
	}
	sk_buf_free(&answer);
	return rc;
}

int sk_choose(const struct sk_repo *repo, struct sk_entry **out)
{
	struct sk_entries all = { 0 }, offered = { 0 };
	size_t k = 0;
	int rc = sk_entry_list(repo, SK_ANY, repo->worktree_id, &all);

	if (!rc)
		rc = offer(&all, &offered);
	if (!rc && !offered.n)
		rc = sk_error(SK_ENO, "there is nothing to go back to yet; 'git sk backup' makes "
		                      "a backup");
	if (!rc)
		rc = print_offer(&offered);
	if (!rc)
		rc = ask_number(offered.n, &k);
	if (!rc)
		rc = k ? sk_entry_read(repo, offered.item[k - 1]->ref, out) : 0;
	free(offered.item); /* the entries are those of `all` */
	sk_entries_free(&all);
	return rc;
}
