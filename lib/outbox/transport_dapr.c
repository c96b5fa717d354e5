/*
 * Dapr's side car, over its HTTP API: POST /v1.0/publish/{component}/{topic}, the body as it is
 * (metadata.rawPayload), the message's properties as metadata in the query. The component behind it
 * decides what becomes of them. The side car tells the programs beside it its port and token in
 * DAPR_HTTP_PORT and DAPR_API_TOKEN.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "iot/message.h"
#include "outbox/transport_http.h"

#define PORT "3500"

static void put_metadata(struct slice name, struct slice value, struct buffer *out)
{
    buffer_text(out, "&metadata.");
    percent_encode(name, out);
    buffer_u8(out, '=');
    percent_encode(value, out);
}

static void put_query(const struct outgoing_view *v, struct buffer *out)
{
    struct slice list = v->properties, name, value;
    buffer_text(out, "?metadata.rawPayload=true");
    if (v->ttl_ms)
        buffer_printf(out, "&metadata.ttlInSeconds=%" PRIu64, (v->ttl_ms + 999) / 1000);
    if (v->retain)
        buffer_text(out, "&metadata.retain=true");
    if (v->content_encoding.len && !slice_eq(v->content_encoding, SLICE("utf-8")))
        put_metadata(SLICE("contentEncoding"), v->content_encoding, out);
    while (iot_property_next(&list, &name, &value))
        put_metadata(name, value, out);
}

/* What the connection string says, or else the side car, or else everybody. */
static struct slice said(const char *connection, const char *name, const char *variable,
                         const char *otherwise)
{
    struct slice own = transport_text_find(connection, name);
    const char *told = variable ? getenv(variable) : NULL;
    return own.len ? own : slice_of(told && told[0] ? told : otherwise);
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    const char *text = config->connection;
    struct slice component = transport_text_find(text, "PubSubComponent");
    struct slice token = said(text, "ApiKey", "DAPR_API_TOKEN", "");
    struct buffer root = {0};
    if (component.len == 0) {
        log_error("publisher Dapr: the connection string needs PubSubComponent: "
                  "PubSubComponent=;HttpPort=;Scheme=;Host=;ApiKey=");
        return BAD_ARGUMENT;
    }
    if (!transport_http_put_root(
            "Dapr", said(text, "Host", NULL, "127.0.0.1"),
            said(text, "HttpPort", "DAPR_HTTP_PORT", PORT),
            !slice_eq_nocase(transport_text_find(text, "Scheme"), SLICE("https")), &root)) {
        buffer_clear(&root);
        return BAD_ARGUMENT;
    }
    buffer_text(&root, "/v1.0/publish/");
    percent_encode(component, &root);
    *out =
        transport_http_new(&transport_dapr, config,
                           &(struct http_target){.root = memory_text(buffer_cstr(&root)),
                                                 .credential_name = "dapr-api-token",
                                                 .credential = token.len ? slice_dup(token) : NULL,
                                                 .put_query = put_query});
    buffer_clear(&root);
    return OK;
}

const struct transport_ops transport_dapr = {.name = "Dapr",
                                             .keeps_connection = true,
                                             .open = open,
                                             .send = transport_http_send,
                                             .close = transport_http_close};
