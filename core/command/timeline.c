#include "command/timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "repo/git.h"
#include "store/oidset.h"
#include "store/refs.h"

#define TALKS_REF "refs/sk/chat/archive"

struct sk_timeline {
	const struct sk_repo *repo;
	struct sk_timeline_opts opts;
	struct sk_entries entries;
	size_t next_entry;
	struct sk_talk *talk; /* newest first */
	size_t n_talks, next_talk;
	pid_t git;
	FILE *commits;
	char *field[4]; /* of the commit that was read ahead: "OID TIME PARENTS", refs, author,
	                   subject */
	size_t cap[4];
	struct sk_commit_event commit;
	time_t commit_when;
	bool have_commit;
};

/* --- commits ------------------------------------------------------------------------------ */

/* The commits that backups saw at HEAD: also those that no branch has any more. */
static int heads(const struct sk_timeline *t, struct sk_buf *out)
{
	struct sk_oidset set = { 0 };
	struct sk_oid oid;
	bool added;
	int rc = 0;

	for (size_t i = 0; !rc && i < t->entries.n; i++) {
		const struct sk_entry *e = t->entries.item[i];

		if (e->damaged || !sk_entry_get_oid(e, "Sk-Head", &oid))
			continue;
		rc = sk_oidset_add(&set, &oid, 1, &added);
		if (!rc && added)
			rc = sk_buf_addf(out, "%s\n", sk_oid_str(&oid));
	}
	sk_oidset_free(&set);
	return rc;
}

static int log_words(const struct sk_timeline *t, struct sk_strv *out)
{
	static const char *const first[] = { "log",
		                             "-z",
		                             "--format=tformat:%H %ct %P%x00%D%x00%an%x00%s",
		                             "--no-show-signature",
		                             "--encoding=UTF-8",
		                             "--no-color",
		                             "--no-notes",
		                             "--no-patch",
		                             "--decorate=short",
		                             "--decorate-refs=HEAD",
		                             "--decorate-refs=refs/heads/",
		                             "--decorate-refs=refs/tags/",
		                             "--ignore-missing",
		                             "--stdin",
		                             NULL };
	struct sk_buf word = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; !rc && first[i]; i++)
		rc = sk_strv_add(out, first[i]);
	if (t->opts.max < SIZE_MAX)
		(void)sk_buf_addf(&word, "--max-count=%zu%c", t->opts.max, '\0');
	if (t->opts.since > 0)
		(void)sk_buf_addf(&word, "--since=@%lld%c", (long long)t->opts.since, '\0');
	if (t->opts.until < (time_t)INT64_MAX)
		(void)sk_buf_addf(&word, "--until=@%lld%c", (long long)t->opts.until, '\0');
	if (t->opts.branch)
		(void)sk_buf_addf(&word, "refs/heads/%s%c", t->opts.branch, '\0');
	else
		(void)sk_buf_addf(&word, "HEAD%c--branches%c", '\0', '\0');
	(void)sk_buf_addf(&word, "--%c", '\0');
	rc = rc ? rc : sk_buf_ok(&word);
	for (size_t at = 0; !rc && at < word.len; at += strlen(word.ptr + at) + 1)
		rc = sk_strv_add(out, word.ptr + at);
	sk_buf_free(&word);
	return rc;
}

static void run_git(const char *const *argv, char *const env[3], int in, int out)
{
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	sk_clear_git_env();
	(void)putenv(env[0]);
	(void)putenv(env[1]);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sk_proc_exec(argv);
	_exit(127);
}

static int start_git(struct sk_timeline *t, const char *const *argv, char *const env[3],
                     const struct sk_buf *input)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, rc = 0;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot start git log");
		goto out;
	}
	t->git = fork();
	if (t->git == 0)
		run_git(argv, env, in[0], out[1]);
	if (t->git < 0) {
		rc = sk_error_errno(SK_EIO, "cannot start git log");
		goto out;
	}
	(void)close(in[0]);
	in[0] = -1;
	/* git reads them all before it says a word */
	if (input->len && sk_write_full(in[1], input->ptr, input->len) < 0 && errno != EPIPE)
		rc = sk_error_errno(SK_EIO, "cannot talk to git log");
	t->commits = fdopen(out[0], "r");
	if (t->commits)
		out[0] = -1;
	else
		rc = sk_error_oom();
out:
	for (int i = 0; i < 2; i++) {
		if (in[i] >= 0)
			(void)close(in[i]);
		if (out[i] >= 0)
			(void)close(out[i]);
	}
	return rc;
}

