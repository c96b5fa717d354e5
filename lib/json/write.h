/*
 * Writing JSON into a buffer, commas by itself. Names and values are called in the order of the text:
 *
 *     struct json_writer w = json_writer(&out);
 *     json_object(&w);
 *     json_name(&w, "deviceId"), json_put_string(&w, id);
 *     json_end_object(&w);
 *
 * Bytes that are not UTF-8 are written as U+FFFD, so the text is always valid.
 */
#pragma once

#include "base/buffer.h"
#include "json/json.h"

struct json_writer {
    struct buffer *out;
    bool comma; /* something stands before on this level */
};

struct json_writer json_writer(struct buffer *out);

void json_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_name(struct json_writer *w, const char *name);
void json_name_slice(struct json_writer *w, struct slice name);

void json_put_null(struct json_writer *w);
void json_put_bool(struct json_writer *w, bool v);
void json_put_i64(struct json_writer *w, int64_t v);
void json_put_u64(struct json_writer *w, uint64_t v);
void json_put_double(struct json_writer *w, double v); /* shortest that reads back the same; NaN and infinities as strings "NaN", "Infinity", "-Infinity" */
void json_put_string(struct json_writer *w, struct slice v);
void json_put_text(struct json_writer *w, const char *v);
void json_put_value(struct json_writer *w, const struct json *v); /* a parsed value, compact */
void json_put_raw(struct json_writer *w, struct slice json);       /* already JSON */
void json_put_time(struct json_writer *w, uint64_t wall_ms);       /* ISO 8601 */

/* Name and value in one call; nothing at all when the slice is empty. */
void json_member(struct json_writer *w, const char *name, struct slice v);

/* The quoted, escaped string alone, for the hot path. */
void json_escape(struct buffer *out, struct slice v);
/* The number alone: shortest text that reads back to the same double. Returns the length, at most 32. */
size_t json_print_double(double v, char out[32]);
/* The same for the shortest text that reads back to the same float. NaN and infinities are "null" in both. */
size_t json_print_float(float v, char out[32]);
