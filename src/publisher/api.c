#include "publisher/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "crypto/server_files.h"
#include "publisher/api_priv.h"
#include "rest/openapi.h"
#include "json/write.h"

#define SCHEME "ApiKey " /* compared with its case, as published */
#define REQUEST_MS 70000 /* of a method: longer than it has itself */

/* ---- the key ---- */

static void keep_key(struct api *a)
{
    if (file_write(a->key_path, slice_of(a->key)) != OK)
        log_warn("api key not kept, the next start makes another path=%s", a->key_path);
}

static void make_key(struct api *a)
{
    uint8_t bytes[API_KEY_BYTES];
    struct buffer text = {0};
    loop_random(a->config.loop, bytes, sizeof bytes);
    base64_encode(slice_from(bytes, sizeof bytes), &text);
    snprintf(a->key, sizeof a->key, "%s", buffer_cstr(&text));
    buffer_clear(&text);
    a->key_made = true;
    keep_key(a);
}

static bool take_key(struct api *a, struct slice text)
{
    text = slice_trim(text);
    if (text.len == 0 || text.len >= sizeof a->key)
        return false;
    snprintf(a->key, sizeof a->key, "%.*s", SLICE_FMT(text));
    return true;
}

static enum status open_key(struct api *a)
{
    struct buffer text = {0};
    if (a->config.key && a->config.key[0]) {
        bool ok = take_key(a, slice_of(a->config.key));
        if (!ok)
            log_error("api.key must be shorter than %d bytes", API_KEY_TEXT_MAX);
        return ok ? OK : BAD_ARGUMENT;
    }
    enum status s = file_read(a->key_path, &text);
    if (s == NOT_FOUND || (s == OK && !take_key(a, buffer_slice(&text)))) {
        make_key(a);
        s = OK;
    }
    buffer_clear(&text);
    return s;
}

/* ---- who may ---- */

static void authorize(struct rest_request *r)
{
    const struct api *a = r->app;
    struct slice given = rest_header(r, "authorization");
    bool ok = slice_starts(given, SLICE(SCHEME)) &&
              crypto_equal(slice_trim(slice_skip(given, sizeof SCHEME - 1)), slice_of(a->key));
    r->user = SLICE("api-key");
    rest_authorized(r, ok ? OK : UNAUTHORIZED, ok ? NULL : "ApiKey");
}

/* ---- the document ---- */

static void get_document(struct rest_request *r)
{
    const struct api *a = r->app;
    if (a->document.len)
        rest_reply_json(r, 200, buffer_slice(&a->document));
    else
        rest_reply_problem(r, 404, "The OpenAPI document is switched off: api.openapi.");
}

static const struct rest_route document_routes[] = {
    {"GET", "/swagger/v2/openapi.json", get_document, REST_PUBLIC, NULL, NULL, NULL, 0},
};

static void make_document(struct api *a, const struct rest_table *tables)
{
    if (!a->config.openapi)
        return;
    rest_openapi_put(&(struct rest_openapi){.version = a->config.openapi_3 ? 3 : 2,
                                            .title = "OpcPublisher",
                                            .api_version = "v2",
                                            .tables = tables,
                                            .table_count = 1,
                                            .models = api_models(),
                                            .messagepack = true},
                     &a->document);
}

/* ---- ports ---- */

static void on_accept(void *arg, struct stream *s)
{
    rest_server_accept(((struct api *)arg)->server, s);
}

static enum status open_tls(struct api *a)
{
    struct buffer pem = {0};
    char path[600];
    snprintf(path, sizeof path, "%s/server.pem", a->tls_path);
    if (a->config.renew)
        unlink(path);
    const char *more[] = {module_id(a->config.module)};
    a->names = server_names(a->host, more, more[0][0] != 0, a->config.listen);
    enum status s = server_tls_open(&(struct server_tls_config){.loop = a->config.loop,
                                                                .directory = a->tls_path,
                                                                .names = a->names},
                                    &a->tls);
    if (s == OK)
        s = file_read(path, &pem);
    if (s == OK)
        a->certificate = slice_dup(buffer_slice(&pem));
    buffer_clear(&pem);
    return s;
}

