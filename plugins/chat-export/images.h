/* images.h - pictures in conversations, and what stands in their place in the archive. */
#ifndef CHAT_IMAGES_H
#define CHAT_IMAGES_H

#include "buf.h"
#include "sources.h"

/* "[image image/png, 70 bytes, sha256 4977...]"; without the hash where the data is no base64. */
void chat_image_note(const struct chat_image *image, struct chat_buf *out);
/* The same of a "data:" address. */
void chat_image_note_of(const char *address, size_t n, struct chat_buf *out);

/* The next "data:image/...;base64,..." from byte *at of a text on, as Markdown has them: 1, *at is
 * where it begins, image->data all of it; 0: there is none. */
int chat_image_within(const char *s, size_t n, size_t *at, struct chat_image *image);

#endif
