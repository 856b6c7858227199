#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "store/pack_look.h"
#include "store/refs_file.h"
#include "store/verify_parts.h"

/* git writes a pack before its index: a young one may still get it. */
#define YOUNG_S 3600

bool sk_verify_packed_line(const char *line, size_t len, bool first)
{
	char hex[SK_OID_HEX + 1], name[1024];
	struct sk_oid oid;
	const char *at = *line == '^' ? line + 1 : line;

	if (first && *line == '#')
		return true;
	if ((size_t)(line + len - at) < SK_OID_HEX)
		return false;
	memcpy(hex, at, SK_OID_HEX);
	hex[SK_OID_HEX] = '\0';
	if (!sk_oid_parse(hex, &oid))
		return false;
	if (at != line)
		return len == SK_OID_HEX + 1;
	if (len < SK_OID_HEX + 2 || line[SK_OID_HEX] != ' ' || len - SK_OID_HEX - 1 >= sizeof name)
		return false;
	memcpy(name, line + SK_OID_HEX + 1, len - SK_OID_HEX - 1);
	name[len - SK_OID_HEX - 1] = '\0';
	return git_reference_is_valid_name(name) == 1;
}

static int bad_line(struct sk_verifier *v, size_t number, const char *line, size_t len)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_buf_addf(&text, "packed-refs, line %zu: ", number);

	if (!rc)
		rc = sk_add_text(&text, line, len < 120 ? len : 120);
	if (!rc)
		rc = sk_damage_add(v, SK_DAMAGE_PACKED, NULL, text.ptr,
		                   "git cannot read this line, and stops at it", NULL);
	sk_buf_free(&text);
	return rc;
}

static int look_at_packed_refs(struct sk_verifier *v)
{
	struct sk_packed p = { 0 };
	size_t at = 0, number = 0;
	int rc = sk_packed_open(v->repo, &p);

	while (!rc && at < p.len) {
		const char *nl = memchr(p.map + at, '\n', p.len - at);
		size_t end = nl ? (size_t)(nl - p.map) : p.len;

		number++;
		if (!sk_verify_packed_line(p.map + at, end - at, number == 1) || !nl)
			rc = bad_line(v, number, p.map + at, end - at);
		at = nl ? end + 1 : end;
	}
	sk_packed_close(&p);
	return rc;
}

/* The target of a ref that is no entry's: metadata, the keep-log's, what plugins keep. */
static int look_at_target(struct sk_verifier *v, const struct sk_ref *ref)
{
	git_object *object = NULL, *peeled = NULL;
	git_oid id;
	struct sk_oid oid;
	int rc = 0;

	memcpy(id.id, ref->oid.id, SK_OID_RAW);
	if (git_object_lookup(&object, v->repo->git, &id, GIT_OBJECT_ANY) < 0) {
		rc = sk_verify_bad(v, &ref->oid, SK_OBJ_TAG);
		return rc ? rc
		          : sk_damage_add(v, SK_DAMAGE_REF, &ref->oid, ref->name, NULL, ref->name);
	}
	v->out->objects++;
	if (git_object_peel(&peeled, object, GIT_OBJECT_TREE) == 0) {
		memcpy(oid.id, git_object_id(peeled)->id, SK_OID_RAW);
		rc = sk_verify_tree(v, &oid);
	} else if (git_object_type(object) == GIT_OBJECT_TAG) {
		memcpy(oid.id, git_tag_target_id((git_tag *)object)->id, SK_OID_RAW);
		if (git_tag_target_type((git_tag *)object) == GIT_OBJECT_TREE)
			rc = sk_verify_tree(v, &oid);
	}
	git_object_free(peeled);
	git_object_free(object);
	return rc;
}

static bool is_entry(const char *name)
{
	return strncmp(name, "refs/sk/backup/", 15) == 0 ||
	       strncmp(name, "refs/sk/revision/", 17) == 0 ||
	       strncmp(name, "refs/sk/release/", 16) == 0;
}

