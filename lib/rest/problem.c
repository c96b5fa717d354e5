#include <stdio.h>

#include "http/message.h"
#include "rest/server.h"
#include "json/write.h"

void rest_reply_problem(struct rest_request *r, int status, const char *detail)
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
    json_end_object(&w);
    rest_reply(r, status, "application/problem+json", buffer_slice(&out));
    buffer_clear(&out);
}
