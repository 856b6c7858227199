/* cmd_edit.c - `git sk conf edit FILE`: a copy is edited and checked, and then becomes the file in
 * one step; when what runs afterwards says no, the old one comes back. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"

struct edit {
	struct conf *c;
	struct conf_place place;
	struct conf_file old; /* data NULL: there was none */
	struct conf_draft draft;
	struct conf_file text; /* what was typed */
	struct stat applied;
	bool typed; /* the copy holds what was typed and was not taken, nor given up */
	int lock;
};

static volatile sig_atomic_t interrupted, checking;

/* A check has a process group of its own, so that Ctrl-C does not reach it: it is told so. */
static void end_check(void)
{
	char text[256];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	pid_t pid = 0;

	for (ssize_t i = 0; i < n; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + text[i] - '0';
		} else if (pid > 1) {
			(void)kill(-pid, SIGTERM);
			pid = 0;
		}
	}
	if (fd >= 0)
		(void)close(fd);
}

static void on_signal(int sig)
{
	int saved = errno;

	interrupted = sig;
	if (checking)
		end_check();
	errno = saved;
}

/* Signals are for the program that we wait for; we go on when it has ended.  A handler, not
 * "ignore": that would be inherited. */
static void hold_signals(struct sigaction before[3], bool hold)
{
	static const int list[3] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };

	(void)sigemptyset(&sa.sa_mask);
	for (int i = 0; i < 3; i++)
		(void)sigaction(list[i], hold ? &sa : &before[i], hold ? &before[i] : NULL);
}

/* What git would run. */
static int find_editor(struct conf *c, char **out)
{
	static const char *const argv[] = { "var", "GIT_EDITOR", NULL };
	struct skp_process git = { .argv = argv, .flags = SKP_RUN_GIT | SKP_RUN_ERRORS };
	int rc = c->host->run(c->host, &git);

	if (rc)
		return rc;
	git.output[strcspn(git.output, "\n")] = '\0';
	if (git.status || !*git.output)
		return c->host->error(c->host, SKP_EIO, "there is no editor: %s",
		                      c->host->text(c->host, git.output));
	*out = git.output;
	return 0;
}

static int run_editor(struct edit *e)
{
	struct conf *c = e->c;
	struct sigaction before[3];
	char *editor = NULL, *script = NULL;
	struct skp_process p = { .flags = SKP_RUN_TERMINAL };
	int rc = find_editor(c, &editor);

	if (rc)
		return rc;
	if (asprintf(&script, "%s \"$@\"", editor) < 0)
		return conf_oom(c);
	const char *const argv[] = { "sh", "-c", script, editor, e->draft.path, NULL };

	p.argv = argv;
	interrupted = 0;
	hold_signals(before, true);
	rc = c->host->run(c->host, &p);
	hold_signals(before, false);
	free(script);
	if (!rc && p.status == 128 + SIGINT)
		return c->host->error(c->host, SKP_EINTR, "interrupted; %s is as it was",
		                      c->host->name(c->host, e->place.path));
	if (!rc && p.status)
		rc = c->host->error(c->host, SKP_EIO,
		                    "the editor ended with status %d, so %s is as it was", p.status,
		                    c->host->name(c->host, e->place.path));
	if (!rc && interrupted && interrupted != SIGINT)
		rc = c->host->error(c->host, SKP_EINTR, "ended by a signal; %s is as it was",
		                    c->host->name(c->host, e->place.path));
	if (rc)
		return rc;
	conf_file_clear(&e->text);
	rc = conf_read(c, e->draft.path, &e->text);
	if (!rc && e->text.meta.link)
		rc = SKP_ENO;
	e->typed = rc != SKP_ENO;
	return rc != SKP_ENO ? rc
	                     : c->host->error(c->host, SKP_EIO,
	                                      "the editor left no file, so %s is as it was",
	                                      c->host->name(c->host, e->place.path));
}

