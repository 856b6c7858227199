#include "agent/step.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/give.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/backup.h"
#include "restore/restore.h"

#define LOCK_WAIT 10    /* seconds: other tools of the agent may be at it too */
#define SESSIONS_MAX 64 /* whose prompts are counted at a time */
#define LOOK_BACK 500   /* entries, for a session that is not among them */
#define MORE_MAX 5

struct note {
	json_t *o;
	const char *agent, *step, *title, *session, *tool, *command;
};

static const char *text_of(json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static int read_note(const char *text, struct note *out)
{
	struct note n = { .o = json_loads(text, 0, NULL) };

	if (!json_is_object(n.o) || !*text_of(n.o, "agent") || !*text_of(n.o, "step")) {
		json_decref(n.o);
		return sk_error(SK_EUSAGE, "this is no note of an agent's step");
	}
	n.agent = text_of(n.o, "agent");
	n.step = text_of(n.o, "step");
	n.title = text_of(n.o, "title");
	n.session = text_of(n.o, "session");
	n.tool = text_of(n.o, "tool");
	n.command = text_of(n.o, "command");
	*out = n;
	return 0;
}

/* How many prompts the session's entries know of. */
static unsigned long counted(const struct sk_repo *repo, const char *session)
{
	struct sk_entries list = { 0 };
	unsigned long most = 0;

	if (sk_entry_list_newest(repo, SK_BACKUP, repo->worktree_id, LOOK_BACK, &list))
		return 0;
	for (size_t i = 0; i < list.n; i++) {
		const struct sk_entry *e = list.item[i];
		const char *of = e->damaged ? NULL : sk_entry_get(e, "Sk-Session");
		const char *number = of ? sk_entry_get(e, "Sk-Prompt") : NULL;

		if (number && strcmp(of, session) == 0 && strtoul(number, NULL, 10) > most)
			most = strtoul(number, NULL, 10);
	}
	sk_entries_free(&list);
	return most;
}

/* What is known of a session while it goes on. */
struct session {
	unsigned long prompt; /* the number of the present one */
	int open;             /* a tool has begun, and nobody said yet that it ended */
};

/* SKLOCAL/agents: lines "HASH PROMPT OPEN", that of the session at work first.  A file that was cut
 * off by a crash only costs a look at the entries.  `out` is as it was before this step. */
static int note_session(const struct sk_repo *repo, int fd, const struct note *note,
                        struct session *out)
{
	char text[SESSIONS_MAX * 64], name[17], line[64];
	struct sk_buf data = SK_BUF_INIT;
	struct session s = { 0 }, other;
	struct sk_oid hash;
	bool found = false;
	size_t lines = 0;
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	int rc;

	text[n > 0 ? n : 0] = '\0';
	sk_hash_object(SK_OBJ_BLOB, note->session, strlen(note->session), &hash);
	(void)snprintf(name, sizeof name, "%.16s", sk_oid_str(&hash));
	for (const char *p = text; sscanf(p, "%16s %lu %d", line, &other.prompt, &other.open) == 3;
	     p++) {
		if (strcmp(line, name) == 0) {
			found = true;
			s = other;
		} else if (++lines < SESSIONS_MAX) {
			(void)sk_buf_addf(&data, "%s %lu %d\n", line, other.prompt, other.open);
		}
		p += strcspn(p, "\n");
		if (!*p)
			break;
	}
	if (!found)
		s.prompt = counted(repo, note->session);
	s.prompt += strcmp(note->step, "prompt") == 0;
	(void)snprintf(line, sizeof line, "%s %lu %d\n", name, s.prompt,
	               strcmp(note->step, "before") == 0);
	rc = sk_buf_ok(&data);
	if (!rc && (ftruncate(fd, 0) < 0 || pwrite(fd, line, strlen(line), 0) < 0 ||
	            pwrite(fd, sk_buf_str(&data), data.len, (off_t)strlen(line)) < 0))
		rc = sk_error_errno(SK_EIO, "cannot note the agent's session");
	sk_buf_free(&data);
	if (!rc)
		*out = s;
	return rc;
}

static int look_at_session(const struct sk_repo *repo, const struct note *note, struct session *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int fd = -1, rc = sk_mkdirs(repo->sklocal, 0777);

	(void)sk_buf_addf(&path, "%s/agents", repo->sklocal);
	if (!rc)
		rc = sk_buf_ok(&path);
	if (!rc)
		fd = sk_create(AT_FDCWD, path.ptr, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (!rc && (fd < 0 || flock(fd, LOCK_EX) < 0))
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path.ptr);
	if (!rc)
		rc = note_session(repo, fd, note, out);
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&path);
	return rc;
}

