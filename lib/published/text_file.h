/*
 * A file that people write. It is UTF-8; as Windows' editors and shells save it, it is UTF-16 and
 * says so in its first two bytes, which OPC Publisher understands. Blocks: for helper threads.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

/* Appends the file as UTF-8: as it is, or out of UTF-16, without the mark. What is half a character
 * there becomes U+FFFD. As file_read(). */
CHECKED enum status text_file_read(const char *path, struct buffer *out);

/* The same with text that was read already; the old text is wiped. */
void text_to_utf8(struct buffer *text);