/* Of what was typed: its form, then the commands that know more. */
static int check_text(struct edit *e)
{
	struct conf *c = e->c;
	const char *own = skp_value(c->call, "check"), *line;
	enum conf_format format;
	int rc = conf_format(c, e->place.path, &format);

	if (!rc)
		rc = conf_valid(c, format, e->text.data, e->text.len);
	for (size_t i = 0; !rc && (line = conf_rule(c, "check", e->place.path, i)); i++)
		rc = conf_run_check(c, line, e->draft.path, true);
	if (!rc && own)
		rc = conf_run_check(c, own, e->draft.path, true);
	return rc;
}

static int check_after(struct edit *e)
{
	struct conf *c = e->c;
	const char *own = skp_value(c->call, "check-after"), *line;
	int rc = 0;

	if (own || conf_rule(c, "after", e->place.path, 0))
		c->host->note(c->host, "%s is in place and being checked",
		              c->host->name(c->host, e->place.path));
	checking = 1;
	for (size_t i = 0; !rc && !interrupted && (line = conf_rule(c, "after", e->place.path, i));
	     i++)
		rc = conf_run_check(c, line, e->place.path, false);
	if (!rc && !interrupted && own)
		rc = conf_run_check(c, own, e->place.path, false);
	checking = 0;
	return interrupted ? c->host->error(c->host, SKP_EINTR, "interrupted") : rc;
}

/* A new file is as the shell would make it. */
static int new_meta(struct edit *e, struct conf_meta *out)
{
	char *folder = strdup(e->place.path);
	mode_t mask = umask(022);
	struct stat st;

	(void)umask(mask);
	if (!folder)
		return conf_oom(e->c);
	*strrchr(folder, '/') = '\0';
	*out = (struct conf_meta){ .path = e->place.path,
		                   .mode = 0666 & ~(uint32_t)mask,
		                   .uid = geteuid(),
		                   .gid = getegid() };
	if (stat(*folder ? folder : "/", &st) == 0 && (st.st_mode & S_ISGID))
		out->gid = st.st_gid;
	free(folder);
	return 0;
}

/* How the file is to be made.  Folders that are missing are not made by an edit. */
static int prepare(struct edit *e, struct conf_meta *meta, struct conf_put *put)
{
	struct stat folder;
	char *path;
	int rc;

	*meta = e->old.meta;
	*put = (struct conf_put){ .meta = meta,
		                  .data = e->old.data ? e->old.data : "",
		                  .len = e->old.len,
		                  .expect = &e->old.st,
		                  .strict = true,
		                  .new_time = true };
	rc = e->old.data ? 0 : new_meta(e, meta);
	if (rc)
		return rc;
	path = strndup(e->place.path, (size_t)(strrchr(e->place.path, '/') - e->place.path) + 1);
	if (!path)
		return conf_oom(e->c);
	rc = stat(path, &folder) < 0 ? conf_errno(e->c, "cannot go into", path) : 0;
	free(path);
	return rc;
}

static int check_command(struct edit *e, const char *line)
{
	char **argv;

	return line ? conf_words(e->c, line, e->place.path, false, &argv) : 0;
}

/* What would stand in the way afterwards is told before anything is typed. */
static int check_ahead(struct edit *e)
{
	struct conf *c = e->c;
	enum conf_format format;
	struct conf_meta meta;
	struct conf_put put;
	const char *line;
	int rc = conf_format(c, e->place.path, &format);

	if (!rc)
		rc = check_command(e, skp_value(c->call, "check"));
	if (!rc)
		rc = check_command(e, skp_value(c->call, "check-after"));
	for (size_t i = 0; !rc && (line = conf_rule(c, "check", e->place.path, i)); i++)
		rc = check_command(e, line);
	for (size_t i = 0; !rc && (line = conf_rule(c, "after", e->place.path, i)); i++)
		rc = check_command(e, line);
	if (!rc)
		rc = prepare(e, &meta, &put);
	return rc ? rc : conf_try(c, e->place.path, &put);
}

