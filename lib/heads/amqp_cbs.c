/* The $cbs node: claims-based security, as Azure's SDKs use it. put-token, and nothing else. */
#include "heads/amqp_priv.h"

static struct slice text_property(const struct amqp_message *m, struct slice name)
{
    struct amqp_value v;
    if (!amqp_map_find(&m->application_properties, name, &v) || !amqp_is_text(&v))
        return (struct slice){0};
    return v.bytes;
}

static void on_request(void *arg, struct heads_amqp_reply *reply, const struct amqp_message *m)
{
    (void)arg;
    struct slice operation = text_property(m, SLICE("operation"));
    struct slice type = text_property(m, SLICE("type"));
    struct heads_amqp_token t = {.audience = text_property(m, SLICE("name"))};
    bool sas = slice_eq(type, SLICE("servicebus.windows.net:sastoken"));
    if (!slice_eq(operation, SLICE("put-token"))) {
        heads_amqp_answer(reply, UNSUPPORTED, "put-token is the one operation here",
                          (struct slice){0});
    } else if (!sas && !slice_eq(type, SLICE("jwt"))) {
        heads_amqp_answer(reply, BAD_ARGUMENT,
                          "tokens are of type servicebus.windows.net:sastoken or jwt",
                          (struct slice){0});
    } else if (!amqp_message_bytes(m, &t.token) || t.token.len == 0) {
        heads_amqp_answer(reply, BAD_ARGUMENT, "the body has no token", (struct slice){0});
    } else {
        struct arena arena = {0};
        t.type = sas ? HEADS_AMQP_SAS : HEADS_AMQP_JWT;
        t.path = heads_amqp_audience_path(&arena, t.audience);
        head_check_token(reply, &t);
        arena_clear(&arena);
    }
}

const struct heads_amqp_node head_cbs_node = {.address = "$cbs", .request = on_request};
