#include "command/pick.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/columns.h"
#include "base/error.h"
#include "base/text.h"
#include "command/listing.h"
#include "command/print.h"

#define ROWS_MAX 20
#define ESCAPE_MS 50 /* after an escape by itself nothing comes for so long */

struct pick {
	const struct sk_entries *offered;
	size_t *match, n_match; /* numbers of those that have the text */
	size_t at, top;         /* among the matches: the chosen one, the first on the screen */
	size_t ids, labels;
	struct sk_buf text; /* what was typed: a number, or what to look for */
	bool looking;       /* it is text to look for, whatever it begins with */
	const char *said;   /* below the rows; static text */
	size_t rows;        /* lines of the screen for them */
};

enum key {
	KEY_NONE = 256,
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_ESCAPE
};

/* --- the terminal ------------------------------------------------------------------------- */

static struct termios before;

/* write, not stdio: it may come at any time. */
static void on_death(int sig)
{
	(void)tcsetattr(0, TCSANOW, &before);
	(void)!write(2, "\n", 1);
	_exit(128 + sig);
}

static const int deaths[] = { SIGTERM, SIGHUP, SIGQUIT, 0 };

static int raw_on(struct sigaction was[3])
{
	struct sigaction sa = { .sa_handler = on_death };
	struct termios raw;

	if (tcgetattr(0, &before) < 0)
		return sk_error_errno(SK_EIO, "cannot read keys");
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; deaths[i]; i++)
		(void)sigaction(deaths[i], &sa, &was[i]);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* not TCSAFLUSH: what was typed ahead is meant for us */
	return tcsetattr(0, TCSADRAIN, &raw) < 0 ? sk_error_errno(SK_EIO, "cannot read keys") : 0;
}

static void raw_off(const struct sigaction was[3])
{
	(void)tcsetattr(0, TCSADRAIN, &before);
	for (size_t i = 0; deaths[i]; i++)
		(void)sigaction(deaths[i], &was[i], NULL);
}

static bool more_comes(void)
{
	struct pollfd fd = { 0, POLLIN, 0 };

	return poll(&fd, 1, ESCAPE_MS) > 0;
}

/* One byte, or -1 at the end of input. */
static int next_byte(void)
{
	unsigned char c;
	ssize_t n;

	while ((n = read(0, &c, 1)) < 0 && errno == EINTR)
		;
	return n == 1 ? c : -1;
}

/* What follows ESC: "[A", "OA", "[5~"; other sequences are read to their end and mean nothing. */
static int escape_key(void)
{
	static const struct {
		int number, last;
		enum key key;
	} keys[] = { { 0, 'A', KEY_UP },      { 0, 'B', KEY_DOWN },      { 0, 'H', KEY_HOME },
		     { 0, 'F', KEY_END },     { 1, '~', KEY_HOME },      { 4, '~', KEY_END },
		     { 5, '~', KEY_PAGE_UP }, { 6, '~', KEY_PAGE_DOWN }, { 7, '~', KEY_HOME },
		     { 8, '~', KEY_END } };
	int c, number = 0;

	if (!more_comes())
		return KEY_ESCAPE;
	c = next_byte();
	if (c != '[' && c != 'O')
		return c < 0 ? c : KEY_NONE;
	while ((c = next_byte()) >= 0 && (c < '@' || c > '~'))
		number = c >= '0' && c <= '9' && number < 100 ? number * 10 + c - '0' : 100;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].number == number && keys[i].last == c)
			return (int)keys[i].key;
	return c < 0 ? c : KEY_NONE;
}

static int next_key(void)
{
	int c = next_byte();

	return c == '\033' ? escape_key() : c;
}

/* --- what is shown ------------------------------------------------------------------------ */

static void look_at_screen(struct pick *p)
{
	struct winsize size = { 0 };

	if (ioctl(2, TIOCGWINSZ, &size) < 0 || !size.ws_row)
		size.ws_row = 24;
	p->rows = size.ws_row > 5 ? (size_t)size.ws_row - 4 : 1;
	if (p->rows > ROWS_MAX)
		p->rows = ROWS_MAX;
}

