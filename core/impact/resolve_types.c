/* Languages whose imports name types and packages, not files: Java, Kotlin, Scala, Groovy, C#. What
 * a file is part of, it says itself; a type is looked for in the file of its name. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

static int add_type(struct sk_resolver *r, const char *package, uint32_t file)
{
	const char *path = r->paths->path[file], *name = strrchr(path, '/');
	struct sk_buf key = SK_BUF_INIT;
	int rc;

	name = name ? name + 1 : path;
	(void)sk_buf_addf(&key, "%s.", package);
	(void)sk_buf_add(&key, name, strcspn(name, "."));
	rc = sk_buf_ok(&key);
	if (!rc)
		rc = sk_multi_add(&r->types, key.ptr, key.len, file);
	sk_buf_free(&key);
	return rc;
}

int sk_types_declare(struct sk_resolver *r, uint32_t file, const struct sk_imports *imports)
{
	struct sk_buf key = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < imports->n && !rc; i++) {
		if (imports->item[i].kind != SK_IMPORT_PACKAGE)
			continue;
		sk_buf_clear(&key);
		(void)sk_buf_addf(&key, "ns:%s", imports->item[i].spec);
		rc = sk_buf_ok(&key);
		if (!rc)
			rc = sk_multi_add(&r->packages, key.ptr, key.len, file);
		if (!rc)
			rc = add_type(r, imports->item[i].spec, file);
	}
	sk_buf_free(&key);
	return rc;
}

int sk_types_seed(struct sk_resolver *r, const char *package, const uint32_t *member, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = add_type(r, package, member[i]);
	return rc;
}

static const struct sk_multi_entry *package_of(struct sk_resolver *r, const char *name, size_t len)
{
	sk_buf_clear(&r->path);
	(void)sk_buf_adds(&r->path, "ns:");
	(void)sk_buf_add(&r->path, name, len);
	return r->path.oom ? NULL : sk_multi_find(&r->packages, r->path.ptr, r->path.len);
}

static size_t shorter(const char *name, size_t len)
{
	while (len && name[len - 1] != '.')
		len--;
	return len ? len - 1 : 0;
}

static int use_package(struct sk_resolver *r, const struct sk_want *w,
                       const struct sk_multi_entry *e, enum sk_outcome *outcome)
{
	*outcome = SK_TO_FILES;
	return sk_targets_add(w->out, r->paths->n + (uint32_t)(e - r->packages.entry));
}

static int use_type(struct sk_resolver *r, const struct sk_want *w, const struct sk_multi_entry *e,
                    enum sk_outcome *outcome)
{
	uint32_t file = e->n == 1 ? e->item[0] : sk_nearest(r, w->path, e->item, e->n);

	*outcome = file == SK_PATHS_NONE ? SK_TO_MANY : SK_TO_FILES;
	return file == SK_PATHS_NONE ? 0 : sk_target_file(w, file);
}

/* The package that this file says it is part of, and for C# those around it. */
static int own_package(struct sk_resolver *r, const struct sk_want *w, bool around,
                       enum sk_outcome *outcome)
{
	size_t len = strlen(w->import->spec);
	int rc = 0;

	*outcome = SK_TO_FILES;
	for (; len && !rc; len = around ? shorter(w->import->spec, len) : 0) {
		const struct sk_multi_entry *e = package_of(r, w->import->spec, len);

		if (e)
			rc = use_package(r, w, e, outcome);
	}
	return rc;
}

/* Nothing is called so: made by a tool when it lies below something of ours, else not ours. */
static enum sk_outcome absent(struct sk_resolver *r, const char *name, size_t len)
{
	for (len = shorter(name, len); len; len = shorter(name, len))
		if (memchr(name, '.', len) && package_of(r, name, len))
			return SK_TO_NOWHERE;
	return SK_TO_OUTSIDE;
}

/* Kotlin and Scala may have anything in any file of the package. */
static bool all_java(const struct sk_resolver *r, const struct sk_multi_entry *e)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (strcmp(sk_ext(r->paths->path[e->item[i]]), ".java") != 0)
			return false;
	return true;
}

SK_RULE(sk_rule_jvm)
{
	const char *name = w->import->spec;
	size_t len = strlen(name);
	bool star = sk_ends(name, len, ".*") || sk_ends(name, len, "._");
	const struct sk_multi_entry *e;

	if (w->import->kind == SK_IMPORT_PACKAGE)
		return own_package(r, w, false, outcome);
	len -= star ? 2 : 0;
	star = star || (w->import->name && strcmp(w->import->name, "*") == 0);
	if (w->import->kind == SK_IMPORT_STATIC && !star)
		len = shorter(name, len);
	e = star ? package_of(r, name, len) : NULL;
	if (e)
		return use_package(r, w, e, outcome);
	/* a type, or one inside it */
	for (size_t n = len, tries = 0; n && tries < 4; n = shorter(name, n), tries++) {
		e = sk_multi_find(&r->types, name, n);
		if (e)
			return use_type(r, w, e, outcome);
	}
	e = package_of(r, name, shorter(name, len));
	if (e && !all_java(r, e))
		return use_package(r, w, e, outcome);
	*outcome = absent(r, name, len);
	return 0;
}

SK_RULE(sk_rule_csharp)
{
	const char *name = w->import->spec;
	size_t len = strlen(name);

	if (w->import->kind == SK_IMPORT_PACKAGE)
		return own_package(r, w, true, outcome);
	for (size_t n = len, tries = 0; n && tries < 3; n = shorter(name, n), tries++) {
		const struct sk_multi_entry *e = sk_multi_find(&r->types, name, n);

		if (e)
			return use_type(r, w, e, outcome);
		e = tries == 0 || w->import->kind == SK_IMPORT_STATIC ? package_of(r, name, n)
		                                                      : NULL;
		if (e)
			return use_package(r, w, e, outcome);
	}
	*outcome = absent(r, name, len);
	return 0;
}
