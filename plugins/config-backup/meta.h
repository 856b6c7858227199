/* meta.h - what a version says of a file besides its content; JSON.
 *
 * {"format": 1, "path": PATH, "machine": "host", "kind": "file"|"link", "mode": "0644", "uid": 0,
 *  "gid": 0, "user": "root", "group": "root", "mtime": [seconds, nanoseconds], "size": 12,
 *  "xattrs": {NAME: base64...}, "folder": {"mode": "0755", "uid": 0, "gid": 0},
 *  "leads_to": PATH}
 *
 * PATH is a string, or {"bytes": base64} where it is not UTF-8; names of attributes as well, in
 * which case `xattrs` has the key "base64:...".  Access lists are the attribute
 * system.posix_acl_access.  Unknown keys are left alone. */
#ifndef CONF_META_H
#define CONF_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct conf_xattr {
	char *name;
	void *value;
	size_t len;
};

struct conf_meta {
	char *path, *machine, *user, *group; /* machine, user, group may be NULL */
	char *leads_to;                      /* of a link: the file at its end; or NULL */
	bool link;
	uint32_t mode; /* permission bits */
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	uint64_t size;
	struct conf_xattr *xattr; /* by name */
	size_t n_xattrs;
	uint32_t folder_mode, folder_uid, folder_gid;
};

/* A new reference; NULL: out of memory. */
json_t *conf_meta_json(const struct conf_meta *meta);
/* NULL, or what is wrong with it; nothing is left allocated then. */
const char *conf_meta_parse(const char *text, size_t len, struct conf_meta *out);
void conf_meta_clear(struct conf_meta *meta);
/* How `b` differs from `a`, the times apart. */
struct conf_drift {
	bool kind, mode, owner, group, xattr;
};
/* The name of the first attribute that differs, of those after `after` (NULL: of all); or NULL. */
const char *conf_meta_other_xattr(const struct conf_meta *a, const struct conf_meta *b,
                                  const char *after);
bool conf_meta_differs(const struct conf_meta *a, const struct conf_meta *b,
                       struct conf_drift *drift);

/* Base64, padded.  NULL: out of memory, or (decode) malformed. */
char *conf_base64(const void *data, size_t len);
void *conf_unbase64(const char *text, size_t *len);
bool conf_utf8(const char *text);
/* A string, or {"bytes": base64}. */
json_t *conf_json_bytes(const char *text);

#endif
