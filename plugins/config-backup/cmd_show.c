/* cmd_show.c - `git sk conf list`, `show` and `diff`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

/* list */

/* What is known of secrets in it; looked for now when it could not be then. */
static const char *secrets_of(struct conf *c, const struct conf_version *v)
{
	const char *found = v->secrets;
	struct conf_file f;

	if (strcmp(v->secrets, "unknown") != 0 || v->damaged ||
	    !(c->host->features & SKP_CAN_REDACT) || conf_version_read(c, v, &f))
		return v->secrets;
	if (f.meta.link)
		found = "none";
	else if (conf_secrets(c, &f, &found))
		found = "unknown";
	conf_file_clear(&f);
	return found;
}

static const char *mark_of(struct conf *c, const char *secrets)
{
	char *text = NULL;

	if (strcmp(secrets, "none") == 0)
		return "";
	if (strcmp(secrets, "unknown") == 0)
		return "  (not looked for secrets)";
	if (asprintf(&text, "  %s(secrets: %s)%s", c->host->style(c->host, SKP_RED), secrets,
	             c->host->style(c->host, SKP_PLAIN)) < 0)
		return "  (secrets)";
	return text;
}

static json_t *version_json(struct conf *c, const struct conf_version *v)
{
	struct conf_meta m;
	char *ref = NULL;
	json_t *o;

	if (asprintf(&ref, "refs/sk/conf/%s", v->record) < 0)
		return NULL;
	o = json_pack("{s:s, s:o, s:o, s:o, s:b, s:o}", "id", v->id, "ref", conf_json_path(ref),
	              "created", conf_json_time(v->created), "why",
	              conf_json_bytes(v->why ? v->why : ""), "damaged", v->damaged, "secrets",
	              conf_secrets_json(secrets_of(c, v)));
	free(ref);
	if (!o || v->damaged || conf_version_meta(c, v, &m))
		return o;
	(void)json_object_set_new(o, "meta", conf_meta_json(&m));
	conf_meta_clear(&m);
	return o;
}

static int list_versions(struct conf *c, const char *typed)
{
	json_t *list = json_array();
	struct conf_versions v;
	struct conf_place place;
	int rc = list ? conf_find(c, typed, &place, &v) : conf_oom(c);

	for (size_t i = 0; !rc && i < v.n; i++) {
		const struct conf_version *x = &v.item[i];
		struct conf_meta m = { 0 };

		if (c->call->json) {
			if (json_array_append_new(list, version_json(c, x)) != 0)
				rc = conf_oom(c);
			continue;
		}
		if (x->damaged || conf_version_meta(c, x, &m)) {
			c->host->print(c->host, "%s  %s(damaged)%s\n", x->id,
			               c->host->style(c->host, SKP_RED),
			               c->host->style(c->host, SKP_PLAIN));
			continue;
		}
		c->host->print(c->host, "%s%s%s  %s  %04o %s:%s  %llu bytes  %s%s\n",
		               c->host->style(c->host, SKP_YELLOW), x->id,
		               c->host->style(c->host, SKP_PLAIN), conf_time(x->created),
		               (unsigned)m.mode, m.user ? m.user : "?", m.group ? m.group : "?",
		               (unsigned long long)m.size, c->host->text(c->host, x->why),
		               m.link ? "  (link)" : mark_of(c, secrets_of(c, x)));
		conf_meta_clear(&m);
	}
	if (!rc && c->call->json)
		return conf_json_out(c, json_pack("{s:o, s:s, s:o}", "path",
		                                  conf_json_path(place.path), "name", place.name,
		                                  "versions", list));
	json_decref(list);
	return rc;
}

static int list_files(struct conf *c)
{
	struct conf_known *known = NULL;
	json_t *list = json_array();
	size_t n = 0;
	int rc = list ? conf_known(c, &known, &n) : conf_oom(c);

	for (size_t i = 0; !rc && i < n; i++) {
		const struct conf_version *v = &known[i].versions.item[0];
		const char *path = known[i].place.path, *secrets;

		if (c->call->nul) {
			c->host->write(c->host, path, strlen(path) + 1);
			continue;
		}
		secrets = secrets_of(c, v);
		if (c->call->json)
			(void)json_array_append_new(
			        list,
			        json_pack("{s:o, s:I, s:s, s:o, s:o}", "path", conf_json_path(path),
			                  "versions", (json_int_t)known[i].versions.n, "newest",
			                  v->id, "created", conf_json_time(v->created), "secrets",
			                  conf_secrets_json(secrets)));
		else
			c->host->print(c->host, "%s%s%s  %3zu  %s%s\n",
			               c->host->style(c->host, SKP_YELLOW), conf_time(v->created),
			               c->host->style(c->host, SKP_PLAIN), known[i].versions.n,
			               c->host->name(c->host, path), mark_of(c, secrets));
	}
	if (!rc && c->call->json)
		return conf_json_out(c, json_pack("{s:o}", "files", list));
	if (!rc && !n && !c->call->nul)
		c->host->note(c->host, "no file is backed up here yet; git sk conf backup FILE...");
	json_decref(list);
	return rc;
}

