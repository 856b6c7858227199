#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "store/refs_file.h"
#include "store/repair_parts.h"
#include "store/tag.h"
#include "store/verify_parts.h"

/* The name that a broken line has: its last word, from "refs/" on.  NULL: none. */
static char *name_in(const char *line, size_t len)
{
	const char *at = memmem(line, len, "refs/", 5);
	char *name = at ? strndup(at, (size_t)(line + len - at)) : NULL;

	if (name && git_reference_is_valid_name(name) == 1)
		return name;
	free(name);
	return NULL;
}

/* The newest id in the reflog of a ref. */
static bool newest_logged(const struct sk_repo *repo, const char *name, struct sk_oid *out)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	const char *line;
	bool ok = false;

	if (sk_buf_addf(&path, "%s/logs/%s", repo->commondir, name) == 0 &&
	    sk_read_file(AT_FDCWD, path.ptr, (size_t)1 << 30, &text) == 0 && text.len > 1) {
		line = memrchr(text.ptr, '\n', text.len - 1);
		line = line ? line + 1 : text.ptr;
		ok = strlen(line) > 2 * SK_OID_HEX && sk_oid_parse(line + SK_OID_HEX + 1, out) &&
		     !sk_oid_is_zero(out);
	}
	sk_buf_free(&path);
	sk_buf_free(&text);
	return ok;
}

/* A ref whose line in packed-refs is broken, unless a loose one stands before it: as an id that
 * is still whole in the line says, or its reflog; an entry's is looked for among the tags. */
static int mend_line(struct sk_mender *m, const char *line, size_t len)
{
	char *name = name_in(line, len);
	const char *at = name ? memmem(line, len, name, strlen(name)) : NULL;
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid oid, is;
	int rc = 0;

	if (!name || sk_ref_read(m->repo, name, &is) == 0)
		goto out;
	if ((at - line > SK_OID_HEX && sk_oid_parse(at - SK_OID_HEX - 1, &oid) &&
	     sk_repo_has(m->repo, &oid)) ||
	    (newest_logged(m->repo, name, &oid) && sk_repo_has(m->repo, &oid)))
		rc = sk_ref_create(m->repo, name, &oid);
	else
		rc = sk_mend_ref(m, name);
	if (!rc && sk_ref_read(m->repo, name, &is))
		rc = sk_buf_addf(&text, "the ref %s: its line in packed-refs is broken", name);
	if (!rc && text.len)
		rc = sk_strv_add(&m->out->left, text.ptr);
out:
	sk_buf_free(&text);
	free(name);
	return rc;
}

/* packed-refs without the lines that git stops at; they stay in the file put aside. */
int sk_mend_packed_refs(struct sk_mender *m)
{
	struct sk_buf path = SK_BUF_INIT, was = SK_BUF_INIT, now = SK_BUF_INIT;
	struct sk_strv bad = SK_STRV_INIT;
	struct sk_lockfile lock = SK_LOCKFILE_INIT;
	size_t number = 0;
	bool any = false, lost = false;
	int rc = 0;

	for (size_t i = 0; i < m->found->n; i++)
		any = any || m->found->damage[i].kind == SK_DAMAGE_PACKED;
	if (!any)
		return 0;
	rc = sk_ref_lock(m->repo, "packed-refs", "safekeep repair\n", &lock);
	if (!rc)
		rc = sk_buf_addf(&path, "%s/packed-refs", m->repo->commondir);
	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, (size_t)1 << 31, &was);
	for (const char *p = sk_buf_str(&was), *nl; !rc && p < was.ptr + was.len; p = nl + 1) {
		const char *end = was.ptr + was.len;

		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		/* the peeled line of one that went is none of the one before it */
		if (sk_verify_packed_line(p, (size_t)(nl - p), ++number == 1) && nl < end &&
		    !(lost && *p == '^')) {
			rc = sk_buf_add(&now, p, (size_t)(nl + 1 - p));
			lost = false;
		} else {
			lost = true;
			rc = sk_strv_addn(&bad, p, (size_t)(nl - p));
		}
	}
	if (!rc)
		rc = sk_mend_copy(m, "packed-refs");
	/* before the lines go: after a crash nothing would tell their names */
	for (size_t i = 0; !rc && i < bad.n; i++)
		rc = mend_line(m, bad.item[i], strlen(bad.item[i]));
	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, sk_buf_str(&now), now.len, 0644, true);
	if (!rc)
		rc = sk_strv_add(&m->out->refs, "packed-refs");
	sk_lockfile_release(&lock);
	sk_strv_free(&bad);
	sk_buf_free(&path);
	sk_buf_free(&was);
	sk_buf_free(&now);
	return rc;
}

