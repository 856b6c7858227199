#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "command/choose.h"
#include "command/command.h"
#include "command/listing.h"
#include "command/lookup.h"
#include "command/print.h"
#include "command/report.h"

static void add_field(struct sk_buf *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	(void)sk_buf_addf(out, "%-10s ", name);
	(void)sk_add_text(out, value, strlen(value));
	(void)sk_buf_addc(out, '\n');
}

static void add_created(struct sk_buf *out, const struct sk_entry *e)
{
	char when[20];

	sk_format_local(e->created, when);
	(void)sk_buf_addf(out, "%-10s %s (", "Created:", when);
	(void)sk_add_age(out, e->created, sk_now());
	(void)sk_buf_adds(out, ")\n");
}

/* What it took in the object database. */
static void add_bytes(struct sk_buf *out, const struct sk_entry *e)
{
	if (!sk_entry_get(e, "Sk-Bytes"))
		return;
	(void)sk_buf_addf(out, "%-10s ", "Added:");
	(void)sk_add_size(out, sk_entry_number(e, "Sk-Bytes"));
	(void)sk_buf_addc(out, '\n');
}

/* Free text, indented, line by line. */
static void add_paragraph(struct sk_buf *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		(void)sk_buf_adds(out, n ? "    " : "");
		(void)sk_add_text(out, text, n);
		(void)sk_buf_addc(out, '\n');
		text += n + (text[n] != '\0');
	}
}

static int add_skipped(const struct sk_repo *repo, const struct sk_entry *e, struct sk_buf *out)
{
	const struct sk_meta_path *p;
	struct sk_meta meta;
	struct sk_oid oid;
	size_t n = 0;
	int rc;

	if (!sk_entry_get_oid(e, "Sk-Meta", &oid))
		return 0;
	sk_meta_init(&meta);
	rc = sk_meta_read(repo, &oid, &meta);
	if (rc)
		return rc;
	p = sk_meta_kind(&meta, 'N', &n);
	for (size_t i = 0; i < n; i++) {
		(void)sk_buf_adds(out, i ? "" : "\nRepositories inside:\n");
		(void)sk_buf_adds(out, "  ");
		(void)sk_add_name(out, p[i].path, strlen(p[i].path));
		(void)sk_buf_addc(out, '\n');
	}
	p = sk_meta_kind(&meta, 'S', &n);
	for (size_t i = 0; i < n; i++) {
		(void)sk_buf_adds(out, i ? "" : "\nSkipped:\n");
		(void)sk_buf_adds(out, "  ");
		(void)sk_add_name(out, p[i].path, strlen(p[i].path));
		(void)sk_buf_adds(out, ": ");
		(void)sk_add_text(out, p[i].reason ? p[i].reason : "unknown",
		                  strlen(p[i].reason ? p[i].reason : "unknown"));
		(void)sk_buf_addc(out, '\n');
	}
	sk_meta_clear(&meta);
	return 0;
}

/* The trailers without a line of their own. */
static void add_others(const struct sk_entry *e, struct sk_buf *out)
{
	static const char *const known[] = { "Sk-Kind",     "Sk-Trigger", "Sk-Command", "Sk-Branch",
		                             "Sk-Head",     "Sk-Files",   "Sk-Changed", "Sk-Bytes",
		                             "Sk-Worktree", "Sk-Host",    "Sk-Name",    "Sk-Agent",
		                             "Sk-Session",  "Sk-Step",    "Sk-Prompt",  "Sk-Tool",
		                             NULL };

	for (size_t i = 0, any = 0; i < e->n_trailers; i++) {
		size_t k = 0;

		while (known[k] && strcmp(known[k], e->trailer[i].key) != 0)
			k++;
		if (known[k])
			continue;
		(void)sk_buf_adds(out, any++ ? "" : "\n");
		(void)sk_add_text(out, e->trailer[i].key, strlen(e->trailer[i].key));
		(void)sk_buf_adds(out, ": ");
		(void)sk_add_text(out, e->trailer[i].value, strlen(e->trailer[i].value));
		(void)sk_buf_addc(out, '\n');
	}
}

