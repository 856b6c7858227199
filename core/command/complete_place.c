/* What the names in usage lines stand for, as candidates. */
#include "command/complete.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/sessions.h"
#include "base/error.h"
#include "base/proc.h"
#include "base/text.h"
#include "command/commits.h"
#include "command/lookup.h"
#include "store/vault.h"

#define MAX_IDS 200
#define PLUGIN_WAIT_MS 1000

static bool is_command(const struct sk_complete *c, const char *name)
{
	return strcmp(c->command->name, name) == 0;
}

static int add_entry(struct sk_complete *c, const struct sk_entry *e)
{
	struct sk_buf what = SK_BUF_INIT;
	int rc;

	(void)sk_add_age(&what, e->created, sk_now());
	(void)sk_buf_addf(&what, ": %s", e->damaged ? "damaged" : e->title);
	rc = sk_buf_ok(&what);
	if (!rc)
		rc = sk_complete_add(c, e->id, what.ptr);
	sk_buf_free(&what);
	return rc;
}

/* The newest that begin with what was typed; with many, only these are read. */
static int add_typed(struct sk_complete *c, const char *kind)
{
	struct sk_buf glob = SK_BUF_INIT;
	git_reference_iterator *it = NULL;
	struct sk_strv names = SK_STRV_INIT;
	const char *name;
	int rc;

	(void)sk_buf_addf(&glob, "refs/sk/%s/%s*", kind, c->word);
	rc = sk_buf_ok(&glob);
	if (!rc && git_reference_iterator_glob_new(&it, c->repo->git, glob.ptr) != 0)
		rc = SK_ENO;
	while (!rc && git_reference_next_name(&name, it) == 0)
		rc = sk_strv_add(&names, name);
	git_reference_iterator_free(it);
	sk_strv_sort(&names);
	for (size_t i = names.n; i-- && names.n - i <= MAX_IDS && !rc;) {
		struct sk_entry *e = NULL;

		if (sk_entry_read(c->repo, names.item[i], &e) == 0)
			rc = add_entry(c, e);
		sk_entry_free(e);
	}
	sk_strv_free(&names);
	sk_buf_free(&glob);
	return rc;
}

static int add_ids(struct sk_complete *c)
{
	bool revisions = is_command(c, "revise");
	struct sk_entries list = { 0 };
	int rc = 0;

	if (!c->repo || c->word[strcspn(c->word, "*?[\\ ~^:/")])
		return 0;
	if (!revisions)
		rc = sk_complete_add(c, "latest", "the newest backup");
	if (!rc && *c->word) {
		if (!revisions)
			rc = add_typed(c, "backup");
		if (!rc)
			rc = add_typed(c, "revision");
		if (!rc && !revisions)
			rc = add_typed(c, "release");
		return rc;
	}
	if (!rc)
		rc = sk_entry_list_newest(c->repo, revisions ? SK_REVISION : SK_ANY,
		                          c->repo->worktree_id, MAX_IDS, &list);
	for (size_t i = 0; i < list.n && i < MAX_IDS && !rc; i++)
		rc = add_entry(c, list.item[i]);
	sk_entries_free(&list);
	return rc;
}

/* The sessions of agents among the newest entries, each with the last that was said in it. */
static int add_sessions(struct sk_complete *c)
{
	struct sk_agent_session *session = NULL;
	struct sk_entries list = { 0 };
	size_t n = 0;
	int rc =
	        sk_entry_list_newest(c->repo, SK_BACKUP, c->repo->worktree_id, 10 * MAX_IDS, &list);

	if (!rc)
		rc = sk_agent_sessions(&list, &session, &n);
	for (size_t i = 0; i < n && !rc; i++)
		rc = sk_complete_add(c, sk_entry_get(session[i].newest, "Sk-Session"),
		                     session[i].said ? session[i].said->title : "");
	free(session);
	sk_entries_free(&list);
	return rc;
}

