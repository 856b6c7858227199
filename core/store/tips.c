#include "store/tips.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "store/refs.h"

#define FILE_MAX ((size_t)1 << 30)
#define MAGIC "safekeep-tips 1 "

void sk_tips_free(struct sk_tips *tips)
{
	for (size_t i = 0; i < tips->n; i++)
		free(tips->item[i].ref);
	free(tips->item);
	*tips = (struct sk_tips){ 0 };
}

static int compare(const void *a, const void *b)
{
	return sk_oid_cmp(&((const struct sk_tip *)a)->oid, &((const struct sk_tip *)b)->oid);
}

bool sk_tips_has(const struct sk_tips *tips, const struct sk_oid *oid)
{
	struct sk_tip key = { .oid = *oid };

	return tips->n && bsearch(&key, tips->item, tips->n, sizeof key, compare);
}

static int add(struct sk_tips *tips, const struct sk_oid *oid, time_t first, const char *ref,
               size_t len)
{
	struct sk_tip *t;

	if (tips->n == tips->cap) {
		size_t cap = tips->cap ? tips->cap * 2 : 32;

		t = realloc(tips->item, cap * sizeof *t);
		if (!t)
			return sk_error_oom();
		tips->item = t;
		tips->cap = cap;
	}
	t = &tips->item[tips->n];
	*t = (struct sk_tip){ *oid, first, strndup(ref, len) };
	if (!t->ref)
		return sk_error_oom();
	tips->n++;
	return 0;
}

/* The same commit by several names: the better name stays. */
static int rank(const char *ref)
{
	return strncmp(ref, "refs/heads/", 11) == 0  ? 0
	       : strncmp(ref, "refs/tags/", 10) == 0 ? 1
	       : strcmp(ref, "refs/stash") == 0      ? 2
	                                             : 3;
}

static int compare_rank(const void *a, const void *b)
{
	const struct sk_tip *x = a, *y = b;
	int cmp = compare(a, b);

	if (!cmp)
		cmp = rank(x->ref) - rank(y->ref);
	return cmp ? cmp : strcmp(x->ref, y->ref);
}

static void settle(struct sk_tips *tips)
{
	size_t n = 0;

	if (tips->n)
		qsort(tips->item, tips->n, sizeof *tips->item, compare_rank);
	for (size_t i = 0; i < tips->n; i++) {
		if (n && sk_oid_eq(&tips->item[n - 1].oid, &tips->item[i].oid))
			free(tips->item[i].ref);
		else
			tips->item[n++] = tips->item[i];
	}
	tips->n = n;
}

typedef int (*head_fn)(void *data, const char *label, const char *text, size_t len);

static int one_head(int dirfd, const char *path, const char *label, head_fn fn, void *data)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_read_file(dirfd, path, 4096, &text);

	rc = rc ? 0 : fn(data, label, text.ptr, text.len); /* an unreadable one is no tip */
	sk_buf_free(&text);
	return rc;
}

