/* Bytes as text and back: base64 (RFC 4648), hex, percent (RFC 3986), UUIDs (RFC 4122). */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

void base64_encode(struct slice bytes, struct buffer *out);
/* Strict: padding where it belongs, nothing else in between. Appends. */
CHECKED enum status base64_decode(struct slice text, struct buffer *out);

void base64url_encode(struct slice bytes, struct buffer *out); /* no padding, as JWT has it */
CHECKED enum status base64url_decode(struct slice text, struct buffer *out);

void hex_encode(struct slice bytes, struct buffer *out); /* lower case */

/* Everything but ALPHA DIGIT - . _ ~ becomes %XX. */
void percent_encode(struct slice bytes, struct buffer *out);
/* A lone or broken % stays as it is, and so does '+': as the SDKs' decoders have it. Appends. */
void percent_decode(struct slice text, struct buffer *out);
struct slice percent_decode_in(struct arena *a, struct slice text);

#define UUID_TEXT_LEN 36
/* Makes the 16 random bytes a version 4 UUID and writes it as text. */
void uuid_text(const uint8_t random[16], char out[UUID_TEXT_LEN + 1]);
/* The 36-letter form of any 16 bytes, in lower case. */
void uuid_print(const uint8_t uuid[16], char out[UUID_TEXT_LEN + 1]);
/* The 36-letter form in any case. */
bool uuid_parse(struct slice text, uint8_t out[16]);
