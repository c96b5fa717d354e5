#include "http/url.h"
#include "hub/rest.h"
#include "transfers/rows.h"
#include "transfers/transfers.h"

#define BLOB_NAME_MAX 1024

/* ---- what a body may ask ---- */

static bool is_container(const struct json *body, const char *name)
{
    struct http_url url;
    struct slice uri = json_string(json_get(body, name));
    return slice_starts(uri, SLICE("https://")) && http_url_parse(uri, &url) == OK &&
           url.host.len > 0 && uri.len < 4096;
}

static bool is_blob_name(const struct json *body, const char *name)
{
    const struct json *v = json_get(body, name);
    return v == NULL || json_is(v, JSON_NULL) ||
           (json_is(v, JSON_STRING) && json_string(v).len <= BLOB_NAME_MAX);
}

static const char *check_body(const struct json *body)
{
    struct slice type = json_string(json_get(body, "type")),
                 by = json_string(json_get(body, "storageAuthenticationType"));
    bool import = slice_eq_nocase(type, SLICE("import"));
    if (!import && !slice_eq_nocase(type, SLICE("export")))
        return "type must be import or export";
    if (import && !is_container(body, "inputBlobContainerUri"))
        return "inputBlobContainerUri must be the https URI of a container, with its SAS";
    if (!is_container(body, "outputBlobContainerUri"))
        return "outputBlobContainerUri must be the https URI of a container, with its SAS";
    if (!is_blob_name(body, "inputBlobName") || !is_blob_name(body, "outputBlobName") ||
        !is_blob_name(body, "configurationsBlobName"))
        return "inputBlobName, outputBlobName and configurationsBlobName must be texts of up to "
               "1024 bytes";
    if (by.len && !slice_eq_nocase(by, SLICE("keyBased")))
        return "storageAuthenticationType must be keyBased: there are no managed identities here";
    return NULL;
}

/* ---- the routes ---- */

static void on_created(void *arg, const struct registry_answer *a)
{
    struct rest_request *r = arg;
    struct transfers *transfers = ((struct hub *)r->app)->transfers;
    if (a->why != OK) {
        hub_rest_error(r, a->why, a->of, a->text);
        return;
    }
    rest_reply_json(r, 200, a->json);
    if (transfers)
        transfers_look(transfers);
}

static void create(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    const char *wrong = json_parse(r->body, JSON_STRICT, &doc, NULL) == OK
                            ? check_body(json_root(doc))
                            : "the body must be a JSON object";
    json_free(&doc);
    if (wrong)
        hub_rest_error(r, BAD_ARGUMENT, IOT_JOB, wrong);
    else
        registry_ask(((struct hub *)r->app)->registry, r->loop,
                     &(struct registry_ask){.what = &transfer_row_create, .body = r->body},
                     on_created, r);
}

static void ask(struct rest_request *r, const struct registry_work *what)
{
    hub_rest_ask(r, &(struct registry_ask){.what = what, .name = rest_param(r, "id")}, 200);
}

static void list(struct rest_request *r)
{
    ask(r, &transfer_row_list);
}

static void get(struct rest_request *r)
{
    ask(r, &transfer_row_get);
}

static void cancel(struct rest_request *r)
{
    ask(r, &transfer_row_cancel);
}

static const struct rest_route routes[] = {
    {"POST", "/jobs/create", create, REST_WRITE, "Jobs_CreateImportExportJob", NULL, NULL},
    {"GET", "/jobs", list, REST_READ, "Jobs_GetImportExportJobs", NULL, NULL},
    {"GET", "/jobs/{id}", get, REST_READ, "Jobs_GetImportExportJob", NULL, NULL},
    {"DELETE", "/jobs/{id}", cancel, REST_WRITE, "Jobs_CancelImportExportJob", NULL, NULL},
};
const struct rest_table hub_rest_transfers = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
