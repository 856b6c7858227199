/* A sample of what is stored: every look reads some objects on, from where the last one stopped,
 * and compares their bytes with their names (libgit2 does that whenever it reads: repo.c has it
 * so).  In time all entries come round; `git sk verify` looks at all of it at once.
 *
 * COMMONDIR/sk/health-sample: the ref of the entry, a newline, and the path after which to go on.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/io.h"
#include "base/text.h"
#include "health/health_parts.h"
#include "store/verify.h"

enum { OBJECTS_MAX = 500, PATH_BYTES = 1 << 16, DEPTH_MAX = 1024 };
#define BYTES_MAX (16u << 20)

struct sample {
	struct sk_look *l;
	char *ref, *after; /* what the file has; NULL: from the start */
	struct sk_buf path;
	struct sk_buf last; /* the last file that was read */
	size_t objects;
	uint64_t bytes;
	bool skipping; /* not yet past `after` */
	bool full;
	int depth;
};

static char *file_name(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;

	(void)sk_buf_addf(&path, "%s/health-sample", repo->skdir);
	return sk_buf_detach(&path);
}

static int read_cursor(struct sample *s)
{
	char *name = file_name(s->l->repo), *nl;
	struct sk_buf text = SK_BUF_INIT;
	int rc = name ? 0 : sk_error_oom();

	if (!rc && sk_read_file(AT_FDCWD, name, PATH_BYTES, &text) == 0 &&
	    (nl = strchr(sk_buf_str(&text), '\n'))) {
		s->ref = strndup(text.ptr, (size_t)(nl - text.ptr));
		s->after = strdup(nl + 1);
		if (!s->ref || !s->after)
			rc = sk_error_oom();
	}
	if (!rc)
		sk_error_clear();
	sk_buf_free(&text);
	free(name);
	return rc;
}

/* A note that cannot be kept only costs the next look its variety. */
static void write_cursor(const struct sample *s, const char *ref)
{
	char *name = file_name(s->l->repo);
	struct sk_buf text = SK_BUF_INIT;

	if (name && sk_buf_addf(&text, "%s\n%s", ref, s->full ? sk_buf_str(&s->last) : "") == 0)
		(void)sk_write_file(AT_FDCWD, name, text.ptr, text.len, 0666, false);
	sk_error_clear();
	sk_buf_free(&text);
	free(name);
}

static int read_one(struct sample *s, const struct sk_oid *oid)
{
	git_odb_object *object = NULL;
	int rc = sk_repo_read(s->l->repo, oid, &object);

	if (rc && sk_verify_is_partial(s->l->repo) && !sk_repo_has(s->l->repo, oid)) {
		sk_error_clear(); /* promised: not here, and not ours to have */
		return 0;
	}
	if (rc)
		return rc;
	s->objects++;
	s->bytes += git_odb_object_size(object);
	git_odb_object_free(object);
	return 0;
}

static int walk(struct sample *s, const struct sk_oid *oid);

/* Folders that the last look went past are not read again. */
static int enter(struct sample *s, const struct sk_oid *oid)
{
	size_t len = s->path.len;
	int rc = 0;

	if (s->skipping && (strncmp(s->after, s->path.ptr, len) != 0 || s->after[len] != '/'))
		return 0;
	if (++s->depth > DEPTH_MAX)
		return sk_error(SK_EDAMAGED, "folders lie more than %d deep", DEPTH_MAX);
	rc = walk(s, oid);
	s->depth--;
	return rc;
}

static int take(struct sample *s, const struct sk_oid *oid)
{
	int rc;

	if (s->skipping) {
		s->skipping = strcmp(s->path.ptr, s->after) != 0;
		return 0;
	}
	rc = read_one(s, oid);
	sk_buf_clear(&s->last);
	if (!rc)
		rc = sk_buf_add(&s->last, s->path.ptr, s->path.len);
	s->full = s->objects >= OBJECTS_MAX || s->bytes >= BYTES_MAX;
	return rc;
}