static enum status listen_on(struct api *a, int port, struct tls_server *tls, struct listener **out)
{
    return listener_open(&(struct listen_config){.loop = a->config.loop,
                                                 .host = a->config.listen,
                                                 .port = port,
                                                 .tls = tls,
                                                 .quiet = a->config.quiet && port == a->config.port,
                                                 .on_accept = on_accept,
                                                 .arg = a},
                         out);
}

static enum status listen_all(struct api *a)
{
    enum status s = OK;
    if (a->config.port >= 0) {
        s = open_tls(a);
        if (s == OK)
            s = listen_on(a, a->config.port, server_tls(a->tls), &a->secure);
    }
    if (s == OK && a->config.plain_port >= 0)
        s = listen_on(a, a->config.plain_port, NULL, &a->plain);
    return s;
}

static void open_server(struct api *a)
{
    struct rest_table tables[] = {REST_TABLE("", document_routes, a),
                                  a->config.health,
                                  {"", api_routes, api_routes_count, a, false}};
    make_document(a, &tables[2]);
    a->server = rest_server_new(&(struct rest_server_config){
        .loop = a->config.loop,
        .tables = tables,
        .table_count = 3,
        .app = a,
        .authorize = authorize,
        .messagepack = true,
        .limits = {.body_bytes = MODULE_INVOKE_MAX, .request_ms = REQUEST_MS}});
}

enum status api_open(const struct api_config *config, struct api **out)
{
    struct api *a = MEMORY_NEW(struct api);
    a->config = *config;
    snprintf(a->key_path, sizeof a->key_path, "%s/api.key", config->directory);
    snprintf(a->tls_path, sizeof a->tls_path, "%s/tls", config->directory);
    if (gethostname(a->host, sizeof a->host - 1) != 0)
        snprintf(a->host, sizeof a->host, "localhost");
    enum status s = file_make_directory(config->directory);
    if (s == OK)
        s = open_key(a);
    if (s == OK) {
        open_server(a);
        s = listen_all(a);
    }
    if (s != OK) {
        api_stop(a);
        api_free(&a);
        return s;
    }
    *out = a;
    return OK;
}

void api_stop(struct api *a)
{
    listener_close(&a->secure);
    listener_close(&a->plain);
    rest_server_free(&a->server);
}

void api_free(struct api **api)
{
    struct api *a = *api;
    if (!a)
        return;
    server_tls_close(&a->tls);
    explicit_bzero(a->key, sizeof a->key);
    free(a->certificate);
    free(a->names);
    buffer_clear(&a->document);
    free(a);
    *api = NULL;
}

const char *api_key(const struct api *a)
{
    return a->key;
}

const char *api_certificate(const struct api *a)
{
    return a->certificate;
}

int api_port(const struct api *a)
{
    return a->secure ? listener_port(a->secure) : -1;
}

int api_plain_port(const struct api *a)
{
    return a->plain ? listener_port(a->plain) : -1;
}

/* ---- the twin ---- */

static void report(struct api *a)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "__apikey__"), json_put_text(&w, a->key);
    json_name(&w, "__scheme__"), json_put_text(&w, a->secure ? "https" : "http");
    json_name(&w, "__hostname__"), json_put_text(&w, a->host);
    json_name(&w, "__port__"), json_put_i64(&w, listener_port(a->secure ? a->secure : a->plain));
    json_end_object(&w);
    module_report(a->config.module, buffer_slice(&out));
    buffer_clear(&out);
}

void api_on_reported(struct api *a, const struct json *reported)
{
    struct slice before = json_string(json_get(reported, "__apikey__"));
    if (a->key_made && before.len && take_key(a, before))
        keep_key(a);
    a->key_made = false;
    if (a->secure || a->plain)
        report(a);
}
