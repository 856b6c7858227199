#include "parse_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

#define WAIT_MS 1000
#define COPY_CHUNK ((size_t)1 << 20)

static int code_of(int sqlite)
{
	switch (sqlite & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return SKP_EBUSY;
	case SQLITE_NOMEM:
	case SQLITE_IOERR:
		return SKP_EIO;
	default:
		return SKP_EDAMAGED;
	}
}

static int fail(struct database *d, int sqlite)
{
	const char *why = d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(sqlite);

	return parser_fail(d->p, code_of(sqlite), "cannot read %s: %s", d->path, why);
}

/* file:PATH?..., with what a URI does not take in a path escaped. */
static char *uri_of(const char *path, const char *query)
{
	struct chat_buf b = { 0 };

	chat_buf_adds(&b, "file:");
	for (; *path; path++)
		if (strchr("?#%", *path))
			chat_buf_addf(&b, "%%%02x", (unsigned char)*path);
		else
			chat_buf_addc(&b, *path);
	chat_buf_adds(&b, query);
	if (b.oom)
		chat_buf_free(&b);
	return b.s;
}

/* Opens and reads the schema, which is where a missing -shm and the like show. */
static int try_open(struct database *d, const char *path, const char *query, int flags)
{
	char *uri = uri_of(path, query);
	int rc;

	if (!uri)
		return SQLITE_NOMEM;
	rc = sqlite3_open_v2(uri, &d->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	free(uri);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(d->db, WAIT_MS);
		sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
		sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
		sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		rc = sqlite3_exec(d->db, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL,
		                  NULL);
	}
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
		sqlite3_close(d->db);
		d->db = NULL;
	}
	return rc;
}

static void remove_copy(struct database *d)
{
	static const char *const names[] = { "db", "db-wal", "db-shm", "db-journal" };
	char path[PATH_MAX];

	if (!d->folder)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->folder, names[i]);
		unlink(path);
	}
	rmdir(d->folder);
	free(d->folder);
	d->folder = NULL;
}

static int copy_file(struct database *d, const char *from, const char *name)
{
	char to[PATH_MAX], *chunk = malloc(COPY_CHUNK);
	struct stat st;
	ssize_t got = 0;
	int in = -1, out = -1, rc;

	if (!chunk)
		return parser_fail(d->p, SKP_EIO, "out of memory");
	rc = source_open_at(from, &in, &st, &d->p->failed);
	snprintf(to, sizeof(to), "%s/%s", d->folder, name);
	if (!rc)
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	while (!rc && out >= 0 && (got = source_read(in, chunk, COPY_CHUNK)) > 0)
		if (write(out, chunk, (size_t)got) != got)
			break;
	if (!rc && (out < 0 || got != 0))
		rc = parser_fail(d->p, SKP_EIO, "cannot copy %s to %s: %s", from, to,
		                 strerror(errno));
	if (rc)
		d->p->stop = rc;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(chunk);
	return rc;
}

static int stamp(const char *path, int64_t *mtime, uint64_t *size)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	*mtime = source_mtime(&st);
	*size = (uint64_t)st.st_size;
	return 1;
}

/* In a folder that nobody else can enter; if both files are as they were before, the copy is whole.
 */
static int open_copy(struct database *d, const char *wal)
{
	const char *tmp = getenv("XDG_RUNTIME_DIR");
	char path[PATH_MAX];
	int64_t when[4] = { 0 };
	uint64_t size[4] = { 0 };
	int rc;

	if (!tmp || *tmp != '/')
		tmp = getenv("TMPDIR");
	if (!tmp || *tmp != '/')
		tmp = "/tmp";
	if (asprintf(&d->folder, "%s/safekeep-chat.XXXXXX", tmp) < 0)
		d->folder = NULL;
	if (!d->folder || !mkdtemp(d->folder)) {
		free(d->folder);
		d->folder = NULL;
		return parser_fail(d->p, SKP_EIO, "cannot make a folder in %s: %s", tmp,
		                   strerror(errno));
	}
	stamp(d->path, &when[0], &size[0]);
	stamp(wal, &when[1], &size[1]);
	if (copy_file(d, d->path, "db") || copy_file(d, wal, "db-wal"))
		return d->p->stop;
	stamp(d->path, &when[2], &size[2]);
	stamp(wal, &when[3], &size[3]);
	if (when[0] != when[2] || size[0] != size[2] || when[1] != when[3] || size[1] != size[3])
		return parser_fail(d->p, SKP_EBUSY, "%s is being written", d->path);
	snprintf(path, sizeof(path), "%s/db", d->folder);
	rc = try_open(d, path, "", SQLITE_OPEN_READWRITE);
	return rc == SQLITE_OK ? 0 : fail(d, rc);
}