int conf_list(struct conf *c)
{
	struct conf_paths paths = { 0 };
	int rc = conf_arguments(c, 1, &paths);

	if (!rc && paths.n > 1)
		rc = c->host->error(c->host, SKP_EUSAGE, "'list' is for one FILE or for all");
	if (!rc)
		rc = c->host->pager(c->host);
	if (rc)
		return rc;
	return paths.n ? list_versions(c, paths.item[0]) : list_files(c);
}

/* show */

/* A link's own version says where it led: that file is what is asked for. */
static int find_content(struct conf *c, const char *typed, struct conf_place *place,
                        const struct conf_version **version, struct conf_file *out)
{
	struct conf_versions v;
	int rc = conf_find(c, typed, place, &v);

	if (!rc)
		rc = conf_version_at(c, place, &v, skp_value(c->call, "at"), version);
	if (!rc)
		rc = conf_version_read(c, *version, out);
	return rc;
}

/* Bytes of `p` that a terminal would obey: 1 for control characters, 2 for those of C1 in UTF-8. */
static size_t is_odd(const char *p, size_t len)
{
	unsigned char a = (unsigned char)p[0], b = len > 1 ? (unsigned char)p[1] : 0;

	if (a == 0xc2 && b >= 0x80 && b < 0xa0)
		return 2;
	return (a < 0x20 && a != '\n' && a != '\t') || a == 0x7f;
}

/* A colour as git gives it: ESC [ digits and ; m.  Its length, or 0. */
static size_t is_colour(const char *p, size_t len)
{
	size_t n = 2;

	if (len < 3 || p[0] != '\033' || p[1] != '[')
		return 0;
	while (n < len && strchr("0123456789;", p[n]) && p[n])
		n++;
	return n < len && (p[n] == 'm' || p[n] == 'K') ? n + 1 : 0;
}

/* For a terminal; `colours`: those in it are git's. */
static void print_safe(struct conf *c, const char *data, size_t len, bool colours)
{
	size_t from = 0, i = 0, n;

	while (i < len) {
		n = colours ? is_colour(data + i, len - i) : 0;
		if (n || !(n = is_odd(data + i, len - i))) {
			i += n ? n : 1;
			continue;
		}
		c->host->write(c->host, data + from, i - from);
		for (; n; n--, i++)
			c->host->print(c->host, "\\x%02x", (unsigned)(unsigned char)data[i]);
		from = i;
	}
	c->host->write(c->host, data + from, len - from);
}

int conf_show(struct conf *c)
{
	const struct conf_version *v = NULL;
	struct conf_place place;
	struct conf_file f;
	const char *typed;
	json_t *o, *text;
	int rc = conf_one(c, &typed);

	if (!rc)
		rc = find_content(c, typed, &place, &v, &f);
	if (rc)
		return rc;
	if (c->call->json) {
		o = version_json(c, v);
		text = json_stringn(f.data, f.len);
		if (!text) {
			char *coded = conf_base64(f.data, f.len);

			text = coded ? json_pack("{s:s}", "bytes", coded) : NULL;
		}
		if (o && (json_object_set_new(o, "path", conf_json_path(place.path)) != 0 ||
		          json_object_set_new(o, "content", text) != 0))
			o = NULL;
		return conf_json_out(c, o);
	}
	if (f.meta.link)
		c->host->note(c->host, "%s was a link; this is where it led",
		              c->host->name(c->host, place.path));
	if (!c->call->terminal)
		c->host->write(c->host, f.data, f.len);
	else if (!(rc = c->host->pager(c->host)))
		print_safe(c, f.data, f.len, false);
	if (!rc && f.meta.link && !c->call->nul)
		c->host->print(c->host, "\n");
	return rc;
}

/* diff */

static int put_file(struct conf *c, const char *folder, const char *name, const struct conf_file *f)
{
	char *path = NULL;
	FILE *out;
	int rc = 0;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return conf_oom(c);
	(void)unlink(path);
	out = fopen(path, "wxe");
	if (!out || (f->len && fwrite(f->data, f->len, 1, out) != 1))
		rc = conf_errno(c, "cannot write", path);
	if (out && fclose(out) != 0 && !rc)
		rc = conf_errno(c, "cannot write", path);
	free(path);
	return rc;
}

/* git's output from its first hunk on, or what it says of binary files. */
static const char *body_of(struct conf *c, const char *text)
{
	bool color = *c->host->style(c->host, SKP_RED) != '\0';
	const char *at;

	for (at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		const char *p = at;

		if (color && *p == '\033')
			p += strcspn(p, "m") + 1;
		if (strncmp(p, "@@", 2) == 0)
			return at;
		if (strncmp(p, "Binary files", 12) == 0)
			return "they are binary files and differ\n";
	}
	return "";
}

