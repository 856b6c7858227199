#include "history.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "eval.h"
#include "store.h"

struct walk {
	struct skp_host *host;
	struct changes *out;
	struct change now; /* of the commit that is at hand */
};

static void add(struct walk *w, const char *flag, const char *key, const char *old, const char *now)
{
	struct changes *out = w->out;

	out->item = fl_more(out->item, out->n, sizeof *out->item);
	out->item[out->n] = w->now;
	out->item[out->n].flag = fl_format("%s", flag);
	out->item[out->n].key = key ? fl_format("%s", key) : NULL;
	out->item[out->n].old = old ? fl_format("%s", old) : NULL;
	out->item[out->n].now = now ? fl_format("%s", now) : NULL;
	out->n++;
}

/* The keys of one section that are in `a` and not, or otherwise, in `b`. */
static void compare_keys(struct walk *w, const struct ini *a, size_t from, const struct ini *b,
                         size_t section, bool back)
{
	for (size_t i = from + 1; i < a->n && a->line[i].kind != INI_SECTION; i++) {
		const struct ini_line *line = &a->line[i], *other;
		size_t k;

		if (line->kind != INI_KEY)
			continue;
		k = ini_key(b, section, line->name);
		other = k < b->n ? &b->line[k] : NULL;
		if (back && !other)
			add(w, a->line[from].name, line->name, NULL, line->value);
		else if (!back && (!other || strcmp(line->value, other->value) != 0))
			add(w, a->line[from].name, line->name, line->value,
			    other ? other->value : NULL);
	}
}

static const char *default_of(const struct ini *ini, size_t section)
{
	size_t i = ini_key(ini, section, "default");

	return i < ini->n ? ini->line[i].value : "";
}

static void compare(struct walk *w, const struct ini *old, const struct ini *now)
{
	for (size_t i = 0; i < now->n; i++) {
		size_t was;

		if (now->line[i].kind != INI_SECTION)
			continue;
		was = ini_section(old, now->line[i].name);
		if (was == old->n) {
			add(w, now->line[i].name, NULL, NULL, default_of(now, i));
			continue;
		}
		compare_keys(w, old, was, now, i, false);
		compare_keys(w, now, i, old, was, true);
	}
	for (size_t i = 0; i < old->n; i++)
		if (old->line[i].kind == INI_SECTION &&
		    ini_section(now, old->line[i].name) == now->n)
			add(w, old->line[i].name, NULL, default_of(old, i), NULL);
}

/* A version of the file; one that is none, or cannot have been used, is as an empty one.  The text
 * is to be released after it. */
static void *read_version(struct skp_host *host, const char *hex, struct ini *out)
{
	struct skp_oid oid;
	uint32_t type = 0;
	void *data = NULL;
	size_t len = 0;

	if (*hex && strspn(hex, "0") < 40 && host->parse_hex(host, hex, &oid) == 0 &&
	    host->read(host, &oid, &type, &data, &len) == 0 && type == SKP_BLOB &&
	    len <= FLAG_FILE_MAX && store_check(host, "", data, len) == 0)
		ini_read(data, len, out);
	else
		ini_read("", 0, out);
	return data;
}

/* ":MODE MODE OID OID STATUS" */
static void take_raw(struct walk *w, const char *raw)
{
	struct ini old, now;
	void *old_text, *now_text;

	if (strlen(raw) < 15 + 41 + 40)
		return;
	old_text = read_version(w->host, raw + 15, &old);
	now_text = read_version(w->host, raw + 15 + 41, &now);
	compare(w, &old, &now);
	ini_drop(&old);
	ini_drop(&now);
	w->host->release(w->host, old_text);
	w->host->release(w->host, now_text);
}

static const char *next(const char **p, const char *end)
{
	const char *field = *p;

	*p = field < end ? field + strlen(field) + 1 : end;
	return field < end ? field : "";
}

/* What is in the working tree and not in HEAD. */
static int compare_working(struct walk *w, const char *file)
{
	struct skp_process git = { .dir = w->host->worktree, .flags = SKP_RUN_GIT };
	const char *argv[] = { "rev-parse", "--verify", "-q", fl_format("HEAD:%s", file), NULL };
	struct flags flags;
	struct ini old;
	int rc = store_read(w->host, &flags);

	if (rc && rc != SKP_ENO)
		return rc;
	if (rc)
		flags_read("", 0, &flags);
	git.argv = argv;
	rc = w->host->run(w->host, &git);
	if (rc)
		return rc;
	(void)read_version(w->host, git.status == 0 ? git.output : "", &old);
	w->now = (struct change){ .commit = "",
		                  .time = w->host->now(w->host),
		                  .author = "",
		                  .title = "not committed yet" };
	compare(w, &old, &flags.ini);
	return 0;
}

