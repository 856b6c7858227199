#include "command/gate.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"
#include "base/text.h"
#include "impact/impact.h"
#include "lint/lint.h"
#include "repo/index.h"

#define LIMIT_S 3    /* for all of it: git stands still meanwhile */
#define GRAPH_MS 300 /* for the graph; see prepare */
#define NAMES 3      /* of a list on one line */
#define FINDINGS 3
#define MAX_MESSAGE (1u << 20)
#define MAX_GATE 64

static const char late[] =
        "git sk: impact: not computed in time; run 'git sk impact --staged' and 'git sk lint "
        "--staged'\n";

static volatile sig_atomic_t late_status;

static void on_alarm(int signal)
{
	ssize_t n = write(STDERR_FILENO, late, sizeof late - 1);

	SK_UNUSED(signal);
	SK_UNUSED(n);
	_exit(late_status);
}

static int gate_path(const struct sk_repo *repo, struct sk_buf *out)
{
	(void)sk_buf_addf(out, "%s/gate", repo->sklocal);
	return sk_buf_ok(out);
}

/* What is staged, whatever else the index file holds. */
static int hash_staged(const struct sk_repo *repo, struct sk_oid *out)
{
	struct sk_index *index = NULL;
	char *own = NULL;
	struct sk_hash h;
	int rc = repo->given_index ? 0 : sk_repo_index_path(repo, &own);

	if (!rc)
		rc = sk_index_read(own ? own : repo->given_index, &index);
	free(own);
	if (rc)
		return rc;
	sk_hash_init(&h);
	for (size_t i = 0; i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];

		sk_hash_update(&h, e->path, e->path_len + 1);
		sk_hash_update(&h, &e->mode, sizeof e->mode);
		sk_hash_update(&h, e->oid.id, SK_OID_RAW);
	}
	sk_hash_final(&h, out);
	sk_index_free(index);
	return 0;
}

void sk_gate_note(const struct sk_repo *repo)
{
	bool off = repo->config->hooks.impact == 0;
	struct sk_buf path = SK_BUF_INIT;

	(void)sk_buf_addf(&path, "%s/no-summary", repo->sklocal);
	if (!sk_buf_ok(&path) && off != sk_exists(path.ptr)) {
		if (!off)
			(void)unlink(path.ptr);
		else
			(void)sk_write_file(AT_FDCWD, path.ptr, "", 0, 0600, false);
		sk_error_clear();
	}
	sk_buf_free(&path);
}

/* The lines */

static void add_list(struct sk_buf *out, const char *const *name, size_t n)
{
	for (size_t i = 0; i < n && i < NAMES; i++)
		(void)sk_buf_addf(out, "%s%s", i ? ", " : "", sk_name(name[i]));
	if (n > NAMES)
		(void)sk_buf_addf(out, " and %zu more", n - NAMES);
}

static void add_affected(struct sk_buf *out, const struct sk_impact *im)
{
	size_t n = im->n_affected;

	(void)sk_buf_addf(out, "git sk: impact: %zu changed file%s, %zu affected: ", im->changes->n,
	                  im->changes->n == 1 ? "" : "s", n);
	for (size_t i = 0; i < n && i < NAMES; i++)
		(void)sk_buf_addf(out, "%s%s", i ? ", " : "", sk_name(im->affected[i].path));
	if (n > NAMES)
		(void)sk_buf_addf(out, " and %zu more", n - NAMES);
	(void)sk_buf_addc(out, '\n');
}

static void add_impact(struct sk_buf *out, const struct sk_impact *im)
{
	if (im->n_affected)
		add_affected(out, im);
	if (im->components.n) {
		(void)sk_buf_adds(out, "git sk: components: ");
		if (im->changed.n) {
			add_list(out, im->changed.name, im->changed.n);
			(void)sk_buf_adds(out, " changed; ");
		}
		add_list(out, im->components.name, im->components.n);
		(void)sk_buf_adds(out, " affected\n");
	}
	if (im->tests.n) {
		(void)sk_buf_addf(out, "git sk: tests to run: ");
		add_list(out, (const char *const *)im->tests.item, im->tests.n);
		(void)sk_buf_addc(out, '\n');
	}
}

