/* Style sheets, HTML and Markdown: URLs and what looks like them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

static int take(const struct sk_want *w, uint32_t file, enum sk_outcome *outcome)
{
	if (file == SK_PATHS_NONE)
		return 0;
	*outcome = SK_TO_FILES;
	return sk_target_file(w, file);
}

/* A sheet by its path: as it is, with an ending, as a partial, as a folder's index. */
static uint32_t sheet(struct sk_resolver *r, const char *dir, size_t len, const char *spec)
{
	static const char *const end[] = { "",
		                           ".scss",
		                           ".sass",
		                           ".css",
		                           ".less",
		                           ".styl",
		                           "/_index.scss",
		                           "/_index.sass",
		                           "/index.scss",
		                           "/index.sass",
		                           "/index.css",
		                           NULL };
	struct sk_buf path = SK_BUF_INIT, partial = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;
	size_t cut;

	if (!sk_path_join(&path, dir, len, spec, strlen(spec)) || path.oom || !path.len)
		goto out;
	cut = sk_dir_len(path.ptr, path.len);
	cut += cut > 0;
	(void)sk_buf_add(&partial, path.ptr, cut);
	(void)sk_buf_addf(&partial, "_%s", path.ptr + cut);
	for (size_t i = 0; end[i] && file == SK_PATHS_NONE && !partial.oom; i++) {
		file = sk_paths_find_end(r->paths, path.ptr, path.len,
		                         sk_paths_hash(SK_PATHS_SEED, path.ptr, path.len), end[i]);
		if (file == SK_PATHS_NONE)
			file = sk_paths_find_end(
			        r->paths, partial.ptr, partial.len,
			        sk_paths_hash(SK_PATHS_SEED, partial.ptr, partial.len), end[i]);
	}
out:
	sk_buf_free(&path);
	sk_buf_free(&partial);
	return file;
}

SK_RULE(sk_rule_css)
{
	const char *spec = w->import->spec;
	struct sk_buf name = SK_BUF_INIT;
	const char *root;
	bool package = *spec == '~';
	uint32_t file = SK_PATHS_NONE;
	size_t dir = w->dir_len, len;
	int rc;

	if (sk_is_url(spec) || *spec == '#') { /* sass:math is one of these */
		*outcome = SK_TO_OUTSIDE;
		return 0;
	}
	(void)sk_buf_add(&name, spec + package, strcspn(spec + package, "?#"));
	rc = sk_buf_ok(&name);
	spec = sk_buf_str(&name);
	if (!rc && *spec != '/' && !package)
		file = sheet(r, w->path, dir, spec);
	/* load paths are folders above, and the configured roots */
	for (; !rc && file == SK_PATHS_NONE && *spec != '.'; dir = sk_dir_len(w->path, dir)) {
		file = sheet(r, w->path, dir, spec + strspn(spec, "/"));
		if (!dir)
			break;
	}
	for (size_t i = 0; file == SK_PATHS_NONE && sk_config_root(r, i, &root, &len); i++)
		file = sheet(r, root, len, spec);
	/* what has no ending and no dot before it may be a package's name */
	if (package || (*spec != '.' && *spec != '/' && !*sk_ext(spec)))
		*outcome = SK_TO_OUTSIDE;
	sk_buf_free(&name);
	return rc ? rc : take(w, file, outcome);
}

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (tolower((unsigned char)c) - 'a') + 10;
}

/* Without ?query and #fragment, %20 and the like decoded. */
static int plain(const char *spec, struct sk_buf *out)
{
	size_t len = strcspn(spec, "?#");

	for (size_t i = 0; i < len; i++) {
		char c = spec[i];

		if (c == '%' && i + 2 < len && isxdigit((unsigned char)spec[i + 1]) &&
		    isxdigit((unsigned char)spec[i + 2])) {
			c = (char)(hex(spec[i + 1]) * 16 + hex(spec[i + 2]));
			i += 2;
		}
		if (c)
			(void)sk_buf_addc(out, c);
	}
	return sk_buf_ok(out);
}

static int link_at(struct sk_resolver *r, const struct sk_want *w, const char *dir, size_t len,
                   const char *spec, enum sk_outcome *outcome)
{
	static const char *const end[] = { "",           ".md",       ".html", "/index.html",
		                           "/README.md", "/index.md", NULL };
	uint32_t hash, file = SK_PATHS_NONE;

	if (!sk_path_join(&r->path, dir, len, spec, strlen(spec)) || r->path.oom)
		return 0;
	hash = sk_paths_hash(SK_PATHS_SEED, sk_buf_str(&r->path), r->path.len);
	for (const char *const *e = end; *e && file == SK_PATHS_NONE; e++)
		if (r->path.len || **e == '/')
			file = sk_paths_find_end(r->paths, sk_buf_str(&r->path), r->path.len, hash,
			                         *e + !r->path.len);
	if (file == SK_PATHS_NONE && sk_paths_is_dir(r->paths, sk_buf_str(&r->path), r->path.len))
		*outcome = SK_TO_FILES;
	return take(w, file, outcome);
}

/* src, href, [text](path) */
SK_RULE(sk_rule_link)
{
	static const char *const served[] = { "public", "static", "docs", "www" };
	const char *spec = w->import->spec;
	struct sk_buf name = SK_BUF_INIT, root = SK_BUF_INIT;
	size_t dir = w->dir_len;
	int rc;

	if (sk_is_url(spec) || *spec == '#' || *spec == '?') {
		*outcome = SK_TO_OUTSIDE;
		return 0;
	}
	rc = plain(spec, &name);
	spec = sk_buf_str(&name);
	if (!rc && *spec != '/')
		rc = link_at(r, w, w->path, dir, spec, outcome);
	else if (!rc) /* the site's root is one of the folders above, or a folder in one */
		for (; !rc && *outcome != SK_TO_FILES; dir = sk_dir_len(w->path, dir)) {
			rc = link_at(r, w, w->path, dir, spec, outcome);
			for (size_t i = 0; i < 4 && !rc && *outcome != SK_TO_FILES; i++) {
				sk_buf_clear(&root);
				(void)sk_buf_add(&root, w->path, dir);
				(void)sk_buf_addf(&root, "%s%s", dir ? "/" : "", served[i]);
				rc = sk_buf_ok(&root);
				if (!rc)
					rc = link_at(r, w, root.ptr, root.len, spec, outcome);
			}
			if (!dir)
				break;
		}
	sk_buf_free(&name);
	sk_buf_free(&root);
	return rc;
}