static int apply(struct edit *e)
{
	struct conf_meta meta;
	struct conf_put put;
	int rc = prepare(e, &meta, &put);

	if (rc)
		return rc;
	put.data = e->text.data;
	put.len = e->text.len;
	rc = conf_write(e->c, e->place.path, &put);
	if (!rc)
		e->applied = put.st;
	return rc;
}

/* What was there comes back; `why` is what the check said. */
static int roll_back(struct edit *e, int code)
{
	struct conf *c = e->c;
	struct conf_put put = { .meta = &e->old.meta,
		                .data = e->old.data,
		                .len = e->old.len,
		                .expect = &e->applied,
		                .strict = true };
	char *why = strdup(c->host->message(c->host));
	int rc = e->old.data ? conf_write(c, e->place.path, &put)
	                     : conf_delete(c, e->place.path, &e->applied);

	if (!why)
		return conf_oom(c);
	if (rc)
		rc = c->host->error(c->host, rc, "%s, and the old file could not be put back: %s",
		                    why, c->host->message(c->host));
	else {
		if (e->old.data)
			e->old.st = put.st;
		rc = c->host->error(c->host, code, "%s; the old file is back", why);
	}
	free(why);
	return rc;
}

/* The file as it is now, stored, is what the next attempt replaces. */
static int take_theirs(struct edit *e)
{
	struct conf_saved saved;
	struct conf_file now = { 0 };
	int rc = conf_read_place(e->c, &e->place, &now);

	if (rc && rc != SKP_ENO)
		return rc;
	if (!rc) {
		rc = conf_save_one(e->c, &e->place, &now, "changed during an edit", false, &saved);
		if (!rc)
			e->c->host->note(e->c->host, "what somebody else wrote is version %s",
			                 saved.id);
	} else {
		rc = 0;
	}
	e->old = now;
	return rc;
}

/* 'e', 'k' or 'a'; without a terminal: the old file is kept. */
static char what_now(struct edit *e, int code)
{
	struct skp_host *host = e->c->host;
	char *why = strdup(host->message(host)), *answer = NULL;
	char choice = 'k';

	for (;;) {
		if (why && isatty(0))
			host->warn(host, "%s", why);
		if (host->ask(host,
		              "What now? e: edit again, k: keep the old file, a: apply anyway  ",
		              &answer))
			break;
		if (strlen(answer) == 1 && strchr("eka", *answer)) {
			choice = *answer;
			break;
		}
	}
	(void)host->error(host, code, "%s", why ? why : "out of memory");
	free(why);
	return choice;
}

/* The file is in place and holds; or it is as it was.  A signal in between is a no. */
static int apply_checked(struct edit *e, bool checked)
{
	struct sigaction before[3];
	int rc;

	interrupted = 0;
	hold_signals(before, true);
	rc = apply(e);
	if (!rc && checked && (rc = check_after(e)) != 0)
		rc = roll_back(e, rc);
	hold_signals(before, false);
	return rc;
}

static int as_it_was(struct edit *e, int code)
{
	char *why = strdup(e->c->host->message(e->c->host));
	int rc = why ? e->c->host->error(e->c->host, code, "%s is as it was: %s",
	                                 e->c->host->name(e->c->host, e->place.path), why)
	             : conf_oom(e->c);

	free(why);
	return rc;
}

static int tell(struct edit *e, const char *id)
{
	struct skp_host *host = e->c->host;

	if (e->c->call->json)
		return conf_json_out(e->c, json_pack("{s:o, s:b, s:s?}", "path",
		                                     conf_json_path(e->place.path), "changed",
		                                     id != NULL, "version", id));
	if (id)
		host->print(host, "%s is changed; it is version %s\n",
		            host->name(host, e->place.path), id);
	else
		host->note(host, "nothing was changed");
	return 0;
}

