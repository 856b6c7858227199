#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>

#include "base/error.h"
#include "base/text.h"

json_t *sk_json_path(const char *path, size_t len)
{
	char *text;
	json_t *bytes;

	if (sk_utf8_valid(path, len) && !memchr(path, '\0', len))
		return json_stringn_nocheck(path, len);
	text = malloc(BASE64_ENCODE_RAW_LENGTH(len) + 1);
	if (!text)
		return NULL;
	base64_encode_raw(text, len, (const uint8_t *)path);
	bytes = json_pack("{s:s#}", "bytes", text, (int)BASE64_ENCODE_RAW_LENGTH(len));
	free(text);
	return bytes;
}

json_t *sk_json_time(time_t t)
{
	char text[21];

	sk_format_rfc3339(t, text);
	return json_string(text);
}

json_t *sk_json_text(const char *text)
{
	return text ? sk_json_path(text, strlen(text)) : json_null();
}

int sk_json_print(json_t *object)
{
	int rc = 0;

	if (!object)
		return sk_error_oom();
	if (json_dumpf(object, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF)
		rc = sk_error_errno(SK_EIO, "cannot write the output");
	json_decref(object);
	return rc;
}
