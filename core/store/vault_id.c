/* The name of this repository's part of every vault: COMMONDIR/sk/vault/id, "PART\nCOMMONDIR\n".
 *
 * PART is HOST-FOLDER-8HEX: host and folder are for people, the random digits make it unique.  The
 * second line is where the repository was then.  When it is elsewhere now it was moved, or copied
 * with all that is in it; it was copied if the one at that place still says the same, and then the
 * copy (we) takes a new name.  Copies that this does not see, of whole machines, are noticed by the
 * push (vault_push.c: `newest`). */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "store/vault_parts.h"

#define WORD_MAX 32

struct id {
	char *part, *place;
};

static void id_clear(struct id *id)
{
	free(id->part);
	free(id->place);
	*id = (struct id){ NULL, NULL };
}

/* What a ref may hold, and any file system, and no shell minds. */
static void add_word(struct sk_buf *out, const char *text, size_t len)
{
	size_t start = out->len;

	for (size_t i = 0; i < len && out->len - start < WORD_MAX; i++) {
		char c = text[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || c == '_';

		if (plain || ((c == '.' || c == '-') && out->len > start &&
		              out->ptr[out->len - 1] != '.' && out->ptr[out->len - 1] != '-'))
			(void)sk_buf_addc(out, c);
		else if (out->len == start || out->ptr[out->len - 1] != '_')
			(void)sk_buf_addc(out, '_');
	}
	if (out->len == start)
		(void)sk_buf_adds(out, "x");
	(void)sk_buf_addc(out, '-');
}

static int make_name(const struct sk_repo *repo, char **out)
{
	struct sk_buf name = SK_BUF_INIT;
	char host[256] = "";
	const char *place = repo->commondir, *slash;
	size_t len = strlen(place);
	unsigned char random[4];

	(void)gethostname(host, sizeof host - 1);
	if (len > 5 && strcmp(place + len - 5, "/.git") == 0)
		len -= 5;
	slash = memrchr(place, '/', len);
	add_word(&name, host, strcspn(host, "."));
	add_word(&name, slash ? slash + 1 : place, len - (size_t)(slash ? slash + 1 - place : 0));
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
		sk_buf_free(&name);
		return sk_error_errno(SK_EIO, "no random numbers to be had");
	}
	for (size_t i = 0; i < sizeof random; i++)
		(void)sk_buf_addf(&name, "%02x", random[i]);
	*out = sk_buf_detach(&name);
	return *out ? 0 : sk_error_oom();
}

/* SK_ENO: there is none, or it cannot be used. */
static int read_id(const char *commondir, struct id *out)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/sk/vault/id", commondir);
	const char *nl, *end;

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, 2 * PATH_MAX, &text);
	nl = rc ? NULL : strchr(sk_buf_str(&text), '\n');
	end = nl ? strchr(nl + 1, '\n') : NULL;
	if (end && nl > text.ptr &&
	    strspn(text.ptr, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	            (size_t)(nl - text.ptr)) {
		out->part = strndup(text.ptr, (size_t)(nl - text.ptr));
		out->place = strndup(nl + 1, (size_t)(end - nl - 1));
		rc = out->part && out->place ? 0 : sk_error_oom();
		if (rc)
			id_clear(out);
	} else if (!rc) {
		rc = SK_ENO;
	}
	sk_buf_free(&path);
	sk_buf_free(&text);
	return rc;
}

static int write_id(const struct sk_repo *repo, const char *part)
{
	struct sk_buf dir = SK_BUF_INIT, text = SK_BUF_INIT;
	char *path = NULL;
	int rc;

	(void)sk_buf_addf(&dir, "%s/vault", repo->skdir);
	(void)sk_buf_addf(&text, "%s\n%s\n", part, repo->commondir);
	rc = sk_buf_ok(&dir) ? SK_EIO : sk_buf_ok(&text);
	if (!rc)
		rc = sk_mkdirs(dir.ptr, 0700);
	if (!rc)
		rc = sk_vault_path(repo, "id", NULL, &path);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0600, true);
	free(path);
	sk_buf_free(&dir);
	sk_buf_free(&text);
	return rc;
}

/* Whether the repository that was at `place` is still there, and is not we by another name. */
static bool is_copy(const struct sk_repo *repo, const struct id *id)
{
	struct id other = { NULL, NULL };
	struct stat here, there;
	bool copy;

	if (strcmp(id->place, repo->commondir) == 0 || stat(repo->commondir, &here) < 0 ||
	    stat(id->place, &there) < 0 ||
	    (here.st_dev == there.st_dev && here.st_ino == there.st_ino))
		return false;
	copy = read_id(id->place, &other) == 0 && strcmp(other.part, id->part) == 0;
	id_clear(&other);
	return copy;
}

int sk_vault_part_new(const struct sk_repo *repo, char **out)
{
	char *part = NULL;
	int rc = make_name(repo, &part);

	if (!rc)
		rc = write_id(repo, part);
	if (rc)
		free(part);
	else
		*out = part;
	return rc;
}

int sk_vault_part(const struct sk_repo *repo, char **out)
{
	struct id id = { NULL, NULL };
	int rc = read_id(repo->commondir, &id);

	if (rc == SK_ENO || (!rc && is_copy(repo, &id))) {
		rc = sk_vault_part_new(repo, out);
	} else if (!rc) {
		if (strcmp(id.place, repo->commondir) != 0)
			rc = write_id(repo, id.part);
		if (!rc) {
			*out = id.part;
			id.part = NULL;
		}
	}
	id_clear(&id);
	return rc;
}