static int save_result(struct edit *e)
{
	struct conf_saved saved;
	struct conf_file now;
	int rc = conf_read_place(e->c, &e->place, &now);

	if (!rc)
		rc = conf_save_one(e->c, &e->place, &now, "edited", false, &saved);
	return rc ? rc : tell(e, saved.id);
}

/* One way from the editor to the file; *again: once more. */
static int attempt(struct edit *e, bool *again)
{
	bool checked = true; /* until the user has what the check refused applied all the same */
	char choice = 0;
	int rc;

	e->typed = *again = false;
	rc = run_editor(e);
	if (rc)
		return rc;
	if (e->text.len == e->old.len &&
	    (!e->old.len || memcmp(e->text.data, e->old.data, e->old.len) == 0)) {
		e->typed = false;
		return tell(e, NULL);
	}
	rc = check_text(e);
	if (rc == SKP_ENO) {
		choice = what_now(e, rc);
		if (choice == 'k')
			rc = as_it_was(e, rc);
	}
	while ((!rc || choice == 'a') && choice != 'e' && choice != 'k') {
		rc = apply_checked(e, checked);
		e->typed = rc != 0;
		if (rc != SKP_EBUSY && rc != SKP_ENO)
			return rc ? rc : save_result(e);
		choice = what_now(e, rc);
		checked = checked && rc == SKP_EBUSY;
		if (choice != 'k' && rc == SKP_EBUSY) {
			rc = take_theirs(e);
			if (rc)
				return rc;
		}
	}
	*again = choice == 'e';
	e->typed = e->typed && choice != 'k';
	return rc;
}

static int edit_locked(struct edit *e)
{
	struct conf_saved saved;
	bool again = true;
	int rc = conf_read_place(e->c, &e->place, &e->old);

	if (rc == SKP_ENO)
		rc = 0;
	else if (!rc)
		rc = conf_save_one(e->c, &e->place, &e->old, "before an edit", false, &saved);
	if (!rc)
		rc = check_ahead(e);
	if (!rc)
		rc = conf_draft_open(e->c, &e->place, e->old.data ? e->old.data : "", e->old.len,
		                     &e->draft);
	while (!rc && again) {
		rc = attempt(e, &again);
		if (again)
			rc = 0;
	}
	/* neither a full disk nor a terminal that went away takes what was typed with it */
	if (rc && e->typed)
		e->c->host->note(e->c->host,
		                 "what was typed is kept; edit it again to go on with it");
	else if (!(rc == SKP_EINTR && interrupted && interrupted != SIGINT))
		conf_draft_drop(&e->draft);
	return rc;
}

/* A link is edited at its end. */
static int end_of_link(struct edit *e, const char *typed)
{
	struct conf *c = e->c;
	int rc = conf_place(c, typed, &e->place);
	struct stat st;
	char *end;

	if (rc || lstat(e->place.path, &st) < 0 || !S_ISLNK(st.st_mode))
		return rc;
	end = realpath(e->place.path, NULL);
	if (!end)
		return c->host->error(c->host, SKP_EREFUSED, "%s is a link that leads nowhere",
		                      c->host->name(c->host, typed));
	c->host->note(c->host, "%s is a link; the file is %s", c->host->name(c->host, typed),
	              c->host->name(c->host, end));
	rc = conf_place(c, end, &e->place);
	free(end);
	return rc;
}

int conf_edit(struct conf *c)
{
	struct edit e = { .c = c, .lock = -1 };
	const char *typed;
	int rc = conf_one(c, &typed);

	if (!rc)
		rc = end_of_link(&e, typed);
	if (!rc)
		rc = conf_lock(c, &e.place, &e.lock);
	if (!rc)
		rc = edit_locked(&e);
	if (e.lock >= 0)
		c->host->unlock(c->host, e.lock);
	return rc;
}
