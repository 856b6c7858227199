/* `git sk vault clone URL DIR`: a repository back from a vault, after the folder is gone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "capture/state.h"
#include "command/print.h"
#include "command/report.h"
#include "command/vault.h"
#include "repo/git.h"
#include "restore/restore.h"

#define CHOICE_SHOWN 20

struct clone {
	struct sk_call *call;
	const char *dir;
	char *url, *part;
	bool made;    /* the folder is ours */
	bool fetched; /* all that the vault has is in it */
	bool older;   /* a newer state than `entry` cannot be read */
	struct sk_repo *repo;
	struct sk_entry *entry; /* the state to rebuild */
	struct sk_vault_taken taken;
	struct sk_restore_result result;
};

/* Choosing */

/* Whether `host` is the part, or its beginning up to a '-'. */
static bool means(const char *part, const char *host)
{
	size_t n = strlen(host);

	return strncmp(part, host, n) == 0 && (!part[n] || part[n] == '-');
}

static size_t matching(const struct sk_vault_contents *c, const char *host, size_t *which)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!host || means(c->item[i].part, host)) {
			*which = i;
			n++;
		}
	return n;
}

static int tell_choice(const struct sk_vault_contents *c, const char *host)
{
	struct sk_buf list = SK_BUF_INIT;
	time_t now = sk_now();
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct sk_vault_content *p = &c->item[i];

		if (host && !means(p->part, host))
			continue;
		if (shown++ >= CHOICE_SHOWN) {
			more++;
			continue;
		}
		(void)sk_buf_addf(&list, "    %s  %zu backups", p->part, p->backups);
		if (p->newest) {
			(void)sk_buf_adds(&list, ", the newest ");
			(void)sk_add_age(&list, p->newest, now);
		}
		(void)sk_buf_addc(&list, '\n');
	}
	if (more)
		(void)sk_buf_addf(&list, "    and %zu more\n", more);
	sk_note("the vault has:\n%.*s", list.len ? (int)list.len - 1 : 0, sk_buf_str(&list));
	sk_buf_free(&list);
	return sk_error(SK_EUSAGE, "say which one: --host PART");
}

int sk_vault_choose(const struct sk_vault_contents *c, const char *host, char **out)
{
	char here[256] = "";
	size_t which = 0, n = matching(c, host, &which);

	if (n > 1 && !host) {
		(void)gethostname(here, sizeof here - 1);
		here[strcspn(here, ".")] = '\0';
		if (*here && matching(c, here, &which) == 1)
			n = 1;
	}
	if (!n && !c->n)
		return sk_error(SK_ENO, "there is nothing of SafeKeep in that vault");
	if (!n)
		return sk_error(SK_ENO, "the vault has nothing of %s", sk_name(host));
	if (n > 1)
		return tell_choice(c, host);
	*out = strdup(c->item[which].part);
	return *out ? 0 : sk_error_oom();
}

static int choose(struct clone *c)
{
	struct sk_vault_contents contents = { 0 };
	int rc = sk_vault_look(NULL, c->url, sk_vault_ask(), &contents);

	if (!rc)
		rc = sk_vault_choose(&contents, sk_call_value(c->call, "host"), &c->part);
	sk_vault_contents_free(&contents);
	return rc;
}

/* The new repository */

static int make_dir(struct clone *c)
{
	struct dirent *d;
	bool empty = true;
	DIR *dir;

	if (mkdir(c->dir, 0777) == 0) {
		c->made = true;
		return 0;
	}
	if (errno != EEXIST)
		return sk_error_errno(SK_EIO, "cannot make the folder %s", sk_name(c->dir));
	dir = opendir(c->dir);
	if (!dir)
		return sk_error_errno(SK_EREFUSED, "%s is there already", sk_name(c->dir));
	while ((d = readdir(dir)))
		empty &= strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
	(void)closedir(dir);
	return empty ? 0
	             : sk_error(SK_EREFUSED,
	                        "%s is there already and not empty; name another folder",
	                        sk_name(c->dir));
}

