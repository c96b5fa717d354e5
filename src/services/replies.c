#include "services/replies.h"

#include <stdio.h>

#include "rest/query.h"
#include "services/aside.h"
#include "services/models.h"
#include "services/services.h"

int services_replies_http(enum status why)
{
    switch (why) {
    case OK:
        return 200;
    case BAD_FORMAT:
    case BAD_ARGUMENT:
        return 400;
    case FORBIDDEN:
        return 403;
    case NOT_FOUND:
        return 404;
    case TIMED_OUT:
        return 408;
    case EXISTS:
        return 409;
    case CANCELLED:
        return 410;
    case CONFLICT:
        return 412;
    case TOO_LARGE:
        return 413;
    case BUSY:
    case FULL:
        return 429;
    case UNSUPPORTED:
        return 501;
    case PEER_FAILED:
    case IO_FAILED:
    case OFFLINE:
    case CLOSED:
        return 502;
    case UNAUTHORIZED: /* the hub does not know us; that is not the caller's fault */
        return 503;
    default:
        return 500;
    }
}

void services_replies_fail(struct rest_request *r, enum status why, const char *detail)
{
    rest_reply_problem(r, services_replies_http(why), detail);
}

void services_replies_no_fleet(struct rest_request *r, enum status why)
{
    if (why == TIMED_OUT)
        rest_reply_problem(r, 503, "the hub does not tell its modules in time");
    else
        services_replies_fail(r, why, "the hub does not tell its modules");
}

static bool query_is_valid(struct rest_request *r)
{
    struct json_doc *doc;
    char why[REST_MODEL_WHY_MAX];
    if (r->route->query == NULL)
        return true;
    if (rest_query_read(r, &services_models, &doc, why) != OK) {
        rest_reply_invalid(r, why);
        return false;
    }
    json_free(&doc);
    return true;
}

/* The header goes before the parameter. */
static void take_header(struct rest_request *r, const char *header, const char *parameter)
{
    struct slice value = rest_header(r, header);
    struct rest_model_member m;
    if (value.len == 0 ||
        !rest_model_member(&services_models, r->route->query, slice_of(parameter), &m))
        return;
    struct rest_field *query = ARENA_TAKE_N(&r->arena, struct rest_field, r->query_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < r->query_count; i++)
        if (!slice_eq_nocase(r->query[i].name, slice_of(parameter)))
            query[count++] = r->query[i];
    query[count++] = (struct rest_field){slice_of(parameter), value};
    r->query = query;
    r->query_count = count;
}

/* ---- bodies and their models ---- */

/* Of any thread. What is wrong with it, whether it is JSON at all. */
static enum status judge(struct slice body, const struct rest_models *models, const char *model, struct json_doc **out,
                         bool *is_json, char why[REST_MODEL_WHY_MAX])
{
    struct json_error error = {0};
    *is_json = json_parse(body, JSON_STRICT, out, &error) == OK;
    if (!*is_json)
        snprintf(why, REST_MODEL_WHY_MAX, "the body is not JSON: %s at byte %zu", error.what ? error.what : "empty",
                 error.at);
    else if (rest_model_check(models, model, json_root(*out), why) == OK)
        return OK;
    json_free(out);
    return BAD_ARGUMENT;
}

static void refuse(struct rest_request *r, bool is_json, const char *why)
{
    if (is_json)
        rest_reply_invalid(r, why);
    else
        services_replies_fail(r, BAD_ARGUMENT, why);
}

enum status services_replies_body(struct rest_request *r, const struct rest_models *models,
                                  const char *model, struct json_doc **out)
{
    bool is_json;
    char why[REST_MODEL_WHY_MAX];
    enum status s = judge(r->body, models, model, out, &is_json, why);
    if (s != OK)
        refuse(r, is_json, why);
    return s;
}

struct checking {
    struct rest_request *request;
    void (*go_on)(struct rest_request *r);
    enum status status;
    bool is_json;
    char why[REST_MODEL_WHY_MAX];
};

