#include "hub/rest.h"
#include "query/query.h"
#include "json/json.h"

void hub_rest_rows(void *arg, const struct query_answer *a)
{
    struct rest_request *r = arg;
    if (a->why != OK) {
        hub_rest_error(r, a->why, IOT_DEVICE, a->text);
        return;
    }
    rest_add_header(r, "x-ms-item-type", slice_of(a->item_type));
    if (a->continuation.len)
        rest_add_header(r, "x-ms-continuation", a->continuation);
    rest_reply_json(r, 200, a->json);
}

bool hub_rest_page(struct rest_request *r, uint64_t *rows)
{
    struct slice wanted = slice_trim(rest_header(r, "x-ms-max-item-count"));
    *rows = 0;
    if (wanted.len == 0 || (slice_to_u64(wanted, rows) && *rows > 0))
        return true;
    hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE,
                   "x-ms-max-item-count must be a whole number from 1 on");
    return false;
}

static void query(struct rest_request *r)
{
    uint64_t page;
    struct json_doc *doc = NULL;
    struct slice text = json_parse(r->body, JSON_STRICT, &doc, NULL) == OK
                            ? json_string(json_get(json_root(doc), "query"))
                            : (struct slice){0};
    if (text.len == 0)
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE,
                       "the body must be a JSON object with a text named query");
    else if (hub_rest_page(r, &page))
        query_run(((struct hub *)r->app)->registry, r->loop,
                  &(struct query_ask){
                      .text = text,
                      .page = page,
                      .continuation = slice_trim(rest_header(r, "x-ms-continuation")),
                  },
                  hub_rest_rows, r);
    json_free(&doc);
}

static const struct rest_route routes[] = {
    {"POST", "/devices/query", query, REST_SERVICE, "Query_GetTwins", NULL, NULL},
};
const struct rest_table hub_rest_query = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
