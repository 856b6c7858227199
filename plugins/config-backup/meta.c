#include "meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *conf_base64(const void *data, size_t len)
{
	const unsigned char *p = data;
	char *out = malloc(4 * ((len + 2) / 3) + 1), *at = out;

	for (size_t i = 0; out && i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		v |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < len ? (uint32_t)p[i + 2] : 0;
		*at++ = digits[v >> 18];
		*at++ = digits[v >> 12 & 63];
		*at++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*at++ = i + 2 < len ? digits[v & 63] : '=';
	}
	if (out)
		*at = '\0';
	return out;
}

void *conf_unbase64(const char *text, size_t *len)
{
	size_t n = strlen(text), k = 0, pad = 0;
	unsigned char *out = n % 4 ? NULL : malloc(n / 4 * 3 + 1);

	for (size_t i = 0; out && i < n; i += 4) {
		uint32_t v = 0;

		for (size_t j = 0; j < 4; j++) {
			const char *d = text[i + j] == '=' ? NULL : strchr(digits, text[i + j]);

			if (!d && (text[i + j] != '=' || i + 4 < n || j < 2)) {
				free(out);
				return NULL;
			}
			if (d && pad) {
				free(out);
				return NULL;
			}
			pad += !d;
			v = v << 6 | (d ? (uint32_t)(d - digits) : 0);
		}
		out[k++] = (unsigned char)(v >> 16);
		out[k++] = (unsigned char)(v >> 8);
		out[k++] = (unsigned char)v;
	}
	if (out)
		*len = k - pad;
	return out;
}

/* json_string refuses what is not UTF-8. */
bool conf_utf8(const char *text)
{
	json_t *o = json_string(text);

	json_decref(o);
	return o != NULL;
}

json_t *conf_json_bytes(const char *text)
{
	json_t *o = json_string(text);
	char *bytes;

	if (o)
		return o;
	bytes = conf_base64(text, strlen(text));
	o = bytes ? json_pack("{s:s}", "bytes", bytes) : NULL;
	free(bytes);
	return o;
}

static char *text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	const char *bytes = json_string_value(json_object_get(v, "bytes"));
	size_t len = 0;
	char *text;

	if (json_is_string(v))
		return strdup(json_string_value(v));
	text = bytes ? conf_unbase64(bytes, &len) : NULL;
	if (text)
		text[len] = '\0';
	if (text && strlen(text) != len) {
		free(text);
		return NULL;
	}
	return text;
}

static json_t *mode_json(uint32_t mode)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%04o", (unsigned)(mode & 07777));
	return json_string(text);
}

static json_t *xattrs_json(const struct conf_meta *m)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < m->n_xattrs; i++) {
		const struct conf_xattr *x = &m->xattr[i];
		bool plain = conf_utf8(x->name) && strncmp(x->name, "base64:", 7) != 0;
		char *value = conf_base64(x->value, x->len), *key = NULL;
		char *coded = plain ? NULL : conf_base64(x->name, strlen(x->name));

		if (!plain && (!coded || asprintf(&key, "base64:%s", coded) < 0))
			key = NULL;
		if (!value || (!plain && !key) ||
		    json_object_set_new(o, plain ? x->name : key, json_string(value)) != 0) {
			json_decref(o);
			o = NULL;
		}
		free(coded);
		free(key);
		free(value);
	}
	return o;
}

json_t *conf_meta_json(const struct conf_meta *m)
{
	json_t *user = m->user ? json_string(m->user) : NULL;
	json_t *group = m->group ? json_string(m->group) : NULL;
	json_t *machine = m->machine ? json_string(m->machine) : NULL;

	return json_pack("{s:i, s:o, s:o*, s:s, s:o, s:I, s:I, s:o*, s:o*, s:[I,I], s:I, s:o, "
	                 "s:{s:o, s:I, s:I}, s:o*}",
	                 "format", 1, "path", conf_json_bytes(m->path), "machine", machine, "kind",
	                 m->link ? "link" : "file", "mode", mode_json(m->mode), "uid",
	                 (json_int_t)m->uid, "gid", (json_int_t)m->gid, "user", user, "group",
	                 group, "mtime", (json_int_t)m->mtime, (json_int_t)m->mtime_ns, "size",
	                 (json_int_t)m->size, "xattrs", xattrs_json(m), "folder", "mode",
	                 mode_json(m->folder_mode), "uid", (json_int_t)m->folder_uid, "gid",
	                 (json_int_t)m->folder_gid, "leads_to",
	                 m->leads_to ? conf_json_bytes(m->leads_to) : NULL);
}

/* Four octal digits. */
static bool mode_of(const json_t *o, uint32_t *out)
{
	const char *text = json_string_value(json_object_get(o, "mode"));

	if (!text || strlen(text) != 4 || strspn(text, "01234567") != 4)
		return false;
	*out = (uint32_t)strtoul(text, NULL, 8);
	return true;
}

static bool number_of(const json_t *v, int64_t min, int64_t max, int64_t *out)
{
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return false;
	*out = json_integer_value(v);
	return true;
}