/* They would end what marks the whole row. */
static void drop_colors(struct sk_buf *row)
{
	size_t n = 0;

	for (size_t i = 0; i < row->len; i++)
		if (row->ptr[i] != '\033')
			row->ptr[n++] = row->ptr[i];
		else
			while (i < row->len && row->ptr[i] != 'm')
				i++;
	sk_buf_truncate(row, n);
}

static void add_rows(struct pick *p, size_t width, struct sk_buf *out)
{
	if (p->at < p->top)
		p->top = p->at;
	if (p->at >= p->top + p->rows)
		p->top = p->at - p->rows + 1;
	for (size_t i = p->top; i < p->n_match && i < p->top + p->rows; i++) {
		bool here = i == p->at;
		struct sk_buf row = SK_BUF_INIT;

		(void)sk_buf_addf(&row, "%s%3zu  ", here ? "> " : "  ", p->match[i] + 1);
		(void)sk_entry_row(p->offered->item[p->match[i]], 0, p->ids, p->labels, width - 8,
		                   &row);
		if (here && sk_color_on())
			drop_colors(&row);
		(void)sk_buf_adds(out, here ? sk_look(SK_LOOK_SELECTED) : "");
		(void)sk_add_columns(out, sk_buf_str(&row), row.len, width - 1);
		(void)sk_buf_adds(out, sk_color_reset());
		(void)sk_buf_adds(out, "\r\n");
		sk_buf_free(&row);
	}
}

static void clear(void)
{
	(void)fputs("\r\033[J", stderr);
	(void)fflush(stderr);
}

#define QUESTION "number, or q to quit, or text to look for: "
#define HELP "Up and Down: move.  Enter: choose.  Tab: look at it.  Esc: leave."

static void draw(struct pick *p)
{
	struct sk_buf out = SK_BUF_INIT;
	size_t width = sk_term_width(), shown;

	look_at_screen(p);
	(void)sk_buf_adds(&out, "\r\033[J\r\n");
	add_rows(p, width, &out);
	if (p->said)
		(void)sk_add_columns(&out, p->said, strlen(p->said), width - 1);
	else if (p->n_match < p->offered->n)
		(void)sk_buf_addf(&out, "%zu of %zu", p->n_match, p->offered->n);
	else
		(void)sk_add_columns(&out, HELP, sizeof HELP - 1, width - 1);
	/* the question stands above; the cursor waits behind what was typed */
	shown = p->n_match - p->top < p->rows ? p->n_match - p->top : p->rows;
	(void)sk_buf_addf(&out, "\r\033[%zuA", shown + 1);
	(void)sk_add_columns(&out, QUESTION, sizeof QUESTION - 1, width - 2);
	(void)sk_add_text(&out, sk_buf_str(&p->text), p->text.len);
	if (!sk_buf_ok(&out))
		(void)fwrite(out.ptr, 1, out.len, stderr);
	(void)fflush(stderr);
	sk_buf_free(&out);
}

/* --- what was typed ----------------------------------------------------------------------- */

static bool is_number(const struct pick *p)
{
	return !p->looking && p->text.len && isdigit((unsigned char)p->text.ptr[0]);
}

/* Whether the entry has all words of the text in it. */
static bool has_words(const struct sk_entry *e, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, " ");
		char word[128];

		if (n && n < sizeof word) {
			memcpy(word, text, n);
			word[n] = '\0';
			if (!strcasestr(e->id, word) && !strcasestr(sk_entry_label(e), word) &&
			    !strcasestr(e->title, word))
				return false;
		}
		text += n + (text[n] == ' ');
	}
	return true;
}

static void match(struct pick *p)
{
	const char *text = p->looking ? sk_buf_str(&p->text) : "";

	p->n_match = 0;
	for (size_t i = 0; i < p->offered->n; i++)
		if (has_words(p->offered->item[i], text))
			p->match[p->n_match++] = i;
	p->at = p->top = 0;
	if (is_number(p)) {
		size_t k = strtoul(p->text.ptr, NULL, 10);

		if (k >= 1 && k <= p->n_match)
			p->at = k - 1;
	}
}

static void wipe(struct pick *p)
{
	sk_buf_clear(&p->text);
	p->looking = false;
	match(p);
}

