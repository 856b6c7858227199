#include "hooks/install_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

/* One fact a line, words parted by one blank; in a word, bytes up to " ", "%" and DEL are %XX, and
 * "-" stands for none.  Paths below the folder that holds COMMONDIR are written relative to
 * COMMONDIR, "@/hooks", so that a repository may be moved. */
#define MAGIC "git-sk-record 1"
#define MAX_RECORD (4u << 20)
#define MAX_WORDS 8

static int add_word(struct sk_buf *out, const char *word)
{
	if (!word)
		return sk_buf_adds(out, " -");
	(void)sk_buf_addc(out, ' ');
	if (strcmp(word, "-") == 0)
		return sk_buf_adds(out, "%2d");
	for (; *word; word++) {
		unsigned char c = (unsigned char)*word;

		if (c <= ' ' || c == '%' || c == 0x7f)
			(void)sk_buf_addf(out, "%%%02x", c);
		else
			(void)sk_buf_addc(out, (char)c);
	}
	return sk_buf_ok(out);
}

static int add_path(struct sk_buf *out, const struct sk_repo *repo, const char *path)
{
	struct sk_buf word = SK_BUF_INIT;
	const char *common = repo->commondir, *slash = strrchr(common, '/');
	size_t n = strlen(common), up = slash ? (size_t)(slash - common) : 0;
	int rc;

	if (strncmp(path, common, n) == 0 && (path[n] == '/' || !path[n]))
		(void)sk_buf_addf(&word, "@%s", path + n);
	else if (up && strncmp(path, common, up + 1) == 0)
		(void)sk_buf_addf(&word, "@/../%s", path + up + 1);
	else
		(void)sk_buf_adds(&word, path);
	rc = sk_buf_ok(&word);
	if (!rc)
		rc = add_word(out, word.ptr);
	sk_buf_free(&word);
	return rc;
}

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static void decode(char *word)
{
	char *to = word;

	for (const char *from = word; *from; from++) {
		int high = *from == '%' ? hex(from[1]) : -1, low = high >= 0 ? hex(from[2]) : -1;

		*to++ = low >= 0 ? (char)(high * 16 + low) : *from;
		from += low >= 0 ? 2 : 0;
	}
	*to = '\0';
}

/* NULL for "-" and when out of memory. */
static char *text_of(const char *word)
{
	char *copy = strcmp(word, "-") == 0 ? NULL : strdup(word);

	if (copy)
		decode(copy);
	return copy;
}

static char *path_of(const struct sk_repo *repo, const char *word)
{
	char *text = text_of(word), *slash, *path = NULL;

	if (!text || text[0] != '@')
		return text;
	if (strncmp(text, "@/../", 5) == 0) {
		slash = strrchr(repo->commondir, '/');
		if (asprintf(&path, "%.*s/%s", (int)(slash ? slash - repo->commondir : 0),
		             repo->commondir, text + 5) < 0)
			path = NULL;
	} else if (asprintf(&path, "%s%s", repo->commondir, text + 1) < 0) {
		path = NULL;
	}
	free(text);
	return path;
}

static int add_text_of(struct sk_strv *v, char *text)
{
	int rc = text ? sk_add_once(v, text, NULL) : sk_error_oom();

	free(text);
	return rc;
}

static int read_claim(const struct sk_repo *repo, char **w, struct sk_record *r)
{
	struct sk_edit edit = { text_of(w[2]), text_of(w[3]), text_of(w[4]),
		                strcmp(w[5], "header") == 0 };
	char *file = path_of(repo, w[1]);
	int rc;

	if (file && edit.key && edit.value && (edit.was || strcmp(w[4], "-") == 0)) {
		rc = sk_record_claim(r, file, &edit);
	} else {
		rc = sk_error_oom();
		free(edit.key);
		free(edit.value);
		free(edit.was);
	}
	free(file);
	return rc;
}