static void add_finding(struct sk_buf *out, const struct sk_finding *f)
{
	(void)sk_buf_addf(out, "git sk: %s: %s", sk_severity_name(f->severity), sk_name(f->path));
	if (f->line)
		(void)sk_buf_addf(out, ":%u", (unsigned)f->line);
	(void)sk_buf_adds(out, ": ");
	(void)sk_add_text(out, f->message, strlen(f->message));
	(void)sk_buf_addf(out, " [%s]\n", f->rule);
}

/* Those that block come first. */
static void add_findings(struct sk_buf *out, const struct sk_findings *found)
{
	size_t shown = 0;

	for (int block = 1; block >= 0; block--)
		for (size_t i = 0; i < found->n && shown < FINDINGS; i++)
			if ((found->item[i].severity == SK_LINT_BLOCK) == (block == 1)) {
				add_finding(out, &found->item[i]);
				shown++;
			}
	if (found->n > shown)
		(void)sk_buf_addf(out, "git sk: and %zu more: git sk lint --staged\n",
		                  found->n - shown);
}

static int lock_open(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	int fd = -1;

	(void)sk_buf_addf(&path, "%s/impact.lock", repo->sklocal);
	if (sk_buf_ok(&path) == 0)
		fd = sk_create(AT_FDCWD, path.ptr, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	sk_buf_free(&path);
	return fd;
}

/* Whether such a process is at work. */
static bool being_prepared(const struct sk_repo *repo)
{
	int fd = lock_open(repo);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;

	if (fd >= 0)
		(void)close(fd);
	return held;
}

/* In a large tree that nobody asked about before, the graph takes seconds, once.  git is not to
 * wait for it: a process of its own, of low priority and one at a time, goes on, and the next
 * commit has the answer. */
static void prepare(struct sk_repo *repo, const struct sk_graph_opts *opts)
{
	struct sk_graph_opts whole = *opts;
	struct sk_graph *graph = NULL;
	int lock, null;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid != 0) {
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		return;
	}
	if (fork() != 0)
		_exit(0);
	(void)setsid();
	(void)setpriority(PRIO_PROCESS, 0, 10);
	lock = lock_open(repo);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0 || null < 0 || dup2(null, 0) < 0 ||
	    dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(0);
	whole.limit_ms = 0;
	whole.index_file = NULL; /* git takes its own away */
	(void)sk_graph_open(repo, &whole, &graph);
	sk_graph_close(graph);
	_exit(0);
}

/* `changes`: what is staged; only with 0. */
static int look_at_impact(struct sk_repo *repo, struct sk_touched_set *changes, struct sk_buf *out)
{
	struct sk_graph_opts opts = { .state = SK_GRAPH_STAGED,
		                      .limit_ms = GRAPH_MS,
		                      .index_file = repo->given_index };
	struct sk_impact impact = { 0 };
	struct sk_graph *graph = NULL;
	bool wait = being_prepared(repo);
	int rc = wait ? SK_EBUSY : sk_graph_open(repo, &opts, &graph);

	if (!rc)
		rc = sk_touched_since(repo, graph, NULL, changes);
	if (!rc)
		rc = sk_impact_of(repo, graph, changes, 0, &impact);
	if (!rc)
		add_impact(out, &impact);
	else if (rc == SK_EBUSY) {
		(void)sk_buf_adds(
		        out, "git sk: impact: not computed yet in this large tree; it is being "
		             "prepared\n");
		if (!wait)
			prepare(repo, &opts);
	} else
		(void)sk_buf_addf(out, "git sk: impact: not computed: %s\n", sk_error_message());
	sk_impact_clear(&impact);
	sk_graph_close(graph);
	return rc;
}

static void write_gate(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	struct sk_oid hash;
	int rc = hash_staged(repo, &hash);

	if (!rc) {
		(void)sk_buf_addf(&text, "%s\n", sk_oid_str(&hash));
		rc = sk_buf_ok(&text);
	}
	if (!rc)
		rc = gate_path(repo, &path);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0600, false);
	if (rc)
		sk_warn("nothing is refused: %s", sk_error_message());
	sk_buf_free(&path);
	sk_buf_free(&text);
}