int history_read(struct skp_host *host, bool working, struct changes *out)
{
	static const char form[] = "--format=%x01%H%x00%ct%x00%an <%ae>%x00%s";
	struct skp_process git = { .dir = host->worktree, .flags = SKP_RUN_GIT | SKP_RUN_ERRORS };
	struct walk w = { .host = host, .out = out };
	const char *file, *p, *end, *field;
	int rc = store_name(host, &file);
	const char *argv[] = {
		"--literal-pathspecs", "log",        "--follow", "-z", "--raw", "--no-abbrev",
		"--no-show-signature", "--no-color", form,       "--", file,    NULL
	};

	*out = (struct changes){ .item = NULL };
	if (!rc && working)
		rc = compare_working(&w, file);
	git.argv = argv;
	if (!rc)
		rc = host->run(host, &git);
	if (rc || git.status) /* no commit yet */
		return rc;
	for (p = git.output, end = p + git.output_len; p < end;) {
		field = next(&p, end);
		if (*field == '\n')
			field++;
		if (*field == '\1') {
			w.now = (struct change){ .commit = field + 1 };
			w.now.time = strtoll(next(&p, end), NULL, 10);
			w.now.author = next(&p, end);
			w.now.title = next(&p, end);
		} else if (*field == ':') {
			take_raw(&w, field);
			(void)next(&p, end);
			if (strlen(field) > 97 && strchr("RC", field[97]))
				(void)next(&p, end);
		}
	}
	return 0;
}

static bool is_wanted(const struct skp_call *call, const struct change *c)
{
	const char *flag = call->n_arg > 1 ? call->arg[1] : NULL;
	const char *key = call->n_arg > 2 ? call->arg[2] : NULL;

	return (!flag || strcmp(flag, c->flag) == 0) &&
	       (!key || (c->key && strcmp(key, c->key) == 0));
}

static const char *day(int64_t when, char out[32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
	return out;
}

static void print_change(struct skp_host *host, const struct change *c)
{
	char date[32];
	const char *what = !c->key ? c->old ? "removed" : "added" : c->key;

	host->print(host, "%s%.10s%s  %.10s  %s  %s%s%s  %s", host->style(host, SKP_YELLOW),
	            *c->commit ? c->commit : "----------", host->style(host, SKP_PLAIN),
	            day(c->time, date), host->text(host, *c->author ? c->author : "(working tree)"),
	            host->style(host, SKP_BOLD), host->name(host, c->flag),
	            host->style(host, SKP_PLAIN), host->text(host, what));
	if (c->key)
		host->print(host, ": %s -> %s", c->old ? host->text(host, c->old) : "(none)",
		            c->now ? host->text(host, c->now) : "(none)");
	else if (c->now || c->old)
		host->print(host, " (default %s)", host->text(host, c->now ? c->now : c->old));
	host->print(host, "\n");
}

static json_t *change_json(struct skp_host *host, const struct change *c)
{
	char date[32];

	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "commit",
	                 *c->commit ? json_string(c->commit) : json_null(), "time",
	                 day(c->time, date), "author", text_json(host, c->author), "title",
	                 text_json(host, c->title), "flag", text_json(host, c->flag), "key",
	                 text_json(host, c->key), "kind",
	                 c->key   ? "changed"
	                 : c->old ? "removed"
	                          : "added",
	                 "old", text_json(host, c->old), "new", text_json(host, c->now));
}

int cmd_history(struct skp_host *host, const struct skp_call *call)
{
	const char *count = skp_value(call, "max-count");
	size_t most = count ? (size_t)strtoul(count, NULL, 10) : (size_t)-1, n = 0;
	json_t *list = json_array();
	struct changes all;
	int rc;

	if (call->n_arg > 3 || call->n_path || (count && count[strspn(count, "0123456789")]))
		return host->error(host, SKP_EUSAGE,
		                   "usage: git sk flag history [NAME [KEY]] [-n N]");
	rc = history_read(host, true, &all);
	if (rc)
		return rc;
	if (!call->json)
		(void)host->pager(host);
	for (size_t i = 0; i < all.n && n < most; i++) {
		if (!is_wanted(call, &all.item[i]))
			continue;
		n++;
		if (call->json)
			(void)json_array_append_new(list, change_json(host, &all.item[i]));
		else
			print_change(host, &all.item[i]);
	}
	if (call->json)
		return print_json(host, json_pack("{s:o}", "changes", list));
	if (!n && call->n_arg > 1)
		return host->error(host, SKP_ENO, "git knows nothing of %s",
		                   host->name(host, call->arg[1]));
	return 0;
}
