#include "restore/cover.h"

#include <stdio.h>
#include <stdlib.h>

#include "capture/scan.h"

static int lines_of(const struct sk_meta *meta, char kind, bool icase, struct sk_patterns **out)
{
	struct sk_strv lines = SK_STRV_INIT;
	size_t n = 0;
	const struct sk_meta_path *r = sk_meta_kind(meta, kind, &n);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = sk_strv_add(&lines, r[i].path);
	if (!rc && n)
		rc = sk_patterns_new(&lines, icase, out);
	sk_strv_free(&lines);
	return rc;
}

int sk_cover_open(const struct sk_target *target, struct sk_cover *out)
{
	struct sk_cover c = { .target = target };
	git_config *config = NULL;
	int icase = 0, rc;

	if (git_repository_config_snapshot(&config, target->repo->git) == 0 &&
	    git_config_get_bool(&icase, config, "core.ignorecase") < 0)
		icase = 0;
	git_config_free(config);
	c.icase = icase != 0;
	rc = lines_of(&target->meta, 'P', c.icase, &c.paths);
	if (!rc)
		rc = lines_of(&target->meta, 'X', c.icase, &c.exclude);
	if (!rc)
		rc = lines_of(&target->meta, 'I', c.icase, &c.include);
	if (rc)
		sk_cover_close(&c);
	else
		*out = c;
	return rc;
}

void sk_cover_close(struct sk_cover *c)
{
	sk_patterns_free(c->paths);
	sk_patterns_free(c->exclude);
	sk_patterns_free(c->include);
	sk_index_free(c->index);
	*c = (struct sk_cover){ 0 };
}

void sk_spot_clear(struct sk_spot *place)
{
	sk_ignore_unref(place->rules[0].frame);
	sk_ignore_unref(place->rules[1].frame);
	place->rules[0].frame = place->rules[1].frame = NULL;
}

void sk_spot_rules(struct sk_spot *place, const struct sk_children *children)
{
	const struct sk_child *c = sk_children_find(children, ".gitignore");

	/* git does not follow a .gitignore that is a link */
	if (c && (c->flags & SK_CHILD_TREE) && S_ISREG(c->mode)) {
		place->rules[SK_RULES_TARGET].has = true;
		place->rules[SK_RULES_TARGET].blob = c->oid;
	}
	if (c && c->node && S_ISREG(c->node->mode)) {
		place->rules[SK_RULES_PRESENT].has = true;
		place->rules[SK_RULES_PRESENT].blob = c->node->oid;
	}
}

/* The rules from outside a working tree whose folder is `path`. */
static int outside(const struct sk_cover *cover, const struct sk_spot *place, const char *path,
                   struct sk_ignore **out)
{
	const struct sk_repo *repo = cover->target->repo;
	char *git = NULL;
	int rc;

	if (place->len == 0)
		return sk_rules_outside(repo, repo->commondir, out);
	if (asprintf(&git, "%s/%.*s/.git", repo->worktree, (int)place->len, path) < 0)
		return sk_error_oom();
	rc = sk_rules_outside(repo, git, out);
	free(git);
	return rc;
}

static int frame_of(const struct sk_cover *cover, struct sk_spot *place, int side, const char *path,
                    struct sk_ignore **out)
{
	struct sk_spot_rules *r = &place->rules[side];
	struct sk_ignore *above = NULL;
	git_odb_object *blob = NULL;
	char *dir = NULL;
	int rc;

	if (r->frame) {
		*out = r->frame;
		return 0;
	}
	if (place->space_root) {
		rc = outside(cover, place, path, &above);
	} else {
		rc = frame_of(cover, place->parent, side, path, &above);
		if (!rc)
			above = sk_ignore_ref(above);
	}
	if (rc || !r->has)
		goto out;
	rc = sk_repo_read(cover->target->repo, &r->blob, &blob);
	if (rc)
		goto out;
	dir = place->space_root ? strdup("")
	                        : strndup(path + place->space_off, place->len - place->space_off);
	rc = dir ? sk_ignore_push(above, dir, git_odb_object_data(blob), git_odb_object_size(blob),
	                          &r->frame)
	         : sk_error_oom();
out:
	if (!rc && !r->has) {
		r->frame = above;
		above = NULL;
	}
	if (!rc)
		*out = r->frame;
	sk_ignore_unref(above);
	git_odb_object_free(blob);
	free(dir);
	return rc;
}

static int ask(const struct sk_cover *cover, struct sk_spot *place, int side, const char *path,
               size_t len, bool dir, bool *out)
{
	size_t name_off = place->len + (place->len > 0);
	struct sk_ignore *frame = NULL;
	int rc = frame_of(cover, place, side, path, &frame);

	if (rc)
		return rc;
	*out = sk_ignore_match(frame, path + place->space_off, len - place->space_off,
	                       name_off - place->space_off, dir) == SK_IGNORED;
	return 0;
}

static int place_ignored(const struct sk_cover *cover, struct sk_spot *place, int side,
                         const char *path, bool *out)
{
	struct sk_spot_rules *r = &place->rules[side];
	int rc = 0;

	if (place->space_root)
		r->ignored = 0;
	if (r->ignored < 0) {
		bool yes = false;

		rc = place_ignored(cover, place->parent, side, path, &yes);
		if (!rc && !yes)
			rc = ask(cover, place->parent, side, path, place->len, true, &yes);
		if (!rc)
			r->ignored = yes;
	}
	if (!rc)
		*out = r->ignored;
	return rc;
}

int sk_cover_ignored(const struct sk_cover *cover, struct sk_spot *place, int side,
                     const char *path, bool dir, bool *out)
{
	bool yes = false;
	int rc = place_ignored(cover, place, side, path, &yes);

	if (!rc && !yes)
		rc = ask(cover, place, side, path, strlen(path), dir, &yes);
	if (!rc)
		*out = yes;
	return rc;
}

static int tracked(struct sk_cover *cover, const char *path, bool *out)
{
	size_t len = strlen(path), at;
	char *file = NULL;
	int rc = 0;

	if (!cover->index) {
		rc = sk_repo_index_path(cover->target->repo, &file);
		if (!rc && sk_index_read(file, &cover->index))
			rc = sk_index_read("", &cover->index); /* unreadable: nothing is tracked */
		free(file);
	}
	if (rc)
		return rc;
	at = sk_index_lower(cover->index, path, len);
	*out = at < cover->index->n && strcmp(cover->index->entry[at].path, path) == 0;
	return 0;
}

int sk_cover_has(struct sk_cover *c, struct sk_spot *place, const char *path, bool dir, bool *out)
{
	size_t len = strlen(path);
	bool yes = false;
	int rc;

	if ((c->exclude && sk_patterns_match(c->exclude, path, len, dir)) ||
	    (c->paths && !sk_patterns_match(c->paths, path, len, dir))) {
		*out = false;
		return 0;
	}
	rc = sk_cover_ignored(c, place, SK_RULES_TARGET, path, dir, &yes);
	if (rc || !yes || (c->include && sk_patterns_match(c->include, path, len, dir))) {
		if (!rc)
			*out = true;
		return rc;
	}
	/* an empty folder is never tracked; a nested repository's index is not read */
	if (dir || place->space_off) {
		*out = false;
		return 0;
	}
	return tracked(c, path, out);
}
