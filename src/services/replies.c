#include "services/replies.h"

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

enum status services_replies_body(struct rest_request *r, const struct rest_models *models,
                                  const char *model, struct json_doc **out)
{
    struct json_error error = {0};
    if (json_parse(r->body, JSON_STRICT, out, &error) != OK) {
        const char *why = arena_printf(&r->arena, "the body is not JSON: %s at byte %zu",
                                       error.what ? error.what : "empty", error.at);
        services_replies_fail(r, BAD_ARGUMENT, why);
        return BAD_ARGUMENT;
    }
    char why[REST_MODEL_WHY_MAX];
    if (rest_model_check(models, model, json_root(*out), why) == OK)
        return OK;
    json_free(out);
    services_replies_fail(r, BAD_ARGUMENT, why);
    return BAD_ARGUMENT;
}

bool services_replies_page(struct rest_request *r, struct services_registry_ask *ask)
{
    struct slice size = rest_header(r, "x-ms-max-item-count");
    if (size.len == 0)
        size = rest_query(r, "pageSize");
    uint64_t n = 0;
    if (size.len > 0 && (!slice_to_u64(size, &n) || n == 0 || n > INT32_MAX)) {
        services_replies_fail(r, BAD_ARGUMENT, "pageSize is not a number above 0");
        return false;
    }
    ask->limit = (uint32_t)n;
    ask->after = rest_header(r, "x-ms-continuation");
    if (ask->after.len == 0)
        ask->after = rest_query(r, "continuationToken");
    return true;
}

static void on_answer(void *arg, enum status why, struct slice json)
{
    struct rest_request *r = arg;
    if (why == NOT_FOUND)
        services_replies_fail(r, why, "the registry does not know it");
    else if (why == FORBIDDEN)
        services_replies_fail(r, why, "its state does not allow that");
    else if (why != OK)
        services_replies_fail(r, why, NULL);
    else if (json.len > 0)
        rest_reply_json(r, 200, json);
    else
        rest_reply_empty(r, 200);
}

void services_replies_ask(struct rest_request *r, const struct services_registry_ask *ask)
{
    struct services *app = r->app;
    services_registry_ask(app->registry, ask, on_answer, r);
}
