/* SHA-1, FIPS 180-4, for the WebSocket handshake alone: there it proves understanding, and protects
 * nothing. */
#pragma once

#include "base/slice.h"

#define HTTP_SHA1_LEN 20

void http_sha1(struct slice bytes, uint8_t out[HTTP_SHA1_LEN]);
