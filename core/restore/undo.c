/* SKLOCAL/undo: one record after the other, the oldest first, at most RECORDS_MAX.  A record is a
 * run of fields ended by NUL: "undo 1", time, flags ("s" staged, "h" head), safety id, operation,
 * number of hidden files, these ("/MODE/PATH": a folder's former bits).  A record that cannot be
 * understood ends the reading: what comes after is lost, what comes before stands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "restore/job.h"

#define MAGIC "undo 1"
#define RECORDS_MAX 50
#define FILE_MAX ((size_t)64 << 20)

struct record {
	size_t at, end; /* in the file */
	struct sk_undo undo;
	struct sk_strv hidden;
};

void sk_undo_clear(struct sk_undo *undo)
{
	free(undo->operation);
	free(undo->safety_id);
	*undo = (struct sk_undo){ NULL, NULL, 0, false, false };
}

static const char *field(const struct sk_buf *data, size_t *at)
{
	const char *text, *nul;

	if (*at >= data->len)
		return NULL;
	text = data->ptr + *at;
	nul = memchr(text, '\0', data->len - *at);
	if (!nul)
		return NULL;
	*at = (size_t)(nul - data->ptr) + 1;
	return text;
}

/* The record at *at, which moves on; false at the end. */
static bool next_record(const struct sk_buf *data, size_t *at, const char *out[6], size_t *hidden)
{
	size_t pos = *at;
	unsigned long long n;

	for (int i = 0; i < 6; i++)
		if (!(out[i] = field(data, &pos)))
			return false;
	if (strcmp(out[0], MAGIC) != 0)
		return false;
	*hidden = pos;
	n = strtoull(out[5], NULL, 10);
	for (unsigned long long i = 0; i < n; i++)
		if (!field(data, &pos))
			return false;
	*at = pos;
	return true;
}

static int undo_path(const struct sk_repo *repo, char **out)
{
	return asprintf(out, "%s/undo", repo->sklocal) < 0 ? sk_error_oom() : 0;
}

static int read_all(const struct sk_repo *repo, struct sk_buf *out)
{
	char *path = NULL;
	int rc = undo_path(repo, &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, FILE_MAX, out);
	free(path);
	return rc;
}

static int parse(const char *const f[6], const struct sk_buf *data, size_t at, struct sk_undo *out,
                 struct sk_strv *hidden)
{
	struct sk_undo u = { strdup(f[4]), strdup(f[3]), (time_t)strtoll(f[1], NULL, 10),
		             strchr(f[2], 's') != NULL, strchr(f[2], 'h') != NULL };
	unsigned long long n = strtoull(f[5], NULL, 10);
	int rc = u.operation && u.safety_id ? 0 : sk_error_oom();

	for (unsigned long long i = 0; i < n && !rc && hidden; i++)
		rc = sk_strv_add(hidden, field(data, &at));
	if (rc)
		sk_undo_clear(&u);
	else
		*out = u;
	return rc;
}

int sk_undo_last_hidden(const struct sk_repo *repo, struct sk_undo *out, struct sk_strv *hidden)
{
	const char *f[6], *last[6] = { NULL };
	struct sk_buf data = SK_BUF_INIT;
	size_t at = 0, pos = 0, last_pos = 0;
	int rc = read_all(repo, &data);

	while (!rc && next_record(&data, &at, f, &pos)) {
		memcpy(last, f, sizeof f);
		last_pos = pos;
	}
	if (rc == SK_ENO || (!rc && !last[0]))
		rc = sk_error(SK_ENO, "there is nothing to take back");
	if (!rc)
		rc = parse(last, &data, last_pos, out, hidden);
	sk_buf_free(&data);
	return rc;
}

int sk_undo_last(const struct sk_repo *repo, struct sk_undo *out)
{
	return sk_undo_last_hidden(repo, out, NULL);
}

static int format(const struct sk_undo *u, const struct sk_strv *hidden, struct sk_buf *out)
{
	size_t n = hidden ? hidden->n : 0;

	(void)sk_buf_addf(out, "%s%c%lld%c%s%s%c%s%c%s%c%zu%c", MAGIC, 0, (long long)u->when, 0,
	                  u->staged ? "s" : "", u->head ? "h" : "", 0, u->safety_id, 0,
	                  u->operation, 0, n, 0);
	for (size_t i = 0; i < n; i++)
		(void)sk_buf_add(out, hidden->item[i], strlen(hidden->item[i]) + 1);
	return sk_buf_ok(out);
}

/* The old records that stay, then the new one.  The same one again (a recovery after a crash that
 * came late) is not added twice; one that left the state as it was (a git command that refused)
 * gives way. */
static int append(const struct sk_buf *old, const struct sk_undo *u, const struct sk_strv *hidden,
                  struct sk_buf *out)
{
	const char *f[6], *last[6] = { NULL };
	size_t at = 0, pos, total = 0, start = 0, last_at = 0, end;

