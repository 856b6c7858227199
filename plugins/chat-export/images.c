#include "images.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#define HASH_SHOWN 16 /* bytes of the SHA-256 of an image */
#define HEAD_MOST 160 /* bytes between "data:" and the data */
#define DATA_LEAST 32 /* shorter is an example that somebody wrote */

/* SHA-256 of what base64 stands for; 0 when it is none. */
static int hash_image(const char *s, size_t n, char out[2 * HASH_SHOWN + 1], uint64_t *bytes)
{
	struct base64_decode_ctx decode;
	struct sha256_ctx sha;
	uint8_t piece[3072], digest[HASH_SHOWN];

	base64_decode_init(&decode);
	sha256_init(&sha);
	*bytes = 0;
	while (n) {
		size_t take = n < 4000 ? n : 4000, len = sizeof piece;

		if (!base64_decode_update(&decode, &len, piece, take, s))
			return 0;
		sha256_update(&sha, len, piece);
		*bytes += len;
		s += take;
		n -= take;
	}
	sha256_digest(&sha, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return 1;
}

void chat_image_note(const struct chat_image *image, struct chat_buf *out)
{
	const char *data = image->data.s;
	char hash[2 * HASH_SHOWN + 1];
	size_t n = image->data.n;
	uint64_t bytes = image->bytes;
	const char *comma =
	        n > 5 && strncasecmp(data, "data:", 5) == 0 ? memchr(data, ',', n) : NULL;

	if (comma) {
		n -= (size_t)(comma + 1 - data);
		data = comma + 1;
	}
	(void)chat_buf_adds(out, "[image ");
	for (size_t i = 0; i < image->mime.n && i < 60; i++) {
		char c = image->mime.s[i];

		(void)chat_buf_addc(out, c > ' ' && c < 0x7f && c != '"' ? c : '_');
	}
	if (n && hash_image(data, n, hash, &bytes))
		(void)chat_buf_addf(out, ", %llu bytes, sha256 %s]", (unsigned long long)bytes,
		                    hash);
	else
		(void)chat_buf_addf(out, ", %llu bytes]",
		                    (unsigned long long)(image->bytes ? image->bytes : n / 4 * 3));
}

void chat_image_note_of(const char *address, size_t n, struct chat_buf *out)
{
	struct chat_image image = { .mime = { "", 0 }, .data = { address, n } };
	size_t mime = 5;

	while (mime < n && address[mime] != ';' && address[mime] != ',')
		mime++;
	if (n > 5)
		image.mime = (struct chat_text){ address + 5, mime - 5 };
	chat_image_note(&image, out);
}

static int is_data(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '-' || c == '_' || c == '%' || c == '=';
}

int chat_image_within(const char *s, size_t n, size_t *at, struct chat_image *image)
{
	static const char colon[] = ":image/", base64[] = ";base64";
	const char *end = s + n, *from = s + *at, *hit;

	for (; from < end && (hit = memmem(from, (size_t)(end - from), colon, strlen(colon)));
	     from = hit + 1) {
		size_t room = (size_t)(end - hit) < HEAD_MOST ? (size_t)(end - hit) : HEAD_MOST;
		const char *comma = memchr(hit, ',', room), *stop;

		if (hit - from < 4 || strncasecmp(hit - 4, "data", 4) != 0 || !comma ||
		    (size_t)(comma - hit) < strlen(base64) ||
		    strncasecmp(comma - strlen(base64), base64, strlen(base64)) != 0)
			continue;
		for (stop = comma + 1; stop < end && is_data(*stop);)
			stop++;
		if (stop - comma <= DATA_LEAST)
			continue;
		*at = (size_t)(hit - 4 - s);
		*image = (struct chat_image){ .data = { hit - 4, (size_t)(stop - hit) + 4 } };
		return 1;
	}
	return 0;
}
