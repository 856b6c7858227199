#include "command/choose.h"

#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/proc.h"
#include "base/text.h"
#include "command/listing.h"
#include "command/pick.h"
#include "command/print.h"

#define RECENT 20 /* backups in the numbered list; others are reached by their id */

bool sk_can_choose(void)
{
	return isatty(0) && isatty(2);
}

/* --- what is offered ---------------------------------------------------------------------- */

/* Moves it into `out`: intact revisions first, and at most `backups` backups. */
static int offer(const struct sk_listing *list, size_t backups, struct sk_entries *out)
{
	out->n = 0;
	out->item = calloc(list->entries.n + 1, sizeof *out->item);
	if (!out->item)
		return sk_error_oom();
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < list->entries.n; i++) {
			struct sk_entry *e = list->entries.item[i];

			if (!list->shown[i] || e->damaged || (e->kind == SK_BACKUP) != (pass == 1))
				continue;
			if (pass == 1 && !backups)
				continue;
			backups -= pass == 1;
			out->item[out->n++] = e;
		}
	return 0;
}

static int load(const struct sk_repo *repo, const struct sk_strv *paths, struct sk_listing *out)
{
	int rc = sk_listing_load(repo, SK_ANY, false, SIZE_MAX, out);

	if (!rc && paths && paths->n)
		rc = sk_listing_paths(repo, paths, out);
	return rc;
}

/* --- numbers ------------------------------------------------------------------------------ */