int sk_verify_refs(struct sk_verifier *v)
{
	struct sk_refs refs = { 0 };
	int rc = look_at_packed_refs(v);

	if (!rc)
		rc = sk_refs_list(v->repo, "refs/sk/", SK_REFS_DEEP, &refs);
	for (size_t i = 0; !rc && i < refs.n; i++) {
		v->out->refs++;
		if (refs.item[i].bad)
			rc = sk_damage_add(v, SK_DAMAGE_REF, NULL, refs.item[i].name,
			                   refs.item[i].bad, refs.item[i].name);
		else if (!is_entry(refs.item[i].name))
			rc = look_at_target(v, &refs.item[i]);
	}
	sk_refs_free(&refs);
	return rc;
}

static int bad_pack(struct sk_verifier *v, const char *stem, const char *why)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_buf_addf(&path, "objects/pack/%s", stem);

	if (!rc)
		rc = sk_damage_add(v, SK_DAMAGE_PACK, NULL, path.ptr, why, NULL);
	if (!rc)
		rc = sk_strv_add(&v->out->bad_packs, stem);
	sk_buf_free(&path);
	return rc;
}

static bool sum_is_right(const struct sk_idx *idx)
{
	struct sk_hash h;
	struct sk_oid sum;

	sk_hash_init(&h);
	sk_hash_update(&h, idx->map, idx->len - SK_OID_RAW);
	sk_hash_final(&h, &sum);
	return memcmp(sum.id, idx->map + idx->len - SK_OID_RAW, SK_OID_RAW) == 0;
}

/* NULL: there is nothing wrong with it. */
static const char *what_is_wrong(const struct sk_verifier *v, int dir, const char *stem)
{
	struct sk_idx idx = { 0 };
	char pack[64];
	const char *why = NULL;
	struct stat st;
	int rc = sk_idx_open(dir, stem + strlen("pack-"), &idx);

	(void)snprintf(pack, sizeof pack, "%s.pack", stem);
	if (fstatat(dir, pack, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return sk_idx_close(&idx), rc == SK_ENO ? NULL : "the pack itself is missing";
	if (rc == SK_ENO && !v->out->bad.n && st.st_mtime > time(NULL) - YOUNG_S)
		return NULL;
	if (rc == SK_ENO)
		return "its index is missing: git does not use it";
	if (rc || !sum_is_right(&idx))
		why = "its index is damaged";
	else if (sk_pack_is_whole(dir, stem + strlen("pack-"), &idx))
		why = "it is cut off, or not the one of its index";
	sk_idx_close(&idx);
	return why;
}

/* Leaves the names of those that something is wrong with. */
static int suspicious(const struct sk_verifier *v, int dir, struct sk_strv *names)
{
	struct sk_strv left = SK_STRV_INIT;
	int rc = 0;

	for (size_t i = 0; !rc && i < names->n; i++)
		if (what_is_wrong(v, dir, names->item[i]))
			rc = sk_strv_add(&left, names->item[i]);
	sk_strv_free(names);
	*names = left;
	return rc;
}

/* A `git repack` at work puts a pack and its index in place, or takes them away, one after the
 * other: what is wrong only for a moment is no damage. */
static int look_again(const struct sk_verifier *v, int dir, struct sk_strv *names)
{
	struct timespec pause = { .tv_nsec = 50000000 };
	int rc = 0;

	for (int i = 0; !rc && names->n && i < 4; i++) {
		pause.tv_nsec *= 2;
		(void)nanosleep(&pause, NULL);
		rc = suspicious(v, dir, names);
	}
	return rc;
}

int sk_verify_packs(struct sk_verifier *v)
{
	struct sk_strv names = SK_STRV_INIT;
	char *path = NULL;
	int rc = sk_ref_path(v->repo, "objects/pack", "", &path), dir = -1;

	if (!rc)
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		rc = sk_pack_names(dir, &names);
	if (!rc)
		rc = suspicious(v, dir, &names);
	if (!rc)
		rc = look_again(v, dir, &names);
	for (size_t i = 0; !rc && i < names.n; i++) {
		const char *why = what_is_wrong(v, dir, names.item[i]);

		if (why)
			rc = bad_pack(v, names.item[i], why);
	}
	if (dir >= 0)
		(void)close(dir);
	sk_strv_free(&names);
	free(path);
	return rc;
}
