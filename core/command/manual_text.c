/* Plain text of an mdoc(7) page: the few macros that our own pages use. */
#include "command/manual.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH 8
#define WORDS 128
#define INDENT 5
#define STEP 6

enum what {
	W_TEXT,  /* its words as they are */
	W_FLAG,  /* each with a dash */
	W_QUOTE, /* the rest of the line between two signs */
	W_OPEN,  /* a sign, until W_CLOSE */
	W_CLOSE,
	W_NAME,  /* the page's name */
	W_REF,   /* name(section) */
	W_CALL,  /* name() */
	W_GLUE,  /* no space before what follows */
	W_BLOCK, /* has a line of its own: see block() */
};

static const struct macro {
	const char *name;
	enum what what;
	const char *open, *close;
} macros[] = {
	{ "Fl", W_FLAG, "-", NULL },   { "Ar", W_TEXT, NULL, NULL },  { "Cm", W_TEXT, NULL, NULL },
	{ "Va", W_TEXT, NULL, NULL },  { "Pa", W_TEXT, NULL, NULL },  { "Em", W_TEXT, NULL, NULL },
	{ "Ev", W_TEXT, NULL, NULL },  { "No", W_TEXT, NULL, NULL },  { "Sy", W_TEXT, NULL, NULL },
	{ "Ql", W_QUOTE, "'", "'" },   { "Pq", W_QUOTE, "(", ")" },   { "Op", W_QUOTE, "[", "]" },
	{ "In", W_QUOTE, "<", ">" },   { "Oo", W_OPEN, "[", NULL },   { "Oc", W_CLOSE, "]", NULL },
	{ "Nm", W_NAME, NULL, NULL },  { "Xr", W_REF, NULL, NULL },   { "Fn", W_CALL, NULL, NULL },
	{ "Ns", W_GLUE, NULL, NULL },  { "Dd", W_BLOCK, NULL, NULL }, { "Dt", W_BLOCK, NULL, NULL },
	{ "Os", W_BLOCK, NULL, NULL }, { "Sh", W_BLOCK, NULL, NULL }, { "Ss", W_BLOCK, NULL, NULL },
	{ "Pp", W_BLOCK, NULL, NULL }, { "Bl", W_BLOCK, NULL, NULL }, { "It", W_BLOCK, NULL, NULL },
	{ "El", W_BLOCK, NULL, NULL }, { "Bd", W_BLOCK, NULL, NULL }, { "Ed", W_BLOCK, NULL, NULL },
	{ "Dl", W_BLOCK, NULL, NULL }, { "Nd", W_BLOCK, NULL, NULL },
};

struct list {
	size_t indent; /* of what its items say */
	bool compact, bullet;
};

struct page {
	struct sk_buf *out;
	size_t width;
	struct sk_buf para;  /* words of the paragraph, with a space between them */
	struct sk_buf label; /* of a list's item, still to stand before it */
	struct sk_buf name;
	struct list list[DEPTH];
	size_t depth;
	bool glue, literal, synopsis;
	bool gap, headed; /* an empty line is due; but not below a heading */
	size_t hang;
};

static const struct macro *find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof macros / sizeof *macros; i++)
		if (strlen(macros[i].name) == len && memcmp(macros[i].name, name, len) == 0)
			return &macros[i];
	return NULL;
}

bool sk_manual_knows(const char *macro, size_t len)
{
	return find(macro, len) != NULL;
}

/* roff's escapes: \e \& \- \(dq \(aq and a backslash before anything else. */
static void add_text(struct sk_buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text != '\\' || !text[1]) {
			(void)sk_buf_addc(out, *text);
			continue;
		}
		text++;
		if (*text == 'e')
			(void)sk_buf_addc(out, '\\');
		else if (*text == '(' && text[1] && text[2]) {
			(void)sk_buf_addc(out, memcmp(text + 1, "dq", 2) == 0 ? '"' : '\'');
			text += 2;
		} else if (*text != '&') {
			(void)sk_buf_addc(out, *text);
		}
	}
}

static void add_spaces(struct sk_buf *out, size_t n)
{
	while (n--)
		(void)sk_buf_addc(out, ' ');
}

static size_t indent(const struct page *p)
{
	return p->depth ? p->list[p->depth - 1].indent : INDENT;
}

static void new_block(struct page *p)
{
	if (p->gap && !p->headed && p->out->len)
		(void)sk_buf_addc(p->out, '\n');
	p->gap = p->headed = false;
}

