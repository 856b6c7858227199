#include "restore/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/text.h"

enum selected sk_select(const struct sk_strv *want, const char *path)
{
	enum selected best = NOT_SELECTED;

	if (!want)
		return SELECTED;
	for (size_t i = 0; i < want->n; i++) {
		const char *p = want->item[i];
		size_t len = strlen(p), mine = strlen(path);

		if (len == 0 ||
		    (strncmp(path, p, len) == 0 && (path[len] == '\0' || path[len] == '/')))
			return SELECTED;
		if (strncmp(p, path, mine) == 0 && p[mine] == '/')
			best = ON_THE_WAY;
	}
	return best;
}

int sk_target_read(const struct sk_repo *repo, const struct sk_entry *entry, struct sk_target *out)
{
	struct sk_target t = { .repo = repo, .tree = entry->tree };
	struct sk_oid meta;
	int rc = 0;

	sk_meta_init(&t.meta);
	if (entry->damaged)
		return sk_error(SK_EDAMAGED, "%s '%s' is damaged: %s", sk_kind_name(entry->kind),
		                entry->id, entry->damage ? entry->damage : "unreadable");
	t.id = strdup(entry->id);
	if (!t.id)
		return sk_error_oom();
	/* a release keeps no bits; a backup without metadata has nothing but the usual ones */
	t.any_perm = entry->kind == SK_RELEASE;
	if (sk_entry_get_oid(entry, "Sk-Meta", &meta)) {
		sk_meta_clear(&t.meta);
		rc = sk_meta_read(repo, &meta, &t.meta);
		if (rc)
			rc = sk_error_prefix(SK_EDAMAGED, "%s '%s'", sk_kind_name(entry->kind),
			                     entry->id);
	}
	if (rc)
		free(t.id);
	else
		*out = t;
	return rc;
}

void sk_target_clear(struct sk_target *target)
{
	free(target->id);
	target->id = NULL;
	sk_meta_clear(&target->meta);
}

struct sk_item *sk_plan_add(struct sk_plan *plan, enum sk_change_kind kind, const char *path)
{
	struct sk_item *item;

	if (plan->n == plan->cap) {
		size_t cap = plan->cap ? plan->cap * 2 : 64;

		item = realloc(plan->item, cap * sizeof *item);
		if (!item)
			goto oom;
		plan->item = item;
		plan->cap = cap;
	}
	item = &plan->item[plan->n];
	*item = (struct sk_item){ .kind = (char)kind, .path = strdup(path) };
	if (!item->path)
		goto oom;
	plan->n++;
	return item;
oom:
	(void)sk_error_oom();
	return NULL;
}

void sk_plan_truncate(struct sk_plan *plan, size_t n)
{
	while (plan->n > n)
		free(plan->item[--plan->n].path);
}

int sk_plan_skip(struct sk_plan *plan, const char *path, const char *fmt, ...)
{
	struct sk_skip skip = { strdup(path), NULL };
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&skip.reason, fmt, ap);
	va_end(ap);
	if (n < 0)
		skip.reason = NULL;
	if (!skip.path || !skip.reason)
		goto oom;
	if (plan->n_skips == plan->cap_skips) {
		size_t cap = plan->cap_skips ? plan->cap_skips * 2 : 16;
		struct sk_skip *list = realloc(plan->skip, cap * sizeof *list);

		if (!list)
			goto oom;
		plan->skip = list;
		plan->cap_skips = cap;
	}
	plan->skip[plan->n_skips++] = skip;
	return 0;
oom:
	free(skip.path);
	free(skip.reason);
	return sk_error_oom();
}

void sk_plan_clear(struct sk_plan *plan)
{
	sk_plan_truncate(plan, 0);
	for (size_t i = 0; i < plan->n_skips; i++) {
		free(plan->skip[i].path);
		free(plan->skip[i].reason);
	}
	free(plan->item);
	free(plan->skip);
	sk_strv_free(&plan->also);
	*plan = (struct sk_plan){ .n = 0 };
}

int sk_plan_weigh(const struct sk_target *target, struct sk_plan *plan)
{
	git_odb *odb = NULL;
	int rc = 0;

	if (git_repository_odb(&odb, target->repo->git) < 0)
		return sk_error_git(SK_EIO, "cannot open the object database");
	plan->bytes = 0;
	for (size_t i = 0; i < plan->n && !rc; i++) {
		struct sk_item *item = &plan->item[i];
		git_object_t type;
		git_oid oid;
		size_t size;

		if (item->kind != SK_WRITE)
			continue;
		memcpy(oid.id, item->new_oid.id, SK_OID_RAW);
		if (git_odb_read_header(&size, &type, odb, &oid) < 0 || type != GIT_OBJECT_BLOB) {
			rc = sk_repo_can_look(target->repo, &item->new_oid);
			rc = rc ? rc
			        : sk_error(SK_EDAMAGED,
			                   "backup '%s' cannot be restored: the content of '%s' "
			                   "(blob %s) "
			                   "is missing or damaged",
			                   target->id, sk_name(item->path),
			                   sk_oid_str(&item->new_oid));
			break;
		}
		item->size = size;
		plan->bytes += size;
	}
	git_odb_free(odb);
	return rc;
}

int sk_plan_check_space(const struct sk_repo *repo, const struct sk_plan *plan)
{
	struct sk_buf need = SK_BUF_INIT, room = SK_BUF_INIT;
	uint64_t wanted = 0, block, left;
	struct statvfs fs;
	int rc = 0;

	if (fstatvfs(repo->wtfd, &fs) < 0)
		return sk_error_errno(SK_EIO, "cannot examine the disk of '%s'", repo->worktree);
	block = fs.f_frsize ? fs.f_frsize : 4096;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->item[i].kind == SK_WRITE)
			wanted += (plan->item[i].size + block - 1) / block * block;
	wanted += wanted / 20;
	left = (uint64_t)fs.f_bavail * block;
	if (wanted > left) {
		(void)sk_add_size(&need, wanted);
		(void)sk_add_size(&room, left);
		rc = sk_error(SK_EIO,
		              "the disk of '%s' is too full: %s needed, %s free; "
		              "nothing was touched",
		              repo->worktree, sk_buf_str(&need), sk_buf_str(&room));
	}
	sk_buf_free(&need);
	sk_buf_free(&room);
	return rc;
}