static int make_repo(struct clone *c)
{
	const char *const argv[] = { "git", "init", "-q", "--", c->dir, NULL };
	struct sk_buf errors = SK_BUF_INIT;
	/* the kind that SafeKeep knows, whatever is usual here */
	const char *const env[] = { "GIT_DEFAULT_HASH=sha1", "GIT_DEFAULT_REF_FORMAT=files", NULL };
	struct sk_proc proc = { .argv = argv, .env = env, .errors = &errors };
	int status = 0, rc = sk_proc_run(&proc, &status);

	if (!rc && status)
		rc = sk_error(SK_EIO, "git cannot make a repository in %s", sk_name(c->dir));
	if (!rc && chdir(c->dir) < 0)
		rc = sk_error_errno(SK_EIO, "cannot enter %s", sk_name(c->dir));
	if (!rc) {
		sk_clear_git_env();
		rc = sk_repo_open(".", &c->repo);
	}
	sk_buf_free(&errors);
	return rc;
}

static int git(const struct sk_repo *repo, const char *a, const char *b, const char *c,
               const char *d)
{
	const char *const args[] = { a, b, c, d, NULL };
	int status = 0, rc = sk_git_run(repo, args, NULL, NULL, &status);

	return !rc && status ? sk_error(SK_EIO, "git %s failed with exit code %d", a, status) : rc;
}

/* The newest state of the worktree asked for.  Of the same second, a backup: the push made it. */
static int find_entry(struct clone *c)
{
	const char *worktree = sk_call_value(c->call, "worktree");
	struct sk_entries list = { 0 };
	size_t best = SIZE_MAX;
	int rc = sk_entry_list(c->repo, SK_BACKUP | SK_REVISION, worktree ? worktree : "main",
	                       &list);

	for (size_t i = 0; i < list.n && !rc; i++) {
		const struct sk_entry *e = list.item[i];

		if (e->damaged && best == SIZE_MAX) {
			sk_warn("%s cannot be read: %s", e->id, e->damage);
			c->older = true;
		} else if (!e->damaged &&
		           (best == SIZE_MAX || (e->created == list.item[best]->created &&
		                                 list.item[best]->kind != SK_BACKUP))) {
			best = i;
		}
	}
	if (best != SIZE_MAX) {
		c->entry = list.item[best];
		list.item[best] = list.item[--list.n];
	}
	sk_entries_free(&list);
	if (!rc && !c->entry && c->older)
		rc = sk_error(SK_EDAMAGED, "no backup can be read");
	else if (!rc && !c->entry)
		rc = sk_error(SK_ENO,
		              "the vault has no backup of worktree %s; its branches are here",
		              sk_name(worktree ? worktree : "main"));
	return rc;
}

/* HEAD as it was: the branch where the vault has it, which is the newest that is known of it. */
static int set_head(struct clone *c)
{
	const char *branch = sk_entry_get(c->entry, "Sk-Branch");
	struct sk_buf name = SK_BUF_INIT;
	struct sk_oid head;
	bool has = sk_entry_get_oid(c->entry, "Sk-Head", &head);
	git_oid there;
	int rc = 0;

	if (!branch) {
		rc = has ? git(c->repo, "update-ref", "--no-deref", "HEAD", sk_oid_str(&head)) : 0;
		goto out;
	}
	rc = sk_buf_addf(&name, "%s%s", strncmp(branch, "refs/", 5) ? "refs/heads/" : "", branch);
	if (!rc)
		rc = git(c->repo, "symbolic-ref", "HEAD", name.ptr, NULL);
	if (!rc && has && git_reference_name_to_id(&there, c->repo->git, name.ptr) < 0)
		rc = git(c->repo, "update-ref", name.ptr, sk_oid_str(&head), NULL);
out:
	sk_buf_free(&name);
	return rc;
}

