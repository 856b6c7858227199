#include "base/html.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "base/error.h"

/* Source: HTML, "restrictions for contents of script elements"; the three characters occur in
 * JSON's strings only. */
int sk_html_add_json(const json_t *data, struct sk_buf *out)
{
	char *text = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (!text)
		return sk_error_oom();
	for (const char *p = text; *p; p++) {
		if (strchr("<>&", *p))
			(void)sk_buf_addf(out, "\\u%04x", (unsigned)*p);
		else
			(void)sk_buf_addc(out, *p);
	}
	free(text);
	return sk_buf_ok(out);
}

int sk_html_add_attribute(const struct sk_buf *text, struct sk_buf *out)
{
	const char *p = sk_buf_str(text), *end = p + text->len;

	while (p < end) {
		size_t n = 0;

		while (p + n < end && p[n] != '&' && p[n] != '"')
			n++;
		(void)sk_buf_add(out, p, n);
		p += n;
		if (p < end)
			(void)sk_buf_adds(out, *p++ == '&' ? "&amp;" : "&quot;");
	}
	return sk_buf_ok(out);
}

static int damaged(void)
{
	return sk_error(SK_EIO, "the page in this program is damaged: build it again");
}

static int find_script(const struct sk_html_page *page, const char **out, size_t *len)
{
	static const char open[] = "<script>", end[] = "</script>";
	const char *stop = page->text + page->len, *tail = NULL;
	const char *script = memmem(page->text, page->len, open, sizeof open - 1);

	if (script) {
		script += sizeof open - 1;
		tail = memmem(script, (size_t)(stop - script), end, sizeof end - 1);
	}
	if (!tail)
		return damaged();
	*out = script;
	*len = (size_t)(tail - script);
	return 0;
}

int sk_html_add_hash(const struct sk_html_page *page, struct sk_buf *out)
{
	char text[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE)];
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	const char *script;
	size_t len;
	int rc = find_script(page, &script, &len);

	if (rc)
		return rc;
	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)script);
	sha256_digest(&ctx, sizeof digest, digest);
	base64_encode_raw(text, sizeof digest, digest);
	return sk_buf_add(out, text, sizeof text);
}

int sk_html_fill(const struct sk_html_page *page, const struct sk_html_place *place, size_t n,
                 struct sk_buf *out)
{
	const char *at = page->text, *stop = page->text + page->len, *script;
	size_t len;
	int rc = find_script(page, &script, &len);

	for (size_t i = 0; i < n && !rc; i++) {
		const char *mark =
		        memmem(at, (size_t)(script - at), place[i].mark, strlen(place[i].mark));

		if (!mark)
			return damaged();
		(void)sk_buf_add(out, at, (size_t)(mark - at));
		(void)sk_buf_add(out, sk_buf_str(place[i].with), place[i].with->len);
		at = mark + strlen(place[i].mark);
	}
	if (!rc)
		(void)sk_buf_add(out, at, (size_t)(stop - at));
	return rc ? rc : sk_buf_ok(out);
}