/* The label of an item: on a line of its own where it is too long. */
static size_t put_label(struct page *p, size_t in)
{
	size_t outer = p->depth > 1 ? p->list[p->depth - 2].indent : INDENT, at;

	if (!p->label.len)
		return 0;
	new_block(p);
	add_spaces(p->out, outer);
	(void)sk_buf_add(p->out, p->label.ptr, p->label.len);
	at = outer + p->label.len;
	sk_buf_clear(&p->label);
	if (p->para.len && at + 1 <= in && !p->literal)
		return at;
	(void)sk_buf_addc(p->out, '\n');
	return 0;
}

static void flush(struct page *p)
{
	size_t in = indent(p), at = put_label(p, in);
	char *save = NULL, *word;

	if (!p->para.len)
		return;
	if (!at)
		new_block(p);
	word = strtok_r(p->para.ptr, " ", &save);
	for (bool first = true; word; word = strtok_r(NULL, " ", &save), first = false) {
		if (!first && at + 1 + strlen(word) > p->width) {
			(void)sk_buf_addc(p->out, '\n');
			at = 0;
			add_spaces(p->out, p->hang);
			at = p->hang;
		} else if (!first) {
			(void)sk_buf_addc(p->out, ' ');
			at++;
		}
		while (at < in) {
			(void)sk_buf_addc(p->out, ' ');
			at++;
		}
		(void)sk_buf_adds(p->out, word);
		at += strlen(word);
	}
	(void)sk_buf_addc(p->out, '\n');
	sk_buf_clear(&p->para);
}

static void put(struct page *p, const char *before, const char *word, const char *after)
{
	if (p->para.len && !p->glue)
		(void)sk_buf_addc(&p->para, ' ');
	p->glue = false;
	(void)sk_buf_adds(&p->para, before);
	add_text(&p->para, word);
	(void)sk_buf_adds(&p->para, after);
}

/* Cuts a line into words; "..." is one. */
static size_t split(char *line, char **word)
{
	size_t n = 0;

	while (n < WORDS - 1) {
		char *end;

		line += strspn(line, " ");
		if (!*line)
			break;
		end = *line == '"' ? strchr(line + 1, '"') : NULL;
		if (end)
			word[n++] = line + 1;
		else
			word[n++] = line, end = line + strcspn(line, " ");
		line = end + (*end != '\0');
		*end = '\0';
	}
	word[n] = NULL;
	return n;
}

static bool closes(const char *word)
{
	return *word && !word[1] && strchr(",.;:)]?!", *word);
}

struct open {
	const char *close[DEPTH];
	size_t n;
};

static size_t take(struct page *p, const struct macro *m, char **word, size_t i, size_t n,
                   struct open *open)
{
	switch (m->what) {
	case W_QUOTE:
		put(p, m->open, "", "");
		p->glue = true;
		if (open->n < DEPTH)
			open->close[open->n++] = m->close;
		break;
	case W_OPEN:
		put(p, m->open, "", "");
		p->glue = true;
		break;
	case W_CLOSE:
		p->glue = true;
		put(p, m->open, "", "");
		break;
	case W_NAME:
		if (i == n || find(word[i], strlen(word[i])))
			put(p, "", sk_buf_str(&p->name), "");
		break;
	case W_REF:
		if (i + 1 < n) {
			put(p, "", word[i], "(");
			p->glue = true;
			put(p, "", word[i + 1], ")");
			i += 2;
		}
		break;
	case W_CALL:
		if (i < n)
			put(p, "", word[i++], "()");
		break;
	case W_GLUE:
		p->glue = true;
		break;
	case W_FLAG:
		if (i == n || find(word[i], strlen(word[i])))
			put(p, "-", "", "");
		break;
	default:
		break;
	}
	return i;
}

/* A line of macros that may call each other. */
static void inline_macros(struct page *p, char **word, size_t n)
{
	const struct macro *m = NULL;
	struct open open = { .n = 0 };
	size_t end = n;

	while (end > 1 && closes(word[end - 1]))
		end--;
	for (size_t i = 0; i < end;) {
		const struct macro *next = find(word[i], strlen(word[i]));

		if (next && next->what != W_BLOCK) {
			m = next;
			i = take(p, m, word, i + 1, end, &open);
			continue;
		}
		if (closes(word[i]))
			p->glue = true;
		put(p,
		    m && m->what == W_FLAG && !closes(word[i]) && strcmp(word[i], "|") != 0 ? "-"
		                                                                            : "",
		    word[i], "");
		if (word[i][0] == '(' && !word[i][1])
			p->glue = true;
		i++;
	}
	while (open.n) {
		p->glue = true;
		put(p, open.close[--open.n], "", "");
	}
	for (; end < n; end++) {
		p->glue = true;
		put(p, "", word[end], "");
	}
}