static void erase_letter(struct pick *p)
{
	size_t n = p->text.len;

	while (n && ((unsigned char)p->text.ptr[n - 1] & 0xc0) == 0x80)
		n--;
	sk_buf_truncate(&p->text, n ? n - 1 : 0);
	if (!p->text.len)
		p->looking = false;
	match(p);
}

static void type(struct pick *p, int c)
{
	if (!p->text.len && !p->looking && c == '/') {
		p->looking = true;
		return;
	}
	if (p->text.len > 100)
		return;
	(void)sk_buf_addc(&p->text, (char)c);
	if (!isdigit(c) || p->text.len >= 4) /* the beginning of an id is text, too */
		p->looking = true;
	match(p);
}

static void move(struct pick *p, int key)
{
	size_t last = p->n_match ? p->n_match - 1 : 0;

	if (key == KEY_UP || key == 'P' - '@')
		p->at -= p->at > 0;
	else if (key == KEY_DOWN || key == 'N' - '@')
		p->at += p->at < last;
	else if (key == KEY_PAGE_UP)
		p->at = p->at > p->rows ? p->at - p->rows : 0;
	else if (key == KEY_PAGE_DOWN)
		p->at = p->at + p->rows < last ? p->at + p->rows : last;
	else if (key == KEY_HOME)
		p->at = 0;
	else if (key == KEY_END)
		p->at = last;
}

/* Enter: whether that chooses something.  If not, it is said why, and asked again. */
static bool take(struct pick *p)
{
	size_t k = is_number(p) ? strtoul(p->text.ptr, NULL, 10) : 0;

	if (is_number(p) ? k >= 1 && k <= p->offered->n : p->n_match > 0)
		return true;
	p->said = is_number(p) ? "there is no such number" : "nothing has that text";
	wipe(p);
	return false;
}

/* --- the whole ---------------------------------------------------------------------------- */

enum outcome { GOES_ON, CHOSEN, LEFT, INTERRUPTED, LOOK };

static enum outcome react(struct pick *p, int key)
{
	bool empty = !p->text.len && !p->looking;

	p->said = NULL;
	if (key == 'C' - '@')
		return INTERRUPTED;
	if (key < 0 || key == KEY_ESCAPE ||
	    (empty && (key == 'q' || key == 'Q' || key == 'D' - '@')))
		return LEFT;
	if (key == '\r' || key == '\n')
		return take(p) ? CHOSEN : GOES_ON;
	if (key == '\t')
		return p->n_match ? LOOK : GOES_ON;
	if (key == 127 || key == '\b')
		erase_letter(p);
	else if (key == 'U' - '@')
		wipe(p);
	else if (key >= ' ' && key < 256)
		type(p, key);
	else
		move(p, key);
	return GOES_ON;
}

static int begin(struct pick *p, const struct sk_entries *offered)
{
	*p = (struct pick){ .offered = offered, .text = SK_BUF_INIT };
	p->match = calloc(offered->n + 1, sizeof *p->match);
	if (!p->match)
		return sk_error_oom();
	sk_entry_row_widths(offered, NULL, &p->ids, &p->labels);
	match(p);
	return 0;
}

int sk_pick(const struct sk_entries *offered, void (*show)(const struct sk_entry *e),
            size_t *chosen)
{
	enum outcome outcome = GOES_ON;
	struct sigaction was[3];
	struct pick p;
	int rc = begin(&p, offered);

	if (!rc)
		rc = raw_on(was);
	while (!rc && (outcome == GOES_ON || outcome == LOOK)) {
		draw(&p);
		outcome = react(&p, next_key());
		if (outcome != LOOK)
			continue;
		clear();
		raw_off(was);
		show(offered->item[p.match[p.at]]);
		rc = raw_on(was);
	}
	if (!rc) {
		clear();
		raw_off(was);
		*chosen = outcome == CHOSEN ? p.match[p.at] : SIZE_MAX;
		if (outcome == INTERRUPTED)
			rc = sk_error(SK_EINTR, "interrupted; nothing was changed");
	}
	free(p.match);
	sk_buf_free(&p.text);
	return rc;
}