/* Does the file's header say WAL mode?  (Byte 18, the version for writing, is 2: SQLite's "Database
 * File Format", 1.3.) */
static int in_wal_mode(const char *path)
{
	unsigned char head[20];
	struct stat st;
	int fd, is;

	if (source_open_at(path, &fd, &st, NULL))
		return 0;
	is = source_read(fd, head, sizeof(head)) == sizeof(head) && head[18] == 2;
	close(fd);
	return is;
}

static int is_there(const char *path, off_t at_least)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_size >= at_least;
}

int database_open(struct database *d, struct chat_parser *p, const char *path)
{
	char wal[PATH_MAX], shm[PATH_MAX];
	int rc, wal_mode = in_wal_mode(path), open;

	*d = (struct database){ .p = p, .path = path };
	snprintf(wal, sizeof(wal), "%s-wal", path);
	snprintf(shm, sizeof(shm), "%s-shm", path);
	/* even to read, SQLite would make a -wal and a -shm that are not there */
	open = is_there(wal, 0) && is_there(shm, 1);
	rc = SQLITE_CANTOPEN;
	if (!wal_mode || open)
		rc = try_open(d, path, "?mode=ro&readonly_shm=1", SQLITE_OPEN_READONLY);
	if (rc == SQLITE_OK)
		return 0;
	if (!wal_mode || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_NOMEM ||
	    (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT) {
		fail(d, rc);
		sqlite3_close(d->db);
		d->db = NULL;
		return p->stop;
	}
	if (is_there(wal, 1))
		return open_copy(d, wal);
	d->immutable = 1;
	stamp(path, &d->mtime, &d->size);
	rc = try_open(d, path, "?mode=ro&immutable=1", SQLITE_OPEN_READONLY);
	return rc == SQLITE_OK ? 0 : fail(d, rc);
}

int database_close(struct database *d)
{
	int64_t mtime = 0;
	uint64_t size = 0;

	sqlite3_close(d->db);
	d->db = NULL;
	remove_copy(d);
	if (!d->p->stop && d->immutable &&
	    (!stamp(d->path, &mtime, &size) || mtime != d->mtime || size != d->size))
		return parser_fail(d->p, SKP_EBUSY, "%s is being written", d->path);
	return d->p->stop;
}

sqlite3_stmt *database_ask(struct database *d, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(d->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		return stmt;
	fail(d, rc);
	return NULL;
}

int database_row(struct database *d, sqlite3_stmt *stmt)
{
	int rc;

	if (d->p->stop)
		return 0;
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		fail(d, rc);
	return rc == SQLITE_ROW;
}

static int column_at(sqlite3_stmt *stmt, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(stmt); i++)
		if (strcmp(sqlite3_column_name(stmt, i), name) == 0)
			return i;
	return -1;
}

struct chat_text column(sqlite3_stmt *stmt, const char *name)
{
	int i = column_at(stmt, name);
	const void *data = i < 0 ? NULL : sqlite3_column_blob(stmt, i);

	if (!data)
		return NOTHING;
	return (struct chat_text){ data, (size_t)sqlite3_column_bytes(stmt, i) };
}

int64_t column_number(sqlite3_stmt *stmt, const char *name)
{
	int i = column_at(stmt, name);

	return i < 0 ? 0 : sqlite3_column_int64(stmt, i);
}

int has_table(struct database *d, const char *name)
{
	sqlite3_stmt *stmt =
	        database_ask(d, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1");
	int has;

	if (!stmt)
		return 0;
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	has = database_row(d, stmt);
	sqlite3_finalize(stmt);
	return has;
}