static int open_commits(struct sk_timeline *t)
{
	struct sk_strv words = SK_STRV_INIT;
	struct sk_buf input = SK_BUF_INIT;
	const char **args = NULL, **argv = NULL;
	char *env[3] = { NULL };
	int rc = heads(t, &input);

	if (!rc)
		rc = log_words(t, &words);
	if (!rc && !(args = calloc(words.n + 1, sizeof *args)))
		rc = sk_error_oom();
	if (!rc) {
		memcpy(args, words.item, words.n * sizeof *args);
		rc = sk_git_line(t->repo, args, &argv, env);
	}
	if (!rc)
		rc = start_git(t, argv, env, &input);
	free(args);
	free(argv);
	free(env[0]);
	free(env[1]);
	sk_buf_free(&input);
	sk_strv_free(&words);
	return rc;
}

/* "OID TIME PARENT PARENT" */
static int parse_head(struct sk_timeline *t, char *text)
{
	struct sk_commit_event *c = &t->commit;
	size_t len = strlen(text), max = len / (SK_OID_HEX + 1) + 1;
	char *p = text + SK_OID_HEX;

	free(c->parent);
	*c = (struct sk_commit_event){ .parent = calloc(max, sizeof *c->parent) };
	if (!c->parent)
		return sk_error_oom();
	if (len < SK_OID_HEX + 2 || !sk_oid_parse(text, &c->oid))
		return sk_error(SK_EIO, "git log says what cannot be read");
	t->commit_when = (time_t)strtoll(p, &p, 10);
	while (*p == ' ' && c->n_parents < max && sk_oid_parse(p + 1, &c->parent[c->n_parents])) {
		c->n_parents++;
		p += 1 + SK_OID_HEX;
	}
	return 0;
}

static int read_ahead(struct sk_timeline *t)
{
	int rc;

	t->have_commit = false;
	if (!t->commits)
		return 0;
	for (size_t i = 0; i < 4; i++) {
		ssize_t n = getdelim(&t->field[i], &t->cap[i], '\0', t->commits);

		if (n <= 0 && i == 0)
			return 0; /* the end, or git has said why not */
		if (n <= 0)
			return sk_error(SK_EIO, "git log ended in the midst of a commit");
	}
	rc = parse_head(t, t->field[0]);
	if (rc)
		return rc;
	t->commit.refs = t->field[1];
	t->commit.author = t->field[2];
	t->commit.subject = t->field[3];
	t->have_commit = true;
	return 0;
}

/* --- conversations ------------------------------------------------------------------------ */

static char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return strdup(text ? text : "");
}

/* RFC 3339 in UTC; 0 when it is none. */
static time_t time_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	struct tm tm = { 0 };

	return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
}

static bool talk_wanted(const struct sk_timeline *t, const struct sk_talk *talk)
{
	return talk->began && talk->began >= t->opts.since && talk->began <= t->opts.until &&
	       (!t->opts.branch || strcmp(talk->branch, t->opts.branch) == 0);
}

static void free_talk(struct sk_talk *talk)
{
	free(talk->id);
	free(talk->tool);
	free(talk->title);
	free(talk->branch);
}

static int add_talk(struct sk_timeline *t, const json_t *o)
{
	struct sk_talk talk = { text_of(o, "id"),
		                text_of(o, "tool"),
		                text_of(o, "title"),
		                text_of(o, "branch"),
		                time_of(o, "began"),
		                time_of(o, "ended"),
		                json_integer_value(json_object_get(o, "user_messages")) +
		                        json_integer_value(
		                                json_object_get(o, "assistant_messages")) };

	if (!talk.id || !talk.tool || !talk.title || !talk.branch) {
		free_talk(&talk);
		return sk_error_oom();
	}
	if (talk_wanted(t, &talk))
		t->talk[t->n_talks++] = talk;
	else
		free_talk(&talk);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct sk_talk *x = a, *y = b;

	return x->began < y->began ? 1 : x->began > y->began ? -1 : strcmp(x->id, y->id);
}

static int take_talks(struct sk_timeline *t, const char *text, size_t len)
{
	json_t *o = json_loadb(text, len, 0, NULL), *list = json_object_get(o, "sessions");
	size_t n = json_array_size(list);
	int rc = 0;

	t->talk = calloc(n + 1, sizeof *t->talk);
	if (!t->talk)
		rc = sk_error_oom();
	for (size_t i = 0; !rc && i < n; i++)
		rc = add_talk(t, json_array_get(list, i));
	json_decref(o);
	if (!rc && t->n_talks)
		qsort(t->talk, t->n_talks, sizeof *t->talk, by_time);
	return rc;
}

/* What `git sk chat list --json` says, where there is an archive and the plugin is enabled; without
 * them there are none, and that is no error. */
