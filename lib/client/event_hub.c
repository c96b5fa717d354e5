#include "client/event_hub.h"

#include "amqp/message.h"

#define BACKOFF_MS_MIN 250
#define BACKOFF_MS_MAX 30000

struct amqp_link *event_hub_attach(struct amqp_session *session, const struct event_hub_link *want)
{
    struct buffer there = {0}, source = {0}, target = {0};
    struct amqp_link *l = NULL;
    amqp_write_string(&there, slice_of(want->address));
    amqp_source_write(&source, &(struct amqp_source){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT,
                                                     .filter = want->filter});
    amqp_target_write(&target, &(struct amqp_target){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    struct amqp_attach attach = {.name = slice_of(want->name),
                                 .receiver = want->receiver,
                                 .send_settle = want->send_settle,
                                 .receive_settle = AMQP_RECEIVE_FIRST,
                                 .source = buffer_slice(&source),
                                 .target = buffer_slice(&target)};
    if (amqp_link_attach(session, &attach, want->arg, &l) != OK)
        l = NULL;
    buffer_clear(&there);
    buffer_clear(&source);
    buffer_clear(&target);
    return l;
}

enum status event_hub_status(const struct amqp_error *why)
{
    /* clang-format off */
    static const struct {
        struct slice condition;
        enum status status;
    } table[] = {
        {SLICE_INIT("amqp:unauthorized-access"), UNAUTHORIZED},
        {SLICE_INIT("amqp:not-found"), NOT_FOUND},
        {SLICE_INIT("amqp:link:stolen"), REPLACED},
        {SLICE_INIT("amqp:link:message-size-exceeded"), TOO_LARGE},
        {SLICE_INIT("amqp:not-allowed"), FORBIDDEN},
        {SLICE_INIT("com.microsoft:argument-error"), BAD_ARGUMENT},
        {SLICE_INIT("com.microsoft:argument-out-of-range"), BAD_ARGUMENT},
        {SLICE_INIT("amqp:decode-error"), BAD_ARGUMENT},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (slice_eq(why->condition, table[i].condition))
            return table[i].status;
    return PEER_FAILED;
}

uint64_t event_hub_backoff_ms(struct loop *loop, unsigned attempts)
{
    uint64_t most = attempts < 7 ? (uint64_t)BACKOFF_MS_MIN << attempts : BACKOFF_MS_MAX;
    return most / 2 + loop_random_u64(loop) % (most / 2 + 1);
}

/* ---- the end ---- */

static void on_nothing(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_gone(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events goodbye = {.on_data = on_nothing, .on_close = on_gone};

void event_hub_let_go(struct stream *stream, struct amqp_connection *engine)
{
    if (stream == NULL)
        return;
    if (engine)
        amqp_connection_close(engine, NULL);
    stream_events(stream, &goodbye, NULL);
    stream_close(stream);
}