static int diff_contents(struct conf *c, const struct conf_file *was, const struct conf_file *now,
                         char **out)
{
	bool color = *c->host->style(c->host, SKP_RED) != '\0';
	const char *const argv[] = { "git",
		                     "diff",
		                     "--no-index",
		                     "--no-ext-diff",
		                     "--no-textconv",
		                     color ? "--color=always" : "--color=never",
		                     "--",
		                     "was",
		                     "now",
		                     NULL };
	struct skp_process git = { .argv = argv, .flags = 0 };
	char *base = NULL, folder[4200];
	int rc = c->host->folder(c->host, SKP_FOLDER_LOCAL, &base);

	if (rc)
		return rc;
	(void)snprintf(folder, sizeof folder, "%s/diff-XXXXXX", base);
	if (!mkdtemp(folder))
		return conf_errno(c, "cannot make a folder in", base);
	git.dir = folder;
	rc = put_file(c, folder, "was", was);
	if (!rc)
		rc = put_file(c, folder, "now", now);
	if (!rc)
		rc = c->host->run(c->host, &git);
	if (!rc && git.status > 1)
		rc = c->host->error(c->host, SKP_EIO, "git diff failed (exit status %d)",
		                    git.status);
	if (!rc)
		*out = git.output;
	for (int i = 0; i < 2; i++) {
		char path[4300];

		(void)snprintf(path, sizeof path, "%s/%s", folder, i ? "now" : "was");
		(void)unlink(path);
	}
	(void)rmdir(folder);
	return rc;
}

static void print_line(struct conf *c, bool *head, const struct conf_version *v, const char *path,
                       const char *what, const char *was, const char *now)
{
	if (!*head)
		c->host->print(c->host, "%s--- %s  %s\n+++ %s  now%s\n",
		               c->host->style(c->host, SKP_BOLD), c->host->name(c->host, path),
		               v->id, c->host->name(c->host, path),
		               c->host->style(c->host, SKP_PLAIN));
	*head = true;
	if (what)
		c->host->print(c->host, "%s: %s -> %s\n", what, was, now);
}

static const char *owner_text(uint32_t id, const char *name)
{
	char *text = NULL;

	return asprintf(&text, "%lu (%s)", (unsigned long)id, name ? name : "?") < 0 ? "?" : text;
}

static void print_drift(struct conf *c, bool *head, const struct conf_version *v, const char *path,
                        const struct conf_meta *was, const struct conf_meta *now)
{
	const char *name = NULL;
	struct conf_drift d;
	char a[8], b[8];

	if (!conf_meta_differs(was, now, &d))
		return;
	if (d.kind)
		print_line(c, head, v, path, "kind", was->link ? "link" : "file",
		           now->link ? "link" : "file");
	(void)snprintf(a, sizeof a, "%04o", (unsigned)(was->mode & 07777));
	(void)snprintf(b, sizeof b, "%04o", (unsigned)(now->mode & 07777));
	if (d.mode)
		print_line(c, head, v, path, "mode", a, b);
	if (d.owner)
		print_line(c, head, v, path, "owner", owner_text(was->uid, was->user),
		           owner_text(now->uid, now->user));
	if (d.group)
		print_line(c, head, v, path, "group", owner_text(was->gid, was->group),
		           owner_text(now->gid, now->group));
	while (d.xattr && (name = conf_meta_other_xattr(was, now, name)))
		print_line(c, head, v, path, "xattr", c->host->name(c->host, name), "differs");
}

static int diff_json(struct conf *c, const struct conf_place *place, const struct conf_version *v,
                     const struct conf_file *was, const struct conf_file *now, const char *body)
{
	json_t *drift = conf_drift_json(c, was, now), *text = json_string(body);

	if (!text && json_array_size(drift))
		text = json_string("they are no text and differ\n");
	return conf_json_out(c,
	                     json_pack("{s:o, s:s, s:o, s:o}", "path", conf_json_path(place->path),
	                               "version", v->id, "drift", drift, "diff", text));
}

int conf_diff(struct conf *c)
{
	const struct conf_version *v = NULL;
	struct conf_file was, now;
	struct conf_place place;
	const char *typed, *body = "";
	char *text = NULL;
	bool head = false, same;
	int rc = conf_one(c, &typed);

	if (!rc)
		rc = find_content(c, typed, &place, &v, &was);
	if (!rc)
		rc = conf_read_place(c, &place, &now);
	if (!rc)
		rc = c->host->pager(c->host);
	if (rc)
		return rc;
	same = was.len == now.len && (!was.len || memcmp(was.data, now.data, was.len) == 0);
	if (!same)
		rc = diff_contents(c, &was, &now, &text);
	if (rc)
		return rc;
	if (!same)
		body = body_of(c, text);
	if (c->call->json)
		return diff_json(c, &place, v, &was, &now, body);
	print_drift(c, &head, v, place.path, &was.meta, &now.meta);
	if (!same)
		print_line(c, &head, v, place.path, NULL, NULL, NULL);
	if (c->call->terminal)
		print_safe(c, body, strlen(body), *c->host->style(c->host, SKP_RED) != '\0');
	else
		c->host->write(c->host, body, strlen(body));
	return 0;
}
