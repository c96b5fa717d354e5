#include "http/parser.h"

#include <llhttp.h>
#include <stdlib.h>

#include "base/memory.h"

/* While a head arrives its bytes move with the buffer, so fields are places in it until it is
 * whole. */
struct place {
    uint32_t at, len;
};

struct http_parser {
    llhttp_t http;
    struct http_message message;
    struct http_field fields[HTTP_FIELD_COUNT_MAX];
    struct place names[HTTP_FIELD_COUNT_MAX], values[HTTP_FIELD_COUNT_MAX];
    struct place start; /* the target of a request, the reason of a response */
    struct buffer head, body;
    size_t field_count;
    size_t body_bytes_max; /* of a body that is gathered */
    uint64_t body_limit;   /* of this message's */
    uint64_t body_bytes;   /* that came */
    http_parser_head_fn *ask;
    void *ask_arg;
    size_t trailer_bytes;
    enum status failed; /* OK while nothing went wrong */
    const char *why;    /* it failed, if not for llhttp's own reason */
    bool begun, head_complete, complete, continue_asked, no_body;
    bool stopped; /* behind the head */
};

static struct http_parser *parser_of(llhttp_t *h)
{
    return h->data;
}

static int refuse(struct http_parser *p, enum status why, const char *reason)
{
    p->failed = why;
    p->why = reason;
    return HPE_USER;
}

static int append(struct http_parser *p, struct place *to, const char *at, size_t len)
{
    if (p->head.len + len > HTTP_HEAD_BYTES_MAX)
        return refuse(p, TOO_LARGE, "head too large");
    if (to->len == 0)
        to->at = (uint32_t)p->head.len;
    buffer_put(&p->head, slice_from(at, len));
    to->len += (uint32_t)len;
    return 0;
}

static int on_begin(llhttp_t *h)
{
    parser_of(h)->begun = true;
    return 0;
}

static int on_start(llhttp_t *h, const char *at, size_t len)
{
    struct http_parser *p = parser_of(h);
    return append(p, &p->start, at, len);
}

/* Trailers are counted and dropped: nothing here needs one. */
static int on_trailer(struct http_parser *p, size_t len)
{
    p->trailer_bytes += len;
    return p->trailer_bytes > HTTP_HEAD_BYTES_MAX ? refuse(p, TOO_LARGE, "trailers too large") : 0;
}

static int on_name(llhttp_t *h, const char *at, size_t len)
{
    struct http_parser *p = parser_of(h);
    if (p->head_complete)
        return on_trailer(p, len);
    if (p->field_count == HTTP_FIELD_COUNT_MAX)
        return refuse(p, TOO_LARGE, "too many fields");
    return append(p, &p->names[p->field_count], at, len);
}

static int on_value(llhttp_t *h, const char *at, size_t len)
{
    struct http_parser *p = parser_of(h);
    if (p->head_complete)
        return on_trailer(p, len);
    return append(p, &p->values[p->field_count], at, len);
}

static int on_value_complete(llhttp_t *h)
{
    struct http_parser *p = parser_of(h);
    if (!p->head_complete)
        p->field_count++;
    return 0;
}

static struct slice slice_at(const struct http_parser *p, struct place at)
{
    return at.len ? slice_from(p->head.at + at.at, at.len) : (struct slice){0};
}

static void describe(struct http_parser *p)
{
    struct http_message *m = &p->message;
    for (size_t i = 0; i < p->field_count; i++)
        p->fields[i] =
            (struct http_field){slice_at(p, p->names[i]), slice_trim(slice_at(p, p->values[i]))};
    *m = (struct http_message){.fields = p->fields, .field_count = p->field_count};
    m->minor = llhttp_get_http_minor(&p->http);
    m->keep_alive = llhttp_should_keep_alive(&p->http);
    m->upgrade = llhttp_get_upgrade(&p->http);
    if (llhttp_get_type(&p->http) == HTTP_REQUEST) {
        m->method = slice_of(llhttp_method_name(llhttp_get_method(&p->http)));
        m->target = slice_at(p, p->start);
        m->expects_continue = m->minor >= 1 && http_message_field_has(m, "Expect", "100-continue");
    } else {
        m->status = llhttp_get_status_code(&p->http);
        m->reason = slice_at(p, p->start);
    }
}

static int on_head(llhttp_t *h)
{
    struct http_parser *p = parser_of(h);
    describe(p);
    p->head_complete = true;
    if (p->no_body)
        return 1;
    bool sized = h->flags & F_CONTENT_LENGTH;
    bool has_body = (h->flags & F_CHUNKED) || (sized && h->content_length > 0);
    uint64_t pieces = has_body && p->ask ? p->ask(p->ask_arg, &p->message) : 0;
    p->body_limit = pieces ? pieces : p->body_bytes_max;
    if (sized && h->content_length > p->body_limit)
        return refuse(p, TOO_LARGE, "body too large");
    p->stopped = pieces > 0;
    return p->stopped ? HPE_PAUSED : 0;
}