/* The tag object that has this name, and the kind; of several the one that says most: entries are
 * only ever written anew with a trailer more. */
struct search {
	git_odb *odb;
	const char *id;
	enum sk_kind kind; /* 0: any tag, to the empty tree */
	struct sk_oid oid;
	struct sk_entry *entry;
	size_t len;
	int rc;
};

static int look_at(const git_oid *id, void *payload)
{
	struct search *s = payload;
	git_odb_object *object = NULL;
	struct sk_entry *e = NULL;
	git_object_t type;
	size_t len;

	if (git_odb_read_header(&len, &type, s->odb, id) < 0 || type != GIT_OBJECT_TAG ||
	    len <= s->len || git_odb_read(&object, s->odb, id) < 0)
		return 0;
	e = calloc(1, sizeof *e);
	s->rc = e ? 0 : sk_error_oom();
	if (e && sk_tag_parse(git_odb_object_data(object), len, e) == 0 && e->kind == s->kind &&
	    strcmp(e->id, s->id) == 0) {
		sk_entry_free(s->entry);
		s->entry = e;
		s->len = len;
		memcpy(s->oid.id, id->id, SK_OID_RAW);
		e = NULL;
	}
	sk_entry_free(e);
	git_odb_object_free(object);
	return s->rc;
}

static int find_tag(const struct sk_repo *repo, enum sk_kind kind, const char *id, struct search *s)
{
	*s = (struct search){ .id = id, .kind = kind };
	if (git_repository_odb(&s->odb, repo->git) < 0)
		return sk_error_git(SK_EIO, "cannot open the object database");
	(void)git_odb_foreach(s->odb, look_at, s);
	git_odb_free(s->odb);
	return s->rc ? s->rc : s->entry ? 0 : SK_ENO;
}

static enum sk_kind kind_of(const char *ref, const char *prefix, const char **id)
{
	size_t plen = strlen(prefix);

	for (unsigned k = SK_BACKUP; k <= SK_RELEASE && strncmp(ref, prefix, plen) == 0; k <<= 1) {
		const char *name = sk_kind_name((enum sk_kind)k);
		size_t len = strlen(name);

		if (strncmp(ref + plen, name, len) == 0 && ref[plen + len] == '/') {
			*id = ref + plen + len + 1;
			return (enum sk_kind)k;
		}
	}
	return (enum sk_kind)0;
}

/* A metadata ref's tag is the same each time. */
static int meta_tag(struct sk_mender *m, const struct sk_entry *e, struct sk_oid *out)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_packer *packer = NULL;
	struct sk_oid tree;
	int rc = sk_entry_get_oid(e, "Sk-Meta", &tree) ? 0 : SK_ENO;

	if (!rc)
		rc = sk_tag_plain(&tree, "meta", "SafeKeep metadata\n", &text);
	if (!rc)
		rc = sk_packer_new(m->repo, &packer);
	if (!rc)
		rc = sk_packer_add(packer, SK_OBJ_TAG, text.ptr, text.len, out);
	if (!rc)
		rc = sk_packer_commit(packer);
	sk_packer_free(packer);
	sk_buf_free(&text);
	return rc;
}

int sk_mend_ref(struct sk_mender *m, const char *name)
{
	struct search s = { .entry = NULL };
	const char *id = NULL;
	enum sk_kind kind = kind_of(name, "refs/sk/", &id);
	struct sk_oid oid;
	bool meta = !kind;
	int rc;

	if (meta)
		kind = kind_of(name, "refs/sk/meta/", &id);
	rc = kind ? find_tag(m->repo, kind, id, &s) : SK_ENO;
	oid = s.oid;
	if (!rc && meta)
		rc = meta_tag(m, s.entry, &oid);
	sk_entry_free(s.entry);
	if (rc)
		return rc == SK_ENO ? 0 : rc; /* the next verify still finds it */
	rc = sk_mend_copy(m, name);
	if (!rc)
		rc = sk_ref_replace(m->repo, name, NULL, &oid);
	return rc ? rc : sk_strv_add(&m->out->refs, name);
}

int sk_mend_refs(struct sk_mender *m)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < m->found->n; i++) {
		const struct sk_damage *d = &m->found->damage[i];

		if (d->kind != SK_DAMAGE_REF || !sk_oid_is_zero(&d->oid))
			continue;
		if (strcmp(d->path, "refs/sk/keep") == 0) {
			rc = sk_mend_aside(m, d->path); /* the next backup makes it again */
			if (!rc)
				rc = sk_strv_add(&m->out->refs, d->path);
		} else {
			rc = sk_mend_ref(m, d->path);
		}
	}
	return rc;
}
