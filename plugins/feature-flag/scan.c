/* scan.c - `git sk flag scan`: what flags themselves say, and the report. */
#include "scan.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "eval.h"
#include "history.h"
#include "refs.h"
#include "store.h"

#define DAY 86400
#define HISTORY_MS 10000 /* for all unused flags together */

static char *date_of(int64_t when)
{
	char text[16] = "";
	time_t t = (time_t)when;
	struct tm tm;

	if (gmtime_r(&t, &tm))
		(void)strftime(text, sizeof text, "%Y-%m-%d", &tm);
	return fl_format("%s", text);
}

/* A finding about a flag, where it is defined. */
static void about(struct scan *s, const struct flag *f, const char *rule, uint32_t severity,
                  unsigned line, char *words)
{
	const struct finding finding = { .rule = rule,
		                         .severity = severity,
		                         .path = fl_format("%s", s->file),
		                         .line = line ? line : (unsigned)f->section + 1,
		                         .flag = f->name,
		                         .words = words };

	scan_finding(s, &finding);
}

static int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* "abc123 (2026-11-23)": the newest commit that changes how often the word is in other files; "":
 * none, or git takes too long. */
static const char *last_touched(struct scan *s, const char *word)
{
	const char *const begin[] = { "log",
		                      "-1",
		                      "--no-color",
		                      "--no-show-signature",
		                      "--format=%h (%cs)",
		                      fl_format("-S%s", word),
		                      "--" };
	const char **spec = NULL, **argv = NULL;
	struct skp_process git = { .dir = s->host->worktree,
		                   .flags = SKP_RUN_GIT | SKP_RUN_ERRORS };
	int64_t started = clock_ms();
	size_t n = 0;

	if (s->history_ms <= 0 || refs_pathspecs(s->host, &spec))
		return "";
	for (size_t i = 0; i < sizeof begin / sizeof *begin; i++, n++)
		(argv = fl_more(argv, n, sizeof *argv))[n] = begin[i];
	for (size_t i = 0; !i || spec[i - 1]; i++, n++)
		(argv = fl_more(argv, n, sizeof *argv))[n] = spec[i];
	git.argv = argv;
	git.timeout_ms = s->history_ms;
	if (s->host->run(s->host, &git) || git.status || !git.output_len)
		git.output = fl_dup("", 0);
	s->history_ms -= clock_ms() - started;
	git.output[strcspn(git.output, "\n")] = '\0';
	return git.output;
}

/* When something spoke of it, before nothing did. */
static const char *last_reference(struct scan *s, const struct flag *f)
{
	const char *commit = last_touched(s, f->name);

	if (!*commit && f->env)
		commit = last_touched(s, f->env);
	return *commit ? fl_format("; a mention of it was last touched in %s", commit) : "";
}

static void check_unused(struct scan *s, const struct flag *f, const struct usage *u)
{
	if (u->code)
		return;
	about(s, f, "flag-unused", SKP_WARNING, 0,
	      fl_format("no code speaks of flag %s%s%s", f->name,
	                u->prose ? ", but texts for people do" : "", last_reference(s, f)));
}

static void check_expired(struct scan *s, const struct flag *f, int64_t now)
{
	if (f->permanent || !f->expires || flag_date(f->expires) >= now / DAY)
		return;
	about(s, f, "flag-expired", SKP_WARNING, 0,
	      fl_format("flag %s expired on %s%s%s", f->name, f->expires,
	                f->issue ? "; its removal: " : "", f->issue ? f->issue : ""));
}

/* The newest change of its values, or its making; NULL: git has none. */
static const struct change *last_change(const struct changes *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct change *c = &all->item[i];

		if (strcmp(c->flag, name) == 0 &&
		    (!c->key || strcmp(c->key, "default") == 0 || strcmp(c->key, "type") == 0 ||
		     strncmp(c->key, "default.", 8) == 0))
			return c;
	}
	return NULL;
}

static void check_stale(struct scan *s, const struct flag *f, const struct changes *all,
                        int64_t after, int64_t now)
{
	const struct change *c = last_change(all, f->name);

	if (f->permanent || after < 0 || !c || !*c->commit || now - c->time < after)
		return;
	about(s, f, "flag-stale", SKP_WARNING, 0,
	      fl_format("flag %s is %s since %.10s (%s, %lld days ago)", f->name,
	                c->key ? "unchanged" : "as it was made", c->commit, date_of(c->time),
	                (long long)((now - c->time) / DAY)));
}

static int check_ignored(struct scan *s)
{
	const char *argv[] = { "check-ignore", "-q", "--", s->file, NULL };
	struct skp_process git = { .argv = argv, .dir = s->host->worktree, .flags = SKP_RUN_GIT };
	const struct finding f = { .rule = "flag-file",
		                   .severity = SKP_WARNING,
		                   .path = fl_format("%s", s->file),
		                   .words = fl_format("git ignores it, so nobody else has it") };
	int rc = s->host->run(s->host, &git);

	if (!rc && git.status == 0)
		scan_finding(s, &f);
	return rc;
}

