/*
 * What an HTTP/1.1 message says (RFC 9110), and how its head is written. Reading is http/parser.h.
 * No I/O. Names of fields compare without case.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

struct http_field {
    struct slice name;
    struct slice value; /* without the blanks around it */
};

/* The slices belong to who made the message. */
struct http_message {
    struct slice method; /* of a request: "GET" */
    struct slice target; /* as sent: "/v2/read?x=1"; http/url.h takes it apart */
    int status;          /* of a response; 0 in a request */
    struct slice reason;
    const struct http_field *fields;
    size_t field_count;
    struct slice body;     /* complete, chunks joined */
    uint8_t minor;         /* HTTP/1.minor */
    bool keep_alive;       /* the connection may be used again after this message */
    bool expects_continue; /* "Expect: 100-continue" */
    bool upgrade; /* asks for (or, status 101, grants) another protocol on this connection */
};

/* The first field of that name; empty when there is none. */
struct slice http_message_field(const struct http_message *m, const char *name);

/* All fields of that name are one list of words between commas: is `word` among them, in any case?
 */
bool http_message_field_has(const struct http_message *m, const char *name, const char *word);

/* ---- writing: a start line, fields, the end, then the body ---- */

void http_message_put_request(struct buffer *out, const char *method, struct slice target);
/* The reason phrase comes from the status. */
void http_message_put_response(struct buffer *out, int status);
/* Control characters in the value become blanks, so that no value can end its field. */
void http_message_put_field(struct buffer *out, const char *name, struct slice value);
void http_message_put_number(struct buffer *out, const char *name, uint64_t value);
/* "Date", from wall clock milliseconds. */
void http_message_put_date(struct buffer *out, uint64_t wall_ms);
void http_message_put_end(struct buffer *out);
/* The interim answer to a request that expects it. */
void http_message_put_continue(struct buffer *out);

/* "Not Found"; "Unknown" for a status that has no name. */
const char *http_message_reason(int status);