static int show_entry(const struct sk_repo *repo, const struct sk_entry *e)
{
	struct sk_buf out = SK_BUF_INIT;
	int rc;

	(void)sk_buf_addf(&out, "%s%s %s%s\n",
	                  sk_look(e->kind == SK_BACKUP ? SK_LOOK_ID : sk_entry_look(e)),
	                  sk_kind_name(e->kind), e->id, sk_color_reset());
	add_created(&out, e);
	add_field(&out, "Name:", sk_entry_get(e, "Sk-Name"));
	add_field(&out, "Trigger:", sk_entry_get(e, "Sk-Trigger"));
	add_field(&out, "Command:", sk_entry_get(e, "Sk-Command"));
	add_field(&out, "Agent:", sk_entry_get(e, "Sk-Agent"));
	add_field(&out, "Session:", sk_entry_get(e, "Sk-Session"));
	add_field(&out, "Prompt:", sk_entry_get(e, "Sk-Prompt"));
	add_field(&out, "Branch:", sk_entry_get(e, "Sk-Branch"));
	add_field(&out, "Head:", sk_entry_get(e, "Sk-Head"));
	add_field(&out, "Tree:", sk_oid_str(&e->tree));
	add_field(&out, "Ref:", e->ref);
	add_field(&out, "Worktree:", sk_entry_get(e, "Sk-Worktree"));
	add_field(&out, "Host:", sk_entry_get(e, "Sk-Host"));
	add_field(&out, "Files:", sk_entry_get(e, "Sk-Files"));
	add_field(&out, "Changed:", sk_entry_get(e, "Sk-Changed"));
	add_bytes(&out, e);
	(void)sk_buf_addc(&out, '\n');
	add_paragraph(&out, e->title);
	if (*e->description) {
		(void)sk_buf_addc(&out, '\n');
		add_paragraph(&out, e->description);
	}
	rc = add_skipped(repo, e, &out);
	add_others(e, &out);
	if (!rc)
		rc = sk_buf_ok(&out);
	if (!rc)
		rc = sk_pager_start(repo);
	if (!rc)
		sk_out(out.ptr, out.len);
	sk_buf_free(&out);
	return rc;
}

static const char *type_name(uint32_t mode)
{
	switch (mode & 0170000) {
	case 0040000:
		return "folder";
	case 0120000:
		return "link";
	case 0160000:
		return "repository";
	default:
		return "file";
	}
}

/* Size of a blob; 0 with a failure for what cannot be read. */
static int blob_size(const struct sk_repo *repo, const struct sk_oid *oid, size_t *size)
{
	git_object_t type;
	git_odb *odb = NULL;
	git_oid id;
	int rc = 0;

	memcpy(id.id, oid->id, sizeof id.id);
	if (git_repository_odb(&odb, repo->git) != 0 ||
	    git_odb_read_header(size, &type, odb, &id) != 0)
		rc = sk_error_git(SK_EDAMAGED, "cannot read %s", sk_oid_str(oid));
	git_odb_free(odb);
	return rc;
}

static bool has_size(uint32_t mode)
{
	return (mode & 0170000) == 0100000 || (mode & 0170000) == 0120000;
}

static json_t *found_json(const struct sk_repo *repo, const char *key, const char *name,
                          const struct sk_found *f)
{
	json_t *o = sk_json_add(json_object(), key, sk_json_text(name));
	char mode[16];
	size_t size;

	(void)snprintf(mode, sizeof mode, "%06o", (unsigned)f->mode);
	o = sk_json_add(o, "type", json_string(type_name(f->mode)));
	o = sk_json_add(o, "mode", json_string(mode));
	o = sk_json_add(o, "oid", json_string(sk_oid_str(&f->oid)));
	if (has_size(f->mode))
		o = sk_json_add(o, "size",
		                blob_size(repo, &f->oid, &size) ? json_null()
		                                                : json_integer((json_int_t)size));
	return o;
}

static int print_found(const struct sk_call *call, const char *name, const struct sk_found *f)
{
	struct sk_buf line = SK_BUF_INIT;
	size_t size = 0;
	int rc = 0;

	if (call->nul) {
		sk_out(name, strlen(name) + 1);
		return 0;
	}
	if (has_size(f->mode))
		rc = blob_size(call->repo, &f->oid, &size);
	(void)sk_buf_addf(&line, "%06o %s ", (unsigned)f->mode, sk_oid_str(&f->oid));
	if (rc)
		(void)sk_buf_addf(&line, "%10s  ", "damaged");
	else if (has_size(f->mode))
		(void)sk_buf_addf(&line, "%10zu  ", size);
	else
		(void)sk_buf_addf(&line, "%10s  ", "-");
	(void)sk_add_name(&line, name, strlen(name));
	(void)sk_buf_adds(&line, (f->mode & 0170000) == 0040000 ? "/\n" : "\n");
	sk_out(sk_buf_str(&line), line.len);
	sk_buf_free(&line);
	return rc;
}

