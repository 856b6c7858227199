#include "agent/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"

#define RECORD_MAX 65536
#define BEFORE_MAX (16u << 20)

void sk_agent_hash(const struct sk_buf *text, struct sk_oid *out)
{
	sk_hash_object(SK_OBJ_BLOB, sk_buf_str(text), text->len, out);
}

static int folder(struct sk_buf *out)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && state[0] == '/')
		(void)sk_buf_addf(out, "%s/safekeep/agent", state);
	else if (home && home[0] == '/')
		(void)sk_buf_addf(out, "%s/.local/state/safekeep/agent", home);
	else
		return sk_error(SK_EIO, "cannot keep the settings as they are: HOME is not set");
	return sk_buf_ok(out);
}

int sk_agent_record_path(const char *settings, const char *ending, struct sk_buf *out)
{
	struct sk_oid name;
	int rc = folder(out);

	sk_hash_object(SK_OBJ_BLOB, settings, strlen(settings), &name);
	(void)sk_buf_addf(out, "/%.16s.%s", sk_oid_str(&name), ending);
	return rc ? rc : sk_buf_ok(out);
}

static int write_part(const char *settings, const char *ending, const char *data, size_t len)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_agent_record_path(settings, ending, &path);

	if (!rc)
		rc = sk_write_file(AT_FDCWD, path.ptr, data, len, 0600, true);
	sk_buf_free(&path);
	return rc;
}

static int read_part(const char *settings, const char *ending, size_t max, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_agent_record_path(settings, ending, &path);

	if (!rc)
		rc = sk_read_file(AT_FDCWD, path.ptr, max, out);
	sk_buf_free(&path);
	return rc;
}

int sk_agent_record_write(const char *settings, const struct sk_agent_record *r)
{
	struct sk_buf dir = SK_BUF_INIT;
	char *text = NULL;
	json_t *o;
	int rc = folder(&dir);

	if (!rc)
		rc = sk_mkdirs(dir.ptr, 0700);
	if (!rc && !r->absent)
		rc = write_part(settings, "before", sk_buf_str(&r->before), r->before.len);
	o = json_pack("{s:o, s:b, s:b, s:s}", "path", sk_json_text(settings), "absent", r->absent,
	              "folder", r->folder, "after", sk_oid_str(&r->after));
	text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	if (!rc)
		rc = text ? write_part(settings, "json", text, strlen(text)) : sk_error_oom();
	json_decref(o);
	free(text);
	sk_buf_free(&dir);
	return rc;
}

int sk_agent_record_read(const char *settings, struct sk_agent_record *out)
{
	struct sk_agent_record r = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	const char *after = NULL;
	int absent = 0, made = 0;
	json_t *o = NULL;
	int rc = read_part(settings, "json", RECORD_MAX, &text);

	if (!rc) {
		o = json_loadb(text.ptr, text.len, 0, NULL);
		if (json_unpack(o, "{s:b, s:b, s:s}", "absent", &absent, "folder", &made, "after",
		                &after) ||
		    !sk_oid_parse(after, &r.after))
			rc = sk_error(SK_ENO, "no record of the settings");
	}
	r.absent = absent;
	r.folder = made;
	json_decref(o);
	if (!rc && !r.absent)
		rc = read_part(settings, "before", BEFORE_MAX, &r.before);
	sk_buf_free(&text);
	if (rc)
		sk_buf_free(&r.before);
	else
		*out = r;
	return rc == 0 ? 0 : SK_ENO;
}

void sk_agent_record_clear(struct sk_agent_record *record)
{
	sk_buf_free(&record->before);
	*record = (struct sk_agent_record){ 0 };
}

void sk_agent_record_forget(const char *settings)
{
	static const char *const endings[] = { "json", "before" };
	struct sk_buf path = SK_BUF_INIT;

	for (size_t i = 0; i < 2; i++) {
		sk_buf_clear(&path);
		if (sk_agent_record_path(settings, endings[i], &path) == 0)
			(void)unlink(path.ptr);
	}
	sk_buf_free(&path);
}
