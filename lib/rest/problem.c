#include "rest/problem.h"

#include <stdio.h>

#include "http/message.h"
#include "rest/server.h"

void rest_problem_put_errors(struct json_writer *w, struct slice why)
{
    size_t at = slice_find_slice(why, SLICE(": "));
    if (at == why.len)
        return;
    json_name(w, "errors"), json_object(w);
    json_name_slice(w, slice_first(why, at)), json_array(w);
    json_put_string(w, slice_skip(why, at + 2));
    json_end_array(w);
    json_end_object(w);
}

static void reply(struct rest_request *r, int status, const char *detail, struct slice invalid)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "type"), json_put_text(&w, "about:blank");
    json_name(&w, "title"), json_put_text(&w, http_message_reason(status));
    json_name(&w, "status"), json_put_i64(&w, status);
    if (detail)
        json_name(&w, "detail"), json_put_text(&w, detail);
    json_member(&w, "instance", r->path);
    json_member(&w, "requestId", slice_of(r->id));
    rest_problem_put_errors(&w, invalid);
    json_end_object(&w);
    rest_reply(r, status, "application/problem+json", buffer_slice(&out));
    buffer_clear(&out);
}

void rest_reply_problem(struct rest_request *r, int status, const char *detail)
{
    reply(r, status, detail, (struct slice){0});
}

void rest_reply_invalid(struct rest_request *r, const char *why)
{
    reply(r, 400, why, slice_of(why));
}