int scan_flags(struct scan *s)
{
	const char *after_text = s->host->setting(s->host, "stale_after");
	int64_t after = (int64_t)90 * DAY * 1000, now = s->host->now(s->host);
	struct changes all;
	int rc = 0;

	if (after_text)
		rc = s->host->parse_duration(s->host, after_text, &after);
	if (!rc)
		rc = history_read(s->host, true, &all);
	if (rc)
		return rc;
	after = after < 0 ? -1 : after / 1000;
	rc = check_ignored(s);
	for (size_t i = 0; i < s->flags->n_remarks; i++) {
		const struct flag_remark *r = &s->flags->remark[i];
		const struct finding f = { .rule = "flag-file",
			                   .severity = SKP_WARNING,
			                   .path = fl_format("%s", s->file),
			                   .line = r->line,
			                   .words = r->words };

		scan_finding(s, &f);
	}
	for (size_t i = 0; i < s->flags->n; i++) {
		const struct flag *f = &s->flags->flag[i];

		if (f->broken) {
			about(s, f, "flag-invalid", SKP_ERROR, f->broken_line,
			      fl_format("flag %s: %s", f->name, f->broken));
			continue;
		}
		check_unused(s, f, &s->usage[i]);
		check_expired(s, f, now);
		check_stale(s, f, &all, after, now);
	}
	return rc;
}

static const char *const severity_name[] = { "info", "warning", "error" };

static json_t *finding_json(struct skp_host *host, const struct finding *f)
{
	return json_pack("{s:s, s:s, s:o, s:i, s:o, s:o}", "rule", f->rule, "severity",
	                 severity_name[f->severity], "path", text_json(host, f->path), "line",
	                 (int)f->line, "flag", text_json(host, f->flag), "message",
	                 text_json(host, f->words));
}

static json_t *usage_json(struct skp_host *host, const struct flag *f, const struct usage *u)
{
	json_t *places = json_array();

	for (size_t i = 0; i < u->n; i++)
		(void)json_array_append_new(places, json_pack("{s:o, s:i, s:b}", "path",
		                                              text_json(host, u->place[i].path),
		                                              "line", (int)u->place[i].line,
		                                              "prose", u->place[i].prose));
	return json_pack("{s:o, s:I, s:I, s:o}", "name", text_json(host, f->name), "references",
	                 (json_int_t)u->code, "prose", (json_int_t)u->prose, "places", places);
}

/* Only of that flag, if there is one. */
static int report_json(struct scan *s, const char *only)
{
	json_t *findings = json_array(), *flags = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (!only || (s->finding[i].flag && strcmp(only, s->finding[i].flag) == 0))
			(void)json_array_append_new(findings,
			                            finding_json(s->host, &s->finding[i]));
	for (size_t i = 0; i < s->flags->n; i++)
		if (!only || strcmp(only, s->flags->flag[i].name) == 0)
			(void)json_array_append_new(
			        flags, usage_json(s->host, &s->flags->flag[i], &s->usage[i]));
	return print_json(s->host, json_pack("{s:o, s:o, s:I, s:I}", "findings", findings, "flags",
	                                     flags, "files", (json_int_t)s->files, "skipped",
	                                     (json_int_t)s->skipped));
}

static void report_text(struct scan *s, const struct flag *only)
{
	static const int shade[] = { SKP_DIM, SKP_YELLOW, SKP_RED };
	struct skp_host *host = s->host;

	for (size_t i = 0; only && i < s->usage[only - s->flags->flag].n; i++) {
		const struct place *p = &s->usage[only - s->flags->flag].place[i];

		host->print(host, "%s:%u: %s\n", host->name(host, p->path), p->line,
		            host->text(host, p->text));
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct finding *f = &s->finding[i];

		if (only && (!f->flag || strcmp(f->flag, only->name) != 0))
			continue;
		host->print(host, "%s:%u: %s%s%s: %s [%s]\n", host->name(host, f->path), f->line,
		            host->style(host, (uint32_t)shade[f->severity]),
		            severity_name[f->severity], host->style(host, SKP_PLAIN),
		            host->text(host, f->words), f->rule);
	}
}

static size_t count_findings(const struct scan *s, const char *only)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += !only || (s->finding[i].flag && strcmp(only, s->finding[i].flag) == 0);
	return n;
}

int cmd_scan(struct skp_host *host, const struct skp_call *call)
{
	struct scan s = { .host = host, .history_ms = HISTORY_MS };
	const char *name = call->n_arg > 1 ? call->arg[1] : NULL;
	struct flags flags;
	struct flag *only = NULL;
	size_t n;
	int rc;

	if (call->n_arg > 2 || call->n_path)
		return host->error(host, SKP_EUSAGE, "usage: git sk flag scan [NAME] [--staged]");
	rc = store_name(host, &s.file);
	if (!rc)
		rc = skp_has(call, "staged") ? store_staged(host, &flags)
		                             : store_need(host, &flags);
	s.flags = &flags;
	if (!rc && name)
		rc = eval_find(host, &flags, name, &only);
	if (!rc)
		rc = scan_code(&s, skp_has(call, "staged"));
	if (!rc)
		rc = scan_flags(&s);
	if (rc)
		return rc;
	n = count_findings(&s, name);
	if (call->json)
		rc = report_json(&s, name);
	else
		report_text(&s, only);
	host->note(host, "%zu flags, %zu files, %zu findings", flags.n, s.files, n);
	if (!rc && s.skipped)
		host->warn(host, "%zu %s could not be looked at whole", s.skipped,
		           s.skipped == 1 ? "file" : "files");
	if (!rc && n)
		return host->error(host, SKP_ENO, "there are findings");
	return rc ? rc : s.skipped ? SKP_EPARTIAL : 0;
}