/* A folder's own entries, in git's order; a nested repository's own files are found by its path. */
static int show_folder(const struct sk_call *call, const struct sk_found *dir, json_t *list)
{
	git_tree *tree = NULL;
	git_oid id;
	int rc = 0;

	memcpy(id.id, dir->oid.id, sizeof id.id);
	if (git_tree_lookup(&tree, call->repo->git, &id) != 0)
		return sk_error_git(SK_EDAMAGED, "cannot read tree %s", sk_oid_str(&dir->oid));
	for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		const char *name = git_tree_entry_name(entry);
		struct sk_found f = { .mode = git_tree_entry_filemode_raw(entry) };
		int bad = 0;

		memcpy(f.oid.id, git_tree_entry_id(entry)->id, SK_OID_RAW);
		if (!list)
			bad = print_found(call, name, &f);
		else if (json_array_append_new(list, found_json(call->repo, "name", name, &f)) != 0)
			bad = sk_error_oom();
		rc = rc ? rc : bad;
	}
	git_tree_free(tree);
	return rc;
}

static int show_path(const struct sk_call *call, const struct sk_entry *e, const char *path)
{
	struct sk_found f = { 0 };
	json_t *o, *list = NULL;
	bool folder;
	int rc = sk_lookup(call->repo, e, path, &f);

	if (rc)
		return rc;
	folder = (f.mode & 0170000) == 0040000;
	if (!call->json)
		return folder ? show_folder(call, &f, NULL) : print_found(call, path, &f);
	o = found_json(call->repo, "path", path, &f);
	o = sk_json_add(o, "id", sk_json_text(e->id));
	if (folder) {
		list = json_array();
		if (list)
			rc = show_folder(call, &f, list);
		o = sk_json_add(o, "entries", list);
	}
	if (rc)
		json_decref(o);
	return rc ? rc : sk_out_json(o);
}

/* A damaged entry is shown by what is left of it, and is an error all the same. */
static int show_damaged(const struct sk_call *call, const struct sk_entry *e)
{
	int rc = 0;

	if (call->json)
		rc = sk_out_json(sk_entry_json(call->repo, e, false));
	else
		sk_outf("%s %s\nRef:       %s\n", sk_kind_name(e->kind), e->id, e->ref);
	return rc ? rc : sk_error(SK_EDAMAGED, "%s is damaged: %s", e->id, e->damage);
}

int sk_cmd_show(struct sk_call *call)
{
	struct sk_entry *e = NULL;
	char *path = NULL;
	bool asks = call->n_arg == 0 && !call->json && !call->nul && sk_can_choose();
	int rc = sk_call_args(call, asks ? 0 : 1, 2);

	if (!rc && asks)
		rc = sk_choose(call->repo, NULL, &e);
	else if (!rc)
		rc = sk_lookup_entry(call->repo, call->arg[0], &e);
	if (!rc && !e)
		rc = SK_ENO;
	if (!rc && call->n_arg == 2)
		rc = sk_repo_path(call->repo, call->arg[1], &path);
	if (rc)
		goto out;
	if (e->damaged)
		rc = show_damaged(call, e);
	else if (path)
		rc = show_path(call, e, path);
	else if (call->json)
		rc = sk_out_json(sk_entry_json(call->repo, e, false));
	else
		rc = show_entry(call->repo, e);
out:
	free(path);
	sk_entry_free(e);
	return rc;
}

static int print_blob(const struct sk_call *call, const struct sk_found *f, const char *path)
{
	git_odb_object *object = NULL;
	int rc;

	if (!has_size(f->mode))
		return sk_error(SK_EUSAGE, "%s is a %s; 'git sk show %s %s' lists it",
		                sk_name(path), type_name(f->mode), call->arg[0], call->arg[1]);
	rc = sk_repo_read(call->repo, &f->oid, &object);
	if (rc)
		return rc;
	sk_out(git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return 0;
}

int sk_cmd_cat(struct sk_call *call)
{
	struct sk_entry *e = NULL;
	struct sk_found f = { 0 };
	char *path = NULL;
	int rc = sk_call_args(call, 2, 2);

	if (!rc)
		rc = sk_select_intact(call->repo, call->arg[0], &e);
	if (!rc)
		rc = sk_repo_path(call->repo, call->arg[1], &path);
	if (!rc)
		rc = sk_lookup(call->repo, e, path, &f);
	if (!rc)
		rc = print_blob(call, &f, path);
	free(path);
	sk_entry_free(e);
	return rc;
}