/* Names in a folder of an entry: "src/ma" is what begins with "ma" in "src". */
static int add_folder(struct sk_complete *c, const struct sk_found *dir, const char *typed)
{
	struct sk_buf value = SK_BUF_INIT;
	git_tree *tree = NULL;
	git_oid id;
	int rc = 0;

	memcpy(id.id, dir->oid.id, sizeof id.id);
	if (git_tree_lookup(&tree, c->repo->git, &id) != 0)
		return SK_ENO;
	for (size_t i = 0; i < git_tree_entrycount(tree) && !rc; i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		bool folder = git_tree_entry_type(entry) != GIT_OBJECT_BLOB;

		sk_buf_clear(&value);
		(void)sk_buf_addf(&value, "%s%s%s", typed, git_tree_entry_name(entry),
		                  folder ? "/" : "");
		rc = sk_buf_ok(&value);
		if (!rc)
			rc = sk_complete_add(c, value.ptr, NULL);
	}
	git_tree_free(tree);
	sk_buf_free(&value);
	return rc;
}

static int entry_given(struct sk_complete *c, struct sk_entry **out)
{
	if (c->at)
		return sk_at_intact(c->repo, c->state, out);
	if (c->before.n && sk_select_intact(c->repo, c->before.item[0], out) == 0)
		return 0;
	return sk_select_intact(c->repo, "latest", out);
}

static int add_paths(struct sk_complete *c)
{
	const char *slash = strrchr(c->word, '/');
	size_t len = slash ? (size_t)(slash - c->word) + 1 : 0;
	char *typed = strndup(c->word, len), *path = NULL;
	struct sk_found dir = { 0 };
	struct sk_entry *e = NULL;
	int rc = typed ? 0 : sk_error_oom();

	c->how = ":paths";
	if (!rc)
		rc = sk_repo_path(c->repo, len ? typed : ".", &path);
	if (!rc)
		rc = entry_given(c, &e);
	if (!rc)
		rc = sk_lookup(c->repo, e, path, &dir);
	if (!rc && (dir.mode & 0170000) == 0040000)
		rc = add_folder(c, &dir, typed);
	sk_entry_free(e);
	free(path);
	free(typed);
	return rc;
}

static int add_revs(struct sk_complete *c)
{
	static const char *const spaces[] = { "refs/heads/", "refs/tags/", "refs/remotes/" };
	int rc = sk_complete_add(c, "HEAD", NULL);

	for (size_t i = 0; i < sizeof spaces / sizeof *spaces && !rc; i++) {
		git_reference_iterator *it = NULL;
		char glob[32];
		const char *name;

		(void)snprintf(glob, sizeof glob, "%s*", spaces[i]);
		if (git_reference_iterator_glob_new(&it, c->repo->git, glob) != 0)
			continue;
		while (!rc && git_reference_next_name(&name, it) == 0)
			rc = sk_complete_add(c, name + strlen(spaces[i]), NULL);
		git_reference_iterator_free(it);
	}
	return rc;
}

static int add_lost(struct sk_complete *c)
{
	struct sk_commits commits = { 0 };
	struct sk_buf what = SK_BUF_INIT;
	int rc = sk_commits_load(c->repo, &commits);

	for (size_t i = 0; i < commits.keep.n && i < MAX_IDS && !rc; i++) {
		const char *ref = commits.keep.line[i].ref;
		char id[11];

		if (commits.fate[i] != SK_COMMIT_LOST)
			continue;
		(void)snprintf(id, sizeof id, "%.10s", sk_oid_str(&commits.keep.line[i].oid));
		sk_buf_clear(&what);
		(void)sk_commit_subject(c->repo, &commits.keep.line[i].oid, &what);
		rc = sk_complete_add(c, id, sk_buf_str(&what));
		if (!rc &&
		    (strncmp(ref, "refs/heads/", 11) == 0 || strncmp(ref, "refs/tags/", 10) == 0))
			rc = sk_complete_add(c, strchr(ref + 5, '/') + 1, sk_buf_str(&what));
	}
	sk_buf_free(&what);
	sk_commits_free(&commits);
	return rc;
}

static int add_vaults(struct sk_complete *c)
{
	struct sk_vaults list = { 0 };
	int rc = sk_vault_list(c->repo, &list);

	for (size_t i = 0; i < list.n && !rc; i++)
		rc = sk_complete_add(c, list.item[i].name, list.item[i].shown);
	sk_vaults_free(&list);
	return rc;
}

/* Each name of a list of the settings. */
static int add_listed(struct sk_complete *c, const char *key)
{
	const char *value = sk_config_get(c->repo->config, key);
	char *copy = strdup(value ? value : ""), *save = NULL;
	int rc = copy ? 0 : sk_error_oom();

	for (char *name = copy ? strtok_r(copy, ", ", &save) : NULL; name && !rc;
	     name = strtok_r(NULL, ", ", &save))
		rc = sk_complete_add(c, name, NULL);
	free(copy);
	return rc;
}