static void heading(struct page *p, size_t in, char **word, size_t n)
{
	flush(p);
	p->gap = true;
	new_block(p);
	add_spaces(p->out, in);
	for (size_t i = 0; i < n; i++) {
		(void)sk_buf_adds(p->out, i ? " " : "");
		add_text(p->out, word[i]);
	}
	(void)sk_buf_addc(p->out, '\n');
	p->synopsis = in == 0 && n == 1 && strcmp(word[0], "SYNOPSIS") == 0;
	p->headed = true;
}

static void begin_list(struct page *p, char **word, size_t n)
{
	struct list list = { .indent = indent(p) + STEP };

	flush(p);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word[i], "-compact") == 0)
			list.compact = true;
		if (strcmp(word[i], "-bullet") == 0)
			list.bullet = true, list.indent = indent(p) + 4;
		if (strcmp(word[i], "-width") == 0 && i + 1 < n && strcmp(word[i + 1], "Ds") != 0)
			list.indent = indent(p) + strlen(word[i + 1]) + 2;
	}
	if (p->depth < DEPTH)
		p->list[p->depth++] = list;
}

static void item(struct page *p, char **word, size_t n)
{
	struct list *list = p->depth ? &p->list[p->depth - 1] : NULL;

	flush(p);
	if (!list)
		return;
	if (!list->compact)
		p->gap = true;
	if (list->bullet)
		(void)sk_buf_adds(&p->label, "*");
	p->glue = true;
	inline_macros(p, word, n);
	p->glue = true;
	if (!list->bullet) {
		(void)sk_buf_add(&p->label, sk_buf_str(&p->para), p->para.len);
		sk_buf_clear(&p->para);
	}
}

static void one_line(struct page *p, char **word, size_t n)
{
	flush(p);
	new_block(p);
	add_spaces(p->out, indent(p) + STEP);
	for (size_t i = 0; i < n; i++) {
		(void)sk_buf_adds(p->out, i ? " " : "");
		add_text(p->out, word[i]);
	}
	(void)sk_buf_addc(p->out, '\n');
}

static void block(struct page *p, const char *name, char **word, size_t n)
{
	if (strcmp(name, "Sh") == 0) {
		heading(p, 0, word, n);
	} else if (strcmp(name, "Ss") == 0) {
		heading(p, 3, word, n);
	} else if (strcmp(name, "Nd") == 0) {
		put(p, "-", "", "");
		inline_macros(p, word, n);
	} else if (strcmp(name, "Pp") == 0) {
		flush(p);
		p->gap = true;
	} else if (strcmp(name, "Bl") == 0) {
		begin_list(p, word, n);
	} else if (strcmp(name, "It") == 0) {
		item(p, word, n);
	} else if (strcmp(name, "El") == 0) {
		flush(p);
		p->depth -= p->depth > 0;
		p->gap = p->depth == 0;
	} else if (strcmp(name, "Bd") == 0) {
		flush(p);
		p->gap = p->literal = true;
		new_block(p);
	} else if (strcmp(name, "Ed") == 0) {
		p->literal = false;
		p->gap = true;
	} else if (strcmp(name, "Dl") == 0) {
		one_line(p, word, n);
	}
	p->glue |= strcmp(name, "Sh") == 0;
}

static void macro_line(struct page *p, char *line)
{
	char *word[WORDS];
	size_t n = split(line, word);
	const struct macro *m = n ? find(word[0], strlen(word[0])) : NULL;

	if (!m)
		return;
	if (m->what == W_BLOCK) {
		block(p, m->name, word + 1, n - 1);
		return;
	}
	if (m->what == W_NAME && p->synopsis) {
		flush(p);
		p->hang = indent(p) + 4;
	} else if (m->what == W_NAME && !p->name.len && n > 1) {
		(void)sk_buf_adds(&p->name, word[1]);
	}
	inline_macros(p, word, n);
}

static void text_line(struct page *p, const char *line)
{
	if (!p->literal) {
		put(p, "", line, "");
		return;
	}
	if (*line)
		add_spaces(p->out, indent(p) + STEP);
	add_text(p->out, line);
	(void)sk_buf_addc(p->out, '\n');
}

int sk_manual_text(const char *page, size_t width, struct sk_buf *out)
{
	struct page p = { .out = out, .width = width };
	char *text = strdup(page), *next;
	int rc;

	if (!text)
		return sk_error_oom();
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!p.synopsis)
			p.hang = indent(&p);
		if (*line == '.' && line[1] != '\\')
			macro_line(&p, line + 1);
		else if (*line && *line != '.')
			text_line(&p, line);
		else if (!*line && p.literal)
			text_line(&p, line);
	}
	flush(&p);
	rc = sk_buf_ok(&p.para);
	if (!rc)
		rc = sk_buf_ok(&p.label);
	if (!rc)
		rc = sk_buf_ok(out);
	sk_buf_free(&p.para);
	sk_buf_free(&p.label);
	sk_buf_free(&p.name);
	free(text);
	return rc;
}