static int read_line(const struct sk_repo *repo, char *line, struct sk_record *r)
{
	char *w[MAX_WORDS], *save = NULL;
	int n = 0;

	for (char *at = strtok_r(line, " ", &save); at && n < MAX_WORDS;
	     at = strtok_r(NULL, " ", &save))
		w[n++] = at;
	if (n < 2)
		return 0;
	if (strcmp(w[0], "what") == 0) {
		for (int i = 1; i < n; i++)
			r->what |= strcmp(w[i], "hooks") == 0   ? SK_INSTALL_HOOKS
			           : strcmp(w[i], "guard") == 0 ? SK_INSTALL_GUARD
			                                        : 0u;
	} else if (strcmp(w[0], "hooks-by") == 0) {
		r->config_hooks = strcmp(w[1], "config") == 0;
	} else if (strcmp(w[0], "fsmonitor-chain") == 0) {
		free(r->chain);
		r->chain = text_of(w[1]);
	} else if (strcmp(w[0], "hooks-path") == 0) {
		free(r->hooks_path);
		r->hooks_path = text_of(w[1]);
	} else if (strcmp(w[0], "made") == 0) {
		return add_text_of(&r->made, path_of(repo, w[1]));
	} else if (strcmp(w[0], "folder") == 0) {
		return add_text_of(&r->folders, path_of(repo, w[1]));
	} else if (strcmp(w[0], "config") == 0 && n >= 6) {
		return read_claim(repo, w, r);
	}
	return 0; /* a later version's fact */
}

static int parse(const struct sk_repo *repo, char *text, struct sk_record *r)
{
	char *save = NULL;
	int rc = 0;

	if (strncmp(text, MAGIC "\n", strlen(MAGIC "\n")) != 0)
		return sk_error(SK_EDAMAGED,
		                "the record of the installation in '%s' cannot be read; compare it "
		                "with a backup, or remove it and git sk's settings by hand",
		                repo->skdir);
	r->exists = true;
	for (char *line = strtok_r(text, "\n", &save); !rc && line;
	     line = strtok_r(NULL, "\n", &save))
		rc = read_line(repo, line, r);
	return rc;
}

static int read_at(const struct sk_repo *repo, const char *name, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "%s/%s", repo->skdir, name);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, MAX_RECORD, out);
	sk_buf_free(&path);
	return rc;
}

int sk_record_load(const struct sk_repo *repo, struct sk_record *out)
{
	struct sk_record r = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	int rc = read_at(repo, "installed.d/record", &text);

	if (rc == SK_ENO) { /* half taken off */
		sk_buf_clear(&text);
		rc = read_at(repo, "installed", &text);
	}
	if (rc == SK_ENO) {
		rc = 0;
		goto done;
	}
	if (!rc)
		rc = parse(repo, sk_buf_ok(&text) || !text.ptr ? (char[]){ "" } : text.ptr, &r);
done:
	sk_buf_free(&text);
	if (rc)
		sk_record_free(&r);
	else
		*out = r;
	return rc;
}

static int format(const struct sk_repo *repo, const struct sk_record *r, struct sk_buf *out)
{
	(void)sk_buf_addf(
	        out, MAGIC "\nwhat%s%s\nhooks-by %s\n", r->what & SK_INSTALL_HOOKS ? " hooks" : "",
	        r->what & SK_INSTALL_GUARD ? " guard" : "", r->config_hooks ? "config" : "files");
	if (r->chain) {
		(void)sk_buf_adds(out, "fsmonitor-chain");
		(void)add_word(out, r->chain);
		(void)sk_buf_addc(out, '\n');
	}
	if (r->hooks_path) {
		(void)sk_buf_adds(out, "hooks-path");
		(void)add_word(out, r->hooks_path);
		(void)sk_buf_addc(out, '\n');
	}
	for (size_t i = 0; i < r->made.n; i++) {
		(void)sk_buf_adds(out, "made");
		(void)add_path(out, repo, r->made.item[i]);
		(void)sk_buf_addc(out, '\n');
	}
	for (size_t i = 0; i < r->folders.n; i++) {
		(void)sk_buf_adds(out, "folder");
		(void)add_path(out, repo, r->folders.item[i]);
		(void)sk_buf_addc(out, '\n');
	}
	for (size_t i = 0; i < r->n_claims; i++) {
		const struct sk_claim *c = &r->claim[i];

		(void)sk_buf_adds(out, "config");
		(void)add_path(out, repo, c->file);
		(void)add_word(out, c->edit.key);
		(void)add_word(out, c->edit.value);
		(void)add_word(out, c->edit.was);
		(void)sk_buf_adds(out, c->edit.header ? " header\n" : " -\n");
	}
	return sk_buf_ok(out);
}