/* The HEAD of every worktree. */
static int each_head(const struct sk_repo *repo, head_fn fn, void *data)
{
	struct sk_buf name = SK_BUF_INIT;
	struct dirent *de;
	DIR *dir = NULL;
	int rc = 0, fd, sub;

	fd = open(repo->commondir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot open '%s'", repo->commondir);
	rc = one_head(fd, "HEAD", "HEAD", fn, data);
	sub = rc ? -1 : openat(fd, "worktrees", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = sub < 0 ? NULL : fdopendir(sub);
	if (sub >= 0 && !dir)
		(void)close(sub);
	while (!rc && dir && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		sk_buf_clear(&name);
		rc = sk_buf_addf(&name, "worktrees/%s/HEAD", de->d_name);
		if (!rc)
			rc = one_head(fd, name.ptr, name.ptr, fn, data);
	}
	if (dir)
		(void)closedir(dir);
	(void)close(fd);
	sk_buf_free(&name);
	return rc;
}

static void hash_stat(struct sk_hash *h, const struct sk_repo *repo, const char *name)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	long long v[6] = { 0 };

	(void)sk_buf_addf(&path, "%s/%s", repo->commondir, name);
	if (sk_buf_ok(&path) == 0 && stat(path.ptr, &st) == 0) {
		v[0] = st.st_size;
		v[1] = st.st_mtim.tv_sec;
		v[2] = st.st_mtim.tv_nsec;
		v[3] = st.st_ctim.tv_sec;
		v[4] = st.st_ctim.tv_nsec;
		v[5] = (long long)st.st_ino;
	}
	sk_hash_update(h, v, sizeof v);
	sk_buf_free(&path);
}

static int hash_head(void *data, const char *label, const char *text, size_t len)
{
	sk_hash_update(data, label, strlen(label) + 1);
	sk_hash_update(data, text, len);
	return 0;
}

static int hash_refs(struct sk_hash *h, const struct sk_repo *repo, const char *prefix)
{
	struct sk_refs refs;
	int rc = sk_refs_list(repo, prefix, SK_REFS_DEEP | SK_REFS_LOOSE, &refs);

	if (rc)
		return rc;
	for (size_t i = 0; i < refs.n; i++) {
		sk_hash_update(h, refs.item[i].name, strlen(refs.item[i].name) + 1);
		sk_hash_update(h, refs.item[i].oid.id, SK_OID_RAW);
	}
	sk_refs_free(&refs);
	return 0;
}

int sk_tips_print(const struct sk_repo *repo, struct sk_oid *out)
{
	struct sk_hash h;
	int rc;

	sk_hash_init(&h);
	hash_stat(&h, repo, "packed-refs");
	hash_stat(&h, repo, "refs/stash");
	hash_stat(&h, repo, "logs/refs/stash");
	rc = hash_refs(&h, repo, "refs/heads/");
	if (!rc)
		rc = hash_refs(&h, repo, "refs/tags/");
	if (!rc)
		rc = each_head(repo, hash_head, &h);
	if (!rc)
		sk_hash_final(&h, out);
	return rc;
}

/* A tag's target; anything else, and what cannot be read, as it is. */
static void peel(const struct sk_repo *repo, struct sk_oid *oid)
{
	git_odb *odb = NULL;
	git_odb_object *obj = NULL;
	struct sk_oid next;
	size_t len;
	git_object_t type;
	git_oid id;

	if (git_repository_odb(&odb, repo->git) < 0)
		return;
	for (int depth = 0; depth < 16; depth++) {
		memcpy(id.id, oid->id, SK_OID_RAW);
		if (git_odb_read_header(&len, &type, odb, &id) < 0 || type != GIT_OBJECT_TAG ||
		    git_odb_read(&obj, odb, &id) < 0)
			break;
		len = git_odb_object_size(obj);
		if (len < 7 + SK_OID_HEX || memcmp(git_odb_object_data(obj), "object ", 7) != 0 ||
		    !sk_oid_parse((const char *)git_odb_object_data(obj) + 7, &next))
			depth = 16;
		else
			*oid = next;
		git_odb_object_free(obj);
	}
	git_odb_free(odb);
}

struct looking {
	const struct sk_repo *repo;
	struct sk_tips *tips;
	time_t now;
};

static int take_head(void *data, const char *label, const char *text, size_t len)
{
	struct looking *l = data;
	struct sk_oid oid;

	SK_UNUSED(len);
	if (!sk_oid_parse(text, &oid))
		return 0; /* on a branch */
	return add(l->tips, &oid, l->now, label, strlen(label));
}

static int take_refs(struct looking *l, const char *prefix, bool tags)
{
	struct sk_refs refs;
	int rc = sk_refs_list(l->repo, prefix, SK_REFS_DEEP, &refs);

	if (rc)
		return rc;
	for (size_t i = 0; i < refs.n && !rc; i++) {
		struct sk_ref *r = &refs.item[i];
		struct sk_oid oid = r->oid;

		if (r->bad)
			continue;
		if (!sk_oid_is_zero(&r->peeled))
			oid = r->peeled;
		else if (tags && !r->packed)
			peel(l->repo, &oid);
		rc = add(l->tips, &oid, l->now, r->name, strlen(r->name));
	}
	sk_refs_free(&refs);
	return rc;
}

/* refs/stash and every older stash, which only its reflog names. */
static int take_stashes(struct looking *l)
{
	static const char ref[] = "refs/stash";
	struct sk_buf path = SK_BUF_INIT, log = SK_BUF_INIT;
	struct sk_oid oid;
	int rc = sk_ref_read(l->repo, ref, &oid);

	if (!rc)
		rc = add(l->tips, &oid, l->now, ref, strlen(ref));
	else if (rc == SK_ENO || rc == SK_EDAMAGED)
		rc = 0;
	if (!rc)
		rc = sk_buf_addf(&path, "%s/logs/refs/stash", l->repo->commondir);
	if (!rc) {
		rc = sk_read_file(AT_FDCWD, path.ptr, FILE_MAX, &log);
		rc = rc == SK_ENO ? 0 : rc;
	}
	for (const char *p = sk_buf_str(&log); !rc && *p;) {
		const char *nl = strchr(p, '\n');

		if (strnlen(p, SK_OID_HEX + 2) > SK_OID_HEX + 1 &&
		    sk_oid_parse(p + SK_OID_HEX + 1, &oid) && !sk_oid_is_zero(&oid))
			rc = add(l->tips, &oid, l->now, ref, strlen(ref));
		p = nl ? nl + 1 : "";
	}
	sk_buf_free(&path);
	sk_buf_free(&log);
	return rc;
}

int sk_tips_now(const struct sk_repo *repo, time_t now, struct sk_tips *out)
{
	struct sk_tips tips = { 0 };
	struct looking l = { repo, &tips, now };
	int rc = sk_tips_print(repo, &tips.print);

	if (!rc)
		rc = take_refs(&l, "refs/heads/", false);
	if (!rc)
		rc = take_refs(&l, "refs/tags/", true);
	if (!rc)
		rc = take_stashes(&l);
	if (!rc)
		rc = each_head(repo, take_head, &l);
	if (rc) {
		sk_tips_free(&tips);
		return rc;
	}
	settle(&tips);
	*out = tips;
	return 0;
}

static int tips_path(const struct sk_repo *repo, char **out)
{
	struct sk_buf path = SK_BUF_INIT;
	char *ptr;

	(void)sk_buf_addf(&path, "%s/tips", repo->skdir);
	ptr = sk_buf_detach(&path);
	if (!ptr)
		return sk_error_oom();
	*out = ptr;
	return 0;
}

static bool parse_head(const char *text, struct sk_oid *print, long long *size)
{
	size_t skip = strlen(MAGIC);

	return strncmp(text, MAGIC, skip) == 0 && sk_oid_parse(text + skip, print) &&
	       sscanf(text + skip + SK_OID_HEX, " %lld", size) == 1;
}

static int parse(const char *text, struct sk_tips *out)
{
	const char *nl = strchr(text, '\n');
	int rc = 0;

	if (!nl || !parse_head(text, &out->print, &out->log_size))
		return SK_EDAMAGED;
	for (const char *p = nl + 1; *p && !rc; p = nl + 1) {
		struct sk_oid oid;
		long long first;
		int skip = 0;

		nl = strchr(p, '\n');
		if (!nl || !sk_oid_parse(p, &oid) ||
		    sscanf(p + SK_OID_HEX, " %lld %n", &first, &skip) != 1 || !skip ||
		    p + SK_OID_HEX + skip > nl)
			return SK_EDAMAGED;
		p += SK_OID_HEX + skip;
		rc = add(out, &oid, (time_t)first, p, (size_t)(nl - p));
	}
	return rc;
}

int sk_tips_read(const struct sk_repo *repo, struct sk_tips *out)
{
	struct sk_tips tips = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	char *path = NULL;
	int rc = tips_path(repo, &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path, FILE_MAX, &text);
	if (!rc)
		rc = parse(text.ptr, &tips);
	if (rc == SK_ENO || rc == SK_EDAMAGED) {
		sk_tips_free(&tips);
		tips.log_size = -1;
		rc = 0;
	}
	if (!rc) {
		settle(&tips);
		*out = tips;
	} else {
		sk_tips_free(&tips);
	}
	free(path);
	sk_buf_free(&text);
	return rc;
}

int sk_tips_write(const struct sk_repo *repo, const struct sk_tips *tips)
{
	struct sk_buf text = SK_BUF_INIT;
	char *path = NULL;
	int rc = tips_path(repo, &path);

	(void)sk_buf_addf(&text, MAGIC "%s %lld\n", sk_oid_str(&tips->print), tips->log_size);
	for (size_t i = 0; i < tips->n; i++)
		(void)sk_buf_addf(&text, "%s %lld %s\n", sk_oid_str(&tips->item[i].oid),
		                  (long long)tips->item[i].first, tips->item[i].ref);
	if (!rc)
		rc = sk_buf_ok(&text);
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path, text.ptr, text.len, 0666, true);
	free(path);
	sk_buf_free(&text);
	return rc;
}

int sk_tips_unmoved(const struct sk_repo *repo, long long log_size, bool *out)
{
	char line[128] = "";
	struct sk_oid print, was;
	long long size;
	char *path = NULL;
	int rc = tips_path(repo, &path), fd;

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && sk_read_full(fd, line, sizeof line - 1) < 0)
		line[0] = '\0';
	if (fd >= 0)
		(void)close(fd);
	free(path);
	if (!parse_head(line, &was, &size) || size != log_size) {
		*out = false;
		return 0;
	}
	rc = sk_tips_print(repo, &print);
	if (!rc)
		*out = sk_oid_eq(&print, &was);
	return rc;
}