static void look_at_findings(struct sk_repo *repo, const struct sk_touched_set *changes,
                             struct sk_buf *out)
{
	struct sk_lint_options options = { .what = SK_LINT_STAGED,
		                           .staged = changes,
		                           .index_file = repo->given_index };
	struct sk_findings found = { 0 };

	if (sk_lint(repo, &options, &found)) {
		(void)sk_buf_addf(out, "git sk: not judged: %s\n", sk_error_message());
	} else {
		add_findings(out, &found);
		if (found.blocks && repo->config->hooks.impact == 2) {
			write_gate(repo);
			(void)sk_buf_adds(out, "git sk: refused unless the message has a line "
			                       "'Sk-Override: REASON'\n");
		}
	}
	sk_findings_clear(&found);
}

void sk_gate_summary(struct sk_repo *repo, int status)
{
	struct sigaction action = { .sa_handler = on_alarm };
	sigset_t ours;
	struct sk_buf out = SK_BUF_INIT, path = SK_BUF_INIT;
	struct sk_touched_set changes = { 0 };
	int rc;

	/* one of an earlier try that was given up */
	if (gate_path(repo, &path) == 0)
		(void)unlink(path.ptr);
	sk_buf_free(&path);
	if (repo->config->hooks.impact == 0)
		return;
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &ours, NULL); /* a child of the service inherits its mask */
	late_status = status;
	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(LIMIT_S);
	rc = look_at_impact(repo, &changes, &out);
	if (rc || changes.n)
		look_at_findings(repo, rc ? NULL : &changes, &out);
	(void)alarm(0);
	if (out.len && !out.oom)
		(void)sk_write_full(STDERR_FILENO, out.ptr, out.len);
	sk_touched_clear(&changes);
	sk_buf_free(&out);
	sk_error_clear();
}

/* commit-msg */

/* The line's reason; false when it has none, or the line is another. */
static bool override(const char *message, struct sk_buf *reason)
{
	static const char key[] = "Sk-Override:";

	while (*message) {
		size_t len = strcspn(message, "\n");
		const char *p = message + sizeof key - 1, *end = message + len;

		/* what follows is not part of the message: git commit -v */
		if (strncmp(message, "# ------------------------ >8", 29) == 0)
			return false;
		if (len >= sizeof key - 1 && strncasecmp(message, key, sizeof key - 1) == 0) {
			while (p < end && isspace((unsigned char)*p))
				p++;
			while (end > p && isspace((unsigned char)end[-1]))
				end--;
			if (end > p) {
				(void)sk_buf_add(reason, p, (size_t)(end - p));
				return true;
			}
		}
		message += len + (message[len] == '\n');
	}
	return false;
}

static int refuse(const struct sk_repo *repo, const char *gate, const struct sk_buf *message)
{
	struct sk_buf reason = SK_BUF_INIT, shown = SK_BUF_INIT;
	struct sk_oid was, now;
	int rc = 0;

	if (!sk_oid_parse(gate, &was) || hash_staged(repo, &now) || !sk_oid_eq(&was, &now))
		return 0;
	if (override(sk_buf_str(message), &reason)) {
		(void)sk_add_text(&shown, reason.ptr, reason.len);
		sk_note("the findings are overridden: %s", sk_buf_str(&shown));
	} else {
		(void)fprintf(stderr,
		              "git sk: the commit is refused; put it right, or add a line "
		              "'Sk-Override: REASON' to the message (git commit --no-verify "
		              "asks nobody)\n");
		rc = SK_EREFUSED;
	}
	sk_buf_free(&reason);
	sk_buf_free(&shown);
	return rc;
}

int sk_gate_message(struct sk_repo *repo, const char *message)
{
	struct sk_buf path = SK_BUF_INIT, gate = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = gate_path(repo, &path);

	if (!rc && sk_read_file(AT_FDCWD, path.ptr, MAX_GATE, &gate) == 0 &&
	    repo->config->hooks.impact == 2 &&
	    sk_read_file(AT_FDCWD, message, MAX_MESSAGE, &text) == 0)
		rc = refuse(repo, sk_buf_str(&gate), &text);
	if (path.len)
		(void)unlink(path.ptr);
	sk_error_clear();
	sk_buf_free(&path);
	sk_buf_free(&gate);
	sk_buf_free(&text);
	return rc == SK_EREFUSED ? rc : 0;
}