static bool id_of(const json_t *o, const char *key, uint32_t *out)
{
	int64_t v;

	/* -1 means "leave it" to chown */
	if (!number_of(json_object_get(o, key), 0, UINT32_MAX - 1, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct conf_xattr *)a)->name, ((const struct conf_xattr *)b)->name);
}

static bool take_xattr(struct conf_xattr *x, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t len = 0;

	x->value = text ? conf_unbase64(text, &x->len) : NULL;
	if (strncmp(key, "base64:", 7) == 0) {
		x->name = conf_unbase64(key + 7, &len);
		if (x->name)
			x->name[len] = '\0';
	} else {
		x->name = strdup(key);
	}
	if (x->name && x->value && *x->name && (!len || strlen(x->name) == len))
		return true;
	free(x->name);
	free(x->value);
	return false;
}

static bool take_xattrs(const json_t *o, struct conf_meta *out)
{
	const char *key;
	json_t *value;

	if (!json_is_object(o))
		return false;
	out->xattr = calloc(json_object_size(o) + 1, sizeof *out->xattr);
	if (!out->xattr)
		return false;
	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		if (!take_xattr(&out->xattr[out->n_xattrs], key, value))
			return false;
		out->n_xattrs++;
	}
	if (out->n_xattrs)
		qsort(out->xattr, out->n_xattrs, sizeof *out->xattr, by_name);
	return true;
}

static const char *take(const json_t *o, struct conf_meta *m)
{
	const json_t *folder = json_object_get(o, "folder"), *time = json_object_get(o, "mtime");
	const char *kind = json_string_value(json_object_get(o, "kind"));
	int64_t v = 0, ns = 0, size = 0;

	if (!number_of(json_object_get(o, "format"), 1, 1, &v))
		return "it has a format that this plugin does not know";
	m->path = text_of(o, "path");
	m->machine = text_of(o, "machine");
	m->user = text_of(o, "user");
	m->group = text_of(o, "group");
	m->leads_to = text_of(o, "leads_to");
	if (!m->path || m->path[0] != '/')
		return "it names no path";
	if (!kind || (strcmp(kind, "file") != 0 && strcmp(kind, "link") != 0))
		return "its kind is none";
	m->link = *kind == 'l';
	if (!mode_of(o, &m->mode) || !mode_of(folder, &m->folder_mode))
		return "its mode is none";
	if (!id_of(o, "uid", &m->uid) || !id_of(o, "gid", &m->gid) ||
	    !id_of(folder, "uid", &m->folder_uid) || !id_of(folder, "gid", &m->folder_gid))
		return "its owner is none";
	if (!number_of(json_array_get(time, 0), INT64_MIN, INT64_MAX, &m->mtime) ||
	    !number_of(json_array_get(time, 1), 0, 999999999, &ns) ||
	    !number_of(json_object_get(o, "size"), 0, INT64_MAX, &size))
		return "its time or size is none";
	m->mtime_ns = (uint32_t)ns;
	m->size = (uint64_t)size;
	return take_xattrs(json_object_get(o, "xattrs"), m) ? NULL : "its attributes are none";
}

const char *conf_meta_parse(const char *text, size_t len, struct conf_meta *out)
{
	struct conf_meta m = { 0 };
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *why = json_is_object(o) ? take(o, &m) : "it is no JSON object";

	json_decref(o);
	if (why)
		conf_meta_clear(&m);
	else
		*out = m;
	return why;
}

void conf_meta_clear(struct conf_meta *m)
{
	for (size_t i = 0; i < m->n_xattrs; i++) {
		free(m->xattr[i].name);
		free(m->xattr[i].value);
	}
	free(m->xattr);
	free(m->path);
	free(m->machine);
	free(m->user);
	free(m->group);
	free(m->leads_to);
	*m = (struct conf_meta){ 0 };
}

/* Both are sorted. */
const char *conf_meta_other_xattr(const struct conf_meta *a, const struct conf_meta *b,
                                  const char *after)
{
	size_t i = 0, j = 0;

	while (i < a->n_xattrs || j < b->n_xattrs) {
		int cmp = i == a->n_xattrs   ? 1
		          : j == b->n_xattrs ? -1
		                             : strcmp(a->xattr[i].name, b->xattr[j].name);
		const struct conf_xattr *x = cmp <= 0 ? &a->xattr[i] : &b->xattr[j];
		bool same = !cmp && x->len == b->xattr[j].len &&
		            memcmp(x->value, b->xattr[j].value, x->len) == 0;

		if (!same && (!after || strcmp(x->name, after) > 0))
			return x->name;
		i += cmp <= 0;
		j += cmp >= 0;
	}
	return NULL;
}

bool conf_meta_differs(const struct conf_meta *a, const struct conf_meta *b,
                       struct conf_drift *drift)
{
	struct conf_drift d = { .kind = a->link != b->link };

	if (!d.kind) {
		d.mode = !a->link && a->mode != b->mode; /* a link has none of its own */
		d.owner = a->uid != b->uid;
		d.group = a->gid != b->gid;
		d.xattr = conf_meta_other_xattr(a, b, NULL) != NULL;
	}
	*drift = d;
	return d.kind || d.mode || d.owner || d.group || d.xattr;
}
