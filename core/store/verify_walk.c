#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/term.h"
#include "store/treeiter.h"
#include "store/verify_parts.h"

#define THREADS_MAX 4

static int push(struct sk_oid **list, size_t *n, size_t *cap, const struct sk_oid *oid)
{
	if (*n == *cap) {
		size_t want = *cap ? *cap * 2 : 256;
		struct sk_oid *grown = realloc(*list, want * sizeof *grown);

		if (!grown)
			return sk_error_oom();
		*list = grown;
		*cap = want;
	}
	(*list)[(*n)++] = *oid;
	return 0;
}

int sk_verify_bad(struct sk_verifier *v, const struct sk_oid *oid, enum sk_object_type type)
{
	uint32_t *seen;
	int rc;

	if (v->partial && git_odb_exists(v->odb, (const git_oid *)oid) != 1) {
		v->out->promised++;
		return 0;
	}
	rc = sk_oidset_add(&v->seen, oid, (uint32_t)type, NULL);
	if (rc)
		return rc;
	seen = sk_oidset_get(&v->seen, oid);
	*seen |= SK_SEEN_BAD;
	return sk_oidset_add(&v->out->bad, oid, (uint32_t)type, NULL);
}

/* The items of one tree: what is new goes on the stack or to the blobs. */
static int take_items(struct sk_verifier *v, const struct sk_oid *oid, git_odb_object *object)
{
	struct sk_tree_iter it;
	struct sk_tree_item item;
	int more, rc = 0;

	it.at = git_odb_object_data(object);
	it.end = it.at + git_odb_object_size(object);
	while (!rc && (more = sk_tree_next(&it, &item)) != 0) {
		bool folder = item.mode == SK_MODE_TREE, added = false;

		if (more < 0)
			return sk_verify_bad(v, oid, SK_OBJ_TREE);
		if (item.mode == SK_MODE_COMMIT)
			continue;
		rc = sk_oidset_add(&v->seen, &item.oid,
		                   (uint32_t)(folder ? SK_OBJ_TREE : SK_OBJ_BLOB), &added);
		if (!rc && added && folder)
			rc = push(&v->tree, &v->n_trees, &v->cap_trees, &item.oid);
		else if (!rc && added)
			rc = push(&v->blob, &v->n_blobs, &v->cap_blobs, &item.oid);
	}
	return rc;
}

/* libgit2 hashes what it reads and compares (GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, on unless
 * switched off). */
static bool read_good(git_odb *odb, const struct sk_oid *oid, enum sk_object_type type,
                      git_odb_object **out)
{
	git_odb_object *object = NULL;

	if (git_odb_read(&object, odb, (const git_oid *)oid) < 0)
		return false;
	if ((int)git_odb_object_type(object) == (int)type) {
		*out = object;
		return true;
	}
	git_odb_object_free(object);
	return false;
}

int sk_verify_tree(struct sk_verifier *v, const struct sk_oid *oid)
{
	bool added = false;
	int rc = sk_oidset_add(&v->seen, oid, SK_OBJ_TREE, &added);

	if (!rc && added)
		rc = push(&v->tree, &v->n_trees, &v->cap_trees, oid);
	while (!rc && v->n_trees) {
		const struct sk_oid at = v->tree[--v->n_trees];
		git_odb_object *object = NULL;

		if (read_good(v->odb, &at, SK_OBJ_TREE, &object))
			rc = take_items(v, &at, object);
		else
			rc = sk_verify_bad(v, &at, SK_OBJ_TREE);
		git_odb_object_free(object);
		v->out->objects++;
	}
	return rc;
}

struct readers {
	struct sk_verifier *v;
	_Atomic(size_t) next, done;
	pthread_mutex_t lock; /* of `bad` */
	struct sk_oid *bad;
	size_t n_bad, cap_bad;
	atomic_int rc;
};

static void read_blobs(struct readers *r, bool first)
{
	const struct sk_verifier *v = r->v;
	size_t i;

	while (!atomic_load(&r->rc) && (i = atomic_fetch_add(&r->next, 1)) < v->n_blobs) {
		git_odb_object *object = NULL;
		int rc = 0;

		if (!read_good(v->odb, &v->blob[i], SK_OBJ_BLOB, &object)) {
			(void)pthread_mutex_lock(&r->lock);
			rc = push(&r->bad, &r->n_bad, &r->cap_bad, &v->blob[i]);
			(void)pthread_mutex_unlock(&r->lock);
		}
		git_odb_object_free(object);
		if (rc)
			atomic_store(&r->rc, rc);
		if (first)
			sk_progress("verifying", atomic_load(&r->done), v->n_blobs);
		atomic_fetch_add(&r->done, 1);
	}
}

static void *reader(void *arg)
{
	read_blobs(arg, false);
	return NULL;
}

static unsigned threads(const struct sk_verifier *v)
{
	long n = v->opts->threads ? (long)v->opts->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 || v->n_blobs < 64 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

int sk_verify_blobs(struct sk_verifier *v)
{
	struct readers r = { .v = v, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread[THREADS_MAX];
	unsigned n = threads(v), started = 0;
	int rc;

	while (started + 1 < n && pthread_create(&thread[started], NULL, reader, &r) == 0)
		started++;
	read_blobs(&r, true);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(thread[i], NULL);
	sk_progress_end();
	rc = atomic_load(&r.rc) ? sk_error_oom() : 0;
	for (size_t i = 0; !rc && i < r.n_bad; i++)
		rc = sk_verify_bad(v, &r.bad[i], SK_OBJ_BLOB);
	v->out->objects += v->n_blobs;
	free(r.bad);
	return rc;
}