/* The safety backup of the empty folder, and the way back to it, are of no use to anybody. */
static int forget_before(struct clone *c)
{
	struct sk_entry *before = NULL;
	char *undo = sk_state_path(c->repo, "undo");
	int rc = undo ? 0 : sk_error_oom();

	if (!rc && c->result.safety_id && strcmp(c->result.safety_id, c->entry->id) != 0)
		rc = sk_entry_select(c->repo, c->result.safety_id, &before);
	if (!rc && before)
		rc = sk_entry_delete(c->repo, &before, 1);
	if (!rc && unlink(undo) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", undo);
	sk_entry_free(before);
	free(undo);
	return rc;
}

static int rebuild(struct clone *c)
{
	struct sk_restore_opts opts = { .staged = true, .operation = "clone" };
	int rc = find_entry(c), partial = 0;

	if (!rc)
		rc = set_head(c);
	opts.target = c->entry;
	if (!rc)
		rc = sk_restore(c->repo, &opts, &c->result);
	if (rc == SK_EPARTIAL) {
		for (size_t i = 0; i < c->result.n_skips; i++)
			sk_warn("%s: %s", sk_name(c->result.skip[i].path),
			        c->result.skip[i].reason);
		partial = rc;
		rc = 0;
	}
	if (!rc)
		rc = forget_before(c);
	if (!rc && c->older)
		partial = sk_error(SK_EPARTIAL,
		                   "a newer entry is damaged: this may be an older state");
	return rc ? rc : partial;
}

/* Reporting */

static int report_json(const struct clone *c)
{
	json_t *o = sk_json_add(json_object(), "part", sk_json_text(c->part));

	o = sk_json_add(o, "worktree", sk_json_path(c->repo->worktree, strlen(c->repo->worktree)));
	o = sk_json_add(o, "backup", sk_json_text(c->entry->id));
	o = sk_json_add(o, "entries", json_integer((json_int_t)c->taken.entries));
	o = sk_json_add(o, "branches", json_integer((json_int_t)c->taken.branches));
	o = sk_json_add(o, "written", json_integer((json_int_t)c->result.written));
	return sk_out_json(sk_json_add(o, "withheld", json_integer((json_int_t)c->taken.withheld)));
}

static int report(const struct clone *c)
{
	struct sk_buf age = SK_BUF_INIT, dir = SK_BUF_INIT;
	int rc;

	if (c->call->json)
		return report_json(c);
	(void)sk_add_age(&age, c->entry->created, sk_now());
	rc = sk_add_word(&dir, c->dir);
	if (!rc)
		rc = sk_buf_ok(&age);
	if (!rc) {
		sk_outf("%s: as it was %s (%s), %zu files, %zu branches, %zu backups and "
		        "revisions\n",
		        c->part, age.ptr, c->entry->id, c->result.written, c->taken.branches,
		        c->taken.entries);
		sk_out_flush();
		if (c->taken.withheld)
			sk_note("%zu private refs stay in the vault (--private)",
			        c->taken.withheld);
		sk_note("next: cd %s && git status && git sk init; and to go on pushing: git sk "
		        "vault add NAME URL",
		        dir.ptr);
	}
	sk_buf_free(&age);
	sk_buf_free(&dir);
	return rc;
}

/* The folder as it was, missing or empty, so that the same command can be tried again: nothing that
 * is in it is not in the vault.  The message stays. */
static void take_back(struct clone *c, const char *back, int rc)
{
	char *why = strdup(sk_error_message());
	DIR *dir = chdir(back) == 0 ? opendir(c->dir) : NULL;
	bool empty = dir != NULL;
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			empty &= sk_remove_tree(dirfd(dir), d->d_name) == 0;
	if (dir)
		(void)closedir(dir);
	if (c->made)
		empty &= rmdir(c->dir) == 0;
	(void)sk_error(rc, "%s", why ? why : "out of memory");
	if (!empty)
		sk_warn("%s is left half done; remove it before you try again", sk_name(c->dir));
	free(why);
}

static int run(struct clone *c, const char *back)
{
	struct sk_vault_take take = { .private = sk_call_has(c->call, "private"),
		                      .branches = true,
		                      .flags = sk_vault_ask() };
	int rc = choose(c), bad;

	if (!rc)
		rc = make_dir(c);
	if (rc)
		return rc;
	rc = make_repo(c);
	take.url = c->url;
	take.part = c->part;
	if (!rc)
		rc = sk_vault_fetch(c->repo, &take, &c->taken);
	c->fetched = !rc;
	if (!rc)
		rc = rebuild(c);
	if (rc && rc != SK_EPARTIAL) {
		if (c->fetched && (rc == SK_ENO || rc == SK_EDAMAGED))
			sk_warn("what the vault has stays in %s: git sk list shows the backups",
			        sk_name(c->dir));
		else
			take_back(c, back, rc);
		return rc;
	}
	bad = report(c);
	return bad ? bad : rc;
}

int sk_vault_clone(struct sk_call *call)
{
	struct clone c = { .call = call, .dir = call->arg[2] };
	char back[PATH_MAX];
	int rc = sk_vault_url(call->arg[1], &c.url);

	if (!rc && !*c.dir)
		rc = sk_error(SK_EUSAGE, "say which folder: git sk vault clone URL DIR");
	if (!rc && !getcwd(back, sizeof back))
		rc = sk_error_errno(SK_EIO, "cannot tell where we are");
	if (!rc)
		rc = run(&c, back);
	sk_restore_result_clear(&c.result);
	sk_entry_free(c.entry);
	sk_repo_close(c.repo);
	free(c.url);
	free(c.part);
	return rc;
}