/* After a failure the path stays, for the message. */
static int one(struct sample *s, const git_tree_entry *e)
{
	size_t before = s->path.len;
	struct sk_oid oid;
	int rc;

	if (before)
		(void)sk_buf_addc(&s->path, '/');
	rc = sk_buf_adds(&s->path, git_tree_entry_name(e));
	memcpy(oid.id, git_tree_entry_id(e)->id, SK_OID_RAW);
	if (!rc && git_tree_entry_type(e) == GIT_OBJECT_TREE)
		rc = enter(s, &oid);
	else if (!rc && git_tree_entry_type(e) == GIT_OBJECT_BLOB)
		rc = take(s, &oid);
	if (!rc)
		sk_buf_truncate(&s->path, before);
	return rc;
}

static int walk(struct sample *s, const struct sk_oid *oid)
{
	git_tree *tree = NULL;
	git_oid id;
	int rc = read_one(s, oid);

	memcpy(id.id, oid->id, SK_OID_RAW);
	if (!rc && git_tree_lookup(&tree, s->l->repo->git, &id) < 0)
		rc = sk_error_git(SK_EDAMAGED, "tree %s cannot be read", sk_oid_str(oid));
	for (size_t i = 0; !rc && !s->full && i < git_tree_entrycount(tree); i++)
		rc = one(s, git_tree_entry_byindex(tree, i));
	git_tree_free(tree);
	return rc;
}

static int sample_entry(struct sample *s, const struct sk_entry *e)
{
	struct sk_oid meta;
	int rc = read_one(s, &e->tag);

	if (!rc && sk_entry_get_oid(e, "Sk-Meta", &meta))
		rc = read_one(s, &meta);
	return rc ? rc : walk(s, &e->tree);
}

static int found_damage(struct sample *s, const struct sk_entry *e)
{
	char why[600];

	(void)snprintf(why, sizeof why, "%s", sk_error_message());
	sk_error_clear();
	return sk_health_say(s->l, "integrity", SK_HEALTH_FAIL,
	                     "%s %s is damaged%s%s: %s; 'git sk verify' tells what can be mended",
	                     sk_kind_name(e->kind), e->id, s->path.len ? ", at " : "",
	                     s->path.len ? sk_name(s->path.ptr) : "", why);
}

/* The entry to go on with: that of the note, or the one after it in the list, newest first. */
static size_t choose(const struct sample *s, const struct sk_entries *list)
{
	size_t i = 0;

	while (s->ref && i < list->n && strcmp(list->item[i]->ref, s->ref) != 0)
		i++;
	if (!s->ref || i == list->n)
		return 0;
	return *s->after ? i : (i + 1) % list->n;
}

int sk_check_integrity(struct sk_look *l)
{
	struct sample s = { .l = l };
	struct sk_entries list = { 0 };
	struct sk_buf size = SK_BUF_INIT;
	const struct sk_entry *e = NULL;
	size_t at = 0;
	int rc = read_cursor(&s);

	if (!rc)
		rc = sk_entry_list(l->repo, SK_ANY, NULL, &list);
	for (size_t i = 0; i < list.n && !rc; i++)
		if (list.item[i]->damaged) {
			rc = sk_error(SK_EDAMAGED, "%s", list.item[i]->damage);
			rc = found_damage(&s, list.item[i]);
			goto out;
		}
	if (rc || !list.n) {
		rc = rc ? rc
		        : sk_health_say(l, "integrity", SK_HEALTH_OFF, "nothing is stored yet");
		goto out;
	}
	at = choose(&s, &list);
	e = list.item[at];
	s.skipping = s.ref && *s.after && strcmp(e->ref, s.ref) == 0;
	rc = sample_entry(&s, e);
	if (!rc && s.skipping) { /* that path is not in it: from its start the next time */
		s.full = false;
		s.skipping = false;
	}
	if (rc == SK_EDAMAGED) { /* it is looked at again until it is mended */
		rc = found_damage(&s, e);
		goto out;
	}
	if (!rc && !(rc = sk_add_size(&size, s.bytes)))
		rc = sk_health_say(l, "integrity", SK_HEALTH_OK,
		                   "a sample of %zu object%s (%s) in %s %s is whole; 'git sk "
		                   "verify' looks at all",
		                   s.objects, s.objects == 1 ? "" : "s", size.ptr,
		                   sk_kind_name(e->kind), e->id);
	if (!rc)
		write_cursor(&s, e->ref);
out:
	free(s.ref);
	free(s.after);
	sk_buf_free(&s.path);
	sk_buf_free(&s.last);
	sk_buf_free(&size);
	sk_entries_free(&list);
	return rc;
}
