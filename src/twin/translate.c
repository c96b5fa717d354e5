#include "twin/translate.h"

struct translating {
    struct twin_request *request;
    UA_BrowsePath *paths;
    UA_BrowsePathResult *results;
    size_t count, at, sent; /* those before `at` have their results; `sent` are asked for */
    twin_translate_fn *fn;
    void *arg;
};

static void ask(struct translating *t);

static void on_translated(void *arg, UA_StatusCode status, void *response)
{
    struct translating *t = arg;
    UA_TranslateBrowsePathsToNodeIdsResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != t->sent)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        t->fn(t->arg, status, NULL);
        return;
    }
    memcpy(t->results + t->at, answer->results, t->sent * sizeof(*t->results));
    memset(answer->results, 0, t->sent * sizeof(*t->results)); /* moved */
    t->at += t->sent;
    if (t->at < t->count)
        ask(t);
    else
        t->fn(t->arg, UA_STATUSCODE_GOOD, t->results);
}

static void ask(struct translating *t)
{
    size_t limit = opcua_session_limits(t->request->session)->nodes_per_translate;
    UA_TranslateBrowsePathsToNodeIdsRequest request;
    UA_TranslateBrowsePathsToNodeIdsRequest_init(&request);
    t->sent = t->count - t->at;
    if (limit && t->sent > limit)
        t->sent = limit;
    request.browsePaths = t->paths + t->at;
    request.browsePathsSize = t->sent;
    TWIN_CALL(t->request, TRANSLATEBROWSEPATHSTONODEIDS, &request, on_translated, t);
}

void twin_translate(struct twin_request *r, UA_BrowsePath *paths, size_t count,
                    twin_translate_fn *fn, void *arg)
{
    const UA_DataType *type = &UA_TYPES[UA_TYPES_BROWSEPATHRESULT];
    struct translating *t = ARENA_TAKE(&r->arena, struct translating);
    *t = (struct translating){.request = r, .paths = paths, .count = count, .fn = fn, .arg = arg};
    t->results = twin_request_own(r, UA_Array_new(count, type), count, type);
    ask(t);
}