static int print_offer(const struct sk_entries *offered)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t ids, labels, width = sk_term_width();
	int rc = 0;

	sk_entry_row_widths(offered, NULL, &ids, &labels);
	for (size_t i = 0; !rc && i < offered->n; i++) {
		sk_buf_clear(&line);
		(void)sk_buf_addf(&line, "%3zu  ", i + 1);
		rc = sk_entry_row(offered->item[i], 0, ids, labels, width - 5, &line);
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

static int by_number(const struct sk_entries *offered, size_t *chosen)
{
	size_t k = 0;
	int rc = print_offer(offered);

	if (!rc)
		rc = ask_number(offered->n, &k);
	if (!rc)
		*chosen = k ? k - 1 : SIZE_MAX;
	return rc;
}

/* --- fzf ---------------------------------------------------------------------------------- */

static bool in_path(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	while (path && *path) {
		size_t n = strcspn(path, ":");

		/* an empty or relative folder is where we stand: nothing is run from there */
		if (*path == '/' &&
		    snprintf(file, sizeof file, "%.*s/%s", (int)n, path, name) < (int)sizeof file &&
		    access(file, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

/* "ID<TAB>row", a line each: the number of the line is not needed, ids are unique by kind. */
static int fzf_lines(const struct sk_entries *offered, struct sk_buf *out)
{
	size_t ids, labels, width = sk_term_width() - 4;
	int rc = 0;

	sk_entry_row_widths(offered, NULL, &ids, &labels);
	for (size_t i = 0; !rc && i < offered->n; i++) {
		(void)sk_buf_addf(out, "%s\t", offered->item[i]->ref);
		rc = sk_entry_row(offered->item[i], 0, ids, labels, width, out);
		(void)sk_buf_addc(out, '\n');
	}
	return rc ? rc : sk_buf_ok(out);
}

static int fzf_preview(struct sk_buf *out)
{
	const char *color = sk_color_on() ? "always" : "never";
	struct sk_buf word = SK_BUF_INIT;
	char path[PATH_MAX];
	int rc = sk_proc_self(path);

	if (!rc)
		rc = sk_add_word(&word, path);
	/* fzf puts the ref in quotes itself */
	if (!rc)
		rc = sk_buf_addf(out,
		                 "--preview=%s diff --color=%s --stat {1}; %s show --color=%s {1}",
		                 word.ptr, color, word.ptr, color);
	sk_buf_free(&word);
	return rc;
}

static void find(const struct sk_entries *offered, const struct sk_buf *line, size_t *chosen)
{
	size_t n = strcspn(sk_buf_str(line), "\t\n");

	*chosen = SIZE_MAX;
	for (size_t i = 0; i < offered->n; i++)
		if (strlen(offered->item[i]->ref) == n &&
		    memcmp(offered->item[i]->ref, sk_buf_str(line), n) == 0)
			*chosen = i;
}

/* *done stays false when fzf could not do it. */
static int by_fzf(const struct sk_entries *offered, bool *done, size_t *chosen)
{
	struct sk_buf lines = SK_BUF_INIT, preview = SK_BUF_INIT, answer = SK_BUF_INIT;
	int status = 0, rc = fzf_lines(offered, &lines);

	if (!rc)
		rc = fzf_preview(&preview);
	if (!rc) {
		const char *const argv[] = { "fzf",
			                     "--delimiter=\t",
			                     "--with-nth=2..",
			                     "--no-multi",
			                     "--no-sort",
			                     "--layout=reverse",
			                     "--prompt=choose> ",
			                     "--preview-window=down:50%",
			                     sk_color_on() ? "--ansi" : "--no-color",
			                     preview.ptr,
			                     NULL };
		struct sk_proc proc = {
			.argv = argv, .input = lines.ptr, .input_len = lines.len, .output = &answer
		};

		rc = sk_proc_run(&proc, &status);
		/* 1: nothing matches, 130: left */
		*done = !rc && (status == 0 || status == 1 || status == 130);
		rc = 0;
	}
	if (*done)
		find(offered, &answer, chosen);
	sk_buf_free(&lines);
	sk_buf_free(&preview);
	sk_buf_free(&answer);
	return rc;
}

/* --- the whole ---------------------------------------------------------------------------- */

static void on_interrupt(int sig)
{
	SK_UNUSED(sig);
}

/* Ctrl-C is for the pager meanwhile. */
static void show(const struct sk_entry *e)
{
	struct sigaction sa = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART }, was;
	char path[PATH_MAX];
	const char *const argv[] = { path, "diff", "--stat", "-p", e->ref, NULL };
	struct sk_proc proc = { .argv = argv, .inherit_input = true, .keep_git_env = true };
	int status;

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGINT, &sa, &was);
	if (sk_proc_self(path) || sk_proc_run(&proc, &status))
		sk_warn("%s", sk_error_message());
	(void)sigaction(SIGINT, &was, NULL);
}

enum way { WAY_FZF, WAY_KEYS, WAY_NUMBERS };

static enum way which_way(void)
{
	const char *want = getenv("GIT_SK_PICKER");

	if (want && strcmp(want, "numbers") == 0)
		return WAY_NUMBERS;
	if (sk_term_dumb())
		return WAY_NUMBERS;
	if (want && strcmp(want, "keys") == 0)
		return WAY_KEYS;
	return in_path("fzf") ? WAY_FZF : WAY_KEYS;
}

static int choose(const struct sk_repo *repo, const struct sk_listing *list, struct sk_entry **out)
{
	struct sk_entries offered = { 0 };
	enum way way = which_way();
	size_t k = SIZE_MAX;
	bool done = false;
	int rc = offer(list, way == WAY_NUMBERS ? RECENT : SIZE_MAX, &offered);

	if (!rc && !offered.n)
		rc = sk_error(SK_ENO, "there is nothing to go back to yet; 'git sk backup' makes "
		                      "a backup");
	if (!rc && way == WAY_FZF)
		rc = by_fzf(&offered, &done, &k);
	if (!rc && !done)
		rc = way == WAY_NUMBERS ? by_number(&offered, &k) : sk_pick(&offered, show, &k);
	if (!rc)
		rc = k < offered.n ? sk_entry_read(repo, offered.item[k]->ref, out) : 0;
	free(offered.item); /* the entries are those of `list` */
	return rc;
}

int sk_choose(const struct sk_repo *repo, const struct sk_strv *paths, struct sk_entry **out)
{
	struct sk_listing list = { 0 };
	int rc;

	*out = NULL;
	rc = load(repo, paths, &list);
	if (!rc)
		rc = choose(repo, &list, out);
	sk_listing_free(&list);
	return rc;
}