/* A chunk says its size before it comes. */
static int on_chunk(llhttp_t *h)
{
    struct http_parser *p = parser_of(h);
    return h->content_length > p->body_limit - p->body_bytes
               ? refuse(p, TOO_LARGE, "body too large")
               : 0;
}

static int on_body(llhttp_t *h, const char *at, size_t len)
{
    struct http_parser *p = parser_of(h);
    if (len > p->body_limit - p->body_bytes)
        return refuse(p, TOO_LARGE, "body too large");
    p->body_bytes += len;
    buffer_put(&p->body, slice_from(at, len));
    return 0;
}

static int on_complete(llhttp_t *h)
{
    struct http_parser *p = parser_of(h);
    p->complete = true;
    p->message.keep_alive = llhttp_should_keep_alive(h);
    p->message.body = buffer_slice(&p->body);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_url = on_start,
    .on_status = on_start,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head,
    .on_chunk_header = on_chunk,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

struct http_parser *http_parser_new(enum http_parser_kind kind, size_t body_bytes_max)
{
    struct http_parser *p = MEMORY_NEW(struct http_parser);
    p->body_bytes_max = body_bytes_max;
    llhttp_init(&p->http, kind == HTTP_PARSER_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    p->http.data = p;
    return p;
}

void http_parser_free(struct http_parser **p)
{
    if (*p == NULL)
        return;
    buffer_clear(&(*p)->head);
    buffer_clear(&(*p)->body);
    free(*p);
    *p = NULL;
}

static enum status fail(struct http_parser *p)
{
    if (p->failed == OK)
        p->failed = BAD_FORMAT;
    return p->failed;
}

enum status http_parser_feed(struct http_parser *p, struct slice *bytes)
{
    if (p->failed != OK)
        return p->failed;
    if (bytes->len == 0)
        return AGAIN;
    if (p->stopped)
        llhttp_resume(&p->http);
    p->stopped = false;
    llhttp_errno_t e = llhttp_execute(&p->http, (const char *)bytes->at, bytes->len);
    if (e == HPE_OK) {
        *bytes = slice_skip(*bytes, bytes->len);
        return AGAIN;
    }
    if (!p->complete && !p->stopped)
        return fail(p);
    *bytes =
        slice_skip(*bytes, (size_t)((const uint8_t *)llhttp_get_error_pos(&p->http) - bytes->at));
    return OK;
}

enum status http_parser_end(struct http_parser *p)
{
    if (p->failed != OK)
        return p->failed;
    if (!p->begun)
        return AGAIN;
    llhttp_finish(&p->http);
    return p->complete ? OK : fail(p);
}

const struct http_message *http_parser_message(const struct http_parser *p)
{
    return &p->message;
}

const struct http_message *http_parser_head(const struct http_parser *p)
{
    return p->head_complete ? &p->message : NULL;
}

bool http_parser_wants_continue(struct http_parser *p)
{
    bool wants = p->head_complete && !p->complete && p->message.expects_continue &&
                 p->body_bytes == 0 && !p->continue_asked;
    p->continue_asked |= wants;
    return wants;
}

#define KEPT_BODY_BYTES (64u << 10) /* a larger body's memory is given back */

void http_parser_next(struct http_parser *p)
{
    if (p->complete && !p->message.keep_alive)
        refuse(p, BAD_FORMAT, "data after the last message");
    llhttp_reset(&p->http);
    memset(p->names, 0, p->field_count * sizeof *p->names);
    memset(p->values, 0, p->field_count * sizeof *p->values);
    p->message = (struct http_message){0};
    p->start = (struct place){0};
    p->field_count = p->trailer_bytes = 0;
    p->body_bytes = 0;
    p->stopped = p->begun = p->head_complete = p->complete = p->continue_asked = p->no_body = false;
    buffer_reset(&p->head);
    buffer_reset(&p->body);
    if (p->body.cap > KEPT_BODY_BYTES)
        buffer_clear(&p->body);
}

void http_parser_on_head(struct http_parser *p, http_parser_head_fn *fn, void *arg)
{
    p->ask = fn;
    p->ask_arg = arg;
}

bool http_parser_complete(const struct http_parser *p)
{
    return p->complete;
}

struct slice http_parser_body(const struct http_parser *p)
{
    return buffer_slice(&p->body);
}

void http_parser_body_drop(struct http_parser *p)
{
    buffer_reset(&p->body);
}

void http_parser_no_body(struct http_parser *p)
{
    p->no_body = true;
}

bool http_parser_idle(const struct http_parser *p)
{
    return !p->begun;
}

const char *http_parser_why(const struct http_parser *p)
{
    const char *why = p->why ? p->why : llhttp_get_error_reason(&p->http);
    return why ? why : "";
}