/* What was changed since the last tool began is that tool's doing, when it never came to its end:
 * it was stopped, or is one of those that are not followed by an event. */
static int add_unfinished(const struct sk_repo *repo, const struct note *n, struct sk_buf *out)
{
	struct sk_undo undo = { 0 };
	size_t len = strlen(n->agent);

	if (sk_undo_last(repo, &undo) == 0 && strncmp(undo.operation, n->agent, len) == 0 &&
	    undo.operation[len] == ':')
		(void)sk_buf_adds(out, undo.operation);
	sk_undo_clear(&undo);
	sk_error_clear();
	return sk_buf_ok(out);
}

static int add_title(const struct sk_repo *repo, const struct note *n, const struct session *s,
                     struct sk_buf *out)
{
	bool before = strcmp(n->step, "before") == 0;

	if (strcmp(n->step, "prompt") == 0) {
		(void)sk_buf_adds(out, "before prompt");
		if (s->prompt)
			(void)sk_buf_addf(out, " %lu", s->prompt);
		(void)sk_buf_addf(out, "%s%s", *n->title ? ": " : "", n->title);
		return sk_buf_ok(out);
	}
	if (s->open && (before || strcmp(n->step, "end") == 0) && add_unfinished(repo, n, out))
		return SK_EIO;
	if (!out->len)
		(void)sk_buf_addf(out, "%s%s%s", before ? "before " : "", n->title,
		                  strcmp(n->step, "failed") == 0 ? " (failed)" : "");
	return sk_buf_ok(out);
}

/* What was saved before the tool ran is still the newest: the watcher came in between, if
 * anything, and the tool has changed nothing. */
static bool changed_nothing(const struct sk_repo *repo, const struct note *n)
{
	struct sk_undo undo = { 0 };
	struct sk_entry *newest = NULL;
	bool same = false;

	if (sk_undo_last(repo, &undo) == 0 && strcmp(undo.operation, n->title) == 0 &&
	    sk_entry_latest(repo, repo->worktree_id, &newest) == 0)
		same = strcmp(undo.safety_id, newest->id) == 0;
	sk_undo_clear(&undo);
	sk_entry_free(newest);
	return same;
}

static int save(struct sk_repo *repo, const struct note *n, const char *title, unsigned long number,
                const struct sk_strv *changed)
{
	bool after = strcmp(n->step, "after") == 0 || strcmp(n->step, "failed") == 0;
	char digits[24] = "";
	struct sk_trailer more[MORE_MAX] = {
		{ (char *)(uintptr_t) "Sk-Agent", (char *)(uintptr_t)n->agent },
		{ (char *)(uintptr_t) "Sk-Session", (char *)(uintptr_t)n->session },
		{ (char *)(uintptr_t) "Sk-Step", (char *)(uintptr_t)n->step },
		{ (char *)(uintptr_t) "Sk-Tool", (char *)(uintptr_t)n->tool },
		{ (char *)(uintptr_t) "Sk-Prompt", digits },
	};
	struct sk_backup_opts opts = { .kind = SK_BACKUP,
		                       .trigger = "agent",
		                       .title = title,
		                       .command = *n->command ? n->command : NULL,
		                       .changed = changed,
		                       .more = more,
		                       .n_more = MORE_MAX,
		                       .always = strcmp(n->step, "prompt") == 0,
		                       .label = after && !changed_nothing(repo, n),
		                       .wait_seconds = LOCK_WAIT };
	struct sk_backup_result r = { 0 };
	struct sk_undo undo = { .when = sk_now(), .staged = true };
	int rc;

	if (number)
		(void)snprintf(digits, sizeof digits, "%lu", number);
	rc = sk_backup(repo, &opts, &r);
	if (rc == SK_EPARTIAL)
		rc = 0; /* kept with the backup; said by show and status */
	if (!rc && strcmp(n->step, "before") == 0) {
		undo.operation = (char *)(uintptr_t)n->title;
		undo.safety_id = r.entry->id;
		rc = sk_undo_push(repo, &undo);
	}
	sk_backup_result_clear(&r);
	return rc;
}

int sk_agent_step(struct sk_repo *repo, const char *note, const struct sk_strv *changed)
{
	struct sk_buf title = SK_BUF_INIT;
	struct session session = { 0 };
	struct note n = { 0 };
	int rc = read_note(note, &n);

	/* without its number a step is still worth as much */
	if (!rc && *n.session && look_at_session(repo, &n, &session))
		sk_error_clear();
	if (!rc)
		rc = add_title(repo, &n, &session, &title);
	if (!rc)
		rc = save(repo, &n, title.ptr, session.prompt, changed);
	json_decref(n.o);
	sk_buf_free(&title);
	return rc;
}