static void check(void *arg)
{
    struct checking *c = arg;
    struct json_doc *doc = NULL;
    c->status = judge(c->request->body, &services_models, c->request->route->request, &doc, &c->is_json, c->why);
    json_free(&doc);
}

static void on_checked(void *arg)
{
    struct checking *c = arg;
    if (c->status == OK)
        c->go_on(c->request);
    else
        refuse(c->request, c->is_json, c->why);
}

/* No other has reason to be large. */
static bool may_be_large(const struct rest_route *route)
{
    return route->calls != NULL;
}

void services_replies_check(struct rest_request *r, void (*go_on)(struct rest_request *r))
{
    if (r->route->query) {
        take_header(r, "x-ms-continuation", "continuationToken");
        take_header(r, "x-ms-max-item-count", "pageSize");
    }
    if (!query_is_valid(r))
        return;
    if (r->route->request == NULL || (r->body.len == 0 && r->route->may_lack_body)) {
        go_on(r);
        return;
    }
    if (r->body.len >= ASIDE_BYTES && !may_be_large(r->route)) {
        services_replies_fail(r, TOO_LARGE, "only what goes to a module may be so large");
        return;
    }
    struct checking *c = ARENA_TAKE(&r->arena, struct checking);
    *c = (struct checking){.request = r, .go_on = go_on};
    services_aside(r->loop, r->body.len, check, on_checked, c);
}

enum status services_replies_query(struct rest_request *r, const struct rest_models *models,
                                   const char *model, struct json_doc **out)
{
    char why[REST_MODEL_WHY_MAX];
    if (r->body.len > 0)
        return services_replies_body(r, models, model, out);
    if (rest_query_read(r, models, out, why) == OK)
        return OK;
    rest_reply_invalid(r, why);
    return BAD_ARGUMENT;
}

static bool page_size(struct rest_request *r, uint64_t *out)
{
    struct slice size = rest_query(r, "pageSize");
    *out = 0;
    if (size.len == 0 || (slice_to_u64(size, out) && *out > 0 && *out <= INT32_MAX))
        return true;
    rest_reply_invalid(r, "pageSize: not a number above 0");
    return false;
}

bool services_replies_page(struct rest_request *r, struct services_registry_ask *ask)
{
    uint64_t size;
    if (!page_size(r, &size))
        return false;
    ask->limit = (uint32_t)size;
    ask->after = rest_query(r, "continuationToken");
    return true;
}

bool services_replies_window(struct rest_request *r, size_t *from, size_t *limit)
{
    struct slice token = rest_query(r, "continuationToken");
    uint64_t size, at = 0;
    if (!page_size(r, &size))
        return false;
    if (token.len > 0 && !slice_to_u64(token, &at)) {
        rest_reply_invalid(r, "continuationToken: not one that this list gave");
        return false;
    }
    *from = at;
    *limit = size ? size : SIZE_MAX;
    return true;
}

void services_replies_put_continuation(struct json_writer *w, size_t from, size_t count, size_t all)
{
    char text[24];
    if (from >= all || count >= all - from)
        return;
    snprintf(text, sizeof(text), "%zu", from + count);
    json_name(w, "continuationToken"), json_put_text(w, text);
}

void services_replies_answer(struct rest_request *r, enum status why, struct slice json)
{
    if (why != OK)
        services_replies_fail(r, why,
                              why == NOT_FOUND   ? "the registry does not know it"
                              : why == FORBIDDEN ? "its state does not allow that"
                              : why == EXISTS    ? "it is in the registry already"
                                                 : "the registry could not do it now");
    else if (json.len > 0)
        rest_reply_json(r, 200, json);
    else
        rest_reply_empty(r, 200);
}

static void on_answer(void *arg, enum status why, struct slice json)
{
    services_replies_answer(arg, why, json);
}

void services_replies_ask(struct rest_request *r, const struct services_registry_ask *ask)
{
    struct services *app = r->app;
    services_registry_ask(app->registry, ask, on_answer, r);
}
