/* scan_code.c - going through the files once, for all flags. */
#include <ctype.h>
#include <string.h>

#include "calls.h"
#include "eval.h"
#include "refs.h"
#include "scan.h"

struct look {
	struct scan *scan;
	struct matcher *m;
	struct calls *calls;
	const struct text_file *file; /* at hand */
	struct line_at line;
	struct line_at call_line;
};

void scan_finding(struct scan *s, const struct finding *finding)
{
	s->finding = fl_more(s->finding, s->n, sizeof *s->finding);
	s->finding[s->n++] = *finding;
}

unsigned line_of(struct line_at *last, const char *text, size_t at)
{
	if (at < last->at || !last->line)
		*last = (struct line_at){ 0, 1 };
	for (; last->at < at; last->at++)
		last->line += text[last->at] == '\n';
	return last->line;
}

char *line_text(const char *text, size_t len, size_t at)
{
	size_t begin = at, end = at;

	while (begin && text[begin - 1] != '\n' && at - begin < 120)
		begin--;
	while (end < len && text[end] != '\n' && end - begin < 200)
		end++;
	while (begin < end && isspace((unsigned char)text[begin]))
		begin++;
	while (begin < end && isspace((unsigned char)text[end - 1]))
		end--;
	return fl_dup(text + begin, end - begin);
}

static void take_word(void *ctx, size_t flag, size_t at, size_t len)
{
	struct look *look = ctx;
	struct usage *u = &look->scan->usage[flag];
	const struct text_file *file = look->file;
	unsigned line = line_of(&look->line, file->text, at);

	(void)len;
	*(file->prose ? &u->prose : &u->code) += 1;
	if (u->n >= SCAN_PLACES || (u->n && u->place[u->n - 1].line == line &&
	                            !strcmp(u->place[u->n - 1].path, file->path)))
		return;
	u->place = fl_more(u->place, u->n, sizeof *u->place);
	u->place[u->n++] = (struct place){ .path = fl_format("%s", file->path),
		                           .line = line,
		                           .text = line_text(file->text, file->len, at),
		                           .prose = file->prose };
}

static bool is_defined(const struct flags *flags, const char *name, bool env)
{
	const char *upper = env ? name : flag_upper(name);

	for (size_t i = 0; i < flags->n; i++) {
		const struct flag *f = &flags->flag[i];

		if (env ? f->broken || (f->env && strcmp(f->env, name) == 0)
		        : strcmp(upper, flag_upper(f->name)) == 0)
			return true;
	}
	return false;
}

static void take_call(void *ctx, const char *name, size_t len, size_t at, bool env)
{
	struct look *look = ctx;
	struct scan *s = look->scan;
	char *copy = fl_dup(name, len);
	struct finding f = { .rule = "flag-undefined", .severity = SKP_ERROR };
	const char *like;

	if (is_defined(s->flags, copy, env))
		return;
	like = env ? NULL : flags_like(s->flags, copy);
	f.line = line_of(&look->call_line, look->file->text, at);
	f.path = fl_format("%s", look->file->path);
	f.flag = env ? NULL : copy;
	f.words = fl_format("%s %s is asked for and is not in %s%s%s%s",
	                    env ? "the variable" : "flag", copy, s->file,
	                    like ? "; is it meant to be " : "", like ? like : "", like ? "?" : "");
	scan_finding(s, &f);
}

static int look_at(struct skp_host *host, const struct text_file *file, void *ctx)
{
	struct look *look = ctx;

	look->file = file;
	look->line = look->call_line = (struct line_at){ 0, 0 };
	look->scan->files++;
	matcher_find(look->m, file->text, file->len, take_word, look);
	if (file->prose || calls_find(look->calls, file->text, file->len, take_call, look))
		return 0;
	host->warn(host,
	           "%s: a pattern of [plugin \"feature-flag\"] took too long and was given "
	           "up here",
	           host->name(host, file->path));
	look->scan->skipped++;
	return 0;
}

int scan_code(struct scan *s, bool staged)
{
	struct look look = { .scan = s, .m = matcher_new(s->flags->flag, s->flags->n) };
	size_t skipped = 0;
	int rc = calls_new(s->host, &look.calls);

	s->usage = fl_alloc(s->flags->n, sizeof *s->usage);
	if (!rc)
		rc = refs_each(s->host, staged, look_at, &look, &skipped);
	s->skipped += skipped;
	return rc;
}
