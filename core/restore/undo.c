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
	const char *text = data->ptr + *at, *nul;

	if (*at >= data->len || !(nul = memchr(text, '\0', data->len - *at)))
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
 * came late) is not added twice. */
static int append(const struct sk_buf *old, const struct sk_undo *u, const struct sk_strv *hidden,
                  struct sk_buf *out)
{
	const char *f[6], *last[6] = { NULL };
	size_t at = 0, pos, total = 0, start = 0;

	while (next_record(old, &at, f, &pos)) {
		memcpy(last, f, sizeof f);
		total++;
	}
	if (last[0] && strcmp(last[3], u->safety_id) == 0 && strcmp(last[4], u->operation) == 0)
		return SK_ENO;
	for (at = 0; total >= RECORDS_MAX && next_record(old, &at, f, &pos); total--)
		start = at;
	for (at = start; next_record(old, &at, f, &pos);)
		;
	if (at > start && sk_buf_add(out, old->ptr + start, at - start))
		return SK_EIO;
	return format(u, hidden, out);
}

int sk_undo_push_hidden(const struct sk_repo *repo, const struct sk_undo *undo,
                        const struct sk_strv *hidden)
{
	struct sk_buf old = SK_BUF_INIT, data = SK_BUF_INIT;
	char *path = NULL;
	int rc, fd = -1;

	rc = sk_mkdirs(repo->sklocal, 0777);
	if (!rc) { /* a hook may push while a command does */
		fd = open(repo->sklocal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX) < 0)
			rc = sk_error_errno(SK_EIO, "cannot lock '%s'", repo->sklocal);
	}
	if (!rc) {
		rc = read_all(repo, &old);
		rc = rc == SK_ENO ? 0 : rc;
	}
	if (!rc)
		rc = append(&old, undo, hidden, &data);
	if (rc == SK_ENO) {
		rc = 0;
		goto out;
	}
	if (!rc)
		rc = undo_path(repo, &path);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, data.ptr, data.len, 0666, true);
out:
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&old);
	sk_buf_free(&data);
	free(path);
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
