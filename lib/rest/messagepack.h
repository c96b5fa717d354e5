/*
 * MessagePack to JSON and back, for the models know JSON alone. Pure: bytes in, bytes out.
 *
 * To JSON: binary becomes base64, a timestamp (extension -1) ISO 8601, NaN and infinities the
 * strings that the models have for them; other extensions, names that are no strings, and more than
 * one value are refused. Names that stand twice do so afterwards, too: who reads the JSON judges
 * that. From JSON: a number is an integer when it is written as one, else the shorter float that
 * keeps it.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "json/json.h"

#define REST_MESSAGEPACK_DEPTH_MAX JSON_DEPTH_MAX

/* Appends one line of JSON. BAD_FORMAT; TOO_LARGE: more than json_bytes_max of it. Then *why, a
 * static text, says what is wrong, and what was appended is no JSON. */
CHECKED enum status rest_messagepack_to_json(struct slice bytes, size_t json_bytes_max,
                                             struct buffer *out, const char **why);

/* Appends. BAD_FORMAT: not JSON, and nothing was appended. */
CHECKED enum status rest_messagepack_from_json(struct slice json, struct buffer *out);