/* [components] NAME = ..., and [component "NAME"]. */
static int add_components(struct sk_complete *c)
{
	const struct sk_strv *keys = &c->repo->config->keys;
	struct sk_strv seen = SK_STRV_INIT;
	int rc = 0;

	for (size_t i = 0; i < keys->n && !rc; i++) {
		const char *key = keys->item[i], *end;

		if (strncmp(key, "components.", 11) == 0) {
			key += 11;
			end = key + strlen(key);
		} else if (strncmp(key, "component.", 10) == 0) {
			key += 10;
			end = strrchr(key, '.');
		} else {
			continue;
		}
		rc = end ? sk_strv_addn(&seen, key, (size_t)(end - key)) : 0;
	}
	sk_strv_sort(&seen);
	for (size_t i = 0; i < seen.n && !rc; i++)
		if (!i || strcmp(seen.item[i], seen.item[i - 1]) != 0)
			rc = sk_complete_add(c, seen.item[i], NULL);
	sk_strv_free(&seen);
	return rc;
}

static const char *text_of(const json_t *o, const char *const *keys)
{
	for (; *keys; keys++) {
		const char *text = json_string_value(json_object_get(o, *keys));

		if (text)
			return text;
	}
	return NULL;
}

static int add_objects(struct sk_complete *c, const json_t *answer)
{
	static const char *const names[] = { "name", "id", NULL };
	static const char *const whats[] = { "title", "description", "summary", NULL };
	const char *key;
	json_t *list, *o;
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)(uintptr_t)answer, key, list)
	        json_array_foreach(list, i, o) if (!rc && text_of(o, names)) rc =
	                sk_complete_add(c, text_of(o, names), text_of(o, whats));
	return rc;
}

/* A plugin's own things: `git sk COMMAND list --json` has a list of objects with "name" or "id",
 * and perhaps "title" or "description". */
static int add_of_plugin(struct sk_complete *c)
{
	const char *const argv[] = {
		"/proc/self/exe", c->command->name, "list", "--json", "-q", NULL
	};
	const char *const env[] = { "GIT_SK_COMPLETING=1", NULL };
	struct sk_buf text = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv,
		                .env = env,
		                .output = &text,
		                .errors = &errors,
		                .timeout_ms = PLUGIN_WAIT_MS };
	json_t *answer = NULL;
	int status = 0, rc = sk_proc_run(&proc, &status);

	if (!rc && status == 0)
		answer = json_loadb(sk_buf_str(&text), text.len, 0, NULL);
	if (answer)
		rc = add_objects(c, answer);
	json_decref(answer);
	sk_buf_free(&text);
	sk_buf_free(&errors);
	return rc;
}

static int add_names(struct sk_complete *c)
{
	if (c->before.n && strcmp(c->before.item[0], "add") == 0)
		return 0; /* a new one */
	if (is_command(c, "vault"))
		return c->prefix[0] || !c->before.n ? 0 : add_vaults(c);
	if (is_command(c, "plugin"))
		return add_listed(c, "plugins.enable");
	if (!sk_command_find(c->command->name))
		return add_of_plugin(c);
	return 0;
}

int sk_complete_place(struct sk_complete *c, const char *name)
{
	if (strcmp(name, "FILE") == 0) {
		c->how = ":files";
		return 0;
	}
	if (strcmp(name, "DIR") == 0 || strcmp(name, "URL") == 0) {
		c->how = ":dirs";
		return 0;
	}
	if (strcmp(name, "CMD") == 0 || strcmp(name, "COMMAND") == 0) {
		c->how = ":command";
		return 0;
	}
	if (!c->repo)
		return 0;
	if (strcmp(name, "ID") == 0 || strcmp(name, "SOURCE") == 0)
		return add_ids(c);
	if (strcmp(name, "PATH") == 0)
		return add_paths(c);
	if (strcmp(name, "REV") == 0)
		return add_revs(c);
	if (strcmp(name, "COMMIT") == 0)
		return is_command(c, "restore") ? add_lost(c) : add_revs(c);
	if (strcmp(name, "COMPONENT") == 0)
		return add_components(c);
	if (strcmp(name, "NAME") == 0)
		return add_names(c);
	if (strcmp(name, "SESSION") == 0)
		return sk_command_find(c->command->name) ? add_sessions(c) : add_of_plugin(c);
	return 0;
}