static int write_at(const struct sk_repo *repo, const char *name, const struct sk_record *r,
                    bool *fresh)
{
	struct sk_buf text = SK_BUF_INIT, old = SK_BUF_INIT, path = SK_BUF_INIT;
	int rc = format(repo, r, &text);

	if (!rc)
		rc = sk_buf_addf(&path, "%s/%s", repo->skdir, name);
	if (!rc && read_at(repo, name, &old) == 0 && old.len == text.len &&
	    memcmp(sk_buf_str(&old), text.ptr, text.len) == 0) {
		*fresh = false;
		goto out;
	}
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0666, true);
	if (!rc)
		*fresh = true;
out:
	sk_buf_free(&text);
	sk_buf_free(&old);
	sk_buf_free(&path);
	return rc;
}

int sk_record_save(const struct sk_repo *repo, const struct sk_record *record)
{
	bool fresh;

	return write_at(repo, "installed.d/record", record, &fresh);
}

int sk_record_publish(const struct sk_repo *repo, const struct sk_record *record, bool *fresh)
{
	return write_at(repo, "installed", record, fresh);
}

static void edit_free(struct sk_edit *e)
{
	free(e->key);
	free(e->value);
	free(e->was);
}

void sk_record_free(struct sk_record *r)
{
	for (size_t i = 0; i < r->n_claims; i++) {
		free(r->claim[i].file);
		edit_free(&r->claim[i].edit);
	}
	free(r->claim);
	free(r->chain);
	free(r->hooks_path);
	sk_strv_free(&r->made);
	sk_strv_free(&r->folders);
	memset(r, 0, sizeof *r);
}

int sk_record_claim(struct sk_record *r, const char *file, struct sk_edit *edit)
{
	struct sk_claim *bigger = realloc(r->claim, (r->n_claims + 1) * sizeof *bigger);
	char *copy = strdup(file);

	if (bigger)
		r->claim = bigger;
	if (!bigger || !copy) {
		free(copy);
		edit_free(edit);
		return sk_error_oom();
	}
	r->claim[r->n_claims++] = (struct sk_claim){ copy, *edit };
	return 0;
}

struct sk_claim *sk_record_find(const struct sk_record *r, const char *file, const char *key,
                                const char *value)
{
	for (size_t i = r->n_claims; i-- > 0;) {
		struct sk_claim *c = &r->claim[i];

		if (strcmp(c->edit.key, key) == 0 && (!file || strcmp(c->file, file) == 0) &&
		    (!value || strcmp(c->edit.value, value) == 0))
			return c;
	}
	return NULL;
}

void sk_record_drop(struct sk_record *r, struct sk_claim *claim)
{
	size_t at = (size_t)(claim - r->claim);

	free(claim->file);
	edit_free(&claim->edit);
	memmove(claim, claim + 1, (r->n_claims - at - 1) * sizeof *claim);
	r->n_claims--;
}

int sk_add_once(struct sk_strv *v, const char *str, bool *added)
{
	bool has = sk_strv_has(v, str);

	if (added)
		*added = !has;
	return has ? 0 : sk_strv_add(v, str);
}