	for (end = 0; next_record(old, &at, f, &pos); end = at) {
		memcpy(last, f, sizeof f);
		last_at = end;
		total++;
	}
	if (last[0] && strcmp(last[3], u->safety_id) == 0) {
		if (strcmp(last[4], u->operation) == 0)
			return SK_ENO;
		if (strcmp(last[5], "0") == 0)
			end = last_at;
	}
	for (at = 0; total >= RECORDS_MAX && next_record(old, &at, f, &pos); total--)
		start = at;
	if (end > start && sk_buf_add(out, old->ptr + start, end - start))
		return SK_EIO;
	return format(u, hidden, out);
}

/* A hook may push while a command does. */
static int lock(const struct sk_repo *repo, int *out)
{
	int rc = sk_mkdirs(repo->sklocal, 0777), fd;

	if (rc)
		return rc;
	fd = open(repo->sklocal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot lock '%s'", repo->sklocal);
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

static int write_all(const struct sk_repo *repo, const struct sk_buf *data)
{
	char *path = NULL;
	int rc = undo_path(repo, &path);

	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, sk_buf_str(data), data->len, 0666, true);
	free(path);
	return rc;
}

int sk_undo_push_hidden(const struct sk_repo *repo, const struct sk_undo *undo,
                        const struct sk_strv *hidden)
{
	struct sk_buf old = SK_BUF_INIT, data = SK_BUF_INIT;
	int fd = -1, rc = lock(repo, &fd);

	if (!rc) {
		rc = read_all(repo, &old);
		rc = rc == SK_ENO ? 0 : rc;
	}
	if (!rc)
		rc = append(&old, undo, hidden, &data);
	if (!rc)
		rc = write_all(repo, &data);
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&old);
	sk_buf_free(&data);
	return rc == SK_ENO ? 0 : rc;
}

/* Takes the last record off, unless another is the last by now. */
static int pop(const struct sk_repo *repo, const struct sk_undo *undo)
{
	const char *f[6], *last[6] = { NULL };
	struct sk_buf data = SK_BUF_INIT;
	size_t at = 0, end = 0, pos;
	int fd = -1, rc = lock(repo, &fd);

	if (!rc)
		rc = read_all(repo, &data);
	for (size_t next = 0; !rc && next_record(&data, &next, f, &pos); at = next) {
		memcpy(last, f, sizeof f);
		end = at;
	}
	if (!rc && last[0] && strcmp(last[3], undo->safety_id) == 0 &&
	    strcmp(last[4], undo->operation) == 0) {
		sk_buf_truncate(&data, end);
		rc = write_all(repo, &data);
	}
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&data);
	return rc;
}

int sk_undo_push(const struct sk_repo *repo, const struct sk_undo *undo)
{
	return sk_undo_push_hidden(repo, undo, NULL);
}

static int safety_entry(const struct sk_repo *repo, const struct sk_undo *u, struct sk_entry **out)
{
	char *ref = NULL;
	int rc;

	if (asprintf(&ref, "refs/sk/backup/%s", u->safety_id) < 0)
		return sk_error_oom();
	rc = sk_entry_read(repo, ref, out);
	if (rc == SK_ENO)
		rc = sk_error(SK_ENO, "the backup '%s' that was made before '%s' is there no more",
		              u->safety_id, u->operation);
	free(ref);
	return rc;
}

int sk_undo_apply(struct sk_repo *repo, bool dry_run, struct sk_restore_result *out)
{
	struct sk_restore_opts opts = { .dry_run = dry_run,
		                        .operation = "undo",
		                        .command = "git sk undo" };
	struct sk_strv hidden = SK_STRV_INIT;
	struct sk_entry *entry = NULL;
	struct sk_undo undo = { NULL, NULL, 0, false, false };
	int rc = sk_undo_last_hidden(repo, &undo, &hidden);

	if (!rc)
		rc = safety_entry(repo, &undo, &entry);
	if (!rc) {
		opts.target = entry;
		opts.staged = undo.staged;
		opts.head = undo.head;
		rc = sk_restore_dropping(repo, &opts, &hidden, out);
	}
	sk_entry_free(entry);
	sk_undo_clear(&undo);
	sk_strv_free(&hidden);
	return rc;
}

/* Whether all is as before the operation: files, staged state, HEAD. */
static bool changed_nothing(struct sk_repo *repo, const struct sk_undo *undo)
{
	struct sk_restore_opts opts = {
		.dry_run = true, .staged = undo->staged, .head = true, .operation = "undo"
	};
	struct sk_restore_result r = { 0 };
	struct sk_entry *entry = NULL;
	bool nothing = false;

	if (safety_entry(repo, undo, &entry) == 0) {
		opts.target = entry;
		nothing = sk_restore(repo, &opts, &r) == 0 && !r.n_changes && !r.index_changed &&
		          !r.head_moved && !r.progress_changed;
	}
	sk_error_clear();
	sk_restore_result_clear(&r);
	sk_entry_free(entry);
	return nothing;
}

void sk_undo_settle(struct sk_repo *repo)
{
	bool go = true;

	while (go) {
		struct sk_undo undo = { NULL, NULL, 0, false, false };
		struct sk_strv hidden = SK_STRV_INIT;

		go = sk_undo_last_hidden(repo, &undo, &hidden) == 0 && !hidden.n &&
		     changed_nothing(repo, &undo) && pop(repo, &undo) == 0;
		sk_undo_clear(&undo);
		sk_strv_free(&hidden);
	}
	sk_error_clear();
}
