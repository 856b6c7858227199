#include "repo/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/text.h"

enum { DIGEST_HEX = 2 * SHA256_DIGEST_SIZE, RECORD_MAX = 1 << 20 };

static void digest_hex(const void *data, size_t len, char out[DIGEST_HEX + 1])
{
	uint8_t raw[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	sha256_digest(&ctx, sizeof raw, raw);
	for (size_t i = 0; i < sizeof raw; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static bool listed(const char *text, const char *hex)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, hex, DIGEST_HEX) == 0 && p[DIGEST_HEX] == ' ')
			return true;
	return false;
}

bool sk_trust_has(const char *record, const void *data, size_t len)
{
	struct sk_buf text = SK_BUF_INIT;
	char hex[DIGEST_HEX + 1];
	bool has = false;

	if (sk_read_file(AT_FDCWD, record, RECORD_MAX, &text) == 0) {
		digest_hex(data, len, hex);
		has = listed(sk_buf_str(&text), hex);
	}
	sk_buf_free(&text);
	return has;
}

int sk_trust_add(const char *record, const char *path, const void *data, size_t len)
{
	struct sk_buf text = SK_BUF_INIT;
	char hex[DIGEST_HEX + 1];
	int rc = sk_read_file(AT_FDCWD, record, RECORD_MAX, &text);

	if (rc == SK_ENO)
		rc = 0;
	digest_hex(data, len, hex);
	if (rc || listed(sk_buf_str(&text), hex))
		goto out;
	(void)sk_buf_addf(&text, "%s ", hex);
	(void)sk_add_name(&text, path, strlen(path));
	rc = sk_buf_addc(&text, '\n');
	if (!rc)
		rc = sk_write_file(AT_FDCWD, record, text.ptr, text.len, 0600, true);
out:
	sk_buf_free(&text);
	return rc;
}

int sk_trust_revoke(const char *record)
{
	if (unlink(record) < 0 && errno != ENOENT)
		return sk_error_errno(SK_EIO, "cannot remove %s", sk_name(record));
	return 0;
}