static int open_talks(struct sk_timeline *t)
{
	char program[PATH_MAX];
	const char *const argv[] = { program, "chat", "list", "--json", NULL };
	struct sk_buf out = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_proc proc = {
		.argv = argv, .dir = t->repo->worktree, .output = &out, .errors = &errors
	};
	struct sk_oid oid;
	int status = 0, rc = 0;

	if (sk_ref_read(t->repo, TALKS_REF, &oid) || sk_proc_self(program)) {
		sk_error_clear();
		return 0;
	}
	if (sk_proc_run(&proc, &status) == 0 && status == 0)
		rc = take_talks(t, sk_buf_str(&out), out.len);
	sk_buf_free(&out);
	sk_buf_free(&errors);
	return rc;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool entry_wanted(const struct sk_timeline *t, const struct sk_entry *e)
{
	const char *branch = e->damaged ? NULL : sk_entry_get(e, "Sk-Branch");

	return e->created >= t->opts.since && e->created <= t->opts.until &&
	       (!t->opts.branch || (branch && strcmp(branch, t->opts.branch) == 0));
}

/* Leaves those that are wanted: what they saw as HEAD is asked of git. */
static void drop_entries(struct sk_timeline *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->entries.n; i++)
		if (entry_wanted(t, t->entries.item[i]) && kept < t->opts.max)
			t->entries.item[kept++] = t->entries.item[i];
		else
			sk_entry_free(t->entries.item[i]);
	t->entries.n = kept;
}

int sk_timeline_open(const struct sk_repo *repo, const struct sk_timeline_opts *opts,
                     struct sk_timeline **out)
{
	struct sk_timeline *t = calloc(1, sizeof *t);
	bool newest = opts->max < SIZE_MAX && !opts->branch && opts->until == (time_t)INT64_MAX;
	int rc;

	if (!t)
		return sk_error_oom();
	t->repo = repo;
	t->opts = *opts;
	rc = sk_entry_list_newest(repo, SK_ANY, opts->all_worktrees ? NULL : repo->worktree_id,
	                          newest ? opts->max : SIZE_MAX, &t->entries);
	if (!rc) {
		drop_entries(t);
		rc = open_commits(t);
	}
	if (!rc)
		rc = open_talks(t);
	if (!rc)
		rc = read_ahead(t);
	if (rc)
		sk_timeline_close(t);
	else
		*out = t;
	return rc;
}

/* Of the same second: a backup that saw the commit comes after it, another before. */
static bool entry_is_newer(const struct sk_timeline *t, const struct sk_entry *e)
{
	struct sk_oid head;

	if (!t->have_commit || e->created != t->commit_when)
		return !t->have_commit || e->created > t->commit_when;
	return !e->damaged && sk_entry_get_oid(e, "Sk-Head", &head) &&
	       sk_oid_eq(&head, &t->commit.oid);
}

int sk_timeline_next(struct sk_timeline *t, struct sk_event *out)
{
	const struct sk_entry *e =
	        t->next_entry < t->entries.n ? t->entries.item[t->next_entry] : NULL;
	const struct sk_talk *talk = t->next_talk < t->n_talks ? &t->talk[t->next_talk] : NULL;
	time_t newest = e ? e->created : (time_t)INT64_MIN;
	int rc;

	/* the one that was given last is let go only now */
	if (t->commit.refs && !t->have_commit) {
		rc = read_ahead(t);
		if (rc)
			return rc;
	}
	if (t->have_commit && t->commit_when > newest)
		newest = t->commit_when;
	if (talk && talk->began >= newest) {
		*out = (struct sk_event){ SK_EVENT_TALK, talk->began, NULL, NULL, talk };
		t->next_talk++;
	} else if (e && entry_is_newer(t, e)) {
		*out = (struct sk_event){ SK_EVENT_ENTRY, e->created, e, NULL, NULL };
		t->next_entry++;
	} else if (t->have_commit) {
		*out = (struct sk_event){ SK_EVENT_COMMIT, t->commit_when, NULL, &t->commit, NULL };
		t->have_commit = false;
	} else {
		return SK_ENO;
	}
	return 0;
}

void sk_timeline_close(struct sk_timeline *t)
{
	if (!t)
		return;
	if (t->commits)
		(void)fclose(t->commits); /* a git that has more to say ends at once */
	if (t->git > 0)
		while (waitpid(t->git, NULL, 0) < 0 && errno == EINTR)
			;
	for (size_t i = 0; i < 4; i++)
		free(t->field[i]);
	for (size_t i = 0; i < t->n_talks; i++)
		free_talk(&t->talk[i]);
	free(t->talk);
	free(t->commit.parent);
	sk_entries_free(&t->entries);
	free(t);
}
